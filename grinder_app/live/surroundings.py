"""What a live session is built on, so that tests can give it another world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from attrs import Factory, frozen

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance.network import Network, Sleep
from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.journal import Journal, JournalHead
from grinder_adapters.transport import HttpTransport, WebSocketTransport
from grinder_app.live.scribe import JournalPort
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings


@frozen(kw_only=True)
class Surroundings:
    """Clock, network and disk of a process.

    Attributes:
        transport, sockets: Make a way to a venue.
        open_journal: Takes the one writer's lock of a state folder and begins to write.
        rng: Draws the jitter of reconnects, which decides nothing that is recorded.
    """

    clock: Clock = Factory(SystemClock)
    sleep: Sleep = asyncio.sleep
    transport: Callable[[], HttpTransport] = AiohttpTransport
    sockets: Callable[[Clock], WebSocketTransport] = AiohttpSockets
    open_journal: Callable[[Path, JournalHead], JournalPort] = Journal.open
    rng: Random = Factory(Random)
    limiter: ReconnectLimiter = Factory(lambda: ReconnectLimiter(ReconnectSettings()))

    def network(self, stack: AsyncExitStack) -> Network:
        """Return what connections are made of; all of a process share its limiter."""
        sockets = self.sockets(self.clock)
        stack.push_async_callback(sockets.close)
        return Network(sockets, self.clock, self.limiter, self.rng, self.sleep)
