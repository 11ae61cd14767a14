"""CORE-44: ``grinder soak gate`` measures real runs and ends with the code its verdict asks for."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.feeds.fixture import Fixture
from grinder_app.checks import soak
from grinder_app.cli import run
from grinder_core.checks.soak import NIGHTLY_METRICS, SoakMode
from grinder_core.codec import canonical_json
from grinder_core.contracts.event import market_line
from grinder_core.errors import ConfigError
from tests.support.factories import mid_quote

COMMITTED = Path(__file__).resolve().parents[2] / "fixtures"
CASES = ("sample_day_allowed", "sample_day_toxic")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the committed fixtures."""
    root = tmp_path_factory.mktemp("cases")
    for name in CASES:
        shutil.copytree(COMMITTED / name, root / name)
    return root


@pytest.fixture(scope="module")
def measured(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one real gate over them."""
    out = tmp_path_factory.mktemp("report") / "soak.json"
    told = ["--fixtures", str(cases), "--runs", "2", "--out", str(out)]
    assert run(["soak", "gate", *told]) == 0
    return out


def changed(report: Path, folder: Path, **changes: Any) -> str:
    path = folder / "changed.json"
    path.write_text(json.dumps({**json.loads(report.read_text()), **changes}))
    return str(path)


def a_case(root: Path, *times: int, **engine: Any) -> Path:
    """A fixture of calm quotes at the given times."""
    folder = root / "calm"
    folder.mkdir()
    lines = [canonical_json(market_line(mid_quote(ts, 100, half_spread="0.01"))) for ts in times]
    (folder / "events.jsonl").write_text("".join(line + "\n" for line in lines))
    (folder / "config.json").write_text(json.dumps({"schema_version": "v1", "engine": engine}))
    return root


def test_real_runs_pass_and_the_report_says_how(measured: Path) -> None:
    report = json.loads(measured.read_text())
    assert [fixture["name"] for fixture in report["fixtures"]] == list(CASES)
    for fixture in report["fixtures"]:
        expected = json.loads((COMMITTED / fixture["name"] / "config.json").read_text())
        assert fixture["digests"] == [expected["expected_paper_digest"]] * 2
    assert (report["all_digests_stable"], report["errors_total"]) == (True, 0)
    assert (report["events_dropped"], report["fill_rate"]) == (0, "1")
    assert (report["mode"], report["runs"], report["schema_version"]) == ("baseline", 2, "v1")
    assert all(report[metric] is not None for metric in NIGHTLY_METRICS)


def test_people_get_a_table_and_machines_a_line(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["soak", "gate", "--report", str(measured)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == "PASS"
    assert "must be >= 0.4 and <= 1" in told
    assert told.count("shown only") == 5
    assert run(["soak", "gate", "--report", str(measured), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["passed"], answer["nightly"], answer["findings"]) == (True, False, [])
    assert answer["report"] == json.loads(measured.read_text())
    assert answer["thresholds"]["fill_rate_min"] == "0.4"


def test_a_slow_machine_fails_only_at_night(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = changed(
        measured,
        tmp_path,
        decision_latency_p99_ms="50.001",
        order_latency_p99_ms="100",
        rss_mb_max=512,
    )
    assert run(["soak", "gate", "--report", slow]) == 0
    capsys.readouterr()
    assert run(["soak", "gate", "--report", slow, "--nightly"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == ["decision_latency_p99_ms = 50.001: must be <= 50", "FAIL"]


def test_a_report_with_a_lying_flag_fails(measured: Path, tmp_path: Path) -> None:
    report = json.loads(measured.read_text())
    report["fixtures"][1]["digests"][1] = "f" * 16
    assert run(["soak", "gate", "--report", changed(measured, tmp_path, **report)]) == 1


@pytest.mark.parametrize(
    ("changes", "nightly", "code"),
    [
        ({"fill_rate": None}, False, 2),
        ({"order_latency_p99_ms": None}, False, 0),
        ({"order_latency_p99_ms": None}, True, 2),
        ({"fixtures": []}, False, 2),
        ({"runs": "2"}, False, 2),
        ({"mode": "overload"}, False, 2),
        ({"schema_version": "v0"}, False, 2),
    ],
)
def test_reports_that_cannot_be_judged(
    measured: Path, tmp_path: Path, changes: dict[str, Any], nightly: bool, code: int
) -> None:
    flags = ["--nightly"] if nightly else []
    report = changed(measured, tmp_path, **changes)
    assert run(["soak", "gate", "--report", report, *flags]) == code


def test_bad_arguments_are_exit_2(
    cases: Path, measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for arguments in (
        ["--fixtures", str(cases), "--runs", "1"],
        ["--fixtures", str(tmp_path / "nowhere")],
        ["--report", str(tmp_path / "nowhere.json")],
        ["--report", str(broken)],
        ["--report", str(measured), "--runs", "2"],
        ["--report", str(measured), "--fixtures", str(cases)],
        ["--report", str(measured), "--thresholds", str(broken)],
        ["--mode", "idle"],
    ):
        assert run(["soak", "gate", *arguments]) == 2, arguments
        assert capsys.readouterr().out == "" or "idle" in arguments
    unread = tmp_path / "cases"
    shutil.copytree(cases, unread)
    (unread / CASES[0] / "events.jsonl").write_text("{\n")
    assert run(["soak", "gate", "--fixtures", str(unread)]) == 2


def test_own_thresholds_decide_and_unknown_ones_are_refused(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = json.loads(soak.THRESHOLDS_FILE.read_text())
    limits["modes"]["baseline"]["fill_rate_max"] = "0.9"
    own = tmp_path / "own.json"
    own.write_text(json.dumps(limits))
    told = ["--report", str(measured), "--thresholds", str(own)]
    assert run(["soak", "gate", *told]) == 1
    limits["modes"]["overload"]["fill_rate"] = "0.9"
    own.write_text(json.dumps(limits))
    capsys.readouterr()
    assert run(["soak", "gate", *told]) == 2
    assert f"{own}: modes.overload.fill_rate: is no key" in capsys.readouterr().err


def test_the_packaged_thresholds_are_those_of_the_specification() -> None:
    table = {
        "errors_total": (0, 0),
        "events_dropped": (0, 0),
        "fill_rate_min": (Decimal("0.4"), Decimal("0.2")),
        "fill_rate_max": (1, 1),
        "decision_latency_p99_ms": (50, 200),
        "order_latency_p99_ms": (100, 400),
        "rss_mb_max": (512, 1024),
        "event_queue_depth_max": (1000, 10_000),
    }
    for n, mode in enumerate((SoakMode.BASELINE, SoakMode.OVERLOAD)):
        limits = soak.read_thresholds(soak.THRESHOLDS_FILE, mode)
        assert {name: getattr(limits, name) for name in table} == {
            name: values[n] for name, values in table.items()
        }


def test_a_run_that_drifts_is_found(
    cases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest, calls = soak.run_session, count(1)

    def drifting(*arguments: Any, **named: Any) -> Any:
        result = honest(*arguments, **named)
        return evolve(result, digest="0" * 16) if next(calls) == 2 else result

    monkeypatch.setattr(soak, "run_session", drifting)
    assert run(["soak", "gate", "--fixtures", str(cases), "--runs", "2"]) == 1
    told = capsys.readouterr().out
    assert "all_digests_stable = false: must be true" in told
    assert "DIFFERS" in told


def test_a_run_that_ends_early_counts_its_error_and_what_it_dropped(
    cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = soak.load_fixture

    def with_a_step_back(path: Path, root: Path) -> Fixture:
        fixture = honest(path, root)
        if path.name != CASES[0]:
            return fixture
        events = fixture.events[:30]
        return evolve(fixture, events=(*events[:20], events[0], *events[20:]))

    monkeypatch.setattr(soak, "load_fixture", with_a_step_back)
    report = soak.run_soak(cases, runs=2)
    assert (report.errors_total, report.events_dropped) == (3, 3 * 11)
    assert report.fixtures[0].digests == (None, None)
    assert report.all_digests_stable is False


@pytest.mark.parametrize(
    ("mode", "p50", "p99", "depth"),
    [(SoakMode.BASELINE, "2", "3", 2), (SoakMode.OVERLOAD, "3.9", "5", 3)],
)
def test_latency_is_work_and_waiting_at_the_recorded_pace(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: SoakMode,
    p50: str,
    p99: str,
    depth: int,
) -> None:
    """Every turn takes 2 ms of a clock that only the measurement moves."""
    clock = count(0, 2 * 10**6)
    monkeypatch.setattr(soak, "perf_counter_ns", lambda: next(clock))
    root = a_case(tmp_path, 0, 1, 10, size_per_level="1", max_spread_bps=100)
    report = soak.run_soak(root, runs=2, mode=mode)
    assert report.decision_latency_p50_ms == Decimal(p50)
    assert report.decision_latency_p99_ms == Decimal(p99)
    assert report.event_queue_depth_max == depth
    # the first quote placed the grid, nothing moved afterwards
    assert report.order_latency_p99_ms == 2


def test_without_orders_nothing_is_invented(tmp_path: Path) -> None:
    report = soak.run_soak(a_case(tmp_path, 0, 1, max_spread_bps=1), runs=2)
    assert (report.fill_rate, report.order_latency_p99_ms) == (1, None)
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = soak.run_soak(a_case(empty), runs=2)
    assert (nothing.decision_latency_p50_ms, nothing.event_queue_depth_max) == (None, 0)
    assert nothing.all_digests_stable is True


def test_one_run_is_refused(cases: Path) -> None:
    with pytest.raises(ConfigError, match="runs"):
        soak.run_soak(cases, runs=1)
