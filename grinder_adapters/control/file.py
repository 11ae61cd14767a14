"""The file ``control.json``: written by whoever may command, read by the process that obeys.

Each change takes its place whole: a temporary file, on disk before it is renamed, under an OS lock,
so that no two writers give one number and none loses what another appended. Who reads takes no
lock. A file that somebody else may have written is not read at all.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import Factory, field, frozen

from grinder_adapters.control.records import (
    ControlState,
    DoneCommand,
    PendingCommand,
    Standing,
)
from grinder_core.contracts.control import MAY_ADD_RISK, Command
from grinder_core.contracts.enums import KillReason
from grinder_core.errors import ArtifactError, ConfigError, StateWriteError

CONTROL_FILE: Final = "control.json"
LOCK_FILE: Final = "control.lock"
BYTES_MAX: Final = 1 << 20
LOCK_TRIES: Final = 250
LOCK_STEP_S: Final = 0.02
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

Mark = tuple[int, ...] | None


@frozen(kw_only=True)
class Appended:
    """What became of an appended command.

    Attributes:
        aside: Where the file went that stood there and could not be read; ``None``: none did.
    """

    number: int
    aside: Path | None


@frozen
class ControlFile:
    """The control file of one state folder.

    Attributes:
        path: The file.
        owner: Only what belongs to this user is read or written; by default the process's.
    """

    folder: Path
    owner: int = Factory(os.geteuid)
    _sleep: Callable[[float], None] = time.sleep
    path: Path = field(init=False)
    _name: str = field(init=False)  # a path is made text anew at each call

    @path.default
    def _path_of(self) -> Path:
        return self.folder / CONTROL_FILE

    @_name.default
    def _name_of(self) -> str:
        return str(self.path)

    # -- for the process that obeys

    def mark(self) -> Mark:
        """Return what changes whenever the file does; ``None``: there is none. Cheap."""
        try:
            seen = os.lstat(self._name)
        except FileNotFoundError:
            return None
        except OSError as error:
            return (error.errno or -1,)
        # the time of the last change of its inode tells of a mode that was mended, too
        return seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size

    def read(self) -> ControlState | None:
        """Return what it holds; ``None``: there is none.

        Raises:
            ArtifactError: It cannot be read, is not what it should be, or others may write it.
        """
        try:
            # O_NONBLOCK: a pipe without a writer must not hold a session
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(self.path, flags)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._wrong(f"cannot be opened: {error.strerror}") from None
        try:
            with open(handle, "rb") as file:
                self._check(os.fstat(handle))
                body = file.read(BYTES_MAX + 1)
        except OSError as error:
            raise self._wrong(f"cannot be read: {error.strerror}") from None
        if len(body) > BYTES_MAX:
            raise self._wrong(f"must be at most {BYTES_MAX} bytes")
        try:
            return ControlState.from_bytes(body)
        except ArtifactError as error:
            raise self._wrong(str(error)) from None

    def settle(self, done: tuple[DoneCommand, ...], last: int) -> None:
        """Take out what was carried out, and say what became of it.

        Args:
            last: The highest number carried out: none up to it may be given again.

        Raises:
            ArtifactError: The file cannot be understood; it stays as it is.
            StateWriteError: It cannot be written.
            ConfigError: The folder belongs to somebody else.
        """
        with self._locked():
            state = self.read() or ControlState()
            self._write(state.with_done(done, last))

    # -- for who commands

    def append(
        self,
        command: Command,
        *,
        actor: str,
        now_ms: int,
        symbol: str = "",
        reason: KillReason = KillReason.MANUAL,
        text: str = "",
    ) -> Appended:
        """Append a command under a new number; what cannot be read is moved aside, never deleted.

        Args:
            now_ms: The number is at least this, so that a deleted file does not repeat numbers.

        Raises:
            ContractError: The command is none that a session would take.
            ConfigError: The folder belongs to somebody else, or too many commands wait.
            StateWriteError: It cannot be written.
        """
        with self._locked():
            aside = None
            try:
                state = self.read() or ControlState()
            except ArtifactError:
                aside = self._move_aside(now_ms)
                state = ControlState(override=Standing.PAUSE)  # what the session makes of it
            number = max(state.last + 1, now_ms)
            state = state.with_command(
                PendingCommand(
                    number=number,
                    ts_ms=now_ms,
                    command=command,
                    actor=actor,
                    symbol=symbol,
                    reason=reason,
                    text=text,
                )
            )
            # half of the room is always there for what stops something
            room = BYTES_MAX // 2 if command in MAY_ADD_RISK else BYTES_MAX
            if len(state.to_bytes()) > room:
                raise ConfigError(
                    f"has no room: {len(state.commands) - 1} commands wait in it",
                    field="control file",
                    value=str(self.path),
                    remedy="start the session that is to carry them out",
                )
            self._write(state)
        return Appended(number=number, aside=aside)

    # -- inside

    def _check(self, seen: os.stat_result) -> None:
        if not stat.S_ISREG(seen.st_mode):
            raise self._wrong("must be a regular file")
        if seen.st_uid != self.owner:
            raise self._wrong(f"belongs to user {seen.st_uid}, not to {self.owner}")
        if seen.st_mode & _OTHERS_WRITE:
            raise self._wrong(f"may be written by others: its mode is {seen.st_mode & 0o7777:04o}")

    def _wrong(self, rule: str) -> ArtifactError:
        return ArtifactError(rule, where=str(self.path))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._check_folder()
        path = self.folder / LOCK_FILE
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(path, flags, 0o600)
        except OSError as error:
            raise StateWriteError(f"cannot be opened: {error.strerror}", where=str(path)) from None
        try:
            self._wait_for(handle, path)
            yield
        finally:
            os.close(handle)

    def _check_folder(self) -> None:
        try:
            owner = os.stat(self.folder).st_uid
        except OSError as error:
            raise StateWriteError(
                f"cannot be used: {error.strerror}", where=str(self.folder)
            ) from None
        if owner != self.owner:
            raise ConfigError(
                f"belongs to user {owner}, and this is user {self.owner}",
                field="state folder",
                value=str(self.folder),
                remedy="command as the user that runs the session",
            )

    def _wait_for(self, handle: int, path: Path) -> None:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._sleep(LOCK_STEP_S)
            else:
                return
        seconds = LOCK_TRIES * LOCK_STEP_S
        raise StateWriteError(f"is held by another process for {seconds:.0f} s", where=str(path))

    def _move_aside(self, now_ms: int) -> Path:
        count = 0
        while (aside := self.path.with_name(f"{CONTROL_FILE}.{now_ms}-{count}")).exists():
            count += 1
        try:
            os.rename(self.path, aside)
        except OSError as error:
            raise StateWriteError(
                f"cannot be moved aside: {error.strerror}", where=str(self.path)
            ) from None
        return aside

    def _write(self, state: ControlState) -> None:
        part = self.path.with_name(f"{CONTROL_FILE}.part")  # of who holds the lock, alone
        try:
            part.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with open(os.open(part, flags, 0o600), "wb") as file:
                file.write(state.to_bytes())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StateWriteError(
                f"cannot be written: {error.strerror}", where=str(self.path)
            ) from None
