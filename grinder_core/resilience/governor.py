"""The queue of background requests: so much weight a minute, in order, no long waits (SCR-07).

Imports, screening and recovery ask here before they send. A token bucket evens out their weight;
who does not fit waits in one queue, first in, first out, so that a heavy request is never starved
by light ones. Every request ends with exactly one verdict. Where trading runs on the same IP, each
admission is also held against the venue budget, as background.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol, Self

from attrs import Factory, define, frozen

from grinder_core.contracts.checks import check_int
from grinder_core.errors import (
    ConfigError,
    ConnectorNonRetryableError,
    ContractError,
    GovernorDroppedError,
    GovernorTimeoutError,
    RateLimitError,
)
from grinder_core.resilience.budget import RequestClass, VenueBudget
from grinder_core.resilience.sliding_count import SlidingCount
from grinder_core.resilience.weights import Cost
from grinder_core.settings import setting

MINUTE_MS: Final = 60_000
UNITS: Final = MINUTE_MS  # of one weight: each millisecond adds max_weight_per_minute of them


class Breaker(Protocol):
    """What the governor asks the circuit breaker of the host (SCR-06)."""

    def is_open(self, now: int) -> bool:
        """Whether it is open with its timer still running."""

    def permits(self, now: int) -> bool:
        """Whether a request may be sent now; half open, a yes takes one of the probes."""


class Decision(StrEnum):
    """What became of a request; DEFERRED alone is not the end."""

    ALLOWED = "allowed"
    DEFERRED = "deferred"
    CANCELLED = "cancelled"
    BREAKER_OPEN = "breaker_open"
    BUDGET_EXHAUSTED = "budget_exhausted"
    QUEUE_FULL = "queue_full"
    TIMEOUT = "timeout"


DROPS: Final[Mapping[Decision, type[ConnectorNonRetryableError]]] = {
    Decision.BREAKER_OPEN: RateLimitError,
    Decision.BUDGET_EXHAUSTED: GovernorDroppedError,
    Decision.QUEUE_FULL: GovernorDroppedError,
    Decision.TIMEOUT: GovernorTimeoutError,
}


@frozen(kw_only=True)
class GovernorSettings:
    """How much background requests may use, and how long they wait."""

    max_weight_per_minute: int = setting(
        2000, "Weight that the bucket regains in 1 min.", ge=1, spec="SCR-07"
    )
    burst_capacity_weight: int = setting(
        400, "Weight of a full bucket; a heavier request is refused.", ge=1, spec="SCR-07"
    )
    max_concurrent_requests: int = setting(10, "Requests in flight.", ge=1, spec="SCR-07")
    queue_max_size: int = setting(50, "Requests that may wait.", ge=0, spec="SCR-07")
    queue_timeout_ms: int = setting(30_000, "Longest wait.", ge=1, spec="SCR-07")

    @classmethod
    def within(cls, room: int) -> Self:
        """Return the defaults, scaled so that no minute holds more than ``room`` weight."""
        burst = room // 6  # as 400 is of 2400
        return cls(max_weight_per_minute=room - burst, burst_capacity_weight=burst)


@frozen(kw_only=True)
class Verdict:
    """One decision on one request.

    Attributes:
        wait_ms: Time that it spent in the queue.
        queue_depth: Requests that wait after it.
    """

    request_id: int
    decision: Decision
    wait_ms: int
    queue_depth: int

    def error(self) -> ConnectorNonRetryableError:
        """Return what an adapter raises for a dropped request; nothing was sent."""
        return DROPS[self.decision](
            f"dropped by the governor: {self.decision} after {self.wait_ms} ms",
            field="request_id",
            value=self.request_id,
        )


@frozen(kw_only=True)
class GovernorMetrics:
    """Counts since the start, and the present state.

    Attributes:
        requests_dropped: For any reason but the breaker.
        budget_remaining: Whole weight in the bucket.
        total_wait_ms, max_wait_ms: Of the requests that left the queue, however they did.
        drop_reasons: By ``breaker_open``, ``budget_exhausted``, ``queue_full``, ``timeout``.
    """

    requests_allowed: int
    requests_deferred: int
    requests_dropped: int
    requests_failed_breaker: int
    queue_depth: int
    budget_remaining: int
    concurrent_requests: int
    total_wait_ms: int
    max_wait_ms: int
    drop_reasons: Mapping[str, int]

    @property
    def avg_wait_ms(self) -> int:
        """Mean wait of a deferred request, to the nearest millisecond."""
        deferred = max(1, self.requests_deferred)
        return (2 * self.total_wait_ms + deferred) // (2 * deferred)


@frozen
class Waiter:
    """One request in the queue."""

    request_id: int
    weight: int
    since: int
    deadline: int


@define
class Governor:
    """Bucket, queue and requests in flight.

    Every method takes the time, the host's breaker and, where trading runs on the same IP, the
    IP's budget, else ``None``. ``now`` never goes back. Verdicts are given in the order in which
    they were reached.

    Attributes:
        units: Content of the bucket at ``last_ms``, ``UNITS`` to one weight.
    """

    settings: GovernorSettings
    units: int
    last_ms: int
    admitted: SlidingCount
    queue: deque[Waiter] = Factory(deque)
    in_flight: list[int] = Factory(list)
    allowed: int = 0
    deferred: int = 0
    drops: dict[Decision, int] = Factory(lambda: dict.fromkeys(DROPS, 0))
    total_wait_ms: int = 0
    max_wait_ms: int = 0

    @classmethod
    def of(cls, settings: GovernorSettings, room: int, now: int) -> Governor:
        """Return a governor with a full bucket.

        Args:
            room: Weight that background may use in a minute: where trading runs on this IP,
                ``BudgetSettings.background_limit``, else its ``own_limit``.

        Raises:
            ConfigError: The settings may use more.
        """
        most = settings.max_weight_per_minute + settings.burst_capacity_weight
        if most > room:
            raise ConfigError(
                f"and burst_capacity_weight = {settings.burst_capacity_weight} may use {most} in "
                f"a minute, and {room} is left for background requests on this IP",
                field="max_weight_per_minute",
                value=settings.max_weight_per_minute,
                remedy="lower them, or leave them out",
            )
        units = settings.burst_capacity_weight * UNITS
        return cls(settings, units, now, SlidingCount(MINUTE_MS))

    def submit(
        self,
        request_id: int,
        weight: int,
        now: int,
        breaker: Breaker,
        budget: VenueBudget | None,
        timeout_ms: int | None = None,
    ) -> tuple[Verdict, ...]:
        """Ask for one request, whose verdict is the last one; a deferred one gets another later.

        Args:
            request_id: Names no request that waits or is in flight.
            timeout_ms: Longest wait; the setting's by default.
        """
        wait_ms = self.settings.queue_timeout_ms if timeout_ms is None else timeout_ms
        check_int("weight", weight)
        check_int("timeout_ms", wait_ms, ge=1)
        if request_id in self.in_flight or any(w.request_id == request_id for w in self.queue):
            raise ContractError("is under way already", field="request_id", value=request_id)
        earlier = self.tick(now, breaker, budget)
        if breaker.is_open(now):
            decision = self._dropped(Decision.BREAKER_OPEN)
        elif weight > self.settings.burst_capacity_weight:
            decision = self._dropped(Decision.BUDGET_EXHAUSTED)
        elif not self.queue and self._take(request_id, weight, now, breaker, budget):
            decision = Decision.ALLOWED
        elif len(self.queue) >= self.settings.queue_max_size:
            decision = self._dropped(Decision.QUEUE_FULL)
        else:
            decision = Decision.DEFERRED
            self.deferred += 1
            self.queue.append(Waiter(request_id, weight, now, now + wait_ms))
        return *earlier, self._verdict(request_id, decision, 0)

    def release(
        self, request_id: int, now: int, breaker: Breaker, budget: VenueBudget | None
    ) -> tuple[Verdict, ...]:
        """Note that an allowed request has its answer, or never will."""
        if request_id not in self.in_flight:
            raise ContractError("is not in flight", field="request_id", value=request_id)
        self._refill(now)
        self.in_flight.remove(request_id)
        return self.tick(now, breaker, budget)

    def cancel(
        self, request_id: int, now: int, breaker: Breaker, budget: VenueBudget | None
    ) -> tuple[Verdict, ...]:
        """Take back a request that waits; those behind it may go at once."""
        waiter = next((w for w in self.queue if w.request_id == request_id), None)
        if waiter is None:
            raise ContractError("does not wait", field="request_id", value=request_id)
        self._refill(now)
        cancelled = self._leave(waiter, Decision.CANCELLED, now)
        return cancelled, *self.tick(now, breaker, budget)

    def on_breaker(
        self, now: int, breaker: Breaker, budget: VenueBudget | None
    ) -> tuple[Verdict, ...]:
        """Note that the breaker changed: when it opened, all who wait fail."""
        self._refill(now)
        failed = []
        if breaker.is_open(now):
            failed = [self._leave(w, Decision.BREAKER_OPEN, now) for w in tuple(self.queue)]
        return *failed, *self.tick(now, breaker, budget)

    def tick(self, now: int, breaker: Breaker, budget: VenueBudget | None) -> tuple[Verdict, ...]:
        """Let time pass: waits end at their deadline, then the head goes while there is room."""
        self._refill(now)
        late = [w for w in self.queue if now >= w.deadline]
        verdicts = [self._leave(w, Decision.TIMEOUT, now) for w in late]
        while self.queue:
            head = self.queue[0]
            if not self._take(head.request_id, head.weight, now, breaker, budget):
                break
            verdicts.append(self._leave(head, Decision.ALLOWED, now))
        return tuple(verdicts)

    def observe(self, used: int, now: int) -> None:
        """Take the venue's count of this minute's weight from a header.

        Only where nothing trades on this IP: else headers tell the venue budget, and what trading
        used would count against the background's share.
        """
        check_int("used", used)
        self._refill(now)
        if used > self.admitted.at(now):
            left = max(0, self.settings.max_weight_per_minute - used)
            self.units = min(self.units, left * UNITS)

    def due_at(self, now: int, budget: VenueBudget | None) -> int | None:
        """Return when the next ``tick`` changes something by time alone; ``None``: nothing waits.

        To be asked after a call with the same ``now``. What the breaker or a request in flight
        holds up is not a matter of time: only its deadline is.
        """
        if not self.queue:
            return None
        due = min(waiter.deadline for waiter in self.queue)
        if len(self.in_flight) < self.settings.max_concurrent_requests:
            weight = self.queue[0].weight
            missing = weight * UNITS - self.units
            ready = self.last_ms - (-missing // self.settings.max_weight_per_minute)
            cost = Cost(weight_1m=weight)
            if budget and (refusal := budget.refusal(RequestClass.BACKGROUND, cost, now)):
                ready = due if refusal.free_at is None else max(ready, refusal.free_at)
            if ready > now:
                due = min(due, ready)
        return due

    def metrics(self) -> GovernorMetrics:
        """Return counts and state as of the last call."""
        failed = self.drops[Decision.BREAKER_OPEN]
        return GovernorMetrics(
            requests_allowed=self.allowed,
            requests_deferred=self.deferred,
            requests_dropped=sum(self.drops.values()) - failed,
            requests_failed_breaker=failed,
            queue_depth=len(self.queue),
            budget_remaining=self.units // UNITS,
            concurrent_requests=len(self.in_flight),
            total_wait_ms=self.total_wait_ms,
            max_wait_ms=self.max_wait_ms,
            drop_reasons={reason.value: count for reason, count in self.drops.items()},
        )

    def _refill(self, now: int) -> None:
        if now < self.last_ms:
            raise ContractError(f"must not go back from {self.last_ms}", field="now", value=now)
        gained = (now - self.last_ms) * self.settings.max_weight_per_minute
        self.units = min(self.settings.burst_capacity_weight * UNITS, self.units + gained)
        self.last_ms = now

    def _take(
        self, request_id: int, weight: int, now: int, breaker: Breaker, budget: VenueBudget | None
    ) -> bool:
        """Take what the request needs, if all of it is there: weight, a slot, the breaker's yes."""
        if weight * UNITS > self.units:
            return False
        if len(self.in_flight) >= self.settings.max_concurrent_requests:
            return False
        cost = Cost(weight_1m=weight)
        if budget and budget.refusal(RequestClass.BACKGROUND, cost, now):
            return False
        if not breaker.permits(now):  # last, because a yes may have taken its probe
            return False
        if budget:
            budget.admit(RequestClass.BACKGROUND, cost, now)
        self.units -= weight * UNITS
        self.admitted.add(weight, now)
        self.in_flight.append(request_id)
        self.allowed += 1
        return True

    def _leave(self, waiter: Waiter, decision: Decision, now: int) -> Verdict:
        self.queue.remove(waiter)
        wait_ms = now - waiter.since
        self.total_wait_ms += wait_ms
        self.max_wait_ms = max(self.max_wait_ms, wait_ms)
        if decision in DROPS:
            self._dropped(decision)
        return self._verdict(waiter.request_id, decision, wait_ms)

    def _dropped(self, decision: Decision) -> Decision:
        self.drops[decision] += 1
        return decision

    def _verdict(self, request_id: int, decision: Decision, wait_ms: int) -> Verdict:
        return Verdict(
            request_id=request_id,
            decision=decision,
            wait_ms=wait_ms,
            queue_depth=len(self.queue),
        )
