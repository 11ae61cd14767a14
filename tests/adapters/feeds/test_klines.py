"""Bars become quotes along one path: the path's invariants, the readers, and every refusal."""

from __future__ import annotations

import gzip
import heapq
import zipfile
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.intrabar import UNITS, Quoter, decimal_of, offsets
from grinder_adapters.feeds.intrabar import path as bar_path
from grinder_adapters.feeds.kline_files import COLUMNS, price_units
from grinder_adapters.feeds.klines import KlineSource, looks_like_klines
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_core.contracts.event import Event, market_event, market_line
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConfigError, ContractError, FixtureError, InputError

T0 = 1_700_000_040_000
MINUTE = 60_000
D = Decimal

Row = tuple[int, object, object, object, object, object]


def a_bar(
    index: int = 0,
    open_: object = 100.0,
    high: object = 101.0,
    low: object = 99.0,
    close: object = 100.5,
    volume: object = 8.0,
) -> Row:
    return T0 + index * MINUTE, open_, high, low, close, volume


def parquet(path: Path, bars: Sequence[Row]) -> Path:
    columns = list(zip(*bars, strict=True)) if bars else [[] for _ in COLUMNS]
    kinds = [pa.int64(), *[pa.float64()] * 5]
    arrays = [pa.array(c, type=k) for c, k in zip(columns, kinds, strict=True)]
    pq.write_table(pa.table(dict(zip(COLUMNS, arrays, strict=True))), path)
    return path


def dump_row(bar: Row) -> str:
    cells = [*map(str, bar), str(bar[0] + MINUTE - 1), "1", "2", "3", "4", "0"]
    return ",".join(cells)


def events(*paths: Path, **settings: object) -> list[Event]:
    return list(KlineSource(paths, Problems(), **settings))  # type: ignore[arg-type]


def quotes(*paths: Path, **settings: object) -> list[Snapshot]:
    made = [event.payload for event in events(*paths, **settings)]
    assert all(isinstance(payload, Snapshot) for payload in made)
    return made  # type: ignore[return-value]


@st.composite
def ohlc(draw: st.DrawFn) -> tuple[int, int, int, int]:
    low, high = sorted(draw(st.tuples(*[st.integers(10**4, 10**15)] * 2)))
    return draw(st.integers(low, high)), high, low, draw(st.integers(low, high))


@given(ohlc())
def test_a_path_touches_exactly_what_the_bar_touched(bar: tuple[int, int, int, int]) -> None:
    open_, high, low, close = bar
    points = bar_path(open_, high, low, close)
    prices = [price for _, price in points]
    quarters = [quarter for quarter, _ in points]
    assert points[0] == (0, open_)
    assert points[-1] == (3, close)
    assert (max(prices), min(prices)) == (high, low)
    assert quarters == sorted(set(quarters))
    assert all(a != b for a, b in pairwise(prices[:-1]))


@given(ohlc())
def test_the_adverse_extreme_comes_first(bar: tuple[int, int, int, int]) -> None:
    prices = [price for _, price in bar_path(*bar)]
    open_, high, low, close = bar
    if open_ not in (low, high) and close not in (low, high):
        assert (
            prices.index(low) < prices.index(high)
            if close >= open_
            else (prices.index(high) < prices.index(low))
        )


@given(st.integers(4, 10**9))
def test_the_four_instants_rise_and_lie_within_the_bar(span: int) -> None:
    marks = offsets(span)
    assert marks[0] == 0
    assert marks[-1] == span - 1
    assert list(marks) == sorted(set(marks))


def test_a_bar_too_short_for_four_instants_is_refused() -> None:
    with pytest.raises(ContractError, match="interval_ms"):
        offsets(3)


@given(
    st.integers(10**6, 10**16),
    st.decimals("0.01", "500", places=2),
    st.sampled_from([None, D("0.00000001"), D("0.0001"), D("0.001"), D("0.0025")]),
)
def test_a_quote_is_the_outward_rounding_of_its_spread(
    price: int, spread: Decimal, tick: Decimal | None
) -> None:
    bid, ask, last = Quoter(spread, tick).quote(price)
    step = tick or D("1E-8")
    with localcontext(Context(prec=60)):
        low = decimal_of(price) * (1 - spread / 20_000)
        high = decimal_of(price) * (1 + spread / 20_000)
        assert bid == (low / step).to_integral_value(ROUND_FLOOR) * step
        assert ask == (high / step).to_integral_value(ROUND_CEILING) * step
    assert 0 < bid < last == decimal_of(price) < ask


@pytest.mark.parametrize(
    ("spread", "tick"),
    [
        *(("0", None), ("-1", None), ("20000", None), ("1E-9", None), ("NaN", None)),
        *(("2", "0"), ("2", "-1"), ("2", "1E-9"), ("2", "Infinity")),
    ],
)
def test_a_quoter_refuses_what_it_cannot_keep(spread: str, tick: str | None) -> None:
    with pytest.raises(ConfigError):
        Quoter(D(spread), None if tick is None else D(tick))


@pytest.mark.parametrize(("price", "tick"), [(1, None), (UNITS // 10, D(1)), (10**17, None)])
def test_a_price_without_room_for_its_quote_is_refused(price: int, tick: Decimal | None) -> None:
    with pytest.raises(ContractError, match="must leave 0 < bid"):
        Quoter(D(2), tick).quote(price)


def test_one_bar_in_full(tmp_path: Path) -> None:
    file = parquet(tmp_path / "ADAUSDT-1m-x.parquet", [a_bar(volume=8.4)])
    assert [market_line(event) for event in events(file)] == [
        {
            "type": "SNAPSHOT",
            "ts": T0 + at,
            "symbol": "ADAUSDT",
            "bid_price": bid,
            "ask_price": ask,
            "bid_qty": "1.05",
            "ask_qty": "1.05",
            "last_price": last,
            "last_qty": "1.05",
        }
        for at, bid, last, ask in (
            (0, "99.99", "100", "100.01"),
            (15_000, "98.9901", "99", "99.0099"),
            (30_000, "100.9899", "101", "101.0101"),
            (59_999, "100.48995", "100.5", "100.51005"),
        )
    ]


def test_a_flat_bar_is_its_open_and_its_close(tmp_path: Path) -> None:
    file = parquet(tmp_path / "ADAUSDT-1m-x.parquet", [a_bar(0, 5.0, 5.0, 5.0, 5.0, 0.0)])
    made = quotes(file)
    assert [quote.ts - T0 for quote in made] == [0, 59_999]
    assert {quote.bid_qty for quote in made} == {0}


def test_a_tick_size_puts_quotes_on_its_grid(tmp_path: Path) -> None:
    file = parquet(tmp_path / "ADAUSDT-1m-x.parquet", [a_bar()])
    for quote in quotes(file, tick_sizes={"ADAUSDT": D("0.05")}, spread_bps=D(7)):
        assert quote.bid_price % D("0.05") == 0
        assert quote.ask_price % D("0.05") == 0


finite = st.floats(1e-7, 1e7).map(lambda x: float(f"{x:.10g}"))


@given(st.one_of(finite, st.floats(1e-9, 1e8)))
def test_a_float_means_its_shortest_decimal(value: float) -> None:
    from grinder_adapters.feeds.kline_files import _units

    assert _units("price", price_units, value) == price_units(Decimal(repr(value)))


@given(st.lists(ohlc(), min_size=1, max_size=20), st.integers(0, 10**18))
def test_every_generated_event_is_a_valid_contract(
    tmp_path_factory: pytest.TempPathFactory, bars: list[tuple[int, int, int, int]], volume: int
) -> None:
    """The importer writes contracts without their checks; reading them back checks them."""
    file = tmp_path_factory.mktemp("bars") / "BTCUSDT-1m-x.csv"
    text = [",".join(COLUMNS)]
    for index, bar in enumerate(bars):
        prices = [format(decimal_of(price), "f") for price in bar]
        text.append(f"{T0 + index * MINUTE},{','.join(prices)},{decimal_of(volume):f}")
    file.write_text("\n".join(text))
    made = events(file)
    assert [event.seq for event in made] == list(range(len(made)))
    assert [event.ts_ms for event in made] == [event.payload.ts for event in made]  # type: ignore[union-attr]
    assert sorted({event.ts_ms for event in made}) == [event.ts_ms for event in made]
    assert [market_event(market_line(event), event.seq) for event in made] == made


FORMS: dict[str, Callable[[Path, Sequence[Row]], Path]] = {}


def form(write: Callable[[Path, Sequence[Row]], Path]) -> Callable[[Path, Sequence[Row]], Path]:
    FORMS[write.__name__] = write
    return write


@form
def as_parquet(folder: Path, bars: Sequence[Row]) -> Path:
    return parquet(folder / "BTCUSDT-1m-2024-01-01.parquet", bars)


@form
def as_dump(folder: Path, bars: Sequence[Row]) -> Path:
    file = folder / "BTCUSDT-1m-2024-01-01.csv"
    file.write_text("\n".join(map(dump_row, bars)) + "\n")
    return file


@form
def as_dump_with_header(folder: Path, bars: Sequence[Row]) -> Path:
    header = ",".join(COLUMNS) + ",close_time,quote_volume,count,tb,tq,ignore\n"
    file = folder / "BTCUSDT-1m-2024-01-01.csv.gz"
    file.write_bytes(gzip.compress((header + "\n".join(map(dump_row, bars))).encode()))
    return file


@form
def as_zip(folder: Path, bars: Sequence[Row]) -> Path:
    file = folder / "BTCUSDT-1m-2024-01-01.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("BTCUSDT-1m-2024-01-01.csv", "\r\n".join(map(dump_row, bars)))
    return file


@form
def as_six_columns(folder: Path, bars: Sequence[Row]) -> Path:
    file = folder / "BTCUSDT-bars.csv"
    rows = [",".join(map(str, reversed(bar))) for bar in bars]
    file.write_text("\n".join([",".join(reversed(COLUMNS)), *rows]))
    return file


@form
def as_microseconds(folder: Path, bars: Sequence[Row]) -> Path:
    file = folder / "BTCUSDT-1m-2025-01-01.csv"
    rows = [
        ",".join([f"{bar[0]}000", *map(str, bar[1:]), f"{bar[0] + MINUTE - 1}999", *"12340"])
        for bar in bars
    ]
    file.write_text("\n".join(rows))
    return file


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_all_forms_of_a_file_give_the_same_events(
    tmp_path: Path, write: Callable[[Path, Sequence[Row]], Path]
) -> None:
    bars = [a_bar(0), a_bar(1, 100.5, 103.25, 100.5, 102.0), a_bar(3, 102.0, 102.0, 98.1, 99.0)]
    (tmp_path / "expected").mkdir()
    expected = events(as_parquet(tmp_path / "expected", bars))
    file = write(tmp_path, bars)
    assert looks_like_klines(file)
    assert events(file) == expected
    assert len(expected) == 4 + 3 + 3


def test_a_source_can_be_read_again(tmp_path: Path) -> None:
    source = KlineSource([parquet(tmp_path / "ADAUSDT-1m-x.parquet", [a_bar()])], Problems())
    assert list(source) == list(source)
    assert source.name.endswith("ADAUSDT-1m-x.parquet")


def test_the_interval_is_that_of_the_first_two_bars_where_nothing_says_it(tmp_path: Path) -> None:
    bars = [(T0 + n * 300_000, 5.0, 5.0, 5.0, 5.0, 1.0) for n in range(2)]
    made = quotes(parquet(tmp_path / "ADAUSDT-bars.parquet", bars))
    assert [quote.ts - T0 for quote in made] == [0, 299_999, 300_000, 599_999]
    made = quotes(parquet(tmp_path / "ADAUSDT-bars.parquet", bars), interval_ms=1000)
    assert [quote.ts - T0 for quote in made] == [0, 999, 300_000, 300_999]


def test_a_single_bar_of_unknown_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="length of its bars"):
        events(parquet(tmp_path / "ADAUSDT-bars.parquet", [a_bar()]))


@given(
    st.lists(
        st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True).map(sorted),
        min_size=2,
        max_size=4,
    )
)
def test_symbols_merge_by_time_then_by_order(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    files = [
        parquet(folder / f"S{n}-1m-x.parquet", [a_bar(minute) for minute in of])
        for n, of in enumerate(minutes)
    ]
    singles = [quotes(file) for file in files]
    assert quotes(*files) == list(heapq.merge(*singles, key=attrgetter("ts")))


def test_chunks_of_many_bars_merge_like_single_events(tmp_path: Path) -> None:
    files = [
        parquet(tmp_path / "AA-1m-x.parquet", [a_bar(n) for n in range(0, 3000)]),
        parquet(tmp_path / "BB-1m-x.parquet", [a_bar(n) for n in range(500, 900)]),
        parquet(tmp_path / "CC-1m-x.parquet", [a_bar(n) for n in range(2500, 6000, 2)]),
    ]
    singles = [quotes(file) for file in files]
    assert quotes(*files) == list(heapq.merge(*singles, key=attrgetter("ts")))


def test_files_of_one_symbol_follow_each_other_whatever_their_order(tmp_path: Path) -> None:
    early = parquet(tmp_path / "ADAUSDT-1m-b.parquet", [a_bar(0), a_bar(1)])
    late = parquet(tmp_path / "ADAUSDT-1m-a.parquet", [a_bar(2), a_bar(3)])
    whole = parquet(tmp_path / "ADAUSDT-1m-c.parquet", [a_bar(n) for n in range(4)])
    assert events(late, early) == events(early, late) == events(whole)
    with pytest.raises(FixtureError, match=r"c\.parquet:1: open_time"):
        events(early, whole, late)


BAD_BARS = {
    "duplicate": ([a_bar(0), a_bar(0)], "2: open_time = .* is a duplicate"),
    "backward": ([a_bar(1), a_bar(0)], "2: open_time = .* goes back"),
    "overlapping": ([a_bar(0), (T0 + 30_000, *a_bar()[1:])], "2: open_time = .* overlaps"),
    "open above high": ([a_bar(open_=101.5)], "1: open = .* between low"),
    "close below low": ([a_bar(close=98.5)], "1: close = .* between low"),
    "high below low": ([a_bar(high=98.0)], "1: open = .* between low"),
    "zero price": ([a_bar(low=0.0)], "1: low = .* > 0"),
    "negative price": ([a_bar(low=-1.0)], "1: low = .* > 0"),
    "not a number": ([a_bar(high=float("nan"))], "1: high = nan"),
    "infinite": ([a_bar(high=float("inf"))], "1: high = inf"),
    "missing": ([a_bar(close=None)], "1: close: "),
    "negative volume": ([a_bar(volume=-1.0)], "1: volume = .* >= 0"),
    "huge volume": ([a_bar(volume=9e11)], "1: volume = .* < 800000000000"),
    "huge price": ([a_bar(0, 1e9, 1e9, 1e9, 1e9)], "1: price = .* ask < 10"),
    "time in seconds": ([(T0 // 1000, *a_bar()[1:])], "1: open_time = .* milliseconds"),
    "no bar": ([], "holds no bar"),
}


@pytest.mark.parametrize(("bars", "message"), BAD_BARS.values(), ids=BAD_BARS)
def test_a_bad_bar_stops_with_file_row_field_and_rule(
    tmp_path: Path, bars: list[Row], message: str
) -> None:
    file = parquet(tmp_path / "ADAUSDT-1m-x.parquet", bars)
    with pytest.raises(FixtureError, match=r"ADAUSDT-1m-x\.parquet:\s?" + message):
        events(file)


@pytest.mark.parametrize(("bars", "message"), BAD_BARS.values(), ids=BAD_BARS)
def test_a_bad_bar_can_be_skipped_and_is_listed(
    tmp_path: Path, bars: list[Row], message: str
) -> None:
    file = parquet(tmp_path / "ADAUSDT-1m-x.parquet", [*bars, a_bar(9)])
    problems = Problems(OnError.SKIP)
    made = list(KlineSource([file], problems))
    assert made[-1].ts_ms == T0 + 10 * MINUTE - 1
    assert problems.count == (1 if bars else 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "no bar"),
        ("open_time,open,high,low,close\n1,2,3,4,5", "csv:1: header.*lacks the columns volume"),
        ("1,2,3", "csv:1: row = 3: must have 12 or 6 columns"),
        (f"{T0},1,1,1,1,1\n{T0 + MINUTE},1,1,1,1", "csv:2: row = 5: must have 6 columns"),
        (f"{T0},1,NaN,1,1,1", "csv:1: high = 'NaN'"),
        (f"{T0},1,1,1,,1", "csv:1: close = ''"),
        (f"{T0}.0,1,1,1,1,1", "csv:1: open_time"),
        (f'{T0},1,1,1,1,"1', "csv:1: is no CSV"),
        (f"{T0},1,1,1,1,1,{T0},0,0,0,0,0", "csv:1: close_time"),
    ],
)
def test_a_bad_csv_stops_with_file_line_field_and_rule(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "ADAUSDT-1m-2024-01-01.csv"
    file.write_text(text)
    with pytest.raises(FixtureError, match=message):
        events(file)


def test_a_cut_off_file_is_named_and_can_be_read_as_far_as_it_goes(tmp_path: Path) -> None:
    text = "\n".join(dump_row(a_bar(n)) for n in range(5000))
    file = tmp_path / "ADAUSDT-1m-2024-01-01.csv.gz"
    file.write_bytes(gzip.compress(text.encode())[:-2000])
    with pytest.raises(FixtureError, match=r"csv\.gz:\d+: the compressed data is damaged"):
        events(file)
    problems = Problems(OnError.SKIP)
    assert len(list(KlineSource([file], problems))) > 100
    assert problems.count == 1


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ADAUSDT-1m-x.parquet"
    file.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(FixtureError, match="is no readable Parquet"):
        looks_like_klines(file)
    with pytest.raises(FixtureError, match="is no readable Parquet"):
        events(file)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"spread_bps": D(0)}, "spread_bps"),
        ({"tick_sizes": {"ADAUSDT": D(0)}}, "tick_size"),
        ({"interval_ms": 3}, "interval_ms"),
        ({"symbol": "ada"}, "symbol"),
    ],
)
def test_settings_are_checked_before_reading(settings: dict[str, object], error: str) -> None:
    with pytest.raises(InputError, match=error):
        KlineSource([Path("ADAUSDT-1m-x.parquet")], Problems(), **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="does not begin with its symbol"):
        KlineSource([Path("bars.parquet")], Problems())
    with pytest.raises(ConfigError, match="at least one file"):
        KlineSource([], Problems())


def test_a_symbol_outside_our_grammar_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    foreign = as_dump(tmp_path / "a", [a_bar()]).rename(tmp_path / "币安USDT-1m-2024-01-01.csv")
    problems = Problems()
    assert list(KlineSource([foreign], problems)) == []
    assert sum(problems.left_out.values()) == 1


def test_other_files_are_not_taken_for_klines(tmp_path: Path) -> None:
    other = tmp_path / "BTCUSDT-trades-2024-01-01.csv"
    other.write_text("1,2,3,4,5,true\n")
    table = tmp_path / "events.parquet"
    pq.write_table(pa.table({"type": ["SNAPSHOT"]}), table)
    assert not looks_like_klines(other)
    assert not looks_like_klines(table)
    assert not looks_like_klines(tmp_path)
    assert not looks_like_klines(tmp_path / "events.jsonl")


@pytest.mark.recordings
def test_recorded_bars_are_touched_to_the_digit(recordings: Path) -> None:
    """An independent reading: polars parses the file, Decimal(repr) gives the venue's digits."""
    import polars

    file = recordings / "klines_1m" / "BTCUSDT-1m-20250504-20250603.parquet"
    frame = polars.read_parquet(file)
    made: dict[int, list[Snapshot]] = {}
    for quote in quotes(file):
        made.setdefault(quote.ts // MINUTE, []).append(quote)
    assert len(made) == frame.height == 43_199
    for time, open_, high, low, close in frame.select(COLUMNS[:5]).iter_rows():
        prices = [quote.last_price for quote in made[time // MINUTE]]
        assert [prices[0], max(prices), min(prices), prices[-1]] == [
            D(repr(value)) for value in (open_, high, low, close)
        ]


@pytest.mark.recordings
def test_many_recorded_symbols_merge_in_time(recordings: Path) -> None:
    files = sorted((recordings / "klines_1m").glob("*USDT-1m-20260104-*.parquet"))[:3]
    last, counts = 0, dict.fromkeys((file.name.split("-")[0] for file in files), 0)
    for seq, event in enumerate(KlineSource(files, Problems())):
        assert event.seq == seq
        assert event.ts_ms >= last
        last = event.ts_ms
        counts[event.payload.symbol] += 1  # type: ignore[union-attr]
    assert all(48_105 * 2 <= count <= 48_106 * 4 for count in counts.values())
