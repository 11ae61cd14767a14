"""What waits for a session, what stands, and what it carried out: for people (LIVE-41)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import frozen

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.control import ControlFile, ControlState, DoneCommand
from grinder_adapters.journal import JournalReader
from grinder_adapters.journal.lock import is_process
from grinder_adapters.journal.stored import COLUMNS, read_row
from grinder_app.live.auditing import AUDIT_STREAM
from grinder_app.live.scribe import CONFIG_KIND, HEAD_STREAM, read_configured
from grinder_app.live.state_folder import Writer, existing_state, states_in, writer_of
from grinder_core.codec import to_dict
from grinder_core.errors import ArtifactError, ConfigError

CONTROL_KIND: Final = "CONTROL"
POLL_S: Final = 0.05


@frozen(kw_only=True)
class ControlView:
    """The operator's channel of one state.

    Attributes:
        problem: Why the file cannot be understood, which counts as PAUSE; empty: it can be.
        audited: The newest operator's rows of the audit stream, oldest first.
    """

    folder: str
    writer: Writer
    problem: str
    state: ControlState
    audited: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            **_told_of(self.state, self.problem),
            "audited": list(self.audited),
            "folder": self.folder,
            "writer": to_dict(self.writer),
        }


def commanded_state(state_dir: Path, port: PortKind | None) -> Path:
    """Return the folder of the state that is meant: without a port, that of the running session.

    Raises:
        ConfigError: There is none, or nobody can say which.
    """
    if port is None:
        running = [
            one for one in states_in(state_dir) if writer_of(state_dir / one.value).is_running
        ]
        if len(running) == 1:
            return state_dir / running[0].value
    return existing_state(state_dir, port)


def view_control(folder: Path, count: int) -> ControlView:
    """Read file and journal; changes nothing.

    Args:
        count: Rows of the audit stream at most.

    Raises:
        ArtifactError: The journal is damaged.
    """
    state, problem = _read(ControlFile(folder))
    return ControlView(
        folder=str(folder),
        writer=writer_of(folder),
        problem=problem,
        state=state,
        audited=_audited(folder, count),
    )


def view_file(file: ControlFile) -> dict[str, Any]:
    """Return what the file alone says, as JSON values."""
    return _told_of(*_read(file))


def whitelist_of(folder: Path) -> tuple[str, ...]:
    """Return the symbols that the session of a state trades, as its journal says.

    Raises:
        ConfigError: No session began there.
        ArtifactError: The journal is damaged.
    """
    with JournalReader(folder) as reader:
        rows = _newest(reader, HEAD_STREAM, CONFIG_KIND, 1)
    if not rows:
        raise ConfigError("holds no session yet", field="state folder", value=str(folder))
    return read_configured(rows[0]).config.whitelist


def wait_until_done(
    file: ControlFile,
    numbers: Sequence[int],
    wait_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> dict[int, DoneCommand]:
    """Return what became of commands, as far as it is known before the time is over.

    Args:
        clock: Seconds that only grow.
        sleep: Waits for so many seconds.
    """
    ends = clock() + wait_s
    while True:
        found = _done_in(file, numbers)
        if len(found) == len(set(numbers)) or clock() >= ends:
            return found
        sleep(POLL_S)


def wait_until_ended(
    folder: Path,
    writer: Writer,
    pid: int,
    wait_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> bool:
    """Return whether a process has ended, as soon as it has or the time is over.

    It lets the state go before it closes its listener, so that both are waited for.

    Args:
        writer: The process; where another one writes the state now, it has let it go.
        pid: Its number; 0: it is of another host, where only the state can be looked at.
        clock, sleep: As for ``wait_until_done``.
    """
    ends = clock() + wait_s
    while True:
        now = writer_of(folder)
        if (not now.is_running or now.holder != writer.holder) and not is_process(pid):
            return True
        if clock() >= ends:
            return False
        sleep(POLL_S)


def _read(file: ControlFile) -> tuple[ControlState, str]:
    try:
        return file.read() or ControlState(), ""
    except ArtifactError as error:
        return ControlState(), str(error)


def _told_of(state: ControlState, problem: str) -> dict[str, Any]:
    found = to_dict(state)
    names = ("commands", "done", "last", "override")
    return {**{name: found[name] for name in names}, "problem": problem}


def _done_in(file: ControlFile, numbers: Sequence[int]) -> dict[int, DoneCommand]:
    try:
        state = file.read()
    except ArtifactError:
        return {}  # somebody overwrites it; whoever waits is told that nothing is known
    if state is None:
        return {}
    return {one.number: one for one in state.done if one.number in numbers}


def _audited(folder: Path, count: int) -> tuple[dict[str, Any], ...]:
    with JournalReader(folder) as reader:
        rows = _newest(reader, AUDIT_STREAM, CONTROL_KIND, count)
    return tuple(orjson.loads(body) for body in reversed(rows))


def _newest(reader: JournalReader, stream: str, kind: str, count: int) -> list[str]:
    with reader.failing():
        found = reader.db.execute(
            f"SELECT {COLUMNS} FROM journal WHERE stream = ? AND kind = ? "
            "ORDER BY seq DESC LIMIT ?",
            (stream, kind, count),
        )
        return [read_row(values).row.body for values in found]
