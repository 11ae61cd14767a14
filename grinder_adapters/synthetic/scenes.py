"""Scenes of a made-up market: how price, spread and time behave for a while.

A price path is a list of mids in whole ticks, one a step; a spread path is a list of ticks.
Scenes are added like lists. All arithmetic is on integers, so a seed means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grinder_core.draws import NORMAL_UNIT, draw, draw_below, normal
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS

MILLI: Final = 1000  # walks move in thousandths of a tick
MILLION: Final = 10**6

Path = list[int]


def flat(level: int, count: int) -> Path:
    """Return a price that does not move."""
    return [level] * count


def slide(start: int, end: int, count: int) -> Path:
    """Return a straight line of ``count`` steps after ``start``, the last of them at ``end``."""
    return [start + (end - start) * step // count for step in range(1, count + 1)]


def mean_reverting(
    seed: int,
    start: int,
    count: int,
    *,
    sd_milliticks: int,
    pull_ppm: int,
    drift_milliticks: int = 0,
) -> Path:
    """Return a walk that is pulled back to an anchor, which may wander itself.

    Args:
        seed: Seed of the path's draws.
        start: Price before the first step, and the anchor's start, ticks.
        sd_milliticks: Standard deviation of one step, thousandths of a tick.
        pull_ppm: Share of the distance to the anchor that one step takes back, in millionths;
            0 is a plain walk.
        drift_milliticks: Standard deviation of one step of the anchor.

    Raises:
        ContractError: The path would reach zero.
    """
    price = anchor = start * MILLI
    path = []
    for step in range(count):
        price += normal(seed, 2 * step) * sd_milliticks // NORMAL_UNIT
        price -= (price - anchor) * pull_ppm // MILLION
        if drift_milliticks:
            anchor += normal(seed, 2 * step + 1) * drift_milliticks // NORMAL_UNIT
        path.append(price // MILLI)
    if path and min(path) <= 0:
        raise ContractError(
            "the walk must stay above 0", field="sd_milliticks", value=sd_milliticks
        )
    return path


def zigzag(seed: int, level: int, count: int, *, low: int, high: int) -> Path:
    """Return a price in turn above and below a level, by drawn ticks from ``low`` to ``high``.

    Neighbouring prices are ``2*low`` to ``2*high`` apart, whatever is drawn.
    """
    away = [low + draw_below(seed, step, high - low + 1) for step in range(count)]
    return [level - ticks if step % 2 else level + ticks for step, ticks in enumerate(away)]


def chopping(level: int, bars: int, per_bar: int, *, swing: int, lean: int) -> Path:
    """Return bars that close in turn ``swing`` ticks above and below a level that leans.

    Over any even number of bars only the lean remains: ``lean`` thousandths of a tick a bar.
    """
    path = [level]
    for bar in range(1, bars + 1):
        close = level + bar * lean // MILLI + (-swing if bar % 2 else swing)
        path += slide(path[-1], close, per_bar)
    return path[1:]


def clamped(path: Sequence[int], low: int, high: int) -> Path:
    """Return the path held within two prices, inclusive."""
    return [min(max(price, low), high) for price in path]


def jumped(path: Sequence[int], bps: int) -> Path:
    """Return the path moved by a share of itself, floored to ticks: what follows a jump."""
    return [price * (BPS + bps) // BPS for price in path]


def usual_spreads(seed: int, count: int, ticks: int) -> Path:
    """Return spreads that mostly are ``ticks`` and one time in sixteen up to three ticks more."""
    return [
        ticks + (1 + draw_below(seed, 2 * step + 1, 3) if draw(seed, 2 * step) % 16 == 0 else 0)
        for step in range(count)
    ]


def spread_shock(spreads: Sequence[int], at: int, count: int, ticks: int) -> Path:
    """Return the spreads with ``count`` steps from ``at`` on as wide as ``ticks``."""
    return [ticks if at <= step < at + count else usual for step, usual in enumerate(spreads)]


def regular_times(start: int, count: int, interval_ms: int) -> list[int]:
    """Return times one interval apart, the first at ``start``."""
    return [start + step * interval_ms for step in range(count)]


def uneven_times(seed: int, start: int, count: int, interval_ms: int) -> list[int]:
    """Return rising times, one at a drawn place within each interval."""
    return [
        start + step * interval_ms + draw_below(seed, step, interval_ms) for step in range(count)
    ]
