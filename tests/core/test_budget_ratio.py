"""CORE-24: entries scaled by a budget ratio, exactly, and only ever down."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.decisions import RegimeDecision
from grinder_core.contracts.enums import GridMode, PlanReason, Regime, ResetAction
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.errors import ContractError
from grinder_core.numbers import fractional_digits
from grinder_core.policies.adaptive_grid import AdaptiveGrid
from grinder_core.policies.budget_ratio import (
    SHAPES_MAX,
    BudgetRatio,
    budget_ratio,
    scale_by_budget,
)
from grinder_core.policies.settings import PolicySettings
from grinder_core.policies.sizes import UniformSizes
from tests.support.factories import a_plan
from tests.support.strategies import hostile_contexts, plans, scaled

D = Decimal
PARTS = scaled(1, 10**8 - 1)
RATIOS = st.sampled_from((None, D(0), D("0.00"), D(1), D("1.00"))) | PARTS
SHRINKS = st.sampled_from((D("0.00000001"), D("0.5"), D("0.99999999"))) | PARTS


def enters(plan: GridPlan) -> bool:
    """Whether it has levels that may add to a position."""
    return plan.shape.levels_up + plan.shape.levels_down > 0 and not plan.shape.reduce_only


def fits(plan: GridPlan, ratio: Decimal) -> bool:
    """Whether the product of each size needs at most 16 digits, told from the plain fraction."""
    return all(
        (Fraction(size) * Fraction(ratio) * 10**16).denominator == 1
        for size in plan.shape.size_schedule
    )


def test_worked_example_core_24() -> None:
    plan = scale_by_budget(a_plan(size_schedule=(D("0.123"),) * 2), D("0.333"))
    assert plan.shape.size_schedule == (D("0.040959"),) * 2
    assert plan.reason_codes == ("DD_SCALE_APPLIED",)


@given(plans(), SHRINKS, hostile_contexts())
def test_sizes_shrink_exactly_and_nothing_else_moves(
    plan: GridPlan, ratio: Decimal, context: Any
) -> None:
    """Scaled sum = r * sum; prices and levels unchanged for r > 0."""
    if enters(plan) and not fits(plan, ratio):
        with pytest.raises(ContractError, match="size_schedule"):
            scale_by_budget(plan, ratio)
        return
    with localcontext(context):
        small = scale_by_budget(plan, ratio)
    if not enters(plan):
        assert small is plan
        return
    before, after = plan.shape.size_schedule, small.shape.size_schedule
    assert [Fraction(size) for size in after] == [Fraction(s) * Fraction(ratio) for s in before]
    assert sum(map(Fraction, after)) == Fraction(ratio) * sum(map(Fraction, before))
    assert all(fractional_digits(size) <= 16 for size in after)
    assert small.reason_codes == (*plan.reason_codes, "DD_SCALE_APPLIED")
    assert evolve(small.shape, size_schedule=before) == plan.shape
    assert (small.center_price, small.reset_action) == (plan.center_price, plan.reset_action)


@given(plans(), st.sampled_from((None, D(1), D("1.00000000"))))
def test_a_full_budget_changes_nothing(plan: GridPlan, ratio: Decimal | None) -> None:
    assert scale_by_budget(plan, ratio) is plan


@given(plans(), st.sampled_from((D(0), D("0.00"))))
def test_no_budget_takes_away_every_entry(plan: GridPlan, ratio: Decimal) -> None:
    blocked = scale_by_budget(plan, ratio)
    if not enters(plan):
        assert blocked is plan
        return
    shape = blocked.shape
    assert (shape.levels_up, shape.levels_down, shape.size_schedule) == (0, 0, ())
    assert (shape.width_up_bps, shape.width_down_bps) == (0, 0)
    assert (shape.mode, blocked.reset_action) == (GridMode.PAUSE, ResetAction.HARD)
    assert blocked.reason_codes == (*plan.reason_codes, "DD_BLOCK_ENTRIES")
    assert (shape.spacing_bps, shape.regime) == (plan.shape.spacing_bps, plan.shape.regime)
    assert blocked.center_price == plan.center_price


@pytest.mark.parametrize("ratio", [D(0), D("0.5")])
@pytest.mark.parametrize("mode", [GridMode.PAUSE, GridMode.EMERGENCY])
def test_a_halted_plan_has_nothing_to_shrink(mode: GridMode, ratio: Decimal) -> None:
    plan = paused(D(100), ("KILL_SWITCH_ACTIVE",), mode)
    assert scale_by_budget(plan, ratio) is plan


@pytest.mark.parametrize("ratio", [D(0), D("0.5")])
def test_an_exit_is_never_made_smaller_by_a_budget(ratio: Decimal) -> None:
    plan = a_plan(reduce_only=True, mode=GridMode.UNI_SHORT, levels_down=0)
    assert scale_by_budget(plan, ratio) is plan


@pytest.mark.parametrize(
    "ratio",
    [D("-0.00000001"), D("1.00000001"), D("0.123456789"), D("NaN"), D("Infinity"), 0.5, 1, "0.5"],
)
def test_a_ratio_out_of_range_is_refused(ratio: Any) -> None:
    """Also by a plan that would not have used it; it is a ValueError, as the spec asks."""
    with pytest.raises(ValueError, match="dd_budget_ratio"):
        scale_by_budget(paused(D(100), ()), ratio)
    with pytest.raises(ContractError, match="dd_budget_ratio"):
        BudgetRatio(ratio)


def test_shrinking_twice_is_refused() -> None:
    once = scale_by_budget(a_plan(), D("0.5"))
    with pytest.raises(ContractError, match="reason_codes"):
        scale_by_budget(once, D("0.5"))


@given(st.lists(plans(), max_size=5), RATIOS)
def test_what_it_was_asked_before_does_not_matter(
    asked: list[GridPlan], ratio: Decimal | None
) -> None:
    usable = [plan for plan in asked if ratio is None or fits(plan, ratio)]
    one = BudgetRatio(ratio)
    for plan in (*usable, *usable):
        assert one.apply(plan) == scale_by_budget(plan, ratio)


def test_the_scaled_shape_stays_the_same_object() -> None:
    """Through the whole chain: as long as the grid keeps its shape, so does what is made of it."""
    grid = AdaptiveGrid(PolicySettings(), 60_000)
    sizes, half = UniformSizes(D(1)), BudgetRatio(D("0.5"))
    calm = RegimeDecision(regime=Regime.RANGE, reason=PlanReason.RANGE_DEFAULT, confidence=95)
    features = FeatureSnapshot(
        ts=1,
        symbol="AAAUSDT",
        mid_price=D(100),
        spread_bps=2,
        imbalance_l1_bps=0,
        thin_l1=D(5),
        natr_bps=40,
        atr=None,
        sum_abs_returns_bps=0,
        net_return_bps=0,
        range_score=0,
        warmup_bars=15,
        is_warmed_up=True,
    )
    first, same, moved = (
        half.apply(grid.plan_at(mid, features, calm, sizes)) for mid in (D(100), D(100), D(101))
    )
    assert same is first
    assert moved.shape is first.shape
    assert moved.center_price == 101
    assert moved.reason_codes == ("RANGE_DEFAULT", "DD_SCALE_APPLIED")
    soft = evolve(grid.plan_at(D(101), features, calm, sizes), reset_action=ResetAction.SOFT)
    again = half.apply(soft)
    assert again.shape is first.shape
    assert again.reset_action is ResetAction.SOFT


def test_what_is_kept_is_bounded_and_no_shape_is_taken_for_another() -> None:
    half = BudgetRatio(D("0.5"))
    for n in range(1, 2 * SHAPES_MAX + 5):
        assert half.apply(a_plan(size_schedule=(D(n), D(1)))).shape.size_schedule[0] * 2 == n
    assert len(half._shapes) <= SHAPES_MAX


def test_the_ratio_of_a_budget_cannot_be_exchanged() -> None:
    with pytest.raises(AttributeError):
        BudgetRatio(D("0.5")).ratio = D("0.25")


@given(scaled(0, 10**15), scaled(1, 10**15))
def test_the_share_of_a_budget_is_rounded_down_to_eight_digits(a: Decimal, b: Decimal) -> None:
    part, whole = sorted((a, b))
    ratio = budget_ratio(part, whole)
    exact = Fraction(part) / Fraction(whole)
    assert Fraction(ratio) <= exact < Fraction(ratio) + Fraction(1, 10**8)
    assert fractional_digits(ratio) <= 8
    BudgetRatio(ratio)  # is a legal ratio


@pytest.mark.parametrize(
    ("part", "whole", "field"),
    [
        (D(1), D(0), "portfolio_budget"),
        (D(0), D(-1), "portfolio_budget"),
        (D(0), D("NaN"), "portfolio_budget"),
        (D(-1), D(1), "symbol_budget"),
        (D(2), D(1), "symbol_budget"),
    ],
)
def test_a_share_of_nothing_or_of_more_than_all_is_refused(
    part: Decimal, whole: Decimal, field: str
) -> None:
    with pytest.raises(ContractError, match=field):
        budget_ratio(part, whole)
