"""The defined grid work in the plainest Python that is still exact: the yardstick of ``grid_work``.

Per quote: fill what the quote reaches, value the position, keep the peak, recentre at 10 bps.
One frozen object a quote, an order, a fill and an equity point, as a clean program would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from attrs import Factory, define, frozen

TICK = Decimal("0.1")
FEE = Decimal("0.0002")
STEP = Decimal("0.001")
QTY = Decimal("0.01")
CENTS8 = Decimal("1E-8")


@frozen
class Quote:
    """One top of book."""

    ts: int
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


@frozen
class Resting:
    """One resting order; ``sign`` is +1 for a buy."""

    sign: int
    price: Decimal


@frozen
class Executed:
    """One fill."""

    ts: int
    order: Resting
    fee: Decimal


@frozen
class Holding:
    """Position at average cost."""

    qty: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def after(self, fill: Executed) -> Holding:
        """Return the holding with one fill booked."""
        qty, cost, realized, left = self.qty, self.cost, self.realized, QTY
        sign, price = fill.order.sign, fill.order.price
        if qty * sign < 0:
            closed = min(left, abs(qty))
            removed = (cost * closed / abs(qty)).quantize(CENTS8, ROUND_FLOOR)
            realized += (removed - price * closed) * sign
            cost, qty, left = cost - removed, qty + closed * sign, left - closed
        if left:
            cost, qty = cost + price * left, qty + left * sign
        return Holding(qty, cost, realized, self.fees + fill.fee)


@frozen
class EquityPoint:
    """Equity after one quote."""

    ts: int
    equity: Decimal
    unrealized: Decimal


@define
class Reference:
    """The whole program."""

    holding: Holding = Holding()
    resting: list[Resting] = Factory(list)
    center: Decimal | None = None
    fills: int = 0
    last: EquityPoint | None = None
    peak: Decimal = Decimal(-(10**9))

    def run(self, quotes: Iterable[Quote]) -> None:
        """Work through quotes."""
        for quote in quotes:
            self._fill(quote)
            mid = (quote.bid + quote.ask) / 2
            self._value(quote, mid)
            if self.center is None or abs(mid - self.center) >= self.center * STEP:
                self._recenter(mid)

    def _fill(self, quote: Quote) -> None:
        hit = [
            order
            for order in self.resting
            if (quote.ask <= order.price if order.sign > 0 else quote.bid >= order.price)
        ]
        for order in hit:
            fee = (order.price * QTY * FEE).quantize(CENTS8)
            self.holding = self.holding.after(Executed(quote.ts, order, fee))
            self.resting.remove(order)
            self.fills += 1

    def _value(self, quote: Quote, mid: Decimal) -> None:
        held = self.holding
        cost = held.cost if held.qty > 0 else -held.cost
        unrealized = held.qty * mid - cost
        self.last = EquityPoint(quote.ts, held.realized - held.fees + unrealized, unrealized)
        self.peak = max(self.peak, self.last.equity)

    def _recenter(self, mid: Decimal) -> None:
        self.center = mid
        self.resting = [
            Resting(sign, (mid * (1 - sign * k * STEP) / TICK).to_integral_value(rounding) * TICK)
            for sign, rounding in ((1, ROUND_FLOOR), (-1, ROUND_CEILING))
            for k in range(1, 6)
        ]
