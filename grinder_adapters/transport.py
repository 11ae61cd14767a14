"""What an adapter needs of a network, as protocols: real sockets, or memory under virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import Factory, frozen


@frozen
class HttpAnswer:
    """One HTTP answer. Names of headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = Factory(dict)


class HttpTransport(Protocol):
    """Sends requests over HTTP.

    Raises (from ``request``):
        ConnectorTimeoutError: No answer in time; the request may have arrived.
        ConnectorClosedError: The transport was closed.
        ConnectionNotMadeError: Nothing was sent.
        ConnectorTransientError: The connection broke after sending; the request may have arrived.
    """

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request and return its answer, whatever its status."""

    async def close(self) -> None:
        """Close all connections."""


class WebSocket(Protocol):
    """One open WebSocket. Pings of the other side are answered by the transport."""

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            ConnectorTransientError: The connection has ended, by whomever.
        """

    async def send(self, text: str) -> None:
        """Send one text message.

        Raises:
            ConnectorTransientError: The connection has ended.
        """

    async def ping(self) -> None:
        """Send a ping."""

    @property
    def last_heard_ms(self) -> int:
        """When any frame came last, pongs included; the clock that the transport was given."""

    async def close(self) -> None:
        """Close it; idempotent."""


class WebSocketTransport(Protocol):
    """Opens WebSockets.

    Raises (from ``connect``):
        ConnectorTimeoutError: It was not open in time.
        ConnectorTransientError: It was refused or broke.
    """

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""

    async def close(self) -> None:
        """Free what they share; the sockets themselves are closed by whoever opened them."""
