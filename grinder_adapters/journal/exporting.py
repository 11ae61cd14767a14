"""The journal as files for others: JSON Lines or Parquet, whole or not at all.

JSON Lines: a row is its chain record with ``hash``; a market line is ``{"event":...,"kind":
"MARKET","line":n,"seq":...,"stream":"market","ts_ms":...}``. Parquet: one row each, the columns
``COLUMNS``; needs the extra ``data``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from grinder_adapters.feeds.atomic import WriteReport, atomic_file, report_on
from grinder_adapters.journal import blocks
from grinder_adapters.journal.archive import record_of
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.record import Row, parse_body
from grinder_adapters.journal.stored import Stored
from grinder_core.codec import canonical_json
from grinder_core.errors import ConfigError, ContractError

FORMATS: Final = ("jsonl", "parquet")
COLUMNS: Final = (
    "seq",
    "line",
    "ts_ms",
    "stream",
    "kind",
    "body",
    "index_table",
    "index_key",
    "index_op",
    "prev_hash",
    "hash",
)
_INTEGERS: Final = frozenset({"seq", "line", "ts_ms"})
_ROWS_A_BATCH: Final = 8_192


def export(
    reader: JournalReader,
    path: Path,
    form: str,
    *,
    from_seq: int | None = None,
    streams: frozenset[str] | None = None,
) -> WriteReport:
    """Write rows to a file, market blocks as their lines.

    Args:
        form: ``jsonl`` or ``parquet``.
        from_seq: The first row; ``None`` for the first of the journal.
        streams: Only these; ``None`` for all.

    Raises:
        ConfigError: An unknown form, or the extra ``data`` is not installed.
        ArtifactError: The journal is damaged; no file is written.
        InputError: The file cannot be written, or archived rows are asked for.
    """
    if form not in FORMATS:
        raise ConfigError(f"must be {' or '.join(FORMATS)}", field="format", value=form)
    chosen = (
        stored
        for stored in reader.stored(from_seq)
        if streams is None or stored.row.stream in streams
    )
    count = _write_parquet(path, chosen) if form == "parquet" else _write_lines(path, chosen)
    return report_on(path, count)


def _write_lines(path: Path, chosen: Iterable[Stored]) -> int:
    count = 0
    with atomic_file(path) as file:
        for stored in chosen:
            if stored.data is None:
                file.write(canonical_json(record_of(stored)).encode("ascii") + b"\n")
                count += 1
            else:
                count += _write_market(file, stored.lines())
    return count


def _write_market(file: IO[bytes], lines: Iterator[Row]) -> int:
    count = 0
    for row in lines:
        file.write(
            f'{{"event":{_as_json(row.body)},"kind":"{blocks.LINE_KIND}","line":{row.line},'
            f'"seq":{row.seq},"stream":"{blocks.MARKET_STREAM}","ts_ms":{row.ts_ms}}}\n'.encode(
                "ascii"
            )
        )
        count += 1
    return count


def _as_json(line: str) -> str:
    """Return a market line as it is, or as a JSON text if it is no canonical JSON."""
    try:
        parse_body(line)
    except ContractError:
        return canonical_json(line)
    return line


def _write_parquet(path: Path, chosen: Iterable[Stored]) -> int:
    arrow, parquet = _libraries()
    schema = arrow.schema(
        [(name, arrow.int64() if name in _INTEGERS else arrow.string()) for name in COLUMNS]
    )
    rows = _rows(chosen)
    count = 0
    with (
        atomic_file(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=True) as writer,
    ):
        while batch := list(islice(rows, _ROWS_A_BATCH)):
            columns = [list(column) for column in zip(*map(_cells, batch), strict=True)]
            writer.write_batch(arrow.record_batch(columns, schema=schema))
            count += len(batch)
    return count


def _rows(chosen: Iterable[Stored]) -> Iterator[Row]:
    for stored in chosen:
        if stored.data is None:
            yield stored.row
        else:
            yield from stored.lines()


def _cells(row: Row) -> tuple[Any, ...]:
    note = row.index
    index = (None, None, None) if note is None else (note.table.value, note.key, note.op.value)
    line = None if row.line < 0 else row.line
    return (
        row.seq,
        line,
        row.ts_ms,
        row.stream,
        row.kind,
        row.body,
        *index,
        row.prev_hash,
        row.hash,
    )


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            "Parquet needs the extra 'data'", remedy="run pip install 'grinder[data]'"
        ) from None
    return pyarrow, parquet
