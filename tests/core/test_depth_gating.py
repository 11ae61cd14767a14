"""CORE-23: no new entries on the side whose book is thin."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import from_dict, to_dict
from grinder_core.contracts.enums import GridMode, PlanReason, ResetAction
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.policies.depth_gating import DepthGating, blocked_sides, gate_depth
from tests.support.factories import a_plan
from tests.support.strategies import plans

D = Decimal
THRESHOLD = 200
BUY_CODES = ("L2_IMPACT_BUY_HIGH", "L2_BLOCK_BUY")
SELL_CODES = ("L2_IMPACT_SELL_HIGH", "L2_BLOCK_SELL")


def an_l2(buy: int = 0, sell: int = 0, *, no_buy: int = 0, no_sell: int = 0) -> L2FeatureSnapshot:
    """Impacts and flags; old, because the age is not judged here."""
    return L2FeatureSnapshot(
        ts_ms=0,
        symbol="AAAUSDT",
        top_n=20,
        qty_ref=D(1),
        impact_buy_topN_bps=buy,
        impact_sell_topN_bps=sell,
        impact_buy_topN_insufficient_depth=no_buy,
        impact_sell_topN_insufficient_depth=no_sell,
        wall_bid_score_x1000=9_000,
        wall_ask_score_x1000=9_000,
        wall_bid_distance_bps=0,
        wall_ask_distance_bps=0,
        depth_imbalance_bps=10_000,
    )


impacts = st.sampled_from((0, 199, 200, 201, 10_000)) | st.integers(0, 10_000)
flags = st.sampled_from((0, 0, 0, 1))
l2s = st.builds(an_l2, impacts, impacts, no_buy=flags, no_sell=flags)


def test_worked_example_core_23_a() -> None:
    gated = gate_depth(a_plan(reason_codes=("RANGE_DEFAULT",)), an_l2(buy=200), THRESHOLD)
    assert gated.reason_codes == ("RANGE_DEFAULT", *BUY_CODES)
    assert gated.shape.levels_down == gated.shape.width_down_bps == 0
    assert gated.shape.mode is GridMode.UNI_SHORT
    assert (gated.shape.levels_up, gated.shape.width_up_bps) == (2, 20)


def test_worked_example_core_23_b() -> None:
    plan = a_plan()
    assert gate_depth(plan, an_l2(buy=199, sell=199), THRESHOLD) is plan


def test_worked_example_core_23_c() -> None:
    gated = gate_depth(a_plan(), an_l2(buy=10_000, no_buy=1), THRESHOLD)
    assert gated.reason_codes == ("L2_INSUFFICIENT_DEPTH_BUY", "L2_BLOCK_BUY")


def test_the_sell_side_likewise() -> None:
    gated = gate_depth(a_plan(), an_l2(sell=200), THRESHOLD)
    assert gated.reason_codes == SELL_CODES
    assert gated.shape.mode is GridMode.UNI_LONG
    assert (gated.shape.levels_up, gated.shape.width_up_bps) == (0, 0)
    assert (gated.shape.levels_down, gated.shape.width_down_bps) == (2, 20)
    assert gated.reset_action is ResetAction.NONE


def test_both_sides_blocked_pause_with_a_hard_reset() -> None:
    gated = gate_depth(a_plan(), an_l2(300, 300), THRESHOLD)
    assert gated.reason_codes == (*BUY_CODES, *SELL_CODES)
    assert gated.shape.mode is GridMode.PAUSE
    assert gated.shape.level_count == gated.shape.width_bps == 0
    assert gated.shape.size_schedule == ()
    assert gated.reset_action is ResetAction.HARD


@pytest.mark.parametrize(
    ("mode", "levels", "l2", "codes"),
    [
        (GridMode.UNI_LONG, {"levels_up": 0}, an_l2(buy=300), BUY_CODES),
        (GridMode.UNI_SHORT, {"levels_down": 0}, an_l2(sell=300), SELL_CODES),
        (GridMode.BILATERAL, {"levels_down": 0}, an_l2(sell=300), SELL_CODES),
    ],
)
def test_the_only_side_blocked_leaves_nothing_and_pauses(
    mode: GridMode, levels: dict[str, int], l2: L2FeatureSnapshot, codes: tuple[str, ...]
) -> None:
    gated = gate_depth(a_plan(mode=mode, **levels), l2, THRESHOLD)
    assert gated.shape.mode is GridMode.PAUSE
    assert gated.reset_action is ResetAction.HARD
    assert gated.shape.size_schedule == ()
    assert gated.reason_codes == codes


def test_a_blocked_side_that_has_no_levels_only_adds_its_reasons() -> None:
    plan = a_plan(mode=GridMode.UNI_LONG, levels_up=0, reset_action=ResetAction.SOFT)
    gated = gate_depth(plan, an_l2(sell=300), THRESHOLD)
    assert gated.shape == plan.shape
    assert gated.reset_action is ResetAction.SOFT
    assert gated.reason_codes == SELL_CODES


def test_sizes_of_the_longer_side_go_with_it() -> None:
    plan = a_plan(levels_down=3, levels_up=1, size_schedule=(D(3), D(2), D(1)))
    assert gate_depth(plan, an_l2(buy=300), THRESHOLD).shape.size_schedule == (D(3),)
    assert gate_depth(plan, an_l2(sell=300), THRESHOLD).shape.size_schedule == (D(3), D(2), D(1))


def test_reasons_that_a_plan_has_already_are_not_repeated() -> None:
    once = gate_depth(a_plan(), an_l2(buy=300), THRESHOLD)
    assert gate_depth(once, an_l2(buy=300), THRESHOLD) == once


@given(plans(), l2s | st.none(), st.integers(1, 10_000))
def test_only_levels_of_blocked_sides_go(
    plan: GridPlan, l2: L2FeatureSnapshot | None, threshold: int
) -> None:
    gated = gate_depth(plan, l2, threshold)
    before, after = plan.shape, gated.shape
    if l2 is None or before.reduce_only or not before.level_count:
        assert gated is plan
        return
    buy = bool(l2.impact_buy_topN_insufficient_depth) or l2.impact_buy_topN_bps >= threshold
    sell = bool(l2.impact_sell_topN_insufficient_depth) or l2.impact_sell_topN_bps >= threshold
    assert after.levels_down == (0 if buy else before.levels_down)
    assert after.levels_up == (0 if sell else before.levels_up)
    assert after.size_schedule == before.size_schedule[: len(after.size_schedule)]
    kept = ("spacing_bps", "skew_bps", "regime", "reduce_only")
    assert all(getattr(after, name) == getattr(before, name) for name in kept)
    assert gated.center_price == plan.center_price
    empty = not after.level_count
    assert (after.mode is GridMode.PAUSE) is empty
    if buy and not empty:
        assert after.mode is GridMode.UNI_SHORT
    if sell and not empty:
        assert after.mode is GridMode.UNI_LONG
    if not buy and not sell:
        assert after.mode is before.mode
    assert gated.reset_action is (ResetAction.HARD if empty else plan.reset_action)
    assert from_dict(GridPlan, to_dict(gated)) == gated


@given(plans(), l2s, st.integers(1, 10_000))
def test_reasons_say_which_side_and_one_cause_each_buy_first(
    plan: GridPlan, l2: L2FeatureSnapshot, threshold: int
) -> None:
    gated = gate_depth(plan, l2, threshold)
    added = gated.reason_codes[len(plan.reason_codes) :]
    assert gated.reason_codes[: len(plan.reason_codes)] == plan.reason_codes
    if plan.shape.reduce_only or not plan.shape.level_count:
        assert added == ()
        return
    expected: list[str] = []
    for side, lacks, impact in (
        ("BUY", l2.impact_buy_topN_insufficient_depth, l2.impact_buy_topN_bps),
        ("SELL", l2.impact_sell_topN_insufficient_depth, l2.impact_sell_topN_bps),
    ):
        if lacks:
            expected += [f"L2_INSUFFICIENT_DEPTH_{side}", f"L2_BLOCK_{side}"]
        elif impact >= threshold:
            expected += [f"L2_IMPACT_{side}_HIGH", f"L2_BLOCK_{side}"]
    assert added == tuple(expected)


@given(l2s | st.none(), st.integers(1, 10_000), plans())
def test_plans_may_be_kept_by_the_judgement(
    l2: L2FeatureSnapshot | None, threshold: int, plan: GridPlan
) -> None:
    """Books that are judged alike give equal plans."""
    buy, sell = blocked_sides(l2, threshold)
    alike = an_l2(
        buy=threshold if buy is PlanReason.L2_IMPACT_BUY_HIGH else 0,
        sell=threshold if sell is PlanReason.L2_IMPACT_SELL_HIGH else 0,
        no_buy=int(buy is PlanReason.L2_INSUFFICIENT_DEPTH_BUY),
        no_sell=int(sell is PlanReason.L2_INSUFFICIENT_DEPTH_SELL),
    )
    assert blocked_sides(alike, threshold) == (buy, sell)
    assert gate_depth(plan, alike, threshold) == gate_depth(plan, l2, threshold)


@given(st.lists(st.tuples(plans(), l2s | st.none()), min_size=1, max_size=6))
def test_gating_with_a_memory_says_the_same(
    steps: list[tuple[GridPlan, L2FeatureSnapshot | None]],
) -> None:
    gating = DepthGating(THRESHOLD)
    for plan, l2 in steps:
        assert gating.apply(plan, l2) == gate_depth(plan, l2, THRESHOLD)


def test_a_side_that_stays_thin_keeps_its_shape_object() -> None:
    gating, plan = DepthGating(THRESHOLD), a_plan()
    first = gating.apply(plan, an_l2(buy=300))
    assert gating.apply(plan, an_l2(buy=400)).shape is first.shape
    assert gating.apply(plan, an_l2(sell=400)).shape is not first.shape
