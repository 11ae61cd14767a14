"""Where the event loop leaves rows: numbered at once, market lines gathered into blocks.

Both sides meet here under one lock, held for a few instructions: the event loop appends, the
writer's thread takes all at once, and closes the running block when it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, NoReturn

from grinder_adapters.journal import blocks, pending
from grinder_adapters.journal.committer import Batch, Waiter
from grinder_adapters.journal.opening import Opened
from grinder_adapters.journal.pending import HOUR_MS, Content, Pending, Statement
from grinder_adapters.journal.record import TS_MS_MAX, IndexNote, check_time
from grinder_core.errors import ContractError, GrinderError, InvariantError, StateWriteError

BLOCK_LINES: Final = 4_096
WAITING_BYTES_MAX: Final = 256 << 20
# what a line or a row costs in memory besides its text
_OVERHEAD_BYTES: Final = 64


class Intake:
    """What is appended and not yet taken by the writer's thread.

    Args:
        opened: Where the journal stands.
        failure: Tells why the last commit failed.
        bytes_max: How much may wait; market lines stop at three quarters of it.
    """

    def __init__(
        self, opened: Opened, failure: Callable[[], GrinderError | None], bytes_max: int
    ) -> None:
        self._failure = failure
        self._bytes_max, self._market_bytes_max = bytes_max, bytes_max * 3 // 4
        self._mutex = threading.Lock()
        self.wake = threading.Event()
        self._queue: list[Pending] = []
        self._waiters: list[Waiter] = []
        self._statements: list[Statement] = []
        self._lines: list[bytes] = []
        self._times: list[int] = []
        self._line_bytes = 0
        self._waiting_bytes = 0
        self._closing = False
        self._next = opened.last_seq + 1
        self._hour_first = opened.hour_first
        self._hour_lines = opened.hour_lines
        self._hour_end = opened.hour_end

    @property
    def last_seq(self) -> int:
        """Number of the last row; the running block has none yet."""
        return self._next - 1

    @property
    def waiting_bytes(self) -> int:
        """About how much memory holds what is not yet committed."""
        return self._waiting_bytes + self._line_bytes

    @property
    def is_closing(self) -> bool:
        """Whether nothing may be appended any more."""
        return self._closing

    def append(
        self,
        stream: str,
        kind: str,
        ts_ms: int,
        content: Callable[[int, int, bytes], Content],
        size: int,
        index: IndexNote | None = None,
    ) -> int:
        """Number a row after everything before it.

        Raises:
            StateWriteError: Too much waits to be written.
        """
        size += _OVERHEAD_BYTES
        with self._mutex:
            if self._closing or self.waiting_bytes + size > self._bytes_max:
                self._refuse()
            if ts_ms >= self._hour_end:
                self._turn_hour(ts_ms)
            self._close_block()
            return self._number(stream, kind, ts_ms, content, size, index)

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Append a market line to the running block.

        Raises:
            ContractError: The line holds a line feed or is not ASCII.
            StateWriteError: Too much waits to be written.
        """
        if type(line) is not bytes:
            line = line.encode() if isinstance(line, str) else bytes(line)
        if b"\n" in line:
            line = line.removesuffix(b"\n")
        if b"\n" in line or not line.isascii():
            raise ContractError("must be ASCII without a line feed", field="line", value=line)
        if not 0 <= ts_ms <= TS_MS_MAX:
            check_time(ts_ms)
        with self._mutex:
            if self._closing or self._waiting_bytes + self._line_bytes > self._market_bytes_max:
                self._refuse()
            if ts_ms >= self._hour_end:
                self._turn_hour(ts_ms)
            self._lines.append(line)
            self._times.append(ts_ms)
            self._line_bytes += len(line) + _OVERHEAD_BYTES
            if len(self._lines) >= BLOCK_LINES:
                self._close_block()

    def add_statement(self, statement: Statement) -> None:
        """Let SQL that changes no row's meaning go with the next commit."""
        with self._mutex:
            if self._closing:
                self._refuse()
            self._statements.append(statement)

    def mark(self) -> int:
        """Close the running block; return the number of the last row."""
        with self._mutex:
            self._close_block()
            return self._next - 1

    def wait_for(self, waiter: Waiter) -> None:
        """Ask for a commit."""
        with self._mutex:
            self._waiters.append(waiter)
        self.wake.set()

    def take(self) -> Batch:
        """Hand over everything, from the writer's thread."""
        with self._mutex:
            self._close_block()
            rows, self._queue = self._queue, []
            waiters, self._waiters = self._waiters, []
            statements, self._statements = self._statements, []
            last = self._closing
        full = last or any(waiter.full for waiter in waiters)
        return Batch(rows=rows, waiters=waiters, statements=statements, full=full, last=last)

    def settled(self, size: int) -> None:
        """Note that so many bytes wait no longer."""
        with self._mutex:
            self._waiting_bytes -= size

    def close(self) -> None:
        """Take nothing any more; what is there is the last batch."""
        with self._mutex:
            self._closing = True
        self.wake.set()

    # -- under the mutex

    def _refuse(self) -> NoReturn:
        if self._closing:
            raise InvariantError("the journal is closed", remedy="open it again")
        raise StateWriteError(
            f"too many of {self._bytes_max} bytes wait to be written",
            field="journal",
            value=self.waiting_bytes,
            remedy="make room on the disk or mend it",
        ) from self._failure()

    def _number(
        self,
        stream: str,
        kind: str,
        ts_ms: int,
        content: Callable[[int, int, bytes], Content],
        size: int,
        index: IndexNote | None = None,
    ) -> int:
        seq = self._next
        self._next = seq + 1
        self._waiting_bytes += size
        self._queue.append(
            Pending(
                seq=seq,
                ts_ms=ts_ms,
                stream=stream,
                kind=kind,
                content=content,
                size=size,
                index=index,
            )
        )
        return seq

    def _close_block(self) -> None:
        if not self._lines:
            return
        content = pending.block(self._lines, self._times)
        self._hour_lines += len(self._lines)
        size, self._line_bytes = self._line_bytes, 0
        ts_ms = self._times[-1]
        self._lines, self._times = [], []
        self._number(blocks.MARKET_STREAM, blocks.BLOCK_KIND, ts_ms, content, size)

    def _turn_hour(self, ts_ms: int) -> None:
        self._close_block()
        if self._next > self._hour_first:
            content = pending.seal(
                {
                    "first_seq": self._hour_first,
                    "hour_ms": self._hour_end - HOUR_MS,
                    "last_seq": self._next - 1,
                    "lines": self._hour_lines,
                    "rows": self._next - self._hour_first,
                }
            )
            self._number(pending.SEAL_STREAM, pending.SEAL_KIND, ts_ms, content, _OVERHEAD_BYTES)
        self._hour_first, self._hour_lines = self._next, 0
        self._hour_end = (ts_ms // HOUR_MS + 1) * HOUR_MS
