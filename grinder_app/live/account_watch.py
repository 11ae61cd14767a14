"""Tells the reconciliation what either side does, as it happens (LIVE-20).

What we expect follows from the session's own effects and events; what the venue shows comes from
the private stream, answers and snapshots. Nothing here asks or acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from grinder_adapters.binance.order_news import INFERRED
from grinder_adapters.binance.rest_records import OrderAnswer, PositionAnswer
from grinder_adapters.binance.user_events import AccountEvent, FuturesOrderEvent, UserEvent
from grinder_app.live.sightings import (
    ONE_WAY,
    order_of_answer,
    order_of_event,
    position_of_answer,
    position_of_event,
)
from grinder_core.contracts.control import PositionUpdate, WriteResult
from grinder_core.contracts.effects import CancelOrder, Effect
from grinder_core.contracts.enums import IntentSource, OrderState
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import BlockReason
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.engine.state import HotState
from grinder_core.numbers import ZERO
from grinder_core.reconcile.reconciler import Reconciler
from grinder_core.reconcile.records import LIMIT, MARKET, ExpectedOrder, VenueSnapshot
from grinder_core.reconcile.settings import ReconcileSettings

_CHANGING: Final = (OrderUpdate, WriteResult, PositionUpdate)


class AccountWatch:
    """Both sides of one account.

    Args:
        symbols: What is traded.
        hot: The engine's state, for reading only.
        now_ms: Our time; never goes back.

    Attributes:
        room: The comparison.
    """

    def __init__(
        self,
        settings: ReconcileSettings,
        symbols: Sequence[str],
        hot: Callable[[], HotState],
        now_ms: Callable[[], int],
    ) -> None:
        self.room = Reconciler(settings)
        self._symbols, self._hot, self._now_ms = symbols, hot, now_ms

    # -- what we expect ------------------------------------------------------------------------

    def take_up(self, orders: Iterable[OrderRecord]) -> None:
        """Expect the orders that a process before this one left, and the positions.

        Of one that was never answered nobody knows whether it exists.
        """
        now = self._now_ms()
        for order in orders:
            is_market = order.source is IntentSource.FLATTEN
            status = order.state
            if status is OrderState.PENDING:
                status = OrderState.UNKNOWN
            self.room.expect_order(
                ExpectedOrder(
                    client_order_id=order.client_order_id,
                    symbol=order.symbol,
                    side=order.side,
                    order_type=MARKET if is_market else LIMIT,
                    price=ZERO if is_market else order.price,
                    orig_qty=order.qty,
                    ts_created=now,
                    expected_status=status,
                ),
                now,
            )
        for symbol in self._symbols:
            self._expect_position(symbol, now)

    def expect(self, effect: Effect) -> None:
        """Expect what the session wants; to be called before it is sent."""
        if not isinstance(effect, CancelOrder):
            now = self._now_ms()
            self.room.expect_order(ExpectedOrder.of(effect, now), now)

    def stepped(self, event: Event) -> None:
        """Take what the session was told, once it has folded it."""
        payload = event.payload
        if not isinstance(payload, _CHANGING):
            return
        now = self._now_ms()
        if isinstance(payload, OrderUpdate):
            is_inferred = payload.reason in INFERRED
            name = payload.client_order_id
            self.room.order_became(name, payload.state, now, is_inferred=is_inferred)
            if payload.last_qty:
                self._expect_position(payload.symbol, now)
        elif isinstance(payload, WriteResult):
            order = self.room.state.expected.orders.get(payload.client_order_id)
            is_unknown = payload.outcome == BlockReason.OUTCOME_UNKNOWN
            if is_unknown and order and order.expected_status is OrderState.PENDING:
                self.room.order_became(payload.client_order_id, OrderState.UNKNOWN, now)
        elif payload.is_adopted:
            self._expect_position(payload.symbol, now)

    def _expect_position(self, symbol: str, now: int) -> None:
        s = self._hot().symbols.get(symbol)
        self.room.expect_position(symbol, ZERO if s is None else s.ledger.qty, now)

    # -- what the venue shows ------------------------------------------------------------------

    def heard(self, event: UserEvent) -> None:
        """Take an event of the private stream."""
        now = self._now_ms()
        if isinstance(event, FuturesOrderEvent):
            self.room.saw_order(order_of_event(event, now), now)
        elif isinstance(event, AccountEvent):
            for position in event.positions:
                if position.position_side == ONE_WAY:
                    seen = position_of_event(position, event.transaction_ts, now)
                    self.room.saw_position(seen, now)

    def answered(self, answer: OrderAnswer, asked_ms: int) -> None:
        """Take the answer about one order."""
        self.room.saw_order(order_of_answer(answer, asked_ms), self._now_ms())

    def snapshot(
        self, asked_ms: int, orders: Iterable[OrderAnswer], positions: Iterable[PositionAnswer]
    ) -> bool:
        """Take all open orders and positions of the account; return whether they are news."""
        shown = VenueSnapshot(
            requested_ms=asked_ms,
            orders=tuple(order_of_answer(answer, asked_ms) for answer in orders),
            positions=tuple(
                position_of_answer(answer, asked_ms)
                for answer in positions
                if answer.position_side == ONE_WAY
            ),
        )
        return self.room.saw_snapshot(shown, self._now_ms())
