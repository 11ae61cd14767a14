"""The folder of a recording: one Parquet file an hour, and the segments it is made of (MM-56).

Every flush writes one segment, whole or not at all. A segment's name holds its hour and the number
of its first event in that hour; the rows of the hour's file number those that were merged. So a
kill between a merge and the removal of its segments leaves segments that the hour's file already
covers, and the next start can tell: they are removed, and nothing counts twice.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.feeds.parquet import ROWS_A_BATCH, write_parquet
from grinder_core.contracts.event import Event
from grinder_core.errors import ArtifactError, ConfigError, InputError

HOUR_MS: Final = 3_600_000
SEGMENTS: Final = "segments"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)\.parquet")
_SEGMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)\.(\d{12})\.parquet")
_LEFTOVER: Final = ".*.part"


class _Segment(NamedTuple):
    """A segment's hour, the number of its first event in that hour, and its file."""

    hour: str
    first: int
    path: Path


def hour_of(ts_ms: int) -> str:
    """Return the UTC hour of a time.

    Example:
        >>> hour_of(1_735_689_600_000)
        '2025-01-01T00'
    """
    return (_EPOCH + timedelta(hours=ts_ms // HOUR_MS)).strftime("%Y-%m-%dT%H")


class HourFiles:
    """The files of one recording; locked while this object has not let go of them.

    Args:
        folder: Made when missing. What a kill left behind in it is put in order.

    Raises:
        ConfigError: Another process records there, or the extra ``data`` is not installed.
        ArtifactError: A segment is missing or damaged.
        InputError: The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        if find_spec("pyarrow") is None:
            raise ConfigError(
                "recording needs the extra 'data'", remedy="run pip install 'grinder[data]'"
            )
        self.folder = folder
        self._segments = folder / SEGMENTS
        with disk(folder):
            self._segments.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY)
        try:
            self._take_lock()
            self._next = self._recover()
        except BaseException:
            self.release()
            raise

    @property
    def hours(self) -> list[str]:
        """Hours of which there is anything, oldest first."""
        found = (_HOUR.fullmatch(path.name) for path in self.folder.iterdir())
        merged = {match[1] for match in found if match}
        return sorted(merged | {segment.hour for segment in self._list()})

    def files_of(self, hour: str) -> list[Path]:
        """The files that hold an hour, in the order of its events."""
        path = self._hour_path(hour)
        parts = [segment.path for segment in self._list() if segment.hour == hour]
        return [path, *parts] if path.exists() else parts

    def write(self, hour: str, events: Sequence[Event]) -> None:
        """Keep further events of an hour for good.

        Raises:
            InputError: The disk refuses.
        """
        first = self._next.get(hour, 0)
        write_parquet(self._segments / f"{hour}.{first:012}.parquet", events)
        self._next[hour] = first + len(events)

    def merge(self, before: str | None = None) -> None:
        """Make the hours' files out of their segments: of hours before one, or of all.

        Raises:
            InputError: The disk refuses.
        """
        for hour in sorted({segment.hour for segment in self._list()}):
            if before is None or hour < before:
                self._merge(hour)
        if before is not None:
            self._next = {hour: count for hour, count in self._next.items() if hour >= before}

    def release(self) -> None:
        """Let others record here; idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # -- inside --------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                "another process records there",
                field="out",
                value=str(self.folder),
                remedy="name another folder",
            ) from None

    def _recover(self) -> dict[str, int]:
        """Remove what is unfinished or merged already; return the events of each open hour."""
        counts = {hour: _rows(self._hour_path(hour)) for hour in self.hours[-1:]}
        with disk(self.folder):
            for folder in (self.folder, self._segments):
                for leftover in folder.glob(_LEFTOVER):
                    leftover.unlink()
            for hour, first, path in self._list():
                merged = _rows(self._hour_path(hour))
                if first < merged:
                    path.unlink()
                    continue
                expected = counts.get(hour, merged)
                if first != expected:
                    raise ArtifactError(
                        f"begins with event {first} of its hour, and {expected} are there",
                        where=str(path),
                        remedy="restore the segment that is missing, or move the folder away",
                    )
                counts[hour] = first + _rows(path)
        return counts

    def _merge(self, hour: str) -> None:
        parts = [segment.path for segment in self._list() if segment.hour == hour]
        with atomic_file(self._hour_path(hour)) as file:
            _join(self.files_of(hour), file)
        with disk(self._segments):
            for part in parts:
                part.unlink()

    def _list(self) -> list[_Segment]:
        found = ((_SEGMENT.fullmatch(path.name), path) for path in self._segments.iterdir())
        return sorted(_Segment(match[1], int(match[2]), path) for match, path in found if match)

    def _hour_path(self, hour: str) -> Path:
        return self.folder / f"{hour}.parquet"


@contextmanager
def disk(where: Path) -> Iterator[None]:
    """Tell what the disk refuses in our words.

    Raises:
        InputError: It refused.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            where=str(where),
            remedy="what was written before is kept",
        ) from error


def _rows(path: Path) -> int:
    """Events of a file, 0 if there is none."""
    from pyarrow import ArrowException, parquet

    if not path.exists():
        return 0
    try:
        rows: int = parquet.read_metadata(path).num_rows
    except ArrowException as error:
        raise ArtifactError(f"is damaged: {error}", where=str(path)) from None
    return rows


def _join(paths: Sequence[Path], file: IO[bytes]) -> None:
    """Copy the rows of files into one, without looking at them."""
    from pyarrow import Table, parquet

    schema = parquet.read_schema(paths[0])
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=True) as writer:
        for batches in _groups(paths):
            writer.write_table(Table.from_batches(batches))


def _groups(paths: Sequence[Path]) -> Iterator[list[Any]]:
    """Batches of rows, gathered so that many small files do not give many small row groups."""
    from pyarrow import parquet

    waiting: list[Any] = []
    for path in paths:
        with parquet.ParquetFile(path) as source:
            for batch in source.iter_batches(ROWS_A_BATCH):
                waiting.append(batch)
                if sum(len(one) for one in waiting) >= ROWS_A_BATCH:
                    yield waiting
                    waiting = []
    if waiting:
        yield waiting
