"""What the venue says about our orders, folded into orders, ledger and counts."""

from __future__ import annotations

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.enums import (
    ExecReason,
    ExecutionEventType,
    IntentSource,
    KillReason,
    OrderState,
    Override,
)
from grinder_core.contracts.orders import ExecutionEvent, Fill, OrderRecord, OrderUpdate
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.numbers import canonical

FORCED_CLOSE = "autoclose-"  # client order ids of the venue's own liquidation orders


def fold_update(hot: HotState, update: OrderUpdate) -> None:
    """Fold one answer: order, ledger, counts, and what the next output tells (design rule 4).

    Raises:
        InvariantError: The venue's answer is impossible.
    """
    s = hot.symbols.get(update.symbol)
    before = None if s is None else s.grid.get(update.client_order_id)
    if s is None or before is None:
        if s is not None and update.last_qty and update.trade_id <= s.last_trade_id:
            hot.stats.duplicate_fills += 1
        elif s is not None and update.client_order_id.startswith(FORCED_CLOSE) and update.last_qty:
            _book_liquidation(hot, s, update)
        else:
            hot.stats.foreign_updates += 1  # we touch only our own orders
        return
    if update.last_qty and update.filled_qty <= before.filled_qty:
        # trade ids rise at the venue, but two orders' fills may reach us in either order
        hot.stats.duplicate_fills += 1
        return
    order = s.grid.fold(update)
    if update.last_qty:
        forced = order.source is IntentSource.FLATTEN
        _book_fill(hot, s, update, order.level_id, is_forced=forced)
    _note(hot, s, before, order, update)
    hot.re_expose(s)


def fold_funding(hot: HotState, payment: FundingPaid) -> None:
    """Book one funding settlement of our position."""
    s = hot.symbols.get(payment.symbol)
    if s is None:
        hot.stats.foreign_updates += 1
        return
    s.ledger.funding_paid += payment.amount
    s.funding.append(payment)
    hot.cash -= payment.amount
    hot.is_revalued = True
    hot.stats.funding_payments += 1


def _book_liquidation(hot: HotState, s: SymbolState, update: OrderUpdate) -> None:
    """The venue closed our position: book it, and stop until an operator has looked."""
    hot.stats.liquidations += 1
    _book_fill(hot, s, update, level_id=0, is_forced=True)
    hot.re_expose(s)
    hot.kill.trigger(KillReason.ERROR, hot.now)


def _book_fill(
    hot: HotState, s: SymbolState, update: OrderUpdate, level_id: int, *, is_forced: bool
) -> None:
    ledger = s.ledger
    s.last_trade_id = max(s.last_trade_id, update.trade_id)
    hot.fill_seq += 1
    hot.stats.total_fills += 1
    fill = Fill(
        fill_id=f"fill_{hot.fill_seq:08d}",
        order_id=update.order_id,
        ts=update.ts,
        symbol=s.symbol,
        side=update.side,
        price=update.last_price,
        qty=update.last_qty,
        fee=update.fee,
        liquidity=update.liquidity,
        level_id=level_id,
    )
    s.fills.append(fill)
    if is_forced:
        s.forced_fills.append(fill.fill_id)
    if hot.streaks is not None and hot.streaks.on_fill(fill) and hot.override is None:
        hot.override = Override.PAUSE
    realized = ledger.realized_pnl
    ledger.apply(update.side, update.last_price, update.last_qty, update.fee)
    hot.cash += ledger.realized_pnl - realized - update.fee
    hot.revalue(s)


def _note(
    hot: HotState, s: SymbolState, before: OrderRecord, order: OrderRecord, update: OrderUpdate
) -> None:
    """Count what happened to an order and tell it in the symbol's next output."""
    stats, state = hot.stats, update.state
    replaces = None
    if before.state is OrderState.PENDING:
        replaces = hot.replaced.pop(order.client_order_id, None)
    if state is OrderState.FILLED:
        stats.orders_filled += 1
    if before.state is OrderState.PENDING and state is not OrderState.REJECTED:
        stats.orders_placed += 1
        if replaces is None:
            _tell(s, order, ExecutionEventType.ORDER_PLACED)
        else:
            stats.orders_replaced += 1
            _tell(s, order, ExecutionEventType.ORDER_REPLACED, replaces=replaces)
    if state is OrderState.CANCELLED:
        stats.orders_cancelled += 1
        _tell(s, order, ExecutionEventType.ORDER_CANCELLED)
    elif state in {OrderState.REJECTED, OrderState.EXPIRED}:
        stats.orders_refused += 1
        _tell(
            s,
            order,
            ExecutionEventType.ORDER_SKIPPED,
            reason=ExecReason.EXEC_REFUSED_BY_VENUE.value,
            venue_reason=update.reason,
        )


def _tell(s: SymbolState, order: OrderRecord, kind: ExecutionEventType, **more: str) -> None:
    s.events.append(
        ExecutionEvent(
            type=kind,
            ts=s.ts,
            symbol=s.symbol,
            details={
                "order_id": order.order_id,
                "side": order.side.value,
                "level_id": order.level_id,
                "price": canonical(order.price),
                "qty": canonical(order.qty),
                **more,
            },
        )
    )
