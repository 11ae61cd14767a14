"""Metrics of the process: that it runs, who it is, what it wrote down, what it got wrong."""

from __future__ import annotations

from typing import Final

from grinder_adapters.metrics.metric import Kind, Metric, every

G, C = Kind.GAUGE, Kind.COUNTER

ROLES: Final = ("active", "standby", "unknown")
COMPONENTS: Final = ("audit", "feed", "journal", "reconcile", "rest", "user_stream")

OF_THE_PROCESS: Final = (
    Metric(name="grinder_up", kind=G, meaning="1 while it runs", is_required=True),
    Metric(name="grinder_uptime_seconds", kind=G, meaning="Time since its start", is_required=True),
    Metric(
        name="grinder_ha_role",
        kind=G,
        meaning="Role of the process; one is 1; without leader election it is active",
        labels=("role",),
        series=every(ROLES),
        is_required=True,
        is_one_hot=True,
        spec="LIVE-29",
    ),
    Metric(
        name="grinder_ha_is_leader",
        kind=G,
        meaning="1 if it may write",
        is_required=True,
        spec="LIVE-29",
    ),
    Metric(
        name="grinder_ha_transitions_total",
        kind=C,
        meaning="Changes of role",
        labels=("to_role",),
        series=every(ROLES),
        spec="LIVE-29",
    ),
    Metric(
        name="grinder_ha_renew_failures_total",
        kind=C,
        meaning="Renewals of the lease that failed",
        spec="LIVE-29",
        is_idle=True,
    ),
    Metric(
        name="grinder_errors_total",
        kind=C,
        meaning="Errors that were dealt with",
        labels=("component",),
        series=every(COMPONENTS),
    ),
    Metric(
        name="grinder_audit_write_errors_total",
        kind=C,
        meaning="Audit events that were lost",
        spec="LIVE-25",
    ),
    Metric(
        name="grinder_state_persist_errors_total",
        kind=C,
        meaning="Commits of the journal that failed",
        spec="LIVE-38",
    ),
    Metric(
        name="grinder_state_last_persist_age_seconds",
        kind=G,
        meaning="Time since everything noted was last on disk",
        spec="LIVE-38",
    ),
    Metric(
        name="grinder_journal_rows_total",
        kind=C,
        meaning="Rows committed to the journal by this process",
        spec="LIVE-38",
    ),
    Metric(
        name="grinder_journal_bytes_total",
        kind=C,
        meaning="Bytes of the rows committed, market blocks as they are packed",
        spec="LIVE-38",
    ),
    Metric(
        name="grinder_events_folded_total",
        kind=C,
        meaning="Events that the session folded",
        spec="LIVE-13",
    ),
    Metric(
        name="grinder_process_resident_memory_bytes",
        kind=G,
        meaning="Memory that the process holds",
        spec="MM-54",
        old_names=("soak_mem_rss_bytes",),
    ),
)
