"""The defined work of the benchmark page, straight from its three rules, over decimals.

An independent second implementation: it shares no code with grinder. Per quote: resting orders
fill (buys at ask <= price, sells at bid >= price, whole, at their price, nearest level first,
2 bps fee); position, average cost, equity at the mid; recentre at 10 bps, five levels a side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext

TICK = Decimal("0.1")
QTY = Decimal("0.01")
FEE = Decimal("0.0002")
STEP = Decimal("0.001")
LEVELS = 5


@dataclass
class Reference:
    """State and totals of one run."""

    buys: list[Decimal] = field(default_factory=list)  # nearest level first
    sells: list[Decimal] = field(default_factory=list)
    centre: Decimal | None = None
    position: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    equity: Decimal = Decimal(0)
    fills: list[tuple[str, Decimal]] = field(default_factory=list)

    def on_quote(self, bid: Decimal, ask: Decimal) -> None:
        """One quote, in the page's order."""
        with localcontext(Context(prec=60)):
            for price in [p for p in self.buys if ask <= p]:
                self.buys.remove(price)
                self._trade("BUY", price, QTY)
            for price in [p for p in self.sells if bid >= p]:
                self.sells.remove(price)
                self._trade("SELL", price, -QTY)
            mid = (bid + ask) / 2
            self.equity = self.cash + self.position * mid - self.fees
            if self.centre is None or abs(mid - self.centre) >= self.centre * STEP:
                self._recentre(mid)

    def _recentre(self, mid: Decimal) -> None:
        self.centre = mid
        self.buys = [_round(mid * (1 - i * STEP), ROUND_FLOOR) for i in range(1, LEVELS + 1)]
        self.sells = [_round(mid * (1 + i * STEP), ROUND_CEILING) for i in range(1, LEVELS + 1)]

    def _trade(self, side: str, price: Decimal, signed: Decimal) -> None:
        self.fills.append((side, price))
        self.fees += price * QTY * FEE
        self.cash -= price * signed
        held = self.position
        if held * signed >= 0:
            self.average = (self.average * abs(held) + price * QTY) / (abs(held) + QTY)
        else:  # quantities are equal, so a trade never turns a position
            self.realized += (price - self.average) * -signed
            if held + signed == 0:
                self.average = Decimal(0)
        self.position = held + signed


def _round(price: Decimal, rounding: str) -> Decimal:
    return (price / TICK).to_integral_value(rounding) * TICK
