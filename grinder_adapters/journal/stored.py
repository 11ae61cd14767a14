"""Rows as the database holds them: read back, and checked against their own hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from grinder_adapters.journal import blocks
from grinder_adapters.journal.record import (
    IndexNote,
    IndexOp,
    IndexTable,
    Row,
    parse_body,
    record_hash,
    record_text,
)
from grinder_core.errors import ArtifactError, InputError

COLUMNS: Final = "seq, ts_ms, stream, kind, body, tbl, key, op, prev_hash, hash, data"


@frozen
class Stored:
    """A row that agrees with its own hash, and a block's packed lines."""

    row: Row
    hash: bytes
    data: bytes | None
    payload: Any

    def text(self) -> bytes:
        """Return a block's text, checked.

        Raises:
            ArtifactError: It is damaged.
        """
        return blocks.unpack(self.data or b"", blocks.BlockHeader.of(self.payload))

    def check_data(self) -> int:
        """Check a block's lines; return their number, 0 for a row of another kind.

        Raises:
            ArtifactError: They are damaged.
        """
        if self.data is None:
            return 0
        header = blocks.BlockHeader.of(self.payload)
        blocks.split(self.text(), header)
        return header.count

    def lines(self) -> Iterator[Row]:
        """Yield a block's lines.

        Raises:
            ArtifactError: They are damaged.
        """
        row = self.row
        lines, times = blocks.split(self.text(), blocks.BlockHeader.of(self.payload))
        seq, prev_hash, digest = row.seq, row.prev_hash, row.hash
        for number, (line, ts_ms) in enumerate(zip(lines, times, strict=True)):
            yield Row(
                seq=seq,
                ts_ms=ts_ms,
                stream=blocks.MARKET_STREAM,
                kind=blocks.LINE_KIND,
                body=line,
                prev_hash=prev_hash,
                hash=digest,
                line=number,
            )


def read_row(values: Sequence[Any]) -> Stored:
    """Read one row and check that its hash covers it.

    Raises:
        ArtifactError: It does not, or a column holds something else than was written.
    """
    match values:
        case [
            int(seq),
            int(ts_ms),
            str(stream),
            str(kind),
            str(body),
            table,
            key,
            op,
            bytes(prev_hash),
            bytes(digest),
            data,
        ]:
            pass
        case _:
            raise ArtifactError("has a column of another type", field="row", value=values[0])
    try:
        note = _note(table, key, op)
        payload, plain = parse_body(body)
        text = record_text(seq, ts_ms, stream, kind, prev_hash, payload, note, plain=plain)
    except (InputError, ValueError, TypeError) as error:
        raise ArtifactError(f"is damaged: {error}", field="row", value=seq) from None
    if record_hash(text) != digest:
        raise ArtifactError("its hash does not match", field="row", value=seq)
    if (data is not None) != (kind == blocks.BLOCK_KIND and stream == blocks.MARKET_STREAM):
        raise ArtifactError("only a market block holds lines", field="row", value=seq)
    row = Row(
        seq=seq,
        ts_ms=ts_ms,
        stream=stream,
        kind=kind,
        body=body,
        prev_hash=prev_hash.hex(),
        hash=digest.hex(),
        index=note,
    )
    return Stored(row, digest, data, payload)


def _note(table: Any, key: Any, op: Any) -> IndexNote | None:
    if table is None and key is None and op is None:
        return None
    if not isinstance(key, str):
        raise ValueError("an index without key")
    return IndexNote(table=IndexTable(table), key=key, op=IndexOp(op))
