"""One symbol's resting orders and when they fill (CORE-36). Called inside ``exact()``.

A tick is one snapshot of the symbol. Phase A, when the market moves, tries what was placed
before; phase B, after the engine's orders arrived, tries what may fill at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import Factory, define, field

from grinder_core.contracts.enums import FillMode, Side
from grinder_core.contracts.market import Snapshot
from grinder_core.numbers import HALF, ZERO


@define
class RestingOrder:
    """An order at the venue."""

    client_order_id: str
    order_id: str
    side: Side
    price: Decimal
    qty: Decimal
    reduce_only: bool
    placed_tick: int
    eligible_tick: int


@define
class MatchingBook:
    """Resting orders of one symbol, in placement order.

    Attributes:
        buy_limit, sell_limit: Best resting prices, so that a quiet market costs two comparisons;
            a cache, rebuilt when orders come or go.
    """

    symbol: str
    tick: int = 0
    buy_trigger: Decimal = ZERO
    sell_trigger: Decimal = ZERO
    position: Decimal = ZERO
    last_trade_id: int = 0
    orders: dict[str, RestingOrder] = Factory(dict)
    by_client_id: dict[str, str] = Factory(dict)
    buy_limit: Decimal | None = field(default=None, init=False, eq=False)
    sell_limit: Decimal | None = field(default=None, init=False, eq=False)
    is_indexed: bool = field(default=False, init=False, eq=False)

    def on_snapshot(self, snapshot: Snapshot, mode: FillMode) -> Sequence[RestingOrder]:
        """Move the market; return phase A's matches, in placement order.

        Those are orders placed at earlier ticks that are eligible and reached.
        """
        self.tick += 1
        if mode is FillMode.QUOTE:
            self.buy_trigger, self.sell_trigger = snapshot.ask_price, snapshot.bid_price
        else:
            mid = (snapshot.bid_price + snapshot.ask_price) * HALF
            self.buy_trigger = self.sell_trigger = mid
        if not self.orders or (self.is_indexed and not self._may_match(mode)):
            return ()
        self._index()
        tick = self.tick
        return [
            order
            for order in self.orders.values()
            if order.placed_tick < tick
            and order.eligible_tick <= tick
            and self.reached(order, mode)
        ]

    def add(self, order: RestingOrder) -> None:
        """Let an order rest."""
        self.orders[order.order_id] = order
        self.by_client_id[order.client_order_id] = order.order_id
        self.is_indexed = False

    def remove(self, order_id: str) -> RestingOrder | None:
        """Take an order out; ``None`` if it is not there."""
        order = self.orders.pop(order_id, None)
        if order is not None:
            del self.by_client_id[order.client_order_id]
            self.is_indexed = False
        return order

    def immediate_matches(self, mode: FillMode) -> list[RestingOrder]:
        """Phase B: orders placed at this tick that wait for nothing, in placement order."""
        tick = self.tick
        return [
            order
            for order in self.orders.values()
            if order.placed_tick == tick == order.eligible_tick and self.reached(order, mode)
        ]

    def reached(self, order: RestingOrder, mode: FillMode) -> bool:
        """Whether the market is at or through an order's limit."""
        if mode is FillMode.INSTANT:
            return True
        if order.side is Side.BUY:
            return self.buy_trigger <= order.price
        return self.sell_trigger >= order.price

    def _may_match(self, mode: FillMode) -> bool:
        return (
            mode is FillMode.INSTANT
            or (self.buy_limit is not None and self.buy_trigger <= self.buy_limit)
            or (self.sell_limit is not None and self.sell_trigger >= self.sell_limit)
        )

    def _index(self) -> None:
        if not self.is_indexed:
            prices = [(o.side, o.price) for o in self.orders.values()]
            self.buy_limit = max((p for s, p in prices if s is Side.BUY), default=None)
            self.sell_limit = min((p for s, p in prices if s is Side.SELL), default=None)
            self.is_indexed = True
