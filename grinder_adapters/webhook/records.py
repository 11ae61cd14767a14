"""Alerts as data: what happened, why, what was done with orders, and what to type next."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import field, frozen

from grinder_core.codec import digest16, to_dict
from grinder_core.settings import register_choice


@register_choice
class Severity(StrEnum):
    """How soon somebody should look, the mildest first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for INFO up to 2 for CRITICAL."""
        return tuple(Severity).index(self)


class AlertStatus(StrEnum):
    """Where an alert stands in the life of its incident."""

    OPEN = "open"
    UPDATED = "updated"
    RESOLVED = "resolved"
    EVENT = "event"


class AlertKind(StrEnum):
    """What an alert is about; published, append only."""

    KILL_SWITCH = "KILL_SWITCH"
    DRAWDOWN_GUARD = "DRAWDOWN_GUARD"
    DAILY_LOSS = "DAILY_LOSS"
    LOSS_STREAK = "LOSS_STREAK"
    EMERGENCY = "EMERGENCY"
    PAUSE = "PAUSE"
    DEGRADED = "DEGRADED"
    INIT_TIMEOUT = "INIT_TIMEOUT"
    MISMATCH = "MISMATCH"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    RATE_LIMIT_BAN = "RATE_LIMIT_BAN"
    CLOCK_SKEW = "CLOCK_SKEW"
    STATE_WRITE_FAILED = "STATE_WRITE_FAILED"
    DISK_LOW = "DISK_LOW"
    USER_STREAM_DOWN = "USER_STREAM_DOWN"
    FEED_LOST = "FEED_LOST"
    DEAD_MAN_FAILED = "DEAD_MAN_FAILED"
    SESSION_STARTED = "SESSION_STARTED"
    SESSION_STOPPED = "SESSION_STOPPED"
    SESSION_FAILED = "SESSION_FAILED"
    SUMMARY = "SUMMARY"
    TEST = "TEST"
    CANCEL_STUCK = "CANCEL_STUCK"


@frozen(kw_only=True)
class OrderCounts:
    """Own orders of the symbols that an alert is about.

    Attributes:
        cancelling: Their cancel was asked for and is not confirmed.
        cancelled: Confirmed cancelled since the alert was opened.
        kept_reduce_only: Rest on purpose: they only shrink the position.
        still_open: Rest and may add risk, and no cancel of them was asked for.
        unknown: Nobody knows yet whether they are at the venue; counted here alone.
    """

    cancelling: int = 0
    cancelled: int = 0
    kept_reduce_only: int = 0
    still_open: int = 0
    unknown: int = 0

    def words(self) -> str:
        """Return them as a phrase."""
        return (
            f"{self.cancelled} cancelled, {self.cancelling} being cancelled, "
            f"{self.kept_reduce_only} kept reduce-only, {self.still_open} still open, "
            f"{self.unknown} unknown"
        )


@frozen(kw_only=True)
class Alert:
    """One thing that an operator should know.

    Attributes:
        kind: What it is about.
        severity: How soon somebody should look.
        status: Whether it opens, goes on, ends, or neither lasts nor ends.
        ts_ms: When it was told, Unix milliseconds.
        since_ms: When it began; with kind, symbol and reason it names the incident.
        symbol: Whose it is; empty: of the whole session.
        reason: The operating state's reason behind it, if any.
        cause: One sentence with reason, value and limit.
        detail: More, for who looks closer.
        orders: One sentence: what was done with orders.
        counts: The same in numbers; ``None`` where no orders are known.
        next: The commands to type next, in order.
        runbook: The page that says more.
        counted: Of a summary, how many alerts it stands for, by kind.
    """

    kind: AlertKind
    severity: Severity
    status: AlertStatus
    ts_ms: int
    since_ms: int
    cause: str
    symbol: str = ""
    reason: str = ""
    detail: str = ""
    orders: str = ""
    counts: OrderCounts | None = None
    next: tuple[str, ...] = ()
    runbook: str = ""
    counted: dict[str, int] = field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return to_dict(self)

    def id_in(self, session: str) -> str:
        """Return the id by which a receiver knows it again; one of another session differs."""
        return digest16([session, self.to_dict()])

    def incident_id(self, session: str) -> str:
        """Return the id that an alert shares with its updates and its end."""
        return digest16([session, self.kind.value, self.symbol, self.reason, self.since_ms])
