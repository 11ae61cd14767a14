"""Mistakes in Top-K v1, cycles, the paper order book and the soak gate."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

TOPK, CYCLES = ("tests/core/test_topk_v1.py",), ("tests/core/test_cycles.py",)
BOOK, SOAK = ("tests/core/test_paper_book.py",), ("tests/core/test_soak_verdict.py",)
COMMAND = ("tests/app/test_soak_command.py",)

_TOPK_V1 = "grinder_core/selection/topk_v1.py"
_PASS = "grinder_core/session/selection_pass.py"
_CYCLES = "grinder_core/policies/cycles.py"
_BOOK = "grinder_core/venue/paper_book.py"
_SOAK = "grinder_core/checks/soak.py"
_WAITING = "grinder_core/checks/waiting.py"
_RUNS = "grinder_app/checks/soak.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- Top-K v1
    Mutant(
        "topk_v1_spread_limit_is_inclusive",
        _TOPK_V1,
        "candidate.spread_bps > settings.topk_v1_spread_max_bps",
        "candidate.spread_bps >= settings.topk_v1_spread_max_bps",
        TOPK,
    ),
    Mutant(
        "topk_v1_least_depth_is_exclusive",
        _TOPK_V1,
        "candidate.thin_l1 < settings.thin_l1_min",
        "candidate.thin_l1 <= settings.thin_l1_min",
        TOPK,
    ),
    Mutant(
        "topk_v1_warmup_is_exclusive",
        _TOPK_V1,
        "candidate.warmup_bars < settings.warmup_min",
        "candidate.warmup_bars <= settings.warmup_min",
        TOPK,
    ),
    Mutant(
        "topk_v1_forgets_the_toxicity_gate",
        _TOPK_V1,
        "(SelectionGate.TOXICITY_BLOCKED, candidate.toxicity_blocked)",
        "(SelectionGate.TOXICITY_BLOCKED, False)",
        TOPK,
    ),
    Mutant(
        "topk_v1_selects_the_gated",
        _TOPK_V1,
        "[item for item in scored.values() if not item.gates_failed]",
        "list(scored.values())",
        TOPK,
    ),
    Mutant(
        "topk_v1_worst_first",
        _TOPK_V1,
        "key=lambda item: (-item.score, item.symbol)",
        "key=lambda item: (item.score, item.symbol)",
        TOPK,
    ),
    Mutant(
        "topk_v1_ties_by_order_of_arrival",
        _TOPK_V1,
        "key=lambda item: (-item.score, item.symbol)",
        "key=lambda item: -item.score",
        TOPK,
    ),
    Mutant(
        "topk_v1_likes_a_falling_market",
        _TOPK_V1,
        "settings.w_trend * abs(candidate.net_return_bps)",
        "settings.w_trend * candidate.net_return_bps",
        TOPK,
    ),
    Mutant(
        "topk_v1_counts_digits",
        _TOPK_V1,
        "return len(str(x)) - 1",
        "return len(str(x))",
        TOPK,
    ),
    Mutant(
        "topk_v1_forgets_the_one_in_the_logarithm",
        _TOPK_V1,
        "ilog10(int(candidate.thin_l1) + 1)",
        "ilog10(int(candidate.thin_l1))",
        TOPK,
    ),
    Mutant(
        "topk_v1_overwrites_a_duplicate",
        _TOPK_V1,
        "if candidate.symbol in scored:",
        "if candidate in scored:",
        TOPK,
    ),
    Mutant(
        "topk_v1_pass_hides_that_it_looks_ahead",
        _PASS,
        "lookahead=True",
        "lookahead=False",
        TOPK,
    ),
    Mutant(
        "topk_v1_pass_keeps_the_first_quote",
        _PASS,
        "        self.last = snapshot\n",
        "",
        TOPK,
    ),
    Mutant(
        "topk_v1_pass_without_toxic_history",
        _PASS,
        "self.toxicity.window.push(snapshot.ts, mid)",
        "self.toxicity.window.push(0, self.last.mid_price)",
        TOPK,
    ),
    # -- cycles
    Mutant(
        "take_profit_on_the_side_of_the_fill",
        _CYCLES,
        "fill.side.opposite if takes_profit else fill.side",
        "fill.side if takes_profit else fill.side.opposite",
        CYCLES,
    ),
    Mutant(
        "take_profit_at_a_loss",
        _CYCLES,
        "ONE - distance if side is Side.BUY",
        "ONE - distance if side is Side.SELL",
        CYCLES,
    ),
    Mutant(
        "adds_without_leave",
        _CYCLES,
        "    if adds_allowed:\n",
        "    if adds_allowed or fill.qty:\n",
        CYCLES,
    ),
    Mutant(
        "replenishment_called_reducing",
        _CYCLES,
        "RiskIntent.REDUCE_RISK if takes_profit else RiskIntent.INCREASE_RISK",
        "RiskIntent.REDUCE_RISK",
        CYCLES,
    ),
    Mutant(
        "intent_at_the_price_of_the_fill_kept",
        _CYCLES,
        "intent.price > fill.price",
        "intent.price >= fill.price",
        CYCLES,
    ),
    Mutant(
        "cycle_size_not_rounded",
        _CYCLES,
        "qty=dec_down(fill.qty, settings.quantity_precision)",
        "qty=fill.qty",
        CYCLES,
    ),
    Mutant(
        "empty_cycle_kept",
        _CYCLES,
        "if intent.qty <= 0:",
        "if intent.qty < 0:",
        CYCLES,
    ),
    Mutant(
        "cycle_price_no_venue_has",
        _CYCLES,
        "if not 0 < intent.price < PRICE_LIMIT:",
        "if not 0 <= intent.price <= PRICE_LIMIT * 2:",
        CYCLES,
    ),
    Mutant(
        "martingale",
        _CYCLES,
        "qty=dec_down(fill.qty, settings.quantity_precision)",
        "qty=dec_down(fill.qty, settings.quantity_precision) * (1 if takes_profit else 2)",
        CYCLES,
    ),
    # -- the paper order book
    Mutant(
        "replace_forgets_to_cancel",
        _BOOK,
        "        self._cancel(order, now)\n        return self._place",
        "        return self._place",
        BOOK,
    ),
    Mutant(
        "replace_revives_a_cancelled_order",
        _BOOK,
        "if order.state.is_final:\n            # also",
        "if order.state is OrderState.FILLED:\n            # also",
        BOOK,
    ),
    Mutant(
        "repeated_placement_places_again",
        _BOOK,
        "return known or self._place(intent, client_order_id",
        "return self._place(intent, client_order_id",
        BOOK,
    ),
    Mutant(
        "reused_id_ignores_the_size",
        _BOOK,
        "before != (intent.symbol, intent.side, intent.price, intent.qty, replaces)",
        "before[:3] != (intent.symbol, intent.side, intent.price)",
        BOOK,
    ),
    Mutant(
        "filled_order_is_cancelled",
        _BOOK,
        '            raise _closed(order, "cancelled")',
        "            return evolve(order, state=OrderState.CANCELLED)",
        BOOK,
    ),
    Mutant(
        "marketable_order_waits_for_the_next_quote",
        _BOOK,
        "self._apply(self.venue.end_of_turn(intent.symbol, now, now), now)",
        "self._apply((), now)",
        BOOK,
    ),
    # -- the soak gate
    Mutant(
        "soak_bound_is_exclusive",
        _SOAK,
        "self.most is None or value <= self.most",
        "self.most is None or value < self.most",
        SOAK,
    ),
    Mutant(
        "soak_least_fill_rate_ignored",
        _SOAK,
        "(self.least is None or value >= self.least)",
        "(self.least is None or value is not None)",
        SOAK,
    ),
    Mutant(
        "soak_judges_latency_by_day",
        _SOAK,
        "if nightly or not item.nightly]",
        "if nightly or item.metric]",
        SOAK,
    ),
    Mutant(
        "soak_believes_the_flag",
        _SOAK,
        'if metric == "all_digests_stable" and value:',
        'if metric == "all_digests_stable" and value is None:',
        SOAK,
    ),
    Mutant(
        "soak_takes_a_failed_run_for_stable",
        _SOAK,
        "return None not in self.digests and len(set(self.digests)) == 1",
        "return len(set(self.digests)) == 1",
        SOAK,
    ),
    Mutant(
        "soak_missing_metric_passes",
        _SOAK,
        "    if missing:\n",
        "    if missing == judged:\n",
        SOAK,
    ),
    Mutant(
        "percentile_one_rank_too_low",
        _SOAK,
        "ceil_div(percent * len(values), 100) - 1",
        "percent * len(values) // 100 - 1",
        SOAK,
    ),
    Mutant(
        "fill_rate_counts_one_too_many",
        _SOAK,
        "return dec_down(filled, FILL_RATE_DIGITS, placed)",
        "return dec_down(filled + 1, FILL_RATE_DIGITS, placed)",
        SOAK,
    ),
    Mutant(
        "waiting_time_forgotten",
        _WAITING,
        "end = max(arrival, end) + duration",
        "end = arrival + duration",
        SOAK,
    ),
    Mutant(
        "finished_events_still_counted_as_waiting",
        _WAITING,
        "unfinished[0] <= arrival",
        "unfinished[0] < arrival",
        SOAK,
    ),
    Mutant(
        "fill_rate_of_the_resting_grid",
        _RUNS,
        '{"fill_mode": FillMode.INSTANT}',
        '{"fill_mode": fixture.config.venue.fill_mode}',
        COMMAND,
    ),
    Mutant(
        "dropped_quotes_not_counted",
        _RUNS,
        "events_dropped=sum(run.dropped for run in (*measures, *instant))",
        "events_dropped=sum(run.dropped for run in measures if not run.errors)",
        COMMAND,
    ),
)
