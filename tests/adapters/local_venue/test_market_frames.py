"""Market frames: clients that follow them, importers that read them, their paces and their form."""

from __future__ import annotations

import json
from collections.abc import Container
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.feeds.capture import CaptureSource
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.candles import INTERVALS
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.market_frames import MarketFrames, StreamFrame
from grinder_adapters.local_venue.market_texts import Liquidation
from grinder_adapters.local_venue.session import Category
from grinder_core.contracts.control import Timer
from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.venue.exchange.vocabulary import SymbolStatus
from tests.adapters.local_venue.market_cases import (
    SYMBOL,
    T0,
    D,
    Everything,
    a_board,
    ask,
    asks,
    bids,
    book,
    book_events,
    diff,
    mark,
    missing_keys,
    of,
    published,
    quote,
    trade,
)

NAME = SYMBOL.lower()


def frames_over(wanted: Container[str]) -> MarketFrames:
    """Streams of a new board whose clock stands at T0."""
    frames = MarketFrames(a_board(), wanted)
    frames.tick(T0)
    return frames


def parsed(frames: list[StreamFrame], stream: str | None = None) -> list[Any]:
    """Payloads, of one stream if it is given."""
    return [json.loads(f.data) for f in frames if stream in {None, f.stream}]


# -- a client's book -------------------------------------------------------------------------------


class Client:
    """Keeps a book by the procedure that the venue describes, and by nothing else."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = []
        self.book: dict[str, dict[Decimal, Decimal]] | None = None
        self.last = 0
        self.breaks = 0

    def take(self, frame: dict[str, Any]) -> None:
        if self.book is None:
            self.held.append(frame)
        elif frame["pu"] != self.last:
            self.book, self.held, self.breaks = None, [frame], self.breaks + 1
        else:
            self.apply(frame)

    def snapshot(self, body: dict[str, Any]) -> None:
        """Start from a snapshot, if what was held reaches it."""
        waiting = [frame for frame in self.held if frame["u"] >= body["lastUpdateId"]]
        if not waiting or not waiting[0]["U"] <= body["lastUpdateId"] <= waiting[0]["u"]:
            return
        self.book = {
            "b": {Decimal(price): Decimal(qty) for price, qty in body["bids"]},
            "a": {Decimal(price): Decimal(qty) for price, qty in body["asks"]},
        }
        self.last, self.held = waiting[0]["pu"], []
        for frame in waiting:
            self.take(frame)

    def apply(self, frame: dict[str, Any]) -> None:
        assert self.book is not None
        self.last = frame["u"]
        for side, levels in self.book.items():
            for price, qty in frame[side]:
                if Decimal(qty):
                    levels[Decimal(price)] = Decimal(qty)
                else:
                    levels.pop(Decimal(price), None)


@settings(max_examples=60)
@given(
    events=book_events(),
    speed=st.sampled_from(("@100ms", "", "@500ms")),
    joined=st.integers(0, 10),
    asked=st.sets(st.integers(0, 25)),
    last_bids=bids(),
)
def test_a_client_that_follows_the_procedure_holds_the_board_s_book(
    events: list[Event], speed: str, joined: int, asked: set[int], last_bids: Any
) -> None:
    stream, client = f"{NAME}@depth{speed}", Client()
    wanted: set[str] = set()
    frames = frames_over(wanted)

    def feed(made: list[StreamFrame]) -> None:
        for frame in parsed(made, stream):
            client.take(frame)

    # what makes sure, at the end, that there are frames to bridge with, and that they are out
    end = 1_000_000
    tail = [
        book(end, ((D(95), D(1)),), ((D(101), D(1)),), events[-1].ts_ms),
        diff(end + 1, end + 2, end, ((D(95), D(2)), *last_bids), (), events[-1].ts_ms),
    ]
    for number, event in enumerate([*events, *tail]):
        if number >= min(joined, len(events)):
            wanted.add(stream)
        feed(frames.on_event(event, event.ts_ms))
        if number in asked:
            client.snapshot(ask(frames.board, "v1/depth", event.ts_ms, symbol=SYMBOL, limit=1000))
    feed(frames.tick(events[-1].ts_ms + 500))
    if client.book is None:
        client.snapshot(ask(frames.board, "v1/depth", T0, symbol=SYMBOL, limit=1000))
    shown = of(frames.board).book.top(100)
    assert client.book is not None
    assert client.breaks == 0
    assert [sorted(client.book[side].items(), reverse=side == "b") for side in "ba"] == [
        list(shown[0]),
        list(shown[1]),
    ]


@settings(max_examples=60)
@given(events=book_events())
def test_the_chain_of_ids_is_unbroken_at_every_speed(events: list[Event]) -> None:
    frames = frames_over(Everything())
    made = [frame for event in events for frame in frames.on_event(event, event.ts_ms)]
    made += frames.tick(events[-1].ts_ms + 500)
    ends = {}
    for stream in (f"{NAME}@depth{n}{s}" for n in ("", 5, 20) for s in ("", "@100ms", "@500ms")):
        payloads = parsed(made, stream)
        assert all(payload["U"] <= payload["u"] for payload in payloads)
        assert all(after["pu"] == before["u"] for before, after in pairwise(payloads))
        ends[stream] = payloads[-1]["u"] if payloads else 0
    assert set(ends.values()) == {of(frames.board).depth_id}


@settings(max_examples=60)
@given(events=book_events(), last=book_events(max_size=1))
def test_partial_books_are_the_top_of_the_book(events: list[Event], last: list[Event]) -> None:
    frames = frames_over({f"{NAME}@depth5@100ms"})
    for event in events:
        for payload in parsed(frames.on_event(event, event.ts_ms)):
            shown = of(frames.board).book.top(5)
            for side, levels in zip("ba", shown, strict=True):
                assert [(D(price), D(qty)) for price, qty in payload[side]] == list(levels)


def test_merged_frames_hold_the_newest_quantity_of_each_level() -> None:
    frames = frames_over({f"{NAME}@depth@500ms"})
    frames.on_event(book(10, ((D(100), D(1)),), ((D(101), D(1)),), T0 + 10), T0 + 10)
    assert frames.tick(T0 + 499) == []
    assert parsed(frames.tick(T0 + 500))[0]["u"] == 10
    first = diff(11, 12, 10, ((D(100), D(2)), (D(99), D(5))), (), T0 + 510)
    second = diff(13, 15, 12, ((D(100), D(0)),), ((D(101), D(3)),), T0 + 600)
    assert frames.on_event(first, T0 + 510) == []
    assert frames.on_event(second, T0 + 600) == []
    assert parsed(frames.tick(T0 + 1000)) == [
        {
            "e": "depthUpdate",
            "E": T0 + 600,
            "T": T0 + 600,
            "s": SYMBOL,
            "U": 11,
            "u": 15,
            "pu": 10,
            "b": [["100", "0"], ["99", "5"]],
            "a": [["101", "3"]],
            "ps": SYMBOL,
            "st": 1,
        }
    ]
    assert frames.tick(T0 + 1500) == []


# -- importers -------------------------------------------------------------------------------------


@st.composite
def sound_events(draw: st.DrawFn) -> list[Event]:
    """What a venue sends: rising ids and times, quotes with the last print, and a book first."""
    ts, ids, prints = T0, 100, 0
    last = (D(0), D(0))
    opening = ((D(100), D(1)),), ((D(101), D(1)),)
    events = [book(ids, *opening, ts)]
    previous = ids
    price = st.integers(9_800, 10_000).map(lambda cents: D(cents).scaleb(-2))
    kinds = draw(st.lists(st.sampled_from(("quote", "diff", "trade", "mark")), max_size=20))
    # first of all: where a source has no marks or no quotes, they are made of what it has
    for kind in ("mark", "quote", *kinds):
        ts += draw(st.integers(1, 400))
        if kind == "quote":
            ids += draw(st.integers(1, 9))
            made = quote(ts, str(draw(price)), "101", ids, last_price=last[0], last_qty=last[1])
        elif kind == "diff":
            first = draw(st.integers(ids, ids + 3)) if previous > 100 else 100
            ids = max(ids, first) + draw(st.integers(1, 9))
            made = diff(first, ids, previous, draw(bids()), draw(asks()), ts)
            previous = ids
        elif kind == "trade":
            prints += 1
            last = (draw(price), D(draw(st.integers(1, 10**6))).scaleb(-3))
            made = trade(prints, str(last[0]), str(last[1]), ts, maker=draw(st.booleans()))
        else:
            made = mark(
                str(draw(price)),
                ts,
                index_price=draw(price),
                funding_rate=D(draw(st.integers(-9, 9))).scaleb(-5),
                next_funding_ts=ts + 1 + draw(st.integers(0, 10**7)),
            )
        events.append(made)
    return events


@settings(max_examples=60)
@given(events=sound_events())
def test_importers_read_the_same_events_out_of_our_frames(
    events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    streams = ("bookTicker", "depth@100ms", "aggTrade", "markPrice@1s")
    frames = MarketFrames(a_board(), {f"{NAME}@{stream}" for stream in streams})
    frames.on_event(events[0], T0)
    body = json.dumps(ask(frames.board, "v1/depth", T0, symbol=SYMBOL, limit=1000))
    lines = [f"{T0} {body}"]
    for event in events[1:]:
        for made in frames.on_event(event, event.ts_ms):
            wrapped = json.dumps({"stream": made.stream, "data": json.loads(made.data)})
            lines.append(f"{event.ts_ms} {wrapped.replace(' ', '')}")
    path = tmp_path_factory.mktemp("capture") / "frames.txt"
    path.write_text("\n".join(lines) + "\n")
    read = CaptureSource([path], Problems(), quotes=Quotes.TICKER)
    found = [(e.payload, e.update_id, e.ts_ms) for e in read]
    books = [payload for payload, _, _ in found if isinstance(payload, L2Snapshot)]
    has_changes = any(event.kind == "DEPTH_DIFF" for event in events)
    assert books == ([events[0].payload] if has_changes else [])
    assert [row for row in found if row[0] not in books] == [
        (event.payload, event.update_id, event.ts_ms) for event in events[1:]
    ]


@pytest.mark.recordings
def test_a_real_capture_goes_out_with_its_own_ids(recordings: Path) -> None:
    path = recordings / "ws_raw_multi" / "usdm_4alts_20210722.gz"
    symbols = ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")
    listed = [evolve(LOCAL_SYMBOLS[0], symbol=symbol) for symbol in symbols]
    frames = MarketFrames(MarketBoard(listed), Everything())
    books, bridged, told = dict[str, int | None](), set[str](), 0
    for event in CaptureSource([path], Problems(), quotes=Quotes.TICKER):
        payload = event.payload
        made = {f.stream.partition("@")[2]: f.data for f in frames.on_event(event, event.ts_ms)}
        if isinstance(payload, Snapshot):
            assert json.loads(made["bookTicker"])["u"] == event.update_id
        elif isinstance(payload, L2Snapshot):
            books[payload.symbol] = event.update_id
        elif isinstance(payload, DepthDiff) and payload.last_update_id != books[payload.symbol]:
            shown = json.loads(made["depth@100ms"])
            assert (shown["U"], shown["u"]) == (payload.first_update_id, payload.last_update_id)
            assert shown["pu"] == payload.prev_update_id or payload.symbol not in bridged
            bridged.add(payload.symbol)
            told += 1
    assert bridged == set(symbols)
    assert told > 500


# -- form ------------------------------------------------------------------------------------------

# the reference's examples; decimals lose their needless zeros here
VECTORS: list[tuple[list[Event], str, str]] = [
    (
        [
            quote(
                1763640000123,
                "91000.10",
                "91000.20",
                7001,
                bid_qty=D("3.210"),
                ask_qty=D("0.845"),
            )
        ],
        "bookTicker",
        '{"e":"bookTicker","u":7001,"E":1763640000123,"T":1763640000123,"s":"BTCUSDT",'
        '"ps":"BTCUSDT","b":"91000.1","B":"3.21","a":"91000.2","A":"0.845","st":1}',
    ),
    (
        [
            book(7001, ((D("91000.10"), D(1)),), (), 1),
            diff(
                7002,
                7009,
                7001,
                ((D("91000.10"), D(0)),),
                ((D("91000.20"), D("1.2")),),
                1763640000125,
            ),
        ],
        "depth@100ms",
        '{"e":"depthUpdate","E":1763640000125,"T":1763640000125,"s":"BTCUSDT","U":7002,"u":7009,'
        '"pu":7001,"b":[["91000.1","0"]],"a":[["91000.2","1.2"]],"ps":"BTCUSDT","st":1}',
    ),
    (
        [trade(555, "91000.10", "0.012", 1763640000130, maker=True)],
        "aggTrade",
        '{"e":"aggTrade","E":1763640000130,"s":"BTCUSDT","a":555,"p":"91000.1","q":"0.012",'
        '"nq":"0.012","f":555,"l":555,"T":1763640000130,"m":true,"st":1}',
    ),
    (
        [
            mark(
                "91001.5",
                1763640003000,
                index_price=D("91000.9"),
                funding_rate=D("0.00010000"),
                next_funding_ts=1763654400000,
            )
        ],
        "markPrice@1s",
        '{"e":"markPriceUpdate","E":1763640003000,"s":"BTCUSDT","p":"91001.5","i":"91000.9",'
        '"P":"91001.5","r":"0.0001","ap":"91001.5","T":1763654400000,"st":1}',
    ),
]


@pytest.mark.parametrize(("events", "stream", "text"), VECTORS, ids=[v[1] for v in VECTORS])
def test_frames_have_the_venue_s_form_byte_by_byte(
    events: list[Event], stream: str, text: str
) -> None:
    frames = MarketFrames(a_board(), {f"{NAME}@{stream}"})
    made = [frame for event in events for frame in frames.on_event(event, event.ts_ms)]
    assert made[-1].data.decode() == text
    assert made[-1].stream == f"{NAME}@{stream}"


def a_busy_second() -> list[StreamFrame]:
    """Every stream once."""
    frames = frames_over(Everything())
    made: list[StreamFrame] = []
    for event in (
        book(10, ((D(100), D(1)),), ((D(101), D(1)),)),
        quote(update_id=11),
        trade(1, "100", "2"),
        trade(2, "101", "2"),
        mark("100.5"),
    ):
        made += frames.on_event(event, T0)
    frames.on_liquidation(a_liquidation())
    made += frames.on_change(LOCAL_SYMBOLS[0], T0)
    return made + frames.tick(T0 + 5000)


def a_liquidation(qty: str = "1", price: str = "100", symbol: str = SYMBOL) -> Liquidation:
    return Liquidation(
        ts=T0,
        symbol=symbol,
        side=Side.SELL,
        price=D(price),
        average_price=D("100.5"),
        qty=D(qty),
    )


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("example", "stream"),
    [
        ("AggTrades", f"{NAME}@aggTrade"),
        ("Book", f"{NAME}@depth@100ms"),
        ("PartialBook", f"{NAME}@depth5"),
        ("BookTicker", f"{NAME}@bookTicker"),
        ("Klines", f"{NAME}@kline_1m"),
        ("Liquidations", f"{NAME}@forceOrder"),
        ("MarkPrice", f"{NAME}@markPrice"),
        ("MiniTicker", f"{NAME}@miniTicker"),
        ("Ticker", f"{NAME}@ticker"),
        ("SymbolUpdates", "!contractInfo"),
    ],
)
def test_every_key_of_a_published_frame_is_in_ours(
    recordings: Path, example: str, stream: str
) -> None:
    shape = published(recordings, "fapi_ws_examples.jsonl")[example]["data"]
    made = parsed(a_busy_second(), stream)
    assert made
    if example == "SymbolUpdates":  # ours has one bracket, with a fraction where theirs has too
        shape["bks"] = shape["bks"][:1]
    assert missing_keys(made[-1], shape) == []


@pytest.mark.parametrize(
    ("stream", "keys"),
    [
        ("btcusdt@bookTicker", "e u E T s ps b B a A st"),
        ("btcusdt@depth", "e E T s U u pu b a ps st"),
        ("btcusdt@depth20@500ms", "e E T s U u pu b a ps st"),
        ("btcusdt@aggTrade", "e E s a p q nq f l T m st"),
        ("btcusdt@markPrice@1s", "e E s p i P r ap T st"),
        ("btcusdt@kline_1h", "e E s k st"),
        ("btcusdt@miniTicker", "e E s c o h l v q ps st"),
        ("btcusdt@ticker", "e E s c o h l v q ps st p P w Q O C F L n"),
        ("btcusdt@forceOrder", "e E o ps st"),
        ("!contractInfo", "e E s ps ct dt ot cs bks st"),
    ],
)
def test_frames_have_the_fields_of_the_reference(stream: str, keys: str) -> None:
    assert set(parsed(a_busy_second(), stream)[-1]) == set(keys.split())


def test_every_stream_of_the_reference_is_there_under_its_own_url() -> None:
    seen = {frame.stream: frame.category for frame in a_busy_second()}
    public = {"bookTicker"} | {
        f"depth{levels}{speed}"
        for levels in ("", "5", "10", "20")
        for speed in ("", "@100ms", "@500ms")
    }
    market = {"aggTrade", "markPrice", "markPrice@1s", "miniTicker", "ticker", "forceOrder"} | {
        f"kline_{interval}" for interval in INTERVALS
    }
    arrays = {"markPrice@arr", "markPrice@arr@1s", "miniTicker@arr", "ticker@arr", "forceOrder@arr"}
    assert seen == (
        {f"{NAME}@{stream}": Category.PUBLIC for stream in public}
        | {f"{NAME}@{stream}": Category.MARKET for stream in market}
        | {f"!{stream}": Category.MARKET for stream in arrays | {"contractInfo"}}
        | {"!bookTicker": Category.PUBLIC}
    )


# -- paces -----------------------------------------------------------------------------------------


def times_of(stream: str, until: int = 12_000) -> list[int]:
    """When a stream speaks, ms after T0, while a quote and a print come every 100 ms."""
    frames, spoke = frames_over({stream}), list[int]()
    for ms in range(0, until, 50):
        made = frames.tick(T0 + ms)
        if ms % 100 == 0:
            made += frames.on_event(quote(T0 + ms, str(100 - ms % 7), "101"), T0 + ms)
            made += frames.on_event(trade(ms + 1, str(100 + ms % 3), ts=T0 + ms), T0 + ms)
        spoke += [ms] * len(made)
    return spoke


@pytest.mark.parametrize(
    ("stream", "period"),
    [
        ("!bookTicker", 5000),
        (f"{NAME}@markPrice", 3000),
        ("!markPrice@arr", 3000),
        ("!markPrice@arr@1s", 1000),
        (f"{NAME}@markPrice@1s", 1000),  # made of quotes, as the source has no mark
        (f"{NAME}@miniTicker", 2000),
        (f"{NAME}@ticker", 2000),
        ("!miniTicker@arr", 1000),
        ("!ticker@arr", 1000),
        (f"{NAME}@depth@500ms", 500),
        (f"{NAME}@depth10@500ms", 500),
    ],
)
def test_a_paced_stream_speaks_at_multiples_of_its_period(stream: str, period: int) -> None:
    assert times_of(stream) == list(range(period, 12_000, period))


@pytest.mark.parametrize("stream", ["depth", "depth5", "kline_1h"])
def test_other_paced_streams_speak_every_250_ms(stream: str) -> None:
    assert times_of(f"{NAME}@{stream}", 3_000) == list(range(250, 3_000, 250))


@pytest.mark.parametrize("stream", ["bookTicker", "aggTrade", "depth@100ms", "depth5@100ms"])
def test_streams_in_real_time_speak_with_each_event(stream: str) -> None:
    assert times_of(f"{NAME}@{stream}", 2_000) == list(range(0, 2_000, 100))


def test_what_is_due_leaves_before_the_event_that_comes_later() -> None:
    frames = frames_over({f"{NAME}@depth", f"{NAME}@bookTicker"})
    frames.on_event(quote(T0 + 10, "100", "101", 5), T0 + 10)
    made = frames.on_event(quote(T0 + 260, "99", "101", 9), T0 + 260)
    assert [frame.stream for frame in made] == [f"{NAME}@depth", f"{NAME}@bookTicker"]
    assert [payload["u"] for payload in parsed(made)] == [5, 9]


@settings(max_examples=40)
@given(
    steps=st.lists(st.sampled_from((100, 250, 900, 61_000, 200_000)), min_size=1, max_size=25),
    traded=st.sets(st.integers(0, 24)),
)
def test_each_kline_is_closed_once_and_in_order(steps: list[int], traded: set[int]) -> None:
    stream = f"{NAME}@kline_1m"
    frames = frames_over({stream})
    frames.on_event(trade(1), T0)
    made, now = frames.tick(T0 + 250), T0 + 250
    for number, step in enumerate(steps):
        now += step
        made += frames.tick(now)
        if number in traded:
            made += frames.on_event(trade(number + 2, ts=now), now)
    made += frames.tick(now + 250)
    rows = [payload["k"] for payload in parsed(made)]
    closed = [row["t"] for row in rows if row["x"]]
    now += 250
    assert closed == list(range(T0, now - now % 60_000, 60_000))
    assert all(before["t"] <= after["t"] for before, after in pairwise(rows))
    plain = of(frames.board).candles.upto("1m", now)
    counts = {row["t"]: row["n"] for row in rows}
    assert counts == {candle.open_ms: candle.count for candle in plain}


def test_a_kline_that_did_not_move_is_not_told_again() -> None:
    frames = frames_over({f"{NAME}@kline_1m"})
    frames.on_event(trade(1), T0)
    assert len(frames.tick(T0 + 250)) == 1
    assert frames.tick(T0 + 500) == []
    frames.on_event(trade(2, "105"), T0 + 500)
    row = parsed(frames.tick(T0 + 750))[0]["k"]
    assert (row["o"], row["h"], row["c"], row["v"], row["f"], row["L"]) == (
        "100",
        "105",
        "105",
        "2",
        1,
        2,
    )
    assert (row["T"], row["x"], row["V"], row["Q"]) == (T0 + 59_999, False, "2", "205")


def test_arrays_of_tickers_hold_only_symbols_that_moved() -> None:
    frames = frames_over({"!miniTicker@arr", "!ticker@arr"})
    frames.on_event(trade(1), T0)
    frames.on_event(trade(1, symbol="ETHUSDT"), T0)
    for stream in ("!miniTicker@arr", "!ticker@arr"):
        made = parsed(frames.tick(T0 + 1000), stream) or parsed(
            frames.on_event(trade(2, symbol="ETHUSDT"), T0 + 1000), stream
        )
        assert all(isinstance(payload, list) for payload in made)
    frames.tick(T0 + 2000)
    frames.on_event(trade(3, symbol="ETHUSDT"), T0 + 2000)
    made = frames.tick(T0 + 3000)
    for stream in ("!miniTicker@arr", "!ticker@arr"):
        assert [[row["s"] for row in rows] for rows in parsed(made, stream)] == [["ETHUSDT"]]
    assert frames.tick(T0 + 4000) == []


def test_a_mark_of_the_source_leaves_with_its_event_and_not_again() -> None:
    frames = frames_over({f"{NAME}@markPrice@1s"})
    assert len(frames.on_event(mark("100", T0 + 10), T0 + 10)) == 1
    assert frames.tick(T0 + 1000) == []


def test_only_the_largest_liquidation_of_a_second_is_told() -> None:
    frames = frames_over({f"{NAME}@forceOrder", "!forceOrder@arr"})
    for qty, price in (("1", "100"), ("3", "90"), ("2", "130")):
        frames.on_liquidation(a_liquidation(qty, price))
    frames.on_liquidation(a_liquidation("9", symbol="NOUSDT"))
    made = frames.tick(T0 + 1000)
    assert [frame.stream for frame in made] == [f"{NAME}@forceOrder", "!forceOrder@arr"]
    assert made[0].data == made[1].data
    assert parsed(made)[0]["o"] == {
        "s": SYMBOL,
        "S": "SELL",
        "o": "LIMIT",
        "f": "IOC",
        "q": "3",
        "p": "90",
        "ap": "100.5",
        "X": "FILLED",
        "l": "3",
        "z": "3",
        "T": T0,
    }
    assert frames.tick(T0 + 2000) == []


def test_a_change_of_rules_is_told_with_all_brackets() -> None:
    frames = frames_over({"!contractInfo"})
    rows = ((0, 5000, "0.01", 0, 50), (5000, 25000, "0.025", 75, 20))
    brackets = [
        LeverageBracket(
            notional_floor=D(floor),
            notional_cap=D(cap),
            maint_margin_ratio=D(ratio),
            cum=D(cum),
            max_leverage=leverage,
        )
        for floor, cap, ratio, cum, leverage in rows
    ]
    changed = evolve(LOCAL_SYMBOLS[0], status=SymbolStatus.SETTLING, brackets=brackets)
    notice = parsed(frames.on_change(changed, T0))[0]
    assert notice["cs"] == "SETTLING"
    assert notice["bks"] == [
        {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 21, "ma": 50},
        {"bs": 2, "bnf": 5000, "bnc": 25000, "mmr": 0.025, "cf": 75, "mi": 1, "ma": 20},
    ]
    assert of(frames.board).instrument == changed


# -- what nobody wants -----------------------------------------------------------------------------


def test_streams_that_nobody_wants_make_no_frames_and_keep_nothing() -> None:
    frames = frames_over(frozenset())
    for event in (quote(), trade(1), mark("100"), book(5, ((D(1), D(1)),)), Event(T0, Timer())):
        assert frames.on_event(event, T0) == []
    assert frames.on_change(LOCAL_SYMBOLS[0], T0) == []
    wanted = frames_over({f"{NAME}@depth"})
    wanted.on_event(quote(symbol="ETHUSDT"), T0)
    assert frames.tick(T0 + 60_000) == []
    assert wanted.tick(T0 + 60_000) == []


def test_a_stream_wanted_later_starts_with_what_comes_then() -> None:
    wanted: set[str] = set()
    frames = frames_over(wanted)
    frames.on_event(quote(T0, "100", "101", 5), T0)
    wanted.add(f"{NAME}@depth")
    frames.on_event(quote(T0 + 1, "99", "101", 7), T0 + 1)
    payload = parsed(frames.tick(T0 + 250))[0]
    assert (payload["pu"], payload["U"], payload["u"]) == (5, 6, 7)


def test_kinds_of_frames_follow_the_event() -> None:
    kinds = {Snapshot: "bookTicker", Trade: "aggTrade", MarkPrice: "markPrice@1s"}
    frames = frames_over({f"{NAME}@{kind}" for kind in kinds.values()})
    for event in (quote(), trade(1), mark("100")):
        (made,) = frames.on_event(event, T0)
        assert made.stream == f"{NAME}@{kinds[type(event.payload)]}"
