"""What metrics read from the connections of a session: requests, circuits, limits, writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from grinder_adapters.binance.error_map import COUNTDOWN
from grinder_adapters.binance.feed import FeedStats
from grinder_adapters.binance.market_frames import Drop
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.metrics.exposition import Value
from grinder_adapters.metrics.metric import Labels
from grinder_adapters.metrics.of_the_venue import ORDER_OPS
from grinder_core.resilience.breaker_settings import Operation
from grinder_core.resilience.idempotency import IdempotencyStore, Write

Found = dict[str, Mapping[Labels, Value]]

_DROPPED: Final = {
    Drop.BAD_PAYLOAD: "unparsable",
    Drop.NON_POSITIVE: "invalid_snapshot",
    Drop.CROSSED_BOOK: "invalid_snapshot",
    Drop.UNSORTED_DEPTH: "invalid_snapshot",
    Drop.OUT_OF_ORDER: "coalesced",  # a newer one came before it
}
"""What is no loss stands here not: a duplicate, and a symbol that nobody wants any more."""


def one(value: Value) -> Mapping[Labels, Value]:
    """Return the value of a metric without labels."""
    return {(): value}


def one_hot(value: StrEnum | str) -> Mapping[Labels, Value]:
    """Return a one-hot gauge that stands at a value."""
    return {(str(value),): 1}


def by_one(counts: Mapping[str, int]) -> Mapping[Labels, Value]:
    """Return counts by one label."""
    return {(key,): count for key, count in counts.items()}


def by_two(counts: Mapping[tuple[str, str], int]) -> Mapping[Labels, Value]:
    """Return counts by two labels, as of now."""
    return {(one, other): count for (one, other), count in counts.items()}


def of_requests(client: RestClient) -> Found:
    """Return the figures of one client."""
    now, stats = client.now(), client.stats
    circuits = client.breaker.circuits
    limit_hits: Counter[str] = Counter()
    for status, count in stats.rate_limit_hits.items():
        limit_hits["418" if status == "418" else "429"] += count
    failed = sum(count for (op, _), count in stats.failures.items() if op == COUNTDOWN)
    return {
        "grinder_connector_retries_total": by_two(stats.retries),
        "grinder_circuit_state": {
            (op, circuit.state(now).value): 1 for op, circuit in circuits.items()
        },
        "grinder_circuit_rejected_total": {
            (op,): circuit.rejected for op, circuit in circuits.items()
        },
        "grinder_circuit_trips_total": {
            (op, str(reason)): count
            for op, circuit in circuits.items()
            for reason, count in circuit.trips.items()
        },
        "grinder_rate_budget_used_pct": {
            (window.value,): used for window, used in client.budget.used_pct(now).items()
        },
        "grinder_rate_limit_hits_total": by_one(limit_hits),
        "grinder_order_latency_ms": {
            (op,): took.histogram() for op, took in stats.latencies.items() if op in ORDER_OPS
        },
        "grinder_dead_man_renewals_total": {
            ("ok",): stats.requests[COUNTDOWN] - failed,
            ("error",): failed,
        },
        "grinder_clock_skew_ms": one(client.venue_clock.skew_ms),
    }


def no_circuits() -> Mapping[Labels, Value]:
    """Return the circuits of a session that has no connection yet: all closed."""
    return {(op.value, "closed"): 1 for op in Operation}


def of_writes(store: IdempotencyStore) -> Found:
    """Return the figures of the idempotency store."""
    names = {"hits": "cached", "conflicts": "conflicts", "misses": "executed"}
    return {
        f"grinder_idempotency_{shown}_total": {
            (op.value,): store.stats[f"{op}_{kept}"] for op in Write
        }
        for shown, kept in names.items()
    }


def dropped(stats: FeedStats) -> Mapping[Labels, Value]:
    """Return why market events were not folded."""
    found: Counter[str] = Counter(coalesced=stats.conflated, refused=stats.trades_refused)
    for drop, reason in _DROPPED.items():
        found[reason] += stats.drops[drop.value]
    return by_one(found)


def since(now: Mapping[str, int], before: Mapping[str, int], keys: Iterable[str]) -> Counter[str]:
    """Return how much each count has grown."""
    return Counter({key: now.get(key, 0) - before.get(key, 0) for key in keys})
