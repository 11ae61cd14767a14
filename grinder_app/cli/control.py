"""``grinder control``: command a running session, and see what became of it (LIVE-41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from grinder_app.cli import output
from grinder_app.cli.control_giving import PLAINLY, Order, give
from grinder_app.cli.state_options import ANYWHERE, SETTINGS, Where
from grinder_app.live.control_words import RESETS, ResetTarget
from grinder_app.report.wording import utc
from grinder_app.runner.options import ConfigOptions, Flag, Texts
from grinder_core.contracts.control import Command
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_app.live.control_view import ControlView

SHOWN: Final = 10

app = App(name="control", help="Command a running session; see what became of it.")


@app.command
def pause(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Take out what adds risk and let no more in, until somebody resumes; exits stay."""
    return give(Command.PAUSE, order, where, settings)


@app.command
def emergency(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Do what a pause does, and stay so after every restart until somebody resumes."""
    return give(Command.EMERGENCY, order, where, settings)


@app.command
def resume(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Lift a pause or an emergency; kill switch, guards and the environment's override stay."""
    return give(Command.RESUME, order, where, settings)


@app.command
def kill(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """Trip the kill switch: no new risk until it is reset and somebody resumes."""
    return give(Command.KILL, order, where, settings)


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
    return give(RESETS[target], order, where, settings)


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
    return give(Command.FLATTEN, order, where, settings, symbols)


@app.command
def stop(
    *, order: Order = PLAINLY, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS
) -> int:
    """End the process in order, as its first Ctrl-C does: entries are cancelled, exits stay.

    It returns once the process has ended, so that the next one can start.
    """
    return give(Command.STOP, order, where, settings)


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
