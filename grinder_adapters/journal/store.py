"""The writing side of ``state.db``; everything here runs on the writer's own thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from grinder_adapters.journal.anchor import SET_ANCHOR, Anchor, read_anchor
from grinder_adapters.journal.head import HEAD_FILE, Head, write_head
from grinder_adapters.journal.pending import Prepared, Statement
from grinder_adapters.journal.schema import DB_FILE, connect_writer

# fold the log into the file when about so much has been written to it
FOLD_BYTES: Final = 4 << 20
# archived rows that are deleted between two commits
SWEEP_ROWS: Final = 256
_WAL_LIMIT_BYTES: Final = 64 << 20
_ROW_BYTES: Final = 300
_INSERT: Final = f"INSERT INTO journal VALUES ({', '.join('?' * 11)})"


class Store:
    """One connection with the right to write, and the file ``HEAD``.

    Args:
        folder: The state folder; ``HEAD`` exists.
        head: Its newest slot.
        sync_file: Forces a file to disk.

    Raises:
        sqlite3.Error, OSError: The files cannot be opened.
    """

    def __init__(
        self, folder: Path, head: Head, *, sync_file: Callable[[Path], None] | None = None
    ) -> None:
        self._db = connect_writer(folder / DB_FILE)
        self._db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        self._wal = folder / f"{DB_FILE}-wal"
        self._head_handle = os.open(folder / HEAD_FILE, os.O_RDWR | os.O_CLOEXEC)
        self._head = head
        self._sync_file = sync_file or _sync_file
        self._full: bool | None = None
        self._unsynced = False
        self._since_fold = 0
        self._last: tuple[int, bytes] | None = None
        self._anchor: Anchor = read_anchor(self._db)
        self._swept = -1

    def commit(
        self, rows: Sequence[Prepared], statements: Sequence[Statement] = (), *, full: bool
    ) -> None:
        """Write rows and further SQL, all or nothing.

        Args:
            full: Return only when they and all earlier rows are on disk.

        Raises:
            sqlite3.Error: Nothing of them is written.
            OSError: There were none, and the earlier ones could not be forced to disk.
        """
        if rows or statements:
            self._set_mode(full)
            self._transact(rows, [*statements, *(s for row in rows for s in row.statements)])
            if rows:
                self._last = rows[-1].seq, rows[-1].hash
            self._since_fold += sum(len(row.values[-1] or b"") + _ROW_BYTES for row in rows)
        elif full and self._unsynced:
            self._sync_file(self._wal)
        self._unsynced = not full and (self._unsynced or bool(rows or statements))

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

    def tidy(self) -> None:
        """Do between commits what can wait: fold the log into the file, delete archived rows.

        Raises:
            sqlite3.Error: It cannot be written; nothing is lost.
        """
        if self._since_fold >= FOLD_BYTES:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._since_fold = 0
        if self._swept < self._anchor.through:
            self._sweep()

    def close(self) -> None:
        """Close the files."""
        os.close(self._head_handle)
        self._db.close()

    def _set_mode(self, full: bool) -> None:
        if full is not self._full:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full

    def _transact(self, rows: Sequence[Prepared], statements: Sequence[Statement]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_INSERT, [row.values for row in rows])
            for sql, values in statements:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        if any(sql == SET_ANCHOR for sql, _ in statements):
            self._anchor = read_anchor(self._db)
            self._swept = -1  # rows that the anchor before kept are looked at again

    def _sweep(self) -> None:
        rows = self._db.execute(
            "SELECT seq FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (self._swept, self._anchor.through, SWEEP_ROWS),
        ).fetchall()
        doomed = [row for row in rows if row[0] not in self._anchor.kept]
        if doomed:
            self._set_mode(False)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("DELETE FROM journal WHERE seq = ?", doomed)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._swept = rows[-1][0] if rows else self._anchor.through


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
