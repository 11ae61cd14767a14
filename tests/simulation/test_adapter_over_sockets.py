"""The short form over real sockets and in real time: the same trader, the same judgement."""

from __future__ import annotations

import asyncio

import pytest

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.transport import HttpTransport, WebSocketTransport
from tests.simulation.adapter_world import AdapterWorld, Findings


class SocketWorld(AdapterWorld):
    """The world with a server and the transports of the live path."""

    def play(self) -> Findings:
        """Live through it in real time."""
        asyncio.run(self._life())
        return self.found

    def clock_of(self) -> Clock:
        """Return the machine's."""
        return SystemClock()

    async def opened(self) -> tuple[HttpTransport, str]:
        """Start the server."""
        self.server = VenueServer(self.venue, self.clock)
        self.opened_sockets: list[AiohttpSockets] = []
        address = await self.server.start()
        return AiohttpTransport(), address

    def sockets(self) -> WebSocketTransport:
        """Return the way to the server's streams."""
        self.opened_sockets.append(AiohttpSockets(self.clock))
        return self.opened_sockets[-1]

    async def closed(self) -> None:
        """Stop the server."""
        for sockets in self.opened_sockets:
            await sockets.close()
        await self.server.close()


@pytest.mark.parametrize("seed", [4, 5])
def test_no_order_is_lost_doubled_or_orphaned_over_sockets(seed: int) -> None:
    """What happens depends on the machine's speed; that nothing is wrong at the end does not."""
    found = SocketWorld(seed, 8_000, 10, watches=True, calm_ms=4_000).play()
    assert not found.wrong
    assert found.counts["faults"] > 0
    assert found.counts["orders"] > 3
