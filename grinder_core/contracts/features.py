"""What the feature engine measured at one snapshot (CORE-16)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import frozen

POLICY_FEATURES = (
    "mid_price",
    "spread_bps",
    "imbalance_l1_bps",
    "natr_bps",
    "thin_l1",
    "range_score",
    "net_return_bps",
    "sum_abs_returns_bps",
    "is_warmed_up",
)


@frozen(kw_only=True)
class FeatureSnapshot:
    """Features of one symbol at one snapshot.

    Attributes:
        imbalance_l1_bps: ``[-10000, 10000]``, positive where bids are larger.
        thin_l1: Smaller of the two best quantities, base asset.
        natr_bps: Average true range over the last close, basis points; 0 until warmed up.
        atr: The same in quote currency, for display; ``None`` until warmed up.
        net_return_bps: Signed, over the same closes as ``sum_abs_returns_bps``.
        range_score: High where price chops without going anywhere.
    """

    ts: int
    symbol: str
    mid_price: Decimal
    spread_bps: int
    imbalance_l1_bps: int
    thin_l1: Decimal
    natr_bps: int
    atr: Decimal | None
    sum_abs_returns_bps: int
    net_return_bps: int
    range_score: int
    warmup_bars: int
    is_warmed_up: bool

    def to_policy_features(self) -> dict[str, Any]:
        """Return exactly the nine features a policy may read."""
        return {name: getattr(self, name) for name in POLICY_FEATURES}


@frozen(kw_only=True)
class L2FeatureSnapshot:
    """Depth of one symbol's book at one instant, over the best ``top_n`` levels (CORE-17).

    Attributes:
        ts_ms: Of the book, not of the decision that reads it.
        qty_ref: Base quantity whose slippage is measured.
        impact_buy_topN_bps: Slippage of buying ``qty_ref`` against the best ask, in [0, 10000];
            10000 where the side holds less, and then the ``insufficient_depth`` flag is 1.
        wall_bid_score_x1000: Largest level over the mean level; 1000 is flat, 0 empty.
        wall_bid_distance_bps: Distance of the first largest level from the best price.
        depth_imbalance_bps: ``[-10000, 10000]``, positive where bids are deeper.
    """

    ts_ms: int
    symbol: str
    top_n: int
    qty_ref: Decimal
    impact_buy_topN_bps: int  # noqa: N815 - published name
    impact_sell_topN_bps: int  # noqa: N815
    impact_buy_topN_insufficient_depth: int  # noqa: N815
    impact_sell_topN_insufficient_depth: int  # noqa: N815
    wall_bid_score_x1000: int
    wall_ask_score_x1000: int
    wall_bid_distance_bps: int
    wall_ask_distance_bps: int
    depth_imbalance_bps: int
