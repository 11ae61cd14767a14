"""Which gate stops a plan (CORE-11): one fixed order, the first that blocks names the reason."""

from __future__ import annotations

from grinder_core.contracts.enums import GateName, GateReason, RiskIntent
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import GATES_PASS, GatingResult, blocked
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import EngineStats, bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.gates.risk_gate import check_risk
from grinder_core.gates.settings import GateSettings
from grinder_core.risk.drawdown_guard import DrawdownGuard


def judge(
    hot: HotState,
    limits: GateSettings,
    s: SymbolState,
    plan: GridPlan,
    toxic: GatingResult | None,
) -> GatingResult:
    """Kill switch, toxicity, rate, risk, operating state: the first that blocks is named."""
    shape, stats = plan.shape, hot.stats
    if shape.reduce_only:
        stats.exits_passed += 1  # the exit passes: blocking it turns a loss into ruin
        return GATES_PASS
    if hot.kill.active:
        return _refused(stats, killed(hot))
    if not shape.level_count:
        stats.exits_passed += 1  # it can only cancel
        return GATES_PASS
    if toxic is not None:
        return _refused(stats, toxic)
    refused = hot.rate.check(s.symbol, hot.now)
    if refused is not None:
        return _refused(stats, refused)
    refused = check_risk(
        limits,
        held=s.held,
        planned=plan.center_price * shape.planned_factor + s.grid.unplanned_notional,
        others=hot.exposure - s.exposure,
        daily_loss_tripped=hot.account.daily_loss_tripped,
    )
    if refused is not None:
        return _refused(stats, refused)
    if hot.halted and s.symbol in hot.halted:
        return _refused(stats, halted(hot, s))
    stats.gates_passed += 1
    return GATES_PASS


def halted(hot: HotState, s: SymbolState) -> GatingResult:
    """The refusal of new risk while the operating state lets none in (LIVE-14)."""
    return blocked(
        GateName.OPERATING_STATE, GateReason.FSM_STATE_BLOCKED, state=hot.halted[s.symbol]
    )


def killed(hot: HotState) -> GatingResult:
    """The refusal of everything while the kill switch is active."""
    reason = "" if hot.kill.reason is None else hot.kill.reason.value
    return blocked(
        GateName.RISK_GATE,
        GateReason.KILL_SWITCH_ACTIVE,
        trip_reason=reason,
        trip_ts=hot.kill.ts,
    )


def guard_refuses(guard: DrawdownGuard, plan: GridPlan) -> bool:
    """Whether drawdown guard v1 stops a plan (CORE-41 step 9): it would add risk in DRAWDOWN."""
    if plan.shape.reduce_only or not plan.shape.level_count:
        return False
    allowed, _ = guard.allow(RiskIntent.INCREASE_RISK)
    return not allowed


def _refused(stats: EngineStats, result: GatingResult) -> GatingResult:
    gate = "" if result.gate is None else result.gate.value
    bump(stats.gate_blocked, f"{gate}:{result.reason.value}")
    return result
