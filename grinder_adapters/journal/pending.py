"""What waits to be written: rows as the event loop left them, and as the database takes them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final

from attrs import define, frozen

from grinder_adapters.journal import blocks
from grinder_adapters.journal.record import IndexNote, parse_body, record_hash, record_text
from grinder_core.codec import canonical_json, sha256_hex

HOUR_MS: Final = 3_600_000
SEAL_STREAM: Final = "seal"
SEAL_KIND: Final = "SEAL"
CHECKPOINT_STREAM: Final = "state"
CHECKPOINT_KIND: Final = "CHECKPOINT"


class Form(Enum):
    """How the body of a waiting row comes about."""

    GIVEN = auto()
    BLOCK = auto()
    SEAL = auto()
    CHECKPOINT = auto()


@define(kw_only=True)
class Pending:
    """A numbered row without hash.

    Attributes:
        form: What ``content`` is.
        content: The body; ``(lines, times)`` of a block; the fields of a seal; ``(through, bytes)``
            of a checkpoint.
        payload: The parsed body of a given one.
        plain: Whether orjson writes ``payload`` canonically.
        size: Bytes it is counted with until it is on disk.
    """

    seq: int
    ts_ms: int
    stream: str
    kind: str
    form: Form
    content: Any
    size: int
    payload: Any = None
    plain: bool = False
    index: IndexNote | None = None


@frozen(kw_only=True)
class Prepared:
    """A row ready for the database.

    Attributes:
        values: Its columns in order.
        checkpoint: The packed text of a checkpoint and the row up to which it covers.
        size: Bytes it is counted with until it is on disk.
    """

    seq: int
    hash: bytes
    values: Sequence[Any]
    size: int
    index: IndexNote | None = None
    checkpoint: tuple[int, bytes] | None = None


def prepare(row: Pending, prev_hash: bytes) -> Prepared:
    """Compress and chain one row."""
    data: bytes | None = None
    checkpoint: tuple[int, bytes] | None = None
    payload, plain = row.payload, row.plain
    match row.form:
        case Form.GIVEN:
            body: str = row.content
        case Form.BLOCK:
            header, text = blocks.join(*row.content)
            data = blocks.pack(text)
            body = header.body()
        case Form.SEAL:
            body = canonical_json({**row.content, "sealed_hash": prev_hash.hex()})
        case Form.CHECKPOINT:
            through, raw = row.content
            checkpoint = (through, blocks.pack(raw))
            body = canonical_json(
                {"bytes": len(raw), "sha256": sha256_hex(raw), "through": through}
            )
    if row.form is not Form.GIVEN:
        payload, plain = parse_body(body)
    digest = record_hash(
        record_text(
            row.seq, row.ts_ms, row.stream, row.kind, prev_hash, payload, row.index, plain=plain
        )
    )
    note = row.index
    index = (None, None, None) if note is None else (note.table.value, note.key, note.op.value)
    return Prepared(
        seq=row.seq,
        hash=digest,
        values=(
            row.seq, row.ts_ms, row.stream, row.kind, body, *index, prev_hash, digest, data,
        ),
        size=row.size,
        index=note,
        checkpoint=checkpoint,
    )  # fmt: skip
