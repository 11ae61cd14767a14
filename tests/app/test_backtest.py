"""``grinder backtest``: sessions out of files, the same in any number of processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.runs import RunStore, load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.runner.backtest import Sessions, plan_sessions
from grinder_app.runner.pool import run_all
from grinder_app.runner.session_loop import TELL_EVERY, SessionJob, run_job
from grinder_core.codec import digest16
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, GrinderError

START = 1_736_121_600_000
SETTINGS = [
    *("--set", "policies.levels=5"),
    *("--set", "policies.notional_per_level=100", "--set", "policies.recenter_bps=20"),
    *("--set", "venue.fill_mode=quote", "--set", "venue.maker_fee_bps_x100=200"),
    *("--set", "venue.taker_fee_bps_x100=500"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Bars of three symbols, and an event file of two others."""
    for index, symbol in enumerate(("AAAUSDT", "BBBUSDT", "CCCUSDT")):
        rows = ["open_time,open,high,low,close,volume"]
        for minute in range(300):
            price = 100 + (minute * (7 + index)) % 13 / 10
            bar = f"{price:.1f},{price + 0.5:.1f},{price - 0.5:.1f},{price + 0.2:.1f},80"
            rows.append(f"{START + 60_000 * minute},{bar}")
        (tmp_path / f"{symbol}-1m-x.csv").write_text("\n".join(rows) + "\n")
    write_events(tmp_path / "demo.jsonl", islice(demo_events(), 1_000))
    return ["AAAUSDT-1m-x.csv", "BBBUSDT-1m-x.csv", "demo.jsonl", "CCCUSDT-1m-x.csv"]


def backtest(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = run(["backtest", *arguments, *SETTINGS, "--json", "--no-report"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    value = json.loads(shown.out)
    assert isinstance(value, dict)
    return value


def names(found: dict[str, Any]) -> list[str]:
    return [session["name"] for session in found["sessions"]]


def test_the_number_of_processes_changes_nothing(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = [backtest(capsys, *files, "--jobs", jobs) for jobs in ("1", "2", "3")]
    assert found[0]["sessions"] == found[1]["sessions"] == found[2]["sessions"]
    assert found[0]["totals"] == found[1]["totals"] == found[2]["totals"]
    assert names(found[0]) == ["AAAUSDT-1m-x", "BBBUSDT-1m-x", "demo", "CCCUSDT-1m-x"]
    assert all(session["fills"] for session in found[0]["sessions"][:3])


def test_a_session_of_a_backtest_is_a_paper_session(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = backtest(capsys, *files, "--together", "[AB]*.csv", "--jobs", "2")
    groups = [["--data", *files[:2]], ["--data", files[2]], ["--data", files[3]]]
    digests = []
    for group in groups:
        assert run(["paper", *group, *SETTINGS, "--json", "--no-report"]) == 0
        digests.append(json.loads(capsys.readouterr().out)["digest"])
    assert [session["digest"] for session in found["sessions"]] == digests
    assert found["digest"] == digest16(sorted(digests))
    assert found["sessions"][0]["symbols"] == ["AAAUSDT", "BBBUSDT"]


def test_totals_are_sums_and_the_folder_holds_every_session(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = backtest(capsys, *files, "--name", "sums")
    view = load_run(RunStore(Path("var/artifacts")).find("sums"))
    by_name = {session.name: session for session in view.sessions}
    assert sorted(by_name) == sorted(names(found))
    assert view.manifest["totals"] == found["totals"]
    assert len(view.manifest["data"]) == len(files)
    assert sum(s["fills"] for s in found["sessions"]) == found["totals"]["fills"]
    total = sum(s.result["net_pnl"] for s in view.sessions)
    assert str(total.normalize()) == str(type(total)(found["totals"]["net_pnl"]).normalize())
    for session in found["sessions"]:
        kept = by_name[session["name"]]
        assert len(kept.trades["ts"]) == session["fills"]
        assert view.manifest["digests"][session["name"]] == kept.result["digest"]


def test_one_session_of_all_files(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = backtest(capsys, *files, "--session", "one")
    assert names(found) == ["all"]
    assert found["sessions"][0]["symbols"] == [
        *("AAAUSDT", "BBBUSDT", "BTCUSDT", "CCCUSDT", "DOGEUSDT")
    ]


def test_symbols_and_days_narrow_the_sessions(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = backtest(capsys, *files, "--symbols", "BBBUSDT,DOGEUSDT", "--days", "2025-01-06")
    assert names(found) == ["BBBUSDT-1m-x", "demo"]
    assert [session["symbols"] for session in found["sessions"]] == [["BBBUSDT"], ["DOGEUSDT"]]


def test_a_wider_spread_is_another_market(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = backtest(capsys, files[0])["sessions"][0]
    wide = backtest(capsys, files[0], "--spread-bps", "60")
    assert "toxicity_gate:SPREAD_SPIKE" not in narrow["blocks"]
    blocks = wide["sessions"][0]["blocks"]
    assert blocks["toxicity_gate:SPREAD_SPIKE"] == wide["totals"]["quotes"]
    assert any("spread of 60 bps" in warning for warning in wide["warnings"])


def test_a_failed_session_stops_no_other_and_decides_the_exit_code(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / files[0]
    broken.write_text(broken.read_text().replace("\n1736121660000,", "\n1736121660000,x", 1))
    assert run(["backtest", *files, *SETTINGS, "--jobs", "2"]) == 2
    shown = capsys.readouterr()
    assert f"{files[0]}:3" in shown.err
    assert "FAILED" in shown.out
    view = load_run(RunStore(Path("var/artifacts")).list()[-1].path)
    assert view.manifest["status"] == "failed"
    digests = view.manifest["digests"]
    assert [name for name, digest in digests.items() if digest is None] == ["AAAUSDT-1m-x"]
    assert len(view.sessions) == len(files)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--together", "nothing*"], "matches none of the files"),
        (["--together", "*", "--session", "one"], "all files form one session already"),
        (["--jobs", "0"], "must be >= 1"),
        (["--trials", "0"], "must be 1 to"),
        (["--symbols", "EEEUSDT"], "occurs in no session"),
        (["--days", "2020-01-01"], "leave nothing"),
        (["--policy", "no.module:Here"], "there is no module"),
        (["missing.csv"], "does not exist"),
        (["AAAUSDT-1m-x.csv"], "is given twice"),
    ],
)
def test_mistakes_end_with_exit_2(
    files: list[str], capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert run(["backtest", *files, *more]) == 2
    assert says in capsys.readouterr().err


def test_the_table_has_a_line_a_session_and_a_total(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ["--set", "gates.max_notional_per_symbol=900"]
    assert run(["backtest", *files, *SETTINGS, *limits]) == 0
    shown = capsys.readouterr()
    for text in (*("AAAUSDT-1m-x", "demo", "total of 4", "Sharpe"), "NOTIONAL_LIMIT"):
        assert text in shown.out
    (report,) = Path("var/artifacts").rglob("report.html")
    assert f"report: {report}" in shown.err
    assert "session 4 of 4" in shown.err


def test_stated_trials_deflate_every_session_and_are_kept_for_the_report(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plain = backtest(capsys, *_long(files))
    told = backtest(capsys, *_long(files), "--trials", "50", "--name", "told")
    for one, other in zip(plain["sessions"], told["sessions"], strict=True):
        few, many = one["statistics"], other["statistics"]
        assert (few["deflated_sharpe"], few["trials"]) == (None, None)
        assert (many["trials"], many["trials_measured"]) == (50, False)
        assert float(many["deflated_sharpe"]) < float(few["probabilistic_sharpe"])
        assert many["sharpe"] == few["sharpe"] == other["sharpe"]
        assert float(few["sharpe_low"]) < float(few["sharpe"]) < float(few["sharpe_high"])
    assert (plain["best"]["trials"], told["best"]["trials"]) == (3, 150)
    assert float(told["best"]["deflated_sharpe"]) < float(plain["best"]["deflated_sharpe"])
    ratios = {s["name"]: float(s["sharpe"]) for s in plain["sessions"]}
    assert ratios[plain["best"]["session"]] == max(ratios.values())
    assert run(["report", "told"]) == 0
    (report,) = Path("var/artifacts").rglob("report.html")
    page = report.read_text("utf-8")
    assert "Deflated Sharpe" in page
    assert "best of 50 trials without skill" in page
    assert "Best of the sessions: " in page
    assert run(["report", "told", "--trials", "7"]) == 0
    assert "best of 7 trials without skill" in report.read_text("utf-8")


def test_the_table_ends_with_a_sentence(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backtest", *_long(files), *SETTINGS, "--no-report"]) == 0
    assert "Best of the sessions: " in capsys.readouterr().out
    assert run(["backtest", _long(files)[0], *SETTINGS, "--no-report", "--trials", "9"]) == 0
    assert "Of 9 trials without any skill" in capsys.readouterr().out
    assert run(["backtest", "demo.jsonl", *SETTINGS, "--no-report"]) == 0
    assert "The Sharpe ratio is not defined: it needs 10 whole hours" in capsys.readouterr().out


def _long(files: list[str]) -> list[str]:
    """The files of bars, made long enough for ten hourly returns."""
    bars = [name for name in files if name.endswith(".csv")]
    for name in bars:
        path = Path(name)
        head, *rows = path.read_text().splitlines()
        if len(rows) > 300:
            continue
        for copy in range(1, 3):
            for row in rows[:300]:
                ts, rest = row.split(",", 1)
                head += f"\n{int(ts) + 60_000 * 300 * copy},{rest}"
        first, *later = head.split("\n")
        path.write_text("\n".join([first, *rows, *later]) + "\n")
    return bars


POLICY = """
from decimal import Decimal
from grinder_core.contracts.plan import GridPlan


class Thin:
    name = "thin"

    def plan(self, context):
        if context.snapshot.symbol == "BBBUSDT" and context.ts > 1736121900000:
            raise ValueError("enough")
        return GridPlan.flat(
            center_price=context.features["mid_price"], spacing_bps=10, levels_up=1,
            levels_down=1, size_schedule=(Decimal(1),),
        )
"""


def test_a_policy_runs_in_every_process_and_is_blamed_across_them(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thin_policy.py").write_text(POLICY)
    policy = ["--policy", "thin_policy:Thin", "--jobs", "2"]
    found = backtest(capsys, files[0], files[3], *policy)
    assert [s["policy_timing"]["policy"] for s in found["sessions"]] == ["thin", "thin"]
    assert run(["backtest", *files, *SETTINGS, *policy]) == 1
    message = capsys.readouterr().err
    assert "E_POLICY" in message
    assert "policy thin" in message
    assert "BBBUSDT at ts 17361219" in message


def stopped_by_the_user(task: int, tell: Callable[[int], None]) -> int:
    if task == 1:
        raise KeyboardInterrupt
    for _ in range(10_000_000):
        tell(1)
    return task


def dies(task: int, tell: Callable[[int], None]) -> int:
    os._exit(9)


def test_an_interrupt_stops_the_other_processes() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_all(stopped_by_the_user, [1, 2], 2, tell=int, on_done=lambda task, done: None)


def test_a_process_that_dies_is_said() -> None:
    with pytest.raises(GrinderError, match="fewer --jobs"):
        run_all(dies, [1, 2], 2, tell=int, on_done=lambda task, done: None)


def test_an_interrupted_run_says_so(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("grinder_app.cli.backtest._Ended.__call__", stop)
    assert run(["backtest", *files, *SETTINGS, "--jobs", "1"]) == 130
    runs = RunStore(Path("var/artifacts")).list()
    assert [each.status for each in runs] == ["interrupted"]


NAMES = st.lists(
    st.from_regex(r"[A-Z]{1,3}(-1m)?-20[0-9]{2}\.(csv|parquet|jsonl\.gz)", fullmatch=True),
    min_size=1,
    max_size=12,
)


@given(NAMES, st.lists(st.sampled_from(["*-202*", "A*", "*.csv", "?B*"]), max_size=3, unique=True))
def test_every_file_is_in_exactly_one_session(names: list[str], together: list[str]) -> None:
    paths = [Path(str(index), name) for index, name in enumerate(names)]
    try:
        plans = plan_sessions(paths, Sessions.PER_FILE, together)
    except ConfigError:
        return
    assert sorted(path for plan in plans for path in plan.paths) == sorted(paths)
    assert len({plan.name for plan in plans}) == len(plans)


def test_progress_is_told_in_steps_that_add_up(tmp_path: Path) -> None:
    count = TELL_EVERY + 2_345
    write_events(tmp_path / "e.jsonl", islice(demo_events(), count))
    told: list[int] = []
    end = run_job(
        SessionJob(config=EngineConfig()), open_events(tmp_path / "e.jsonl"), tell=told.append
    )
    assert told == [TELL_EVERY, 2_345]
    assert end.events_read == count


@pytest.mark.recordings
def test_klines_of_many_symbols_in_one_session(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recordings / "klines_1m"
    found = backtest(
        capsys,
        *(str(p) for p in sorted(folder.glob("B[NT]*-1m-202505*.parquet"))),
        str(folder / "TRXUSDT-1m-20260104-20260206.parquet"),
        *("--together", "*-202505*", "--days", "2025-05-12"),
    )
    assert found["sessions"][0]["symbols"] == ["BNBUSDT", "BTCUSDT"]
    assert found["sessions"][0]["name"] == "202505"
    assert found["sessions"][0]["fills"] > 0
    assert found["sessions"][1]["quotes"] == 0
