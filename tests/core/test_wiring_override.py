"""CORE-18, 30, 41: what an operator imposes reaches every policy at the next quote."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from grinder_core.contracts.control import Command
from grinder_core.contracts.enums import FillMode, GridMode, Override, PlanReason, Regime
from grinder_core.engine.config import EngineConfig
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, roomy
from tests.support.wiring import (
    Scripted,
    adaptive,
    command,
    fed,
    kinds,
    reason_of,
    resting,
    warm_up,
)

D = Decimal
MODES = {Command.PAUSE: GridMode.PAUSE, Command.EMERGENCY: GridMode.EMERGENCY}
REGIMES = {Command.PAUSE: Regime.PAUSED, Command.EMERGENCY: Regime.EMERGENCY}

static = pytest.param(lambda: Wire(roomy(levels=4)), id="static")
steered = pytest.param(
    lambda: Wire(roomy(levels=4, controller_enabled=True, controller_version=1)), id="steered"
)
following = pytest.param(lambda: Wire(adaptive()), id="adaptive")
own = pytest.param(
    lambda: Wire(roomy(), Scripted(a_plan(levels_up=4, levels_down=4, size_schedule=(D(1),) * 4))),
    id="own",
)


@pytest.mark.parametrize("what", [Command.PAUSE, Command.EMERGENCY])
@pytest.mark.parametrize("wire_of", [static, steered, following, own])
def test_it_takes_all_orders_out_and_holds_until_resumed(
    wire_of: Callable[[], Wire], what: Command
) -> None:
    wire = wire_of()
    fed(wire, *warm_up())
    assert len(resting(wire)) == 8
    fed(wire, command(3_000, what))
    assert len(resting(wire)) == 8  # decisions are taken at quotes
    output = fed(wire, mid_quote(3_000, "100"))
    assert output.plan is not None
    assert output.plan.shape.mode is MODES[what]
    assert PlanReason.OPERATOR_PAUSE.value in output.plan.reason_codes
    assert kinds(output) == ["CANCEL"] * 8
    assert {a.reason for a in output.actions} == {"PLAN_PAUSED"}
    assert (reason_of(output), resting(wire)) == ("PASS", [])
    assert wire.engine.hot.symbols[SYMBOL].grid.anchor_price is None
    output = fed(wire, mid_quote(4_000, "100"), mid_quote(5_000, "101"))
    assert (kinds(output), resting(wire)) == (["NOOP"], [])
    output = fed(wire, command(5_000, Command.RESUME), mid_quote(6_000, "101"))
    assert set(kinds(output)) == {"PLACE"}
    assert wire.engine.hot.symbols[SYMBOL].grid.anchor_price == 101


@pytest.mark.parametrize("what", [Command.PAUSE, Command.EMERGENCY])
def test_entries_go_even_where_no_plan_gets_through(what: Command) -> None:
    wire = Wire(roomy(levels=4, prefilter_spread_max_bps=20))
    fed(wire, *warm_up())
    wide = mid_quote(4_000, "100", half_spread="1")
    output = fed(wire, wide)
    assert (output.plan, len(resting(wire))) == (None, 8)
    output = fed(wire, command(4_000, what), wide)
    assert (output.plan, output.prefilter_result.reason.value) == (None, "SPREAD_TOO_HIGH")
    assert {(a.action.value, a.reason) for a in output.actions} == {("CANCEL", "PLAN_PAUSED")}
    assert (len(output.actions), resting(wire)) == (8, [])


@pytest.mark.parametrize("what", [Command.PAUSE, Command.EMERGENCY])
@pytest.mark.parametrize(
    "config", [adaptive(), roomy(feature_engine_enabled=True)], ids=["adaptive", "static"]
)
def test_the_regime_says_so(config: EngineConfig, what: Command) -> None:
    wire = Wire(config)
    output = fed(wire, *warm_up(), command(3_000, what), mid_quote(3_000, "100"))
    assert output.regime is not None
    assert (output.regime.regime, output.regime.confidence) == (REGIMES[what], 100)
    assert output.regime.reason is PlanReason.OPERATOR_PAUSE
    fed(wire, command(3_000, Command.RESUME))
    output = fed(wire, mid_quote(3_000, "100"))
    assert output.regime is not None
    assert output.regime.regime is Regime.RANGE


def test_the_kill_switch_names_itself_before_an_override() -> None:
    wire = Wire(adaptive())
    output = fed(
        wire, *warm_up(), command(3_000, Command.PAUSE), command(3_000, Command.KILL),
        mid_quote(3_000, "100"),
    )  # fmt: skip
    assert output.regime is not None
    assert output.regime.reason is PlanReason.KILL_SWITCH_ACTIVE
    assert reason_of(output) == "KILL_SWITCH_ACTIVE"


def test_a_users_policy_is_not_asked_meanwhile() -> None:
    policy = Scripted(a_plan())
    wire = Wire(roomy(), policy)
    fed(wire, mid_quote(0, "100"), command(1, Command.PAUSE))
    fed(wire, mid_quote(2, "100"), mid_quote(3, "101"))
    assert policy.calls == 1
    fed(wire, command(4, Command.RESUME), mid_quote(4, "101"))
    assert policy.calls == 2


def test_the_adaptive_pause_is_a_hard_reset_and_the_static_one_is_none() -> None:
    """CORE-22's halted regimes reset HARD; the paused plan of others just has no levels."""
    told = []
    for wire in (Wire(adaptive()), Wire(roomy())):
        output = fed(wire, *warm_up(), command(3_000, Command.PAUSE), mid_quote(3_000, "100"))
        assert output.plan is not None
        told.append((output.plan.reset_action.value, output.plan.shape.regime.value))
    assert told == [("HARD", "PAUSED"), ("NONE", "RANGE")]


def test_a_quote_that_moves_nothing_is_paused_as_well() -> None:
    """The shortcut of calm turns must not answer from before the command."""
    wire = Wire(roomy(levels=1))
    output = fed(wire, *(mid_quote(ts, "100") for ts in range(4)))
    assert kinds(output) == ["NOOP"]
    output = fed(wire, command(4, Command.PAUSE), mid_quote(5, "100"))
    assert kinds(output) == ["CANCEL"] * 2
    output = fed(wire, mid_quote(6, "100"), mid_quote(7, "100"))
    assert output.plan is not None
    assert (output.plan.shape.mode, kinds(output)) == (GridMode.PAUSE, ["NOOP"])


def test_commands_replace_each_other_and_only_resume_ends_them() -> None:
    wire = Wire(roomy(levels=1))
    fed(wire, mid_quote(0, "100"))
    story = (
        (Command.PAUSE, Override.PAUSE),
        (Command.EMERGENCY, Override.EMERGENCY),
        (Command.RESET_KILL_SWITCH, Override.EMERGENCY),
        (Command.RESET_DRAWDOWN_GUARD, Override.EMERGENCY),
        (Command.PAUSE, Override.PAUSE),
        (Command.RESUME, None),
        (Command.RESUME, None),
    )
    for what, override in story:
        fed(wire, command(1, what))
        assert wire.engine.hot.override is override


@pytest.mark.parametrize("what", [Command.PAUSE, Command.EMERGENCY])
def test_take_profits_stay_and_replenishments_go(what: Command) -> None:
    wire = Wire(roomy(levels=1, cycle_enabled=True, cycle_execution_enabled=True))
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"))
    assert resting(wire) == [
        ("SELL", D("100.1"), 1, False),
        ("SELL", D("99.9999"), 1, True),
        ("BUY", D("99.8001"), 1, False),
    ]
    fed(wire, command(2, what), mid_quote(2, "99.9"))
    assert resting(wire) == [("SELL", D("99.9999"), 1, True)]
    output = fed(wire, mid_quote(3, "100"))
    assert [f.price for f in output.fills] == [D("99.9999")]
    assert output.pnl_snapshot.qty == 0
    # its own take-profit would open a new position now
    assert [i.type.value for i in output.cycle_intents] == ["TP"]
    assert resting(wire) == []
    output = fed(wire, mid_quote(4, "100"))
    assert [e.details["reason"] for e in output.events] == [what.value]


def test_an_exit_that_fills_while_paused_needs_no_quote_of_its_own() -> None:
    """Phase A ignores what we decide: a venue keeps matching."""
    wire = Wire(
        roomy(levels=1, cycle_enabled=True, cycle_execution_enabled=True, fill_mode=FillMode.TOUCH)
    )
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), command(2, Command.PAUSE))
    output = fed(wire, mid_quote(3, "99.9999"))
    assert [f.side.value for f in output.fills] == ["SELL"]
    assert wire.venue.books[SYMBOL].position == 0
