"""Order entry: what is taken, what it does on arrival, and every refusal (reference 6.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import FillMode, Side
from grinder_core.errors import ContractError
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    SymbolStatus,
    TimeInForce,
)
from grinder_core.venue.settings import VenueSettings
from tests.core.exchange.scene import (
    AAA,
    BUY,
    ME,
    SELL,
    START,
    YOU,
    D,
    Scene,
    a_bracket,
    an_instrument,
    ended,
    fills_of,
)

GTC, IOC, FOK, GTX, GTD = TimeInForce
NEW, PARTLY, FILLED, CANCELED, EXPIRED, IN_MATCH = OrderStatus
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
DAY = 86_400_000


# -- refusals


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "an unknown symbol": ({"symbol": "CCCUSDT"}, -1121),
    "a stop": ({"type": OrderType.STOP}, -4120),
    "a stop at the market": ({"type": OrderType.STOP_MARKET}, -4120),
    "a take-profit": ({"type": OrderType.TAKE_PROFIT}, -4120),
    "a take-profit at the market": ({"type": OrderType.TAKE_PROFIT_MARKET}, -4120),
    "a trailing stop": ({"type": OrderType.TRAILING_STOP_MARKET}, -4120),
    "a liquidation": ({"type": OrderType.LIQUIDATION}, -1116),
    "a market order with a price": ({"type": OrderType.MARKET}, -1106),
    "a matched market order": (
        {"type": OrderType.MARKET, "price": D(0), "price_match": PriceMatch.QUEUE},
        -5038,
    ),
    "a matched order with a price": ({"price_match": PriceMatch.QUEUE}, -1106),
    "a match deeper than is known": (
        {"price": D(0), "price_match": PriceMatch.OPPONENT_5},
        -5041,
    ),
    "an end of GTC": ({"good_till": 2_000_000_000_000}, -1106),
    "GTD without an end": ({"tif": GTD}, -5040),
    "a long side in one-way mode": ({"position_side": LONG}, -4061),
    "a short side in one-way mode": ({"position_side": SHORT}, -4061),
    "a long client id": ({"client_order_id": "a" * 37}, -4015),
    "a client id with a space": ({"client_order_id": "a b"}, -4015),
    "a client id with a line": ({"client_order_id": "ab\n"}, -4015),
    "a client id in another script": ({"client_order_id": "é"}, -4015),
    "a client id of an open order": ({"client_order_id": "mine"}, -4116),
    "post-only at the offer": ({"tif": GTX, "price": D(101)}, -5022),
    "fill-or-kill of more than is shown": (
        {"tif": FOK, "price": D(101), "qty": D("100.01")},
        -5021,
    ),
    "fill-or-kill below the offer": ({"tif": FOK, "price": D("100.9")}, -5021),
    "a reduction of nothing": ({"reduce_only": True}, -2022),
    "more than the account can carry": ({"qty": D(300_000)}, -2019),
    "no price": ({"price": D(0)}, -4001),
    "no quantity": ({"qty": D(0)}, -4003),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_venue_refuses_changes_nothing(name: str) -> None:
    changes, code = REFUSED[name]
    scene = Scene()
    scene.place(BUY, 1, 90, client_order_id="mine")
    values = {"type": OrderType.LIMIT, "qty": 1, "price": "90.5", **changes}
    assert scene.code(lambda: scene.send(BUY, **values)) == code


def test_an_unknown_account_is_the_callers_mistake() -> None:
    scene = Scene()
    with pytest.raises(ContractError, match="nobody"):
        scene.send(BUY, 1, 90, name="nobody")


def test_time_never_goes_back() -> None:
    scene = Scene()
    with pytest.raises(ContractError, match="back"):
        scene.exchange.advance(scene.now - 1)


@pytest.mark.parametrize(
    "status", [status for status in SymbolStatus if status is not SymbolStatus.TRADING]
)
def test_only_a_trading_symbol_takes_orders(status: SymbolStatus) -> None:
    scene = Scene(an_instrument(status=status))
    assert scene.code(lambda: scene.send(BUY, 1, 90)) == -4140


@pytest.mark.parametrize(
    ("end", "is_taken"),
    [
        (START + 600_000, False),
        (START + 601_000, True),
        (START + 601_001, False),
        (253_402_300_799_000, False),
        (253_402_300_798_000, True),
    ],
)
def test_good_till_date_is_a_whole_second_more_than_ten_minutes_ahead(
    end: int, is_taken: bool
) -> None:
    scene = Scene()
    if is_taken:
        assert scene.place(BUY, 1, 90, tif=GTD, good_till=end).good_till == end
    else:
        assert scene.code(lambda: scene.send(BUY, 1, 90, tif=GTD, good_till=end)) == -5040


def test_checking_an_order_answers_as_placing_it_would_and_changes_nothing() -> None:
    scene = Scene()
    request = NewOrder(symbol=AAA, side=BUY, type=OrderType.LIMIT, qty=D(1), price=D(101))
    scene.pushes()
    checked = scene.exchange.check(ME, request, scene.now)
    assert not scene.pushes()
    assert not scene.floor.orders
    placed = scene.place(BUY, 1, 101)
    assert not isinstance(checked, Refused)
    assert (checked.number, checked.client_order_id) == (placed.number, placed.client_order_id)
    assert (checked.filled, placed.filled) == (0, 1)


# -- arrival


@pytest.mark.parametrize(
    ("tif", "qty", "price", "status", "expiry", "filled"),
    [
        (GTC, 10, 100, NEW, Expiry.NONE, 0),
        (GTC, 10, 101, FILLED, Expiry.NONE, 10),
        (GTC, 110, 101, PARTLY, Expiry.NONE, 100),
        (GTX, 10, 100, NEW, Expiry.NONE, 0),
        (IOC, 10, 100, EXPIRED, Expiry.IOC_REST, 0),
        (IOC, 10, 105, FILLED, Expiry.NONE, 10),
        (IOC, 110, 105, EXPIRED, Expiry.IOC_REST, 100),
        (FOK, 100, 101, FILLED, Expiry.NONE, 100),
        (GTC, 110, 0, EXPIRED, Expiry.MARKET_REST, 100),
        (GTC, 100, 0, FILLED, Expiry.NONE, 100),
    ],
)
def test_an_arriving_order_takes_what_is_shown_and_the_rest_goes_by_its_time_in_force(
    tif: TimeInForce, qty: int, price: int, status: OrderStatus, expiry: Expiry, filled: int
) -> None:
    scene = Scene()
    order = scene.place(BUY, qty, price, tif=tif)
    assert ended(order) == (status, expiry)
    assert order.filled == filled == scene.held()
    news = scene.news(order)
    assert news[0].execution is Execution.NEW
    assert news[0].status is NEW
    assert fills_of(news) == ([(101, filled)] if filled else [])
    assert news[-1].status is status
    assert (order.number in scene.floor.orders) == status.is_open


@pytest.mark.parametrize("tif", [GTX, FOK, IOC])
def test_a_market_order_has_no_time_in_force(tif: TimeInForce) -> None:
    scene = Scene()
    order = scene.place(SELL, 2, tif=tif)
    assert (order.tif, order.status, order.average_price) == (GTC, FILLED, 99)


def test_a_good_till_date_order_rests_and_takes_like_any_other() -> None:
    scene = Scene()
    order = scene.place(SELL, 120, 99, tif=GTD, good_till=scene.now + DAY)
    assert (order.status, order.filled) == (PARTLY, 100)


@settings(max_examples=60)
@given(
    st.sampled_from(Side),
    st.sampled_from((GTC, IOC, FOK, GTX)),
    st.integers(1, 30),
    st.integers(96, 104),
    st.integers(0, 20),
)
def test_a_limit_takes_at_the_best_price_as_far_as_it_is_shown(
    side: Side, tif: TimeInForce, qty: int, price: int, shown: int
) -> None:
    scene = Scene(is_quoted=False)
    scene.quote(99, 101, bid_qty=shown, ask_qty=shown)
    best = 101 if side is BUY else 99
    crosses = (price - best) * (1 if side is BUY else -1) >= 0
    gets = min(qty, shown) if crosses else 0
    if tif is GTX and crosses:
        assert scene.code(lambda: scene.send(side, qty, price, tif=tif)) == -5022
        return
    if tif is FOK and gets < qty:
        assert scene.code(lambda: scene.send(side, qty, price, tif=tif)) == -5021
        return
    order = scene.place(side, qty, price, tif=tif)
    assert order.filled == gets
    assert order.average_price == (best if gets else 0)
    rests = gets < qty and tif in {GTC, GTX}
    assert order.status.is_open == rests
    assert scene.held() == gets * (1 if side is BUY else -1)


def test_without_partial_fills_the_best_price_holds_any_quantity() -> None:
    scene = Scene(fills=VenueSettings(fill_mode=FillMode.QUOTE))
    assert fills_of(scene.news(scene.place(BUY, 5000))) == [(101, 5000)]


@pytest.mark.parametrize(("side", "paid"), [(BUY, "101.0808"), (SELL, "98.9208")])
def test_slippage_is_charged_to_market_orders_alone(side: Side, paid: str) -> None:
    scene = Scene(
        fills=VenueSettings(
            fill_mode=FillMode.QUEUE, partial_fills_enabled=True, market_slippage_bps=8
        )
    )
    assert scene.place(side, 1).average_price == D(paid)
    limit = scene.place(side, 1, 101 if side is BUY else 99)
    assert limit.average_price == limit.price


def test_before_the_first_quote_everything_rests() -> None:
    scene = Scene(is_quoted=False)
    assert scene.place(BUY, 1, 90, tif=GTX).status is NEW
    assert scene.place(SELL, 1, 80).status is NEW
    assert scene.place(BUY, 1, 90, tif=IOC).filled == 0


# -- price match


@pytest.mark.parametrize(
    ("side", "match", "price"),
    [
        (BUY, PriceMatch.OPPONENT, 101),
        (BUY, PriceMatch.QUEUE, 99),
        (SELL, PriceMatch.OPPONENT, 99),
        (SELL, PriceMatch.QUEUE, 101),
        (BUY, PriceMatch.OPPONENT_5, 105),
        (BUY, PriceMatch.QUEUE_5, 95),
        (SELL, PriceMatch.OPPONENT_5, 95),
        (SELL, PriceMatch.QUEUE_5, 105),
        (BUY, PriceMatch.OPPONENT_10, 110),
        (SELL, PriceMatch.QUEUE_20, 120),
        (BUY, PriceMatch.QUEUE_20, 80),
        (SELL, PriceMatch.OPPONENT_20, 80),
    ],
)
def test_a_price_match_takes_the_nth_price_of_a_side(
    side: Side, match: PriceMatch, price: int
) -> None:
    scene = Scene()
    scene.depth({100 - n: 1 for n in range(1, 21)}, {100 + n: 1 for n in range(1, 21)})
    order = scene.place(side, 50, price_match=match, type=OrderType.LIMIT)
    assert (order.price, order.price_match) == (price, match)


@pytest.mark.parametrize("match", [m for m in PriceMatch if m is not PriceMatch.NONE])
def test_a_price_match_needs_that_many_prices(match: PriceMatch) -> None:
    scene = Scene(is_quoted=False)
    assert scene.code(lambda: scene.send(BUY, 1, type=OrderType.LIMIT, price_match=match)) == -5041
    scene.quote(99, 101)
    levels = match.depth - 1
    bids, asks = {99 - n: 1 for n in range(levels)}, {101 + n: 1 for n in range(levels)}
    if levels:
        scene.depth(bids, asks)
        assert (
            scene.code(lambda: scene.send(BUY, 1, type=OrderType.LIMIT, price_match=match)) == -5041
        )
    scene.depth({**bids, 50: 1}, {**asks, 150: 1})
    scene.place(BUY, 1, type=OrderType.LIMIT, price_match=match)


# -- client ids


@given(st.text("abcXYZ019.:/_-", min_size=1, max_size=36))
def test_any_client_id_of_the_venues_alphabet_is_taken(name: str) -> None:
    scene = Scene()
    assert scene.floor.find(ME, AAA, 0, name) is None
    order = scene.place(BUY, 1, 90, client_order_id=name)
    assert scene.floor.find(ME, AAA, 0, name) is order
    assert scene.floor.find(YOU, AAA, 0, name) is None
    assert scene.floor.find(YOU, AAA, order.number, "") is None
    assert scene.code(lambda: scene.send(SELL, 1, 110, client_order_id=name)) == -4116
    assert scene.place(BUY, 1, 90, client_order_id=name, name=YOU).client_order_id == name


def test_a_client_id_can_be_used_again_once_its_order_has_ended() -> None:
    scene = Scene()
    first = scene.place(BUY, 1, 101, client_order_id="x")
    second = scene.place(BUY, 1, 90, client_order_id="x")
    scene.cancel(client_id="x")
    assert (first.status, second.status) == (FILLED, CANCELED)
    third = scene.place(BUY, 1, 90, client_order_id="x")
    assert first.number < second.number < third.number
    assert scene.floor.find(ME, AAA, 0, "x") is third
    assert scene.floor.find(ME, AAA, first.number, "") is first


def test_the_venue_names_what_the_client_does_not() -> None:
    scene = Scene()
    names = {scene.place(BUY, 1, 90).client_order_id for _ in range(3)}
    assert len(names) == 3


def test_a_client_that_uses_the_venues_next_name_blocks_only_itself() -> None:
    scene = Scene()
    scene.place(BUY, 1, 90, client_order_id="web_000000000002")
    assert scene.code(lambda: scene.send(BUY, 1, 91)) == -4116
    scene.place(BUY, 1, 91, name=YOU)
    assert scene.cancel(client_id="web_000000000002")
    scene.place(BUY, 1, 91)


# -- self-trade prevention


@pytest.mark.parametrize("mode", SelfTrade)
@pytest.mark.parametrize("tif", [GTC, IOC])
def test_self_trade_prevention_ends_the_side_that_its_mode_says(
    mode: SelfTrade, tif: TimeInForce
) -> None:
    scene = Scene()
    makers = [scene.place(SELL, 1, "100.5"), scene.place(SELL, 1, "100.8")]
    beyond = scene.place(SELL, 1, "100.9")
    theirs = scene.place(SELL, 1, "100.6", name=YOU)
    same_side = scene.place(BUY, 1, 98)
    scene.quote(98, 100)
    for order in (*makers, beyond, theirs):
        assert order.status is NEW  # nothing sells them: the bid is lower
    taker = scene.place(BUY, 1, "100.8", tif=tif, self_trade=mode)
    spares_makers = mode in {SelfTrade.NONE, SelfTrade.EXPIRE_TAKER}
    spares_taker = mode in {SelfTrade.NONE, SelfTrade.EXPIRE_MAKER}
    for maker in makers:
        assert ended(maker) == (
            (NEW, Expiry.NONE) if spares_makers else (IN_MATCH, Expiry.SELF_TRADE)
        )
    reason = Expiry.IOC_SELF_TRADE if tif is IOC else Expiry.SELF_TRADE
    assert ended(taker) == ((FILLED, Expiry.NONE) if spares_taker else (IN_MATCH, reason))
    assert taker.average_price == (100 if spares_taker else 0)
    assert {order.status for order in (beyond, theirs, same_side)} == {NEW}


@pytest.mark.parametrize("mode", SelfTrade)
def test_a_market_order_meets_every_order_of_its_own_account(mode: SelfTrade) -> None:
    scene = Scene()
    far = scene.place(SELL, 1, 500)
    taker = scene.place(BUY, 1, self_trade=mode)
    spares_maker = mode in {SelfTrade.NONE, SelfTrade.EXPIRE_TAKER}
    spares_taker = mode in {SelfTrade.NONE, SelfTrade.EXPIRE_MAKER}
    assert far.status is (NEW if spares_maker else IN_MATCH)
    assert taker.status is (FILLED if spares_taker else IN_MATCH)


def test_orders_of_others_are_no_self_trade() -> None:
    scene = Scene()
    theirs = scene.place(SELL, 1, "100.5", name=YOU)
    taker = scene.place(BUY, 1, 101, self_trade=SelfTrade.EXPIRE_BOTH)
    assert (theirs.status, taker.status) == (NEW, FILLED)


# -- position modes


def hedged() -> Scene:
    scene = Scene()
    assert scene.exchange.set_position_mode(ME, hedged=True, now=scene.now) is None
    return scene


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, -4061),
        ({"position_side": PositionSide.BOTH}, -4061),
        ({"position_side": LONG, "reduce_only": True}, -1106),
        ({"position_side": LONG, "reduce_only": False}, -1106),
    ],
)
def test_hedge_mode_wants_a_side_and_no_reduce_only(changes: dict[str, Any], code: int) -> None:
    scene = hedged()
    assert scene.code(lambda: scene.send(BUY, 1, 90, **changes)) == code


def test_hedge_mode_keeps_long_and_short_apart() -> None:
    scene = hedged()
    scene.place(BUY, 3, position_side=LONG)
    scene.place(SELL, 2, position_side=SHORT)
    assert (scene.held(side=LONG), scene.held(side=SHORT), scene.held()) == (3, -2, 0)
    scene.place(SELL, 1, position_side=LONG)
    scene.place(BUY, 2, position_side=SHORT)
    assert (scene.held(side=LONG), scene.held(side=SHORT)) == (2, 0)
    assert scene.code(lambda: scene.send(BUY, 1, 90, position_side=SHORT)) == -2022
    beyond = scene.place(SELL, 5, position_side=LONG)  # cut to what is held
    assert (beyond.filled, ended(beyond)) == (2, (EXPIRED, Expiry.REDUCE_ONLY))
    assert scene.held(side=LONG) == 0


def test_the_position_mode_changes_only_with_nothing_open() -> None:
    scene = Scene()

    def mode(on: bool) -> Refused | None:
        return scene.exchange.set_position_mode(ME, hedged=on, now=scene.now)

    assert scene.code(lambda: mode(False)) == -4059
    order = scene.place(BUY, 1, 90)
    assert scene.code(lambda: mode(True)) == -4067
    scene.cancel(order.number)
    scene.place(BUY, 1)
    assert scene.code(lambda: mode(True)) == -4068
    scene.place(SELL, 1)
    assert mode(True) is None
    assert scene.code(lambda: mode(True)) == -4059


# -- margin at entry


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 300), st.sampled_from(MarginType), st.sampled_from(Side))
def test_an_order_is_taken_exactly_where_its_margin_is_free(
    leverage: int, hundredths: int, kind: MarginType, side: Side
) -> None:
    """Of a flat account with 1000: ``qty*price <= 1000*leverage``."""
    scene = Scene(deposits={ME: 1000})
    scene.exchange.set_leverage(ME, AAA, leverage, scene.now)
    if kind is MarginType.ISOLATED:
        scene.exchange.set_margin_type(ME, AAA, kind, scene.now)
    price = 100 if side is BUY else 125
    most = Decimal(1000 * leverage) / price
    qty = most + D(hundredths - 150) / 100
    if qty <= most:
        scene.place(side, qty, price)
        rest = most - qty
        if rest:
            scene.place(side, rest, price)
        assert scene.code(lambda: scene.send(side, "0.01", price)) == -2019
    else:
        assert scene.code(lambda: scene.send(side, qty, price)) == -2019


def test_the_other_side_needs_margin_only_beyond_the_first() -> None:
    scene = Scene(deposits={ME: 1000})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    scene.place(BUY, 8, 100)
    scene.place(SELL, 8, 100)
    scene.place(SELL, "1.99", 100)
    assert scene.code(lambda: scene.send(SELL, "0.02", 100)) == -2019


def test_what_a_position_has_gained_carries_more_of_it() -> None:
    scene = Scene(deposits={ME: 1000})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    scene.place(BUY, 5)  # at 101, for 0.2525
    scene.mark(200)  # a balance of 1494.7475 for the 1000 that are held, and for more
    assert scene.code(lambda: scene.send(BUY, "4.95", 100)) == -2019
    scene.place(BUY, "4.94", 100)


CAPPED = (a_bracket(0, 1000, "0.01", 0, 50), a_bracket(1000, 5000, "0.02", 10, 10))


@pytest.mark.parametrize(("leverage", "cap"), [(50, 1000), (11, 1000), (10, 5000), (1, 5000)])
def test_a_position_stays_below_the_cap_of_its_leverage(leverage: int, cap: int) -> None:
    scene = Scene(an_instrument(brackets=CAPPED))
    assert scene.exchange.set_leverage(ME, AAA, leverage, scene.now) is None
    qty = D(cap) / 100
    assert scene.code(lambda: scene.send(BUY, qty + D("0.01"), 100)) == -2027
    scene.place(BUY, qty, 100)
    assert scene.code(lambda: scene.send(BUY, "0.01", 100)) == -2027
    scene.place(SELL, qty, 100)


def test_without_a_price_of_the_symbol_no_margin_is_asked_for() -> None:
    scene = Scene(deposits={ME: 1}, is_quoted=False)
    assert scene.place(BUY, 1000, 100).status is NEW


def test_a_market_order_needs_the_margin_of_its_price() -> None:
    scene = Scene(deposits={ME: 101})
    scene.exchange.set_leverage(ME, AAA, 1, scene.now)
    assert scene.code(lambda: scene.send(BUY, "1.01")) == -2019
    scene.place(BUY, 1)
    assert scene.held() == 1
