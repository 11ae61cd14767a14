"""Giving a running session one command, and waiting for what becomes of it (LIVE-41)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from attrs import frozen
from cyclopts import Parameter

from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.cli.state_options import StateOptions
from grinder_app.runner.options import ConfigOptions, Flag
from grinder_core.contracts.checks import as_line
from grinder_core.contracts.control import Command
from grinder_core.contracts.live import StateReason
from grinder_core.errors import ConfigError, GrinderError

if TYPE_CHECKING:
    from grinder_adapters.control import ControlFile, DoneCommand
    from grinder_app.live.state_folder import Writer

WAIT_S: Final = 5.0
STOP_WAIT_S: Final = 30.0
WAITING: Final = "WAITING"
_NEEDS_A_PROCESS: Final = frozenset({Command.FLATTEN, Command.STOP})


@Parameter(name="*")
@frozen(kw_only=True)
class OrderOptions:
    """How a command is given.

    Parameters
    ----------
    reason
        Your words for it, for the record: one line, at most 500 characters.
    wait
        Seconds to wait until the session has carried it out: 5 if not said. After stop until its
        process has ended: 30 if not said.
    json
        Print one JSON line.
    """

    reason: str = ""
    wait: float | None = None
    json: Flag = False


Order = Annotated[OrderOptions, Parameter(name="*")]
PLAINLY: Final = OrderOptions()


def give(
    command: Command,
    order: OrderOptions,
    where: StateOptions,
    settings: ConfigOptions,
    symbols: Sequence[str] = ("",),
) -> int:
    """Give a command, once for each symbol; return the exit code.

    Raises:
        ConfigError: An option is wrong, or no state is meant.
        GrinderError: It needs a process, and there is none.
    """
    from grinder_adapters.control import ControlFile
    from grinder_adapters.control.records import ACTOR_MAX
    from grinder_app.live.control_view import commanded_state
    from grinder_app.live.state_audit import who
    from grinder_app.live.state_folder import writer_of

    is_stop = command is Command.STOP
    wait_s = (STOP_WAIT_S if is_stop else WAIT_S) if order.wait is None else order.wait
    if not 0 <= wait_s < inf:
        raise ConfigError("must be >= 0", field="--wait", value=wait_s)
    folder = commanded_state(where.root(settings), where.port)
    writer = writer_of(folder)
    if command in _NEEDS_A_PROCESS and not writer.is_running:
        raise GrinderError(
            f"is written by no process: there is nobody to {command.value.lower()}",
            field="state folder",
            value=str(folder),
            remedy="start the session first, or name another with --state-dir and --port",
        )
    file, actor = ControlFile(folder), as_line(who(), longest=ACTOR_MAX)
    numbers, aside = _append(file, command, actor, order.reason, symbols)
    done: Mapping[int, DoneCommand] = {}
    has_ended = False
    if writer.is_running:
        done, has_ended = _wait(file, command, tuple(numbers.values()), writer, wait_s)
    told = [_told(symbol, number, done.get(number)) for symbol, number in numbers.items()]
    if order.json:
        output.print_json(
            {
                "actor": actor,
                "aside": [str(path) for path in aside],
                "command": command.value,
                "commands": told,
                "folder": str(folder),
                "is_running": writer.is_running,
                **({"has_ended": has_ended} if is_stop else {}),
            }
        )
    else:
        for one in told:
            print(_in_words(command, one, is_running=writer.is_running, wait_s=wait_s))
        if has_ended:
            print("the process has ended")
        elif is_stop and all(one["outcome"] == "APPLIED" for one in told):
            print(f"the process has not ended within {wait_s:g} s; it is still at it")
    is_good = not writer.is_running or all(one["outcome"] == "APPLIED" for one in told)
    return 0 if is_good and (has_ended or not is_stop) else 1


def _append(
    file: ControlFile, command: Command, actor: str, reason: str, symbols: Sequence[str]
) -> tuple[dict[str, int], list[Path]]:
    """Write it into the control file; return each one's number, and what was moved aside."""
    numbers, aside = dict[str, int](), list[Path]()
    for symbol in symbols:
        now = SystemClock().now_ms()
        given = file.append(command, actor=actor, now_ms=now, symbol=symbol, text=reason)
        numbers[symbol] = given.number
        aside += [] if given.aside is None else [given.aside]
    for path in aside:
        output.note(f"the control file could not be read: it is now {path}, and counted as PAUSE")
    return numbers, aside


def _wait(
    file: ControlFile, command: Command, numbers: Sequence[int], writer: Writer, wait_s: float
) -> tuple[dict[int, DoneCommand], bool]:
    """Return what became of commands, and whether the process that was to stop has ended."""
    from grinder_adapters.control import Outcome
    from grinder_adapters.journal.lock import pid_of
    from grinder_app.live.control_view import wait_until_done, wait_until_ended

    until, pid = time.monotonic() + wait_s, pid_of(file.folder)
    done = wait_until_done(file, numbers, wait_s, time.monotonic, time.sleep)
    if command is not Command.STOP or any(
        one.outcome is not Outcome.APPLIED for one in done.values()
    ):
        return done, False
    left = until - time.monotonic()
    return done, wait_until_ended(file.folder, writer, pid, left, time.monotonic, time.sleep)


def _told(symbol: str, number: int, done: DoneCommand | None) -> dict[str, Any]:
    if done is None:
        return {
            "detail": "",
            "next": [],
            "number": number,
            "outcome": WAITING,
            "reason": "",
            "state": "",
            "symbol": symbol,
        }
    return {
        "detail": done.detail,
        "next": _remedies(done),
        "number": number,
        "outcome": done.outcome.value,
        "reason": done.reason,
        "state": done.state,
        "symbol": symbol,
    }


def _remedies(done: DoneCommand) -> list[str]:
    """Return what leads out of the state in which a resume was refused, in the order to type it."""
    from grinder_adapters.control import Outcome
    from grinder_app.live.reason_words import BY_REASON

    if done.outcome is not Outcome.REFUSED or done.command is not Command.RESUME:
        return []
    return list(BY_REASON[StateReason(done.reason)].next)


def _in_words(command: Command, told: dict[str, Any], *, is_running: bool, wait_s: float) -> str:
    name = f"{command.value} {told['symbol']}".rstrip() + f", number {told['number']}"
    if not is_running:
        return f"{name}: no process runs; it waits in the file and is carried out at the next start"
    if told["outcome"] == WAITING:
        return f"{name}: not carried out within {wait_s:g} s; it waits in the file"
    why = f" ({told['detail']})" if told["detail"] else ""
    outcome = told["outcome"].lower()
    lines = [f"{name}: {outcome}{why}; the session is {told['state']} {told['reason']}"]
    return "\n".join([*lines, *(f"next: {one}" for one in told["next"])])
