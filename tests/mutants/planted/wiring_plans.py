"""Mistakes in joining the rooms: what shapes a plan, selection, cycles and the dump of it all."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ADAPTIVE, MEETING = (
    ("tests/core/test_wiring_adaptive.py",),
    ("tests/core/test_wiring_selection.py",),
)
CYCLES, STATE = ("tests/core/test_wiring_cycles.py",), ("tests/core/test_wiring_state.py",)

_ENGINE = "grinder_core/engine/engine.py"
_PLANNING = "grinder_core/engine/planning.py"
_CYCLING = "grinder_core/engine/cycling.py"
_SELECTING = "grinder_core/engine/selecting.py"
_SYMBOL = "grinder_core/engine/symbol.py"

_DEPTH_THEN_BUDGET = """\
            if self._config.policies.l2_gating_enabled:
                plan = self._gating(s.symbol).apply(plan, seen.l2_features)
            ratio = self._ratios.get(s.symbol)
            if ratio is not None:
                plan = ratio.apply(plan)
"""
_BUDGET_THEN_DEPTH = """\
            ratio = self._ratios.get(s.symbol)
            if ratio is not None:
                plan = ratio.apply(plan)
            if self._config.policies.l2_gating_enabled:
                plan = self._gating(s.symbol).apply(plan, seen.l2_features)
"""
_LOOK_THEN_PREFILTER = """\
        seen = self._observe(s, snap)
        verdict = prefilter(config.gates, s.symbol, s.spread_bps, s.stats)
"""
_PREFILTER_THEN_LOOK = """\
        verdict = prefilter(config.gates, s.symbol, s.spread_bps, s.stats)
        seen = self._observe(s, snap) if verdict.allowed else UNSEEN
"""

MUTANTS: tuple[Mutant, ...] = (
    # -- plans
    Mutant("budget_before_depth", _PLANNING, _DEPTH_THEN_BUDGET, _BUDGET_THEN_DEPTH, ADAPTIVE),
    Mutant(
        "sizes_follow_the_mid",
        _PLANNING,
        "price = s.mid if anchor is None else anchor",
        "price = s.mid",
        ADAPTIVE,
    ),
    Mutant(
        "a_controller_freezes_sizes",
        _PLANNING,
        "if steered is not None and takes_all(steered, s.ledger.qty):",
        "if steered is not None:",
        (*ADAPTIVE, "tests/core/test_wiring_state.py"),
    ),
    Mutant(
        "a_drawdown_with_a_position_takes_all",
        "grinder_core/policies/controller_effects.py",
        "decision.mode is _PAUSE or (decision.mode is _DRAWDOWN and not position)",
        "decision.mode in (_PAUSE, _DRAWDOWN)",
        (*ADAPTIVE, "tests/core/test_wiring_state.py"),
    ),
    Mutant(
        "a_moved_grid_keeps_its_old_sizes",
        _PLANNING,
        "anchor = None if moves else s.grid.anchor_price",
        "anchor = s.grid.anchor_price",
        ADAPTIVE,
    ),
    Mutant(
        "a_moved_static_grid_keeps_its_old_sizes",
        _PLANNING,
        "if moves and plan.reset_action is ResetAction.NONE:",
        "if moves and plan.reset_action is not ResetAction.NONE:",
        ADAPTIVE,
    ),
    Mutant(
        "a_users_grid_is_spaced_like_the_static_one",
        _PLANNING,
        "is_static = self._adaptive is None and self._own is None",
        "is_static = self._adaptive is None",
        ADAPTIVE,
    ),
    Mutant(
        "no_tier_is_the_whole_budget",
        _PLANNING,
        "self._budgets.get(symbol, ZERO)",
        "self._budgets.get(symbol, sizing.portfolio_dd_budget)",
        ADAPTIVE,
    ),
    Mutant(
        "trackers_wait_for_the_prefilter",
        _ENGINE,
        _LOOK_THEN_PREFILTER,
        _PREFILTER_THEN_LOOK,
        ADAPTIVE,
    ),
    Mutant(
        "a_told_intent_reaches_the_digest",
        _CYCLING,
        "if config.policies.cycle_execution_enabled:",
        "if config.policies.cycle_enabled:",
        CYCLES,
    ),
    # -- selection
    Mutant(
        "the_quote_after_the_prefix_is_judged",
        _SELECTING,
        "s.toxicity.check(features.mid_price, features.spread_bps)",
        "s.toxicity.check(s.mid, s.spread_bps)",
        MEETING,
    ),
    Mutant(
        "ranks_wait_for_a_symbol_left_out",
        _ENGINE,
        "if not was_made and hot.selection is not None:",
        "if not was_made and hot.selection is not None and not chosen:",
        MEETING,
    ),
    # -- cycles
    Mutant(
        "a_cycles_exit_may_open_a_position",
        _CYCLING,
        "        reduce_only=reduces,\n        source",
        "        reduce_only=False,\n        source",
        CYCLES,
    ),
    Mutant(
        "a_cycle_takes_a_price_twice",
        _CYCLING,
        "if any(o.side is order.side and o.price == order.price",
        "if any(o.side is order.side and o.price == order.qty",
        CYCLES,
    ),
    Mutant(
        "a_take_profit_adds_while_the_controller_pauses",
        _CYCLING,
        "if controller is not None and not adds_allowed(hot, controller):",
        "if controller is not None and not adds_allowed(hot, None):",
        CYCLES,
    ),
    Mutant(
        "levels_are_armed_beside_cycles",
        _SYMBOL,
        "Rearm.NEVER if policies.cycle_execution_enabled else config.orders.rearm",
        "config.orders.rearm",
        CYCLES,
    ),
    Mutant(
        "a_take_profit_cools_its_replenishment_down",
        _CYCLING,
        "        generation = hot.next_generation(s.symbol, order.side, 0)\n",
        "        generation = hot.next_generation(s.symbol, order.side, 0)\n"
        "        hot.rate.record(s.symbol, hot.now, 1)\n",
        CYCLES,
    ),
    Mutant(
        "cycles_do_not_count_for_the_rate",
        _CYCLING,
        "    if effects:\n",
        "    if not effects:\n",
        CYCLES,
    ),
    Mutant(
        "a_cycles_price_rounds_towards_the_market",
        _CYCLING,
        "rounds = floor_div if intent.side is Side.BUY else ceil_div",
        "rounds = ceil_div if intent.side is Side.BUY else floor_div",
        CYCLES,
    ),
    Mutant(
        "a_tick_rounds_a_price_to_nothing",
        _CYCLING,
        "if not 0 < price < PRICE_LIMIT:",
        "if not 0 <= price < PRICE_LIMIT:",
        CYCLES,
    ),
    Mutant(
        "a_replenishment_runs_after_the_market",
        _CYCLING,
        "order.price < s.mid if order.side is Side.BUY else order.price > s.mid",
        "order.price",
        CYCLES,
    ),
    # -- state
    Mutant(
        "a_dump_forgets_how_old_a_book_is",
        _SYMBOL,
        "    depth_seen_ms: int = 0\n",
        "    depth_seen_ms: int = field(default=0, init=False, eq=False)\n",
        STATE,
    ),
    Mutant(
        "a_dump_forgets_the_last_features",
        _SYMBOL,
        "    last_features: FeatureSnapshot | None = None\n",
        "    last_features: FeatureSnapshot | None = field(default=None, init=False, eq=False)\n",
        STATE,
    ),
    Mutant(
        "a_turn_has_the_number_of_the_quote_that_closed_it",
        _ENGINE,
        "if turn.seq != hot.seq:",
        "if turn.seq > hot.seq:",
        STATE,
    ),
)
