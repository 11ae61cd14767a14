"""The ``grinder`` command.

Exit codes: 0 good; 1 a check, gate or guard failed; 2 usage, configuration or bad input data;
3 our own durable state is corrupt; 4 venue unreachable; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import IntEnum

from cyclopts import App, CycloptsError

from grinder_core.errors import (
    ArtifactError,
    ConnectorError,
    GrinderError,
    InputError,
    InvariantError,
)


class Exit(IntEnum):
    """Documented exit codes."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    CORRUPT = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


app = App(
    name="grinder",
    help="Trade grids on perpetual futures, and prove that it is done safely.",
    version="0.1.0",
    result_action="return_value",
    exit_on_error=False,
    print_error=True,
    suppress_keyboard_interrupt=False,
)

# name -> (where it lives, one line of help); modules load when their command runs
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("grinder_app.cli.init:init", "Write a configuration file to start from."),
    "config": ("grinder_app.cli.config:app", "Show, check and explain settings."),
    "doctor": ("grinder_app.cli.doctor:doctor", "Check what a live run needs; send no order."),
    "runs": ("grinder_app.cli.runs:app", "List, show and remove runs."),
    "demo": ("grinder_app.cli.demo:demo", "Run a paper session on packaged data."),
    "backtest": ("grinder_app.cli.backtest:backtest", "Run one configuration over many files."),
    "replay": ("grinder_app.cli.replay:replay", "Repeat all decisions on recorded data."),
    "paper": ("grinder_app.cli.paper:paper", "Run one paper session on recorded data."),
    "compare": ("grinder_app.cli.compare:compare", "Name where two runs begin to differ."),
    "exchange-info": ("grinder_app.cli.exchange_info:app", "Fetch and show the venue's rules."),
    "data": ("grinder_app.cli.data:app", "Import, inspect, convert, download, record data."),
    "live": ("grinder_app.cli.live:app", "Run a live session; show how it stands."),
    "control": ("grinder_app.cli.control:app", "Command a running session."),
    "smoke": ("grinder_app.cli.smoke:app", "Prove at a venue that orders come and go."),
    "state": ("grinder_app.cli.state:app", "Show, check, copy and mend a live session's state."),
    "journal": ("grinder_app.cli.journal:app", "Read, export and check a live session's journal."),
    "venue": ("grinder_app.cli.venue:app", "Serve the local exchange on loopback."),
    "report": ("grinder_app.cli.report:app", "Write the HTML report of a run."),
    "soak": ("grinder_app.cli.soak:app", "Run everything again and again; nothing may drift."),
    "check": ("grinder_app.cli.check:app", "Check determinism, look-ahead, data and text."),
}

for _name, (_target, _help) in COMMANDS.items():
    app.command(_target, name=_name, help=_help)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for a user's mistake."""
    try:
        result = app(list(arguments) if arguments is not None else None)
    except CycloptsError:
        return Exit.USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away; there is nobody left to tell
        return Exit.GOOD
    except GrinderError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return _code_of(error)
    return int(result) if isinstance(result, int) else Exit.GOOD


def _code_of(error: GrinderError) -> Exit:
    if isinstance(error, InputError):
        return Exit.USAGE
    if isinstance(error, ArtifactError | InvariantError):
        return Exit.CORRUPT
    if isinstance(error, ConnectorError):
        return Exit.UNREACHABLE
    return Exit.FAILED


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run())
