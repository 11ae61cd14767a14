"""Why no new entry leaves for a symbol just now: the first gate that blocks (LIVE-12, CORE-41).

The order is that of a decision: prefilter, kill switch, policy, planning gates, operating state,
drawdown guard, planning filters, envelope. What depends on the last quote is taken from its
decision; everything else is asked now. Asking changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.enums import (
    ExecReason,
    ExecutionEventType,
    GateReason,
    PrefilterReason,
    RiskIntent,
)
from grinder_core.contracts.live import OperatingState, StateReason
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_machine import Machine
from grinder_core.engine.orchestrator_watch import SymbolWatch, more_restrictive
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.numbers import BPS, canonical, dec_half_even, exact
from grinder_core.risk.drawdown_guard import DrawdownGuard

MEASURED: Final[Mapping[GateReason, tuple[str, str]]] = {
    GateReason.SPREAD_SPIKE: ("spread_bps", "threshold_bps"),
    GateReason.PRICE_IMPACT_HIGH: ("price_impact_bps", "threshold_bps"),
    GateReason.RATE_LIMIT_EXCEEDED: ("orders_last_minute", "limit"),
    GateReason.COOLDOWN_ACTIVE: ("elapsed_ms", "cooldown_ms"),
    GateReason.NOTIONAL_LIMIT: ("notional", "limit"),
    GateReason.DAILY_LOSS_LIMIT: ("loss", "limit"),
}
"""Which details of a planning gate's refusal are the measured value, and the limit."""


@frozen
class Obstacle:
    """What stands in the way.

    Attributes:
        gate: Where it was stopped, such as ``risk_gate``, ``policy`` or ``state``.
        reason: Its reason code.
        value, limit: What was measured, and what is allowed, with units; empty where there is
            nothing to measure.
    """

    gate: str
    reason: str
    value: str = ""
    limit: str = ""


def before_envelope(
    hot: HotState,
    config: EngineConfig,
    machine: Orchestrator,
    symbol: str,
    out: PaperOutput | None,
) -> Obstacle | None:
    """Return what keeps a symbol from new entries before the envelope's own gates are asked.

    Args:
        out: The symbol's last decision; ``None`` before its first quote.
    """
    s = hot.symbols.get(symbol)
    if s is not None and out is not None:
        found = _prefiltered(config, s, out) or _killed(hot) or _planned(hot, config, out)
        if found is not None:
            return found
    elif hot.kill.active:
        return _killed(hot)
    return (
        _of_state(machine, symbol, hot.now, hot)
        or _guarded(hot.guard, hot.account.equity)
        or (Obstacle("market", "NO_QUOTE") if s is None or not s.tick else None)
        or (None if out is None else _filtered(config, out))
    )


def waits_for(machine: Orchestrator, scope: str, now: int) -> Obstacle | None:
    """Return why the state is not ACTIVE: of a symbol, or of the whole session.

    Args:
        scope: The symbol; empty: the session's own machine.
    """
    if scope:
        watch = machine.symbols[scope]
        held = more_restrictive(machine.machine, watch.machine)
    else:
        watch, held = None, machine.machine
    if held.state is OperatingState.ACTIVE:
        return None
    value, limit = _measured(machine, held, watch, scope, now)
    return Obstacle("state", f"{held.state.value} {held.reason.value}", value, limit)


def _prefiltered(config: EngineConfig, s: SymbolState, out: PaperOutput) -> Obstacle | None:
    result, limits = out.prefilter_result, config.gates
    if result.allowed:
        return None
    value = limit = ""
    stats = s.stats
    if result.reason is PrefilterReason.SPREAD_TOO_HIGH:
        value, limit = f"{s.spread_bps} bps", f"{limits.prefilter_spread_max_bps} bps"
    elif result.reason is PrefilterReason.VOLUME_24H_TOO_LOW:
        value = "unknown" if stats is None else canonical(stats.vol_24h_usd)
        limit = canonical(limits.prefilter_vol_24h_min_usd)
    elif result.reason is PrefilterReason.OPEN_INTEREST_TOO_LOW:
        value = "unknown" if stats is None else canonical(stats.oi_usd)
        limit = canonical(limits.prefilter_oi_min_usd)
    return Obstacle("prefilter", result.reason.value, value, limit)


def _killed(hot: HotState) -> Obstacle | None:
    if not hot.kill.active:
        return None
    why = "" if hot.kill.reason is None else hot.kill.reason.value
    return Obstacle("kill_switch", GateReason.KILL_SWITCH_ACTIVE.value, why)


def _planned(hot: HotState, config: EngineConfig, out: PaperOutput) -> Obstacle | None:
    plan, gating = out.plan, out.gating_result
    if plan is not None and not plan.shape.level_count:
        return Obstacle("policy", plan.shape.mode.value, ", ".join(plan.reason_codes))
    if plan is not None and plan.shape.reduce_only:
        return Obstacle("policy", "REDUCE_ONLY", ", ".join(plan.reason_codes))
    if gating is None or gating.allowed or gating.gate is None:
        return None
    if gating.reason in {GateReason.FSM_STATE_BLOCKED, GateReason.KILL_SWITCH_ACTIVE}:
        return None  # asked now
    details = {name: str(value) for name, value in gating.details.items()}
    if gating.reason is GateReason.DAILY_LOSS_LIMIT:
        with exact():
            details["loss"] = canonical(hot.account.day_start_equity - hot.account.equity)
    value, limit = MEASURED.get(gating.reason, ("", ""))
    return Obstacle(
        gating.gate.value, gating.reason.value, details.get(value, ""), details.get(limit, "")
    )


def _filtered(config: EngineConfig, out: PaperOutput) -> Obstacle | None:
    """Return what left levels of the last plan out: lot rules, or too thin a book."""
    left_out = [
        event.details
        for event in out.events
        if event.type is ExecutionEventType.ORDER_SKIPPED
        and event.details.get("reason") != ExecReason.EXEC_REFUSED_BY_VENUE.value
    ]
    if not left_out:
        return None
    first, rules = left_out[0], config.orders.symbol_constraints.get(out.symbol)
    planned = 0 if out.plan is None else out.plan.shape.level_count
    reason = str(first["reason"])
    value, limit = f"{len(left_out)} of {planned} levels", ""
    if "rounded_qty" in first:
        value = f"{value}, quantity {first['original_qty']}"
    if rules is not None and reason == ExecReason.EXEC_QTY_BELOW_MIN_QTY.value:
        limit = f"{canonical(rules.min_qty)} in steps of {canonical(rules.step_size)}"
    elif rules is not None and reason == ExecReason.EXEC_NOTIONAL_BELOW_MIN.value:
        limit = f"notional {canonical(rules.min_notional)}"
    return Obstacle("planning_filter", reason, value, limit)


def _guarded(guard: DrawdownGuard | None, equity: Decimal) -> Obstacle | None:
    if guard is None:
        return None
    allowed, why = guard.allow(RiskIntent.INCREASE_RISK)
    if allowed:
        return None
    value, limit = _loss(guard, equity)
    return Obstacle("drawdown", why.value, value, limit)


def _loss(guard: DrawdownGuard, equity: Decimal) -> tuple[str, str]:
    if guard.breached_symbol:
        budget = guard.symbol_dd_budgets[guard.breached_symbol]
        return f"budget of {guard.breached_symbol} used up", canonical(budget)
    start = guard.equity_start
    with exact():
        lost = dec_half_even((start - equity) * BPS, 0, start)
        limit = guard.portfolio_dd_limit * BPS
    return f"{canonical(lost)} bps of {canonical(start)} lost", f"{canonical(limit)} bps"


def _of_state(machine: Orchestrator, symbol: str, now: int, hot: HotState) -> Obstacle | None:
    if machine.permits(symbol, RiskIntent.INCREASE_RISK, now):
        return None
    state, reason = machine.effective(symbol)
    found = waits_for(machine, symbol, now)
    if found is None:  # the orchestrator has news that it did not judge yet
        return Obstacle("state", f"{state.value} {reason.value}")
    if reason is StateReason.DRAWDOWN and hot.guard is not None:
        return Obstacle("state", found.reason, *_loss(hot.guard, hot.account.equity))
    return found


def _measured(
    machine: Orchestrator, held: Machine, watch: SymbolWatch | None, scope: str, now: int
) -> tuple[str, str]:
    """Return the value that a state's reason speaks of, and its limit."""
    inputs, settings, reason = machine.inputs, machine.settings, held.reason
    if reason is StateReason.COOLDOWN:
        since = now if held.clear_since_ms is None else held.clear_since_ms
        return f"calm for {now - since} ms", f"{settings.cooldown_ms(held.state)} ms"
    if reason in {StateReason.BOOTSTRAP_PENDING, StateReason.INIT_TIMEOUT}:
        since = now if held.init_since_ms is None else held.init_since_ms
        return f"recovering for {now - since} ms", f"{settings.init_timeout_ms} ms"
    if reason is StateReason.CLOCK_SKEW:
        return f"{inputs.clock_skew_ms} ms", f"{settings.clock_skew_max_ms} ms"
    if reason is StateReason.SNAPSHOT_STALE:
        return f"{inputs.snapshot_age_ms} ms", f"{settings.snapshot_stale_ms} ms"
    if reason is StateReason.FEED_STALE and watch is not None:
        limit = settings.of_symbol(scope).feed_stale_ms
        return f"silent for {watch.inputs.feed_gap_ms} ms", f"{limit} ms"
    if held.state is OperatingState.THROTTLED and watch is not None:
        spent = watch.token_spent_ms
        if spent is not None:
            return f"last order {now - spent} ms ago", f"{settings.throttle_interval_ms} ms"
    return "", ""
