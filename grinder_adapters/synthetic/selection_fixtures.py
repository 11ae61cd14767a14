"""Fixtures of the symbol selection (CORE-07, CORE-09, CORE-10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from grinder_adapters.synthetic.fixture_scene import (
    ONE_DOLLAR,
    SPREAD,
    START_MS,
    TICK,
    FixtureScene,
    dollar_market,
    dollar_settings,
    quotes,
    seed_of,
)
from grinder_adapters.synthetic.quoting import Market, interleave
from grinder_adapters.synthetic.scenes import (
    chopping,
    mean_reverting,
    regular_times,
    uneven_times,
)
from grinder_core.contracts.event import Event

TOPK_V1_BARS: Final = 24
TOPK_V1_QUOTES_A_BAR: Final = 3
WIDE_SPREAD: Final = 80  # in ticks: more than the toxicity gate lets through by itself


def _sample_day_multisymbol() -> Iterator[Event]:
    """Five coins, three of them lively and two asleep."""
    name, count, interval = "sample_day_multisymbol", 240, 60_000
    streams = []
    for symbol, sd in (
        ("AAAUSDT", 24_000),
        ("BBBUSDT", 18_000),
        ("CCCUSDT", 12_000),
        ("DDDUSDT", 1_500),
        ("EEEUSDT", 800),
    ):
        mids = mean_reverting(
            seed_of(name, symbol, "price"), ONE_DOLLAR, count, sd_milliticks=sd, pull_ppm=30_000
        )
        times = uneven_times(seed_of(name, symbol, "time"), START_MS, count, interval)
        streams.append(quotes(name, dollar_market(symbol), times, mids))
    return interleave(streams)


def _sample_day_topk_v1() -> Iterator[Event]:
    """Six coins that chop or trend, in deep, shallow, tight and wide books.

    The range score sets swings against what is left of them: LOWUSDT swings least of the three
    that win, and goes nowhere at all.
    """
    name, interval = "sample_day_topk_v1", 60_000 // TOPK_V1_QUOTES_A_BAR
    thin = Market(symbol="THINUSDT", tick_size=TICK, step_size=Decimal("0.01"), depth_steps=40)
    wide = Market(symbol="WIDEUSDT", tick_size=TICK, step_size=Decimal(1), depth_steps=400)
    streams = []
    for market, swing, lean, spread in (
        (dollar_market("HIGHUSDT"), 30, 500, SPREAD),
        (dollar_market("LOWUSDT"), 5, 0, SPREAD),
        (dollar_market("MEDUSDT"), 15, 360, SPREAD),
        (thin, 10, 0, SPREAD),
        (dollar_market("TRENDUSDT"), 2, 21_000, SPREAD),
        (wide, 8, 1_000, WIDE_SPREAD),
    ):
        mids = chopping(ONE_DOLLAR, TOPK_V1_BARS, TOPK_V1_QUOTES_A_BAR, swing=swing, lean=lean)
        times = regular_times(START_MS, len(mids), interval)
        streams.append(quotes(name, market, times, mids, spread))
    return interleave(streams)


SELECTION_SCENES: Final[Mapping[str, FixtureScene]] = {
    "sample_day_multisymbol": FixtureScene(
        description=(
            "Five symbols, K = 3, selected in a separate pass: AAAUSDT, BBBUSDT and CCCUSDT trade, "
            "DDDUSDT and EEEUSDT are out on their volatility score."
        ),
        engine=dollar_settings(
            "AAAUSDT",
            "BBBUSDT",
            "CCCUSDT",
            "DDDUSDT",
            "EEEUSDT",
            selection_source="topk_v0",
            topk_k=3,
        ),
        events=_sample_day_multisymbol,
    ),
    "sample_day_topk_v1": FixtureScene(
        description=(
            "Six symbols, K = 3 on features: LOWUSDT, HIGHUSDT and MEDUSDT rank 1, 2, 3; THINUSDT "
            "would score best and fails THIN_BOOK; WIDEUSDT and TRENDUSDT pass the gates and "
            "score lower."
        ),
        engine=dollar_settings(
            "HIGHUSDT",
            "LOWUSDT",
            "MEDUSDT",
            "THINUSDT",
            "TRENDUSDT",
            "WIDEUSDT",
            feature_engine_enabled=True,
            selection_source="topk_v1",
            topk_v1_k=3,
            topk_v1_spread_max_bps=100,
            max_spread_bps=100,
            spacing_bps=5,
            size_per_level="20",
        ),
        events=_sample_day_topk_v1,
    ),
}
