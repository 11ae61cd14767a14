"""Average true range of completed bars (CORE-15), a simple mean over the last ``period``."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from attrs import Factory, define

from grinder_core.indicators.bars import MidBar
from grinder_core.numbers import ZERO, dec_half_even, exact, trunc_div


@define
class AtrFold:
    """O(1) a bar: the sum of true ranges slides.

    Attributes:
        natr_bps: True range over the last close, basis points; 0 until ``period + 1`` bars.
        atr: The mean itself, quote currency, 12 digits, for display; ``None`` until then.
    """

    period: int
    ranges: deque[Decimal] = Factory(deque)
    range_sum: Decimal = ZERO
    prev_close: Decimal | None = None
    natr_bps: int = 0
    atr: Decimal | None = None

    def on_bar(self, bar: MidBar) -> None:
        """Fold one completed bar."""
        with exact():
            if self.prev_close is not None:
                true_range = max(
                    bar.high - bar.low,
                    abs(bar.high - self.prev_close),
                    abs(bar.low - self.prev_close),
                )
                self.ranges.append(true_range)
                self.range_sum += true_range
                if len(self.ranges) > self.period:
                    self.range_sum -= self.ranges.popleft()
            self.prev_close = bar.close
            if len(self.ranges) == self.period:
                self.atr = dec_half_even(self.range_sum, 12, self.period)
                self.natr_bps = trunc_div(self.range_sum * 10_000, self.period * bar.close)
