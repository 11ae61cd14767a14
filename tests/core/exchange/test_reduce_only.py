"""Reduce-only orders never open or turn a position; what is not needed is pushed out (er 4)."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.vocabulary import (
    Expiry,
    OrderStatus,
    PositionSide,
    TimeInForce,
)
from tests.core.exchange.scene import AAA, BUY, ME, SELL, YOU, D, Number, Scene, ended, fills_of

NEW, PARTLY, FILLED, CANCELED, EXPIRED, IN_MATCH = OrderStatus
OUT = (EXPIRED, Expiry.REDUCE_ONLY)
LONG = PositionSide.LONG


def holding(qty: int, **options: Any) -> Scene:
    """An account that holds some of AAA, long where positive."""
    scene = Scene(**options)
    scene.place(BUY if qty > 0 else SELL, abs(qty))
    scene.pushes()
    return scene


def closes(scene: Scene, qty: Number, price: Number = 0, **changes: Any) -> VenueOrder:
    return scene.place(SELL, qty, price, reduce_only=True, **changes)


@pytest.mark.parametrize("side", Side)
def test_there_must_be_something_to_close(side: Side) -> None:
    scene = Scene()
    for price in (0, 110):
        assert scene.code(partial(scene.send, side, 1, price, reduce_only=True)) == -2022
    scene.place(side, 1)
    assert scene.code(lambda: scene.send(side, 1, 100, reduce_only=True)) == -2022
    scene.place(BUY if side is SELL else SELL, 1, reduce_only=True)
    assert not scene.held()


@pytest.mark.parametrize("price", [0, 99])
def test_it_closes_what_is_held_and_no_more(price: int) -> None:
    scene = holding(5)
    order = closes(scene, 8, price)
    assert (order.filled, ended(order), scene.held()) == (5, OUT, 0)


def test_resting_it_closes_what_is_held_and_no_more() -> None:
    scene = holding(5)
    order = closes(scene, 8, 105)
    scene.quote(106, 107)
    assert (order.filled, ended(order), scene.held()) == (5, OUT, 0)


def test_by_a_print_it_closes_what_is_held_and_no_more() -> None:
    scene = holding(5)
    order = closes(scene, 8, 105)
    scene.prints(106, 1, sold=False)
    assert (order.filled, ended(order), scene.held()) == (5, OUT, 0)


def test_it_needs_no_margin() -> None:
    scene = Scene(deposits={ME: 101})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    scene.place(BUY, 1)
    scene.mark(50)
    closes(scene, 1, 200)
    position = scene.account().position(AAA, PositionSide.BOTH)
    assert (position.bids, position.asks) == (0, 0)


# -- pushing out


def test_all_are_pushed_out_once_nothing_is_held() -> None:
    scene = holding(5)
    orders = [closes(scene, 2, price) for price in (103, 104, 105)]
    plain = scene.place(SELL, 1, 106)
    scene.place(SELL, 5)
    assert {ended(order) for order in orders} == {OUT}
    assert plain.status is NEW


def test_all_are_pushed_out_once_the_position_has_turned() -> None:
    scene = holding(5)
    order = closes(scene, 5, 105)
    scene.place(SELL, 9)
    assert (ended(order), scene.held()) == (OUT, -4)


def test_the_furthest_go_first_as_long_as_the_others_cover_the_position() -> None:
    scene = holding(6)
    near, middle, far = closes(scene, 2, 103), closes(scene, 2, 104), closes(scene, 2, 105)
    scene.place(SELL, 1)  # 5 held: three of two still needed
    assert {near.status, middle.status, far.status} == {NEW}
    scene.place(SELL, 1)  # 4 held
    assert (near.status, middle.status, ended(far)) == (NEW, NEW, OUT)
    scene.place(SELL, 2)
    assert (near.status, ended(middle)) == (NEW, OUT)


def test_of_equal_prices_the_newest_goes_first() -> None:
    scene = holding(4)
    old, new = closes(scene, 2, 103), closes(scene, 2, 103)
    scene.place(SELL, 2)
    assert (old.status, ended(new)) == (NEW, OUT)


def test_an_order_with_a_better_price_pushes_out_the_worse() -> None:
    scene = holding(10)
    far = closes(scene, 10, 105)
    near = closes(scene, 4, 104)
    assert (far.status, near.status) == (NEW, NEW)
    nearest = closes(scene, 6, 103)
    assert (ended(far), near.status, nearest.status) == (OUT, NEW, NEW)


def test_an_amend_to_a_better_price_pushes_out_the_worse() -> None:
    scene = holding(10)
    far, near = closes(scene, 10, 105), closes(scene, 4, 104)
    scene.amend(near, 10, 104)
    assert (ended(far), near.status) == (OUT, NEW)


def test_where_better_orders_close_all_a_worse_one_is_refused() -> None:
    scene = holding(10)
    closes(scene, 6, 103)
    closes(scene, 4, 104)
    for price in (104, 105):
        assert scene.code(partial(scene.send, SELL, 1, price, reduce_only=True)) == -2022
    scene.place(BUY, 1)
    closes(scene, 1, 105)


def test_the_mirror_image_of_a_short_position() -> None:
    scene = holding(-4)
    near = scene.place(BUY, 2, 98, reduce_only=True)
    far = scene.place(BUY, 2, 97, reduce_only=True)
    assert scene.code(lambda: scene.send(BUY, 1, 96, reduce_only=True)) == -2022
    scene.place(BUY, 2)
    assert (near.status, ended(far)) == (NEW, OUT)


def test_one_quote_that_reaches_two_closing_orders_never_turns_the_position() -> None:
    scene = holding(3)
    first, second = closes(scene, 2, 103), closes(scene, 2, 104)
    scene.quote(110, 111)
    assert (first.filled, second.filled, scene.held()) == (2, 1, 0)
    assert ended(second) == OUT


def test_one_print_that_reaches_an_opening_and_a_closing_order_serves_both_safely() -> None:
    scene = holding(3)
    plain = scene.place(SELL, 3, 103)
    closing = closes(scene, 3, 104)
    scene.pushes()
    scene.prints(105, 1, sold=False)
    assert (plain.filled, closing.filled, scene.held()) == (3, 0, 0)
    assert ended(closing) == OUT


def test_closing_orders_of_one_account_care_about_its_own_position_alone() -> None:
    scene = holding(3)
    scene.place(BUY, 3, name=YOU)
    mine, theirs = closes(scene, 3, 104), closes(scene, 3, 104, name=YOU)
    scene.place(SELL, 3)
    assert (ended(mine), theirs.status) == (OUT, NEW)


def test_in_hedge_mode_what_closes_a_side_is_pushed_out_like_reduce_only() -> None:
    scene = Scene()
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    scene.place(BUY, 3, position_side=LONG)
    scene.place(SELL, 3, position_side=PositionSide.SHORT)
    order = scene.place(SELL, 3, 105, position_side=LONG)
    other = scene.place(BUY, 3, 95, position_side=PositionSide.SHORT)
    assert (order.reduce_only, order.sent_reduce_only) == (True, False)
    scene.place(SELL, 3, position_side=LONG)
    assert (ended(order), other.status) == (OUT, NEW)


# -- properties

calls = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"),
            st.sampled_from(Side),
            st.integers(1, 9),
            st.integers(95, 105),
            st.booleans(),
            st.sampled_from((TimeInForce.GTC, TimeInForce.IOC)),
        ),
        st.tuples(st.just("market"), st.sampled_from(Side), st.integers(1, 9), st.booleans()),
        st.tuples(st.just("quote"), st.integers(95, 104), st.integers(0, 12)),
        st.tuples(st.just("print"), st.integers(94, 106), st.integers(1, 30), st.booleans()),
        st.tuples(st.just("amend"), st.integers(1, 12), st.integers(1, 9), st.integers(95, 105)),
    ),
    max_size=25,
)


@settings(max_examples=150)
@given(calls)
def test_a_reduce_only_order_never_opens_or_turns_a_position(script: list[Any]) -> None:
    scene = Scene()
    held = D(0)
    for kind, *rest in script:
        play(scene, kind, *rest)
        for push in scene.order_news():
            for _, qty in fills_of([push]):
                after = held + push.order.side.sign * qty
                if push.order.reduce_only:
                    assert abs(after) < abs(held)
                    assert after * held >= 0
                held = after
        assert scene.held() == held
        closers = [o for o in scene.floor.orders.values() if o.reduce_only]
        assert all(order.side is (SELL if held > 0 else BUY) for order in closers)
        assert held or not closers
        if closers:  # none could go without leaving the position uncovered
            furthest = max(closers, key=lambda o: (-o.side.sign * o.price, o.number))
            assert sum((o.remaining for o in closers), D(0)) - furthest.remaining < abs(held)


def play(scene: Scene, kind: str, *rest: Any) -> VenueOrder | Refused | None:
    if kind == "place":
        side, qty, price, reduces, tif = rest
        return scene.send(side, qty, price, reduce_only=reduces, tif=tif)
    if kind == "market":
        side, qty, reduces = rest
        return scene.send(side, qty, reduce_only=reduces)
    if kind == "amend":
        number, qty, price = rest
        order = scene.floor.orders.get(number)
        return None if order is None else scene.amend(order, qty, price)
    if kind == "quote":
        bid, qty = rest
        scene.quote(bid, bid + 1, bid_qty=qty, ask_qty=qty)
    else:
        price, qty, sold = rest
        scene.prints(price, qty, sold=sold)
    return None


def test_a_position_is_what_was_bought_less_what_was_sold() -> None:
    scene = holding(5)
    order = closes(scene, 2, 99)
    assert (scene.held(), order.average_price) == (Decimal(3), 99)
