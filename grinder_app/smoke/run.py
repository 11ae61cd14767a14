"""A harness from its start to its report (LIVE-28)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from attrs import Factory, frozen

from grinder_adapters.clock import Clock
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.network_watch import NetworkWatch, watched_network
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.surroundings import Surroundings
from grinder_app.smoke.no_orders import NoOrders
from grinder_app.smoke.places import place_of
from grinder_app.smoke.reconcile_loop import ReconcileLoop
from grinder_app.smoke.report import SmokeReport
from grinder_app.smoke.request import SmokeRequest, SmokeVenue
from grinder_app.smoke.steps import Done, Step, StepVerdict, Tell, run_steps
from grinder_app.smoke.trading import Trading

SIMULATED: Final = "** SIMULATED - No real HTTP calls made **"
LIVE_MAINNET: Final = "*** LIVE MAINNET MODE ***"


class Harness(Protocol):
    """What is run."""

    def steps(self) -> Sequence[Step]:
        """Return what it does."""


@frozen(kw_only=True)
class SmokeRun:
    """What to run, and what goes wrong at an exchange of this process meanwhile.

    Attributes:
        watches: Count what a dry run tries on the network.
    """

    request: SmokeRequest
    plan: LivePlan
    faults: FaultPlan
    seed: int = 0
    watches: list[NetworkWatch] = Factory(list)

    async def trade(
        self,
        make: Callable[[Trading], Harness],
        tell: Tell,
        say: Callable[[str], None],
        world: Surroundings | None = None,
    ) -> SmokeReport:
        """Run a harness that trades. Each signal interrupts a step; it cleans up after the first.

        Raises:
            ConfigError: The local exchange does not have the symbol, or no socket can be had.
        """
        async with AsyncExitStack() as stack:
            place, rest = await self._place(stack, world)
            trading = Trading(self.request, self.plan, place, rest, stack, say)
            steps = make(trading).steps()
            with interruptible():
                done = await run_steps(steps, place.clock, trading.log.take, tell)
            return self._report(done, rest, trading.counts(), trading.left)

    async def compare(
        self,
        duration_ms: int,
        injects: bool,
        tell: Tell,
        say: Callable[[str], None],
        world: Surroundings | None = None,
    ) -> SmokeReport:
        """Run the reconcile loop; raises as ``trade`` does."""
        async with AsyncExitStack() as stack:
            place, rest = await self._place(stack, world)
            loop = ReconcileLoop(
                self.request,
                self.plan,
                place,
                rest,
                stack,
                say,
                duration_ms=duration_ms,
                injects=injects,
            )
            with interruptible():
                done = await run_steps(loop.steps(), place.clock, loop.log.take, tell)
            return self._report(done, rest, loop.counts(), ())

    async def _place(
        self, stack: AsyncExitStack, world: Surroundings | None
    ) -> tuple[Surroundings, str]:
        given = world or Surroundings()
        if self.request.where is SmokeVenue.DRY:
            self.watches.append(stack.enter_context(watched_network()))
        place = place_of(self.request, self.plan, given, self.faults, self.seed)
        return await stack.enter_async_context(place)

    def _report(
        self, done: tuple[Done, ...], rest_url: str, counts: dict[str, str], left: tuple[str, ...]
    ) -> SmokeReport:
        facts = facts_of(self.request, self.plan, rest_url) | counts
        for watch in self.watches:
            facts["network"] = "no attempt" if not watch.attempts else watch.attempts[0]
            if watch.attempts:
                done = (*done, _leak(watch.attempts))
        return SmokeReport(harness=self.request.harness, facts=facts, steps=done, left=left)


def _leak(attempts: list[str]) -> Done:
    """Return the verdict on a dry run that was none."""
    found = f"{len(attempts)} attempts on the network: {attempts[0]}"
    return Done(name="zero network I/O", verdict=StepVerdict.FAIL, found=found)


async def run_offline(fixture: Path | None, clock: Clock, tell: Tell) -> SmokeReport:
    """Run the harness that must not reach anything."""
    with watched_network() as watch:
        harness = NoOrders(watch, fixture)
        done = await run_steps(harness.steps(), clock, lambda: "", tell)
    facts = {"venue": "none", "base_url": "none", "network_attempts": str(len(watch.attempts))}
    return SmokeReport(harness="no-orders", facts=facts, steps=done)


def facts_of(request: SmokeRequest, plan: LivePlan, rest_url: str) -> dict[str, str]:
    """Return where a harness runs, and whether that is real."""
    where = request.where
    return {
        "venue": where.value,
        "base_url": "none" if where is SmokeVenue.DRY else rest_url,
        "is_mainnet": str(where is SmokeVenue.MAINNET),
        "symbol": request.symbol,
        "keys": "none" if plan.keys is None else plan.keys.origin,
    }


def banner(request: SmokeRequest) -> str:
    """Return what people must see first; empty where nothing needs to be said."""
    return {SmokeVenue.DRY: SIMULATED, SmokeVenue.MAINNET: LIVE_MAINNET}.get(request.where, "")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let each signal interrupt the step that runs; the steps that clean up follow."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
