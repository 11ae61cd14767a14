"""Where a harness runs: in memory, at an exchange of this process, or at a venue by its address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from typing import Final

from attrs import evolve

from grinder_adapters.local_venue.assembly import VenueOptions, assemble, generated
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import UNPACED, Pacer
from grinder_adapters.local_venue.memory import HOST, MemoryHttp
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.embedded import embedded_exchange
from grinder_app.live.surroundings import Surroundings
from grinder_app.smoke.request import SmokeRequest, SmokeVenue

FIRST_EVENTS: Final = 400
"""Of the made-up market, enough for a book."""

BOOK_MS: Final = 500


@asynccontextmanager
async def place_of(
    request: SmokeRequest, plan: LivePlan, world: Surroundings, faults: FaultPlan, seed: int
) -> AsyncIterator[tuple[Surroundings, str]]:
    """Return the world of a harness, and the address of its venue.

    Args:
        faults, seed: Of an exchange of this process, in memory or on loopback.

    Raises:
        ConfigError: The symbol is not among those of the local exchange, or no socket can be had.
    """
    if request.where is SmokeVenue.DRY:
        yield await _in_memory(request, world, faults, seed), HOST
        return
    if plan.urls is not None:
        yield world, plan.urls.rest
        return
    async with AsyncExitStack() as stack:
        deposit = VenueOptions().deposit
        symbols = (request.symbol,)
        exchange = await stack.enter_async_context(
            embedded_exchange(symbols, deposit, seed, faults)
        )
        await asyncio.sleep(BOOK_MS / 1_000)  # its market has begun just now
        yield world, exchange.rest


async def _in_memory(
    request: SmokeRequest, world: Surroundings, faults: FaultPlan, seed: int
) -> Surroundings:
    """Put an exchange with a market into this process; nothing has to be sent to reach it."""
    clock = world.clock
    plan = evolve(faults, started_at=clock.now_ms())
    venue = assemble(VenueOptions(seed=seed, plan=plan))
    market = generated((request.symbol,), seed, clock.now_ms())
    feed = MarketFeed(venue, clock, Pacer(speed_x100=UNPACED))
    await feed.run(islice(market, FIRST_EVENTS))
    return evolve(world, transport=lambda: MemoryHttp(venue, clock, world.sleep))
