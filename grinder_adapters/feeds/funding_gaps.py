"""Where settlements are missing: holes longer than one and a half of the usual interval.

The usual interval is what the venue states with a settlement or, where it states none, the median
of the three intervals before a hole or of the three after it, whichever is longer. A median over
everything would call every settlement late before a symbol moved from 4 h to 1 h, as LAYERUSDT
did. No venue settles less often than every 8 h: a longer median is itself a sign of missing rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from attrs import frozen

from grinder_adapters.feeds.funding import Settlement

USUAL_MS_MAX: Final = 28_800_000
_NEIGHBOURS: Final = 3


@frozen(kw_only=True)
class FundingGap:
    """A hole in the settlements of a symbol.

    Attributes:
        begin_ms, end_ms: The settlements on either side, or the session's begin or end where
            there is none on that side.
        usual_ms: The interval it was held against.
    """

    begin_ms: int
    end_ms: int
    usual_ms: int


def funding_gaps(settled: Sequence[Settlement], begin_ms: int, end_ms: int) -> list[FundingGap]:
    """Return the holes of a symbol's settlements that reach into a session.

    Args:
        settled: In rising order of time; may reach beyond the session, which then shows what is
            usual, and that nothing is missing at its ends.
        begin_ms, end_ms: Of the session.

    Returns:
        Holes in order of time; none where there is no settlement at all.
    """
    if not settled:
        return []
    spans = [b.ts - a.ts for a, b in pairwise(settled)]
    gaps = []
    first, last = settled[0], settled[-1]
    if begin_ms < first.ts:
        gaps.append((begin_ms, first.ts, first.interval_ms or _usual(spans[:_NEIGHBOURS])))
    for index, (a, b) in enumerate(pairwise(settled)):
        if b.ts <= begin_ms or a.ts >= end_ms:
            continue
        stated = max(a.interval_ms, b.interval_ms)
        before = spans[max(0, index - _NEIGHBOURS) : index]
        after = spans[index + 1 :][:_NEIGHBOURS]
        gaps.append((a.ts, b.ts, stated or _usual(before, after)))
    if end_ms > last.ts:
        gaps.append((last.ts, end_ms, last.interval_ms or _usual(spans[-_NEIGHBOURS:])))
    return [
        FundingGap(begin_ms=begin, end_ms=end, usual_ms=usual)
        for begin, end, usual in gaps
        if 2 * (end - begin) > 3 * usual
    ]


def _usual(*sides: Sequence[int]) -> int:
    """Return the longest median of the sides that have any; the venue's own default without."""
    medians = [sorted(side)[(len(side) - 1) // 2] for side in sides if side]
    return min(max(medians, default=USUAL_MS_MAX), USUAL_MS_MAX)
