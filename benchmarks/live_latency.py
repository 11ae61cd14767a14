"""From a quote's frame to the bytes of an order, and from an intent to the disk.

    python -m benchmarks.live_latency [--seconds N] [--json]

A whole live session of ten symbols runs in this process: feed, journal, fold, envelope, router,
desk, write protocol, signature. The policy places an order of one symbol at one quote and takes it
out at the next, so that every quote of that symbol leads to a request.

Measured is the time from the moment the socket port gives a ``bookTicker`` frame of that symbol to
the moment the HTTP transport is called with the signed request. Sockets and transport are memory:
the kernel, TLS, and what a WebSocket library does before and an HTTP library after, are not in it.
In the first rows nothing but the session runs between the two: frames (quotes, trades and marks of
all ten symbols) come from a list made beforehand and orders are answered at once by texts made
beforehand, as is their news on the private stream. They do not wait for the commit of the intent,
which is measured beside them with a bare ``fsync``. The rows:

- paced: frames come when the generated market has them, 60 events a second and symbol;
- back to back: a frame comes as soon as everything before is done, so all caches are warm;
- cpu: the share of the paced row that the session's thread itself worked, free of other processes;
- with the exchange: a local exchange and its market generator share the event loop;
- intent on disk: as paced, and each order waits for the commit of its intent.

Then the medians of each stage of a paced order. They add up to more than the row: stamps cost time.
Order limits are raised, else they would end the run; garbage is collected as ``live run`` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from benchmarks.canned_orders import CannedHttp
from benchmarks.listed_market import Listed, generated, listed, play
from benchmarks.live_rig import Progress, Timed, exchange, live_session
from benchmarks.stamps import StampedHttp, StampedSockets, Stamps, wrapped
from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_app.live.interpreter import quiet
from grinder_app.live.session import READY

FSYNCS = 200
WARM_UP_S = 2.0
BACK_TO_BACK_X = 8  # so many times as many frames in the same time


class Market(StrEnum):
    """Where the frames come from."""

    PACED = "paced"
    BACK_TO_BACK = "back to back"
    EXCHANGE = "exchange"


@frozen(kw_only=True)
class Run:
    """One run of a session.

    Attributes:
        waits: For the commit of each intent.
        is_staged: Stamp each stage.
    """

    market: Market
    seconds: float
    waits: bool = False
    is_staged: bool = False


def measured(run: Run, frames: list[Listed], written_ms: int, folder: Path) -> Stamps:
    """Run a session, and return what was measured once it had run for a while."""
    stamps = Stamps()
    StampedHttp.stamps = StampedSockets.stamps = Timed.stamps = stamps
    Timed.waits, CannedHttp.orders = run.waits, {}
    with wrapped(stamps) if run.is_staged else nullcontext():
        asyncio.run(_measure(run, frames, written_ms, folder, stamps))
    return stamps


async def _measure(
    run: Run, frames: list[Listed], written_ms: int, folder: Path, stamps: Stamps
) -> None:
    clock, is_ready, progress = SystemClock(), asyncio.Event(), Progress()
    venue = exchange()
    is_canned = run.market is not Market.EXCHANGE

    def tell(kind: str, text: str) -> None:
        if kind == READY:
            is_ready.set()
            undisturbed.ready()

    session = live_session(venue, clock, folder, tell, progress, is_canned=is_canned)

    async def market() -> None:
        if not is_canned:
            source = generated(clock.now_ms(), int(run.seconds * 1_000) + 60_000)
            await MarketFeed(venue, clock, Pacer()).run(source)
            return
        await is_ready.wait()
        assert session.account is not None
        progress.desk = session.account.desk
        follow = progress.is_done if run.market is Market.BACK_TO_BACK else None
        await play(frames, written_ms, venue.hub, follow)

    async def warm_up() -> None:
        await is_ready.wait()
        await asyncio.sleep(WARM_UP_S)
        stamps.is_running = True
        await asyncio.sleep(run.seconds)
        stamps.is_running = False
        session.stop()

    beside = [asyncio.create_task(market()), asyncio.create_task(warm_up())]
    try:
        async with quiet() as undisturbed:
            await session.run()
    finally:
        for task in beside:
            task.cancel()
        ended = await asyncio.gather(*beside, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def fsync_ns(folder: Path) -> list[int]:
    """Return how long this disk takes to keep four kilobytes, nanoseconds."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(b"x" * 4_096)
            began = time.perf_counter_ns()
            os.fsync(file.fileno())
            took.append(time.perf_counter_ns() - began)
    return took


def figures(values: list[int]) -> dict[str, float]:
    """Return number, median and 99th percentile, microseconds."""
    ordered = sorted(values) or [0]
    n = len(ordered)
    p50, p99 = (ordered[min(int(n * share), n - 1)] / 1_000 for share in (0.5, 0.99))
    return {"n": len(values), "p50_us": round(p50, 1), "p99_us": round(p99, 1)}


def table(seconds: float, folder: Path) -> dict[str, dict[str, float]]:
    """Run everything; return the rows."""
    written_ms = SystemClock().now_ms()
    frames = listed(written_ms, int((seconds + WARM_UP_S) * BACK_TO_BACK_X * 1_000))

    def run(what: str, market: Market, *, waits: bool = False, is_staged: bool = False) -> Stamps:
        given = Run(market=market, seconds=seconds, waits=waits, is_staged=is_staged)
        return measured(given, frames, written_ms, folder / what)

    paced = run("paced", Market.PACED)
    close = run("close", Market.BACK_TO_BACK)
    shared = run("shared", Market.EXCHANGE)
    synced = run("synced", Market.PACED, waits=True)
    staged = run("staged", Market.PACED, is_staged=True)
    rows = {
        "tick to order, paced": paced.took_ns["POST"],
        "tick to cancel, paced": paced.took_ns["DELETE"],
        "tick to order, paced, cpu": paced.cpu_ns["POST"],
        "tick to order, back to back": close.took_ns["POST"],
        "tick to cancel, back to back": close.took_ns["DELETE"],
        "tick to order, back to back, cpu": close.cpu_ns["POST"],
        "tick to order, with the exchange": shared.took_ns["POST"],
        "tick to order, intent on disk": synced.took_ns["POST"],
        "commit of an intent": synced.syncs_ns,
        "bare fsync of 4 kB": fsync_ns(folder),
        **{f"stage: {name}": values for name, values in staged.stages.items()},
    }
    return {what: figures(values) for what, values in rows.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = table(given.seconds, Path(name))
    if given.json:
        print(json.dumps(rows))
        return
    for what, row in rows.items():
        print(f"{what:34} n {row['n']:6}  p50 {row['p50_us']:9.1f} us  p99 {row['p99_us']:9.1f} us")


if __name__ == "__main__":
    main()
