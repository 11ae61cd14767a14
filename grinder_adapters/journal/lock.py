"""The file ``LOCK``: one writer a state folder, by an OS lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Final

import orjson
from attrs import frozen

from grinder_core.codec import canonical_json
from grinder_core.errors import InputError, StateLockedError

LOCK_FILE: Final = "LOCK"


@frozen
class StateLock:
    """A held lock; freed by ``release`` or the end of the process, however it comes."""

    handle: int

    @classmethod
    def take(cls, folder: Path, since_ms: int) -> StateLock:
        """Take the lock of a folder at once or not at all.

        Args:
            since_ms: Written into the file for people, Unix milliseconds.

        Raises:
            StateLockedError: Somebody holds it; the message names who.
            InputError: The file cannot be written.
        """
        path = folder / LOCK_FILE
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"cannot be opened: {error.strerror}", where=str(path)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            holder = {"host": socket.gethostname(), "pid": os.getpid(), "since_ms": since_ms}
            os.ftruncate(handle, 0)
            os.pwrite(handle, canonical_json(holder).encode("ascii") + b"\n", 0)
        except BlockingIOError:
            os.close(handle)
            raise StateLockedError(
                f"is written by {holder_of(folder)}",
                field="state folder",
                value=str(folder),
                remedy="stop that process, or give this one another GRINDER_STATE_DIR",
            ) from None
        except OSError as error:
            os.close(handle)
            raise InputError(f"cannot be locked: {error.strerror}", where=str(path)) from error
        return cls(handle)

    def release(self) -> None:
        """Free the lock."""
        os.close(self.handle)


def pid_of(folder: Path) -> int:
    """Return the process that wrote the lock file last; 0: it is not of this host, or unknown."""
    try:
        fields = orjson.loads((folder / LOCK_FILE).read_bytes())
        return int(fields["pid"]) if fields["host"] == socket.gethostname() else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def is_process(pid: int) -> bool:
    """Whether another process of this host runs; one that only waits to be reaped does not."""
    if pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, but there
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # gone since, or a system without /proc
        return not Path("/proc/self").exists()
    return stat.rpartition(b")")[2].split()[0] not in {b"Z", b"X"}


def holder_of(folder: Path) -> str:
    """Return who wrote the lock file last, in words."""
    try:
        fields = orjson.loads((folder / LOCK_FILE).read_bytes())
        return f"process {fields['pid']} on {fields['host']} since {fields['since_ms']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not said who it is"
