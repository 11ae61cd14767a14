"""CORE-39, 41: cycles after a turn's fills: told always, placed where asked, never past a stop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.control import Command
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import (
    ControllerMode,
    FillMode,
    IntentSource,
    Rearm,
    Side,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, play, quote, roomy
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import Scripted, command, fed, kinds, reason_of, resting

D = Decimal
TP, ADD = "TP", "REPLENISH"


def cycling(**changes: Any) -> EngineConfig:
    values: dict[str, Any] = {"levels": 1, "cycle_enabled": True, "cycle_execution_enabled": True}
    return roomy(**{**values, **changes})


def proposed(output: PaperOutput) -> list[tuple[str, str, Decimal, Decimal]]:
    return [(i.type.value, i.side.value, i.price, i.qty) for i in output.cycle_intents]


def refusals(output: PaperOutput) -> list[Any]:
    """Reasons of what the cycle left out, told with the symbol's next output."""
    return [e.details["reason"] for e in output.events if "intent_id" in e.details]


# -- telling -----------------------------------------------------------------------------------


def test_worked_example_core_39_c() -> None:
    """BUY 0.5 fills at 100, the level 2000 bps below 125."""
    plan = a_plan(levels_up=0, levels_down=1, spacing_bps=2_000, size_schedule=(D("0.5"),))
    wire = Wire(roomy(cycle_enabled=True), Scripted(plan))
    output = fed(wire, mid_quote(0, "125"), mid_quote(1, "100"))
    assert proposed(output) == [
        (TP, "SELL", D("100.1"), D("0.5")), (ADD, "BUY", D("99.9"), D("0.5"))
    ]  # fmt: skip
    assert output.cycle_intents[0].intent_id == "cycle_TP_fill_00000001_SELL_100.1"
    assert [(side, price) for side, price, *_ in resting(wire)] == []  # told, not placed


def test_fills_of_both_phases_are_in_the_output_of_their_turn() -> None:
    wire = Wire(roomy(levels=1, cycle_enabled=True, fill_mode=FillMode.INSTANT))
    output = fed(wire, mid_quote(0, "100"))  # phase B
    assert [(kind, side) for kind, side, *_ in proposed(output)] == [
        (TP, "SELL"), (ADD, "BUY"), (TP, "BUY"), (ADD, "SELL")
    ]  # fmt: skip
    assert [i.source_fill_id for i in output.cycle_intents] == [
        f.fill_id for f in output.fills for _ in range(2)
    ]
    wire = Wire(roomy(levels=2, cycle_enabled=True))
    output = fed(wire, mid_quote(0, "100"), mid_quote(1, "99.8"))  # phase A, two fills
    assert [kind for kind, *_ in proposed(output)] == [TP, ADD, TP, ADD]
    assert not fed(wire, mid_quote(2, "99.8")).cycle_intents


def test_a_blocked_turn_tells_them_as_well() -> None:
    """Filled by a market that the gates then call toxic, or the prefilter does not look at."""
    for limit, reason in (("max_spread_bps", "SPREAD_SPIKE"), ("prefilter_spread_max_bps", None)):
        wire = Wire(cycling(**{limit: 50}))
        output = fed(wire, mid_quote(0, "100"), quote(1, "99.4", "100.4"))
        assert reason_of(output) == reason
        assert proposed(output)[0] == (TP, "SELL", D("99.9999"), 1)
        assert ("SELL", D("99.9999"), 1, True) in resting(wire)


@pytest.mark.parametrize("stop", ["kill", "guard", "pause", "controller", "none"])
def test_only_the_take_profit_is_proposed_while_anything_stops_new_risk(stop: str) -> None:
    config = roomy(
        levels=1, cycle_enabled=True, dd_guard_v1_enabled=stop == "guard",
        symbol_dd_budgets={SYMBOL: D("0.05")}, controller_enabled=stop == "controller",
        order_latency_ms=5, cancel_latency_ms=1_000,
    )  # fmt: skip
    wire = Wire(config)
    fed(wire, mid_quote(0, "100"), mid_quote(10, "100"))
    if stop == "kill":
        fed(wire, command(11, Command.KILL))
    if stop == "pause":
        fed(wire, command(11, Command.PAUSE))
    wide = "0.6" if stop == "controller" else "0"
    output = fed(wire, mid_quote(12, "99.8", half_spread=wide))
    assert [f.price for f in output.fills] == [D("99.9")]
    assert [kind for kind, *_ in proposed(output)] == ([TP, ADD] if stop == "none" else [TP])


@settings(max_examples=40)
@given(quotes(symbols=SYMBOLS[:2], max_size=30), st.sampled_from((0, 200)))
def test_telling_alone_changes_no_digest(events: list[Event], fee: int) -> None:
    plain = roomy(recenter_bps=20, maker_fee_bps_x100=fee, rearm=Rearm.OPPOSITE)
    telling = plain.with_values({"cycle_enabled": True, "price_precision": 1})  # drops some
    assert run(events, telling).digest == run(events, plain).digest


# -- placing -----------------------------------------------------------------------------------


def test_the_take_profit_rests_reduce_only_at_a_tick_that_is_no_worse() -> None:
    for mid, exit_, add in (
        ("99.9", ("SELL", D("100.02"), 1, True), ("BUY", D("99.78"), 1, False)),
        ("100.15", ("BUY", D("99.99"), 1, True), ("SELL", D("100.23"), 1, False)),
    ):
        wire = Wire(cycling(tick_sizes={SYMBOL: D("0.03")}))
        fed(wire, mid_quote(0, "100"))
        grid = resting(wire)
        output = fed(wire, mid_quote(1, mid))
        assert resting(wire)[1:] == [exit_, add]
        assert len(grid) == 2
        assert [f.level_id for f in output.fills] == [1]
    (first, _) = [e.intent for e in wire.effects if isinstance(e, PlaceOrder)][2:]
    assert (first.source, first.level_id, first.reason) == (IntentSource.CYCLE, 0, "CYCLE")


def test_under_the_default_cooldown_a_turns_orders_are_one_batch() -> None:
    """The take-profit must not be what cools its own replenishment down."""
    wire = Wire(cycling(cooldown_ms=100))
    fed(wire, mid_quote(0, "100"), mid_quote(1_000, "99.9"))
    assert [(side, flag) for side, *_, flag in resting(wire)][1:] == [
        ("SELL", True), ("BUY", False)
    ]  # fmt: skip
    assert wire.engine.hot.rate.check(SYMBOL, 1_099) is not None  # and it was counted
    assert wire.engine.hot.rate.check(SYMBOL, 1_100) is None


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_spread_bps": 10}, "SPREAD_SPIKE"),
        ({"cooldown_ms": 5_000}, "COOLDOWN_ACTIVE"),
        ({"max_orders_per_minute": 2}, "RATE_LIMIT_EXCEEDED"),
        # 1 held at 99.86, 1 on offer at 100.1 and 99.9999 each, 1 more bid at 99.8001
        ({"max_notional_per_symbol": D("399.7599")}, "NOTIONAL_LIMIT"),
        ({"max_notional_per_symbol": D("399.76")}, None),
        ({"daily_loss_limit": D("0.03")}, "DAILY_LOSS_LIMIT"),
        ({}, None),
    ],
)
def test_a_replenishment_passes_what_a_plan_must_pass(
    limits: dict[str, Any], reason: str | None
) -> None:
    wire = Wire(cycling(**limits))
    output = fed(wire, mid_quote(0, "100"), quote(1_000, "99.72", "100"))
    assert [f.price for f in output.fills] == [D("99.9")]
    added = [("BUY", D("99.8001"), 1, False)] if reason is None else []
    assert resting(wire) == [("SELL", D("100.1"), 1, False), ("SELL", D("99.9999"), 1, True),
                             *added]  # fmt: skip
    output = fed(wire, quote(1_001, "99.72", "100"))
    assert refusals(output) == ([] if reason is None else [reason])
    if reason is not None:
        assert wire.engine.hot.stats.skipped[reason] == 1


def test_what_a_take_profit_would_add_is_refused_while_the_controller_stops_adds() -> None:
    """Long 2, one sold in a spread that pauses: buying it back is no exit, whatever its name."""
    config = cycling(levels=2, controller_enabled=True, cycle_step_pct=D("0.01"))
    wire = Wire(config)
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.8"))
    output = fed(wire, quote(2, "98.7", "101.5"))
    assert output.controller is not None
    assert output.controller.mode is ControllerMode.PAUSE
    assert [f.side.value for f in output.fills] == ["SELL"]
    assert proposed(output) == [(TP, "BUY", D("99.099"), 1)]
    assert all(flag for *_, flag in resting(wire))
    output = fed(wire, quote(3, "98.7", "101.5"))
    assert refusals(output) == ["WIDE_SPREAD"]
    assert kinds(output) == ["NOOP"]


def test_every_part_of_a_fill_has_its_exit_and_no_price_takes_risk_twice() -> None:
    """Half a BUY fills, then the rest: two exits, one replenishment rest at their prices."""
    wire = Wire(cycling(partial_fills_enabled=True, size_per_level=D(2)))
    fed(wire, mid_quote(0, "100"))
    fed(wire, quote(1, "99.9", "99.9", ask_qty=D(1)))
    assert resting(wire)[2:] == [("SELL", D("99.9999"), 1, True), ("BUY", D("99.8001"), 1, False)]
    fed(wire, quote(2, "99.9", "99.9", ask_qty=D(1)))
    assert resting(wire)[3:] == [("SELL", D("99.9999"), 1, True)]
    output = fed(wire, mid_quote(3, "99.9"))
    assert refusals(output) == ["EXEC_DUPLICATE_PRICE"]


def test_levels_are_not_armed_again_beside_a_cycle() -> None:
    mids = ("100", "99.9", "100.1", "100", "100")
    for executes in (True, False):
        wire = Wire(cycling(cycle_execution_enabled=executes))
        fed(wire, *(mid_quote(ts, mid) for ts, mid in enumerate(mids)))
        levels = [a for o in wire.outputs[1:] for a in o.actions if a.action.value == "PLACE"]
        assert [(a.side, a.level_id) for a in levels] == ([] if executes else [("BUY", 1)])


def test_an_exit_survives_the_kill_switch_and_what_adds_does_not() -> None:
    wire = Wire(cycling())
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), command(2, Command.KILL))
    assert resting(wire) == [("SELL", D("99.9999"), 1, True)]
    output = fed(wire, mid_quote(3, "100"))
    assert (output.pnl_snapshot.qty, resting(wire)) == (0, [])
    assert refusals(fed(wire, mid_quote(4, "100"))) == ["KILL_SWITCH_ACTIVE"]


def test_a_tick_that_leaves_no_price_drops_the_intent() -> None:
    """One tick above nothing there is nothing further out."""
    wire = Wire(cycling(spacing_bps=5_000, tick_sizes={SYMBOL: D("0.5")}))
    fed(wire, mid_quote(0, "1"), mid_quote(1, "0.5"))
    assert resting(wire) == [("SELL", D("1.5"), 1, False), ("SELL", D("1.0"), 1, True)]
    assert refusals(fed(wire, mid_quote(2, "0.5"))) == ["CYCLE_INTENT_DROPPED"]


@pytest.mark.parametrize(("gap", "side"), [("98", "BUY"), ("102", "SELL")])
def test_a_replenishment_does_not_run_after_the_market(gap: str, side: str) -> None:
    """As a level of the grid it must be passive, or it fills at once and asks for the next."""
    wire = Wire(cycling())
    output = fed(wire, mid_quote(0, "100"), *(mid_quote(ts, gap) for ts in range(1, 6)))
    assert [f.side.value for o in wire.outputs for f in o.fills] == [side]
    assert abs(output.pnl_snapshot.qty) == 1
    assert refusals(wire.outputs[2]) == ["NOT_DESIRED"]
    assert [flag for *_, flag in resting(wire)] == [False, True]


@settings(max_examples=30)
@given(quotes(symbols=SYMBOLS[:2], max_size=30, move=60), st.integers(0, 1), st.booleans())
def test_exits_shrink_the_position_and_entries_are_refused_after_a_stop(
    events: list[Event], delay: int, pauses: bool
) -> None:
    wire = Wire(cycling(levels=2, fill_after_ticks=delay, recenter_bps=30))
    stop = len(events) // 2
    for number, event in enumerate(events):
        if number == stop:
            wire.feed(command(event.ts_ms, Command.PAUSE if pauses else Command.KILL))
        count = len(wire.effects)
        wire.feed(event)
        for effect in wire.effects[count:]:
            if not isinstance(effect, PlaceOrder) or effect.intent.source is IntentSource.GRID:
                continue
            intent = effect.intent
            s = wire.engine.hot.symbols[intent.symbol]
            held = s.ledger.qty * (1 if intent.side is Side.SELL else -1)
            assert intent.reduce_only or number < stop
            if not delay and intent.reduce_only and not wire.outputs[-1].fills:
                assert held >= 0
    resting_prices = [
        (o.side, o.price) for o in wire.venue.books[events[-1].payload.symbol].orders.values()  # type: ignore[union-attr]
        if o.reduce_only
    ]  # fmt: skip
    assert len(set(resting_prices)) == len(resting_prices)


@settings(max_examples=15)
@given(quotes(max_size=30))
def test_every_fill_proposes_one_exit_that_is_placed_or_refused_by_name(
    events: list[Event],
) -> None:
    outputs = play([*events, events[-1]], cycling(levels=2))
    takes = sum(kind == TP for o in outputs for kind, *_ in proposed(o))
    assert takes == sum(len(o.fills) for o in outputs)
