"""How orders end by request and by time: cancel, cancel-all, countdown, good-till-date."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.settings import ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    OrderStatus,
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
    Scene,
    an_instrument,
    ended,
)

GTD = TimeInForce.GTD
NEW, PARTLY, FILLED, CANCELED, EXPIRED, IN_MATCH = OrderStatus
GONE = (CANCELED, Expiry.NONE)
OVER = (EXPIRED, Expiry.GOOD_TILL)


def test_a_cancelled_order_is_told_once_and_frees_its_margin() -> None:
    scene = Scene()
    order = scene.place(BUY, 150, 101)
    scene.pushes()
    assert scene.cancel(order.number) is order
    assert (ended(order), order.filled) == (GONE, 100)
    (push,) = scene.news(order)
    assert (push.execution, push.status, push.filled) == (Execution.CANCELED, CANCELED, 100)
    position = scene.account().position(AAA, PositionSide.BOTH)
    assert (position.bids, position.ledger.qty) == (0, 100)
    assert not scene.floor.books[AAA].orders
    assert scene.code(lambda: scene.cancel(order.number)) == -2011


def test_an_id_wins_over_a_client_id() -> None:
    scene = Scene()
    first = scene.place(BUY, 1, 90, client_order_id="x")
    second = scene.place(BUY, 1, 90, client_order_id="y")
    scene.cancel(second.number, "x")
    assert (first.status, second.status) == (NEW, CANCELED)
    assert scene.cancel(client_id="x") is first


def test_what_is_not_ours_or_not_there_cannot_be_cancelled() -> None:
    scene = Scene()
    theirs = scene.place(BUY, 1, 90, name=YOU, client_order_id="x")
    for number, name, symbol in (
        (theirs.number, "", AAA),
        (0, "x", AAA),
        (9, "", AAA),
        (0, "", AAA),
    ):
        assert scene.code(partial(scene.cancel, number, name, symbol=symbol)) == -2011
    assert scene.code(lambda: scene.cancel(theirs.number, name=YOU, symbol=BBB)) == -2011
    assert scene.code(lambda: scene.cancel(theirs.number, name=YOU, symbol="CCCUSDT")) == -1121


def test_a_symbol_that_stopped_trading_still_lets_go() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 90)
    scene.exchange.list_symbol(an_instrument(status=SymbolStatus.CLOSE), scene.now)
    scene.cancel(order.number)
    assert order.status is CANCELED


def test_cancel_all_ends_all_of_one_account_on_one_symbol() -> None:
    scene = Scene()
    scene.quote(99, 101, BBB)
    mine = [scene.place(BUY, 1, 90), scene.place(SELL, 1, 110), scene.place(BUY, 1, 91)]
    others = [scene.place(BUY, 1, 90, symbol=BBB), scene.place(BUY, 1, 90, name=YOU)]
    scene.pushes()
    assert scene.exchange.cancel_all(ME, AAA, scene.now) is None
    assert [push.order.number for push in scene.order_news()] == [o.number for o in mine]
    assert {ended(order) for order in mine} == {GONE}
    assert {order.status for order in others} == {NEW}
    assert scene.exchange.cancel_all(ME, AAA, scene.now) is None
    assert not scene.pushes()
    assert scene.code(lambda: scene.exchange.cancel_all(ME, "CCCUSDT", scene.now)) == -1121


# -- the countdown


def countdown(scene: Scene, ms: int, symbol: str = AAA, name: str = ME) -> object:
    return scene.exchange.set_countdown(name, symbol, ms, scene.now)


def test_a_countdown_cancels_all_of_its_symbol_when_it_runs_out_and_not_before() -> None:
    scene = Scene()
    scene.quote(99, 101, BBB)
    mine = [scene.place(BUY, 1, 90), scene.place(SELL, 1, 110)]
    others = [scene.place(BUY, 1, 90, symbol=BBB), scene.place(BUY, 1, 90, name=YOU)]
    assert countdown(scene, 1000) is None
    scene.wait(999)
    assert {order.status for order in mine} == {NEW}
    scene.wait(1)
    assert {ended(order) for order in mine} == {GONE}
    assert {order.status for order in others} == {NEW}
    later = scene.place(BUY, 1, 90)
    scene.wait(10_000)
    assert later.status is NEW


def test_a_countdown_is_renewed_and_stopped() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 90)
    countdown(scene, 1000)
    for _ in range(3):
        scene.wait(900)
        countdown(scene, 1000)
    assert order.status is NEW
    countdown(scene, 0)
    scene.wait(5000)
    assert order.status is NEW
    assert countdown(scene, 0) is None


def test_a_countdown_that_cannot_be_is_refused() -> None:
    scene = Scene()
    assert scene.code(lambda: countdown(scene, -1)) == -1130
    assert scene.code(lambda: countdown(scene, 1000, "CCCUSDT")) == -1121


def test_what_is_due_happens_before_the_request_that_comes_then() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 90)
    countdown(scene, 1000)
    scene.now += 1000
    assert scene.place(BUY, 1, 90).status is NEW
    assert order.status is CANCELED


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from((AAA, BBB)), st.integers(0, 4), st.integers(0, 6)), max_size=12
    )
)
def test_countdowns_run_out_where_and_when_they_were_set_last(
    calls: list[tuple[str, int, int]],
) -> None:
    scene = Scene()
    scene.quote(99, 101, BBB)
    orders = {symbol: scene.place(BUY, 1, 90, symbol=symbol) for symbol in (AAA, BBB)}
    due: dict[str, int] = {}
    over = set()
    for symbol, gap, seconds in calls:
        scene.wait(gap * 1000)
        over |= {each for each, time in due.items() if time <= scene.now}
        due = {each: time for each, time in due.items() if time > scene.now}
        assert {s for s, order in orders.items() if order.status is CANCELED} == over
        countdown(scene, seconds * 1000, symbol)
        due[symbol] = scene.now + seconds * 1000
        if not seconds:
            del due[symbol]


# -- good till date


def test_an_order_with_a_date_ends_then_and_says_so() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 90, tif=GTD, good_till=scene.now + 700_000)
    scene.wait(699_999)
    assert order.status is NEW
    scene.pushes()
    scene.wait(1)
    assert ended(order) == OVER
    (push,) = scene.news(order)
    assert (push.execution, push.expiry, push.ts) == (
        Execution.EXPIRED,
        Expiry.GOOD_TILL,
        scene.now,
    )


def test_what_is_due_first_ends_first() -> None:
    scene = Scene()
    early = scene.place(BUY, 1, 90, tif=GTD, good_till=scene.now + 700_000)
    late = scene.place(BUY, 1, 90, tif=GTD, good_till=scene.now + 800_000)
    plain = scene.place(BUY, 1, 90)
    countdown(scene, 750_000)
    scene.wait(900_000)
    assert [ended(order) for order in (early, late, plain)] == [OVER, GONE, GONE]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(601, 700), st.integers(0, 60)), max_size=8))
def test_dates_end_orders_whatever_else_ends(calls: list[tuple[int, int]]) -> None:
    scene = Scene()
    placed: list[tuple[VenueOrder, int]] = []
    for seconds, gap in calls:
        end = scene.now + seconds * 1000
        placed.append((scene.place(BUY, 1, 90, tif=GTD, good_till=end), end))
        scene.wait(gap * 1000)
    for order, end in placed:
        assert (ended(order) == OVER) == (end <= scene.now)
    if placed:
        scene.cancel(placed[-1][0].number)
    scene.wait(1_000_000)
    assert not scene.floor.orders
    assert sum(scene.account().open_counts.values()) == 0


# -- what can be asked for afterwards


def test_the_venue_forgets_its_oldest_finished_orders() -> None:
    scene = Scene(rules=ExchangeSettings(history=2))
    orders = [scene.place(BUY, 1, 90, client_order_id=name) for name in ("a", "b", "c")]
    for order in orders[::-1]:
        scene.cancel(order.number)
    found = [scene.floor.find(ME, AAA, order.number, "") for order in orders]
    assert found == [orders[0], orders[1], None]
    assert scene.floor.find(ME, AAA, 0, "c") is None
    assert scene.floor.find(ME, AAA, 0, "a") is orders[0]


@pytest.mark.parametrize("is_open", [True, False])
def test_a_name_that_was_used_again_is_not_forgotten_with_the_older_order(is_open: bool) -> None:
    scene = Scene(rules=ExchangeSettings(history=1))
    scene.cancel(scene.place(BUY, 1, 90, client_order_id="a").number)
    again = scene.place(BUY, 1, 90, client_order_id="a")
    if not is_open:
        scene.cancel(again.number)
    scene.cancel(scene.place(BUY, 1, 90).number)
    assert (scene.floor.find(ME, AAA, 0, "a") is again) == is_open
