"""Mistakes in joining the rooms: guards, overrides, books and lots in a turn."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

GUARDS, OVERRIDE = ("tests/core/test_wiring_guards.py",), ("tests/core/test_wiring_override.py",)
DEPTH, LOTS = ("tests/core/test_wiring_depth.py",), ("tests/core/test_wiring_constraints.py",)

_ENGINE = "grinder_core/engine/engine.py"
_GUARDING = "grinder_core/engine/guarding.py"
_ANSWERS = "grinder_core/engine/answers.py"
_PLANNING = "grinder_core/engine/planning.py"
_EXECUTING = "grinder_core/engine/executing.py"
_TRACKING = "grinder_core/engine/tracking.py"
_CYCLING = "grinder_core/engine/cycling.py"
_DIFF = "grinder_core/orders/diff.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- guards
    Mutant(
        "a_feature_starts_without_what_it_needs",
        "grinder_core/engine/config.py",
        "            if value and not given:\n",
        "            if False:\n",
        ("tests/core/test_engine_config.py",),
    ),
    Mutant(
        "cycles_fill_without_end",
        "grinder_core/engine/config.py",
        "        if self.policies.cycle_execution_enabled and self.venue.fill_mode",
        "        if False and self.venue.fill_mode",
        ("tests/core/test_engine_config.py",),
    ),
    Mutant(
        "drawdown_guard_is_never_asked",
        _ENGINE,
        "guard_refuses(hot.guard, plan):",
        "guard_refuses(hot.guard, plan) and not s.tick:",
        GUARDS,
    ),
    Mutant(
        "entering_drawdown_leaves_orders_alone",
        _GUARDING,
        "            effects = (*effects, *hold(hot, s))",
        "            effects = (*effects,)",
        GUARDS,
    ),
    Mutant(
        "entering_drawdown_looks_at_one_symbol",
        _GUARDING,
        "        for _, s in sorted(hot.symbols.items()):\n            effects",
        "        for _, s in sorted(hot.symbols.items())[:1]:\n            effects",
        GUARDS,
    ),
    Mutant(
        "a_refused_plan_leaves_orders_alone",
        _ENGINE,
        "            effects = (*effects, *hold(hot, s))",
        "            effects = tuple(effects)",
        GUARDS,
    ),
    Mutant(
        "guard_reset_keeps_the_old_start",
        _GUARDING,
        "hot.guard.reset(hot.cash + hot.unrealized,",
        "hot.guard.reset(hot.guard.equity_start,",
        GUARDS,
    ),
    Mutant(
        "a_turns_end_takes_no_sample",
        _ENGINE,
        "cancels = sample(hot, self.config) if hot.is_revalued else ()",
        "cancels = ()",
        GUARDS,
    ),
    Mutant(
        "what_a_turns_end_cancels_is_not_told",
        _ENGINE,
        "actions = (*turn.actions, *hot.carried)",
        "actions = tuple(turn.actions)",
        GUARDS,
    ),
    Mutant(
        "resume_overrules_a_tripped_streak",
        _GUARDING,
        "hot.override = Override.PAUSE if still_losing else None",
        "hot.override = None",
        GUARDS,
    ),
    Mutant(
        "a_tripped_streak_pauses_nothing",
        _ANSWERS,
        "        hot.override = Override.PAUSE\n",
        "        hot.override = None\n",
        GUARDS,
    ),
    Mutant(
        "flatten_at_the_near_quote",
        _GUARDING,
        "(Side.SELL, s.bid) if qty > 0 else (Side.BUY, s.ask)",
        "(Side.SELL, s.ask) if qty > 0 else (Side.BUY, s.bid)",
        GUARDS,
    ),
    Mutant(
        "flatten_leaves_orders_resting",
        _GUARDING,
        "effects = _pull(hot, s, s.grid.in_order(), ExecReason.FLATTEN)",
        "effects: list[Effect] = []",
        GUARDS,
    ),
    Mutant(
        "a_liquidation_stops_nothing",
        _ANSWERS,
        "    hot.kill.trigger(KillReason.ERROR, hot.now)\n",
        "",
        GUARDS,
    ),
    Mutant(
        "orders_under_way_outlive_a_liquidation",
        _GUARDING,
        "    elif hot.kill.active:",
        "    elif hot.kill.active and not tripped:",
        GUARDS,
    ),
    Mutant(
        "funding_paid_is_received",
        _ANSWERS,
        "hot.cash -= payment.amount",
        "hot.cash += payment.amount",
        GUARDS,
    ),
    Mutant(
        "funding_waits_for_the_next_move",
        _ANSWERS,
        "    hot.is_revalued = True\n",
        "",
        GUARDS,
    ),
    Mutant(
        "a_move_is_not_sampled",
        "grinder_core/engine/state.py",
        "        self.is_revalued = True\n",
        "",
        GUARDS,
    ),
    # -- overrides
    Mutant(
        "pause_is_for_the_adaptive_grid_only",
        _PLANNING,
        "elif override is not None:",
        "elif override is Override.EMERGENCY:",
        OVERRIDE,
    ),
    Mutant(
        "the_regime_overlooks_a_pause",
        _ENGINE,
        "paused=hot.override is Override.PAUSE,",
        "paused=False,",
        OVERRIDE,
    ),
    Mutant(
        "the_regime_overlooks_an_emergency",
        _ENGINE,
        "emergency=hot.override is Override.EMERGENCY,",
        "emergency=False,",
        OVERRIDE,
    ),
    Mutant(
        "a_pause_takes_exits_out",
        _DIFF,
        "for o in book.live.values() if not o.reduce_only)",
        "for o in book.live.values())",
        OVERRIDE,
    ),
    Mutant(
        "calm_turns_outlive_a_command",
        _ENGINE,
        "        hot.epoch += 1\n        if isinstance(payload, OrderUpdate):",
        "        if isinstance(payload, OrderUpdate):",
        OVERRIDE,
    ),
    # -- depth
    Mutant(
        "the_guard_asks_the_wrong_side",
        _EXECUTING,
        "buy_refused=check_depth(config.gates, Side.BUY,",
        "buy_refused=check_depth(config.gates, Side.SELL,",
        DEPTH,
    ),
    Mutant(
        "a_books_age_by_the_venues_clock",
        _EXECUTING,
        "now_ts = l2.ts_ms + hot.now - s.depth_seen_ms",
        "now_ts = s.ts",
        DEPTH,
    ),
    Mutant(
        "an_old_change_renews_a_book",
        _TRACKING,
        "    elif s.depth.on_diff(payload):\n",
        "    elif s.depth.on_diff(payload) or True:\n",
        DEPTH,
    ),
    Mutant(
        "the_policy_never_sees_the_book",
        _ENGINE,
        "l2 = read_depth(s, self.config.indicators) if self._gates_depth else None",
        "l2 = None",
        DEPTH,
    ),
    Mutant(
        "a_missing_reference_quantity_is_another_symbols",
        "grinder_core/engine/symbol.py",
        "if config.uses_depth and symbol not in indicators.qty_ref:",
        "if config.uses_depth and not indicators.qty_ref:",
        DEPTH,
    ),
    Mutant(
        "books_are_kept_for_nobody",
        _ENGINE,
        "    if config.uses_depth:\n        kinds",
        "    if config is not None:\n        kinds",
        DEPTH,
    ),
    Mutant(
        "the_guard_stops_exits",
        _DIFF,
        "admission.sell_refused) or self.plan.shape.reduce_only:",
        "admission.sell_refused):",
        DEPTH,
    ),
    Mutant(
        "the_lot_is_named_before_the_book",
        _DIFF,
        "return refused or lot.refusal",
        "return lot.refusal or refused",
        DEPTH,
    ),
    Mutant(
        "cycles_do_not_ask_the_book",
        _CYCLING,
        "    if not reduces:  # the book",
        "    if reduces:  # the book",
        DEPTH,
    ),
    # -- lots
    Mutant(
        "lots_only_where_a_book_is_known",
        _EXECUTING,
        "return NO_LIMITS if limits is None else Admission(limits=limits)",
        "return NO_LIMITS",
        LOTS,
    ),
    Mutant(
        "lot_rules_without_their_flag",
        _EXECUTING,
        "if config.orders.constraints_enabled\n",
        "if config.orders.symbol_constraints\n",
        LOTS,
    ),
)
