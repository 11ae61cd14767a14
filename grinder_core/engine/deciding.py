"""What the engine decides for one symbol at one snapshot: select, track, plan, judge."""

from __future__ import annotations

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import GateName, GateReason
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import GATES_PASS, NOT_IN_TOPK, GatingResult, blocked
from grinder_core.engine.policy_call import call_policy
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import EngineStats, bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ConfigError
from grinder_core.gates.risk_gate import check_risk
from grinder_core.gates.settings import GateSettings
from grinder_core.policies.static_grid import StaticGrid
from grinder_core.ports import Policy
from grinder_core.selection.settings import SelectionSettings


def is_selected(hot: HotState, settings: SelectionSettings, s: SymbolState, snap: Snapshot) -> bool:
    """Whether the selection lets a symbol trade; feeds the selection while it is being made.

    Raises:
        ConfigError: The settings ask for a selection and none was made.
    """
    if hot.prefix_scores is not None:
        scores = hot.prefix_scores
        if scores.events_seen < settings.topk_prefix_events:
            scores.push(s.symbol, s.mid)
            track(s, snap)
            bump(hot.stats.prefiltered, NOT_IN_TOPK.reason.value)
            return False
        if hot.selection is None:
            hot.selection = scores.select(settings.topk_k, lookahead=False)
    if hot.selection is None:
        raise ConfigError(
            "needs a SELECTION event before the first snapshot",
            field="selection_source",
            value=settings.selection_source.value,
            remedy="make a selection pass over the data, or set topk_prefix_events",
        )
    if s.symbol in hot.selection.symbols:
        return True
    bump(hot.stats.prefiltered, NOT_IN_TOPK.reason.value)
    return False


def track(s: SymbolState, snap: Snapshot) -> FeatureSnapshot | None:
    """Fold a snapshot into the market-state trackers (CORE-41 step 4), whatever follows."""
    s.toxicity.window.push(snap.ts, s.mid)
    fold = s.features
    if fold is None:
        return None
    fold.on_snapshot(snap, s.mid)
    return fold.read(snap, s.mid, s.spread_bps)


def wanted_plan(
    own: Policy | None,
    static: StaticGrid,
    s: SymbolState,
    snap: Snapshot,
    features: FeatureSnapshot | None,
) -> GridPlan:
    """Ask the user's own policy, or the static grid where there is none (CORE-41 step 7).

    Raises:
        PolicyError: The user's policy failed.
    """
    anchor = s.grid.anchor_price
    if own is None:
        cached = s.plan_cache
        if cached is not None and cached[0] is s.mid and cached[1] is anchor:
            return cached[2]
        plan = static.plan_at(s.mid, anchor)
        s.plan_cache = (s.mid, anchor, plan)
        return plan
    context = PolicyContext(
        ts=s.ts,
        snapshot=snap,
        position=s.ledger.position(s.mid) if s.ledger.fill_count else None,
        features=({"mid_price": s.mid} if features is None else features.to_policy_features()),
        open_order_count=len(s.grid.live),
        anchor_price=anchor,
    )
    return call_policy(own, context)


def judge(hot: HotState, limits: GateSettings, s: SymbolState, plan: GridPlan) -> GatingResult:
    """Kill switch, toxicity, rate, risk: the first that blocks names the reason (CORE-11)."""
    shape, stats = plan.shape, hot.stats
    if shape.reduce_only:
        stats.exits_passed += 1  # the exit passes: blocking it turns a loss into ruin
        return GATES_PASS
    if hot.kill.active:
        reason = "" if hot.kill.reason is None else hot.kill.reason.value
        return _refused(
            stats,
            blocked(
                GateName.RISK_GATE,
                GateReason.KILL_SWITCH_ACTIVE,
                trip_reason=reason,
                trip_ts=hot.kill.ts,
            ),
        )
    if not shape.level_count:
        stats.exits_passed += 1  # it can only cancel
        return GATES_PASS
    refused = s.toxicity.check(s.mid, s.spread_bps)
    if refused is not None:
        return _refused(stats, refused)
    refused = hot.rate.check(s.symbol, hot.now)
    if refused is not None:
        return _refused(stats, refused)
    refused = check_risk(
        limits,
        held=s.held,
        planned=plan.center_price * shape.planned_factor,
        others=hot.exposure - s.exposure,
        daily_loss_tripped=hot.account.daily_loss_tripped,
    )
    if refused is not None:
        return _refused(stats, refused)
    stats.gates_passed += 1
    return GATES_PASS


def _refused(stats: EngineStats, result: GatingResult) -> GatingResult:
    gate = "" if result.gate is None else result.gate.value
    bump(stats.gate_blocked, f"{gate}:{result.reason.value}")
    return result
