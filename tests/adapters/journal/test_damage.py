"""I-38.4: a changed byte that alters or hides a stored row is found."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import IndexTable, Journal, JournalReader, survey
from grinder_adapters.journal.head import HEAD_FILE, NOTHING, create_head, read_head, write_head
from grinder_adapters.journal.record import parse_body, record_hash, record_text
from grinder_core.errors import ArtifactError
from tests.adapters.journal.journal_cases import (
    T0,
    a_head,
    everything_of,
    rows_of,
    write_a_small_store,
)

FLIPS = 700


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    write_a_small_store(folder / "live", folder / "copy")
    return folder / "copy"


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "state"))


def test_any_changed_byte_either_changes_nothing_or_is_found(store: Path, tmp_path: Path) -> None:
    good = everything_of(store)
    files = {name: (store / name).read_bytes() for name in ("state.db", "state.db-wal")}
    draw = random.Random(38)
    found = 0
    for number in range(FLIPS):
        name = draw.choice(sorted(files))
        position = draw.randrange(len(files[name]))
        work = Path(shutil.copytree(store, tmp_path / str(number)))
        (work / "state.db-shm").unlink(missing_ok=True)
        changed = bytearray(files[name])
        changed[position] ^= draw.randrange(1, 256)
        (work / name).write_bytes(changed)
        if survey(work).is_sound:
            assert everything_of(work) == good, f"{name} at {position}"
        else:
            found += 1
        shutil.rmtree(work)
    # about half of the bytes mean something, else this test looks at nothing
    assert found > FLIPS // 3


@pytest.mark.parametrize("share", [0, 1, 2, 3, 5, 8, 9])
def test_a_lost_tail_is_found_at_the_start(copy: Path, share: int) -> None:
    log = copy / "state.db-wal"
    data = log.read_bytes()
    log.write_bytes(data[: len(data) * share // 10])
    assert not survey(copy).is_sound
    with pytest.raises(ArtifactError, match="state verify"):
        Journal.open(copy, a_head())
    # evidence is left as it was
    assert log.read_bytes() == data[: len(data) * share // 10]


def test_a_lost_database_is_no_new_beginning(copy: Path) -> None:
    for path in copy.glob("state.db*"):
        path.unlink()
    with pytest.raises(ArtifactError):
        Journal.open(copy, a_head())


def test_a_lost_head_is_no_new_beginning(copy: Path) -> None:
    (copy / HEAD_FILE).unlink()
    with pytest.raises(ArtifactError):
        Journal.open(copy, a_head())
    with pytest.raises(ArtifactError):
        rows_of(copy)


def change(folder: Path, *statements: str) -> None:
    """Do what no damage of one byte does: change rows by SQL."""
    with closing(sqlite3.connect(folder / "state.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def rehash(folder: Path, seq: int) -> None:
    """Give a changed row a hash that covers it."""
    with closing(sqlite3.connect(folder / "state.db")) as db, db:
        ts_ms, stream, kind, body, prev = db.execute(
            "SELECT ts_ms, stream, kind, body, prev_hash FROM journal WHERE seq = ?", (seq,)
        ).fetchone()
        text = record_text(seq, ts_ms, stream, kind, prev, parse_body(body)[0])
        db.execute("UPDATE journal SET hash = ? WHERE seq = ?", (record_hash(text), seq))


ALTERED: dict[str, Callable[[Path], Any]] = {
    "a changed body": lambda f: change(f, "UPDATE journal SET body = '{\"i\":9}' WHERE seq = 3"),
    "a changed time": lambda f: change(f, "UPDATE journal SET ts_ms = ts_ms + 1 WHERE seq = 3"),
    "a changed row with a fitting hash": lambda f: (
        change(f, "UPDATE journal SET body = '{\"i\":9}' WHERE seq = 3"), rehash(f, 3),
    ),
    "a missing row": lambda f: change(f, "DELETE FROM journal WHERE seq = 3"),
    "the last row missing": lambda f: change(
        f,
        "DELETE FROM latches WHERE key = 'emergency'",
        "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
    ),
    "two rows in each other's place": lambda f: change(
        f,
        "UPDATE journal SET seq = -1 WHERE seq = 3",
        "UPDATE journal SET seq = 3 WHERE seq = 4",
        "UPDATE journal SET seq = 4 WHERE seq = -1",
    ),
    "other lines": lambda f: change(
        f,
        "UPDATE journal SET data = (SELECT data FROM journal WHERE seq = 12) WHERE seq = 1",
    ),
    "a latch hidden": lambda f: change(f, "DELETE FROM latches WHERE key = 'kill'"),
    "an intent hidden": lambda f: change(f, "DELETE FROM intents WHERE key = 'k2'"),
    "an intent that was done": lambda f: change(f, "INSERT INTO intents VALUES ('k1', 8)"),
    "a latch that points elsewhere": lambda f: change(f, "UPDATE latches SET seq = 3"),
    "a row out of an index": lambda f: change(f, "UPDATE journal SET tbl = NULL WHERE seq = 7"),
    "a checkpoint hidden": lambda f: change(f, "DELETE FROM checkpoints WHERE row_seq = 10"),
    "a checkpoint of other rows": lambda f: change(f, "UPDATE checkpoints SET through = 2"),
    "a false beginning": lambda f: change(f, "INSERT INTO meta VALUES ('anchor', 5)"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_store_is_found(copy: Path, name: str) -> None:
    assert survey(copy).is_sound
    ALTERED[name](copy)
    assert survey(copy).problems != []


@pytest.mark.parametrize(
    "name",
    ["a latch hidden", "an intent hidden", "an intent that was done", "the last row missing"],
)
def test_what_a_recovery_relies_on_is_found_at_the_start(copy: Path, name: str) -> None:
    ALTERED[name](copy)
    with pytest.raises(ArtifactError):
        Journal.open(copy, a_head())


def test_a_damaged_index_is_not_read(copy: Path) -> None:
    change(copy, "DELETE FROM latches WHERE key = 'kill'")
    with JournalReader(copy) as reader, pytest.raises(ArtifactError, match="kill"):
        reader.index(IndexTable.LATCHES)


def test_a_survey_tells_how_far_a_damaged_journal_is_sound(copy: Path) -> None:
    change(copy, "UPDATE journal SET ts_ms = 5 WHERE seq = 13")
    seen = survey(copy)
    assert (seen.first_seq, seen.last_seq, seen.rows, seen.lines) == (0, 12, 13, 80)
    assert [one.seq for one in seen.checkpoints] == [13, 9]
    assert len(seen.problems) == 1
    assert "13" in seen.problems[0]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(copy: Path) -> None:
    change(copy, "UPDATE checkpoints SET data = x'00' WHERE row_seq > 10")
    with JournalReader(copy) as reader:
        found = reader.newest_checkpoint()
    assert found is not None
    assert (found.text, found.generation) == ("state one" * 50, 1)
    change(copy, "UPDATE checkpoints SET data = x'00'")
    with JournalReader(copy) as reader:
        assert reader.newest_checkpoint() is None  # the journal holds its first row
    # a recovery falls back by itself, so a start is not refused
    Journal.open(copy, a_head(T0 + 10**7)).close()


@settings(max_examples=150)
@given(st.integers(0, 511), st.integers(1, 255), st.integers(1, 4))
def test_a_damaged_slot_of_the_head_leaves_the_one_before(
    position: int, flip: int, turns: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / HEAD_FILE
        create_head(path)
        handle = os.open(path, os.O_RDWR)
        head, before = NOTHING, None
        for turn in range(turns):
            before, head = head, head.next(turn * 3, bytes([turn] * 32))
            write_head(handle, head)
        os.close(handle)
        assert read_head(path) == head
        data = bytearray(path.read_bytes())
        data[position] ^= flip
        path.write_bytes(data)
        assert read_head(path) in {head, before}
        path.write_bytes(bytes(len(data)))
        assert read_head(path) is None
