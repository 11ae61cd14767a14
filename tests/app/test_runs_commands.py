"""``grinder runs list|show|rm``."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from grinder_adapters.runs import RunStore
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run as run_engine

T0 = 1_723_075_200_000


class Terminal(io.StringIO):
    """A person who types one line."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """Two runs, the newer with a session, where the default settings look for them."""
    monkeypatch.chdir(tmp_path)
    store = RunStore(Path("var/artifacts"))
    store.create("replay", T0, name="old").finish("failed")
    config = EngineConfig.flat(notional_per_level=Decimal(100), maker_fee_bps_x100=200)
    with store.create("paper", T0 + 1) as writer:
        writer.session("demo").finish(run_engine(islice(demo_events(), 3_000), config))
        writer.manifest(
            command=["grinder", "paper"],
            data=[{"name": "demo", "sha256": "ab", "events": 3}],
            warnings=["fees are half the truth"],
        )
    return store


def test_list_shows_the_newest_first(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in listed] == [f"{T0 + 1}_0", f"{T0}_0"]
    assert [entry["status"] for entry in listed] == ["good", "failed"]
    assert listed[1]["name"] == "old"
    assert listed[0]["sessions"] == 1
    assert run(["runs", "list"]) == 0
    table = capsys.readouterr().out
    assert table.index(f"{T0 + 1}_0") < table.index(f"{T0}_0")
    assert "2024-08-08 00:00:00" in table


def test_list_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["runs", "list"]) == 0
    assert capsys.readouterr().out == "no runs in var/artifacts\n"
    assert run(["runs", "list", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert not (tmp_path / "var").exists()


def test_show_tells_what_ran_on_what_and_what_it_earned(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "show", "latest", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    session = shown["sessions"]["demo"]
    assert shown["manifest"]["command"] == ["grinder", "paper"]
    assert session["total_fills"] > 0
    assert run(["runs", "show", f"{T0 + 1}"]) == 0
    text = capsys.readouterr().out
    for fact in ("grinder paper", "name demo, sha256 ab", session["digest"], "half the truth"):
        assert fact in text


def test_show_of_an_unknown_run_is_exit_2(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "show", "nobody"]) == 2
    assert "no such run in var/artifacts; see: grinder runs list" in capsys.readouterr().err


def test_show_of_a_damaged_run_is_exit_3(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    trades = store.find("latest") / "sessions" / "demo" / "trades.csv"
    trades.write_bytes(trades.read_bytes().replace(b"BUY", b"SEL", 1))
    assert run(["runs", "show", "latest"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("E_ARTIFACT:")
    assert "trades.csv" in said


def test_a_crashed_run_is_shown_as_unfinished(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    crashed = store.create("paper", T0 + 2)
    crashed.session("cut")
    assert run(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "unfinished"
    assert run(["runs", "show", "latest"]) == 0
    assert "session cut was begun and not finished" in capsys.readouterr().err


def test_removal_without_a_terminal_needs_yes(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(["runs", "rm", "old"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert len(store.list()) == 2
    assert run(["runs", "rm", "old", f"{T0}", "--yes"]) == 0
    assert capsys.readouterr().out == f"removed {T0}_0 (old)\n"
    assert [entry.id for entry in store.list()] == [f"{T0 + 1}_0"]


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 2), ("", 1, 2), ("y\n", 0, 1)])
def test_a_person_is_asked_once(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run(["runs", "rm", "old"]) == code
    assert len(store.list()) == left


def test_one_unknown_name_removes_nothing(store: RunStore) -> None:
    assert run(["runs", "rm", "old", "nobody", "--yes"]) == 2
    assert len(store.list()) == 2


def test_the_folder_comes_from_settings_or_flag(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "var").rename(tmp_path / "moved")
    for options in (
        ["--set", "app.artifact_dir=moved/artifacts"],
        ["--runs-dir", "moved/artifacts"],
    ):
        assert run(["runs", "list", "--json", *options]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 2
    assert run(["runs", "show", "--set", "app.artifact_dir=moved/artifacts", "old"]) == 0
