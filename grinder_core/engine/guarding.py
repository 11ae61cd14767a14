"""Equity samples and what they trip; and the ways to stop: trip, hold, flatten (CORE-27..30)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from grinder_core.contracts.control import Command, Control, Selection
from grinder_core.contracts.effects import Effect, Flatten
from grinder_core.contracts.enums import ExecReason, IntentSource, KillReason, Override, Side
from grinder_core.contracts.orders import OrderRecord
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.executing import cancel
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ContractError
from grinder_core.orders import actions
from grinder_core.risk.exposure import orders_to_cancel


def sample(hot: HotState, config: EngineConfig) -> Sequence[Effect]:
    """Sample equity (CORE-41 step 3); return the cancels of what it trips."""
    hot.is_revalued = False
    equity = hot.cash + hot.unrealized
    tripped = hot.account.sample(hot.now, equity)
    effects: Sequence[Effect] = ()
    if tripped and config.risk.kill_switch_enabled and not hot.kill.active:
        effects = trip(hot, KillReason.DRAWDOWN_LIMIT)
    elif hot.kill.active:  # a liquidation latched it, and orders were under way
        effects = _pull_risk(hot)
    guard = hot.guard
    if guard is not None and guard.update(equity, profits(hot, guard.symbol_dd_budgets), hot.now):
        hot.epoch += 1
        for _, s in sorted(hot.symbols.items()):
            effects = (*effects, *hold(hot, s))
    return effects


def profits(hot: HotState, symbols: Sequence[str] | dict[str, Decimal]) -> dict[str, Decimal]:
    """Total profit of symbols before fees, quote currency."""
    return {
        symbol: state.ledger.realized_pnl + state.unrealized
        for symbol in symbols
        if (state := hot.symbols.get(symbol)) is not None
    }


def trip(hot: HotState, reason: KillReason) -> tuple[Effect, ...]:
    """Latch the kill switch; cancel all that could add risk, on all symbols (CORE-29)."""
    return _pull_risk(hot) if hot.kill.trigger(reason, hot.now) else ()


def _pull_risk(hot: HotState) -> tuple[Effect, ...]:
    effects: list[Effect] = []
    for _, s in sorted(hot.symbols.items()):
        orders = [order for order in s.grid.in_order() if not order.reduce_only]
        effects += _pull(hot, s, orders, ExecReason.KILL_SWITCH)
    return tuple(effects)


def hold(hot: HotState, s: SymbolState) -> Sequence[Effect]:
    """Cancel what could grow a symbol's position while the drawdown guard holds (CORE-28)."""
    orders = orders_to_cancel(s.grid.in_order(), s.ledger.qty)
    return _pull(hot, s, orders, ExecReason.DD_GUARD)


def halt(hot: HotState, s: SymbolState) -> Sequence[Effect]:
    """Cancel a symbol's entries under an operator's halt; exits stay."""
    orders = [order for order in s.grid.in_order() if not order.reduce_only]
    return _pull(hot, s, orders, ExecReason.PLAN_PAUSED)


def flatten(hot: HotState, s: SymbolState) -> Sequence[Effect]:
    """Cancel a symbol's orders and close its position against the best quote (CORE-28).

    It reduces risk, so nothing refuses it, the kill switch included.
    """
    effects = _pull(hot, s, s.grid.in_order(), ExecReason.FLATTEN)
    qty = s.ledger.qty
    if not qty:
        return effects
    side, price = (Side.SELL, s.bid) if qty > 0 else (Side.BUY, s.ask)
    client_order_id = hot.ids.next_id(0, hot.now)
    s.grid.place(
        [
            OrderRecord(
                client_order_id=client_order_id,
                order_id="",
                symbol=s.symbol,
                side=side,
                level_id=0,
                price=price,
                qty=abs(qty),
                placed_tick=s.tick,
                placed_ts=s.ts,
                reduce_only=True,
                source=IntentSource.FLATTEN,
            )
        ]
    )
    hot.re_expose(s)
    close = Flatten(
        client_order_id=client_order_id,
        symbol=s.symbol,
        side=side,
        qty=abs(qty),
        price=price,
        generation=hot.next_generation(s.symbol, side, 0),
    )
    return (*effects, close)


def drop_unselected(hot: HotState, selection: Selection) -> tuple[Effect, ...]:
    """Cancel what could add risk on symbols that a new selection leaves out; exits stay."""
    effects: list[Effect] = []
    for symbol, s in sorted(hot.symbols.items()):
        if symbol not in selection.symbols:
            orders = [order for order in s.grid.in_order() if not order.reduce_only]
            effects += _pull(hot, s, orders, ExecReason.NOT_DESIRED)
    return tuple(effects)


def _pull(
    hot: HotState, s: SymbolState, orders: Sequence[OrderRecord], why: ExecReason
) -> list[Effect]:
    hot.carried += [actions.cancel(order, why) for order in orders]
    return cancel(hot, s, orders)


def obey(hot: HotState, control: Control) -> Sequence[Effect]:
    """Carry out an operator's command.

    Raises:
        ContractError: A ``FLATTEN`` of a symbol that was never seen.
    """
    command = control.command
    if command is Command.KILL:
        return trip(hot, control.reason)
    if command is Command.STOP:  # of the process, which takes its entries with it
        return [effect for _, s in sorted(hot.symbols.items()) for effect in halt(hot, s)]
    if command is Command.FLATTEN:
        s = hot.symbols.get(control.symbol)
        if s is None or not s.tick:
            raise ContractError("was never seen", field="symbol", value=control.symbol)
        return flatten(hot, s)
    if command is Command.RESET_KILL_SWITCH:
        hot.kill.reset()
    elif command is Command.RESET_DRAWDOWN_GUARD:
        hot.account.reset_drawdown()
        hot.is_revalued = True  # without equity the new peak trips at the next sample
        if hot.guard is not None:
            hot.guard.reset(hot.cash + hot.unrealized, profits(hot, list(hot.symbols)))
    elif command is Command.RESET_LOSS_STREAKS:
        if hot.streaks is not None:
            hot.streaks.reset()
    elif command is Command.RESUME:
        still_losing = hot.streaks is not None and hot.streaks.any_tripped
        hot.override = Override.PAUSE if still_losing else None
    else:
        hot.override = Override(command.value)
    return ()
