"""Market frames against a plain reading of the same frames, and against the importer."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.market_frames import ContractNotice, Drop, Ignored, MarketFrames
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.subscriptions import Answer
from grinder_adapters.feeds.bridge import Bridge
from grinder_adapters.feeds.capture import CaptureSource
from grinder_adapters.feeds.frames import read_frames
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.errors import ContractError

T0 = 1_763_640_000_000
D = Decimal
A, B = "AAAUSDT", "BBBUSDT"


def quote(u: Any = 1, bid: Any = "100.1", ask: Any = "100.2", **more: Any) -> dict[str, Any]:
    data = {"e": "bookTicker", "u": u, "E": T0, "T": T0, "s": A, "ps": A, "st": 1}
    return data | {"b": bid, "B": "3.210", "a": ask, "A": "0.845"} | more


def depth(u: Any = 9, bids: Any = (), asks: Any = (), **more: Any) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": T0, "T": T0, "s": A, "U": 2, "u": u, "pu": 1}
    return data | {"b": bids, "a": asks, "ps": A, "st": 1} | more


def agg_trade(a: Any = 1, price: Any = "100.1", qty: Any = "0.5", **more: Any) -> dict[str, Any]:
    data = {"e": "aggTrade", "E": T0, "s": A, "a": a, "p": price, "q": qty, "nq": qty}
    return data | {"f": 1, "l": 2, "T": T0, "m": True, "st": 1} | more


def mark(e: Any = T0, price: Any = "100.1", **more: Any) -> dict[str, Any]:
    data = {"e": "markPriceUpdate", "E": e, "s": A, "p": price, "i": "100.0", "P": "101"}
    return data | {"r": "0.0001", "ap": "100", "T": T0 + 1, "st": 1} | more


STREAMS = {
    "bookTicker": "bookTicker",
    "depthUpdate": "depth@100ms",
    "aggTrade": "aggTrade",
    "markPriceUpdate": "markPrice@1s",
}


def raw(data: Any) -> bytes:
    return json.dumps(data).encode()


def wrapped(data: dict[str, Any], stream: str = "") -> bytes:
    name = f"{str(data.get('s', '')).lower()}@{stream or STREAMS.get(str(data['e']), 'other')}"
    return raw({"stream": name, "data": data})


def a_reader() -> MarketFrames:
    return MarketFrames([A, B])


def events(reader: MarketFrames, *frames: dict[str, Any], stream: str = "") -> list[Any]:
    """What wrapped frames say, all of it events; of any payload, so that tests just look."""
    found = [item for data in frames for item in reader.read(wrapped(data, stream), T0 + 5)]
    assert all(isinstance(item, Event) for item in found)
    return found


def dropped(reader: MarketFrames) -> dict[Drop, int]:
    return {reason: count for reason, count in reader.drops.items() if count}


def ignored(reader: MarketFrames) -> dict[Ignored, int]:
    return {reason: count for reason, count in reader.ignored.items() if count}


# -- what frames mean


def test_ids_that_repeat_or_go_back_are_dropped() -> None:
    """The example of SCR-02."""
    reader = a_reader()
    found = events(reader, *[quote(u) for u in (10, 12, 11, 12)])
    assert [event.update_id for event in found] == [10, 12]
    assert dropped(reader) == {Drop.OUT_OF_ORDER: 1, Drop.DUPLICATE: 1}


REFERENCE = [
    (
        '{"e":"bookTicker","u":7001,"E":1763640000123,"T":1763640000120,"s":"BTCUSDT",'
        '"ps":"BTCUSDT","b":"91000.10","B":"3.210","a":"91000.20","A":"0.845","st":1}',
        Snapshot(
            ts=1763640000123, symbol="BTCUSDT", bid_price=D("91000.1"), ask_price=D("91000.2"),
            bid_qty=D("3.21"), ask_qty=D("0.845"), last_price=D(0), last_qty=D(0),
        ),
        7001,
    ),
    (
        '{"e":"depthUpdate","E":1763640000125,"T":1763640000121,"s":"BTCUSDT","U":7002,"u":7009,'
        '"pu":7001,"b":[["91000.10","0"]],"a":[["91000.20","1.2"]],"ps":"BTCUSDT","st":1}',
        DepthDiff(
            ts=1763640000125, symbol="BTCUSDT", first_update_id=7002, last_update_id=7009,
            prev_update_id=7001, bids=((D("91000.1"), D(0)),), asks=((D("91000.2"), D("1.2")),),
        ),
        7009,
    ),
    (
        '{"e":"aggTrade","E":1763640000130,"s":"BTCUSDT","a":555,"p":"91000.10","q":"0.012",'
        '"nq":"0.010","f":900,"l":902,"T":1763640000128,"m":true,"st":1}',
        Trade(
            ts=1763640000130, symbol="BTCUSDT", trade_id=555, price=D("91000.1"),
            qty=D("0.012"), is_buyer_maker=True,
        ),
        None,
    ),
    (
        '{"e":"markPriceUpdate","E":1763640003000,"s":"BTCUSDT","p":"91001.5","i":"91000.9",'
        '"P":"91003.2","r":"0.00010000","ap":"91001.2","T":1763654400000,"st":1}',
        MarkPrice(
            ts=1763640003000, symbol="BTCUSDT", mark_price=D("91001.5"),
            index_price=D("91000.9"), funding_rate=D("0.0001"), next_funding_ts=1763654400000,
        ),
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "payload", "update_id"), REFERENCE)
def test_the_shapes_of_the_reference_are_read(
    frame: str, payload: Any, update_id: int | None
) -> None:
    wanted = [Event(1763640000200, payload, 17, 1763640000200, update_id)]
    for sent in (frame, frame.encode(), f'{{"stream":"btcusdt@x","data":{frame}}}'):
        assert list(MarketFrames(["BTCUSDT"]).read(sent, 1763640000200, 17)) == wanted


def test_the_last_print_is_shown_with_the_next_quotes() -> None:
    reader = a_reader()
    before, _, after, other = events(
        reader, quote(1), agg_trade(7, "99.5", "0.25"), quote(2), quote(1, s=B)
    )
    assert (before.payload.last_price, before.payload.last_qty) == (0, 0)
    assert (after.payload.last_price, after.payload.last_qty) == (D("99.5"), D("0.25"))
    assert other.payload.last_price == 0


@pytest.mark.parametrize("name", ["depth5", "depth10", "depth20@500ms", "depth5@100ms"])
def test_a_partial_book_is_a_whole_book_with_a_cursor_of_its_own(name: str) -> None:
    bids, asks = [["100.1", "1"], ["100", "2"]], [["100.2", "3"], ["100.3", "4"]]
    reader = a_reader()
    (book,) = events(reader, depth(9, bids, asks), stream=name)
    assert book.update_id == 9
    assert book.payload == L2Snapshot(
        ts=T0,
        symbol=A,
        bids=((D("100.1"), D(1)), (D(100), D(2))),
        asks=((D("100.2"), D(3)), (D("100.3"), D(4))),
    )
    (diff,) = events(reader, depth(9, bids, asks))
    assert isinstance(diff.payload, DepthDiff)
    bare: Any
    (bare,) = a_reader().read(raw(depth(9, bids, asks)), T0, stream=f"aaausdt@{name}")
    assert bare.payload == book.payload


DROPS: list[tuple[dict[str, Any], Drop]] = [
    (quote(s="CCCUSDT"), Drop.UNKNOWN_SYMBOL),
    (quote(bid="0"), Drop.NON_POSITIVE),
    (quote(ask="0.0"), Drop.NON_POSITIVE),
    (quote(bid="-1"), Drop.NON_POSITIVE),
    (quote(B="-0.5"), Drop.NON_POSITIVE),
    (quote(bid="100.3"), Drop.CROSSED_BOOK),
    (quote(bid="1e2"), Drop.BAD_PAYLOAD),
    (quote(bid=100.1), Drop.BAD_PAYLOAD),
    (quote(bid="100.000000001"), Drop.BAD_PAYLOAD),
    (quote(ask=["100.2"]), Drop.BAD_PAYLOAD),
    (quote("1"), Drop.BAD_PAYLOAD),
    (quote(-1), Drop.BAD_PAYLOAD),
    (quote(True), Drop.BAD_PAYLOAD),
    (quote(E=None), Drop.BAD_PAYLOAD),
    (quote(E=-1), Drop.BAD_PAYLOAD),
    (quote(E="1"), Drop.BAD_PAYLOAD),
    (depth(1), Drop.BAD_PAYLOAD),  # U 2 > u 1
    (depth(pu=None), Drop.BAD_PAYLOAD),
    (depth(pu="1"), Drop.BAD_PAYLOAD),
    (depth(9, [["100"]]), Drop.BAD_PAYLOAD),
    (depth(9, ["10"]), Drop.BAD_PAYLOAD),
    (depth(9, {"100": "1"}), Drop.BAD_PAYLOAD),
    (depth(9, [["0", "1"]]), Drop.NON_POSITIVE),
    (depth(9, [], [["100", "-1"]]), Drop.NON_POSITIVE),
    (agg_trade(price="0"), Drop.NON_POSITIVE),
    (agg_trade(qty="0.000"), Drop.NON_POSITIVE),
    (agg_trade(price="-3"), Drop.NON_POSITIVE),
    (agg_trade(m="true"), Drop.BAD_PAYLOAD),
    (agg_trade(m=1), Drop.BAD_PAYLOAD),
    (agg_trade("1"), Drop.BAD_PAYLOAD),
    (mark(price="0"), Drop.NON_POSITIVE),
    (mark(T="soon"), Drop.BAD_PAYLOAD),
    (mark(r=0.1), Drop.BAD_PAYLOAD),
    ({"e": ["bookTicker"], "s": A}, Drop.BAD_PAYLOAD),
    ({"e": 5}, Drop.BAD_PAYLOAD),
    ({"e": "bookTicker"}, Drop.BAD_PAYLOAD),
    ({"e": "contractInfo", "E": 1, "s": A}, Drop.BAD_PAYLOAD),
]


@pytest.mark.parametrize(("data", "reason"), DROPS)
def test_a_drop_is_counted_under_its_reason(data: dict[str, Any], reason: Drop) -> None:
    reader = a_reader()
    assert events(reader, data) == []
    assert dropped(reader) == {reason: 1}


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ([["100", "1"], ["100.1", "1"]], [], Drop.UNSORTED_DEPTH),
        ([["100", "1"], ["100", "1"]], [], Drop.UNSORTED_DEPTH),
        ([], [["100.1", "1"], ["100", "1"]], Drop.UNSORTED_DEPTH),
        ([], [["100", "1"], ["100", "2"]], Drop.UNSORTED_DEPTH),
        ([["100", "1"]], [["100", "1"]], Drop.CROSSED_BOOK),
        ([["100.1", "1"]], [["100", "1"]], Drop.CROSSED_BOOK),
        ([["100", "1"]], [], None),
        ([], [], None),
    ],
)
def test_a_book_must_be_sorted_and_neither_locked_nor_crossed(
    bids: Any, asks: Any, reason: Drop | None
) -> None:
    reader = a_reader()
    found = events(reader, depth(9, bids, asks), stream="depth20@500ms")
    assert dropped(reader) == ({} if reason is None else {reason: 1})
    assert len(found) == (reason is None)
    assert len(events(reader, depth(9, bids, asks))) == 1  # as a change it is judged by the book


def test_a_locked_quote_is_legal() -> None:
    (found,) = events(a_reader(), quote(1, "100.1", "100.10"))
    assert found.payload.bid_price == found.payload.ask_price


def test_a_jump_of_the_trade_id_is_a_gap_and_keeps_the_print() -> None:
    reader = a_reader()
    assert len(events(reader, *[agg_trade(a) for a in (5, 6, 9, 10, 12)])) == 5
    assert reader.trade_gaps == 2
    events(reader, agg_trade(100, s=B))
    assert reader.trade_gaps == 2  # a first print has nothing to follow


def test_prints_off_the_market_are_no_trades() -> None:
    reader = a_reader()
    single = {"e": "trade", "E": T0, "s": A, "p": "1", "q": "1", "m": False}
    found = events(
        reader,
        single | {"t": 1, "X": "INSURANCE_FUND"},
        single | {"t": 2, "X": "NA", "p": "0", "q": "0"},
        single | {"t": 3, "X": "MARKET"},
    )
    assert [event.payload.trade_id for event in found] == [3]
    assert ignored(reader) == {Ignored.NO_MARKET_PRINT: 2}
    assert reader.trade_gaps == 0


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (quote(st=2), Ignored.COIN_M),
        (depth(st=2), Ignored.COIN_M),
        (agg_trade(st=2), Ignored.COIN_M),
        (mark(st=2), Ignored.COIN_M),
        ({"e": "contractInfo", "E": T0, "s": "BTCUSD_PERP", "cs": "X", "st": 2}, Ignored.COIN_M),
        ({"e": "kline", "E": T0, "s": A, "k": {}}, Ignored.KLINE),
        ({"e": "forceOrder", "E": T0, "o": {}}, Ignored.FORCE_ORDER),
        ({"e": "24hrTicker", "E": T0, "s": A}, Ignored.OTHER),
        ({"e": "news of tomorrow"}, Ignored.OTHER),
    ],
)
def test_what_has_no_place_is_counted_apart(data: dict[str, Any], what: Ignored) -> None:
    reader = a_reader()
    assert events(reader, data) == []
    assert ignored(reader) == {what: 1}
    assert dropped(reader) == {}


def test_depth_with_hidden_orders_never_reaches_the_book() -> None:
    reader = a_reader()
    assert events(reader, depth(9), stream="rpiDepth@500ms") == []
    assert ignored(reader) == {Ignored.RPI_DEPTH: 1}


def test_answers_and_notices_come_out_as_what_they_are() -> None:
    reader = a_reader()
    frames: list[dict[str, Any]] = [
        {"result": None, "id": 3},
        {"error": {"code": 2, "msg": "Invalid request"}, "id": 4},
        {"code": 1, "msg": "Invalid value type"},
        {"e": "contractInfo", "E": T0, "s": "CCCUSDT", "ct": "PERPETUAL", "cs": "TRADING", "st": 1},
    ]
    agreed, refused, nameless, notice = [item for f in frames for item in reader.read(raw(f), T0)]
    assert agreed == Answer(request_id=3)
    assert isinstance(refused, Answer)
    assert isinstance(nameless, Answer)
    assert (refused.request_id, "Invalid request" in refused.error) == (4, True)
    assert (nameless.request_id, "Invalid value type" in nameless.error) == (None, True)
    assert notice == ContractNotice(ts=T0, symbol="CCCUSDT", status="TRADING")


def test_an_array_gives_its_items_in_order() -> None:
    reader = a_reader()
    frame = [mark(), 5, mark(s="CCCUSDT"), mark(s=B)]
    found: Any = reader.read(raw({"stream": "!markPrice@arr@1s", "data": frame}), T0, 40)
    assert [(item.seq, item.payload.symbol) for item in found] == [(40, A), (41, B)]
    assert dropped(reader) == {Drop.BAD_PAYLOAD: 1, Drop.UNKNOWN_SYMBOL: 1}


def test_a_mark_price_without_ids_rises_by_its_time() -> None:
    reader = a_reader()
    found = events(reader, mark(T0), mark(T0), mark(T0 - 1), mark(T0 + 1))
    assert [event.payload.ts for event in found] == [T0, T0 + 1]
    assert dropped(reader) == {Drop.DUPLICATE: 1, Drop.OUT_OF_ORDER: 1}


def test_a_mark_price_may_lack_index_rate_and_funding() -> None:
    data = mark(i="0.00", r="", T=0)
    (found,) = events(a_reader(), data)
    assert found.payload == MarkPrice(ts=T0, symbol=A, mark_price=D("100.1"))


def test_the_time_of_a_payload_never_goes_back_within_symbol_and_stream() -> None:
    reader = a_reader()
    found = events(
        reader,
        quote(1, E=T0 + 9),
        quote(2, E=T0 + 3),
        quote(1, E=T0 + 1, s=B),
        agg_trade(1, E=T0 + 2),
        quote(3, E=T0 + 10),
    )
    times = [event.payload.ts - T0 for event in found]
    assert times == [9, 9, 1, 2, 10]
    assert {event.ts_ms for event in found} == {T0 + 5}


def test_symbols_come_and_go() -> None:
    reader = MarketFrames([A])
    assert events(reader, quote(5), quote(5, s=B)) != []
    reader.add(B)
    reader.add(A)
    assert len(events(reader, quote(5, s=B), quote(5))) == 1  # A's cursor stayed
    reader.remove(A)
    reader.remove("NEVERHERE")
    assert events(reader, quote(6)) == []
    reader.add(A)
    assert len(events(reader, quote(5))) == 1
    with pytest.raises(ContractError):
        reader.add("btcusdt")


# -- any sequence of frames, against a plain reading

prices = st.sampled_from(["99.9", "100", "100.10", "100.2", "0.00000001"])
odd: st.SearchStrategy[Any] = st.sampled_from(
    ["0", "-1", "1e3", "", "x", "0.000000001", 7, 1.5, None, True, ["1"], {}]
)
qtys = st.sampled_from(["0", "1", "2.50"])
ids = st.integers(0, 9)
levels = st.lists(st.tuples(prices, qtys).map(list), max_size=3)
symbols = st.sampled_from([A, A, B, "CCCUSDT"])
times = st.integers(T0, T0 + 5)

frames = st.one_of(
    st.builds(quote, ids, prices, prices, E=times, s=symbols, B=qtys, A=qtys),
    st.builds(depth, ids, levels, levels, E=times, s=symbols, U=st.integers(0, 3)),
    st.builds(agg_trade, ids, prices, st.sampled_from(["1", "2.5"]), E=times, s=symbols),
    st.builds(mark, times, prices, s=symbols),
)


def tells_nothing(data: dict[str, Any]) -> bool:
    """Whether a frame of the strategy above is no event whatever came before it."""
    if data["s"] not in (A, B):
        return True
    if data["e"] == "bookTicker":
        return D(data["b"]) > D(data["a"])
    return data["e"] == "depthUpdate" and bool(data["U"] > data["u"])


def checked(event: Event) -> Event:
    """The same event, built the way that checks every rule of the contracts."""
    payload = type(event.payload)(**attrs.asdict(event.payload, recurse=False))
    return Event(event.ts_ms, payload, event.seq, event.ts_recv_ms, event.update_id)


@given(st.lists(frames, max_size=40))
def test_any_sequence_gives_what_a_plain_reading_says(sent: list[dict[str, Any]]) -> None:
    """SCR-02: ids per symbol and kind rise strictly, and nothing else is left out."""
    reader = a_reader()
    newest: dict[tuple[str, str], int] = {}
    latest: dict[tuple[str, str], int] = {}
    last: dict[str, tuple[Decimal, Decimal]] = {}
    gaps = 0
    for number, data in enumerate(sent):
        found = reader.read(wrapped(data), T0 + number, number)
        key = (data["s"], data["e"])
        cursor = {"aggTrade": "a", "markPriceUpdate": "E"}.get(data["e"], "u")
        if tells_nothing(data) or newest.get(key, -1) >= data[cursor]:
            assert found == ()
            continue
        gaps += cursor == "a" and key in newest and data["a"] - newest[key] > 1
        newest[key] = data[cursor]
        latest[key] = max(latest.get(key, 0), data["E"])
        (event,) = found
        assert isinstance(event, Event)
        assert event == checked(event)
        assert (event.ts_ms, event.ts_recv_ms, event.seq) == (T0 + number, T0 + number, number)
        assert event.update_id == (data["u"] if cursor == "u" else None)
        payload: Any = event.payload
        assert (payload.symbol, payload.ts) == (data["s"], latest[key])
        if isinstance(payload, Snapshot):
            top = (payload.bid_price, payload.bid_qty, payload.ask_price, payload.ask_qty)
            assert top == tuple(D(data[name]) for name in "bBaA")
            assert (payload.last_price, payload.last_qty) == last.get(data["s"], (0, 0))
        elif isinstance(payload, DepthDiff):
            for side, rows in ((payload.bids, data["b"]), (payload.asks, data["a"])):
                assert side == tuple((D(price), D(qty)) for price, qty in rows)
            ids_read = (payload.first_update_id, payload.last_update_id, payload.prev_update_id)
            assert ids_read == (data["U"], data["u"], data["pu"])
        elif isinstance(payload, Trade):
            last[data["s"]] = (D(data["p"]), D(data["q"]))
            assert (payload.price, payload.qty) == last[data["s"]]
            assert (payload.trade_id, payload.is_buyer_maker) == (data["a"], data["m"])
        else:
            assert isinstance(payload, MarkPrice)
            assert payload.mark_price == D(data["p"])
    assert reader.trade_gaps == gaps


# -- any bytes at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | odd,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A frame with fields removed, replaced or added, and bytes flipped or cut off."""
    data = dict(draw(frames))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*data, "U", "st", "X", "e"]) if data else st.text())
        if draw(st.booleans()):
            data.pop(name, None)
        else:
            data[name] = draw(json_values)
    body = draw(st.sampled_from([data, {"stream": draw(json_values), "data": data}, [data, data]]))
    frame = bytearray(json.dumps(body).encode())
    for _ in range(draw(st.integers(0, 2))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(0, len(frame)))] if draw(st.booleans()) else frame)


def outcomes(reader: MarketFrames) -> int:
    return sum(reader.drops.values()) + sum(reader.ignored.values())


@settings(max_examples=200)
@given(st.lists(mutated() | st.binary(max_size=40), max_size=6))
def test_any_bytes_are_read_or_counted(sent: list[bytes]) -> None:
    reader = a_reader()
    for frame in sent:
        before = outcomes(reader)
        found = reader.read(frame, T0)
        for item in found:
            if isinstance(item, Event):
                assert item == checked(item)
        parts = 1
        try:
            read = orjson.loads(frame)
        except orjson.JSONDecodeError:
            assert found == ()
        else:
            data = read["data"] if isinstance(read, dict) and "data" in read else read
            parts = len(data) if isinstance(data, list) else 1
        assert len(found) + outcomes(reader) - before == parts


@pytest.mark.parametrize("data", [quote(), depth(), agg_trade(), mark()])
@pytest.mark.parametrize("levels_deep", [400, 990, 1010])
def test_values_nested_deep_are_counted_like_others(data: dict[str, Any], levels_deep: int) -> None:
    reader, nested = a_reader(), b"[" * levels_deep + b"]" * levels_deep
    for name in set(data) - {"T", "ps", "nq", "f", "l", "P", "ap", "st"} | {"r", "i"}:
        before = outcomes(reader)
        found = reader.read(raw(data | {name: "HERE"}).replace(b'"HERE"', nested), T0)
        assert len(found) + outcomes(reader) - before == 1
    notice = b'{"e":"contractInfo","E":1,"s":"AAAUSDT","cs":' + nested + b"}"
    assert reader.read(notice, T0) == ()
    before = outcomes(reader)
    found = reader.read(b'{"id":1,"error":' + nested + b"}", T0)
    assert len(found) + outcomes(reader) - before == 1


@given(st.lists(mutated(), max_size=4), frames)
def test_a_bad_frame_changes_nothing_for_other_symbols(
    bad: list[bytes], good: dict[str, Any]
) -> None:
    touched, fresh = MarketFrames([A, "ZZZUSDT"]), MarketFrames(["ZZZUSDT"])
    for frame in bad:
        touched.read(frame, T0)
    data = good | {"s": "ZZZUSDT"}
    assert touched.read(wrapped(data), T0) == fresh.read(wrapped(data), T0)


# -- recordings


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Receive time in ms and body of each frame, read without the importer."""
    with gzip.open(path, "rb") as file:
        for line in file:
            head, _, body = line.partition(b" ")
            if b'"stream"' not in body[:20]:
                continue
            if head.endswith(b":"):
                yield int(D(head[:-1].decode()) * 1000), body
            else:
                yield int(head[:13]), body


COUNTS = {
    "ws_raw/usdm_btcusdt_20240808.gz": (66_089, 6_551, 21_313, 0),
    "ws_raw/usdm_ethusdt_20240808.gz": (53_992, 6_586, 14_076, 0),
    "ws_raw/usdm_btcusdt_20230404.gz": (6_765, 4_322, 2_197, 99),
    "ws_raw/usdm_btcusdt_20230405.gz": (37_440, 11_788, 10_738, 415),
    "ws_raw_multi/usdm_5alts_20210405.gz": (3_424, 4_423, 574, 0),
    "ws_raw_multi/usdm_4alts_20210722.gz": (613, 764, 91, 0),
}
CAPTURED = "BTC ETH SAND CHR NEO CTK BAT SUSHI AKRO KEEP"


def captured() -> MarketFrames:
    return MarketFrames([f"{coin}USDT" for coin in CAPTURED.split()])


@pytest.mark.recordings
@pytest.mark.parametrize(("name", "counts"), COUNTS.items())
def test_every_recorded_frame_of_the_futures_is_an_event(
    recordings: Path, name: str, counts: tuple[int, ...]
) -> None:
    reader, kinds, sent = captured(), Counter[str](), 0
    for received, frame in records(recordings / name):
        sent += 1
        items: Any = reader.read(frame, received)
        kinds.update(item.kind for item in items)
    off_market = 1 if name.endswith("btcusdt_20230405.gz") else 0
    klines = 67 if "4alts" in name else 0
    wanted = dict(zip(("SNAPSHOT", "DEPTH_DIFF", "TRADE", "MARK_PRICE"), counts, strict=True))
    wanted["TRADE"] -= off_market
    assert kinds == {kind: count for kind, count in wanted.items() if count}
    assert dropped(reader) == {}
    assert sum(reader.ignored.values()) == off_market + klines
    assert reader.ignored[Ignored.KLINE] == klines
    assert sent == sum(counts) + klines
    assert reader.trade_gaps == 0


@pytest.mark.recordings
def test_frames_of_other_markets_are_counted_without_an_exception(recordings: Path) -> None:
    paths = [
        *sorted((recordings / "ws_raw").glob("spot_*.gz")),
        *sorted((recordings / "ws_raw_multi").glob("bybit_*.gz")),
        *sorted((recordings / "trades").glob("*.jsonl.gz")),
    ]
    for path in paths:
        reader, sent, found = captured(), 0, 0
        with gzip.open(path, "rb") as file:
            for line in file:
                sent += 1
                found += len(reader.read(line[line.index(b"{") :], T0))
        assert sent > 1000
        assert found + outcomes(reader) == sent


@pytest.mark.recordings
@pytest.mark.parametrize(
    "name",
    [
        "ws_raw/usdm_btcusdt_20230404.gz",
        "ws_raw_multi/usdm_5alts_20210405.gz",
        "ws_raw_multi/usdm_4alts_20210722.gz",
    ],
)
def test_events_equal_those_of_the_importer(recordings: Path, name: str) -> None:
    """Quotes, prints and mark prices one by one; books and changes after the same bridge."""
    path = recordings / name
    reader, bridges = captured(), dict[str, Bridge]()
    found: list[tuple[int, Any, int | None]] = []
    for received, _, _, stream, data in read_frames(path, Problems()):
        symbol = stream.partition("@")[0].upper()
        bridge = bridges.setdefault(symbol, Bridge())
        if stream.endswith("@snapshot"):
            answer = read_depth(orjson.dumps(data), symbol, received)
            bridged = bridge.on_snapshot(answer.book, answer.last_update_id)
        else:
            frame = orjson.dumps({"stream": stream, "data": data})
            items: Any = reader.read(frame, received)
            diffs = [item for item in items if isinstance(item.payload, DepthDiff)]
            if not diffs:
                found += [(i.ts_ms, i.payload, i.update_id) for i in items]
                continue
            bridged = bridge.on_diff(diffs[0].payload)
        if bridged.book is not None:
            found.append((received, bridged.book, bridged.book_update_id))
        found += [(received, diff, diff.last_update_id) for diff in bridged.diffs]
    imported = CaptureSource([path], Problems(), quotes=Quotes.TICKER)
    assert found == [(event.ts_ms, event.payload, event.update_id) for event in imported]


@pytest.mark.recordings
def test_the_shapes_of_the_documents_are_read(recordings: Path) -> None:
    lines = (recordings / "doc_examples" / "fapi_ws_examples.jsonl").read_text().splitlines()
    shapes = {row["name"]: row["data"] for row in map(json.loads, lines)}
    reader = MarketFrames(["BTCUSDT", "BNBUSDT"])
    kinds = {}
    for name, data in shapes.items():
        stream = "x@depth5" if name == "PartialBook" else ""
        kinds[name] = [
            item.kind if isinstance(item, Event) else type(item).__name__
            for item in reader.read(orjson.dumps(data), T0, stream=stream)
        ]
    assert {name: kind for name, kind in kinds.items() if kind} == {
        "AggTrades": ["TRADE"],
        "Book": ["DEPTH_DIFF"],
        "BookTicker": ["SNAPSHOT"],
        "MarkPrice": ["MARK_PRICE"],
        "SymbolUpdates": ["ContractNotice"],
    }
    assert dropped(reader) == {Drop.UNSORTED_DEPTH: 1}  # the document's book is worst bid first
