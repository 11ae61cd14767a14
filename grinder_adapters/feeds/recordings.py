"""Recordings of any kind as one stream of events: captures, public dumps, klines, funding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from grinder_adapters.feeds.capture import CaptureSource, looks_like_capture
from grinder_adapters.feeds.dumps import DumpSource, looks_like_dump
from grinder_adapters.feeds.funding import FundingFiles, looks_like_funding
from grinder_adapters.feeds.klines import KlineSource, looks_like_klines
from grinder_adapters.feeds.lines import check_readable
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.feeds.source import EventSource, merge
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, FixtureError


class Format(StrEnum):
    """What kind of recording a source is."""

    AUTO = "auto"
    CAPTURE = "capture"
    DUMP = "dump"
    KLINES = "klines"
    FUNDING = "funding"


@frozen(kw_only=True)
class RecordingOptions:
    """What to take out of recordings, and how.

    Attributes:
        format: What the files are; ``AUTO`` looks at each one.
        symbols: Take only these; empty takes all.
        symbol: The symbol of dump, kline and funding files that do not tell it.
        quotes: Captures: where quotes come from; ``None`` is ``BOTH``.
        depth: Captures: whether to read depth.
        spread_bps: Klines: width of the quotes; ``None`` is that source's default.
    """

    format: Format = Format.AUTO
    symbols: frozenset[str] = frozenset()
    symbol: str | None = None
    quotes: Quotes | None = None
    depth: bool = True
    spread_bps: Decimal | None = None


def open_recordings(
    paths: Sequence[Path], problems: Problems, options: RecordingOptions | None = None
) -> EventSource:
    """Open recordings, merged by receive time where there are several kinds.

    Raises:
        FixtureError: A file cannot be read, or is of no known kind.
        ConfigError: No file, or an option that no file has a use for; while iterating: a symbol
            asked for does not occur.
    """
    options = options or RecordingOptions()
    if not paths:
        raise ConfigError("must name at least one file", field="sources")
    groups: dict[Format, list[Path]] = {}
    for path in paths:
        check_readable(path)
        kind = format_of(path) if options.format is Format.AUTO else options.format
        groups.setdefault(kind, []).append(path)
    _refuse_idle_options(groups, options)
    if groups.keys() == {Format.CAPTURE}:  # it need not parse what nobody asked for
        return _open_captures(paths, problems, options, options.symbols)
    sources = [_open(kind, files, problems, options) for kind, files in groups.items()]
    source = sources[0] if len(sources) == 1 else _Merged(sources)
    return _OnlySymbols(source, options.symbols, problems) if options.symbols else source


def format_of(path: Path) -> Format:
    """Tell a recording's kind by its name and content.

    Raises:
        FixtureError: It cannot be read, or is of no known kind.
    """
    check_readable(path)
    if looks_like_klines(path):
        return Format.KLINES
    if looks_like_dump(path):
        return Format.DUMP
    if looks_like_funding(path):
        return Format.FUNDING
    if looks_like_capture(path):
        return Format.CAPTURE
    raise FixtureError(
        "is no capture, dump file, klines or funding",
        where=str(path),
        remedy="name its kind with --format; convert files of events with data export",
    )


def _open(
    kind: Format, paths: Sequence[Path], problems: Problems, options: RecordingOptions
) -> EventSource:
    if kind is Format.CAPTURE:
        return _open_captures(paths, problems, options, frozenset())
    if kind is Format.DUMP:
        return DumpSource(paths, problems, options.symbol)
    if kind is Format.FUNDING:
        return FundingFiles(paths, problems, options.symbol)
    if options.spread_bps is None:
        return KlineSource(paths, problems, options.symbol)
    return KlineSource(paths, problems, options.symbol, options.spread_bps)


def _open_captures(
    paths: Sequence[Path],
    problems: Problems,
    options: RecordingOptions,
    symbols: frozenset[str],
) -> CaptureSource:
    return CaptureSource(
        paths,
        problems,
        symbols=symbols or None,
        quotes=options.quotes or Quotes.BOTH,
        depth=options.depth,
    )


def _refuse_idle_options(groups: dict[Format, list[Path]], options: RecordingOptions) -> None:
    captures, klines = Format.CAPTURE in groups, Format.KLINES in groups
    named = klines or not groups.keys().isdisjoint({Format.DUMP, Format.FUNDING})
    for option, given, used, what in (
        ("--quotes", options.quotes is not None, captures, "captures"),
        ("--no-depth", not options.depth, captures, "captures"),
        ("--symbol", options.symbol is not None, named, "dump files, klines and funding"),
        ("--spread-bps", options.spread_bps is not None, klines, "klines"),
    ):
        if given and not used:
            raise ConfigError(
                f"is for {what}, and no source is one", field=option, remedy="leave it out"
            )


class _Merged:
    """Several sources as one."""

    def __init__(self, sources: Sequence[EventSource]) -> None:
        self.name = ", ".join(source.name for source in sources)
        self._sources = sources

    def __iter__(self) -> Iterator[Event]:
        return merge(self._sources)


class _OnlySymbols:
    """A source without the symbols nobody asked for."""

    def __init__(self, source: EventSource, symbols: frozenset[str], problems: Problems) -> None:
        self.name = source.name
        self._source, self._symbols, self._problems = source, symbols, problems

    def __iter__(self) -> Iterator[Event]:
        seen: dict[str, None] = {}
        seq = 0
        for event in self._source:
            symbol = getattr(event.payload, "symbol", "")
            seen[symbol] = None
            if symbol not in self._symbols:
                self._problems.count_out("events of symbols not asked for")
                continue
            yield Event(event.ts_ms, event.payload, seq, event.ts_recv_ms, event.update_id)
            seq += 1
        for symbol in sorted(self._symbols - seen.keys()):
            raise ConfigError(
                f"does not occur; the source holds {', '.join(seen)}",
                field="symbols",
                value=symbol,
            )
