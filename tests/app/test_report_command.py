"""``grinder report`` from the command line."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from grinder_adapters.runs import RunStore
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run as run_session


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two small runs, ``first`` and ``second``."""
    monkeypatch.chdir(tmp_path)
    store = RunStore(tmp_path / "runs")
    result = run_session(islice(demo_events(), 200), EngineConfig(), name="demo")
    for start_ms, name in ((1_000, "first"), (2_000, "second")):
        with store.create("paper", start_ms, name=name) as writer:
            writer.session("demo").finish(result)
            writer.manifest(config=EngineConfig().to_dict())
    return store.root


def test_the_latest_run_gets_a_report_in_its_folder(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "--runs-dir", str(runs), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    path = Path(said["path"])
    assert path.name == "report.html"
    assert path.parent == RunStore(runs).find("second") == Path(said["run"])
    assert path.stat().st_size == said["bytes"]
    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_a_named_run_and_a_target(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.html"
    assert run(["report", "first", "--runs-dir", str(runs), "--out", str(target)]) == 0
    assert capsys.readouterr().out.startswith(f"{target} (4.")
    assert "grinder report &middot; first" in target.read_text("utf-8")
    assert not (RunStore(runs).find("first") / "report.html").exists()


def test_an_unknown_run_is_a_mistake_of_the_user(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "nope", "--runs-dir", str(runs)]) == 2
    assert "run = 'nope': no such run" in capsys.readouterr().err


def test_a_missing_folder_of_the_target_is_named(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "nowhere" / "report.html"
    assert run(["report", "--runs-dir", str(runs), "--out", str(target)]) == 2
    assert f"{target}: its folder does not exist" in capsys.readouterr().err


def test_a_damaged_run_is_told_apart(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunStore(runs).find("second")
    (folder / "sessions" / "demo" / "trades.csv").write_text("ts\n", encoding="ascii")
    assert run(["report", "--runs-dir", str(runs)]) == 3
    assert "trades.csv" in capsys.readouterr().err
    assert not (folder / "report.html").exists()


def test_a_missing_extra_is_named(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grinder_app.report.page.find_spec", lambda _: None)
    assert run(["report", "--runs-dir", str(runs)]) == 2
    assert "pip install 'grinder[report]'" in capsys.readouterr().err
