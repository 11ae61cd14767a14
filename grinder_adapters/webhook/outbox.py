"""Which alert is posted next: order, rate, merging and retries, as a pure machine given the time.

Every alert that is put ends in exactly one way: left out as too mild, posted, given up, or merged
into a summary that says how many it stands for, and which itself ends in one of these ways. The
more severe goes first. What is over the rate waits if it is critical and is merged if not; a full
queue merges its mildest, the newest of equals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from attrs import define, field, frozen

from grinder_adapters.webhook.records import Alert, AlertKind, AlertStatus, Severity
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_core.resilience.sliding_count import SlidingCount

WINDOW_MS: Final = 60_000
SUMMARY_ORDERS: Final = "See the alerts that were posted, and the log for the others."


@frozen(kw_only=True)
class OutboxStats:
    """What became of the alerts that were put; a summary counts for all that it stands for.

    Attributes:
        put: All of them.
        too_mild: Below the least severity, never to be posted.
        delivered: Posted and taken.
        failed: Given up after all attempts, or refused.
        merged: Those among the others that went, or will go, as part of a summary.
        pending: Not decided yet.
    """

    put: int = 0
    too_mild: int = 0
    delivered: int = 0
    failed: int = 0
    merged: int = 0
    pending: int = 0


@define(eq=False)
class Parcel:
    """One alert on its way.

    Attributes:
        number: In order of arrival; names it.
        stands_for: Alerts that it tells of: 1, or those of a summary.
        attempt: Times it was tried.
        not_before_ms: When it may be tried again.
    """

    alert: Alert
    number: int
    stands_for: int = 1
    attempt: int = 0
    not_before_ms: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """The most severe first, then the oldest."""
        return -self.alert.severity.rank, self.number


@define(eq=False)
class Outbox:
    """Alerts of one process that wait to be posted."""

    settings: WebhookSettings
    _queue: list[Parcel] = field(factory=list, init=False)
    _under_way: Parcel | None = field(default=None, init=False)
    _merged: Counter[str] = field(factory=Counter, init=False)
    _merged_severity: Severity = field(default=Severity.INFO, init=False)
    _merged_since_ms: int = field(default=0, init=False)
    _sent: SlidingCount = field(factory=lambda: SlidingCount(WINDOW_MS), init=False)
    _numbers: int = field(default=0, init=False)
    _now: int = field(default=0, init=False)
    _ahead_ms: int = field(default=0, init=False)
    _counts: Counter[str] = field(factory=Counter, init=False)

    # -- taking alerts -------------------------------------------------------------------------

    def put(self, alert: Alert, now: int) -> None:
        """Take one alert at ``now``, Unix milliseconds."""
        now = self._advance(now)
        self._counts["put"] += 1
        if alert.severity.rank < self.settings.webhook_min_severity.rank:
            self._counts["too_mild"] += 1
            return
        if alert.severity is not Severity.CRITICAL and self._is_over_rate(now):
            self._merge(alert)
            return
        self._numbers += 1
        self._queue.append(Parcel(alert, self._numbers))
        if len(self._queue) > self.settings.webhook_queue_max:
            self._merge_mildest()

    # -- giving them out -----------------------------------------------------------------------

    def take(self, now: int) -> Parcel | None:
        """Return what is to be posted now, at most one at a time; ``None``: nothing yet."""
        now = self._advance(now)
        if self._under_way is not None or not self._has_slot(now):
            return None
        ready = [parcel for parcel in self._queue if parcel.not_before_ms <= now]
        first = min(ready, key=lambda parcel: parcel.order, default=None)
        if self._merged and (first is None or self._merged_severity.rank > _rank(first)):
            first = self._summary(now)
        elif first is not None:
            self._queue.remove(first)
        if first is not None:
            first.attempt += 1
            self._sent.add(1, now)
            self._under_way = first
        return first

    def wait_ms(self, now: int) -> int | None:
        """Return how long until ``take`` may have something; ``None``: nothing waits."""
        now = self._advance(now)
        if self._under_way is not None or not (self._queue or self._merged):
            return None
        waits = [parcel.not_before_ms for parcel in self._queue]
        if self._merged:
            waits.append(now)
        free = self._sent.falls_to(self.settings.webhook_rate_per_minute - 1, now)
        return max(now, min(waits), free) - now

    def delivered(self) -> None:
        """Note that what was taken has arrived."""
        self._counts["delivered"] += self._end().stands_for

    def given_up(self) -> None:
        """Note that what was taken will not be tried again."""
        self._counts["failed"] += self._end().stands_for

    def put_back(self, delay_ms: int, now: int) -> None:
        """Have what was taken tried again, no earlier than after that time."""
        parcel = self._end()
        parcel.not_before_ms = self._advance(now) + delay_ms
        self._queue.append(parcel)
        if len(self._queue) > self.settings.webhook_queue_max:
            self._merge_mildest()

    def give_up_all(self) -> int:
        """Note that nothing more is posted; return how many alerts that leaves behind."""
        before = self._counts["failed"]
        if self._under_way is not None:
            self.given_up()
        for parcel in self._queue:
            self._counts["failed"] += parcel.stands_for
        self._counts["failed"] += sum(self._merged.values())
        self._queue.clear()
        self._merged.clear()
        return self._counts["failed"] - before

    @property
    def stats(self) -> OutboxStats:
        """What became of the alerts so far."""
        waiting = sum(parcel.stands_for for parcel in self._queue) + sum(self._merged.values())
        if self._under_way is not None:
            waiting += self._under_way.stands_for
        return OutboxStats(pending=waiting, **self._counts)

    # -- inside --------------------------------------------------------------------------------

    def _advance(self, now: int) -> int:
        """Return the outbox's own time, which goes on where a clock is set back."""
        if now + self._ahead_ms < self._now:
            self._ahead_ms = self._now - now
        self._now = now + self._ahead_ms
        return self._now

    def _has_slot(self, now: int) -> bool:
        return self._sent.at(now) < self.settings.webhook_rate_per_minute

    def _is_over_rate(self, now: int) -> bool:
        """Whether posts of this minute, and those that wait for one, fill it."""
        waiting = len(self._queue) + (self._under_way is not None)
        return self._sent.at(now) + waiting >= self.settings.webhook_rate_per_minute

    def _end(self) -> Parcel:
        parcel = self._under_way
        assert parcel is not None, "nothing was taken"
        self._under_way = None
        return parcel

    def _merge_mildest(self) -> None:
        mildest = max(self._queue, key=lambda parcel: parcel.order)
        self._queue.remove(mildest)
        self._merge(mildest.alert)

    def _merge(self, alert: Alert) -> None:
        if not self._merged:
            self._merged_severity, self._merged_since_ms = alert.severity, alert.ts_ms
        counted = alert.counted or {_name(alert): 1}
        self._merged.update(counted)
        if alert.kind is not AlertKind.SUMMARY:  # those of a summary were counted then
            self._counts["merged"] += 1
        self._merged_since_ms = min(self._merged_since_ms, alert.since_ms)
        if alert.severity.rank > self._merged_severity.rank:
            self._merged_severity = alert.severity

    def _summary(self, now: int) -> Parcel:
        counted = dict(sorted(self._merged.items()))
        total = sum(counted.values())
        self._merged.clear()
        self._numbers += 1
        return Parcel(summary_of(counted, self._merged_severity, self._merged_since_ms, now),
                      self._numbers, stands_for=total)  # fmt: skip


def summary_of(counted: Mapping[str, int], severity: Severity, since_ms: int, now: int) -> Alert:
    """Return the alert that stands for others.

    Args:
        counted: How many of them, by kind and status.
        severity: Of the most severe.
        since_ms: When the first of them began.
        now: Unix milliseconds.
    """
    total = sum(counted.values())
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
    return Alert(
        kind=AlertKind.SUMMARY,
        severity=severity,
        status=AlertStatus.EVENT,
        ts_ms=now,
        since_ms=since_ms,
        cause=f"{total} alerts came faster than they could be posted and are counted here.",
        detail=listed,
        orders=SUMMARY_ORDERS,
        next=("grinder live status",),
        runbook="docs/how-to/start-and-stop.md",
        counted=dict(counted),
    )


def _name(alert: Alert) -> str:
    return f"{alert.kind.value} {alert.status.value}"


def _rank(parcel: Parcel) -> int:
    return parcel.alert.severity.rank
