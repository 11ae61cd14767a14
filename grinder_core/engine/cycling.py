"""Take-profits and replenishments of a turn's fills (CORE-39), and placing them where asked.

An intent is placed by what it does, not by its name: one that shrinks the position goes out
reduce-only and nothing refuses it; any other one adds risk and must pass what a plan must pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from grinder_core.contracts.checks import PRICE_LIMIT
from grinder_core.contracts.decisions import ControllerDecision, CycleIntent
from grinder_core.contracts.effects import Effect, PlaceOrder
from grinder_core.contracts.enums import (
    ControllerMode,
    ExecReason,
    ExecutionEventType,
    GuardState,
    IntentSource,
    Side,
)
from grinder_core.contracts.orders import Detail, ExecutionEvent, Fill, OrderIntent, OrderRecord
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.executing import admission
from grinder_core.engine.gating import halted, killed
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.gates.prefilter import prefilter
from grinder_core.gates.risk_gate import check_risk
from grinder_core.numbers import canonical, ceil_div, floor_div
from grinder_core.orders.constraints import constrain
from grinder_core.orders.diff import Admission
from grinder_core.policies.cycles import cycle_intents

_STOPS_ADDS = (ControllerMode.PAUSE, ControllerMode.DRAWDOWN)


def propose(
    hot: HotState,
    config: EngineConfig,
    s: SymbolState,
    fills: Sequence[Fill],
    controller: ControllerDecision | None,
) -> tuple[CycleIntent, ...]:
    """Return what the cycle proposes after fills; what it drops is counted."""
    adds = adds_allowed(hot, controller)
    intents: list[CycleIntent] = []
    for fill in fills:
        if fill.fill_id in s.forced_fills:
            continue  # somebody closed the position: proposing to open it again would undo that
        result = cycle_intents(fill, config.policies, adds_allowed=adds)
        intents += result.intents
        for dropped in result.dropped:
            bump(hot.stats.skipped, dropped.reason)
            if config.policies.cycle_execution_enabled:  # else the digest would see a proposal
                _tell(s, dropped.details)
    s.forced_fills.clear()
    return tuple(intents)


def adds_allowed(hot: HotState, controller: ControllerDecision | None) -> bool:
    """Whether a replenishment may be proposed: no stop of any kind holds."""
    if hot.kill.active or hot.override is not None:
        return False
    if hot.guard is not None and hot.guard.state is GuardState.DRAWDOWN:
        return False
    return controller is None or (controller.mode not in _STOPS_ADDS and not controller.drawdown)


def place(
    hot: HotState,
    config: EngineConfig,
    s: SymbolState,
    intents: Sequence[CycleIntent],
    controller: ControllerDecision | None,
) -> list[Effect]:
    """Place what the cycle proposed, as far as it may be: one batch for the rate limiter."""
    effects: list[Effect] = []
    terms = admission(hot, config, s)
    for intent in intents:
        order = _order(config, s, intent, terms)
        refused = _refusal(hot, config, s, order, controller)
        if refused:
            _tell(
                s,
                {
                    "reason": refused,
                    "intent_id": intent.intent_id,
                    "side": order.side.value,
                    "price": canonical(order.price),
                    "qty": canonical(order.qty),
                },
            )
            bump(hot.stats.skipped, refused)
            continue
        client_order_id = hot.ids.next_id(0, hot.now)
        s.grid.place([_record(s, order, client_order_id)])
        hot.re_expose(s)
        generation = hot.next_generation(s.symbol, order.side, 0)
        effects.append(
            PlaceOrder(client_order_id=client_order_id, intent=order, generation=generation)
        )
    if effects:
        hot.rate.record(s.symbol, hot.now, len(effects))
    return effects


def _order(
    config: EngineConfig, s: SymbolState, intent: CycleIntent, terms: Admission
) -> OrderIntent:
    """The order of an intent; what may not be sent as it is says why in ``reason``."""
    tick = config.orders.tick_size_of(s.symbol)
    price = intent.price
    if tick is not None:  # away from the market, so that it is never more aggressive
        rounds = floor_div if intent.side is Side.BUY else ceil_div
        price = tick * rounds(price, tick)
    position = s.ledger.qty
    reduces = position > 0 if intent.side is Side.SELL else position < 0
    lot = constrain(intent.qty, price, terms.limits, reduce_only=reduces)
    refusal = lot.refusal
    if not reduces:  # the book is asked first, and never about an exit (CORE-35)
        refusal = (terms.buy_refused if intent.side is Side.BUY else terms.sell_refused) or refusal
    if not 0 < price < PRICE_LIMIT:  # the tick took it where no venue has a price
        price, refusal = intent.price, ExecReason.CYCLE_INTENT_DROPPED
    return OrderIntent(
        symbol=s.symbol,
        side=intent.side,
        price=price,
        qty=intent.qty if refusal else lot.qty,
        reduce_only=reduces,
        source=IntentSource.CYCLE,
        reason=(refusal or ExecReason.CYCLE).value,
    )


def _refusal(
    hot: HotState,
    config: EngineConfig,
    s: SymbolState,
    order: OrderIntent,
    controller: ControllerDecision | None,
) -> str:
    """Why an order of the cycle may not be placed; empty when it may."""
    if order.reason != ExecReason.CYCLE.value:
        return order.reason
    if order.reduce_only:
        return ""
    if any(o.side is order.side and o.price == order.price for o in s.grid.live.values()):
        return ExecReason.EXEC_DUPLICATE_PRICE.value
    if not (order.price < s.mid if order.side is Side.BUY else order.price > s.mid):
        # the market went through it: it would buy again at every quote until it caught up
        return ExecReason.NOT_DESIRED.value
    return next(_gates(hot, config, s, order, controller), "")


def _gates(
    hot: HotState,
    config: EngineConfig,
    s: SymbolState,
    order: OrderIntent,
    controller: ControllerDecision | None,
) -> Iterator[str]:
    if hot.kill.active:
        yield killed(hot).reason.value
    if s.symbol in hot.halted:
        yield halted(hot, s).reason.value
    if not adds_allowed(hot, None):
        yield ExecReason.DD_GUARD.value if hot.override is None else hot.override.value
    if controller is not None and not adds_allowed(hot, controller):
        yield controller.reason.value
    looked_at = prefilter(config.gates, s.symbol, s.spread_bps, s.stats)
    if not looked_at.allowed:
        yield looked_at.reason.value
    for verdict in (
        s.toxicity.check(s.mid, s.spread_bps),
        hot.rate.check(s.symbol, hot.now),
        check_risk(
            config.gates,
            held=s.held,
            planned=s.grid.open_notional + order.price * order.qty,
            others=hot.exposure - s.exposure,
            daily_loss_tripped=hot.account.daily_loss_tripped,
        ),
    ):
        if verdict is not None:
            yield verdict.reason.value


def _record(s: SymbolState, order: OrderIntent, client_order_id: str) -> OrderRecord:
    return OrderRecord(
        client_order_id=client_order_id,
        order_id="",
        symbol=s.symbol,
        side=order.side,
        level_id=0,
        price=order.price,
        qty=order.qty,
        placed_tick=s.tick,
        placed_ts=s.ts,
        reduce_only=order.reduce_only,
        source=order.source,
    )


def _tell(s: SymbolState, details: Mapping[str, Detail]) -> None:
    s.events.append(
        ExecutionEvent(
            type=ExecutionEventType.ORDER_SKIPPED, ts=s.ts, symbol=s.symbol, details=details
        )
    )
