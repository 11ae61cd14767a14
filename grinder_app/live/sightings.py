"""What the venue shows of orders and positions, as the reconciliation's records (LIVE-20)."""

from __future__ import annotations

from grinder_adapters.binance.rest_records import OrderAnswer, PositionAnswer
from grinder_adapters.binance.user_events import FuturesOrderEvent, FuturesPositionEvent
from grinder_core.numbers import ZERO
from grinder_core.reconcile.records import ObservedOrder, ObservedPosition, ObservedSource

ONE_WAY = "BOTH"  # the position side of an account that holds one position a symbol


def order_of_event(event: FuturesOrderEvent, now: int) -> ObservedOrder:
    """Return the order of an event that is received now, Unix ms."""
    return ObservedOrder(
        client_order_id=event.client_order_id,
        symbol=event.symbol,
        order_id=event.order_id,
        side=event.side,
        order_type=event.order_type,
        price=event.price,
        orig_qty=event.qty,
        executed_qty=event.executed_qty,
        avg_price=event.avg_price,
        status=event.status,
        ts_updated=event.transaction_ts,
        ts_seen=now,
        source=ObservedSource.STREAM,
    )


def order_of_answer(answer: OrderAnswer, asked_ms: int) -> ObservedOrder:
    """Return the order of an answer to a question of that time."""
    return ObservedOrder(
        client_order_id=answer.client_order_id,
        symbol=answer.symbol,
        order_id=answer.order_id,
        side=answer.side,
        order_type=answer.order_type,
        price=answer.price,
        orig_qty=answer.qty,
        executed_qty=answer.executed_qty,
        avg_price=answer.avg_price or ZERO,
        status=answer.status,
        ts_updated=answer.update_ts,
        ts_seen=asked_ms,
        source=ObservedSource.REST,
    )


def position_of_event(position: FuturesPositionEvent, ts: int, now: int) -> ObservedPosition:
    """Return a position of an event of the venue's time ``ts`` that is received now."""
    return ObservedPosition(
        symbol=position.symbol,
        position_amt=position.position_amt,
        entry_price=position.entry_price,
        unrealized_pnl=position.unrealized_pnl,
        ts_updated=ts,
        ts_seen=now,
        source=ObservedSource.STREAM,
    )


def position_of_answer(answer: PositionAnswer, asked_ms: int) -> ObservedPosition:
    """Return a position of an answer to a question of that time."""
    return ObservedPosition(
        symbol=answer.symbol,
        position_amt=answer.position_amt,
        entry_price=answer.entry_price,
        unrealized_pnl=answer.unrealized_pnl,
        ts_updated=answer.update_ts,
        ts_seen=asked_ms,
        source=ObservedSource.REST,
    )
