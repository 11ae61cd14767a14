"""Known ways to break the request budgets: limits, windows, headers, stops, the queue, costs."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

BUDGET: Final = "grinder_core/resilience/budget.py"
COUNT: Final = "grinder_core/resilience/sliding_count.py"
GOVERNOR: Final = "grinder_core/resilience/governor.py"
COSTS: Final = "grinder_core/resilience/weights.py"
BY_BUDGET: Final = ("tests/core/resilience/test_budget.py",)
BY_GOVERNOR: Final = ("tests/core/resilience/test_governor.py",)
BY_COSTS: Final = ("tests/core/resilience/test_weights.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- the venue budget
    Mutant(
        "budget_limit_is_exclusive_of_the_request",
        BUDGET,
        "if used + n > limit:",
        "if used > limit:",
        BY_BUDGET,
    ),
    Mutant(
        "background_fills_what_is_kept_for_cancels",
        BUDGET,
        "_UP_TO_SOFT: Final = (RequestClass.NEW_RISK, RequestClass.BACKGROUND)",
        "_UP_TO_SOFT: Final = (RequestClass.NEW_RISK,)",
        BY_BUDGET,
    ),
    Mutant(
        "the_use_of_another_process_counts_as_ours",
        BUDGET,
        "            use.total.add(unknown, now)",
        "            use.total.add(unknown, now)\n            use.own.add(unknown, now)",
        BY_BUDGET,
    ),
    Mutant(
        "every_header_is_booked_again",
        BUDGET,
        "unknown = used - use.total.at(now)",
        "unknown = used - use.own.at(now)",
        BY_BUDGET,
    ),
    Mutant(
        "a_header_leaves_the_assumption_of_the_start",
        BUDGET,
        "            count.take_back(use.assumed, self.started_at)",
        "            count.take_back(0, self.started_at)",
        BY_BUDGET,
    ),
    Mutant(
        "too_many_orders_stop_cancels_too",
        BUDGET,
        "if (cost.orders_10s or cost.orders_1m) and now < self.orders_stopped_until:",
        "if now < self.orders_stopped_until:",
        BY_BUDGET,
    ),
    Mutant(
        "a_stop_of_orders_at_a_full_minute_is_over_at_once",
        BUDGET,
        "next_window = (now // length_ms + 1) * length_ms",
        "next_window = -(-now // length_ms) * length_ms",
        BY_BUDGET,
    ),
    Mutant(
        "a_sliding_count_forgets_a_millisecond_early",
        COUNT,
        "oldest = now - self.length_ms",
        "oldest = now - self.length_ms + 1",
        BY_BUDGET,
    ),
    # -- the governor
    Mutant(
        "a_light_request_overtakes_the_queue",
        GOVERNOR,
        "elif not self.queue and self._take(",
        "elif self._take(",
        BY_GOVERNOR,
    ),
    Mutant(
        "a_waiter_outlives_its_deadline",
        GOVERNOR,
        "late = [w for w in self.queue if now >= w.deadline]",
        "late = [w for w in self.queue if now > w.deadline]",
        BY_GOVERNOR,
    ),
    Mutant(
        "a_probe_is_taken_before_there_is_a_slot",
        GOVERNOR,
        "        if weight * UNITS > self.units:\n            return False\n",
        "        if not breaker.permits(now) or weight * UNITS > self.units:\n"
        "            return False\n",
        BY_GOVERNOR,
    ),
    Mutant(
        "the_governors_bucket_overflows",
        GOVERNOR,
        "self.units = min(self.settings.burst_capacity_weight * UNITS, self.units + gained)",
        "self.units += gained",
        BY_GOVERNOR,
    ),
    Mutant(
        "background_is_not_booked_with_the_venue",
        GOVERNOR,
        "            budget.admit(RequestClass.BACKGROUND, cost, now)\n",
        "            budget.refusal(RequestClass.BACKGROUND, cost, now)\n",
        BY_GOVERNOR,
    ),
    # -- costs
    Mutant(
        "a_cheap_step_of_klines_includes_its_end",
        COSTS,
        "((99, 1), (499, 2), (1000, 5))",
        "((100, 1), (500, 2), (1000, 5))",
        BY_COSTS,
    ),
    Mutant(
        "limits_that_the_venue_changed_hold_no_more_than_before",
        BUDGET,
        "        self._known.clear()\n",
        "",
        BY_BUDGET,
    ),
    Mutant(
        "a_request_that_fits_one_window_fits_all",
        BUDGET,
        "                if count.at(now) + n > limit:\n                    return False\n",
        "                return count.at(now) + n <= limit\n",
        BY_BUDGET,
    ),
    Mutant(
        "all_symbols_cost_as_one",
        COSTS,
        'one_symbol if given.get("symbol") else all_symbols',
        "one_symbol",
        BY_COSTS,
    ),
)
