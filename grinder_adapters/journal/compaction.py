"""Keeping the state folder small: old rows leave for archive files, old blocks are packed tighter.

Both do their long part elsewhere, so that neither the event loop nor a commit waits for it: files
are written by a process of its own, since Python code on a thread would hold up the event loop;
the compressor lets others run.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from grinder_adapters.journal import blocks
from grinder_adapters.journal.archive import Archived, archive
from grinder_adapters.journal.journal import Journal
from grinder_adapters.journal.pending import SEAL_KIND, SEAL_STREAM
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.stored import COLUMNS, read_row


async def compact(journal: Journal, folder: Path, ts_ms: int) -> Archived | None:
    """Move the rows that no recovery needs into archive files.

    Rows behind the older checkpoint stay, and those that an index points to: open intents, latches,
    known writes. Room in the database is used again, the file does not shrink.

    Args:
        folder: Where the files go; made if missing.
        ts_ms: Now, Unix milliseconds.

    Returns:
        What was moved; ``None`` if there is nothing to move.

    Raises:
        ArtifactError: The journal is damaged.
        InputError: A file cannot be written.
        StateWriteError: The journal cannot be written; nothing is dropped.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    await journal.sync()
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        archived = await loop.run_in_executor(pool, archive, journal.folder, folder)
    if archived is not None:
        journal.drop_archived(archived.anchor, ts_ms)
        await journal.sync()
    return archived


async def repack(journal: Journal, from_seq: int = 0) -> int:
    """Pack the market blocks of sealed hours tighter, one after the other; the chain is as before.

    Args:
        from_seq: Where to begin.

    Returns:
        Where to begin the next time.

    Raises:
        ArtifactError: A block is damaged.
        StateWriteError: The journal cannot be written.
    """
    end = await asyncio.to_thread(_sealed_end, journal.folder, from_seq)
    while True:
        found = await asyncio.to_thread(_next_block, journal.folder, from_seq, end)
        if found is None:
            return end
        seq, data = found
        journal.replace_block(seq, data)
        await journal.flush()
        from_seq = seq + 1


def _sealed_end(folder: Path, from_seq: int) -> int:
    with JournalReader(folder) as reader, reader.failing():
        found = reader.db.execute(
            "SELECT seq FROM journal WHERE stream = ? AND kind = ? AND seq >= ?"
            " ORDER BY seq DESC LIMIT 1",
            (SEAL_STREAM, SEAL_KIND, from_seq),
        ).fetchone()
        return from_seq if found is None else int(found[0])


def _next_block(folder: Path, from_seq: int, end: int) -> tuple[int, bytes] | None:
    with JournalReader(folder) as reader, reader.failing():
        rows = reader.db.execute(
            f"SELECT {COLUMNS} FROM journal WHERE seq >= ? AND seq < ? AND kind = ? ORDER BY seq",
            (max(from_seq, reader.first_seq()), end, blocks.BLOCK_KIND),
        )
        for values in rows:
            stored = read_row(values)
            if stored.data is not None and not blocks.is_tight(stored.data):
                return stored.row.seq, blocks.pack_tight(stored.text())
        return None
