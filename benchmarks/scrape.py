"""What a scraper costs a session: tick to wire with and without one, in turns in one run.

    python -m benchmarks.scrape [--seconds N] [--rounds N] [--modes A,B] [--json]

The session and its market are those of ``live_latency``. In turns nobody looks (``alone``, and
``again``, which shows what chance makes of two equal runs), the counters run and nobody asks
(``counted``), another process asks for ``/metrics`` ten times a second, answered on the session's
own loop (``loop``) or on a loop of another thread that is handed the bytes (``thread``), and the
same on the session's loop with a hundred dead clients beside it (``dead``). Ratios are to
``alone``: of all rounds together, which is the one to read for the p99 (a round of 6 s has two or
three orders beyond it), and the median over the rounds. What one exposition takes of the loop
stands below: reading the values, and the longest piece of writing them out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Final

from benchmarks import live_rig
from benchmarks.listed_market import listed
from benchmarks.live_latency import WARM_UP_S, Market, Run, measured
from grinder_adapters.clock import SystemClock
from grinder_adapters.metrics.catalog import BY_NAME, CATALOG
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.gathering import Gatherer
from grinder_app.live.observing import session_routes
from grinder_app.live.session import LiveEnd, LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_app.runner.loop_thread import LoopThread
from grinder_app.server.bodies import Answer
from grinder_app.server.observation import ObservationServer, observation_app
from grinder_app.server.scrapes import FAMILIES_AT_ONCE

MODES: Final = ("alone", "again", "counted", "loop", "thread", "dead")
HERTZ: Final = 10
DEAD_CLIENTS: Final = 100
SCRAPER: Final = """
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1])
period, asked = 1 / float(sys.argv[2]), 0
while True:
    began = time.monotonic()
    connection.request("GET", "/metrics")
    assert b"grinder_up 1.0" in connection.getresponse().read()
    time.sleep(max(period - (time.monotonic() - began), 0))
"""


class ObservedSession(LiveSession):
    """A session with somebody who looks at it."""

    mode: ClassVar[str] = "alone"
    cpu_s: ClassVar[float] = 0.0

    async def run(self, duration_s: float = 0) -> LiveEnd:
        """Run it."""
        async with AsyncExitStack() as stack:
            if self.mode not in ("alone", "again"):
                await _observe(self, self.mode, stack)
            began = time.thread_time()
            try:
                return await super().run(duration_s)
            finally:
                type(self).cpu_s = time.thread_time() - began


async def _observe(session: LiveSession, mode: str, stack: AsyncExitStack) -> None:
    routes = session_routes(session)
    if mode == "counted":
        return
    if mode == "thread":
        address = await _on_a_thread(routes["/metrics"], stack)
    else:
        server = ObservationServer(observation_app(routes), "127.0.0.1", 0)
        address = await server.start()
        stack.push_async_callback(server.close)
    host = address.removeprefix("http://")
    if mode == "dead":
        await _connect_dead_clients(host, stack)
    scraper = subprocess.Popen([sys.executable, "-c", SCRAPER, host, str(HERTZ)])
    stack.callback(scraper.wait)
    stack.callback(scraper.terminate)


async def _connect_dead_clients(host: str, stack: AsyncExitStack) -> None:
    """Connect, ask every other time, and never read."""
    name, _, port = host.rpartition(":")
    loop = asyncio.get_running_loop()
    for n in range(DEAD_CLIENTS):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        await loop.sock_connect(client, (name, int(port)))
        if n % 2:
            await loop.sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")


async def _on_a_thread(metrics: Any, stack: AsyncExitStack) -> str:
    """Serve bytes that the session's loop hands over each second."""
    newest: list[Answer] = [await metrics()]

    async def hand_over() -> None:
        while True:
            newest[0] = await metrics()
            await asyncio.sleep(1)

    thread = stack.enter_context(LoopThread("observation"))
    server = ObservationServer(observation_app({"/metrics": lambda: newest[0]}), "127.0.0.1", 0)
    address = thread.run(server.start())
    thread.stack.push_async_callback(server.close)
    handing = asyncio.create_task(hand_over())
    stack.callback(handing.cancel)
    return address


def measure(
    seconds: float, rounds: int, modes: tuple[str, ...]
) -> tuple[dict[str, list[list[int]]], dict[str, list[float]]]:
    """Return what each mode took from tick to wire, nanoseconds, by round.

    And how long its thread was at work, milliseconds for each second, which does not depend on
    what else the machine does.
    """
    live_rig.LiveSession = ObservedSession  # type: ignore[attr-defined]
    written_ms = SystemClock().now_ms()
    frames = listed(written_ms, int((seconds + WARM_UP_S) * 8_000))
    run = Run(market=Market.PACED, seconds=seconds)
    took: dict[str, list[list[int]]] = {mode: [] for mode in modes}
    work: dict[str, list[float]] = {mode: [] for mode in modes}
    for number in range(rounds):
        shift = number % len(modes)
        for mode in modes[shift:] + modes[:shift]:
            ObservedSession.mode = mode
            with tempfile.TemporaryDirectory() as name:
                stamps = measured(run, frames, written_ms, Path(name))
            took[mode].append([*stamps.took_ns["POST"], *stamps.took_ns["DELETE"]])
            work[mode].append(ObservedSession.cpu_s * 1_000 / seconds)
            print(f"round {number + 1}, {mode}", file=sys.stderr)
    return took, work


def _quantile_us(values: list[int], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1_000


def table_of(took: dict[str, list[list[int]]]) -> dict[str, dict[str, float]]:
    """Return quantiles of all rounds together, and the median of the rounds' ratios."""
    table = {}
    alone_all = [value for values in took["alone"] for value in values]
    for mode, rounds in took.items():
        every = [value for values in rounds for value in values]
        row: dict[str, float] = {"n": len(every)}
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            row[f"{name}_us"] = round(_quantile_us(every, share), 1)
            row[f"{name}_ratio"] = round(
                _quantile_us(every, share) / _quantile_us(alone_all, share), 3
            )
            ratios = [
                _quantile_us(values, share) / _quantile_us(alone, share)
                for values, alone in zip(rounds, took["alone"], strict=True)
            ]
            row[f"{name}_ratio_of_rounds"] = round(median(ratios), 3)
        table[mode] = row
    return table


def pieces_us(times: int = 200) -> dict[str, float]:
    """Return what one exposition takes of the loop, microseconds, of a fresh session."""
    plan = plan_live(LiveFlags(), load_settings(None, environment={}), {})
    session = LiveSession(plan, Surroundings(), "", "", lambda kind, text: None, version="0")
    gatherer, exposition = Gatherer(session), Exposition(CATALOG)
    read, longest, whole = [], [], []
    for n in range(times):
        began = time.perf_counter_ns()
        values = gatherer.values()
        read.append(time.perf_counter_ns() - began)
        # as if every action and route had moved since the last one
        moved = ("grinder_live_actions_total", "grinder_router_decision_total")
        more = {name: dict.fromkeys(BY_NAME[name].series, n) for name in moved}
        families, pieces = exposition.families({**values, **more}), []
        while True:
            began = time.perf_counter_ns()
            piece = list(islice(families, FAMILIES_AT_ONCE))
            pieces.append(time.perf_counter_ns() - began)
            if not piece:
                break
        longest.append(max(pieces))
        whole.append(sum(pieces))
    return {
        "reading the values": round(median(read) / 1_000, 1),
        "longest piece of writing": round(median(longest) / 1_000, 1),
        "all of writing": round(median(whole) / 1_000, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    modes = ("alone", *(mode for mode in MODES[1:] if mode in given.modes.split(",")))
    pieces = pieces_us()
    took, work = measure(given.seconds, given.rounds, modes)
    table = table_of(took)
    for mode, row in table.items():
        row["cpu_ms_per_s"] = round(median(work[mode]), 1)
    if given.json:
        print(json.dumps({"modes": table, "pieces_us": pieces}))
        return
    for mode, row in table.items():
        cells = [f"{mode:8} n {row['n']:6}"]
        for name in ("p50", "p99"):
            ratio, of_rounds = row[f"{name}_ratio"], row[f"{name}_ratio_of_rounds"]
            cells.append(
                f"{name} {row[f'{name}_us']:8.1f} us ({ratio:5.3f}, rounds {of_rounds:5.3f})"
            )
        print(*cells, f"at work {row['cpu_ms_per_s']:6.1f} ms/s", sep="  ")
    for what, spent_us in pieces.items():
        print(f"{what:26} {spent_us:8.1f} us")


if __name__ == "__main__":
    main()
