"""The writer's thread: takes what has collected, commits it, tells who waits.

One commit serves everybody who asked before it began; what comes while it runs is the next one's.
A commit that fails keeps its rows, and every further one tries them again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from attrs import frozen

from grinder_adapters.journal.pending import Pending, Prepared, Statement, prepare
from grinder_adapters.journal.store import Store
from grinder_core.errors import ArtifactError, GrinderError, InvariantError, StateWriteError

# commits below the second that BATCH promises, with room for the commit itself
BATCH_S: Final = 0.5


@frozen(kw_only=True)
class Waiter:
    """Somebody who awaits a commit.

    Attributes:
        loop: Where it waits; ``None`` for a thread.
        full: Whether it must be on disk.
    """

    loop: asyncio.AbstractEventLoop | None
    future: asyncio.Future[None] | Future[None]
    full: bool


@frozen(kw_only=True)
class Batch:
    """What the event loop hands over at once.

    Attributes:
        statements: SQL to go with the rows.
        full: Somebody needs it on disk.
        last: There is no other after it.
    """

    rows: Sequence[Pending]
    waiters: Sequence[Waiter]
    statements: Sequence[Statement]
    full: bool
    last: bool


@frozen(kw_only=True)
class JournalStats:
    """What the process wrote so far.

    Attributes:
        rows, bytes: Committed; market blocks count as they are packed.
        failures: Commits that failed.
        age_s: Time since the last one that did not.
    """

    rows: int
    bytes: int
    failures: int
    age_s: float


class Committer:
    """Runs on a thread of its own until a last batch is written.

    Args:
        store: Where to; opened on this thread.
        prev_hash: Hash of the last row there.
        take: Hands over what has collected.
        settled: Told of the bytes that no longer wait.
        wake: Set when somebody waits.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        prev_hash: bytes,
        take: Callable[[], Batch],
        settled: Callable[[int], None],
        wake: threading.Event,
    ) -> None:
        self._open, self._take, self._settled, self._wake = store, take, settled, wake
        self._hash = prev_hash
        self._ready: list[Prepared] = []
        self._statements: list[Statement] = []
        self.failure: GrinderError | None = None
        self._rows = self._bytes = self._failures = 0
        self._committed_s = time.monotonic()

    @property
    def stats(self) -> JournalStats:
        """Counts; may be read from any thread."""
        age_s = time.monotonic() - self._committed_s
        return JournalStats(
            rows=self._rows, bytes=self._bytes, failures=self._failures, age_s=max(age_s, 0.0)
        )

    def run(self) -> None:
        """Work until the last batch; the thread's body."""
        try:
            store = self._open()
        except (sqlite3.Error, OSError, ArtifactError) as error:
            self.failure = _refused(error)
            self._failures += 1
            _answer(self._take().waiters, self.failure)
            return
        try:
            while not self._turn(store):
                pass
        finally:
            store.close()

    def _turn(self, store: Store) -> bool:
        self._wake.wait(BATCH_S)
        self._wake.clear()
        batch = self._take()
        if not isinstance(self.failure, InvariantError):
            self.failure = self._try(store, batch)
            self._failures += self.failure is not None
        _answer(batch.waiters, self.failure)
        if self.failure is None:
            try:
                store.tidy()
            except sqlite3.Error as error:
                self.failure = _refused(error)
        return batch.last

    def _try(self, store: Store, batch: Batch) -> GrinderError | None:
        try:
            self._commit(store, batch)
        except (sqlite3.Error, OSError) as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - the thread's edge: whoever waits gets it
            # a row that could not be chained is missing: nothing may follow it
            return InvariantError(f"the journal's thread failed: {error!r}", remedy="restart")
        return None

    def _commit(self, store: Store, batch: Batch) -> None:
        for row in batch.rows:
            ready = prepare(row, self._hash)
            self._hash = ready.hash
            self._ready.append(ready)
        self._statements += batch.statements
        store.commit(self._ready, self._statements, full=batch.full)
        self._committed_s = time.monotonic()
        self._rows += len(self._ready)
        self._bytes += sum(row.stored_bytes for row in self._ready)
        self._settled(sum(row.size for row in self._ready))
        self._ready, self._statements = [], []
        if batch.full:
            store.write_head()


def _refused(error: Exception) -> StateWriteError:
    return StateWriteError(
        f"the journal cannot be written: {error}",
        remedy="make room on the disk or mend it; what waits is tried again",
    )


def _answer(waiters: Sequence[Waiter], failure: GrinderError | None) -> None:
    by_loop = defaultdict(list)
    for waiter in waiters:
        by_loop[waiter.loop].append(waiter.future)
    for loop, futures in by_loop.items():
        if loop is None:
            _settle(futures, failure)
            continue
        try:
            loop.call_soon_threadsafe(_settle, futures, failure)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _settle(
    futures: Sequence[asyncio.Future[None] | Future[None]], failure: GrinderError | None
) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
