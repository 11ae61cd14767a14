"""Raw captures, made by hand: both recorders' formats and every defect they can have."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.feeds.capture import CaptureSource, looks_like_capture
from grinder_adapters.feeds.frames import to_ms
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import MESSAGES_MAX, OnError, Problems
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.errors import ConfigError, FixtureError, InputError

T0 = 1_700_000_000_000


def frame(stream: str, data: Any) -> str:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def ticker(u: object, bid: str = "100.10", ask: str = "100.20", *, e: int | None = T0, **more: Any):
    data = {"u": u, "s": "BTCUSDT", "b": bid, "B": "1.500", "a": ask, "A": "2"} | more
    if e is not None:
        data |= {"e": "bookTicker", "E": e, "T": e - 1}
    return frame("btcusdt@bookTicker", data)


def depth(first: int, last: int, pu: int | None, bids: Any = (), asks: Any = (), *, e: int = T0):
    data = {"e": "depthUpdate", "E": e, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    if pu is not None:
        data["pu"] = pu
    return frame("btcusdt@depth@0ms", data)


def trade(t: int, price: str = "100.15", qty: str = "0.5", *, x: str | None = "MARKET"):
    data = {"e": "trade", "E": T0, "T": T0, "s": "BTCUSDT", "t": t, "p": price, "q": qty, "m": True}
    if x is not None:
        data["X"] = x
    return frame("btcusdt@trade", data)


def book(update_id: int, bids: Any = (("100", "5"),), asks: Any = (("101", "6"),)) -> str:
    return json.dumps({"lastUpdateId": update_id, "E": T0, "bids": bids, "asks": asks})


def write(path: Path, *records: tuple[int, str] | str, unit: int = 1000) -> Path:
    """Write records at milliseconds after T0; bare text is a line of its own."""
    lines = [r if isinstance(r, str) else f"{(T0 + r[0]) * unit} {r[1]}" for r in records]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def read(*paths: Path, problems: Problems | None = None, **options: Any) -> list[Event]:
    return list(CaptureSource(paths, problems or Problems(), **options))


def payloads(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event.payload for event in events if isinstance(event.payload, kind)]


@pytest.mark.parametrize("unit", [1, 1000, 10**6])
def test_a_quote_becomes_a_snapshot_at_its_receive_time(tmp_path: Path, unit: int) -> None:
    path = write(tmp_path / "a.gz", (7, ticker(5, e=T0 + 900)), unit=unit)
    (event,) = read(path)
    assert (event.ts_ms, event.ts_recv_ms, event.update_id, event.seq) == (T0 + 7, T0 + 7, 5, 0)
    assert event.payload == Snapshot(
        ts=T0 + 900,  # the venue's time, also where the recorder's clock is behind it
        symbol="BTCUSDT",
        bid_price=Decimal("100.1"),
        ask_price=Decimal("100.2"),
        bid_qty=Decimal("1.5"),
        ask_qty=Decimal(2),
        last_price=Decimal(0),
        last_qty=Decimal(0),
    )


def test_times_in_seconds_are_told_by_magnitude() -> None:
    assert to_ms(1_700_000_000) == T0


def test_plain_text_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(f"{T0} {ticker(5)}\n\n")
    assert len(read(path)) == 1


def test_event_time_is_clamped_and_arrival_order_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.gz", (0, ticker(5, e=T0 + 50)), (1, ticker(6, e=T0 + 40)), (2, trade(1))
    )
    assert [event.payload.ts for event in read(path)] == [T0 + 50, T0 + 50, T0]


def test_spot_quotes_are_dated_by_the_receive_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", (3, ticker(5, e=None)))
    assert read(path)[0].payload.ts == T0 + 3


def test_the_last_market_trade_goes_with_the_quotes(tmp_path: Path) -> None:
    problems = Problems()
    path = write(
        tmp_path / "a.gz",
        (0, ticker(5)),
        (1, trade(1, "100.15", "0.50")),
        (2, ticker(6)),
        (3, trade(2, "90", x="INSURANCE_FUND")),
        (4, trade(3, "0", "0", x="NA")),
        (5, trade(4, "0", "0")),
        (6, ticker(7)),
    )
    events = read(path, problems=problems)
    assert [(s.last_price, s.last_qty) for s in payloads(events, Snapshot)] == [
        (0, 0),
        (Decimal("100.15"), Decimal("0.5")),
        (Decimal("100.15"), Decimal("0.5")),
    ]
    assert [t.trade_id for t in payloads(events, Trade)] == [1]
    assert problems.left_out == {
        "trades that are no market prints": 2,
        "trades of price or quantity 0": 1,
    }


def test_depth_is_bridged_and_its_top_joins_the_quotes_by_update_id(tmp_path: Path) -> None:
    problems = Problems()
    path = write(
        tmp_path / "a.gz",
        (0, depth(1, 5, 0, [["99", "1"]])),
        (1, book(8)),
        (2, depth(7, 9, 5, [["100", "4"]])),  # top 100/101: newer than any quote
        (3, ticker(9)),  # as old as the book's top
        (4, ticker(10, "100", "100.5")),
        (5, depth(10, 10, 9, [], [["100.5", "3"]])),  # not newer than the quote
        (6, depth(11, 12, 10, [["99.5", "0"], ["99", "0"]])),  # newer, and the quantities differ
        (7, depth(13, 13, 12, [["98", "1"]])),  # newer, same top
    )
    events = read(path, problems=problems)
    assert [event.kind for event in events] == [
        *("L2_SNAPSHOT", "DEPTH_DIFF", "SNAPSHOT", "SNAPSHOT", "DEPTH_DIFF"),
        *("DEPTH_DIFF", "SNAPSHOT", "DEPTH_DIFF"),
    ]
    assert [event.ts_ms - T0 for event in events] == [2, 2, 2, 4, 5, 6, 6, 7]
    assert [event.update_id for event in events] == [8, 9, 9, 10, 10, 12, 12, 13]
    assert [event.seq for event in events] == list(range(8))
    first, _, last = payloads(events, Snapshot)
    assert (first.bid_price, first.bid_qty, first.ask_price, first.ask_qty) == (100, 4, 101, 6)
    assert (last.bid_price, last.ask_price, last.ask_qty) == (100, Decimal("100.5"), 3)
    assert payloads(events, L2Snapshot)[0].bids == ((Decimal(100), Decimal(5)),)
    assert problems.left_out == {"stale quote": 2, "depth diffs outside a known book": 1}


def test_quotes_of_one_origin_only(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.gz", (0, book(8)), (1, depth(8, 9, 5)), (2, ticker(10, "100", "100.5"))
    )
    assert [e.update_id for e in read(path) if e.kind == "SNAPSHOT"] == [9, 10]
    ticker_only = read(path, quotes=Quotes.TICKER)
    assert [e.update_id for e in ticker_only if e.kind == "SNAPSHOT"] == [10]
    book_only = read(path, quotes=Quotes.BOOK)
    assert [e.update_id for e in book_only if e.kind == "SNAPSHOT"] == [9]
    assert [e.kind for e in read(path, depth=False)] == ["SNAPSHOT"]
    with pytest.raises(ConfigError, match="needs depth"):
        read(path, quotes=Quotes.BOOK, depth=False)


def test_a_gap_and_a_crossed_book_drop_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    problems = Problems()
    path = write(
        tmp_path / "a.gz",
        (0, book(8)),
        (1, depth(8, 9, 7)),
        (2, depth(12, 13, 11)),  # a gap
        (3, depth(14, 15, 13)),
        (4, book(13)),
        (5, depth(16, 17, 15, [["101", "1"]])),  # crosses
        (6, depth(18, 19, 17)),
        (7, book(19, bids=[["99", "1"]])),
        (8, depth(20, 21, 19)),
    )
    events = read(path, problems=problems)
    diffs = [e.payload.last_update_id for e in events if e.kind == "DEPTH_DIFF"]
    assert diffs == [9, 13, 15, 19, 21]
    assert problems.left_out["crossed books"] == 1
    assert problems.left_out["depth gaps"] == 2
    assert all(s.bid_price < s.ask_price for s in payloads(events, Snapshot))


def test_mark_price_frames_carry_funding(tmp_path: Path) -> None:
    data = {"e": "markPriceUpdate", "E": T0, "s": "BTCUSDT", "p": "100.5", "i": "100.4"}
    path = write(
        tmp_path / "a.gz",
        (0, frame("btcusdt@markPrice@1s", data | {"r": "-0.00010000", "T": T0 + 5})),
        (1, frame("!markPrice@arr@1s", [data | {"s": "ETHUSDT", "r": "", "T": 0}])),
    )
    assert payloads(read(path), MarkPrice) == [
        MarkPrice(
            ts=T0,
            symbol="BTCUSDT",
            mark_price=Decimal("100.5"),
            index_price=Decimal("100.4"),
            funding_rate=Decimal("-0.0001"),
            next_funding_ts=T0 + 5,
        ),
        MarkPrice(
            ts=T0, symbol="ETHUSDT", mark_price=Decimal("100.5"), index_price=Decimal("100.4")
        ),
    ]


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    problems = Problems()
    kline = frame("btcusdt@kline_1m", {"e": "kline", "s": "BTCUSDT", "k": {}})
    outside = frame("btc-usdt@bookTicker", {})
    partial = frame("btcusdt@depth20@100ms", {"lastUpdateId": 1, "bids": [], "asks": []})
    aggregate = {"e": "aggTrade", "E": T0, "s": "BTCUSDT", "a": 1, "p": "1", "q": "1", "m": False}
    path = write(
        tmp_path / "a.gz",
        (0, '{"result":null,"id":1}'),
        *((1, kline), (1, kline), (2, outside), (3, partial), (4, trade(1))),
        (5, frame("btcusdt@aggTrade", aggregate)),
    )
    assert len(read(path, problems=problems)) == 1
    assert problems.left_out == {
        "answers to subscriptions": 1,
        "kline_1m frames": 2,
        "frames of symbols outside [A-Z0-9_]{2,40}": 1,
        "depth20 frames": 1,
        "aggTrade frames beside btcusdt@trade": 1,
    }


def test_only_the_symbols_asked_for(tmp_path: Path) -> None:
    other = frame("ethusdt@bookTicker", json.loads(ticker(9))["data"] | {"s": "ETHUSDT"})
    path = write(tmp_path / "a.gz", (0, ticker(5)), (1, other))
    (event,) = read(path, symbols=frozenset({"ETHUSDT"}))
    assert event.payload.symbol == "ETHUSDT"
    with pytest.raises(ConfigError, match=r"'ADAUSDT': does not occur.*BTCUSDT, ETHUSDT"):
        read(path, symbols=frozenset({"ADAUSDT", "ETHUSDT"}))


def test_files_are_merged_by_receive_time_and_continue_each_other(tmp_path: Path) -> None:
    first = write(tmp_path / "1.gz", (0, book(8)), (2, depth(8, 9, 7)))
    second = write(tmp_path / "2.gz", (3, depth(10, 11, 9)), (6, ticker(13)))
    other = frame("ethusdt@bookTicker", json.loads(ticker(9))["data"] | {"s": "ETHUSDT"})
    third = write(tmp_path / "3.gz", (1, other), (3, other.replace('"u":9', '"u":10')))
    events = read(third, second, first, quotes=Quotes.TICKER)
    assert [(e.ts_ms - T0, e.payload.symbol) for e in events] == [
        *((1, "ETHUSDT"), (2, "BTCUSDT"), (2, "BTCUSDT"), (3, "ETHUSDT")),
        *((3, "BTCUSDT"), (6, "BTCUSDT")),
    ]
    assert len(payloads(events, DepthDiff)) == 2


def test_a_source_can_be_read_twice(tmp_path: Path) -> None:
    source = CaptureSource(
        [write(tmp_path / "a.gz", (0, book(8)), (1, depth(8, 9, 7)), (2, trade(1)))], Problems()
    )
    assert list(source) == list(source)


def test_the_second_format_with_rest_answers_written_ahead(tmp_path: Path) -> None:
    url = "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
    path = write(
        tmp_path / "a.gz",
        f"{url} -> {(T0 + 2) // 1000}.002: {book(8)}",
        "https://fapi.binance.com/fapi/v1/exchangeInfo -> 1: {}",
        f"wss://fstream.binance.com/stream?streams=btcusdt@depth <-> {T0 // 1000}.0",
        'configuration: {"l2_book":["BTC-USDT"]}',
        f"{T0 // 1000}.0010001: {depth(7, 9, 5)}",
        f"{T0 // 1000}.003: {depth(10, 12, 9)}",
    )
    problems = Problems()
    events = read(path, problems=problems)
    # the snapshot came back at 2 ms, after the change of 1 ms that it bridges to
    assert [(e.kind, e.ts_ms - T0) for e in events] == [
        *(("L2_SNAPSHOT", 2), ("DEPTH_DIFF", 2), ("SNAPSHOT", 2), ("DEPTH_DIFF", 3)),
    ]
    assert problems.left_out == {
        "REST answers that are no depth snapshot": 1,
        "recorder's own lines": 2,
    }
    assert looks_like_capture(path)


DEFECTS = [
    ("junk", ":2: line = 'junk': must start with a Unix time or a URL"),
    ((1, "{broken"), ":2: body = '{broken': is not JSON"),
    ((1, "[]"), ":2: body = []: must be a JSON object"),
    ((1, '{"x":1}'), ":2: record = {'x': 1}: is neither"),
    ((1, '{"stream":"btcusdt@trade"}'), ":2: data: is missing"),
    ((1, frame("btcusdt@trade", [])), ":2: data = []: must be an object"),
    ((1, ticker(6, b=100.1)), ":2: b = 100.1: must be a decimal string"),
    ((1, ticker(6, b="NaN")), ":2: b = 'NaN': must be a decimal string"),
    ((1, ticker(6, a="-5")), ":2: a = Decimal('-5'): must be a decimal with 0 < price"),
    (
        (1, ticker(6, "101", "100")),
        ":2: a = Decimal('100'): must be >= b 101, the quote is crossed",
    ),
    ((1, ticker("7")), ":2: u = '7': must be an integer"),
    ((1, ticker(6, e=1.5)), ":2: E = 1.5: must be an integer"),
    ((1, ticker(6, s="ETHUSDT")), ":2: s = 'ETHUSDT': must be BTCUSDT"),
    ((1, ticker(5)), ":2: u = 5: repeats"),
    ((1, depth(9, 8, 1)), ":2: U = 9: must be <= u 8"),
    ((1, depth(8, 9, "1")), ":2: pu = '1': must be an integer"),
    ((1, depth(8, 9, 1, [["1"]])), ":2: b = ['1']: must be [price, qty]"),
    ((1, depth(8, 9, 1, ["12"])), ":2: b = '12': must be [price, qty]"),
    ((1, depth(8, 9, 1, [["1", 2]])), ":2: b = 2: must be a decimal string"),
    ((1, trade(1, "x")), ":2: p = 'x': must be a decimal string"),
    (
        (1, book(8, bids=[["102", "1"]])),
        ":2: asks = Decimal('101'): must be above the best bid 102",
    ),
    ((-1, ticker(6)), f":2: receive time = {T0 - 1}: must not be below {T0}"),
]


@pytest.mark.parametrize(("record", "said"), DEFECTS, ids=[said[:24] for _, said in DEFECTS])
def test_a_defect_names_file_line_field_value_and_rule(
    tmp_path: Path, record: Any, said: str
) -> None:
    path = write(tmp_path / "a.gz", (0, ticker(5)), record, (2, ticker(7)))
    with pytest.raises(InputError) as refused:
        read(path)
    assert f"{path}{said}" in str(refused.value)
    problems = Problems(OnError.SKIP)
    events = read(path, problems=problems)
    assert problems.count == 1
    assert problems.messages == [str(refused.value)]
    assert {5, 7} <= {event.update_id for event in events}


def test_time_never_goes_back_when_such_frames_are_let_through(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", (5, ticker(5)), (3, ticker(6)), (4, ticker(7)), (9, ticker(8)))
    events = read(path, problems=Problems(OnError.SKIP))
    assert [event.ts_ms - T0 for event in events] == [5, 5, 5, 9]


def test_a_repeated_trade_and_a_repeated_change_are_duplicates(tmp_path: Path) -> None:
    for record in (trade(1), depth(8, 9, 7)):
        path = write(tmp_path / "a.gz", (0, record), (1, record))
        with pytest.raises(FixtureError, match=r":2: .*repeats or goes back"):
            read(path)


def test_the_markets_of_one_symbol_do_not_mix_even_when_skipping(tmp_path: Path) -> None:
    spot = write(tmp_path / "spot.gz", (0, ticker(5, e=None)))
    futures = write(tmp_path / "futures.gz", (1, ticker(6)))
    with pytest.raises(ConfigError, match=r"futures\.gz:1: .*spot and of the futures market"):
        read(spot, futures, problems=Problems(OnError.SKIP))


def test_a_snapshot_without_a_symbol_needs_a_file_of_one_symbol(tmp_path: Path) -> None:
    other = frame("ethusdt@bookTicker", json.loads(ticker(9))["data"] | {"s": "ETHUSDT"})
    for records in (
        [(0, book(8)), (1, ticker(5)), (2, other)],
        [(0, ticker(5)), (1, other), (2, book(8))],
    ):
        with pytest.raises(FixtureError, match="names no symbol, and the file holds btcusdt and"):
            read(write(tmp_path / "a.gz", *records))
    with pytest.raises(FixtureError, match="no frame of the file tells it"):
        read(write(tmp_path / "a.gz", (0, book(8))))


def test_a_truncated_an_empty_and_a_doubled_file_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", *((n, ticker(n)) for n in range(50)))
    with pytest.raises(ConfigError, match="is given twice"):
        read(path, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FixtureError, match="truncated"):
        read(path)
    problems = Problems(OnError.SKIP)
    kept = [event.update_id for event in read(path, problems=problems)]
    assert len(kept) > 40
    assert kept == list(range(len(kept)))
    assert problems.count == 1
    path.write_bytes(b"")
    with pytest.raises(FixtureError, match="is empty"):
        read(path)
    with pytest.raises(FixtureError, match="is a directory"):
        read(tmp_path)
    with pytest.raises(FixtureError, match="holds no frames"):
        read(write(path, "configuration: {}"))


def test_a_quote_with_an_empty_side_is_left_out(tmp_path: Path) -> None:
    problems = Problems()
    path = write(tmp_path / "a.gz", (0, ticker(5, "0.00000000", B="0")), (1, ticker(6)))
    assert [event.update_id for event in read(path, problems=problems)] == [6]
    assert problems.left_out == {"quotes with an empty side": 1}


def test_skipped_defects_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    problems = Problems(OnError.SKIP)
    path = write(tmp_path / "a.gz", *["junk"] * 30, (0, ticker(5)))
    assert len(read(path, problems=problems)) == 1
    assert problems.count == 30
    assert len(problems.messages) == MESSAGES_MAX
