"""Ways to break the regime classifier, the adaptive grid and the budget ratio."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_REGIME = ("tests/core/test_regime.py",)
_GRID = ("tests/core/test_adaptive_grid.py",)
_RATIO = ("tests/core/test_budget_ratio.py",)
_CLASSIFIER_PY = "grinder_core/regime/classifier.py"
_GRID_PY = "grinder_core/policies/adaptive_grid.py"
_RATIO_PY = "grinder_core/policies/budget_ratio.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- regime (CORE-18)
    Mutant(
        "a_book_at_the_threshold_is_thin",
        _CLASSIFIER_PY,
        "features.thin_l1 < limits.thin_l1_qty",
        "features.thin_l1 <= limits.thin_l1_qty",
        _REGIME,
    ),
    Mutant(
        "a_spread_at_the_threshold_is_thin",
        _CLASSIFIER_PY,
        "features.spread_bps > limits.spread_thin_bps",
        "features.spread_bps >= limits.spread_thin_bps",
        _REGIME,
    ),
    Mutant(
        "volatility_at_the_threshold_is_a_shock",
        _CLASSIFIER_PY,
        "if natr_bps > shock:",
        "if natr_bps >= shock:",
        _REGIME,
    ),
    Mutant(
        "a_return_at_the_threshold_is_a_trend",
        _CLASSIFIER_PY,
        "moved > trend and range_score <=",
        "moved >= trend and range_score <=",
        _REGIME,
    ),
    Mutant(
        "a_trend_must_not_chop_at_all",
        _CLASSIFIER_PY,
        "range_score <= settings.trend_range_score_max",
        "range_score < settings.trend_range_score_max",
        _REGIME,
    ),
    Mutant(
        "only_rising_prices_trend",
        _CLASSIFIER_PY,
        "moved = abs(net_return_bps)",
        "moved = net_return_bps",
        _REGIME,
    ),
    Mutant(
        "up_is_down",
        _CLASSIFIER_PY,
        "up = net_return_bps > 0",
        "up = net_return_bps < 0",
        _REGIME,
    ),
    Mutant(
        "toxicity_outranks_the_operator",
        _CLASSIFIER_PY,
        "        if paused:\n",
        "        if paused and not toxic:\n",
        _REGIME,
    ),
    Mutant(
        "the_operators_emergency_is_ignored",
        _CLASSIFIER_PY,
        "if emergency:",
        "if emergency and kill_switch_active:",
        _REGIME,
    ),
    Mutant(
        "a_cold_range_is_sure",
        _CLASSIFIER_PY,
        "confidence=SURE - doubt if is_warmed_up else 0",
        "confidence=SURE - doubt",
        _REGIME,
    ),
    Mutant(
        "the_net_return_casts_no_doubt",
        _CLASSIFIER_PY,
        "max(_HALF * natr_bps // shock, _HALF * moved // trend)",
        "_HALF * natr_bps // shock",
        _REGIME,
    ),
    Mutant(
        "a_kept_decision_forgets_the_score",
        _CLASSIFIER_PY,
        "key = (natr, net, score, features.is_warmed_up)",
        "key = (natr, net, 0, features.is_warmed_up)",
        _REGIME,
    ),
    # -- adaptive grid (CORE-22)
    Mutant(
        "the_side_with_the_trend_is_widened",
        _GRID_PY,
        "if regime is Regime.TREND_UP:",
        "if regime is Regime.TREND_DOWN:",
        _GRID,
    ),
    Mutant(
        "a_downtrend_widens_nothing",
        _GRID_PY,
        "up = against_trend_width_bps(settings, up)",
        "up = base_width_bps(settings, natr, self.bar_interval_ms)",
        _GRID,
    ),
    Mutant(
        "the_widened_side_has_no_cap",
        _GRID_PY,
        "return _clamp_width(settings, width * settings.trend_mult_x100 // 100)",
        "return width * settings.trend_mult_x100 // 100",
        _GRID,
    ),
    Mutant(
        "levels_fall_short_of_the_width",
        _GRID_PY,
        "-(-width // step)",
        "width // step",
        _GRID,
    ),
    Mutant(
        "levels_have_no_upper_bound",
        _GRID_PY,
        "min(settings.levels_max, max(settings.levels_min, -(-width // step)))",
        "max(settings.levels_min, -(-width // step))",
        _GRID,
    ),
    Mutant(
        "width_grows_with_time_and_not_its_root",
        _GRID_PY,
        "settings.horizon_ms // bar_interval_ms",
        "(settings.horizon_ms // bar_interval_ms) ** 2",
        _GRID,
    ),
    Mutant(
        "the_horizon_is_counted_in_whole_bars",
        _GRID_PY,
        "** 2 * settings.horizon_ms // bar_interval_ms",
        "** 2 * (settings.horizon_ms // bar_interval_ms)",
        _GRID,
    ),
    Mutant(
        "shock_and_thin_book_widths_swapped",
        _GRID_PY,
        "{Regime.VOL_SHOCK: 150, Regime.THIN_BOOK: 200}",
        "{Regime.VOL_SHOCK: 200, Regime.THIN_BOOK: 150}",
        _GRID,
    ),
    Mutant(
        "step_may_fall_below_its_floor",
        _GRID_PY,
        "max(settings.adaptive_step_min_bps, step)",
        "max(1, step)",
        _GRID,
    ),
    Mutant(
        "toxic_markets_keep_their_orders",
        _GRID_PY,
        "self._halted(regime, natr, mode), ResetAction.HARD, (reason,)",
        "self._halted(regime, natr, mode), ResetAction.NONE, (reason,)",
        _GRID,
    ),
    Mutant(
        "toxic_markets_are_traded",
        _GRID_PY,
        "    Regime.TOXIC: GridMode.PAUSE,\n",
        "",
        _GRID,
    ),
    Mutant(
        "cold_features_are_traded",
        _GRID_PY,
        "        if not warm:\n",
        "        if not warm and natr < 0:\n",
        _GRID,
    ),
    Mutant(
        "a_kept_plan_forgets_the_sizes",
        _GRID_PY,
        "natr, warm, sizes.key if trades else None)",
        "natr, warm)",
        _GRID,
    ),
    Mutant(
        "a_kept_plan_forgets_the_mid",
        _GRID_PY,
        "last[0] is frame and last[1] == mid",
        "last[0] is frame",
        _GRID,
    ),
    Mutant(
        "a_kept_shape_forgets_the_regime",
        _GRID_PY,
        "key = (regime, natr, GridMode.BILATERAL, sizes.key)",
        "key = (natr, GridMode.BILATERAL, sizes.key)",
        _GRID,
    ),
    Mutant(
        "negative_volatility_is_taken",
        _GRID_PY,
        'check_int("natr_bps", natr)',
        'check_int("natr_bps", natr, ge=-1)',
        _GRID,
    ),
    # -- budget ratio (CORE-24)
    Mutant(
        "scaled_sizes_are_rounded",
        _RATIO_PY,
        "tuple(size * ratio for size in shape.size_schedule)",
        "tuple(dec_down(size * ratio, 8) for size in shape.size_schedule)",
        _RATIO,
    ),
    Mutant(
        "only_the_first_size_is_scaled",
        _RATIO_PY,
        "tuple(size * ratio for size in shape.size_schedule)",
        "(shape.size_schedule[0] * ratio, *shape.size_schedule[1:])",
        _RATIO,
    ),
    Mutant(
        "no_budget_leaves_orders_resting",
        _RATIO_PY,
        "plan.reset_action if self.ratio else ResetAction.HARD",
        "plan.reset_action",
        _RATIO,
    ),
    Mutant(
        "no_budget_keeps_the_mode",
        _RATIO_PY,
        "        mode=GridMode.PAUSE,\n",
        "",
        _RATIO,
    ),
    Mutant(
        "a_halted_plan_is_changed",
        _RATIO_PY,
        "plan.shape.reduce_only or not plan.shape.level_count",
        "plan.shape.reduce_only",
        _RATIO,
    ),
    Mutant(
        "a_budget_shrinks_exits",
        _RATIO_PY,
        "plan.shape.reduce_only or not plan.shape.level_count",
        "not plan.shape.level_count",
        _RATIO,
    ),
    Mutant(
        "a_ratio_above_one_grows_the_plan",
        _RATIO_PY,
        "not ZERO <= ratio <= ONE",
        "ratio < ZERO",
        _RATIO,
    ),
    Mutant(
        "the_share_of_a_budget_is_rounded_up",
        _RATIO_PY,
        "return dec_down(symbol_budget, RATIO_DIGITS, portfolio_budget)",
        "return dec_down(symbol_budget, RATIO_DIGITS, portfolio_budget) + dec_down(1, 8, 10**8)",
        _RATIO,
    ),
    Mutant(
        "a_scaled_shape_is_taken_for_another",
        _RATIO_PY,
        "last is not None and last[0].shape is plan.shape",
        "last is not None and last[0].shape.level_count == plan.shape.level_count",
        _RATIO,
    ),
)
