"""The journal as JSON Lines and Parquet."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from grinder_adapters.journal import JournalReader, export
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError, ConfigError
from tests.adapters.journal.journal_cases import rows_of, write_a_small_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_a_small_store(folder / "live", folder / "copy")
    return folder / "copy"


def test_json_lines_hold_each_row_and_line_once_in_canonical_form(
    store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalReader(store) as reader:
        report = export(reader, path, "jsonl")
    rows = rows_of(store)
    lines = path.read_text("ascii").splitlines()
    assert len(lines) == report.events == len(rows)
    for line, row in zip(lines, rows, strict=True):
        record = json.loads(line)
        assert canonical_json(record) == line
        assert (record["seq"], record["ts_ms"], record["kind"]) == (row.seq, row.ts_ms, row.kind)
        if row.line < 0:
            digest = record.pop("hash")
            assert digest == row.hash
            assert hashlib.sha256(canonical_json(record).encode()).hexdigest() == digest
        else:
            assert canonical_json(record["event"]) == row.body
            assert record["line"] == row.line


def test_parquet_holds_the_same_rows(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.parquet"
    with JournalReader(store) as reader:
        report = export(reader, path, "parquet")
    rows = rows_of(store)
    found = pq.read_table(path).to_pylist()
    assert len(found) == report.events == len(rows)
    for values, row in zip(found, rows, strict=True):
        for name in ("seq", "ts_ms", "stream", "kind", "body", "prev_hash", "hash"):
            assert values[name] == getattr(row, name)
        assert values["line"] == (row.line if row.line >= 0 else None)
        note = row.index
        assert values["index_table"] == (None if note is None else note.table)
        assert values["index_key"] == (None if note is None else note.key)
        assert values["index_op"] == (None if note is None else note.op)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_streams_and_a_beginning_can_be_chosen(store: Path, tmp_path: Path, form: str) -> None:
    rows = [row for row in rows_of(store) if row.seq >= 5 and row.stream in {"audit", "latches"}]
    with JournalReader(store) as reader:
        chosen = frozenset({"audit", "latches"})
        report = export(reader, tmp_path / "out", form, from_seq=5, streams=chosen)
    assert report.events == len(rows) > 5


def test_an_unknown_form_is_refused(store: Path, tmp_path: Path) -> None:
    with JournalReader(store) as reader, pytest.raises(ConfigError):
        export(reader, tmp_path / "out", "csv")


def test_a_damaged_journal_leaves_no_file(store: Path, tmp_path: Path) -> None:
    write_a_small_store(tmp_path / "live", tmp_path / "state")
    (tmp_path / "state" / "state.db-wal").write_bytes(b"")
    for form in ("jsonl", "parquet"):
        with JournalReader(tmp_path / "state") as reader, pytest.raises(ArtifactError):
            export(reader, tmp_path / "out", form)
    assert {path.name for path in tmp_path.iterdir()} == {"live", "state"}
