"""CORE-03: a plan is valid or is not; CORE-21: the static grid."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, from_dict
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import GridMode, Regime, ResetAction
from grinder_core.contracts.plan import GridPlan, GridShape, paused
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import exact
from grinder_core.policies.settings import PolicySettings
from grinder_core.policies.static_grid import StaticGrid
from tests.support.factories import a_plan, a_snapshot
from tests.support.strategies import hostile_contexts, plain_prices, plans, scaled

D = Decimal


@given(plans())
def test_a_plan_survives_the_round_trip(plan: GridPlan) -> None:
    text = canonical_json(plan)
    back = from_dict(GridPlan, json.loads(text))
    assert back == plan
    assert canonical_json(back) == text


@given(plans())
def test_what_all_levels_are_worth_is_the_plain_sum(plan: GridPlan) -> None:
    """CORE-13's planned notional: unrounded level prices times sizes, both sides."""
    shape = plan.shape
    centre = Fraction(plan.center_price) * (10_000 + shape.skew_bps) / 10_000
    buys = sum(
        centre * (10_000 - i * shape.spacing_bps) / 10_000 * Fraction(shape.size_schedule[i - 1])
        for i in range(1, shape.levels_down + 1)
    )
    sells = sum(
        centre * (10_000 + i * shape.spacing_bps) / 10_000 * Fraction(shape.size_schedule[i - 1])
        for i in range(1, shape.levels_up + 1)
    )
    assert Fraction(plan.center_price) * Fraction(shape.planned_factor) == buys + sells


@given(plans())
def test_widths_follow_from_spacing_and_levels(plan: GridPlan) -> None:
    shape = plan.shape
    assert shape.width_up_bps == shape.spacing_bps * shape.levels_up
    assert shape.width_down_bps == shape.spacing_bps * shape.levels_down
    assert shape.width_bps == max(shape.width_up_bps, shape.width_down_bps)


@pytest.mark.parametrize(
    "changes",
    [
        {"spacing_bps": 0},
        {"spacing_bps": -1},
        {"spacing_bps": True},
        {"levels_up": -1},
        {"levels_up": 3},  # no size for it
        {"size_schedule": (D(1),)},
        {"levels_up": 0, "levels_down": 0},  # sizes without levels
        {"size_schedule": (D(1), D(-1))},
        {"size_schedule": (D(1), D("NaN"))},
        {"size_schedule": (D(1), 1)},
        {"size_schedule": (D(1), 1.5)},
        {"size_schedule": (D(1), D("0.00000000000000001"))},  # 17 digits
        {"size_schedule": (D(1), D(10**11))},
        {"spacing_bps": 5_000},  # the second level would lie at 0
        {"spacing_bps": 4_999, "skew_bps": 2},
        {"skew_bps": -10_000},
        {"mode": GridMode.PAUSE},
        {"mode": GridMode.EMERGENCY},
        {"mode": GridMode.UNI_LONG},
        {"mode": GridMode.UNI_SHORT},
        {"center_price": D(0)},
        {"center_price": D(-1)},
        {"center_price": D(10**9)},
        {"center_price": D("NaN")},
        {"center_price": 100},
        {"center_price": 100.0},
        {"reason_codes": ("A", "A")},
    ],
)
def test_an_impossible_plan_is_never_born(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        a_plan(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"spacing_bps": 4_999},
        {"mode": GridMode.UNI_LONG, "levels_up": 0},
        {"mode": GridMode.UNI_SHORT, "levels_down": 0},
        {"mode": GridMode.PAUSE, "levels_up": 0, "levels_down": 0, "size_schedule": ()},
        {"size_schedule": (D(0), D("0.0000000000000001"))},
        {"size_schedule": (D(1), D(1), D(1))},
        {"levels_up": 0},
        {"reason_codes": ("B", "A")},
    ],
)
def test_the_edges_of_the_rules_are_legal(changes: dict[str, Any]) -> None:
    assert a_plan(**changes).shape.level_count <= 4


def test_a_side_without_levels_has_no_width() -> None:
    for field in ("width_up_bps", "width_down_bps"):
        widths = {"width_up_bps": 0, "width_down_bps": 0, field: 10}
        with pytest.raises(ContractError, match=field):
            GridShape(spacing_bps=10, levels_up=0, levels_down=0, size_schedule=(), **widths)


def test_a_published_width_must_be_the_wider_side() -> None:
    data = json.loads(canonical_json(a_plan()))
    assert data["width_bps"] == 20
    with pytest.raises(ContractError, match="width_bps"):
        from_dict(GridPlan, {**data, "width_bps": 21})


@pytest.mark.parametrize("mode", [GridMode.PAUSE, GridMode.EMERGENCY])
def test_a_paused_plan_has_no_levels(mode: GridMode) -> None:
    plan = paused(D(100), ("WHY",), mode)
    assert plan.shape.level_count == 0
    assert plan.shape.size_schedule == ()
    assert plan.shape.planned_factor == 0
    assert plan.reason_codes == ("WHY",)


def test_worked_example_core_13_planned() -> None:
    """5 levels of 100 units, 10 bps apart: BUY 498.5 and SELL 501.5 at a mid of 1."""
    with exact():
        for mid, planned in ((D(1), 1000), (D(50_000), 50_000_000)):
            plan = StaticGrid(PolicySettings(size_per_level=D(100))).plan(context(mid))
            assert plan.center_price * plan.shape.planned_factor == planned


# -- static grid (CORE-21) ---------------------------------------------------------------------


def context(mid: object, **changes: Any) -> PolicyContext:
    values: dict[str, Any] = {
        "ts": 1000,
        "snapshot": a_snapshot(),
        "position": None,
        "features": {"mid_price": mid},
        "open_order_count": 0,
    }
    return PolicyContext(**{**values, **changes})


def test_worked_example_core_21() -> None:
    plan = StaticGrid(PolicySettings()).plan(context(D(100)))
    assert plan.center_price == 100
    assert plan.shape.width_bps == 50
    assert plan.shape.size_schedule == (D(100),) * 5
    assert (plan.shape.levels_up, plan.shape.levels_down) == (5, 5)
    assert plan.shape.mode is GridMode.BILATERAL
    assert plan.shape.regime is Regime.RANGE
    assert plan.shape.skew_bps == 0
    assert plan.reset_action is ResetAction.NONE
    assert plan.reason_codes == ("STATIC_GRID",)


@given(plain_prices(), st.integers(1, 20), st.integers(1, 400), hostile_contexts())
def test_the_static_grid_is_symmetric_around_the_mid(
    mid: Decimal, levels: int, spacing: int, ambient: Any
) -> None:
    policy = StaticGrid(PolicySettings(levels=levels, spacing_bps=spacing))
    with localcontext(ambient):
        plan = policy.plan(context(mid))
    assert plan.center_price == mid
    assert plan.shape.levels_up == plan.shape.levels_down == levels
    assert plan.shape.width_up_bps == plan.shape.width_down_bps == spacing * levels


@given(plain_prices(), st.dictionaries(st.text(), st.integers() | st.booleans(), max_size=3))
def test_the_static_grid_reads_the_mid_alone(mid: Decimal, others: dict[str, Any]) -> None:
    policy = StaticGrid(PolicySettings())
    seen = context(mid, features={**others, "mid_price": mid}, open_order_count=7, ts=5)
    assert policy.plan(seen) == StaticGrid(PolicySettings()).plan(context(mid))


@pytest.mark.parametrize("mid", [None, D(0), D(-1), 100, "100", 100.0])
def test_a_missing_or_impossible_mid_is_refused(mid: object) -> None:
    with pytest.raises(ContractError, match="mid_price"):
        StaticGrid(PolicySettings()).plan(context(mid))


@given(plain_prices(), plain_prices(), st.integers(0, 200))
def test_it_recentres_exactly_when_the_mid_is_that_far_from_the_anchor(
    mid: Decimal, anchor: Decimal, recenter: int
) -> None:
    policy = StaticGrid(PolicySettings(recenter_bps=recenter))
    plan = policy.plan(context(mid, anchor_price=anchor))
    distance = abs(Fraction(mid) - Fraction(anchor)) * 10_000 / Fraction(anchor)
    expected = recenter > 0 and distance >= recenter
    assert (plan.reset_action is ResetAction.HARD) is expected
    assert ("RESET_RECENTER_HARD" in plan.reason_codes) is expected
    assert plan.center_price == mid


@pytest.mark.parametrize(
    ("mid", "action"),
    [("100.0999", "NONE"), ("100.1", "HARD"), ("99.9", "HARD"), ("99.9001", "NONE")],
)
def test_the_recentre_distance_is_inclusive(mid: str, action: str) -> None:
    policy = StaticGrid(PolicySettings(recenter_bps=10))
    plan = policy.plan(context(D(mid), anchor_price=D(100)))
    assert plan.reset_action.value == action


@given(scaled(10**8, 10**13), plain_prices(), plain_prices())
def test_a_notional_size_is_converted_at_the_anchor_and_stays_put(
    notional: Decimal, anchor: Decimal, mid: Decimal
) -> None:
    policy = StaticGrid(PolicySettings(notional_per_level=notional))
    at_anchor = policy.plan(context(anchor)).shape.size_schedule[0]
    assert Fraction(at_anchor) * Fraction(anchor) <= Fraction(notional)
    assert (Fraction(at_anchor) + Fraction(1, 10**8)) * Fraction(anchor) > Fraction(notional)
    drifted = policy.plan(context(mid, anchor_price=anchor))
    assert drifted.shape.size_schedule[0] == at_anchor


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": 1_000, "spacing_bps": 10},
        {"levels": 0},
        {"spacing_bps": 0},
        {"size_per_level": D(0)},
        {"notional_per_level": D(0)},
        {"recenter_bps": -1},
        {"levels": True},
        {"size_per_level": 1.5},
        {"size_per_level": D("NaN")},
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PolicySettings(**changes)
