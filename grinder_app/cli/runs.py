"""``grinder runs``: list, show and remove what earlier commands kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import App, Parameter

from grinder_adapters.runs import RunSummary, RunView, load_run
from grinder_app.cli import output
from grinder_app.config.flags import ConfigFile, Profile, RunsDir, Sets, store_from
from grinder_app.report.wording import money
from grinder_core.errors import InputError

app = App(name="runs", help="List, show and remove runs.")

Flag = Annotated[bool, Parameter(negative="")]


@app.command(name="list")
def list_(
    *,
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    runs_dir: RunsDir = None,
    json: Flag = False,
) -> None:
    """List all runs, newest first.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    store = store_from(config, profile, sets, runs_dir)
    runs = store.list()[::-1]
    if json:
        output.print_json([_summary_json(run) for run in runs])
    elif runs:
        rows = [_summary_row(run) for run in runs]
        columns = ("run", "name", "kind", "started (UTC)", "took", "sessions", "status")
        output.print_table(f"runs in {store.root}", columns, rows)
    else:
        print(f"no runs in {store.root}")


@app.command
def show(
    run: str,
    /,
    *,
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    runs_dir: RunsDir = None,
    json: Flag = False,
) -> None:
    """Show how one run was made, how it ended and what its sessions earned.

    Parameters
    ----------
    run
        latest, a name, an id or the beginning of one, or the path of a run folder.
    json
        Print one JSON line.
    """
    view = load_run(store_from(config, profile, sets, runs_dir).find(run))
    if json:
        output.print_json(_view_json(view))
        return
    output.print_facts(f"run {view.manifest['run_id']}", _facts(view))
    if view.sessions:
        columns = (
            *("session", "net PnL", "fees", "funding", "turnover"),
            *("fills", "placed", "blocked", "digest"),
        )
        output.print_table(
            "sessions", columns, [_session_row(s.name, s.result) for s in view.sessions]
        )
    for name in view.unfinished:
        output.note(f"session {name} was begun and not finished")


@app.command(name="rm")
def remove(
    runs: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    yes: Flag = False,
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    runs_dir: RunsDir = None,
    json: Flag = False,
) -> int:
    """Delete runs with everything in their folders, after asking once.

    Parameters
    ----------
    runs
        latest, names, ids or beginnings of ids.
    yes
        Do not ask; needed without a terminal.
    json
        Print one JSON line.
    """
    store = store_from(config, profile, sets, runs_dir)
    doomed = list({found.id: found for found in map(store.summary, runs)}.values())
    if not yes and not _confirmed(doomed):
        output.note("nothing was removed")
        return 1
    removed = [store.remove(run.id) for run in doomed]
    if json:
        output.print_json([_summary_json(run) for run in removed])
    else:
        for run in removed:
            print(f"removed {run.id}{f' ({run.name})' if run.name else ''}")
    return 0


def _confirmed(doomed: list[RunSummary]) -> bool:
    if not sys.stdin.isatty():
        raise InputError("removal must be confirmed", remedy="without a terminal, add --yes")
    for run in doomed:
        output.note("  ".join(str(cell) for cell in _summary_row(run)))
    output.note(f"remove {len(doomed)} with all files? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _summary_row(run: RunSummary) -> tuple[object, ...]:
    started = run.created_at[:19].replace("T", " ")
    took = (
        ""
        if run.duration_ms is None
        else f"{run.duration_ms // 1000}.{run.duration_ms % 1000 // 100} s"
    )
    return run.id, run.name, run.kind, started, took, run.sessions, run.status


def _summary_json(run: RunSummary) -> dict[str, object]:
    return {
        "id": run.id,
        "path": str(run.path),
        "kind": run.kind,
        "name": run.name,
        "status": run.status,
        "created_at": run.created_at,
        "start_ms": run.start_ms,
        "duration_ms": run.duration_ms,
        "sessions": run.sessions,
    }


def _view_json(view: RunView) -> dict[str, object]:
    return {
        "path": str(view.path),
        "manifest": dict(view.manifest),
        "sessions": {session.name: dict(session.result) for session in view.sessions},
        "unfinished": list(view.unfinished),
    }


def _facts(view: RunView) -> dict[str, object]:
    manifest = view.manifest
    facts: dict[str, object] = {"folder": view.path}
    for name in ("name", "kind", "status", "created_at", "duration_ms", "version", "config_hash"):
        if manifest.get(name) not in {None, ""}:
            facts[name] = manifest[name]
    if "command" in manifest:
        facts["command"] = " ".join(map(str, manifest["command"]))
    for index, item in enumerate(manifest.get("data", ()), start=1):
        facts[f"data {index}"] = _data_text(item)
    for line in manifest.get("assumptions", ()):
        name, _, text = str(line).partition(": ")
        facts[f"assumed: {name}"] = text
    if "error" in manifest:
        facts["error"] = manifest["error"]
    for index, warning in enumerate(manifest.get("warnings", ()), start=1):
        facts[f"warning {index}"] = warning
    return facts


def _data_text(item: object) -> str:
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {value}" for name, value in item.items())
    return str(item)


def _session_row(name: str, result: Mapping[str, Any]) -> tuple[object, ...]:
    amounts = (money(result[key]) for key in ("net_pnl", "fees_paid", "funding_paid", "turnover"))
    counts = (result[key] for key in ("total_fills", "orders_placed", "orders_blocked"))
    return name, *amounts, *counts, result["digest"] or "none"
