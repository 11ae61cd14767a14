"""Reading a journal, also while its writer runs: followers, recovery, replay, export."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from attrs import frozen

from grinder_adapters.journal import blocks, indexes
from grinder_adapters.journal.anchor import Anchor, read_anchor
from grinder_adapters.journal.head import HEAD_FILE, NOTHING, Head, read_head
from grinder_adapters.journal.pending import CHECKPOINT_KIND, CHECKPOINT_STREAM
from grinder_adapters.journal.record import FIRST_SEQ, IndexTable, Row
from grinder_adapters.journal.schema import DB_FILE, connect_reader, damaged
from grinder_adapters.journal.stored import COLUMNS, Stored, read_row
from grinder_core.codec import sha256_hex
from grinder_core.errors import ArtifactError, InputError

_ROWS_A_READ: Final = 64


@frozen(kw_only=True)
class StoredCheckpoint:
    """A checkpoint whose text is as its row says.

    Attributes:
        seq: The last row whose effects are in it; replay goes on behind.
        ts_ms: When it was taken, Unix milliseconds.
        text: The state.
        generation: 0 for the newest, 1 for the one before.
    """

    seq: int
    ts_ms: int
    text: str
    generation: int


class JournalReader:
    """Reads a journal and changes nothing.

    Args:
        folder: The state folder, or a copy of its ``state.db`` alone, which no ``HEAD`` vouches
            for.

    Attributes:
        path: The database.
        db: The connection, read-only.

    Raises:
        ArtifactError: There is no journal, or it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._head_path = folder / HEAD_FILE if folder.is_dir() else None
        self.path = folder / DB_FILE if folder.is_dir() else folder
        self.db = connect_reader(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def first_seq(self) -> int:
        """Return the number of the first row of the unbroken chain.

        Raises:
            ArtifactError: The row that says so is damaged.
        """
        return self.anchor().through + 1

    def last_seq(self) -> int:
        """Return the number of the last committed row; ``-1`` without rows."""
        with self.failing():
            (last,) = self.db.execute("SELECT max(seq) FROM journal").fetchone()
        return FIRST_SEQ - 1 if last is None else int(last)

    def rows(self, from_seq: int | None = None, *, expand: bool = True) -> Iterator[Row]:
        """Yield the rows from a number on, each checked against its hash and the one before.

        Args:
            from_seq: The first of them; ``None`` for the first of the journal.
            expand: Yield the lines of a market block in place of its row.

        Raises:
            InputError: Rows that were archived are asked for.
            ArtifactError: While iterating: a row is changed, missing or out of order, or the
                journal ends before ``HEAD``.
        """
        for stored in self.stored(from_seq):
            if expand and stored.data is not None:
                with self.failing():
                    lines = list(stored.lines())
                yield from lines
            else:
                yield stored.row

    def stored(self, from_seq: int | None = None) -> Iterator[Stored]:
        """Yield the rows as they are stored, checked; blocks stay packed."""
        head = self.head()
        with self.failing():
            anchor = self.anchor()
            expected = anchor.through + 1 if from_seq is None else from_seq
            prev_hash = self._hash_before(expected, anchor)
        asked_for_some = expected <= head.seq
        limit = _ROWS_A_READ
        while True:
            try:
                with self.failing():
                    chunk = self._chunk(expected, limit)
            except ArtifactError:
                if limit == 1:
                    raise
                limit = 1  # so that the rows before the unreadable one are found
                continue
            for values in chunk:
                try:
                    stored = _link(read_row(values), expected, prev_hash, head)
                except ArtifactError as error:
                    raise damaged(self.path, str(error)) from error
                expected, prev_hash = expected + 1, stored.hash
                yield stored
            if not chunk:
                break
        if asked_for_some and expected <= head.seq:
            raise damaged(
                self.path,
                f"ends with row {expected - 1}, but row {head.seq} was on disk: its tail is lost",
            )

    def anchor(self) -> Anchor:
        """Return where the chain begins.

        Raises:
            ArtifactError: The row that says so is damaged.
        """
        with self.failing():
            return read_anchor(self.db)

    def head(self) -> Head:
        """Return how far the journal certainly reaches.

        Raises:
            ArtifactError: Nobody can say.
        """
        if self._head_path is None:
            return NOTHING
        head = read_head(self._head_path)
        if head is None:
            raise damaged(self._head_path, "is missing or damaged in both slots")
        return head

    def newest_checkpoint(self) -> StoredCheckpoint | None:
        """Return the newest checkpoint that is sound; ``None`` without any.

        Raises:
            ArtifactError: None is sound and the journal does not reach back to its first row.
        """
        found, _ = self.checkpoints()
        if not found and self.first_seq() != FIRST_SEQ:
            raise damaged(self.path, "holds no sound checkpoint and not all its rows any more")
        return found[0] if found else None

    def checkpoints(self) -> tuple[list[StoredCheckpoint], list[ArtifactError]]:
        """Return the sound checkpoints, newest first, and what is wrong with the others."""
        sound, faults = [], []
        with self.failing():
            found = self.db.execute(
                "SELECT row_seq, through, ts_ms, data FROM checkpoints ORDER BY row_seq DESC"
            ).fetchall()
        for generation, values in enumerate(found):
            try:
                with self.failing():
                    sound.append(self._checkpoint(generation, *values))
            except ArtifactError as error:
                faults.append(error)
        return sound, faults

    def index(self, table: IndexTable) -> dict[str, str]:
        """Return the committed entries of an index table, body by key.

        Raises:
            ArtifactError: The table does not agree with the rows.
        """
        with self.failing(), self.snapshot():
            pointers = indexes.read_pointers(self.db)
            indexes.compare(pointers, indexes.fold_rows(self.db))
            return indexes.read_bodies(self.db, {table: pointers[table]})[table]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the database throughout the block."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            if self.db.in_transaction:
                self.db.execute("COMMIT")

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Turn what the database raises in the block into the error of a damaged state."""
        try:
            yield
        except InputError:
            raise
        except ArtifactError as error:
            raise error if error.where else damaged(self.path, str(error)) from error
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            # damage shows in many ways: even SQLite's own message may be no text any more
            raise damaged(self.path, f"cannot be read: {error!r}") from error

    # -- inside

    def _chunk(self, from_seq: int, limit: int) -> list[tuple[Any, ...]]:
        return self.db.execute(
            f"SELECT {COLUMNS} FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?", (from_seq, limit)
        ).fetchall()

    def _hash_before(self, seq: int, anchor: Anchor) -> bytes:
        if seq == anchor.through + 1:
            return anchor.hash
        if seq <= anchor.through:
            raise InputError(
                f"the rows up to {anchor.through} are archived",
                field="from_seq",
                value=seq,
                remedy="read the archive's files",
            )
        values = self._row(seq - 1)
        if values is None:
            raise ArtifactError("is missing", field="row", value=seq - 1)
        return read_row(values).hash

    def _row(self, seq: int) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.db.execute(
            f"SELECT {COLUMNS} FROM journal WHERE seq = ?", (seq,)
        ).fetchone()
        return found

    def _checkpoint(
        self, generation: int, row_seq: int, through: int, ts_ms: int, data: bytes
    ) -> StoredCheckpoint:
        values = self._row(row_seq)
        if values is None:
            raise ArtifactError("has no row", field="checkpoint", value=row_seq)
        stored = read_row(values)
        row, fields = stored.row, stored.payload
        if (row.stream, row.kind) != (CHECKPOINT_STREAM, CHECKPOINT_KIND):
            raise ArtifactError("its row is another", field="checkpoint", value=row_seq)
        text = blocks.inflate(data)
        if (sha256_hex(text), through, ts_ms) != (fields["sha256"], fields["through"], row.ts_ms):
            raise ArtifactError("is not as its row says", field="checkpoint", value=row_seq)
        return StoredCheckpoint(
            seq=through, ts_ms=ts_ms, text=text.decode("utf-8"), generation=generation
        )


def _link(stored: Stored, expected: int, prev_hash: bytes, head: Head) -> Stored:
    row = stored.row
    if row.seq != expected:
        raise ArtifactError("is missing", field="row", value=expected)
    if row.prev_hash != prev_hash.hex():
        raise ArtifactError("does not follow the row before", field="row", value=row.seq)
    if row.seq == head.seq and row.hash != head.hash:
        raise ArtifactError("is not the row that HEAD names", field="row", value=row.seq)
    return stored
