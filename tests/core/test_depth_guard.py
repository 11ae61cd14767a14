"""CORE-35: the last look at the book before an order is placed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import ExecReason, Side
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.gates.depth_guard import check_depth
from grinder_core.gates.settings import GateSettings

NOW = 10_000


def an_l2(**changes: int) -> L2FeatureSnapshot:
    """A deep, fresh book."""
    calm = L2FeatureSnapshot(
        ts_ms=NOW,
        symbol="AAAUSDT",
        top_n=20,
        qty_ref=Decimal(1),
        impact_buy_topN_bps=0,
        impact_sell_topN_bps=0,
        impact_buy_topN_insufficient_depth=0,
        impact_sell_topN_insufficient_depth=0,
        wall_bid_score_x1000=1000,
        wall_ask_score_x1000=1000,
        wall_bid_distance_bps=0,
        wall_ask_distance_bps=0,
        depth_imbalance_bps=0,
    )
    return evolve(calm, **changes)


def limits(**changes: object) -> GateSettings:
    return GateSettings(**{"l2_execution_guard_enabled": True, **changes})


impacts = st.sampled_from((0, 49, 50, 51, 10_000)) | st.integers(0, 10_000)
l2s = st.builds(
    an_l2,
    ts_ms=st.sampled_from((NOW - 1_501, NOW - 1_500, NOW, NOW + 1)) | st.integers(0, 2 * NOW),
    impact_buy_topN_bps=impacts,
    impact_sell_topN_bps=impacts,
    impact_buy_topN_insufficient_depth=st.integers(0, 1),
    impact_sell_topN_insufficient_depth=st.integers(0, 1),
)
sides = st.sampled_from(Side)


def test_worked_example_core_35() -> None:
    close = an_l2(impact_buy_topN_bps=49)
    assert check_depth(limits(), Side.BUY, close, NOW + 1_500) is None
    assert check_depth(limits(), Side.BUY, close, NOW + 1_501) is ExecReason.EXEC_L2_STALE
    thin = an_l2(impact_buy_topN_bps=50)
    assert check_depth(limits(), Side.BUY, thin, NOW) is ExecReason.EXEC_L2_IMPACT_BUY_HIGH
    thin = an_l2(impact_sell_topN_bps=50)
    assert check_depth(limits(), Side.SELL, thin, NOW) is ExecReason.EXEC_L2_IMPACT_SELL_HIGH


@pytest.mark.parametrize("side", Side)
def test_the_first_cause_in_order_is_the_reason(side: Side) -> None:
    name = side.value.lower()
    lacking = {f"impact_{name}_topN_insufficient_depth": 1, f"impact_{name}_topN_bps": 10_000}
    found = an_l2(**lacking)
    assert check_depth(limits(), side, found, NOW).value == (
        f"EXEC_L2_INSUFFICIENT_DEPTH_{side.value}"
    )
    assert check_depth(limits(), side, found, NOW - 1) is ExecReason.EXEC_L2_STALE
    assert check_depth(limits(), side.opposite, found, NOW) is None


@given(l2s, sides, st.integers(0, 3_000), st.integers(1, 10_000))
def test_equals_the_spec_read_as_a_list(
    l2: L2FeatureSnapshot, side: Side, age_max: int, threshold: int
) -> None:
    name = side.value
    flags = {
        Side.BUY: l2.impact_buy_topN_insufficient_depth,
        Side.SELL: l2.impact_sell_topN_insufficient_depth,
    }
    slippage = {Side.BUY: l2.impact_buy_topN_bps, Side.SELL: l2.impact_sell_topN_bps}
    causes = [
        (NOW - l2.ts_ms > age_max or l2.ts_ms > NOW, "EXEC_L2_STALE"),
        (flags[side] == 1, f"EXEC_L2_INSUFFICIENT_DEPTH_{name}"),
        (slippage[side] >= threshold, f"EXEC_L2_IMPACT_{name}_HIGH"),
    ]
    first = next((ExecReason(reason) for holds, reason in causes if holds), None)
    settings = limits(l2_execution_max_age_ms=age_max, l2_execution_impact_threshold_bps=threshold)
    assert check_depth(settings, side, l2, NOW) is first


@given(l2s, l2s)
def test_a_side_ignores_what_the_other_side_measures(
    l2: L2FeatureSnapshot, other: L2FeatureSnapshot
) -> None:
    mixed = evolve(
        l2,
        impact_sell_topN_bps=other.impact_sell_topN_bps,
        impact_sell_topN_insufficient_depth=other.impact_sell_topN_insufficient_depth,
        depth_imbalance_bps=-77,
        wall_ask_score_x1000=9_000,
    )
    assert check_depth(limits(), Side.BUY, mixed, NOW) is check_depth(limits(), Side.BUY, l2, NOW)
    swapped = evolve(
        l2,
        impact_buy_topN_bps=other.impact_buy_topN_bps,
        impact_buy_topN_insufficient_depth=other.impact_buy_topN_insufficient_depth,
        wall_bid_score_x1000=9_000,
    )
    assert check_depth(limits(), Side.SELL, swapped, NOW) is check_depth(
        limits(), Side.SELL, l2, NOW
    )


@given(l2s, sides, st.integers(0, 2 * NOW))
def test_off_by_default_and_without_a_book_everything_passes(
    l2: L2FeatureSnapshot, side: Side, now: int
) -> None:
    assert check_depth(GateSettings(), side, l2, now) is None
    assert check_depth(limits(), side, None, now) is None
