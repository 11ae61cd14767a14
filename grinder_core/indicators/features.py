"""The feature engine of one symbol (CORE-15, CORE-16): folds snapshots, answers with features."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import Snapshot
from grinder_core.indicators.atr import AtrFold
from grinder_core.indicators.bars import BarBuilder
from grinder_core.indicators.returns import ReturnWindow
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.indicators.top_of_book import imbalance, thin_l1


@define
class FeatureFold:
    """Hot state of one symbol's features. O(1) a snapshot, work only when a bar closes."""

    bars: BarBuilder
    atr: AtrFold
    closes: ReturnWindow
    warmup_needed: int
    max_bars: int
    bars_done: int = 0
    sum_abs_returns_bps: int = 0
    net_return_bps: int = 0
    range_score: int = 0

    @classmethod
    def of(cls, settings: IndicatorSettings) -> FeatureFold:
        """Return a fold that has seen no snapshot."""
        return cls(
            bars=BarBuilder(settings.bar_interval_ms),
            atr=AtrFold(settings.period),
            closes=ReturnWindow(settings.range_horizon + 1),
            warmup_needed=settings.period + 1,
            max_bars=settings.max_bars,
        )

    def on_snapshot(self, snapshot: Snapshot, mid: Decimal) -> None:
        """Fold one snapshot."""
        done = self.bars.on_mid(snapshot.ts, mid)
        if done is None:
            return
        self.bars_done += 1
        self.atr.on_bar(done)
        self.closes.push(done.close)
        self.sum_abs_returns_bps = self.closes.sum_abs_returns_bps
        self.net_return_bps = self.closes.net_return_bps
        self.range_score = self.closes.range_score

    def read(self, snapshot: Snapshot, mid: Decimal, spread_bps: int) -> FeatureSnapshot:
        """Return the features at this snapshot. Inside ``exact()``."""
        warmup_bars = min(self.bars_done, self.max_bars)
        return FeatureSnapshot(
            ts=snapshot.ts,
            symbol=snapshot.symbol,
            mid_price=mid,
            spread_bps=spread_bps,
            imbalance_l1_bps=imbalance(snapshot.bid_qty, snapshot.ask_qty),
            thin_l1=thin_l1(snapshot.bid_qty, snapshot.ask_qty),
            natr_bps=self.atr.natr_bps,
            atr=self.atr.atr,
            sum_abs_returns_bps=self.sum_abs_returns_bps,
            net_return_bps=self.net_return_bps,
            range_score=self.range_score,
            warmup_bars=warmup_bars,
            is_warmed_up=warmup_bars >= self.warmup_needed,
        )
