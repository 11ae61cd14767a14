"""The packaged demo data: two made-up markets of six hours, generated and never downloaded.

They look like a large and a cheap coin in a quiet session that now and then wanders off. Prices
revert, which suits a grid; a result on them says that the machinery works and nothing about
money. Two incidents of the cheap coin show gates at work: a spread shock and a wick.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.synthetic.quoting import Market, interleave
from grinder_adapters.synthetic.scenes import (
    jumped,
    mean_reverting,
    spread_shock,
    uneven_times,
    usual_spreads,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.draws import stream_seed

DEMO_START_MS: Final = 1_736_121_600_000  # 2025-01-06 00:00 UTC
QUOTES_A_MARKET: Final = 20_000
INTERVAL_MS: Final = 1_080  # six hours in all
_SHOCK_AT, _SHOCK_QUOTES = 8_000, 40
_WICK_AT, _WICK_QUOTES, _WICK_BPS = 14_000, 6, -540

DEMO_MARKETS: Final = (
    Market(
        symbol="BTCUSDT",
        tick_size=Decimal("0.1"),
        step_size=Decimal("0.001"),
        depth_steps=4_000,
    ),
    Market(
        symbol="DOGEUSDT",
        tick_size=Decimal("0.00001"),
        step_size=Decimal(1),
        depth_steps=60_000,
    ),
)


@frozen(kw_only=True)
class DemoEvents:
    """Six hours of two markets, about 40 thousand quotes; every pass makes them anew.

    Attributes:
        root: Root of all seeds; another root is another session of the same kind.
    """

    root: int = 0

    @property
    def name(self) -> str:
        """What a report calls the data."""
        return f"demo (generated, seed {self.root})"

    @property
    def tick_sizes(self) -> dict[str, Decimal]:
        """Price increment of each symbol, as the setting of that name takes it."""
        return {market.symbol: market.tick_size for market in DEMO_MARKETS}

    def __iter__(self) -> Iterator[Event]:
        large, cheap = DEMO_MARKETS
        return interleave([self._calm(large), self._nervous(cheap)])

    def _seed(self, market: Market, what: str) -> int:
        return stream_seed(self.root, f"demo/{market.symbol}/{what}")

    def _calm(self, market: Market) -> Iterator[Snapshot]:
        mids = mean_reverting(
            self._seed(market, "price"),
            market.ticks("96480"),
            QUOTES_A_MARKET,
            sd_milliticks=135_000,
            pull_ppm=1_600,
            drift_milliticks=30_000,
        )
        return self._quotes(market, mids, usual_spreads(*self._spread_seed(market), ticks=1))

    def _nervous(self, market: Market) -> Iterator[Snapshot]:
        mids = mean_reverting(
            self._seed(market, "price"),
            market.ticks("0.38120"),
            QUOTES_A_MARKET,
            sd_milliticks=9_200,
            pull_ppm=1_600,
            drift_milliticks=1_800,
        )
        end = _WICK_AT + _WICK_QUOTES
        mids[_WICK_AT:end] = jumped(mids[_WICK_AT:end], _WICK_BPS)
        spreads = usual_spreads(*self._spread_seed(market), ticks=2)
        wide = market.ticks("0.00240")  # more than 50 basis points
        return self._quotes(market, mids, spread_shock(spreads, _SHOCK_AT, _SHOCK_QUOTES, wide))

    def _spread_seed(self, market: Market) -> tuple[int, int]:
        return self._seed(market, "spread"), QUOTES_A_MARKET

    def _quotes(self, market: Market, mids: list[int], spreads: list[int]) -> Iterator[Snapshot]:
        times = uneven_times(
            self._seed(market, "time"), DEMO_START_MS, QUOTES_A_MARKET, INTERVAL_MS
        )
        return market.quotes(self._seed(market, "size"), times, mids, spreads)


def demo_events() -> DemoEvents:
    """Return the packaged demo data."""
    return DemoEvents()
