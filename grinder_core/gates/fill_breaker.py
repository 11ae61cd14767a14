"""Bypass the fill-probability gate while it blocks too much (ML-19).

A model that refuses most entries is more likely wrong than the market. The share is taken over the
decisions of the last window, by event time; a decision counts until it is as old as the window.
While the breaker is tripped the gate is not asked and nothing is recorded, so that the window
drains and the breaker closes by itself, one window after the trip at the latest.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.numbers import trunc_div

SECOND_MS: Final = 1_000


@frozen(kw_only=True)
class FillBreakerTrip:
    """What the window held when the breaker tripped; the rate is in whole percent, rounded down."""

    block_count: int
    total_count: int
    block_rate_pct: int
    window_seconds: int


@define
class FillBreaker:
    """The decisions of the last window, one entry a millisecond, and whether they trip.

    Attributes:
        entries: ``(ts, decisions, blocks)``, oldest first.
        total, blocks: Their sums.
        tripped: The gate is bypassed.
        trips: Since the session began.
        now_ms: Of the last call; an earlier time counts as this one.
    """

    window_ms: int
    max_block_rate_pct: int
    min_decisions: int
    entries: deque[tuple[int, int, int]] = Factory(deque)
    total: int = 0
    blocks: int = 0
    tripped: bool = False
    trips: int = 0
    now_ms: int = 0

    @classmethod
    def of(cls, settings: FillGateSettings) -> FillBreaker:
        """Return a breaker that has seen nothing."""
        return cls(
            settings.fill_prob_cb_window_seconds * SECOND_MS,
            settings.fill_prob_cb_max_block_rate_pct,
            settings.fill_prob_cb_min_decisions,
        )

    def bypasses(self, now: int) -> bool:
        """Whether the gate must not be asked at ``now``, Unix milliseconds."""
        if not self.tripped:
            return False
        self._forget(now)
        if not self.total or self.blocks * 100 < self.max_block_rate_pct * self.total:
            self.tripped = False
        return self.tripped

    def record(self, now: int, *, blocked: bool) -> FillBreakerTrip | None:
        """Count one decision of the gate; return what the window held exactly when it trips.

        Args:
            now: Unix milliseconds.
            blocked: Whether the decision was to block; it stands, whatever follows.
        """
        self._forget(now)
        self.total += 1
        self.blocks += blocked
        last_ts, decisions, blocks = self.entries[-1] if self.entries else (-1, 0, 0)
        if last_ts == self.now_ms:
            self.entries[-1] = (last_ts, decisions + 1, blocks + blocked)
        else:
            self.entries.append((self.now_ms, 1, int(blocked)))
        if (
            self.tripped
            or self.total < self.min_decisions
            or self.blocks * 100 <= self.max_block_rate_pct * self.total
        ):
            return None
        self.tripped = True
        self.trips += 1
        return FillBreakerTrip(
            block_count=self.blocks,
            total_count=self.total,
            block_rate_pct=trunc_div(self.blocks * 100, self.total),
            window_seconds=self.window_ms // SECOND_MS,
        )

    def _forget(self, now: int) -> None:
        self.now_ms = max(now, self.now_ms)
        oldest = self.now_ms - self.window_ms
        while self.entries and self.entries[0][0] <= oldest:
            _, decisions, blocks = self.entries.popleft()
            self.total -= decisions
            self.blocks -= blocks
