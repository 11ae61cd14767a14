"""CORE-19, 20, 22..26, 41: from what is seen to what is wanted, in one order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import (
    ActionType,
    ControllerMode,
    GridMode,
    ResetAction,
    RiskTier,
)
from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run
from grinder_core.session.session import Session
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, play, quote, roomy
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import (
    Scripted,
    a_depth,
    adaptive,
    fed,
    kinds,
    resting,
    warm_up,
)

D = Decimal
V1: dict[str, Any] = {"controller_enabled": True, "controller_version": 1}
BUDGETED: dict[str, Any] = {
    "auto_sizing_enabled": True,
    "sizing_equity": D(10_000),
    "adverse_move": D("0.25"),
}


# -- the order of effects ----------------------------------------------------------------------


def test_policy_then_depth_then_budget_then_controller() -> None:
    """Each says its codes after the one before, and works on what it left."""
    config = adaptive(
        l2_gating_enabled=True, qty_ref={SYMBOL: D(5)}, dd_budget_ratios={SYMBOL: D("0.5")},
        recenter_hard_steps=4, recenter_soft_steps=3, **V1,
    )  # fmt: skip
    wire = Wire(config)
    fed(wire, a_depth(0, bids="1"), *warm_up())
    output = fed(wire, mid_quote(2_500, "100.5"))
    assert output.plan is not None
    assert output.plan.reason_codes == (
        "RANGE_DEFAULT",
        "L2_INSUFFICIENT_DEPTH_SELL", "L2_BLOCK_SELL",
        "DD_SCALE_APPLIED",
        "RESET_RECENTER_HARD",
    )  # fmt: skip
    shape = output.plan.shape
    assert (shape.mode, shape.levels_up, shape.levels_down) == (GridMode.UNI_LONG, 0, 4)
    assert set(shape.size_schedule) == {D("0.5")}
    assert output.plan.reset_action is ResetAction.HARD
    assert {(side, qty) for side, _, qty, _ in resting(wire)} == {("BUY", D("0.5"))}


def test_a_budget_of_nothing_pauses_and_a_controllers_reset_is_no_weaker() -> None:
    wire = Wire(adaptive(dd_budget_ratios={SYMBOL: D(0)}, **V1))
    output = fed(wire, *warm_up())
    assert output.plan is not None
    assert (output.plan.shape.mode, output.plan.reset_action.value) == (GridMode.PAUSE, "HARD")
    assert output.plan.reason_codes == ("RANGE_DEFAULT", "DD_BLOCK_ENTRIES")
    assert resting(wire) == []


def test_a_controller_moves_the_static_spacing_and_no_other() -> None:
    """CORE-19, 20: the adaptive grid has a step of its own, a user's policy as well."""
    steps = {"base_step_bps": 20, **V1}
    spaced = Scripted(a_plan(spacing_bps=25))
    seen = []
    for wire in (
        Wire(roomy(levels=2, **steps)),
        Wire(adaptive(**steps)),
        Wire(roomy(**steps), spaced),
        Wire(adaptive(**steps), spaced),
    ):
        output = fed(wire, *warm_up())
        assert output.plan is not None
        assert output.controller is not None
        assert output.controller.spacing_bps == 20
        seen.append((output.plan.shape.spacing_bps, output.plan.shape.width_bps))
    assert seen == [(20, 40), (5, 20), (25, 50), (25, 50)]


def test_a_trend_halves_the_side_against_it_for_every_policy() -> None:
    wire = Wire(roomy(trend_enter_bps=1, trend_exit_bps=1, warmup_events=1, **V1),
                Scripted(a_plan()))  # fmt: skip
    mids = ("100", "100.05", "100.1", "100.15")
    output = fed(wire, *(mid_quote(ts, mid) for ts, mid in enumerate(mids)))
    assert output.controller is not None
    assert output.controller.mode is ControllerMode.TREND_UP
    assert output.plan is not None
    assert (output.plan.shape.levels_up, output.plan.shape.levels_down) == (1, 2)


# -- sizes -------------------------------------------------------------------------------------


def test_sizes_by_budget_stay_while_the_anchor_does() -> None:
    wire = Wire(adaptive(dd_budget=D("0.2"), **BUDGETED))
    output = fed(wire, *warm_up())
    assert output.plan is not None
    assert set(output.plan.shape.size_schedule) == {D(20)}  # 10000*0.2/(100*0.25*4)
    for ts, mid in ((2_100, "100.01"), (2_200, "99.99"), (2_300, "100.04")):
        output = fed(wire, mid_quote(ts, mid))
        assert output.plan is not None
        assert set(output.plan.shape.size_schedule) == {D(20)}
        assert kinds(output) == ["NOOP"]


def test_an_exit_grid_has_the_sizes_of_the_price_it_hangs_on() -> None:
    wire = Wire(adaptive(dd_budget=D("0.2"), dd_enter_bps=5, dd_exit_bps=1, **BUDGETED, **V1))
    fed(wire, *warm_up())
    output = fed(wire, mid_quote(2_200, "99.5"))
    assert output.pnl_snapshot.qty == 80  # four levels of 20
    assert output.plan is not None
    assert output.plan.shape.reduce_only
    assert (output.plan.shape.levels_up, output.plan.shape.levels_down) == (3, 0)
    assert set(output.plan.shape.size_schedule) == {D("20.10050251")}  # 10000*0.2/(99.5*0.25*4)


@pytest.mark.parametrize(
    "config",
    [
        adaptive(dd_budget=D("0.2"), fill_after_ticks=99, **BUDGETED, **V1),
        adaptive(notional_per_level=D(50), fill_after_ticks=99, **V1),
        roomy(notional_per_level=D(50), fill_after_ticks=99, **V1),
    ],
    ids=["budget", "notional", "static"],
)
@pytest.mark.parametrize(("mid", "reset"), [("100.4", "SOFT"), ("101", "HARD")])
def test_a_moved_grid_has_the_sizes_of_the_price_it_moves_to(
    config: EngineConfig, mid: str, reset: str
) -> None:
    """With those of the old anchor every order would be placed twice."""
    wire = Wire(config)
    fed(wire, *warm_up())
    before = {qty for _, _, qty, _ in resting(wire)}
    output = fed(wire, mid_quote(2_500, mid))
    assert output.plan is not None
    assert output.plan.reset_action.value == reset
    after = {qty for _, _, qty, _ in resting(wire)}
    assert len(after) == 1
    assert after != before
    assert kinds(fed(wire, mid_quote(2_501, mid))) == ["NOOP"]


@settings(max_examples=25)
@given(quotes(max_size=30), st.booleans(), st.booleans())
def test_no_order_is_cancelled_for_its_size_while_the_grid_stands(
    events: list[Event], by_budget: bool, steered: bool
) -> None:
    """Between two anchors sizes follow the number of levels, never the mid."""
    sizes = {"dd_budget": D("0.2"), **BUDGETED} if by_budget else {"notional_per_level": D(50)}
    config = adaptive(**sizes, **(V1 if steered else {}))
    frame: tuple[Any, ...] | None = None
    for output in play([*warm_up(), *later(events)], config):
        assert output.plan is not None
        shape = output.plan.shape
        now = (shape.spacing_bps, shape.levels_up, shape.levels_down)
        if output.plan.reset_action is ResetAction.NONE and now == frame:
            assert "NOT_CONFORMING" not in {a.reason for a in output.actions}
        frame = now


def later(events: list[Event]) -> list[Event]:
    """The same quotes after the warm-up."""
    return [
        quote(e.ts_ms + 2_000, e.payload.bid_price, e.payload.ask_price, e.payload.symbol)  # type: ignore[union-attr]
        for e in events
    ]


def test_each_symbols_share_of_the_budget_sizes_it() -> None:
    """Tiers LOW and HIGH get 2:1; no tier and a share below the least place nothing."""
    config = adaptive(
        dd_allocator_enabled=True, portfolio_dd_budget=D("0.03"), min_budget_usd=D(2),
        symbol_tiers={"AAAUSDT": RiskTier.LOW, "BBBUSDT": RiskTier.HIGH, "CCCUSDT": RiskTier.LOW},
        symbol_weights={"CCCUSDT": D("0.001")}, **BUDGETED,
    )  # fmt: skip
    wire = Wire(config)
    for ts in (0, 1_000, 2_000):
        for symbol in (*SYMBOLS, "DDDUSDT"):
            output = fed(wire, mid_quote(ts, "100", symbol))
            if symbol > "BBBUSDT" and ts == 2_000:
                assert output.plan is not None
                assert set(output.plan.shape.size_schedule) == {0}
                assert kinds(output) == ["NOOP"]
    sizes = {s: {qty for _, _, qty, _ in resting(wire, s)} for s in (*SYMBOLS, "DDDUSDT")}
    assert sizes == {
        # 300 over weights 1, 0.5 and 0.001; by 100*0.25*4 a level
        "AAAUSDT": {D("1.9986")}, "BBBUSDT": {D("0.9993")}, "CCCUSDT": set(), "DDDUSDT": set(),
    }  # fmt: skip


# -- what is measured whatever is decided ------------------------------------------------------


@settings(max_examples=25)
@given(quotes(max_size=25), st.sampled_from((0, 1)))
def test_controllers_see_every_quote_also_those_the_prefilter_stops(
    events: list[Event], version: int
) -> None:
    loose = roomy(controller_enabled=True, controller_version=version, warmup_events=2)
    shut = loose.with_values({"prefilter_spread_max_bps": 0})
    measured = []
    for config in (loose, shut):
        session = Session(config)
        session.run(events)
        s = session.engine.hot.symbols[SYMBOL]
        if s.controller_v0 is not None:
            measured.append((s.controller_v0.window, s.controller_v0.spreads))
        if s.controller_v1 is not None:
            v1 = s.controller_v1
            measured.append((v1.n_events, v1.price, v1.vol_ema, v1.fast, v1.slow))  # type: ignore[arg-type]
    assert measured[0] == measured[1]


def test_a_controller_is_shown_on_outputs_that_trade_nothing() -> None:
    config = roomy(prefilter_spread_max_bps=100, controller_enabled=True)
    (output,) = play([quote(0, "98", "102")], config)
    assert output.plan is None
    assert output.controller is not None
    assert output.controller.mode is ControllerMode.PAUSE


observers = st.fixed_dictionaries(
    {
        "feature_engine_enabled": st.booleans(),
        "bar_interval_ms": st.sampled_from((1_000, 60_000)),
        "cycle_enabled": st.booleans(),
        "consec_loss_enabled": st.booleans(),
        "dd_guard_v1_enabled": st.booleans(),
    }
)


@settings(max_examples=40)
@given(quotes(symbols=SYMBOLS, max_size=25), observers, st.sampled_from((0, 20)))
def test_looking_on_leaves_the_digest_equal(
    events: list[Event], watching: dict[str, Any], recenter: int
) -> None:
    """Features, regime, cycles and guards out of reach change nothing that is decided."""
    plain = roomy(recenter_bps=recenter, max_spread_bps=50, cooldown_ms=100)
    far = {"consec_loss_threshold": 10**6, "portfolio_dd_limit": D(1)}
    observed = plain.with_values({**watching, **far})
    assert run(events, observed).digest == run(events, plain).digest
    outputs = play(events, observed)
    assert all((o.regime is not None) is watching["feature_engine_enabled"] for o in outputs)
    fills = sum(len(o.fills) for o in outputs)
    takes = [i for o in outputs for i in o.cycle_intents if i.type.value == "TP"]
    assert len(takes) == (fills if watching["cycle_enabled"] else 0)


@settings(max_examples=15)
@given(quotes(max_size=40))
def test_a_level_never_rests_beyond_the_plan(events: list[Event]) -> None:
    """Adaptive levels come and go with volatility; what left the plan left the book."""
    wire = Wire(adaptive(k_tail_x100=400))
    for event in events:
        output = fed(wire, event)
        assert output.plan is not None
        if ActionType.NOOP.value not in kinds(output) and output.plan.shape.level_count:
            assert len(resting(wire)) <= output.plan.shape.level_count
