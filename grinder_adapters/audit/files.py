"""The files of an audit log: ``PATH`` is written, ``PATH.NNNNNN`` were put aside (LIVE-25).

One process writes a log; a lock on the file sees to that. A process that dies while it writes
leaves an unfinished line at the end, which is cut off when the file is opened again.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 20


class AuditFile:
    """An audit file open for appending.

    Raises:
        OSError: It cannot be opened, or another process writes it.

    Attributes:
        size, events: Bytes and whole lines in it.
    """

    __slots__ = ("_handle", "_path", "events", "size")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._path, self._handle = path, os.open(path, flags, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(self._handle), path.stat()):
                raise BlockingIOError("was put aside by another process meanwhile")
            self.size, self.events = _whole_lines(self._handle)
            os.ftruncate(self._handle, self.size)
        except BaseException:
            os.close(self._handle)
            raise

    def append(self, data: bytes, events: int, *, fsync: bool) -> None:
        """Write whole lines at the end, all or none.

        Raises:
            OSError: They cannot be written; as far as the system lets us, none of them is there.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            if fsync:
                os.fsync(self._handle)
        except BaseException:
            os.ftruncate(self._handle, self.size)
            raise
        self.size += len(data)
        self.events += events

    def put_aside(self, *, fsync: bool) -> None:
        """Rename the file to the next number, and close it.

        Raises:
            OSError: It cannot be renamed; it stays open.
        """
        numbers = [number for number, _ in numbered(self._path)]
        target = self._path.with_name(f"{self._path.name}.{max(numbers, default=0) + 1:06d}")
        if target.exists():
            raise FileExistsError(f"{target.name} exists")
        os.rename(self._path, target)
        if fsync:
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        self.close()

    def close(self) -> None:
        """Close the file and give up its lock."""
        os.close(self._handle)


def numbered(path: Path) -> list[tuple[int, Path]]:
    """Return the files put aside with their numbers, ascending, also those compressed since."""
    name = re.compile(rf"{re.escape(path.name)}\.([0-9]{{6,}})(?:\..*)?").fullmatch
    found = [(match, each) for each in path.parent.iterdir() if (match := name(each.name))]
    return sorted((int(match[1]), each) for match, each in found)


def audit_files(path: Path) -> list[Path]:
    """Return the files of a log, the oldest first: together they hold every event, in order."""
    if not path.parent.is_dir():
        return []
    return [each for _, each in numbered(path)] + [path] * path.is_file()


def _whole_lines(handle: int) -> tuple[int, int]:
    """Return where the last whole line of a file ends, and how many there are."""
    end = lines = offset = 0
    while block := os.pread(handle, _BLOCK, offset):
        lines += block.count(b"\n")
        last = block.rfind(b"\n")
        if last >= 0:
            end = offset + last + 1
        offset += len(block)
    return end, lines
