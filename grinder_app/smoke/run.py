"""A harness from its start to its report (LIVE-28)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

from attrs import frozen

from grinder_adapters.local_venue.faults import FaultPlan
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.surroundings import Surroundings
from grinder_app.smoke.places import place_of
from grinder_app.smoke.report import SmokeReport
from grinder_app.smoke.request import SmokeRequest, SmokeVenue
from grinder_app.smoke.steps import Step, Tell, run_steps
from grinder_app.smoke.trading import Trading

SIMULATED: Final = "** SIMULATED - No real HTTP calls made **"
LIVE_MAINNET: Final = "*** LIVE MAINNET MODE ***"


class Harness(Protocol):
    """What is run."""

    def steps(self) -> Sequence[Step]:
        """Return what it does."""


@frozen(kw_only=True)
class SmokeRun:
    """What to run, and what goes wrong at an exchange of this process meanwhile."""

    request: SmokeRequest
    plan: LivePlan
    faults: FaultPlan
    seed: int = 0

    async def trade(
        self,
        make: Callable[[Trading], Harness],
        tell: Tell,
        say: Callable[[str], None],
        world: Surroundings | None = None,
    ) -> SmokeReport:
        """Run a harness that trades. The first signal ends it in order: it cleans up.

        Raises:
            ConfigError: The local exchange does not have the symbol, or no socket can be had.
        """
        request = self.request
        async with AsyncExitStack() as stack:
            place, rest = await stack.enter_async_context(
                place_of(request, self.plan, world or Surroundings(), self.faults, self.seed)
            )
            trading = Trading(request, self.plan, place, rest, stack, say)
            harness = make(trading)
            end_on_signals(stack)
            done = await run_steps(harness.steps(), place.clock, trading.log.take, tell)
            return SmokeReport(
                harness=request.harness,
                facts=facts_of(request, self.plan, rest) | trading.counts(),
                steps=done,
                left=trading.left,
            )


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


def end_on_signals(stack: AsyncExitStack) -> None:
    """Let each signal interrupt the step that runs; cleaning up follows."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
        stack.callback(loop.remove_signal_handler, number)
