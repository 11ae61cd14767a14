"""``grinder demo``: a result, a folder and a report with no data, no settings and no network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp.web import TCPSite

from grinder_adapters.runs import load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.cli.demo import demo_config
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical
from grinder_core.session.result import run as run_events


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_demo_trades_reports_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--runs-dir", "runs"]) == 0
    shown = capsys.readouterr()
    for text in ("BTCUSDT", "DOGEUSDT", "total", "SPREAD_SPIKE", "report.html", "runs/20"):
        assert text in shown.out
    assert "warning" not in shown.err
    (report,) = (tmp_path / "runs").rglob("report.html")
    view = load_run(report.parent)
    assert view.manifest["kind"] == "demo"
    result = view.sessions[0].result
    assert result["total_fills"] > 100
    assert result["fees_paid"] > 0
    fees = canonical(result["fees_paid"])
    agreed = f"report agree on {result['total_fills']} fills, {fees} of fees and 2 open positions."
    assert agreed in shown.out.replace("\n", " ")


def test_the_installed_command_gives_the_librarys_result(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("grinder")
    done = subprocess.run(
        [command, "demo", "--venue", "sim", "--json", "--no-report"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    events = demo_events()
    expected = run_events(events, demo_config(events))
    assert found["agreement"] is None
    assert found["digest"] == expected.digest
    assert found["report"] is None
    assert (tmp_path / found["run_folder"] / "run.json").is_file()


def test_without_sockets_the_exchange_answers_in_process_and_decides_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(TCPSite, "start", refuse)
    assert run(["demo", "--no-report", "--json"]) == 0
    shown = capsys.readouterr()
    words = "in process, for this machine allows no socket on loopback: it cannot be listened on"
    assert words in shown.err
    found = json.loads(shown.out)
    assert run(["demo", "--no-report", "--json", "--venue", "exchange"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == found["digest"]
    assert found["agreement"] is None
    assert found["total_fills"] > 100


def test_without_the_extra_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise ConfigError("needs plotly", field="report", remedy="pip install 'grinder[report]'")

    monkeypatch.setattr("grinder_app.runner.paper.check_installed", missing)
    assert run(["demo", "--venue", "sim"]) == 0
    assert "no report: report: needs plotly; pip install 'grinder[report]'" in (
        capsys.readouterr().err
    )
