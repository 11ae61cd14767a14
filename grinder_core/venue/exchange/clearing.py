"""Which account and position an execution is booked on."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO
from grinder_core.venue.account import Account
from grinder_core.venue.clearing import Clearing
from grinder_core.venue.exchange.account import Position, TradingAccount
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.matching import MatchingBook, RestingOrder
from grinder_core.venue.settings import VenueSettings


class ExchangeClearing(Clearing):
    """Books the executions of many accounts. Methods run inside ``exact()``.

    Attributes:
        last_realized: Profit of the last execution, before its fee.
        last_fee: What it cost, and the asset that paid; empty: the settlement asset.
    """

    __slots__ = ("accounts", "last_fee", "last_realized")

    def __init__(self, settings: VenueSettings, accounts: Mapping[str, TradingAccount]) -> None:
        super().__init__(settings, Account(ZERO))
        self.accounts = accounts
        self.last_realized = ZERO
        self.last_fee = (ZERO, "")

    def position_of(self, order: VenueOrder) -> Position:
        """The position that an order acts on."""
        return self.accounts[order.account].position(order.symbol, order.position_side)

    def reducible(self, book: MatchingBook, order: RestingOrder) -> Decimal:
        """How much an order may shrink its position by."""
        return reducible(self.position_of(cast(VenueOrder, order)), order.side)

    def book_fill(
        self, book: MatchingBook, order: RestingOrder, price: Decimal, qty: Decimal, fee: Decimal
    ) -> None:
        """Book one execution, and take what filled out of the open orders' notional."""
        order = cast(VenueOrder, order)
        account = self.accounts[order.account]
        position = account.position(order.symbol, order.position_side)
        if order.counts:
            position.add_open(order.side, -order.price * qty)
        wallet = account.fee_wallet
        units = ZERO if wallet is None else wallet.pay(fee)
        self.last_fee = (fee, "") if wallet is None or not units else (units, wallet.asset)
        charged = ZERO if units else fee
        self.last_realized = account.book_fill(position, order.side, price, qty, charged)
        order.cum_quote += price * qty

    def revalue(self, book: MatchingBook) -> None:
        """Nothing is cached: margin is computed when it is asked for."""


def reducible(position: Position, side: Side) -> Decimal:
    """How much an order of this side may shrink a position by, base asset."""
    qty = position.ledger.qty
    return abs(qty) if qty and (qty > 0) is (side is Side.SELL) else ZERO
