"""Live session against exchange: ``python -m tests.simulation.live --events 1000000 --seed 1``.

Worlds of growing seeds are played until the sessions have folded so many events; one that ends
wrong is named with the command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.simulation.live_world import LiveFindings, LiveWorld

DURATIONS_MS = (60_000, 120_000, 240_000)
INTENSITIES = (0, 5, 15, 30, 60, 10, 20)


def world(seed: int) -> LiveFindings:
    """Play the world of a seed."""
    duration, intensity = DURATIONS_MS[seed % 3], INTENSITIES[seed % 7]
    try:
        return LiveWorld(seed, duration, intensity, symbols=1 + seed % 4).play()
    except Exception:  # noqa: BLE001 - a world that breaks is a finding
        return LiveFindings(events=1, wrong=[traceback.format_exc(limit=-8)])


def main() -> int:
    """Run the command; 1 if a world ended wrong."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of text come in the same order then
        given = [sys.executable, "-m", "tests.simulation.live", *sys.argv[1:]]
        os.execve(sys.executable, given, {**os.environ, "PYTHONHASHSEED": "0"})
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.live", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="stop after that many")
    parser.add_argument("--seed", type=int, default=1, help="the first world")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time")
    asked = parser.parse_args()
    began, seed, events, failed, worlds = time.monotonic(), asked.seed, 0, 0, 0
    counts: Counter[str] = Counter()
    running: dict[Future[LiveFindings], int] = {}
    with ProcessPoolExecutor(asked.jobs) as pool:
        while events < asked.events or running:
            while events < asked.events and len(running) < asked.jobs:
                running[pool.submit(world, seed)] = seed
                seed += 1
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                played, found = running.pop(future), future.result()
                events, worlds = events + (found.events or 1), worlds + 1
                counts += found.counts
                if found.wrong:
                    failed += 1
                    print(f"world {played}: " + "\n  ".join(found.wrong[:8]))
                    print(f"  python -m tests.simulation.live --events 1 --seed {played}")
                    sys.stdout.flush()
    seconds = time.monotonic() - began
    print(*(f"{n} {what}" for what, n in sorted(counts.items())), sep=", ")
    print(f"events: {events}, worlds: {worlds}, failed: {failed}, {events / seconds:.0f} a second")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
