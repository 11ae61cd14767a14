"""What a scraper costs a session: tick to wire with and without one, in turns in one run.

    python -m benchmarks.scrape [--seconds N] [--rounds N] [--json]

The session and its market are those of ``live_latency``. In turns nobody looks (``alone``), the
counters run and nobody asks (``counted``), another process asks for ``/metrics`` ten times a
second, answered on the session's own loop (``loop``) or on a loop of another thread that is handed
the bytes (``thread``), and the same on the session's loop with a hundred dead clients beside it
(``dead``). Ratios are to ``alone``; each mode's rounds are taken together.
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
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks import live_latency
from grinder_app.live.observing import session_routes
from grinder_app.live.session import LiveEnd, LiveSession
from grinder_app.runner.loop_thread import LoopThread
from grinder_app.server.bodies import Answer
from grinder_app.server.observation import ObservationServer, observation_app

MODES: Final = ("alone", "counted", "loop", "thread", "dead")
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

    async def run(self, duration_s: float = 0) -> LiveEnd:
        """Run it."""
        async with AsyncExitStack() as stack:
            if self.mode != "alone":
                await _observe(self, self.mode, stack)
            return await super().run(duration_s)


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


def measure(seconds: float, rounds: int) -> dict[str, list[int]]:
    """Return what each mode took from tick to wire, nanoseconds."""
    live_latency.LiveSession = ObservedSession  # type: ignore[misc, attr-defined]
    took: dict[str, list[int]] = {mode: [] for mode in MODES}
    for number in range(rounds):
        # whatever else the machine does is spread over all modes
        for mode in MODES[number % len(MODES) :] + MODES[: number % len(MODES)]:
            ObservedSession.mode = mode
            with tempfile.TemporaryDirectory() as name:
                began = time.monotonic()
                stamps = asyncio.run(live_latency.measure(seconds, Path(name), waits=False))
                spent_s = time.monotonic() - began
                print(f"round {number + 1}, {mode}: {spent_s:.0f} s", file=sys.stderr)
            took[mode] += [*stamps.took_ns["POST"], *stamps.took_ns["DELETE"]]
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    took = measure(given.seconds, given.rounds)
    table = {
        mode: {
            "n": len(values),
            "p50_us": round(live_latency.quantile_us(values, 0.5), 1),
            "p99_us": round(live_latency.quantile_us(values, 0.99), 1),
        }
        for mode, values in took.items()
    }
    alone = table["alone"]
    for row in table.values():
        row["p50_ratio"] = round(row["p50_us"] / alone["p50_us"], 3)
        row["p99_ratio"] = round(row["p99_us"] / alone["p99_us"], 3)
    if given.json:
        print(json.dumps(table))
        return
    for mode, row in table.items():
        print(
            f"{mode:8} n {row['n']:6}  p50 {row['p50_us']:8.1f} us ({row['p50_ratio']:5.3f})"
            f"  p99 {row['p99_us']:8.1f} us ({row['p99_ratio']:5.3f})"
        )


if __name__ == "__main__":
    main()
