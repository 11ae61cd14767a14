"""``grinder data record``: a live market into a folder, hour by hour."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.runner.market_options import KINDS, MarketOptions, split

if TYPE_CHECKING:
    from grinder_app.runner.record import RecordReport


def record(
    *,
    market: MarketOptions,
    out: Path,
    streams: str = ",".join(KINDS),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Record a live market into a folder, one Parquet file an hour; resumes after a kill.

    Reads only, without a key. What has come is on disk after at most five seconds. Times without
    data are listed in gaps.jsonl. Stop it with Ctrl-C; the files then open with --data elsewhere.

    Parameters
    ----------
    out
        Folder of the recording; made when missing, continued when not.
    streams
        Which streams, separated by commas: quotes, trades, depth, marks.
    json
        Print one JSON line.
    """
    from grinder_app.runner.record import RecordPlan
    from grinder_app.runner.record import record as record_market

    plan = RecordPlan(market=market.plan(split(streams)), out=out)
    with output.progress(f"recording into {out}, events") as advance:
        report = asyncio.run(record_market(plan, SystemClock(), lambda event: advance(1)))
    if json:
        output.print_json(report.to_dict())
    else:
        _print_recorded(out, report)
    return 0


def _print_recorded(out: Path, report: RecordReport) -> None:
    gaps: dict[tuple[str, str], list[int]] = {}
    for gap in report.gaps:
        gaps.setdefault((gap.symbol, gap.stream), []).append(gap.to_ms - gap.from_ms)
    rows = []
    for key in sorted(report.events.keys() | gaps.keys()):
        missing = gaps.get(key, [])
        spans = (max(missing, default=0), sum(missing))
        events = f"{report.events.get(key, 0):,}"
        rows.append((*key, events, len(missing), *(f"{ms / 1000:.3f}" for ms in spans)))
    columns = ("symbol", "stream", "events", "gaps", "longest gap s", "all gaps s")
    note = "events: of this run; gaps: of all runs into the folder, see gaps.jsonl"
    output.print_table(f"Recorded into {out}", columns, rows, note=note)
    feed = report.feed
    output.print_facts(
        "Connection",
        {
            "hours in the folder": len(report.files),
            "frames dropped": sum(feed.drops.values()),
            "jumps of a trade's id": feed.trade_gaps,
            "events merged for want of room": feed.conflated,
            "trades refused for want of room": feed.trades_refused,
            "books lost and fetched anew": feed.book_losses,
        },
    )
