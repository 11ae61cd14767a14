"""A log file that somebody else may move away while it is written (logrotate's ``nocreate``)."""

from __future__ import annotations

import os
import stat
from typing import Final

from grinder_core.errors import ConfigError

_FILE_MODE: Final = 0o600


class LogFile:
    """A file by its name: where another one, or none, has the name, lines go on in that.

    Args:
        path: Its name.

    Raises:
        ConfigError: It cannot be appended to.
    """

    def __init__(self, path: str) -> None:
        # whatever the working folder becomes, it is the same file
        self._path = os.path.abspath(path)
        try:
            self._number = _open(self._path)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot be appended to: {getattr(error, 'strerror', None) or error}",
                field="log.log_file",
                value=path,
                remedy="name a file in a folder that exists and that you may write to",
            ) from None
        # a pipe or a device is not moved away
        self._may_move = stat.S_ISREG(os.fstat(self._number).st_mode)
        self._at_line_start = True

    def write(self, data: bytes) -> int:
        """Write some of it and return how much; between two lines look who has the name.

        Raises:
            OSError: Nothing could be written.
        """
        if self._may_move and self._at_line_start and self._has_moved():
            number = _open(self._path)
            os.close(self._number)
            self._number = number
        done = os.write(self._number, data)
        if done:
            self._at_line_start = data[done - 1] == ord("\n")
        return done

    def close(self) -> None:
        """Close it."""
        os.close(self._number)

    def _has_moved(self) -> bool:
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return True
        return not os.path.samestat(named, os.fstat(self._number))


def _open(path: str) -> int:
    # O_NONBLOCK: a pipe without a reader must not hold the start
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    number = os.open(path, flags, _FILE_MODE)
    os.set_blocking(number, True)
    return number
