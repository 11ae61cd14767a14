"""A state folder in memory: the journal and the archive of writes, with crashes (LIVE-38).

`MemoryDisk` is what outlives a process. It behaves as ``grinder_adapters/journal`` does: rows and
market lines in the order of the calls, a commit every half second and with each ``sync``, two
generations of checkpoints, an index of open intents that goes with the rows. A crash keeps a
prefix: everything that was synced or committed, and of the rest as much as a die says.

A disk can be out of order for a while: nothing is committed then, ``sync`` raises, and what waits
is committed afterwards, unless a crash comes before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.clock import Clock
from grinder_adapters.journal import JournalHead
from grinder_adapters.journal.committer import JournalStats
from grinder_app.live.recovering import Restored, restore_from
from grinder_core.errors import ContractError, InvariantError, StateWriteError
from grinder_core.ports import Policy
from grinder_core.resilience.idempotency import Entry

COMMIT_MS: Final = 500
SYNC_MS: Final = 20
GENERATIONS: Final = 2
MARKET: Final = "market"


@frozen(kw_only=True)
class MemoryRow:
    """A row, or one line of a market block; ``at_ms`` is when it was appended."""

    seq: int
    ts_ms: int
    stream: str
    kind: str
    body: str
    at_ms: int
    key: str = ""
    opens: bool = False


@frozen(kw_only=True)
class MemoryCheckpoint:
    """A checkpoint: the state after row ``seq``, and where its own row stands."""

    seq: int
    text: str
    index: int


@define(eq=False)
class MemoryDisk:
    """What outlives a process.

    Attributes:
        written: Rows in order; the first ``synced`` of them are on disk.
        broken: From when until when nothing can be written, Unix milliseconds.
        lost: Rows that crashes took away.
        keeps_least: A crash takes everything that it may, not as much as a die says.
    """

    clock: Clock
    dice: Random
    written: list[MemoryRow] = Factory(list)
    checkpoints: list[MemoryCheckpoint] = Factory(list)
    archive: dict[str, tuple[int, Entry]] = Factory(dict)
    synced: int = 0
    broken: list[tuple[int, int]] = Factory(list)
    lost: int = 0
    keeps_least: bool = False
    writer: MemoryJournal | None = None

    # -- for the process

    def open(self, folder: Path, head: JournalHead) -> MemoryJournal:
        """Begin to write, as ``Journal.open``."""
        if self.writer is not None:
            raise InvariantError("another process writes here")
        if self.is_broken():
            raise StateWriteError("the disk is out of order")
        self.writer = journal = MemoryJournal(self)
        journal.append("head", "JOURNAL_HEAD", head.ts_ms, head.body())
        self.synced = len(self.written)
        return journal

    def restore(self, folder: Path, policy: Policy | None = None) -> Restored:
        """Read the session back, as ``grinder_app.live.recovering.restore``."""
        if self.writer is None:
            raise InvariantError("is read without the lock: another process may still write")
        if not self.written:
            return Restored(core=None, replayed=0, checkpoint_seq=None)
        return restore_from(self, policy)

    def newest_checkpoint(self) -> MemoryCheckpoint | None:
        """Return the newest checkpoint."""
        return self.checkpoints[-1] if self.checkpoints else None

    def rows(self, from_seq: int | None = None) -> Iterator[MemoryRow]:
        """Yield rows and lines from a number on."""
        return (row for row in self.written if from_seq is None or row.seq >= from_seq)

    def open_archive(self, path: Path) -> MemoryArchive:
        """Open the archive of finished writes."""
        return MemoryArchive(self)

    # -- for the world

    def is_broken(self, at_ms: int | None = None) -> bool:
        """Whether nothing can be written."""
        now = self.clock.now_ms() if at_ms is None else at_ms
        return any(begin <= now < end for begin, end in self.broken)

    def crash(self) -> None:
        """End the writer without closing it; what was not committed may be gone."""
        if self.writer is not None:
            self.writer.is_dead, self.writer = True, None
        kept = self._committed()
        now = self.clock.now_ms()
        if not self.keeps_least and not self.is_broken(now // COMMIT_MS * COMMIT_MS):
            kept = self.dice.randint(kept, len(self.written))  # a commit may be under way
        self.lost += len(self.written) - kept
        del self.written[kept:]
        self.checkpoints = [one for one in self.checkpoints if one.index < kept]
        self.synced = min(self.synced, kept)
        for key, (at_ms, _) in list(self.archive.items()):
            if at_ms > now - 2 * COMMIT_MS and self.dice.random() < 0.5:
                del self.archive[key]

    def _committed(self) -> int:
        """How many rows are certainly there: synced, or older than the last good commit."""
        tick = self.clock.now_ms() // COMMIT_MS * COMMIT_MS
        while tick > 0 and self.is_broken(tick):
            tick -= COMMIT_MS
        count = len(self.written)
        while count > self.synced and self.written[count - 1].at_ms >= tick:
            count -= 1
        return count


class MemoryJournal:
    """The one writer of a `MemoryDisk`, as ``grinder_app.live.scribe.JournalPort`` asks.

    Attributes:
        intent_rows: Index of the newest row of each write that this process noted.
    """

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self.is_dead = False
        self._intents: dict[str, str] = {}
        self.intent_rows: dict[str, int] = {}
        self._next = disk.written[-1].seq + 1 if disk.written else 0
        self._has_block = False
        self._rows = self._bytes = self._failures = 0
        for row in disk.written:
            self._index(row)

    @property
    def is_writable(self) -> bool:
        """Whether the last commit succeeded."""
        now = self._disk.clock.now_ms()
        return not self._disk.is_broken(now // COMMIT_MS * COMMIT_MS)

    @property
    def stats(self) -> JournalStats:
        """What this process wrote, and since when nothing could be."""
        disk, now = self._disk, self._now()
        broken_since = [begin for begin, end in disk.broken if begin <= now < end]
        return JournalStats(
            rows=self._rows,
            bytes=self._bytes,
            failures=self._failures,
            age_s=(now - min(broken_since)) / 1_000 if broken_since else 0.0,
        )

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        """Append a row."""
        return self._append(stream, kind, ts_ms, body)

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Append a market line."""
        if self.is_dead:
            return
        text = line.decode("ascii") if isinstance(line, bytes) else line
        self._has_block = True
        self._put(
            MemoryRow(
                seq=self._next,
                ts_ms=ts_ms,
                stream=MARKET,
                kind="LINE",
                body=text,
                at_ms=self._now(),
            )
        )

    def intent(self, key: str, ts_ms: int, body: str) -> int:
        """Note a write."""
        return self._append("intents", "INTENT", ts_ms, body, key=key, opens=True)

    def intent_done(self, key: str, ts_ms: int, body: str = "{}") -> int:
        """Note that its outcome is known."""
        if key not in self._intents:
            raise ContractError("is no key of intents", field="key", value=key)
        return self._append("intents", "INTENT_DONE", ts_ms, body, key=key)

    def open_intents(self) -> dict[str, str]:
        """Return the open ones."""
        return dict(self._intents)

    def mark(self) -> int:
        """Close the running block."""
        self._close_block()
        return self._next - 1

    def checkpoint(self, seq: int, ts_ms: int, text: str) -> int:
        """Append a checkpoint; the two newest are kept."""
        if not 0 <= seq < self._next:
            raise ContractError("is no row", field="seq", value=seq)
        number = self._append("state", "CHECKPOINT", ts_ms, "{}")
        if not self.is_dead:
            disk = self._disk
            disk.checkpoints.append(
                MemoryCheckpoint(seq=seq, text=text, index=len(disk.written) - 1)
            )
            committed = [one for one in disk.checkpoints if one.index < disk.synced]
            while len(committed) > GENERATIONS:
                disk.checkpoints.remove(committed.pop(0))
        return number

    async def sync(self) -> None:
        """Return when everything appended so far is on disk."""
        disk, count = self._disk, len(self._disk.written)
        await asyncio.sleep(disk.dice.randrange(SYNC_MS) / 1000)
        if self.is_dead:
            await asyncio.get_running_loop().create_future()  # nobody answers any more
        if disk.is_broken():
            self._failures += 1
            raise StateWriteError("the disk is out of order")
        disk.synced = max(disk.synced, count)

    def close(self) -> None:
        """Write everything to disk and stop."""
        if self.is_dead:
            return
        disk = self._disk
        self.is_dead, disk.writer = True, None
        if disk.is_broken():
            disk.crash()
            raise StateWriteError("the disk is out of order")
        disk.synced = len(disk.written)

    # -- inside

    def _now(self) -> int:
        return self._disk.clock.now_ms()

    def _append(
        self, stream: str, kind: str, ts_ms: int, body: str, *, key: str = "", opens: bool = False
    ) -> int:
        self._close_block()
        row = MemoryRow(
            seq=self._next,
            ts_ms=ts_ms,
            stream=stream,
            kind=kind,
            body=body,
            at_ms=self._now(),
            key=key,
            opens=opens,
        )
        self._put(row)
        self._next += 1
        return row.seq

    def _put(self, row: MemoryRow) -> None:
        if not self.is_dead:
            self._disk.written.append(row)
            self._index(row)
            self._rows += 1
            self._bytes += len(row.body)

    def _close_block(self) -> None:
        if self._has_block:
            self._has_block = False
            self._next += 1

    def _index(self, row: MemoryRow) -> None:
        if row.key and row.opens:
            self._intents[row.key] = row.body
            self.intent_rows[row.key] = len(self._disk.written) - 1
        elif row.key:
            self._intents.pop(row.key, None)


@define
class MemoryArchive:
    """The archive of finished writes of a `MemoryDisk`; a crash may take the last second."""

    disk: MemoryDisk

    def find(self, key: str) -> Entry | None:
        """Return an entry."""
        held = self.disk.archive.get(key)
        return None if held is None else held[1]

    def keep(self, entry: Entry) -> None:
        """Put one away."""
        self.disk.archive[entry.key] = self.disk.clock.now_ms(), entry

    def purge(self, now: int) -> int:
        """Forget what has expired."""
        gone = [
            key
            for key, (_, entry) in self.disk.archive.items()
            if entry.expires_at is not None and entry.expires_at <= now
        ]
        for key in gone:
            del self.disk.archive[key]
        return len(gone)

    def close(self) -> None:
        """Nothing is held open."""
