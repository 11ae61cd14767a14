"""Circuit breakers: stop calling what keeps failing, try again by probes (LIVE-05, SCR-06, MM-19).

One machine; what trips it is data. A run of failures opens it, a share of failures among the
results of a window opens it (MM-19), and the venue's own demand for silence (429, -1003, 418)
opens it whatever else holds. An open circuit becomes half open by time alone, because a caller
that was told to stop will not call to find out.

A call is admitted with a ``Ticket`` that names the generation of the state it was admitted in.
Its result counts only in that generation: an answer to an old question says nothing about now.
A probe that never reports counts as an error after ``probe_timeout_ms``, else a lost call would
keep the circuit half open for ever.

``Circuit`` guards one operation or one host; ``OperationBreaker`` holds one per operation of a
venue. They share nothing but a hard signal. Times are Unix milliseconds that never go back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from attrs import Factory, define, frozen

from grinder_core.errors import CircuitOpenError, ContractError
from grinder_core.numbers import BPS
from grinder_core.resilience.breaker_settings import (
    LIVE,
    MINUTE_MS,
    BreakerSettings,
    CircuitState,
    Failure,
    HardSignal,
    Operation,
    TripReason,
)


@frozen
class Ticket:
    """Permission for one call; its result is reported with it, once."""

    circuit: str
    generation: int
    number: int
    ts_ms: int


@define
class Circuit:
    """The breaker of one operation or one host.

    Attributes:
        generation: Number of changes of state so far.
        since_ms, until_ms: When the state was entered; when OPEN ends.
        failures: Failures in a row while CLOSED.
        results: ``(time, failure or None)``: while CLOSED the window of the share rule, while
            HALF_OPEN those of the probes.
        probes: In flight, oldest first.
        calls, rejected, trips: Totals for metrics, trips by ``TripReason``.
    """

    name: str
    settings: BreakerSettings
    status: CircuitState = CircuitState.CLOSED
    generation: int = 0
    since_ms: int = 0
    until_ms: int = 0
    is_banned: bool = False
    failures: int = 0
    results: deque[tuple[int, Failure | None]] = Factory(deque)
    probes: deque[Ticket] = Factory(deque)
    calls: int = 0
    rejected: int = 0
    trips: dict[str, int] = Factory(lambda: dict.fromkeys(TripReason, 0))
    last_ms: int = 0

    def state(self, now: int) -> CircuitState:
        """Return the state at ``now``; later states do not depend on how often it is asked for.

        Raises:
            ContractError: ``now`` went back; so do all methods that take it.
        """
        self._settle(now)
        return self.status

    def is_open(self, now: int) -> bool:
        """Whether nothing passes, not even a probe."""
        return self.state(now) is CircuitState.OPEN

    def banned(self, now: int) -> bool:
        """Whether a 418 holds the circuit open."""
        self._settle(now)
        return self.is_banned

    def permits(self, now: int) -> bool:
        """Whether a call would be admitted."""
        state = self.state(now)
        if state is not CircuitState.HALF_OPEN:
            return state is CircuitState.CLOSED
        used = len(self.probes) + (len(self.results) if self.settings.share_window_ms else 0)
        return used < self.settings.half_open_probe_count

    def before_call(self, now: int) -> Ticket:
        """Admit one call.

        Raises:
            CircuitOpenError: It must not be sent.
        """
        if not self.permits(now):
            self.rejected += 1
            state = (
                f"is open until {self.until_ms}"
                if self.status is CircuitState.OPEN
                else "is half open and has no probe left"
            )
            raise CircuitOpenError(f"the circuit {state}; nothing was sent", field=self.name)
        self.calls += 1
        ticket = Ticket(self.name, self.generation, self.calls, now)
        if self.status is CircuitState.HALF_OPEN:
            self.probes.append(ticket)
        return ticket

    def record_success(self, ticket: Ticket, now: int) -> None:
        """Report that the call succeeded."""
        self._record(ticket, None, now)

    def record_failure(self, ticket: Ticket, now: int, reason: Failure = Failure.ERROR) -> None:
        """Report the first answer of the call as a failure that counts."""
        self._record(ticket, reason, now)

    def release(self, ticket: Ticket, now: int) -> None:
        """Report that the call was not made, or that its result does not count."""
        self._settle(now)
        if ticket in self.probes:
            self.probes.remove(ticket)

    def hard_signal(self, signal: HardSignal, now: int, retry_after_ms: int | None = None) -> None:
        """Open at once, whichever call the venue answered so; the later deadline wins.

        Args:
            signal: What the venue demands.
            retry_after_ms: From ``now``, as the venue named it; ``None`` if it did not.
        """
        self._settle(now)
        default = self._silence_ms(signal, now)
        asked = default if retry_after_ms is None else retry_after_ms
        if self.settings.named_time_only_lengthens:
            asked = max(asked, default)
        if self.status is CircuitState.OPEN:
            self.until_ms = max(self.until_ms, now + asked)
        else:
            self._open(TripReason.HARD_SIGNAL, now, now + asked)
        self.is_banned = self.is_banned or signal is HardSignal.BAN

    def _silence_ms(self, signal: HardSignal, now: int) -> int:
        if signal is HardSignal.BAN:
            return self.settings.ban_open_ms
        return self.settings.rate_limit_open_ms or MINUTE_MS - now % MINUTE_MS

    def _record(self, ticket: Ticket, failure: Failure | None, now: int) -> None:
        self._settle(now)
        if self.status is CircuitState.OPEN:
            if failure and self.settings.late_failure_lengthens:
                self.until_ms = max(self.until_ms, now + self.settings.open_interval_ms)
        elif self.status is CircuitState.HALF_OPEN:
            if ticket in self.probes:
                self.probes.remove(ticket)
                self._probed(failure, now)
                self._settle(now)  # the last probe may be judged at once
        elif ticket.generation == self.generation:
            self._count(failure, now)

    def _count(self, failure: Failure | None, now: int) -> None:
        """Fold a result while CLOSED."""
        settings, results = self.settings, self.results
        self.failures = self.failures + 1 if failure else 0
        if settings.share_window_ms:
            results.append((now, failure))
            while now - results[0][0] >= settings.share_window_ms:
                results.popleft()
        if self.failures >= settings.failure_threshold:
            self._open(TripReason.THRESHOLD, now, now + settings.open_interval_ms)
        elif len(results) >= settings.share_min_results and self._share_is_reached():
            self._open(TripReason.SHARE, now, now + settings.open_interval_ms)

    def _probed(self, failure: Failure | None, at: int) -> None:
        """Fold the result of a probe; the share rule waits until all have reported."""
        self.results.append((at, failure))
        if self.settings.share_window_ms:
            return
        if failure:
            self._reopen(at)
        elif len(self.results) >= self.settings.success_threshold:
            self._enter(CircuitState.CLOSED, at)

    def _share_is_reached(self) -> bool:
        total = len(self.results)
        failures = [failure for _, failure in self.results if failure]
        counted = (
            (len(failures), self.settings.share_error_bps),
            (failures.count(Failure.SERVER), self.settings.share_5xx_bps),
            (failures.count(Failure.RATE_LIMIT), self.settings.share_429_bps),
        )
        return any(count * BPS >= limit * total for count, limit in counted)

    def _settle(self, now: int) -> None:
        """Make every change that time alone has brought, each at its own time."""
        if now < self.last_ms:
            raise ContractError(f"must not go back from {self.last_ms}", field="now", value=now)
        self.last_ms = now
        while (due := self._due_ms()) is not None and due <= now:
            if self.status is CircuitState.OPEN:
                self._enter(CircuitState.HALF_OPEN, due)
            elif self.probes:
                self.probes.popleft()
                self._probed(Failure.ERROR, due)
            elif self._share_is_reached():
                self._reopen(due)
            else:
                self._enter(CircuitState.CLOSED, due)

    def _due_ms(self) -> int | None:
        """When the next change by time alone is due, if there is one."""
        if self.status is CircuitState.OPEN:
            return self.until_ms
        if self.probes:
            return self.probes[0].ts_ms + self.settings.probe_timeout_ms
        if (
            self.status is CircuitState.HALF_OPEN
            and self.settings.share_window_ms
            and len(self.results) == self.settings.half_open_probe_count
        ):
            return max(self.results[-1][0], self.since_ms + self.settings.share_cooldown_ms)
        return None

    def _reopen(self, at: int) -> None:
        self._open(TripReason.HALF_OPEN_FAILURE, at, at + self.settings.open_interval_ms)

    def _open(self, reason: TripReason, at: int, until: int) -> None:
        self.trips[reason] += 1
        self._enter(CircuitState.OPEN, at)
        self.until_ms = until

    def _enter(self, status: CircuitState, at: int) -> None:
        self.status, self.since_ms = status, at
        self.generation += 1
        self.failures, self.is_banned = 0, False
        self.results.clear()
        self.probes.clear()


@define
class OperationBreaker:
    """One circuit per operation of a venue; only a hard signal concerns them all."""

    circuits: dict[str, Circuit]

    @classmethod
    def of(cls, settings: Mapping[Operation, BreakerSettings] = LIVE) -> OperationBreaker:
        """Return closed circuits with these settings, one for each operation."""
        return cls({op.value: Circuit(op.value, settings[op]) for op in Operation})

    def state(self, op: Operation, now: int) -> CircuitState:
        """Return the state of one operation at ``now``."""
        return self.circuits[op].state(now)

    def allow(self, op: Operation, now: int) -> bool:
        """Whether a call would be admitted."""
        return self.circuits[op].permits(now)

    def before_call(self, op: Operation, now: int) -> Ticket:
        """Admit one call.

        Raises:
            CircuitOpenError: It must not be sent.
        """
        return self.circuits[op].before_call(now)

    def record_success(self, ticket: Ticket, now: int) -> None:
        """Report that a call succeeded."""
        self.circuits[ticket.circuit].record_success(ticket, now)

    def record_failure(self, ticket: Ticket, now: int, reason: Failure = Failure.ERROR) -> None:
        """Report the first answer of a call as a failure that counts."""
        self.circuits[ticket.circuit].record_failure(ticket, now, reason)

    def release(self, ticket: Ticket, now: int) -> None:
        """Report that a call was not made, or that its result does not count."""
        self.circuits[ticket.circuit].release(ticket, now)

    def hard_signal(self, signal: HardSignal, now: int, retry_after_ms: int | None = None) -> None:
        """Open every operation of the host at once."""
        for circuit in self.circuits.values():
            circuit.hard_signal(signal, now, retry_after_ms)
