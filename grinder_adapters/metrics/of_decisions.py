"""Metrics of what a session decides: gates, latches, operating state, router, actions."""

from __future__ import annotations

from typing import Final

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.metrics.metric import Kind, Metric, every
from grinder_core.contracts.control import Command
from grinder_core.contracts.enums import GateName, GateReason, KillReason
from grinder_core.contracts.live import (
    ActionStatus,
    BlockReason,
    OperatingState,
    RouteDecision,
    RouteReason,
    SafeMode,
)

G, C, H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM

ACTIONS: Final = ("PLACE", "REPLACE", "CANCEL", "FLATTEN")

_REFUSALS: Final = {
    GateName.RATE_LIMITER: (GateReason.RATE_LIMIT_EXCEEDED, GateReason.COOLDOWN_ACTIVE),
    GateName.RISK_GATE: (
        GateReason.NOTIONAL_LIMIT,
        GateReason.DAILY_LOSS_LIMIT,
        GateReason.KILL_SWITCH_ACTIVE,
        GateReason("DRAWDOWN_LIMIT_EXCEEDED"),  # reserved, and published all the same
    ),
    GateName.TOXICITY_GATE: (GateReason.SPREAD_SPIKE, GateReason.PRICE_IMPACT_HIGH),
    GateName.OPERATING_STATE: (GateReason.FSM_STATE_BLOCKED,),
}

# LIVE-15: each reason belongs to one decision
_ROUTES: Final = {
    RouteDecision.PLACE: (RouteReason.NEW_ORDER,),
    RouteDecision.AMEND: (
        RouteReason.PRICE_CHANGE,
        RouteReason.QTY_CHANGE,
        RouteReason.PRICE_QTY_CHANGE,
    ),
    RouteDecision.CANCEL_REPLACE: (
        RouteReason.ATTRIBUTE_CHANGE,
        RouteReason.AMEND_UNSUPPORTED,
        RouteReason.AMEND_LIMIT_REACHED,
        RouteReason.AMEND_THRESHOLD,
    ),
    RouteDecision.CANCEL: (
        RouteReason.REQUESTED,
        RouteReason.TARGET_ALREADY_FILLED,
        RouteReason.RATE_BUDGET_DERISK,
    ),
    RouteDecision.SKIP: (
        RouteReason.ALREADY_TERMINAL,
        RouteReason.CANCEL_IN_FLIGHT,
        RouteReason.RATE_BUDGET,
        RouteReason.INVALID_ORDER,
        RouteReason.ORDER_IN_FLIGHT,
        RouteReason.CONSTRAINTS_MISSING,
        RouteReason.EXEC_QTY_BELOW_MIN_QTY,
        RouteReason.EXEC_QTY_ABOVE_MAX_QTY,
        RouteReason.EXEC_NOTIONAL_BELOW_MIN,
        RouteReason.PRICE_OUT_OF_BAND,
        RouteReason.BOOK_STALE,
        RouteReason.POST_ONLY_WOULD_CROSS,
        RouteReason.NO_CHANGE,
        RouteReason.WITHIN_TOLERANCE,
        RouteReason.AMEND_INTERVAL,
    ),
}

OF_DECISIONS: Final = (
    Metric(
        name="grinder_gating_allowed_total",
        kind=C,
        meaning="Plans that a planning gate let through",
        labels=("gate",),
        series=every(GateName),
        is_required=True,
        spec="CORE-11",
    ),
    Metric(
        name="grinder_gating_blocked_total",
        kind=C,
        meaning="Plans that a planning gate stopped",
        labels=("gate", "reason"),
        series=tuple((gate.value, r.value) for gate, found in _REFUSALS.items() for r in found),
        is_required=True,
        spec="CORE-11",
    ),
    Metric(
        name="grinder_kill_switch_triggered",
        kind=G,
        meaning="1 while the kill switch is latched",
        is_required=True,
        spec="CORE-29",
    ),
    Metric(
        name="grinder_kill_switch_trips_total",
        kind=C,
        meaning="Times the kill switch latched",
        labels=("reason",),
        series=every(KillReason),
        is_required=True,
        spec="CORE-29",
    ),
    Metric(
        name="grinder_drawdown_pct",
        kind=G,
        meaning="Fall of equity from its high-water mark, 0 to 100",
        is_required=True,
        spec="CORE-27",
        old_names=("portfolio_drawdown_pct",),
    ),
    Metric(
        name="grinder_high_water_mark",
        kind=G,
        meaning="Highest equity so far, USDT",
        is_required=True,
        spec="CORE-27",
        old_names=("allocator_hwm_equity_usd",),
    ),
    Metric(
        name="grinder_risk_consecutive_losses",
        kind=G,
        meaning="Longest running streak of losing round trips over all symbols",
        spec="LIVE-17",
    ),
    Metric(
        name="grinder_risk_consecutive_loss_trips_total",
        kind=C,
        meaning="Times a streak of losses tripped its guard, over all symbols",
        spec="LIVE-17",
    ),
    Metric(
        name="grinder_fsm_state",
        kind=G,
        meaning="Operating state of the session; one is 1",
        labels=("state",),
        series=every(OperatingState),
        is_required=True,
        is_one_hot=True,
        spec="LIVE-14",
        old_names=("guard_paused", "guard_paused_effective", "risk_paused"),
    ),
    Metric(
        name="grinder_fsm_symbols",
        kind=G,
        meaning="Symbols by the operating state that holds for them",
        labels=("state",),
        series=every(OperatingState),
        spec="LIVE-14",
    ),
    Metric(
        name="grinder_fsm_transitions_total",
        kind=C,
        meaning="Changes of operating state, of the session and of symbols",
        labels=("from_state", "to_state"),
        series=tuple(
            (a.value, b.value) for a in OperatingState for b in OperatingState if a is not b
        ),
        spec="LIVE-14",
    ),
    Metric(
        name="grinder_armed",
        kind=G,
        meaning="1 if orders may leave, all else permitting",
        is_required=True,
        spec="LIVE-07",
    ),
    Metric(
        name="grinder_safe_mode",
        kind=G,
        meaning="Mode of the run; one is 1",
        labels=("mode",),
        series=every(SafeMode),
        is_required=True,
        is_one_hot=True,
        spec="LIVE-07",
    ),
    Metric(
        name="grinder_venue_class",
        kind=G,
        meaning="What a mistake costs at the venue; one is 1",
        labels=("class",),
        series=every(VenueClass),
        is_required=True,
        is_one_hot=True,
        spec="LIVE-07",
    ),
    Metric(
        name="grinder_live_actions_total",
        kind=C,
        meaning="Actions on orders; each counts once PLANNED and once at its end",
        labels=("action", "status"),
        series=every(ACTIONS, ActionStatus),
        is_required=True,
        spec="LIVE-13",
    ),
    Metric(
        name="grinder_live_blocks_total",
        kind=C,
        meaning="Actions that did not reach their end",
        labels=("reason",),
        series=every(BlockReason),
        is_required=True,
        spec="LIVE-12",
    ),
    Metric(
        name="grinder_router_decision_total",
        kind=C,
        meaning="How the router got the venue to hold what was wanted",
        labels=("decision", "reason"),
        series=tuple((d.value, r.value) for d, found in _ROUTES.items() for r in found),
        is_required=True,
        spec="LIVE-15",
    ),
    Metric(
        name="grinder_router_fill_prob_blocks_total",
        kind=C,
        meaning="Entries that the fill-probability gate stopped",
        spec="ML-18",
    ),
    Metric(
        name="grinder_router_fill_prob_enforce_enabled",
        kind=G,
        meaning="1 if that gate may stop entries",
        spec="ML-18",
    ),
    Metric(
        name="grinder_router_fill_prob_cb_trips_total",
        kind=C,
        meaning="Times the breaker of that gate tripped",
        spec="ML-19",
        is_idle=True,
    ),
    Metric(
        name="grinder_router_fill_prob_auto_threshold_bps",
        kind=G,
        meaning="Threshold taken from an evaluation report; 0: off or failed",
        spec="ML-20",
        is_idle=True,
    ),
    Metric(
        name="grinder_ml_fill_prob_bps_last",
        kind=G,
        meaning="Newest probability of the fill model, 0 to 10000",
        spec="ML-17",
        is_idle=True,
    ),
    Metric(
        name="grinder_ml_fill_model_loaded",
        kind=G,
        meaning="1 if a fill model is loaded",
        spec="ML-17",
        is_idle=True,
    ),
    Metric(
        name="grinder_control_commands_total",
        kind=C,
        meaning="Commands of an operator, or of the process on its own behalf, that were folded",
        labels=("command",),
        series=every(Command),
        spec="LIVE-41",
    ),
    Metric(
        name="grinder_decision_latency_ms",
        kind=H,
        meaning="From the receipt of a market event until its requests are under way",
        spec="LIVE-13",
    ),
)
