"""WebSockets in memory whose other side is a script: what it answers, pushes, and when it dies."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from grinder_adapters.clock import Clock
from grinder_adapters.transport import WebSocket
from grinder_core.errors import ConnectorTransientError

Script = Callable[[dict[str, Any]], Sequence[dict[str, Any]]]


def agree(request: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Answer every request as the venue does when all is well."""
    return ({"result": None, "id": request["id"]},)


def refuse(request: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Refuse every request."""
    return ({"error": {"code": 2, "msg": "Invalid request"}, "id": request["id"]},)


def ignore(request: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Say nothing."""
    return ()


class MemorySocket:
    """One connection; its methods without ``async`` are the other side's.

    Attributes:
        opened_ms, closed_ms: When; the latter ``None`` while it is open on our side.
        sent: Requests of ours with their times.
        pings: Times of our pings.
        script: Answers requests.
        has_pongs: Whether pings are answered.
        hangs_on_close: Whether closing never ends.
    """

    def __init__(self, url: str, clock: Clock, script: Script) -> None:
        self.url, self._clock, self.script = url, clock, script
        self.opened_ms = self._heard_ms = clock.now_ms()
        self.closed_ms: int | None = None
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.pings: list[int] = []
        self.has_pongs = True
        self.hangs_on_close = False
        self._inbox: deque[bytes | None] = deque()
        self._woken = asyncio.Event()

    @property
    def requests(self) -> list[tuple[str, list[str]]]:
        """Method and streams of each request."""
        return [(request["method"], request["params"]) for _, request in self.sent]

    @property
    def last_heard_ms(self) -> int:
        """When any frame came last."""
        return self._heard_ms

    def push(self, frame: dict[str, Any] | bytes) -> None:
        """Send a frame to our side."""
        self._inbox.append(frame if isinstance(frame, bytes) else json.dumps(frame).encode())
        self._woken.set()

    def push_stream(self, stream: str, data: dict[str, Any]) -> None:
        """Send a frame of a combined connection."""
        wrapped = {"stream": stream, "data": data}
        self.push(json.dumps(wrapped, separators=(",", ":")).encode())

    def end(self) -> None:
        """Close from the other side, after what was pushed."""
        self._inbox.append(None)
        self._woken.set()

    async def receive(self) -> bytes:
        """Return the next message."""
        while not self._inbox:
            self._woken.clear()
            await self._woken.wait()
        frame = self._inbox[0]
        if frame is None:
            raise ConnectorTransientError("the connection ended with code 1006", where="memory")
        self._inbox.popleft()
        self._heard_ms = self._clock.now_ms()
        return frame

    async def send(self, text: str) -> None:
        """Send one text message."""
        if self.closed_ms is not None or (self._inbox and self._inbox[-1] is None):
            raise ConnectorTransientError("the connection has ended", where="memory")
        request = json.loads(text)
        self.sent.append((self._clock.now_ms(), request))
        for answer in self.script(request):
            self.push(answer)

    async def ping(self) -> None:
        """Send a ping."""
        self.pings.append(self._clock.now_ms())
        if self.has_pongs:
            self._heard_ms = self._clock.now_ms()

    async def close(self) -> None:
        """Close it; idempotent."""
        if self.closed_ms is None:
            self.closed_ms = self._clock.now_ms()
        if self.hangs_on_close:
            await asyncio.Event().wait()


class MemorySockets:
    """Opens them.

    Attributes:
        sockets: All that were opened, oldest first.
        attempts: When a connection was asked for, successful or not.
        failures: What the next attempts end in, in turn; ``None`` is a success. After them all
            attempts succeed. ``hang`` in it lets an attempt hang.
        script: Given to each new socket.
        on_open: Called with each new socket.
    """

    hang = ConnectorTransientError("hang")

    def __init__(self, clock: Clock, script: Script = agree) -> None:
        self._clock, self.script = clock, script
        self.sockets: list[MemorySocket] = []
        self.attempts: list[int] = []
        self.failures: deque[Exception | None] = deque()
        self.on_open: Callable[[MemorySocket], None] = lambda socket: None

    @property
    def alive(self) -> list[MemorySocket]:
        """Those that our side has not closed."""
        return [socket for socket in self.sockets if socket.closed_ms is None]

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one, or fail as told."""
        self.attempts.append(self._clock.now_ms())
        failure = self.failures.popleft() if self.failures else None
        if failure is self.hang:
            await asyncio.Event().wait()
        if failure is not None:
            raise failure
        socket = MemorySocket(url, self._clock, self.script)
        self.sockets.append(socket)
        self.on_open(socket)
        return socket
