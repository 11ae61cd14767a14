"""Events as Parquet: one row an event, in order, read and written in batches.

Columns: ``type``, ``ts``, ``symbol``, ``ts_recv_ms``, ``update_id``, the six fields of a
SNAPSHOT as canonical decimal strings, and ``payload``, canonical JSON with the other fields of
every other kind. Needs the extra ``data``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grinder_adapters.feeds.atomic import WriteReport, atomic_file, report_on
from grinder_adapters.feeds.grammar import parse_object, read_object, read_object_fast, write_line
from grinder_adapters.feeds.jsonl import as_fixture_error, time_goes_back
from grinder_adapters.feeds.lines import check_readable
from grinder_core.codec import canonical_json
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, FixtureError, InputError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_BATCH: Final = 8_192
_HEAD: Final = ("type", "ts", "symbol", "ts_recv_ms", "update_id")
_QUOTE: Final = ("bid_price", "ask_price", "bid_qty", "ask_qty", "last_price", "last_qty")
COLUMNS: Final = (*_HEAD, *_QUOTE, "payload")
_INTEGERS: Final = frozenset({"ts", "ts_recv_ms", "update_id"})


class ParquetFile:
    """The events of a ``.parquet`` file; reads it anew on every pass.

    Raises:
        ConfigError: The extra ``data`` is not installed.
        FixtureError: The file is missing, empty, no Parquet file or has other columns; while
            iterating: a row breaks the grammar or time goes back, with file, row, field, value
            and rule.
    """

    __slots__ = ("_path", "events_ignored")

    def __init__(self, path: Path) -> None:
        check_readable(path)
        self._path = path
        self.events_ignored = 0
        _check_columns(path)

    @property
    def name(self) -> str:
        """The file's path as given."""
        return str(self._path)

    def __iter__(self) -> Iterator[Event]:
        self.events_ignored = 0
        seq, now = 0, 0
        for row, data in enumerate(_rows(self._path), 1):
            where = f"{self._path}: row {row}"
            event = self._read(data, seq, where)
            if event is None:
                self.events_ignored += 1
                continue
            if event.ts_ms < now:
                raise time_goes_back(event, now, where)
            now = event.ts_ms
            seq += 1
            yield event

    def _read(self, columns: dict[str, Any], seq: int, where: str) -> Event | None:
        try:
            data = _fields(columns)
            return read_object_fast(data, seq) or read_object(data, seq)
        except InputError as error:
            raise as_fixture_error(error, where) from None


def write_parquet(path: Path, events: Iterable[Event]) -> WriteReport:
    """Write events as Parquet; whole or not at all.

    Raises:
        ConfigError: The extra ``data`` is not installed.
        FixtureError: There are no events, time goes back, or a number exceeds 64 bits.
        ContractError: An event is no market event.
    """
    arrow, parquet = _libraries()
    schema = _schema(arrow)
    count, now = 0, 0
    stream = iter(events)
    with (
        atomic_file(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=True) as writer,
    ):
        while batch := list(islice(stream, ROWS_A_BATCH)):
            for index, event in enumerate(batch, count):
                if event.ts_ms < now:
                    raise time_goes_back(event, now, f"{path}: event {index}")
                now = event.ts_ms
            try:
                writer.write_batch(_record_batch(arrow, schema, batch))
            except (OverflowError, arrow.ArrowInvalid) as error:
                raise FixtureError(
                    f"does not fit: {error}", where=f"{path}: events {count}.."
                ) from None
            count += len(batch)
        if not count:
            raise FixtureError(
                "there are no events to write", where=str(path), remedy="check the source"
            )
    return report_on(path, count)


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            "Parquet needs the extra 'data'", remedy="run pip install 'grinder[data]'"
        ) from None
    return pyarrow, parquet


def _schema(arrow: Any) -> pa.Schema:
    return arrow.schema(
        [(name, arrow.int64() if name in _INTEGERS else arrow.string()) for name in COLUMNS]
    )


def _check_columns(path: Path) -> None:
    arrow, parquet = _libraries()
    try:
        with parquet.ParquetFile(path) as file:
            found, rows = file.schema_arrow, file.metadata.num_rows
    except (arrow.ArrowException, OSError) as error:
        raise FixtureError(f"is no Parquet file: {error}", where=str(path)) from None
    if tuple(found.names) != COLUMNS:
        raise FixtureError(
            f"must be {', '.join(COLUMNS)}",
            field="columns",
            value=", ".join(found.names),
            where=str(path),
            remedy="use grinder data import for data of another form",
        )
    for name in COLUMNS:
        kind = found.field(name).type
        wanted = arrow.types.is_int64(kind) if name in _INTEGERS else arrow.types.is_string(kind)
        if not wanted:
            raise FixtureError(
                f"must have the type {'int64' if name in _INTEGERS else 'string'}",
                field=name,
                value=str(kind),
                where=str(path),
            )
    if not rows:
        raise FixtureError("is empty", where=str(path))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    arrow, parquet = _libraries()
    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_A_BATCH):
                columns = [batch.column(name).to_pylist() for name in COLUMNS]
                for values in zip(*columns, strict=True):
                    row += 1
                    yield dict(zip(COLUMNS, values, strict=True))
    except (arrow.ArrowException, OSError) as error:
        raise FixtureError(f"is damaged: {error}", where=f"{path}: row {row + 1}") from None


def _fields(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the event's line out of its row: set columns, and the payload's fields."""
    payload = columns.pop("payload")
    data = {name: value for name, value in columns.items() if value is not None}
    if payload is None:
        return data
    rest = parse_object(payload.encode("utf-8"))
    for name in rest:
        if name in columns:
            raise FixtureError("stands in a column already", field=f"payload.{name}", value=name)
    return data | rest


def _record_batch(arrow: Any, schema: pa.Schema, events: list[Event]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for event in events:
        line = parse_object(write_line(event).encode("ascii"))
        for name in _HEAD:
            columns[name].append(line.pop(name, None))
        is_quote = event.kind == "SNAPSHOT"
        for name in _QUOTE:
            columns[name].append(line.pop(name) if is_quote else None)
        columns["payload"].append(None if is_quote else canonical_json(line))
    return arrow.record_batch([columns[name] for name in COLUMNS], schema=schema)
