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
