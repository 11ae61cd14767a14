"""CORE-41 as a whole: any market, any settings, any commands and any interruption (stateful).

What must hold after each step is in ``rules.py``: money to the last digit, orders the same at
engine and venue, no order beyond limits, no new risk once something stops it, no exit that turns
a position. At the end the schedule runs again without a stop: restart equals original, and an
engine that is fed the same inputs says the same. Long runs: ``python -m tests.simulation.run``.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from grinder_core.contracts.control import Command, Control, Timer
from grinder_core.contracts.event import Event
from tests.simulation.markets import MOODS, Market
from tests.simulation.rules import Rules
from tests.simulation.schedules import a_start, make, play, same
from tests.support.world import Item, Reload, Restart, World


class Trading(RuleBasedStateMachine):
    """One session under random settings."""

    is_whole = False

    @initialize(seed=st.integers(0, 10**6))
    def start(self, seed: int) -> None:
        draw = Random(seed)
        self.config, self.policy = a_start(draw)
        self.market = Market(draw, self.config)
        self.watch = Rules(self.config)
        self.world = World(self.config, self.policy, self.watch)
        self.items: list[Item] = []
        for event in self.market.opening():
            self._do(event)

    @rule(count=st.integers(1, 40), mood=st.sampled_from(MOODS))
    def trade(self, count: int, mood: str) -> None:
        for book in self.market.books:
            book.mood = mood
        for _ in range(count):
            self._do(self.market.event())

    @rule(
        kind=st.sampled_from(("quote", "whole", "change", "trade", "mark", "funding", "stats")),
        index=st.integers(0, 2),
        wait=st.sampled_from((0, 1, 100, 5_001, 61_000, 86_400_000)),
    )
    def say(self, kind: str, index: int, wait: int) -> None:
        books = self.market.books
        self._do(self.market.event(kind, books[index % len(books)], wait))

    @rule(command=st.sampled_from(Command), index=st.integers(0, 2))
    def order(self, command: Command, index: int) -> None:
        books = self.market.books
        book = books[index % len(books)]
        is_flatten = command is Command.FLATTEN
        payload = Control(command=command, actor="test", symbol=book.symbol if is_flatten else "")
        if is_flatten and not book.is_shown:
            self._do(Event(self.market.now, Timer()))  # flattening what was never seen is refused
        else:
            self._do(Event(self.market.now, payload))

    @rule()
    def restart(self) -> None:
        self._do(Restart())

    @rule(at=st.integers(1, 6))
    def reload(self, at: int) -> None:
        self._do(Reload(at))

    def _do(self, item: Item) -> None:
        self.items.append(item)
        self.is_whole = False
        self.world.do(item)
        self.is_whole = True

    def teardown(self) -> None:
        if self.is_whole:  # else a rule broke, and that is what to tell
            self.watch.close(self.world)
            straight = World(self.config, self.policy)
            same(self.world, straight.run(i for i in self.items if isinstance(i, Event)))


Trading.TestCase.settings = settings(max_examples=80, stateful_step_count=12)
TestTrading = Trading.TestCase


@pytest.mark.parametrize("number", range(24))
def test_a_world_keeps_all_rules(number: int) -> None:
    assert play(make(f"1:{number}", 250)).steps >= 250
