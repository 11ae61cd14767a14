"""The tables of ``state.db`` and how it is opened.

``journal`` is the truth. The index tables only point into it, ``checkpoints`` holds texts whose
hashes stand in rows. Every value is covered by a hash in the chain, or compared with what is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from grinder_adapters.journal.record import IndexTable
from grinder_core.errors import ArtifactError

DB_FILE: Final = "state.db"
VERSION: Final = 1
# a wait for a reader that happens to hold the file while it is recovered
BUSY_S: Final = 10
# checkpoints that are kept
GENERATIONS: Final = 2

_INDEXES: Final = "".join(
    f"""
CREATE TABLE {table.value} (
    key TEXT PRIMARY KEY NOT NULL,
    seq INTEGER NOT NULL
) WITHOUT ROWID;"""
    for table in IndexTable
)
SCHEMA: Final = f"""
BEGIN;
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    stream TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    tbl TEXT,
    key TEXT,
    op TEXT,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    data BLOB
);
CREATE INDEX indexed ON journal (seq, tbl, key, op) WHERE tbl IS NOT NULL;
CREATE TABLE checkpoints (
    row_seq INTEGER PRIMARY KEY,
    through INTEGER NOT NULL,
    ts_ms INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) WITHOUT ROWID;{_INDEXES}
PRAGMA user_version = {VERSION};
COMMIT;
"""


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the database without the right to change it, also while somebody writes.

    Raises:
        ArtifactError: It is missing, no database or of another version.
    """
    if not path.is_file():
        raise ArtifactError("there is no journal", where=str(path))
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_S
        )
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except (sqlite3.Error, ValueError) as error:
        raise damaged(path, f"cannot be opened: {error!r}") from error
    if version != VERSION:
        db.close()
        raise damaged(path, f"is no journal of version {VERSION}, but {version!r}")
    return db


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open or create the database for its one writer.

    Raises:
        sqlite3.Error: It cannot be opened or created.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # the log is folded into the file between commits, not inside one
        db.execute("PRAGMA wal_autocheckpoint = 0")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not version:
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def damaged(path: Path, what: str) -> ArtifactError:
    """Return the error of a state that cannot be trusted."""
    return ArtifactError(
        what,
        where=str(path),
        remedy="look at it with 'grinder state verify', which names the ways out, such as "
        "'grinder state restore --from FILE'",
    )
