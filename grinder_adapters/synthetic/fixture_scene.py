"""What a named fixture is made of, and the ingredients that most of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from grinder_adapters.synthetic.quoting import Market
from grinder_adapters.synthetic.scenes import Path, flat
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.draws import stream_seed

START_MS: Final = 1_735_689_600_000  # 2025-01-01 00:00 UTC
ROOT: Final = 0
TICK: Final = Decimal("0.0001")
ONE_DOLLAR: Final = 10_000  # in ticks, so that a tick is a basis point
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


def dollar_market(symbol: str) -> Market:
    """Return a deep market for a coin near one dollar."""
    return Market(symbol=symbol, tick_size=TICK, step_size=Decimal(1), depth_steps=20_000)


def seed_of(fixture: str, symbol: str, what: str) -> int:
    """Return the seed of one stream of draws of one fixture."""
    return stream_seed(ROOT, f"{fixture}/{symbol}/{what}")


def quotes(
    fixture: str, market: Market, times: list[int], mids: Path, spread: int = SPREAD
) -> Iterator[Snapshot]:
    """Yield quotes with one spread throughout, in ticks."""
    seed = seed_of(fixture, market.symbol, "size")
    return market.quotes(seed, times, mids, flat(spread, len(mids)))


def dollar_settings(*symbols: str, **more: Any) -> dict[str, Any]:
    """Return settings that know the tick of these symbols."""
    return {"tick_sizes": dict.fromkeys(symbols, str(TICK)), **more}
