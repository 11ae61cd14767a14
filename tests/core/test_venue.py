"""CORE-36, 37 (fees): the simulated venue against a list of orders read line by line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import RestingVenue, SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal


def market(bid: int, ask: int, ts: int = 0) -> Snapshot:
    """A snapshot in cents."""
    return a_snapshot(ts=ts, bid_price=D(bid) / 100, ask_price=D(ask) / 100)


def place(
    number: int, side: Side, cents: int, qty: str = "1", *, reduce_only: bool = False
) -> PlaceOrder:
    """An order in cents."""
    intent = OrderIntent(
        symbol=SYMBOL, side=side, price=D(cents) / 100, qty=D(qty), reduce_only=reduce_only
    )
    return PlaceOrder(client_order_id=f"c{number}", intent=intent)


class PlainVenue:
    """Every rule of the page on a plain list; prices in cents."""

    def __init__(self, settings: VenueSettings) -> None:
        self.settings = settings
        self.tick = 0
        self.bid = self.ask = 0
        self.position = Fraction(0)
        self.orders: list[dict[str, Any]] = []

    def reached(self, order: dict[str, Any]) -> bool:
        mode = self.settings.fill_mode
        if mode is FillMode.INSTANT:
            return True
        buy_at = self.ask if mode is FillMode.QUOTE else Fraction(self.bid + self.ask, 2)
        sell_at = self.bid if mode is FillMode.QUOTE else Fraction(self.bid + self.ask, 2)
        cents = order["cents"]
        return bool(buy_at <= cents if order["side"] is Side.BUY else sell_at >= cents)

    def on_snapshot(self, bid: int, ask: int) -> list[tuple[Any, ...]]:
        self.tick += 1
        self.bid, self.ask = bid, ask
        delay = self.settings.fill_after_ticks
        due = [o for o in self.orders if o["tick"] < self.tick >= o["tick"] + delay]
        return [self.fill(o, "maker") for o in due if self.reached(o)]

    def end_of_turn(self) -> list[tuple[Any, ...]]:
        if self.settings.fill_after_ticks:
            return []
        due = [o for o in self.orders if o["tick"] == self.tick]
        return [self.fill(o, "taker") for o in due if self.reached(o)]

    def fill(self, order: dict[str, Any], how: str) -> tuple[Any, ...]:
        self.orders.remove(order)
        qty, sign = order["qty"], order["side"].sign
        if order["reduce_only"]:
            qty = min(qty, max(Fraction(0), -sign * self.position))
        if not qty:
            return (order["id"], "EXPIRED", Fraction(0), "-", Fraction(0))
        self.position += sign * qty
        takes = how == "taker" or self.settings.fill_mode is FillMode.INSTANT
        rate = self.settings.taker_fee_bps_x100 if takes else self.settings.maker_fee_bps_x100
        units = Fraction(order["cents"], 100) * qty * rate / 10**6 * 10**8
        fee = Fraction(-(-units.numerator // units.denominator), 10**8)
        state = "FILLED" if qty == order["qty"] else "EXPIRED"
        return (order["id"], state, qty, "TAKER" if takes else "MAKER", fee)


def read(updates: Any) -> list[tuple[Any, ...]]:
    return [
        (
            u.client_order_id,
            u.state.value,
            Fraction(u.filled_qty),
            u.liquidity.value if u.last_qty else "-",
            Fraction(u.fee),
        )
        for u in updates
    ]


turns = st.lists(
    st.tuples(
        st.integers(995, 1005),
        st.integers(0, 3),
        st.lists(
            st.tuples(
                st.sampled_from(Side), st.integers(994, 1007), st.integers(1, 3), st.booleans()
            ),
            max_size=3,
        ),
        st.lists(st.integers(0, 10), max_size=2),
    ),
    max_size=15,
)
venue_settings = st.builds(
    VenueSettings,
    fill_mode=st.sampled_from(FillMode),
    fill_after_ticks=st.integers(0, 3),
    maker_fee_bps_x100=st.sampled_from((0, 200, 333)),
    taker_fee_bps_x100=st.sampled_from((0, 500, 1)),
)


@given(turns, venue_settings)
def test_the_venue_equals_its_plain_twin(script: Any, settings: VenueSettings) -> None:
    venue, twin, number = SimVenue(settings), PlainVenue(settings), 0
    for ts, (bid, spread, orders, cancels) in enumerate(script):
        with exact():
            updates = list(venue.on_snapshot(market(bid, bid + spread, ts), ts))
        assert read(updates) == twin.on_snapshot(bid, bid + spread)
        for index in cancels:
            if not twin.orders:
                break
            gone = twin.orders.pop(index % len(twin.orders))
            effect = CancelOrder(client_order_id=gone["id"], order_id="", symbol=SYMBOL)
            (update,) = venue.submit(effect, ts, ts)
            assert update.state is OrderState.CANCELLED
        for side, cents, qty, reduce_only in orders:
            number += 1
            effect = place(number, side, cents, str(qty), reduce_only=reduce_only)
            with exact():
                (accepted,) = venue.submit(effect, ts, ts)
            assert accepted.state is OrderState.OPEN
            assert accepted.order_id == f"PAPER_{number:08d}"
            twin.orders.append(
                {"id": f"c{number}", "side": side, "cents": cents, "qty": Fraction(qty),
                 "reduce_only": reduce_only, "tick": twin.tick}
            )  # fmt: skip
        with exact():
            updates = list(venue.end_of_turn(SYMBOL, ts, ts))
        assert read(updates) == twin.end_of_turn()
        book = venue.books[SYMBOL]
        assert [o.client_order_id for o in book.orders.values()] == [o["id"] for o in twin.orders]
        assert set(book.by_client_id) == {o["id"] for o in twin.orders}
        assert Fraction(book.position) == twin.position


@given(turns, venue_settings)
def test_fills_are_whole_single_at_the_limit_and_in_placement_order(
    script: Any, settings: VenueSettings
) -> None:
    venue, limits, filled = SimVenue(settings), {}, []
    number = 0
    for ts, (bid, spread, orders, _) in enumerate(script):
        with exact():
            batches = [list(venue.on_snapshot(market(bid, bid + spread, ts), ts))]
            for side, cents, qty, _ in orders:
                number += 1
                effect = place(number, side, cents, str(qty))
                limits[effect.client_order_id] = effect.intent
                venue.submit(effect, ts, ts)
            batches.append(list(venue.end_of_turn(SYMBOL, ts, ts)))
        for batch in batches:
            assert [u.order_id for u in batch] == sorted(u.order_id for u in batch)
            for update in batch:
                intent = limits[update.client_order_id]
                assert (update.last_price, update.last_qty) == (intent.price, intent.qty)
                assert update.fee >= 0
                filled.append(update)
    assert len({u.client_order_id for u in filled}) == len(filled)
    assert [u.trade_id for u in filled] == list(range(1, len(filled) + 1))


@given(
    st.lists(st.integers(990, 1010), min_size=1, max_size=20),
    st.sampled_from(Side),
    st.integers(990, 1010),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_a_larger_delay_never_fills_earlier(
    path: list[int], side: Side, cents: int, delay: int, more: int
) -> None:
    def fill_tick(ticks: int) -> float:
        venue = SimVenue(VenueSettings(fill_after_ticks=ticks))
        with exact():
            for tick, mid in enumerate(path):
                if venue.on_snapshot(market(mid, mid), 0):
                    return tick
                if tick == 0:
                    venue.submit(place(1, side, cents), 0, 0)
                if venue.end_of_turn(SYMBOL, 0, 0):
                    return tick
        return float("inf")

    assert fill_tick(delay) <= fill_tick(delay + more)


def fills_of(venue: SimVenue, bid: int, ask: int) -> list[OrderUpdate]:
    with exact():
        return list(venue.on_snapshot(market(bid, ask), 0))


def test_the_example_of_the_page() -> None:
    """Delay 1, BUY 99.9 placed at tick 5: open at 99.95, filled at a touch of 99.90."""
    venue = SimVenue(VenueSettings(fill_after_ticks=1))
    for _ in range(5):
        fills_of(venue, 10_000, 10_000)
    with exact():
        venue.submit(place(1, Side.BUY, 9_990), 0, 0)
        assert not venue.end_of_turn(SYMBOL, 0, 0)
    assert not fills_of(venue, 9_995, 9_995)
    (update,) = fills_of(venue, 9_990, 9_990)
    assert (update.last_price, update.state) == (D("99.9"), OrderState.FILLED)


def test_an_order_cancelled_before_its_touch_never_fills() -> None:
    venue = SimVenue(VenueSettings(fill_after_ticks=1))
    fills_of(venue, 10_000, 10_000)
    with exact():
        venue.submit(place(1, Side.BUY, 9_990), 0, 0)
    fills_of(venue, 9_995, 9_995)
    cancel = CancelOrder(client_order_id="c1", order_id="PAPER_00000001", symbol=SYMBOL)
    (update,) = venue.submit(cancel, 0, 0)
    assert update.state is OrderState.CANCELLED
    assert not fills_of(venue, 9_900, 9_900)
    assert venue.submit(cancel, 0, 0) == ()
    assert venue.late_cancels == 1


@pytest.mark.parametrize(
    ("mode", "bid", "ask", "fills"),
    [
        (FillMode.CROSSING, 9_980, 10_000, True),  # the mid touches 99.9
        (FillMode.CROSSING, 9_981, 10_000, False),
        (FillMode.QUOTE, 9_980, 9_990, True),  # the ask touches
        (FillMode.QUOTE, 9_980, 9_991, False),
        (FillMode.QUOTE, 9_900, 10_000, False),  # the mid is through, the ask is not
        (FillMode.INSTANT, 20_000, 20_000, True),
    ],
)
def test_what_a_resting_buy_must_see(mode: FillMode, bid: int, ask: int, fills: bool) -> None:
    venue = SimVenue(VenueSettings(fill_mode=mode, fill_after_ticks=1))
    fills_of(venue, 10_010, 10_010)
    with exact():
        venue.submit(place(1, Side.BUY, 9_990), 0, 0)
    assert bool(fills_of(venue, bid, ask)) is fills


@pytest.mark.parametrize(
    ("mode", "bid", "ask", "fills"),
    [
        (FillMode.CROSSING, 10_000, 10_020, True),
        (FillMode.CROSSING, 10_000, 10_019, False),
        (FillMode.QUOTE, 10_010, 10_020, True),
        (FillMode.QUOTE, 10_009, 10_020, False),
    ],
)
def test_what_a_resting_sell_must_see(mode: FillMode, bid: int, ask: int, fills: bool) -> None:
    venue = SimVenue(VenueSettings(fill_mode=mode, fill_after_ticks=1))
    fills_of(venue, 9_990, 9_990)
    with exact():
        venue.submit(place(1, Side.SELL, 10_010), 0, 0)
    assert bool(fills_of(venue, bid, ask)) is fills


def test_resting_pays_the_maker_fee_and_crossing_the_taker_fee() -> None:
    settings = VenueSettings(maker_fee_bps_x100=200, taker_fee_bps_x100=500)
    venue = SimVenue(settings)
    fills_of(venue, 10_000, 10_000)
    with exact():
        venue.submit(place(1, Side.BUY, 10_000), 0, 0)
        venue.submit(place(2, Side.BUY, 9_990), 0, 0)
        (taken,) = venue.end_of_turn(SYMBOL, 0, 0)
    assert (taken.liquidity, taken.fee) == (Liquidity.TAKER, D("0.05"))
    (made,) = fills_of(venue, 9_990, 9_990)
    assert (made.liquidity, made.fee) == (Liquidity.MAKER, D("0.01998"))


@pytest.mark.parametrize(
    ("long", "side", "qty", "state", "filled"),
    [
        ("2", Side.SELL, "1", "FILLED", "1"),
        ("2", Side.SELL, "3", "EXPIRED", "2"),
        ("2", Side.BUY, "1", "EXPIRED", "0"),
        ("-2", Side.BUY, "3", "EXPIRED", "2"),
        ("0", Side.SELL, "1", "EXPIRED", "0"),
        ("0", Side.BUY, "1", "EXPIRED", "0"),
    ],
)
def test_a_reduce_only_order_never_opens_or_turns_a_position(
    long: str, side: Side, qty: str, state: str, filled: str
) -> None:
    venue = SimVenue(VenueSettings())
    fills_of(venue, 10_000, 10_000)
    venue.books[SYMBOL].position = D(long)
    with exact():
        venue.submit(place(1, side, 10_000, qty, reduce_only=True), 0, 0)
        (update,) = venue.end_of_turn(SYMBOL, 0, 0)
    assert (update.state.value, update.filled_qty) == (state, D(filled))
    assert abs(venue.books[SYMBOL].position) <= abs(D(long))


@given(turns)
def test_the_replay_venue_accepts_and_never_fills(script: Any) -> None:
    venue, number = RestingVenue(VenueSettings(fill_mode=FillMode.INSTANT)), 0
    with exact():
        for ts, (bid, spread, orders, _) in enumerate(script):
            assert not venue.on_snapshot(market(bid, bid + spread, ts), ts)
            for side, cents, qty, _ in orders:
                number += 1
                assert venue.submit(place(number, side, cents, str(qty)), ts, ts)[0].order_id
            assert not venue.end_of_turn(SYMBOL, ts, ts)
    assert sum(len(book.orders) for book in venue.books.values()) == number


def test_a_venue_without_the_symbol_has_nothing_to_match() -> None:
    assert SimVenue(VenueSettings()).end_of_turn("NOWHERE", 0, 0) == ()
