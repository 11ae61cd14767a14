"""A writer that is killed at any moment: what was synced is there, without holes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from grinder_adapters.journal import IndexTable, Journal, JournalReader, survey
from grinder_core.errors import StateLockedError
from tests.adapters.journal.journal_cases import a_head

ROOT = Path(__file__).resolve().parents[3]
KILLS = 15

# appends numbered rows and lines for ever, and says which number a sync has answered for
WRITER = """
import asyncio, sys
from pathlib import Path
from grinder_adapters.journal import IndexTable, Journal, JournalHead

async def main(folder, n):
    head = JournalHead(engine_version="1", config_hash="", contract_version=1, ts_ms=n)
    journal = Journal.open(folder, head)
    while True:
        for _ in range(7):
            n += 1
            if n % 3:
                journal.append_market('{"n":%d}' % n, n)
            else:
                journal.append_indexed(IndexTable.LATCHES, "n", "numbers", "N", n, '{"n":%d}' % n)
        if n % 70 == 0:
            journal.checkpoint(journal.mark(), n, str(n))
        await journal.sync()
        print(n, flush=True)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def start(folder: Path, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(n)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def numbers_of(folder: Path) -> list[int]:
    with JournalReader(folder) as reader:
        return [
            orjson.loads(row.body)["n"]
            for row in reader.rows()
            if row.stream in {"market", "numbers"}
        ]


def test_what_was_synced_survives_every_kill(tmp_path: Path) -> None:
    draw = random.Random(383)
    last = 0
    for _ in range(KILLS):
        with start(tmp_path, last) as process:
            assert process.stdout is not None
            answered = last
            for _ in range(draw.randrange(0, 15)):
                answered = int(process.stdout.readline())
            process.kill()
            # what was answered for between the last look and the kill counts as well
            answered = max([answered, *map(int, process.stdout.read().split("\n")[:-1])])
            assert process.wait() == -signal.SIGKILL
        if not (tmp_path / "HEAD").exists():
            continue  # killed before it began
        seen = survey(tmp_path)
        assert seen.problems == [] or answered == 0
        Journal.open(tmp_path, a_head(last)).close()
        found = numbers_of(tmp_path)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= answered
        last = len(found)
        with JournalReader(tmp_path) as reader:
            newest = max((n for n in found if n % 3 == 0), default=None)
            expected = {} if newest is None else {"n": f'{{"n":{newest}}}'}
            assert reader.index(IndexTable.LATCHES) == expected
    assert last > KILLS


def test_a_second_writer_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    with start(tmp_path, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StateLockedError, match=f"process {process.pid} on .* since 0"):
            Journal.open(tmp_path, a_head())
        process.kill()
        process.wait()
    Journal.open(tmp_path, a_head()).close()


def test_a_second_writer_in_one_process_is_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, a_head())
    with pytest.raises(StateLockedError, match="is written by process"):
        Journal.open(tmp_path, a_head())
    journal.append("audit", "KIND", 1, "{}")
    journal.close()
