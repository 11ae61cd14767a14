"""Mistakes of which a session dies, loses a fill or tells its story twice differently."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ORDER = ("tests/core/live/test_live_order.py",)
DIFF = ("tests/core/test_diff.py",)
DESK = ("tests/adapters/binance/test_order_desk.py",)
RECONCILING = ("tests/app/test_reconciling.py",)
LOOP = ("tests/app/test_live_loop.py",)

_PASSING = "grinder_core/live/passing.py"
_INQUIRIES = "grinder_adapters/binance/order_inquiries.py"
_DESK = "grinder_adapters/binance/order_desk.py"
_RECONCILING = "grinder_app/live/reconciling.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "what_a_dead_process_left_open_ends_in_the_order_of_memory",
        "grinder_core/live/answers.py",
        "sorted(self._hot.open_actions.items())",
        "self._hot.open_actions.items()",
        ORDER,
    ),
    Mutant(
        "cancels_that_waited_go_in_the_order_of_memory",
        _PASSING,
        "sorted(deferred.items())",
        "deferred.items()",
        ORDER,
    ),
    Mutant(
        "replacements_that_never_left_are_refused_in_the_order_of_memory",
        _PASSING,
        "sorted(waiting.items())",
        "waiting.items()",
        ORDER,
    ),
    Mutant(
        "orders_on_no_level_leave_in_the_order_of_memory",
        "grinder_core/orders/diff.py",
        "order.level_id, order.order_id, order.client_order_id",
        'order.level_id, order.order_id, ""',
        DIFF,
    ),
    Mutant(
        "a_trade_that_still_waits_in_the_stream_counts_as_told",
        _INQUIRIES,
        "            elif trade.trade_id not in told:\n                is_whole = False",
        "            elif trade.trade_id not in told:\n                is_whole = is_whole",
        DESK,
    ),
    Mutant(
        "a_trade_that_was_told_is_not_remembered",
        _DESK,
        "            if event.trade_id:\n                self.inquiries.heard(",
        "            if not event.trade_id:\n                self.inquiries.heard(",
        DESK,
    ),
    Mutant(
        "a_fill_that_the_process_before_told_holds_the_cursor_back",
        _DESK,
        "        self._stream.fold.book_fill(symbol, trade_id)\n"
        "        self.inquiries.heard(symbol, trade_id)",
        "        self._stream.fold.book_fill(symbol, trade_id)",
        DESK,
    ),
    Mutant(
        "the_session_dies_of_an_order_that_ended_meanwhile",
        _INQUIRIES,
        "if name in self.news.orders and not self._is_busy(name):",
        "if not self._is_busy(name):",
        DESK,
    ),
    Mutant(
        "an_order_that_ended_is_adopted_from_an_old_answer",
        _RECONCILING,
        "        if self._desk.news.has_ended(name):\n"
        "            return False  # the answer was older than that\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "an_order_is_adopted_without_looking_whether_it_is_still_open",
        _RECONCILING,
        "if answer.status.is_final or (s is not None and s.grid.get(name) is not None):",
        "if s is not None and s.grid.get(name) is not None:",
        RECONCILING,
    ),
    Mutant(
        "an_order_is_adopted_though_it_was_noted_meanwhile",
        _RECONCILING,
        "if answer.status.is_final or (s is not None and s.grid.get(name) is not None):",
        "if answer.status.is_final:",
        RECONCILING,
    ),
    Mutant(
        "a_latch_waits_for_the_next_batch",
        "grinder_app/live/loop.py",
        "if step.has_latched:",
        "if False:",
        LOOP,
    ),
)
