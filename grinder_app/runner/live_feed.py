"""Watching a live market through the engine's own features, unable to trade (LIVE-18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from grinder_adapters.binance.feed import FeedStats
from grinder_adapters.clock import Clock
from grinder_app.runner.live_market import open_market, until_stopped
from grinder_app.runner.market_options import MarketPlan
from grinder_core.contracts.event import Event
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import Snapshot
from grinder_core.indicators.features import FeatureFold
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.numbers import exact

STREAMS: Final = ("quotes", "trades")  # trades give quotes their last price


@frozen(kw_only=True)
class LiveFeedUpdate:
    """What one quote tells.

    Attributes:
        ts: Of the quote, the venue's event time, Unix milliseconds.
        bar_completed: Whether it began a new bar.
        bars_available: Bars behind the features.
        latency_ms: From the event to its receipt; the clocks may differ. In no digest.
    """

    ts: int
    symbol: str
    features: FeatureSnapshot
    bar_completed: bool
    bars_available: int
    is_warmed_up: bool
    latency_ms: int


@frozen(kw_only=True)
class LiveFeedStats:
    """Counts of one watch.

    Attributes:
        ticks: Quotes.
        bars: Bars completed, over all symbols.
        errors: Frames dropped and requests refused.
        latency_max_ms: Of all quotes; 0 without any.
    """

    ticks: int
    bars: int
    errors: int
    latency_max_ms: int


@define(eq=False)
class LiveFeatures:
    """Quotes to updates, each symbol on its own; a function of the events alone (I-18.1)."""

    settings: IndicatorSettings
    ticks: int = 0
    bars: int = 0
    latency_max_ms: int = 0
    _folds: dict[str, FeatureFold] = field(factory=dict)

    def on_event(self, event: Event) -> LiveFeedUpdate | None:
        """Fold one event; ``None`` for all but quotes."""
        quote = event.payload
        if not isinstance(quote, Snapshot):
            return None
        fold = self._folds.get(quote.symbol)
        if fold is None:
            fold = self._folds[quote.symbol] = FeatureFold.of(self.settings)
        bars_before = fold.bars_done
        with exact():
            mid = quote.mid_price
            fold.on_snapshot(quote, mid)
            features = fold.read(quote, mid, quote.spread_bps)
        latency_ms = event.ts_ms - quote.ts
        self.ticks += 1
        self.bars += fold.bars_done - bars_before
        self.latency_max_ms = max(self.latency_max_ms, latency_ms)
        return LiveFeedUpdate(
            ts=quote.ts,
            symbol=quote.symbol,
            features=features,
            bar_completed=fold.bars_done > bars_before,
            bars_available=features.warmup_bars,
            is_warmed_up=features.is_warmed_up,
            latency_ms=latency_ms,
        )

    def stats(self, feed: FeedStats) -> LiveFeedStats:
        """Return the counts so far, with those of the connection."""
        return LiveFeedStats(
            ticks=self.ticks,
            bars=self.bars,
            errors=feed.errors + sum(feed.drops.values()),
            latency_max_ms=self.latency_max_ms,
        )


async def watch(
    plan: MarketPlan,
    settings: IndicatorSettings,
    clock: Clock,
    on_update: Callable[[LiveFeedUpdate], None],
) -> LiveFeedStats:
    """Hand on updates until the time is over or a signal comes.

    Raises:
        ConfigError: The venue does not list a symbol.
        ConnectorError: It cannot be reached, or was lost for good.
    """
    features = LiveFeatures(settings)
    async with open_market(plan, clock) as feed:

        async def receive() -> None:
            async for event in feed.iter_events():
                update = features.on_event(event)
                if update is not None:
                    on_update(update)

        await until_stopped(plan.duration_s, receive())
        return features.stats(feed.stats)
