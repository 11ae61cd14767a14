"""How long requests may take, what an attempt without a good answer is, and what is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.binance.error_map import Reaction, VenueFailure
from grinder_adapters.metrics.latencies import Latencies
from grinder_core.errors import ConnectorError, ConnectorTimeoutError, ConnectorTransientError
from grinder_core.settings import setting

_CLOCK_REACTIONS: Final = frozenset({Reaction.SYNC_CLOCK, Reaction.SYNC_CLOCK_AND_QUERY})


@frozen(kw_only=True)
class RestSettings:
    """How long requests may take."""

    read_timeout_ms: int = setting(10_000, "Wait for the answer to a read.", ge=1, spec="LIVE-02")
    write_timeout_ms: int = setting(5_000, "Wait for the answer to a write.", ge=1, spec="LIVE-02")
    recv_window_ms: int = setting(
        5_000, "Age at which the venue refuses a request.", ge=1, le=60_000, spec="LIVE-09"
    )


@frozen(kw_only=True)
class Failed:
    """An attempt without a good answer.

    Attributes:
        failure: What it means.
        error: The error of LIVE-02 that it is.
        timestamp_ms: The venue's time that the request carried.
    """

    failure: VenueFailure
    error: ConnectorError
    timestamp_ms: int

    @property
    def needs_clock(self) -> bool:
        """Whether our idea of the venue's time is to blame."""
        return self.failure.reaction in _CLOCK_REACTIONS


@define
class RestStats:
    """Counts since the start, for metrics (Appendix B).

    Attributes:
        requests: Attempts sent, by operation.
        failures: Attempts without a good answer, by operation and kind.
        retries: By operation and ``transient``, ``timeout`` or ``other``.
        rate_limit_hits: By HTTP status or code: ``429``, ``418``, ``-1003``, ``-1015``.
        latencies: How long the answers took, by operation.
    """

    requests: Counter[str] = Factory(Counter)
    failures: Counter[tuple[str, str]] = Factory(Counter)
    retries: Counter[tuple[str, str]] = Factory(Counter)
    rate_limit_hits: Counter[str] = Factory(Counter)
    latencies: defaultdict[str, Latencies] = Factory(lambda: defaultdict(Latencies))

    def retried(self, op: str, error: ConnectorError) -> None:
        """Count one retry."""
        reason = "other"
        if isinstance(error, ConnectorTimeoutError):
            reason = "timeout"
        elif isinstance(error, ConnectorTransientError):
            reason = "transient"
        self.retries[op, reason] += 1
