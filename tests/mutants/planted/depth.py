"""Ways to break the kept book, its features, and the two gates that read them."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BOOK = "grinder_core/indicators/book.py"
KEPT = "grinder_core/indicators/maintained_book.py"
FEATURES = "grinder_core/indicators/depth_features.py"
GATING = "grinder_core/policies/depth_gating.py"
GUARD = "grinder_core/gates/depth_guard.py"
KEPT_TESTS = ("tests/core/test_maintained_book.py",)
FEATURES_TESTS = ("tests/core/test_depth_features.py",)
GATING_TESTS = ("tests/core/test_depth_gating.py",)
GUARD_TESTS = ("tests/core/test_depth_guard.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- the kept book
    Mutant(
        "a_missed_change_bridged_by_guess",
        KEPT,
        "return previous is None and diff.first_update_id == wanted",
        "return previous is None and diff.first_update_id >= wanted",
        KEPT_TESTS,
    ),
    Mutant(
        "bridging_for_ever",
        KEPT,
        "        self.is_bridging = False\n        self.version += 1\n        return True",
        "        self.version += 1\n        return True",
        KEPT_TESTS,
    ),
    Mutant(
        "old_news_taken_for_a_gap",
        KEPT,
        "diff.last_update_id <= taken_at",
        "diff.last_update_id < taken_at",
        KEPT_TESTS,
    ),
    Mutant(
        "spot_bridged_by_the_rule_of_futures",
        KEPT,
        "wanted = last + 1 if previous is None else last",
        "wanted = last",
        KEPT_TESTS,
    ),
    Mutant(
        "a_gap_keeps_the_book",
        KEPT,
        "            self.gaps += 1\n            self._forget()\n",
        "            self.gaps += 1\n",
        KEPT_TESTS,
    ),
    Mutant(
        "a_crossed_book_is_kept",
        KEPT,
        "if book.crossed:",
        "if book.crossed and self.is_bridging:",
        KEPT_TESTS,
    ),
    Mutant(
        "a_locked_book_is_kept",
        BOOK,
        "bids[-1] >= asks[-1].copy_negate()",
        "bids[-1] > asks[-1].copy_negate()",
        KEPT_TESTS,
    ),
    Mutant(
        "an_unsound_snapshot_is_taken",
        KEPT,
        "if book_fault(bids, asks) is not None:",
        "if book_fault(bids[:1], asks[:1]) is not None:",
        KEPT_TESTS,
    ),
    Mutant(
        "unknown_depth_shown_as_empty",
        KEPT,
        "if self.bid_bound is None or price < self.bid_bound:",
        "if self.bid_bound is None:",
        KEPT_TESTS,
    ),
    Mutant(
        "the_bound_itself_is_unknown",
        KEPT,
        "elif self.ask_bound is None or price > self.ask_bound:",
        "elif self.ask_bound is None or price >= self.ask_bound:",
        KEPT_TESTS,
    ),
    Mutant(
        "levels_beyond_the_bound_are_kept",
        BOOK,
        "beyond = bisect_left(keys, edge) if keys and keys[0] < edge else 0",
        "beyond = 0",
        KEPT_TESTS,
    ),
    Mutant(
        "the_bound_stays_when_levels_are_dropped",
        BOOK,
        "        return keys[0] if is_bid else keys[0].copy_negate()\n",
        "        return bound\n",
        KEPT_TESTS,
    ),
    Mutant(
        "an_unknown_side_takes_changes",
        KEPT,
        "() if bid_bound is None else diff.bids",
        "diff.bids",
        KEPT_TESTS,
    ),
    Mutant(
        "stale_features",
        KEPT,
        "key = (self.version, top_n, qty_ref)",
        "key = (self.gaps, top_n, qty_ref)",
        KEPT_TESTS,
    ),
    Mutant(
        "the_bound_left_out_of_the_checkpoint",
        KEPT,
        "ask_bound: Decimal | None = None",
        "ask_bound: Decimal | None = field(default=None, init=False)",
        KEPT_TESTS,
    ),
    # -- features
    Mutant(
        "the_whole_last_level_is_taken",
        FEATURES,
        "taken = min(offered, rest)",
        "taken = offered",
        FEATURES_TESTS,
    ),
    Mutant(
        "a_side_that_holds_just_enough_lacks_depth",
        FEATURES,
        "ask_total < qty_ref, bid_total < qty_ref",
        "ask_total <= qty_ref, bid_total <= qty_ref",
        FEATURES_TESTS,
    ),
    Mutant(
        "buying_measured_on_the_bids",
        FEATURES,
        "BPS if buy_lacks else _impact_bps(asks, qty_ref)",
        "BPS if buy_lacks else _impact_bps(bids or asks, qty_ref)",
        FEATURES_TESTS,
    ),
    Mutant(
        "impact_not_capped",
        FEATURES,
        "return min(BPS, trunc_div(BPS * lost, best * qty))",
        "return trunc_div(BPS * lost, best * qty)",
        FEATURES_TESTS,
    ),
    Mutant(
        "missing_depth_costs_nothing",
        FEATURES,
        "BPS if sell_lacks else",
        "0 if sell_lacks else",
        FEATURES_TESTS,
    ),
    Mutant(
        "the_last_of_equal_walls",
        FEATURES,
        "max(levels, key=lambda level: level[1])",
        "max(reversed(levels), key=lambda level: level[1])",
        FEATURES_TESTS,
    ),
    Mutant(
        "zero_quantities_counted_as_levels",
        FEATURES,
        "bids = [level for level in bids if level[1]]",
        "bids = list(bids)",
        FEATURES_TESTS,
    ),
    # -- gating of the plan
    Mutant(
        "depth_gating_fires_above_its_threshold_only",
        GATING,
        "elif l2.impact_buy_topN_bps >= threshold_bps:",
        "elif l2.impact_buy_topN_bps > threshold_bps:",
        GATING_TESTS,
    ),
    Mutant(
        "the_other_side_is_taken_away",
        GATING,
        "down, up = (0 if buy else shape.levels_down), (0 if sell else shape.levels_up)",
        "down, up = (0 if sell else shape.levels_down), (0 if buy else shape.levels_up)",
        GATING_TESTS,
    ),
    Mutant(
        "missing_depth_judged_by_its_impact",
        GATING,
        "if l2.impact_sell_topN_insufficient_depth:",
        "if l2.impact_sell_topN_insufficient_depth and l2.impact_sell_topN_bps < threshold_bps:",
        GATING_TESTS,
    ),
    Mutant(
        "exits_gated_by_depth",
        GATING,
        "if shape.reduce_only or not shape.level_count:",
        "if not shape.level_count:",
        GATING_TESTS,
    ),
    Mutant(
        "an_emptied_plan_keeps_its_orders",
        GATING,
        "plan.reset_action if gated.level_count else ResetAction.HARD",
        "plan.reset_action",
        GATING_TESTS,
    ),
    # -- the guard at placement
    Mutant(
        "a_book_at_its_greatest_age_is_stale",
        GUARD,
        "<= settings.l2_execution_max_age_ms",
        "< settings.l2_execution_max_age_ms",
        GUARD_TESTS,
    ),
    Mutant(
        "a_book_from_the_future_is_fresh",
        GUARD,
        "if not 0 <= now_ts - l2.ts_ms",
        "if not now_ts - l2.ts_ms",
        GUARD_TESTS,
    ),
    Mutant(
        "buys_judged_by_the_bids",
        GUARD,
        "if side is Side.BUY:",
        "if side is Side.SELL:",
        GUARD_TESTS,
    ),
    Mutant(
        "the_depth_guard_fires_above_its_threshold_only",
        GUARD,
        "if l2.impact_sell_topN_bps >= threshold else None",
        "if l2.impact_sell_topN_bps > threshold else None",
        GUARD_TESTS,
    ),
    Mutant(
        "the_depth_guard_cannot_be_off",
        GUARD,
        "if not settings.l2_execution_guard_enabled or l2 is None:",
        "if l2 is None:",
        GUARD_TESTS,
    ),
)
