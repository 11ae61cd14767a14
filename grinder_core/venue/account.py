"""The venue's own account of us: wallet, and what open positions are worth and need as margin."""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define

from grinder_core.contracts.enums import Side
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import ZERO


@define
class Account:
    """Cross margin, one-way. Methods run inside ``exact()``; amounts are quote currency.

    Invariant: ``wallet == capital + realised profit - fees - funding``, exactly.

    Attributes:
        unrealized, maintenance: Sums over ``worth``; kept only where liquidation is on.
        worth: Unrealised profit and maintenance margin of each open position.
    """

    wallet: Decimal
    fees_paid: Decimal = ZERO
    funding_paid: Decimal = ZERO
    unrealized: Decimal = ZERO
    maintenance: Decimal = ZERO
    worth: dict[str, tuple[Decimal, Decimal]] = Factory(dict)

    @property
    def margin_balance(self) -> Decimal:
        """Wallet and unrealised profit."""
        return self.wallet + self.unrealized

    @property
    def is_short_of_margin(self) -> bool:
        """Whether open positions may no longer be held; never without one."""
        return bool(self.worth) and self.wallet + self.unrealized <= self.maintenance

    def book_fill(
        self, ledger: SymbolLedger, side: Side, price: Decimal, qty: Decimal, fee: Decimal
    ) -> None:
        """Book one fill on a symbol's ledger and in the wallet."""
        realized = ledger.realized_pnl
        ledger.apply(side, price, qty, fee)
        self.wallet += ledger.realized_pnl - realized - fee
        self.fees_paid += fee

    def pay_funding(self, amount: Decimal) -> None:
        """Book one settlement; paid is positive."""
        self.wallet -= amount
        self.funding_paid += amount

    def value(self, symbol: str, unrealized: Decimal, maintenance: Decimal) -> None:
        """Replace what a position is worth and needs."""
        before = self.worth.get(symbol, (ZERO, ZERO))
        self.unrealized += unrealized - before[0]
        self.maintenance += maintenance - before[1]
        self.worth[symbol] = (unrealized, maintenance)

    def forget(self, symbol: str) -> None:
        """Drop a position that was closed."""
        before = self.worth.pop(symbol, None)
        if before is not None:
            self.unrealized -= before[0]
            self.maintenance -= before[1]
