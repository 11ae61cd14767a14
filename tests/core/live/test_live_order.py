"""A loaded state lists all in its own order; what is said must not depend on that (I-38.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grinder_core.contracts.control import Command, Control, Restarted, Timer
from grinder_core.contracts.effects import CancelOrder
from grinder_core.contracts.event import Event, Payload
from grinder_core.live.core import LiveCore
from grinder_core.live.state import LiveState, Waiting
from tests.support.live_core import BTC, LiveHand


def unanswered(hand: LiveHand) -> Payload:
    """Orders and their cancels are under way when the process ends."""
    hand.start()
    hand.quote(60_000)
    for effect in hand.places():
        hand.wrote(effect)
        hand.core.hot.open_actions.clear()
    hand.feed(Control(command=Command.KILL, actor="test"))
    actions = hand.core.hot.open_actions
    assert len(actions) > 1
    hand.core.hot.open_actions = dict(sorted(actions.items(), reverse=True))
    return Restarted()


def blocked(hand: LiveHand) -> Payload:
    """Cancels wait for the next timer."""
    names = sorted(order.client_order_id for order in hand.rest())
    hand.core.hot.deferred = dict.fromkeys(reversed(names), BTC)
    return Timer()


def waiting(hand: LiveHand) -> Payload:
    """Replacements wait for the end of the orders before them."""
    hand.start()
    hand.quote(60_000)
    orders = {order.client_order_id: order for order in hand.places()}
    hand.core.hot.open_actions.clear()
    hand.core.hot.waiting = {
        name: Waiting(order, "an order before it")
        for name, order in sorted(orders.items(), reverse=True)
    }
    return Restarted()


@pytest.mark.parametrize("prepare", [unanswered, blocked, waiting])
def test_a_loaded_session_says_the_same_in_the_same_order(
    prepare: Callable[[LiveHand], Payload],
) -> None:
    hand = LiveHand()
    payload = prepare(hand)
    core = hand.core
    loaded = LiveCore.from_state(LiveState.from_text(core.state().to_text()), hand.config)
    event = Event(hand.now + 250, payload, core.hot.events + 1)
    here, there = core.step(event), loaded.step(event)
    assert here.effects == there.effects
    assert [one.line for one in here.records] == [one.line for one in there.records]
    assert len(here.records) > 1
    assert core.digest == loaded.digest
    if prepare is blocked:
        assert all(isinstance(effect, CancelOrder) for effect in here.effects)
