"""The words of the diff: what to do with one order, and the order that is wanted instead."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import ActionType, ExecReason, Side
from grinder_core.contracts.orders import ExecutionAction, OrderIntent, OrderRecord


@frozen
class Level:
    """One planned level at the present mid.

    Attributes:
        wanted: Planned, not spent, at a price of its own.
        passive: Below the mid for BUY, above it for SELL.
    """

    side: Side
    level: int
    price: Decimal
    qty: Decimal
    wanted: bool
    passive: bool


def noop(symbol: str) -> ExecutionAction:
    """The action that says there is nothing to do."""
    return ExecutionAction(
        action=ActionType.NOOP, symbol=symbol, reason=ExecReason.NOTHING_TO_DO.value
    )


def cancel(order: OrderRecord, reason: ExecReason) -> ExecutionAction:
    """The action that takes one order out."""
    return ExecutionAction(
        action=ActionType.CANCEL,
        symbol=order.symbol,
        order_id=order.order_id or None,
        side=order.side,
        level_id=order.level_id,
        price=order.price,
        qty=order.qty,
        reason=reason.value,
    )


def replace(order: OrderRecord, level: Level) -> ExecutionAction:
    """The action that puts an order of the same level in the place of one that does not fit."""
    return ExecutionAction(
        action=ActionType.REPLACE,
        symbol=order.symbol,
        order_id=order.order_id or None,
        side=level.side,
        level_id=level.level,
        price=level.price,
        qty=level.qty,
        reason=ExecReason.NOT_CONFORMING.value,
    )


def place(symbol: str, level: Level) -> ExecutionAction:
    """The action that puts an order in."""
    return ExecutionAction(
        action=ActionType.PLACE,
        symbol=symbol,
        side=level.side,
        level_id=level.level,
        price=level.price,
        qty=level.qty,
        reason=ExecReason.GRID_LEVEL.value,
    )


def intent(symbol: str, level: Level, *, reduce_only: bool) -> OrderIntent:
    """The order that a place or a replace wants."""
    return OrderIntent(
        symbol=symbol,
        side=level.side,
        price=level.price,
        qty=level.qty,
        level_id=level.level,
        reduce_only=reduce_only,
        reason=ExecReason.GRID_LEVEL.value,
    )
