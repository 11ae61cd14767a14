"""CORE-37: fills against the depth book (``l2``), against a plain copy of the book."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal
ASKS = ((D("100.00"), D("0.5")), (D("100.10"), D(1)), (D("100.50"), D(2)))
BIDS = ((D("99.9"), D(4)), (D("99.8"), D(1)), (D("99.7"), D(1)))


def place(number: int, side: Side, price: str | Decimal, qty: str | Decimal) -> PlaceOrder:
    intent = OrderIntent(symbol=SYMBOL, side=side, price=D(price), qty=D(qty))
    return PlaceOrder(client_order_id=f"c{number}", intent=intent)


def a_venue(**changes: Any) -> SimVenue:
    values: dict[str, Any] = {"fill_mode": FillMode.L2, "partial_fills_enabled": True}
    return SimVenue(VenueSettings(**{**values, **changes}))


def see(venue: SimVenue, ts: int, asks: Any = ASKS, bids: Any = BIDS, book_ts: int = 0) -> Any:
    with exact():
        if asks is not None:
            came = book_ts or ts  # its own date is another clock's and decides nothing
            venue.on_market(L2Snapshot(ts=ts + 7, symbol=SYMBOL, bids=bids, asks=asks), came)
        return list(venue.on_snapshot(a_snapshot(ts=ts), ts))


def order(venue: SimVenue, effect: PlaceOrder, ts: int = 0) -> Any:
    with exact():
        venue.submit(effect, ts, ts)
        return list(venue.end_of_turn(SYMBOL, ts, ts))


def test_worked_example_core_37_depth() -> None:
    """BUY 1.5 limit 100.1 takes 0.5 at 100 and 1 at 100.1: 100.06666667, rounded against us."""
    venue = a_venue()
    see(venue, 1000)
    (update,) = order(venue, place(1, Side.BUY, "100.1", "1.5"), 1000)
    assert (update.last_price, update.last_qty) == (D("100.06666667"), D("1.5"))
    assert (update.state, update.liquidity) == (OrderState.FILLED, Liquidity.TAKER)
    (sell,) = order(venue, place(2, Side.SELL, "99.7", "5.5"), 1000)
    assert sell.last_price == D("99.86363636")  # 549.25 / 5.5 = 99.863636...


def test_what_one_order_took_the_next_cannot_take() -> None:
    venue = a_venue()
    see(venue, 1000)
    (first,) = order(venue, place(1, Side.BUY, "100.1", "1"), 1000)
    (second,) = order(venue, place(2, Side.BUY, "100.1", "9"), 1000)
    assert (first.last_qty, second.last_qty) == (D(1), D("0.5"))
    assert second.state is OrderState.PARTIALLY_FILLED
    assert not order(venue, place(3, Side.BUY, "100.1", "1"), 1000)
    rest = see(venue, 1001)  # a new snapshot displays anew; resting orders fill at their limit
    assert [(u.client_order_id, u.last_qty, u.last_price) for u in rest] == [
        ("c2", D("1.5"), D("100.1"))
    ]
    assert rest[0].liquidity is Liquidity.MAKER


def test_without_partial_fills_only_the_whole_remainder_fills() -> None:
    venue = a_venue(partial_fills_enabled=False)
    see(venue, 1000)
    assert not order(venue, place(1, Side.BUY, "100.1", "1.51"), 1000)
    (whole,) = order(venue, place(2, Side.BUY, "100.1", "1.5"), 1000)
    assert whole.state is OrderState.FILLED


def test_participation_is_taken_level_by_level_and_rounded_down() -> None:
    venue = a_venue(participation_bps=3333)
    see(venue, 1000, asks=((D("100"), D("0.00000001")), (D("100.1"), D("0.00000010"))))
    (update,) = order(venue, place(1, Side.BUY, "100.1", "1"), 1000)
    assert update.last_qty == D("0.00000003")


@pytest.mark.parametrize(
    ("book_ts", "fills"), [(2000, True), (501, True), (500, True), (499, False), (2001, False)]
)
def test_an_old_or_a_later_book_fills_nothing(book_ts: int, fills: bool) -> None:
    venue = a_venue()
    see(venue, 2000, book_ts=book_ts)
    assert bool(order(venue, place(1, Side.BUY, "100.1", "1"), 2000)) is fills


def test_a_book_that_missed_an_update_fills_nothing_until_the_next_snapshot() -> None:
    venue = a_venue()
    gap = DepthDiff(
        ts=1000, symbol=SYMBOL, first_update_id=50, last_update_id=51, prev_update_id=49
    )
    with exact():
        book = L2Snapshot(ts=1000, symbol=SYMBOL, bids=BIDS, asks=ASKS)
        venue.on_market(book, 1000, update_id=7)
        venue.on_market(gap, 1000)
        venue.on_snapshot(a_snapshot(ts=1000), 1000)
    assert not order(venue, place(1, Side.BUY, "101", "1"), 1000)
    assert see(venue, 1001)[0].last_price == D(101)


def test_no_book_fills_nothing() -> None:
    venue = a_venue()
    see(venue, 1000, asks=None)
    assert not order(venue, place(1, Side.BUY, "200", "1"), 1000)
    assert venue.listens == {L2Snapshot, DepthDiff}


# -- the whole input space ---------------------------------------------------------------------


def units8(value: Fraction) -> Fraction:
    return Fraction(int(value * 10**8), 10**8)


class PlainDepth:
    """The page again, on lists of levels in cents."""

    def __init__(self, settings: VenueSettings) -> None:
        self.settings, self.tick = settings, 0
        self.orders: list[dict[str, Any]] = []
        self.book: tuple[int, list[tuple[int, int]], list[tuple[int, int]]] | None = None
        self.offers: dict[Side, list[list[Any]]] = {Side.BUY: [], Side.SELL: []}

    def on_snapshot(self, ts: int) -> list[tuple[Any, ...]]:
        self.tick += 1
        self.offers = {Side.BUY: [], Side.SELL: []}
        if self.book is not None and 0 <= ts - self.book[0] <= self.settings.l2_fill_max_age_ms:
            share = Fraction(self.settings.participation_bps, 10_000)
            for side, levels in ((Side.BUY, self.book[2]), (Side.SELL, self.book[1])):
                self.offers[side] = [[p, units8(Fraction(q, 8) * share)] for p, q in levels]
        return self.serve([o for o in self.orders if o["tick"] < self.tick], is_new=False)

    def end_of_turn(self) -> list[tuple[Any, ...]]:
        if self.settings.fill_after_ticks:
            return []
        return self.serve([o for o in self.orders if o["tick"] == self.tick], is_new=True)

    def serve(self, due: list[dict[str, Any]], *, is_new: bool) -> list[tuple[Any, ...]]:
        due = [o for o in due if self.tick >= o["tick"] + self.settings.fill_after_ticks]
        buys = sorted((o for o in due if o["side"] is Side.BUY), key=lambda o: -o["cents"])
        sells = sorted((o for o in due if o["side"] is Side.SELL), key=lambda o: o["cents"])
        answers = []
        for o in buys + sells:
            levels = [
                offer for offer in self.offers[o["side"]]
                if (offer[0] <= o["cents"] if o["side"] is Side.BUY else offer[0] >= o["cents"])
            ]  # fmt: skip
            there = sum((offer[1] for offer in levels), Fraction(0))
            if not there or (there < o["left"] and not self.settings.partial_fills_enabled):
                continue
            cost = got = Fraction(0)
            for offer in levels:
                part = min(offer[1], o["left"])
                offer[1] -= part
                o["left"] -= part
                cost += part * Fraction(offer[0], 100)
                got += part
            price = Fraction(o["cents"], 100)
            if is_new:
                units = cost / got * 10**8
                up = -(-units.numerator // units.denominator)
                price = Fraction(up if o["side"] is Side.BUY else int(units), 10**8)
            if not o["left"]:
                self.orders.remove(o)
            answers.append((o["id"], got, price, "TAKER" if is_new else "MAKER", not o["left"]))
        return answers


def side_of_book(start: int, step: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    gaps = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 12)), max_size=4)

    def levels(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
        price, out = start, []
        for gap, qty in parts:
            price += step * gap
            out.append((price, qty))
        return out

    return gaps.map(levels)


turns = st.lists(
    st.tuples(
        st.integers(1, 1200),
        st.none() | st.tuples(side_of_book(1000, -1), side_of_book(999, 1), st.integers(-2, 1600)),
        st.lists(
            st.tuples(st.sampled_from(Side), st.integers(992, 1008), st.integers(1, 20)),
            max_size=3,
        ),
    ),
    max_size=10,
)
depth_settings = st.builds(
    VenueSettings,
    fill_mode=st.just(FillMode.L2),
    partial_fills_enabled=st.booleans(),
    participation_bps=st.sampled_from((10_000, 2_500, 3_333)),
    fill_after_ticks=st.sampled_from((0, 0, 1)),
)


def as_levels(levels: list[tuple[int, int]]) -> tuple[Level, ...]:
    return tuple((D(price) / 100, D(qty) / 8) for price, qty in levels)


@given(turns, depth_settings)
def test_depth_fills_equal_those_of_a_plain_copy(script: Any, settings: VenueSettings) -> None:
    venue, twin, ts, number = SimVenue(settings), PlainDepth(settings), 5000, 0
    for gap, book, orders in script:
        ts += gap
        with exact():
            if book is not None:
                bids, asks, age = book
                payload = L2Snapshot(
                    ts=ts, symbol=SYMBOL, bids=as_levels(bids), asks=as_levels(asks)
                )
                assert not venue.on_market(payload, ts - age)
                twin.book = (ts - age, bids, asks)
                if bids and asks and bids[0][0] >= asks[0][0]:
                    twin.book = None  # a locked book is no book
            told = [list(venue.on_snapshot(a_snapshot(ts=ts), ts))]
            expected = [twin.on_snapshot(ts)]
            for side, cents, eighths in orders:
                number += 1
                venue.submit(place(number, side, D(cents) / 100, D(eighths) / 8), ts, ts)
                twin.orders.append(
                    {"id": f"c{number}", "side": side, "cents": cents,
                     "left": Fraction(eighths, 8), "tick": twin.tick}
                )  # fmt: skip
            told.append(list(venue.end_of_turn(SYMBOL, ts, ts)))
            expected.append(twin.end_of_turn())
        for updates, wanted in zip(told, expected, strict=True):
            assert [
                (u.client_order_id, Fraction(u.last_qty), Fraction(u.last_price),
                 u.liquidity.value, u.state is OrderState.FILLED)
                for u in updates if isinstance(u, OrderUpdate)
            ] == wanted  # fmt: skip
        for side, offers in twin.offers.items():
            for offer in offers:
                assert offer[1] >= 0, side
        rest = [o.client_order_id for o in venue.books[SYMBOL].orders.values()]
        assert rest == [o["id"] for o in twin.orders]


@given(turns, depth_settings)
def test_no_depth_fill_is_worse_than_the_limit(script: Any, settings: VenueSettings) -> None:
    venue, ts, limits = SimVenue(settings), 5000, {}
    with exact():
        for gap, book, orders in script:
            ts += gap
            if book is not None:
                bids, asks = as_levels(book[0]), as_levels(book[1])
                venue.on_market(L2Snapshot(ts=ts, symbol=SYMBOL, bids=bids, asks=asks), ts)
            updates = list(venue.on_snapshot(a_snapshot(ts=ts), ts))
            for side, cents, eighths in orders:
                effect = place(len(limits) + 1, side, D(cents) / 100, D(eighths) / 8)
                limits[effect.client_order_id] = effect.intent
                venue.submit(effect, ts, ts)
            for update in [*updates, *venue.end_of_turn(SYMBOL, ts, ts)]:
                assert isinstance(update, OrderUpdate)
                intent = limits[update.client_order_id]
                assert update.side.sign * (intent.price - update.last_price) >= 0
                assert update.filled_qty <= intent.qty
