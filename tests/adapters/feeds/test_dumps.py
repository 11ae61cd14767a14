"""Dump files and recorded CSV: what each kind becomes, how rows are ordered, what is refused."""

from __future__ import annotations

import csv
import gzip
import random
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.dumps import DumpSource, looks_like_dump
from grinder_adapters.feeds.dumps.source import WINDOW
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_core.contracts.event import Event, market_event, market_line
from grinder_core.contracts.market import DepthBands, DepthDiff
from grinder_core.errors import ConfigError, ContractError, FixtureError

T0 = 1_700_000_000_000

HEADERS = {
    "bookTicker": "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
    "transaction_time,event_time",
    "aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,"
    "is_buyer_maker",
    "trades": "id,price,qty,quote_qty,time,is_buyer_maker",
    "bookDepth": "timestamp,percentage,depth,notional",
}
ROWS = {
    "bookTicker": [
        f"70,99.9,1.5,100.1,2,{T0},{T0 + 3}",
        f"71,99.9,0,100.2,2,{T0},{T0 + 5}",
    ],
    "aggTrades": [
        f"5,100.25,0.5,8,9,{T0},true",
        f"6,100.5,1,10,10,{T0 + 4},false",
    ],
    "trades": [
        f"8,100.25,0.2,20.05,{T0},True",
        f"9,100.25,0.3,30.075,{T0},False",
    ],
    "bookDepth": [
        "2023-11-14 22:13:20,1,20.5,2060.25",
        "2023-11-14 22:13:20,-0.20,1,99.8",
        "2023-11-14 22:13:20,-1.00,10.25,1019.5",
        "2023-11-14 22:13:50,-5,1,95",
    ],
}
LINES = {
    "bookTicker": [
        {
            "type": "SNAPSHOT",
            "ts": T0 + 3,
            "symbol": "BTCUSDT",
            "bid_price": "99.9",
            "bid_qty": "1.5",
            "ask_price": "100.1",
            "ask_qty": "2",
            "last_price": "0",
            "last_qty": "0",
            "update_id": 70,
        },
        {
            "type": "SNAPSHOT",
            "ts": T0 + 5,
            "symbol": "BTCUSDT",
            "bid_price": "99.9",
            "bid_qty": "0",
            "ask_price": "100.2",
            "ask_qty": "2",
            "last_price": "0",
            "last_qty": "0",
            "update_id": 71,
        },
    ],
    "aggTrades": [
        {
            "type": "TRADE",
            "ts": T0,
            "symbol": "BTCUSDT",
            "trade_id": 5,
            "price": "100.25",
            "qty": "0.5",
            "is_buyer_maker": True,
        },
        {
            "type": "TRADE",
            "ts": T0 + 4,
            "symbol": "BTCUSDT",
            "trade_id": 6,
            "price": "100.5",
            "qty": "1",
            "is_buyer_maker": False,
        },
    ],
    "trades": [
        {
            "type": "TRADE",
            "ts": T0,
            "symbol": "BTCUSDT",
            "trade_id": 8,
            "price": "100.25",
            "qty": "0.2",
            "is_buyer_maker": True,
        },
        {
            "type": "TRADE",
            "ts": T0,
            "symbol": "BTCUSDT",
            "trade_id": 9,
            "price": "100.25",
            "qty": "0.3",
            "is_buyer_maker": False,
        },
    ],
    "bookDepth": [
        {
            "type": "DEPTH_BANDS",
            "ts": T0,
            "symbol": "BTCUSDT",
            "bands": [[-100, "10.25", "1019.5"], [-20, "1", "99.8"], [100, "20.5", "2060.25"]],
        },
        {
            "type": "DEPTH_BANDS",
            "ts": T0 + 30_000,
            "symbol": "BTCUSDT",
            "bands": [[-500, "1", "95"]],
        },
    ],
}
KINDS = sorted(HEADERS)


def dump(
    folder: Path, kind: str, rows: Sequence[str], *, symbol: str = "BTCUSDT", day: int = 14
) -> Path:
    file = folder / f"{symbol}-{kind}-2023-11-{day:02}.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def events(*paths: Path, symbol: str | None = None) -> list[Event]:
    return list(DumpSource(paths, Problems(), symbol))


def lines(made: Sequence[Event]) -> list[dict[str, object]]:
    return [market_line(event) for event in made]


def skipped(*paths: Path) -> tuple[list[Event], Problems]:
    problems = Problems(OnError.SKIP)
    return list(DumpSource(paths, problems)), problems


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_becomes_its_events(tmp_path: Path, kind: str) -> None:
    file = dump(tmp_path, kind, ROWS[kind])
    assert looks_like_dump(file)
    made = events(file)
    assert lines(made) == LINES[kind]
    assert [event.seq for event in made] == [0, 1]
    assert [market_event(line, seq) for seq, line in enumerate(LINES[kind])] == made


@pytest.mark.parametrize("kind", KINDS)
def test_header_and_compression_change_nothing(tmp_path: Path, kind: str) -> None:
    expected = events(dump(tmp_path, kind, ROWS[kind]))
    text = "\n".join([HEADERS[kind], *ROWS[kind]])
    zipped = tmp_path / f"BTCUSDT-{kind}-2023-11-14.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"BTCUSDT-{kind}-2023-11-14.csv", text)
    packed = tmp_path / f"BTCUSDT-{kind}-2023-11-14.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert events(dump(tmp_path, kind, [HEADERS[kind], *ROWS[kind]])) == expected
    assert events(zipped) == expected
    assert events(packed) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_is_enough_where_the_name_says_nothing(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "data.csv"
    file.write_text("\n".join([HEADERS[kind], *ROWS[kind]]))
    assert looks_like_dump(file)
    assert lines(events(file, symbol="BTCUSDT")) == LINES[kind]
    with pytest.raises(ConfigError, match="does not say its symbol"):
        events(file)


def test_spot_files_have_one_more_column_and_microseconds(tmp_path: Path) -> None:
    file = dump(
        tmp_path,
        "aggTrades",
        [f"5,100.25,0.5,8,9,{T0}123,True,True", f"6,100.5,1,10,10,{T0 + 4}999,False,True"],
    )
    assert lines(events(file)) == LINES["aggTrades"]


@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(0, 300))
def test_rows_a_little_out_of_order_are_put_in_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, far: int
) -> None:
    rows = [f"{10 + n},99.9,1,100.1,2,{T0 + n},{T0 + n}" for n in range(count)]
    moved = sorted(range(count), key=lambda n: n + random.Random(f"{seed}/{n}").randint(0, far))
    folder = tmp_path_factory.mktemp("order")
    expected = events(dump(folder, "bookTicker", rows))
    assert [event.update_id for event in expected] == [10 + n for n in range(count)]
    assert events(dump(folder, "bookTicker", [rows[n] for n in moved])) == expected


@pytest.mark.parametrize(("places", "found"), [(WINDOW, True), (2 * WINDOW + 1, False)])
def test_a_row_is_moved_by_at_most_the_window(tmp_path: Path, places: int, found: bool) -> None:
    rows = [f"{10 + n},100,1,100,{T0 + n},true" for n in range(3 * WINDOW)]
    late = rows.pop(0)
    rows.insert(places, late)
    file = dump(tmp_path, "trades", rows)
    if found:
        assert len(events(file)) == 3 * WINDOW
    else:
        with pytest.raises(FixtureError, match=rf"csv:{places + 1}: id = 10: .*out of order"):
            events(file)


def test_times_follow_ids_and_never_go_back(tmp_path: Path) -> None:
    times = [T0, T0 - 400, T0 + 10]
    rows = [f"{n},100,1,100,{time},true" for n, time in enumerate(times)]
    made = events(dump(tmp_path, "trades", rows))
    assert [event.ts_ms for event in made] == [T0, T0, T0 + 10]
    assert [event.payload.ts for event in made] == [T0, T0, T0 + 10]  # type: ignore[union-attr]


def test_files_follow_each_other_and_kinds_merge_by_time(tmp_path: Path) -> None:
    late = dump(tmp_path, "trades", [f"20,100,1,100,{T0 + 9},true"], day=15)
    early = dump(tmp_path, "trades", [f"10,100,1,100,{T0 + 4},true"], day=14)
    quotes = dump(tmp_path, "bookTicker", ROWS["bookTicker"])
    other = dump(tmp_path, "trades", [f"1,5,1,5,{T0 + 4},true"], symbol="ADAUSDT")
    made = events(late, quotes, early, other)
    assert [event.seq for event in made] == [0, 1, 2, 3, 4]
    assert [(event.ts_ms - T0, event.kind, event.payload.symbol) for event in made] == [  # type: ignore[union-attr]
        (3, "SNAPSHOT", "BTCUSDT"),
        (4, "TRADE", "BTCUSDT"),
        (4, "TRADE", "ADAUSDT"),
        (5, "SNAPSHOT", "BTCUSDT"),
        (9, "TRADE", "BTCUSDT"),
    ]


BAD = {
    "crossed": ("bookTicker", f"70,100.2,1,100.1,2,{T0},{T0}", "best_ask_price.*crossed"),
    "zero price": ("bookTicker", f"70,0,1,100.1,2,{T0},{T0}", "best_bid_price = '0'"),
    "negative qty": ("bookTicker", f"70,1,-1,100.1,2,{T0},{T0}", "best_bid_qty = '-1'"),
    "NaN": ("trades", f"8,NaN,0.2,20,{T0},true", "price = 'NaN'"),
    "nine digits": ("trades", f"8,1.000000001,0.2,20,{T0},true", "price = .*8 fractional"),
    "zero qty": ("trades", f"8,1,0.0,20,{T0},true", "qty = '0.0'"),
    "not a bool": ("trades", f"8,1,1,20,{T0},maybe", "is_buyer_maker = 'maybe'"),
    "not an id": ("trades", f"x8,1,1,20,{T0},true", "id = 'x8'"),
    "seconds": ("trades", f"8,1,1,20,{T0 // 1000},true", "time = .*milliseconds"),
    "too few columns": ("trades", f"8,1,1,20,{T0}", "row = 5: must have 6 columns"),
    "not a band": ("bookDepth", "2023-11-14 22:13:19,one,1,1", "percentage = 'one'"),
    "band at the mid": ("bookDepth", "2023-11-14 22:13:19,0,1,1", "bands.pct_x100 = 0"),
    "negative depth": ("bookDepth", "2023-11-14 22:13:19,1,-1,1", "bands.depth"),
    "a fine band": ("bookDepth", "2023-11-14 22:13:19,1.001,1,1", "percentage = '1.001'"),
    "not a time": ("bookDepth", "14.11.2023 22:13:19,1,1,1", "timestamp = '14.11.2023"),
}


@pytest.mark.parametrize(("kind", "row", "message"), BAD.values(), ids=BAD)
def test_a_bad_row_stops_with_file_line_field_and_rule(
    tmp_path: Path, kind: str, row: str, message: str
) -> None:
    file = dump(tmp_path, kind, [HEADERS[kind], row])
    with pytest.raises(FixtureError, match=rf"BTCUSDT-{kind}-2023-11-14\.csv:2: {message}"):
        events(file)


@pytest.mark.parametrize(("kind", "row", "message"), BAD.values(), ids=BAD)
def test_a_bad_row_can_be_skipped_and_is_listed(
    tmp_path: Path, kind: str, row: str, message: str
) -> None:
    made, problems = skipped(dump(tmp_path, kind, [HEADERS[kind], row, *ROWS[kind]]))
    assert lines(made) == LINES[kind]
    assert problems.count == 1
    assert "csv:2: " in problems.messages[0]


def test_a_duplicate_is_refused_or_skipped(tmp_path: Path) -> None:
    file = dump(tmp_path, "trades", [ROWS["trades"][0], *ROWS["trades"]])
    with pytest.raises(FixtureError, match=r"csv:2: id = 8: is a duplicate"):
        events(file)
    made, problems = skipped(file)
    assert lines(made) == LINES["trades"]
    assert problems.count == 1


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    file = dump(tmp_path, "trades", ROWS["trades"])
    with pytest.raises(FixtureError, match="is a duplicate"):
        events(file, file)


def test_a_time_far_back_is_refused(tmp_path: Path) -> None:
    rows = [f"1,100,1,100,{T0},true", f"2,100,1,100,{T0 - 1001},true"]
    with pytest.raises(FixtureError, match=r"csv:2: time = .* goes back"):
        events(dump(tmp_path, "trades", rows))


def test_a_group_with_a_bad_row_is_left_out_whole(tmp_path: Path) -> None:
    rows = ["2023-11-14 22:13:20,2,1,1", *ROWS["bookDepth"][:3], "2023-11-14 22:13:20,3,1"]
    made, problems = skipped(dump(tmp_path, "bookDepth", [*rows, ROWS["bookDepth"][3]]))
    assert lines(made) == LINES["bookDepth"][1:]
    assert problems.count == 1


def test_a_band_given_twice_is_refused(tmp_path: Path) -> None:
    rows = ["2023-11-14 22:13:20,-5,1,1", "2023-11-14 22:13:20,-5.00,2,2"]
    with pytest.raises(FixtureError, match=r"csv:1: bands.pct_x100 = -500"):
        events(dump(tmp_path, "bookDepth", rows))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("BTCUSDT-trades-2023-11-14.csv", "", "is empty"),
        ("BTCUSDT-trades-2023-11-14.csv", "\n", "holds no row"),
        ("BTCUSDT-trades-2023-11-14.csv", HEADERS["trades"], "holds no row of data"),
        ("BTCUSDT-trades-2023-11-14.csv", HEADERS["aggTrades"], "columns of trades"),
        ("BTCUSDT-trades-2023-11-14.csv", ROWS["bookDepth"][0], "columns of trades"),
        ("BTCUSDT-metrics-2023-11-14.csv", "1,2,3", "no known file: bookTicker"),
        ("data.csv", ROWS["trades"][0], "no known file"),
        ("BTCUSDT-trades-2023-11-14.zip", "no zip", "damaged"),
        ("BTCUSDT-trades-2023-11-14.csv.gz", "no gzip", "damaged"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FixtureError, match=message) as caught:
        events(file)
    assert str(file) in str(caught.value)
    good = dump(tmp_path, "aggTrades", ROWS["aggTrades"])
    made, problems = skipped(file, good)
    assert lines(made) == LINES["aggTrades"]
    assert problems.count == 1


def test_missing_files_directories_and_odd_archives_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "BTCUSDT-trades-2023-11-14.csv"
    folder.mkdir()
    assert not looks_like_dump(folder)
    archive = tmp_path / "BTCUSDT-trades-2023-11-15.zip"
    with zipfile.ZipFile(archive, "w") as two:
        two.writestr("a.csv", "1")
        two.writestr("b.csv", "1")
    latin = tmp_path / "BTCUSDT-trades-2023-11-16.csv"
    latin.write_bytes("8,1,1,1,é,true".encode("latin-1"))
    for file, message in (
        (folder, "is a directory"),
        (tmp_path / "BTCUSDT-trades-2023-11-17.csv", "does not exist"),
        (archive, "exactly one CSV"),
        (latin, "UTF-8"),
    ):
        with pytest.raises(FixtureError, match=message):
            events(file)


def test_klines_are_sent_to_their_own_source(tmp_path: Path) -> None:
    file = dump(tmp_path, "1m", [f"{T0},1,1,1,1,1,{T0 + 59_999},1,1,1,1,0"])
    assert not looks_like_dump(file)
    with pytest.raises(ConfigError, match="klines need a spread"):
        events(file)


def test_a_symbol_outside_our_grammar_is_left_out_and_counted(tmp_path: Path) -> None:
    file = dump(tmp_path, "trades", ROWS["trades"], symbol="btcusdt")
    problems = Problems()
    assert list(DumpSource([file], problems)) == []
    assert sum(problems.left_out.values()) == 1
    with pytest.raises(ContractError, match="symbol"):
        DumpSource([file], problems, "btcusdt")


def test_a_source_can_be_read_again(tmp_path: Path) -> None:
    source = DumpSource([dump(tmp_path, "trades", ROWS["trades"])], Problems())
    assert list(source) == list(source)


TRADE_HEADER = (
    "TimestampOfReceive,Stream,EventType,EventTime,TransactionTime,Symbol,TradeId,Price,"
    "Quantity,IsBuyerMarketMaker,XUnknownParameter"
)
DEPTH_HEADER = (
    "TimestampOfReceive,Stream,EventType,EventTime,TransactionTime,Symbol,FirstUpdateId,"
    "FinalUpdateId,FinalUpdateIdInLastStream,IsAsk,Price,Quantity"
)


def test_recorded_trades_are_prints_on_the_market_only(tmp_path: Path) -> None:
    file = tmp_path / "recording.csv"
    rows = [
        f"{T0 + 9},s,trade,{T0 + 5},{T0},TRXUSDT,7,0.5,2,1,MARKET",
        f"{T0 + 9},s,trade,{T0 + 5},{T0},TRXUSDT,8,0.0,0.0,0,NA",
        f"{T0 + 9},s,trade,{T0 + 5},{T0},TRXUSDT,9,9.5,2,1,INSURANCE_FUND",
    ]
    file.write_text("\n".join([TRADE_HEADER, *rows]))
    problems = Problems()
    (event,) = DumpSource([file], problems)
    assert (event.ts_ms, event.ts_recv_ms, event.update_id) == (T0 + 9, T0 + 9, None)
    assert event.payload.ts == T0 + 5  # type: ignore[union-attr]
    assert problems.left_out == {"trades that are no market prints": 2}


def test_recorded_depth_is_one_diff_an_update(tmp_path: Path) -> None:
    file = tmp_path / "recording.csv"
    rows = [
        f"{T0 + 9},s,depthUpdate,{T0 + 5},{T0},TRXUSDT,10,12,9,0,0.5,2",
        f"{T0 + 9},s,depthUpdate,{T0 + 5},{T0},TRXUSDT,10,12,9,1,0.6,0",
        f"{T0 + 19},s,depthUpdate,{T0 + 15},{T0},TRXUSDT,13,13,12,0,0.4,1",
    ]
    file.write_text("\n".join([DEPTH_HEADER, *rows]))
    assert [event.payload for event in events(file)] == [
        DepthDiff(
            ts=T0 + 5,
            symbol="TRXUSDT",
            first_update_id=10,
            last_update_id=12,
            prev_update_id=9,
            bids=((Decimal("0.5"), Decimal(2)),),
            asks=((Decimal("0.6"), Decimal(0)),),
        ),
        DepthDiff(
            ts=T0 + 15,
            symbol="TRXUSDT",
            first_update_id=13,
            last_update_id=13,
            prev_update_id=12,
            bids=((Decimal("0.4"), Decimal(1)),),
        ),
    ]
    file.write_text("\n".join([DEPTH_HEADER, rows[0], rows[1].replace("9,1,", "8,1,")]))
    with pytest.raises(FixtureError, match=r"csv:2: FinalUpdateId = '12': all rows"):
        events(file)


@pytest.mark.recordings
def test_the_trade_recording_is_read_whole(recordings: Path) -> None:
    file = recordings / "trades" / "usdm_trxusdt_trade_20250304.csv.gz"
    problems = Problems()
    made = list(DumpSource([file], problems))
    with gzip.open(file, "rt") as text:
        rows = [row for row in csv.DictReader(text) if row["XUnknownParameter"] == "MARKET"]
    assert problems.left_out == {"trades that are no market prints": 1}
    assert [
        (
            str(event.payload.trade_id),  # type: ignore[union-attr]
            str(event.payload.price),  # type: ignore[union-attr]
            str(event.payload.qty),  # type: ignore[union-attr]
            str(int(event.payload.is_buyer_maker)),  # type: ignore[union-attr]
            str(event.ts_ms),
        )
        for event in made
    ] == [
        (r["TradeId"], r["Price"], r["Quantity"], r["IsBuyerMarketMaker"], r["TimestampOfReceive"])
        for r in rows
    ]


@pytest.mark.recordings
def test_the_depth_recording_is_an_unbroken_chain(recordings: Path) -> None:
    made = events(recordings / "trades" / "usdm_trxusdt_depth_20250304.csv.gz")
    diffs = [event.payload for event in made]
    assert all(isinstance(diff, DepthDiff) for diff in diffs)
    assert len(diffs) == 600
    assert sum(len(d.bids) + len(d.asks) for d in diffs) == 10_000  # type: ignore[union-attr]
    chain = [(d.prev_update_id, d.last_update_id) for d in diffs]  # type: ignore[union-attr]
    assert [previous for previous, _ in chain[1:]] == [last for _, last in chain[:-1]]


@pytest.mark.recordings
def test_the_quote_recording_follows_the_path_on_both_sides(recordings: Path) -> None:
    file = recordings / "quotes_1m" / "usdm_adausdt_quote_1m_20221213.csv.gz"
    assert looks_like_dump(file)
    made = events(file)
    assert [market_event(market_line(event), event.seq) for event in made] == made
    by_minute: dict[int, list[dict[str, object]]] = {}
    for line in lines(made):
        by_minute.setdefault(int(str(line["ts"])) // 60_000, []).append(line)
    with gzip.open(file, "rt") as text:
        rows = list(csv.DictReader(text))
    assert len(by_minute) == len(rows) == 1_100
    for row in rows:
        quotes = by_minute[int(row["open_time"]) // 60_000]
        for side in ("bid", "ask"):
            prices = [Decimal(str(quote[f"{side}_price"])) for quote in quotes]
            assert [prices[0], max(prices), min(prices), prices[-1]] == [
                Decimal(row[f"{side}_{name}"]) for name in ("open", "high", "low", "close")
            ]


@given(
    st.lists(
        st.tuples(
            st.integers(-9_999, 9_999).filter(bool),
            st.decimals(0, 10**12, places=3),
            st.decimals(0, 10**12, places=3),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda band: band[0],
    ).map(sorted)
)
def test_depth_bands_round_trip(bands: list[tuple[int, Decimal, Decimal]]) -> None:
    event = Event(T0, DepthBands(ts=T0, symbol="BTCUSDT", bands=tuple(bands)), 3)
    assert market_event(market_line(event), 3) == event


@pytest.mark.parametrize(
    "bands",
    [
        (),
        ((0, 1, 1),),
        ((5, 1, 1), (5, 1, 1)),
        ((5, 1, 1), (-5, 1, 1)),
        ((5, -1, 1),),
        ((5, 1, -1),),
        ((5, "NaN", 1),),
        ((True, 1, 1),),
    ],
)
def test_depth_bands_are_valid_from_birth(bands: tuple[tuple[int, int, int], ...]) -> None:
    made = tuple((edge, Decimal(depth), Decimal(notional)) for edge, depth, notional in bands)
    with pytest.raises(ContractError, match="bands"):
        DepthBands(ts=T0, symbol="BTCUSDT", bands=made)
