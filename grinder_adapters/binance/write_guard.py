"""The one way to the network, and the one place that decides whether a write may take it (I-07.1).

Everything of this adapter that speaks HTTP holds a `WriteGuard` and nothing below it. A request
with another method than GET passes only while a complete `Permission` for this very host is
armed; a guard begins disarmed. Keeping a listen key is no trade: a process that may only read
still follows its account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.binance.hosts import VenueClass, venue_class
from grinder_adapters.binance.permission import Permission
from grinder_adapters.transport import HttpAnswer, HttpTransport
from grinder_core.errors import ConnectorNonRetryableError, ContractError

LISTEN_KEY_PATH: Final = "/fapi/v1/listenKey"
_IDENTITY: Final = ("x-grinder-venue", "local")


class WriteGuard:
    """Sends requests to one host; see the module's text.

    Args:
        transport: What is guarded; nobody else may hold it.
        rest_url: ``scheme://host[:port]`` of the venue.

    Attributes:
        venue_class: Of that host.
        simulator_is_identified: Whether every answer so far, and at least one, came from the
            local exchange.
        refused: Writes that were stopped here.
    """

    def __init__(self, transport: HttpTransport, rest_url: str) -> None:
        self._transport, self._rest_url = transport, rest_url
        self._permission: Permission | None = None
        self.venue_class = venue_class(rest_url)
        self.simulator_is_identified = False
        self._is_something_else = False
        self.refused = 0

    @property
    def permission(self) -> Permission | None:
        """What is armed; ``None``: nothing."""
        return self._permission

    def arm(self, permission: Permission) -> None:
        """Let writes pass from now on.

        Raises:
            ConnectorNonRetryableError: Something is missing; all of it is named.
            ContractError: The permission was given for a host of another class.
        """
        if permission.venue_class is not self.venue_class:
            raise ContractError(
                f"must be {self.venue_class.value}, as {self._rest_url} is",
                field="permission.venue_class",
                value=permission.venue_class.value,
            )
        permission.require()
        self._permission = permission

    def disarm(self) -> None:
        """Let no write pass any more."""
        self._permission = None

    def require(self) -> Permission:
        """Return what is armed.

        Raises:
            ConnectorNonRetryableError: Nothing is.
        """
        if self._permission is None:
            raise ConnectorNonRetryableError(
                f"orders to this {self.venue_class.value} venue are not permitted",
                remedy="arm a complete permission first; it lists what is missing",
            )
        return self._permission

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request to the host and return its answer, whatever its status.

        Args:
            target: Path and query, from ``/`` on.

        Raises:
            ConnectorNonRetryableError: It is a write, and not permitted; nothing was sent.
            ConnectorError: As `HttpTransport` says.
        """
        if not target.startswith("/"):
            raise ContractError("must begin with '/'", field="target", value=target[:1])
        if method != "GET" and target != LISTEN_KEY_PATH:
            self._check_write()
        answer = await self._transport.request(
            method, f"{self._rest_url}{target}", headers, body, timeout_ms
        )
        name, local = _IDENTITY
        self._is_something_else |= answer.headers.get(name) != local
        self.simulator_is_identified = not self._is_something_else
        return answer

    async def close(self) -> None:
        """Close all connections; nothing passes any more."""
        self.disarm()
        await self._transport.close()

    def _check_write(self) -> None:
        try:
            self.require()
            if self.venue_class is VenueClass.SIM and not self.simulator_is_identified:
                raise ConnectorNonRetryableError(
                    f"{self._rest_url} does not identify itself as the local exchange",
                    remedy="start one, and write to nothing else on loopback",
                )
        except ConnectorNonRetryableError:
            self.refused += 1
            raise
