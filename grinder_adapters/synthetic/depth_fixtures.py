"""Fixtures of the two gates that read the book (CORE-07, CORE-23, CORE-24, CORE-35)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from grinder_adapters.synthetic.books import (
    QTY_REF,
    TOO_THIN,
    USUAL,
    WALLED,
    BookMarket,
    BookSide,
    slipping,
)
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
from grinder_adapters.synthetic.quoting import interleave
from grinder_adapters.synthetic.scenes import Path, mean_reverting, regular_times
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import L2Snapshot, Snapshot

MakeSide = Callable[[int], BookSide]  # from the best price in ticks

GATING_INTERVAL_MS: Final = 20_000
BOOK_LEAD_MS: Final = 200  # a book comes that long before the quote that decides on it


def _usual(best: int) -> BookSide:
    return USUAL


def _walled(best: int) -> BookSide:
    return WALLED


def _too_thin(best: int) -> BookSide:
    return TOO_THIN


def _slips(impact_bps: int) -> MakeSide:
    return lambda best: slipping(best, impact_bps)


# quotes, bids, asks; buying takes asks and selling takes bids
GATING_SCENES: Final[tuple[tuple[int, MakeSide, MakeSide], ...]] = (
    (54, _usual, _usual),  # normal: sixteen bars warm the features up
    (3, _usual, _slips(200)),  # ultra thin, just
    (3, _usual, _slips(420)),  # ultra thin
    (6, _usual, _usual),
    (3, _slips(260), _usual),  # ultra thin the other way round
    (4, _slips(199), _slips(199)),  # as thin as may be
    (6, _walled, _usual),  # a wall of bids
    (4, _too_thin, _usual),  # not enough bids
    (3, _too_thin, _too_thin),  # not enough of anything
    (4, _usual, _too_thin),
    (8, _usual, _usual),
)


def _sample_day_l2_gating() -> Iterator[Event]:
    """One coin whose book thins out in every way, and two whose budget is spent or nearly so."""
    name, count = "sample_day_l2_gating", sum(scene[0] for scene in GATING_SCENES)
    times = regular_times(START_MS, count, GATING_INTERVAL_MS)

    def path(symbol: str) -> Path:
        seed = seed_of(name, symbol, "price")
        return mean_reverting(seed, ONE_DOLLAR, count, sd_milliticks=3_000, pull_ppm=80_000)

    def booked(market: BookMarket) -> Iterator[Snapshot | L2Snapshot]:
        sides = [scene[1:] for scene in GATING_SCENES for _ in range(scene[0])]
        for ts, mid, (bid_side, ask_side) in zip(times, path(market.symbol), sides, strict=True):
            bid, ask = market.best(mid)
            bids, asks = bid_side(bid), ask_side(ask)
            yield market.book(ts - BOOK_LEAD_MS, mid, bids, asks)
            yield market.quote(ts, mid, bids, asks)

    booked_market = BookMarket(symbol="BOOKUSDT", tick_size=TICK, spread=SPREAD)
    others = (dollar_market(symbol) for symbol in ("SCALEUSDT", "SPENTUSDT"))
    return interleave(
        [
            booked(booked_market),
            *(quotes(name, market, times, path(market.symbol)) for market in others),
        ]
    )


# age of the book in ms, bids, asks: what a recentred grid meets when it wants to be placed
GUARD_SCENES: Final[tuple[tuple[int, MakeSide, MakeSide], ...]] = (
    (1_500, _slips(49), _slips(49)),  # as old and as thin as may be
    (1_501, _usual, _usual),
    (300, _usual, _slips(50)),
    (300, _slips(50), _usual),
    (300, _usual, _too_thin),
    (300, _too_thin, _usual),
    (300, _too_thin, _slips(420)),
    (5_000, _too_thin, _too_thin),  # what is stale says nothing about depth
    (0, _slips(49), _slips(49)),
)
GUARD_ROUNDS: Final = 3
GUARD_SCENE_MS: Final = 30_000
GUARD_JUMP: Final = 40  # ticks that the mid jumps at each scene: enough to recentre the grid


def _sample_day_l2_exec_guard() -> Iterator[Event]:
    """Two coins that jump to and fro, so that their grids are placed anew; one has a book."""
    name = "sample_day_l2_exec_guard"
    scenes = GUARD_SCENES * GUARD_ROUNDS
    seed = seed_of(name, "BOOKUSDT", "price")
    calm = mean_reverting(seed, ONE_DOLLAR, len(scenes), sd_milliticks=2_000, pull_ppm=80_000)
    mids = [mid + (GUARD_JUMP if scene % 2 else 0) for scene, mid in enumerate(calm)]
    booked = BookMarket(symbol="BOOKUSDT", tick_size=TICK, spread=SPREAD)
    plain = BookMarket(symbol="PLAINUSDT", tick_size=TICK, spread=SPREAD)

    def with_book() -> Iterator[Snapshot | L2Snapshot]:
        for scene, (mid, (age, bid_side, ask_side)) in enumerate(zip(mids, scenes, strict=True)):
            bid, ask = booked.best(mid)
            bids, asks = bid_side(bid), ask_side(ask)
            ts = START_MS + (scene + 1) * GUARD_SCENE_MS
            yield booked.book(ts - age, mid, bids, asks)
            yield booked.quote(ts, mid, bids, asks)
            yield booked.quote(ts + 2_000, mid, bids, asks)
            yield booked.book(ts + 4_000, mid, USUAL, USUAL)
            yield booked.quote(ts + 4_100, mid, USUAL, USUAL)
            yield booked.quote(ts + 5_000, mid + 2, USUAL, USUAL)

    def without() -> Iterator[Snapshot | L2Snapshot]:
        for scene, mid in enumerate(mids):
            ts = START_MS + (scene + 1) * GUARD_SCENE_MS
            yield plain.quote(ts, mid, TOO_THIN, TOO_THIN)
            yield plain.quote(ts + 4_100, mid, USUAL, USUAL)

    return interleave([with_book(), without()])


DEPTH_SCENES: Final[Mapping[str, FixtureScene]] = {
    "sample_day_l2_gating": FixtureScene(
        description=(
            "BOOKUSDT loses the side whose book is thin, and both at once with a HARD reset; a "
            "wall changes nothing. SCALEUSDT trades a quarter of its size, SPENTUSDT nothing."
        ),
        engine=dollar_settings(
            "BOOKUSDT",
            "SCALEUSDT",
            "SPENTUSDT",
            feature_engine_enabled=True,
            adaptive_policy_enabled=True,
            l2_gating_enabled=True,
            qty_ref=dict.fromkeys(("BOOKUSDT", "SCALEUSDT", "SPENTUSDT"), str(QTY_REF)),
            dd_budget_ratios={"SCALEUSDT": "0.25", "SPENTUSDT": "0"},
            levels_max=5,
            size_per_level="30",
        ),
        events=_sample_day_l2_gating,
    ),
    "sample_day_l2_exec_guard": FixtureScene(
        description=(
            "A grid that is placed anew meets stale and thin books: each of the five EXEC_L2 "
            "codes, and orders that pass with a book of 1500 ms and an impact of 49."
        ),
        engine=dollar_settings(
            "BOOKUSDT",
            "PLAINUSDT",
            l2_execution_guard_enabled=True,
            qty_ref=dict.fromkeys(("BOOKUSDT", "PLAINUSDT"), str(QTY_REF)),
            recenter_bps=30,
            levels=3,
            size_per_level="30",
        ),
        events=_sample_day_l2_exec_guard,
    ),
}
