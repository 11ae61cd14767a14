"""An exchange of this process for a live session: no keys, nothing that leaves the machine.

It is the default venue (LIVE-07). The session reaches it over sockets on loopback, through the real
adapter, as it would reach any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from attrs import evolve, frozen

from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import VenueOptions, assemble, generated
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.local_venue.venue import LocalVenue


@frozen
class Embedded:
    """An exchange that listens.

    Attributes:
        rest, ws: Its addresses.
    """

    venue: LocalVenue
    rest: str

    @property
    def ws(self) -> str:
        """Address of its streams."""
        return self.rest.replace("http", "ws", 1)


@asynccontextmanager
async def embedded_exchange(
    symbols: tuple[str, ...],
    deposit: Decimal,
    seed: int,
    faults: FaultPlan,
) -> AsyncIterator[Embedded]:
    """Run an exchange with a seeded market in real time.

    Args:
        deposit: Of the one account, USDT.
        seed: Root of the market.
        faults: What goes wrong at it.

    Raises:
        ConfigError: A symbol is not among those that it lists, or no socket can be had.
    """
    clock = SystemClock()
    market = generated(symbols, seed, clock.now_ms())
    plan = evolve(faults, started_at=clock.now_ms())
    venue = assemble(VenueOptions(deposit=deposit, seed=seed, plan=plan))
    server = VenueServer(venue, clock)
    address = await server.start()
    feeding = asyncio.create_task(
        MarketFeed(venue, server.clock, Pacer()).run(market), name="embedded exchange: market"
    )
    try:
        yield Embedded(venue, address)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await server.close()
