"""Events as JSON Lines, plain or gzip: one canonical JSON object a line (CORE-04)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, cast

from grinder_adapters.feeds.atomic import WriteReport, atomic_file, report_on
from grinder_adapters.feeds.grammar import read_line, read_line_fast, write_line
from grinder_adapters.feeds.lines import check_readable, read_lines
from grinder_core.contracts.event import Event
from grinder_core.errors import FixtureError, InputError

LINES_A_WRITE: Final = 1024
_GZIP_LEVEL: Final = 5


class JsonlFile:
    """The events of a ``.jsonl`` or ``.jsonl.gz`` file; reads it anew on every pass.

    Args:
        path: The file.
        allow_empty: Whether zero bytes are a stream without events, as in a fixture (CORE-04),
            rather than an error.

    Raises:
        FixtureError: The file is missing, empty or a directory; while iterating: a line breaks
            the grammar or time goes back, with file, line, field, value and rule.
    """

    __slots__ = ("_allow_empty", "_path", "events_ignored")

    def __init__(self, path: Path, *, allow_empty: bool = False) -> None:
        self._path = path
        self._allow_empty = allow_empty
        if not self._is_empty_fixture():
            check_readable(path)
        self.events_ignored = 0

    @property
    def name(self) -> str:
        """The file's path as given."""
        return str(self._path)

    def __iter__(self) -> Iterator[Event]:
        self.events_ignored = 0
        if self._is_empty_fixture():
            return
        seq, now, number = 0, 0, 0
        for number, raw in enumerate(read_lines(self._path), 1):
            event = read_line_fast(raw, seq)
            if event is None:
                event = self._read(raw, seq, number)
                if event is None:
                    self.events_ignored += 1
                    continue
            if event.ts_ms < now:
                raise time_goes_back(event, now, f"{self._path}:{number}")
            now = event.ts_ms
            seq += 1
            yield event
        if not number:
            raise FixtureError("is empty", where=self.name)

    def _is_empty_fixture(self) -> bool:
        return self._allow_empty and self._path.is_file() and not self._path.stat().st_size

    def _read(self, raw: bytes, seq: int, number: int) -> Event | None:
        try:
            return read_line(raw, seq)
        except InputError as error:
            raise as_fixture_error(error, f"{self._path}:{number}") from None


def write_jsonl(path: Path, events: Iterable[Event]) -> WriteReport:
    """Write events as JSON Lines, gzip when the name ends in ``.gz``; whole or not at all.

    Raises:
        FixtureError: There are no events, or time goes back.
        ContractError: An event is no market event.
    """
    with atomic_file(path) as file:
        if path.suffix == ".gz":
            # no name and no time in the header: equal events give equal bytes
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                buffered = io.BufferedWriter(cast(io.RawIOBase, packed), 1 << 20)
                count = _write(buffered, events, path)
                buffered.flush()
        else:
            count = _write(file, events, path)
    return report_on(path, count)


def as_fixture_error(error: InputError, where: str) -> FixtureError:
    """Return an error of a file's content, told as such and with its place."""
    shown = {} if error.value is None else {"value": error.value}
    return FixtureError(error.rule, field=error.field, where=where, remedy=error.remedy, **shown)


def time_goes_back(event: Event, now: int, where: str) -> FixtureError:
    """Return the error of an event that is earlier than the one before it."""
    field = "ts" if event.ts_recv_ms is None else "ts_recv_ms"
    return FixtureError(
        f"must not be below {now} of an earlier event",
        field=field,
        value=event.ts_ms,
        where=where,
        remedy="sort the events by time",
    )


def _write(file: IO[bytes] | io.BufferedWriter, events: Iterable[Event], path: Path) -> int:
    count, now = 0, 0
    lines: list[str] = []
    for event in events:
        if event.ts_ms < now:
            raise time_goes_back(event, now, f"{path}: event {count}")
        now = event.ts_ms
        lines.append(write_line(event))
        count += 1
        if len(lines) == LINES_A_WRITE:
            file.write("".join(lines).encode("ascii"))
            lines.clear()
    if not count:
        raise FixtureError(
            "there are no events to write", where=str(path), remedy="check the source"
        )
    file.write("".join(lines).encode("ascii"))
    return count
