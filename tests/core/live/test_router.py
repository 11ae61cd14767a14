"""LIVE-15: each rule of the router at its boundary."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from attrs import evolve

from grinder_core.contracts.enums import ActionType, OrderState, RiskIntent, Side
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.contracts.live import RouteDecision, RouteReason
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import exact
from grinder_core.orders.route_request import (
    Headroom,
    RestingOrder,
    RouteBook,
    RouteCapabilities,
    RouteRequest,
)
from grinder_core.orders.router import replacement, sort_key
from grinder_core.orders.router_limits import RouterLimits, parse_router_limits
from grinder_core.orders.router_settings import GRID, QUOTING, RouterSettings
from tests.support.routing import (
    NOW,
    PLENTY,
    Scene,
    a_book,
    a_request,
    a_resting,
    an_exit,
    some_limits,
)

D = Decimal
NOTHING = Headroom(orders_soft=0, orders_hard=0, cancels=0)
ONLY_HARD = Headroom(orders_soft=0, orders_hard=1, cancels=1)


def says(scene: Scene) -> str:
    answer = scene.routed()
    return f"{answer.decision} {answer.reason}"


def order_of(scene: Scene) -> tuple[Decimal | None, Decimal]:
    order = scene.routed().order
    assert order is not None
    return order.price, order.qty


def a_cancel(**changes: Any) -> RouteRequest:
    return a_request(
        action=ActionType.CANCEL, intent=RiskIntent.CANCEL, price=None, qty=D(0), **changes
    )


# -- 1, 2: cancels


@pytest.mark.parametrize(
    ("resting", "headroom", "expected"),
    [
        (None, PLENTY, "SKIP ALREADY_TERMINAL"),
        (a_resting(state=OrderState.FILLED), PLENTY, "SKIP ALREADY_TERMINAL"),
        (a_resting(state=OrderState.EXPIRED, cancel_in_flight=True), PLENTY,
         "SKIP ALREADY_TERMINAL"),
        (a_resting(cancel_in_flight=True), PLENTY, "SKIP CANCEL_IN_FLIGHT"),
        (a_resting(write_in_flight=True, cancel_in_flight=True), PLENTY, "SKIP CANCEL_IN_FLIGHT"),
        (a_resting(), PLENTY, "CANCEL REQUESTED"),
        (a_resting(write_in_flight=True), PLENTY, "CANCEL REQUESTED"),
        (a_resting(state=OrderState.PENDING), PLENTY, "CANCEL REQUESTED"),
        (a_resting(state=OrderState.UNKNOWN), PLENTY, "CANCEL REQUESTED"),
        (a_resting(), Headroom(orders_soft=0, orders_hard=0, cancels=1), "CANCEL REQUESTED"),
        (a_resting(), Headroom(orders_soft=9, orders_hard=9, cancels=0), "SKIP RATE_BUDGET"),
    ],
)  # fmt: skip
def test_a_cancel_needs_a_live_order_and_room(
    resting: RestingOrder | None, headroom: Headroom, expected: str
) -> None:
    scene = Scene(request=a_cancel(), resting=resting, headroom=headroom, book=None, limits=None)
    assert says(scene) == expected


# -- 3: numbers


@pytest.mark.parametrize("text", ["0", "-0", "-1", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_above_0_is_no_order(text: str) -> None:
    for make in (a_request, an_exit):
        assert says(Scene(request=make(price=D(text)))) == "SKIP INVALID_ORDER"
        assert says(Scene(request=make(qty=D(text)))) == "SKIP INVALID_ORDER"


def test_new_risk_never_goes_at_the_market() -> None:
    assert says(Scene(request=a_request(price=None))) == "SKIP INVALID_ORDER"
    assert says(Scene(request=an_exit(price=None))) == "PLACE NEW_ORDER"


def test_a_purchase_below_one_tick_has_no_price_left() -> None:
    free = some_limits(min_notional=D(0), mark_price=None)
    scene = Scene(request=a_request(price=D("0.09")), limits=free)
    assert says(scene) == "SKIP INVALID_ORDER"
    assert order_of(evolve(scene, request=a_request(price=D("0.1")))) == (D("0.1"), D(1))


def test_a_bad_number_is_told_before_what_is_in_flight() -> None:
    scene = Scene(request=a_request(qty=D(0)), resting=a_resting(write_in_flight=True))
    assert says(scene) == "SKIP INVALID_ORDER"


# -- 4: in flight


@pytest.mark.parametrize(
    ("changes", "is_unsettled"),
    [
        ({"state": OrderState.PENDING}, True),
        ({"state": OrderState.UNKNOWN}, True),
        ({"write_in_flight": True}, True),
        ({"cancel_in_flight": True}, True),
        ({"state": OrderState.PARTIALLY_FILLED, "cancel_in_flight": True}, True),
        ({"state": OrderState.PARTIALLY_FILLED}, False),
        ({}, False),
    ],
)
def test_an_order_with_something_in_flight_is_left_alone(
    changes: dict[str, Any], is_unsettled: bool
) -> None:
    for request in (a_request(price=D("98.0")), an_exit()):
        answer = says(Scene(request=request, resting=a_resting(**changes)))
        assert (answer == "SKIP ORDER_IN_FLIGHT") == is_unsettled


@pytest.mark.parametrize("state", [state for state in OrderState if state.is_final])
def test_the_place_of_a_finished_order_is_free(state: OrderState) -> None:
    scene = Scene(request=a_request(), resting=a_resting(state=state, write_in_flight=True))
    assert says(scene) == "PLACE NEW_ORDER"


# -- 5 to 9: the venue's rules


def test_without_constraints_nothing_new_is_sent_and_exits_go_unrounded() -> None:
    assert says(Scene(request=a_request(), limits=None)) == "SKIP CONSTRAINTS_MISSING"
    odd = an_exit(price=D("101.0123"), qty=D("0.0001234"))
    assert order_of(Scene(request=odd, limits=None)) == (D("101.0123"), D("0.0001234"))


@pytest.mark.parametrize(
    ("side", "price", "rounded"),
    [
        (Side.BUY, "99.09", "99.0"),
        (Side.BUY, "99.1", "99.1"),
        (Side.SELL, "101.01", "101.1"),
        (Side.SELL, "101.1", "101.1"),
    ],
)
def test_prices_are_rounded_away_from_the_market(side: Side, price: str, rounded: str) -> None:
    request = a_request(side=side, price=D(price), qty=D("1.009"))
    assert order_of(Scene(request=request)) == (D(rounded), D("1.00"))


@pytest.mark.parametrize(
    ("qty", "expected"),
    [("0.0199", "SKIP EXEC_QTY_BELOW_MIN_QTY"), ("0.02", "PLACE NEW_ORDER"),
     ("0.0001", "SKIP EXEC_QTY_BELOW_MIN_QTY")],
)  # fmt: skip
def test_the_least_quantity_is_enough_and_holds_for_exits_too(qty: str, expected: str) -> None:
    assert says(Scene(request=an_exit(qty=D(qty)))) == expected
    assert says(Scene(request=an_exit(qty=D(qty), price=None))) == expected
    free = some_limits(min_notional=D(0))
    assert says(Scene(request=a_request(qty=D(qty)), limits=free)) == expected


def test_less_than_a_step_is_nothing_even_without_a_least_quantity() -> None:
    free = some_limits(min_qty=D(0), min_notional=D(0))
    small = a_request(qty=D("0.009"))
    assert says(Scene(request=small, limits=free)) == "SKIP EXEC_QTY_BELOW_MIN_QTY"


@pytest.mark.parametrize(
    ("request_", "expected", "qty"),
    [
        (a_request(qty=D("1000.009")), "PLACE NEW_ORDER", "1000"),
        (a_request(qty=D("1000.01")), "SKIP EXEC_QTY_ABOVE_MAX_QTY", None),
        (an_exit(qty=D("1000.01")), "PLACE NEW_ORDER", "1000"),
        (an_exit(qty=D("120.01"), price=None), "PLACE NEW_ORDER", "120"),
        (an_exit(qty=D("120"), price=None), "PLACE NEW_ORDER", "120"),
    ],
)
def test_new_risk_above_the_largest_quantity_is_refused_and_exits_are_cut(
    request_: RouteRequest, expected: str, qty: str | None
) -> None:
    scene = Scene(request=request_)
    assert says(scene) == expected
    if qty is not None:
        assert order_of(scene)[1] == D(qty)


def test_an_exit_is_cut_to_whole_steps() -> None:
    odd = some_limits(max_qty=D("7.777"))
    assert order_of(Scene(request=an_exit(qty=D(50)), limits=odd))[1] == D("7.77")
    assert order_of(Scene(request=an_exit(qty=D(50)), limits=some_limits(max_qty=None)))[1] == 50


@pytest.mark.parametrize(
    ("least", "expected"),
    [("99", "PLACE NEW_ORDER"), ("99.01", "SKIP EXEC_NOTIONAL_BELOW_MIN")],
)
def test_the_least_notional_is_enough_and_spares_what_is_reduce_only(
    least: str, expected: str
) -> None:
    rules = some_limits(min_notional=D(least))
    assert says(Scene(request=a_request(qty=D("1.009")), limits=rules)) == expected
    plain = a_request(reduce_only=False, intent=RiskIntent.REDUCE_RISK)
    assert says(Scene(request=plain, limits=rules)) == expected
    assert says(Scene(request=a_request(reduce_only=True), limits=rules)) == "PLACE NEW_ORDER"


@pytest.mark.parametrize(
    ("side", "price", "is_inside"),
    [
        (Side.BUY, "105.0", True),
        (Side.BUY, "105.1", False),
        (Side.BUY, "1.0", True),
        (Side.SELL, "95.0", True),
        (Side.SELL, "94.9", False),
        (Side.SELL, "300.0", True),
    ],
)
def test_each_side_has_one_bound_of_the_price_band(side: Side, price: str, is_inside: bool) -> None:
    for reduce_only in (False, True):
        order = a_request(
            intent=RiskIntent.REDUCE_RISK,
            side=side,
            price=D(price),
            qty=D(10),
            reduce_only=reduce_only,
        )
        expected = "PLACE NEW_ORDER" if is_inside else "SKIP PRICE_OUT_OF_BAND"
        assert says(Scene(request=order)) == expected
        for blind in ({"mark_price": None}, {"multiplier_up": None, "multiplier_down": None}):
            assert says(Scene(request=order, limits=some_limits(**blind))) == "PLACE NEW_ORDER"


def test_an_order_at_the_market_meets_no_test_of_its_price() -> None:
    strict = some_limits(min_notional=D(10**9), multiplier_up=D("0.001"))
    exit_ = an_exit(price=None, side=Side.BUY, reduce_only=False)
    assert order_of(Scene(request=exit_, limits=strict, book=None)) == (None, D(1))


# -- 10, 11: the book


@pytest.mark.parametrize(("age_ms", "is_fresh"), [(0, True), (2_000, True), (2_001, False)])
def test_new_risk_needs_a_fresh_book_and_exits_do_not(age_ms: int, is_fresh: bool) -> None:
    book = a_book(age_ms=age_ms)
    expected = "PLACE NEW_ORDER" if is_fresh else "SKIP BOOK_STALE"
    assert says(Scene(request=a_request(), book=book)) == expected
    assert says(Scene(request=a_request(), book=None)) == "SKIP BOOK_STALE"
    assert says(Scene(request=an_exit(), book=book)) == "PLACE NEW_ORDER"
    assert says(Scene(request=an_exit(post_only=True), book=None)) == "PLACE NEW_ORDER"


@pytest.mark.parametrize(
    ("side", "price", "sent"),
    [
        (Side.BUY, "100.0", "100.0"),
        (Side.BUY, "100.1", "100.0"),
        (Side.BUY, "100.19", "100.0"),
        (Side.SELL, "100.0", "100.0"),
        (Side.SELL, "99.9", "100.0"),
        (Side.SELL, "99.81", "100.0"),
    ],
)
def test_a_post_only_order_is_moved_to_the_last_price_that_rests(
    side: Side, price: str, sent: str
) -> None:
    request, wide = a_request(side=side, price=D(price)), RouterSettings(post_only_max_shift_bps=20)
    assert order_of(Scene(request=request, settings=wide))[0] == D(sent)


def test_an_order_that_may_take_is_not_moved() -> None:
    taking = a_request(price=D("100.5"), post_only=False)
    assert order_of(Scene(request=taking))[0] == D("100.5")


@pytest.mark.parametrize(
    ("shift", "expected"), [(10, "PLACE NEW_ORDER"), (9, "SKIP POST_ONLY_WOULD_CROSS")]
)
def test_a_post_only_order_is_moved_so_far_and_no_further(shift: int, expected: str) -> None:
    settings = RouterSettings(post_only_max_shift_bps=shift)
    # from 100.0 to 99.9: 10 bps of the price exactly
    scene = Scene(
        request=a_request(price=D("100.0")), book=a_book("99.8", "100.0"), settings=settings
    )
    assert says(scene) == expected


def test_a_book_off_the_tick_moves_the_order_to_a_tick() -> None:
    scene = Scene(request=a_request(price=D("100.1")), book=a_book("99.9", "100.07"))
    assert says(scene) == "SKIP POST_ONLY_WOULD_CROSS"  # 99.9: almost 20 bps
    wide = evolve(scene, settings=RouterSettings(post_only_max_shift_bps=20))
    assert order_of(wide)[0] == D("99.9")


def test_below_the_first_tick_nothing_rests() -> None:
    free = some_limits(min_notional=D(0), mark_price=None)
    scene = Scene(
        request=a_request(price=D("0.1")),
        book=RouteBook(bid=D("0.1"), ask=D("0.1"), ts_ms=NOW),
        limits=free,
        settings=RouterSettings(post_only_max_shift_bps=10_000),
    )
    assert says(scene) == "SKIP POST_ONLY_WOULD_CROSS"


def test_a_moved_order_must_still_be_dear_enough() -> None:
    rules = some_limits(min_notional=D("100.1"))
    scene = Scene(request=a_request(price=D("100.1")), limits=rules)
    assert says(scene) == "SKIP EXEC_NOTIONAL_BELOW_MIN"
    assert says(evolve(scene, request=a_request(price=D("100.1"), post_only=False))) == (
        "PLACE NEW_ORDER"
    )


def test_without_a_tick_a_crossing_post_only_exit_is_not_moved() -> None:
    crossing = an_exit(price=D("99.9"), post_only=True)
    assert says(Scene(request=crossing, limits=None)) == "SKIP POST_ONLY_WOULD_CROSS"
    assert says(Scene(request=an_exit(post_only=True), limits=None)) == "PLACE NEW_ORDER"


# -- 12, 13: nothing rests, or too much was executed


def test_a_new_order_needs_room_below_the_limit_of_its_intent() -> None:
    assert says(Scene(request=a_request(), headroom=NOTHING)) == "SKIP RATE_BUDGET"
    assert says(Scene(request=a_request(), headroom=ONLY_HARD)) == "SKIP RATE_BUDGET"
    assert says(Scene(request=an_exit(), headroom=ONLY_HARD)) == "PLACE NEW_ORDER"
    assert says(Scene(request=an_exit(), headroom=NOTHING)) == "SKIP RATE_BUDGET"
    no_cancels = Headroom(orders_soft=1, orders_hard=1, cancels=0)
    assert says(Scene(request=a_request(), headroom=no_cancels)) == "PLACE NEW_ORDER"


@pytest.mark.parametrize(
    ("executed", "target", "expected"),
    [
        ("0.5", "0.5", "CANCEL TARGET_ALREADY_FILLED"),
        ("0.5", "0.509", "CANCEL TARGET_ALREADY_FILLED"),
        ("0.5", "0.51", "AMEND QTY_CHANGE"),
    ],
)
def test_what_is_executed_beyond_the_target_is_cancelled(
    executed: str, target: str, expected: str
) -> None:
    resting = a_resting(state=OrderState.PARTIALLY_FILLED, executed_qty=D(executed))
    scene = Scene(request=a_request(qty=D(target)), resting=resting)
    assert says(scene) == expected
    if expected.startswith("CANCEL"):
        no_cancels = Headroom(orders_soft=9, orders_hard=9, cancels=0)
        assert says(evolve(scene, headroom=no_cancels)) == "SKIP RATE_BUDGET"


# -- 14 to 16: leave it


def test_what_is_there_already_is_left_even_without_room() -> None:
    scene = Scene(request=a_request(price=D("99.09")), resting=a_resting(), headroom=NOTHING)
    assert says(scene) == "SKIP NO_CHANGE"


@pytest.mark.parametrize(
    ("price", "qty", "expected"),
    [
        ("99.1", "1", "SKIP WITHIN_TOLERANCE"),
        ("98.9", "1.04", "SKIP WITHIN_TOLERANCE"),
        ("99.2", "1", "AMEND PRICE_CHANGE"),
        ("98.8", "1", "AMEND PRICE_CHANGE"),
        ("99.0", "1.05", "AMEND QTY_CHANGE"),
        ("99.0", "0.95", "AMEND QTY_CHANGE"),
        ("99.0", "0.96", "SKIP WITHIN_TOLERANCE"),
        ("99.2", "0.96", "AMEND PRICE_QTY_CHANGE"),
    ],
)
def test_a_change_of_new_risk_must_be_worth_it(price: str, qty: str, expected: str) -> None:
    scene = Scene(request=a_request(price=D(price), qty=D(qty)), resting=a_resting())
    assert says(scene) == expected


@pytest.mark.parametrize(
    ("price", "expected"),
    [("100000.1", "SKIP WITHIN_TOLERANCE"), ("100019.9", "SKIP WITHIN_TOLERANCE"),
     ("100020.0", "AMEND PRICE_CHANGE")],
)  # fmt: skip
def test_of_ticks_and_basis_points_the_larger_counts(price: str, expected: str) -> None:
    scene = Scene(
        request=a_request(price=D(price)),
        resting=a_resting(price=D("100000.0")),
        book=a_book("100100", "100101"),
        limits=some_limits(mark_price=None),
    )
    assert says(scene) == expected
    assert says(evolve(scene, settings=QUOTING)) == "AMEND PRICE_CHANGE"


def test_exits_follow_every_change_at_once() -> None:
    resting = a_resting(
        side=Side.SELL, price=D("101.1"), reduce_only=True, post_only=False, last_change_ts_ms=NOW
    )
    assert says(Scene(request=an_exit(), resting=resting)) == "AMEND PRICE_CHANGE"


@pytest.mark.parametrize(
    ("age", "expected"), [(499, "SKIP AMEND_INTERVAL"), (500, "AMEND PRICE_CHANGE")]
)
def test_new_risk_waits_between_two_changes(age: int, expected: str) -> None:
    resting = a_resting(last_change_ts_ms=NOW - age)
    assert says(Scene(request=a_request(price=D("98.0")), resting=resting)) == expected


# -- 17: the budget


@pytest.mark.parametrize(
    ("qty", "headroom", "expected"),
    [
        ("0.5", ONLY_HARD, "CANCEL RATE_BUDGET_DERISK"),
        ("0.99", ONLY_HARD, "CANCEL RATE_BUDGET_DERISK"),
        ("1", ONLY_HARD, "SKIP RATE_BUDGET"),
        ("2", ONLY_HARD, "SKIP RATE_BUDGET"),
        ("0.5", NOTHING, "SKIP RATE_BUDGET"),
        ("0.5", Headroom(orders_soft=0, orders_hard=1, cancels=0), "SKIP RATE_BUDGET"),
        ("0.5", Headroom(orders_soft=1, orders_hard=1, cancels=0), "AMEND PRICE_QTY_CHANGE"),
    ],
)
def test_without_room_less_risk_is_had_by_cancelling(
    qty: str, headroom: Headroom, expected: str
) -> None:
    scene = Scene(
        request=a_request(price=D("98.0"), qty=D(qty)), resting=a_resting(), headroom=headroom
    )
    assert says(scene) == expected


def test_an_exit_is_never_cancelled_for_lack_of_room() -> None:
    resting = a_resting(side=Side.SELL, price=D("102.0"), reduce_only=True, post_only=False)
    smaller = an_exit(qty=D("0.5"))
    no_orders = Headroom(orders_soft=0, orders_hard=0, cancels=9)
    assert says(Scene(request=smaller, resting=resting, headroom=no_orders)) == "SKIP RATE_BUDGET"
    assert says(Scene(request=smaller, resting=resting, headroom=ONLY_HARD)) == (
        "AMEND PRICE_QTY_CHANGE"
    )


def test_two_requests_need_room_for_both() -> None:
    scene = Scene(request=a_request(), resting=a_resting(side=Side.SELL))
    assert says(scene) == "CANCEL_REPLACE ATTRIBUTE_CHANGE"
    no_cancels = Headroom(orders_soft=9, orders_hard=9, cancels=0)
    assert says(evolve(scene, headroom=no_cancels)) == "SKIP RATE_BUDGET"


# -- 18 to 20: how


@pytest.mark.parametrize(
    "changes", [{"side": Side.SELL}, {"reduce_only": True}, {"post_only": False}]
)
def test_what_no_amend_can_change_takes_a_new_order(changes: dict[str, Any]) -> None:
    resting = a_resting(**changes)
    assert says(Scene(request=a_request(), resting=resting)) == "CANCEL_REPLACE ATTRIBUTE_CHANGE"


@pytest.mark.parametrize(
    ("can", "amends", "expected"),
    [
        (RouteCapabilities(supports_amend=False, max_amends=0), 0, "AMEND_UNSUPPORTED"),
        (RouteCapabilities(supports_amend=True, max_amends=3), 3, "AMEND_LIMIT_REACHED"),
        (RouteCapabilities(supports_amend=True, max_amends=3), 2, "PRICE_CHANGE"),
    ],
)
def test_an_amend_must_be_possible(can: RouteCapabilities, amends: int, expected: str) -> None:
    scene = Scene(
        request=a_request(price=D("98.0")), resting=a_resting(amend_count=amends), capabilities=can
    )
    assert scene.routed().reason == expected
    assert (scene.routed().decision is RouteDecision.AMEND) == (expected == "PRICE_CHANGE")


def test_an_order_at_the_market_is_not_amended() -> None:
    limit = a_resting(side=Side.SELL, reduce_only=True, post_only=False)
    market = evolve(limit, price=None)
    expected = "CANCEL_REPLACE AMEND_UNSUPPORTED"
    assert says(Scene(request=an_exit(price=None), resting=limit)) == expected
    assert says(Scene(request=an_exit(), resting=market)) == expected
    assert says(Scene(request=an_exit(price=None), resting=market)) == "SKIP NO_CHANGE"


@pytest.mark.parametrize(
    ("price", "qty", "expected"),
    [
        ("100.02", "1", "AMEND PRICE_CHANGE"),  # 2 bps (MM-13)
        ("100.05", "1", "CANCEL_REPLACE AMEND_THRESHOLD"),  # 5 bps
        ("100.03", "1", "AMEND PRICE_CHANGE"),
        ("99.97", "1", "AMEND PRICE_CHANGE"),
        ("100.04", "1", "CANCEL_REPLACE AMEND_THRESHOLD"),
        ("100.00", "1.2", "AMEND QTY_CHANGE"),
        ("100.00", "0.8", "AMEND QTY_CHANGE"),
        ("100.00", "1.21", "CANCEL_REPLACE AMEND_THRESHOLD"),
        ("100.03", "1.2", "AMEND PRICE_QTY_CHANGE"),
    ],
)
def test_quotes_are_amended_only_near_where_they_are(price: str, qty: str, expected: str) -> None:
    scene = Scene(
        request=a_request(price=D(price), qty=D(qty)),
        resting=a_resting(price=D("100.00")),
        book=a_book("100.05", "100.10"),
        limits=some_limits(tick_size=D("0.01")),
        settings=QUOTING,
    )
    assert says(scene) == expected
    assert expected[:4] == "AMEN" or says(evolve(scene, settings=GRID)).startswith("AMEND")


def test_the_two_named_settings_are_those_of_the_specification() -> None:
    assert RouterSettings() == GRID
    assert (GRID.replace_threshold_bps, GRID.amend_size_threshold) == (None, None)
    assert (GRID.min_reprice_ticks, GRID.min_reprice_bps) == (2, 2)
    assert (QUOTING.replace_threshold_bps, QUOTING.amend_size_threshold) == (D(3), D("0.2"))
    assert (QUOTING.min_reprice_ticks, QUOTING.min_reprice_bps) == (1, 0)
    for settings in (GRID, QUOTING):
        assert settings.max_book_age_ms == 2_000
        assert settings.post_only_max_shift_bps == 10
        assert settings.min_resize_bps == 500
        assert settings.min_amend_interval_ms == 500


@pytest.mark.parametrize(
    "changes",
    [{"min_reprice_ticks": 0}, {"min_resize_bps": 0}, {"post_only_max_shift_bps": 10_001},
     {"max_book_age_ms": -1}, {"replace_threshold_bps": D(101)}, {"amend_size_threshold": D(-1)}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RouterSettings(**changes)


# -- the second half, the order of sending, what is left


@pytest.mark.parametrize(
    ("executed", "expected"),
    [("0", "2"), ("0.5", "1.5"), ("0.505", "1.49"), ("1.94", "0.06"), ("1.95", None),
     ("1.985", None), ("2", None), ("2.5", None)],
)  # fmt: skip
def test_the_second_half_is_what_was_not_executed(executed: str, expected: str | None) -> None:
    wanted = a_request(action=ActionType.REPLACE, qty=D(2))  # 5 quote are 0.0505 at 99
    with exact():
        rest = replacement(wanted, D(executed), some_limits())
    assert (None if expected is None else D(expected)) == (rest and rest.qty)
    if rest:
        assert rest == evolve(wanted, action=ActionType.PLACE, qty=rest.qty)


def test_the_second_half_of_an_exit_may_be_cheap_but_not_small() -> None:
    with exact():
        for limits, executed, left in (
            (some_limits(), "0.98", "0.02"),
            (some_limits(), "0.981", None),
            (None, "0.9999", "0.0001"),
            (None, "1", None),
        ):
            rest = replacement(an_exit(), D(executed), limits)
            assert (rest and rest.qty) == (left and D(left))
        assert replacement(an_exit(price=None), D("0.5"), some_limits()) is not None


def test_cancels_go_first_then_exits_then_new_risk_from_the_market_outwards() -> None:
    expected = [
        a_cancel(client_order_id="z", level_id=9),
        a_cancel(client_order_id="a"),
        an_exit(client_order_id="z", price=D("300.0")),
        an_exit(client_order_id="a", price=None),
        a_request(price=D("100.2"), level_id=5, side=Side.SELL),
        a_request(price=D("99.7"), level_id=1),
        a_request(price=D("100.3"), level_id=2, client_order_id="b"),
        a_request(price=D("99.7"), level_id=2, client_order_id="c"),
        a_request(price=D("100.3"), level_id=2, side=Side.SELL, client_order_id="a"),
        a_request(price=D("102.0"), level_id=1),
    ]
    for i, j in product(range(len(expected)), repeat=2):
        rotated = expected[i:] + expected[:i]
        rotated[j:] = rotated[j:][::-1]
        cancels = [r for r in rotated if r.intent is RiskIntent.CANCEL]
        exits = [r for r in rotated if r.intent is RiskIntent.REDUCE_RISK]
        found = sorted(rotated, key=lambda request: sort_key(request, D(100)))
        assert found == cancels + exits + expected[4:]


def test_requests_without_a_distance_can_be_ordered() -> None:
    odd = [a_request(price=D("NaN")), a_request(price=None), a_request(price=D(5), level_id=1)]
    assert [sort_key(request, D(100))[1] for request in odd] == [0, 0, 9_500]
    assert [sort_key(request, None)[1:3] for request in odd] == [(0, 0), (0, 0), (0, 1)]


def test_what_is_sent_is_taken_from_the_headroom() -> None:
    room = Headroom(orders_soft=1, orders_hard=3, cancels=1)
    left = {
        RouteDecision.SKIP: room,
        RouteDecision.CANCEL: evolve(room, cancels=0),
        RouteDecision.PLACE: evolve(room, orders_soft=0, orders_hard=2),
        RouteDecision.AMEND: evolve(room, orders_soft=0, orders_hard=2),
        RouteDecision.CANCEL_REPLACE: Headroom(orders_soft=0, orders_hard=2, cancels=0),
    }
    assert {decision: room.after(decision) for decision in RouteDecision} == left
    assert NOTHING.after(RouteDecision.CANCEL_REPLACE) == NOTHING


def test_a_tight_budget_serves_the_nearest_levels() -> None:
    wanted = [a_request(price=D(100 - n), level_id=n) for n in (4, 1, 3, 2)]
    room, sent = Headroom(orders_soft=2, orders_hard=9, cancels=9), []
    for request in sorted(wanted, key=lambda r: sort_key(r, D(100))):
        answer = Scene(request=request, headroom=room).routed()
        room = room.after(answer.decision)
        if answer.decision is RouteDecision.PLACE:
            sent.append(request.level_id)
    assert sent == [1, 2]


# -- the records


def test_new_risk_rests_and_exits_may_take_unless_told_otherwise() -> None:
    assert a_request().post_only
    assert not an_exit().post_only
    assert not a_request(price=None).post_only
    assert not a_cancel().post_only
    assert an_exit(post_only=True).post_only


@pytest.mark.parametrize(
    "changes",
    [
        {"action": ActionType.CANCEL},
        {"intent": RiskIntent.CANCEL},
        {"action": ActionType.NOOP},
        {"price": None, "post_only": True},
        {"symbol": "a"},
        {"level_id": -1},
    ],
)
def test_a_request_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        a_request(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"tick_size": D(0)}, {"tick_size": None}, {"step_size": D("NaN")}, {"min_qty": D(-1)},
        {"min_notional": D("Infinity")}, {"max_qty": D("0.019")}, {"market_max_qty": D(0)},
        {"multiplier_up": D(0)}, {"mark_price": D(-1)},
        {"min_qty": D("0.025"), "max_qty": D("0.029")},
    ],
)  # fmt: skip
def test_rules_that_no_order_can_meet_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        some_limits(**changes)


def test_books_and_rooms_are_checked() -> None:
    for bid, ask in (("0", "1"), ("1", "NaN")):
        with pytest.raises(ContractError):
            a_book(bid, ask)
    with pytest.raises(ContractError):
        Headroom(orders_soft=0, orders_hard=-1, cancels=0)


def test_limits_are_the_lot_rules_and_what_they_lack() -> None:
    lot = SymbolConstraints(step_size=D("0.01"), min_qty=D("0.02"), min_notional=D(5))
    assert RouterLimits.of(lot) is None
    found = RouterLimits.of(
        lot,
        D("0.1"),
        max_qty=D(1000),
        market_max_qty=D(120),
        multiplier_up=D("1.05"),
        multiplier_down=D("0.95"),
    )
    assert found is not None
    assert found.at_mark(D(100)) == some_limits()
    own_tick = RouterLimits.of(evolve(lot, tick_size=D("0.5")))
    assert own_tick is not None
    assert own_tick.tick_size == D("0.5")
    told = RouterLimits.of(evolve(lot, tick_size=D("0.5")), D("0.1"))
    assert told is not None
    assert told.tick_size == D("0.1")


def a_listing(symbol: str, **changes: dict[str, str] | None) -> dict[str, Any]:
    filters: dict[str, dict[str, str] | None] = {
        "PRICE_FILTER": {"tickSize": "0.10"},
        "LOT_SIZE": {"stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        "MARKET_LOT_SIZE": {"stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
        "MIN_NOTIONAL": {"notional": "50"},
        "PERCENT_PRICE": {"multiplierUp": "1.05", "multiplierDown": "0.95"},
    }
    filters.update(changes)
    rows = [{"filterType": name, **f} for name, f in filters.items() if f is not None]
    return {"symbol": symbol, "filters": rows}


def test_limits_are_read_from_the_venues_listing() -> None:
    listing = {
        "symbols": [
            a_listing("BTCUSDT"),
            a_listing("BAREUSDT", MARKET_LOT_SIZE=None, PERCENT_PRICE=None),
            a_listing("NOTICKUSDT", PRICE_FILTER=None),
            a_listing("BADUSDT", PERCENT_PRICE={"multiplierUp": "x", "multiplierDown": "1"}),
            a_listing("NOMAXUSDT", LOT_SIZE={"stepSize": "1", "minQty": "1"}),
            a_listing("NOLOTUSDT", LOT_SIZE=None),
            {"filters": []},
        ]
    }
    found, warnings = parse_router_limits(listing)
    assert found == {
        "BTCUSDT": RouterLimits(
            tick_size=D("0.1"),
            step_size=D("0.001"),
            min_qty=D("0.001"),
            min_notional=D(50),
            max_qty=D(1000),
            market_max_qty=D(120),
            multiplier_up=D("1.05"),
            multiplier_down=D("0.95"),
        ),
        "BAREUSDT": RouterLimits(
            tick_size=D("0.1"),
            step_size=D("0.001"),
            min_qty=D("0.001"),
            min_notional=D(50),
            max_qty=D(1000),
        ),
    }
    assert [text.split()[0] for text in warnings] == ["symbols[6]", "BADUSDT", "NOMAXUSDT"]
    with pytest.raises(ContractError):
        parse_router_limits([])


def test_the_first_filter_of_a_kind_counts() -> None:
    entry = a_listing("BTCUSDT")
    entry["filters"].append({"filterType": "MARKET_LOT_SIZE", "maxQty": "7"})
    found, _ = parse_router_limits({"symbols": [entry]})
    assert found["BTCUSDT"].market_max_qty == D(120)


def test_every_reason_of_the_vocabulary_is_the_routers() -> None:
    far, rests = a_request(price=D("98.0")), a_resting()
    no_amends = RouteCapabilities(supports_amend=False, max_amends=0)
    used_up = RouteCapabilities(supports_amend=True, max_amends=0)
    told = [
        Scene(request=a_cancel()),
        Scene(request=a_cancel(), resting=evolve(rests, cancel_in_flight=True)),
        Scene(request=a_cancel(), resting=rests),
        Scene(request=a_cancel(), resting=rests, headroom=NOTHING),
        Scene(request=a_request(qty=D(0))),
        Scene(request=far, resting=evolve(rests, write_in_flight=True)),
        Scene(request=far, limits=None),
        Scene(request=a_request(qty=D("0.01"))),
        Scene(request=a_request(qty=D(1001))),
        Scene(request=a_request(qty=D("0.02"))),
        Scene(request=a_request(price=D(106))),
        Scene(request=far, book=None),
        Scene(request=a_request(price=D(101))),
        Scene(request=far),
        Scene(request=a_request(qty=D("0.5")), resting=evolve(rests, executed_qty=D("0.5"))),
        Scene(request=a_request(), resting=rests),
        Scene(request=a_request(price=D("99.1")), resting=rests),
        Scene(request=far, resting=evolve(rests, last_change_ts_ms=NOW)),
        Scene(request=a_request(qty=D("0.5")), resting=rests, headroom=ONLY_HARD),
        Scene(request=far, resting=evolve(rests, side=Side.SELL)),
        Scene(request=far, resting=rests),
        Scene(request=a_request(qty=D(2)), resting=rests),
        Scene(request=evolve(far, qty=D(2)), resting=rests),
        Scene(request=far, resting=rests, capabilities=no_amends),
        Scene(request=far, resting=rests, capabilities=used_up),
        Scene(request=far, resting=rests, settings=QUOTING),
    ]
    assert [scene.routed().reason for scene in told] == list(RouteReason)
