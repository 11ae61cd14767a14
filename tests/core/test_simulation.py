"""Engine and simulated venue under any market, any commands and any plans: nothing is lost.

Repeat a failing schedule with ``pytest tests/core/test_simulation.py``: Hypothesis prints its
steps, and runs are derandomised.
"""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import FillMode, GridMode, Rearm, ResetAction
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.contracts.plan import GridPlan, paused
from tests.support.factories import Wire, a_plan, a_snapshot, roomy

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")
GAPS = st.sampled_from((0, 60, 60, 1_000, 5_001))
MOVES = st.sampled_from((0, 0, 0, 1, -1, 10, -10, 10, -10, 25, -25, 60, -60, 400, -400))
COMMANDS = (
    Command.KILL,
    *(Command.RESET_DRAWDOWN_GUARD,) * 3,
    *(Command.RESET_KILL_SWITCH,) * 5,
)


class Wish:
    """A policy that wants whatever the schedule last drew."""

    name = "wish"

    def __init__(self) -> None:
        self.like = a_plan()

    def plan(self, context: PolicyContext) -> GridPlan:
        plan = evolve(self.like, center_price=context.snapshot.mid_price)
        # a reset is asked for once; then the same shape stays
        self.like = evolve(self.like, reset_action=ResetAction.NONE)
        return plan


@st.composite
def wishes(draw: st.DrawFn) -> GridPlan:
    """Plans of whole units, so that inventories stay readable."""
    if draw(st.integers(0, 7)) == 0:
        return paused(D(100), ("WHY",), draw(st.sampled_from((GridMode.PAUSE, GridMode.EMERGENCY))))
    up, down = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    sizes = st.sampled_from((D(1), D(2), D("0.5"), D("0.000000001"), D(0)))
    deepest = max(up, down)
    return a_plan(
        levels_up=up,
        levels_down=down,
        spacing_bps=draw(st.sampled_from((1, 10, 30))),
        size_schedule=tuple(draw(st.lists(sizes, min_size=deepest, max_size=deepest))),
        reduce_only=draw(st.booleans()),
        reset_action=draw(st.sampled_from(ResetAction)),
    )


def a_whim(draw: random.Random) -> GridPlan:
    """A plan as ``wishes`` makes them, from a seeded source."""
    up, down = draw.randint(0, 3), draw.randint(0, 3)
    deepest = max(up, down)
    return a_plan(
        levels_up=up,
        levels_down=down,
        spacing_bps=draw.choice((1, 10, 30)),
        size_schedule=tuple(draw.choice((D(1), D(2), D("0.5"))) for _ in range(deepest)),
        reduce_only=draw.random() < 0.2,
        reset_action=draw.choice(list(ResetAction)),
    )


class Trading(RuleBasedStateMachine):
    """One session of two symbols."""

    @initialize(
        own=st.booleans(),
        mode=st.sampled_from(FillMode),
        delay=st.integers(0, 2),
        rearm=st.sampled_from(Rearm),
        fee=st.sampled_from((0, 200, 333)),
        drawdown=st.sampled_from((D("0.05"), D(100), D(100))),
        limit=st.sampled_from((D(900), D(10**9), D(10**9))),
        recenter=st.sampled_from((0, 20)),
    )
    def start(self, own: bool, drawdown: Decimal, limit: Decimal, **venue: Any) -> None:
        self.wish = Wish() if own else None
        self.capital = D(10_000)
        config = roomy(
            levels=2,
            kill_switch_enabled=True,
            initial_capital=self.capital,
            max_drawdown_pct=drawdown,
            max_notional_total=limit,
            cooldown_ms=50,
            max_price_impact_bps=300,
            fill_mode=venue["mode"],
            fill_after_ticks=venue["delay"],
            rearm=venue["rearm"],
            maker_fee_bps_x100=venue["fee"],
            taker_fee_bps_x100=venue["fee"],
            recenter_bps=venue["recenter"],
        )
        self.wire = Wire(config, self.wish)
        self.now = 0
        self.bids = dict.fromkeys(SYMBOLS, 10_000)
        self.snapshots = 0
        self.folded = 0
        self.effects = 0
        self.placed: dict[str, PlaceOrder] = {}
        self.finished: set[str] = set()
        self.paid: dict[str, Fraction] = defaultdict(Fraction)
        self.held: dict[str, Fraction] = defaultdict(Fraction)
        self.fees = Fraction(0)
        self.peak = Fraction(self.capital)

    def turn(self, payload: Any) -> None:
        killed = self.wire.engine.hot.kill.active
        self.wire.feed(Event(self.now, payload, self.snapshots))
        self._follow(killed=killed)
        self._one_output_per_snapshot()
        self._no_order_is_lost_doubled_or_orphaned()
        self._the_ledger_is_the_venues()
        self._money_is_conserved()
        self._the_exposure_is_what_is_held_and_open()
        self._while_killed_only_exits_rest()

    @rule(
        steps=st.lists(
            st.tuples(st.sampled_from(SYMBOLS), GAPS, MOVES, st.sampled_from((0, 1, 2, 8))),
            min_size=1,
            max_size=20,
        )
    )
    def market(self, steps: list[tuple[str, int, int, int]]) -> None:
        for symbol, gap, move, spread in steps:
            self.market_step(symbol, gap, move, spread)

    def market_step(self, symbol: str, gap: int, move: int, spread: int) -> None:
        self.now += gap
        self.bids[symbol] = max(1_000, self.bids[symbol] + move)
        bid = D(self.bids[symbol]) / 100
        ask = bid + D(spread) / 100
        self.snapshots += 1
        self.turn(a_snapshot(ts=self.now, symbol=symbol, bid_price=bid, ask_price=ask))

    @rule(seed=st.integers(0, 2**32 - 1))
    def storm(self, seed: int) -> None:
        """A long stretch of market; what it finds, ``market`` may say shorter."""
        draw = random.Random(seed)
        for _ in range(60):
            if self.wish is not None and draw.random() < 0.1:
                self.wish.like = a_whim(draw)
            symbol, gap = draw.choice(SYMBOLS), draw.choice((0, 60, 200, 5_001))
            move = draw.choice((0, 0, draw.randint(-15, 15), draw.randint(-60, 60)))
            self.market_step(symbol, gap, move, draw.choice((0, 1, 2, 8)))

    @rule(command=st.sampled_from(COMMANDS))
    def operator(self, command: Command) -> None:
        exits = self._resting_exits()
        self.turn(Control(command=command, actor="test"))
        assert self._resting_exits() == exits, "a command took an exit away"

    def _resting_exits(self) -> set[str]:
        books = self.wire.venue.books.values()
        return {o.client_order_id for b in books for o in b.orders.values() if o.reduce_only}

    @precondition(lambda self: self.wish is not None)
    @rule(plan=wishes())
    def wants(self, plan: GridPlan) -> None:
        assert self.wish is not None
        self.wish.like = plan

    def _follow(self, *, killed: bool) -> None:
        """Read everything that passed in this turn into the model."""
        placed_now = []
        for effect in self.wire.effects[self.effects :]:
            if isinstance(effect, PlaceOrder):
                assert effect.client_order_id not in self.placed, "an id is never reused"
                self.placed[effect.client_order_id] = effect
                placed_now.append(effect)
            elif isinstance(effect, CancelOrder):
                assert effect.client_order_id in self.placed
                assert effect.client_order_id not in self.finished, "cancelled while finished"
        self.effects = len(self.wire.effects)
        if killed and self.wire.engine.hot.kill.active:
            assert all(effect.intent.reduce_only for effect in placed_now)
        for event in self.wire.folded[self.folded :]:
            if isinstance(event.payload, OrderUpdate):
                self._told(event.payload)
        self.folded = len(self.wire.folded)

    def _told(self, update: OrderUpdate) -> None:
        key = update.client_order_id
        assert key not in self.finished, "nothing follows the end of an order"
        intent = self.placed[key].intent
        if update.state.is_final:
            self.finished.add(key)
        if update.last_qty:
            assert update.last_price == intent.price
            assert update.filled_qty <= intent.qty
            signed = Fraction(update.last_qty) * intent.side.sign
            before = self.held[intent.symbol]
            self.held[intent.symbol] += signed
            if intent.reduce_only:
                assert abs(before + signed) < abs(before), "an exit opened a position"
                assert (before + signed) * before >= 0
            self.paid[intent.symbol] += signed * Fraction(update.last_price)
            self.fees += Fraction(update.fee)

    def _one_output_per_snapshot(self) -> None:
        assert len(self.wire.outputs) == self.snapshots

    def _no_order_is_lost_doubled_or_orphaned(self) -> None:
        open_ids = set(self.placed) - self.finished
        at_venue = {key for book in self.wire.venue.books.values() for key in book.by_client_id}
        hot = self.wire.engine.hot
        known = {key for s in hot.symbols.values() for key in s.grid.live}
        assert open_ids == at_venue == known
        assert not any(s.grid.leaving for s in hot.symbols.values())
        for symbol, s in hot.symbols.items():
            book = self.wire.venue.books[symbol]
            resting = {o.client_order_id: (o.side, o.price, o.qty) for o in book.orders.values()}
            live = {o.client_order_id: (o.side, o.price, o.qty) for o in s.grid.live.values()}
            assert live == resting
            levels = [(o.side, o.level_id) for o in s.grid.live.values()]
            assert len(set(levels)) == len(levels)

    def _the_ledger_is_the_venues(self) -> None:
        for symbol, s in self.wire.engine.hot.symbols.items():
            assert Fraction(s.ledger.qty) == self.held[symbol]
            assert s.ledger.qty == self.wire.venue.books[symbol].position
            total = Fraction(s.ledger.realized_pnl) + Fraction(s.unrealized)
            assert total == Fraction(s.ledger.qty) * Fraction(s.mid) - self.paid[symbol]

    def _money_is_conserved(self) -> None:
        hot = self.wire.engine.hot
        profit = sum(
            Fraction(s.ledger.realized_pnl) + Fraction(s.unrealized) for s in hot.symbols.values()
        )
        assert (
            Fraction(hot.cash) + Fraction(hot.unrealized)
            == Fraction(self.capital) + profit - self.fees
        )
        assert hot.account.high_water_mark >= hot.account.equity
        if self.snapshots:
            assert Fraction(hot.account.equity) == Fraction(self.capital) + profit - self.fees

    def _the_exposure_is_what_is_held_and_open(self) -> None:
        hot = self.wire.engine.hot
        exposure = sum(
            abs(Fraction(s.ledger.qty)) * Fraction(s.mid)
            + sum(Fraction(o.price) * Fraction(o.qty - o.filled_qty) for o in s.grid.live.values())
            for s in hot.symbols.values()
        )
        assert Fraction(hot.exposure) == exposure

    def _while_killed_only_exits_rest(self) -> None:
        if self.wire.engine.hot.kill.active:
            for book in self.wire.venue.books.values():
                assert all(order.reduce_only for order in book.orders.values())


Trading.TestCase.settings = settings(max_examples=200, stateful_step_count=10)
TestTrading = Trading.TestCase
