"""Market data of any form as one stream: told apart by content, merged by time, narrowed down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import field, frozen

from grinder_adapters.feeds.construct import event as envelope
from grinder_adapters.feeds.csv_rows import stem
from grinder_adapters.feeds.event_file import EXTENSIONS, open_events
from grinder_adapters.feeds.funded import Funded, read_funding
from grinder_adapters.feeds.klines import SPREAD_BPS, KlineSource
from grinder_adapters.feeds.lines import check_readable
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.feeds.recordings import (
    Format,
    RecordingOptions,
    format_of,
    open_recordings,
)
from grinder_adapters.feeds.source import EventSource, merge
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, ContractError, FixtureError

_BLOCK_BYTES: Final = 1 << 20
_DAY_MS: Final = 86_400_000


class DataKind(StrEnum):
    """What a data file holds."""

    EVENTS = "events"
    KLINES = "klines"
    DUMP = "dump"
    CAPTURE = "capture"
    FUNDING = "funding"


@frozen(kw_only=True)
class DataFile:
    """One input file, as the run's manifest names it.

    Attributes:
        path: Where it lay, absolute.
        sha256: Over the file's bytes, 64 hexadecimal characters.
    """

    name: str
    path: str
    kind: DataKind
    bytes: int
    sha256: str


@frozen(kw_only=True)
class Days:
    """A range of whole UTC days; both ends belong to it."""

    begin_ms: int
    end_ms: int

    @classmethod
    def parse(cls, text: str) -> Days:
        """Read ``2025-05-04..2025-05-10`` or one day.

        Raises:
            ConfigError: It is neither, or ends before it begins.
        """
        first, dots, last = text.partition("..")
        begin = _day(text, first)
        end = _day(text, last) if dots else begin
        if end < begin:
            raise ConfigError("must not end before it begins", field="--days", value=text)
        return cls(begin_ms=begin, end_ms=end + _DAY_MS)


@frozen(kw_only=True)
class DataOptions:
    """How to read data files.

    Attributes:
        symbols: Take only these; empty takes all.
        days: Take only these days of event time; ``None`` takes all.
        spread_bps: Full width of the quotes made of klines.
        tick_sizes: Price increments for those quotes.
        must_occur: Refuse data without one of the symbols, or without any event left.
        funding: Files of funding settlements to put into the stream, of its symbols and time.
    """

    symbols: tuple[str, ...] = ()
    days: Days | None = None
    spread_bps: Decimal = SPREAD_BPS
    tick_sizes: Mapping[str, Decimal] = field(factory=dict)
    must_occur: bool = True
    funding: tuple[Path, ...] = ()

    def __attrs_post_init__(self) -> None:
        for symbol in self.symbols:
            try:
                check_symbol(symbol)
            except ContractError as error:
                raise ConfigError(error.rule, field="--symbols", value=symbol) from None


def kind_of(path: Path) -> DataKind:
    """Tell what a file holds by its columns, its first lines, then its name.

    Raises:
        FixtureError: Missing, a directory, empty, damaged, or of no known form.
    """
    check_readable(path)
    try:
        return DataKind(format_of(path).value)
    except FixtureError:
        if path.name.endswith(EXTENSIONS):
            return DataKind.EVENTS
        raise


def open_data(paths: Sequence[Path], options: DataOptions | None = None) -> EventSource:
    """Open files of any form as one stream, merged by time, then in the order given.

    Raises:
        FixtureError: A file is missing, empty, a directory or of no known form; while iterating:
            malformed content, with file, line, field, value and rule.
        ConfigError: No file, a file given twice or of funding, or a setting outside its range;
            while iterating: a symbol that was asked for does not occur.
    """
    options = options or DataOptions()
    _check_paths(paths)
    by_kind: dict[DataKind, list[Path]] = {}
    for path in paths:
        by_kind.setdefault(kind_of(path), []).append(path)
    refuse_funding(by_kind.get(DataKind.FUNDING, ()))
    # a capture need not parse what nobody asked for
    only = options.symbols if options.must_occur and by_kind.keys() == {DataKind.CAPTURE} else ()
    sources = [
        source for kind, files in by_kind.items() for source in _sources(kind, files, options, only)
    ]
    whole = sources[0] if len(sources) == 1 else _Merged(tuple(sources))
    if options.symbols or options.days:
        whole = _Narrowed(whole, frozenset(options.symbols), options.days, options.must_occur)
    return with_funding(whole, options.funding)


def with_funding(source: EventSource, funding: Sequence[Path]) -> EventSource:
    """Put settlements into a stream, those of its symbols and within its time.

    Raises:
        FixtureError: A file is missing, malformed or of another kind.
        ConfigError: A file is given twice; while iterating: the stream has settlements of its own.
    """
    return Funded(source, read_funding(funding)) if funding else source


def refuse_funding(paths: Sequence[Path]) -> None:
    """Refuse funding files as market data: they hold no price to trade on.

    Raises:
        ConfigError: There is one.
    """
    if paths:
        raise ConfigError(
            "holds funding settlements and no prices",
            field="--data",
            value=str(paths[0]),
            remedy="give it with --funding",
        )


def of_symbols(paths: Sequence[Path], symbols: Sequence[str]) -> list[Path]:
    """Leave out kline files of other symbols, which their names tell.

    Raises:
        FixtureError: As ``kind_of``.
        ConfigError: No file is given, one twice, one of funding, or none is left.
    """
    _check_paths(paths)
    kinds = {path: kind_of(path) for path in paths}
    refuse_funding([path for path, kind in kinds.items() if kind is DataKind.FUNDING])
    if not symbols:
        return list(paths)
    kept = [
        path
        for path, kind in kinds.items()
        if kind is not DataKind.KLINES or stem(path).partition("-")[0] in symbols
    ]
    if not kept:
        raise ConfigError("no file is of these symbols", field="--symbols", value=",".join(symbols))
    return kept


def describe_files(paths: Sequence[Path]) -> tuple[DataFile, ...]:
    """Return name, kind, size and checksum of each file.

    Raises:
        FixtureError: As ``kind_of``.
    """
    return tuple(
        DataFile(
            name=path.name,
            path=str(path.absolute()),
            kind=kind_of(path),
            bytes=path.stat().st_size,
            sha256=_sha256(path),
        )
        for path in paths
    )


def _sources(
    kind: DataKind, files: Sequence[Path], options: DataOptions, only: Sequence[str]
) -> list[EventSource]:
    if kind is DataKind.EVENTS:
        return [open_events(file) for file in files]
    if kind is DataKind.KLINES:
        return [
            KlineSource(
                files, Problems(), spread_bps=options.spread_bps, tick_sizes=options.tick_sizes
            )
        ]
    recording = RecordingOptions(format=Format(kind.value), symbols=frozenset(only))
    return [open_recordings(files, Problems(), recording)]


@frozen
class _Merged:
    sources: tuple[EventSource, ...]

    @property
    def name(self) -> str:
        return ", ".join(source.name for source in self.sources)

    def __iter__(self) -> Iterator[Event]:
        return merge(self.sources)


@frozen
class _Narrowed:
    """Some symbols and days of a source, numbered anew."""

    source: EventSource
    symbols: frozenset[str]
    days: Days | None
    must_occur: bool

    @property
    def name(self) -> str:
        return self.source.name

    def __iter__(self) -> Iterator[Event]:
        begin, end = (0, 1 << 62) if self.days is None else (self.days.begin_ms, self.days.end_ms)
        wanted, seen, seq = self.symbols, set[str](), 0
        for event in self.source:
            if event.ts_ms >= end:
                break
            symbol = getattr(event.payload, "symbol", "")
            if wanted and symbol not in wanted:
                continue
            seen.add(symbol)
            if event.ts_ms < begin:
                continue
            yield envelope(event.ts_ms, event.payload, seq, event.ts_recv_ms, event.update_id)
            seq += 1
        if self.must_occur:
            self._check(seen, seq)

    def _check(self, seen: set[str], left: int) -> None:
        missing = sorted(self.symbols - seen)
        if missing:
            raise ConfigError(
                f"does not occur in {self.name}",
                field="--symbols",
                value=",".join(missing),
                remedy="grinder data inspect lists the symbols of a file",
            )
        if not left:
            raise ConfigError(f"no event of {self.name} lies in them", field="--days")


def _check_paths(paths: Sequence[Path]) -> None:
    if not paths:
        raise ConfigError("must name at least one file", field="--data")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise ConfigError("is given twice", field="--data", value=str(path))
        seen.add(path.resolve())


def _day(text: str, day: str) -> int:
    try:
        begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(
            "must be YYYY-MM-DD or YYYY-MM-DD..YYYY-MM-DD", field="--days", value=text
        ) from None
    return (begin - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()
