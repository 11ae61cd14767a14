"""A conditional order, and what is told about it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from attrs import define

from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.vocabulary import OrderType, PositionSide, TimeInForce


class WorkingPrice(StrEnum):
    """Which price a trigger is compared with."""

    MARK_PRICE = "MARK_PRICE"
    CONTRACT_PRICE = "CONTRACT_PRICE"


class ConditionalStatus(StrEnum):
    """Life of a conditional order."""

    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@define(kw_only=True)
class ConditionalOrder:
    """An order that waits for a price.

    Attributes:
        qty: Base asset; 0 with ``close_position``, which closes whatever is held then.
        trigger_price: Quote currency; 0 for a trailing stop.
        price: Limit of STOP and TAKE_PROFIT; 0 for the others.
        activate_price, callback_bps: Of a trailing stop: from when on it follows, and how far the
            price must turn back from its best.
        best: The best working price since a trailing stop is active; ``None``: it is not.
        order_number: The normal order that it became; 0: none.
        reason: The venue's words where it was rejected.
    """

    number: int
    client_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    trigger_price: Decimal = ZERO
    price: Decimal = ZERO
    tif: TimeInForce = TimeInForce.GTC
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    close_position: bool = False
    price_protect: bool = False
    working_price: WorkingPrice = WorkingPrice.CONTRACT_PRICE
    activate_price: Decimal = ZERO
    callback_bps: int = 0
    good_till: int = 0
    best: Decimal | None = None
    status: ConditionalStatus = ConditionalStatus.NEW
    order_number: int = 0
    created_at: int = 0
    updated_at: int = 0
    triggered_at: int = 0
    reason: str = ""

    @property
    def waits_for_rise(self) -> bool:
        """Whether its trigger lies above: a buying stop, or a selling take-profit."""
        is_stop = self.type in {OrderType.STOP, OrderType.STOP_MARKET}
        return (self.side is Side.BUY) is is_stop


@define
class ConditionalPush:
    """One ALGO_UPDATE."""

    order: ConditionalOrder
    ts: int
    status: ConditionalStatus
    order_number: int
    reason: str
