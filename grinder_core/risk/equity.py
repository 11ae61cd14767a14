"""One tracker for everything that reads equity: peak, drawdown guard v0, daily loss.

CORE-27 (high-water mark and guard) and the daily part of CORE-13. Called inside ``exact()``.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from grinder_core.numbers import ZERO

DAY_MS = 86_400_000


@define
class EquityTracker:
    """Peak and day baseline of the session's equity, and the latches they trip.

    Attributes:
        high_water_mark: Falls only by ``reset_drawdown``.
        drawdown_tripped: Latched once ``(peak-equity)*100 >= max_drawdown_pct*peak``.
        daily_loss_tripped: Latched for the rest of the UTC day.
    """

    max_drawdown_pct: Decimal
    daily_loss_limit: Decimal
    equity: Decimal
    high_water_mark: Decimal
    max_drawdown: Decimal = ZERO
    drawdown_tripped: bool = False
    day: int = -1
    day_start_equity: Decimal = ZERO
    daily_loss_tripped: bool = False

    def sample(self, now: int, equity: Decimal) -> bool:
        """Fold one sample; return True exactly when the drawdown guard is tripped after it."""
        self.equity = equity
        if equity > self.high_water_mark:
            self.high_water_mark = equity
            if equity <= 0:
                self.drawdown_tripped = True  # a peak without capital allows no fall at all
        else:
            fall = self.high_water_mark - equity
            self.max_drawdown = max(self.max_drawdown, fall)
            if fall * 100 >= self.max_drawdown_pct * self.high_water_mark:
                self.drawdown_tripped = True
        day = now // DAY_MS
        if day != self.day:
            self.day, self.day_start_equity, self.daily_loss_tripped = day, equity, False
        if self.day_start_equity - equity >= self.daily_loss_limit:
            self.daily_loss_tripped = True
        return self.drawdown_tripped

    def shift(self, amount: Decimal) -> None:
        """Move every baseline with a transfer: money that came in is no profit (design, gap 4)."""
        self.equity += amount
        self.high_water_mark += amount
        self.day_start_equity += amount

    def is_settled(self, now: int) -> bool:
        """Whether sampling the same equity again would change nothing."""
        return now // DAY_MS == self.day and not self.drawdown_tripped

    def reset_drawdown(self) -> None:
        """Clear the drawdown latch and start a new peak at the current equity."""
        self.drawdown_tripped = False
        self.high_water_mark = self.equity
