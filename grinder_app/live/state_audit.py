"""Rows of an operator in a journal: what somebody did to a state from outside (LIVE-38).

They are in the chain like every other row, and no fold reads them.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from grinder_adapters.journal import Journal, JournalHead, JournalReader
from grinder_app.live.state_view import made_by
from grinder_core.codec import canonical_json
from grinder_core.live.config import CONTRACT_VERSION

OPERATOR_STREAM: Final = "operator"


def who() -> str:
    """Return who runs this process, for the record."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container may know no name of its user
        return f"somebody@{socket.gethostname()}"


def open_state(folder: Path, version: str, config_hash: str, now_ms: int) -> Journal:
    """Take the lock of a state and begin to write.

    Raises:
        StateLockedError: A process writes there.
        ArtifactError: The state is damaged.
    """
    head = JournalHead(
        engine_version=version,
        config_hash=config_hash,
        contract_version=CONTRACT_VERSION,
        ts_ms=now_ms,
    )
    return Journal.open(folder, head)


def note_done(journal: Journal, kind: str, now_ms: int, body: Mapping[str, Any]) -> None:
    """Append what an operator did."""
    journal.append(OPERATOR_STREAM, kind, now_ms, canonical_json({"actor": who(), **body}))


def audit(folder: Path, kind: str, version: str, now_ms: int, body: Mapping[str, Any]) -> None:
    """Open a state, append what was done to it, and close it.

    Raises:
        StateLockedError: A process writes there.
        StateWriteError: It cannot be written.
    """
    with opened_for_operator(folder, version, now_ms, writes=True) as journal:
        assert journal is not None
        note_done(journal, kind, now_ms, body)


@contextmanager
def opened_for_operator(
    folder: Path, version: str, now_ms: int, *, writes: bool
) -> Iterator[Journal | None]:
    """Hold a state's journal open, so that nobody else writes meanwhile; ``None`` where not asked.

    Raises:
        StateLockedError: A process writes there.
        ArtifactError: The state is damaged.
        StateWriteError: It cannot be written.
    """
    if not writes:
        yield None
        return
    journal = open_state(folder, version, _config_hash(folder), now_ms)
    try:
        yield journal
    finally:
        journal.close()


def _config_hash(folder: Path) -> str:
    if not (folder / "state.db").exists():
        return ""
    with JournalReader(folder) as reader:
        made = made_by(reader)
    return "" if made is None else made.config_hash
