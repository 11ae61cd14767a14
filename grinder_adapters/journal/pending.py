"""What waits to be written: rows as the event loop left them, and as the database takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define

from grinder_adapters.journal import blocks
from grinder_adapters.journal.record import IndexNote, IndexOp, record_hash, record_text
from grinder_adapters.journal.schema import GENERATIONS
from grinder_core.codec import sha256_hex

HOUR_MS: Final = 3_600_000
HEAD_STREAM: Final = "head"
HEAD_KIND: Final = "JOURNAL_HEAD"
SEAL_STREAM: Final = "seal"
SEAL_KIND: Final = "SEAL"
CHECKPOINT_STREAM: Final = "state"
CHECKPOINT_KIND: Final = "CHECKPOINT"
_OLD_CHECKPOINTS: Final = (
    "DELETE FROM checkpoints WHERE row_seq NOT IN"
    " (SELECT row_seq FROM checkpoints ORDER BY row_seq DESC LIMIT ?)"
)

Statement = tuple[str, Sequence[Any]]


@define(kw_only=True)
class Content:
    """A row's body, and what is written with it in one transaction.

    Attributes:
        body: Canonical JSON.
        payload: Its value.
        plain: Whether orjson writes the value canonically.
        data: The packed lines of a market block.
        statements: Further SQL.
    """

    body: str
    payload: Any
    plain: bool
    data: bytes | None = None
    statements: tuple[Statement, ...] = ()


@define(kw_only=True)
class Pending:
    """A numbered row without hash.

    Attributes:
        content: Makes the rest from ``seq``, ``ts_ms`` and the hash of the row before, on the
            writer's thread.
        size: Bytes it is counted with until it is committed.
    """

    seq: int
    ts_ms: int
    stream: str
    kind: str
    content: Callable[[int, int, bytes], Content]
    size: int
    index: IndexNote | None = None


@define(kw_only=True)
class Prepared:
    """A row ready for the database: its columns in order, and SQL to go with it.

    Attributes:
        stored_bytes: Of body and block, as they are stored.
    """

    seq: int
    hash: bytes
    values: Sequence[Any]
    size: int
    stored_bytes: int
    statements: tuple[Statement, ...]


def prepare(row: Pending, prev_hash: bytes) -> Prepared:
    """Compress and chain one row."""
    seq, ts_ms, stream, kind, note = row.seq, row.ts_ms, row.stream, row.kind, row.index
    content = row.content(seq, ts_ms, prev_hash)
    text = record_text(
        seq, ts_ms, stream, kind, prev_hash, content.payload, note, plain=content.plain
    )
    digest = record_hash(text)
    index: tuple[str | None, ...] = (None, None, None)
    statements = content.statements
    if note is not None:
        index = (note.table.value, note.key, note.op.value)
        statements += (_index_statement(note, seq),)
    return Prepared(
        seq=seq,
        hash=digest,
        values=(seq, ts_ms, stream, kind, content.body, *index, prev_hash, digest, content.data),
        size=row.size,
        stored_bytes=len(content.body) + len(content.data or b""),
        statements=statements,
    )


def given(body: str, payload: Any, plain: bool, *statements: Statement) -> Callable[..., Content]:
    """Return the content of a row whose body is known."""
    content = Content(body=body, payload=payload, plain=plain, statements=statements)
    return lambda *_: content


def block(lines: Sequence[bytes], times: Sequence[int]) -> Callable[..., Content]:
    """Return the content of a market block."""

    def make(_seq: int, _ts_ms: int, _prev_hash: bytes) -> Content:
        header, text = blocks.join(lines, times)
        return _plain(header.fields(), blocks.pack(text))

    return make


def seal(fields: dict[str, Any]) -> Callable[..., Content]:
    """Return the content of the row that seals an hour; the hash so far is added."""

    def make(_seq: int, _ts_ms: int, prev_hash: bytes) -> Content:
        return _plain({**fields, "sealed_hash": prev_hash.hex()})

    return make


def checkpoint(through: int, text: bytes) -> Callable[..., Content]:
    """Return the content of a checkpoint's row; its text goes beside it."""

    def make(seq: int, ts_ms: int, _prev_hash: bytes) -> Content:
        fields = {"bytes": len(text), "sha256": sha256_hex(text), "through": through}
        values = (seq, through, ts_ms, blocks.pack(text))
        statements: tuple[Statement, ...] = (
            ("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", values),
            (_OLD_CHECKPOINTS, (GENERATIONS,)),
        )
        return _plain(fields, None, statements)

    return make


def _plain(
    payload: dict[str, Any], data: bytes | None = None, statements: tuple[Statement, ...] = ()
) -> Content:
    return Content(
        body=blocks.plain_json(payload),
        payload=payload,
        plain=True,
        data=data,
        statements=statements,
    )


def _index_statement(note: IndexNote, seq: int) -> Statement:
    if note.op is IndexOp.PUT:
        return f"INSERT OR REPLACE INTO {note.table.value} VALUES (?, ?)", (note.key, seq)
    return f"DELETE FROM {note.table.value} WHERE key = ?", (note.key,)
