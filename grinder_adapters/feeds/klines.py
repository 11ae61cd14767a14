"""Klines expanded into quotes: the bars of Parquet, CSV and the venue's dump files.

Each bar becomes two to four SNAPSHOT events along the path of ``intrabar``. Files of one symbol
are read one after another; symbols are merged by time, then by the order in which they were
given. Memory is a chunk of quotes per symbol, whatever the length of the files.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Final

from attrs import field, frozen

from grinder_adapters.feeds.construct import event, snapshot
from grinder_adapters.feeds.csv_rows import (
    OUTSIDE_GRAMMAR,
    dump_name,
    interval_in_name,
    located,
    stem,
)
from grinder_adapters.feeds.intrabar import (
    QTY_SHARE,
    SPAN_MIN_MS,
    UNITS,
    Quoter,
    decimal_of,
    offsets,
    path,
)
from grinder_adapters.feeds.kline_files import Bar, bars, is_kline_file
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_core.contracts.checks import QTY_LIMIT, SYMBOL, check_symbol
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConfigError, ContractError, FixtureError

SPREAD_BPS: Final = Decimal(2)

_CHUNK_QUOTES: Final = 2_048
_QUOTES_CACHED: Final = 2048
_VOLUME_LIMIT: Final = int(QTY_LIMIT) * UNITS * QTY_SHARE
_ts: Final = attrgetter("ts")


def looks_like_klines(path: Path) -> bool:
    """Tell by name and columns whether ``KlineSource`` reads a file.

    Raises:
        FixtureError: A Parquet or CSV file that cannot be opened.
    """
    return is_kline_file(path)


@frozen
class KlineSource:
    """Quotes made of bars; see ``intrabar`` for the path and what is assumed.

    Attributes:
        paths: Files of any number of symbols; those of one symbol are put in order of time.
        problems: What to do about malformed rows and bars.
        symbol: The symbol of all files; by default each file's name begins with its own.
        spread_bps: Full width of every quote, ``0 < spread_bps < 20000``.
        tick_sizes: Price increment by symbol; others are rounded to 8 fractional digits.
        interval_ms: Length of every bar; by default as the file says (the close time of dumps,
            ``-1m-`` in the name, else the distance of the first two bars).

    Raises:
        ConfigError: A setting outside its range, or no symbol can be told.
        ContractError: The symbol is outside our grammar.
    """

    paths: Sequence[Path]
    problems: Problems
    symbol: str | None = None
    spread_bps: Decimal = SPREAD_BPS
    tick_sizes: Mapping[str, Decimal] | None = None
    interval_ms: int | None = None
    _by_symbol: dict[str, list[Path]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("must name at least one file", field="paths")
        if self.interval_ms is not None and self.interval_ms < SPAN_MIN_MS:
            raise ConfigError(
                f"must be >= {SPAN_MIN_MS}", field="interval_ms", value=self.interval_ms
            )
        for file in self.paths:
            symbol = self.symbol if self.symbol is not None else _symbol_in_name(file)
            if symbol is None:
                self.problems.count_out(OUTSIDE_GRAMMAR)
                continue
            self._by_symbol.setdefault(symbol, []).append(file)
        for symbol in self._by_symbol:
            check_symbol(symbol)
            self._quoter(symbol)

    @property
    def name(self) -> str:
        """The first file, and how many more there are."""
        more = len(self.paths) - 1
        return f"{self.paths[0]}" + (f" and {more} more" if more else "")

    def __iter__(self) -> Iterator[Event]:
        chunks = [self._chunks(symbol, files) for symbol, files in self._by_symbol.items()]
        for seq, quote in enumerate(_merged(chunks)):
            yield event(quote.ts, quote, seq, None, None)

    def _quoter(self, symbol: str) -> Quoter:
        return Quoter(self.spread_bps, (self.tick_sizes or {}).get(symbol))

    def _chunks(self, symbol: str, files: Sequence[Path]) -> Iterator[list[Snapshot]]:
        """Yield one symbol's quotes in rising time, some thousand at once."""
        quote = lru_cache(maxsize=_QUOTES_CACHED)(self._quoter(symbol).quote)
        ordered = sorted(files, key=_first_open_time) if len(files) > 1 else files
        chunk: list[Snapshot] = []
        end, span, marks = 0, 0, (0, 0, 0, 0)
        for file in ordered:
            for row, time, open_, high, low, close, volume, length in self._spanned(file):
                try:
                    _check_bar(open_, high, low, close)
                    _check_place(time, volume, end)
                    if length != span:
                        span, marks = length, offsets(length)
                    qty = decimal_of(volume // QTY_SHARE)
                    quotes = [
                        (marks[quarter], *quote(price))
                        for quarter, price in path(open_, high, low, close)
                    ]
                except ContractError as error:
                    self.problems.skip(located(error, file, row))
                    continue
                end = time + span
                for mark, bid, ask, last in quotes:
                    chunk.append(snapshot(time + mark, symbol, bid, ask, qty, qty, last, qty))
                if len(chunk) >= _CHUNK_QUOTES:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _spanned(self, file: Path) -> Iterator[Bar]:
        """Yield a file's bars, each with its length."""
        span = self.interval_ms or 0
        for bar in bars(file, self.problems):
            if span:
                yield (*bar[:7], span)
            elif bar[7]:
                yield bar
            else:
                span = interval_in_name(file) or _distance_of_first_two(file)
                yield (*bar[:7], span)


def _check_bar(open_: int, high: int, low: int, close: int) -> None:
    if low <= 0:
        raise ContractError("must be > 0", field="low", value=decimal_of(low))
    for name, price in (("open", open_), ("close", close)):
        if not low <= price <= high:
            raise ContractError(
                f"must lie between low {decimal_of(low)} and high {decimal_of(high)}",
                field=name,
                value=decimal_of(price),
            )


def _check_place(time: int, volume: int, end: int) -> None:
    if time < end:
        raise ContractError(
            f"is a duplicate, goes back, or overlaps the bar before, which ends at {end}",
            field="open_time",
            value=time,
        )
    if not 0 <= volume < _VOLUME_LIMIT:
        raise ContractError(
            f"must be >= 0 and < {_VOLUME_LIMIT // UNITS}",
            field="volume",
            value=decimal_of(volume),
        )


def _merged(streams: Sequence[Iterator[list[Snapshot]]]) -> Iterator[Snapshot]:
    """Merge by time, then by order of the streams.

    Whole chunks are sorted up to the earliest of their ends, which costs a fraction of a heap;
    times rise strictly within a stream, so nothing earlier can follow.
    """
    if len(streams) == 1:
        for chunk in streams[0]:
            yield from chunk
        return
    pending = [(chunk, stream) for stream in streams if (chunk := next(stream, []))]
    while pending:
        horizon = min(chunk[-1].ts for chunk, _ in pending)
        batch: list[Snapshot] = []
        rest = []
        for chunk, stream in pending:
            ready = bisect_right(chunk, horizon, key=_ts)
            batch += chunk[:ready]
            left = chunk[ready:] or next(stream, [])
            if left:
                rest.append((left, stream))
        batch.sort(key=_ts)
        yield from batch
        pending = rest


def _symbol_in_name(file: Path) -> str | None:
    """Return the symbol a name begins with; ``None`` for a dump of one outside our grammar."""
    symbol, dash, _ = stem(file).partition("-")
    if dash and SYMBOL.fullmatch(symbol):
        return symbol
    if dump_name(file) is not None:
        return None
    raise ConfigError(
        "the file's name does not begin with its symbol, as in BTCUSDT-1m-2024-01-01.csv",
        where=str(file),
        remedy="rename it or give the symbol",
    )


def _first_open_time(file: Path) -> int:
    """Return when a file begins; a file without a sound row comes first and is reported there."""
    return next((bar[1] for bar in bars(file, Problems(OnError.SKIP))), 0)


def _distance_of_first_two(file: Path) -> int:
    """Return the interval of a file that does not say it.

    Raises:
        FixtureError: The file holds a single bar.
    """
    times = [bar[1] for bar, _ in zip(bars(file, Problems(OnError.SKIP)), range(2), strict=False)]
    if len(times) < 2 or times[1] <= times[0]:
        raise FixtureError(
            "the length of its bars cannot be told",
            where=str(file),
            remedy="put the interval into the name, as in BTCUSDT-1m-2024-01-01.csv",
        )
    return times[1] - times[0]
