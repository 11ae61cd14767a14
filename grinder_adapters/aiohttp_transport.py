"""HTTP and WebSockets over aiohttp. Its errors become ours here and nowhere else.

The library is kept from retrying: whether a request may be sent again is decided above. A
connection that could not be made is told apart from one that broke after sending, because only then
is it sure that nothing was executed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

import aiohttp
from yarl import URL

from grinder_adapters.clock import Clock
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)

CONNECTIONS: Final = 16
MESSAGE_BYTES_MAX: Final = 16 << 20


class AiohttpTransport:
    """Keeps connections open between requests. Make it inside a running event loop."""

    def __init__(self, connect_timeout_ms: int = 5_000) -> None:
        self._connect_timeout = connect_timeout_ms / 1000
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ttl_dns_cache=300),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_send_once,),
        )

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request and return its answer, whatever its status."""
        if self._session.closed:
            raise ConnectorClosedError("request")
        timeout = aiohttp.ClientTimeout(
            total=timeout_ms / 1000, sock_connect=min(self._connect_timeout, timeout_ms / 1000)
        )
        try:
            async with self._session.request(
                method,
                _as_sent(url),
                headers=dict(headers),
                data=body or None,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                return HttpAnswer(
                    answer.status,
                    await answer.read(),
                    {name.lower(): value for name, value in answer.headers.items()},
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectionNotMadeError(
                f"cannot be reached: {_words(error)}", where=_host(url)
            ) from None
        except TimeoutError:
            raise ConnectorTimeoutError("request", timeout_ms) from None
        except (aiohttp.ClientError, OSError) as error:
            text = f"the connection broke: {_words(error)}"
            raise ConnectorTransientError(text, where=_host(url)) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


class AiohttpSockets:
    """Opens WebSockets. Make it inside a running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""
        if self._session.closed:
            raise ConnectorClosedError("connect")
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                socket = await self._session.ws_connect(
                    _as_sent(url), autoping=False, max_msg_size=MESSAGE_BYTES_MAX, compress=0
                )
        except TimeoutError:
            raise ConnectorTimeoutError("connect", timeout_ms) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionNotMadeError(
                f"cannot be reached: {_words(error)}", where=_host(url)
            ) from None
        return _Socket(socket, self._clock, _host(url))

    async def close(self) -> None:
        """Close what is left."""
        await self._session.close()


class _Socket:
    """One WebSocket of aiohttp."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, clock: Clock, host: str) -> None:
        self._socket, self._clock, self._host = socket, clock, host
        self._last_heard_ms = clock.now_ms()

    @property
    def last_heard_ms(self) -> int:
        """When any frame came last."""
        return self._last_heard_ms

    async def receive(self) -> bytes:
        """Return the next message; pings are answered on the way."""
        while True:
            message = await self._socket.receive()
            if message.type in _ENDS:
                raise ConnectorTransientError(
                    f"the connection ended with code {self._socket.close_code}", where=self._host
                )
            self._last_heard_ms = self._clock.now_ms()
            if message.type is aiohttp.WSMsgType.TEXT:
                text: str = message.data
                return text.encode()
            if message.type is aiohttp.WSMsgType.BINARY:
                data: bytes = message.data
                return data
            if message.type is aiohttp.WSMsgType.PING:
                await self._guarded(self._socket.pong(message.data))

    async def send(self, text: str) -> None:
        """Send one text message."""
        await self._guarded(self._socket.send_str(text))

    async def ping(self) -> None:
        """Send a ping."""
        await self._guarded(self._socket.ping())

    async def close(self) -> None:
        """Close it; idempotent."""
        await self._socket.close()

    async def _guarded(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except (aiohttp.ClientError, OSError) as error:
            text = f"the connection broke: {_words(error)}"
            raise ConnectorTransientError(text, where=self._host) from None


_ENDS: Final = frozenset(
    {
        aiohttp.WSMsgType.CLOSE,
        aiohttp.WSMsgType.CLOSING,
        aiohttp.WSMsgType.CLOSED,
        aiohttp.WSMsgType.ERROR,
    }
)


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Hide from the library how a connection broke.

    It would send GET, PUT and DELETE again, on another connection: an amend could happen twice.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _as_sent(url: str) -> URL:
    """The URL byte for byte: what was signed must not be encoded again."""
    return URL(url, encoded=True)


def _host(url: str) -> str:
    """Scheme and host: paths and queries may hold keys and signatures."""
    return "/".join(url.split("/", 3)[:3])


def _words(error: Exception) -> str:
    return type(error).__name__
