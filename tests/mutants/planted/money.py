"""Mistakes in how a live session's money is explained: a cent that is nobody's, a wrong cause."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BRIDGE = ("tests/core/analysis/test_bridge.py",)
SETTLE = ("tests/core/analysis/test_settle.py",)
SETTLING = ("tests/app/test_settling.py",)
COMPARED = ("tests/app/test_compare_journals.py",)
EXPLAINED = ("tests/app/test_session_explained.py",)
RESTING = ("tests/app/test_resting.py",)

_PIECES = "grinder_core/analysis/pieces.py"
_BRIDGE = "grinder_core/analysis/bridge.py"
_EXECUTIONS = "grinder_core/analysis/executions.py"
_BALANCE = "grinder_core/analysis/balance.py"
_BOOKS = "grinder_app/live/bookkeeping.py"
_STATEMENT = "grinder_app/live/statement.py"
_SIDES = "grinder_app/live/sides.py"
_CAUSES = "grinder_app/runner/walking.py"
_RESTING = "grinder_app/runner/resting.py"
_ADOPTING = "grinder_core/engine/adopting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "what_is_left_of_a_fill_is_in_no_piece",
        _PIECES,
        "            pieces += [Piece(a=r.fill, b=None, qty=r.left) for r in _open(left)]\n",
        "",
        BRIDGE,
    ),
    Mutant(
        "a_paired_quantity_is_paired_again",
        _PIECES,
        "    b.left -= qty\n",
        "",
        BRIDGE,
    ),
    Mutant(
        "fills_only_there_are_added_to_the_bridge",
        _BRIDGE,
        "StepKind.ONLY_THERE, -worth(",
        "StepKind.ONLY_THERE, worth(",
        BRIDGE,
    ),
    Mutant(
        "a_bridge_leaves_out_the_open_position",
        _BRIDGE,
        "        steps.append(BridgeStep(kind=StepKind.OPEN_MARK, amount=moved))\n",
        "",
        BRIDGE,
    ),
    Mutant(
        "a_dearer_purchase_is_a_gain",
        _BRIDGE,
        "(piece.b.price - piece.a.price)",
        "(piece.a.price - piece.b.price)",
        BRIDGE,
    ),
    Mutant(
        "a_price_is_not_compared",
        _EXECUTIONS,
        'for what in ("side", "price", "qty"):',
        'for what in ("side", "qty"):',
        SETTLE,
    ),
    Mutant(
        "a_row_that_was_paid_twice_is_none",
        _EXECUTIONS,
        "    if len(rows) > 1:\n        yield say(Verdict.TWICE, Record.INCOME)\n",
        "",
        SETTLE,
    ),
    Mutant(
        "a_row_that_the_list_lacks_is_none",
        _EXECUTIONS,
        "    if Record.INCOME not in said and said:\n",
        "    if Record.INCOME in said and not rows and said and nothing is None:\n",
        SETTLE,
    ),
    Mutant(
        "what_the_list_should_show_by_now_is_pending",
        _EXECUTIONS,
        "        is_late = one.ts > statement.listed_ms\n",
        "        is_late = one.ts >= statement.listed_ms\n",
        SETTLE,
    ),
    Mutant(
        "the_fee_that_stands_alone_is_taken_for_the_ledgers",
        _EXECUTIONS,
        "if len(others) > 1 and value not in others and len(set(others)) == 1:",
        "if len(others) > 2 and value not in others and len(set(others)) == 1:",
        SETTLE,
    ),
    Mutant(
        "money_in_no_list_is_settled",
        _BALANCE,
        "self.open_findings or self.unlisted or self.unexplained",
        "self.open_findings or self.unexplained",
        SETTLE,
    ),
    Mutant(
        "fees_of_another_asset_are_taken_from_the_wallet",
        _BALANCE,
        "        if trade.fee_asset != ledger.quote:\n",
        '        if trade.fee_asset == "":\n',
        SETTLE,
    ),
    Mutant(
        "a_fill_that_was_told_twice_is_booked_twice",
        _BOOKS,
        "            if hot.stats.total_fills > before.fills:\n",
        "            if payload.last_qty:\n",
        ("tests/app/test_bookkeeping.py",),
    ),
    Mutant(
        "what_was_transferred_is_not_booked",
        _BOOKS,
        "                self.transfers.append(one)\n",
        "                pass\n",
        SETTLING,
    ),
    Mutant(
        "what_the_venue_did_since_the_first_look_is_not_read",
        _STATEMENT,
        "        income += [r for r in fresh if (r.kind, r.tran_id, r.symbol) not in known_rows]\n",
        "",
        ("tests/app/test_statement.py",),
    ),
    Mutant(
        "a_backtest_trades_before_the_session_came_up",
        _SIDES,
        "            session.engine.halt(symbol, why)\n",
        "            pass\n",
        COMPARED,
    ),
    Mutant(
        "a_fill_of_another_venue_is_its_answer",
        _CAUSES,
        "self._direct(pair, Cause.FILL_MODEL, text",
        "self._direct(pair, Cause.VENUE_ANSWER, text",
        COMPARED,
    ),
    Mutant(
        "a_quote_that_gave_way_is_missing_data",
        _CAUSES,
        "        if self.hints.of(other).conflates:\n",
        "        if not self.hints.of(other).conflates:\n",
        COMPARED,
    ),
    Mutant(
        "a_session_that_was_stopped_differs_without_a_cause",
        _CAUSES,
        "        return bool(a) != bool(b)\n",
        "        return False\n",
        COMPARED,
    ),
    Mutant(
        "an_order_that_waits_for_an_answer_is_protection",
        _CAUSES,
        "    if is_wait(detail):\n        return Cause.LATENCY\n",
        "",
        COMPARED,
    ),
    Mutant(
        "what_a_fill_leaves_rests_whole",
        _RESTING,
        "                left = here.get(order, Decimal(0)) - Decimal(news.qty)\n",
        "                left = here.get(order, Decimal(0))\n",
        RESTING,
    ),
    Mutant(
        "an_order_is_blamed_that_rests_in_both",
        _RESTING,
        "            if order in self.whys and a.get(order) != b.get(order):\n",
        "            if order in self.whys:\n",
        RESTING,
    ),
    Mutant(
        "a_pending_payment_is_worth_nothing",
        _BALANCE,
        "                total += row.amount\n",
        "                pass\n",
        EXPLAINED,
    ),
    Mutant(
        "what_a_hand_bought_is_worth_nothing",
        _BALANCE,
        "                total += _worth(trade.fill, statement) - fee\n",
        "                pass\n",
        SETTLING,
    ),
    Mutant(
        "a_trade_by_hand_is_only_missing",
        _EXECUTIONS,
        "            verdict = Verdict.BY_HAND\n",
        "            pass\n",
        SETTLING,
    ),
    Mutant(
        "profit_in_another_order_is_not_named",
        _BALANCE,
        "        reordered=sum(matched.reordered.values(), ZERO),\n",
        "        reordered=ZERO,\n",
        EXPLAINED,
    ),
    Mutant(
        "a_ledger_that_began_anew_counts_the_old_fills",
        _BOOKS,
        "            self._since = _Since(fills=len(self.fills), funding=len(self.funding))\n",
        "",
        SETTLING,
    ),
    Mutant(
        "what_taking_over_made_of_the_balance_is_profit",
        _BOOKS,
        "                self.taken += moved + start - self._before.cash\n",
        "                self.taken += moved\n",
        SETTLING,
    ),
    Mutant(
        "a_position_that_was_taken_over_is_shown_as_it_was",
        _ADOPTING,
        "    s.pnl_cache = None  # no fill and no new price tells that it is another position\n",
        "",
        SETTLING,
    ),
)
