"""The last look at the book before an order is placed (CORE-35).

It judges placements that add risk, the place leg of a replacement included. Reduce-only orders
and cancels are exempt, which is the caller's to know: it does not ask about them.
"""

from __future__ import annotations

from grinder_core.contracts.enums import ExecReason, Side
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.gates.settings import GateSettings


def check_depth(
    settings: GateSettings, side: Side, l2: L2FeatureSnapshot | None, now_ts: int
) -> ExecReason | None:
    """Return why an order of this side must not be placed now, or ``None`` when it may.

    A BUY looks at the offers only, a SELL at the bids only. Price and quantity are never
    adjusted.

    Args:
        settings: Whether the guard is on, and its limits; both are inclusive on the good side of
            age (an age equal to the limit passes) and on the bad side of impact (an impact equal
            to the threshold blocks).
        side: Of the order.
        l2: Newest features of the symbol's book; ``None`` where there are none: that passes.
        now_ts: Time of the snapshot decided on, ms. A book from a later time is as stale as an
            old one: one of the two clocks is wrong.
    """
    if not settings.l2_execution_guard_enabled or l2 is None:
        return None
    if not 0 <= now_ts - l2.ts_ms <= settings.l2_execution_max_age_ms:
        return ExecReason.EXEC_L2_STALE
    threshold = settings.l2_execution_impact_threshold_bps
    if side is Side.BUY:
        if l2.impact_buy_topN_insufficient_depth:
            return ExecReason.EXEC_L2_INSUFFICIENT_DEPTH_BUY
        return ExecReason.EXEC_L2_IMPACT_BUY_HIGH if l2.impact_buy_topN_bps >= threshold else None
    if l2.impact_sell_topN_insufficient_depth:
        return ExecReason.EXEC_L2_INSUFFICIENT_DEPTH_SELL
    return ExecReason.EXEC_L2_IMPACT_SELL_HIGH if l2.impact_sell_topN_bps >= threshold else None
