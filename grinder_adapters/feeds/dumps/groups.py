"""Events spread over several rows, or several events in a row: bands, depth diffs, quote bars.

A group with one malformed row is left out whole: half of a depth event applied to a book, or
half of the bands, would be wrong without looking wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from grinder_adapters.feeds.construct import snapshot
from grinder_adapters.feeds.csv_rows import (
    bool_cell,
    decimal_cell,
    int_cell,
    interval_in_name,
    located,
    pct_x100_cell,
    time_cell,
)
from grinder_adapters.feeds.dumps.layouts import Cells, Layout
from grinder_adapters.feeds.dumps.rows import Item, check_same, number
from grinder_adapters.feeds.interned import PRICES, QTYS
from grinder_adapters.feeds.intrabar import offsets
from grinder_adapters.feeds.problems import Problems
from grinder_core.contracts.market import DepthBands, DepthDiff, Level, Snapshot
from grinder_core.errors import ContractError, FixtureError
from grinder_core.numbers import ZERO, exact

GROUP_ROWS_MAX: Final = 100_000
MINUTE_MS: Final = 60_000

_OHLC: Final = ("open", "high", "low", "close")


def read_book_depth(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read one set of bands per timestamp, ordered by it."""

    def build(line: int, group: list[Cells]) -> Item:
        ts = _utc_ms(group[0][0])
        bands = sorted(
            (
                pct_x100_cell("percentage", percentage),
                decimal_cell("depth", depth),
                decimal_cell("notional", notional),
            )
            for _, percentage, depth, notional in group
        )
        return ts, layout.path, line, None, DepthBands(ts=ts, symbol=symbol, bands=tuple(bands))

    return _groups(layout, problems, 0, build)


def read_recorded_depth(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read recorded depth diffs, one row per level, ordered by ``FinalUpdateId``."""

    def build(line: int, group: list[Cells]) -> Item:
        received, time, _, first, last, previous = group[0][:6]
        bids: list[Level] = []
        asks: list[Level] = []
        for cells in group:
            if cells[:6] != group[0][:6]:
                raise ContractError(
                    "all rows of one FinalUpdateId must agree in their first columns",
                    field="FinalUpdateId",
                    value=last,
                )
            check_same(symbol, cells[2])
            level = number(PRICES, "Price", cells[7]), number(QTYS, "Quantity", cells[8])
            (asks if bool_cell("IsAsk", cells[6]) else bids).append(level)
        diff = DepthDiff(
            ts=time_cell("EventTime", time),
            symbol=symbol,
            first_update_id=int_cell("FirstUpdateId", first),
            last_update_id=int_cell("FinalUpdateId", last),
            prev_update_id=int_cell("FinalUpdateIdInLastStream", previous),
            bids=tuple(bids),
            asks=tuple(asks),
        )
        received_ms = time_cell("TimestampOfReceive", received)
        return diff.last_update_id, layout.path, line, received_ms, diff

    return _groups(layout, problems, 4, build)


def read_minute_quotes(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read bars of bid and ask, each row along the path of ``intrabar``, ordered by time.

    Both sides take the path of the mid, so they visit their extremes together. The displayed
    quantities are those of the bar's last quote; there is no last trade.
    """
    marks = offsets(interval_in_name(layout.path) or MINUTE_MS)
    path = layout.path
    for line, cells in layout.cells():
        if isinstance(cells, FixtureError):
            problems.skip(cells)
            continue
        try:
            quotes = _quotes_of_bar(cells, symbol, marks)
        except ContractError as error:
            problems.skip(located(error, path, line))
            continue
        for quote in quotes:
            yield quote.ts, path, line, None, quote


def _quotes_of_bar(cells: Cells, symbol: str, marks: tuple[int, ...]) -> list[Snapshot]:
    time = time_cell("open_time", cells[0])
    bids, asks = _side("bid", cells[1:5]), _side("ask", cells[5:9])
    bid_qty = number(QTYS, "last_bid_size", cells[9])
    ask_qty = number(QTYS, "last_ask_size", cells[10])
    opened, high, low, closed = zip(bids, asks, strict=True)
    with exact():
        rising = sum(closed) >= sum(opened)
    route = (opened, low, high, closed) if rising else (opened, high, low, closed)
    quotes: list[Snapshot] = []
    for quarter, (bid, ask) in enumerate(route):
        if ask < bid:
            raise ContractError(
                f"must be >= the bid {bid}, the book is crossed", field="ask", value=ask
            )
        if 0 < quarter < 3 and (bid, ask) == route[quarter - 1]:
            continue
        quotes.append(
            snapshot(time + marks[quarter], symbol, bid, ask, bid_qty, ask_qty, ZERO, ZERO)
        )
    return quotes


def _side(side: str, cells: Cells) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Read open, high, low and close of one side."""
    open_, high, low, close = (
        number(PRICES, f"{side}_{name}", text) for name, text in zip(_OHLC, cells, strict=True)
    )
    for name, price in (("open", open_), ("close", close)):
        if not low <= price <= high:
            raise ContractError(
                f"must lie between low {low} and high {high}", field=f"{side}_{name}", value=price
            )
    return open_, high, low, close


def _groups(
    layout: Layout, problems: Problems, key: int, build: Callable[[int, list[Cells]], Item]
) -> Iterator[Item]:
    """Build one item of each run of rows that share the cell ``key``."""
    path = layout.path
    group: list[Cells] = []
    start = 0
    wrong: FixtureError | None = None

    def finish() -> Iterator[Item]:
        try:
            if wrong is not None:
                raise wrong
            item = build(start, group)
        except FixtureError as error:
            problems.skip(error)
        except ContractError as error:
            problems.skip(located(error, path, start))
        else:
            yield item

    for line, cells in layout.cells():
        if isinstance(cells, FixtureError):
            wrong = wrong or cells
            continue
        if group and cells[key] != group[0][key]:
            yield from finish()
            group, wrong = [], None
        if not group:
            start = line
        group.append(cells)
        if len(group) > GROUP_ROWS_MAX:
            raise FixtureError(
                f"must not hold more than {GROUP_ROWS_MAX} rows of one event",
                where=f"{path}:{start}",
            )
    if group or wrong is not None:
        yield from finish()


def _utc_ms(text: str) -> int:
    """Read ``2024-01-01 00:00:08``, which is UTC."""
    try:
        time = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise ContractError(
            "must be a time like 2024-01-01 00:00:08", field="timestamp", value=text
        ) from None
    return int(time.timestamp()) * 1000
