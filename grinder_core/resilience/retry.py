"""Retries of a request that failed for a passing reason (LIVE-03).

The policy only decides; whoever drives it sends, sleeps and counts. Delays grow without jitter, so
that a recorded session shows the same waits again. A write may be sent again only through the
protocol of LIVE-04: an error that reaches the policy must mean that nothing was executed.
"""

from __future__ import annotations

from attrs import evolve, frozen

from grinder_core.errors import (
    ConfigError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    GrinderError,
)
from grinder_core.settings import setting


@frozen(kw_only=True)
class RetryDecision:
    """What follows a failed attempt.

    Attributes:
        retry: Whether to try again; if not, the error goes to the caller.
        delay_ms: Wait before the next attempt; 0 if there is none.
    """

    retry: bool
    delay_ms: int = 0


GIVE_UP = RetryDecision(retry=False)


@frozen(kw_only=True)
class RetryPolicy:
    """How often a request is tried, and how long to wait in between."""

    max_attempts: int = setting(
        3, "Attempts of one request, the first included; 1: no retry.", ge=1, spec="LIVE-03"
    )
    base_delay_ms: int = setting(100, "Wait before the first retry.", ge=0, spec="LIVE-03")
    max_delay_ms: int = setting(5_000, "Longest wait before a retry.", ge=0, spec="LIVE-03")
    backoff_multiplier_x100: int = setting(
        200, "Each wait over the one before, in hundredths.", ge=100, spec="LIVE-03"
    )
    retry_on_timeout: bool = setting(True, "Whether a timeout is tried again.", spec="LIVE-03")

    def __attrs_post_init__(self) -> None:
        if self.max_delay_ms < self.base_delay_ms:
            raise ConfigError(
                f"must be >= base_delay_ms = {self.base_delay_ms}",
                field="max_delay_ms",
                value=self.max_delay_ms,
            )

    def decide(self, error: Exception, attempt: int) -> RetryDecision:
        """Say whether to try again after the failure of an attempt.

        Args:
            error: Why it failed. Transient errors are retried, timeouts if the policy says so,
                everything else never.
            attempt: Its number, from 1.

        Returns:
            The wait, or no retry: also if the other side asks to wait longer than
            ``max_delay_ms``.

        Raises:
            ContractError: ``attempt < 1``.
        """
        if attempt < 1:
            raise ContractError("must be >= 1", field="attempt", value=attempt)
        if attempt >= self.max_attempts or not self._may_pass(error):
            return GIVE_UP
        asked_ms = error.retry_after_ms if isinstance(error, ConnectorTransientError) else None
        delay_ms = max(self._delay_ms(attempt), asked_ms or 0)
        if delay_ms > self.max_delay_ms:
            return GIVE_UP
        return RetryDecision(retry=True, delay_ms=delay_ms)

    def _may_pass(self, error: Exception) -> bool:
        if isinstance(error, ConnectorTimeoutError):
            return self.retry_on_timeout
        return isinstance(error, ConnectorTransientError)

    def _delay_ms(self, retry: int) -> int:
        """``floor(base * multiplier^(retry-1))``, at most ``max_delay_ms``; retries from 1."""
        power = retry - 1
        # one division of the exact product: rounding at each step would drift
        grown: int = self.base_delay_ms * self.backoff_multiplier_x100**power // 100**power
        return min(grown, self.max_delay_ms)


@frozen(kw_only=True)
class RetryStats:
    """What one request took, folded attempt by attempt.

    Attributes:
        attempts: Times it was sent.
        retries: Attempts that were decided after a failure.
        total_delay_ms: All waits together.
        errors: Each failure as ``CODE: text``, oldest first.
    """

    attempts: int = 0
    retries: int = 0
    total_delay_ms: int = 0
    errors: tuple[str, ...] = ()

    @property
    def last_error(self) -> str | None:
        """The latest failure; ``None`` if there was none."""
        return self.errors[-1] if self.errors else None

    def succeeded(self) -> RetryStats:
        """Return the stats with one more attempt, which succeeded."""
        return evolve(self, attempts=self.attempts + 1)

    def failed(self, error: Exception, decision: RetryDecision) -> RetryStats:
        """Return the stats with one more attempt, which failed, and what was decided then."""
        code = error.code if isinstance(error, GrinderError) else type(error).__name__
        return RetryStats(
            attempts=self.attempts + 1,
            retries=self.retries + decision.retry,
            total_delay_ms=self.total_delay_ms + decision.delay_ms,
            errors=(*self.errors, f"{code}: {error}"),
        )
