"""Few connections, none of them for ever: whoever does not read cannot hold anything up.

A connection that is one too many takes the place of the one that was quiet for the longest, so
that dead clients never keep a live one out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

CONNECTIONS_MAX: Final = 16
WRITE_BUFFER_BYTES: Final = 64 << 10
IDLE_MAX_S: Final = 60.0


class Bound:
    """The connections of one listener.

    Args:
        most: How many there may be.
        idle_max_s: A connection that was quiet for so long is closed.

    Attributes:
        evicted: Connections that had to go.
    """

    def __init__(self, most: int = CONNECTIONS_MAX, idle_max_s: float = IDLE_MAX_S) -> None:
        self._most, self._idle_max_s = most, idle_max_s
        self._open: dict[_Watched, asyncio.Transport] = {}  # the quietest first
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._open)

    def watched(self, make: Callable[[], asyncio.BaseProtocol]) -> asyncio.BaseProtocol:
        """Return a protocol whose connection counts."""
        return _Watched(cast(asyncio.Protocol, make()), self)

    def drop_all(self) -> None:
        """Close every connection, whatever it still waits for."""
        for transport in list(self._open.values()):
            transport.abort()

    def opened(self, connection: _Watched, transport: asyncio.Transport) -> None:
        """Take a connection in, in another's place if need be."""
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        if len(self._open) >= self._most:
            self._evict(next(iter(self._open)))
        self._open[connection] = transport
        self._watch(connection)

    def spoke(self, connection: _Watched) -> None:
        """Note that a client asked something."""
        transport = self._open.pop(connection, None)
        if transport is not None:
            self._open[connection] = transport
            self._watch(connection)

    def closed(self, connection: _Watched) -> None:
        """Forget a connection."""
        connection.timer.cancel()
        self._open.pop(connection, None)

    def _watch(self, connection: _Watched) -> None:
        connection.timer.cancel()
        loop = asyncio.get_running_loop()
        connection.timer = loop.call_later(self._idle_max_s, self._evict, connection)

    def _evict(self, connection: _Watched) -> None:
        transport = self._open.pop(connection, None)
        if transport is not None:
            self.evicted += 1
            transport.abort()


class _Watched(asyncio.Protocol):
    """Passes everything on, and tells the bound of it."""

    def __init__(self, inner: asyncio.Protocol, bound: Bound) -> None:
        self._inner, self._bound = inner, bound
        self.timer = _no_timer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)
        self._bound.opened(self, cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._bound.closed(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._bound.spoke(self)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _no_timer() -> asyncio.TimerHandle:
    loop = asyncio.get_running_loop()
    timer = loop.call_later(0, lambda: None)
    timer.cancel()
    return timer
