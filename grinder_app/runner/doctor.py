"""A check-up before a live run: everything that can be known without sending an order.

What fails here would stop a live run or cost money in it; every finding says what to do. Nothing
is changed: questions to the venue are GET requests below a write guard that is never armed.
Without a venue's address the checks run against an exchange started for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from itertools import islice
from typing import Final

from attrs import frozen

from grinder_adapters.binance.hosts import VenueUrls
from grinder_adapters.local_venue.assembly import START_PRICES, generated
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import UNPACED, Pacer
from grinder_app.config.live_plan import LiveFlags, LivePlan, draft_live
from grinder_app.config.load import Settings
from grinder_app.runner.doctor_findings import DoctorReport, Finding, failed, fine, warned
from grinder_app.runner.doctor_machine import (
    Machine,
    examine_extras,
    examine_python,
    examine_state_folder,
)
from grinder_app.runner.doctor_venue import Reach, examine_venue
from grinder_app.runner.doctor_webhook import examine_webhook
from grinder_app.runner.local_trading import open_exchange
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConnectorError, InputError

MARKET_EVENTS: Final = 400
"""Of the made-up market, enough for every symbol to have a book."""


@frozen(kw_only=True)
class Patient:
    """What is examined.

    Attributes:
        load: Returns the settings, raising what is wrong with them.
        flags: As of the live run that is meant.
        posts_test_alert: The webhook gets one; else it is only named.
    """

    load: Callable[[], Settings]
    flags: LiveFlags
    environ: Mapping[str, str]
    posts_test_alert: bool = False


async def examine(
    patient: Patient, *, machine: Machine | None = None, reach: Reach | None = None
) -> DoctorReport:
    """Look at everything, and go on after what is wrong as far as that leaves something to see."""
    machine, reach = machine or Machine(), reach or Reach()
    findings = [examine_python(), examine_extras(machine)]
    try:
        plan = draft_live(patient.flags, patient.load(), patient.environ)
    except InputError as error:
        remedy = error.remedy or "see: grinder config reference"
        findings.append(failed("configuration", f"{error.code}: {error}", remedy))
        return DoctorReport(findings)
    findings += [*_examine_plan(plan), *examine_state_folder(plan.state_dir, machine)]
    findings.append(await examine_webhook(plan, reach, posts=patient.posts_test_alert))
    findings += [finding async for finding in _examine_venue(plan, reach)]
    return DoctorReport(findings)


def _examine_plan(plan: LivePlan) -> Iterator[Finding]:
    where = plan.config_path or "no file"
    yield fine(
        "configuration",
        f"{where}; config_hash {plan.engine.config_hash}, live_hash {plan.live_hash}",
    )
    for warning in plan.warnings:
        text, _, remedy = warning.partition("; ")
        yield warned("configuration", text, remedy or "see that it is meant")
    yield fine("keys", "none: only public questions" if plan.keys is None else plan.keys.origin)
    yield _examine_permission(plan)


def _examine_permission(plan: LivePlan) -> Finding:
    name = "permission"
    what = f"mode {plan.mode.value}, port {plan.exchange_port.value}, {plan.venue_class.value}"
    if plan.armed and plan.missing and plan.mode is not SafeMode.PAPER:
        return failed(name, f"armed, {what}; guards are missing", "; ".join(plan.missing))
    if plan.will_write:
        return fine(name, f"armed, {what}: orders will be sent")
    missing = ", ".join(guard.partition(":")[0] for guard in plan.missing)
    return fine(name, f"{what}: no order can be sent; guards not given: {missing}")


async def _examine_venue(plan: LivePlan, reach: Reach) -> AsyncIterator[Finding]:
    async with AsyncExitStack() as stack:
        urls = plan.urls
        if urls is None:
            try:
                urls = await _own_exchange(plan, reach, stack)
            except ConnectorError as error:
                yield failed("venue", str(error), error.remedy)
                return
        async for finding in examine_venue(plan, urls, reach):
            yield finding


async def _own_exchange(plan: LivePlan, reach: Reach, stack: AsyncExitStack) -> VenueUrls:
    """Start an exchange for the checks, with a market so far as its symbols are built in."""
    own = await open_exchange(plan.engine, LOCAL_SYMBOLS, reach.clock, stack)
    symbols = [symbol for symbol in plan.symbols if symbol in START_PRICES]
    if symbols:
        market = generated(symbols, 0, reach.clock.now_ms())
        feed = MarketFeed(own.venue, reach.clock, Pacer(speed_x100=UNPACED))
        await feed.run(islice(market, MARKET_EVENTS))
    return VenueUrls(own.address, own.streams)
