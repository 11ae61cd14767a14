"""What a scraper costs a session: tick to wire with and without one.

    python -m benchmarks.scrape [--seconds N] [--modes A,B] [--rounds N] [--json]

The session and its market are those of ``live_latency``. In one session another process asks for
``/metrics`` ten times a second for two seconds, then nobody does for two, and so on. Shown are both
ways, their ratio, and between what it lies in nine of ten cases when whole turns are drawn again;
by the wall, and of the session's own processor time, which is free of what else the machine does.

With ``--modes`` sessions of their own follow, a few seconds each in ``--rounds`` rounds: nobody
looks (``alone``), the counters run and nobody asks (``counted``), the scraper is answered on the
session's own loop (``loop``), on a loop of another thread that is handed the bytes (``thread``),
or on the session's loop with a hundred dead clients beside it (``dead``). Ratios are to ``alone``,
of all rounds together; two equal sessions differ by up to a tenth.

What one exposition takes of the loop stands below: reading the values, and the longest piece of
writing them out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from itertools import islice
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Final

from attrs import asdict

from benchmarks import live_rig
from benchmarks.listed_market import listed
from benchmarks.live_latency import WARM_UP_S, Market, Run, measured
from benchmarks.stamps import StampedHttp
from benchmarks.turns import Compared, Turn, compared, quantile_us, work_ms_per_s
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
from grinder_app.server.observation import Make, ObservationServer, observation_app
from grinder_app.server.scrapes import FAMILIES_AT_ONCE

MODES: Final = ("alone", "counted", "loop", "thread", "dead")
TURNS: Final = "turns"
TURN_S: Final = 2.0
ROUND_S: Final = 6.0
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


class _Counted:
    """A route that counts who asks."""

    asked: ClassVar[int] = 0

    def __init__(self, make: Make) -> None:
        self._make = make

    def __call__(self) -> Answer | Awaitable[Answer]:
        """Count, and answer."""
        type(self).asked += 1
        return self._make()


class ObservedSession(LiveSession):
    """A session with somebody who looks at it."""

    mode: ClassVar[str] = "alone"
    cpu_s: ClassVar[float] = 0.0
    turns: ClassVar[list[Turn]] = []

    async def run(self, duration_s: float = 0) -> LiveEnd:
        """Run it."""
        async with AsyncExitStack() as stack:
            if self.mode != "alone":
                scraper = await _observe(self, self.mode, stack)
                if self.mode == TURNS:
                    assert scraper is not None
                    self.turns.clear()
                    taking = asyncio.create_task(_take_turns(scraper, self.turns))
                    stack.callback(scraper.send_signal, signal.SIGCONT)  # it is to end
                    stack.callback(taking.cancel)
            began = time.thread_time()
            try:
                return await super().run(duration_s)
            finally:
                type(self).cpu_s = time.thread_time() - began


async def _take_turns(scraper: subprocess.Popen[bytes], turns: list[Turn]) -> None:
    """Let the scraper ask and be silent in turns, once the session has run for a while."""
    stamps, is_on = StampedHttp.stamps, False
    scraper.send_signal(signal.SIGSTOP)
    while not stamps.is_running:
        await asyncio.sleep(0.05)
    while stamps.is_running:
        turn = Turn(is_on)
        before = {method: len(took) for method, took in stamps.took_ns.items()}
        asked = _Counted.asked
        began, worked = time.perf_counter_ns(), time.thread_time_ns()
        scraper.send_signal(signal.SIGCONT if is_on else signal.SIGSTOP)
        await asyncio.sleep(TURN_S)
        turn.ns = time.perf_counter_ns() - began
        turn.work_ns = time.thread_time_ns() - worked
        for method, count in before.items():
            turn.walls_ns += stamps.took_ns[method][count:]
            turn.cpus_ns += stamps.cpu_ns[method][count:]
        assert (_Counted.asked > asked + 1) is is_on, "the scraper asks when it should not, or not"
        turns.append(turn)
        is_on = not is_on


async def _observe(
    session: LiveSession, mode: str, stack: AsyncExitStack
) -> subprocess.Popen[bytes] | None:
    routes = session_routes(session)
    routes = {**routes, "/metrics": _Counted(routes["/metrics"])}
    if mode == "counted":
        return None
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
    return scraper


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


def measure_turns(seconds: float) -> dict[str, Compared]:
    """Return what a session's own scraper changes, in turns."""
    live_rig.LiveSession = ObservedSession  # type: ignore[attr-defined]
    written_ms = SystemClock().now_ms()
    frames = listed(written_ms, int((seconds + 2 * WARM_UP_S) * 1_000))
    ObservedSession.mode = TURNS
    with tempfile.TemporaryDirectory() as name:
        measured(Run(market=Market.PACED, seconds=seconds), frames, written_ms, Path(name))
    turns = ObservedSession.turns
    wall, cpu = attrgetter("walls_ns"), attrgetter("cpus_ns")
    return {
        "orders": compared(turns, lambda some: float(sum(len(turn.walls_ns) for turn in some))),
        "p50, us": compared(turns, quantile_us(0.5, wall)),
        "p99, us": compared(turns, quantile_us(0.99, wall)),
        "p50 of its cpu": compared(turns, quantile_us(0.5, cpu)),
        "p99 of its cpu": compared(turns, quantile_us(0.99, cpu)),
        "at work, ms/s": compared(turns, work_ms_per_s),
    }


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
    """Return quantiles of all rounds together."""
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
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--modes", default="")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    pieces, turns = pieces_us(), measure_turns(given.seconds)
    table: dict[str, dict[str, float]] = {}
    if given.modes:
        modes = ("alone", *(mode for mode in MODES[1:] if mode in given.modes.split(",")))
        took, work = measure(ROUND_S, given.rounds, modes)
        table = table_of(took)
        for mode, row in table.items():
            row["cpu_ms_per_s"] = round(median(work[mode]), 1)
    if given.json:
        in_turns = {name: asdict(one) for name, one in turns.items()}
        print(json.dumps({"turns": in_turns, "modes": table, "pieces_us": pieces}))
        return
    for name, one in turns.items():
        bounds = f"{one.ratio:.3f}, between {one.low:.3f} and {one.high:.3f}"
        print(f"{name:14} without {one.off:9.1f}  with {one.on:9.1f}  ({bounds})")
    for mode, row in table.items():
        print(
            f"{mode:8} n {row['n']:6}  p50 {row['p50_us']:8.1f} us ({row['p50_ratio']:5.3f})"
            f"  p99 {row['p99_us']:8.1f} us ({row['p99_ratio']:5.3f})"
            f"  at work {row['cpu_ms_per_s']:6.1f} ms/s"
        )
    for what, spent_us in pieces.items():
        print(f"{what:26} {spent_us:8.1f} us")


if __name__ == "__main__":
    main()
