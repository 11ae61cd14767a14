"""Rows of a journal that somebody wants to see: the newest, of a time, or as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from grinder_adapters.journal import JournalReader, Row
from grinder_app.live.journal_times import Named, seq_at
from grinder_app.live.journal_words import read_fields, symbol_of
from grinder_app.live.scribe import (
    CONFIG_KIND,
    EXEC_STREAM,
    HEAD_STREAM,
    Configured,
    read_configured,
)
from grinder_app.live.state_audit import OPERATOR_STREAM
from grinder_app.live.state_view import time_of
from grinder_core.errors import ArtifactError

ALL: Final = "all"
SAID: Final = frozenset({EXEC_STREAM, HEAD_STREAM, OPERATOR_STREAM})
POLL_S: Final = 0.5
_ROWS_BACK: Final = 256


@frozen(kw_only=True)
class Wanted:
    """Which rows.

    Attributes:
        streams: ``None``: all.
        kinds, symbols: Only these; empty: all. A market line's kind is its event's.
        since, until: Between these times; ``None``: from the beginning, to the end.
    """

    streams: frozenset[str] | None = SAID
    kinds: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    since: Named | None = None
    until: Named | None = None

    def takes(self, row: Row) -> bool:
        """Whether a row is wanted, whatever its time."""
        if self.streams is not None and row.stream not in self.streams:
            return False
        if not self.kinds and not self.symbols:
            return True
        kind, fields = read_fields(row)
        if self.kinds and kind not in self.kinds:
            return False
        return not self.symbols or symbol_of(kind, fields) in self.symbols


def newest(reader: JournalReader, wanted: Wanted, count: int) -> list[Row]:
    """Return the newest rows that are wanted, oldest first; it reads no further back than it must.

    Raises:
        ArtifactError: The rows read are damaged.
    """
    first, last = reader.first_seq(), reader.last_seq()
    back, found = _ROWS_BACK, deque[Row](maxlen=count)
    while True:
        start = max(first, last + 1 - back)
        found.clear()
        found.extend(_taken(reader, wanted, start, last))
        if len(found) >= count or start == first:
            return list(found)
        back *= 4


def newest_configured(reader: JournalReader) -> Configured:
    """Return under what the session went on last.

    Raises:
        ArtifactError: The journal does not say, or is damaged.
    """
    wanted = Wanted(streams=frozenset({HEAD_STREAM}), kinds=frozenset({CONFIG_KIND}))
    found = newest(reader, wanted, 1)
    if not found:
        raise ArtifactError("says under no configuration", where=str(reader.path))
    return read_configured(found[-1].body)


def between(reader: JournalReader, wanted: Wanted) -> Iterator[Row]:
    """Yield the wanted rows of a time, in order.

    Raises:
        ArtifactError: While iterating: they are damaged.
    """
    first, last = reader.first_seq(), reader.last_seq()
    last_ms = time_of(reader, last)
    start_ms = time_of(reader, first) if wanted.since is None else wanted.since.before(last_ms)
    end_ms = None
    if wanted.until is not None:
        end_ms = wanted.until.after(start_ms) + wanted.until.span_ms
    start = first if wanted.since is None else seq_at(reader, start_ms)
    for row in reader.rows(start):
        if end_ms is not None and row.ts_ms >= end_ms and row.line < 0:
            return
        is_within = row.ts_ms >= start_ms and (end_ms is None or row.ts_ms < end_ms)
        if is_within and wanted.takes(row):
            yield row


def following(
    reader: JournalReader, wanted: Wanted, after: int, sleep: Callable[[float], None]
) -> Iterator[Row]:
    """Yield the wanted rows behind a row as they come, without end.

    Args:
        after: The last row that was seen.
        sleep: Waits for so many seconds.

    Raises:
        ArtifactError: While iterating: they are damaged.
    """
    while True:
        last = reader.last_seq()
        if last > after:
            yield from _taken(reader, wanted, after + 1, last)
            after = last
        sleep(POLL_S)


def _taken(reader: JournalReader, wanted: Wanted, start: int, last: int) -> Iterator[Row]:
    if start > last:
        return
    for row in reader.rows(start):
        if row.seq > last:
            return
        if wanted.takes(row):
            yield row
