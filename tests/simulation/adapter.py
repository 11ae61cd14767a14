"""Adapter against exchange: ``python -m tests.simulation.adapter --events 1000000 --seed 1``.

With ``--engine`` the engine trades, else a trader of whims that knows only the adapter. Everything
that enters the client is an event: quotes, books and prints of the market, user events, answers.
Worlds of growing seeds are played until so many have; one that ends wrong is named with the command
that repeats it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.simulation.adapter_world import AdapterWorld, Findings
from tests.simulation.engine_world import EngineWorld

DURATIONS_MS = (60_000, 120_000, 240_000)
INTENSITIES = (0, 5, 15, 30, 60)


def world(seed: int, *, engine: bool = False) -> Findings:
    """Play the world of a seed."""
    duration, intensity = DURATIONS_MS[seed % 3], INTENSITIES[seed % 5]
    kind = EngineWorld if engine else AdapterWorld
    return kind(seed, duration, intensity).play()


def main() -> int:
    """Run the command; 1 if a world ended wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.adapter", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="stop after that many")
    parser.add_argument("--seed", type=int, default=1, help="the first world")
    parser.add_argument("--engine", action="store_true", help="let the engine trade")
    asked = parser.parse_args()
    began, seed, events, failed = time.monotonic(), asked.seed, 0, 0
    counts: Counter[str] = Counter()
    while events < asked.events:
        try:
            found = world(seed, engine=asked.engine)
        except Exception as error:  # noqa: BLE001 -- a world that breaks is a finding
            found = Findings(wrong=[repr(error)])
        events += found.events or 1
        counts += found.counts
        if found.wrong:
            failed += 1
            print(f"world {seed}: {'; '.join(found.wrong[:5])}")
            mode = " --engine" if asked.engine else ""
            print(f"  python -m tests.simulation.adapter --events 1 --seed {seed}{mode}")
        seed += 1
    print(f"{time.monotonic() - began:.0f} s", *(f"{n} {what}" for what, n in counts.items()))
    print(f"events: {events}, worlds: {seed - asked.seed}, failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
