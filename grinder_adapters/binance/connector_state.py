"""The states of a connector and the moves between them (LIVE-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from grinder_core.errors import ConnectorClosedError, ConnectorError, InvariantError


class State(StrEnum):
    """Where a connector stands; CLOSED is final."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    RECONNECTING = "RECONNECTING"
    CLOSED = "CLOSED"


MOVES: Final = frozenset(
    {
        (State.DISCONNECTED, State.CONNECTING),
        (State.CONNECTING, State.CONNECTED),
        (State.CONNECTING, State.DISCONNECTED),
        (State.CONNECTED, State.RECONNECTING),
        (State.RECONNECTING, State.CONNECTED),
        (State.RECONNECTING, State.DISCONNECTED),
        *((state, State.CLOSED) for state in State if state is not State.CLOSED),
    }
)
UNDER_WAY: Final = (State.CONNECTING, State.RECONNECTING)


class ConnectorState:
    """The state of one connector, its last error, and who waits for a change.

    Args:
        on_change: Called after every move.

    Attributes:
        error: Why the connection was lost or given up; ``None`` once connected.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.now = State.DISCONNECTED
        self.error: Exception | None = None
        self._on_change = on_change
        self._changed = asyncio.Event()

    def to(self, state: State, error: Exception | None = None) -> None:
        """Move on.

        Raises:
            InvariantError: There is no such move.
        """
        if (self.now, state) not in MOVES:
            raise InvariantError(f"may not become {state}", field="state", value=self.now.value)
        self.now, self.error = state, error
        self._changed.set()
        self._changed = asyncio.Event()
        self._on_change()

    def check_open(self, op: str) -> None:
        """Refuse an operation on what was closed.

        Raises:
            ConnectorClosedError: It was.
        """
        if self.now is State.CLOSED:
            raise ConnectorClosedError(op)

    def check_idle(self, op: str) -> None:
        """Refuse an operation while a connection is being made.

        Raises:
            ConnectorClosedError: It was closed.
            ConnectorError: It is connecting or reconnecting.
        """
        self.check_open(op)
        if self.now in UNDER_WAY:
            raise ConnectorError("is under way already", field=op, value=self.now.value)

    async def until_settled(self, op: str) -> None:
        """Wait until connecting or reconnecting has come to an end.

        Raises:
            Exception: What it failed with.
            ConnectorClosedError: It was closed meanwhile.
        """
        while self.now in UNDER_WAY:
            await self._changed.wait()
        self.check_open(op)
        if self.now is State.DISCONNECTED and self.error is not None:
            raise self.error
