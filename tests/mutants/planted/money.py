"""Mistakes in how a live session's money is explained: a cent that is nobody's, a wrong cause."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BRIDGE = ("tests/core/analysis/test_bridge.py",)
SETTLE = ("tests/core/analysis/test_settle.py",)
SETTLING = ("tests/app/test_settling.py",)
COMPARED = ("tests/app/test_compare_journals.py",)

_PIECES = "grinder_core/analysis/pieces.py"
_BRIDGE = "grinder_core/analysis/bridge.py"
_MATCHING = "grinder_core/analysis/matching.py"
_BALANCE = "grinder_core/analysis/balance.py"
_BOOKS = "grinder_app/live/bookkeeping.py"
_STATEMENT = "grinder_app/live/statement.py"
_SIDES = "grinder_app/live/sides.py"
_CAUSES = "grinder_app/runner/causes.py"

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
        _MATCHING,
        'for what in ("side", "price", "qty"):',
        'for what in ("side", "qty"):',
        SETTLE,
    ),
    Mutant(
        "a_row_that_was_paid_twice_is_none",
        _MATCHING,
        "    if len(rows) > 1:\n        yield say(Verdict.TWICE, Record.INCOME)\n",
        "",
        SETTLE,
    ),
    Mutant(
        "a_row_that_the_list_lacks_is_none",
        _MATCHING,
        "    if Record.INCOME not in said and said:\n",
        "    if Record.INCOME in said and not rows and said and nothing is None:\n",
        SETTLE,
    ),
    Mutant(
        "what_the_list_should_show_by_now_is_pending",
        _MATCHING,
        "        is_late = one.ts > statement.listed_ms\n",
        "        is_late = one.ts >= statement.listed_ms\n",
        SETTLE,
    ),
    Mutant(
        "the_fee_that_stands_alone_is_taken_for_the_ledgers",
        _MATCHING,
        "if len(others) > 1 and value not in others and len(set(others)) == 1:",
        "if len(others) > 2 and value not in others and len(set(others)) == 1:",
        SETTLE,
    ),
    Mutant(
        "money_in_no_list_is_settled",
        _BALANCE,
        "if self.open_findings or self.unlisted:",
        "if self.open_findings:",
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
        "            self.root = Cause.FILL_MODEL\n",
        "            self.root = Cause.VENUE_ANSWER\n",
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
)
