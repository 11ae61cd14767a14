"""``grinder smoke``: end-to-end proofs at a venue that leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from cyclopts import App, Parameter

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_adapters.env import parse_decimal as read_decimal
from grinder_app.cli import Exit, output
from grinder_app.runner.fault_choice import fault_plan
from grinder_app.runner.options import ConfigOptions, Flag
from grinder_app.smoke.position import CAP
from grinder_app.smoke.report import SmokeReport, write_junit
from grinder_app.smoke.request import Confirmation, SmokeRequest, SmokeVenue, plan_smoke
from grinder_app.smoke.steps import Done
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_app.smoke.run import Harness, SmokeRun
    from grinder_app.smoke.trading import Trading

app = App(name="smoke", help="Prove at a venue that orders come and go; leave nothing behind.")

SYMBOL = "XRPUSDT"


@Parameter(name="*")
@frozen(kw_only=True)
class PlaceOptions:
    """Where a harness runs.

    Parameters
    ----------
    venue
        Where to run: dry in memory, sim on loopback, testnet is the venue's demo. Without it, where
        the confirmation says, and without one dry.
    confirm
        The word that a venue out there needs: TESTNET, or FUTURES_MAINNET_TRADE on mainnet.
    symbol
        What to trade.
    rest_url
        Another address of that venue, such as that of ``grinder venue serve``.
    faults
        What goes wrong at an exchange of this process: a named plan, or a file of one.
    seed
        Root of the market of an exchange of this process.
    """

    venue: SmokeVenue | None = None
    confirm: Confirmation | None = None
    symbol: str = SYMBOL
    rest_url: str = ""
    faults: str = "calm"
    seed: int = 0


@Parameter(name="*")
@frozen(kw_only=True)
class ReportOptions:
    """Where the report goes.

    Parameters
    ----------
    out
        Write a JUnit file here too.
    json
        Print one JSON line.
    """

    out: Path | None = None
    json: Flag = False


PLACE, REPORT, CONFIG = PlaceOptions(), ReportOptions(), ConfigOptions()


@app.command
def futures(
    *,
    place: PlaceOptions = PLACE,
    max_notional: str = "50",
    kill_switch: Flag = False,
    settings: ConfigOptions = CONFIG,
    report: ReportOptions = REPORT,
) -> int:
    """Place an order far from the market, see it, amend it, cancel it; leave nothing.

    Without a venue it is simulated: no socket is opened. Ends with 0 only if every step passed and
    the venue says that nothing is left.

    Parameters
    ----------
    max_notional
        Largest order, USDT, at most 50.
    kill_switch
        Trip the kill switch while the order rests: PLACE must be blocked, CANCEL allowed.
    """
    from grinder_app.smoke.futures import Futures

    request = _request("futures", PortKind.FUTURES, place, max_notional, Decimal(50))
    return _trade(
        request,
        lambda trading: Futures(trading, with_kill_switch=kill_switch),
        place,
        settings,
        report,
    )


@app.command
def position(
    *,
    place: PlaceOptions = PLACE,
    max_notional: str = "20",
    settings: ConfigOptions = CONFIG,
    report: ReportOptions = REPORT,
) -> int:
    """Open the least position that the venue takes, and give it back, reduce-only.

    Without a venue it is simulated: no socket is opened. On a venue that holds money it costs two
    fees and the spread.

    Parameters
    ----------
    max_notional
        Largest order, USDT, at most 20; refused where the least order is larger.
    """
    from grinder_app.smoke.position import Position

    request = _request("position", PortKind.FUTURES, place, max_notional, CAP)
    return _trade(request, Position, place, settings, report)


@app.command
def reconcile_loop(
    *,
    place: PlaceOptions = PLACE,
    duration: float = 15,
    inject_mismatch: Flag = False,
    settings: ConfigOptions = CONFIG,
    report: ReportOptions = REPORT,
) -> int:
    """Compare what is expected with what the venue shows, again and again; write nothing.

    Without a venue it is simulated: no socket is opened. A venue out there needs a key that can
    read, and no confirmation: nothing is ever written.

    Parameters
    ----------
    duration
        Compare for so many seconds.
    inject_mismatch
        Then expect an order that was never sent: it must be detected, and agree again.
    """
    from grinder_app.smoke.reconcile_loop import DURATION_MAX_S, DURATION_MIN_S

    if not DURATION_MIN_S <= duration <= DURATION_MAX_S:
        rule = f"must be {DURATION_MIN_S} to {DURATION_MAX_S}"
        raise ConfigError(rule, field="--duration", value=duration)
    request = _request("reconcile-loop", PortKind.NOOP, place, "1", Decimal(1))
    run = _run(request, place, settings)
    tell = _progress(request)
    found = run.compare(round(duration * 1_000), inject_mismatch, tell, output.note)
    return _show(asyncio.run(found), report)


@app.command
def no_orders(*, fixture: Path | None = None, report: ReportOptions = REPORT) -> int:
    """Open all gates over a recorded case, and prove that nothing leaves this process.

    Parameters
    ----------
    fixture
        Fold this case instead of one made here.
    """
    from grinder_app.smoke.run import run_offline

    return _show(asyncio.run(run_offline(fixture, SystemClock(), _tell)), report)


def _request(
    harness: str, port: PortKind, place: PlaceOptions, max_notional: str, cap: Decimal
) -> SmokeRequest:
    return SmokeRequest(
        harness=harness,
        port=port,
        symbol=place.symbol,
        venue=place.venue,
        confirm=place.confirm,
        max_notional=read_decimal("--max-notional", max_notional),
        cap=cap,
        rest_url=place.rest_url,
    )


def _trade(
    request: SmokeRequest,
    make: Callable[[Trading], Harness],
    place: PlaceOptions,
    settings: ConfigOptions,
    report: ReportOptions,
) -> int:
    found = _run(request, place, settings).trade(make, _progress(request), output.note)
    return _show(asyncio.run(found), report)


def _run(request: SmokeRequest, place: PlaceOptions, settings: ConfigOptions) -> SmokeRun:
    from grinder_app.smoke.run import SmokeRun

    plan = plan_smoke(request, settings.load(), os.environ)
    return SmokeRun(request=request, plan=plan, faults=fault_plan(place.faults), seed=place.seed)


def _progress(request: SmokeRequest) -> Callable[[Done], None]:
    """Say where it runs, before anything is done; return what tells of each step."""
    from grinder_app.smoke.run import banner

    if text := banner(request):
        output.note(text)
    return _tell


def _tell(done: Done) -> None:
    answer = f" [{done.answer}]" if done.answer else ""
    output.note(f"{done.verdict.value:<5} {done.name}{answer}: {done.found}")


def _show(found: SmokeReport, report: ReportOptions) -> int:
    if report.out is not None:
        write_junit(found, report.out)
    if report.json:
        output.print_json(found.to_dict())
    else:
        facts = ", ".join(f"{name}: {value}" for name, value in found.facts.items())
        verdict = "passed" if found.has_passed else "FAILED"
        output.print_table(
            f"smoke {found.harness} {verdict}; {facts}",
            ("verdict", "step", "ms", "answer", "found"),
            found.rows(),
        )
        for line in found.left:
            output.note(f"left open: {line}")
    if found.has_passed:
        return Exit.GOOD
    if found.is_interrupted:
        return Exit.INTERRUPTED
    return Exit.UNREACHABLE if found.is_unreachable else Exit.FAILED
