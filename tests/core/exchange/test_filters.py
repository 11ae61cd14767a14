"""The venue's filters on price and quantity, over their whole input space (reference section 4).

The oracle reads the venue's rules once more, in rationals.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.numbers import exact
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType
from tests.core.exchange.scene import (
    AAA,
    BBB,
    BUY,
    ME,
    SELL,
    D,
    Number,
    Scene,
    an_instrument,
    taken,
)


def exceeds(value: Decimal, digits: int) -> bool:
    return bool((Fraction(value) * 10**digits).denominator != 1)


def is_off_grid(value: Decimal, origin: Decimal, step: Decimal) -> bool:
    return ((Fraction(value) - Fraction(origin)) / Fraction(step)).denominator != 1


def qty_code(rules: Instrument, qty: Decimal, *, at_market: bool) -> int | None:
    """LOT_SIZE and MARKET_LOT_SIZE; a bound of 0 is off."""
    low = rules.market_min_qty if at_market else rules.min_qty
    high = rules.market_max_qty if at_market else rules.max_qty
    step = rules.market_step if at_market else rules.step
    faults = [
        (-4003, Fraction(qty) <= 0),
        (-1111, exceeds(qty, rules.qty_precision)),
        (-4004, low != 0 and Fraction(qty) < Fraction(low)),
        (-4005, high != 0 and Fraction(qty) > Fraction(high)),
        (-4023, is_off_grid(qty, low, step)),
    ]
    return next((code for code, is_broken in faults if is_broken), None)


def price_code(rules: Instrument, price: Decimal) -> int | None:
    """PRICE_FILTER; a bound of 0 is off."""
    low, high = rules.min_price, rules.max_price
    faults = [
        (-4001, Fraction(price) <= 0),
        (-1111, exceeds(price, rules.price_precision)),
        (-4002, high != 0 and Fraction(price) > Fraction(high)),
        (-4013, low != 0 and Fraction(price) < Fraction(low)),
        (-4014, is_off_grid(price, low, rules.tick)),
    ]
    return next((code for code, is_broken in faults if is_broken), None)


def band_code(rules: Instrument, side: Side, price: Decimal, mark: Decimal) -> int | None:
    """PERCENT_PRICE: BUY ``price <= mark*up``, SELL ``price >= mark*down``; 0 is off."""
    up, down = (Fraction(m) for m in (rules.multiplier_up, rules.multiplier_down))
    if side is BUY:
        return -4016 if up and Fraction(price) > Fraction(mark) * up else None
    return -4024 if Fraction(price) < Fraction(mark) * down else None


def order_code(
    rules: Instrument, request: NewOrder, mark: Decimal, bid: Decimal, ask: Decimal
) -> int | None:
    """The first filter that an order breaks."""
    at_market = request.type is OrderType.MARKET
    code = qty_code(rules, request.qty, at_market=at_market)
    if code is not None:
        return code
    if at_market:
        meets = ask if request.side is BUY else bid
        if band_code(rules, request.side, meets, mark) is not None:
            return -4131
    else:
        code = price_code(rules, request.price)
        code = band_code(rules, request.side, request.price, mark) if code is None else code
        if code is not None:
            return code
    worth = Fraction(mark if at_market else request.price) * Fraction(request.qty)
    is_small = worth < Fraction(rules.min_notional) and not request.reduce_only
    return -4164 if is_small else None


fine = st.integers(-20, 4_000).map(lambda n: D(n) / 20)  # twentieths: on and off every grid
cents = st.integers(-20, 4_000).map(lambda n: D(n) / 100)
steps = st.sampled_from([D("0.01"), D("0.05"), D("0.1"), D("0.25"), D(1)])
bounds = st.sampled_from([D(0), D("0.05"), D("0.3"), D(1), D("7.5")])
tops = st.sampled_from([D(0), D(10), D("20.5"), D(150)])
near = st.tuples(st.booleans(), st.integers(-3, 40), st.sampled_from([D(0), D(0), D("0.05")]))
rules_of = st.builds(
    an_instrument,
    tick=steps,
    min_price=bounds,
    max_price=tops,
    step=steps,
    min_qty=bounds,
    max_qty=tops,
    market_step=steps,
    market_min_qty=bounds,
    market_max_qty=tops,
    price_precision=st.integers(0, 2),
    qty_precision=st.integers(0, 2),
    min_notional=st.sampled_from([D(0), D(5), D(100)]),
    multiplier_up=st.sampled_from([D(0), D("1.05"), D("1.2"), D(3)]),
    multiplier_down=st.sampled_from([D(0), D("0.95"), D("0.5")]),
)


def beside(
    bounds: tuple[Decimal, Decimal], step: Decimal, place: tuple[bool, int, Decimal]
) -> Decimal:
    """A value some steps from a bound, or just off that grid."""
    at_top, count, off = place
    return bounds[at_top] + count * step + off


@given(rules_of, near)
def test_a_price_near_a_bound_passes_exactly_where_the_rules_say(
    rules: Instrument, place: tuple[bool, int, Decimal]
) -> None:
    price = beside((rules.min_price, rules.max_price), rules.tick, place)
    with exact():
        refused = rules.check_price(price)
    assert (None if refused is None else refused.code) == price_code(rules, price)


@given(rules_of, near)
def test_a_quantity_near_a_bound_passes_exactly_where_the_rules_say(
    rules: Instrument, place: tuple[bool, int, Decimal]
) -> None:
    qty = beside((rules.min_qty, rules.max_qty), rules.step, place)
    with exact():
        refused = rules.check_qty(qty, at_market=False)
    assert (None if refused is None else refused.code) == qty_code(rules, qty, at_market=False)


@given(rules_of, st.one_of(fine, cents))
def test_a_price_passes_exactly_where_the_rules_say(rules: Instrument, price: Decimal) -> None:
    with exact():
        refused = rules.check_price(price)
    assert (None if refused is None else refused.code) == price_code(rules, price)


@given(rules_of, st.one_of(fine, cents), st.booleans())
def test_a_quantity_passes_exactly_where_the_rules_say(
    rules: Instrument, qty: Decimal, at_market: bool
) -> None:
    with exact():
        refused = rules.check_qty(qty, at_market=at_market)
    code = qty_code(rules, qty, at_market=at_market)
    assert (None if refused is None else refused.code) == code


@given(
    rules_of,
    st.sampled_from(Side),
    st.sampled_from([D(10), D("14.3"), D(100)]),
    st.sampled_from([D("-0.01"), D(0), D("0.01")]),
    st.booleans(),
)
def test_a_price_passes_the_band_exactly_where_the_rules_say(
    rules: Instrument, side: Side, mark: Decimal, off: Decimal, at_the_other: bool
) -> None:
    up, down = mark * rules.multiplier_up, mark * rules.multiplier_down
    price = (up if (side is BUY) is not at_the_other else down) + off
    with exact():
        refused = rules.check_band(side, price, mark)
        assert rules.check_band(side, price, None) is None
    code = band_code(rules, side, price, mark)
    assert (None if refused is None else refused.code) == code


@settings(max_examples=150)
@given(
    rules_of,
    st.sampled_from(Side),
    st.one_of(fine, cents),
    st.one_of(fine, cents),
    st.booleans(),
    st.sampled_from([D(10), D("14.3"), D(100)]),
    st.integers(0, 60),
)
def test_an_order_is_refused_by_the_first_filter_that_it_breaks(
    rules: Instrument,
    side: Side,
    qty: Decimal,
    price: Decimal,
    at_market: bool,
    mark: Decimal,
    spread: int,
) -> None:
    scene = Scene(rules, deposits={ME: 10**9}, is_quoted=False)
    bid, ask = mark * (100 - spread) / 100, mark * (100 + spread) / 100
    scene.quote(bid, ask)
    request = NewOrder(
        symbol=AAA,
        side=side,
        type=OrderType.MARKET if at_market else OrderType.LIMIT,
        qty=qty,
        price=D(0) if at_market else price,
    )
    answer = scene.exchange.check(ME, request, scene.now)
    code = order_code(rules, request, mark, bid, ask)
    assert (answer.code if isinstance(answer, Refused) else None) == code


@given(st.sampled_from([D(0), D(5), D(100)]), st.integers(1, 300), st.booleans())
def test_only_what_closes_may_be_small(least: Decimal, hundredths: int, at_market: bool) -> None:
    scene = Scene(an_instrument(min_notional=least))
    scene.place(BUY, 3)
    qty, price = D(hundredths) / 100, 0 if at_market else "101.1"
    worth = Fraction(qty) * (100 if at_market else Fraction("101.1"))
    answer = scene.send(SELL, qty, price)
    assert isinstance(answer, Refused) == (worth < least)
    if isinstance(answer, Refused):
        assert answer.code == -4164
        assert str(least) in answer.message
        taken(scene.send(SELL, qty, price, reduce_only=True))


LIMITED: dict[str, Any] = {
    "min_price": D("0.3"),
    "max_price": D(150),
    "min_qty": D("0.05"),
    "max_qty": D(20),
    "market_min_qty": D("0.5"),
    "market_max_qty": D(10),
    "market_step": D("0.5"),
    "min_notional": D(5),
    "multiplier_up": D("1.05"),
    "multiplier_down": D("0.95"),
}


@pytest.mark.parametrize(
    ("side", "qty", "price", "code"),
    [
        (BUY, 1, "-0.1", -4001),
        (BUY, 1, "150.1", -4002),
        (BUY, 1, "0.2", -4013),
        (BUY, 1, "100.05", -4014),
        (BUY, 1, "100.000000001", -1111),
        (BUY, 1, "105.1", -4016),
        (BUY, 1, 105, None),
        (SELL, 1, "94.9", -4024),
        (SELL, 1, 95, None),
        (BUY, 0, 100, -4003),
        (BUY, -1, 100, -4003),
        (BUY, "0.04", 100, -4004),
        (BUY, "0.05", 100, None),
        (BUY, "20.01", 100, -4005),
        (BUY, 20, 100, None),
        (BUY, "1.005", 100, -4023),
        (BUY, "1.000000001", 100, -1111),
        (BUY, "0.05", "99.9", -4164),
        (BUY, "0.4", 0, -4004),
        (BUY, "10.5", 0, -4005),
        (BUY, 10, 0, None),
        (BUY, "1.1", 0, -4023),
    ],
)
def test_each_filter_answers_with_its_code(
    side: Side, qty: Number, price: Number, code: int | None
) -> None:
    scene = Scene(an_instrument(**LIMITED))
    if code is None:
        scene.place(side, qty, price)
    else:
        assert scene.code(lambda: scene.send(side, qty, price)) == code


@pytest.mark.parametrize(("side", "bid", "ask"), [(BUY, 99, "105.1"), (SELL, "94.9", 101)])
def test_a_market_order_does_not_meet_a_price_outside_the_band(
    side: Side, bid: Number, ask: Number
) -> None:
    scene = Scene(an_instrument(**LIMITED))
    scene.mark(100)
    scene.quote(bid, ask)
    assert scene.code(lambda: scene.send(side, 1)) == -4131
    scene.quote(95, 105)
    scene.place(side, 1)


def test_before_the_first_quote_nothing_is_sold_at_the_market_and_no_band_is_known() -> None:
    scene = Scene(an_instrument(**LIMITED), is_quoted=False)
    assert scene.code(lambda: scene.send(BUY, 1)) == -4131
    scene.place(BUY, 1, 150)


def test_open_orders_of_an_account_on_a_symbol_are_limited() -> None:
    scene = Scene(an_instrument(AAA, max_orders=2), an_instrument(BBB))
    first = scene.place(BUY, 1, 90)
    scene.place(SELL, 1, 110)
    assert scene.code(lambda: scene.send(BUY, 1, 91)) == -2025
    scene.place(BUY, 1)  # a market order never rests
    scene.place(BUY, 1, 91, name="you")
    scene.quote(99, 101, BBB)
    scene.place(BUY, 1, 90, symbol=BBB)
    scene.cancel(first.number)
    scene.place(BUY, 1, 91)


@pytest.mark.parametrize("changes", [{"tick": D(0)}, {"step": D(0)}, {"market_step": D(-1)}])
def test_an_instrument_has_grids(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ContractError, match=f"AAAUSDT.{name}"):
        an_instrument(**changes)
