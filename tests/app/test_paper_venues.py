"""``grinder paper --venue``: the exchange in process and over real sockets decide the same."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.local_venue.assembly import generated
from grinder_app.cli import run

START = 1_735_689_600_000
SETTINGS = """
[policies]
spacing_bps = 2
levels = 3
notional_per_level = "300"
recenter_bps = 15
[gates]
max_notional_per_symbol = "30000"
max_notional_total = "60000"
[venue]
fill_mode = "queue"
partial_fills_enabled = true
maker_fee_bps_x100 = 200
taker_fee_bps_x100 = 500
[app]
outputs = "all"
"""


@pytest.fixture(autouse=True)
def _market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    market = generated(["BTCUSDT", "DOGEUSDT"], 3, START, duration_ms=60_000)
    write_events(Path("market.jsonl"), market)
    Path("settings.toml").write_text(SETTINGS)


def session(capsys: pytest.CaptureFixture[str], venue: str, *more: str) -> dict[str, object]:
    """Run one session and return what it prints."""
    options = ("--config", "settings.toml", "--no-report", "--json")
    assert run(["paper", "--data", "market.jsonl", "--venue", venue, *options, *more]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_sockets_change_no_decision_and_no_fill(capsys: pytest.CaptureFixture[str]) -> None:
    inside = session(capsys, "exchange", "--name", "inside")
    outside = session(capsys, "local", "--name", "outside")
    assert inside["total_fills"] == outside["total_fills"]
    assert int(str(inside["total_fills"])) > 10
    for name in ("digest", "final_positions", "events_processed", "fees_paid"):
        assert inside[name] == outside[name], name
    assert inside["agreement"] is None
    agreement = outside["agreement"]
    assert isinstance(agreement, dict)
    assert agreement["fills"] == inside["total_fills"]
    assert Decimal(agreement["fees"]) == Decimal(str(inside["fees_paid"]))
    assert agreement["differences"] == []
    assert run(["compare", "inside", "outside"]) == 0
    assert "The runs are equal." in capsys.readouterr().out


def test_what_reads_the_book_decides_the_same_over_sockets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    depth = (
        *("--set", "gates.l2_execution_guard_enabled=true"),
        *("--set", "indicators.qty_ref.BTCUSDT=9", "--set", "indicators.qty_ref.DOGEUSDT=90000000"),
    )
    inside = session(capsys, "exchange", *depth)
    outside = session(capsys, "local", *depth)
    plain = session(capsys, "exchange")
    assert inside["digest"] == outside["digest"] != plain["digest"]


def test_a_backtest_at_the_exchange_decides_what_paper_there_decides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session(capsys, "local", "--name", "sockets")
    options = ("--config", "settings.toml", "--no-report", "--json", "--name", "tested")
    assert run(["backtest", "market.jsonl", "--venue", "exchange", *options]) == 0
    (tested,) = json.loads(capsys.readouterr().out)["sessions"]
    assert int(tested["fills"]) > 10
    assert run(["compare", "sockets", "tested"]) == 0
    assert "The runs are equal." in capsys.readouterr().out
    assert run(["backtest", "market.jsonl", "--venue", "local"]) == 2
    assert "--venue = 'local': is for one session at a time" in capsys.readouterr().err


def test_what_the_exchange_did_is_checked_for_lookahead_at_the_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session(capsys, "local")
    assert run(["check", "lookahead", "--samples", "2", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["sessions"]
    assert (found["first"], found["unrepeatable"]) == (None, "")
    assert found["events"] > 1_000


def test_a_band_is_made_at_the_same_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--set", "policies.notional_per_level=20", "--symbols", "BTCUSDT")
    rows = session(capsys, "exchange", "--band", *small)["band"]
    assert isinstance(rows, list)
    assert [row["fills"] for row in rows] == [0, 0, 0]  # the simulated venue has no least notional
    rows = session(capsys, "exchange", "--band")["band"]
    assert isinstance(rows, list)
    own = session(capsys, "exchange", "--set", "venue.fill_mode=touch")
    (touch,) = (row for row in rows if row["fill_mode"] == "touch")
    assert (touch["fills"], touch["fees"]) == (own["total_fills"], own["fees_paid"])


def test_the_exchanges_lot_rules_hold(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--set", "policies.notional_per_level=20", "--symbols", "BTCUSDT")
    assert session(capsys, "local", *small)["total_fills"] == 0  # its least notional is 50
    assert session(capsys, "local", *small[:-1], "DOGEUSDT")["total_fills"] != 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--venue", "local", "--checkpoint", "x.json"], "needs --venue sim"),
        (["--rules", "x.json"], "needs --venue exchange or local"),
        (["--venue", "local", "--set", "venue.order_latency_ms=5"], "venue.order_latency_ms = 5"),
        (["--venue", "local", "--rules", "absent.json"], "absent.json"),
        (["--venue", "mars"], ""),
    ],
)
def test_what_a_venue_does_not_do_is_refused_before_anything_runs(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data", "market.jsonl", "--config", "settings.toml", *options]) == 2
    assert words in capsys.readouterr().err
    assert not Path("var").exists()
