"""``grinder replay``: decisions without fills, and the digest of CORE-05."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.feeds.fixture import discover, load_fixture
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_core.codec import digest16
from grinder_core.contracts.market import Snapshot
from grinder_core.session.result import run as run_events
from grinder_core.session.session import Driver


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_fixture_prints_its_digest(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = discover(root / "fixtures")
    assert folders
    for folder in folders:
        fixture = load_fixture(folder)
        quotes = sum(isinstance(event.payload, Snapshot) for event in fixture.events)
        kept = run_events(fixture.events, fixture.config, driver=Driver.REPLAY, keep_outputs=True)
        assert kept.outputs is not None
        assert run(["replay", "--fixture", str(folder)]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"Replay completed. Events processed: {quotes}",
            f"Output digest: {digest16([output.replay_view() for output in kept.outputs])}",
        ]


def test_nothing_fills_and_nothing_is_written_but_out(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root / "fixtures" / "sample_day_allowed"
    out = tmp_path / "out.jsonl"
    assert run(["replay", "--fixture", str(folder), "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert found["errors"] == []
    assert found["fixture_path"] == "sample_day_allowed"
    assert len(lines) == found["events_processed"] == found["events_read"]
    assert digest16(lines) == found["digest"]
    assert {key for line in lines for key in line} == {
        *("ts", "symbol", "prefilter_result", "plan", "actions", "events")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_data_is_replayed_under_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_events(tmp_path / "e.jsonl", islice(demo_events(), 200))
    digests = []
    for levels in ("2", "3", "2"):
        levels_set = ["--set", f"policies.levels={levels}", "--set", "policies.size_per_level=0.01"]
        assert run(["replay", "--data", "e.jsonl", "--json", *levels_set]) == 0
        digests.append(json.loads(capsys.readouterr().out)["digest"])
    assert digests[0] == digests[2] != digests[1]


def test_verbose_tells_what_was_decided(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root / "fixtures" / "sample_day"
    assert run(["replay", "--fixture", str(folder), "-v"]) == 0
    assert "NOTIONAL_LIMIT" in capsys.readouterr().err


def test_a_malformed_event_ends_with_exit_2_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_events(tmp_path / "e.jsonl", islice(demo_events(), 5))
    with (tmp_path / "e.jsonl").open("a") as file:
        file.write('{"type":"SNAPSHOT","ts":1}\n')
    assert run(["replay", "--data", "e.jsonl", "--out", "o.jsonl"]) == 2
    assert "e.jsonl:6" in capsys.readouterr().err
    assert not (tmp_path / "o.jsonl").exists()
