"""The durable journal, as the event loop sees it: append at once, await what must be on disk.

Rows are numbered when they are appended, so their order is the order of the calls. Everything that
takes time (compressing, hashing, SQLite, the disk) happens on the writer's thread.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Self

from grinder_adapters.journal import blocks
from grinder_adapters.journal.committer import Batch, Committer, Waiter
from grinder_adapters.journal.lock import StateLock
from grinder_adapters.journal.opening import Opened, prepare_folder
from grinder_adapters.journal.pending import (
    CHECKPOINT_KIND,
    CHECKPOINT_STREAM,
    HOUR_MS,
    SEAL_KIND,
    SEAL_STREAM,
    Form,
    Pending,
)
from grinder_adapters.journal.record import (
    TS_MS_MAX,
    IndexNote,
    IndexOp,
    IndexTable,
    JournalHead,
    check_names,
    check_time,
    parse_body,
)
from grinder_adapters.journal.store import Store
from grinder_core.errors import (
    ContractError,
    GrinderError,
    InputError,
    InvariantError,
    StateWriteError,
)

HEAD_STREAM: Final = "head"
HEAD_KIND: Final = "JOURNAL_HEAD"
INTENT_STREAM: Final = "intents"
INTENT_KIND: Final = "INTENT"
INTENT_DONE_KIND: Final = "INTENT_DONE"
BLOCK_LINES: Final = 4_096
WAITING_BYTES_MAX: Final = 256 << 20
_LINE_BYTES: Final = 64


class Journal:
    """The one writer of a state folder. Use ``open``; all methods but its are for one event loop.

    Rows that cannot be written wait in memory, are tried again with every commit, and count as
    long as they wait. Market lines are refused at three quarters of ``WAITING_BYTES_MAX``, so that
    decisions and cancels can still be noted, those at the whole of it.
    """

    def __init__(self, lock: StateLock, folder: Path, opened: Opened) -> None:
        self._lock = lock
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._queue: list[Pending] = []
        self._waiters: list[Waiter] = []
        self._lines: list[bytes] = []
        self._times: list[int] = []
        self._line_bytes = 0
        self._waiting_bytes = 0
        self._closing = self._closed = False
        self._next = opened.last_seq + 1
        self._hour_first = opened.hour_first
        self._hour_lines = opened.hour_lines
        self._hour_end = opened.hour_end
        self._indexes = opened.indexes
        self._committer = Committer(
            lambda: Store(folder, opened.head),
            opened.last_hash,
            self._take,
            self._settled,
            self._wake,
        )
        self._thread = threading.Thread(target=self._committer.run, name="journal", daemon=True)

    @classmethod
    def open(cls, folder: Path, head: JournalHead) -> Self:
        """Take the lock, check what is there, and begin a run with its head row, on disk.

        Blocks: for the start of a process, before its loop.

        Raises:
            StateLockedError: Another process writes here; the message names it.
            ArtifactError: What is there is damaged or not as ``HEAD`` says.
            StateWriteError: It cannot be written.
            InputError: The folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be made: {error.strerror}", where=str(folder)) from error
        lock = StateLock.take(folder, head.ts_ms)
        try:
            journal = cls(lock, folder, prepare_folder(folder))
        except BaseException:
            lock.release()
            raise
        try:
            journal.append(HEAD_STREAM, HEAD_KIND, head.ts_ms, head.body())
            journal._begin()
        except BaseException:
            journal._stop()
            lock.release()
            raise
        return journal

    @property
    def last_seq(self) -> int:
        """Number of the last row appended; a market block gets its number when it closes."""
        return self._next - 1

    @property
    def failure(self) -> GrinderError | None:
        """Why the last commit failed; ``None`` if it succeeded."""
        return self._committer.failure

    @property
    def is_writable(self) -> bool:
        """Whether the last commit succeeded and another may follow."""
        return self._committer.failure is None and not self._closed

    @property
    def waiting_bytes(self) -> int:
        """About how much is appended and not yet committed."""
        return self._waiting_bytes + self._line_bytes

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        """Append a row after everything appended before; return its number.

        Args:
            ts_ms: Unix milliseconds; seals follow it.
            body: Canonical JSON.

        Raises:
            ContractError: The body is not canonical JSON, a name is none.
            StateWriteError: Too much waits to be written.
        """
        return self._append(stream, kind, ts_ms, body, None)

    def append_indexed(
        self, table: IndexTable, key: str, stream: str, kind: str, ts_ms: int, body: str
    ) -> int:
        """Append a row and let the table's entry of ``key`` point to it, in one transaction."""
        note = IndexNote(table=table, key=key)
        return self._append(stream, kind, ts_ms, body, note)

    def drop_indexed(
        self, table: IndexTable, key: str, stream: str, kind: str, ts_ms: int, body: str = "{}"
    ) -> int:
        """Append a row that takes the table's entry of ``key`` away.

        Raises:
            ContractError: There is no such entry.
        """
        if key not in self._indexes[table]:
            raise ContractError(f"is no key of {table}", field="key", value=key)
        note = IndexNote(table=table, key=key, op=IndexOp.DROP)
        return self._append(stream, kind, ts_ms, body, note)

    def intent(self, key: str, ts_ms: int, body: str) -> int:
        """Note that a write is about to be asked for; on disk only after ``sync``."""
        return self.append_indexed(IndexTable.INTENTS, key, INTENT_STREAM, INTENT_KIND, ts_ms, body)

    def intent_done(self, key: str, ts_ms: int, body: str = "{}") -> int:
        """Note that the outcome of an intent is known.

        Raises:
            ContractError: There is no such open intent.
        """
        return self.drop_indexed(
            IndexTable.INTENTS, key, INTENT_STREAM, INTENT_DONE_KIND, ts_ms, body
        )

    def index(self, table: IndexTable) -> dict[str, str]:
        """Return a table's entries, body by key, what is appended but not committed included."""
        return dict(self._indexes[table])

    def open_intents(self) -> dict[str, str]:
        """Return the intents whose outcome is not noted, body by key."""
        return self.index(IndexTable.INTENTS)

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Append a market line to the running block.

        Args:
            line: ASCII text without a line feed, but for one at its end, which is dropped.
            ts_ms: Its time, Unix milliseconds.

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
            if self._waiting_bytes + self._line_bytes > WAITING_BYTES_MAX * 3 // 4 or self._closing:
                self._refuse()
            if ts_ms >= self._hour_end:
                self._turn_hour(ts_ms)
            self._lines.append(line)
            self._times.append(ts_ms)
            self._line_bytes += len(line) + _LINE_BYTES
            if len(self._lines) >= BLOCK_LINES:
                self._close_block()

    def mark(self) -> int:
        """Close the running block; return the number of the last row, for a checkpoint."""
        with self._mutex:
            self._close_block()
            return self._next - 1

    def checkpoint(self, seq: int, ts_ms: int, text: str) -> int:
        """Append a checkpoint; the two newest are kept.

        Args:
            seq: Number of the last row whose effects are in ``text``, from ``mark``.
            ts_ms: When it was taken, Unix milliseconds.
            text: The state.

        Raises:
            ContractError: There is no such row, or ``text`` is none.
            StateWriteError: Too much waits to be written.
        """
        if not 0 <= seq < self._next:
            raise ContractError(
                f"must be 0 to {self._next - 1}", field="seq", value=seq, remedy="use mark()"
            )
        check_time(ts_ms)
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ContractError(f"is no text: {error}", field="checkpoint") from None
        with self._mutex:
            self._make_room(ts_ms, len(raw))
            return self._number(
                CHECKPOINT_STREAM, CHECKPOINT_KIND, ts_ms, Form.CHECKPOINT, (seq, raw), len(raw)
            )

    async def sync(self) -> None:
        """Return when everything appended so far is on disk and ``HEAD`` says so.

        Raises:
            StateWriteError: It is not; it is tried again with the next commit.
        """
        await self._committed(full=True)

    async def flush(self) -> None:
        """Return when everything appended so far is committed, though perhaps not yet on disk.

        Raises:
            StateWriteError: It is not; it is tried again with the next commit.
        """
        await self._committed(full=False)

    def close(self) -> None:
        """Write everything to disk, stop, and free the lock. Blocks; a second call does nothing.

        Raises:
            StateWriteError: Something could not be written and is lost.
        """
        if self._closed:
            return
        try:
            self._stop()
        finally:
            self._closed = True
            self._lock.release()
        if self._committer.failure is not None:
            raise self._committer.failure

    # -- under the mutex

    def _append(
        self, stream: str, kind: str, ts_ms: int, body: str, index: IndexNote | None
    ) -> int:
        check_names(stream, kind, ts_ms)
        payload, plain = parse_body(body)
        with self._mutex:
            self._make_room(ts_ms, len(body))
            seq = self._number(
                stream, kind, ts_ms, Form.GIVEN, body, len(body), payload, plain, index
            )
        if index is not None:
            entries = self._indexes[index.table]
            if index.op is IndexOp.PUT:
                entries[index.key] = body
            else:
                entries.pop(index.key, None)
        return seq

    def _make_room(self, ts_ms: int, size: int) -> None:
        if self._closing or self._waiting_bytes + self._line_bytes + size > WAITING_BYTES_MAX:
            self._refuse()
        if ts_ms >= self._hour_end:
            self._turn_hour(ts_ms)
        self._close_block()

    def _refuse(self) -> None:
        if self._closing:
            raise InvariantError("the journal is closed", remedy="open it again")
        raise StateWriteError(
            f"more than {WAITING_BYTES_MAX} bytes wait to be written",
            field="journal",
            value=self._waiting_bytes + self._line_bytes,
            remedy="make room on the disk or mend it",
        ) from self._committer.failure

    def _number(
        self,
        stream: str,
        kind: str,
        ts_ms: int,
        form: Form,
        content: Any,
        size: int,
        payload: Any = None,
        plain: bool = False,
        index: IndexNote | None = None,
    ) -> int:
        seq = self._next
        self._next = seq + 1
        self._waiting_bytes += size
        self._queue.append(
            Pending(
                seq=seq, ts_ms=ts_ms, stream=stream, kind=kind, form=form, content=content,
                size=size, payload=payload, plain=plain, index=index,
            )
        )  # fmt: skip
        return seq

    def _close_block(self) -> None:
        if not self._lines:
            return
        content = self._lines, self._times
        self._hour_lines += len(self._lines)
        size, self._line_bytes = self._line_bytes, 0
        ts_ms = self._times[-1]
        self._lines, self._times = [], []
        self._number(blocks.MARKET_STREAM, blocks.BLOCK_KIND, ts_ms, Form.BLOCK, content, size)

    def _turn_hour(self, ts_ms: int) -> None:
        self._close_block()
        if self._next > self._hour_first:
            content = {
                "first_seq": self._hour_first,
                "hour_ms": self._hour_end - HOUR_MS,
                "last_seq": self._next - 1,
                "lines": self._hour_lines,
                "rows": self._next - self._hour_first,
            }
            self._number(SEAL_STREAM, SEAL_KIND, ts_ms, Form.SEAL, content, _LINE_BYTES)
        self._hour_first, self._hour_lines = self._next, 0
        self._hour_end = (ts_ms // HOUR_MS + 1) * HOUR_MS

    # -- between loop and thread

    async def _committed(self, *, full: bool) -> None:
        if self._closed:
            raise InvariantError("the journal is closed", remedy="open it again")
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._wait_for(Waiter(loop=loop, future=future, full=full))
        await future

    def _begin(self) -> None:
        future: Future[None] = Future()
        # asked for before the thread starts, so that it cannot end without an answer
        self._wait_for(Waiter(loop=None, future=future, full=True))
        self._thread.start()
        future.result()

    def _wait_for(self, waiter: Waiter) -> None:
        with self._mutex:
            self._waiters.append(waiter)
        self._wake.set()

    def _take(self) -> Batch:
        with self._mutex:
            self._close_block()
            rows, self._queue = self._queue, []
            waiters, self._waiters = self._waiters, []
            last = self._closing
        full = last or any(waiter.full for waiter in waiters)
        return Batch(rows=rows, waiters=waiters, full=full, last=last)

    def _settled(self, size: int) -> None:
        with self._mutex:
            self._waiting_bytes -= size

    def _stop(self) -> None:
        with self._mutex:
            self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
