"""Metrics of the way to the venue: requests, streams, limits."""

from __future__ import annotations

from typing import Final

from grinder_adapters.metrics.metric import Kind, Metric, every
from grinder_core.resilience.breaker_settings import CircuitState, Operation, TripReason
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import Write

G, C, H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM

CONNECTORS: Final = ("market", "user_data")
RESULTS: Final = ("ok", "error")
OPS: Final = (*(op.value for op in Operation), "set_leverage", "countdown")
"""What a request is about: the operations of the breaker, and two that share a circuit."""

ORDER_OPS: Final = ("place", "reduce", "cancel", "replace", "amend", "query")
DROPS: Final = ("invalid_snapshot", "coalesced", "unparsable", "refused")

OF_THE_VENUE: Final = (
    Metric(
        name="grinder_connector_retries_total",
        kind=C,
        meaning="Requests that were tried again",
        labels=("op", "reason"),
        series=every(OPS, ("transient", "timeout", "other")),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_idempotency_hits_total",
        kind=C,
        meaning="Writes that were answered without asking: done before",
        labels=("op",),
        series=every(Write),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_idempotency_conflicts_total",
        kind=C,
        meaning="Writes that were refused: the same one was under way",
        labels=("op",),
        series=every(Write),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_idempotency_misses_total",
        kind=C,
        meaning="Writes with a new key",
        labels=("op",),
        series=every(Write),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_circuit_state",
        kind=G,
        meaning="State of the circuit breaker of each operation; one of each is 1",
        labels=("op", "state"),
        series=every(Operation, CircuitState),
        is_required=True,
        is_one_hot=True,
        spec="LIVE-06",
        old_names=("circuit_state",),
    ),
    Metric(
        name="grinder_circuit_rejected_total",
        kind=C,
        meaning="Requests that a circuit breaker refused",
        labels=("op",),
        series=every(Operation),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_circuit_trips_total",
        kind=C,
        meaning="Times a circuit breaker opened",
        labels=("op", "reason"),
        series=every(Operation, TripReason),
        is_required=True,
        spec="LIVE-06",
        old_names=("circuit_open_total", "circuit_transitions_total"),
    ),
    Metric(
        name="grinder_ws_connected",
        kind=G,
        meaning="1 while the stream is connected",
        labels=("connector",),
        series=every(CONNECTORS),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_ws_reconnect_total",
        kind=C,
        meaning="Sockets opened after the first of each connection",
        labels=("connector",),
        series=every(CONNECTORS),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_ticks_received_total",
        kind=C,
        meaning="Quotes of the market, events of the account",
        labels=("connector",),
        series=every(CONNECTORS),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_last_tick_ts",
        kind=G,
        meaning="Venue time of the newest quote, our time of the newest event of the account, ms",
        labels=("connector",),
        series=every(CONNECTORS),
        is_required=True,
        spec="LIVE-06",
    ),
    Metric(
        name="grinder_rate_budget_used_pct",
        kind=G,
        meaning="Use of the venue's limits",
        labels=("window",),
        series=every(BudgetWindow),
        spec="LIVE-11",
    ),
    Metric(
        name="grinder_rate_limit_hits_total",
        kind=C,
        meaning="Answers that demanded fewer requests; codes -1003 and -1015 count as 429",
        labels=("status",),
        series=every(("429", "418")),
        spec="LIVE-11",
    ),
    Metric(
        name="grinder_order_latency_ms",
        kind=H,
        meaning="From a request about an order to its answer",
        labels=("op",),
        series=every(ORDER_OPS),
    ),
    Metric(
        name="grinder_listen_key_keepalive_total",
        kind=C,
        meaning="Extensions of the listen key's life",
        labels=("result",),
        series=every(RESULTS),
        spec="LIVE-19",
    ),
    Metric(
        name="grinder_clock_skew_ms",
        kind=G,
        meaning="The venue's clock less ours",
        spec="LIVE-09",
    ),
    Metric(
        name="grinder_constraints_age_seconds",
        kind=G,
        meaning="Age of the venue's rules",
        spec="LIVE-35",
    ),
    Metric(
        name="grinder_feed_stale_symbols",
        kind=G,
        meaning="Symbols whose market was silent for longer than allowed",
        spec="LIVE-18",
    ),
    Metric(
        name="grinder_event_queue_depth",
        kind=G,
        meaning="Market events that wait to be folded",
        spec="LIVE-18",
    ),
    Metric(
        name="grinder_events_dropped_total",
        kind=C,
        meaning="Market events not folded: impossible, overtaken by newer ones, unread, no room",
        labels=("reason",),
        series=every(DROPS),
        spec="LIVE-18",
    ),
)
