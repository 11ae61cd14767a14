"""Conditional orders: they wait, are reached by their price, and become normal orders (6.4)."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.venue.exchange import conditional
from grinder_core.venue.exchange.conditional_order import (
    ConditionalOrder,
    ConditionalStatus,
    WorkingPrice,
)
from grinder_core.venue.exchange.settings import ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    OrderStatus,
    OrderType,
    PositionSide,
    SymbolStatus,
    TimeInForce,
)
from tests.core.exchange.scene import (
    AAA,
    BBB,
    BUY,
    ME,
    SELL,
    YOU,
    D,
    Number,
    Scene,
    an_instrument,
    waits,
)

WAITS, TRIGGERED, FINISHED, CANCELED, REJECTED, OVER = ConditionalStatus
STOP, STOP_MARKET = OrderType.STOP, OrderType.STOP_MARKET
TAKE, TAKE_MARKET = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_MARKET
TRAIL = OrderType.TRAILING_STOP_MARKET
MARK = WorkingPrice.MARK_PRICE
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def made_of(scene: Scene, order: ConditionalOrder) -> Any:
    """The normal order that it became."""
    return scene.floor.find(ME, AAA, order.order_number, "")


# -- waiting


def test_it_waits_outside_the_book_and_says_so() -> None:
    scene = Scene()
    scene.wait(5)
    order = waits(scene.wait_for(SELL, STOP_MARKET, 2, 90, client_id="x"))
    assert (order.number, order.status, order.created_at) == (1, WAITS, scene.now)
    assert scene.conditional_news() == [(1, WAITS)]
    assert not scene.floor.orders
    assert waits(scene.wait_for(SELL, STOP_MARKET, 2, 90)).client_id == "algo_000000000002"


@pytest.mark.parametrize("working", WorkingPrice)
@pytest.mark.parametrize(
    ("side", "kind", "trigger", "before", "at"),
    [
        (SELL, STOP_MARKET, 90, "90.1", 90),
        (BUY, STOP_MARKET, 110, "109.9", 110),
        (BUY, TAKE_MARKET, 90, "90.1", 90),
        (SELL, TAKE_MARKET, 110, "109.9", 110),
        (SELL, STOP, 90, "90.1", 90),
        (SELL, TAKE, 110, "109.9", 110),
    ],
)
def test_it_is_reached_when_its_price_touches_the_trigger(
    side: Side, kind: OrderType, trigger: int, before: str, at: int, working: WorkingPrice
) -> None:
    scene = Scene()
    price = D(trigger) if kind.has_price else D(0)
    order = waits(scene.wait_for(side, kind, 2, trigger, price=price, working_price=working))

    def moves(to: Number) -> None:
        if working is MARK:
            scene.mark(to)
        else:
            scene.prints(to, 1, sold=True)

    moves(before)
    assert order.status is WAITS
    scene.wait(7)
    moves(at)
    assert (order.status, order.triggered_at) == (FINISHED, scene.now)
    made = made_of(scene, order)
    assert (made.side, made.qty, made.price) == (side, 2, price)
    assert (made.trigger_id, made.client_order_id) == (order.number, order.client_id)
    assert made.type is (OrderType.LIMIT if kind.has_price else OrderType.MARKET)
    assert [status for _, status in scene.conditional_news()] == [WAITS, TRIGGERED, FINISHED]


def test_the_mark_does_not_move_what_watches_prints_nor_prints_what_watches_the_mark() -> None:
    scene = Scene()
    by_mark = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, working_price=MARK))
    by_print = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90))
    scene.mark(95)
    scene.prints(100, 1, sold=True)
    scene.quote(79, 81)  # once printed or marked, quotes say nothing
    assert {by_mark.status, by_print.status} == {WAITS}
    scene.prints(90, 1, sold=True)
    assert (by_mark.status, by_print.status) == (WAITS, FINISHED)
    scene.mark(90)
    assert by_mark.status is FINISHED


def test_before_the_first_print_the_mid_counts() -> None:
    scene = Scene(is_quoted=False)
    order = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90))
    scene.quote(90, 91)
    assert order.status is WAITS
    scene.quote(80, 81, BBB)
    assert order.status is WAITS
    scene.quote(89, 91)
    assert order.status is FINISHED


@settings(max_examples=60)
@given(
    st.sampled_from(Side),
    st.sampled_from((STOP_MARKET, TAKE_MARKET)),
    st.integers(90, 110),
    st.lists(st.integers(85, 115), max_size=8),
)
def test_it_is_refused_or_reached_by_the_first_price_at_or_beyond_its_trigger(
    side: Side, kind: OrderType, trigger: int, prices: list[int]
) -> None:
    scene = Scene()
    scene.mark(100)
    rises = (side, kind) in {(BUY, STOP_MARKET), (SELL, TAKE_MARKET)}

    def reaches(price: int) -> bool:
        return price >= trigger if rises else price <= trigger

    if reaches(100):
        send = partial(scene.wait_for, side, kind, 1, trigger, working_price=MARK)
        assert scene.code(send) == -2021
        return
    order = waits(scene.wait_for(side, kind, 1, trigger, working_price=MARK))
    for n, price in enumerate(prices):
        scene.mark(price)
        is_reached = any(map(reaches, prices[: n + 1]))
        assert order.status is (FINISHED if is_reached else WAITS)


# -- trailing


def turned(side: Side, prices: list[int], activate: int, callback_bps: int) -> bool:
    """Whether a trailing stop has been reached, all prices read again."""
    followed: list[int] = []
    for price in prices:
        on = price >= activate if side is SELL else price <= activate
        if not followed and activate and not on:
            continue
        followed.append(price)
        step = Fraction(callback_bps, 10_000)
        if side is SELL and price <= max(followed) * (1 - step):
            return True
        if side is BUY and price >= min(followed) * (1 + step):
            return True
    return False


@settings(max_examples=150)
@given(
    st.sampled_from(Side),
    st.lists(st.integers(900, 1100), min_size=1, max_size=10),
    st.sampled_from((0, 0, 980, 1000, 1020)),
    st.sampled_from((10, 50, 100, 500, 1000)),
)
def test_a_trailing_stop_follows_and_turns(
    side: Side, prices: list[int], activate: int, callback_bps: int
) -> None:
    scene = Scene()
    order = waits(
        scene.wait_for(
            side,
            TRAIL,
            working_price=MARK,
            activate_price=D(activate),
            callback_bps=callback_bps,
        )
    )
    for n, price in enumerate(prices):
        scene.mark(price)
        assert (order.status is FINISHED) == turned(side, prices[: n + 1], activate, callback_bps)


def test_a_trailing_stop_turns_at_exactly_its_callback() -> None:
    scene = Scene()
    order = waits(scene.wait_for(SELL, TRAIL, working_price=MARK, callback_bps=100))
    for price, status in ((100, WAITS), (200, WAITS), ("198.01", WAITS), (198, FINISHED)):
        scene.mark(price)
        assert order.status is status


@pytest.mark.parametrize("bps", [0, 9, 2001, -10])
def test_a_callback_is_between_a_tenth_and_twenty_percent(bps: int) -> None:
    scene = Scene()
    assert scene.code(lambda: scene.wait_for(SELL, TRAIL, callback_bps=bps)) == -1130
    for taken_bps in (10, 2000):
        waits(scene.wait_for(SELL, TRAIL, callback_bps=taken_bps))


# -- becoming an order


def test_one_that_is_refused_when_its_time_comes_is_rejected_with_the_reason() -> None:
    scene = Scene()
    order = waits(scene.wait_for(SELL, STOP_MARKET, 2, 90, reduce_only=True))
    scene.mark(90)
    scene.prints(90, 1, sold=True)
    assert (order.status, order.reason) == (REJECTED, "ReduceOnly Order is rejected.")
    assert not order.order_number
    assert scene.conditional_news()[-1] == (1, REJECTED)
    assert not scene.floor.orders


def test_close_position_closes_what_is_held_then() -> None:
    scene = Scene()
    scene.place(BUY, 3)
    order = waits(scene.wait_for(SELL, STOP_MARKET, 0, 90, close_position=True))
    scene.place(BUY, 4)
    scene.prints(90, 1, sold=True)
    made = made_of(scene, order)
    assert (order.status, made.qty, made.close_position, scene.held()) == (FINISHED, 7, True, 0)


def test_close_position_with_nothing_held_is_rejected() -> None:
    scene = Scene()
    order = waits(scene.wait_for(SELL, STOP_MARKET, 0, 90, close_position=True))
    scene.prints(90, 1, sold=True)
    assert order.status is REJECTED


def test_close_position_on_the_wrong_side_never_grows_the_position() -> None:
    scene = Scene()
    scene.place(SELL, 3)
    order = waits(scene.wait_for(SELL, STOP_MARKET, 0, 90, close_position=True))
    scene.prints(90, 1, sold=True)
    assert (order.status, scene.held()) == (REJECTED, -3)


@pytest.mark.parametrize(("position_side", "side"), [(LONG, BUY), (SHORT, SELL)])
def test_in_hedge_mode_nothing_that_opens_is_called_closing(
    position_side: PositionSide, side: Side
) -> None:
    scene = Scene()
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    trigger = 110 if side is BUY else 90
    send = partial(scene.wait_for, side, STOP_MARKET, 0, trigger, position_side=position_side)
    assert scene.code(partial(send, close_position=True)) == -1128
    reduces = partial(scene.wait_for, side, STOP_MARKET, 1, trigger, reduce_only=True)
    assert scene.code(partial(reduces, position_side=position_side)) == -1106
    scene.place(side, 2, position_side=position_side)
    other = SELL if side is BUY else BUY
    back = 90 if side is BUY else 110
    order = waits(
        scene.wait_for(
            other, STOP_MARKET, 0, back, position_side=position_side, close_position=True
        )
    )
    scene.prints(back, 1, sold=True)
    assert (order.status, scene.held(side=position_side)) == (FINISHED, 0)


def test_a_date_ends_one_that_waits_and_goes_with_one_that_is_reached() -> None:
    scene = Scene()
    end = scene.now + 2_000_000
    reached, late = (
        waits(scene.wait_for(SELL, STOP, 1, t, price=D(200), tif=TimeInForce.GTD, good_till=end))
        for t in (90, 80)
    )
    scene.prints(90, 1, sold=True)
    made = made_of(scene, reached)
    assert (reached.status, made.status, made.good_till) == (FINISHED, OrderStatus.NEW, end)
    scene.wait(1_999_999)
    assert (made.status, late.status) == (OrderStatus.NEW, WAITS)
    scene.wait(1)
    assert (made.status, late.status) == (OrderStatus.EXPIRED, OVER)
    assert scene.conditional_news()[-1] == (late.number, OVER)


def test_a_date_alone_is_waited_for() -> None:
    scene = Scene()
    end = scene.now + 700_000
    order = scene.place(BUY, 1, 90, tif=TimeInForce.GTD, good_till=end)
    late = waits(
        scene.wait_for(SELL, STOP, 1, 80, price=D(200), tif=TimeInForce.GTD, good_till=end + 50_000)
    )
    scene.wait(700_000)
    assert (order.status, late.status) == (OrderStatus.EXPIRED, WAITS)
    scene.wait(50_000)
    assert late.status is OVER


# -- ending, finding


def test_one_that_waits_is_cancelled_by_number_or_name_and_only_once() -> None:
    scene = Scene()
    first, second = (
        waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, client_id=name)) for name in "ab"
    )
    cancel = partial(scene.exchange.cancel_conditional, now=scene.now)
    assert scene.code(partial(cancel, YOU, first.number)) == -2011
    assert scene.code(partial(cancel, ME, 9)) == -2011
    assert cancel(ME, first.number, "b") is first
    assert cancel(ME, 0, "b") is second
    assert (first.status, second.status) == (CANCELED, CANCELED)
    assert scene.code(partial(cancel, ME, first.number)) == -2011
    scene.prints(80, 1, sold=True)
    assert not scene.held()


def test_cancel_all_ends_what_waits_on_one_symbol_of_one_account() -> None:
    scene = Scene()
    scene.quote(99, 101, BBB)
    mine = [waits(scene.wait_for(SELL, STOP_MARKET, 1, 90)) for _ in range(2)]
    other = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, symbol=BBB))
    theirs = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, account=YOU))
    scene.exchange.cancel_all(ME, AAA, scene.now)
    assert {order.status for order in mine} == {WAITS}  # the other kind of cancel-all
    assert scene.exchange.cancel_all_conditional(ME, AAA, scene.now) is None
    assert {order.status for order in mine} == {CANCELED}
    assert {other.status, theirs.status} == {WAITS}
    unknown = partial(scene.exchange.cancel_all_conditional, ME, "CCCUSDT", scene.now)
    assert scene.code(unknown) == -1121


def test_finished_ones_can_be_found_until_newer_ones_have_finished() -> None:
    scene = Scene(rules=ExchangeSettings(history=1))
    first = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, client_id="x"))
    scene.exchange.cancel_conditional(ME, first.number, now=scene.now)
    second = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, client_id="x"))
    third = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, client_id="y"))
    find = partial(conditional.find, scene.floor, ME)
    assert (find(first.number, ""), find(0, "x")) == (first, second)
    scene.exchange.cancel_conditional(ME, third.number, now=scene.now)
    assert (find(first.number, ""), find(0, "y")) == (None, third)
    scene.exchange.cancel_conditional(ME, second.number, now=scene.now)  # the last to finish
    assert (find(0, "x"), find(0, "y")) == (second, None)


# -- refusals


REFUSED: dict[str, tuple[OrderType, dict[str, Any], int]] = {
    "an unknown symbol": (STOP_MARKET, {"symbol": "CCCUSDT"}, -1121),
    "a limit order": (OrderType.LIMIT, {}, -1116),
    "a market order": (OrderType.MARKET, {}, -1116),
    "a side of hedge mode": (STOP_MARKET, {"position_side": LONG}, -4061),
    "a long client id": (STOP_MARKET, {"client_id": "a" * 37}, -4015),
    "a client id of one that waits": (STOP_MARKET, {"client_id": "mine"}, -4116),
    "close-position with a quantity": (STOP_MARKET, {"close_position": True}, -1106),
    "close-position that is reduce-only": (
        STOP_MARKET,
        {"close_position": True, "qty": D(0), "reduce_only": True},
        -1106,
    ),
    "close-position with a limit": (
        STOP,
        {"close_position": True, "qty": D(0), "price": D(90)},
        -1106,
    ),
    "a stop without a limit": (STOP, {}, -4001),
    "a limit off the grid": (STOP, {"price": D("90.05")}, -4014),
    "no quantity": (STOP_MARKET, {"qty": D(0)}, -4003),
    "a quantity off the market's grid": (STOP_MARKET, {"qty": D("0.01")}, -4004),
    "no trigger": (STOP_MARKET, {"trigger_price": D(0)}, -4001),
    "a trigger off the grid": (STOP_MARKET, {"trigger_price": D("90.05")}, -4014),
    "a trigger that is reached": (STOP_MARKET, {"trigger_price": D(100)}, -2021),
    "a date of GTC": (STOP_MARKET, {"good_till": 2_000_000_000_000}, -1106),
    "GTD without a date": (STOP_MARKET, {"tif": TimeInForce.GTD}, -5040),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_that_is_refused_changes_nothing(name: str) -> None:
    kind, changes, code = REFUSED[name]
    scene = Scene(an_instrument(market_min_qty=D("0.5")))
    waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, client_id="mine"))
    values: dict[str, Any] = {"qty": D(1), "trigger_price": D(90), **changes}
    qty, trigger = values.pop("qty"), values.pop("trigger_price")
    assert scene.code(partial(scene.wait_for, SELL, kind, qty, trigger, **values)) == code


def test_hedge_mode_wants_a_side() -> None:
    scene = Scene()
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    assert scene.code(partial(scene.wait_for, SELL, STOP_MARKET, 1, 90)) == -4061
    waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, position_side=LONG))


def test_only_a_trading_symbol_takes_conditional_orders() -> None:
    scene = Scene(an_instrument(status=SymbolStatus.PRE_SETTLE))
    assert scene.code(partial(scene.wait_for, SELL, STOP_MARKET, 1, 90)) == -4140


def test_an_account_has_only_so_many_waiting() -> None:
    scene = Scene(rules=ExchangeSettings(conditional_max=2))
    scene.quote(99, 101, BBB)
    first = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90))
    waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, symbol=BBB))
    assert scene.code(partial(scene.wait_for, SELL, STOP_MARKET, 1, 90)) == -4045
    waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, account=YOU))
    scene.exchange.cancel_conditional(ME, first.number, now=scene.now)
    waits(scene.wait_for(SELL, STOP_MARKET, 1, 90))


def test_prices_of_another_symbol_trigger_nothing() -> None:
    scene = Scene()
    order = waits(scene.wait_for(SELL, STOP_MARKET, 1, 90, working_price=MARK))
    scene.mark(50, BBB)
    scene.prints(50, 1, BBB, sold=True)
    assert order.status is WAITS
