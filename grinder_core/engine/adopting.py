"""Taking over what the venue holds: money, positions and orders that no fill of ours explains.

Only a live session meets these events (LIVE-38): equity starts from the account's balance,
transfers move every baseline, and recovery may find orders and positions that nobody recorded.
"""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.control import AccountUpdate, PositionUpdate
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.orders import OrderAdopted, OrderRecord
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.numbers import ZERO


def start_equity(hot: HotState, update: AccountUpdate) -> None:
    """Begin with the account's balance, or move all baselines with a transfer."""
    if update.start is not None:
        _shift(hot, update.start - hot.cash)
    if update.transfer:
        _shift(hot, update.transfer)


def _shift(hot: HotState, amount: Decimal) -> None:
    hot.cash += amount
    hot.account.shift(amount)
    if hot.guard is not None:
        hot.guard.shift(amount)
    hot.is_revalued = True


def adopt_position(hot: HotState, s: SymbolState, update: PositionUpdate) -> None:
    """Hold what the venue holds, at cost until a price is known."""
    s.ledger.adopt(update.qty, update.entry_price)
    s.pnl_cache = None  # a process that starts here has none of the old position either
    if not s.mark:
        s.mark = s.mid = update.entry_price
    s.pnl_cache = None  # no fill and no new price tells that it is another position
    hot.revalue(s)


def adopt_order(hot: HotState, s: SymbolState, order: OrderAdopted) -> None:
    """Take in an order of ours without a record; the diff decides what becomes of it."""
    if s.grid.get(order.client_order_id) is not None:
        return
    s.grid.adopt(
        OrderRecord(
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            level_id=order.level_id,
            price=order.price,
            qty=order.qty,
            filled_qty=order.filled_qty,
            state=OrderState.PARTIALLY_FILLED if order.filled_qty > ZERO else OrderState.OPEN,
            placed_tick=s.tick,
            placed_ts=s.ts,
            reduce_only=order.reduce_only,
        )
    )
    hot.re_expose(s)


def restart(hot: HotState) -> None:
    """Forget what a new process cannot know: every book (LIVE-38)."""
    for s in hot.symbols.values():
        if s.depth is not None:
            s.depth.lose()
            s.depth_seen_ms = 0
