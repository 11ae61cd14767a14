"""Sessions that pay funding: against a plain twin, by every command, and what is warned of."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.runs import RunStore, RunView, load_run
from grinder_adapters.synthetic.demo import DEMO_START_MS, demo_events
from grinder_app.cli import run
from grinder_app.report.page import render
from grinder_app.report.wording import money
from grinder_app.runner.summary import SYMBOL_COLUMNS
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarkPrice, Snapshot

HOUR = 3_600_000
EVERY = 7
SYMBOLS = ("BTCUSDT", "DOGEUSDT")
RATES = {
    ("BTCUSDT", 1): "0.00010000",
    ("BTCUSDT", 2): "-0.00032100",
    ("BTCUSDT", 3): "0.00000000",
    ("BTCUSDT", 4): "0.01",
    ("BTCUSDT", 5): "0.00012345",
    ("DOGEUSDT", 1): "-0.02000000",
    ("DOGEUSDT", 2): "0.00050000",
    ("DOGEUSDT", 3): "0.00050001",
    ("DOGEUSDT", 4): "0.0000001",
    ("DOGEUSDT", 5): "-0.00040000",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of two made-up markets, a few of the quotes."""
    path = tmp_path_factory.mktemp("data") / "events.jsonl"
    write_events(path, list(demo_events())[::EVERY])
    return path


def schedule(path: Path, rates: dict[tuple[str, int], str]) -> Path:
    rows = [f"{s},{DEMO_START_MS + hour * HOUR + 4},{rate}" for (s, hour), rate in rates.items()]
    path.write_text("\n".join(["symbol,fundingTime,fundingRate", *rows]) + "\n")
    return path


@pytest.fixture
def funding(tmp_path: Path) -> Path:
    return schedule(tmp_path / "funding.csv", RATES)


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code = run([*map(str, arguments), "--no-report", "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    value = json.loads(shown.out)
    assert isinstance(value, dict)
    return value


def paper(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    return command(capsys, "paper", "--data", *arguments)


def sets(**venue: str) -> list[str]:
    return [part for name, value in venue.items() for part in ("--set", f"venue.{name}={value}")]


def latest() -> RunView:
    return load_run(RunStore(Path("var/artifacts")).list()[-1].path)


def funding_of(result: dict[str, Any]) -> dict[str, Decimal]:
    return {s: Decimal(costs["funding_paid"]) for s, costs in result["costs"].items()}


def twin(
    quotes: Iterable[Event], view: RunView, rates: dict[tuple[str, int], str]
) -> dict[str, Decimal]:
    """Funding by hand: position out of the fills, mid of the last quote before, times the rate."""
    with (view.path / "sessions" / view.sessions[0].name / "trades.csv").open() as file:
        fills = list(csv.DictReader(file))
    mids: dict[tuple[str, int], Decimal] = {}
    for event in quotes:
        quote = event.payload
        assert isinstance(quote, Snapshot)
        for symbol, hour in rates:
            if symbol == quote.symbol and quote.ts < DEMO_START_MS + hour * HOUR + 4:
                mids[symbol, hour] = (quote.bid_price + quote.ask_price) / 2
    paid = dict.fromkeys(SYMBOLS, Decimal(0))
    for (symbol, hour), rate in rates.items():
        position = sum(
            Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
            for fill in fills
            if fill["symbol"] == symbol and int(fill["ts"]) < DEMO_START_MS + hour * HOUR + 4
        )
        paid[symbol] += position * mids[symbol, hour] * Decimal(rate)
    return paid


# --- what is paid --------------------------------------------------------------------------------


def test_a_session_pays_what_a_plain_twin_computes(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = paper(capsys, data, "--funding", funding)
    expected = twin(list(demo_events())[::EVERY], latest(), RATES)
    assert funding_of(found) == expected
    assert all(expected.values()), "each symbol must hold something, or this test shows nothing"
    assert Decimal(found["funding_paid"]) == sum(expected.values())
    assert found["stats"]["funding_payments"] == len(RATES)
    free = paper(capsys, data)
    assert set(funding_of(free).values()) == {0}
    same = {k: v for k, v in found["costs"]["BTCUSDT"].items() if k != "funding_paid"}
    assert same == {k: v for k, v in free["costs"]["BTCUSDT"].items() if k != "funding_paid"}
    charged = Decimal(free["net_pnl"]) - Decimal(found["net_pnl"])
    assert charged == Decimal(found["funding_paid"])


def test_every_form_of_the_list_and_the_imported_stream_pay_the_same(
    data: Path, funding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = paper(capsys, data, "--funding", funding)
    listed = [
        {"symbol": s, "fundingTime": DEMO_START_MS + hour * HOUR + 4, "fundingRate": rate}
        for (s, hour), rate in RATES.items()
    ]
    rest = tmp_path / "rest.json"
    rest.write_text(json.dumps(listed))
    dumps = []
    for symbol in SYMBOLS:
        dumps.append(tmp_path / f"{symbol}-fundingRate-2025-01.csv")
        rows = [
            f"{DEMO_START_MS + hour * HOUR + 4},1,{rate}"
            for (s, hour), rate in RATES.items()
            if s == symbol
        ]
        dumps[-1].write_text("\n".join(rows) + "\n")
    assert paper(capsys, data, "--funding", rest)["digest"] == whole["digest"]
    assert paper(capsys, data, "--funding", *dumps)["digest"] == whole["digest"]
    events = tmp_path / "funding.jsonl"
    assert run(["data", "import", str(funding), "--out", str(events)]) == 0
    capsys.readouterr()
    merged = paper(capsys, data, events, *sets(funding_source="data"))
    assert funding_of(merged) == funding_of(whole)
    assert merged["warnings"] == whole["warnings"] == []


def test_a_backtest_and_the_demo_pay_too(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = paper(capsys, data, "--funding", funding)
    tested = command(capsys, "backtest", data, "--funding", funding)
    assert tested["sessions"][0]["funding"] == whole["funding_paid"]
    assert tested["totals"]["funding"] == whole["funding_paid"]
    assert tested["sessions"][0]["digest"] == whole["digest"]
    shown = command(capsys, "demo", "--venue", "sim", "--funding", funding)
    assert funding_of(shown) == twin(demo_events(), latest(), RATES)
    manifest = latest().manifest
    assert [file.get("kind") for file in manifest["data"]] == [None, "funding"]
    assert manifest["data"][0] == {"name": demo_events().name}


def test_two_halves_pay_what_the_whole_pays(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = paper(capsys, data, "--funding", funding)
    paper(capsys, data, "--funding", funding, "--stop-after", 2_500, "--checkpoint", "half")
    rest = paper(capsys, data, "--funding", funding, "--resume", "half")
    assert rest["running_digest"] == whole["running_digest"]
    assert funding_of(rest) == funding_of(whole)


@pytest.mark.parametrize("resumes", [False, True])
def test_samples_of_equity_add_up(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str], resumes: bool
) -> None:
    arguments: list[object] = [data, "--funding", funding]
    if resumes:
        paper(capsys, *arguments, "--stop-after", 2_500, "--checkpoint", "half")
        arguments += ["--resume", "half"]
    found = paper(capsys, *arguments)
    curve = latest().sessions[0].equity
    names = ("equity", "realized", "unrealized", "fees", "funding")
    for equity, realized, unrealized, fees, paid in zip(*(curve[n] for n in names), strict=True):
        assert equity == 10_000 + realized + unrealized - fees - paid
    assert curve["funding"][-1] == Decimal(found["funding_paid"])
    assert len(set(curve["funding"])) > 3


def test_only_the_days_and_symbols_asked_for_pay(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = paper(capsys, data, "--funding", funding, "--symbols", "DOGEUSDT")
    assert found["stats"]["funding_payments"] == 5
    assert set(found["costs"]) == {"DOGEUSDT"}


# --- what is kept and said -----------------------------------------------------------------------


def test_the_run_says_what_was_charged_and_by_which_file(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = paper(capsys, data, "--funding", funding)
    view = latest()
    manifest = view.manifest
    assert manifest["config"]["venue"]["funding_source"] == "data"
    assert manifest["origins"]["venue.funding_source"] == "--funding"
    assert [(file["name"], file["kind"]) for file in manifest["data"]] == [
        ("events.jsonl", "events"),
        ("funding.csv", "funding"),
    ]
    assert manifest["inputs"]["funding"] == [str(funding)]
    assert (
        "Funding: Settlements of funding.csv, paid at their time; where there are none, none is "
        "paid." in manifest["assumptions"]
    )
    page = render(view)
    assert "Settlements of funding.csv" in page
    assert '<th scope="col" class="num">Funding</th>' in page
    assert "10 settlements" in page
    assert f"funding {-float(found['funding_paid']):+,.2f}" in page
    assert run(["runs", "show", "latest"]) == 0
    assert "assumed: Funding" in capsys.readouterr().out


def test_the_tables_show_it_by_symbol(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data", str(data), "--funding", str(funding), "--no-report"]) == 0
    shown = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("\u2502")[1:-1]] for line in shown.splitlines()]
    rows = {row[0]: row for row in cells if len(row) == len(SYMBOL_COLUMNS)}
    result = latest().sessions[0].result
    for symbol in SYMBOLS:
        held, costs = result["final_positions"][symbol], result["costs"][symbol]
        fees, paid = Decimal(costs["fees_paid"]), Decimal(costs["funding_paid"])
        net = held["realized_pnl"] + held["unrealized_pnl"] - fees - paid
        assert rows[symbol][SYMBOL_COLUMNS.index("net PnL")] == money(net)
        assert rows[symbol][SYMBOL_COLUMNS.index("funding")] == money(paid)
    assert rows["total"][SYMBOL_COLUMNS.index("net PnL")] == money(result["net_pnl"])
    assert "less than 0 was received" in shown


def test_a_run_with_funding_can_be_repeated_and_its_file_may_move(
    data: Path, funding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper(capsys, data, "--funding", funding)
    assert run(["check", "lookahead", "--samples", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]
    moved = funding.rename(tmp_path / "elsewhere.csv")
    arguments = ["check", "lookahead", "--samples", "1", "--json"]
    assert run(arguments) == 2
    assert run([*arguments, "--data", str(moved)]) == 0
    moved.write_text(moved.read_text().replace("0.01", "0.02"))
    assert run([*arguments, "--data", str(moved)]) == 2


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["none", "constant"])
def test_files_that_would_do_nothing_are_refused(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    arguments = ["paper", "--data", str(data), "--funding", str(funding)]
    assert run([*arguments, *sets(funding_source=source)]) == 2
    said = capsys.readouterr().err
    assert f"does nothing while venue.funding_source is {source} (set by flag)" in said
    assert not Path("var").exists()


def test_an_explicit_source_keeps_its_origin(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper(capsys, data, "--funding", funding, *sets(funding_source="data"))
    assert latest().manifest["origins"]["venue.funding_source"] == "flag"


@pytest.mark.parametrize("name", ["paper", "backtest", "demo"])
def test_a_malformed_file_is_said_before_anything_is_written(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    funding.write_text(funding.read_text().replace("0.00012345", "1.2"))
    given = {"paper": ["--data", str(data)], "backtest": [str(data)], "demo": []}[name]
    assert run([name, *given, "--funding", str(funding)]) == 2
    said = capsys.readouterr().err
    assert f"{funding}:6" in said
    assert "must be a fraction in (-1, 1)" in said
    assert not Path("var").exists()


@pytest.mark.parametrize("name", ["paper", "backtest"])
def test_settlements_are_no_market_data(
    data: Path, funding: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given = {"paper": ["--data", str(data), str(funding)], "backtest": [str(data), str(funding)]}
    assert run([name, *given[name]]) == 2
    assert "holds funding settlements and no prices" in capsys.readouterr().err


def test_a_fixture_brings_its_own(
    root: Path, funding: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixture = root / "fixtures" / "sample_day_allowed"
    assert run(["paper", "--fixture", str(fixture), "--funding", str(funding)]) == 2
    assert "--funding: does not go with --fixture" in capsys.readouterr().err


# --- what is missing -----------------------------------------------------------------------------


def test_symbols_without_any_settlement_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "No funding in the data; positions paid none, although funding_source is data, in "
    found = paper(capsys, data, *sets(funding_source="data"))
    assert found["warnings"] == [f"{said}BTCUSDT, DOGEUSDT."]
    one = {key: rate for key, rate in RATES.items() if key[0] == "BTCUSDT"}
    some = schedule(tmp_path / "one.csv", one)
    assert paper(capsys, data, "--funding", some)["warnings"] == [f"{said}DOGEUSDT."]
    view = latest()
    assert view.manifest["warnings"] == [f"{said}DOGEUSDT."]
    assert f"{said}DOGEUSDT." in render(view)
    assert command(capsys, "backtest", data, "--funding", some)["warnings"] == [f"{said}DOGEUSDT."]


def test_a_hole_in_the_settlements_is_told_and_never_filled(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holed = {key: rate for key, rate in RATES.items() if key != ("BTCUSDT", 3)}
    found = paper(capsys, data, "--funding", schedule(tmp_path / "holed.csv", holed))
    (warning,) = found["warnings"]
    assert warning == (
        "BTCUSDT has a funding gap, for which nothing was paid: 2025-01-06 02:00:00 to "
        "2025-01-06 04:00:00 UTC (2 h, usual 1 h)."
    )
    assert latest().manifest["warnings"] == [warning]
    assert found["stats"]["funding_payments"] == len(holed)


def test_settlements_around_a_session_prove_that_none_is_missing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    around = {(s, hour): "0.0001" for s in SYMBOLS for hour in (-9, -1, 7, 15)}
    path = schedule(tmp_path / "around.csv", around)
    found = paper(capsys, data, "--funding", path)
    assert found["stats"]["funding_payments"] == 0
    assert found["warnings"] == []
    early = {key: rate for key, rate in around.items() if key[1] == -9}
    found = paper(capsys, data, "--funding", schedule(tmp_path / "early.csv", early))
    assert [w.partition(",")[0] for w in found["warnings"]] == [
        "BTCUSDT has a funding gap",
        "DOGEUSDT has a funding gap",
    ]


def test_warnings_of_several_sessions_name_theirs(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quotes = list(demo_events())[::EVERY]
    paths = []
    for symbol in SYMBOLS:
        paths.append(tmp_path / f"{symbol}.jsonl")
        write_events(paths[-1], [e for e in quotes if e.payload.symbol == symbol])  # type: ignore[union-attr]
    one = schedule(tmp_path / "one.csv", {k: r for k, r in RATES.items() if k[0] == "BTCUSDT"})
    found = command(capsys, "backtest", *paths, "--funding", one)
    (warning,) = found["warnings"]
    assert warning.startswith("DOGEUSDT: No funding in the data")
    assert latest().manifest["warnings"] == [warning]
    by_name = {session["name"]: session for session in found["sessions"]}
    assert Decimal(by_name["DOGEUSDT"]["funding"]) == 0
    assert Decimal(by_name["BTCUSDT"]["funding"]) == Decimal(found["totals"]["funding"]) != 0


def test_a_mark_price_that_never_came_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = (
        "No mark price in the data: positions are valued at the mid, although mark_source is "
        "mark_price, in "
    )
    found = paper(capsys, data, *sets(mark_source="mark_price"))
    assert found["warnings"] == [f"{said}BTCUSDT, DOGEUSDT."]
    marks = tmp_path / "marks.jsonl"
    mark = MarkPrice(ts=DEMO_START_MS, symbol="BTCUSDT", mark_price=Decimal(97_000))
    write_events(marks, [Event(mark.ts, mark)])
    found = paper(capsys, data, marks, *sets(mark_source="mark_price"))
    assert found["warnings"] == [f"{said}DOGEUSDT."]


def test_what_nobody_asked_for_is_not_missed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert paper(capsys, data)["warnings"] == []
    assert paper(capsys, data, *sets(funding_source="constant"))["warnings"] == []
    still = tmp_path / "still.jsonl"  # nothing trades on one quote a symbol
    write_events(still, list(demo_events())[:2])
    assert paper(capsys, still, *sets(funding_source="data"))["warnings"] == []


# --- the real list -------------------------------------------------------------------------------


@pytest.mark.recordings
def test_real_settlements_of_a_real_day(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = recordings / "klines_1m" / "SOLUSDT-1m-20250504-20250603.parquet"
    settled = recordings / "reference" / "usdm_funding_20250306_20250615.csv.gz"
    days = ("--days", "2025-05-05..2025-05-06")
    found = command(capsys, "backtest", bars, *days, "--funding", settled)
    (session,) = found["sessions"]
    assert Decimal(session["funding"]) != 0
    result = latest().sessions[0].result
    assert result["stats"]["funding_payments"] == 5  # the one at 00:00 opens the first day
    assert found["warnings"] == [w for w in found["warnings"] if "klines" in w]
