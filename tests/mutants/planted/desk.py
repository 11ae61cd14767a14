"""Mistakes between the engine and a venue out there, and in telling why two runs differ."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROOM = "grinder_adapters/binance"
RUNNER = "grinder_app/runner"
DESK = ("tests/adapters/binance/test_order_desk.py",)
NEWS = ("tests/adapters/binance/test_order_news.py",)
EAGER = ("tests/adapters/binance/test_eager.py",)
QUEUE = ("tests/adapters/binance/test_effect_queue.py",)
CAUSES = ("tests/app/test_causes.py",)
AGREEMENT = ("tests/app/test_agreement.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- an order does not wait for its task's turn
    Mutant(
        "work_begins_in_the_name_of_its_caller",
        f"{ROOM}/eager.py",
        "tasks._enter_task(loop, task)",
        "tasks._enter_task(loop, caller or task)",
        EAGER,
    ),
    Mutant(
        "work_cancelled_before_it_went_on_is_left_open",
        f"{ROOM}/eager.py",
        "    task.add_done_callback(begun.drop)\n",
        "",
        EAGER,
    ),
    Mutant(
        "a_failure_of_the_first_part_is_lost",
        f"{ROOM}/eager.py",
        "if self._error is not None:",
        "if self._result is not None:",
        EAGER,
    ),
    Mutant(
        "each_request_that_ends_starts_the_next_within_itself",
        f"{ROOM}/order_desk.py",
        "        if self._is_starting:",
        "        if self._running < 0:",
        DESK,
    ),
    Mutant(
        "an_order_waits_for_the_next_turn",
        f"{ROOM}/order_desk.py",
        "self._failed, is_urgent=True)",
        "self._failed)",
        DESK,
    ),
    # -- what the engine is told
    Mutant(
        "an_end_is_told_before_the_fills",
        f"{ROOM}/order_news.py",
        "if order.lacks_fills or order.client_order_id not in self.orders:",
        "if order.client_order_id not in self.orders:",
        NEWS,
    ),
    Mutant(
        "a_later_look_reopens_what_is_over",
        f"{ROOM}/order_news.py",
        "if self.state.is_final or state is OrderState.UNKNOWN:",
        "if state is OrderState.UNKNOWN:",
        NEWS,
    ),
    Mutant(
        "a_fill_told_late_takes_the_venues_sum",
        f"{ROOM}/order_news.py",
        'return evolve(update, state=order.told, filled_qty=order.told_qty, reason="")',
        'return evolve(update, state=order.told, filled_qty=order.executed_qty, reason="")',
        NEWS,
    ),
    Mutant(
        "a_refusal_ends_an_order_that_the_venue_showed",
        f"{ROOM}/order_news.py",
        "if order is None or order.was_seen:",
        "if order is None:",
        NEWS,
    ),
    # -- the queue
    Mutant(
        "entries_leave_before_exits",
        f"{ROOM}/effect_queue.py",
        "for waiting in (self._exits, self._entries):",
        "for waiting in (self._entries, self._exits):",
        QUEUE,
    ),
    Mutant(
        "a_cancel_does_not_wait_for_its_order",
        f"{ROOM}/effect_queue.py",
        "        if name in self._busy:\n            self._busy[name] = effect\n",
        "        if False:\n            self._busy[name] = effect\n",
        QUEUE,
    ),
    # -- the desk
    Mutant(
        "one_absence_is_proof",
        f"{ROOM}/order_inquiries.py",
        "if doubt.absences <= 1:",
        "if doubt.absences <= 0:",
        DESK,
    ),
    Mutant(
        "an_order_that_a_query_does_not_find_is_gone",
        f"{ROOM}/order_inquiries.py",
        "answer = await self._among_open(order.symbol, name)",
        "answer = None",
        DESK,
    ),
    Mutant(
        "what_a_lost_order_traded_is_lost_with_it",
        f"{ROOM}/order_inquiries.py",
        "            await self.fetch_trades(order.symbol)  # what",
        "            # what",
        DESK,
    ),
    Mutant(
        "an_early_absence_counts",
        f"{ROOM}/order_inquiries.py",
        "doubt.absences += asked_ms >= doubt.absent_ms",
        "doubt.absences += 1",
        DESK,
    ),
    Mutant(
        "a_cancel_is_tried_once",
        f"{ROOM}/order_desk.py",
        "self.inquiries.doubt(name, self._network.now_ms()).cancels = True",
        "self.inquiries.doubt(name, self._network.now_ms())",
        DESK,
    ),
    Mutant(
        "a_trade_of_an_order_not_seen_yet_is_thrown_away",
        f"{ROOM}/order_inquiries.py",
        "may_be_ours = news.awaits_first_sight(symbol)",
        "may_be_ours = False",
        DESK,
    ),
    Mutant(
        "a_gap_is_never_closed",
        f"{ROOM}/order_inquiries.py",
        "            self._stream.merged(gap, {})\n",
        "",
        DESK,
    ),
    Mutant(
        "settling_does_not_look",
        f"{ROOM}/order_desk.py",
        "while not (self._is_idle and inquiries.merges > done >= 0):",
        "while not self._is_idle:",
        DESK,
    ),
    # -- why runs differ
    Mutant(
        "a_refusal_is_called_latency",
        f"{RUNNER}/walking.py",
        "if is_own_refusal(detail) else Cause.VENUE_ANSWER\n",
        "if is_own_refusal(detail) else Cause.LATENCY\n",
        CAUSES,
    ),
    Mutant(
        "news_of_a_missing_quote_is_latency",
        f"{RUNNER}/walking.py",
        "cause = Cause.LATENCY if pair.a and pair.b else Cause.DATA_ORDER",
        "cause = Cause.LATENCY",
        CAUSES,
    ),
    Mutant(
        "equal_news_differs",
        f"{RUNNER}/aligning.py",
        "for news in (told_a - told_b).elements():",
        "for news in told_a.elements():",
        CAUSES,
    ),
    Mutant(
        "fills_in_another_order_are_a_difference",
        f"{RUNNER}/agreement.py",
        "if _is_reordered(fills.get(symbol, []), rows):",
        "if False:",
        AGREEMENT,
    ),
)
