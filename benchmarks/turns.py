"""Two ways of doing one thing compared in turns within one process, and how sure the result is.

Two processes of the same program differ by more than what is looked for here: in memory layout, in
what else the machine does. So one process changes every few seconds from one way to the other, and
whole turns are drawn again and again to see between what a ratio lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from attrs import Factory, define, frozen

DRAWS = 1_000
SURE = 0.9


@define
class Turn:
    """What one turn gave.

    Attributes:
        is_on: Which of the two ways.
        walls_ns, cpus_ns: What each sample took, by the wall and of the thread's own time.
        work_ns: The thread's own time in it.
        ns: How long it was.
    """

    is_on: bool
    walls_ns: list[int] = Factory(list)
    cpus_ns: list[int] = Factory(list)
    work_ns: int = 0
    ns: int = 0


@frozen(kw_only=True)
class Compared:
    """A figure of both ways.

    Attributes:
        off, on: The figure.
        ratio: On to off.
        low, high: Between them lie nine in ten ratios of turns drawn again.
    """

    off: float
    on: float
    ratio: float
    low: float
    high: float


def compared(turns: Sequence[Turn], figure: Callable[[Sequence[Turn]], float]) -> Compared:
    """Return a figure of both ways, with the bounds of its ratio.

    Args:
        figure: Makes it of the turns of one way.
    """
    off = [turn for turn in turns if not turn.is_on]
    on = [turn for turn in turns if turn.is_on]
    draw = Random(1)
    ratios = sorted(
        figure(draw.choices(on, k=len(on))) / figure(draw.choices(off, k=len(off)))
        for _ in range(DRAWS)
    )
    outside = int(DRAWS * (1 - SURE) / 2)
    return Compared(
        off=figure(off),
        on=figure(on),
        ratio=figure(on) / figure(off),
        low=ratios[outside],
        high=ratios[-1 - outside],
    )


def quantile_us(
    share: float, samples: Callable[[Turn], Sequence[int]]
) -> Callable[[Sequence[Turn]], float]:
    """Return what makes a quantile of all samples of some turns, microseconds."""

    def figure(turns: Sequence[Turn]) -> float:
        ordered = sorted(value for turn in turns for value in samples(turn))
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1_000

    return figure


def work_ms_per_s(turns: Sequence[Turn]) -> float:
    """Return how much of a second the thread worked."""
    return sum(turn.work_ns for turn in turns) / sum(turn.ns for turn in turns) * 1_000
