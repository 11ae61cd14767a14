"""CORE-19, CORE-20: what each mode leaves of a plan; in DRAWDOWN nothing can add to a position."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import (
    ControllerMode,
    GridMode,
    PlanReason,
    Rearm,
    Regime,
    ResetAction,
    Side,
)
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.numbers import exact
from grinder_core.orders.diff import diff
from grinder_core.orders.grid_book import GridBook
from grinder_core.policies.controller_effects import (
    SHAPES_MAX,
    ControllerEffects,
    apply_controller,
)
from grinder_core.policies.settings import PolicySettings
from grinder_core.policies.static_grid import StaticGrid
from tests.support.factories import SYMBOL
from tests.support.strategies import plans, scaled

D = Decimal
M = ControllerMode
NONE, SOFT, HARD = ResetAction.NONE, ResetAction.SOFT, ResetAction.HARD
CODES = tuple(code.value for code in PlanReason if code.value.startswith("RESET_"))


def a_decision(**changes: Any) -> ControllerDecision:
    """BASE at the spacing of ``a_plan``: it changes nothing."""
    values: dict[str, Any] = {
        "version": 1,
        "mode": M.BASE,
        "reason": PlanReason.NORMAL,
        "spacing_bps": 10,
        "vol_bps": 0,
    }
    return ControllerDecision(**{**values, **changes})


def a_plan(**changes: Any) -> GridPlan:
    """Five levels a side of 1, 10 bps apart, around 100."""
    values: dict[str, Any] = {
        "center_price": D(100),
        "spacing_bps": 10,
        "levels_up": 5,
        "levels_down": 5,
        "size_schedule": (D(1),) * 5,
        "reason_codes": ("STATIC_GRID",),
    }
    return GridPlan.flat(**{**values, **changes})


def apply(
    plan: GridPlan, decision: ControllerDecision, position: object = 0, *, is_static: bool = True
) -> GridPlan:
    with exact():
        return apply_controller(plan, decision, position=D(str(position)), is_static=is_static)


@st.composite
def decisions(draw: st.DrawFn, **fixed: Any) -> ControllerDecision:
    """Everything a controller may say; spacings that any plan of the strategy can bear."""
    action = draw(st.sampled_from(ResetAction))
    codes = draw(st.lists(st.sampled_from((*CODES, "A", "B")), unique=True, max_size=4))
    values: dict[str, Any] = {
        "mode": draw(st.sampled_from(M)),
        "spacing_bps": draw(st.sampled_from((10, 1, 5, 50, 100))),
        "reset_action": action,
        "reset_codes": tuple(codes),
    }
    return a_decision(**{**values, **fixed})


positions = st.one_of(st.just(D(0)), scaled(-(10**9), 10**9), scaled(-(10**19), 10**19))


# -- each effect by example --------------------------------------------------------------------


@pytest.mark.parametrize("mode", [M.BASE, M.WIDEN, M.TIGHTEN])
@pytest.mark.parametrize("is_static", [True, False])
def test_a_decision_that_changes_nothing_returns_the_plan_itself(
    mode: ControllerMode, is_static: bool
) -> None:
    plan = a_plan()
    assert apply(plan, a_decision(mode=mode), is_static=is_static) is plan
    repeated = a_decision(reset_codes=("STATIC_GRID",))
    assert apply(plan, repeated, is_static=is_static) is plan


def test_spacing_and_widths_change_for_the_static_grid_only() -> None:
    wide = a_decision(mode=M.WIDEN, spacing_bps=15)
    assert apply(a_plan(), wide) == a_plan(spacing_bps=15)
    assert apply(a_plan(), wide).shape.width_bps == 75
    plan = a_plan()
    assert apply(plan, wide, is_static=False) is plan


def test_pause_takes_all_levels_and_keeps_centre_regime_and_reason() -> None:
    plan = a_plan(regime=Regime.VOL_SHOCK, reset_action=SOFT)
    result = apply(plan, a_decision(mode=M.PAUSE))
    assert result == a_plan(
        mode=GridMode.PAUSE,
        levels_up=0,
        levels_down=0,
        size_schedule=(),
        regime=Regime.VOL_SHOCK,
        reset_action=SOFT,
    )


@pytest.mark.parametrize(
    ("position", "mode", "up", "down"),
    [
        ("3", GridMode.UNI_SHORT, 3, 0), ("2.99999999", GridMode.UNI_SHORT, 2, 0),
        ("50", GridMode.UNI_SHORT, 5, 0), ("-1.5", GridMode.UNI_LONG, 0, 1),
        ("-7", GridMode.UNI_LONG, 0, 5), ("0", GridMode.PAUSE, 0, 0),
        ("0.9", GridMode.PAUSE, 0, 0), ("-0.9", GridMode.PAUSE, 0, 0),
    ],
)  # fmt: skip
def test_drawdown_keeps_what_shrinks_the_position(
    position: str, mode: GridMode, up: int, down: int
) -> None:
    result = apply(a_plan(), a_decision(mode=M.DRAWDOWN), position)
    assert result == a_plan(
        mode=mode,
        levels_up=up,
        levels_down=down,
        size_schedule=(D(1),) * max(up, down),
        reduce_only=True,
    )


def test_drawdown_of_a_flat_symbol_leaves_no_level_even_of_size_zero() -> None:
    plan = a_plan(size_schedule=(D(0),) * 5)
    assert apply(plan, a_decision(mode=M.DRAWDOWN)).shape.mode is GridMode.PAUSE


def test_drawdown_stops_at_the_first_level_that_does_not_fit() -> None:
    plan = a_plan(size_schedule=(D(1), D(3), D(1), D(1), D(1)))
    assert apply(plan, a_decision(mode=M.DRAWDOWN), "3.5").shape.levels_up == 1


@pytest.mark.parametrize(
    ("mode", "up", "down", "left", "grid_mode"),
    [
        (M.TREND_UP, 5, 5, (2, 5), GridMode.BILATERAL),
        (M.TREND_DOWN, 5, 5, (5, 2), GridMode.BILATERAL),
        (M.TREND_UP, 1, 3, (0, 3), GridMode.UNI_LONG),
        (M.TREND_DOWN, 3, 1, (3, 0), GridMode.UNI_SHORT),
        (M.TREND_UP, 1, 0, (0, 0), GridMode.PAUSE),
        (M.TREND_DOWN, 0, 1, (0, 0), GridMode.PAUSE),
    ],
)
def test_a_trend_halves_the_entries_against_it(
    mode: ControllerMode, up: int, down: int, left: tuple[int, int], grid_mode: GridMode
) -> None:
    plan = a_plan(levels_up=up, levels_down=down, size_schedule=(D(1),) * max(up, down))
    shape = apply(plan, a_decision(mode=mode)).shape
    assert ((shape.levels_up, shape.levels_down), shape.mode) == (left, grid_mode)
    assert (shape.width_up_bps, shape.width_down_bps) == (left[0] * 10, left[1] * 10)
    assert len(shape.size_schedule) == max(left)


def test_the_adaptive_grids_widths_stay_while_the_side_has_levels() -> None:
    plan = a_plan(levels_down=1)
    halved = apply(plan, a_decision(mode=M.TREND_UP, spacing_bps=7), is_static=False).shape
    assert (halved.spacing_bps, halved.width_up_bps, halved.width_down_bps) == (10, 50, 10)
    emptied = apply(plan, a_decision(mode=M.TREND_DOWN), is_static=False).shape
    assert (emptied.width_up_bps, emptied.width_down_bps) == (50, 0)


@pytest.mark.parametrize("plans_own", ResetAction)
@pytest.mark.parametrize("asked", ResetAction)
def test_the_stronger_reset_wins(plans_own: ResetAction, asked: ResetAction) -> None:
    codes = () if asked is NONE else ("RESET_STEP_CHANGE",)
    decision = a_decision(reset_action=asked, reset_codes=codes)
    result = apply(a_plan(reset_action=plans_own), decision)
    assert result.reset_action is max(plans_own, asked, key=[NONE, SOFT, HARD].index)


def test_codes_follow_the_plans_own_without_repeating_one() -> None:
    plan = a_plan(reason_codes=("STATIC_GRID", "RESET_RECENTER_HARD"), reset_action=HARD)
    asked = a_decision(reset_action=HARD, reset_codes=("RESET_RECENTER_HARD", "RESET_TREND_CHANGE"))
    codes = ("STATIC_GRID", "RESET_RECENTER_HARD", "RESET_TREND_CHANGE")
    assert apply(plan, asked).reason_codes == codes
    assert apply(plan, asked).shape is plan.shape
    held = a_decision(reset_codes=("RESET_SUPPRESSED_COOLDOWN",))
    assert apply(a_plan(), held) == a_plan(
        reason_codes=("STATIC_GRID", "RESET_SUPPRESSED_COOLDOWN")
    )


@pytest.mark.parametrize("halt", [GridMode.PAUSE, GridMode.EMERGENCY])
@pytest.mark.parametrize("mode", M)
def test_a_plan_without_levels_keeps_its_shape(halt: GridMode, mode: ControllerMode) -> None:
    plan = paused(D(100), ("OPERATOR_PAUSE",), halt)
    decision = a_decision(
        mode=mode, spacing_bps=20, reset_action=SOFT, reset_codes=("RESET_STEP_CHANGE",)
    )
    result = apply(plan, decision, 5)
    assert result.shape is plan.shape
    assert result.reset_action is SOFT
    assert result.reason_codes == ("OPERATOR_PAUSE", "RESET_STEP_CHANGE")


# -- identity from quote to quote --------------------------------------------------------------


@pytest.mark.parametrize(
    "decision",
    [
        a_decision(mode=M.WIDEN, spacing_bps=15), a_decision(mode=M.PAUSE),
        a_decision(mode=M.DRAWDOWN), a_decision(mode=M.TREND_UP), a_decision(mode=M.TREND_DOWN),
    ],
    ids=lambda d: d.mode.value,
)  # fmt: skip
def test_quotes_in_a_row_get_the_same_shape(decision: ControllerDecision) -> None:
    effects, grid = ControllerEffects(), StaticGrid(PolicySettings())
    with exact():
        shapes = [
            effects.apply(
                grid.plan_at(D(mid), D(100)), decision, position=D(position), is_static=True
            ).shape
            for mid, position in ((100, 250), (101, 260), (102, 299))
        ]
    assert shapes[0] is shapes[1] is shapes[2]


def test_a_kept_shape_is_never_mistaken_for_another_plans() -> None:
    effects, wide = ControllerEffects(), a_decision(mode=M.WIDEN, spacing_bps=15)
    with exact():
        for size in range(1, 3 * SHAPES_MAX):
            for regime in (Regime.RANGE, Regime.THIN_BOOK):  # costs the same, is not the same
                sizes = (D(size),) * 5
                plan = a_plan(size_schedule=sizes, regime=regime)
                result = effects.apply(plan, wide, position=D(0), is_static=True)
                assert result == a_plan(size_schedule=sizes, regime=regime, spacing_bps=15)
    assert len(effects._shapes) <= SHAPES_MAX


# -- properties --------------------------------------------------------------------------------


@given(plans(), decisions(), positions, st.booleans())
def test_a_plan_only_ever_loses_levels(
    plan: GridPlan, decision: ControllerDecision, position: Decimal, is_static: bool
) -> None:
    result = apply(plan, decision, position, is_static=is_static)
    before, after = plan.shape, result.shape
    assert after.levels_up <= before.levels_up
    assert after.levels_down <= before.levels_down
    assert after.size_schedule == before.size_schedule[: len(after.size_schedule)]
    assert (after.skew_bps, after.regime) == (before.skew_bps, before.regime)
    assert after.reduce_only >= before.reduce_only
    assert result.center_price == plan.center_price
    assert result.reason_codes[: len(plan.reason_codes)] == plan.reason_codes
    assert set(result.reason_codes) == {*plan.reason_codes, *decision.reset_codes}
    if before.level_count:
        halted = after.mode is GridMode.PAUSE
        assert halted == (not after.level_count)
        assert after.spacing_bps == (decision.spacing_bps if is_static else before.spacing_bps)


@given(plans(), decisions(mode=M.DRAWDOWN), positions, st.booleans(), scaled(9_000, 11_000, 2))
def test_in_drawdown_no_plan_can_increase_the_position(
    plan: GridPlan,
    decision: ControllerDecision,
    position: Decimal,
    is_static: bool,
    mid: Decimal,
) -> None:
    """Whatever the plan was and whichever of its orders fill: sides and sums say so."""
    plan = GridPlan(shape=plan.shape, center_price=D(100), reset_action=plan.reset_action)
    result = apply(plan, decision, position, is_static=is_static)
    shape = result.shape
    for side, levels in ((Side.SELL, shape.levels_up), (Side.BUY, shape.levels_down)):
        room = max(D(0), -position * side.sign)
        assert levels == 0 or room > 0
        assert sum(shape.size_schedule[:levels]) <= room
    with exact():
        book = GridBook(SYMBOL, rearm=Rearm.OPPOSITE, tick_size=D("0.01"))
        intents = diff(book, result, mid, 0, position).intents
    assert all(intent.side.sign * position < 0 for intent in intents)
    assert sum(intent.qty for intent in intents) <= abs(position)
    assert all(intent.reduce_only for intent in intents)


@given(plans(), decisions(), positions, st.booleans())
def test_applying_it_through_a_cache_gives_the_same(
    plan: GridPlan, decision: ControllerDecision, position: Decimal, is_static: bool
) -> None:
    effects = ControllerEffects()
    with exact():
        results = [
            effects.apply(plan, decision, position=position, is_static=flag)
            for flag in (not is_static, is_static, is_static)
        ]
    assert results[1] == results[2] == apply(plan, decision, position, is_static=is_static)
    assert results[1].shape is results[2].shape
