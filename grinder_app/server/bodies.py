"""What ``/healthz`` and ``/readyz`` answer, as pure functions (LIVE-30, MM-53)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from attrs import frozen

from grinder_core.contracts.live import OperatingState

REQUIRED_HEALTHZ_KEYS: Final = ("status", "uptime_s")
REQUIRED_READYZ_KEYS: Final = ("ready", "role", "state", "reasons")
JSON: Final = "application/json"
OK: Final = 200
UNAVAILABLE: Final = 503


@frozen
class Answer:
    """A status and a body."""

    status: int
    body: bytes
    content_type: str = JSON


@frozen(kw_only=True)
class Readiness:
    """What readiness depends on.

    Attributes:
        role: ``active``, ``standby`` or ``unknown``.
        state: Of the session.
        reason: Why it is in that state, in the words of the state machine.
        circuit_open: Orders are stopped by the circuit breaker.
        stale: The market of some symbol is silent for longer than allowed.
    """

    role: str
    state: OperatingState
    reason: str = ""
    circuit_open: bool = False
    stale: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it leads and recovery is done."""
        return self.role == "active" and self.state is not OperatingState.INIT

    @property
    def reasons(self) -> list[str]:
        """What stands against trading, sorted; it may be ready all the same."""
        return sorted(self._reasons())

    def _reasons(self) -> Iterable[str]:
        if self.role != "active":
            yield "not_leader"
        if self.state is OperatingState.INIT:
            yield self.reason.lower() or "starting"
        if self.state in {OperatingState.PAUSE, OperatingState.EMERGENCY}:
            yield "guard_paused_effective"
        if self.circuit_open:
            yield "circuit_open"
        if self.stale:
            yield "book_stale"


def healthz(uptime_s: float) -> Answer:
    """Answer that the process is alive."""
    return document({"status": "ok", "uptime_s": uptime_s})


def readyz(readiness: Readiness) -> Answer:
    """Answer whether it may be sent work."""
    body = {
        "ready": readiness.is_ready,
        "role": readiness.role,
        "state": readiness.state.value,
        "reasons": readiness.reasons,
    }
    return document(body, OK if readiness.is_ready else UNAVAILABLE)


def document(body: Any, status: int = OK) -> Answer:
    """Answer with a JSON value."""
    return Answer(status, orjson.dumps(body))
