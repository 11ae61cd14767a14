"""Where durable state lies, and who writes it: for commands that come from outside (LIVE-38).

Each port has a folder of its own below the state folder, so that paper can never harm the state of
an account.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.journal.head import HEAD_FILE
from grinder_adapters.journal.lock import LOCK_FILE, holder_of
from grinder_adapters.journal.schema import DB_FILE
from grinder_core.errors import ConfigError

_MARKS: Final = (DB_FILE, HEAD_FILE)


@frozen(kw_only=True)
class Writer:
    """Who writes a state.

    Attributes:
        is_running: A process holds the lock now.
        holder: Who took it last, in words; empty: nobody ever.
    """

    is_running: bool
    holder: str


def state_folder(state_dir: Path, port: PortKind | None) -> Path:
    """Return the folder of one port's state.

    Args:
        port: ``None``: the only one that there is.

    Raises:
        ConfigError: There is none, or several and nobody said which.
    """
    if port is not None:
        return state_dir / port.value
    found = states_in(state_dir)
    if len(found) == 1:
        return state_dir / found[0].value
    if found:
        raise ConfigError(
            f"holds the states of several ports: {', '.join(found)}",
            field="state folder",
            value=str(state_dir),
            remedy=f"say which with --port, such as --port {found[0]}",
        )
    raise ConfigError(
        "holds no state",
        field="state folder",
        value=str(state_dir),
        remedy="name another with --state-dir; a live run makes one",
    )


def existing_state(state_dir: Path, port: PortKind | None) -> Path:
    """Return the folder of a state that is there; what is damaged counts as there.

    Raises:
        ConfigError: There is none, or several and nobody said which.
    """
    folder = state_folder(state_dir, port)
    if not is_state(folder):
        raise ConfigError(
            "holds no state",
            field="state folder",
            value=str(folder),
            remedy="name another port or --state-dir; a live run makes one",
        )
    return folder


def states_in(state_dir: Path) -> tuple[PortKind, ...]:
    """Return the ports of which there is a state."""
    return tuple(port for port in PortKind if is_state(state_dir / port.value))


def writer_of(folder: Path) -> Writer:
    """Say who writes a state, without standing in anybody's way for longer than an instant."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Writer(is_running=False, holder="")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Writer(is_running=True, holder=holder_of(folder))
    finally:
        os.close(handle)
    return Writer(is_running=False, holder=holder_of(folder))


def is_state(folder: Path) -> bool:
    """Whether a folder holds a state itself, damaged or not."""
    return any((folder / name).exists() for name in _MARKS)
