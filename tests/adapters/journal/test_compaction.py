"""Old rows leave for files and nothing is lost; blocks shrink and the chain is as before."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import (
    IndexTable,
    Journal,
    JournalReader,
    Row,
    compact,
    read_archive,
    repack,
    survey,
)
from grinder_adapters.journal.archive import archive
from grinder_adapters.journal.store import SWEEP_ROWS
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError, InputError, StateWriteError
from tests.adapters.journal.journal_cases import (
    FULL,
    HOUR_MS,
    T0,
    Watched,
    a_head,
    everything_of,
    rows_of,
    write_a_small_store,
)


def archived_rows(folder: Path) -> list[Row]:
    return [row for path in sorted(folder.iterdir()) for row in read_archive(path)]


def stored_seqs(folder: Path) -> list[int]:
    with JournalReader(folder) as reader:
        return [seq for (seq,) in reader.db.execute("SELECT seq FROM journal ORDER BY seq")]


async def _two_compactions(state: Path, files: Path) -> list[Row]:
    journal = Journal.open(state, a_head())
    journal.append_indexed(IndexTable.LATCHES, "kill", "latches", "SET", T0, '{"kind":"x"}')
    journal.intent("open", T0, "{}")
    journal.intent("done", T0, "{}")
    for i in range(SWEEP_ROWS + 20):
        journal.append_market(f'{{"i":{i}}}', T0 + i)
        journal.append("audit", "KIND", T0 + i, f'{{"i":{i}}}')
    journal.checkpoint(journal.mark(), T0 + 900, "one")
    journal.close()
    journal = Journal.open(state, a_head(T0 + 1_000))
    journal.intent_done("done", T0 + 1_000)
    journal.checkpoint(journal.mark(), T0 + 1_001, "two")
    assert await compact(journal, files, T0 + 1_002) is not None
    journal.append("audit", "KIND", T0 + 1_003, "{}")
    journal.intent_done("open", T0 + 1_004)
    journal.intent("late", T0 + 1_005, "{}")
    for text in ("three", "four"):
        journal.checkpoint(journal.mark(), T0 + 1_010, text)
    await journal.sync()
    before = rows_of(state)
    assert await compact(journal, files, T0 + 1_020) is not None
    assert await compact(journal, files, T0 + 1_021) is None
    for _ in range(20):  # deleted between commits, little by little
        await journal.flush()
    journal.close()
    return before


def test_compaction_moves_old_rows_and_loses_none(tmp_path: Path) -> None:
    state, files = tmp_path / "state", tmp_path / "files"
    before = asyncio.run(_two_compactions(state, files))
    assert survey(state).problems == []
    kept = rows_of(state)
    moved = archived_rows(files)
    first = kept[0].seq
    assert [row.seq for row in moved] == sorted(row.seq for row in moved)
    assert moved[-1].seq == first - 1
    # the rows before the second compaction are all there, in the one place or the other
    everything = {(row.seq, row.line): row for row in moved + kept}
    assert [everything[row.seq, row.line] for row in before] == before
    assert {row.seq for row in moved} == set(range(first))
    # of the moved ones those stay that an index points to: the latch and the open intent
    (late,) = [row.seq for row in before if row.index is not None and row.index.key == "late"]
    assert [seq for seq in stored_seqs(state) if seq < first] == [1, late]
    journal = Journal.open(state, a_head(T0 + 2_000))
    assert journal.index(IndexTable.LATCHES) == {"kill": '{"kind":"x"}'}
    assert set(journal.open_intents()) == {"late"}
    journal.close()
    with JournalReader(state) as reader:
        newest = reader.newest_checkpoint()
        assert newest is not None
        assert newest.text == "four"
        assert min(one.seq for one in reader.checkpoints()[0]) >= first - 1
        with pytest.raises(InputError, match="archived"):
            next(reader.rows(first - 1))


def test_there_is_a_file_for_each_run(tmp_path: Path) -> None:
    state, files = tmp_path / "state", tmp_path / "files"
    asyncio.run(_two_compactions(state, files))
    rows = archived_rows(files)
    heads = [row.seq for row in rows if row.kind == "JOURNAL_HEAD"]
    begun = [next(read_archive(path)).seq for path in sorted(files.iterdir())]
    assert set(heads) <= set(begun)
    assert all(path.name == f"rows_{seq:012d}.jsonl.gz" for path, seq in zip(
        sorted(files.iterdir()), begun, strict=True
    ))  # fmt: skip


def test_anybody_can_check_an_archive_line(tmp_path: Path) -> None:
    write_a_small_store(tmp_path / "state", tmp_path / "copy")
    made = archive(tmp_path / "copy", tmp_path / "files")
    assert made is not None
    with gzip.open(made.files[0], "rt", encoding="ascii") as file:
        records = [json.loads(line) for line in file]
    assert len(records) == made.rows == made.anchor.through + 1
    for record in records:
        text = record.pop("text", None)
        digest = record.pop("hash")
        assert hashlib.sha256(canonical_json(record).encode()).hexdigest() == digest
        assert (text is None) == (record["kind"] != "MARKET_BLOCK")
        if text is not None:
            assert hashlib.sha256(text.encode()).hexdigest() == record["sha256"]


@settings(max_examples=60)
@given(st.data())
def test_a_changed_archive_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "archives"
    if not folder.exists():
        folder.mkdir()
        write_a_small_store(folder / "state", folder / "copy")
        archive(folder / "copy", folder / "files")
    (path,) = (folder / "files").iterdir()
    good = list(read_archive(path))
    raw = bytearray(gzip.decompress(path.read_bytes()))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    changed = folder / "changed.jsonl.gz"
    changed.write_bytes(gzip.compress(bytes(raw)))
    try:
        found = list(read_archive(changed))
    except ArtifactError:
        return
    assert found == good


def test_nothing_is_archived_before_there_are_two_checkpoints(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path / "state", a_head())
        journal.append("audit", "KIND", T0, "{}")
        assert await compact(journal, tmp_path / "files", T0) is None
        journal.checkpoint(journal.mark(), T0, "one")
        assert await compact(journal, tmp_path / "files", T0) is None
        journal.close()

    asyncio.run(work())
    assert not (tmp_path / "files").exists()


def test_a_compaction_that_cannot_be_written_drops_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path / "state")
        journal, store = watched.journal, watched.store
        for text in ("one", "two"):
            journal.append("audit", "KIND", T0, "{}")
            journal.checkpoint(journal.mark(), T0, text)
        await journal.sync()
        made = archive(tmp_path / "state", tmp_path / "files")
        assert made is not None
        store.error = FULL
        journal.drop_archived(made.anchor, T0)
        with pytest.raises(StateWriteError):
            await journal.sync()
        assert stored_seqs(tmp_path / "state") == list(range(5))
        store.error = None
        await journal.sync()
        assert survey(tmp_path / "state").first_seq == made.anchor.through + 1
        journal.close()

    asyncio.run(work())


def test_sweeping_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path / "state", a_head())
        for i in range(3 * SWEEP_ROWS):
            journal.append("audit", "KIND", T0 + i, "{}")
        for text in ("one", "two"):
            journal.checkpoint(journal.mark(), T0, text)
        await journal.sync()
        made = archive(tmp_path / "state", tmp_path / "files")
        assert made is not None
        journal.drop_archived(made.anchor, T0)
        journal.close()
        first = made.anchor.through + 1
        assert stored_seqs(tmp_path / "state")[0] < first
        assert survey(tmp_path / "state").problems == []
        journal = Journal.open(tmp_path / "state", a_head(T0 + 1))
        for _ in range(20):
            await journal.flush()
        assert stored_seqs(tmp_path / "state")[0] == first
        journal.close()
        assert survey(tmp_path / "state").problems == []

    asyncio.run(work())


def test_sealed_blocks_are_packed_again_without_a_change_in_the_chain(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path, a_head())
        for hour in range(2):
            for i in range(200):
                journal.append_market(f'{{"i":{i}}}', T0 + hour * HOUR_MS + i)
            journal.append("audit", "KIND", T0 + hour * HOUR_MS + 300, "{}")
        await journal.sync()
        before = everything_of(tmp_path)
        end = await repack(journal)
        assert everything_of(tmp_path) == before
        assert survey(tmp_path).problems == []
        with JournalReader(tmp_path) as reader:
            packed = dict(
                reader.db.execute(
                    "SELECT seq, substr(data, 1, 2) FROM journal WHERE data IS NOT NULL"
                )
            )
        assert packed == {1: b"BZ", 4: packed[4]}  # the hour that goes on is left alone
        assert packed[4][:1] == b"\x78"
        assert end == 3
        assert await repack(journal, end) == end
        journal.close()

    asyncio.run(work())
