"""Fewer points that still show the same picture: what a chart may leave out, and what not.

A line keeps the smallest and the largest value of every stretch, so that no spike disappears;
marks are thinned evenly; grid levels are first joined without loss, then the longest are kept.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from grinder_app.report.closed_trades import Table

MINUTE_MS: Final = 60_000
BIN_WIDTHS_MS: Final = tuple(
    minutes * MINUTE_MS
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080, 43200, 525600)
)


def min_max(values: Sequence[float], limit: int) -> list[int]:
    """Return rising indices of at most ``limit`` values that keep first, last and all extremes.

    The inside is cut into stretches of nearly equal count; each keeps its first smallest and
    first largest value.

    Args:
        values: Finite numbers.
        limit: At least 4.
    """
    count = len(values)
    if count <= limit:
        return list(range(count))
    stretches = (limit - 2) // 2
    kept = [0]
    for stretch in range(stretches):
        begin = 1 + (count - 2) * stretch // stretches
        end = 1 + (count - 2) * (stretch + 1) // stretches
        inside = range(begin, end)
        low, high = min(inside, key=values.__getitem__), max(inside, key=values.__getitem__)
        kept.extend(sorted({low, high}))
    kept.append(count - 1)
    return kept


def thin(count: int, limit: int) -> list[int]:
    """Return at most ``limit`` rising indices below ``count``, evenly spread."""
    if count <= limit:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


def bin_width_ms(span_ms: int, limit: int) -> int:
    """Return the narrowest usual width that cuts a span into at most ``limit`` bins."""
    for width in BIN_WIDTHS_MS:
        if span_ms // width + 2 <= limit:  # both ends may be cut
            return width
    return BIN_WIDTHS_MS[-1]


def rebin(counts: Mapping[int, int], width_ms: int) -> dict[int, int]:
    """Add counts by start of bin into wider bins, in order of time."""
    bins: dict[int, int] = {}
    for start in sorted(counts):
        wide = start // width_ms * width_ms
        bins[wide] = bins.get(wide, 0) + counts[start]
    return bins


@frozen
class LevelSegment:
    """One price of the grid that rested from ``begin`` to ``end``, milliseconds."""

    symbol: str
    side: str
    price: float
    begin: int
    end: int


def joined_levels(levels: Table) -> list[LevelSegment]:
    """Return grid levels in order of begin; touching ones of one side and price become one."""
    names = ("from", "to", "symbol", "side", "price")
    rows = sorted(
        (int(begin), int(end), symbol, side, float(price))
        for begin, end, symbol, side, price in zip(*(levels.get(n, ()) for n in names), strict=True)
    )
    last: dict[tuple[str, str, float], LevelSegment] = {}
    done: list[LevelSegment] = []
    for begin, end, symbol, side, price in rows:
        key = (symbol, side, price)
        before = last.get(key)
        if before is not None and begin <= before.end:
            last[key] = LevelSegment(symbol, side, price, before.begin, max(end, before.end))
            continue
        if before is not None:
            done.append(before)
        last[key] = LevelSegment(symbol, side, price, begin, end)
    done.extend(last.values())
    return sorted(done, key=lambda s: (s.begin, s.end, s.symbol, s.side, s.price))


def longest_levels(segments: Sequence[LevelSegment], limit: int) -> list[LevelSegment]:
    """Return the ``limit`` segments that rested longest, in order of begin."""
    ranked = heapq.nlargest(
        limit, enumerate(segments), key=lambda pair: (pair[1].end - pair[1].begin, -pair[0])
    )
    return [segment for _, segment in sorted(ranked, key=lambda pair: pair[0])]


def together(
    series: Sequence[tuple[Sequence[int], Sequence[float]]],
) -> tuple[Sequence[int], Sequence[float]]:
    """Return the sum of step functions that are 0 before their first sample.

    Args:
        series: ``(times, values)`` each; times never go back.

    Returns:
        One point for every time at which anything changed or was sampled.
    """
    current = [0.0] * len(series)
    total, times_out, values_out = 0.0, array("q"), array("d")
    tagged = (_tagged(index, *each) for index, each in enumerate(series))
    for ts, index, value in heapq.merge(*tagged, key=lambda row: (row[0], row[1])):
        total += value - current[index]
        current[index] = value
        if times_out and times_out[-1] == ts:
            values_out[-1] = total
        else:
            times_out.append(ts)
            values_out.append(total)
    return times_out, values_out


def _tagged(
    index: int, times: Sequence[int], values: Sequence[float]
) -> Iterator[tuple[int, int, float]]:
    for ts, value in zip(times, values, strict=True):
        yield ts, index, value
