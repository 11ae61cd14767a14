"""Writing a journal: what is appended is there, in order, once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import IndexTable, Journal, JournalReader, survey
from grinder_adapters.journal import intake as intake_module
from grinder_core.codec import canonical_json
from grinder_core.errors import ContractError, InvariantError
from tests.adapters.journal.journal_cases import HOUR_MS, T0, Watched, a_head, rows_of

KEYS = st.sampled_from(["a", "b"])
TABLES = st.sampled_from(IndexTable)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.integers(0, 9)),
        st.tuples(st.just("line"), st.integers(1, 5)),
        st.tuples(st.just("put"), TABLES, KEYS, st.integers(0, 9)),
        st.tuples(st.just("drop"), TABLES, KEYS),
        st.tuples(st.just("checkpoint"), st.text(max_size=5)),
        st.tuples(st.just("sync")),
        st.tuples(st.just("flush")),
        st.tuples(st.just("hour")),
        st.tuples(st.just("reopen")),
    ),
    max_size=25,
)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


class Model:
    """What a reader must find, seals left out."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, int, str]] = []
        self.entries: dict[IndexTable, dict[str, str]] = {table: {} for table in IndexTable}
        self.checkpoints: list[str] = []


async def _play(folder: Path, steps: list[tuple[Any, ...]], model: Model) -> None:
    now = T0
    journal = Journal.open(folder, a_head(now))
    model.rows.append(("head", "JOURNAL_HEAD", now, a_head().body()))
    for what, *how in steps:
        now += 7
        if what == "row":
            body = canonical_json({"n": how[0]})
            journal.append("audit", "KIND", now, body)
            model.rows.append(("audit", "KIND", now, body))
        elif what == "line":
            for i in range(how[0]):
                journal.append_market(f'{{"line":{i}}}', now + i)
                model.rows.append(("market", "MARKET", now + i, f'{{"line":{i}}}'))
        elif what == "put":
            table, key, number = how
            body = canonical_json({"n": number})
            journal.append_indexed(table, key, "x", "PUT", now, body)
            model.rows.append(("x", "PUT", now, body))
            model.entries[table][key] = body
        elif what == "drop":
            table, key = how
            if key not in model.entries[table]:
                with pytest.raises(ContractError):
                    journal.drop_indexed(table, key, "x", "DROP", now)
                continue
            journal.drop_indexed(table, key, "x", "DROP", now)
            model.rows.append(("x", "DROP", now, "{}"))
            del model.entries[table][key]
        elif what == "checkpoint":
            journal.checkpoint(journal.mark(), now, how[0])
            model.rows.append(("state", "CHECKPOINT", now, ""))
            model.checkpoints.append(how[0])
        elif what == "sync":
            await journal.sync()
        elif what == "flush":
            await journal.flush()
        elif what == "hour":
            now += HOUR_MS
        else:
            journal.close()
            journal = Journal.open(folder, a_head(now))
            model.rows.append(("head", "JOURNAL_HEAD", now, a_head().body()))
        for table in IndexTable:
            assert journal.index(table) == model.entries[table]
    journal.close()


@settings(max_examples=60)
@given(STEPS)
def test_whatever_is_appended_is_read_back_in_order(steps: list[tuple[Any, ...]]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        model = Model()
        run(_play(folder, steps, model))
        found = [
            (r.stream, r.kind, r.ts_ms, "" if r.kind == "CHECKPOINT" else r.body)
            for r in rows_of(folder)
            if r.stream != "seal"
        ]
        assert found == model.rows
        with JournalReader(folder) as reader:
            assert {table: reader.index(table) for table in IndexTable} == model.entries
            kept = [one.text for one in reader.checkpoints()[0]]
            newest = reader.newest_checkpoint()
        assert kept == model.checkpoints[-2:][::-1]
        assert (newest.text if newest else None) == (kept[0] if kept else None)
        assert survey(folder).problems == []
    finally:
        shutil.rmtree(folder)


def test_each_row_names_the_hash_of_the_row_before(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path, a_head())
        for i in range(5):
            journal.append("audit", "KIND", T0 + i, "{}")
            journal.append_market("{}", T0 + i)
        journal.close()

    run(work())
    rows = rows_of(tmp_path, expand=False)
    assert [row.seq for row in rows] == list(range(11))
    assert rows[0].prev_hash == "0" * 64
    assert all(b.prev_hash == a.hash for a, b in pairwise(rows))


def test_every_run_begins_with_who_writes(tmp_path: Path) -> None:
    Journal.open(tmp_path, a_head()).close()
    Journal.open(tmp_path, a_head(T0 + 5)).close()
    rows = rows_of(tmp_path)
    assert [(row.seq, row.ts_ms, row.stream, row.kind) for row in rows] == [
        (0, T0, "head", "JOURNAL_HEAD"), (1, T0 + 5, "head", "JOURNAL_HEAD"),
    ]  # fmt: skip
    assert rows[0].body == (
        '{"config_hash":"abababababababab","contract_version":1,"engine_version":"0.1.0"}'
    )


def test_a_full_hour_is_sealed_before_the_first_row_of_another(tmp_path: Path) -> None:
    late = T0 // HOUR_MS * HOUR_MS + HOUR_MS - 1

    async def work() -> None:
        journal = Journal.open(tmp_path, a_head(late - 2))
        for ts_ms in (late - 1, late, late + 1):
            journal.append_market("{}", ts_ms)
        journal.append("audit", "KIND", late + HOUR_MS, "{}")
        journal.close()

    run(work())
    head, block, seal, after, last = rows_of(tmp_path, expand=False)
    assert (head.seq, block.seq, seal.kind, after.kind) == (0, 1, "SEAL", "MARKET_BLOCK")
    hour = late + 1 - HOUR_MS
    assert seal.body == (
        f'{{"first_seq":0,"hour_ms":{hour},"last_seq":1,"lines":2,"rows":2,'
        f'"sealed_hash":"{block.hash}"}}'
    )
    assert (last.kind, last.ts_ms) == ("KIND", late + HOUR_MS)


def test_an_hour_that_began_before_a_restart_is_sealed_whole(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path, a_head())
        for i in range(3):
            journal.append_market("{}", T0 + i)
        journal.close()
        journal = Journal.open(tmp_path, a_head(T0 + 10))
        journal.append_market("{}", T0 + 11)
        journal.append("audit", "KIND", T0 + HOUR_MS, "{}")
        journal.close()
        Journal.open(tmp_path, a_head(T0 + 2 * HOUR_MS)).close()

    run(work())
    seals = [row for row in rows_of(tmp_path) if row.kind == "SEAL"]
    assert '"first_seq":0,' in seals[0].body
    assert '"lines":4,"rows":4,' in seals[0].body
    assert '"first_seq":5,' in seals[1].body
    assert '"lines":0,"rows":1,' in seals[1].body
    assert survey(tmp_path).is_sound


def test_a_block_closes_when_it_is_full(tmp_path: Path) -> None:
    count = intake_module.BLOCK_LINES + 3

    async def work() -> None:
        journal = Journal.open(tmp_path, a_head())
        for i in range(count):
            journal.append_market(b"%d\n" % i, T0 + i // 7)
        await journal.sync()
        journal.close()

    run(work())
    lines = [row for row in rows_of(tmp_path) if row.stream == "market"]
    assert [(row.body, row.ts_ms) for row in lines] == [(str(i), T0 + i // 7) for i in range(count)]
    assert {row.seq for row in lines} == {1, 2}
    assert lines[intake_module.BLOCK_LINES].line == 0


@pytest.mark.parametrize("line", [b"a\nb", b"a\n\n", "\u00e9", b"\xff"])
def test_a_line_that_would_not_come_back_is_refused(tmp_path: Path, line: bytes | str) -> None:
    journal = Journal.open(tmp_path, a_head())
    with pytest.raises(ContractError):
        journal.append_market(line, T0)
    with pytest.raises(ContractError):
        journal.append_market("{}", -1)
    journal.close()
    assert len(rows_of(tmp_path)) == 1


def test_everybody_who_waits_shares_one_commit(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal = watched.journal
        watched.store.commits.clear()

        async def one(i: int) -> None:
            journal.append("audit", "KIND", T0 + i, "{}")
            await journal.sync()

        await asyncio.gather(*(one(i) for i in range(50)))
        commits = watched.store.commits
        assert sum(len(rows) for rows, _ in commits) == 50
        # whoever comes while the first commits is in the second; the rest can be a third
        assert len(commits) <= 3
        assert all(full for _, full in commits)
        journal.close()

    run(work())


def test_only_who_needs_the_disk_waits_for_it(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal, store = watched.journal, watched.store
        store.commits.clear()
        journal.append("audit", "KIND", T0, "{}")
        await journal.flush()
        journal.append("audit", "KIND", T0, "{}")
        await asyncio.gather(journal.flush(), journal.sync())
        assert store.commits == [([1], False), ([2], True)]
        journal.close()

    run(work())


def test_rows_that_were_only_committed_are_forced_to_disk_when_asked(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal, store = watched.journal, watched.store
        await journal.sync()
        assert store.synced == []
        seq = journal.append("audit", "KIND", T0, "{}")
        await journal.flush()
        await journal.sync()
        assert store.synced == [tmp_path / "state.db-wal"]
        with JournalReader(tmp_path) as reader:
            assert reader.head().seq == seq
        await journal.sync()
        assert len(store.synced) == 1
        journal.close()

    run(work())


def test_the_database_itself_forces_a_sync_to_disk_and_no_other_commit(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.journal.close()
    modes: list[int] = []

    class Asking(type(watched.store)):  # type: ignore[misc]
        def _transact(self, *rows: Any) -> None:
            modes.append(self._db.execute("PRAGMA synchronous").fetchone()[0])
            super()._transact(*rows)

    async def work() -> None:
        journal = Journal.open(tmp_path, a_head(), store=Asking)
        journal.append("audit", "KIND", T0, "{}")
        await journal.flush()
        journal.append("audit", "KIND", T0, "{}")
        await journal.sync()
        journal.close()

    run(work())
    full, normal = 2, 1
    assert modes == [full, normal, full]


def test_nobody_needs_to_ask_for_a_commit(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.store.committed.clear()
    watched.journal.append_market("{}", T0)
    assert watched.store.committed.wait(30)
    with JournalReader(tmp_path) as reader:
        assert [row.body for row in reader.rows(1)] == ["{}"]
    watched.journal.close()


def test_a_follower_reads_while_the_writer_writes(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal.open(tmp_path, a_head())
        with JournalReader(tmp_path) as reader:
            position = 0
            for turn in range(5):
                journal.append("audit", "KIND", T0, f'{{"n":{turn}}}')
                await journal.sync()
                news = list(reader.rows(position))
                assert news[-1].body == f'{{"n":{turn}}}'
                position = news[-1].seq + 1
                assert list(reader.rows(position)) == []
        journal.close()

    run(work())


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, a_head())
    journal.close()
    journal.close()
    assert not journal.is_writable
    with pytest.raises(InvariantError):
        journal.append("audit", "KIND", T0, "{}")
    with pytest.raises(InvariantError):
        journal.append_market("{}", T0)
    with pytest.raises(InvariantError):
        run(journal.sync())


def test_a_checkpoint_covers_rows_that_are_there(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, a_head())
    journal.append_market("{}", T0)
    for seq in (-1, 1, 2):
        with pytest.raises(ContractError):
            journal.checkpoint(seq, T0, "")
    assert journal.mark() == 1
    with pytest.raises(ContractError):
        journal.checkpoint(1, T0, "\ud800")
    assert journal.checkpoint(1, T0, "state") == 2
    journal.close()
    with JournalReader(tmp_path) as reader:
        found = reader.newest_checkpoint()
    assert found is not None
    assert (found.seq, found.ts_ms, found.text, found.generation) == (1, T0, "state", 0)
