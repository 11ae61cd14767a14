"""Fixtures of the static grid: what stops it, what fills it, and what ends it (CORE-07)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
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
from grinder_adapters.synthetic.quoting import Market, interleave
from grinder_adapters.synthetic.scenes import (
    Path,
    clamped,
    flat,
    jumped,
    mean_reverting,
    regular_times,
    slide,
    uneven_times,
    usual_spreads,
    zigzag,
)
from grinder_core.contracts.event import Event


def _sample_day() -> Iterator[Event]:
    """Two large coins over a day at realistic prices: the default size is far beyond the limit."""
    name, count, interval = "sample_day", 320, 270_000
    large = Market(
        symbol="BTCUSDT", tick_size=Decimal("0.1"), step_size=Decimal("0.001"), depth_steps=4_000
    )
    middle = Market(
        symbol="ETHUSDT", tick_size=Decimal("0.01"), step_size=Decimal("0.001"), depth_steps=60_000
    )
    streams = []
    for market, start, sd in ((large, "94200", 1_300_000), (middle, "3340", 650_000)):
        mids = mean_reverting(
            seed_of(name, market.symbol, "price"),
            market.ticks(start),
            count,
            sd_milliticks=sd,
            pull_ppm=2_000,
        )
        times = uneven_times(seed_of(name, market.symbol, "time"), START_MS, count, interval)
        spreads = usual_spreads(seed_of(name, market.symbol, "spread"), count, 1)
        streams.append(market.quotes(seed_of(name, market.symbol, "size"), times, mids, spreads))
    return interleave(streams)


def _sample_day_allowed() -> Iterator[Event]:
    """Two coins near one dollar that come and go, never more than 3 % away."""
    name, count, interval = "sample_day_allowed", 700, 120_000
    streams = []
    for symbol in ("AAAUSDT", "BBBUSDT"):
        mids = mean_reverting(
            seed_of(name, symbol, "price"),
            ONE_DOLLAR,
            count,
            sd_milliticks=26_000,
            pull_ppm=30_000,
        )
        streams.append(
            quotes(
                name,
                dollar_market(symbol),
                regular_times(START_MS, count, interval),  # both at the same instants
                clamped(mids, 9_700, 10_300),
            )
        )
    return interleave(streams)


def _sample_day_toxic() -> Iterator[Event]:
    """Calm, then 6 % up between two quotes half a second apart, then calm again."""
    name, symbol = "sample_day_toxic", "AAAUSDT"
    calm, still, slow, fast = 300, 60, 60_000, 500
    before = mean_reverting(
        seed_of(name, symbol, "before"), ONE_DOLLAR, calm, sd_milliticks=9_000, pull_ppm=40_000
    )
    burst = flat(ONE_DOLLAR, still) + jumped(flat(ONE_DOLLAR, still), 600)
    after = mean_reverting(
        seed_of(name, symbol, "after"), burst[-1], calm, sd_milliticks=9_000, pull_ppm=40_000
    )
    times = regular_times(START_MS, calm, slow)
    times += regular_times(times[-1] + slow, len(burst), fast)
    times += regular_times(times[-1] + slow, calm, slow)
    return interleave([quotes(name, dollar_market(symbol), times, before + burst + after)])


def _sample_day_drawdown() -> Iterator[Event]:
    """One coin slides by 12 % while the grid is long, another stays where it is."""
    name, interval = "sample_day_drawdown", 30_000
    falling, calm = dollar_market("AAAUSDT"), dollar_market("BBBUSDT")
    start = mean_reverting(
        seed_of(name, falling.symbol, "price"),
        ONE_DOLLAR,
        120,
        sd_milliticks=7_000,
        pull_ppm=150_000,
    )
    fall = slide(start[-1], 8_800, 120)
    rest = mean_reverting(
        seed_of(name, falling.symbol, "rest"), 8_800, 120, sd_milliticks=9_000, pull_ppm=40_000
    )
    mids = start + fall + rest
    steady = mean_reverting(
        seed_of(name, calm.symbol, "price"),
        ONE_DOLLAR,
        len(mids),
        sd_milliticks=4_000,
        pull_ppm=90_000,
    )
    times = regular_times(START_MS, len(mids), interval)
    return interleave([quotes(name, falling, times, mids), quotes(name, calm, times, steady)])


def _sample_day_constraints() -> Iterator[Event]:
    """Three coins traded by value: odd lots, a price that makes orders too small, no rules."""
    name, interval = "sample_day_constraints", 60_000
    pricey = _climb_and_fall(seed_of(name, "MINUSDT", "price"), (100_000, 104_000, 97_000, 99_000))
    streams = []
    for symbol, mids in (
        ("FREEUSDT", _wander(name, "FREEUSDT", 7_000, len(pricey))),
        ("MINUSDT", pricey),
        ("ROUNDUSDT", _wander(name, "ROUNDUSDT", 32_000, len(pricey))),
    ):
        times = regular_times(START_MS, len(mids), interval)
        streams.append(quotes(name, dollar_market(symbol), times, mids))
    return interleave(streams)


def _wander(fixture: str, symbol: str, start: int, count: int) -> Path:
    seed = seed_of(fixture, symbol, "price")
    return mean_reverting(seed, start, count, sd_milliticks=start, pull_ppm=40_000)


def _climb_and_fall(seed: int, corners: Sequence[int]) -> Path:
    """Straight lines of 60 steps between corners, ruffled by a few ticks."""
    line = [corners[0]]
    for start, end in pairwise(corners):
        line += slide(start, end, 60)
    ruffles = zigzag(seed, 0, len(line) - 1, low=0, high=40)
    return [line[0], *(price + ruffle for price, ruffle in zip(line[1:], ruffles, strict=True))]


STATIC_SCENES: Final[Mapping[str, FixtureScene]] = {
    "sample_day": FixtureScene(
        description=(
            "BTC and ETH at realistic prices with the default size: every order set is blocked "
            "with NOTIONAL_LIMIT, nothing is placed, nothing fills."
        ),
        engine={"tick_sizes": {"BTCUSDT": "0.1", "ETHUSDT": "0.01"}},
        events=_sample_day,
    ),
    "sample_day_allowed": FixtureScene(
        description=(
            "Two coins near 1 USD, moves up to 300 bps: all gates pass; fills, round trips, "
            "realised and unrealised profit, maker fees."
        ),
        engine=dollar_settings(
            "AAAUSDT", "BBBUSDT", maker_fee_bps_x100=200, taker_fee_bps_x100=500
        ),
        events=_sample_day_allowed,
    ),
    "sample_day_toxic": FixtureScene(
        description=(
            "A jump of 6 % within 5 s: exactly the snapshots that still see the price before it "
            "are blocked with PRICE_IMPACT_HIGH (600 > 500); trading resumes after."
        ),
        engine=dollar_settings("AAAUSDT", recenter_bps=60),
        events=_sample_day_toxic,
    ),
    "sample_day_drawdown": FixtureScene(
        description=(
            "Equity falls through the limit of 5 % at one known snapshot: from then "
            "KILL_SWITCH_ACTIVE, orders of all symbols cancelled, positions kept."
        ),
        engine=dollar_settings(
            "AAAUSDT",
            "BBBUSDT",
            initial_capital="1000",
            size_per_level="250",
            kill_switch_enabled=True,
        ),
        events=_sample_day_drawdown,
    ),
    "sample_day_constraints": FixtureScene(
        description=(
            "Levels of 25 USD: ROUNDUSDT is rounded down to quarters, MINUSDT skips its orders "
            "with EXEC_QTY_BELOW_MIN_QTY while it costs more than 10 USD, FREEUSDT has no rules."
        ),
        engine=dollar_settings(
            "FREEUSDT",
            "MINUSDT",
            "ROUNDUSDT",
            constraints_enabled=True,
            symbol_constraints={
                "MINUSDT": {"step_size": "0.01", "min_qty": "2.5"},
                "ROUNDUSDT": {"step_size": "0.25", "min_qty": "0.25"},
            },
            notional_per_level="25",
            recenter_bps=60,
        ),
        events=_sample_day_constraints,
    ),
}
