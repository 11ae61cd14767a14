"""Samples and counts over time in bounded memory.

Both begin with the interval they are asked for. Whenever they would outgrow their room, the
interval doubles and what lies in one of the wider intervals becomes one. So what is kept depends
on the stream and on the final interval alone: it is what that interval would have given from the
beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from attrs import Factory, define, field

Columns = dict[str, list[Any]]
TIME = "ts"


class Keep(StrEnum):
    """Which row stands for an interval."""

    FIRST = "first"
    LAST = "last"


@define
class Samples:
    """At most one row in each interval of time, and at most ``max_rows`` in all.

    Attributes:
        names: Columns besides ``ts``, which comes first.
        columns: The rows; ``ts`` rises and no two rows lie in one interval.
        interval_ms: The interval now; it only ever doubles.
        max_rows: At least 2.
    """

    names: tuple[str, ...]
    interval_ms: int
    max_rows: int
    keep: Keep
    columns: Columns = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.columns = {name: [] for name in (TIME, *self.names)}

    def __len__(self) -> int:
        return len(self.columns[TIME])

    def add(self, ts: int, *values: Any) -> None:
        """Add the row of an instant, which must not lie before the last one's interval."""
        times = self.columns[TIME]
        if times and ts // self.interval_ms == times[-1] // self.interval_ms:
            if self.keep is Keep.LAST:
                for column, value in zip(self.columns.values(), (ts, *values), strict=True):
                    column[-1] = value
            return
        for column, value in zip(self.columns.values(), (ts, *values), strict=True):
            column.append(value)
        while len(times) > self.max_rows:
            self.double()

    def double(self) -> None:
        """Double the interval; rows that share one become one."""
        self.interval_ms *= 2
        kept = self._rows(self.columns[TIME])
        for column in self.columns.values():
            column[:] = [column[row] for row in kept]

    def _rows(self, times: Sequence[int]) -> list[int]:
        """Return the rows that stand for the intervals."""
        by_interval: dict[int, int] = {}
        for row, ts in enumerate(times):
            interval = ts // self.interval_ms
            if self.keep is Keep.LAST or interval not in by_interval:
                by_interval[interval] = row
        return list(by_interval.values())


@define
class Counts:
    """How often something happened in each interval, by name; at most ``max_counts`` numbers.

    Attributes:
        by_name: Name -> start of the interval -> count.
        interval_ms: The interval now; it only ever doubles.
        max_counts: Numbers kept, but at least one a name.
    """

    interval_ms: int
    max_counts: int
    by_name: dict[str, dict[int, int]] = Factory(dict)
    _size: int = 0

    def __len__(self) -> int:
        return self._size

    def add(self, name: str, ts: int) -> None:
        """Count one happening."""
        counts = self.by_name.setdefault(name, {})
        start = ts // self.interval_ms * self.interval_ms
        if start in counts:
            counts[start] += 1
            return
        counts[start] = 1
        self._size += 1
        # a number a name is the least there can be
        while self._size > max(self.max_counts, len(self.by_name)):
            self._double()

    def _double(self) -> None:
        self.interval_ms *= 2
        for name, counts in self.by_name.items():
            wide: dict[int, int] = {}
            for start, count in counts.items():
                into = start // self.interval_ms * self.interval_ms
                wide[into] = wide.get(into, 0) + count
            self.by_name[name] = wide
        self._size = sum(map(len, self.by_name.values()))
