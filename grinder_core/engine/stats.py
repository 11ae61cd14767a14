"""Counts of one session (CORE-11 counters, CORE-42 totals)."""

from __future__ import annotations

from attrs import Factory, define

from grinder_core.contracts.enums import GateName, GateReason

GATE_ORDER = (GateName.TOXICITY_GATE, GateName.RATE_LIMITER, GateName.RISK_GATE)
_KILLED = GateReason.KILL_SWITCH_ACTIVE.value  # judged before all gates, shown under risk_gate


@define
class EngineStats:
    """What happened so far, in numbers; part of the checkpoint.

    Attributes:
        gates_passed: Snapshots that every gate let through.
        gate_blocked: By ``gate:reason``; the gates are judged in order and the first that blocks
            is the only one counted, so what each allowed follows (``gate_allowed``).
        exits_passed: Plans that cannot add risk, which no gate stops: reduce-only ones, and those
            without levels, which only cancel.
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
    funding_payments: int = 0
    liquidations: int = 0
    blocked_by_dd_guard_v1: int = 0
    noops: int = 0
    exits_passed: int = 0
    gates_passed: int = 0
    gate_blocked: dict[str, int] = Factory(dict)
    prefiltered: dict[str, int] = Factory(dict)
    skipped: dict[str, int] = Factory(dict)
    ignored: dict[str, int] = Factory(dict)

    @property
    def gate_allowed(self) -> dict[str, int]:
        """How often each gate was evaluated and passed, in the order they are judged."""
        allowed, passed = {}, self.gates_passed
        for gate in reversed(GATE_ORDER):
            allowed[gate.value] = passed
            passed += sum(
                count
                for key, count in self.gate_blocked.items()
                if key.startswith(f"{gate.value}:") and not key.endswith(_KILLED)
            )
        return dict(reversed(allowed.items()))


def bump(counts: dict[str, int], key: str, by: int = 1) -> None:
    """Add to one count of a family."""
    counts[key] = counts.get(key, 0) + by
