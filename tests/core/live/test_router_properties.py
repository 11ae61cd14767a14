"""LIVE-15: the invariants of the router over everything it can be asked (I-15.1 to 5, I-15.7)."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import ActionType, OrderState, RiskIntent, Side
from grinder_core.contracts.live import RouteDecision, RouteReason
from grinder_core.numbers import exact
from grinder_core.orders.route_request import (
    Headroom,
    RestingOrder,
    RouteRequest,
    SorDecision,
)
from grinder_core.orders.router import replacement
from tests.support.routing import (
    LIVE_STATES,
    NOW,
    ROOMS,
    Plain,
    Scene,
    plain_route,
    scenes,
)

MANY = settings(max_examples=300, deadline=None)
SENT = {RouteDecision.PLACE, RouteDecision.AMEND, RouteDecision.CANCEL_REPLACE}
REQUESTS = {
    RouteDecision.SKIP: 0,
    RouteDecision.PLACE: 1,
    RouteDecision.AMEND: 1,
    RouteDecision.CANCEL: 1,
    RouteDecision.CANCEL_REPLACE: 2,
}


def sent(answer: SorDecision) -> RouteRequest | None:
    """The order that a decision sends; only such decisions carry one."""
    assert (answer.order is not None) == (answer.decision in SENT)
    return answer.order


@settings(max_examples=800, deadline=None)
@given(scenes())
def test_two_formulations_of_the_table_agree(scene: Scene) -> None:
    answer, plain = scene.routed(), plain_route(scene)
    order = sent(answer)
    assert (answer.decision, answer.reason) == (plain.decision, plain.reason)
    if order is None:
        assert plain == Plain(decision=plain.decision, reason=plain.reason)
    else:
        assert (order.price, order.qty) == (plain.price, plain.qty)
        assert evolve(scene.request, price=order.price, qty=order.qty) == order


@MANY
@given(scenes())
def test_what_is_sent_keeps_the_venues_rules(scene: Scene) -> None:
    order, rules = sent(scene.routed()), scene.limits
    if order is None or rules is None:
        return
    with exact():
        assert order.qty >= rules.min_qty
        assert order.qty > 0
        assert not order.qty % rules.step_size
        most = rules.market_max_qty if order.price is None else rules.max_qty
        assert most is None or order.qty <= most
        if order.price is None:
            return
        assert order.price > 0
        assert not order.price % rules.tick_size
        assert order.reduce_only or order.price * order.qty >= rules.min_notional
        if rules.mark_price and rules.multiplier_up and order.side is Side.BUY:
            assert order.price <= rules.mark_price * rules.multiplier_up
        if rules.mark_price and rules.multiplier_down and order.side is Side.SELL:
            assert order.price >= rules.mark_price * rules.multiplier_down


@MANY
@given(scenes())
def test_what_is_sent_is_never_more_aggressive_nor_larger_than_wanted(scene: Scene) -> None:
    order, wanted = sent(scene.routed()), scene.request
    if order is None:
        return
    assert order.qty <= wanted.qty
    if order.price is None or wanted.price is None:
        assert order.price is wanted.price is None
    else:
        assert (order.price - wanted.price) * wanted.side.sign <= 0


@MANY
@given(scenes())
def test_a_post_only_order_never_crosses_the_book(scene: Scene) -> None:
    order, book = sent(scene.routed()), scene.book
    if order is None or book is None or order.price is None or not order.post_only:
        return
    if order.side is Side.BUY:
        assert order.price < book.ask
    else:
        assert order.price > book.bid


@MANY
@given(scenes())
def test_a_target_that_is_satisfied_is_left_alone(scene: Scene) -> None:
    answer = scene.routed()
    order = sent(answer)
    if order is None:
        return
    is_same_order = answer.decision is RouteDecision.AMEND and scene.resting is not None
    rests = RestingOrder(
        state=OrderState.OPEN,
        side=order.side,
        price=order.price,
        orig_qty=order.qty,
        executed_qty=scene.resting.executed_qty if is_same_order and scene.resting else Decimal(0),
        reduce_only=order.reduce_only,
        post_only=order.post_only,
        last_change_ts_ms=NOW,
    )
    again = evolve(scene, resting=rests, headroom=Headroom(orders_soft=0, orders_hard=0, cancels=0))
    assert again.routed() == SorDecision(RouteDecision.SKIP, RouteReason.NO_CHANGE)
    twice = evolve(again, request=order)
    assert twice.routed() == again.routed()


@MANY
@given(scenes(), st.sampled_from(LIVE_STATES), st.booleans(), st.booleans())
def test_an_order_in_flight_is_only_ever_cancelled(
    scene: Scene, state: OrderState, writing: bool, cancelling: bool
) -> None:
    if scene.resting is None:
        return
    resting = evolve(
        scene.resting, state=state, write_in_flight=writing, cancel_in_flight=cancelling
    )
    answer = evolve(scene, resting=resting).routed()
    if writing or cancelling or state in {OrderState.PENDING, OrderState.UNKNOWN}:
        assert answer.decision in {RouteDecision.CANCEL, RouteDecision.SKIP}
        if answer.decision is RouteDecision.CANCEL:
            assert scene.request.action is ActionType.CANCEL
            assert not cancelling


@MANY
@given(scenes(), ROOMS, ROOMS)
def test_less_headroom_never_produces_more_requests(scene: Scene, a: Headroom, b: Headroom) -> None:
    less = Headroom(
        orders_soft=min(a.orders_soft, b.orders_soft),
        orders_hard=min(a.orders_hard, b.orders_hard),
        cancels=min(a.cancels, b.cancels),
    )
    tight = evolve(scene, headroom=less).routed()
    for more in (a, b):
        wide = evolve(scene, headroom=more).routed()
        assert REQUESTS[tight.decision] <= REQUESTS[wide.decision]


@MANY
@given(scenes(), ROOMS)
def test_every_request_has_room_below_the_limit_of_its_kind(scene: Scene, room: Headroom) -> None:
    answer = evolve(scene, headroom=room).routed()
    order = sent(answer)
    if order is not None:
        adds = order.intent is RiskIntent.INCREASE_RISK
        assert (room.orders_soft if adds else room.orders_hard) > 0
    if answer.decision in {RouteDecision.CANCEL, RouteDecision.CANCEL_REPLACE}:
        assert room.cancels > 0


@MANY
@given(scenes(), st.integers(0, 400))
def test_both_halves_of_a_replacement_together_never_exceed_the_target(
    scene: Scene, hundredths: int
) -> None:
    answer = scene.routed()
    order = sent(answer)
    if order is None:
        return
    executed = hundredths * Decimal("0.01")
    with exact():
        rest = replacement(order, executed, scene.limits)
        if rest is None:
            return
        assert 0 < rest.qty <= order.qty - executed
        assert evolve(rest, action=order.action, qty=order.qty) == order
        if scene.limits is not None:
            assert rest.qty >= scene.limits.min_qty
            assert not rest.qty % scene.limits.step_size
    alone = evolve(scene, request=rest, resting=None).routed()
    assert alone.reason not in {
        RouteReason.INVALID_ORDER,
        RouteReason.EXEC_QTY_BELOW_MIN_QTY,
        RouteReason.EXEC_NOTIONAL_BELOW_MIN,
    }
