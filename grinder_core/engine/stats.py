"""Counts of one session (CORE-11 counters, CORE-42 totals)."""

from __future__ import annotations

from attrs import Factory, define


@define
class EngineStats:
    """What happened so far, in numbers; part of the checkpoint.

    Attributes:
        toxicity_passed, rate_passed, risk_passed: Allowed by each gate.
        gate_blocked: By ``gate:reason``.
        exits_passed: Reduce-only plans, which every planning gate lets through.
        prefiltered: Snapshots stopped before a plan, by reason.
        ignored: Events that changed nothing, by kind.
    """

    events_processed: int = 0
    events_gated: int = 0
    orders_placed: int = 0
    orders_replaced: int = 0
    orders_cancelled: int = 0
    orders_blocked: int = 0
    orders_filled: int = 0
    orders_refused: int = 0
    total_fills: int = 0
    duplicate_fills: int = 0
    foreign_updates: int = 0
    noops: int = 0
    exits_passed: int = 0
    toxicity_passed: int = 0
    rate_passed: int = 0
    risk_passed: int = 0
    gate_blocked: dict[str, int] = Factory(dict)
    prefiltered: dict[str, int] = Factory(dict)
    skipped: dict[str, int] = Factory(dict)
    ignored: dict[str, int] = Factory(dict)


def bump(counts: dict[str, int], key: str, by: int = 1) -> None:
    """Add to one count of a family."""
    counts[key] = counts.get(key, 0) + by
