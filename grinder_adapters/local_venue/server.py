"""The local exchange on loopback: a thin shell of sockets around ``LocalVenue`` (LIVE-40).

Every answer carries ``X-Grinder-Venue``, so that nothing else on loopback is taken for it. A client
that does not read is dropped once too much waits for it; at full speed the market waits instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from struct import Struct
from typing import Final

from aiohttp import WSMsgType, web

from grinder_adapters.clock import Clock
from grinder_adapters.local_venue import control
from grinder_adapters.local_venue.http import IDENTITY, Request
from grinder_adapters.local_venue.session import Session
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.errors import ConfigError

TICK_MS: Final = 10
OUTBOX_MAX: Final = 100_000
SLOW, ABNORMAL = 1008, 1006
SHUTDOWN_S: Final = 1.0
FRAMES_AT_ONCE: Final = 500
UNSENT_BYTES_MAX: Final = 1 << 20
UNSENT_POLL_S: Final = 0.001
TEXT: Final = 0x81  # a whole text frame
_MEDIUM: Final = Struct("!BBH").pack
_LARGE: Final = Struct("!BBQ").pack
HOSTS: Final = ("127.0.0.1", "::1", "localhost")


class SteadyClock:
    """A clock that never goes back, whatever the machine's does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        self._last = max(self._last, self._clock.now_ms())
        return self._last


class VenueServer:
    """Serves one local exchange.

    Args:
        venue: The exchange.
        clock: The venue's clock.
        host: A loopback address.
        port: 0: any free one.

    Raises:
        ConfigError: The host is not loopback.
    """

    def __init__(
        self, venue: LocalVenue, clock: Clock, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        if host not in HOSTS:
            raise ConfigError(
                "must be a loopback address: the local exchange is never reachable from outside",
                field="host",
                value=host,
                remedy="use 127.0.0.1",
            )
        self.venue, self.clock = venue, SteadyClock(clock)
        self.host, self.port = host, port
        self._runner: web.ServerRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._transports: dict[int, asyncio.Transport] = {}

    async def start(self) -> str:
        """Listen; return the base URL.

        Raises:
            ConfigError: The port is taken.
        """
        runner = web.ServerRunner(
            web.Server(self._serve, access_log=None), shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(
                f"cannot be listened on: {error.strerror}",
                field="port",
                value=self.port,
                remedy="choose another one, or 0 for any",
            ) from None
        self._runner = runner
        self.port = runner.addresses[0][1]
        self._ticker = asyncio.create_task(self._tick(), name="local venue: time")
        return f"http://{self.host}:{self.port}"

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        for session in list(self.venue.hub.sessions.values()):
            session.close(1001, "the exchange stops")
        if self._runner is not None:
            await self._runner.cleanup()

    # -- inside --------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            self.venue.tick(self.clock.now_ms())
            for session in list(self.venue.hub.sessions.values()):
                if session.is_behind(OUTBOX_MAX):
                    session.close(SLOW, "reads too slowly")
                    session.outbox.clear()
                    self._transports[session.number].abort()  # nothing more fits into it

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        asked = Request(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            remote=request.remote or "",
        )
        if asked.path.startswith(control.PREFIX):
            told = control.answer(self.venue, asked, self.clock.now_ms())
            return web.Response(
                status=told.status, body=told.body, headers={**IDENTITY, **told.headers}
            )
        fault = self.venue.foresee(asked, self.clock.now_ms())
        if fault is not None:
            await asyncio.sleep(fault.latency_ms / 1000)
        answer = self.venue.handle(asked, self.clock.now_ms(), fault)
        if fault is not None:
            await asyncio.sleep(fault.answer_delay_ms / 1000)
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=444)  # nobody gets it
        return web.Response(
            status=answer.status, body=answer.body, headers={**IDENTITY, **answer.headers}
        )

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self.venue.open(
            request.path,
            request.rel_url.raw_query_string,
            request.remote or "",
            self.clock.now_ms(),
        )
        if session is None:
            return web.Response(status=404, headers=IDENTITY)
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 16)
        socket.headers.update(IDENTITY)
        await socket.prepare(request)
        assert request.transport is not None  # it has just been written to
        self._transports[session.number] = request.transport
        woken = asyncio.Event()
        session.wake = woken.set
        writer = asyncio.create_task(
            _write(session, socket, request.transport, woken),
            name=f"local venue: socket {session.number}",
        )
        try:
            await self._read(session, socket)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self.venue.hub.close(session)
            del self._transports[session.number]
        return socket

    async def _read(self, session: Session, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            now = self.clock.now_ms()
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                self.venue.receive(session, message.data, now)
            elif message.type is WSMsgType.PING:
                session.count(now)
                await socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                session.pong(now)


async def _write(
    session: Session,
    socket: web.WebSocketResponse,
    transport: asyncio.Transport,
    woken: asyncio.Event,
) -> None:
    """Send what waits, in order; end the connection when the exchange says so."""
    outbox = session.outbox
    while not transport.is_closing():
        woken.clear()
        while outbox:
            block = _next_block(outbox)
            if block:
                transport.write(framed(block))
            else:
                outbox.popleft()
                await socket.ping(b"")
            while transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                await asyncio.sleep(UNSENT_POLL_S)
        if session.close_code == ABNORMAL:  # it must not be sent: there is no word of the end
            transport.abort()
            return
        if session.close_code:
            await socket.close(code=session.close_code, message=session.close_reason.encode())
            return
        await woken.wait()


def _next_block(outbox: deque[bytes | None]) -> list[bytes]:
    """Take the frames up to the next ping, not too many at once."""
    block: list[bytes] = []
    while outbox and len(block) < FRAMES_AT_ONCE:
        frame = outbox[0]
        if frame is None:
            break
        block.append(frame)
        outbox.popleft()
    return block


def framed(texts: Iterable[bytes]) -> bytes:
    """Return texts as frames of one block: one call of the machine sends them all.

    Source: RFC 6455, section 5.2; a server does not mask.

    Example:
        >>> framed([b"ab", b""])
        b'\\x81\\x02ab\\x81\\x00'
    """
    parts: list[bytes] = []
    for text in texts:
        size = len(text)
        if size < 126:
            parts.append(bytes((TEXT, size)))
        elif size < 1 << 16:
            parts.append(_MEDIUM(TEXT, 126, size))
        else:
            parts.append(_LARGE(TEXT, 127, size))
        parts.append(text)
    return b"".join(parts)
