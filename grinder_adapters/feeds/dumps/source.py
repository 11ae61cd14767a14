"""Dump files as one stream: rows put in order per kind and symbol, symbols merged by time.

A dump has no order of arrival: the venue's ids are its order. Files hold rows a little out of it
(seen in bookTicker), so each kind of each symbol is sorted in a window of 4096 rows; a row that
would have to move further is refused, because sorting without bound would need the whole file
in memory. Times follow the order of the ids: one that goes back by up to a second is raised to
the one before it, more is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from grinder_adapters.feeds.construct import event
from grinder_adapters.feeds.csv_rows import OUTSIDE_GRAMMAR, dump_name, located, stem
from grinder_adapters.feeds.dumps.groups import (
    read_book_depth,
    read_minute_quotes,
    read_recorded_depth,
)
from grinder_adapters.feeds.dumps.layouts import DumpKind, Layout, layout_of
from grinder_adapters.feeds.dumps.rows import (
    Item,
    Reader,
    read_book_ticker,
    read_recorded_trades,
    read_trades,
)
from grinder_adapters.feeds.kline_files import is_kline_file
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_adapters.feeds.source import Clock, merge
from grinder_core.contracts.checks import SYMBOL, check_symbol
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, ContractError, FixtureError

WINDOW: Final = 4_096
BACK_MS_MAX: Final = 1_000

_READERS: Final[dict[DumpKind, Reader]] = {
    DumpKind.BOOK_TICKER: read_book_ticker,
    DumpKind.AGG_TRADES: read_trades,
    DumpKind.TRADES: read_trades,
    DumpKind.BOOK_DEPTH: read_book_depth,
    DumpKind.RECORDED_TRADES: read_recorded_trades,
    DumpKind.RECORDED_DEPTH: read_recorded_depth,
    DumpKind.MINUTE_QUOTES: read_minute_quotes,
}
_SYMBOL_COLUMN: Final = 2  # of the recorded kinds
_RECORDED: Final = (DumpKind.RECORDED_TRADES, DumpKind.RECORDED_DEPTH)
_QUOTE_PREFIXES: Final = ("usdm_", "spot_")


@frozen
class DumpSource:
    """Events of dump files of any number of kinds and symbols.

    Attributes:
        paths: CSV, gzipped CSV or zip files; those of one kind and symbol continue each other.
        problems: What to do about malformed rows and files.
        symbol: The symbol of all files; by default each file says its own.
    """

    paths: Sequence[Path]
    problems: Problems
    symbol: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("must name at least one file", field="paths")
        if self.symbol is not None:
            check_symbol(self.symbol)

    @property
    def name(self) -> str:
        """The first file, and how many more there are."""
        more = len(self.paths) - 1
        return f"{self.paths[0]}" + (f" and {more} more" if more else "")

    def __iter__(self) -> Iterator[Event]:
        chains: dict[tuple[DumpKind, str], list[Layout]] = {}
        for path in self.paths:
            try:
                layout = self._layout(path)
            except FixtureError as error:
                self.problems.skip(error)
                continue
            symbol = self.symbol if self.symbol is not None else _symbol_of(layout)
            if SYMBOL.fullmatch(symbol):
                chains.setdefault((layout.kind, symbol), []).append(layout)
            else:
                self.problems.count_out(OUTSIDE_GRAMMAR)
        streams = [
            _Chain(tuple(layouts), symbol, self.problems) for (_, symbol), layouts in chains.items()
        ]
        yield from streams[0] if len(streams) == 1 else merge(streams)

    def _layout(self, path: Path) -> Layout:
        if is_kline_file(path):
            raise ConfigError(
                "klines need a spread to become quotes",
                where=str(path),
                remedy="read them with KlineSource",
            )
        return layout_of(path)


@frozen
class _Chain:
    """One kind of one symbol, its files one after another."""

    layouts: tuple[Layout, ...]
    symbol: str
    problems: Problems
    _read: Reader = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_read", _READERS[self.layouts[0].kind])

    @property
    def name(self) -> str:
        return f"{self.layouts[0].path}"

    def __iter__(self) -> Iterator[Event]:
        clock = Clock()
        numbered = self.layouts[0].kind is DumpKind.BOOK_TICKER
        last_key, last_ts, seq = -1, 0, 0
        for key, path, line, received, payload in _in_order(self._items()):
            try:
                _check_place(key, last_key, payload.ts, last_ts)
            except ContractError as error:
                self.problems.skip(located(error, path, line))
                continue
            last_key = key
            if payload.ts < last_ts:
                payload = evolve(payload, ts=last_ts)  # noqa: PLW2901
            last_ts = payload.ts
            now = clock.envelope(last_ts if received is None else received)
            yield event(
                now, payload, seq, None if received is None else now, key if numbered else None
            )
            seq += 1

    def _items(self) -> Iterator[Item]:
        layouts = self.layouts
        if len(layouts) > 1:
            layouts = tuple(sorted(layouts, key=self._first_key))
        for layout in layouts:
            found = False
            try:
                for item in self._read(layout, self.symbol, self.problems):
                    found = True
                    yield item
                if not found:
                    raise FixtureError("holds no row of data", where=str(layout.path))
            except FixtureError as error:
                self.problems.skip(error)

    def _first_key(self, layout: Layout) -> int:
        """Return where a file begins; one without a sound row comes first, reported there."""
        items = self._read(layout, self.symbol, Problems(OnError.SKIP))
        try:
            return next((item[0] for item in items), -1)
        except FixtureError:
            return -1


def _in_order(items: Iterator[Item]) -> Iterator[Item]:
    """Sort items that are out of order by at most ``WINDOW`` places."""
    held: list[Item] = []
    for item in items:
        held.append(item)
        if len(held) == 2 * WINDOW:
            held.sort(key=itemgetter(0))
            yield from held[:WINDOW]
            del held[:WINDOW]
    held.sort(key=itemgetter(0))
    yield from held


def _check_place(key: int, last_key: int, ts: int, last_ts: int) -> None:
    """Check an event against the one before it.

    Raises:
        ContractError: It is a duplicate, or too far out of order.
    """
    if key == last_key:
        raise ContractError("is a duplicate of the event before it", field="id", value=key)
    if key < last_key:
        raise ContractError(
            f"comes after {last_key} and is more than {WINDOW} rows out of order",
            field="id",
            value=key,
            remedy="sort the file by its id",
        )
    if ts < last_ts - BACK_MS_MAX:
        raise ContractError(
            f"goes back from {last_ts} by more than {BACK_MS_MAX} ms", field="time", value=ts
        )


def _symbol_of(layout: Layout) -> str:
    """Return the symbol a file says it is of, whatever its grammar.

    Raises:
        ConfigError: It says none.
    """
    named = dump_name(layout.path)
    if named is not None:
        return named.symbol
    if layout.kind in _RECORDED:
        for _, cells in layout.cells():
            if not isinstance(cells, FixtureError):
                return cells[_SYMBOL_COLUMN]
    name = stem(layout.path)
    for prefix in _QUOTE_PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix).partition("_")[0].upper()
    raise ConfigError(
        "the file does not say its symbol",
        where=str(layout.path),
        remedy="name it like BTCUSDT-trades-2024-01-01.csv or give the symbol",
    )
