"""Highest and lowest price of the last so many milliseconds, in O(1) amortised a price.

Two monotonic queues: a price leaves a queue as soon as a newer one makes it irrelevant, so the
front is always the extreme of the window.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from attrs import Factory, define


@define
class ExtremesWindow:
    """Extremes over ``now - ts <= window_ms`` (inclusive edge)."""

    window_ms: int
    highs: deque[tuple[int, Decimal]] = Factory(deque)
    lows: deque[tuple[int, Decimal]] = Factory(deque)

    def push(self, ts: int, price: Decimal) -> None:
        """Fold one price; ``ts`` never goes back."""
        oldest = ts - self.window_ms
        item = (ts, price)
        highs, lows = self.highs, self.lows
        while highs and highs[-1][1] <= price:
            highs.pop()
        highs.append(item)
        while highs[0][0] < oldest:
            highs.popleft()
        while lows and lows[-1][1] >= price:
            lows.pop()
        lows.append(item)
        while lows[0][0] < oldest:
            lows.popleft()

    @property
    def high(self) -> Decimal:
        """Highest price in the window; the window holds at least the last price."""
        return self.highs[0][1]

    @property
    def low(self) -> Decimal:
        """Lowest price in the window."""
        return self.lows[0][1]
