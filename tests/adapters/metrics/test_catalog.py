"""LIVE-30, Appendix B: names, types, labels and label values are published and stay."""

from __future__ import annotations

import re

import pytest

from grinder_adapters.metrics.catalog import (
    BY_NAME,
    CATALOG,
    REQUIRED_METRICS_PATTERNS,
    problems_of,
)
from grinder_adapters.metrics.metric import FORBIDDEN_LABELS, Kind, Metric, every
from grinder_core.contracts.live import RouteReason
from grinder_core.errors import ContractError

# Appendix B of the specification: name, R, type, labels
SPECIFIED = """
grinder_up R gauge
grinder_uptime_seconds R gauge
grinder_gating_allowed_total R counter gate
grinder_gating_blocked_total R counter gate,reason
grinder_kill_switch_triggered R gauge
grinder_kill_switch_trips_total R counter reason
grinder_drawdown_pct R gauge
grinder_high_water_mark R gauge
grinder_ha_role R gauge role
grinder_ha_is_leader R gauge
grinder_connector_retries_total R counter op,reason
grinder_idempotency_hits_total R counter op
grinder_idempotency_conflicts_total R counter op
grinder_idempotency_misses_total R counter op
grinder_circuit_state R gauge op,state
grinder_circuit_rejected_total R counter op
grinder_circuit_trips_total R counter op,reason
grinder_ws_connected R gauge connector
grinder_ws_reconnect_total R counter connector
grinder_ticks_received_total R counter connector
grinder_last_tick_ts R gauge connector
grinder_reconcile_mismatch_total R counter type
grinder_reconcile_last_snapshot_age_seconds R gauge
grinder_reconcile_runs_total R counter
grinder_reconcile_runs_with_mismatch_total R counter
grinder_reconcile_runs_with_remediation_total R counter action
grinder_reconcile_last_remediation_ts_ms R gauge
grinder_reconcile_action_planned_total R counter action
grinder_reconcile_action_executed_total R counter action
grinder_reconcile_action_blocked_total R counter reason
grinder_reconcile_budget_calls_used_day R gauge
grinder_reconcile_budget_notional_used_day R gauge
grinder_reconcile_budget_calls_remaining_day R gauge
grinder_reconcile_budget_notional_remaining_day R gauge
grinder_risk_consecutive_losses - gauge
grinder_risk_consecutive_loss_trips_total - counter
grinder_ml_fill_prob_bps_last - gauge
grinder_ml_fill_model_loaded - gauge
grinder_router_fill_prob_blocks_total - counter
grinder_router_fill_prob_enforce_enabled - gauge
grinder_router_fill_prob_cb_trips_total - counter
grinder_router_fill_prob_auto_threshold_bps - gauge
grinder_router_decision_total R counter decision,reason
grinder_live_actions_total R counter action,status
grinder_live_blocks_total R counter reason
grinder_fsm_state R gauge state
grinder_fsm_symbols - gauge state
grinder_fsm_transitions_total - counter from_state,to_state
grinder_armed R gauge
grinder_safe_mode R gauge mode
grinder_venue_class R gauge class
grinder_rate_budget_used_pct - gauge window
grinder_rate_limit_hits_total - counter status
grinder_order_outcome_unknown - gauge
grinder_order_outcome_unknown_total - counter op
grinder_listen_key_keepalive_total - counter result
grinder_clock_skew_ms - gauge
grinder_feed_stale_symbols - gauge
grinder_event_queue_depth - gauge
grinder_events_dropped_total - counter reason
grinder_decision_latency_ms - histogram
grinder_order_latency_ms - histogram op
grinder_errors_total - counter component
grinder_reconcile_enabled R gauge
grinder_reconcile_runs_skipped_total - counter reason
grinder_reconcile_run_errors_total - counter
grinder_audit_write_errors_total - counter
grinder_state_persist_errors_total - counter
grinder_state_last_persist_age_seconds - gauge
grinder_ha_transitions_total - counter to_role
grinder_ha_renew_failures_total - counter
grinder_constraints_age_seconds - gauge
"""

# beyond the appendix
OUR_OWN = """
grinder_control_commands_total - counter command
grinder_dead_man_armed_symbols - gauge
grinder_dead_man_renewals_total - counter result
grinder_events_folded_total - counter
grinder_journal_rows_total - counter
grinder_journal_bytes_total - counter
grinder_process_resident_memory_bytes - gauge
"""

VALUES = {
    "grinder_gating_blocked_total": "RATE_LIMIT_EXCEEDED COOLDOWN_ACTIVE NOTIONAL_LIMIT "
    "DAILY_LOSS_LIMIT SPREAD_SPIKE PRICE_IMPACT_HIGH KILL_SWITCH_ACTIVE DRAWDOWN_LIMIT_EXCEEDED",
    "grinder_kill_switch_trips_total": "DRAWDOWN_LIMIT MANUAL ERROR",
    "grinder_ha_role": "active standby unknown",
    "grinder_connector_retries_total": "transient timeout other",
    "grinder_circuit_state": "closed open half_open",
    "grinder_circuit_trips_total": "threshold half_open_failure share hard_signal",
    "grinder_ws_connected": "market user_data",
    "grinder_reconcile_mismatch_total": "ORDER_MISSING_ON_EXCHANGE ORDER_EXISTS_UNEXPECTED "
    "ORDER_STATUS_DIVERGENCE POSITION_NONZERO_UNEXPECTED POSITION_SIZE_DIVERGENCE",
    "grinder_reconcile_action_planned_total": "cancel_all flatten",
    "grinder_venue_class": "sim testnet mainnet",
    "grinder_safe_mode": "read_only paper live_trade",
    "grinder_rate_budget_used_pct": "orders_10s orders_1m weight_1m",
    "grinder_rate_limit_hits_total": "429 418",
    "grinder_listen_key_keepalive_total": "ok error",
    "grinder_events_dropped_total": "invalid_snapshot coalesced unparsable",
    "grinder_reconcile_runs_skipped_total": "role no_expected_state",
    "grinder_live_actions_total": "PLANNED EXECUTED BLOCKED SKIPPED FAILED UNKNOWN",
    "grinder_fsm_state": "INIT EMERGENCY PAUSE DEGRADED READY THROTTLED ACTIVE",
}


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    found = {}
    for line in text.strip().splitlines():
        name, required, kind, labels = f"{line} -".split(" ")[:4]
        found[name] = (required, kind, "" if labels == "-" else labels)
    return found


def test_the_catalog_holds_every_metric_of_the_appendix_whose_room_is_there_and_no_other() -> None:
    told = {
        metric.name: (
            "R" if metric.is_required else "-",
            metric.kind.value,
            ",".join(metric.labels),
        )
        for metric in CATALOG
    }
    assert told == rows(SPECIFIED) | rows(OUR_OWN)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_label_values_are_enumerated(name: str) -> None:
    there = {labels[-1] for labels in BY_NAME[name].series}
    assert set(VALUES[name].split()) <= there


def test_no_metric_has_a_forbidden_label() -> None:
    assert {"symbol", "order_id", "client_order_id", "run_id", "url", "listen_key"} <= (
        FORBIDDEN_LABELS
    )
    assert not {label for metric in CATALOG for label in metric.labels} & FORBIDDEN_LABELS
    with pytest.raises(ContractError, match="forbidden"):
        Metric(name="grinder_x", kind=Kind.GAUGE, meaning="x", labels=("symbol",), series=())


def test_a_counter_says_so_in_its_name() -> None:
    with pytest.raises(ContractError, match="_total"):
        Metric(name="grinder_x", kind=Kind.COUNTER, meaning="x")


def test_label_values_have_to_fit_their_labels() -> None:
    with pytest.raises(ContractError, match="1 label values"):
        Metric(
            name="grinder_x", kind=Kind.GAUGE, meaning="x", labels=("op",), series=every("a", "b")
        )


def test_every_reason_of_the_router_belongs_to_one_decision() -> None:
    reasons = [labels[1] for labels in BY_NAME["grinder_router_decision_total"].series]
    assert sorted(reasons) == sorted(reason.value for reason in RouteReason)


def test_every_series_of_a_required_metric_has_its_pattern() -> None:
    required = [metric for metric in CATALOG if metric.is_required]
    assert len(REQUIRED_METRICS_PATTERNS) == sum(len(metric.series) for metric in required)
    line = 'grinder_circuit_trips_total{op="place",reason="threshold"} 0.0'
    assert sum(bool(re.search(p, line)) for p in REQUIRED_METRICS_PATTERNS) == 1
    # another label, or one too many, is another schema
    for other in (line.replace("op=", "venue="), line.replace("}", ',symbol="X"}')):
        assert not any(re.search(p, other) for p in REQUIRED_METRICS_PATTERNS)


def test_a_scrape_that_is_none_is_told_as_such() -> None:
    assert "is no exposition" in problems_of("<html>")[0]
