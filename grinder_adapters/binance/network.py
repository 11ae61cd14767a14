"""What all connections of a process share: the transport, time, the reconnect limiter, the dice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from attrs import define, field

from grinder_adapters.clock import Clock
from grinder_adapters.transport import WebSocketTransport
from grinder_core.resilience.reconnects import ReconnectLimiter

MS: Final = 1_000

Sleep = Callable[[float], Awaitable[None]]


@define(eq=False)
class Network:
    """The surroundings of every connection; make one a process, since the limiter is global.

    Attributes:
        clock: May step back, as wall clocks do; what is built on it here must not see that.
        limiter: Asked before every connection that replaces another (SCR-04).
        rng: Draws the jitter of backoff (SCR-03); its seed is recorded by whoever made it.
        sleep: Waits, in seconds.
    """

    transport: WebSocketTransport
    clock: Clock
    limiter: ReconnectLimiter
    rng: Random
    sleep: Sleep = asyncio.sleep
    _latest_ms: int = field(default=0, init=False)

    def now_ms(self) -> int:
        """Return Unix milliseconds that never go back."""
        self._latest_ms = max(self._latest_ms, self.clock.now_ms())
        return self._latest_ms

    async def wait_ms(self, milliseconds: int) -> None:
        """Wait."""
        await self.sleep(milliseconds / MS)
