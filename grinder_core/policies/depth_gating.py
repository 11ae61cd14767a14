"""No new entries on the side whose book is thin (CORE-23).

Judging and shaping are apart, because the judgement is a few comparisons and a shape is
validated whenever it is made: a policy that plans at every quote keeps shapes by judgement.
"""

from __future__ import annotations

from attrs import define, evolve, field

from grinder_core.contracts.enums import GridMode, PlanReason, ResetAction
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.contracts.plan import GridPlan, GridShape


def blocked_sides(
    l2: L2FeatureSnapshot | None, threshold_bps: int
) -> tuple[PlanReason | None, PlanReason | None]:
    """Return why BUY and why SELL entries are blocked, ``None`` where they are not.

    A side has one cause: missing depth, else an impact at or above the threshold. Without
    features nothing is blocked; the age of the book is not judged here (CORE-35 does).
    """
    if l2 is None:
        return None, None
    buy = sell = None
    if l2.impact_buy_topN_insufficient_depth:
        buy = PlanReason.L2_INSUFFICIENT_DEPTH_BUY
    elif l2.impact_buy_topN_bps >= threshold_bps:
        buy = PlanReason.L2_IMPACT_BUY_HIGH
    if l2.impact_sell_topN_insufficient_depth:
        sell = PlanReason.L2_INSUFFICIENT_DEPTH_SELL
    elif l2.impact_sell_topN_bps >= threshold_bps:
        sell = PlanReason.L2_IMPACT_SELL_HIGH
    return buy, sell


def gate_depth(plan: GridPlan, l2: L2FeatureSnapshot | None, threshold_bps: int) -> GridPlan:
    """Return the plan without the levels of blocked sides, and with the reasons appended.

    A plan left without levels pauses with a HARD reset; a plan without levels, one that only
    reduces the position, and one whose book is fine come back as they are.

    Args:
        plan: What the policy wants.
        l2: Features of the symbol's book; ``None`` blocks nothing.
        threshold_bps: Impact from which a side is thin, inclusive.
    """
    return DepthGating(threshold_bps).apply(plan, l2)


def _gated(
    plan: GridPlan, gated: GridShape, buy: PlanReason | None, sell: PlanReason | None
) -> GridPlan:
    codes: list[PlanReason] = []
    if buy is not None:
        codes += (buy, PlanReason.L2_BLOCK_BUY)
    if sell is not None:
        codes += (sell, PlanReason.L2_BLOCK_SELL)
    said = plan.reason_codes
    return evolve(
        plan,
        shape=gated,
        reset_action=plan.reset_action if gated.level_count else ResetAction.HARD,
        reason_codes=(*said, *(code.value for code in codes if code not in said)),
    )


def _without(shape: GridShape, *, buy: bool, sell: bool) -> GridShape:
    down, up = (0 if buy else shape.levels_down), (0 if sell else shape.levels_up)
    mode = GridMode.UNI_SHORT if buy else GridMode.UNI_LONG
    return evolve(
        shape,
        mode=mode if down or up else GridMode.PAUSE,
        levels_down=down,
        levels_up=up,
        width_down_bps=0 if buy else shape.width_down_bps,
        width_up_bps=0 if sell else shape.width_up_bps,
        size_schedule=shape.size_schedule[: max(down, up)],
    )


@define
class DepthGating:
    """``gate_depth`` of one symbol for a policy that plans at every quote.

    While the plan's shape and the blocked sides stay, so does the gated shape, as one object. The
    last one is kept; that is no state, it only saves time.
    """

    threshold_bps: int
    _last: tuple[GridShape, bool, bool, GridShape] | None = field(
        default=None, init=False, repr=False, eq=False
    )

    def apply(self, plan: GridPlan, l2: L2FeatureSnapshot | None) -> GridPlan:
        """Return the plan as ``gate_depth`` does."""
        shape = plan.shape
        if shape.reduce_only or not shape.level_count:
            return plan
        buy, sell = blocked_sides(l2, self.threshold_bps)
        if buy is None and sell is None:
            return plan
        return _gated(plan, self._shape(shape, buy is not None, sell is not None), buy, sell)

    def _shape(self, shape: GridShape, buy: bool, sell: bool) -> GridShape:
        last = self._last
        if last is not None and last[0] is shape and last[1:3] == (buy, sell):
            return last[3]
        gated = _without(shape, buy=buy, sell=sell)
        self._last = (shape, buy, sell, gated)
        return gated
