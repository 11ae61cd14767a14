"""How fast recordings are imported, and how fast a depth book takes levels.

    python -m benchmarks.imports [CAPTURE...]

Without captures, a seeded one is made, and the kept book takes made-up changes instead of the
captures' own. Rates are frames, levels or books a second; that of importing also as a ratio to
parsing the same lines with orjson alone in the same run.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import orjson

from grinder_adapters.feeds.capture import CaptureSource
from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level
from grinder_core.draws import draw
from grinder_core.indicators.book import DepthBook
from grinder_core.indicators.maintained_book import MaintainedBook

FRAMES = 100_000
LEVELS = 1_000_000
TICK = Decimal("0.1")
TOP_N, QTY_REF = 20, Decimal(1)


def seeded_capture(path: Path) -> Path:
    """Write a capture of quotes and trades in the form the recorder leaves."""
    mid = 600_000
    with gzip.open(path, "wt", compresslevel=1) as file:
        for i in range(FRAMES):
            number = draw(11, i)
            mid += number % 7 - 3
            ms = 1_700_000_000_000 + 5 * i
            qty, offer = number % 9000 + 1, number // 9000 % 9000 + 1
            if number % 4:
                data = (
                    f'{{"e":"bookTicker","u":{i + 1},"s":"BTCUSDT","b":"{mid / 10:.2f}",'
                    f'"B":"{qty / 1000:.3f}","a":"{(mid + 1) / 10:.2f}","A":"{offer / 1000:.3f}",'
                    f'"T":{ms},"E":{ms}}}'
                )
                stream = "bookTicker"
            else:
                data = (
                    f'{{"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{i + 1},'
                    f'"p":"{mid / 10:.2f}","q":"{qty / 1000:.3f}","X":"MARKET","m":true}}'
                )
                stream = "trade"
            file.write(f'{ms * 1000} {{"stream":"btcusdt@{stream}","data":{data}}}\n')
    return path


def rate(count: int, began: float) -> float:
    """Return how many a second since ``began``."""
    return count / (time.perf_counter() - began)


def measure_import(captures: list[Path], folder: Path) -> None:
    """Import captures without depth to JSON Lines, read them back, compare with parsing alone."""
    bodies = []
    for path in captures:
        with gzip.open(path, "rb") as file:
            bodies += [line.partition(b" ")[2] for line in file if b"@depth" not in line[:90]]
    began = time.perf_counter()
    for body in bodies:
        orjson.loads(body)
    parsing = rate(len(bodies), began)
    target = folder / "events.jsonl"
    began = time.perf_counter()
    source = CaptureSource(captures, Problems(OnError.STOP), depth=False)
    report = write_events(target, source)
    importing = rate(report.events, began)
    began = time.perf_counter()
    count = sum(1 for _ in open_events(target))
    reading = rate(count, began)
    print(f"orjson alone         {parsing:12,.0f} frames/s")
    print(f"import quotes,trades {importing:12,.0f} frames/s  {importing / parsing:.3f} of parsing")
    print(f"read JSON Lines      {reading:12,.0f} events/s  {reading / parsing:.3f} of parsing")


def made_up_changes() -> list[tuple[tuple[Level, ...], tuple[Level, ...]]]:
    """Changes of ten levels near the touch."""
    changes = []
    for i in range(LEVELS // 10):
        levels = [draw(5, 10 * i + j) for j in range(10)]
        bids = tuple((TICK * (600_000 - x % 200), Decimal(x % 5)) for x in levels[:5])
        asks = tuple((TICK * (600_001 + x % 200), Decimal(x % 5)) for x in levels[5:])
        changes.append((bids, asks))
    return changes


def measure_book() -> None:
    """Apply changes near the touch and ask for the best prices after each."""
    book = DepthBook()
    changes = made_up_changes()
    began = time.perf_counter()
    for bids, asks in changes:
        book.apply(bids, asks)
        if book.crossed:
            raise AssertionError("the made-up book crossed")
    print(f"depth book           {rate(LEVELS, began):12,.0f} levels/s")


def made_up_depth() -> list[Event]:
    """A snapshot of 200 levels a side and a chain of changes inside it."""
    bids = tuple((TICK * (600_000 - i), Decimal(1)) for i in range(200))
    asks = tuple((TICK * (600_001 + i), Decimal(1)) for i in range(200))
    events = [Event(0, L2Snapshot(ts=0, symbol="BTCUSDT", bids=bids, asks=asks), 0, None, 0)]
    for i, (more_bids, more_asks) in enumerate(made_up_changes()):
        diff = DepthDiff(
            ts=i,
            symbol="BTCUSDT",
            first_update_id=i + 1,
            last_update_id=i + 1,
            prev_update_id=i,
            bids=more_bids,
            asks=more_asks,
        )
        events.append(Event(i, diff, i + 1, None, i + 1))
    return events


def recorded_depth(path: Path) -> list[Event]:
    """Snapshots and changes of a capture's first symbol that has a book."""
    source = CaptureSource([path], Problems(OnError.STOP), quotes=Quotes.TICKER)
    events = [event for event in source if isinstance(event.payload, L2Snapshot | DepthDiff)]
    return [event for event in events if event.payload.symbol == events[0].payload.symbol]


def measure_kept_book(name: str, events: list[Event]) -> None:
    """Keep a book from its events; then the same with depth features read after every change."""
    first = events[0].payload
    assert isinstance(first, L2Snapshot)
    for reads in (False, True):
        book = MaintainedBook(first.symbol)
        levels = 0
        began = time.perf_counter()
        for event in events:
            payload = event.payload
            if isinstance(payload, DepthDiff):
                book.on_diff(payload)
            elif isinstance(payload, L2Snapshot):
                book.on_snapshot(payload, event.update_id)
            else:
                continue
            levels += len(payload.bids) + len(payload.asks)
            if reads:
                book.features(TOP_N, QTY_REF)
        if not book.is_synced or book.gaps:
            raise AssertionError(f"{name}: the chain of changes broke")
        if reads:
            print(f"  features read      {rate(len(events), began):12,.0f} books/s")
        else:
            print(f"kept book            {rate(levels, began):12,.0f} levels/s  {name}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path)
    captures = parser.parse_args().captures
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_import(captures or [seeded_capture(folder / "btcusdt.gz")], folder)
    measure_book()
    for path in captures:
        if events := recorded_depth(path):
            measure_kept_book(path.name, events)
    if not captures:
        measure_kept_book("made-up changes", made_up_depth())


if __name__ == "__main__":
    main()
