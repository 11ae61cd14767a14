"""CORE-37 (queue position): prints, depth and quotes move a resting order, pessimistically."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Trade
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal


class Scene:
    """A queue venue fed with whole numbers: prices in ticks of 1, quantities in units."""

    def __init__(self, **changes: Any) -> None:
        self.venue = SimVenue(VenueSettings(fill_mode=FillMode.QUEUE, **changes))
        self.ts = 1000
        self.trade_id = 0

    def quote(self, bid: int, ask: int, bid_qty: int = 5, ask_qty: int = 5) -> list[Any]:
        self.ts += 1
        snapshot = a_snapshot(
            ts=self.ts, bid_price=D(bid), ask_price=D(ask), bid_qty=D(bid_qty), ask_qty=D(ask_qty)
        )
        with exact():
            return list(self.venue.on_snapshot(snapshot, self.ts))

    def place(self, name: str, side: Side, price: int, qty: int) -> list[Any]:
        intent = OrderIntent(symbol=SYMBOL, side=side, price=D(price), qty=D(qty))
        with exact():
            self.venue.submit(PlaceOrder(client_order_id=name, intent=intent), self.ts, self.ts)
            return list(self.venue.end_of_turn(SYMBOL, self.ts, self.ts))

    def cancel(self, name: str) -> None:
        effect = CancelOrder(client_order_id=name, order_id="", symbol=SYMBOL)
        with exact():
            self.venue.submit(effect, self.ts, self.ts)

    def trade(self, price: int, qty: int, *, sold: bool) -> list[Any]:
        self.trade_id += 1
        payload = Trade(
            ts=self.ts, symbol=SYMBOL, trade_id=self.trade_id, price=D(price), qty=D(qty),
            is_buyer_maker=sold,
        )  # fmt: skip
        with exact():
            return list(self.venue.on_market(payload, self.ts))

    def depth(self, bids: dict[int, int], asks: dict[int, int], *, age: int = 0) -> None:
        payload = L2Snapshot(
            ts=self.ts - age,
            symbol=SYMBOL,
            bids=tuple((D(p), D(q)) for p, q in sorted(bids.items(), reverse=True)),
            asks=tuple((D(p), D(q)) for p, q in sorted(asks.items())),
        )
        with exact():
            assert not self.venue.on_market(payload, self.ts)

    def ahead(self, name: str) -> Decimal | None:
        book = self.venue.books[SYMBOL]
        return book.orders[book.by_client_id[name]].queue_ahead


def test_what_stands_before_must_trade_first() -> None:
    scene = Scene(maker_fee_bps_x100=200)
    scene.quote(100, 102, bid_qty=5)
    scene.place("a", Side.BUY, 100, 3)
    assert scene.ahead("a") == 5
    assert not scene.trade(100, 4, sold=True)
    assert not scene.trade(100, 9, sold=False)  # a buyer at our bid: no one sold to the queue
    assert not scene.trade(101, 9, sold=True)
    (part,) = scene.trade(100, 3, sold=True)
    assert (part.last_qty, part.state) == (D(2), OrderState.PARTIALLY_FILLED)
    assert (part.last_price, part.liquidity, part.fee) == (D(100), Liquidity.MAKER, D("0.04"))
    (rest,) = scene.trade(100, 7, sold=True)
    assert (rest.last_qty, rest.filled_qty, rest.state) == (D(1), D(3), OrderState.FILLED)


def test_own_orders_at_one_price_share_a_print_in_order_of_placement() -> None:
    scene = Scene()
    scene.quote(100, 102, bid_qty=2)
    scene.place("first", Side.BUY, 100, 1)
    scene.quote(100, 102, bid_qty=6)
    scene.place("second", Side.BUY, 100, 4)
    (one,) = scene.trade(100, 4, sold=True)  # 2 ahead, 1 for the first, 1 of those behind it
    assert (one.client_order_id, one.last_qty) == ("first", D(1))
    assert scene.ahead("second") == 3
    (two,) = scene.trade(100, 5, sold=True)
    assert (two.client_order_id, two.last_qty) == ("second", D(2))


def test_a_print_through_the_limit_fills_whole() -> None:
    scene = Scene()
    scene.quote(100, 102)
    scene.place("deep", Side.BUY, 90, 50)
    assert scene.ahead("deep") is None
    assert not scene.trade(90, 10**6, sold=True)  # nobody knows who stood there
    (update,) = scene.trade(89, 1, sold=True)
    assert (update.last_qty, update.last_price) == (D(50), D(90))


def test_the_mirror_image_for_a_sell() -> None:
    scene = Scene()
    scene.quote(100, 102, ask_qty=2)
    scene.place("a", Side.SELL, 102, 3)
    assert not scene.trade(102, 9, sold=True)
    (part,) = scene.trade(102, 4, sold=False)
    assert part.last_qty == D(2)
    (rest,) = scene.trade(103, 1, sold=True)
    assert rest.state is OrderState.FILLED


def test_cancels_count_as_behind_us_until_less_is_displayed() -> None:
    scene = Scene()
    scene.quote(100, 102, bid_qty=5)
    scene.place("a", Side.BUY, 100, 1)
    scene.quote(100, 102, bid_qty=50)
    assert scene.ahead("a") == 5
    scene.quote(100, 102, bid_qty=3)
    assert scene.ahead("a") == 3
    scene.quote(99, 102)  # nobody is left at our price
    assert scene.ahead("a") == 0


def test_inside_the_spread_nobody_is_ahead() -> None:
    scene = Scene()
    scene.quote(100, 104)
    scene.place("a", Side.BUY, 102, 1)
    assert scene.ahead("a") == 0
    (update,) = scene.trade(102, 1, sold=True)
    assert update.state is OrderState.FILLED


def test_the_book_tells_what_the_quote_does_not() -> None:
    scene = Scene()
    scene.depth({100: 5, 98: 7}, {102: 1})
    scene.quote(100, 102)
    scene.place("known", Side.BUY, 98, 1)
    scene.place("beyond", Side.BUY, 90, 1)
    assert (scene.ahead("known"), scene.ahead("beyond")) == (D(7), None)
    scene.depth({100: 5, 98: 9, 90: 4}, {102: 1}, age=1)  # older than the orders: no witness
    assert (scene.ahead("known"), scene.ahead("beyond")) == (D(7), None)
    scene.depth({100: 5, 98: 6, 90: 4}, {102: 1})
    assert (scene.ahead("known"), scene.ahead("beyond")) == (D(6), D(4))
    diff = DepthDiff(
        ts=scene.ts, symbol=SYMBOL, first_update_id=1, last_update_id=2, prev_update_id=0,
        bids=((D(98), D(2)),),
    )  # fmt: skip
    with exact():
        scene.venue.on_market(diff, scene.ts)
    assert scene.ahead("known") == 2


def test_where_book_and_quote_differ_the_larger_counts() -> None:
    scene = Scene()
    scene.depth({100: 9}, {102: 1})
    scene.quote(100, 102, bid_qty=4)
    scene.place("a", Side.BUY, 100, 1)
    assert scene.ahead("a") == 9


@pytest.mark.parametrize(("partial", "filled"), [(False, D(8)), (True, D(5))])
def test_a_quote_through_the_limit_fills(partial: bool, filled: Decimal) -> None:
    scene = Scene(partial_fills_enabled=partial)
    scene.quote(100, 102)
    assert not scene.place("a", Side.BUY, 101, 8)
    (update,) = scene.quote(99, 101, ask_qty=5)
    assert (update.last_qty, update.liquidity) == (filled, Liquidity.MAKER)
    scene.quote(100, 102, ask_qty=5)
    (taken,) = scene.place("b", Side.BUY, 103, 8)
    assert (taken.last_qty, taken.liquidity) == (filled, Liquidity.TAKER)
    assert taken.last_price == D(103)


def test_a_waiting_order_neither_fills_nor_moves_forward_by_prints() -> None:
    scene = Scene(fill_after_ticks=1)
    scene.quote(100, 102, bid_qty=5)
    scene.place("a", Side.BUY, 100, 1)
    assert not scene.trade(99, 9, sold=True)
    assert not scene.trade(100, 5, sold=True)
    assert scene.ahead("a") == 5
    scene.quote(100, 102, bid_qty=9)
    assert scene.trade(99, 1, sold=True)


def test_a_reduce_only_order_fills_no_more_than_the_position() -> None:
    scene = Scene()
    scene.quote(100, 102, ask_qty=0)
    intent = OrderIntent(symbol=SYMBOL, side=Side.SELL, price=D(102), qty=D(5), reduce_only=True)
    with exact():
        for name in ("none", "some"):
            scene.venue.submit(PlaceOrder(client_order_id=name, intent=intent), scene.ts, scene.ts)
    (expired, also) = scene.trade(103, 1, sold=False)
    assert {expired.state, also.state} == {OrderState.EXPIRED}
    scene.venue.books[SYMBOL].ledger.qty = D(2)
    scene.venue.books[SYMBOL].ledger.cost_basis = D(200)
    with exact():
        scene.venue.submit(PlaceOrder(client_order_id="s", intent=intent), scene.ts, scene.ts)
    (update,) = scene.trade(102, 4, sold=False)
    assert (update.last_qty, update.state) == (D(2), OrderState.EXPIRED)


# -- the whole input space ---------------------------------------------------------------------


class PlainQueue:
    """The page's rules for each order by itself, in integers; ``None`` is unknown."""

    def __init__(self) -> None:
        self.quote: tuple[int, int, int, int] = (0, 0, 0, 0)
        self.books: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self.orders: list[dict[str, Any]] = []

    def by_quote(self, side: Side, price: int) -> int | None:
        bid, ask, bid_qty, ask_qty = self.quote
        sign, best, qty = (1, bid, bid_qty) if side is Side.BUY else (-1, ask, ask_qty)
        if sign * price > sign * best:
            return 0
        return qty if price == best else None

    def by_depth(self, side: Side, price: int) -> int | None:
        levels = self.books[side]
        if not levels or (price < min(levels) if side is Side.BUY else price > max(levels)):
            return None
        return levels.get(price, 0)

    def join(self, name: str, side: Side, price: int, qty: int) -> None:
        known = [self.by_quote(side, price), self.by_depth(side, price)]
        ahead = max((k for k in known if k is not None), default=None)
        self.orders.append({"id": name, "side": side, "price": price, "left": qty, "ahead": ahead})

    def learn(self, source: Any) -> None:
        for o in self.orders:
            shown = source(o["side"], o["price"])
            if shown is not None:
                o["ahead"] = shown if o["ahead"] is None else min(o["ahead"], shown)

    def crossed(self) -> list[tuple[str, int]]:
        bid, ask = self.quote[:2]
        hit = [
            o for o in self.orders
            if (ask <= o["price"] if o["side"] is Side.BUY else bid >= o["price"])
        ]  # fmt: skip
        for o in hit:
            self.orders.remove(o)
        return [(o["id"], o["left"]) for o in hit]

    def trade(self, price: int, qty: int, *, sold: bool) -> list[tuple[str, int]]:
        fills = []
        for o in list(self.orders):
            sign = o["side"].sign
            mine = 0
            if sign * price < sign * o["price"]:
                mine = o["left"]
            elif price == o["price"] and sold is (o["side"] is Side.BUY) and o["ahead"] is not None:
                beyond = max(0, qty - o["ahead"])
                o["ahead"] = max(0, o["ahead"] - qty)
                mine = min(o["left"], beyond)
                qty -= mine
            if mine:
                fills.append((o["id"], mine))
                o["left"] -= mine
                if not o["left"]:
                    self.orders.remove(o)
        return fills


qtys = st.integers(0, 8)
sides_of_book = (
    st.dictionaries(st.integers(96, 99), st.integers(1, 9), max_size=3),
    st.dictionaries(st.integers(101, 104), st.integers(1, 9), max_size=3),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.integers(97, 102), st.integers(1, 3), qtys, qtys),
        st.tuples(st.just("depth"), *sides_of_book),
        st.tuples(st.just("trade"), st.integers(96, 104), st.integers(1, 9), st.booleans()),
        st.tuples(st.just("place"), st.sampled_from(Side), st.integers(96, 104), st.integers(1, 4)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
    ),
    max_size=30,
)


def fills(updates: list[Any]) -> list[tuple[str, int]]:
    assert all(isinstance(u, OrderUpdate) and u.last_qty for u in updates)
    return sorted((u.client_order_id, int(u.last_qty)) for u in updates)


@given(steps)
def test_the_queue_equals_its_plain_twin(script: Any) -> None:
    scene, twin, number = Scene(), PlainQueue(), 0
    scene.quote(98, 102)
    twin.quote = (98, 102, 5, 5)
    for step in script:
        kind = step[0]
        if kind == "quote":
            bid, spread, bid_qty, ask_qty = step[1:]
            twin.quote = (bid, bid + spread, bid_qty, ask_qty)
            told = scene.quote(*twin.quote)
            twin.learn(twin.by_quote)
            assert fills(told) == sorted(twin.crossed())
        elif kind == "depth":
            twin.books = {Side.BUY: step[1], Side.SELL: step[2]}
            scene.depth(step[1], step[2])
            twin.learn(twin.by_depth)
        elif kind == "trade":
            told = scene.trade(step[1], step[2], sold=step[3])
            assert fills(told) == sorted(twin.trade(step[1], step[2], sold=step[3]))
        elif kind == "place":
            number += 1
            twin.join(f"c{number}", *step[1:])
            told = scene.place(f"c{number}", *step[1:])
            assert fills(told) == sorted(twin.crossed())
        elif twin.orders:
            scene.cancel(twin.orders.pop(step[1] % len(twin.orders))["id"])
        resting = scene.venue.books[SYMBOL].orders.values()
        assert [(o.client_order_id, o.qty - o.filled, o.queue_ahead) for o in resting] == [
            (o["id"], o["left"], o["ahead"]) for o in twin.orders
        ]


@given(steps)
def test_prints_at_a_price_never_fill_more_than_was_traded_there(script: Any) -> None:
    scene = Scene()
    scene.quote(98, 102)
    for number, step in enumerate(script):
        if step[0] == "quote":
            scene.quote(step[1], step[1] + step[2], *step[3:])
        elif step[0] == "place":
            scene.place(f"c{number}", *step[1:])
        elif step[0] == "trade":
            told = scene.trade(step[1], step[2], sold=step[3])
            at_the_price = sum(u.last_qty for u in told if u.last_price == step[1])
            assert at_the_price <= step[2]
