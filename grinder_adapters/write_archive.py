"""Finished writes in a SQLite file, so that a day of them costs no memory (LIVE-04, LIVE-38).

Given a path, they outlive the process; what the last second before a crash added may be missing,
as the specification allows of DONE (BATCH). Without one the file is private and vanishes with the
process. Lookups and inserts are single rows by key, some ten microseconds each. An order whose
key was never put away, as nearly all are, does not wait for a lookup: ``KeyFilter`` knows.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson

from grinder_core.errors import ArtifactError
from grinder_core.resilience.idempotency import Entry, Status, Write

VERSION: Final = 1
CACHE_KIB: Final = 256  # pages held in memory; the system caches the file as well
FILTER_BITS: Final = 23
_FILTER_MASK: Final = (1 << FILTER_BITS) - 1

_SCHEMA: Final = f"""
CREATE TABLE done (
    key TEXT PRIMARY KEY,
    op TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    result TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX done_by_expiry ON done (expires_at);
PRAGMA user_version = {VERSION};
"""


class KeyFilter:
    """Keys that may have been added; one that was is never missed (a Bloom filter).

    Its size is fixed: with a hundred thousand keys one unknown key in 1,700 passes for a known one,
    with a million one in 20, which costs a lookup.
    """

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(1 << FILTER_BITS - 3)

    def add(self, key: str) -> None:
        """Add one."""
        for place in _places(key):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        bits = self._bits
        return all(bits[place >> 3] & 1 << (place & 7) for place in _places(key))


def _places(key: str) -> tuple[int, int]:
    found = hash(key)  # of this process; the filter does not outlive it
    return found & _FILTER_MASK, found >> FILTER_BITS & _FILTER_MASK


class SqliteArchive:
    """An archive of one store, written by one process.

    Args:
        path: The file; ``None``: a private one.

    Raises:
        ArtifactError: It cannot be opened, or is not an archive of this version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._where = "a private file" if path is None else os.fspath(path)
        with self._failing():
            # nothing spans two statements: each is a transaction of its own
            self._db = sqlite3.connect("" if path is None else path, isolation_level=None)
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # a private file need not survive anything
            self._db.execute(f"PRAGMA journal_mode = {'OFF' if path is None else 'WAL'}")
            self._db.execute(f"PRAGMA synchronous = {'OFF' if path is None else 'NORMAL'}")
            self._prepare()
            self._known = KeyFilter()
            for (key,) in self._db.execute("SELECT key FROM done"):
                self._known.add(key)

    def find(self, key: str) -> Entry | None:
        """Return the entry that was put away last, expired or not."""
        if key not in self._known:
            return None
        with self._failing():
            row = self._db.execute(
                "SELECT op, fingerprint, created_at, expires_at, result FROM done WHERE key = ?",
                (key,),
            ).fetchone()
        if row is None:
            return None
        op, fingerprint, created_at, expires_at, result = row
        return Entry(
            key=key,
            status=Status.DONE,
            op_name=Write(op),
            request_fingerprint=fingerprint,
            created_at=created_at,
            expires_at=expires_at,
            result=orjson.loads(result),
        )

    def keep(self, entry: Entry) -> None:
        """Put an entry away, in place of an earlier one of its key."""
        row = (
            entry.key,
            entry.op_name.value,
            entry.request_fingerprint,
            entry.created_at,
            entry.expires_at,
            orjson.dumps(entry.result or {}).decode(),
        )
        self._known.add(entry.key)
        with self._failing():
            self._db.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?, ?, ?)", row)

    def purge(self, now: int) -> int:
        """Forget the entries that have expired; return how many."""
        with self._failing():
            return self._db.execute("DELETE FROM done WHERE expires_at <= ?", (now,)).rowcount

    def __len__(self) -> int:
        with self._failing():
            (count,) = self._db.execute("SELECT count(*) FROM done").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not version and not tables:
            self._db.executescript(_SCHEMA)
        elif version != VERSION:
            raise ArtifactError(
                f"must be {VERSION}", field="user_version", value=version, where=self._where
            )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ArtifactError(f"the archive fails: {error}", where=self._where) from error
