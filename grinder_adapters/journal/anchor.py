"""Where the unbroken chain begins: at the first row, or behind the rows that were archived.

Compaction appends a row that names the last archived row, its hash, and the rows before it that are
kept, because an index still points to them. That row is in the chain, so nobody can move the
beginning unnoticed; the table ``meta`` only says where it stands.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from attrs import field, frozen

from grinder_adapters.journal.record import FIRST_PREV_HASH, FIRST_SEQ
from grinder_adapters.journal.stored import COLUMNS, Stored, read_row
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError

ANCHOR_STREAM: Final = "journal"
ANCHOR_KIND: Final = "COMPACTED"
SET_ANCHOR: Final = "INSERT OR REPLACE INTO meta VALUES ('anchor', ?)"


@frozen(kw_only=True)
class Anchor:
    """The beginning of the chain.

    Attributes:
        through: The last row before it; ``-1`` for a journal with all its rows.
        hash: That row's hash, 32 bytes.
        kept: Rows up to ``through`` that are still there, hash by number.
        row: The row that says so; ``None`` for a journal with all its rows.
    """

    through: int = FIRST_SEQ - 1
    hash: bytes = FIRST_PREV_HASH
    kept: dict[int, bytes] = field(factory=dict)
    row: int | None = None

    def body(self) -> str:
        """Return the payload of its row, canonical JSON."""
        return canonical_json(
            {
                "last_hash": self.hash.hex(),
                "kept": [[seq, digest.hex()] for seq, digest in sorted(self.kept.items())],
                "through": self.through,
            }
        )


def read_anchor(db: sqlite3.Connection) -> Anchor:
    """Return where the chain begins.

    Raises:
        ArtifactError: The row that says so is damaged or another.
    """
    found = db.execute("SELECT value FROM meta WHERE name = 'anchor'").fetchone()
    if found is None:
        return Anchor()
    values = db.execute(f"SELECT {COLUMNS} FROM journal WHERE seq = ?", found).fetchone()
    if values is None:
        raise ArtifactError("points to a missing row", field="anchor", value=found[0])
    return _of(read_row(values))


def _of(stored: Stored) -> Anchor:
    row, fields = stored.row, stored.payload
    if (row.stream, row.kind) != (ANCHOR_STREAM, ANCHOR_KIND):
        raise ArtifactError("points to another row", field="anchor", value=row.seq)
    kept: Any = fields["kept"]
    return Anchor(
        through=fields["through"],
        hash=bytes.fromhex(fields["last_hash"]),
        kept={seq: bytes.fromhex(digest) for seq, digest in kept},
        row=row.seq,
    )


def read_kept(db: sqlite3.Connection, anchor: Anchor) -> list[Stored]:
    """Return the kept rows, in order, each with the hash that the anchor names.

    Raises:
        ArtifactError: One is missing or changed.
    """
    rows = []
    for seq, digest in sorted(anchor.kept.items()):
        values = db.execute(f"SELECT {COLUMNS} FROM journal WHERE seq = ?", (seq,)).fetchone()
        if values is None:
            raise ArtifactError("was kept and is missing", field="row", value=seq)
        stored = read_row(values)
        if stored.hash != digest:
            raise ArtifactError("was kept and is another", field="row", value=seq)
        rows.append(stored)
    return rows
