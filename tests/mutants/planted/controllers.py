"""Ways to break the controllers (CORE-19, CORE-20) and what they do to plans."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_ROOM = "grinder_core/policies"
_V0, _V1 = f"{_ROOM}/controller_v0.py", f"{_ROOM}/controller_v1.py"
_EFFECTS = f"{_ROOM}/controller_effects.py"
_V0_TESTS, _V1_TESTS = ("tests/core/test_controller_v0.py",), ("tests/core/test_controller_v1.py",)
_EFFECTS_TESTS = ("tests/core/test_controller_effects.py",)


def _v0(name: str, old: str, new: str) -> Mutant:
    return Mutant(f"controller_v0_{name}", _V0, old, new, _V0_TESTS)


def _v1(name: str, old: str, new: str) -> Mutant:
    return Mutant(f"controller_v1_{name}", _V1, old, new, _V1_TESTS)


def _effects(name: str, old: str, new: str) -> Mutant:
    return Mutant(f"controller_effect_{name}", _EFFECTS, old, new, _EFFECTS_TESTS)


MUTANTS: tuple[Mutant, ...] = (
    # -- by rules
    _v0(
        "pauses_at_the_limit",
        "self.spreads[0][1] > self.pause_spread_bps",
        "self.spreads[0][1] >= self.pause_spread_bps",
    ),
    _v0("widens_at_the_limit", "vol_bps > self.vol_widen_bps", "vol_bps >= self.vol_widen_bps"),
    _v0(
        "tightens_at_the_limit",
        "vol_bps < self.vol_tighten_bps",
        "vol_bps <= self.vol_tighten_bps",
    ),
    _v0("takes_a_cold_start_for_calm", "if self.seen < self.window.size:", "if self.seen < 2:"),
    _v0(
        "forgets_a_wide_spread_a_snapshot_late",
        "spreads[0][0] <= self.seen - self.window.size",
        "spreads[0][0] < self.seen - self.window.size",
    ),
    _v0(
        "keeps_the_narrowest_spread", "spreads[-1][1] <= spread_bps", "spreads[-1][1] >= spread_bps"
    ),
    _v0(
        "tightens_to_nothing",
        "max(1, spacing_bps * self.tighten_x100 // 100)",
        "spacing_bps * self.tighten_x100 // 100",
    ),
    _v0("shows_a_stale_decision", "or last.vol_bps != vol_bps", "or False"),
    # -- by averages: numbers
    _v1(
        "average_rounds_up",
        "rules.vol_alpha * (moved - vol) // BPS",
        "-(rules.vol_alpha * (vol - moved) // BPS)",
    ),
    _v1("first_return_is_averaged_with_nothing", "moved if first else vol", "vol"),
    _v1(
        "slow_average_as_fast",
        "rules.slow_alpha * (price - slow)",
        "rules.fast_alpha * (price - slow)",
    ),
    _v1("return_of_the_new_price", "_RETURN_UNITS // before", "_RETURN_UNITS // price"),
    _v1("trend_is_floored", " if gap >= 0 else -(-gap * BPS // self.slow)", ""),
    _v1("step_without_a_ceiling", "high if wanted > high else wanted", "wanted"),
    _v1("fall_measured_against_equity", "lost * BPS // high_water_mark", "lost * BPS // equity"),
    # -- by averages: state
    _v1("warm_a_snapshot_early", "self.n_events > rules.warmup", "self.n_events >= rules.warmup"),
    _v1("trend_begins_at_the_limit", "gap_bps > rules.trend_enter", "gap_bps >= rules.trend_enter"),
    _v1("trend_ends_at_the_limit", "_UP and gap_bps >= rules", "_UP and gap_bps > rules"),
    _v1("dead_band_is_exclusive", "change * 100 >= self.rules", "change * 100 > self.rules"),
    _v1(
        "step_ignores_the_cooldown",
        "            if cooled:\n                self.step",
        "            if True:\n                self.step",
    ),
    _v1("latch_ignores_the_guard", "if guard is _GUARDED or drawdown_bps", "if drawdown_bps"),
    _v1(
        "latch_sets_late", "drawdown_bps >= rules.dd_enter_bps", "drawdown_bps > rules.dd_enter_bps"
    ),
    _v1(
        "latch_clears_late", "drawdown_bps <= rules.dd_exit_bps", "drawdown_bps < rules.dd_exit_bps"
    ),
    _v1("latch_flickers", "elif drawdown_bps <= rules", "if drawdown_bps <= rules"),
    _v1("pauses_at_the_limit", "spread_bps > self.rules.pause", "spread_bps >= self.rules.pause"),
    _v1(
        "drawdown_masks_pause",
        "if spread_bps > self.rules.pause_spread_bps:",
        "if spread_bps > self.rules.pause_spread_bps and not self.drawdown:",
    ),
    # -- by averages: resets
    _v1("cooldown_lasts_longer", "ts - last_reset >= rules", "ts - last_reset > rules"),
    _v1("suppressed_reset_starts_a_cooldown", "if hard or soft:", "if hard or soft or soft_drift:"),
    _v1("hard_reset_is_soft", "ResetAction.HARD if hard", "ResetAction.SOFT if hard"),
    _v1("soft_drift_is_exclusive", "if away < anchor *", "if away <= anchor *"),
    _v1("hard_drift_is_exclusive", "hard = away >= anchor *", "hard = away > anchor *"),
    _v1(
        "drift_counts_base_steps",
        "self.step * rules.recenter_soft_steps",
        "rules.base_step_bps * rules.recenter_soft_steps",
    ),
    _v1("pause_ends_without_a_reset", "if mode is _PAUSE and self", "if mode is _BASE and self"),
    _v1(
        "drawdown_begins_without_a_reset",
        "self.drawdown and not latched",
        "self.drawdown and latched and mode is _PAUSE",
    ),
    _v1("shows_a_stale_decision", "or last.reset_codes != codes", "or False"),
    # -- on the plan
    _effects("drawdown_keeps_the_wrong_side", "if position > 0:", "if position < 0:"),
    _effects("drawdown_sells_one_level_too_few", "if total > room:", "if total >= room:"),
    _effects("drawdown_looks_at_each_level_alone", "total += size", "total = size"),
    _effects("drawdown_is_not_reduce_only", " or decision.mode is _DRAWDOWN", ""),
    _effects("flat_drawdown_keeps_levels", " if position else 0", ""),
    _effects("trend_halves_the_wrong_side", "return up // 2, down", "return up, down // 2"),
    _effects("pause_keeps_levels", "return 0, 0", "return 1, 1"),
    _effects(
        "moves_the_adaptive_grid",
        "decision.spacing_bps if is_static else source.spacing_bps",
        "decision.spacing_bps",
    ),
    _effects("weaker_reset_wins", "_STRENGTH[asked] > _STRENGTH", "_STRENGTH[asked] < _STRENGTH"),
    _effects("codes_before_the_plans", "codes += (code,)", "codes = (code, *codes)"),
    _effects("kept_shape_of_another_plan", "kept[0] != source)", "False)"),
    _effects("shapes_are_never_kept", "kept = self._shapes[key] = ", "kept = "),
)
