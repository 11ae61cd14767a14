"""What a live session is built on, so that tests can give it another world."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Protocol

from attrs import Factory, frozen

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance.network import Network, Sleep
from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.journal import Journal, JournalHead
from grinder_adapters.transport import HttpTransport, WebSocketTransport
from grinder_adapters.write_archive import SqliteArchive
from grinder_app.live.recovering import Restored, restore
from grinder_app.live.scribe import JournalPort
from grinder_core.ports import Policy
from grinder_core.resilience.archived import Archive
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that a folder lies on, or will lie on.

    Raises:
        OSError: The disk cannot be asked.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class OpenArchive(Archive, Protocol):
    """An archive of finished writes that somebody opened."""

    def close(self) -> None:
        """Close it."""


@frozen(kw_only=True)
class Surroundings:
    """Clock, network and disk of a process.

    Attributes:
        transport, sockets: Make a way to a venue.
        open_journal: Takes the one writer's lock of a state folder and begins to write.
        restore: Reads the session of a state folder back.
        open_archive: Opens the file of finished writes.
        webhook: Makes the way to the receiver of alerts.
        free_bytes: How much room is left where the state lies.
        rng: Draws the jitter of reconnects, which decides nothing that is recorded.
    """

    clock: Clock = Factory(SystemClock)
    sleep: Sleep = asyncio.sleep
    transport: Callable[[], HttpTransport] = AiohttpTransport
    sockets: Callable[[Clock], WebSocketTransport] = AiohttpSockets
    open_journal: Callable[[Path, JournalHead], JournalPort] = Journal.open
    restore: Callable[[Path, Policy | None], Restored] = restore
    open_archive: Callable[[Path], OpenArchive] = SqliteArchive
    webhook: Callable[[], HttpTransport] = AiohttpTransport
    free_bytes: Callable[[Path], int] = free_bytes
    rng: Random = Factory(Random)
    limiter: ReconnectLimiter = Factory(lambda: ReconnectLimiter(ReconnectSettings()))

    def network(self, stack: AsyncExitStack) -> Network:
        """Return what connections are made of; all of a process share its limiter."""
        sockets = self.sockets(self.clock)
        stack.push_async_callback(sockets.close)
        return Network(sockets, self.clock, self.limiter, self.rng, self.sleep)
