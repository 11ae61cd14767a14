"""One order at the exchange, and what is told about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO, dec_half_even
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
)
from grinder_core.venue.matching import RestingOrder

AVERAGE_DIGITS: Final = 8


@define
class VenueOrder(RestingOrder):
    """An order as the matching core sees it, and everything else that the venue knows of it.

    Attributes:
        number: The venue's id, rising over all symbols.
        account: Whose it is.
        qty, filled: Base asset; ``qty`` is the total.
        cum_quote: Sum of price times quantity of its fills, quote currency.
        reduce_only: Also of an order that closes a side in hedge mode.
        sent_reduce_only: As the client said; what answers show.
        good_till: When a GTD order ends, Unix milliseconds; 0 for the others.
        placed_at, updated_at: Venue's clock, Unix milliseconds.
        trigger_id: The conditional order that it came from; 0 for none.
        name: Account and client id: clients do not know each other's ids.
    """

    number: int
    account: str
    symbol: str
    type: OrderType
    tif: TimeInForce
    position_side: PositionSide = PositionSide.BOTH
    sent_reduce_only: bool = False
    close_position: bool = False
    self_trade: SelfTrade = SelfTrade.NONE
    price_match: PriceMatch = PriceMatch.NONE
    good_till: int = 0
    status: OrderStatus = OrderStatus.NEW
    expiry: Expiry = Expiry.NONE
    cum_quote: Decimal = ZERO
    placed_at: int = 0
    updated_at: int = 0
    amend_count: int = 0
    modify_id: int | None = None
    trigger_id: int = 0
    name: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.name = name_of(self.account, self.client_order_id)

    @property
    def remaining(self) -> Decimal:
        """What has not filled, base asset."""
        return self.qty - self.filled

    @property
    def average_price(self) -> Decimal:
        """``cum_quote/filled`` to 8 digits; 0 before the first fill."""
        return dec_half_even(self.cum_quote, AVERAGE_DIGITS, self.filled) if self.filled else ZERO

    @property
    def counts(self) -> bool:
        """Whether its notional needs margin."""
        return not self.reduce_only


@define
class OrderPush:
    """One ORDER_TRADE_UPDATE: the order as it stood then, and the execution.

    Fields that later change are copies; ``order`` is the live order, for those that never do.

    Attributes:
        last_qty, last_price, fee, realized, trade_id: Of the execution; 0 without one.
        fee_asset: What paid the fee; empty: the settlement asset.
    """

    order: VenueOrder
    ts: int
    execution: Execution
    status: OrderStatus
    price: Decimal
    qty: Decimal
    filled: Decimal
    average_price: Decimal
    expiry: Expiry
    modify_id: int | None
    last_qty: Decimal = ZERO
    last_price: Decimal = ZERO
    fee: Decimal = ZERO
    fee_asset: str = ""
    realized: Decimal = ZERO
    trade_id: int = 0
    is_maker: bool = False


def name_of(account: str, client_order_id: str) -> str:
    """What an open order is known by."""
    return f"{account}|{client_order_id}"


def side_of_close(qty: Decimal) -> Side:
    """The side of an order that closes a position of this signed quantity."""
    return Side.SELL if qty > 0 else Side.BUY
