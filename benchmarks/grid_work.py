"""The defined grid work through the real engine, and how it compares with plain Python.

    python -m benchmarks.grid_work FILE.npy [--json] [--rounds N]

FILE is an int64 array (5, N): ts_ms, bid_tick, bid_lot, ask_tick, ask_lot (tick 0.1, lot 0.001).
Without a file, a seeded stream of 200,000 quotes is made. Rates are quotes a second of the loop
alone; building the quote objects is timed apart, as for the yardstick (``benchmarks.reference``).
Both are measured in turn, round by round, and the ratio is the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reference import Quote, Reference
from grinder_core.contracts.enums import FillMode, Rearm
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.session.session import Session

CHUNK = 10_000
TICK, LOT, ZERO = Decimal("0.1"), Decimal("0.001"), Decimal(0)
CONFIG = EngineConfig.flat(
    spacing_bps=10,
    levels=5,
    size_per_level=Decimal("0.01"),
    recenter_bps=10,
    rearm=Rearm.NEVER,
    tick_sizes={"BTCUSDT": TICK},
    fill_mode=FillMode.QUOTE,
    fill_after_ticks=1,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=500,
    max_notional_per_symbol=Decimal(50_000),
    max_notional_total=Decimal(100_000),
)


def seeded_stream(count: int, seed: int = 7) -> Any:
    """Return a stream of that shape: a mean-reverting walk with jumps, half the quotes still."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(count) < 0.5, rng.normal(0.0, 3.0, count), 0.0)
    steps += np.where(rng.random(count) < 1e-3, rng.normal(0.0, 80.0, count), 0.0)
    walk, level = [], 0.0
    for step in steps.tolist():
        level += step - 2e-5 * level
        walk.append(level)
    bid = np.floor(500_000.0 + 10.0 * np.array(walk)).astype(np.int64)
    moved = np.maximum.accumulate(np.where(steps != 0.0, np.arange(count), 0))
    bid = bid[moved]
    ask = bid + rng.integers(1, 10, count)[moved]
    ts = 1_700_000_000_000 + np.cumsum(1 + rng.exponential(49.0, count).astype(np.int64))
    lots = rng.integers(10, 5_000, (2, count))
    return np.stack([ts, bid, lots[0], ask, lots[1]])


def opened(data: Any) -> Any:
    """Map a file, or return the array itself."""
    return np.load(data, mmap_mode="r") if isinstance(data, Path) else data


def chunks(data: Any) -> Iterator[list[tuple[int, ...]]]:
    """Yield rows in chunks, each mapped anew: memory stays flat however long the file is."""
    for start in range(0, opened(data).shape[1], CHUNK):
        yield list(zip(*opened(data)[:, start : start + CHUNK].tolist(), strict=True))


def as_event(seq: int, row: tuple[int, ...]) -> Event:
    """Build one event from a row."""
    ts, bid, bid_lot, ask, ask_lot = row
    snapshot = Snapshot(
        ts=ts,
        symbol="BTCUSDT",
        bid_price=bid * TICK,
        ask_price=ask * TICK,
        bid_qty=bid_lot * LOT,
        ask_qty=ask_lot * LOT,
        last_price=ZERO,
        last_qty=ZERO,
    )
    return Event(ts, snapshot, seq)


def timed(data: Any, build: Callable[[int, tuple[int, ...]], Any], run: Any) -> tuple[float, float]:
    """Feed a stream chunk by chunk; return seconds of the loop and of building the objects."""
    loop = convert = 0.0
    seq = 0
    for rows in chunks(data):
        began = time.perf_counter()
        items = [build(seq + offset, row) for offset, row in enumerate(rows)]
        built = time.perf_counter()
        run(items)
        convert += built - began
        loop += time.perf_counter() - built
        seq += len(rows)
    return loop, convert


def engine_run(
    data: Any, file: Any = None, config: EngineConfig = CONFIG
) -> tuple[Session, float, float, int]:
    """Run the engine; with a file it also writes and digests every output."""
    counted = 0

    def count(_: PaperOutput) -> None:
        nonlocal counted
        counted += 1

    def write(_: PaperOutput, line: bytes) -> None:
        file.write(line)
        file.write(b"\n")

    digest = file is not None
    session = Session(config, on_output=count, on_line=write if digest else None, digest=digest)
    loop, convert = timed(data, as_event, session.run)
    return session, loop, convert, counted


def reference_run(data: Any) -> tuple[Reference, float]:
    """Run the yardstick."""
    reference = Reference()
    loop, _ = timed(
        data,
        lambda _, r: Quote(r[0], r[1] * TICK, r[2] * LOT, r[3] * TICK, r[4] * LOT),
        reference.run,
    )
    return reference, loop


def measure(data: Any, rounds: int) -> dict[str, Any]:
    """Return results and rates."""
    count = opened(data).shape[1]
    plain, digested, yardstick = [], [], []
    convert = 0.0
    for _ in range(rounds):
        session, loop, convert, outputs = engine_run(data)
        reference, reference_loop = reference_run(data)
        with tempfile.TemporaryFile() as file:
            written, digest_loop, _, _ = engine_run(data, file)
        plain.append(count / loop)
        digested.append(count / digest_loop)
        yardstick.append(count / reference_loop)
    hot = session.engine.hot
    ledger = hot.symbols["BTCUSDT"].ledger
    assert reference.last is not None
    rate, rate_with_digest = statistics.median(plain), statistics.median(digested)
    return {
        "quotes": count,
        "outputs": outputs,
        "fills": ledger.fill_count,
        "position": float(ledger.qty),
        "realized": float(ledger.realized_pnl),
        "fees": float(ledger.fees_paid),
        "equity": float(hot.account.equity - CONFIG.risk.initial_capital),
        "max_drawdown": float(hot.account.max_drawdown),
        "quotes_per_s": round(rate),
        "quotes_per_s_with_digest": round(rate_with_digest),
        "quotes_per_s_with_building": round(count / (count / rate + convert)),
        "reference_quotes_per_s": round(statistics.median(yardstick)),
        "ratio": round(statistics.median(a / b for a, b in zip(plain, yardstick, strict=True)), 3),
        "ratio_with_digest": round(
            statistics.median(a / b for a, b in zip(digested, yardstick, strict=True)), 3
        ),
        "agrees_with_reference": ledger.fill_count == reference.fills
        and ledger.qty == reference.holding.qty
        and ledger.fees_paid == reference.holding.fees
        and abs(ledger.realized_pnl - reference.holding.realized) < Decimal("1E-6"),
        "digest": written.digest,
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    result = measure(options.file or seeded_stream(200_000), options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value}", file=sys.stdout)


if __name__ == "__main__":
    main()
