"""Long simulations: ``python -m tests.simulation.run --steps 1000000 --seed 1 --jobs 2``.

One event into the engine is a step. A failing seed is printed with the command that repeats it;
``--shrink`` cuts its schedule down and prints what is left.
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from grinder_core.engine.config import EngineConfig
from tests.simulation.schedules import Schedule, make, play, shrink
from tests.support.world import World


def main() -> int:
    """Run the command; 1 if a rule broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.run", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="stop after that many steps")
    parser.add_argument("--seed", type=int, default=1, help="which worlds")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--failures", type=int, default=1, help="stop after that many")
    parser.add_argument("--world", help="play this one world, as a failure named it")
    parser.add_argument("--shrink", action="store_true", help="with --world: cut it down")
    asked = parser.parse_args()
    if asked.world:
        return _one(asked.world, cut=asked.shrink)
    began = time.monotonic()
    if asked.jobs == 1:
        told = [_many(asked.seed, asked.steps, 0, 1, asked.failures)]
    else:
        with ProcessPoolExecutor(asked.jobs) as pool:
            share = asked.steps // asked.jobs
            jobs = [
                pool.submit(_many, asked.seed, share, job, asked.jobs, asked.failures)
                for job in range(asked.jobs)
            ]
            told = [job.result() for job in jobs]
    seen: Counter[str] = sum((counts for counts, _ in told), Counter())
    failed = sum(failures for _, failures in told)
    print(f"{time.monotonic() - began:.0f} s", *(f"{n} {what}" for what, n in seen.items()))
    print(f"steps: {seen['steps']}, worlds: {seen['worlds']}, failed: {failed}")
    return 1 if failed else 0


def _many(seed: int, steps: int, first: int, stride: int, most: int) -> tuple[Counter[str], int]:
    seen: Counter[str] = Counter()
    failed = 0
    for number in count(first, stride):
        if seen["steps"] >= steps or failed >= most:
            break
        name = f"{seed}:{number}"
        told = counted(make(name))
        if isinstance(told, Exception):
            failed += 1
            print(f"world {name} failed after {seen['steps']} steps: {told!r:.300}")
            print(f"  repeat: python -m tests.simulation.run --world {name} [--shrink]", flush=True)
        else:
            seen += told
    return seen, failed


def counted(schedule: Schedule) -> Counter[str] | Exception:
    """Play a world; return what it saw, or what broke."""
    try:
        return counts(play(schedule))
    except Exception as error:  # noqa: BLE001 - whatever it is, a world may not do it
        return error


def counts(world: World) -> Counter[str]:
    """What a world saw."""
    hot = world.session.engine.hot
    stats = hot.stats
    return Counter(
        steps=world.steps,
        worlds=1,
        snapshots=stats.events_processed,
        fills=stats.total_fills,
        placed=stats.orders_placed,
        cancelled=stats.orders_cancelled,
        liquidations=stats.liquidations,
        funding=stats.funding_payments,
        guarded=stats.blocked_by_dd_guard_v1,
        kills=sum(hot.kill.trips.values()),
        restarts=world.restarts,
    )


def _one(name: str, *, cut: bool) -> int:
    schedule = make(name)
    if cut:
        schedule = shrink(schedule)
        print(*_changed(schedule), *schedule.items, sep="\n")
    told = counted(schedule)
    if isinstance(told, Exception):
        traceback.print_exception(told)
        return 1
    print(dict(told))
    return 0


def _changed(schedule: Schedule) -> list[str]:
    """Settings that are not the default."""
    usual = EngineConfig().to_dict()
    return [
        f"{name} = {value}"
        for section, values in schedule.config.to_dict().items()
        for name, value in values.items()
        if usual[section][name] != value
    ]


if __name__ == "__main__":
    raise SystemExit(main())
