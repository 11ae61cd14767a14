"""Exact positions and profit of one symbol (CORE-38)."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from grinder_core.contracts.account import Position
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, dec_half_even, exact

COST_DIGITS = 16
AVERAGE_DIGITS = 8


@define
class SymbolLedger:
    """Signed position at average cost; realised profit is gross, fees are kept apart.

    Invariant: ``realized + unrealized == qty*mark - sum(signed qty * price)``, exactly.

    Attributes:
        qty: Base asset, long positive.
        cost_basis: Quote currency, same sign as ``qty``; 0 when flat.
        funding_paid: Paid is positive, received negative; apart from ``realized_pnl``.
        avg_entry_price: ``cost_basis/qty`` to 8 digits, 0 when flat; display only.
    """

    symbol: str
    qty: Decimal = ZERO
    cost_basis: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees_paid: Decimal = ZERO
    funding_paid: Decimal = ZERO
    turnover: Decimal = ZERO
    fill_count: int = 0
    avg_entry_price: Decimal = ZERO

    def apply(self, side: Side, price: Decimal, qty: Decimal, fee: Decimal = ZERO) -> None:
        """Book one fill.

        Raises:
            ContractError: Price or quantity is not positive.
        """
        if price <= 0:
            raise ContractError("must be > 0", field="price", value=price)
        if qty <= 0:
            raise ContractError("must be > 0", field="qty", value=qty)
        with exact():
            self._book(qty if side is Side.BUY else -qty, price)
            self.fees_paid += fee
            self.turnover += price * qty
            self.fill_count += 1
        self.avg_entry_price = (
            dec_half_even(self.cost_basis, AVERAGE_DIGITS, self.qty) if self.qty else ZERO
        )

    def adopt(self, qty: Decimal, entry_price: Decimal) -> None:
        """Hold what the venue says from now on, at its entry price; profit so far stays."""
        with exact():
            self.qty, self.cost_basis = qty, qty * entry_price
        self.avg_entry_price = entry_price if qty else ZERO

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """``qty*mark - cost_basis``."""
        with exact():
            return self.qty * mark - self.cost_basis

    def position(self, mark: Decimal) -> Position:
        """Return the position valued at ``mark``."""
        return Position(
            symbol=self.symbol,
            qty=self.qty,
            avg_entry_price=self.avg_entry_price,
            realized_pnl=self.realized_pnl,
            unrealized_pnl=self.unrealized_pnl(mark),
        )

    def _book(self, delta: Decimal, price: Decimal) -> None:
        if self.qty and (self.qty > 0) != (delta > 0):
            closed = min(abs(delta), abs(self.qty))
            if closed == abs(self.qty):
                removed = self.cost_basis
            else:
                removed = dec_half_even(self.cost_basis * closed, COST_DIGITS, abs(self.qty))
            closed = closed if self.qty > 0 else -closed
            self.realized_pnl += closed * price - removed
            self.qty -= closed
            self.cost_basis -= removed
            delta += closed
        if delta:
            self.qty += delta
            self.cost_basis += delta * price
