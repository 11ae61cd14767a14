"""From a plan that may be executed to effects (CORE-41 step 10)."""

from __future__ import annotations

from collections.abc import Sequence

from grinder_core.contracts.effects import CancelOrder, Effect, PlaceOrder
from grinder_core.contracts.enums import ActionType, ExecutionEventType, Side
from grinder_core.contracts.orders import ExecutionAction, OrderRecord
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.engine.tracking import read_depth
from grinder_core.gates.depth_guard import check_depth
from grinder_core.orders.diff import NO_LIMITS, Admission, Diff, diff
from grinder_core.orders.grid_book import Quiet


def execute(
    hot: HotState, s: SymbolState, plan: GridPlan, admission: Admission
) -> tuple[tuple[ExecutionAction, ...], list[Effect]]:
    """Diff, then note and emit what the venue shall do."""
    grid = s.grid
    wanted = diff(grid, plan, s.mid, s.ts, s.ledger.qty, admission)
    if wanted.resets:
        grid.reset(wanted.anchor)
    grid.anchor_price = wanted.anchor
    s.events.extend(wanted.events)
    for event in wanted.events:
        if event.type is ExecutionEventType.ORDER_SKIPPED:
            bump(hot.stats.skipped, str(event.details["reason"]))
    if wanted.actions[0].action is ActionType.NOOP:
        hot.stats.noops += 1
    effects: list[Effect] = []
    if wanted.cancels:
        effects += cancel(hot, s, wanted.cancels)
    if wanted.intents:
        effects += _place(hot, s, wanted)
        hot.rate.record(s.symbol, hot.now, len(wanted.intents))
    # what was quiet before this diff need not be after it, even where it placed nothing
    bounds = wanted.quiet
    grid.quiet = None if bounds is None else Quiet(plan.shape, s.ledger.qty, *bounds)
    hot.re_expose(s)
    return wanted.actions, effects


def admission(hot: HotState, config: EngineConfig, s: SymbolState) -> Admission:
    """What orders of this symbol must pass right before the port (CORE-33, CORE-35)."""
    limits = (
        config.orders.symbol_constraints.get(s.symbol)
        if config.orders.constraints_enabled
        else None
    )
    l2 = read_depth(s, config.indicators) if config.gates.l2_execution_guard_enabled else None
    if l2 is None:
        return NO_LIMITS if limits is None else Admission(limits=limits)
    # quotes and books are dated by different clocks of the venue; the book's age is ours
    now_ts = l2.ts_ms + hot.now - s.depth_seen_ms
    return Admission(
        limits=limits,
        buy_refused=check_depth(config.gates, Side.BUY, l2, now_ts),
        sell_refused=check_depth(config.gates, Side.SELL, l2, now_ts),
    )


def _place(hot: HotState, s: SymbolState, wanted: Diff) -> list[Effect]:
    replaced = [a.order_id for a in wanted.actions if a.action is ActionType.REPLACE]
    gone = {(order.side, order.level_id): order.client_order_id for order in wanted.cancels}
    effects: list[Effect] = []
    records = []
    for index, intent in enumerate(wanted.intents):
        client_order_id = hot.ids.next_id(intent.level_id, hot.now)
        if index < len(replaced):  # those of replaces come first
            hot.replaced[client_order_id] = replaced[index] or ""
        records.append(
            OrderRecord(
                client_order_id=client_order_id,
                order_id="",
                symbol=s.symbol,
                side=intent.side,
                level_id=intent.level_id,
                price=intent.price,
                qty=intent.qty,
                placed_tick=s.tick,
                placed_ts=s.ts,
                reduce_only=intent.reduce_only,
            )
        )
        effects.append(
            PlaceOrder(
                client_order_id=client_order_id,
                intent=intent,
                generation=hot.next_generation(s.symbol, intent.side, intent.level_id),
                replaces=gone.get((intent.side, intent.level_id), ""),
            )
        )
    s.grid.place(records)
    return effects


def cancel(hot: HotState, s: SymbolState, orders: Sequence[OrderRecord]) -> list[Effect]:
    """Note orders as leaving and return the effects that cancel them."""
    s.grid.cancel(orders)
    hot.re_expose(s)
    return [
        CancelOrder(
            client_order_id=order.client_order_id, order_id=order.order_id, symbol=order.symbol
        )
        for order in orders
    ]
