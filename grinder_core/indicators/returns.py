"""Sums of absolute returns over a sliding window: chop against trend (CORE-09, CORE-16)."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from attrs import Factory, define

from grinder_core.numbers import exact, return_term, terms_to_bps, trunc_div


@define
class ReturnWindow:
    """The last ``size`` prices and the sum of their absolute returns. O(1) a price.

    Terms are integers of 10^-18, so the sliding sum is exact and equals ``abs_ret_bps`` of the
    window.
    """

    size: int
    prices: deque[Decimal] = Factory(deque)
    terms: deque[int] = Factory(deque)
    term_sum: int = 0

    def push(self, price: Decimal) -> None:
        """Fold one price; the oldest leaves when the window is full."""
        if self.prices:
            term = return_term(self.prices[-1], price)
            self.terms.append(term)
            self.term_sum += term
        self.prices.append(price)
        if len(self.prices) > self.size:
            self.prices.popleft()
            self.term_sum -= self.terms.popleft()

    @property
    def sum_abs_returns_bps(self) -> int:
        """``abs_ret_bps`` of the window, basis points."""
        return terms_to_bps(self.term_sum)

    @property
    def net_return_bps(self) -> int:
        """``trunc(10000*(last-first)/first)``, signed; 0 below two prices."""
        if len(self.prices) < 2:
            return 0
        first, last = self.prices[0], self.prices[-1]
        with exact():
            return trunc_div((last - first) * 10_000, first)

    @property
    def range_score(self) -> int:
        """``floor(sum_abs_returns_bps/(abs(net_return_bps)+1))``: high where price only chops."""
        return self.sum_abs_returns_bps // (abs(self.net_return_bps) + 1)
