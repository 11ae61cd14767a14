"""What the durable journal costs: on the event loop, on the disk, and when it is read back.

    python -m benchmarks.journal [--lines N] [--folder FOLDER] [--json]

Made-up market lines as the feeds write them, and decisions. A sync is compared with an fsync of as
many bytes on the same disk in the same run; the best of several rounds counts, and of waits the
middle one and the slowest of a hundred.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.frames import START_MS, SYMBOL, diffs, quotes, trades
from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.feeds.grammar import write_line
from grinder_adapters.journal import Journal, JournalHead, JournalReader, repack
from grinder_core.contracts.event import Event

ROUNDS = 3
WAITS = 200
WAITERS = 50
DEPTH_SHARE = 20
HOUR_MS = 3_600_000
BODY = '{"price":"60000.1","qty":"0.010","reason":"LEVEL","side":"BUY","symbol":"BTCUSDT"}'


def market_lines(count: int) -> list[bytes]:
    """Return quotes, trades and some changes of depth, interleaved, as feeds write them."""
    reader = MarketFrames([SYMBOL])
    lines: list[bytes] = []
    frames = [*zip(quotes(count // 2), trades(count // 2), strict=True)]
    depth = iter(diffs(count // DEPTH_SHARE))
    for number, pair in enumerate(frames):
        for frame in (*pair, *([next(depth)] if number % (DEPTH_SHARE // 2) == 0 else [])):
            items = reader.read(frame, START_MS + number, number)
            lines += [write_line(item).encode() for item in items if isinstance(item, Event)]
    return lines[:count]


def a_head() -> JournalHead:
    """Return what the head row says."""
    return JournalHead(engine_version="0", config_hash="0" * 16, contract_version=1, ts_ms=START_MS)


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


async def appending(folder: Path, lines: list[bytes]) -> dict[str, float]:
    """Append lines as fast as possible, with commits as they come; then wait for the disk."""
    journal = Journal.open(folder, a_head())
    began = time.perf_counter()
    for number, line in enumerate(lines):
        journal.append_market(line, START_MS + number // 100)
        if number % 5_000 == 0:
            await asyncio.sleep(0)
    appended = time.perf_counter() - began
    await journal.sync()
    written = time.perf_counter() - began
    journal.close()
    size = sum(path.stat().st_size for path in folder.glob("state.db*"))
    return {
        "append_us": appended / len(lines) * 1e6,
        "appended_per_s": len(lines) / appended,
        "on_disk_per_s": len(lines) / written,
        "bytes_per_line": size / len(lines),
    }


async def rows(folder: Path, count: int) -> float:
    """Return microseconds of appending one decision."""
    journal = Journal.open(folder, a_head())
    began = time.perf_counter()
    for number in range(count):
        journal.append("decisions", "PLACE", START_MS + number, BODY)
    spent = time.perf_counter() - began
    await journal.sync()
    journal.close()
    return spent / count * 1e6


async def syncs(folder: Path, lines: list[bytes]) -> dict[str, float]:
    """Wait for the disk: one after the other, and many at once."""
    journal = Journal.open(folder, a_head())
    alone = []
    for number in range(WAITS):
        for line in lines[number * 20 : number * 20 + 20]:
            journal.append_market(line, START_MS)
        journal.intent(f"order-{number}", START_MS, BODY)
        began = time.perf_counter()
        await journal.sync()
        alone.append(time.perf_counter() - began)

    async def one(number: int) -> None:
        journal.append("decisions", "PLACE", START_MS + number, BODY)
        await journal.sync()

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(WAITERS)))
    together = time.perf_counter() - began
    journal.close()
    return {
        "sync_ms": statistics.median(alone) * 1e3,
        "sync_p99_ms": sorted(alone)[-max(1, WAITS // 100)] * 1e3,
        "syncs_together_ms": together * 1e3,
    }


def disk(folder: Path) -> dict[str, float]:
    """Return what an append of 8 KiB and its fsync take on this disk."""
    waits = []
    handle = os.open(folder / "plain", os.O_RDWR | os.O_CREAT)
    try:
        for _ in range(WAITS):
            began = time.perf_counter()
            os.write(handle, bytes(8192))
            os.fsync(handle)
            waits.append(time.perf_counter() - began)
    finally:
        os.close(handle)
    return {
        "fsync_ms": statistics.median(waits) * 1e3,
        "fsync_p99_ms": sorted(waits)[-max(1, WAITS // 100)] * 1e3,
    }


def reading(folder: Path) -> float:
    """Return lines a second, each checked, in the best of several rounds."""
    counts, best = 0, float("inf")
    for _ in range(ROUNDS):
        with JournalReader(folder) as reader:
            began = time.perf_counter()
            counts = sum(1 for _ in reader.rows())
            best = min(best, time.perf_counter() - began)
    return counts / best


async def packing(folder: Path) -> tuple[float, float]:
    """Pack sealed blocks again; return the share of bytes that is left, and lines read a second."""

    def size() -> int:
        with JournalReader(folder) as reader:
            return int(reader.db.execute("SELECT sum(length(data)) FROM journal").fetchone()[0])

    journal = Journal.open(folder, a_head())
    journal.append("decisions", "PLACE", START_MS + 2 * HOUR_MS, BODY)
    await journal.sync()
    before = size()
    await repack(journal)
    journal.close()
    return size() / before, reading(folder)


def measure(lines: list[bytes], folder: Path) -> dict[str, Any]:
    """Return all figures."""
    best: dict[str, Any] = {}
    for number in range(ROUNDS):
        found = asyncio.run(appending(folder / f"market_{number}", lines))
        if not best or found["append_us"] < best["append_us"]:
            best = found
    best["raw_bytes_per_line"] = sum(map(len, lines)) / len(lines)
    best["append_row_us"] = min(
        asyncio.run(rows(folder / f"rows_{number}", 20_000)) for number in range(ROUNDS)
    )
    best |= disk(folder) | asyncio.run(syncs(folder / "syncs", lines))
    best["sync_per_fsync"] = best["sync_ms"] / best["fsync_ms"]
    best["read_per_s"] = reading(folder / "market_0")
    best["packed_share"], best["read_packed_per_s"] = asyncio.run(packing(folder / "market_0"))
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    lines = market_lines(options.lines)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(lines, Path(folder))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:20} {value:14,.2f}")


if __name__ == "__main__":
    main()
