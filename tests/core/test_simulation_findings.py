"""What the stateful simulation found, each in its smallest form (CORE-13, 27, 28, 30, 32, 39)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import IntentSource, SelectionSource, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.contracts.market import MarketStats
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.session.session import Session
from tests.support.factories import SYMBOL, Wire, a_plan, a_snapshot, mid_quote, roomy

D = Decimal
CYCLES: dict[str, Any] = {
    "cycle_enabled": True,
    "cycle_execution_enabled": True,
    "cycle_step_pct": D("0.001"),
}


class Scripted:
    """A policy that returns what the test put in; the last plan stays."""

    name = "scripted"

    def __init__(self, *plans: GridPlan) -> None:
        self.plans = list(plans)

    def plan(self, context: PolicyContext) -> GridPlan:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return evolve(plan, center_price=context.snapshot.mid_price)


def command(ts: int, what: Command, symbol: str = "") -> Event:
    return Event(ts, Control(command=what, actor="test", symbol=symbol))


def late_quote(received: int, ts: int, mid: str) -> Event:
    """A quote whose venue time lies behind our clock."""
    snapshot = a_snapshot(ts=ts, bid_price=D(mid), ask_price=D(mid))
    return Event(received, snapshot, 0, received)


def cycle_orders(wire: Wire) -> list[PlaceOrder]:
    return [
        effect
        for effect in wire.effects
        if isinstance(effect, PlaceOrder) and effect.intent.source is IntentSource.CYCLE
    ]


def test_fills_of_a_symbol_never_go_back_in_time() -> None:
    """A command is dated by our clock, ahead of quotes that come late: losses are still counted."""
    wire = Wire(roomy(levels=1, consec_loss_enabled=True))
    wire.feed(late_quote(1_000, 900, "100"))
    wire.feed(late_quote(1_010, 910, "99.9"))  # BUY 1 fills
    wire.feed(command(1_100, Command.FLATTEN, SYMBOL))
    wire.feed(late_quote(1_110, 1_010, "99.9"))
    wire.feed(late_quote(1_120, 1_020, "100.1"))  # SELL 1 was placed anew and fills
    times = [fill.ts for output in wire.outputs for fill in output.fills]
    assert len(times) >= 3
    assert times == sorted(times)


def test_what_travelled_is_dated_no_earlier_than_the_answer_before() -> None:
    wire = Wire(roomy(levels=1, order_latency_ms=100, consec_loss_enabled=True, cooldown_ms=0))
    wire.feed(late_quote(1_000, 1_000, "100"))
    wire.feed(late_quote(1_150, 1_050, "99.8"))  # arrives at 1100, fills at a quote of 1050
    wire.feed(late_quote(1_300, 1_060, "100.3"))
    updates = [e.payload for e in wire.folded if hasattr(e.payload, "client_order_id")]
    times = [update.ts for update in updates]
    assert len(times) >= 3
    assert times == sorted(times)


def test_a_closing_order_under_way_counts_into_the_exposure_at_once() -> None:
    wire = Wire(roomy(levels=1, order_latency_ms=50, cancel_latency_ms=50))
    for ts, mid in ((0, "100"), (100, "99.9"), (200, "99.8")):
        wire.feed(mid_quote(ts, mid))
    hot = wire.engine.hot
    s = hot.symbols[SYMBOL]
    assert s.ledger.qty == 1
    wire.feed(command(201, Command.FLATTEN, SYMBOL))
    assert [o.qty for o in s.grid.live.values()] == [D(1)]
    all_open = (*s.grid.live.values(), *s.grid.leaving.values())  # a cancel is under way as well
    open_notional = sum(Fraction(o.price) * Fraction(o.qty) for o in all_open)
    assert Fraction(hot.exposure) == Fraction(s.held) + open_notional


def test_a_replenishment_does_not_rest_beside_an_exit_plan() -> None:
    exits = a_plan(reduce_only=True)
    wire = Wire(roomy(**CYCLES), Scripted(a_plan(), a_plan(), exits))
    wire.feed(mid_quote(0, "100"))
    wire.feed(mid_quote(1, "99.9"))  # BUY 1 fills; SELL and BUY of the cycle follow
    orders = wire.venue.books[SYMBOL].orders
    replenished = [o for o in orders.values() if o.price == D("99.8001")]
    assert [o.reduce_only for o in replenished] == [False]
    wire.feed(mid_quote(2, "99.9"))  # from here on only exits are wanted
    assert orders
    assert all(o.reduce_only for o in orders.values())


def test_an_order_without_the_flag_does_not_conform_to_an_exit_plan() -> None:
    """Nor the other way round: an exit is no entry of a plan that may add risk."""
    one = {"levels_up": 1, "levels_down": 0, "size_schedule": (D(1),)}
    entry, exit_ = a_plan(**one), a_plan(reduce_only=True, **one)
    first = a_plan(levels_up=1, levels_down=1, size_schedule=(D(1),))
    wire = Wire(roomy(), Scripted(first, exit_, entry))
    wire.feed(mid_quote(0, "100"))
    orders = wire.venue.books[SYMBOL].orders
    for ts, flag in ((1, True), (2, False)):  # BUY 1 fills at once, SELL 1 stays wanted
        wire.feed(mid_quote(ts, "99.9"))
        resting = [(o.side, o.price, o.reduce_only) for o in orders.values()]
        assert resting == [(Side.SELL, D("100.1"), flag)]


def test_a_cycle_adds_nothing_in_a_market_that_the_prefilter_leaves_out() -> None:
    wire = Wire(roomy(levels=1, **CYCLES))
    wire.feed(mid_quote(0, "100"))
    thin = MarketStats(ts=0, symbol=SYMBOL, vol_24h_usd=D(1), oi_usd=D(10**9))
    wire.feed(Event(1, thin))
    wire.feed(mid_quote(2, "99.9"))  # BUY 1 fills
    assert not wire.outputs[-1].prefilter_result.allowed
    assert len(wire.outputs[-1].cycle_intents) == 2
    assert [effect.intent.reduce_only for effect in cycle_orders(wire)] == [True]


@pytest.mark.parametrize(("limit", "allowed"), [("599.3000", False), ("599.3001", True)])
def test_a_plan_is_measured_together_with_what_cycles_have_open(limit: str, allowed: bool) -> None:
    """Position 99.9 and a plan of 4 * 99.9; a replenishment of 99.8001 may fill beside it."""
    wider = a_plan(levels_up=2, levels_down=2)
    one = a_plan(levels_up=1, levels_down=1, size_schedule=(D(1),))
    config = roomy(max_notional_per_symbol=D(limit), **CYCLES)
    wire = Wire(config, Scripted(one, one, wider))
    for ts, mid in ((0, "100"), (1, "99.9"), (2, "99.9")):
        wire.feed(mid_quote(ts, mid))
    assert [effect.intent.price for effect in cycle_orders(wire)] == [D("99.9999"), D("99.8001")]
    gating = wire.outputs[-1].gating_result
    assert gating is not None
    assert gating.allowed is allowed


def test_a_reset_without_equity_trips_again_at_the_next_snapshot() -> None:
    wire = Wire(roomy(kill_switch_enabled=True, initial_capital=D("0.3"), max_drawdown_pct=D(50)))
    wire.feed(mid_quote(0, "100"))
    wire.feed(mid_quote(1, "99"))  # three BUYs fill and lose more than there was
    wire.feed(command(2, Command.FLATTEN, SYMBOL))
    wire.feed(mid_quote(3, "99"))
    hot = wire.engine.hot
    assert hot.kill.active
    assert hot.account.equity < 0
    wire.feed(command(4, Command.RESET_DRAWDOWN_GUARD))
    wire.feed(command(5, Command.RESET_KILL_SWITCH))
    wire.feed(mid_quote(6, "99"))
    assert hot.kill.active


def test_a_selection_made_inside_the_engine_shows_its_ranks_at_once() -> None:
    config = roomy(
        selection_source=SelectionSource.TOPK_V1,
        topk_prefix_events=2,
        warmup_min=0,
        feature_engine_enabled=True,
        levels=1,
    )
    ranks: list[int | None] = []
    session = Session(config, on_output=lambda output: ranks.append(output.topk_v1_rank))
    for ts in range(4):
        session.feed(Event(ts, a_snapshot(ts=ts), ts))
    assert ranks == [None, None, 1, 1]


def test_a_pause_after_a_plan_that_placed_nothing_still_takes_the_anchor() -> None:
    lots = {SYMBOL: SymbolConstraints(step_size=D("0.001"), min_qty=D(5))}
    pause = paused(D(100), ("WHY",))
    wire = Wire(
        roomy(constraints_enabled=True, symbol_constraints=lots),
        Scripted(pause, a_plan(), pause, a_plan()),
    )
    anchors = []
    for ts, mid in ((0, "100"), (1_000, "101"), (2_000, "102"), (3_000, "103")):
        wire.feed(mid_quote(ts, mid))
        anchors.append(wire.engine.hot.symbols[SYMBOL].grid.anchor_price)
    assert anchors == [None, D(101), None, D(103)]
