"""Mistakes in telling delay from mismatch, and in what the two stores keep."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_EXPECTED = "grinder_core/reconcile/expected.py"
_OBSERVED = "grinder_core/reconcile/observed.py"
_DIFFERENCES = "grinder_core/reconcile/differences.py"
_COMPARE = "grinder_core/reconcile/compare.py"
_RECONCILER = "grinder_core/reconcile/reconciler.py"
STORES = ("tests/core/live/test_reconcile_stores.py",)
VERDICTS = ("tests/core/live/test_reconcile.py",)
ANY_ORDER = ("tests/core/live/test_reconcile_any_order.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_full_ring_forgets_active_orders",
        _EXPECTED,
        "found = (name for name in self.ring if orders[name].expected_status.is_final)",
        "found = iter(list(self.ring))",
        STORES,
    ),
    Mutant(
        "active_orders_expire",
        _EXPECTED,
        "if self.orders[client_order_id].expected_status.is_final\n            and now",
        "if now",
        STORES,
    ),
    Mutant(
        "what_was_inferred_is_held_against_the_venue",
        _EXPECTED,
        "if not order.is_inferred or not reports:",
        "if order.is_inferred or not reports:",
        STORES,
    ),
    Mutant(
        "the_store_is_full_one_order_too_late",
        _EXPECTED,
        "return self.active >= settings.expected_max_orders",
        "return self.active > settings.expected_max_orders",
        VERDICTS,
    ),
    Mutant(
        "a_snapshot_drops_what_was_updated_since_its_request",
        _OBSERVED,
        "if key in present or order.ts_seen >= asked",
        "if key in present",
        STORES,
    ),
    Mutant(
        "a_read_that_lags_revives_an_order",
        _OBSERVED,
        "if known.status.is_final or status is OrderState.UNKNOWN:",
        "if status is OrderState.UNKNOWN:",
        STORES,
    ),
    Mutant(
        "an_older_position_event_counts",
        _OBSERVED,
        "if known is None or position.ts_updated >= known.ts_updated:",
        "if known is None or position.ts_updated:",
        STORES,
    ),
    Mutant(
        "an_older_snapshot_replaces_a_newer_one",
        _OBSERVED,
        "if self.snapshot_ms is not None and asked <= self.snapshot_ms:",
        "if self.snapshot_ms is not None and asked == self.snapshot_ms:",
        STORES,
    ),
    Mutant(
        "orders_that_ended_are_remembered_for_ever",
        _OBSERVED,
        "if len(self.ended_ring) > ENDED_MAX:",
        "if not self.ended_ring:",
        STORES,
    ),
    Mutant(
        "any_snapshot_proves_a_difference",
        _DIFFERENCES,
        "            and observed.snapshot_ms >= mature_ms\n",
        "",
        VERDICTS,
    ),
    Mutant(
        "a_difference_is_a_mismatch_before_anybody_answered",
        _DIFFERENCES,
        "            and self.is_answered_since(mature_ms)\n",
        "",
        VERDICTS,
    ),
    Mutant(
        "a_moment_of_agreement_hides_a_lost_fill",
        _DIFFERENCES,
        "known.since_ms = now if begun_ms is None else begun_ms",
        "known.since_ms = now",
        VERDICTS,
    ),
    Mutant(
        "an_answer_from_before_the_agreement_proves_what_came_after",
        _DIFFERENCES,
        "self.answered_ms >= max(ts_ms, self.resumed_ms)",
        "self.answered_ms >= ts_ms",
        VERDICTS,
    ),
    Mutant(
        "an_unknown_order_waits_for_the_grace_period",
        _COMPARE,
        "(not is_unknown and now < mature_ms)",
        "now < mature_ms",
        VERDICTS,
    ),
    Mutant(
        "orders_of_others_are_mismatches",
        _COMPARE,
        "if order.client_order_id not in expected.orders and is_ours(order.client_order_id)",
        "if order.client_order_id not in expected.orders",
        VERDICTS,
    ),
    Mutant(
        "an_order_with_a_request_in_flight_is_asked_for",
        _COMPARE,
        "if not is_in_flight(name)\n        and (name in",
        "if (name in",
        VERDICTS,
    ),
    Mutant(
        "failed_rounds_are_never_enough",
        _RECONCILER,
        "            or state.failed_rounds >= FAILED_ROUNDS_MAX\n",
        "",
        VERDICTS,
    ),
    Mutant(
        "a_position_mismatch_lets_its_symbol_trade",
        _RECONCILER,
        "if each.type.is_position or each.type is MismatchType.ORDER_EXISTS_UNEXPECTED",
        "if each.type is MismatchType.ORDER_EXISTS_UNEXPECTED",
        VERDICTS,
    ),
    Mutant(
        "a_snapshot_is_not_compared",
        _RECONCILER,
        "        for client_order_id in list(state.expected.orders):\n"
        "            self._look_at(client_order_id, now)\n",
        "",
        ANY_ORDER,
    ),
)
