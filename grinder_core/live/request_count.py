"""How much room the venue's order limits leave, as the router asks (LIVE-11, LIVE-15).

It counts what this session sent, by event time, so that a replay finds the same room. The budget of
the connection below counts everything, by the venue's own headers, and has the last word.
"""

from __future__ import annotations

from attrs import Factory, define

from grinder_core.orders.route_request import Headroom
from grinder_core.resilience.sliding_count import SlidingCount

SHORT_MS = 10_000
LONG_MS = 60_000
CANCELS = 1_000_000  # they cost weight only, which the connection's budget guards


@define
class RequestCount:
    """Orders of the last ten seconds and of the last minute.

    Attributes:
        short_max, long_max: The venue's limits for both.
        soft_pct, hard_pct: How much of them new risk may fill, and what reduces it.
    """

    short_max: int
    long_max: int
    soft_pct: int
    hard_pct: int
    short: SlidingCount = Factory(lambda: SlidingCount(SHORT_MS))
    long: SlidingCount = Factory(lambda: SlidingCount(LONG_MS))

    def headroom(self, now: int) -> Headroom:
        """Return how many more orders fit."""
        short, long = self.short.at(now), self.long.at(now)

        def free(pct: int) -> int:
            room = min(self.short_max * pct // 100 - short, self.long_max * pct // 100 - long)
            return max(room, 0)

        return Headroom(
            orders_soft=free(self.soft_pct), orders_hard=free(self.hard_pct), cancels=CANCELS
        )

    def sent(self, now: int) -> None:
        """Count one order."""
        self.short.add(1, now)
        self.long.add(1, now)
