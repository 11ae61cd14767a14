"""Long crash tests: ``python -m tests.crash.run --kills 500 --seed 1 --jobs 2``.

A failing world is printed with what is wrong, where its lives were to end, and the command that
draws the same again. Time is real, so the instants differ a little; the points do not.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from random import Random

from tests.crash.points import POINTS
from tests.crash.world import CrashWorld, Found

KILLS_A_WORLD = 12


def main() -> int:
    """Run the command; 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.run", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="stop after that many")
    parser.add_argument("--seed", type=int, default=1, help="which worlds")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time")
    parser.add_argument("--world", help="this one world, as a failure named it")
    parser.add_argument("--point", action="append", help="of these points only")
    asked = parser.parse_args()
    points = tuple(asked.point or POINTS)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    by_point: Counter[str] = Counter()
    failed = 0
    shares = [KILLS_A_WORLD] * (-(-asked.kills // KILLS_A_WORLD))
    names = [asked.world] if asked.world else [f"{asked.seed}:{n}" for n in range(len(shares))]
    with ThreadPoolExecutor(asked.jobs) as pool:
        jobs = {pool.submit(_play, name, points): name for name in names}
        for done in as_completed(jobs):
            found = done.result()
            counts += found.counts
            by_point += found.points
            if found.wrong:
                failed += 1
                _complain(jobs[done], found)
            print(
                f"{time.monotonic() - began:.0f} s: {counts['kills']} kills, "
                f"{counts['orders']} orders, {counts['fills']} fills, {failed} worlds failed",
                flush=True,
            )
    _sum_up(counts, by_point, failed)
    return 1 if failed else 0


def _play(name: str, points: tuple[str, ...]) -> Found:
    world = CrashWorld(name, KILLS_A_WORLD, points=_dealt(name, points))
    found = world.play()
    found.counts["lives that began with a latch"] += world.latches.held
    if found.wrong:
        found.wrong.append(f"its files: {world.folder}")
    return found


def _dealt(name: str, points: tuple[str, ...]) -> list[str]:
    """Deal a shuffled deck of points out to the worlds of a seed, so that none is left out."""
    seed, _, number = name.partition(":")
    deck = sorted(points)
    Random(f"deck {seed}").shuffle(deck)
    first = int(number or 0) * KILLS_A_WORLD % len(deck)
    return [*deck[first:], *deck[:first]]


def _complain(name: str, found: Found) -> None:
    print(f"world {name} failed")
    for what in found.wrong:
        print(f"  {what}")
    print(f"  its lives: {'; '.join(found.drawn)}")
    print(f"  repeat: python -m tests.crash.run --world {name}", flush=True)


def _sum_up(counts: Counter[str], by_point: Counter[str], failed: int) -> None:
    print("kills by point:")
    for point, n in sorted(by_point.items()):
        print(f"  {n:5} {point}")
    missed = [point for point in POINTS if point not in by_point]
    print(f"points without a kill: {', '.join(missed) or 'none'}")
    for what, n in sorted(counts.items()):
        print(f"  {n:9} {what}")
    print(f"kills: {counts['kills']}, drains: {counts['drains']}, worlds failed: {failed}")


if __name__ == "__main__":
    raise SystemExit(main())
