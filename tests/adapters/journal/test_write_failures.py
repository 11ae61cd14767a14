"""When the disk is full or broken: nothing is lost or numbered twice, and everybody is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.journal import Journal, JournalReader, survey
from grinder_core.errors import InvariantError, StateWriteError
from tests.adapters.journal.journal_cases import FULL, T0, Watched, a_head, rows_of

ROOT = Path(__file__).resolve().parents[3]


def test_a_failed_commit_is_tried_again_with_all_its_rows(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal, store = watched.journal, watched.store
        store.error = FULL
        journal.append("audit", "KIND", T0, '{"n":0}')
        journal.append_market("{}", T0)
        with pytest.raises(StateWriteError, match="disk is full"):
            await journal.sync()
        assert not journal.is_writable
        assert isinstance(journal.failure, StateWriteError)
        journal.intent("k", T0, '{"n":1}')
        with pytest.raises(StateWriteError):
            await asyncio.gather(journal.sync(), journal.flush())
        assert journal.waiting_bytes > 0
        store.error = None
        await journal.sync()
        assert journal.is_writable
        assert journal.failure is None
        assert journal.waiting_bytes == 0
        journal.close()

    asyncio.run(work())
    assert [row.body for row in rows_of(tmp_path)][1:] == ['{"n":0}', "{}", '{"n":1}']
    assert survey(tmp_path).problems == []


def until_refused(append: Callable[[int], object]) -> int:
    """Append until there is no room; return how often that went well."""
    count = 0
    try:
        while True:
            append(count)
            count += 1
    except StateWriteError:
        return count


def test_without_room_rows_are_refused_and_market_lines_earlier(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path, waiting_bytes_max=4_000)
        journal, store = watched.journal, watched.store
        store.error = FULL
        lines = until_refused(lambda _: journal.append_market("x" * 36, T0))
        assert 3_000 <= lines * 100 <= 3_200
        rows = until_refused(lambda n: journal.append("audit", "CANCEL", T0, f'{{"n":{n}}}'))
        assert rows >= 9
        assert journal.waiting_bytes <= 4_000
        store.error = None
        await journal.sync()
        assert journal.append("audit", "KIND", T0, "{}") == rows + 2
        journal.close()
        assert len(rows_of(tmp_path)) == 1 + lines + rows + 1

    asyncio.run(work())


def test_a_sync_without_its_head_has_failed(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal, store = watched.journal, watched.store
        store.head_error = OSError(5, "Input/output error")
        seq = journal.append("audit", "KIND", T0, "{}")
        with pytest.raises(StateWriteError):
            await journal.sync()
        with JournalReader(tmp_path) as reader:
            assert reader.head().seq == seq - 1
        store.head_error = None
        await journal.sync()
        with JournalReader(tmp_path) as reader:
            assert reader.head().seq == seq
        journal.close()
        assert len(rows_of(tmp_path)) == 2

    asyncio.run(work())


def test_a_row_that_cannot_be_chained_stops_everything_after_it(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        journal, store = watched.journal, watched.store
        store.error = RuntimeError("a mistake of ours")
        journal.append("audit", "KIND", T0, "{}")
        with pytest.raises(InvariantError):
            await journal.sync()
        store.error = None
        journal.append("audit", "KIND", T0, "{}")
        with pytest.raises(InvariantError):
            await journal.sync()
        assert not journal.is_writable
        with pytest.raises(InvariantError):
            journal.close()

    asyncio.run(work())
    assert len(rows_of(tmp_path)) == 1


def test_a_close_that_loses_something_says_so_and_frees_the_lock(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.store.error = FULL
    watched.journal.append("audit", "KIND", T0, "{}")
    with pytest.raises(StateWriteError):
        watched.journal.close()
    Journal.open(tmp_path, a_head()).close()


def test_a_journal_that_cannot_begin_frees_the_lock(tmp_path: Path) -> None:
    def refuse(*_: Any) -> Any:
        raise FULL

    with pytest.raises(StateWriteError):
        Journal.open(tmp_path, a_head(), store=refuse)
    Journal.open(tmp_path, a_head()).close()


SMALL_DISK = """
import asyncio, resource, sys
from collections.abc import Callable
from pathlib import Path
from grinder_adapters.journal import Journal, JournalHead, survey
from grinder_core.errors import StateWriteError

async def main(folder):
    head = JournalHead(engine_version="1", config_hash="", contract_version=1, ts_ms=1)
    journal = Journal.open(folder, head)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    n, failed = 0, 0
    while failed < 3:
        for _ in range(20):
            journal.append("audit", "KIND", 1, '{"n":%d,"x":"%s"}' % (n, "y" * 500))
            n += 1
        try:
            await journal.sync()
        except StateWriteError:
            failed += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await journal.sync()
    journal.close()
    seen = survey(folder)
    print(n, seen.rows, len(seen.problems))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_real_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    appended, rows, problems = map(int, done.stdout.split())
    assert (rows, problems) == (appended + 1, 0)
