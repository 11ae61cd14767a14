"""Fixtures of what adapts: controller v0 and the adaptive grid (CORE-07, CORE-19, CORE-22)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from grinder_adapters.synthetic.fixture_scene import (
    ONE_DOLLAR,
    START_MS,
    FixtureScene,
    dollar_market,
    dollar_settings,
    quotes,
    seed_of,
)
from grinder_adapters.synthetic.quoting import interleave
from grinder_adapters.synthetic.scenes import Path, mean_reverting, regular_times, slide, zigzag
from grinder_core.contracts.event import Event

BAR_MS: Final = 900_000
QUOTES_A_BAR: Final = 6


def _sample_day_controller() -> Iterator[Event]:
    """Three coins that oscillate a lot, a little and hardly at all."""
    name, count, interval = "sample_day_controller", 160, 30_000
    streams = []
    for symbol, low, high in (("BASEUSDT", 4, 8), ("TIGHTENUSDT", 0, 2), ("WIDENUSDT", 18, 32)):
        seed = seed_of(name, symbol, "price")
        mids = [ONE_DOLLAR, *zigzag(seed, ONE_DOLLAR, count - 1, low=low, high=high)]
        times = regular_times(START_MS, count, interval)
        streams.append(quotes(name, dollar_market(symbol), times, mids))
    return interleave(streams)


# what, bars, standard deviation of a step in ticks/1000, share of the way back in millionths
ADAPTIVE_CALM: Final = (("asleep", 18, 2_500, 60_000), ("awake", 18, 14_000, 60_000))
ADAPTIVE_RISE: Final = (17, 104)  # bars, percent of the price it begins at
ADAPTIVE_SHOCK: Final = (
    ("after the rise", 14, 3_000, 60_000),
    ("shock", 12, 170_000, 250_000),
    ("after the shock", 16, 4_000, 60_000),
)


def _sample_day_adaptive() -> Iterator[Event]:
    """A day of one coin: asleep, awake, a rise, calm, a shock, calm again."""
    name, symbol = "sample_day_adaptive", "AAAUSDT"
    mids: Path = [ONE_DOLLAR]
    _extend(mids, name, symbol, ADAPTIVE_CALM)
    bars, percent = ADAPTIVE_RISE
    mids += slide(mids[-1], mids[-1] * percent // 100, bars * QUOTES_A_BAR)
    _extend(mids, name, symbol, ADAPTIVE_SHOCK)
    times = regular_times(START_MS, len(mids), BAR_MS // QUOTES_A_BAR)
    return interleave([quotes(name, dollar_market(symbol), times, mids)])


def _extend(
    mids: Path, fixture: str, symbol: str, phases: tuple[tuple[str, int, int, int], ...]
) -> None:
    for what, bars, sd_milliticks, pull_ppm in phases:
        mids += mean_reverting(
            seed_of(fixture, symbol, what),
            mids[-1],
            bars * QUOTES_A_BAR,
            sd_milliticks=sd_milliticks,
            pull_ppm=pull_ppm,
        )


ADAPTIVE_SCENES: Final[Mapping[str, FixtureScene]] = {
    "sample_day_controller": FixtureScene(
        description=(
            "The v0 controller: WIDENUSDT moves more than 300 bps a window and gets a spacing of "
            "15, TIGHTENUSDT less than 50 and gets 8, BASEUSDT stays at 10."
        ),
        engine=dollar_settings(
            "BASEUSDT", "TIGHTENUSDT", "WIDENUSDT", controller_enabled=True, controller_version=0
        ),
        events=_sample_day_controller,
    ),
    "sample_day_adaptive": FixtureScene(
        description=(
            "Features and the adaptive grid over 95 bars of 15 minutes: step, width and levels "
            "follow the true range through RANGE, TREND_UP, TREND_DOWN and VOL_SHOCK."
        ),
        engine=dollar_settings(
            "AAAUSDT",
            feature_engine_enabled=True,
            adaptive_policy_enabled=True,
            bar_interval_ms=BAR_MS,
            vol_shock_natr_bps=200,
            size_per_level="20",
        ),
        events=_sample_day_adaptive,
    ),
}
