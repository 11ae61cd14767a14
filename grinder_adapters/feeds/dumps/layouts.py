"""Which columns a dump file has: told by its name and checked against its header or width."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from operator import itemgetter
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_adapters.feeds.csv_rows import dump_name, first_row, has_header, is_csv, rows
from grinder_core.errors import FixtureError


class DumpKind(StrEnum):
    """What the rows of a file are."""

    BOOK_TICKER = "bookTicker"
    AGG_TRADES = "aggTrades"
    TRADES = "trades"
    BOOK_DEPTH = "bookDepth"
    RECORDED_TRADES = "recorded trades"
    RECORDED_DEPTH = "recorded depth"
    MINUTE_QUOTES = "minute quotes"


@frozen
class Columns:
    """The columns of one kind.

    Attributes:
        all: Those of a file without header; spot dumps add one at the end.
        used: Those that are read, in the order in which the reader takes them.
        spot_width: Columns of spot's form, where it differs.
    """

    all: tuple[str, ...]
    used: tuple[str, ...]
    spot_width: int | None = None


_QUOTE_BAR: Final = tuple(
    f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close")
)
_RECORDED: Final = ("TimestampOfReceive", "EventTime", "Symbol")

COLUMNS: Final = {
    DumpKind.BOOK_TICKER: Columns(
        (
            "update_id",
            "best_bid_price",
            "best_bid_qty",
            "best_ask_price",
            "best_ask_qty",
            "transaction_time",
            "event_time",
        ),
        (
            "update_id",
            "best_bid_price",
            "best_ask_price",
            "best_bid_qty",
            "best_ask_qty",
            "event_time",
        ),
    ),
    DumpKind.AGG_TRADES: Columns(
        (
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
        ),
        ("agg_trade_id", "price", "quantity", "transact_time", "is_buyer_maker"),
        spot_width=8,
    ),
    DumpKind.TRADES: Columns(
        ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker"),
        ("id", "price", "qty", "time", "is_buyer_maker"),
        spot_width=7,
    ),
    DumpKind.BOOK_DEPTH: Columns(
        ("timestamp", "percentage", "depth", "notional"),
        ("timestamp", "percentage", "depth", "notional"),
    ),
    DumpKind.RECORDED_TRADES: Columns(
        (),
        (*_RECORDED, "TradeId", "Price", "Quantity", "IsBuyerMarketMaker", "XUnknownParameter"),
    ),
    DumpKind.RECORDED_DEPTH: Columns(
        (),
        (
            *_RECORDED,
            "FirstUpdateId",
            "FinalUpdateId",
            "FinalUpdateIdInLastStream",
            "IsAsk",
            "Price",
            "Quantity",
        ),
    ),
    DumpKind.MINUTE_QUOTES: Columns(
        (), ("open_time", *_QUOTE_BAR, "last_bid_size", "last_ask_size")
    ),
}
_NAMED: Final = {
    kind.value: kind
    for kind in (DumpKind.BOOK_TICKER, DumpKind.AGG_TRADES, DumpKind.TRADES, DumpKind.BOOK_DEPTH)
}

Cells = tuple[str, ...]


@frozen
class Layout:
    """How to read one file.

    Attributes:
        width: Number of cells of every row.
        header: Whether the first row names the columns.
        pick: Takes the cells a reader uses out of a row.
    """

    path: Path
    kind: DumpKind
    width: int
    header: bool
    pick: Callable[[list[str]], Cells]

    def cells(self) -> Iterator[tuple[int, Cells | FixtureError]]:
        """Yield each data row's line and used cells, or what is wrong with its shape.

        Raises:
            FixtureError: The file itself is damaged.
        """
        rest = rows(self.path)
        if self.header:
            next(rest, None)
        for line, row in rest:
            if len(row) == self.width:
                yield line, self.pick(row)
            else:
                yield (
                    line,
                    FixtureError(
                        f"must have {self.width} columns",
                        field="row",
                        value=len(row),
                        where=f"{self.path}:{line}",
                    ),
                )


def looks_like_dump(path: Path) -> bool:
    """Tell by name, else by header, whether ``DumpSource`` reads a file; klines are not its.

    Raises:
        FixtureError: A CSV or zip file of an undecided name that cannot be opened.
    """
    if path.is_dir() or not is_csv(path):
        return False
    name = dump_name(path)
    if name is not None:
        return name.type in _NAMED
    return _kind_of_header(first_row(path)) is not None


def layout_of(path: Path) -> Layout:
    """Find out how to read a file.

    Raises:
        FixtureError: The file is damaged or empty, its columns are of no known kind, or they are
            not those its name promises.
    """
    row = first_row(path)
    if not row:
        raise FixtureError("holds no row", where=str(path))
    name = dump_name(path)
    promised = None if name is None else _NAMED.get(name.type)
    if has_header(row):
        kind = promised or _kind_of_header(row)
        if kind is None or not set(COLUMNS[kind].used) <= set(row):
            raise _unknown(path, row, promised)
        positions = [row.index(column) for column in COLUMNS[kind].used]
        return Layout(path, kind, len(row), True, itemgetter(*positions))
    if promised is None or len(row) not in {
        len(COLUMNS[promised].all),
        COLUMNS[promised].spot_width,
    }:
        raise _unknown(path, row, promised)
    positions = [COLUMNS[promised].all.index(column) for column in COLUMNS[promised].used]
    return Layout(path, promised, len(row), False, itemgetter(*positions))


def _kind_of_header(row: list[str]) -> DumpKind | None:
    columns = set(row)
    for kind, known in COLUMNS.items():
        if set(known.used) <= columns:
            return kind
    return None


def _unknown(path: Path, row: list[str], promised: DumpKind | None) -> FixtureError:
    if promised is not None:
        expected = ", ".join(COLUMNS[promised].all)
        return FixtureError(
            f"must have the columns of {promised}: {expected}",
            field="columns",
            value=row,
            where=f"{path}:1",
        )
    return FixtureError(
        f"are those of no known file: {', '.join(_NAMED)}, klines",
        field="columns",
        value=row,
        where=f"{path}:1",
        remedy="name a file without header as the venue does: BTCUSDT-trades-2024-01-01.csv",
    )
