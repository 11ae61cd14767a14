"""Talking to the local exchange in process, through the same protocols as over sockets.

Nothing here waits by itself: latency and lost answers are the venue's faults, spent on the injected
``sleep``, so that all of it runs under virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from grinder_adapters.clock import Clock
from grinder_adapters.local_venue.fault_effects import RequestFault
from grinder_adapters.local_venue.http import IDENTITY, Request, Response
from grinder_adapters.local_venue.session import Session
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)

HOST: Final = "http://127.0.0.1"
Sleep = Callable[[float], Awaitable[None]]


class MemoryHttp:
    """Sends requests to an exchange in this process."""

    def __init__(self, venue: LocalVenue, clock: Clock, sleep: Sleep) -> None:
        self._venue, self._clock, self._sleep = venue, clock, sleep
        self._closed = False
        self._late: set[asyncio.Task[Response | None]] = set()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request and return its answer, whatever its status."""
        if self._closed:
            raise ConnectorClosedError("request")
        path, query = split(url)
        request = Request(
            method=method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        fault = self._venue.foresee(request, self._clock.now_ms())
        arriving = self._arrive(request, fault)
        if fault is not None and fault.latency_ms + fault.answer_delay_ms >= timeout_ms:
            # too late for us, not for the exchange
            late = asyncio.create_task(arriving, name="local venue: a late request")
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            await self._sleep(timeout_ms / 1000)
            raise ConnectorTimeoutError("request", timeout_ms)
        answer = await arriving
        if answer is None:
            raise ConnectorTransientError("the connection broke", where=HOST)
        return HttpAnswer(
            answer.status,
            answer.body,
            {name.lower(): value for name, value in (IDENTITY | answer.headers).items()},
        )

    async def _arrive(self, request: Request, fault: RequestFault | None) -> Response | None:
        if fault is not None and fault.latency_ms:
            await self._sleep(fault.latency_ms / 1000)
        answer = self._venue.handle(request, self._clock.now_ms(), fault)
        if fault is not None and fault.answer_delay_ms:
            await self._sleep(fault.answer_delay_ms / 1000)
        return answer

    async def close(self) -> None:
        """Refuse further requests."""
        self._closed = True


class MemorySockets:
    """Opens WebSockets to an exchange in this process."""

    def __init__(self, venue: LocalVenue, clock: Clock) -> None:
        self._venue, self._clock = venue, clock

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""
        path, query = split(url)
        session = self._venue.open(path, query, "127.0.0.1", self._clock.now_ms())
        if session is None:
            raise ConnectionNotMadeError("refused", where=HOST)
        return _MemorySocket(self._venue, session, self._clock)

    async def close(self) -> None:
        """Nothing is shared."""


class _MemorySocket:
    """One connection's client side."""

    def __init__(self, venue: LocalVenue, session: Session, clock: Clock) -> None:
        self._venue, self._session, self._clock = venue, session, clock
        self._woken = asyncio.Event()
        self._last_heard_ms = clock.now_ms()
        self._closed = False
        session.wake = self._woken.set

    @property
    def last_heard_ms(self) -> int:
        """When any frame came last."""
        return self._last_heard_ms

    async def receive(self) -> bytes:
        """Return the next message; pings are answered on the way."""
        session = self._session
        while True:
            while session.outbox:
                frame = session.outbox.popleft()
                self._last_heard_ms = self._clock.now_ms()
                if frame is not None:
                    return frame
                session.pong(self._clock.now_ms())
            if session.close_code or self._closed:
                self._venue.hub.close(session)
                raise ConnectorTransientError(
                    f"the connection ended with code {session.close_code}", where=HOST
                )
            self._woken.clear()
            await self._woken.wait()

    async def send(self, text: str) -> None:
        """Send one text message."""
        if self._session.close_code or self._closed:
            raise ConnectorTransientError("the connection has ended", where=HOST)
        self._venue.receive(self._session, text, self._clock.now_ms())

    async def ping(self) -> None:
        """Send a ping, which is answered at once and counts as a message."""
        if self._session.count(self._clock.now_ms()):
            self._last_heard_ms = self._clock.now_ms()

    async def close(self) -> None:
        """Close it; idempotent."""
        self._closed = True
        self._venue.hub.close(self._session)
        self._woken.set()


def split(url: str) -> tuple[str, str]:
    """Path and query of a URL, as they stand in it."""
    rest = url.split("/", 3)[3] if url.count("/") >= 3 else ""
    path, _, query = rest.partition("?")
    return f"/{path}", query
