"""What is measured at each snapshot, whatever is decided afterwards (CORE-41 step 4)."""

from __future__ import annotations

from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import GuardState
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarkPrice, Snapshot
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.policies.controller_v1 import drawdown_bps


def read_features(s: SymbolState, snap: Snapshot) -> FeatureSnapshot:
    """Fold a snapshot into the symbol's features and return them."""
    fold = s.features
    assert fold is not None
    fold.on_snapshot(snap, s.mid)
    s.last_features = fold.read(snap, s.mid, s.spread_bps)
    return s.last_features


def read_depth(s: SymbolState, settings: IndicatorSettings) -> L2FeatureSnapshot | None:
    """Depth features of the kept book; ``None`` where it is unknown or nobody reads it."""
    if s.depth is None:
        return None
    return s.depth.features(settings.top_n, settings.qty_ref[s.symbol])


def steer(hot: HotState, s: SymbolState, spacing_bps: int) -> ControllerDecision | None:
    """Fold a snapshot into the symbol's controller and return what it says."""
    if s.controller_v0 is not None:
        s.controller_v0.on_snapshot(s.mid, s.spread_bps)
        return s.controller_v0.decide(spacing_bps)
    if s.controller_v1 is not None:
        guard = hot.guard
        return s.controller_v1.on_snapshot(
            ts=s.ts,
            mid=s.mid,
            spread_bps=s.spread_bps,
            anchor=s.grid.anchor_price,
            drawdown_bps=drawdown_bps(hot.account.high_water_mark, hot.account.equity),
            guard=GuardState.NORMAL if guard is None else guard.state,
        )
    return None


def track_depth(
    hot: HotState, s: SymbolState, payload: L2Snapshot | DepthDiff, update_id: int | None
) -> None:
    """Fold a book or a change of one; a gap leaves the book unknown until the next snapshot.

    What the book does not take, because it holds it already, makes it no younger.
    """
    assert s.depth is not None
    if isinstance(payload, L2Snapshot):
        s.depth.on_snapshot(payload, update_id)
        s.depth_seen_ms = hot.now
    elif s.depth.on_diff(payload):
        s.depth_seen_ms = hot.now


def track_mark(hot: HotState, s: SymbolState, payload: MarkPrice) -> None:
    """Value the position at the venue's mark price from now on."""
    s.has_mark = True
    s.mark = payload.mark_price
    hot.revalue(s)
