"""Between the engine's effects and the exchange's requests, and back from its news.

One translation for every driver: in process, and through the adapter over sockets.
"""

from __future__ import annotations

from typing import Final

from grinder_core.contracts.effects import Flatten, PlaceOrder
from grinder_core.contracts.enums import Liquidity, OrderState
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.venue.exchange.order import OrderPush
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import (
    Expiry,
    OrderStatus,
    OrderType,
    SelfTrade,
    TimeInForce,
)

STATES: Final = {
    OrderStatus.NEW: OrderState.OPEN,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELED: OrderState.CANCELLED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
    OrderStatus.EXPIRED_IN_MATCH: OrderState.EXPIRED,
}


def request_of(effect: PlaceOrder | Flatten) -> NewOrder:
    """The order that an effect asks for: a limit that may rest, or a closing market order."""
    if isinstance(effect, Flatten):
        return NewOrder(
            symbol=effect.symbol,
            side=effect.side,
            type=OrderType.MARKET,
            qty=effect.qty,
            client_order_id=effect.client_order_id,
            reduce_only=True,
            self_trade=SelfTrade.EXPIRE_MAKER,
        )
    intent = effect.intent
    return NewOrder(
        symbol=intent.symbol,
        side=intent.side,
        type=OrderType.LIMIT,
        qty=intent.qty,
        price=intent.price,
        tif=TimeInForce.GTC,
        client_order_id=effect.client_order_id,
        reduce_only=intent.reduce_only,
        self_trade=SelfTrade.EXPIRE_MAKER,
    )


def update_of(push: OrderPush) -> OrderUpdate:
    """What the engine learns from one ORDER_TRADE_UPDATE."""
    order = push.order
    return OrderUpdate(
        ts=push.ts,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        order_id=str(order.number),
        side=order.side,
        state=STATES[push.status],
        filled_qty=push.filled,
        last_price=push.last_price,
        last_qty=push.last_qty,
        fee=push.fee,
        liquidity=Liquidity.TAKER if push.last_qty and not push.is_maker else Liquidity.MAKER,
        trade_id=push.trade_id,
        reason=reason_of(push.expiry),
    )


def reason_of(expiry: Expiry) -> str:
    """Words for the venue's reason of an expiry."""
    return "" if expiry is Expiry.NONE else expiry.name.lower().replace("_", " ")


def rejection_of(effect: PlaceOrder | Flatten, code: str, ts: int) -> OrderUpdate:
    """What the engine learns when the venue refuses an order with one of its codes."""
    order = effect if isinstance(effect, Flatten) else effect.intent
    return OrderUpdate(
        ts=ts,
        symbol=order.symbol,
        client_order_id=effect.client_order_id,
        order_id="",
        side=order.side,
        state=OrderState.REJECTED,
        reason=code,
    )
