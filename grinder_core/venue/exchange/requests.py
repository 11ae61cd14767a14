"""What a client may ask of the exchange. Parsed already: every field is of its type."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.vocabulary import (
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
)


@define(kw_only=True)
class NewOrder:
    """Place an order.

    Attributes:
        price: Limit, quote currency; 0 for a market order or with ``price_match``.
        qty: Base asset.
        position_side: ``None`` where the client did not say: BOTH.
        reduce_only: ``None`` where the client did not say; hedge mode refuses both values.
        good_till: Unix milliseconds; of GTD alone.
    """

    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal = ZERO
    tif: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    position_side: PositionSide | None = None
    reduce_only: bool | None = None
    self_trade: SelfTrade = SelfTrade.NONE
    price_match: PriceMatch = PriceMatch.NONE
    good_till: int = 0


@define(kw_only=True)
class Amend:
    """Change price and quantity of a resting limit order (both are sent).

    Attributes:
        qty: The new total, including what has filled.
        reduce_only: An assertion about the order; it never changes it.
    """

    symbol: str
    side: Side
    qty: Decimal
    price: Decimal = ZERO
    order_id: int = 0
    client_order_id: str = ""
    price_match: PriceMatch = PriceMatch.NONE
    reduce_only: bool | None = None
    modify_id: int | None = None
