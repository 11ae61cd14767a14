"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attrs import frozen

from grinder_core.errors import InputError


@frozen(kw_only=True)
class WriteReport:
    """What was written.

    Attributes:
        events: Events in the file.
        bytes: Size of the file.
        sha256: SHA-256 of the file's bytes, 64 lowercase hexadecimal characters.
    """

    events: int
    bytes: int
    sha256: str


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its place when the block succeeds.

    The bytes are on disk before the name appears. When the block raises, the target is as before
    and the temporary file is gone.

    Raises:
        InputError: The folder is missing or cannot be written, or the target is a directory.
    """
    if path.is_dir():
        raise InputError("is a directory", where=str(path), remedy="name a file in it")
    if not path.parent.is_dir():
        raise InputError("its folder does not exist", where=str(path), remedy="create it first")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from error


def report_on(path: Path, events: int) -> WriteReport:
    """Describe a file just written."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WriteReport(events=events, bytes=path.stat().st_size, sha256=digest)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
