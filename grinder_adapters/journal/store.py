"""The writing side of ``state.db``; everything here runs on the writer's own thread."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from grinder_adapters.journal.head import HEAD_FILE, Head, write_head
from grinder_adapters.journal.pending import Prepared
from grinder_adapters.journal.record import IndexOp
from grinder_adapters.journal.schema import DB_FILE, GENERATIONS, connect_writer

# fold the log into the file when about so much has been written to it
FOLD_BYTES: Final = 4 << 20
_WAL_LIMIT_BYTES: Final = 64 << 20
_ROW_BYTES: Final = 300
_INSERT: Final = f"INSERT INTO journal VALUES ({', '.join('?' * 11)})"


class Store:
    """One connection with the right to write, and the file ``HEAD``.

    Args:
        folder: The state folder; ``HEAD`` exists.
        head: Its newest slot.

    Raises:
        sqlite3.Error, OSError: The files cannot be opened.
    """

    def __init__(self, folder: Path, head: Head) -> None:
        self._db = connect_writer(folder / DB_FILE)
        self._db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        self._wal = folder / f"{DB_FILE}-wal"
        self._head_handle = os.open(folder / HEAD_FILE, os.O_RDWR | os.O_CLOEXEC)
        self._head = head
        self._full: bool | None = None
        self._unsynced = False
        self._since_fold = 0
        self._last: tuple[int, bytes] | None = None

    def commit(self, rows: Sequence[Prepared], *, full: bool) -> None:
        """Write rows, all or none.

        Args:
            full: Return only when they and all earlier rows are on disk.

        Raises:
            sqlite3.Error: Nothing of them is written.
            OSError: The log could not be forced to disk; ``rows`` was empty.
        """
        if rows:
            self._set_mode(full)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._insert(rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._last = rows[-1].seq, rows[-1].hash
            self._since_fold += sum(len(row.values[-1] or b"") + _ROW_BYTES for row in rows)
        elif full and self._unsynced:
            _sync_file(self._wal)
        self._unsynced = not full and (self._unsynced or bool(rows))

    def write_head(self) -> None:
        """Note the last row in ``HEAD``, after a full commit.

        Raises:
            OSError: It cannot be written.
        """
        if self._last is None or self._last[0] == self._head.seq:
            return
        head = self._head.next(*self._last)
        write_head(self._head_handle, head)
        self._head = head

    def fold(self) -> None:
        """Fold the write-ahead log into the file once it has grown.

        Raises:
            sqlite3.Error: It cannot be written; nothing is lost.
        """
        if self._since_fold >= FOLD_BYTES:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._since_fold = 0

    def close(self) -> None:
        """Close the files."""
        os.close(self._head_handle)
        self._db.close()

    def _set_mode(self, full: bool) -> None:
        if full is not self._full:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full

    def _insert(self, rows: Sequence[Prepared]) -> None:
        db = self._db
        db.executemany(_INSERT, [row.values for row in rows])
        for row in rows:
            if (note := row.index) is not None:
                if note.op is IndexOp.PUT:
                    values: tuple[Any, ...] = (note.key, row.seq)
                    db.execute(f"INSERT OR REPLACE INTO {note.table.value} VALUES (?, ?)", values)
                else:
                    db.execute(f"DELETE FROM {note.table.value} WHERE key = ?", (note.key,))
            if row.checkpoint is not None:
                through, data = row.checkpoint
                values = (row.seq, through, row.values[1], data)
                db.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", values)
                db.execute(
                    "DELETE FROM checkpoints WHERE row_seq NOT IN"
                    f" (SELECT row_seq FROM checkpoints ORDER BY row_seq DESC LIMIT {GENERATIONS})"
                )


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
