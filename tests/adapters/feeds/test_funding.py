"""Funding settlements: each form of the venue's lists, their order, and what is refused."""

from __future__ import annotations

import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.funding import OUTSIDE_GRAMMAR, FundingFiles, looks_like_funding
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_adapters.feeds.recordings import Format, format_of, open_recordings
from grinder_core.contracts.market import Funding
from grinder_core.errors import ConfigError, FixtureError

HOUR = 3_600_000
T0 = 1_741_276_800_000  # 2025-03-06 16:00 UTC

SYMBOLS_CSV = f"""symbol,fundingTime,fundingRate
SOLUSDT,{T0},-0.00017064
SOLUSDT,{T0 + 8 * HOUR + 3},0.00010000
BTCUSDT,{T0 + 1},0.00004124
"""
DUMP_CSV = f"""calc_time,funding_interval_hours,last_funding_rate
{T0},8,-0.00017064
{T0 + 8 * HOUR + 3},8,0.00010000
{T0 + 12 * HOUR},4,-0.02
"""
REST = [
    {
        "symbol": "SOLUSDT",
        "fundingTime": T0,
        "fundingRate": "-0.00017064",
        "markPrice": "142.31000000",
        "rateType": "Regular",
    },
    {"symbol": "BTCUSDT", "fundingTime": T0 + 1, "fundingRate": "0.00004124"},
    {"symbol": "SOLUSDT", "fundingTime": T0 + 8 * HOUR + 3, "fundingRate": "0.00010000"},
]
SOL = (
    Funding(ts=T0, symbol="SOLUSDT", rate=Decimal("-0.00017064")),
    Funding(ts=T0 + 8 * HOUR + 3, symbol="SOLUSDT", rate=Decimal("0.00010000")),
)
BTC = Funding(ts=T0 + 1, symbol="BTCUSDT", rate=Decimal("0.00004124"))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    content = text.encode()
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name.removesuffix(".zip") + ".csv", content)
    else:
        path.write_bytes(content)
    return path


def settlements(*paths: Path, symbol: str | None = None) -> list[Funding]:
    events = list(FundingFiles(paths, symbol=symbol))
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(event.ts_ms == event.payload.ts for event in events)  # type: ignore[union-attr]
    return [event.payload for event in events]  # type: ignore[misc]


def refusal(path: Path, symbol: str | None = None) -> str:
    with pytest.raises((FixtureError, ConfigError)) as raised:
        settlements(path, symbol=symbol)
    return str(raised.value)


# --- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.zip"])
def test_a_csv_of_several_symbols(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, SYMBOLS_CSV)
    assert looks_like_funding(path)
    assert format_of(path) is Format.FUNDING
    assert settlements(path) == [SOL[0], BTC, SOL[1]]


@pytest.mark.parametrize("end", [".csv", ".csv.gz", ".zip"])
def test_a_public_dump_states_its_intervals(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, f"SOLUSDT-fundingRate-2025-03{end}", DUMP_CSV)
    assert format_of(path) is Format.FUNDING
    assert settlements(path)[:2] == list(SOL)
    (found,) = FundingFiles([path]).by_symbol.values()
    assert [each.interval_ms for each in found] == [8 * HOUR, 8 * HOUR, 4 * HOUR]


def test_an_old_dump_has_no_header(tmp_path: Path) -> None:
    rows = DUMP_CSV.partition("\n")[2]
    path = written(tmp_path, "SOLUSDT-fundingRate-2020-03.csv", rows)
    assert looks_like_funding(path)
    assert len(settlements(path)) == 3
    other = written(tmp_path, "three-columns.csv", rows)
    assert not looks_like_funding(other)
    assert len(settlements(other, symbol="SOLUSDT")) == 3


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("name", ["rest.json", "rest.json.gz"])
def test_the_venues_json_list(tmp_path: Path, name: str, indent: int | None) -> None:
    path = written(tmp_path, name, "\n " + json.dumps(REST, indent=indent) + "\n")
    assert format_of(path) is Format.FUNDING
    assert settlements(path) == [SOL[0], BTC, SOL[1]]


def test_columns_may_stand_anywhere_and_further_ones_are_left_alone(tmp_path: Path) -> None:
    text = f"fundingRate,markPrice,symbol,fundingTime\n0.0001,7.5,SOLUSDT,{T0}\n"
    (found,) = settlements(written(tmp_path, "f.csv", text))
    assert found == Funding(ts=T0, symbol="SOLUSDT", rate=Decimal("0.0001"))


def test_rates_are_exact_and_times_the_venues_own(tmp_path: Path) -> None:
    text = f"symbol,fundingTime,fundingRate\nSOLUSDT,{T0 + 7}123,0.12345678901234567890123\n"
    (found,) = settlements(written(tmp_path, "f.csv", text))
    assert found.ts == T0 + 7  # microseconds are told by their size
    assert str(found.rate) == "0.12345678901234567890123"


def test_files_of_a_symbol_continue_each_other_in_any_order(tmp_path: Path) -> None:
    one = written(tmp_path, "SOLUSDT-fundingRate-2025-03.csv", DUMP_CSV)
    later = f"calc_time,funding_interval_hours,last_funding_rate\n{T0 + 16 * HOUR},4,0.0002\n"
    two = written(tmp_path, "SOLUSDT-fundingRate-2025-04.csv", later)
    other = written(tmp_path, "btc.json", json.dumps(REST[1:2]))
    times = [f.ts for f in settlements(one, two, other)]
    assert settlements(other, two, one) == settlements(one, two, other)
    assert times == sorted(times)
    assert len(times) == 5


def test_a_symbol_outside_our_grammar_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", SYMBOLS_CSV + f"\u5e01USDT,{T0},0.1\n")
    problems = Problems()
    assert len(list(FundingFiles([path], problems))) == 3
    assert problems.left_out == {OUTSIDE_GRAMMAR: 1}


def test_an_import_merges_settlements_with_other_recordings(tmp_path: Path) -> None:
    funding = written(tmp_path, "f.csv", SYMBOLS_CSV)
    trades = written(
        tmp_path,
        "SOLUSDT-trades-2025-03-06.csv",
        f"id,price,qty,quote_qty,time,is_buyer_maker\n8,100,1,100,{T0 + HOUR},true\n",
    )
    kinds = [event.kind for event in open_recordings([trades, funding], Problems())]
    assert kinds == ["FUNDING", "FUNDING", "TRADE", "FUNDING"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AAAUSDT", "BBBUSDT"]),
            st.integers(1, 9),
            st.decimals("-0.99", "0.99", places=8),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_csv_and_json_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int, Decimal]]
) -> None:
    clock = dict.fromkeys(("AAAUSDT", "BBBUSDT"), T0)
    rows = []
    for symbol, hours, rate in drawn:
        clock[symbol] += hours * HOUR
        rows.append((symbol, clock[symbol], f"{rate:f}"))
    folder = tmp_path_factory.mktemp("forms")
    lines = ["symbol,fundingTime,fundingRate", *(f"{s},{t},{r}" for s, t, r in rows)]
    listed = [{"symbol": s, "fundingTime": t, "fundingRate": r} for s, t, r in rows]
    from_csv = settlements(written(folder, "f.csv", "\n".join(lines)))
    assert from_csv == settlements(written(folder, "f.json", json.dumps(listed)))
    expected = sorted(rows, key=lambda row: (row[1], row[0]))
    assert [(f.symbol, f.ts, f.rate) for f in from_csv] == [
        (s, t, Decimal(r)) for s, t, r in expected
    ]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "line", "said"),
    [
        (f"SOLUSDT,{T0 + 9 * HOUR},nan", 5, "fundingRate = 'nan': must be a decimal number"),
        (f"SOLUSDT,{T0 + 9 * HOUR},", 5, "fundingRate = '': must be a decimal number"),
        (f"SOLUSDT,{T0 + 9 * HOUR},1", 5, "fundingRate = '1': must be a fraction in (-1, 1)"),
        (f"SOLUSDT,{T0 + 9 * HOUR},-1.5", 5, "fundingRate = '-1.5': must be a fraction"),
        (f"SOLUSDT,{T0 + 7 * HOUR},0.1", 5, "goes back within SOLUSDT: the one before is at"),
        (f"BTCUSDT,{T0 + 59_999},0.1", 5, f"is the settlement at {T0 + 1} a second time"),
        (f"SOLUSDT,{T0 // 1000},0.1", 5, "must be an epoch time in milliseconds"),
        ("SOLUSDT,soon,0.1", 5, "fundingTime = 'soon': must be an integer"),
        (f"SOLUSDT,{T0 + 9 * HOUR}", 5, "row = 2: must have 3 columns"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str, line: int, said: str) -> None:
    path = written(tmp_path, "f.csv", SYMBOLS_CSV + row + "\n")
    told = refusal(path)
    assert f"{path}:{line}" in told
    assert said in told
    problems = Problems(OnError.SKIP)
    assert len(list(FundingFiles([path], problems))) == 3
    assert problems.count == 1
    assert said in problems.messages[0]


def test_a_minute_apart_is_another_settlement(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", SYMBOLS_CSV + f"BTCUSDT,{T0 + 60_001},0.1\n")
    assert len(settlements(path)) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fundingRate": 0.0001}, "[1].fundingRate = 0.0001: must be a decimal number as text"),
        ({"fundingRate": "half"}, "[1].fundingRate = 'half': must be a decimal number"),
        ({"fundingRate": "-1"}, "[1].fundingRate = '-1': must be a fraction in (-1, 1)"),
        ({"fundingTime": str(T0)}, f"[1].fundingTime = '{T0}': must be an integer"),
        ({"fundingTime": True}, "[1].fundingTime = True: must be an integer"),
        ({"symbol": None}, "[1].symbol"),
        ({"symbol": "SOLUSDT"}, "is the settlement at"),
    ],
)
def test_a_malformed_element_is_named_with_its_line(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    items = [REST[0], {**REST[1], **change}, REST[2]]
    text = "[" + ",\n".join(map(json.dumps, items)) + "]"
    path = written(tmp_path, "rest.json", text)
    told = refusal(path)
    assert f"{path}:2" in told
    assert said in told


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"code": -1121, "msg": "Invalid symbol."}', "must be a JSON list"),
        ("a.json", "[]", "holds no settlement"),
        ("a.json", json.dumps(REST)[:-1], "it does not end with ]"),
        ("a.json", json.dumps(REST)[:-9], "is no JSON"),
        ("a.json", json.dumps(REST) + "x", "it does not end with ]"),
        ("a.json", '[{"symbol":', "is no JSON"),
        ("a.json", "[7]", "[0] = 7: must be an object"),
        ("a.csv", "symbol,fundingTime,fundingRate\n", "holds no settlement"),
        ("a.csv", "open_time,open\n1,2\n", "are not those of a funding file"),
        ("a.csv", DUMP_CSV, "the file does not say its symbol"),
        ("a.csv", "", "is empty"),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in refusal(written(tmp_path, name, text))


def test_a_settlement_in_two_files_is_refused_where_it_stands(tmp_path: Path) -> None:
    dump = written(tmp_path, "SOLUSDT-fundingRate-2025-03.csv", DUMP_CSV)
    rest = written(tmp_path, "rest.json", json.dumps(REST[2:]))
    with pytest.raises(FixtureError, match="a second time") as raised:
        settlements(dump, rest)
    assert any(f"{path}:" in str(raised.value) for path in (dump, rest))


def test_other_files_are_not_taken_for_funding(tmp_path: Path) -> None:
    for name, text in (
        ("a.jsonl", '{"type":"FUNDING"}\n'),
        ("b.json", '[{"fundingTime": 1}]'),
        ("c.csv", "id,price,qty,quote_qty,time,is_buyer_maker\n"),
        ("BTCUSDT-trades-2025-03-06.csv", SYMBOLS_CSV),
    ):
        assert not looks_like_funding(written(tmp_path, name, text)), name
    assert not looks_like_funding(tmp_path)


# --- the real list -------------------------------------------------------------------------------


@pytest.mark.recordings
def test_the_recorded_list_is_read_whole(recordings: Path) -> None:
    path = recordings / "reference" / "usdm_funding_20250306_20250615.csv.gz"
    files = FundingFiles([path])
    assert format_of(path) is Format.FUNDING
    with gzip.open(path, "rt", encoding="ascii") as file:
        lines = file.read().split()[1:]
    expected = {tuple(line.split(",")) for line in lines}
    found = {
        (symbol, str(each.ts), f"{each.funding.rate:f}")
        for symbol, settled in files.by_symbol.items()
        for each in settled
    }
    assert len(lines) == 5_476
    assert len(files.by_symbol) == 19
    assert found == expected
    assert min(each.rate for each in files.in_order()) == Decimal("-0.02")
