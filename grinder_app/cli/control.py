"""``grinder control``: command a running session, and see what became of it (LIVE-41)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from attrs import frozen
from cyclopts import App, Parameter

from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.cli.state import ANYWHERE, SETTINGS, Where
from grinder_app.live.control_words import RESETS, ResetTarget
from grinder_app.report.wording import utc
from grinder_app.runner.options import ConfigOptions, Flag, Texts
from grinder_core.contracts.checks import as_line
from grinder_core.contracts.control import Command
from grinder_core.errors import ConfigError, GrinderError

if TYPE_CHECKING:
    from grinder_adapters.control import DoneCommand
    from grinder_app.live.control_view import ControlView

WAIT_S: Final = 5.0
STOP_WAIT_S: Final = 30.0
SHOWN: Final = 10
WAITING: Final = "WAITING"
_NEEDS_A_PROCESS: Final = frozenset({Command.FLATTEN, Command.STOP})

app = App(name="control", help="Command a running session; see what became of it.")


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


@app.command
def pause(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Take out what adds risk and let no more in, until somebody resumes; exits stay."""
    return _give(Command.PAUSE, order, where, settings)


@app.command
def emergency(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Do what a pause does, and stay so after every restart until somebody resumes."""
    return _give(Command.EMERGENCY, order, where, settings)


@app.command
def resume(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Lift a pause or an emergency; kill switch, guards and the environment's override stay."""
    return _give(Command.RESUME, order, where, settings)


@app.command
def kill(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Trip the kill switch: no new risk until it is reset and somebody resumes."""
    return _give(Command.KILL, order, where, settings)


@app.command
def reset(
    target: ResetTarget,
    /,
    *,
    order: Order = PLAINLY,
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
) -> int:
    """Clear one latch that no resume clears.

    Parameters
    ----------
    target
        kill-switch, drawdown-guard or loss-streaks.
    """
    return _give(RESETS[target], order, where, settings)


@app.command
def flatten(
    *,
    symbol: Texts = (),
    everything: Annotated[Flag, Parameter(name="--all")] = False,
    order: Order = PLAINLY,
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
) -> int:
    """Close positions at the market. Pause first, else the grid begins anew.

    Parameters
    ----------
    symbol
        Close this one. Repeatable.
    everything
        Close that of every symbol that the session trades.
    """
    from grinder_app.live.control_view import commanded_state, whitelist_of

    if bool(symbol) is everything:
        raise ConfigError("give one of them", field="--symbol, --all", value=list(symbol))
    symbols = tuple(dict.fromkeys(symbol))
    if everything:
        symbols = whitelist_of(commanded_state(where.root(settings), where.port))
    return _give(Command.FLATTEN, order, where, settings, symbols)


@app.command
def stop(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """End the process in order, as its first Ctrl-C does: entries are cancelled, exits stay.

    It returns once the process has ended, so that the next one can start.
    """
    return _give(Command.STOP, order, where, settings)


@app.command
def status(
    *, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Show which commands wait, which override stands, and what was carried out last.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    from grinder_app.live.control_view import commanded_state, view_control

    view = view_control(commanded_state(where.root(settings), where.port), SHOWN)
    if json:
        output.print_json(view.to_dict())
    else:
        _print_view(view)
    return 0


# -- giving one ------------------------------------------------------------------------------------


def _give(
    command: Command,
    order: OrderOptions,
    where: Where,
    settings: ConfigOptions,
    symbols: Sequence[str] = ("",),
) -> int:
    from grinder_adapters.control import ControlFile, Outcome
    from grinder_adapters.control.records import ACTOR_MAX
    from grinder_adapters.journal.lock import pid_of
    from grinder_app.live.control_view import commanded_state, wait_until_done, wait_until_ended
    from grinder_app.live.state_audit import who
    from grinder_app.live.state_folder import writer_of

    is_stop = command is Command.STOP
    wait_s = (STOP_WAIT_S if is_stop else WAIT_S) if order.wait is None else order.wait
    if not 0 <= wait_s < inf:
        raise ConfigError("must be >= 0", field="--wait", value=wait_s)
    folder = commanded_state(where.root(settings), where.port)
    writer, pid = writer_of(folder), pid_of(folder)
    is_running = writer.is_running
    if command in _NEEDS_A_PROCESS and not is_running:
        raise GrinderError(
            f"is written by no process: there is nobody to {command.value.lower()}",
            field="state folder",
            value=str(folder),
            remedy="start the session first, or name another with --state-dir and --port",
        )
    file, actor = ControlFile(folder), as_line(who(), longest=ACTOR_MAX)
    numbers, aside = dict[str, int](), list[Path]()
    for symbol in symbols:
        given = file.append(
            command,
            actor=actor,
            now_ms=SystemClock().now_ms(),
            symbol=symbol,
            text=order.reason,
        )
        numbers[symbol] = given.number
        aside += [] if given.aside is None else [given.aside]
    for path in aside:
        output.note(f"the control file could not be read: it is now {path}, and counted as PAUSE")
    done: dict[int, DoneCommand] = {}
    has_ended = False
    if is_running:
        wanted, until = tuple(numbers.values()), time.monotonic() + wait_s
        done = wait_until_done(file, wanted, wait_s, time.monotonic, time.sleep)
        if is_stop and all(one.outcome is Outcome.APPLIED for one in done.values()):
            left = until - time.monotonic()
            has_ended = wait_until_ended(folder, writer, pid, left, time.monotonic, time.sleep)
    told = [_told(symbol, number, done.get(number)) for symbol, number in numbers.items()]
    if order.json:
        output.print_json(
            {
                "actor": actor,
                "aside": [str(path) for path in aside],
                "command": command.value,
                "commands": told,
                "folder": str(folder),
                "is_running": is_running,
                **({"has_ended": has_ended} if is_stop else {}),
            }
        )
    else:
        for one in told:
            print(_in_words(command, one, is_running=is_running, wait_s=wait_s))
        if has_ended:
            print("the process has ended")
        elif is_stop and all(one["outcome"] == "APPLIED" for one in told):
            print(f"the process has not ended within {wait_s:g} s; it is still at it")
    is_good = not is_running or all(one["outcome"] == "APPLIED" for one in told)
    return 0 if is_good and (has_ended or not is_stop) else 1


def _told(symbol: str, number: int, done: DoneCommand | None) -> dict[str, Any]:
    return {
        "detail": "" if done is None else done.detail,
        "number": number,
        "outcome": WAITING if done is None else done.outcome.value,
        "reason": "" if done is None else done.reason,
        "state": "" if done is None else done.state,
        "symbol": symbol,
    }


def _in_words(command: Command, told: dict[str, Any], *, is_running: bool, wait_s: float) -> str:
    name = f"{command.value} {told['symbol']}".rstrip() + f", number {told['number']}"
    if not is_running:
        return f"{name}: no process runs; it waits in the file and is carried out at the next start"
    if told["outcome"] == WAITING:
        return f"{name}: not carried out within {wait_s:g} s; it waits in the file"
    why = f" ({told['detail']})" if told["detail"] else ""
    outcome = told["outcome"].lower()
    return f"{name}: {outcome}{why}; the session is {told['state']} {told['reason']}"


# -- for people ------------------------------------------------------------------------------------


def _print_view(view: ControlView) -> None:
    state = view.state
    output.print_facts(
        "Control",
        {
            "folder": view.folder,
            "written by": view.writer.holder if view.writer.is_running else "nobody at the moment",
            "override that stands": f"PAUSE: {view.problem}" if view.problem else state.override,
            "commands that wait": len(state.commands),
            "highest number given": state.last or "none",
        },
    )
    if state.commands:
        waiting = [
            (c.number, utc(c.ts_ms), c.command, c.symbol, c.actor, c.text) for c in state.commands
        ]
        columns: tuple[str, ...] = ("number", "given", "command", "symbol", "actor", "reason")
        output.print_table("Commands that wait", columns, waiting)
    if state.done:
        done = [
            (d.number, utc(d.ts_ms), d.command, d.symbol, d.outcome, d.state, d.reason, d.detail)
            for d in state.done[-SHOWN:]
        ]
        columns = ("number", "at", "command", "symbol", "outcome", "state", "why", "detail")
        output.print_table("What became of the last ones", columns, done)
    if view.audited:
        output.print_table(
            "Audit",
            ("at", "command", "symbol", "actor", "status", "reason"),
            [_audit_row(row) for row in view.audited],
        )


def _audit_row(row: dict[str, Any]) -> tuple[object, ...]:
    details = row["details"]
    told = [str(details.get(name, "")) for name in ("command", "symbol", "actor")]
    return (utc(row["ts_ms"]), *told, row["status"] or "", str(details.get("text", "")))
