"""Known ways to break the core, each with the fast tests that must notice.

A mutant is one exact replacement in one place. It models a mistake somebody could make: a flipped
side, an edge that moved, a fee forgotten. ``python -m tests.mutants.run`` applies them in turn.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.mutant import Mutant


def _core(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/core/{name}" for name in names)


GATES, DIFF, VENUE = _core("test_gates.py"), _core("test_diff.py"), _core("test_venue.py")
PIPELINE, LEDGER = _core("test_pipeline.py"), _core("test_ledger.py")

STATIC_MUTANTS: tuple[Mutant, ...] = (
    # -- sides and edges
    Mutant(
        "flipped_side_in_the_ledger",
        "grinder_core/ledger.py",
        "self._book(qty if side is Side.BUY else -qty, price)",
        "self._book(qty if side is Side.SELL else -qty, price)",
        LEDGER,
    ),
    Mutant(
        "flipped_side_at_the_venue",
        "grinder_core/venue/matching.py",
        "self.buy_trigger is not None and self.buy_trigger <= order.price",
        "self.buy_trigger is not None and self.buy_trigger >= order.price",
        VENUE,
    ),
    Mutant(
        "quote_mode_fills_at_the_wrong_side",
        "grinder_core/venue/matching.py",
        "= snapshot.ask_price, snapshot.bid_price",
        "= snapshot.bid_price, snapshot.ask_price",
        VENUE,
    ),
    Mutant(
        "a_touch_does_not_fill",
        "grinder_core/venue/matching.py",
        "self.sell_trigger is not None and self.sell_trigger >= order.price",
        "self.sell_trigger is not None and self.sell_trigger > order.price",
        VENUE,
    ),
    Mutant(
        "cooldown_lasts_a_millisecond_longer",
        "grinder_core/gates/rate_limiter.py",
        "now - last < self.cooldown_ms",
        "now - last <= self.cooldown_ms",
        GATES,
    ),
    Mutant(
        "drawdown_limit_is_exclusive",
        "grinder_core/risk/equity.py",
        "if fall * 100 >= self.max_drawdown_pct * self.high_water_mark:",
        "if fall * 100 > self.max_drawdown_pct * self.high_water_mark:",
        _core("test_equity.py"),
    ),
    Mutant(
        "daily_loss_is_exclusive",
        "grinder_core/risk/equity.py",
        "equity >= self.daily_loss_limit",
        "equity > self.daily_loss_limit",
        _core("test_equity.py"),
    ),
    Mutant(
        "prefilter_spread_limit_is_inclusive",
        "grinder_core/gates/prefilter.py",
        "if spread_bps > settings.prefilter_spread_max_bps:",
        "if spread_bps >= settings.prefilter_spread_max_bps:",
        GATES,
    ),
    Mutant(
        "notional_limit_is_exclusive",
        "grinder_core/gates/risk_gate.py",
        "if own > settings.max_notional_per_symbol:",
        "if own >= settings.max_notional_per_symbol:",
        GATES,
    ),
    Mutant(
        "toxicity_fires_one_basis_point_early",
        "grinder_core/gates/toxicity.py",
        "first_toxic = self.max_impact_bps + 1",
        "first_toxic = self.max_impact_bps",
        GATES,
    ),
    Mutant(
        "toxicity_forgets_the_edge_of_its_window",
        "grinder_core/indicators/extremes.py",
        "while lows[0][0] < oldest:",
        "while lows[0][0] <= oldest:",
        (*GATES, *_core("test_indicators.py")),
    ),
    # -- numbers
    Mutant(
        "forgotten_fee",
        "grinder_core/engine/answers.py",
        "hot.cash += ledger.realized_pnl - realized - update.fee",
        "hot.cash += ledger.realized_pnl - realized",
        _core("test_engine_alone.py"),
    ),
    Mutant(
        "fee_rounded_in_our_favour",
        "grinder_core/venue/fees.py",
        "return dec_up(price * qty * rate_bps_x100",
        "return dec_down(price * qty * rate_bps_x100",
        LEDGER,
    ),
    Mutant(
        "float_in_place_of_decimal",
        "grinder_core/ledger.py",
        "return self.qty * mark - self.cost_basis",
        "return Decimal(repr(float(str(self.qty)) * float(str(mark)))) - self.cost_basis",
        LEDGER,
    ),
    Mutant(
        "removed_cost_truncated",
        "grinder_core/ledger.py",
        "removed = dec_half_even(self.cost_basis * closed, COST_DIGITS, abs(self.qty))",
        "removed = dec_half_even(self.cost_basis * closed, COST_DIGITS - 8, abs(self.qty))",
        LEDGER,
    ),
    Mutant(
        "buy_level_rounded_towards_the_centre",
        "grinder_core/orders/levels.py",
        "return price // unit * tick",
        "return _above(price, unit, tick)",
        DIFF,
    ),
    Mutant(
        "sell_level_rounded_towards_the_centre",
        "grinder_core/orders/levels.py",
        "return (ticks + 1) * tick if ticks * unit != price else ticks * tick",
        "return ticks * tick",
        DIFF,
    ),
    Mutant(
        "returns_truncated_one_by_one",
        "grinder_core/numbers.py",
        "return trunc_div(_EXACT.multiply(step, Decimal(RETURN_UNIT)), previous)",
        "return trunc_div(step * 10_000, previous) * 10**14",
        _core("test_numbers.py"),
    ),
    # -- orders
    Mutant(
        "skipped_cancel",
        "grinder_core/orders/diff.py",
        "self.cancels += [(order, gone) for order in live.values()]",
        "live.clear()",
        DIFF,
    ),
    Mutant(
        "stale_anchor_after_a_hard_reset",
        "grinder_core/orders/diff.py",
        "keeps_anchor = reset is ResetAction.NONE and",
        "keeps_anchor = reset is not ResetAction.SOFT and",
        DIFF,
    ),
    Mutant(
        "rearm_never_ignored",
        "grinder_core/orders/grid_book.py",
        "if self.rearm is Rearm.OPPOSITE and (",
        "if (",
        DIFF,
    ),
    Mutant(
        "spent_level_placed_again",
        "grinder_core/orders/grid_book.py",
        "spent.append(order.level_id)",
        "spent.clear()",
        DIFF,
    ),
    Mutant(
        "an_exit_larger_than_the_position",
        "grinder_core/orders/diff.py",
        "return abs(self.position) if reduces else ZERO",
        "return abs(self.position) + 1 if reduces else ZERO",
        DIFF,
    ),
    Mutant(
        "outer_exits_dropped_once_the_inner_one_filled",
        "grinder_core/orders/diff.py",
        "                if room is not None and wanted:\n                    wanted = qty <= room",
        "                if room is not None:\n                    wanted = wanted and qty <= room",
        DIFF,
    ),
    Mutant(
        "quiet_bounds_too_wide",
        "grinder_core/orders/diff.py",
        "return max(sells, default=None), min(buys, default=None)",
        "return min(sells, default=None), max(buys, default=None)",
        DIFF,
    ),
    Mutant(
        "order_ids_reused",
        "grinder_core/orders/identity.py",
        "if now > self.ts_ms:",
        "if now != self.ts_ms:",
        DIFF,
    ),
    # -- the venue's delay
    Mutant(
        "phase_a_ignores_the_delay",
        "grinder_core/venue/matching.py",
        "            and order.eligible_tick <= tick\n",
        "",
        VENUE,
    ),
    Mutant(
        "phase_b_ignores_the_delay",
        "grinder_core/venue/matching.py",
        "if order.placed_tick == tick == order.eligible_tick and self.reached(order, mode)",
        "if order.placed_tick == tick and self.reached(order, mode)",
        VENUE,
    ),
    # -- the turn
    Mutant(
        "lost_fill",
        "grinder_core/session/session.py",
        "for update in self.venue.on_snapshot(payload, event.ts_ms):",
        "for update in list(self.venue.on_snapshot(payload, event.ts_ms))[1:]:",
        PIPELINE,
    ),
    Mutant(
        "fill_booked_twice",
        "grinder_core/engine/answers.py",
        "    if update.last_qty and update.filled_qty <= before.filled_qty:\n",
        "    if False:\n",
        _core("test_engine_alone.py"),
    ),
    Mutant(
        "rate_judged_before_toxicity",
        "grinder_core/engine/gating.py",
        "    if toxic is not None:\n"
        "        return _refused(stats, toxic)\n"
        "    refused = hot.rate.check(s.symbol, hot.now)\n",
        "    refused = hot.rate.check(s.symbol, hot.now) or toxic\n",
        PIPELINE,
    ),
    Mutant(
        "exposure_not_updated",
        "grinder_core/engine/state.py",
        "self.exposure += exposure - s.exposure",
        "self.exposure += 0",
        PIPELINE,
    ),
    Mutant(
        "exits_cancelled_by_the_kill_switch",
        "grinder_core/engine/guarding.py",
        "        orders = [order for order in s.grid.in_order() if not order.reduce_only]\n"
        "        effects += _pull(hot, s, orders, ExecReason.KILL_SWITCH)",
        "        effects += _pull(hot, s, s.grid.in_order(), ExecReason.KILL_SWITCH)",
        PIPELINE,
    ),
    Mutant(
        "exits_blocked_by_the_kill_switch",
        "grinder_core/engine/gating.py",
        "    if shape.reduce_only:\n        stats.exits_passed",
        "    if shape.reduce_only and not hot.kill.active:\n        stats.exits_passed",
        PIPELINE,
    ),
    Mutant(
        "kill_switch_does_not_block",
        "grinder_core/engine/gating.py",
        "    if hot.kill.active:\n        return",
        "    if hot.kill.active and not shape.level_count:\n        return",
        PIPELINE,
    ),
    Mutant(
        "a_blocked_quote_repeated_passes",
        "grinder_core/engine",
        "s.calm_epoch = -1",
        "s.calm_epoch += 0",
        PIPELINE,
    ),
    Mutant(
        "a_dropped_symbols_loss_unseen_by_the_others",
        "grinder_core/engine",
        "        self.epoch += 1\n        self.is_revalued = True\n",
        "        self.is_revalued = True\n",
        PIPELINE,
    ),
    # -- selection, text, state
    Mutant(
        "unstable_sort",
        "grinder_core/selection/topk.py",
        "key=lambda symbol: (-scores[symbol], symbol)",
        "key=lambda symbol: -scores[symbol]",
        _core("test_indicators.py"),
    ),
    Mutant(
        "unmarked_lookahead",
        "grinder_core/selection/topk.py",
        "return scores.select(settings.topk_k, lookahead=True)",
        "return scores.select(settings.topk_k, lookahead=False)",
        _core("test_indicators.py"),
    ),
    Mutant(
        "keys_in_the_order_of_insertion",
        "grinder_core/codec.py",
        "for key in sorted(value)]",
        "for key in value]",
        _core("test_codec.py"),
    ),
    Mutant(
        "stale_text_of_a_plan",
        "grinder_core/session/render.py",
        "and like.reason_codes == plan.reason_codes",
        "and like.reset_action is plan.reset_action",
        _core("test_outputs.py"),
    ),
    Mutant(
        "spent_levels_left_out_of_the_checkpoint",
        "grinder_core/orders/grid_book.py",
        "spent_buy: list[int] = Factory(list)",
        "spent_buy: list[int] = field(factory=list, init=False)",
        _core("test_state.py"),
    ),
    Mutant(
        "unknown_keys_accepted_in_a_checkpoint",
        "grinder_core/codec.py",
        "_STATE: Final = _converter(forbid_extra_keys=True)",
        "_STATE: Final = _converter(forbid_extra_keys=False)",
        _core("test_state.py"),
    ),
    Mutant(
        "fault_of_a_policy_blamed_on_nobody",
        "grinder_core/engine/policy_call.py",
        "if not isinstance(plan, GridPlan):",
        "if plan is None:",
        _core("test_engine_alone.py"),
    ),
)


def _planted() -> Iterator[Mutant]:
    """Everything that the modules of ``planted/`` hold, a module a room."""
    folder = Path(__file__).parent / "planted"
    for module in sorted(pkgutil.iter_modules([str(folder)]), key=lambda m: m.name):
        yield from importlib.import_module(f"tests.mutants.planted.{module.name}").MUTANTS


MUTANTS: tuple[Mutant, ...] = (*STATIC_MUTANTS, *_planted())
