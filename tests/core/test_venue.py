"""CORE-36, 37: fills by price, delays, partial fills and fees, against a plain list of orders."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.fees import fee
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import RestingVenue, SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal


def market(bid: int, ask: int, ts: int = 0, bid_qty: int = 40, ask_qty: int = 60) -> Snapshot:
    """A snapshot in cents and eighths."""
    return a_snapshot(
        ts=ts,
        bid_price=D(bid) / 100,
        ask_price=D(ask) / 100,
        bid_qty=D(bid_qty) / 8,
        ask_qty=D(ask_qty) / 8,
    )


def place(
    number: int, side: Side, cents: int, qty: str = "1", *, reduce_only: bool = False
) -> PlaceOrder:
    """An order in cents."""
    intent = OrderIntent(
        symbol=SYMBOL, side=side, price=D(cents) / 100, qty=D(qty), reduce_only=reduce_only
    )
    return PlaceOrder(client_order_id=f"c{number}", intent=intent)


class PlainVenue:
    """Every rule of the page on a plain list; prices in cents, everything as fractions."""

    def __init__(self, settings: VenueSettings) -> None:
        self.settings = settings
        self.tick = 0
        self.bid = self.ask = 0
        self.budget = {Side.BUY: Fraction(0), Side.SELL: Fraction(0)}
        self.position = Fraction(0)
        self.orders: list[dict[str, Any]] = []

    def reached(self, order: dict[str, Any]) -> bool:
        mode, mid = self.settings.fill_mode, Fraction(self.bid + self.ask, 2)
        if mode is FillMode.INSTANT:
            return True
        buy_at = {FillMode.QUOTE: self.ask, FillMode.TOUCH: self.bid}.get(mode, mid)
        sell_at = {FillMode.QUOTE: self.bid, FillMode.TOUCH: self.ask}.get(mode, mid)
        cents = order["cents"]
        return bool(buy_at <= cents if order["side"] is Side.BUY else sell_at >= cents)

    def place(self, number: int, side: Side, cents: int, qty: int, reduce_only: bool) -> None:
        mid, extra = Fraction(self.bid + self.ask, 2), 0
        if self.settings.delay_bps_per_tick:
            distance = int(abs(cents - mid) * 10_000 / mid)
            extra = min(
                distance // self.settings.delay_bps_per_tick, self.settings.max_extra_delay_ticks
            )
        self.orders.append(
            {"id": f"c{number}", "side": side, "cents": cents,
             "left": Fraction(qty), "done": Fraction(0), "reduce_only": reduce_only,
             "tick": self.tick,
             "from": self.tick + self.settings.fill_after_ticks + extra}
        )  # fmt: skip

    def on_snapshot(self, bid: int, ask: int, bid_qty: int, ask_qty: int) -> list[tuple[Any, ...]]:
        self.tick += 1
        self.bid, self.ask = bid, ask
        for side, qty in ((Side.BUY, ask_qty), (Side.SELL, bid_qty)):
            units = Fraction(qty * self.settings.participation_bps, 8 * 10_000) * 10**8
            self.budget[side] = Fraction(int(units), 10**8)
        return self.serve([o for o in self.orders if o["tick"] < self.tick >= o["from"]], "maker")

    def end_of_turn(self) -> list[tuple[Any, ...]]:
        return self.serve([o for o in self.orders if o["tick"] == self.tick == o["from"]], "taker")

    def serve(self, due: list[dict[str, Any]], how: str) -> list[tuple[Any, ...]]:
        due = [o for o in due if self.reached(o)]
        if self.settings.partial_fills_enabled:
            buys = sorted((o for o in due if o["side"] is Side.BUY), key=lambda o: -o["cents"])
            sells = sorted((o for o in due if o["side"] is Side.SELL), key=lambda o: o["cents"])
            due = buys + sells
        answers = [self.fill(o, how) for o in due]
        return [answer for answer in answers if answer is not None]

    def fill(self, order: dict[str, Any], how: str) -> tuple[Any, ...] | None:
        side, qty, mode = order["side"], order["left"], self.settings.fill_mode
        if order["reduce_only"]:
            qty = min(qty, max(Fraction(0), -side.sign * self.position))
            if not qty:
                self.orders.remove(order)
                return (order["id"], "EXPIRED", order["done"], Fraction(0), "-", Fraction(0))
        if self.settings.partial_fills_enabled and mode is not FillMode.INSTANT:
            qty = min(qty, self.budget[side])
            self.budget[side] -= qty
            if not qty:
                return None
        self.position += side.sign * qty
        order["left"] -= qty
        order["done"] += qty
        takes = how == "taker" or mode is FillMode.INSTANT
        rate = self.settings.taker_fee_bps_x100 if takes else self.settings.maker_fee_bps_x100
        units = Fraction(order["cents"], 100) * qty * rate / 10**6 * 10**8
        fee = Fraction(-(-units.numerator // units.denominator), 10**8)
        state = "FILLED" if not order["left"] else "PARTIALLY_FILLED"
        if order["left"] and order["reduce_only"] and -side.sign * self.position <= 0:
            state = "EXPIRED"
        if state != "PARTIALLY_FILLED":
            self.orders.remove(order)
        return (order["id"], state, order["done"], qty, "TAKER" if takes else "MAKER", fee)


def read(updates: Any) -> list[tuple[Any, ...]]:
    return [
        (
            u.client_order_id,
            u.state.value,
            Fraction(u.filled_qty),
            Fraction(u.last_qty),
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
        st.integers(0, 24),
        st.integers(0, 24),
    ),
    max_size=15,
)
BY_PRICE = (FillMode.INSTANT, FillMode.TOUCH, FillMode.CROSSING, FillMode.QUOTE)
venue_settings = st.builds(
    VenueSettings,
    fill_mode=st.sampled_from(BY_PRICE),
    fill_after_ticks=st.sampled_from((0, 0, 1, 3)),
    delay_bps_per_tick=st.sampled_from((0, 0, 7, 20)),
    max_extra_delay_ticks=st.integers(0, 4),
    partial_fills_enabled=st.booleans(),
    participation_bps=st.sampled_from((10_000, 2_500, 3_333, 1)),
    maker_fee_bps_x100=st.sampled_from((0, 200, 333)),
    taker_fee_bps_x100=st.sampled_from((0, 500, 1)),
)


@given(turns, venue_settings)
def test_the_venue_equals_its_plain_twin(script: Any, settings: VenueSettings) -> None:
    venue, twin, number = SimVenue(settings), PlainVenue(settings), 0
    for ts, (bid, spread, orders, cancels, bid_qty, ask_qty) in enumerate(script):
        snapshot = market(bid, bid + spread, ts, bid_qty, ask_qty)
        with exact():
            updates = list(venue.on_snapshot(snapshot, ts))
        assert read(updates) == twin.on_snapshot(bid, bid + spread, bid_qty, ask_qty)
        for index in cancels:
            if not twin.orders:
                break
            gone = twin.orders.pop(index % len(twin.orders))
            effect = CancelOrder(client_order_id=gone["id"], order_id="", symbol=SYMBOL)
            with exact():
                (update,) = venue.submit(effect, ts, ts)
            assert isinstance(update, OrderUpdate)
            assert update.state is OrderState.CANCELLED
            assert Fraction(update.filled_qty) == gone["done"]
        for side, cents, qty, reduce_only in orders:
            number += 1
            with exact():
                (accepted,) = venue.submit(
                    place(number, side, cents, str(qty), reduce_only=reduce_only), ts, ts
                )
            assert isinstance(accepted, OrderUpdate)
            assert accepted.state is OrderState.OPEN
            assert accepted.order_id == f"PAPER_{number:08d}"
            twin.place(number, side, cents, qty, reduce_only)
        with exact():
            updates = list(venue.end_of_turn(SYMBOL, ts, ts))
        assert read(updates) == twin.end_of_turn()
        book = venue.books[SYMBOL]
        assert [o.client_order_id for o in book.orders.values()] == [o["id"] for o in twin.orders]
        assert set(book.by_client_id) == {o["id"] for o in twin.orders}
        assert Fraction(book.position) == twin.position


@given(turns, venue_settings)
def test_fills_never_exceed_the_order_its_limit_or_what_is_displayed(
    script: Any, settings: VenueSettings
) -> None:
    venue, limits = SimVenue(settings), {}
    filled: dict[str, Decimal] = {}
    eligible: dict[str, int] = {}
    trade_ids: list[int] = []
    budgeted = settings.partial_fills_enabled and settings.fill_mode is not FillMode.INSTANT
    for ts, (bid, spread, orders, _, bid_qty, ask_qty) in enumerate(script):
        with exact():
            snapshot = market(bid, bid + spread, ts, bid_qty, ask_qty)
            updates = list(venue.on_snapshot(snapshot, ts))
            for side, cents, qty, _ in orders:
                effect = place(len(limits) + 1, side, cents, str(qty))
                limits[effect.client_order_id] = effect.intent
                venue.submit(effect, ts, ts)
                (order,) = [
                    o for o in venue.books[SYMBOL].orders.values()
                    if o.client_order_id == effect.client_order_id
                ]  # fmt: skip
                eligible[effect.client_order_id] = order.eligible_tick
            updates += venue.end_of_turn(SYMBOL, ts, ts)
            taken = {side: D(0) for side in Side}
            for update in updates:
                assert isinstance(update, OrderUpdate)
                intent = limits[update.client_order_id]
                assert update.last_price == intent.price
                assert update.fee >= 0
                assert ts + 1 >= eligible[update.client_order_id]
                key = update.client_order_id
                filled[key] = filled.get(key, D(0)) + update.last_qty
                assert filled[key] == update.filled_qty <= intent.qty
                assert (update.state is OrderState.FILLED) == (filled[key] == intent.qty)
                taken[update.side] += update.last_qty
                trade_ids.append(update.trade_id)
            if budgeted:
                assert taken[Side.BUY] * 10_000 <= snapshot.ask_qty * settings.participation_bps
                assert taken[Side.SELL] * 10_000 <= snapshot.bid_qty * settings.participation_bps
    assert trade_ids == list(range(1, len(trade_ids) + 1))


@given(turns, venue_settings)
def test_unlimited_depth_gives_the_fills_of_all_or_nothing_in_service_order(
    script: Any, settings: VenueSettings
) -> None:
    answers = []
    for partial in (False, True):
        changed = evolve(settings, partial_fills_enabled=partial, participation_bps=10_000)
        venue, number, told = SimVenue(changed), 0, []
        for ts, (bid, spread, orders, *_) in enumerate(script):
            with exact():
                updates = list(venue.on_snapshot(market(bid, bid + spread, ts, 800, 800), ts))
                told.append(sorted(read(updates)))
                for side, cents, qty, _ in orders:
                    number += 1
                    venue.submit(place(number, side, cents, str(qty)), ts, ts)
                updates = list(venue.end_of_turn(SYMBOL, ts, ts))
                told.append(sorted(read(updates)))
                if partial:
                    sides = [u.side for u in updates if isinstance(u, OrderUpdate)]
                    assert sides == sorted(sides)  # BUY before SELL
        answers.append(told)
    assert answers[0] == answers[1]


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


@given(
    st.integers(900, 1100),
    st.integers(1, 2000),
    st.integers(0, 2000),
    st.sampled_from(Side),
    st.integers(1, 50),
    st.integers(0, 60),
)
def test_a_farther_order_is_never_eligible_earlier(
    mid: int, cents: int, farther: int, side: Side, per_tick: int, most: int
) -> None:
    settings = VenueSettings(delay_bps_per_tick=per_tick, max_extra_delay_ticks=most)
    venue = SimVenue(settings)
    fills_of(venue, mid, mid)
    sign = 1 if cents >= mid else -1
    prices = (cents, max(1, cents + sign * farther))
    with exact():
        for number, price in enumerate(prices, 1):
            venue.submit(place(number, side, price), 0, 0)
    near, far = venue.books[SYMBOL].orders.values()
    assert 1 <= near.eligible_tick <= far.eligible_tick <= 1 + most


def fills_of(venue: SimVenue, bid: int, ask: int) -> list[OrderUpdate]:
    with exact():
        return list(venue.on_snapshot(market(bid, ask), 0))


def test_worked_example_core_36() -> None:
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
    assert not venue.submit(cancel, 0, 0)
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
        (FillMode.TOUCH, 9_990, 20_000, True),  # the bid touches
        (FillMode.TOUCH, 9_991, 20_000, False),
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
        (FillMode.TOUCH, 9_000, 10_010, True),  # the ask touches
        (FillMode.TOUCH, 9_000, 10_009, False),
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
    venue.books[SYMBOL].ledger.qty = D(long)
    with exact():
        venue.submit(place(1, side, 10_000, qty, reduce_only=True), 0, 0)
        (update,) = venue.end_of_turn(SYMBOL, 0, 0)
    assert (update.state.value, update.filled_qty) == (state, D(filled))
    assert abs(venue.books[SYMBOL].position) <= abs(D(long))


@given(turns)
def test_the_replay_venue_accepts_and_never_fills(script: Any) -> None:
    venue, number = RestingVenue(VenueSettings(fill_mode=FillMode.INSTANT)), 0
    with exact():
        for ts, (bid, spread, orders, *_) in enumerate(script):
            assert not venue.on_snapshot(market(bid, bid + spread, ts), ts)
            for side, cents, qty, _ in orders:
                number += 1
                assert venue.submit(place(number, side, cents, str(qty)), ts, ts)[0].order_id
            assert not venue.end_of_turn(SYMBOL, ts, ts)
    assert sum(len(book.orders) for book in venue.books.values()) == number


def test_worked_example_core_37_delay() -> None:
    """Limit 99.65, mid 100, 10 bps per tick: eligible after base delay 1 and 3 ticks more."""
    venue = SimVenue(VenueSettings(fill_after_ticks=1, delay_bps_per_tick=10))
    fills_of(venue, 10_000, 10_000)
    with exact():
        venue.submit(place(1, Side.BUY, 9_965), 0, 0)
    ticks = [bool(fills_of(venue, 9_900, 9_900)) for _ in range(4)]
    assert ticks == [False, False, False, True]


def test_worked_example_core_37_fee() -> None:
    with exact():
        assert fee(D("100.5"), D(3), 200) == D("0.0603")
        assert fee(D("0.1234"), D(7), 500) == D("0.0004319")


def test_worked_example_core_37_partial() -> None:
    """7.5 displayed at the ask, a quarter of it ours: 1.875 of a BUY 5 fills."""
    settings = VenueSettings(partial_fills_enabled=True, participation_bps=2500)
    venue = SimVenue(settings)
    fills_of(venue, 10_000, 10_020)
    with exact():
        venue.submit(place(1, Side.BUY, 10_010, "5"), 0, 0)
        (update,) = venue.end_of_turn(SYMBOL, 0, 0)
    assert isinstance(update, OrderUpdate)
    assert (update.state, update.last_qty) == (OrderState.PARTIALLY_FILLED, D("1.875"))
    assert update.liquidity is Liquidity.TAKER
    (rest,) = fills_of(venue, 10_000, 10_020)
    assert (rest.filled_qty, rest.liquidity) == (D("3.75"), Liquidity.MAKER)


def test_both_phases_of_a_snapshot_share_one_budget() -> None:
    venue = SimVenue(VenueSettings(partial_fills_enabled=True))
    fills_of(venue, 10_010, 10_030)
    with exact():
        venue.submit(place(1, Side.BUY, 10_000, "5"), 0, 0)
        (maker,) = venue.on_snapshot(market(9_990, 10_010, 0, 40, 60), 0)
        venue.submit(place(2, Side.BUY, 10_000, "5"), 0, 0)
        (taker,) = venue.end_of_turn(SYMBOL, 0, 0)
        assert not venue.end_of_turn(SYMBOL, 0, 0)
    assert isinstance(maker, OrderUpdate)
    assert isinstance(taker, OrderUpdate)
    assert (maker.last_qty, taker.last_qty) == (D(5), D("2.5"))


def test_an_order_before_any_market_fills_only_where_price_does_not_matter() -> None:
    for mode in FillMode:
        venue = SimVenue(VenueSettings(fill_mode=mode))
        with exact():
            venue.submit(place(1, Side.BUY, 10_000), 0, 0)
            assert bool(venue.end_of_turn(SYMBOL, 0, 0)) is (mode is FillMode.INSTANT)


def test_a_venue_without_the_symbol_has_nothing_to_match() -> None:
    assert SimVenue(VenueSettings()).end_of_turn("NOWHERE", 0, 0) == ()
