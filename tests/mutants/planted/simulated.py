"""Ways back to what the stateful simulation found, and mistakes that it alone may notice."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

FINDINGS: Final = ("tests/core/test_simulation_findings.py",)
MACHINE: Final = ("tests/simulation/test_machine.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "an_entry_conforms_to_an_exit_plan",
        "grinder_core/orders/diff.py",
        "            and order.reduce_only is self.plan.shape.reduce_only\n",
        "",
        FINDINGS,
    ),
    Mutant(
        "a_replenishment_rests_beside_an_exit_plan",
        "grinder_core/orders/diff.py",
        "            self.cancels += [(order, gone) for order in adds]\n",
        "            self.cancels += [(order, gone) for order in adds if order.level_id]\n",
        FINDINGS,
    ),
    Mutant(
        "a_cycle_skips_the_prefilter",
        "grinder_core/engine/cycling.py",
        "    if not looked_at.allowed:\n",
        "    if False and not looked_at.allowed:\n",
        FINDINGS,
    ),
    Mutant(
        "a_plan_forgets_what_cycles_have_open",
        "grinder_core/engine/gating.py",
        " + s.grid.unplanned_notional",
        "",
        FINDINGS,
    ),
    Mutant(
        "an_order_on_its_way_out_counts_nowhere",
        "grinder_core/orders/grid_book.py",
        "            for orders in (self.live, self.leaving):\n",
        "            for orders in (self.live,):\n",
        ("tests/core/test_diff.py", *FINDINGS),
    ),
    Mutant(
        "an_order_on_its_way_out_counts_as_planned",
        "grinder_core/orders/grid_book.py",
        "(was_live and order.level_id)",
        "order.level_id",
        ("tests/core/test_diff.py",),
    ),
    Mutant(
        "a_fill_leaves_its_notional_open",
        "grinder_core/orders/grid_book.py",
        "            self.open_notional -= gone\n",
        "",
        ("tests/core/test_diff.py",),
    ),
    Mutant(
        "an_end_leaves_its_notional_unplanned",
        "grinder_core/orders/grid_book.py",
        "                self.unplanned_notional -= gone\n",
        "                pass\n",
        ("tests/core/test_diff.py",),
    ),
    Mutant(
        "a_plan_of_another_step_changes_nothing",
        "grinder_core/contracts/plan.py",
        "            self.spacing_bps == other.spacing_bps\n            and self.levels_up",
        "            self.levels_up",
        ("tests/core/test_diff.py",),
    ),
    Mutant(
        "a_plan_of_other_sizes_changes_nothing",
        "grinder_core/contracts/plan.py",
        "\n            and self.size_schedule == other.size_schedule",
        "",
        ("tests/core/test_diff.py",),
    ),
    Mutant(
        "an_older_quiet_outlives_a_diff_that_placed_nothing",
        "grinder_core/engine/executing.py",
        "    grid.quiet = None if bounds is None else Quiet(plan.shape, s.ledger.qty, *bounds)\n",
        "    if bounds is not None:\n"
        "        grid.quiet = Quiet(plan.shape, s.ledger.qty, *bounds)\n",
        FINDINGS,
    ),
    Mutant(
        "a_halt_waits_for_the_prefilter",
        "grinder_core/engine/engine.py",
        "                effects = (*effects, *halt(hot, s))\n",
        "                pass\n",
        ("tests/core/test_wiring_override.py",),
    ),
    Mutant(
        "answers_go_back_in_time",
        "grinder_core/venue/matching.py",
        "        self.ts = max(self.ts, ts)\n",
        "        self.ts = ts\n",
        FINDINGS,
    ),
    Mutant(
        "a_reset_without_equity_waits_for_a_move",
        "grinder_core/engine/guarding.py",
        "        hot.is_revalued = True  # without equity the new peak trips at the next sample\n",
        "",
        FINDINGS,
    ),
    Mutant(
        "a_closing_order_is_no_exposure_yet",
        "grinder_core/engine/guarding.py",
        "    hot.re_expose(s)\n    close = Flatten(",
        "    close = Flatten(",
        FINDINGS,
    ),
    Mutant(
        "a_checkpoint_forgets_the_order_of_placement",
        "grinder_core/session/checkpoint.py",
        "        book.orders = dict(sorted(book.orders.items()))  # placement order\n",
        "        book.orders = dict(reversed(sorted(book.orders.items())))\n",
        MACHINE,
    ),
    Mutant(
        "funding_is_booked_without_its_sign",
        "grinder_core/engine/answers.py",
        "    hot.cash -= payment.amount\n",
        "    hot.cash -= abs(payment.amount)\n",
        MACHINE,
    ),
    Mutant(
        "a_breach_holds_one_symbol_only",
        "grinder_core/engine/guarding.py",
        "        for _, s in sorted(hot.symbols.items()):\n            effects = (*effects,",
        "        for _, s in sorted(hot.symbols.items())[:1]:\n            effects = (*effects,",
        MACHINE,
    ),
)
