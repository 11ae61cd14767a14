"""Ways out of a damaged state: copies, files moved aside, and a copy put in its place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from grinder_adapters.journal.head import HEAD_FILE, Head, create_head, read_head
from grinder_adapters.journal.lock import StateLock
from grinder_adapters.journal.reader import JournalReader
from grinder_adapters.journal.schema import DB_FILE
from grinder_adapters.journal.verify import Survey, survey
from grinder_core.errors import ArtifactError, InputError

_RESTORING: Final = f".{DB_FILE}.restoring"
_DATABASE: Final = (f"{DB_FILE}-wal", f"{DB_FILE}-shm", DB_FILE)


def backup(folder: Path, path: Path) -> Survey:
    """Copy the database of a state folder, also while its writer runs, and check the copy.

    Args:
        path: The copy; must not exist.

    Raises:
        InputError: It exists or cannot be written.
        ArtifactError: The journal is damaged.
    """
    if path.exists():
        raise InputError("exists already", where=str(path), remedy="name another file")
    _copy(folder / DB_FILE, path)
    seen = survey(path)
    if not seen.is_sound:
        raise ArtifactError(seen.problems[0], where=str(path))
    return seen


def restore(folder: Path, source: Path, now_ms: int) -> tuple[Survey, Path | None]:
    """Put a copy in place of a state; what was there is moved aside.

    Args:
        folder: The state folder; nobody writes there.
        source: A copy of a ``state.db``, from ``backup`` or by hand, or a state folder.
        now_ms: Unix milliseconds, for the lock.

    Returns:
        What the copy holds, and the folder with what was there.

    Raises:
        StateLockedError: A process writes to the state.
        ArtifactError: The copy is damaged; nothing was changed.
        InputError: A file cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = StateLock.take(folder, now_ms)
    try:
        seen = survey(source)
        if not seen.is_sound or seen.last_seq < 0:
            problem = seen.problems[0] if seen.problems else "holds no rows"
            raise ArtifactError(problem, where=str(source), remedy="restore from another copy")
        copy = folder / _RESTORING
        copy.unlink(missing_ok=True)
        _copy(source / DB_FILE if source.is_dir() else source, copy)
        before = read_head(folder / HEAD_FILE)
        head = Head(
            turn=0 if before is None else before.turn + 1, seq=seen.last_seq, hash=seen.last_hash
        )
        # a stop anywhere leaves a state that is refused, never one that looks sound or new
        if not (folder / DB_FILE).exists():
            create_head(folder / HEAD_FILE, head)
        aside = _move_aside(folder, keep_head=True)
        create_head(folder / HEAD_FILE, head)
        os.replace(copy, folder / DB_FILE)
    except OSError as error:
        raise InputError(f"cannot be restored: {error}", where=str(folder)) from error
    finally:
        lock.release()
    return seen, aside


def set_aside(folder: Path, now_ms: int) -> Path | None:
    """Move the files of a state into a folder of their own beneath it; nothing is deleted.

    Afterwards the state is empty, and a start begins anew.

    Returns:
        Where they are; ``None`` if there were none.

    Raises:
        StateLockedError: A process writes to the state.
        InputError: A file cannot be moved.
    """
    lock = StateLock.take(folder, now_ms)
    try:
        return _move_aside(folder, keep_head=False)
    except OSError as error:
        raise InputError(f"cannot be moved aside: {error}", where=str(folder)) from error
    finally:
        lock.release()


def _move_aside(folder: Path, *, keep_head: bool) -> Path | None:
    head = folder / HEAD_FILE
    found = [folder / name for name in _DATABASE if (folder / name).exists()]
    if not found and not head.exists():
        return None
    number = 1
    while (aside := folder / f"aside_{number:03d}").exists():
        number += 1
    aside.mkdir()
    if head.exists() and keep_head:
        shutil.copy2(head, aside / HEAD_FILE)
    for path in found:
        os.replace(path, aside / path.name)
    # last: a head without its database is refused, a database without its head as well
    if head.exists() and not keep_head:
        os.replace(head, aside / HEAD_FILE)
    return aside


def _copy(source: Path, target: Path) -> None:
    with JournalReader(source) as reader:
        try:
            with closing(sqlite3.connect(target)) as copy:
                reader.db.backup(copy)
                # a copy that is one file needs no log beside it
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise InputError(f"cannot be copied: {error}", where=str(target)) from error
    handle = os.open(target, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
