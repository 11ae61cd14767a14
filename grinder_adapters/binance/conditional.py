"""Conditional orders: they live at endpoints of their own, and a cancel-all must reach them (6.4).

A triggered one has become a normal order with an id of its own, so whoever cancels everything
cancels these first and lists the normal orders after.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.binance.fields import Fields, flag, has, number, side, text, whole
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest_answers import (
    read_record,
    read_records,
)
from grinder_adapters.binance.user_events import AlgoEvent
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.numbers import ZERO
from grinder_core.resilience.unknown import OrderView

_STATES: Final = {
    "NEW": OrderState.OPEN,
    "TRIGGERING": OrderState.OPEN,
    "TRIGGERED": OrderState.OPEN,
    "FINISHED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
}
_UNSHOWN: Final = OrderView(state=OrderState.UNKNOWN, price=ZERO, qty=ZERO, updated_ms=0)


@frozen(kw_only=True)
class ConditionalOrder:
    """One conditional order as an answer shows it.

    Attributes:
        algo_id, client_algo_id: The venue's id and ours.
        status: FILLED: it was triggered and its order has ended.
        qty: Base asset; 0 of one that closes the whole position.
        trigger_price: 0 of a trailing stop.
        order_id: Of the order it became; empty before that.
    """

    symbol: str
    algo_id: str
    client_algo_id: str
    side: Side
    order_type: str
    status: OrderState
    qty: Decimal
    trigger_price: Decimal
    reduce_only: bool
    close_position: bool
    order_id: str
    update_ts: int

    @property
    def only_reduces(self) -> bool:
        """Whether it can only shrink a position."""
        return self.reduce_only or self.close_position

    def seen(self) -> Seen:
        """Return what the write protocol needs of it."""
        view = OrderView(
            state=self.status, price=self.trigger_price, qty=self.qty, updated_ms=self.update_ts
        )
        return Seen(view=view, order_id=self.algo_id, executed_qty=ZERO)


def seen_in(event: AlgoEvent) -> Seen:
    """Return what the write protocol needs of an event about one."""
    view = OrderView(
        state=_STATES.get(event.status, OrderState.UNKNOWN),
        price=event.trigger_price,
        qty=event.qty,
        updated_ms=event.transaction_ts,
    )
    return Seen(view=view, order_id=str(event.algo_id), executed_qty=ZERO)


def read_conditional(body: bytes) -> ConditionalOrder:
    """Read the answer to a query of one.

    Raises:
        ConnectorError: It is something else; so do all functions here.
    """
    return read_record(body, "algoOrder", _conditional)


def read_conditionals(body: bytes) -> tuple[ConditionalOrder, ...]:
    """Read the answer to ``openAlgoOrders``."""
    return read_records(body, "openAlgoOrders", _conditional)


def read_cancelled(body: bytes) -> Seen:
    """Read the answer to a cancel: the order, or a bare word of success, which shows no state."""
    return read_record(body, "algoOrder", _cancelled)


def _cancelled(data: Fields) -> Seen:
    if str(data.get("code")) == "200":
        return Seen(view=_UNSHOWN, order_id=str(whole(data, "algoId")), executed_qty=ZERO)
    return _conditional(data).seen()


def _conditional(data: Fields) -> ConditionalOrder:
    return ConditionalOrder(
        symbol=text(data, "symbol"),
        algo_id=str(whole(data, "algoId")),
        client_algo_id=text(data, "clientAlgoId"),
        side=side(data, "side"),
        order_type=text(data, "orderType"),
        status=_STATES.get(text(data, "algoStatus"), OrderState.UNKNOWN),
        qty=number(data, "quantity") if has(data, "quantity") else ZERO,
        trigger_price=number(data, "triggerPrice") if has(data, "triggerPrice") else ZERO,
        reduce_only=flag(data, "reduceOnly"),
        close_position=flag(data, "closePosition"),
        order_id=text(data, "actualOrderId") if has(data, "actualOrderId") else "",
        update_ts=whole(data, "updateTime"),
    )
