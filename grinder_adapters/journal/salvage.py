"""What is left of a damaged journal: a copy of it up to the last row that is sound (LIVE-38).

Nothing is mended. Every row of the copy agrees with its hash and with the row before it; what comes
behind the damage cannot be vouched for and is left out. A last row says so, and which checkpoints
are left. Such a copy is a state like any other, to be put in place by ``restore``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from grinder_adapters.journal import indexes
from grinder_adapters.journal.anchor import ANCHOR_STREAM, Anchor, read_kept
from grinder_adapters.journal.pending import Pending, given, prepare
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.record import parse_body
from grinder_adapters.journal.schema import DB_FILE, SCHEMA
from grinder_adapters.journal.stored import Stored
from grinder_adapters.journal.verify import SALVAGED_KIND, Survey, survey
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError, InputError

_ROW: Final = f"INSERT INTO journal VALUES ({', '.join('?' * 11)})"


def salvage(folder: Path, path: Path) -> Survey:
    """Write the sound beginning of a journal to a file, and check that.

    Args:
        folder: The state folder; nothing in it is changed.
        path: The copy; must not exist.

    Returns:
        What the copy holds.

    Raises:
        InputError: The file exists or cannot be written.
        ArtifactError: Nothing is sound; no file is written.
    """
    if path.exists():
        raise InputError("exists already", where=str(path), remedy="name another file")
    try:
        with JournalReader(folder / DB_FILE) as reader, closing(_new(path)) as copy:
            _fill(reader, copy)
            copy.execute("COMMIT")
        seen = survey(path)
        if not seen.is_sound:
            raise ArtifactError(seen.problems[0], where=str(folder))
        with JournalReader(path) as reader:
            reader.newest_checkpoint()
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise InputError(f"cannot be written: {error}", where=str(path)) from error
        raise
    return seen


def _new(path: Path) -> sqlite3.Connection:
    copy = sqlite3.connect(path, isolation_level=None)
    copy.executescript(SCHEMA)
    copy.execute("BEGIN")
    return copy


def _fill(reader: JournalReader, copy: sqlite3.Connection) -> None:
    anchor, last = reader.anchor(), None
    for stored in _kept(reader, anchor):
        copy.execute(_ROW, _values(stored))
    for stored in _sound(reader):
        copy.execute(_ROW, _values(stored))
        last = stored
    if last is None or (anchor.row is not None and anchor.row > last.row.seq):
        raise ArtifactError("no row can be vouched for", where=str(reader.path))
    if anchor.row is not None:
        copy.execute("INSERT INTO meta VALUES ('anchor', ?)", (anchor.row,))
    for table, entries in indexes.fold_rows(copy).items():
        copy.executemany(f"INSERT INTO {table.value} VALUES (?, ?)", entries.items())
    found = _checkpoints(reader, last.row.seq)
    copy.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", found)
    copy.execute(_ROW, _told(last, [values[0] for values in found]))


def _checkpoints(reader: JournalReader, last: int) -> list[tuple[Any, ...]]:
    """The sound ones that sound rows vouch for, oldest first."""
    sound = {(one.seq, one.ts_ms) for one in reader.checkpoints()[0]}
    with reader.failing():
        found = reader.db.execute(
            "SELECT row_seq, through, ts_ms, data FROM checkpoints WHERE row_seq <= ?"
            " ORDER BY row_seq",
            (last,),
        ).fetchall()
    return [values for values in found if (values[1], values[2]) in sound]


def _told(last: Stored, checkpoints: list[int]) -> Sequence[Any]:
    """The row that ends the copy."""
    body = canonical_json({"checkpoints": checkpoints, "last_seq": last.row.seq})
    told = Pending(
        seq=last.row.seq + 1,
        ts_ms=last.row.ts_ms,
        stream=ANCHOR_STREAM,
        kind=SALVAGED_KIND,
        content=given(body, *parse_body(body)),
        size=0,
    )
    return prepare(told, last.hash).values


def _kept(reader: JournalReader, anchor: Anchor) -> list[Stored]:
    with reader.failing():
        return read_kept(reader.db, anchor)


def _sound(reader: JournalReader) -> Iterator[Stored]:
    """The rows up to the first that is not as it was written."""
    try:
        for stored in reader.stored():
            stored.check_data()
            yield stored
    except ArtifactError:
        return


def _values(stored: Stored) -> tuple[Any, ...]:
    row, note = stored.row, stored.row.index
    index = (None, None, None) if note is None else (note.table.value, note.key, note.op.value)
    hashes = bytes.fromhex(row.prev_hash), stored.hash
    return (row.seq, row.ts_ms, row.stream, row.kind, row.body, *index, *hashes, stored.data)
