"""Takes log records without ever waiting, and writes them from a thread of its own.

Nothing a reader does can hold a step up: records go into a bounded queue; a thread redacts, renders
and writes them. While the queue is full new records are dropped and counted, and a line says how
many as soon as there is room. A write that fails loses its lines, which is counted and said as
well; a write that never returns, into a pipe that nobody reads, holds only the thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from attrs import frozen

QUEUE_MAX: Final = 10_000
BATCH_MAX: Final = 256
CLOSE_S: Final = 2.0

LogRecord = Mapping[str, Any]


class LogTarget(Protocol):
    """Where lines go; may block, and may fail."""

    def write(self, data: bytes) -> int:
        """Write some of it and return how much.

        Raises:
            OSError: Nothing could be written.
        """

    def close(self) -> None:
        """Free it."""


class Descriptor:
    """A file descriptor as a target: no buffer, so nothing is held at the interpreter's end."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, data: bytes) -> int:
        """Write some of it and return how much."""
        return os.write(self._number, data)

    def close(self) -> None:
        """Close it."""
        os.close(self._number)


@frozen(kw_only=True)
class SinkStats:
    """What became of the records.

    Attributes:
        written: In the file.
        dropped: Left out because the queue was full.
        failed: Lost because they could not be written.
        pending: Taken and not written yet.
        last_error: Why a write failed last; empty: none did.
    """

    written: int
    dropped: int
    failed: int
    pending: int
    last_error: str


class LogSink:
    """One queue, one thread, one target.

    Args:
        target: Where lines go.
        render: Makes a line, without its end, of a record; called in the thread.
        queue_max: Records that may wait.
        now: Makes the time of lines that the sink itself has to say.
    """

    def __init__(
        self,
        target: LogTarget,
        render: Callable[[LogRecord], str],
        now: Callable[[], str],
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self._target, self._render, self._now = target, render, now
        self._queue_max = queue_max
        self._queue: deque[LogRecord] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._in_hand = self._written = self._dropped = self._failed = 0
        self._told_dropped = self._told_failed = 0
        self._last_error = ""
        self._at_line_start, self._has_failed = True, False
        self._thread = threading.Thread(target=self._work, name="log sink", daemon=True)
        self._thread.start()

    def put(self, record: LogRecord) -> None:
        """Take one record; never waits for the target."""
        with self._news:
            if self._closing or len(self._queue) >= self._queue_max:
                self._dropped += 1
                return
            self._queue.append(record)
            self._news.notify()

    @property
    def stats(self) -> SinkStats:
        """What became of the records so far."""
        with self._news:
            return SinkStats(
                written=self._written,
                dropped=self._dropped,
                failed=self._failed,
                pending=len(self._queue) + self._in_hand,
                last_error=self._last_error,
            )

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Write what waits, for so long; return whether all of it was.

        A thread that hangs in a write is left behind: it ends with the process.
        """
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._target.close()
        return not self._queue

    # -- the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._news:
                while not self._queue and not self._closing and not self._has_losses():
                    self._news.wait()
                batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
                self._in_hand = len(batch)
                own = self._own_records()
                if not batch and not own:
                    return
            self._write_all([*batch, *own], len(batch))

    def _own_records(self) -> list[LogRecord]:
        """What the sink has to say of its own losses, each loss once."""
        own: list[LogRecord] = []
        if not self._has_losses():
            return own
        if self._dropped > self._told_dropped:
            own.append(self._own("log_lines_dropped", self._dropped - self._told_dropped))
        if self._failed > self._told_failed:
            own.append(self._own("log_lines_lost", self._failed - self._told_failed))
        self._told_dropped, self._told_failed = self._dropped, self._failed
        return own

    def _has_losses(self) -> bool:
        """Whether there is a loss to tell; after a failed write, not before one that succeeds."""
        if self._has_failed:
            return False
        return self._dropped > self._told_dropped or self._failed > self._told_failed

    def _own(self, event: str, count: int) -> LogRecord:
        return {
            "ts": self._now(),
            "level": "warning",
            "logger": "log",
            "event": event,
            "count": count,
            "last_error": self._last_error,
        }

    def _write_all(self, records: list[LogRecord], counted: int) -> None:
        """Write records, of which the first so many are others', in one piece."""
        lines = []
        for record in records:
            try:
                lines.append(f"{self._render(record)}\n")
            except Exception as why:  # noqa: BLE001 - what has no form must not end the log
                instead = self._own(f"line_without_a_form: {type(why).__name__}", 1)
                lines.append(f"{self._render(instead)}\n")
        data = "".join(lines).encode("utf-8", "backslashreplace")
        if not self._at_line_start:
            data = b"\n" + data  # half a line stands there from a write that failed
        error = self._write(data)
        with self._news:
            self._in_hand = 0
            self._has_failed = error is not None
            if error is None:
                self._written += counted
            else:
                self._failed += counted
                self._last_error = error

    def _write(self, data: bytes) -> str | None:
        """Write it all; return why that failed."""
        view = memoryview(data)
        while view:
            try:
                done = self._target.write(view)  # type: ignore[arg-type]
            except (OSError, ValueError) as error:
                return getattr(error, "strerror", None) or str(error)
            if done:
                self._at_line_start = view[done - 1] == ord("\n")
                view = view[done:]
        return None
