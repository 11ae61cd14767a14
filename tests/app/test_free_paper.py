"""``grinder paper --venue local --pace``: nothing waits for the engine, and all still agrees."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.local_venue.assembly import generated
from grinder_app.cli import run
from tests.app.test_paper_venues import SETTINGS, START

PACED = ("--venue", "local", "--pace", "20")


@pytest.fixture(autouse=True)
def _market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    market = generated(["BTCUSDT", "DOGEUSDT"], 3, START, duration_ms=40_000)
    write_events(Path("market.jsonl"), market)
    Path("settings.toml").write_text(SETTINGS)


def session(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    """Run one session and return what it prints; it must end well."""
    options = ("--config", "settings.toml", "--no-report", "--json")
    assert run(["paper", "--data", "market.jsonl", *options, *more]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.parametrize("faults", ["calm", "drop_after", "frame_lost", "stream_cut"])
def test_engine_exchange_and_report_agree_and_every_difference_has_a_cause(
    capsys: pytest.CaptureFixture[str], faults: str
) -> None:
    """What differs depends on the machine; that all is explained does not."""
    session(capsys, "--venue", "exchange", "--name", "inside")
    free = session(capsys, *PACED, "--faults", faults, "--name", "free")
    agreement = free["agreement"]
    assert isinstance(agreement, dict)
    assert agreement["differences"] == []
    assert agreement["fills"] == free["total_fills"]
    assert int(str(free["total_fills"])) > 0
    assert Decimal(agreement["fees"]) == Decimal(str(free["fees_paid"]))
    assert run(["compare", "inside", "free", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["sessions"]
    causes = {row["cause"] for row in found["causes"]["counts"]}
    assert causes  # a machine that stalls may lose a connection, and quotes with it
    assert causes <= {"latency", "data order"}


def test_a_run_that_ran_free_cannot_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    session(capsys, *PACED, "--name", "free")
    assert run(["check", "lookahead", "free"]) == 2
    assert "ran free" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pace", "20"), "--pace = '20': needs --venue local"),
        (("--venue", "local", "--pace", "0"), "must be a number >= 0.01"),
        (("--venue", "local", "--pace", "max"), "or lockstep"),
        (("--venue", "local", "--faults", "rough"), "--faults = 'rough': needs --venue local and"),
    ],
)
def test_a_pace_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run(["paper", "--data", "market.jsonl", *options]) == 2
    assert message in capsys.readouterr().err
