"""Old rows as files: JSON Lines of chain records, one file a run, before they leave the journal.

A line is the row's record with its ``hash``, and for a market block its ``text``. So anybody can
check a file: without these two a line is the canonical text that its hash covers.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self, cast

from attrs import define, field, frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.journal import blocks, indexes
from grinder_adapters.journal.anchor import Anchor
from grinder_adapters.journal.pending import HEAD_KIND, HEAD_STREAM
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.record import RESERVED, Row, parse_body, record_text
from grinder_adapters.journal.schema import GENERATIONS, damaged
from grinder_adapters.journal.stored import Stored, read_row
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError, InputError

SUFFIX: Final = ".jsonl.gz"
_TEXT: Final = "text"
_COMPRESSION: Final = 6


@frozen(kw_only=True)
class Archived:
    """What may leave the journal, and where it is now.

    Attributes:
        anchor: The beginning of the chain without it.
        rows: How many rows were written.
        files: Where to.
    """

    anchor: Anchor
    rows: int
    files: tuple[Path, ...]


def archive(state: Path, folder: Path) -> Archived | None:
    """Write the rows that no recovery needs to files; nothing is deleted.

    These are the rows up to the older checkpoint; of them, those that an index points to stay in
    the journal as well.

    Args:
        state: The state folder.
        folder: Where the files go; made if missing.

    Returns:
        ``None`` unless there are two sound checkpoints and rows before them.

    Raises:
        ArtifactError: The journal is damaged.
        InputError: A file cannot be written.
    """
    with JournalReader(state) as reader:
        sound, _ = reader.checkpoints()
        before = reader.anchor()
        through = min((one.seq for one in sound), default=-1)
        if len(sound) < GENERATIONS or through <= before.through:
            return None
        with reader.failing():
            pointers = indexes.read_pointers(reader.db)
        wanted = {seq for entries in pointers.values() for seq in entries.values()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be made: {error.strerror}", where=str(folder)) from error
        kept = {seq: digest for seq, digest in before.kept.items() if seq in wanted}
        digest, rows = before.hash, 0
        with _Files(folder) as files:
            for stored in reader.stored():
                if stored.row.seq > through:
                    break
                with reader.failing():
                    files.add(stored)
                digest, rows = stored.hash, rows + 1
                if stored.row.seq in wanted:
                    kept[stored.row.seq] = digest
    if rows != through - before.through:
        raise damaged(reader.path, f"ends before row {through}, which a checkpoint covers")
    anchor = Anchor(through=through, hash=digest, kept=kept)
    return Archived(anchor=anchor, rows=rows, files=tuple(files.paths))


def read_archive(path: Path) -> Iterator[Row]:
    """Yield the rows of one file, market blocks as their lines, each checked as in a journal.

    Raises:
        ArtifactError: The file is damaged, with its line.
    """
    prev_hash, expected = "", 0
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                stored = _read_line(line, f"{path}: line {number}")
                row = stored.row
                if prev_hash and (row.prev_hash, row.seq) != (prev_hash, expected):
                    raise ArtifactError(
                        "does not follow the row before",
                        field="row",
                        value=row.seq,
                        where=f"{path}: line {number}",
                    )
                prev_hash, expected = row.hash, row.seq + 1
                yield from [row] if stored.data is None else stored.lines()
    except (OSError, EOFError) as error:
        raise ArtifactError(f"cannot be read: {error}", where=str(path)) from error


def record_of(stored: Stored) -> dict[str, Any]:
    """Return a row's chain record with its hash; a block's text is left out."""
    row = stored.row
    text = record_text(
        row.seq,
        row.ts_ms,
        row.stream,
        row.kind,
        bytes.fromhex(row.prev_hash),
        stored.payload,
        row.index,
    )
    record: dict[str, Any] = parse_body(text.decode("ascii"))[0]
    record["hash"] = row.hash
    return record


@define
class _Files:
    """One file for each run; a new one begins with a head row."""

    folder: Path
    paths: list[Path] = field(factory=list)
    _stack: ExitStack = field(factory=ExitStack)
    _target: gzip.GzipFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._finish()
        else:
            self._stack.__exit__(*error)

    def add(self, stored: Stored) -> None:
        """Write the next row."""
        row = stored.row
        if self._target is None or (row.stream, row.kind) == (HEAD_STREAM, HEAD_KIND):
            self._finish()
            self._begin(row.seq)
        record = record_of(stored)
        if stored.data is not None:
            record[_TEXT] = stored.text().decode("ascii")
        cast(gzip.GzipFile, self._target).write(canonical_json(record).encode("ascii") + b"\n")

    def _begin(self, seq: int) -> None:
        path = self.folder / f"rows_{seq:012d}{SUFFIX}"
        file = self._stack.enter_context(atomic_file(path))
        self.paths.append(path)
        self._target = self._stack.enter_context(
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=_COMPRESSION)
        )

    def _finish(self) -> None:
        self._stack.close()
        self._target = None


def _read_line(line: bytes, where: str) -> Stored:
    try:
        record = parse_body(line.decode("ascii").removesuffix("\n"))[0]
        text = None
        if record["kind"] == blocks.BLOCK_KIND and record["stream"] == blocks.MARKET_STREAM:
            text = record.pop(_TEXT)
        index = record.get("index") or {}
        body = record["payload"] if "payload" in record else _rest(record)
        values = [record[name] for name in ("seq", "ts_ms", "stream", "kind")]
        values += [canonical_json(body)]
        values += [index.get(name) for name in ("table", "key", "op")]
        values += [bytes.fromhex(record[name]) for name in ("prev_hash", "hash")]
        values += [None if text is None else blocks.pack(text.encode("ascii"))]
        return read_row(values)
    except ArtifactError as error:
        raise error.at(where) from None
    except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactError(f"is damaged: {error!r}", where=where) from None


def _rest(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in RESERVED}
