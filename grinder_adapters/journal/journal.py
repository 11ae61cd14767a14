"""The durable journal, as the event loop sees it: append at once, await what must be on disk.

Rows are numbered when they are appended, so their order is the order of the calls. Everything that
takes time (compressing, hashing, SQLite, the disk) happens on the writer's thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self

from grinder_adapters.journal import pending
from grinder_adapters.journal.anchor import ANCHOR_KIND, ANCHOR_STREAM, SET_ANCHOR, Anchor
from grinder_adapters.journal.committer import Committer, JournalStats, Waiter
from grinder_adapters.journal.head import Head
from grinder_adapters.journal.intake import WAITING_BYTES_MAX, Intake
from grinder_adapters.journal.lock import StateLock
from grinder_adapters.journal.opening import Opened, prepare_folder
from grinder_adapters.journal.pending import Content
from grinder_adapters.journal.record import (
    IndexNote,
    IndexOp,
    IndexTable,
    JournalHead,
    check_names,
    check_time,
    parse_body,
)
from grinder_adapters.journal.store import Store
from grinder_core.errors import ContractError, GrinderError, InputError, InvariantError

INTENT_STREAM: Final = "intents"
INTENT_KIND: Final = "INTENT"
INTENT_DONE_KIND: Final = "INTENT_DONE"

OpenStore = Callable[[Path, Head], Store]


class Journal:
    """The one writer of a state folder; made by ``open``, used from one event loop.

    Rows that cannot be written wait in memory and are tried again with every commit; numbers are
    never given twice. When more waits than ``waiting_bytes_max``, appending is refused; market
    lines at three quarters of it, so that decisions and cancels can still be noted.

    Attributes:
        folder: The state folder.
    """

    def __init__(
        self,
        lock: StateLock,
        folder: Path,
        opened: Opened,
        store: OpenStore,
        waiting_bytes_max: int,
    ) -> None:
        self.folder = folder
        self._lock = lock
        self._closed = False
        self._indexes = opened.indexes
        self._intake = Intake(opened, lambda: self._committer.failure, waiting_bytes_max)
        self._committer = Committer(
            lambda: store(folder, opened.head),
            opened.last_hash,
            self._intake.take,
            self._intake.settled,
            self._intake.wake,
        )
        self._thread = threading.Thread(target=self._committer.run, name="journal", daemon=True)

    @classmethod
    def open(
        cls,
        folder: Path,
        head: JournalHead,
        *,
        store: OpenStore = Store,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> Self:
        """Take the lock, check what is there, and begin a run with its head row, on disk.

        Checked are the rows a recovery may need, from the older checkpoint on, the index tables
        and ``HEAD``; ``survey`` checks everything. Blocks: for the start of a process.

        Args:
            store: Opens the files for writing, on the writer's thread.
            waiting_bytes_max: How much may wait in memory to be written.

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
            journal = cls(lock, folder, prepare_folder(folder), store, waiting_bytes_max)
            journal._begin(head)
        except BaseException:
            lock.release()
            raise
        return journal

    @property
    def last_seq(self) -> int:
        """Number of the last row appended; a market block gets its number when it closes."""
        return self._intake.last_seq

    @property
    def failure(self) -> GrinderError | None:
        """Why the last commit failed; ``None`` if it succeeded."""
        return self._committer.failure

    @property
    def is_writable(self) -> bool:
        """Whether the last commit succeeded and another may follow."""
        return self._committer.failure is None and not self._closed

    @property
    def stats(self) -> JournalStats:
        """What this process wrote so far, for metrics."""
        return self._committer.stats

    @property
    def waiting_bytes(self) -> int:
        """About how much memory holds what is not yet committed."""
        return self._intake.waiting_bytes

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        """Append a row after everything appended before; return its number.

        Args:
            ts_ms: Unix milliseconds; a later UTC hour than before seals the one before.
            body: Canonical JSON.

        Raises:
            ContractError: The body is not canonical JSON, or a name is none.
            StateWriteError: Too much waits to be written.
        """
        return self._append(stream, kind, ts_ms, body, None)

    def append_indexed(
        self, table: IndexTable, key: str, stream: str, kind: str, ts_ms: int, body: str
    ) -> int:
        """Append a row and let the table's entry of ``key`` point to it, in one transaction.

        Args:
            key: Printable ASCII.
        """
        return self._append(stream, kind, ts_ms, body, IndexNote(table=table, key=key))

    def drop_indexed(
        self, table: IndexTable, key: str, stream: str, kind: str, ts_ms: int, body: str = "{}"
    ) -> int:
        """Append a row that takes the table's entry of ``key`` away, in one transaction.

        Raises:
            ContractError: There is no such entry.
        """
        if key not in self._indexes[table]:
            raise ContractError(f"is no key of {table}", field="key", value=key)
        note = IndexNote(table=table, key=key, op=IndexOp.DROP)
        return self._append(stream, kind, ts_ms, body, note)

    def intent(self, key: str, ts_ms: int, body: str) -> int:
        """Note that a write is about to be asked for; await ``sync`` before asking."""
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
        """Return a table's entries, body by key, those appended and not yet committed included."""
        return dict(self._indexes[table])

    def open_intents(self) -> dict[str, str]:
        """Return the intents whose outcome is not noted, body by key."""
        return self.index(IndexTable.INTENTS)

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Append a market line to the running block.

        The block closes before any other row, at every commit, at a full hour, and when it is
        full; so the order of calls is the order in the journal.

        Args:
            line: ASCII text without a line feed, but for one at its end, which is dropped.
            ts_ms: Its time, Unix milliseconds.

        Raises:
            ContractError: The line holds a line feed or is not ASCII.
            StateWriteError: Too much waits to be written.
        """
        self._intake.append_market(line, ts_ms)

    def mark(self) -> int:
        """Close the running block; return the number of the last row, for ``checkpoint``."""
        return self._intake.mark()

    def checkpoint(self, seq: int, ts_ms: int, text: str) -> int:
        """Append a checkpoint and return the number of its row; the two newest are kept.

        Args:
            seq: Number of the last row whose effects are in ``text``, from ``mark``.
            ts_ms: When it was taken, Unix milliseconds.
            text: The state.

        Raises:
            ContractError: There is no such row, or ``text`` is none.
            StateWriteError: Too much waits to be written.
        """
        if not 0 <= seq <= self.last_seq:
            raise ContractError(
                f"must be 0 to {self.last_seq}", field="seq", value=seq, remedy="use mark()"
            )
        check_time(ts_ms)
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ContractError(f"is no text: {error}", field="checkpoint") from None
        content = pending.checkpoint(seq, raw)
        return self._intake.append(
            pending.CHECKPOINT_STREAM, pending.CHECKPOINT_KIND, ts_ms, content, len(raw)
        )

    def drop_archived(self, anchor: Anchor, ts_ms: int) -> int:
        """Let the chain begin behind rows that are archived; see ``compaction.compact``.

        The rows are deleted little by little between later commits.
        """
        check_time(ts_ms)
        payload, plain = parse_body(anchor.body())

        def content(seq: int, _ts_ms: int, _prev_hash: bytes) -> Content:
            return Content(
                body=anchor.body(),
                payload=payload,
                plain=plain,
                statements=((SET_ANCHOR, (seq,)),),
            )

        return self._intake.append(ANCHOR_STREAM, ANCHOR_KIND, ts_ms, content, len(anchor.kept))

    def replace_block(self, seq: int, data: bytes) -> None:
        """Store the same lines packed in another way; see ``compaction.repack``."""
        self._intake.add_statement(("UPDATE journal SET data = ? WHERE seq = ?", (data, seq)))

    async def sync(self) -> None:
        """Return when everything appended so far is on disk and ``HEAD`` says so.

        Raises:
            StateWriteError: It is not; it is tried again with the next commit.
        """
        await self._committed(full=True)

    async def flush(self) -> None:
        """Return when everything appended so far is committed, though perhaps not yet on disk.

        Without anybody asking this happens within a second.

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
        self._closed = True
        try:
            self._stop()
        finally:
            self._lock.release()
        if self._committer.failure is not None:
            raise self._committer.failure

    # -- inside

    def _append(
        self, stream: str, kind: str, ts_ms: int, body: str, index: IndexNote | None
    ) -> int:
        check_names(stream, kind, ts_ms)
        content = pending.given(body, *parse_body(body))
        seq = self._intake.append(stream, kind, ts_ms, content, len(body), index)
        if index is not None:
            entries = self._indexes[index.table]
            if index.op is IndexOp.PUT:
                entries[index.key] = body
            else:
                entries.pop(index.key, None)
        return seq

    async def _committed(self, *, full: bool) -> None:
        if self._closed:
            raise InvariantError("the journal is closed", remedy="open it again")
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._intake.wait_for(Waiter(loop=loop, future=future, full=full))
        await future

    def _begin(self, head: JournalHead) -> None:
        future: Future[None] = Future()
        # both before the thread starts, so that it cannot end without an answer
        self.append(pending.HEAD_STREAM, pending.HEAD_KIND, head.ts_ms, head.body())
        self._intake.wait_for(Waiter(loop=None, future=future, full=True))
        self._thread.start()
        try:
            future.result()
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        self._intake.close()
        self._thread.join()
