"""``grinder data``: import, inspect, convert, download and record market data."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from grinder_adapters.feeds.atomic import WriteReport
from grinder_adapters.feeds.capture import looks_like_capture
from grinder_adapters.feeds.event_file import EXTENSIONS, check_extension, open_events, write_events
from grinder_adapters.feeds.inspect import (
    GAP_MS,
    FundingInspection,
    Inspection,
    SymbolInspection,
    inspect_events,
)
from grinder_adapters.feeds.klines import looks_like_klines
from grinder_adapters.feeds.lines import check_readable
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_adapters.feeds.recordings import Format, RecordingOptions, open_recordings
from grinder_adapters.feeds.source import EventSource
from grinder_app.cli import output
from grinder_app.cli.data_record import record
from grinder_app.report.wording import duration, nearest_second
from grinder_core.codec import to_dict
from grinder_core.contracts.event import KIND_NAMES, Event
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical, parse_decimal

app = App(name="data", help="Import, inspect, convert, download and record market data.")

_EVENTS_A_STEP: Final = 10_000
_FUNDING_COLUMNS: Final = (
    *("symbol", "settlements", "interval", "gaps"),
    *("lowest rate", "highest rate", "sum of rates"),
)
_FUNDING_NOTE: Final = (
    "gaps: over one and a half of the usual interval; above 0 longs pay, below 0 shorts"
)


def _split(_: object, tokens: Sequence[Any]) -> tuple[str, ...]:
    return tuple(part for token in tokens for part in token.value.split(",") if part)


Symbols = Annotated[tuple[str, ...], Parameter(converter=_split, n_tokens=1, negative="")]


@app.command(name="import")
def import_(
    sources: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Path,
    format: Format = Format.AUTO,  # noqa: A002 - the option's name
    symbols: Symbols = (),
    symbol: str | None = None,
    quotes: Quotes | None = None,
    depth: bool = True,
    spread_bps: str | None = None,
    on_error: OnError = OnError.STOP,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Turn recordings into one file of events.

    Several sources are merged by receive time. Nothing is written unless everything could be
    read, or skipped with --on-error skip.

    Parameters
    ----------
    sources
        Raw WebSocket captures, public dump files (CSV or zip), klines (Parquet or CSV), funding
        settlements (CSV, zip or the venue's JSON).
    out
        Target: .jsonl, .jsonl.gz or .parquet.
    format
        What the sources are; auto looks at each one.
    symbols
        Take only these, separated by commas.
    symbol
        Symbol of dump, kline and funding files that do not tell it.
    quotes
        Captures: make quotes of the best-price stream (ticker), of the depth book (book), or of
        whichever is newer (both, the default).
    depth
        Captures: read depth.
    spread_bps
        Klines: width of the quotes made of bars, default 2.
    on_error
        Stop at the first defect, or skip, count and list defects.
    json
        Print one JSON line.
    """
    problems = Problems(on_error)
    check_extension(out)
    options = RecordingOptions(
        format=format,
        symbols=frozenset(symbols),
        symbol=symbol,
        quotes=quotes,
        depth=depth,
        spread_bps=None if spread_bps is None else parse_decimal(spread_bps, "--spread-bps"),
    )
    events = open_recordings(sources, problems, options)
    kinds: Counter[str] = Counter()
    with output.progress(f"importing into {out.name}, events") as advance:
        report = write_events(out, _counted(events, kinds, advance))
    _print_written(out, report, kinds, problems, as_json=json)
    return 0


@app.command
def inspect(
    source: Path,
    /,
    *,
    gap_ms: int = GAP_MS,
    on_error: OnError = OnError.STOP,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print symbols, range, events, silences, odd quotes and funding settlements of a file.

    Parameters
    ----------
    source
        A file of events, or a recording that data import reads.
    gap_ms
        Count times without a quote longer than this, milliseconds.
    on_error
        Recordings: stop at the first defect, or skip, count and list defects.
    json
        Print one JSON line.
    """
    if gap_ms < 1:
        raise ConfigError("must be >= 1", field="gap-ms", value=gap_ms)
    problems = Problems(on_error)
    with output.progress(f"reading {source.name}, events") as advance:
        stream = _Watched(_open_any(source, problems), advance)
        found = inspect_events(stream, gap_ms=gap_ms)
    if json:
        output.print_json({**to_dict(found), **_problem_facts(problems)})
    else:
        _print_inspection(found, problems)
    return 0


@app.command
def export(
    source: Path,
    /,
    *,
    out: Path,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Convert a file of events between JSON Lines and Parquet without loss.

    Parameters
    ----------
    source
        A file of events.
    out
        Target: .jsonl, .jsonl.gz or .parquet.
    json
        Print one JSON line.
    """
    check_extension(out)
    events = open_events(source)
    kinds: Counter[str] = Counter()
    with output.progress(f"writing {out.name}, events") as advance:
        report = write_events(out, _counted(events, kinds, advance))
    problems = Problems()
    if events.events_ignored:
        problems.count_out("lines of unknown type", events.events_ignored)
    _print_written(out, report, kinds, problems, as_json=json)
    return 0


@app.command
def download(
    kind: str,
    /,
    *,
    symbols: Symbols,
    start: date,
    end: date,
    out: Path,
    interval: str | None = None,
    base_url: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fetch the venue's public dump files, verified by their checksums; resumes.

    Parameters
    ----------
    kind
        aggTrades, bookDepth, bookTicker, klines or trades.
    symbols
        USDT-M futures symbols, separated by commas.
    start
        First day, UTC, as YYYY-MM-DD.
    end
        Last day, included.
    out
        Folder for the files; made when missing.
    interval
        Length of klines, such as 1m.
    base_url
        Another host with the same files.
    json
        Print one JSON line.
    """
    from grinder_adapters.feeds.download import BASE_URL
    from grinder_adapters.feeds.download import download as fetch

    files = len(symbols) * max((end - start).days + 1, 0)
    with output.progress(f"downloading {kind}, files", files) as advance:
        report = asyncio.run(
            fetch(
                kind,
                symbols,
                start,
                end,
                out,
                base_url=base_url or BASE_URL,
                interval=interval,
                on_progress=advance,
            )
        )
    facts = {
        "downloaded": [str(path) for path in report.downloaded],
        "present": [str(path) for path in report.present],
        "missing": list(report.missing),
        "bytes_received": report.bytes_received,
    }
    if json:
        output.print_json(facts)
        return 0
    output.print_facts(
        f"Downloaded into {out}",
        {
            "files fetched": len(report.downloaded),
            "files already there": len(report.present),
            "files the venue does not have": len(report.missing),
            "bytes received": f"{report.bytes_received:,}",
        },
    )
    for name in report.missing:
        output.note(f"missing at the venue: {name}")
    return 0


app.command(record)


class _Watched:
    """A source that tells how far it is."""

    def __init__(self, source: EventSource, advance: output.Advance) -> None:
        self.name = source.name
        self._source, self._advance = source, advance

    def __iter__(self) -> Iterator[Event]:
        return _counted(self._source, Counter(), self._advance)


def _counted(events: EventSource, kinds: Counter[str], advance: output.Advance) -> Iterator[Event]:
    types: Counter[type[Any]] = Counter()
    done = 0
    for event in events:
        types[type(event.payload)] += 1
        done += 1
        if done == _EVENTS_A_STEP:
            advance(done)
            done = 0
        yield event
    advance(done)
    kinds.update({KIND_NAMES[kind]: count for kind, count in types.items()})


def _open_any(path: Path, problems: Problems) -> EventSource:
    check_readable(path)
    is_klines = path.name.endswith(".parquet") and looks_like_klines(path)
    if path.name.endswith(EXTENSIONS) and not is_klines and not looks_like_capture(path):
        return open_events(path)
    return open_recordings([path], problems)


def _problem_facts(problems: Problems) -> dict[str, Any]:
    return {
        "skipped": problems.count,
        "skipped_first": problems.messages,
        "left_out": problems.left_out,
    }


def _print_written(
    out: Path, report: WriteReport, kinds: Counter[str], problems: Problems, *, as_json: bool
) -> None:
    if as_json:
        facts = {"out": str(out), **to_dict(report), "kinds": dict(kinds)}
        output.print_json({**facts, **_problem_facts(problems)})
        return
    rows = [("events", f"{report.events:,}")]
    rows += [(f"  {kind}", f"{count:,}") for kind, count in sorted(kinds.items())]
    rows += [("bytes", f"{report.bytes:,}"), ("sha256", report.sha256)]
    rows += [(f"left out: {reason}", f"{n:,}") for reason, n in problems.left_out.items()]
    rows += [("skipped as defective", f"{problems.count:,}")]
    output.print_table(f"Wrote {out}", ("what", "value"), rows)
    _list_skipped(problems)


def _list_skipped(problems: Problems) -> None:
    for message in problems.messages:
        output.note(f"skipped: {message}")
    if problems.count > len(problems.messages):
        output.note(f"skipped: and {problems.count - len(problems.messages):,} more")


def _print_inspection(found: Inspection, problems: Problems) -> None:
    columns = (
        *("symbol", "events", "quotes", "from", "to", "longest gap s", "gaps"),
        *("crossed", "locked", "repeated", "depth gaps", "spread bps", "prices"),
    )
    output.print_table(
        f"{found.name}: {found.events:,} events",
        columns,
        [_row(symbol) for symbol in found.symbols],
        note=f"gaps: times without a quote over {found.gap_ms:,} ms; spread: least, median, most",
    )
    kinds = [(s.symbol, kind, n) for s in found.symbols for kind, n in s.events.items()]
    output.print_table("Events by kind", ("symbol", "kind", "events"), kinds)
    funding = [_funding_row(s.symbol, s.funding) for s in found.symbols if s.funding is not None]
    if funding:
        output.print_table("Funding", _FUNDING_COLUMNS, funding, note=_FUNDING_NOTE)
    if problems.left_out:
        output.print_facts("Left out", problems.left_out)
    _list_skipped(problems)


def _row(s: SymbolInspection) -> tuple[object, ...]:
    spread = "-"
    prices = "-"
    if s.spread_median_bps is not None:
        spread = f"{s.spread_min_bps} {s.spread_median_bps} {s.spread_max_bps}"
        prices = f"{_price(s.price_min)} .. {_price(s.price_max)}"
    return (
        s.symbol,
        sum(s.events.values()),
        s.events.get("SNAPSHOT", 0),
        _utc(s.first_ts_ms),
        _utc(s.last_ts_ms),
        f"{s.gap_max_ms // 1000}.{s.gap_max_ms % 1000:03d}",
        s.gaps,
        s.crossed,
        s.locked,
        s.repeated,
        s.depth_gaps,
        spread,
        prices,
    )


def _funding_row(symbol: str, found: FundingInspection) -> tuple[object, ...]:
    spans = (found.interval_min_ms, found.interval_max_ms)
    intervals = [duration(nearest_second(ms)) for ms in spans]  # settlements jitter by some ms
    rates = (found.rate_min, found.rate_max, found.rate_sum)
    return (
        symbol,
        found.settlements,
        "-" if found.settlements < 2 else " to ".join(dict.fromkeys(intervals)),
        found.gaps,
        *(f"{canonical(rate.scaleb(2))} %" for rate in rates),
    )


def _price(price: Decimal | None) -> str:
    return "-" if price is None else canonical(price)


def _utc(ts_ms: int) -> str:
    from datetime import UTC, datetime, timedelta

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts_ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S")
