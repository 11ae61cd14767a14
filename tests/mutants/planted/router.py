"""Known ways to break the order router: budgets, rounding, bounds, the book, what is in flight."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

ROUTER: Final = "grinder_core/orders/router.py"
VENUE_ORDER: Final = "grinder_core/orders/venue_order.py"
RECORDS: Final = "grinder_core/orders/route_request.py"
LIMITS: Final = "grinder_core/orders/router_limits.py"
BY_RULES: Final = ("tests/core/live/test_router.py",)
BY_INVARIANTS: Final = ("tests/core/live/test_router_properties.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "an_order_of_unknown_fate_is_changed",
        RECORDS,
        "frozenset({OrderState.PENDING, OrderState.UNKNOWN})",
        "frozenset({OrderState.PENDING})",
        BY_INVARIANTS,
    ),
    Mutant(
        "an_order_that_is_being_cancelled_is_changed",
        RECORDS,
        "return self.write_in_flight or self.cancel_in_flight or self.state in _UNSETTLED",
        "return self.write_in_flight or self.state in _UNSETTLED",
        BY_INVARIANTS,
    ),
    Mutant(
        "a_pending_order_cannot_be_cancelled",
        RECORDS,
        "{OrderState.PENDING, OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}",
        "{OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}",
        BY_RULES,
    ),
    Mutant(
        "new_risk_fills_the_budget_of_exits",
        RECORDS,
        "return self.orders_soft if intent is RiskIntent.INCREASE_RISK else self.orders_hard",
        "return self.orders_hard",
        BY_INVARIANTS,
    ),
    Mutant(
        "a_replacement_is_counted_as_one_request",
        RECORDS,
        "    {RouteDecision.PLACE, RouteDecision.AMEND, RouteDecision.CANCEL_REPLACE}\n",
        "    {RouteDecision.PLACE, RouteDecision.AMEND}\n",
        BY_RULES,
    ),
    Mutant(
        "exits_rest_like_new_risk",
        RECORDS,
        "return self.intent is RiskIntent.INCREASE_RISK and self.price is not None",
        "return self.price is not None",
        BY_RULES,
    ),
    Mutant(
        "prices_are_rounded_towards_the_market",
        VENUE_ORDER,
        "return price - beyond if side is BUY else price - beyond + tick",
        "return price - beyond + tick if side is BUY else price - beyond",
        BY_INVARIANTS,
    ),
    Mutant(
        "exits_need_constraints",
        VENUE_ORDER,
        "        if adds_risk:  # 5; an exit goes on unrounded\n"
        "            return RouteReason.CONSTRAINTS_MISSING\n",
        "        return RouteReason.CONSTRAINTS_MISSING\n",
        BY_RULES,
    ),
    Mutant(
        "a_large_exit_is_refused",
        VENUE_ORDER,
        "if request.intent is not _REDUCE:",
        "if request.intent is not None:",
        BY_RULES,
    ),
    Mutant(
        "an_exit_is_cut_to_no_step",
        VENUE_ORDER,
        "qty = most - most % limits.step_size",
        "qty = most",
        BY_RULES,
    ),
    Mutant(
        "a_market_order_is_as_large_as_a_limit_order",
        VENUE_ORDER,
        "most = limits.market_max_qty if price is None else limits.max_qty",
        "most = limits.max_qty",
        BY_RULES,
    ),
    Mutant(
        "exits_need_the_least_notional",
        VENUE_ORDER,
        "return not request.reduce_only and price * qty < limits.min_notional",
        "return price * qty < limits.min_notional",
        BY_RULES,
    ),
    Mutant(
        "the_price_band_of_the_other_side",
        VENUE_ORDER,
        "        if request.side is BUY:\n",
        "        if request.side is not BUY:\n",
        BY_INVARIANTS,
    ),
    Mutant(
        "a_book_of_the_greatest_age_is_stale",
        VENUE_ORDER,
        "now_ms - book.ts_ms > settings.max_book_age_ms",
        "now_ms - book.ts_ms >= settings.max_book_age_ms",
        BY_RULES,
    ),
    Mutant(
        "post_only_meets_the_touch",
        VENUE_ORDER,
        "return price >= book.ask if side is BUY else price <= book.bid",
        "return price > book.ask if side is BUY else price < book.bid",
        BY_INVARIANTS,
    ),
    Mutant(
        "a_moved_order_is_not_judged_again",
        VENUE_ORDER,
        "        if refusal := _refusal(moved, qty, request, limits):\n"
        "            return refusal\n",
        "",
        BY_RULES,
    ),
    Mutant(
        "a_filled_target_is_amended",
        ROUTER,
        "if resting.executed_qty >= order.qty:  # 13",
        "if resting.executed_qty > order.qty:  # 13",
        BY_RULES,
    ),
    Mutant(
        "exits_wait_between_two_changes",
        ROUTER,
        "    if order.intent is not _INCREASE:  # an exit is worth every request\n"
        "        return None\n",
        "",
        BY_RULES,
    ),
    Mutant(
        "a_cancel_ignores_the_budget",
        ROUTER,
        "    if headroom.cancels:\n        return _TAKE_OUT[RouteReason.REQUESTED]\n",
        "    if headroom.orders_hard or headroom.cancels:\n"
        "        return _TAKE_OUT[RouteReason.REQUESTED]\n",
        BY_RULES,
    ),
    Mutant(
        "exits_are_cancelled_for_lack_of_room",
        ROUTER,
        "if order.intent is _INCREASE and order.qty < resting.orig_qty and headroom.cancels:",
        "if order.qty < resting.orig_qty and headroom.cancels:",
        BY_RULES,
    ),
    Mutant(
        "a_replacement_forgets_what_was_executed",
        ROUTER,
        "rest = request.qty - executed_qty",
        "rest = request.qty",
        BY_RULES,
    ),
    Mutant(
        "reduce_only_is_amended_away",
        ROUTER,
        "        or order.reduce_only is not resting.reduce_only\n",
        "",
        BY_RULES,
    ),
    Mutant(
        "one_amend_more_than_the_venue_allows",
        ROUTER,
        "if resting.amend_count >= capabilities.max_amends:",
        "if resting.amend_count > capabilities.max_amends:",
        BY_RULES,
    ),
    Mutant(
        "new_risk_is_sent_before_exits",
        ROUTER,
        "{RiskIntent.CANCEL: 0, RiskIntent.REDUCE_RISK: 1, RiskIntent.INCREASE_RISK: 2}",
        "{RiskIntent.CANCEL: 0, RiskIntent.REDUCE_RISK: 2, RiskIntent.INCREASE_RISK: 1}",
        BY_RULES,
    ),
    Mutant(
        "the_largest_market_order_is_read_from_the_wrong_filter",
        LIMITS,
        'bound("MARKET_LOT_SIZE", "maxQty")',
        'bound("LOT_SIZE", "maxQty")',
        BY_RULES,
    ),
)
