"""The engine's effects as orders of the execution port."""

from __future__ import annotations

from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_core.contracts.effects import Flatten, PlaceOrder


def limit_order(effect: PlaceOrder) -> LimitOrder:
    """Return the limit order of a level."""
    intent = effect.intent
    return LimitOrder(
        client_order_id=effect.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        price=intent.price,
        qty=intent.qty,
        level_id=intent.level_id,
        generation=effect.generation,
        reduce_only=intent.reduce_only,
        time_in_force=TimeInForce.GTX if effect.post_only else TimeInForce.GTC,
    )


def market_order(effect: Flatten) -> MarketOrder:
    """Return the order that closes a position."""
    return MarketOrder(
        client_order_id=effect.client_order_id,
        symbol=effect.symbol,
        side=effect.side,
        qty=effect.qty,
        generation=effect.generation,
    )
