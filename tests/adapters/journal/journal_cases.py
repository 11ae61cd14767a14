"""Stores to test with."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grinder_adapters.journal import IndexTable, Journal, JournalHead, JournalReader, Row
from grinder_adapters.journal.head import Head
from grinder_adapters.journal.pending import Prepared, Statement
from grinder_adapters.journal.store import Store

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000


def a_head(ts_ms: int = T0) -> JournalHead:
    return JournalHead(
        engine_version="0.1.0", config_hash="ab" * 8, contract_version=1, ts_ms=ts_ms
    )


def rows_of(folder: Path, *, expand: bool = True) -> list[Row]:
    with JournalReader(folder) as reader:
        return list(reader.rows(expand=expand))


def everything_of(folder: Path) -> tuple[Any, ...]:
    """All that a store says to its readers."""
    with JournalReader(folder) as reader:
        return (
            list(reader.rows(expand=False)),
            list(reader.rows()),
            {table: reader.index(table) for table in IndexTable},
            reader.newest_checkpoint(),
            reader.checkpoints()[0],
        )


class WatchedStore(Store):
    """A store that can be made to fail and tells what it was asked."""

    def __init__(self, folder: Path, head: Head) -> None:
        self.synced: list[Path] = []
        super().__init__(folder, head, sync_file=self.synced.append)
        self.commits: list[tuple[list[int], bool]] = []
        self.error: Exception | None = None
        self.head_error: OSError | None = None
        self.committed = threading.Event()

    def commit(
        self, rows: Sequence[Prepared], statements: Sequence[Statement] = (), *, full: bool
    ) -> None:
        if self.error is not None and (rows or full):
            raise self.error
        super().commit(rows, statements, full=full)
        if rows or full:
            self.commits.append(([row.seq for row in rows], full))
            self.committed.set()

    def write_head(self) -> None:
        if self.head_error is not None:
            raise self.head_error
        super().write_head()


class Watched:
    """A journal on a watched store."""

    def __init__(self, folder: Path, **options: Any) -> None:
        made: list[WatchedStore] = []

        def store(folder: Path, head: Head) -> WatchedStore:
            made.append(WatchedStore(folder, head))
            return made[0]

        self.journal = Journal.open(folder, a_head(), store=store, **options)
        self.store = made[0]


FULL = sqlite3.OperationalError("database or disk is full")


def write_a_small_store(folder: Path, copy: Path) -> None:
    """Write rows, two blocks, two checkpoints, intents and latches; copy the files in mid-run.

    Half of it is in ``state.db`` and half in its log.
    """

    async def write() -> None:
        journal = Journal.open(folder, a_head())
        for i in range(40):
            journal.append_market(b'{"price":"%d"}' % i, T0 + i)
        for i in range(5):
            journal.append("audit", "DECISION", T0 + 100 + i, f'{{"i":{i}}}')
        journal.append_indexed(
            IndexTable.LATCHES, "kill", "latches", "SET", T0 + 200, '{"on":true}'
        )
        journal.intent("k1", T0 + 201, '{"qty":"1"}')
        journal.intent("k2", T0 + 202, '{"qty":"2"}')
        journal.checkpoint(journal.mark(), T0 + 300, "state one" * 50)
        await journal.sync()
        journal.close()
        journal = Journal.open(folder, a_head(T0 + 1_000))
        for i in range(40):
            journal.append_market(b'{"price":"%d"}' % -i, T0 + 1_000 + i)
        journal.intent_done("k1", T0 + 1_100)
        journal.checkpoint(journal.mark(), T0 + 1_300, "state two" * 50)
        await journal.sync()
        for i in range(5):
            journal.append("audit", "DECISION", T0 + HOUR_MS + i, f'{{"i":{i}}}')
        journal.append_indexed(
            IndexTable.LATCHES, "emergency", "latches", "SET", T0 + HOUR_MS + 9, '{"on":true}'
        )
        await journal.sync()
        copy.mkdir()
        for name in ("state.db", "state.db-wal", "HEAD"):
            shutil.copy(folder / name, copy / name)
        journal.close()

    asyncio.run(write())
