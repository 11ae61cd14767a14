"""The engine's effects as orders of the execution port."""

from __future__ import annotations

from collections import Counter

from attrs import Factory, define

from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_core.contracts.effects import Flatten, PlaceOrder


@define
class EffectRequests:
    """Translates; it counts the generations of each level, which keep intents apart (LIVE-04)."""

    _generations: Counter[tuple[str, str, int]] = Factory(Counter)

    def limit(self, effect: PlaceOrder) -> LimitOrder:
        """Return the limit order of a level."""
        intent = effect.intent
        return LimitOrder(
            client_order_id=effect.client_order_id,
            symbol=intent.symbol,
            side=intent.side,
            price=intent.price,
            qty=intent.qty,
            level_id=intent.level_id,
            generation=self._generation(intent.symbol, intent.side.value, intent.level_id),
            reduce_only=intent.reduce_only,
            time_in_force=TimeInForce.GTC,
        )

    def market(self, effect: Flatten) -> MarketOrder:
        """Return the order that closes a position."""
        return MarketOrder(
            client_order_id=effect.client_order_id,
            symbol=effect.symbol,
            side=effect.side,
            qty=effect.qty,
            generation=self._generation(effect.symbol, effect.side.value, 0),
        )

    def _generation(self, symbol: str, side: str, level_id: int) -> int:
        key = (symbol, side, level_id)
        self._generations[key] += 1
        return self._generations[key]
