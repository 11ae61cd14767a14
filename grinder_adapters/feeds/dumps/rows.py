"""Rows of one event each: quotes, aggregated trades, trades, and recorded trade frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from grinder_adapters.feeds.construct import snapshot, trade
from grinder_adapters.feeds.csv_rows import bool_cell, int_cell, located, time_cell
from grinder_adapters.feeds.dumps.layouts import Cells, Layout
from grinder_adapters.feeds.interned import PRICES, QTYS, TRADE_QTYS, Decimals
from grinder_adapters.feeds.problems import Problems
from grinder_core.contracts.market import DepthBands, DepthDiff, Snapshot, Trade
from grinder_core.errors import ContractError, FixtureError
from grinder_core.numbers import ZERO

Payload = Snapshot | Trade | DepthDiff | DepthBands
Item = tuple[int, Path, int, int | None, Payload]
"""What orders it within its kind and symbol, file, line, receive time ms, payload."""

Reader = Callable[[Layout, str, Problems], Iterator[Item]]

MARKET_PRINT: Final = "MARKET"
NO_PRINT: Final = "trades that are no market prints"


def read_book_ticker(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read best quotes, ordered by the venue's book update id."""

    def parse(cells: Cells) -> tuple[int, None, Snapshot]:
        update_id, bid_price, ask_price, bid_qty, ask_qty, time = cells
        bid = number(PRICES, "best_bid_price", bid_price)
        ask = number(PRICES, "best_ask_price", ask_price)
        if ask < bid:
            raise ContractError(
                f"must be >= best_bid_price {bid_price}, the book is crossed",
                field="best_ask_price",
                value=ask_price,
            )
        quote = snapshot(
            time_cell("event_time", time),
            symbol,
            bid,
            ask,
            number(QTYS, "best_bid_qty", bid_qty),
            number(QTYS, "best_ask_qty", ask_qty),
            ZERO,
            ZERO,
        )
        return int_cell("update_id", update_id), None, quote

    return _each(layout, problems, parse)


def read_trades(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read trades or aggregated trades, ordered by their id."""

    def parse(cells: Cells) -> tuple[int, None, Trade]:
        id_, price, qty, time, is_buyer_maker = cells
        trade_id = int_cell("id", id_)
        ts = time_cell("time", time)
        return trade_id, None, _print(ts, symbol, trade_id, price, qty, is_buyer_maker)

    return _each(layout, problems, parse)


def read_recorded_trades(layout: Layout, symbol: str, problems: Problems) -> Iterator[Item]:
    """Read recorded ``trade`` frames, ordered by trade id; only prints on the market."""

    def parse(cells: Cells) -> tuple[int, int, Trade] | None:
        received, time, of_symbol, id_, price, qty, is_buyer_maker, what = cells
        if what != MARKET_PRINT:
            problems.count_out(NO_PRINT)
            return None
        check_same(symbol, of_symbol)
        trade_id = int_cell("TradeId", id_)
        made = _print(time_cell("EventTime", time), symbol, trade_id, price, qty, is_buyer_maker)
        return trade_id, time_cell("TimestampOfReceive", received), made

    return _each(layout, problems, parse)


def number(cache: Decimals, field: str, text: str) -> Decimal:
    """Read a price or quantity under the rule of its cache.

    Raises:
        ContractError: It breaks the rule; names the column.
    """
    try:
        return cache[text]
    except ContractError as error:
        raise ContractError(error.rule, field=field, value=text) from None


def check_same(symbol: str, found: str) -> None:
    """Check a row's own symbol against that of its file.

    Raises:
        ContractError: They differ.
    """
    if found != symbol:
        raise ContractError(f"must be {symbol}, one symbol a file", field="Symbol", value=found)


def _print(ts: int, symbol: str, trade_id: int, price: str, qty: str, is_buyer_maker: str) -> Trade:
    return trade(
        ts,
        symbol,
        trade_id,
        number(PRICES, "price", price),
        number(TRADE_QTYS, "qty", qty),
        bool_cell("is_buyer_maker", is_buyer_maker),
    )


def _each(
    layout: Layout,
    problems: Problems,
    parse: Callable[[Cells], tuple[int, int | None, Payload] | None],
) -> Iterator[Item]:
    path = layout.path
    for line, cells in layout.cells():
        if isinstance(cells, FixtureError):
            problems.skip(cells)
            continue
        try:
            parsed = parse(cells)
        except ContractError as error:
            problems.skip(located(error, path, line))
            continue
        if parsed is not None:
            key, received, payload = parsed
            yield key, path, line, received, payload
