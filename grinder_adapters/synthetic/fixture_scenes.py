"""The markets behind the named fixtures, each made to prove one behaviour (CORE-07)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

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
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.draws import stream_seed

START_MS: Final = 1_735_689_600_000  # 2025-01-01 00:00 UTC
ROOT: Final = 0
TICK: Final = Decimal("0.0001")
ONE_DOLLAR: Final = 10_000  # in ticks
SPREAD: Final = 2  # so that the mid lies on a tick


@frozen(kw_only=True)
class FixtureScene:
    """What one fixture is made of.

    Attributes:
        engine: Settings by published name, as JSON values.
        events: Makes the events anew.
    """

    description: str
    engine: Mapping[str, Any]
    events: Callable[[], Iterator[Event]]


def _dollar_market(symbol: str) -> Market:
    return Market(symbol=symbol, tick_size=TICK, step_size=Decimal(1), depth_steps=20_000)


def _seed(fixture: str, symbol: str, what: str) -> int:
    return stream_seed(ROOT, f"{fixture}/{symbol}/{what}")


def _quotes(fixture: str, market: Market, times: list[int], mids: Path) -> Iterator[Snapshot]:
    seed = _seed(fixture, market.symbol, "size")
    return market.quotes(seed, times, mids, flat(SPREAD, len(mids)))


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
            _seed(name, market.symbol, "price"),
            market.ticks(start),
            count,
            sd_milliticks=sd,
            pull_ppm=2_000,
        )
        times = uneven_times(_seed(name, market.symbol, "time"), START_MS, count, interval)
        spreads = usual_spreads(_seed(name, market.symbol, "spread"), count, 1)
        streams.append(market.quotes(_seed(name, market.symbol, "size"), times, mids, spreads))
    return interleave(streams)


def _sample_day_allowed() -> Iterator[Event]:
    """Two coins near one dollar that come and go, never more than 3 % away."""
    name, count, interval = "sample_day_allowed", 700, 120_000
    streams = []
    for symbol in ("AAAUSDT", "BBBUSDT"):
        mids = mean_reverting(
            _seed(name, symbol, "price"),
            ONE_DOLLAR,
            count,
            sd_milliticks=26_000,
            pull_ppm=30_000,
        )
        streams.append(
            _quotes(
                name,
                _dollar_market(symbol),
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
        _seed(name, symbol, "before"), ONE_DOLLAR, calm, sd_milliticks=9_000, pull_ppm=40_000
    )
    burst = flat(ONE_DOLLAR, still) + jumped(flat(ONE_DOLLAR, still), 600)
    after = mean_reverting(
        _seed(name, symbol, "after"), burst[-1], calm, sd_milliticks=9_000, pull_ppm=40_000
    )
    times = regular_times(START_MS, calm, slow)
    times += regular_times(times[-1] + slow, len(burst), fast)
    times += regular_times(times[-1] + slow, calm, slow)
    return interleave([_quotes(name, _dollar_market(symbol), times, before + burst + after)])


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
            _seed(name, symbol, "price"), ONE_DOLLAR, count, sd_milliticks=sd, pull_ppm=30_000
        )
        times = uneven_times(_seed(name, symbol, "time"), START_MS, count, interval)
        streams.append(_quotes(name, _dollar_market(symbol), times, mids))
    return interleave(streams)


def _sample_day_drawdown() -> Iterator[Event]:
    """One coin slides by 12 % while the grid is long, another stays where it is."""
    name, interval = "sample_day_drawdown", 30_000
    falling, calm = _dollar_market("AAAUSDT"), _dollar_market("BBBUSDT")
    start = mean_reverting(
        _seed(name, falling.symbol, "price"),
        ONE_DOLLAR,
        120,
        sd_milliticks=7_000,
        pull_ppm=150_000,
    )
    fall = slide(start[-1], 8_800, 120)
    rest = mean_reverting(
        _seed(name, falling.symbol, "rest"), 8_800, 120, sd_milliticks=9_000, pull_ppm=40_000
    )
    mids = start + fall + rest
    steady = mean_reverting(
        _seed(name, calm.symbol, "price"),
        ONE_DOLLAR,
        len(mids),
        sd_milliticks=4_000,
        pull_ppm=90_000,
    )
    times = regular_times(START_MS, len(mids), interval)
    return interleave([_quotes(name, falling, times, mids), _quotes(name, calm, times, steady)])


def _dollar_settings(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"tick_sizes": dict.fromkeys(symbols, str(TICK)), **more}


SCENES: Final[Mapping[str, FixtureScene]] = {
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
        engine=_dollar_settings(
            "AAAUSDT", "BBBUSDT", maker_fee_bps_x100=200, taker_fee_bps_x100=500
        ),
        events=_sample_day_allowed,
    ),
    "sample_day_toxic": FixtureScene(
        description=(
            "A jump of 6 % within 5 s: exactly the snapshots that still see the price before it "
            "are blocked with PRICE_IMPACT_HIGH (600 > 500); trading resumes after."
        ),
        engine=_dollar_settings("AAAUSDT", recenter_bps=60),
        events=_sample_day_toxic,
    ),
    "sample_day_multisymbol": FixtureScene(
        description=(
            "Five symbols, K = 3, selected in a separate pass: AAAUSDT, BBBUSDT and CCCUSDT trade, "
            "DDDUSDT and EEEUSDT are out on their volatility score."
        ),
        engine=_dollar_settings(
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
    "sample_day_drawdown": FixtureScene(
        description=(
            "Equity falls through the limit of 5 % at one known snapshot: from then "
            "KILL_SWITCH_ACTIVE, orders of all symbols cancelled, positions kept."
        ),
        engine=_dollar_settings(
            "AAAUSDT",
            "BBBUSDT",
            initial_capital="1000",
            size_per_level="250",
            kill_switch_enabled=True,
        ),
        events=_sample_day_drawdown,
    ),
}
