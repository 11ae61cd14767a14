"""CORE-37 (latency) and flatten: orders and cancels travel; an exit at the market slips."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import L2Snapshot
from grinder_core.contracts.orders import OrderIntent
from grinder_core.numbers import exact
from grinder_core.venue.fees import market_price
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal


def quote(venue: SimVenue, now: int, bid: int, ask: int, symbol: str = SYMBOL) -> list[Any]:
    snapshot = a_snapshot(ts=now, symbol=symbol, bid_price=D(bid), ask_price=D(ask))
    with exact():
        return list(venue.on_snapshot(snapshot, now))


def place(name: str, side: Side, price: int, qty: int = 1) -> PlaceOrder:
    intent = OrderIntent(symbol=SYMBOL, side=side, price=D(price), qty=D(qty))
    return PlaceOrder(client_order_id=name, intent=intent)


def cancel(name: str) -> CancelOrder:
    return CancelOrder(client_order_id=name, order_id="", symbol=SYMBOL)


def send(venue: SimVenue, effect: Effect, now: int) -> list[Any]:
    with exact():
        return list(venue.submit(effect, now, now))


def words(updates: list[Any]) -> list[tuple[str, str, str]]:
    return [
        (u.client_order_id, u.state.value, u.liquidity.value if u.last_qty else "-")
        for u in updates
    ]


def test_an_order_meets_the_market_of_its_arrival() -> None:
    venue = SimVenue(VenueSettings(fill_mode=FillMode.QUOTE, order_latency_ms=50))
    quote(venue, 1000, 100, 102)
    assert send(venue, place("taker", Side.BUY, 102), 1000) == []
    assert send(venue, place("maker", Side.BUY, 101), 1000) == []
    with exact():
        assert not venue.end_of_turn(SYMBOL, 1000, 1000)
    assert quote(venue, 1049, 101, 103) == []
    told = quote(venue, 1050, 90, 91)  # both arrive first, and see 101/103
    assert words(told) == [
        ("taker", "OPEN", "-"),
        ("maker", "OPEN", "-"),
        ("taker", "FILLED", "MAKER"),
        ("maker", "FILLED", "MAKER"),
    ]
    assert [u.ts for u in told] == [1050] * 4


def test_an_order_marketable_on_arrival_takes() -> None:
    venue = SimVenue(VenueSettings(fill_mode=FillMode.QUOTE, order_latency_ms=50))
    quote(venue, 1000, 100, 102)
    send(venue, place("a", Side.BUY, 102), 1000)
    told = quote(venue, 1060, 200, 201)
    assert words(told) == [("a", "OPEN", "-"), ("a", "FILLED", "TAKER")]
    assert [u.ts for u in told] == [1050, 1050]


def test_arrivals_come_with_the_events_of_any_symbol() -> None:
    venue = SimVenue(VenueSettings(order_latency_ms=50))
    quote(venue, 1000, 100, 102)
    send(venue, place("a", Side.BUY, 90), 1000)
    assert words(quote(venue, 1055, 5, 6, "OTHER")) == [("a", "OPEN", "-")]


def test_a_delayed_order_waits_from_its_arrival_on() -> None:
    venue = SimVenue(VenueSettings(order_latency_ms=50, fill_after_ticks=2))
    quote(venue, 1000, 100, 102)
    send(venue, place("a", Side.BUY, 110), 1000)
    assert words(quote(venue, 1050, 100, 102)) == [("a", "OPEN", "-")]
    assert words(quote(venue, 1051, 100, 102)) == [("a", "FILLED", "MAKER")]


def test_a_cancel_never_overtakes_its_order() -> None:
    venue = SimVenue(VenueSettings(order_latency_ms=50))
    quote(venue, 1000, 100, 102)
    send(venue, place("a", Side.BUY, 90), 1000)
    assert send(venue, cancel("a"), 1010) == []
    told = quote(venue, 1050, 1, 2)
    assert words(told) == [("a", "OPEN", "-"), ("a", "CANCELLED", "-")]


def test_an_order_may_fill_while_its_cancel_travels() -> None:
    venue = SimVenue(VenueSettings(cancel_latency_ms=50))
    quote(venue, 1000, 100, 102)
    (update,) = send(venue, place("a", Side.BUY, 90), 1000)
    assert update.state is OrderState.OPEN
    assert send(venue, cancel("a"), 1000) == []
    assert words(quote(venue, 1049, 80, 82)) == [("a", "FILLED", "MAKER")]
    assert quote(venue, 1050, 80, 82) == []
    assert venue.late_cancels == 1
    assert send(venue, cancel("never"), 1060) == []
    assert quote(venue, 1200, 80, 82) == []
    assert venue.late_cancels == 2


def test_depth_fills_on_arrival_use_the_book_of_then() -> None:
    venue = SimVenue(VenueSettings(fill_mode=FillMode.L2, order_latency_ms=50))
    quote(venue, 1000, 100, 102)
    send(venue, place("a", Side.BUY, 101), 1000)
    book = L2Snapshot(ts=1040, symbol=SYMBOL, bids=(), asks=((D(101), D(9)),))
    with exact():
        assert not venue.on_market(book, 1040)
    told = quote(venue, 1070, 1, 2)
    assert words(told) == [("a", "OPEN", "-"), ("a", "FILLED", "TAKER")]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(95, 105),
            st.integers(0, 3),
            st.lists(
                st.tuples(st.sampled_from(Side), st.integers(94, 107), st.booleans()), max_size=2
            ),
            st.lists(st.integers(1, 9), max_size=2),
        ),
        max_size=15,
    ),
    st.builds(
        VenueSettings,
        fill_mode=st.sampled_from((FillMode.TOUCH, FillMode.CROSSING, FillMode.QUOTE)),
        fill_after_ticks=st.integers(0, 1),
        order_latency_ms=st.sampled_from((0, 30, 50, 120)),
        cancel_latency_ms=st.sampled_from((0, 30, 50, 120)),
    ),
)
def test_travelling_equals_handing_over_on_arrival(script: Any, settings: VenueSettings) -> None:
    """A venue without latency, given each effect just before the first event at or after it."""
    venue = SimVenue(settings)
    plain = SimVenue(evolve(settings, order_latency_ms=0, cancel_latency_ms=0))
    way: list[tuple[int, int, Effect]] = []
    arrived_by: dict[str, int] = {}
    now = number = sent = 0

    def hand_over(until: int) -> list[Any]:
        told = []
        for due, _, effect in sorted(w for w in way if w[0] <= until):
            with exact():
                told += plain.submit(effect, due, due)
                if settings.order_latency_ms and isinstance(effect, PlaceOrder):
                    told += plain.end_of_turn(SYMBOL, due, due)
        way[:] = [w for w in way if w[0] > until]
        return told

    for gap, bid, spread, orders, cancels in script:
        now += gap
        expected = hand_over(now) + quote(plain, now, bid, bid + spread)
        assert quote(venue, now, bid, bid + spread) == expected
        effects: list[Effect] = [cancel(f"c{n}") for n in cancels]
        for side, price, _ in orders:
            number += 1
            effects.append(place(f"c{number}", side, price))
        told, expected = [], []
        for effect in effects:
            sent += 1
            due = now + settings.order_latency_ms
            if isinstance(effect, CancelOrder):
                due = now + settings.cancel_latency_ms
                due = max(due, arrived_by.get(effect.client_order_id, 0))
            else:
                arrived_by[effect.client_order_id] = due
            way.append((due, sent, effect))
            told += send(venue, effect, now)
            expected += hand_over(now)
        with exact():
            told += venue.end_of_turn(SYMBOL, now, now)
            expected += plain.end_of_turn(SYMBOL, now, now)
        assert told == expected
    assert venue.late_cancels == plain.late_cancels
    assert venue.last_order_seq == plain.last_order_seq


# -- flatten -----------------------------------------------------------------------------------


def flatten(side: Side, qty: int, price: str = "99.99") -> Flatten:
    return Flatten(client_order_id="f", symbol=SYMBOL, side=side, qty=D(qty), price=D(price))


def with_position(qty: int, **changes: Any) -> SimVenue:
    venue = SimVenue(VenueSettings(**changes))
    quote(venue, 1000, 100, 102)
    if qty:
        venue.books[SYMBOL].ledger.apply(Side.BUY if qty > 0 else Side.SELL, D(100), D(abs(qty)))
    return venue


def test_worked_example_core_37_slippage() -> None:
    venue = with_position(2, market_slippage_bps=7, taker_fee_bps_x100=500)
    (update,) = send(venue, flatten(Side.SELL, 2), 1000)
    assert (update.last_price, update.last_qty) == (D("99.920007"), D(2))
    assert (update.state, update.liquidity) == (OrderState.FILLED, Liquidity.TAKER)
    assert update.fee == D("0.09992001")  # 99.920007 * 2 * 0.0005, rounded up
    assert venue.books[SYMBOL].position == 0


@pytest.mark.parametrize(
    ("position", "side", "asked", "state", "closed"),
    [
        (2, Side.SELL, 5, "FILLED", 2),
        (-2, Side.BUY, 2, "FILLED", 2),
        (-3, Side.BUY, 2, "FILLED", 2),
        (0, Side.SELL, 2, "EXPIRED", 0),
        (2, Side.BUY, 2, "EXPIRED", 0),
    ],
)
def test_flatten_only_reduces(
    position: int, side: Side, asked: int, state: str, closed: int
) -> None:
    venue = with_position(position)
    (update,) = send(venue, flatten(side, asked), 1000)
    assert (update.state.value, update.filled_qty) == (state, closed)
    assert venue.books[SYMBOL].position == position + side.sign * closed
    assert not venue.books[SYMBOL].orders
    if not closed:
        assert update.reason == "reduce only"


def test_a_flatten_that_travels_gets_the_mid_of_its_arrival() -> None:
    venue = with_position(2, order_latency_ms=10, market_slippage_bps=100)
    assert send(venue, flatten(Side.SELL, 2), 1000) == []
    quote(venue, 1005, 49, 51)
    (update,) = quote(venue, 1010, 200, 202)
    assert update.last_price == D("49.5")


@given(
    st.sampled_from(Side), st.integers(1, 10**17 - 1), st.integers(0, 9_999), st.integers(0, 9_999)
)
def test_more_slippage_is_never_better(side: Side, units: int, few: int, more: int) -> None:
    few, more = sorted((few, more))
    price = D(units) / 10**9
    with exact():
        near, far = market_price(side, price, few), market_price(side, price, more)
        assert far > 0
        assert side.sign * (far - near) >= 0
        if units >= 10:
            assert side.sign * (near - price) >= 0
