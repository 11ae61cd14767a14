"""Amends: new values and the back of the queue, or a refusal, or a cancel (reference 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.settings import ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
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
    Scene,
    an_instrument,
    ended,
    fills_of,
    taken,
)

GTX = TimeInForce.GTX
NEW, PARTLY, FILLED, CANCELED, EXPIRED, IN_MATCH = OrderStatus


def test_an_amended_order_keeps_its_ids_and_tells_its_new_values() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90, client_order_id="x")
    scene.pushes()
    assert scene.amend(order, 7, 91, modify_id=42) is order
    (push,) = scene.pushes()
    assert (push.execution, push.status) == (Execution.AMENDMENT, NEW)  # type: ignore[union-attr]
    assert (order.number, order.client_order_id, order.qty, order.price) == (1, "x", 7, 91)
    assert (order.amend_count, order.modify_id) == (1, 42)
    assert scene.account().position(AAA, PositionSide.BOTH).bids == 7 * 91
    assert scene.account().open_counts[AAA] == 1
    assert scene.amend(order, 6, 91, order_id=0, client_order_id="x") is order
    assert order.modify_id is None


def test_an_amend_goes_to_the_back_of_its_queue_even_when_it_only_shrinks() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 99)
    scene.prints(99, 60, sold=True)
    assert scene.ahead(order) == 40
    scene.amend(order, 4, 99)
    assert scene.ahead(order) == 100


def test_a_book_from_before_the_amend_does_not_move_it_forward() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    old = scene.now
    scene.wait(1000)
    scene.amend(order, 5, 99)
    scene.depth({99: 3}, {101: 1}, ts=old + 500)
    assert scene.ahead(order) == 100
    scene.depth({99: 3}, {101: 1})
    assert scene.ahead(order) == 3


def test_an_amend_to_a_price_that_crosses_takes() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    scene.amend(order, 105, 101)
    assert (order.status, order.filled) == (PARTLY, 100)
    assert [push.execution for push in scene.news(order)] == [
        Execution.NEW,
        Execution.AMENDMENT,
        Execution.TRADE,
    ]
    scene.quote(100, 101)
    assert order.status is FILLED


def test_self_trade_prevention_also_watches_amends() -> None:
    scene = Scene()
    maker = scene.place(SELL, 1, 105)
    order = scene.place(BUY, 1, 90, self_trade=SelfTrade.EXPIRE_BOTH)
    scene.amend(order, 1, 105)
    assert {order.status, maker.status} == {IN_MATCH}
    assert scene.account().position(AAA, PositionSide.BOTH).is_idle
    assert not scene.account().open_counts[AAA]


@pytest.mark.parametrize("qty", ["40", "25", "0.01"])
def test_an_amend_below_what_has_filled_cancels(qty: str) -> None:
    scene = Scene()
    order = scene.place(BUY, 140, 101)
    assert order.filled == 100
    scene.quote(99, 105)
    scene.amend(order, qty, 100)
    assert ended(order) == (CANCELED, Expiry.NONE)
    assert (order.qty, order.price, order.filled) == (140, 101, 100)
    assert scene.news(order)[-1].execution is Execution.CANCELED


def test_an_amend_to_exactly_what_has_filled_cancels_and_one_step_more_does_not() -> None:
    for qty, status in (("100", CANCELED), ("100.01", PARTLY)):
        scene = Scene()
        order = scene.place(BUY, 140, 101)
        scene.quote(99, 105)
        scene.amend(order, qty, 100)
        assert order.status is status


def test_a_post_only_order_that_an_amend_would_let_take_is_cancelled() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 99, tif=GTX)
    scene.amend(order, 1, "100.9")
    assert order.status is NEW
    scene.amend(order, 1, 101)
    assert (ended(order), order.price) == ((CANCELED, Expiry.NONE), D("100.9"))
    assert not scene.held()


# -- refusals


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "an unknown symbol": ({"symbol": "CCCUSDT"}, -1121),
    "an order of another symbol": ({"symbol": BBB}, -2013),
    "an unknown order": ({"order_id": 77}, -2013),
    "an unknown name": ({"order_id": 0, "client_order_id": "y"}, -2013),
    "the other side": ({"side": SELL}, -1117),
    "a reduce-only order, which it is not": ({"reduce_only": True}, -5047),
    "a price and a price match": ({"price_match": PriceMatch.QUEUE}, -1106),
    "a match that nobody knows": ({"price": D(0), "price_match": PriceMatch.QUEUE_5}, -5041),
    "the same values": ({"qty": D(5), "price": D("90.0")}, -5027),
    "no price": ({"price": D(0)}, -4001),
    "a price off the grid": ({"price": D("90.05")}, -4014),
    "a price outside the band": ({"price": D("105.1")}, -4016),
    "no quantity": ({"qty": D(0)}, -4003),
    "a quantity off the grid": ({"qty": D("5.001")}, -4023),
    "a small order": ({"qty": D("0.05")}, -4164),
    "more than the account can carry": ({"qty": D(300_000)}, -2019),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_amend_that_is_refused_leaves_the_order(name: str) -> None:
    changes, code = REFUSED[name]
    rules = an_instrument(multiplier_up=D("1.05"), min_notional=D(5))
    scene = Scene(rules, an_instrument(BBB))
    order = scene.place(BUY, 5, 90)
    values = {"qty": D(6), "price": D(91), **changes}
    assert scene.code(lambda: scene.amend(order, **values)) == code


def test_nobody_amends_the_order_of_another_account() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90, name=YOU)
    mine = evolve(order, account=ME)
    assert scene.code(lambda: scene.amend(mine, 6, 91)) == -2013


@pytest.mark.parametrize("end", [lambda s: s.cancel(1), lambda s: s.quote(80, 81)])
def test_a_finished_order_is_not_amended(end: Callable[[Scene], object]) -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    end(scene)
    assert not order.status.is_open
    assert scene.code(lambda: scene.amend(order, 6, 91)) == -2013


def test_a_symbol_that_does_not_trade_takes_no_amend() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    halted = an_instrument(status=SymbolStatus.SETTLING)
    scene.exchange.list_symbol(halted, scene.now)
    assert scene.code(lambda: scene.amend(order, 6, 91)) == -5024
    assert isinstance(scene.cancel(order.number), VenueOrder)


def test_only_limit_orders_are_amended() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    order.type = OrderType.MARKET  # none rests, unless the venue's rules change
    assert scene.code(lambda: scene.amend(order, 6, 91)) == -5025


def test_an_order_has_only_so_many_amends() -> None:
    scene = Scene(rules=ExchangeSettings(amends_max=2))
    order = scene.place(BUY, 5, 90)
    scene.amend(order, 6, 90)
    scene.amend(order, 7, 90)
    assert scene.code(lambda: scene.amend(order, 8, 90)) == -5026


def test_a_matched_price_is_as_good_as_one_that_is_sent() -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    scene.amend(order, 5, price_match=PriceMatch.QUEUE)
    assert (order.price, order.price_match) == (99, PriceMatch.QUEUE)
    assert scene.code(lambda: scene.amend(order, 5, price_match=PriceMatch.QUEUE)) == -5027


def test_a_small_closing_order_is_amended_only_where_the_client_says_that_it_closes() -> None:
    scene = Scene(an_instrument(min_notional=D(50)))
    scene.place(BUY, 3)
    order = scene.place(SELL, 1, 110, reduce_only=True)
    assert scene.code(lambda: scene.amend(order, "0.1", 110)) == -4164
    assert taken(scene.amend(order, "0.1", 110, reduce_only=True)).qty == D("0.1")


@settings(max_examples=60)
@given(
    st.sampled_from(Side),
    st.integers(1, 20),
    st.integers(90, 98),
    st.integers(1, 40),
    st.integers(80, 120),
)
def test_an_amend_needs_margin_for_what_it_adds(
    side: Side, qty: int, price: int, new_qty: int, new_price: int
) -> None:
    """Of a flat account with 1000 at leverage 1: ``new_qty*new_price <= 1000`` or less than now."""
    scene = Scene(deposits={ME: 1000})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    if side is SELL:
        price, new_price = 200 - price, 200 - new_price
    scene.quote(1, 1000)
    scene.mark(100)
    placed = scene.send(side, qty, price)
    if isinstance(placed, Refused):
        assert placed.code == -2019
        assert qty * price > 1000
        return
    answer = scene.amend(placed, new_qty, new_price)
    position = scene.account().position(AAA, PositionSide.BOTH)
    open_notional = position.bids if side is BUY else position.asks
    if (new_qty, new_price) == (qty, price):
        assert isinstance(answer, Refused)
        assert answer.code == -5027
    elif new_qty * new_price > 1000:
        assert isinstance(answer, Refused)
        assert answer.code == -2019
        assert open_notional == qty * price
    else:
        assert answer is placed
        assert open_notional == new_qty * new_price


def test_amending_one_of_two_counts_the_other() -> None:
    scene = Scene(deposits={ME: 1000})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    scene.place(BUY, 5, 90)
    order = scene.place(BUY, 5, 90)
    assert scene.code(lambda: scene.amend(order, 5, 111)) == -2019
    scene.amend(order, 5, 110)
    assert fills_of(scene.news(order))
