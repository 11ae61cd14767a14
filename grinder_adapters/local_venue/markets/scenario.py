"""A scripted market: a TOML file says what happens and when (LIVE-40).

.. code-block:: toml

    duration = "60s"
    start_ms = 1735689600000            # optional; Unix milliseconds
    funding_interval = "8h"             # optional; whole seconds

    [market.BTCUSDT]                    # a still market of this symbol, one table each
    start_price = "60000.0"             # on the tick
    level_qty = "2.5"                   # quantity at each price of the book, on the step
    spread_ticks = 1                    # optional
    level_ticks = 10                    # optional; distance of the book's prices
    funding_rate = "0.0001"             # optional

    [[step]]                            # in order of time
    at = "5s"                           # from the start; "250ms", "5s", "3m", "8h"
    symbol = "BTCUSDT"
    move_bps = -150                     # the mid moves by that share of itself ...
    over = "2s"                         # ... in a straight line; optional, else at once
    spread_ticks = 40                   # the spread from now on
    print = {side = "SELL", qty = "3"}  # somebody sells into the bids, level by level
    mark_offset_bps = 20                # the mark price lies that far above the mid from now on
    funding_rate = "-0.0005"            # told with the next mark price, paid at the next boundary
    gap = "3s"                          # nothing is told of the market, changes of its book are
                                        # lost; ends with a whole book, at a full 100 ms

    [[step]]
    at = "10s"
    symbol = "BTCUSDT"
    status = "SETTLING"                 # the symbol's status
    set_filter = {min_notional = "10"}  # rules of its orders, by the fields of ``Instrument``

    [[step]]
    at = "12s"
    deposit = {account = "main", amount = "-250"}

A step does one or more of these things; ``deposit`` needs no ``symbol``. Of one step, a gap begins
first, then price and spread move, then comes the print. Prices of the book that were printed away
are there again when the 100 ms end. An odd spread lies half a tick below the mid.

A filter changes what orders may be, not where the market's prices lie. ``status``, ``set_filter``
and ``deposit`` are no market events: they come out as ``VenueStep`` records in their place of the
stream, before what the market does at that time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, frozen

from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.markets.scale import MICRO, Scale
from grinder_adapters.local_venue.markets.scenario_steps import StepReader, lots_of, rate
from grinder_adapters.local_venue.markets.scripted import (
    Happening,
    MarketStep,
    Move,
    ScriptedMarket,
)
from grinder_adapters.local_venue.markets.slots import (
    HOUR_MS,
    SECOND_MS,
    START_MS,
    Driver,
    Row,
    run,
)
from grinder_adapters.local_venue.markets.tape import Tape
from grinder_adapters.local_venue.markets.toml_table import (
    Table,
    at_least,
    decimal,
    duration_ms,
    integer,
    tables,
    tables_listed,
)
from grinder_adapters.local_venue.markets.venue_steps import VenueStep
from grinder_core.contracts.event import Event
from grinder_core.errors import FixtureError
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.funding import boundary_after

_FUNDING_MS: Final = 8 * HOUR_MS
_KEYS: Final = ("duration", "start_ms", "funding_interval", "market", "step")
_MARKET_KEYS: Final = ("start_price", "level_qty", "spread_ticks", "level_ticks", "funding_rate")


@frozen(kw_only=True)
class ScriptedSymbol:
    """One market of a script as it begins.

    Attributes:
        mid: Ticks.
        spread, gap: Of the touch, and of the book's other prices, ticks.
        lots: Quantity at each price of the book.
        rate: Funding rate, hundred-millionths.
    """

    symbol: str
    scale: Scale
    mid: int
    spread: int
    gap: int
    lots: int
    rate: int
    steps: Sequence[MarketStep]

    def driver(self, start_ms: int, funding_ms: int) -> ScriptedMarket:
        """Begin the market."""
        tape = Tape.of(
            self.symbol,
            self.scale,
            self.mid,
            spread=self.spread,
            gap=self.gap,
            least=1,
            lots=lambda: self.lots,
        )
        return ScriptedMarket(
            tape=tape,
            steps=self.steps,
            move=Move(self.mid * MICRO, self.mid * MICRO),
            spread=self.spread,
            rate=self.rate,
            funding_ms=funding_ms,
            next_funding_ts=boundary_after(start_ms, funding_ms),
        )


@frozen(kw_only=True)
class Scenario:
    """A source of what a script says; every pass tells it anew.

    Attributes:
        name: The file.
        end_ms: The first time that is left out.
        venue_steps: In order of time.
    """

    name: str
    start_ms: int
    end_ms: int
    funding_ms: int
    markets: Sequence[ScriptedSymbol]
    venue_steps: Sequence[VenueStep]

    def __iter__(self) -> Iterator[Event | VenueStep]:
        drivers: list[Driver[Happening]] = [_VenueScript(self.venue_steps)]
        drivers += [market.driver(self.start_ms, self.funding_ms) for market in self.markets]
        seq = 0
        for ts, what, update_id in run(drivers, self.start_ms, self.end_ms):
            if isinstance(what, VenueStep):
                yield what
            else:
                yield construct.event(ts, what, seq, None, update_id)
                seq += 1


@define
class _VenueScript:
    """Tells what happens to the venue."""

    steps: Sequence[VenueStep]
    done: int = 0

    def slot(self, begin_ms: int, end_ms: int, rows: list[Row[Happening]]) -> None:
        while self.done < len(self.steps) and self.steps[self.done].ts_ms < end_ms:
            step = self.steps[self.done]
            rows.append((step.ts_ms, step, None))
            self.done += 1


def read_scenario(path: Path, instruments: Sequence[Instrument]) -> Scenario:
    """Read and check a whole script.

    Args:
        instruments: Rules of at least the symbols of the script.

    Raises:
        FixtureError: The file cannot be read, is no TOML, or says something that cannot be; names
            file, step, field, value and rule.
        ConfigError: An instrument's rules fit no book.
    """
    table = Table(_parse(path), str(path))
    table.refuse_unknown(*_KEYS)
    start = table.optional("start_ms", at_least(0, integer), START_MS)
    end = start + table.required("duration", at_least(1, duration_ms))
    rules = _rules_of(table.required("market", tables), instruments, table.where)
    reader = StepReader.of(rules, start, end)
    steps: list[dict[str, Any]] = table.optional("step", tables_listed, [])
    for number, step in enumerate(steps, start=1):
        reader.read(Table(step, f"{path}: step {number}"))
    return Scenario(
        name=str(path),
        start_ms=start,
        end_ms=end,
        funding_ms=table.optional("funding_interval", _whole_seconds, _FUNDING_MS),
        markets=[
            _market(Table(values, f"{path}: market.{symbol}"), symbol, reader)
            for symbol, values in table.values["market"].items()
        ],
        venue_steps=reader.venue_steps,
    )


def _parse(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FixtureError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise FixtureError(f"is no TOML: {error}", where=str(path)) from None


def _rules_of(
    names: Iterable[str], instruments: Sequence[Instrument], where: str
) -> dict[str, Instrument]:
    known = {instrument.symbol: instrument for instrument in instruments}
    for symbol in names:
        if symbol not in known:
            rule = "is no instrument of the venue"
            raise FixtureError(rule, field="market", value=symbol, where=where)
    return {symbol: known[symbol] for symbol in names}


def _market(table: Table, symbol: str, reader: StepReader) -> ScriptedSymbol:
    table.refuse_unknown(*_MARKET_KEYS)
    scale = reader.scales[symbol]
    return ScriptedSymbol(
        symbol=symbol,
        scale=scale,
        mid=table.required("start_price", lambda value: scale.start(decimal(value), "")),
        spread=table.optional("spread_ticks", at_least(1, integer), 1),
        gap=table.optional("level_ticks", at_least(1, integer), 1),
        lots=table.required("level_qty", lots_of(scale)),
        rate=table.optional("funding_rate", rate, 0),
        steps=reader.market_steps[symbol],
    )


def _whole_seconds(value: object) -> int:
    length = at_least(SECOND_MS, duration_ms)(value)
    if length % SECOND_MS:
        raise FixtureError("must be whole seconds")
    return length
