"""Time in slots: from one change of the books to the next, each 100 ms as at the venue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[int, T, int | None]  # event time, what happened, the venue's update id

START_MS: Final = 1_735_689_600_000  # 2025-01-01 00:00 UTC, where nothing else is asked for
DIFF_MS: Final = 100
SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000

_ts: Final = itemgetter(0)


class Driver(Protocol[T]):
    """Says what happens on one market, slot after slot."""

    def slot(self, begin_ms: int, end_ms: int, rows: list[Row[T]]) -> None:
        """Append what happens from ``begin_ms`` to ``end_ms``, in order of time."""


def run(drivers: Sequence[Driver[T]], begin_ms: int, end_ms: int | None) -> Iterator[Row[T]]:
    """Yield what happens on several markets, by time, equal times in the order of the markets.

    Slots end at multiples of 100 ms since 1970.

    Args:
        end_ms: The first time that is left out; ``None`` goes on for ever.
    """
    begin = begin_ms
    while end_ms is None or begin < end_ms:
        end = begin - begin % DIFF_MS + DIFF_MS
        rows: list[Row[T]] = []
        for driver in drivers:
            driver.slot(begin, end, rows)
        rows.sort(key=_ts)
        for row in rows:
            if end_ms is not None and row[0] >= end_ms:
                return
            yield row
        begin = end
