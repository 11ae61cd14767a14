"""Exits first, a cancel never before its order, one request for each order at a time."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.effect_queue import EffectQueue
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import OrderIntent

D = Decimal
SYMBOL = "BTCUSDT"
names = st.sampled_from("abcd")


def place(name: str, *, reduce_only: bool = False) -> PlaceOrder:
    intent = OrderIntent(
        symbol=SYMBOL, side=Side.BUY, price=D(1), qty=D(1), reduce_only=reduce_only
    )
    return PlaceOrder(client_order_id=name, intent=intent)


def cancel(name: str) -> CancelOrder:
    return CancelOrder(client_order_id=name, order_id="", symbol=SYMBOL)


def flatten(name: str) -> Flatten:
    return Flatten(client_order_id=name, symbol=SYMBOL, side=Side.SELL, qty=D(1), price=D(1))


def drained(queue: EffectQueue) -> list[Effect]:
    found = []
    while (effect := queue.take()) is not None:
        found.append(effect)
    return found


def test_what_takes_risk_out_is_sent_first() -> None:
    queue = EffectQueue()
    wanted = [place("a"), place("b"), cancel("c"), place("d", reduce_only=True), flatten("e")]
    for effect in wanted:
        assert queue.put(effect) is None
    assert drained(queue) == [wanted[2], wanted[3], wanted[4], wanted[0], wanted[1]]


@given(st.booleans())
def test_an_order_that_was_not_sent_and_its_cancel_leave_together(reduce_only: bool) -> None:
    queue = EffectQueue()
    order = place("a", reduce_only=reduce_only)
    queue.put(order)
    assert queue.put(cancel("a")) is order
    assert drained(queue) == []
    assert len(queue) == 0


def test_a_cancel_waits_for_the_request_about_its_order_and_is_next_then() -> None:
    queue = EffectQueue()
    queue.put(place("a"))
    assert queue.take() == place("a")
    queue.put(cancel("b"))
    assert queue.put(cancel("a")) is None
    assert queue.is_busy("a")
    assert len(queue) == 2
    queue.done("a")
    assert drained(queue) == [cancel("a"), cancel("b")]


@given(st.lists(st.tuples(st.sampled_from(["place", "cancel", "take", "done"]), names)))
def test_no_two_requests_about_one_order_are_under_way_and_every_cancel_gets_out(
    story: list[tuple[str, str]],
) -> None:
    queue, busy = EffectQueue(), set[str]()
    placed, owed = set[str](), set[str]()
    for what, name in story:
        if what == "place" and name not in placed:
            placed.add(name)
            queue.put(place(name))
        elif what == "cancel" and name in placed:
            gone = queue.put(cancel(name))
            owed = owed | {name} if gone is None else owed - {name}
        elif what == "take" and (effect := queue.take()) is not None:
            assert effect.client_order_id not in busy
            busy.add(effect.client_order_id)
            if isinstance(effect, CancelOrder):
                owed.discard(effect.client_order_id)
        elif what == "done" and name in busy:
            busy.remove(name)
            queue.done(name)
    for name in sorted(busy):
        queue.done(name)
    left = {e.client_order_id for e in drained(queue) if isinstance(e, CancelOrder)}
    assert left >= owed
