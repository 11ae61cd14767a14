"""What a writer must know before it goes on: a new state folder, or one that is checked first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
from attrs import frozen

from grinder_adapters.journal import indexes
from grinder_adapters.journal.blocks import BLOCK_KIND, MARKET_STREAM, BlockHeader
from grinder_adapters.journal.head import HEAD_FILE, NOTHING, Head, create_head, read_head
from grinder_adapters.journal.pending import HOUR_MS, SEAL_KIND, SEAL_STREAM
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.record import FIRST_PREV_HASH, FIRST_SEQ, IndexTable
from grinder_adapters.journal.schema import DB_FILE, GENERATIONS, damaged


@frozen(kw_only=True)
class Opened:
    """Where a journal stands.

    Attributes:
        hour_first: First row of the hour that is not sealed yet.
        hour_lines: Market lines in it.
        hour_end: When it ends, Unix milliseconds; 0 in an empty journal.
        indexes: Entries of the index tables, body by key.
    """

    head: Head
    last_seq: int
    last_hash: bytes
    hour_first: int
    hour_lines: int
    hour_end: int
    indexes: dict[IndexTable, dict[str, str]]


def prepare_folder(folder: Path) -> Opened:
    """Make a new state folder or check the one that is there; nothing in it is changed.

    Raises:
        ArtifactError: What is there is damaged or not as ``HEAD`` says.
        InputError: The folder cannot be written.
    """
    path = folder / DB_FILE
    head_path = folder / HEAD_FILE
    head = read_head(head_path)
    if head is None:
        if path.exists() or head_path.exists():
            raise damaged(head_path, "is missing or damaged in both slots")
        # HEAD comes first: from then on a missing database is a lost one
        create_head(head_path)
        head = NOTHING
    if head.seq < FIRST_SEQ and not _has_tables(path):
        return Opened(
            head=head,
            last_seq=FIRST_SEQ - 1,
            last_hash=FIRST_PREV_HASH,
            hour_first=FIRST_SEQ,
            hour_lines=0,
            hour_end=0,
            indexes={table: {} for table in IndexTable},
        )
    with JournalReader(folder) as reader, reader.failing():
        return _check(reader, head)


def tail_start(reader: JournalReader) -> int:
    """Return the row from which a recovery could have to replay: the older checkpoint's."""
    last = reader.last_seq()
    rows = reader.db.execute("SELECT through FROM checkpoints").fetchall()
    found = [seq for (seq,) in rows if isinstance(seq, int) and seq <= last]
    first = reader.first_seq()
    return max(min(found), first) if len(found) == GENERATIONS else first


def _check(reader: JournalReader, head: Head) -> Opened:
    last_seq, last_hash = FIRST_SEQ - 1, FIRST_PREV_HASH
    for stored in reader.stored(tail_start(reader)):
        stored.check_data()
        last_seq, last_hash = stored.row.seq, stored.hash
    pointers = indexes.read_pointers(reader.db)
    indexes.compare(pointers, indexes.fold_rows(reader.db))
    hour_first, hour_lines, hour_end = _open_hour(reader, last_seq)
    return Opened(
        head=head,
        last_seq=last_seq,
        last_hash=last_hash,
        hour_first=hour_first,
        hour_lines=hour_lines,
        hour_end=hour_end,
        indexes=indexes.read_bodies(reader.db, pointers),
    )


def _open_hour(reader: JournalReader, last_seq: int) -> tuple[int, int, int]:
    first, lines, began = last_seq + 1, 0, -HOUR_MS
    rows = reader.db.execute(
        "SELECT seq, ts_ms, stream, kind, body FROM journal WHERE seq >= ? ORDER BY seq DESC",
        (reader.first_seq(),),
    )
    for seq, ts_ms, stream, kind, body in rows:
        if (stream, kind) == (SEAL_STREAM, SEAL_KIND):
            break
        first, began = seq, ts_ms
        if (stream, kind) == (MARKET_STREAM, BLOCK_KIND):
            header = BlockHeader.of(orjson.loads(body))
            lines += header.count
            began = header.first_ts_ms
    return first, lines, (began // HOUR_MS + 1) * HOUR_MS


def _has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except (sqlite3.Error, ValueError) as error:
        raise damaged(path, f"cannot be read: {error!r}") from error
