"""Is everything there and as it was written? And if not, how far is it sound?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.journal import indexes
from grinder_adapters.journal.anchor import ANCHOR_KIND, ANCHOR_STREAM, read_kept
from grinder_adapters.journal.pending import (
    CHECKPOINT_KIND,
    CHECKPOINT_STREAM,
    SEAL_KIND,
    SEAL_STREAM,
)
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.record import FIRST_SEQ
from grinder_adapters.journal.schema import GENERATIONS
from grinder_adapters.journal.stored import Stored
from grinder_core.errors import ArtifactError

SALVAGED_KIND: Final = "SALVAGED"
_STRUCTURE_FAULTS: Final = 10


@frozen(kw_only=True)
class CheckpointSeen:
    """A sound checkpoint: the last row it covers, when it was taken, its size in characters."""

    seq: int
    ts_ms: int
    size: int


@define(kw_only=True)
class Survey:
    """What a journal holds and what is wrong with it.

    Attributes:
        first_seq, last_seq: The rows of the chain that are sound, from its beginning.
        last_hash: Hash of the last of them, 64 hexadecimal characters.
        last_ts_ms: Its time, Unix milliseconds.
        head_seq: The row that ``HEAD`` names; ``None`` if nobody can say.
        rows, blocks, lines: Sound rows, market blocks among them, market lines in those.
        checkpoints: The sound ones, newest first.
        problems: What is wrong; empty for a sound journal.
    """

    first_seq: int = FIRST_SEQ
    last_seq: int = FIRST_SEQ - 1
    last_hash: str = ""
    last_ts_ms: int = 0
    head_seq: int | None = None
    rows: int = 0
    blocks: int = 0
    lines: int = 0
    checkpoints: list[CheckpointSeen] = Factory(list)
    problems: list[str] = Factory(list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def survey(folder: Path) -> Survey:
    """Read everything and check it: each row, block, checkpoint, index and seal, and ``HEAD``.

    Args:
        folder: The state folder, or a copy of its ``state.db``.
    """
    seen = Survey()
    try:
        with JournalReader(folder) as reader:
            _look(reader, seen)
    except ArtifactError as error:
        seen.problems.append(str(error))
    return seen


def _look(reader: JournalReader, seen: Survey) -> None:
    try:
        seen.head_seq = reader.head().seq
    except ArtifactError as error:
        seen.problems.append(str(error))
        return
    with reader.failing(), reader.snapshot():
        try:
            pointers = _read_chain(reader, seen)
        except ArtifactError as error:
            seen.problems.append(str(error))
        else:
            _check_indexes(reader, pointers, seen)
        _check_checkpoints(reader, seen)
        found = reader.db.execute(f"PRAGMA integrity_check({_STRUCTURE_FAULTS})")
        seen.problems += [f"{reader.path}: {text}" for (text,) in found if text != "ok"]


@define
class _Chain:
    """What the rows say about each other."""

    pointers: indexes.Pointers = Factory(indexes.nothing)
    taken: list[int] = Factory(list)
    anchors: list[int] = Factory(list)
    hour_first: int | None = None
    hour_lines: int = 0

    def add(self, stored: Stored, lines: int) -> None:
        """Take the next row.

        Raises:
            ArtifactError: It seals an hour otherwise than that was.
        """
        row = stored.row
        if row.index is not None:
            indexes.fold(self.pointers, row.seq, row.index.table, row.index.key, row.index.op)
        if (row.stream, row.kind) == (CHECKPOINT_STREAM, CHECKPOINT_KIND):
            self.taken.append(row.seq)
        if (row.stream, row.kind) == (ANCHOR_STREAM, ANCHOR_KIND):
            self.anchors.append(row.seq)
        if (row.stream, row.kind) == (ANCHOR_STREAM, SALVAGED_KIND):
            self.taken = list(stored.payload["checkpoints"])  # others lay behind the damage
        if (row.stream, row.kind) == (SEAL_STREAM, SEAL_KIND):
            self._check_seal(stored)
            self.hour_first, self.hour_lines = row.seq + 1, 0
        else:
            self.hour_lines += lines

    def _check_seal(self, stored: Stored) -> None:
        fields, seq = stored.payload, stored.row.seq
        right = fields["last_seq"] == seq - 1 and fields["sealed_hash"] == stored.row.prev_hash
        if self.hour_first is not None:  # else the hour began before the archived rows' end
            right &= fields["first_seq"] == self.hour_first
            right &= fields["rows"] == seq - self.hour_first
            right &= fields["lines"] == self.hour_lines
        if not right:
            raise ArtifactError("seals another hour than was written", field="row", value=seq)


def _read_chain(reader: JournalReader, seen: Survey) -> _Chain:
    anchor = reader.anchor()
    chain = _Chain()
    if anchor.row is None:
        chain.hour_first = FIRST_SEQ
    seen.first_seq = anchor.through + 1
    for stored in read_kept(reader.db, anchor):
        note = stored.row.index
        if note is None:
            raise ArtifactError("was kept for no index", field="row", value=stored.row.seq)
        indexes.fold(chain.pointers, stored.row.seq, note.table, note.key, note.op)
    for stored in reader.stored():
        with reader.failing():
            lines = stored.check_data()
            chain.add(stored, lines)
        row = stored.row
        seen.last_seq, seen.last_hash, seen.last_ts_ms = row.seq, row.hash, row.ts_ms
        seen.rows += 1
        seen.blocks += bool(lines)
        seen.lines += lines
    newest = chain.anchors[-1] if chain.anchors else None
    if newest != anchor.row:
        raise ArtifactError("is not the newest", field="anchor", value=anchor.row)
    return chain


def _check_indexes(reader: JournalReader, chain: _Chain, seen: Survey) -> None:
    try:
        found = indexes.read_pointers(reader.db)
        indexes.compare(found, chain.pointers)
        indexes.compare(indexes.fold_rows(reader.db), chain.pointers)
    except ArtifactError as error:
        seen.problems.append(f"{reader.path}: {error}")
    expected = chain.taken[-GENERATIONS:]
    rows = reader.db.execute("SELECT row_seq FROM checkpoints ORDER BY row_seq")
    _check_same("checkpoints", [seq for (seq,) in rows], expected, reader, seen)


def _check_same(
    what: str, found: Iterable[int], expected: Iterable[int], reader: JournalReader, seen: Survey
) -> None:
    if list(found) != list(expected):
        seen.problems.append(f"{reader.path}: {what} do not agree with the journal's rows")


def _check_checkpoints(reader: JournalReader, seen: Survey) -> None:
    sound, faults = reader.checkpoints()
    seen.checkpoints = [
        CheckpointSeen(seq=one.seq, ts_ms=one.ts_ms, size=len(one.text)) for one in sound
    ]
    seen.problems += [str(fault) for fault in faults]
