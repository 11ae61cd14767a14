"""``grinder smoke``: what it needs before anything real, what it prints, and that dry is dry."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grinder_adapters.binance.permission import REAL_PORT_ACK, PortKind
from grinder_adapters.network_watch import watched_network
from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_app.config.live_plan import GuardsMissingError
from grinder_app.config.live_variables import BY_NAME, SECRET_FILES
from grinder_app.smoke.no_orders import write_case
from grinder_app.smoke.report import SmokeReport, junit
from grinder_app.smoke.request import Confirmation, SmokeRequest, SmokeVenue, plan_smoke
from grinder_app.smoke.steps import Done, StepVerdict

TRADING = ("futures", "futures --kill-switch", "position")
COMMANDS = (*TRADING, "reconcile-loop --duration 2 --inject-mismatch", "no-orders")


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*BY_NAME, *SECRET_FILES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody connect, listen or look a name up, not even on this machine."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a dry run reached for the network")

    for name in ("connect", "connect_ex", "bind", "listen", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


# -- dry -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_sockets")
@pytest.mark.parametrize("command", COMMANDS)
def test_by_default_nothing_is_reached(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    assert run(["smoke", *command.split(), "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["passed"]
    assert found["left"] == []
    if command == "no-orders":
        assert found["facts"]["network_attempts"] == "0"
        return
    assert said.err.startswith("** SIMULATED - No real HTTP calls made **\n")
    assert found["facts"]["network"] == "no attempt"
    assert found["facts"]["base_url"] == "none"
    shown = [s["found"] for s in found["steps"] if s["found"].startswith("order ")]
    assert all(text.startswith("order SIM_") for text in shown)
    assert bool(shown) is not command.startswith("reconcile-loop")
    assert not Path("var").exists(), "a dry run keeps nothing"


@pytest.mark.usefixtures("_no_sockets")
def test_a_dry_run_asks_nobody_for_keys_or_permission(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARMED", "0")
    monkeypatch.setenv("GRINDER_KEYRING", "there-is-no-such-service")
    assert run(["smoke", "futures", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]


def test_a_dry_run_that_reaches_out_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from grinder_app.smoke import trading

    reach = trading.Trading._reach

    async def reach_out(self: trading.Trading) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(("127.0.0.1", 9))
        return await reach(self)

    monkeypatch.setattr(trading.Trading, "_reach", reach_out)
    assert run(["smoke", "futures", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["steps"][-1]["name"] == "zero network I/O"
    assert found["steps"][-1]["verdict"] == "FAIL"


def test_the_watch_sees_what_is_tried_and_no_socket_pair() -> None:
    with watched_network() as watch:
        socket.socketpair()[0].close()
        assert watch.attempts == []
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.bind(("127.0.0.1", 0))
        assert [attempt.split()[0] for attempt in watch.attempts] == ["socket.bind"]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind(("127.0.0.1", 0))
    assert len(watch.attempts) == 1


def test_a_case_in_which_nothing_passes_proves_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    case = write_case(tmp_path)
    lines = (case / "events.jsonl").read_text().splitlines()
    (case / "events.jsonl").write_text(lines[0] + "\n")
    assert run(["smoke", "no-orders", "--fixture", str(case), "--json"]) == 1
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert "no action passed" in steps[1]["found"]
    assert steps[2]["verdict"] == "SKIP"


# -- the local exchange over sockets -------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_at_an_exchange_of_this_process_it_is_real_but_for_the_money(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "smoke.xml"
    assert run(["smoke", *command.split(), "--venue", "sim", "--json", "--out", str(out)]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["passed"]
    assert found["facts"]["base_url"].startswith("http://127.0.0.1:")
    assert "SIMULATED" not in said.err
    suite = ElementTree.fromstring(out.read_bytes())
    assert suite.get("failures") == "0"
    assert len(suite.findall("testcase")) == len(found["steps"])


def test_a_venue_that_is_not_there_is_told_with_its_own_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from grinder_app.smoke import patience

    monkeypatch.setattr(patience, "WAITS_MS", (1,))
    command = "smoke futures --venue sim --rest-url http://127.0.0.1:9 --json"
    assert run(command.split()) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["steps"][0]["verdict"] == "FAIL"
    assert found["steps"][1]["verdict"] == "SKIP"


def test_the_first_signal_ends_it_in_order(tmp_path: Path) -> None:
    command = "smoke reconcile-loop --venue sim --duration 600 --json"
    process = subprocess.Popen(
        [sys.executable, "-m", "grinder_app", *command.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("PASS  loop starts"):
            process.send_signal(signal.SIGINT)
            break
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    steps = {step["name"]: step for step in json.loads(out)["steps"]}
    assert steps["runs, nothing differs"]["found"] == "interrupted"
    assert steps["zero port calls"]["verdict"] == "PASS"


# -- guards --------------------------------------------------------------------------------------

FULL = {
    "ARMED": "1",
    "ALLOW_TESTNET_TRADE": "1",
    "ALLOW_MAINNET_TRADE": "1",
    "GRINDER_REAL_PORT_ACK": REAL_PORT_ACK,
    "BINANCE_API_KEY": "k",
    "BINANCE_API_SECRET": "s",
}
ALLOWED = {"live.allow_mainnet": "true"}


def guards_of(venue: SmokeVenue) -> tuple[str, ...]:
    if venue is SmokeVenue.TESTNET:
        return ("confirm", "armed", "acknowledgement", "credentials")
    return (
        *("confirm", "armed", "acknowledgement", "second acknowledgement", "credentials"),
        "allow_mainnet",
    )


def missing_with(venue: SmokeVenue, given: dict[str, bool]) -> list[str]:
    """Return the guards that are listed where some are given."""
    is_testnet = venue is SmokeVenue.TESTNET
    word = Confirmation.TESTNET if is_testnet else Confirmation.FUTURES_MAINNET_TRADE
    environ: dict[str, str] = {}
    acknowledgement = "ALLOW_TESTNET_TRADE" if is_testnet else "ALLOW_MAINNET_TRADE"
    for guard, names in {
        "armed": ("ARMED",),
        "acknowledgement": (acknowledgement,),
        "second acknowledgement": ("GRINDER_REAL_PORT_ACK",),
        "credentials": ("BINANCE_API_KEY", "BINANCE_API_SECRET"),
    }.items():
        if given.get(guard):
            environ |= {name: FULL[name] for name in names}
    flags = ALLOWED if given.get("allow_mainnet") else {}
    request = SmokeRequest(
        harness="futures",
        port=PortKind.FUTURES,
        symbol="XRPUSDT",
        venue=venue,
        confirm=word if given["confirm"] else None,
    )
    try:
        plan_smoke(request, load_settings(None, environment=environ, flags=flags), environ)
    except GuardsMissingError as error:
        return [line.partition(":")[0] for line in error.missing]
    return []


@pytest.mark.parametrize("venue", [SmokeVenue.TESTNET, SmokeVenue.MAINNET])
def test_of_all_guards_exactly_the_missing_ones_are_listed(venue: SmokeVenue) -> None:
    guards = guards_of(venue)
    for chosen in product([False, True], repeat=len(guards)):
        given = dict(zip(guards, chosen, strict=True))
        missing = [guard for guard in guards if not given[guard]]
        assert missing_with(venue, given) == missing


@pytest.mark.usefixtures("_no_sockets")
@pytest.mark.parametrize("venue", ["testnet", "mainnet"])
@pytest.mark.parametrize("command", TRADING)
def test_a_start_that_lacks_one_guard_sends_nothing_and_ends_with_1(
    command: str,
    venue: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    word = "TESTNET" if venue == "testnet" else "FUTURES_MAINNET_TRADE"
    flags = ["--venue", venue, "--set", "live.allow_mainnet=true"]
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    with watched_network() as watch:
        assert run(["smoke", *command.split(), *flags]) == 1
        assert f"--confirm {word}" in capsys.readouterr().err
        monkeypatch.setenv("ARMED", "0")
        assert run(["smoke", *command.split(), *flags, "--confirm", word]) == 1
        assert "set ARMED=1" in capsys.readouterr().err
    assert watch.attempts == []


def test_a_word_alone_names_its_venue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["smoke", "futures", "--confirm", "TESTNET"]) == 1
    said = capsys.readouterr().err
    assert "testnet venue" in said
    assert "--confirm" not in said
    assert "ALLOW_TESTNET_TRADE=1" in said


def test_the_word_for_another_venue_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["smoke", "futures", "--venue", "mainnet", "--confirm", "TESTNET"]) == 1
    assert "--confirm FUTURES_MAINNET_TRADE" in capsys.readouterr().err


def test_the_loop_needs_a_key_out_there_and_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["smoke", "reconcile-loop", "--venue", "mainnet"]) == 1
    said = capsys.readouterr().err
    assert "credentials" in said
    assert "confirm" not in said
    assert "ARMED" not in said


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("futures --max-notional 50.01", "must be > 0 and <= 50"),
        ("futures --max-notional some", "must be a decimal"),
        ("futures --max-notional 0", "must be > 0 and <= 50"),
        ("position --max-notional 21", "must be > 0 and <= 20"),
        ("futures --symbol xrp", "--symbol"),
        ("futures --rest-url http://127.0.0.1:1", "--rest-url"),
        ("futures --venue sim --rest-url https://fapi.binance.com", "class mainnet"),
        ("futures --venue testnet --rest-url https://fapi.binance.com", "class mainnet"),
        ("futures --venue testnet --rest-url http://127.0.0.1:1", "class sim"),
        ("futures --symbol NONEUSDT", "must be one of"),
        ("futures --set orders.strategy_id=smoke", "name of the harnesses"),
        ("reconcile-loop --duration 1", "--duration"),
        ("futures --faults nothing", "nothing"),
    ],
)
@pytest.mark.usefixtures("_no_sockets")
def test_what_contradicts_itself_ends_with_2(
    command: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["smoke", *command.split()]) == 2
    assert rule in capsys.readouterr().err


def test_an_explicit_no_wins_at_the_local_exchange_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARMED", "0")
    assert run(["smoke", "futures", "--venue", "sim"]) == 1
    assert "set ARMED=1" in capsys.readouterr().err


def test_a_limit_of_the_settings_that_is_lower_holds() -> None:
    request = SmokeRequest(
        harness="futures", port=PortKind.FUTURES, symbol="XRPUSDT", venue=SmokeVenue.SIM
    )
    low = load_settings(None, environment={}, flags={"live.max_notional_per_order": "7"})
    assert plan_smoke(request, low, {}).permission.max_notional_per_order == 7
    high = load_settings(None, environment={}, flags={"live.max_notional_per_order": "900"})
    assert plan_smoke(request, high, {}).permission.max_notional_per_order == Decimal(50)


def test_the_strategy_of_the_settings_does_not_matter() -> None:
    request = SmokeRequest(
        harness="futures", port=PortKind.FUTURES, symbol="XRPUSDT", venue=SmokeVenue.SIM
    )
    own = {"risk.kill_switch_enabled": "false", "policies.adaptive_policy_enabled": "false"}
    plan = plan_smoke(request, load_settings(None, environment={}, flags=own), {})
    assert plan.engine.risk.kill_switch_enabled
    assert plan.engine.risk.dd_guard_v1_enabled
    assert plan.engine.orders.constraints_enabled


def test_the_venue_of_the_settings_is_not_taken_by_accident() -> None:
    request = SmokeRequest(
        harness="futures", port=PortKind.FUTURES, symbol="XRPUSDT", venue=SmokeVenue.SIM
    )
    environ = {"GRINDER_REST_URL": "https://fapi.binance.com"}
    plan = plan_smoke(request, load_settings(None, environment=environ), environ)
    assert plan.is_embedded
    assert plan.permission.port is PortKind.SIM


# -- the report ----------------------------------------------------------------------------------


def a_report(*verdicts: StepVerdict, left: tuple[str, ...] = ()) -> SmokeReport:
    steps = tuple(
        Done(name=f"step {i}", verdict=v, found="<found> & told", answer="200", ms=1_500)
        for i, v in enumerate(verdicts)
    )
    return SmokeReport(harness="futures", facts={"venue": "sim"}, steps=steps, left=left)


@pytest.mark.parametrize(
    ("report", "passed"),
    [
        (a_report(StepVerdict.PASS), True),
        (a_report(StepVerdict.PASS, StepVerdict.SKIP), False),
        (a_report(StepVerdict.PASS, StepVerdict.FAIL), False),
        (a_report(StepVerdict.PASS, left=("an order",)), False),
    ],
)
def test_it_passes_only_if_every_step_did_and_nothing_is_left(
    report: SmokeReport, passed: bool
) -> None:
    assert report.has_passed is passed
    suite = ElementTree.fromstring(junit(report))
    cases = suite.findall("testcase")
    assert int(suite.get("tests", "")) == len(cases)
    assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
    assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    bad = len(suite.findall("testcase/failure")) + len(suite.findall("testcase/skipped"))
    assert (bad == 0) is passed
    assert cases[0].get("time") == "1.5"
