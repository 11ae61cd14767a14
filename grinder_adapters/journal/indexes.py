"""The index tables: what they say, and whether the rows of the journal say the same."""

from __future__ import annotations

import sqlite3

from grinder_adapters.journal.record import IndexOp, IndexTable
from grinder_adapters.journal.stored import COLUMNS, read_row
from grinder_core.errors import ArtifactError

Pointers = dict[IndexTable, dict[str, int]]


def nothing() -> Pointers:
    """Return tables without entries."""
    return {table: {} for table in IndexTable}


def read_pointers(db: sqlite3.Connection) -> Pointers:
    """Return the tables: number of the row by key."""
    return {
        table: dict(db.execute(f"SELECT key, seq FROM {table.value}").fetchall())
        for table in IndexTable
    }


def fold_rows(db: sqlite3.Connection) -> Pointers:
    """Return what the tables must say, from the rows that set and dropped entries.

    Raises:
        ArtifactError: A row names an unknown table or change.
    """
    found = nothing()
    rows = db.execute("SELECT seq, tbl, key, op FROM journal WHERE tbl IS NOT NULL ORDER BY seq")
    for seq, table, key, op in rows:
        try:
            fold(found, seq, IndexTable(table), key, IndexOp(op))
        except ValueError as error:
            raise ArtifactError(f"is damaged: {error}", field="row", value=seq) from None
    return found


def fold(found: Pointers, seq: int, table: IndexTable, key: str, op: IndexOp) -> None:
    """Apply one row to the tables."""
    if op is IndexOp.PUT:
        found[table][key] = seq
    else:
        found[table].pop(key, None)


def compare(found: Pointers, expected: Pointers) -> None:
    """Check that the tables say what the rows say.

    Raises:
        ArtifactError: They do not; names the first difference.
    """
    for table in IndexTable:
        if found[table] == expected[table]:
            continue
        differing = found[table].items() ^ expected[table].items()
        key = min(str(key) for key, _ in differing)
        raise ArtifactError(
            "does not agree with the journal's rows", field=f"index {table}", value=key
        )


def read_bodies(db: sqlite3.Connection, pointers: Pointers) -> dict[IndexTable, dict[str, str]]:
    """Return the entries, body by key, each from a row that agrees with its hash.

    Raises:
        ArtifactError: A row is missing, damaged, or sets another entry.
    """
    return {
        table: {key: _body(db, table, key, seq) for key, seq in entries.items()}
        for table, entries in pointers.items()
    }


def _body(db: sqlite3.Connection, table: IndexTable, key: str, seq: int) -> str:
    values = db.execute(f"SELECT {COLUMNS} FROM journal WHERE seq = ?", (seq,)).fetchone()
    if values is None:
        raise ArtifactError("points to a missing row", field=f"index {table}", value=key)
    row = read_row(values).row
    if row.index is None or (row.index.table, row.index.key) != (table, key):
        raise ArtifactError("points to another row", field=f"index {table}", value=key)
    return row.body
