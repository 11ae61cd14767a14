"""CORE-28 (resting orders), LIVE-12 (intent): what counts as reducing, what a breach cancels."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.contracts.orders import OrderRecord
from grinder_core.risk.exposure import orders_to_cancel, risk_intent
from tests.support.factories import an_order
from tests.support.strategies import hostile_contexts, qtys, scaled

D = Decimal
positions = st.one_of(
    st.just(D(0)), st.integers(-40, 40).map(lambda n: D(n) / 10), scaled(-(10**19), 10**19)
)


@st.composite
def resting(draw: st.DrawFn) -> list[OrderRecord]:
    """Orders of one symbol: both sides, flagged or not, partly filled, some at equal prices."""
    orders = []
    for number in range(draw(st.integers(0, 8))):
        qty = draw(st.integers(1, 20).map(lambda n: D(n) / 10) | qtys(1))
        filled = draw(st.sampled_from((D(0), D(0), qty * D("0.5"), qty)))
        orders.append(
            an_order(
                client_order_id=f"c{number}",
                order_id=draw(st.sampled_from(("", f"P{9 - number}", f"P{number}"))),
                side=draw(st.sampled_from(Side)),
                price=D(draw(st.integers(95, 105))),
                qty=qty.quantize(D("1E-8")),
                filled_qty=filled.quantize(D("1E-8"), rounding="ROUND_DOWN"),
                state=draw(st.sampled_from(OrderState)),
                reduce_only=draw(st.booleans()),
            )
        )
    return orders


def remaining(order: OrderRecord) -> Fraction:
    return Fraction(order.qty) - Fraction(order.filled_qty)


def stays(orders: Sequence[OrderRecord], position: Decimal) -> list[OrderRecord]:
    gone = {order.client_order_id for order in orders_to_cancel(orders, position)}
    return [o for o in orders if o.client_order_id not in gone and not o.state.is_final]


# -- intent ------------------------------------------------------------------------------------


@given(st.sampled_from(Side), qtys(), positions, st.booleans())
def test_an_order_reduces_only_with_the_flag_against_the_position_and_within_it(
    side: Side, qty: Decimal, position: Decimal, reduce_only: bool
) -> None:
    intent = risk_intent(side, qty, position, reduce_only=reduce_only)
    after = Fraction(position) + side.sign * Fraction(qty)
    shrinks = position * side.sign < 0 and after * Fraction(position) >= 0
    expected = RiskIntent.REDUCE_RISK if reduce_only and shrinks else RiskIntent.INCREASE_RISK
    assert intent is expected
    if intent is RiskIntent.REDUCE_RISK:
        assert abs(after) <= abs(Fraction(position))


@pytest.mark.parametrize(
    ("side", "position", "qty", "reduces"),
    [
        (Side.SELL, 2, 2, True),
        (Side.SELL, 2, "2.00000001", False),
        (Side.SELL, -2, 1, False),
        (Side.SELL, 0, 1, False),
        (Side.BUY, -2, 2, True),
        (Side.BUY, -2, "2.00000001", False),
        (Side.BUY, 2, 1, False),
        (Side.BUY, 0, 1, False),
    ],
)
def test_the_edges_of_the_intent(side: Side, position: int, qty: int | str, reduces: bool) -> None:
    intent = risk_intent(side, D(qty), D(position), reduce_only=True)
    assert (intent is RiskIntent.REDUCE_RISK) is reduces
    assert risk_intent(side, D(qty), D(position), reduce_only=False) is RiskIntent.INCREASE_RISK


# -- what a breach cancels ---------------------------------------------------------------------


@given(resting(), positions)
def test_the_reducing_ones_stay_best_price_first_while_they_fit(
    orders: list[OrderRecord], position: Decimal
) -> None:
    reducing = [
        order
        for order in orders
        if order.state not in {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED,
                               OrderState.EXPIRED}
        and order.reduce_only
        and order.side is (Side.SELL if position > 0 else Side.BUY)
        and remaining(order) <= abs(Fraction(position))
        and position
    ]  # fmt: skip
    reducing.sort(key=lambda o: (o.order_id, o.client_order_id))
    reducing.sort(key=lambda o: o.price, reverse=position < 0)
    sums = accumulate(map(remaining, reducing))
    fits = sum(total <= abs(Fraction(position)) for total in sums)
    expected = {order.client_order_id for order in reducing[:fits]}
    assert {order.client_order_id for order in stays(orders, position)} == expected


@given(resting(), positions, st.data())
def test_what_stays_never_makes_the_position_larger(
    orders: list[OrderRecord], position: Decimal, data: st.DataObject
) -> None:
    held = Fraction(position)
    for order in data.draw(st.permutations(stays(orders, position))):
        part = Fraction(data.draw(st.integers(0, 4)), 4)
        after = held + order.side.sign * remaining(order) * part
        assert abs(after) <= abs(held)
        assert after * held >= 0
        held = after


@given(resting(), positions)
def test_the_answer_keeps_the_order_given_and_asking_again_changes_nothing(
    orders: list[OrderRecord], position: Decimal
) -> None:
    gone = orders_to_cancel(orders, position)
    assert gone == [order for order in orders if order in gone]
    assert not any(order.state.is_final for order in gone)
    assert orders_to_cancel(stays(orders, position), position) == []


@given(resting(), positions, st.data())
def test_the_choice_does_not_depend_on_the_order_given(
    orders: list[OrderRecord], position: Decimal, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(orders))
    first, second = orders_to_cancel(orders, position), orders_to_cancel(shuffled, position)
    assert {o.client_order_id for o in first} == {o.client_order_id for o in second}


@given(resting(), positions, hostile_contexts())
def test_the_choice_does_not_depend_on_the_callers_context(
    orders: list[OrderRecord], position: Decimal, context: Context
) -> None:
    plain = orders_to_cancel(orders, position)
    with localcontext(context):
        assert orders_to_cancel(orders, position) == plain


def test_worked_example_core_28_resting_orders() -> None:
    """Long 2: entries go, as does what two exits together would sell beyond the position."""
    exits = [
        an_order(client_order_id=name, order_id=name, side=Side.SELL, price=D(price), qty=D(qty),
                 filled_qty=D(filled), reduce_only=True)
        for name, price, qty, filled in (
            ("far", 103, "0.5", 0), ("near", 101, "1.5", "0.5"), ("b", 102, "0.6", 0),
            ("a", 102, "0.6", 0),
        )
    ]  # fmt: skip
    entry = an_order(client_order_id="entry", side=Side.BUY)
    bare = an_order(client_order_id="bare", side=Side.SELL, price=D(101), qty=D("0.1"))
    gone = orders_to_cancel([entry, *exits, bare], D(2))
    # near 1.0 + a 0.6 fit into 2; b would pass it, and far goes with it although it would fit
    assert [order.client_order_id for order in gone] == ["entry", "far", "b", "bare"]


def test_a_short_keeps_the_highest_bids() -> None:
    bids = [
        an_order(client_order_id=str(p), order_id=str(p), price=D(p), reduce_only=True)
        for p in (97, 99, 98)
    ]
    assert [o.client_order_id for o in stays(bids, D(-2))] == ["99", "98"]


def test_an_exit_larger_than_the_position_goes_alone() -> None:
    exits = [
        an_order(client_order_id=name, side=Side.SELL, price=D(p), qty=D(qty), reduce_only=True)
        for name, p, qty in (("large", 101, "1.1"), ("small", 102, 1))
    ]
    assert [o.client_order_id for o in stays(exits, D(1))] == ["small"]


def test_a_flat_position_keeps_nothing() -> None:
    orders = [an_order(side=side, reduce_only=flag) for side in Side for flag in (True, False)]
    assert orders_to_cancel(orders, D(0)) == orders
