"""CORE-33, 41: quantities and prices take the venue's steps once, right before the port."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import ResetAction
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, roomy
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import Scripted, fed, kinds, resting, skips

D = Decimal


def lots(**changes: Any) -> SymbolConstraints:
    values: dict[str, Any] = {"step_size": D("0.001"), "min_qty": D("0.001")}
    return SymbolConstraints(**{**values, **changes})


def limited(limits: SymbolConstraints | None = None, **changes: Any) -> EngineConfig:
    values: dict[str, Any] = {
        "levels": 1,
        "constraints_enabled": True,
        "symbol_constraints": {SYMBOL: limits or lots()},
    }
    return roomy(**{**values, **changes})


@pytest.mark.parametrize(
    ("size", "step", "placed"),
    [("0.0345", "0.001", "0.034"), ("7.77", "0.25", "7.75"), ("0.3", "0.1", "0.3")],
)
def test_worked_example_core_33_wiring(size: str, step: str, placed: str) -> None:
    wire = Wire(limited(lots(step_size=D(step)), size_per_level=D(size)))
    output = fed(wire, mid_quote(0, "100"))
    assert output.plan is not None
    assert output.plan.shape.size_schedule == (D(size),)  # the plan is what was wanted
    assert [a.qty for a in output.actions] == [D(placed)] * 2
    assert [qty for _, _, qty, _ in resting(wire)] == [D(placed)] * 2


def test_what_is_too_small_is_skipped_at_every_diff_with_both_sizes() -> None:
    wire = Wire(limited(size_per_level=D("0.0009")))
    for ts in (0, 1, 2):
        output = fed(wire, mid_quote(ts, "100"))
        assert kinds(output) == ["NOOP"]
        assert [dict(e.details) for e in output.events] == [
            {
                "reason": "EXEC_QTY_BELOW_MIN_QTY",
                "level_id": 1,
                "side": side,
                "original_qty": "0.0009",
                "rounded_qty": "0",
            }
            for side in ("BUY", "SELL")
        ]
    assert wire.engine.hot.stats.skipped == {"EXEC_QTY_BELOW_MIN_QTY": 6}


def test_an_order_conforms_by_its_rounded_quantity() -> None:
    """Else every quote would cancel it and place the same again."""
    plans = [a_plan(size_schedule=(D(size),) * 2) for size in ("1.2345", "1.2349", "1.235")]
    wire = Wire(limited(), Scripted(*plans))
    assert kinds(fed(wire, mid_quote(0, "100"))) == ["PLACE"] * 4
    assert kinds(fed(wire, mid_quote(1, "100"))) == ["NOOP"]
    assert kinds(fed(wire, mid_quote(2, "100"))) == ["CANCEL"] * 4 + ["PLACE"] * 4
    assert {qty for _, _, qty, _ in resting(wire)} == {D("1.235")}


def test_a_level_that_becomes_too_small_leaves_the_book() -> None:
    plans = [a_plan(size_schedule=(D(1), D(size))) for size in ("1", "0.0001")]
    soft = a_plan(size_schedule=(D(1), D("0.0001")), reset_action=ResetAction.SOFT)
    wire = Wire(limited(), Scripted(*plans, soft))
    fed(wire, mid_quote(0, "100"))
    output = fed(wire, mid_quote(1, "100"))
    assert [(a.action.value, a.level_id) for a in output.actions] == [("CANCEL", 2)] * 2
    assert len(skips(output)) == 2
    output = fed(wire, mid_quote(2, "100"))
    assert kinds(output) == ["NOOP"]
    assert len(skips(output)) == 2


def test_the_least_notional_is_price_times_the_rounded_quantity_and_not_for_exits() -> None:
    """99.9 * 1 stays below 100, 100.1 * 1 does not."""
    limits = lots(step_size=D(1), min_notional=D(100))
    wire = Wire(limited(limits, size_per_level=D("1.9")))
    output = fed(wire, mid_quote(0, "100"))
    assert skips(output) == [("BUY", 1, "EXEC_NOTIONAL_BELOW_MIN")]
    assert resting(wire) == [("SELL", D("100.1"), 1, False)]
    exits = a_plan(reduce_only=True, size_schedule=(D(1), D(1)))
    limits = lots(step_size=D(1), min_notional=D(150))
    wire = Wire(limited(limits), Scripted(a_plan(size_schedule=(D(2), D(2))), exits))
    output = fed(wire, mid_quote(0, "100"), mid_quote(1, "99.8"))
    assert skips(output) == []
    assert [(qty, flag) for _, _, qty, flag in resting(wire)] == [(1, True), (1, True)]


def test_the_flag_decides_and_symbols_without_rules_pass() -> None:
    size = {"size_per_level": D("0.00123456")}
    for config, symbol in (
        (limited(constraints_enabled=False, **size), SYMBOL),
        (limited(**size), "BBBUSDT"),
    ):
        wire = Wire(config)
        fed(wire, mid_quote(0, "100", symbol))
        assert [qty for _, _, qty, _ in resting(wire, symbol)] == [D("0.00123456")] * 2


def test_sizes_finer_than_an_order_are_cut_to_eight_digits() -> None:
    """CORE-24 may leave 16 digits in a plan."""
    wire = Wire(roomy(), Scripted(a_plan(size_schedule=(D("1.0000000099"), D("0.000000009")))))
    output = fed(wire, mid_quote(0, "100"))
    assert [qty for _, _, qty, _ in resting(wire)] == [1, 1]
    assert [reason for *_, reason in skips(output)] == ["EXEC_QTY_BELOW_MIN_QTY"] * 2
    assert kinds(fed(wire, mid_quote(1, "100"))) == ["NOOP"]


def test_prices_take_the_tick_of_the_rules_unless_one_is_named() -> None:
    limits = lots(tick_size=D("0.5"))
    wire = Wire(limited(limits))
    fed(wire, mid_quote(0, "100"))
    assert [price for _, price, *_ in resting(wire)] == [D("99.5"), D("100.5")]
    wire = Wire(limited(limits, tick_sizes={SYMBOL: D("0.25")}))
    fed(wire, mid_quote(0, "100"))
    assert [price for _, price, *_ in resting(wire)] == [D("99.75"), D("100.25")]


def test_cycle_orders_take_the_lot_and_exits_of_theirs_only_the_least_quantity() -> None:
    """TP and replenishment of 1.9 are one of 1; the replenishment is worth less than 100."""
    limits = lots(step_size=D("0.5"), min_notional=D("99.9"))
    config = limited(limits, size_per_level=D(1), cycle_enabled=True, cycle_execution_enabled=True)
    wire = Wire(config)
    output = fed(wire, *(mid_quote(ts, mid) for ts, mid in enumerate(("100", "99.9", "99.9"))))
    assert resting(wire) == [("SELL", D("100.1"), 1, False), ("SELL", D("99.9999"), 1, True)]
    assert [e.details["reason"] for e in output.events if "intent_id" in e.details] == [
        "EXEC_NOTIONAL_BELOW_MIN"
    ]


@settings(max_examples=30)
@given(
    quotes(symbols=SYMBOLS[:2], max_size=20),
    st.sampled_from(("1", "0.3", "0.0777", "2.5")),
    st.sampled_from(("0.001", "0.25", "1", "0.03")),
    st.sampled_from(("0", "0.07", "1")),
    st.booleans(),
)
def test_nothing_else_reaches_the_port_and_a_repeated_quote_changes_nothing(
    events: list[Event], size: str, step: str, least: str, executes: bool
) -> None:
    limits = lots(step_size=D(step), min_qty=D(least), min_notional=D(5))
    config = limited(
        limits, levels=2, size_per_level=D(size), recenter_bps=20,
        cycle_enabled=executes, cycle_execution_enabled=executes,
    )  # fmt: skip
    wire = Wire(config)
    for event in events:
        wire.feed(event)
        count = len(wire.effects)
        fills = sum(len(o.fills) for o in wire.outputs)
        wire.feed(event)  # the same quote again
        if not executes and sum(len(o.fills) for o in wire.outputs) == fills:
            assert len(wire.effects) == count
    for effect in wire.effects:
        if isinstance(effect, PlaceOrder) and effect.intent.symbol == SYMBOL:
            qty = effect.intent.qty
            assert qty % D(step) == 0
            assert qty >= D(least)
            assert effect.intent.reduce_only or qty * effect.intent.price >= 5
