"""Metrics of the account: what differs at the venue, and what nobody knows."""

from __future__ import annotations

from typing import Final

from grinder_adapters.metrics.metric import Kind, Metric, every
from grinder_adapters.metrics.of_the_venue import RESULTS
from grinder_core.reconcile.records import MismatchType
from grinder_core.resilience.idempotency import Write

G, C = Kind.GAUGE, Kind.COUNTER

REMEDIES: Final = ("cancel_all", "flatten")
# LIVE-22, in the order of its gates
REMEDY_BLOCKS: Final = (
    *("not_leader", "mode_detect_only", "mode_plan_only", "mode_blocked", "mode_cancel_only"),
    *("mode_flatten_only", "max_calls_per_run", "max_notional_per_run", "max_calls_per_day"),
    *("max_notional_per_day", "budget_state_invalid", "strategy_not_allowed"),
    *("symbol_not_in_remediation_allowlist", "action_is_none", "dry_run"),
    *("allow_active_remediation_false", "not_armed", "env_var_missing", "cooldown_not_elapsed"),
    *("whitelist_required", "symbol_not_in_whitelist", "no_grinder_prefix"),
    *("notional_exceeds_limit", "price_unavailable", "max_orders_per_action"),
    *("max_symbols_per_action", "port_error"),
)
SKIPPED: Final = ("role", "no_expected_state")


def _remedy(name: str, kind: Kind, meaning: str, label: str = "", *values: str) -> Metric:
    """A required metric of remediation, which is not there yet."""
    labels = (label,) if label else ()
    series = every(values) if label else ((),)
    old = ("reconcile_actions_total",) if name.endswith("executed_total") else ()
    return Metric(
        name=name,
        kind=kind,
        meaning=meaning,
        labels=labels,
        series=series,
        is_required=True,
        spec="LIVE-22, LIVE-24",
        is_idle=True,
        old_names=old,
    )


OF_THE_ACCOUNT: Final = (
    Metric(
        name="grinder_reconcile_enabled",
        kind=G,
        meaning="1 while the account is compared with the venue's",
        is_required=True,
        spec="LIVE-26",
    ),
    Metric(
        name="grinder_reconcile_runs_total",
        kind=C,
        meaning="Comparisons",
        is_required=True,
        spec="LIVE-26",
    ),
    Metric(
        name="grinder_reconcile_runs_with_mismatch_total",
        kind=C,
        meaning="Comparisons that found a mismatch",
        is_required=True,
        spec="LIVE-26",
    ),
    Metric(
        name="grinder_reconcile_mismatch_total",
        kind=C,
        meaning="Mismatches; one that stays counts once",
        labels=("type",),
        series=every(MismatchType),
        is_required=True,
        spec="LIVE-20",
    ),
    Metric(
        name="grinder_reconcile_last_snapshot_age_seconds",
        kind=G,
        meaning="Time since the newest snapshot of orders and positions was asked for; 0: none",
        is_required=True,
        spec="LIVE-20",
    ),
    Metric(
        name="grinder_reconcile_runs_skipped_total",
        kind=C,
        meaning="Comparisons that were left out",
        labels=("reason",),
        series=every(SKIPPED),
        spec="LIVE-26",
        is_idle=True,
    ),
    Metric(
        name="grinder_reconcile_run_errors_total",
        kind=C,
        meaning="Snapshots that were due and could not be had",
        spec="LIVE-26",
    ),
    _remedy(
        "grinder_reconcile_runs_with_remediation_total",
        C,
        "Comparisons that led to an action",
        "action",
        *REMEDIES,
    ),
    _remedy(
        "grinder_reconcile_last_remediation_ts_ms", G, "Time of the newest action, ms; 0: none"
    ),
    _remedy("grinder_reconcile_action_planned_total", C, "Actions planned", "action", *REMEDIES),
    _remedy(
        "grinder_reconcile_action_executed_total", C, "Actions carried out", "action", *REMEDIES
    ),
    _remedy(
        "grinder_reconcile_action_blocked_total", C, "Actions refused", "reason", *REMEDY_BLOCKS
    ),
    _remedy("grinder_reconcile_budget_calls_used_day", G, "Calls used today"),
    _remedy("grinder_reconcile_budget_notional_used_day", G, "Notional used today, USDT"),
    _remedy("grinder_reconcile_budget_calls_remaining_day", G, "Calls left today"),
    _remedy("grinder_reconcile_budget_notional_remaining_day", G, "Notional left today, USDT"),
    Metric(
        name="grinder_order_outcome_unknown",
        kind=G,
        meaning="Orders of which nobody knows whether they exist",
        spec="LIVE-04",
    ),
    Metric(
        name="grinder_order_outcome_unknown_total",
        kind=C,
        meaning="Writes whose outcome had to be asked for",
        labels=("op",),
        series=every(Write),
        spec="LIVE-04",
    ),
    Metric(
        name="grinder_dead_man_armed_symbols",
        kind=G,
        meaning="Symbols whose orders the venue cancels when nobody renews in time",
        spec="README section 5, gap 1",
    ),
    Metric(
        name="grinder_dead_man_renewals_total",
        kind=C,
        meaning="Requests to the dead-man switch",
        labels=("result",),
        series=every(RESULTS),
        spec="README section 5, gap 1",
    ),
)
