"""Ways to wire the engine wrongly: every room does its part, and the result is not passed on."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ENGINE = "grinder_core/engine"
DEPTH = ("tests/fixtures/test_named_depth_fixtures.py",)
ADAPTIVE = ("tests/fixtures/test_named_adaptive_fixtures.py",)
SELECTION = ("tests/fixtures/test_named_selection_fixtures.py",)
STATIC = ("tests/fixtures/test_named_fixtures.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_buy_asks_the_guard_about_bids",
        ENGINE,
        "buy_refused=check_depth(config.gates, Side.BUY, l2, now_ts)",
        "buy_refused=check_depth(config.gates, Side.SELL, l2, now_ts)",
        DEPTH,
    ),
    Mutant(
        "a_book_never_ages",
        ENGINE,
        "now_ts = l2.ts_ms + hot.now - s.depth_seen_ms",
        "now_ts = l2.ts_ms",
        DEPTH,
    ),
    Mutant(
        "depth_gating_sees_no_book",
        ENGINE,
        ".apply(plan, seen.l2_features)",
        ".apply(plan, None)",
        DEPTH,
    ),
    Mutant(
        "a_budget_ratio_is_worked_out_and_forgotten",
        ENGINE,
        "plan = ratio.apply(plan)",
        "ratio.apply(plan)",
        DEPTH,
    ),
    Mutant(
        "lot_rules_never_reach_the_orders",
        ENGINE,
        "return NO_LIMITS if limits is None else Admission(limits=limits)",
        "return NO_LIMITS",
        STATIC,
    ),
    Mutant(
        "the_adaptive_grid_believes_in_minute_bars",
        ENGINE,
        "AdaptiveGrid(policies, config.indicators.bar_interval_ms)",
        "AdaptiveGrid(policies, 60_000)",
        ADAPTIVE,
    ),
    Mutant(
        "the_first_controller_sees_no_quotes",
        ENGINE,
        "        s.controller_v0.on_snapshot(s.mid, s.spread_bps)\n",
        "",
        ADAPTIVE,
    ),
    Mutant(
        "ranks_of_the_selection_are_not_shown",
        ENGINE,
        "self._ranks.get(s.symbol) if self._ranks else None",
        "None",
        SELECTION,
    ),
    Mutant(
        "the_selection_pass_measures_no_bars",
        "grinder_core/session/selection_pass.py",
        "        self.features.on_snapshot(snapshot, mid)\n",
        "",
        SELECTION,
    ),
)
