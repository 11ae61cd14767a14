"""``grinder venue``: serving the local exchange, and its faults."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.fault_file import parse_faults
from grinder_adapters.local_venue.fault_plans import PLAN_NAMES, named_faults
from grinder_adapters.local_venue.server import VenueServer
from grinder_app.cli import run

Served = dict[str, Any]
SCENARIO = """
duration = "60s"
[market.BTCUSDT]
start_price = "60000.0"
level_qty = "2.5"
"""


class Background:
    """A served exchange in a thread of its own."""

    def __enter__(self) -> Background:
        self.server = VenueServer(assemble(VenueOptions()), SystemClock())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def serve(*options: str) -> int:
    """Serve for a moment on any port, unless options say otherwise."""
    usual = [] if "--port" in options else ["--port", "0"]
    usual += [] if "--duration" in options else ["--duration", "0.3"]
    return run(["venue", "serve", "--json", *usual, *options])


def told(capsys: pytest.CaptureFixture[str]) -> Served:
    """The line that was printed."""
    served: Served = json.loads(capsys.readouterr().out)
    return served


# -- serve -----------------------------------------------------------------------------------------


def test_serving_prints_the_address_and_a_key_pair_and_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    assert serve() == 0
    assert time.monotonic() - began < 10
    facts = told(capsys)
    assert facts["rest"].startswith("http://127.0.0.1:")
    assert facts["ws"] == facts["rest"].replace("http", "ws", 1)
    assert (facts["api_key"], facts["api_secret"]) == (
        "grinder-local-key",
        "grinder-local-secret",
    )


def test_without_json_the_facts_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["venue", "serve", "--port", "0", "--duration", "0.1"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_the_state_is_kept_from_one_run_to_the_next(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert serve("--state", str(state), "--deposit", "123") == 0
    first = state.read_bytes()
    assert b'"deposited":"123"' in first
    assert serve("--state", str(state), "--deposit", "999") == 0
    assert b'"deposited":"123"' in state.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xfe", b"{}\nabc\n"])
def test_a_damaged_state_is_exit_3_and_is_left_alone(tmp_path: Path, damage: bytes) -> None:
    state = tmp_path / "state"
    state.write_bytes(damage)
    assert serve("--state", str(state)) == 3
    assert state.read_bytes() == damage


def test_requests_are_logged_to_a_file(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert serve("--log", str(log)) == 0
    assert log.read_text() == ""


def test_a_market_is_a_script_or_a_recording_and_not_both(tmp_path: Path) -> None:
    scenario = tmp_path / "market.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    assert serve("--scenario", str(scenario)) == 0
    assert serve("--scenario", str(scenario), "--data", str(scenario)) == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--speed", "0"],
        ["--speed", "-1"],
        ["--speed", "1.001"],
        ["--speed", "fast"],
        ["--speed", "NaN"],
        ["--symbols", "NOPE"],
        ["--faults", "nowhere.toml"],
        ["--data", "nowhere.jsonl"],
        ["--scenario", "nowhere.toml"],
        ["--port", "70000"],
        ["--port", "-1"],
        ["--duration", "-1"],
        ["--duration", "nan"],
        ["--duration", "inf"],
        ["--deposit", "-5"],
        ["--deposit", "NaN"],
        ["--deposit", "0"],
        ["--host", "0.0.0.0"],
        ["--log", "/nowhere/log"],
    ],
)
def test_a_bad_option_is_exit_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(*options) == 2
    printed = capsys.readouterr()
    assert options[0].strip("-") in printed.err or "nowhere" in printed.err or "NOPE" in printed.err


@pytest.mark.parametrize("speed", ["max", "0.01", "1000", "2.5"])
def test_every_speed_is_served(speed: str) -> None:
    assert serve("--speed", speed) == 0


def test_a_port_that_is_taken_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with Background() as other:
        port = other.url.rpartition(":")[2]
        assert run(["venue", "serve", "--port", port, "--duration", "0.1"]) == 2
    assert f"port = {port}" in capsys.readouterr().err


# -- faults ----------------------------------------------------------------------------------------


def test_the_plans_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["venue", "faults", "list", "--json"]) == 0
    plans = told(capsys)["plans"]
    assert [row["plan"] for row in plans] == list(PLAN_NAMES)
    assert {row["plan"]: row["faults"] for row in plans}["calm"] == 0
    assert run(["venue", "faults", "list"]) == 0
    assert "hostile" in capsys.readouterr().out


def test_a_plan_is_shown_as_a_file_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["venue", "faults", "show", "rough", "--symbol", "ETHUSDT", "--seed", "9"]) == 0
    file = parse_faults(capsys.readouterr().out, "shown")
    assert file.seed == 9
    assert file.faults == named_faults("rough", "ETHUSDT")
    assert run(["venue", "faults", "show", "stormy"]) == 2


def test_a_plan_is_set_while_the_exchange_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('seed = 4\n[[fault]]\nkind = "frame_lost"\n')
    with Background() as exchange:
        command = ["venue", "faults", "set"]
        assert run([*command, "hostile", "--url", exchange.url, "--json"]) == 0
        assert told(capsys) == {"faults": len(named_faults("hostile"))}
        assert run([*command, str(file), "--url", f"{exchange.url}/"]) == 0
        assert exchange.server.venue.plan.seed == 4
        with urllib.request.urlopen(f"{exchange.url}/grinder/faults") as answer:
            assert b"frame_lost" in answer.read()
        assert run([*command, "stormy", "--url", exchange.url]) == 2
        assert exchange.server.venue.plan.seed == 4
    assert run([*command, "calm", "--url", exchange.url]) == 4  # nobody listens any more


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1:1", "http://127.0.0.1:x"])
def test_an_address_that_is_none_is_no_crash(url: str) -> None:
    assert run(["venue", "faults", "set", "calm", "--url", url]) in {2, 4}
