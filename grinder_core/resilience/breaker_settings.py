"""What opens a circuit breaker, for how long, and what closes it again (LIVE-05, SCR-06, MM-19)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from grinder_core.errors import ConnectorError, ConnectorTimeoutError, ConnectorTransientError
from grinder_core.numbers import BPS
from grinder_core.settings import setting

MINUTE_MS: Final = 60_000


class Operation(StrEnum):
    """What is guarded apart; ``reduce`` is placing and amending of reduce-only orders."""

    PLACE = "place"
    REDUCE = "reduce"
    CANCEL = "cancel"
    REPLACE = "replace"
    AMEND = "amend"
    QUERY = "query"
    SNAPSHOT = "snapshot"
    LISTEN_KEY = "listen_key"
    CONNECT = "connect"


class CircuitState(StrEnum):
    """Whether calls pass: all, none, or probes only."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Failure(StrEnum):
    """Failures that count, as the share rule tells them apart."""

    ERROR = "error"  # no answer in time, or the connection broke
    SERVER = "5xx"
    RATE_LIMIT = "429"  # one that concerns this operation alone, such as -1015


class HardSignal(StrEnum):
    """The venue demands silence from the whole host."""

    RATE_LIMIT = "429"  # also code -1003
    BAN = "418"


class TripReason(StrEnum):
    """Why a circuit opened; values are metric labels."""

    THRESHOLD = "threshold"
    HALF_OPEN_FAILURE = "half_open_failure"
    SHARE = "share"
    HARD_SIGNAL = "hard_signal"


@frozen(kw_only=True)
class BreakerSettings:
    """What opens a circuit, for how long, and what closes it again."""

    failure_threshold: int = setting(5, "Failures in a row that open it.", ge=1, spec="LIVE-05")
    open_interval_ms: int = setting(
        30_000, "How long failures keep it open.", ge=1, spec="LIVE-05, SCR-06, MM-19"
    )
    half_open_probe_count: int = setting(
        1,
        "Probes in flight at once; with the share rule, probes in all.",
        ge=1,
        spec="LIVE-05, MM-19",
    )
    success_threshold: int = setting(
        1,
        "Successful probes that close it; the share rule judges all probes instead.",
        ge=1,
        spec="LIVE-05",
    )
    probe_timeout_ms: int = setting(
        30_000, "A probe without a result counts as an error after this.", ge=1, spec="MM-19"
    )
    rate_limit_open_ms: int = setting(
        0,
        "How long a 429 opens it when the venue names no time; 0: until the next full minute.",
        ge=0,
        spec="LIVE-05, SCR-06",
    )
    ban_open_ms: int = setting(
        300_000,
        "How long a 418 opens it when the venue names no time.",
        ge=1,
        spec="LIVE-05, SCR-06",
    )
    named_time_only_lengthens: bool = setting(
        False, "Never stay open shorter than these two, whatever the venue names.", spec="SCR-06"
    )
    late_failure_lengthens: bool = setting(
        False, "A failure reported while open starts the interval anew.", spec="SCR-06"
    )
    share_window_ms: int = setting(
        0, "Window of results of the share rule; 0: no share rule.", ge=0, spec="MM-19"
    )
    share_min_results: int = setting(
        10, "Results the share rule needs to open a closed circuit.", ge=1, spec="MM-19"
    )
    share_error_bps: int = setting(
        5000, "Share of all failures that opens it.", ge=1, le=BPS, spec="MM-19"
    )
    share_5xx_bps: int = setting(2000, "Share of 5xx that opens it.", ge=1, le=BPS, spec="MM-19")
    share_429_bps: int = setting(2000, "Share of 429 that opens it.", ge=1, le=BPS, spec="MM-19")
    share_cooldown_ms: int = setting(
        5000, "Least time half open before the probes are judged.", ge=0, spec="MM-19"
    )


# Exits and cancels must come back soon; the share rule could keep them shut for single failures.
_PROTECTIVE: Final = frozenset({Operation.CANCEL, Operation.REDUCE})
LIVE: Final[Mapping[Operation, BreakerSettings]] = {
    op: BreakerSettings(open_interval_ms=5000) if op in _PROTECTIVE else BreakerSettings()
    for op in Operation
}
QUOTING: Final[Mapping[Operation, BreakerSettings]] = {
    op: settings
    if op in _PROTECTIVE
    else evolve(settings, share_window_ms=MINUTE_MS, half_open_probe_count=5)
    for op, settings in LIVE.items()
}
PUBLIC_REST: Final = BreakerSettings(
    rate_limit_open_ms=30_000, named_time_only_lengthens=True, late_failure_lengthens=True
)


def default_trip_on(error: ConnectorError) -> bool:
    """Whether an error counts as a failure; all others say nothing about the venue's health."""
    return isinstance(error, ConnectorTransientError | ConnectorTimeoutError)
