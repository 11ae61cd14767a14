"""How fast recordings are imported, and how fast a depth book takes levels.

    python -m benchmarks.imports [CAPTURE...]

Without captures, a seeded one is made. Rates are frames or levels a second, and their ratio to
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
from grinder_adapters.feeds.problems import OnError, Problems
from grinder_core.draws import draw
from grinder_core.indicators.book import DepthBook

FRAMES = 100_000
LEVELS = 1_000_000


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


def measure_book() -> None:
    """Apply changes near the touch and ask for the best prices after each."""
    book = DepthBook()
    tick = Decimal("0.1")
    changes = []
    for i in range(LEVELS // 10):
        levels = [draw(5, 10 * i + j) for j in range(10)]
        bids = [(tick * (600_000 - x % 200), Decimal(x % 5)) for x in levels[:5]]
        asks = [(tick * (600_001 + x % 200), Decimal(x % 5)) for x in levels[5:]]
        changes.append((bids, asks))
    began = time.perf_counter()
    for bids, asks in changes:
        book.apply(bids, asks)
        if book.crossed:
            raise AssertionError("the made-up book crossed")
    print(f"depth book           {rate(LEVELS, began):12,.0f} levels/s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path)
    captures = parser.parse_args().captures
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_import(captures or [seeded_capture(folder / "btcusdt.gz")], folder)
    measure_book()


if __name__ == "__main__":
    main()
