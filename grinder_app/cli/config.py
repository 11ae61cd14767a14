"""``grinder config``: what is in force and why, whether a file is sound, the reference."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from grinder_app.cli import output
from grinder_app.config.catalog import KEYS
from grinder_app.config.effective import VariableInForce, settings_in_force, variables_in_force
from grinder_app.config.flags import ConfigFile, Profile, Sets, settings_from
from grinder_app.config.live_environment import read_live_environment
from grinder_app.config.load import Settings, check_file
from grinder_app.config.reference import render_reference
from grinder_app.config.values import to_text

app = App(name="config", help="Show, check and explain settings.")


@app.command
def show(
    *,
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print every effective value, where it comes from, and the hash that names a result.

    Also what the environment says about a live run, with secrets as [REDACTED].

    Parameters
    ----------
    json
        Print one JSON line.
    """
    settings = settings_from(config, profile, sets)
    environment = read_live_environment(os.environ)
    variables = list(variables_in_force(settings, settings.path, environment, os.environ))
    if json:
        output.print_json(_as_json(settings, variables))
        return
    rows = [row for dotted in KEYS for row in _rows(settings, dotted)]
    output.print_table("settings", ("setting", "value", "from"), rows)
    shown = [(v.name, to_text(v.value), v.origin) for v in variables]
    output.print_table("variables", ("variable", "value", "from"), shown)
    output.print_facts("identity", _identity(settings))


def _rows(settings: Settings, dotted: str) -> list[tuple[str, str, str]]:
    value = settings.value(dotted)
    if KEYS[dotted].is_map and value:
        entries = [(f"{dotted}.{entry}", item) for entry, item in value.items()]
        return [(name, to_text(item), settings.origins[name]) for name, item in entries]
    return [(dotted, to_text(value), settings.origins[dotted])]


def _identity(settings: Settings) -> dict[str, object]:
    return {
        "config_hash": settings.engine.config_hash,
        "live_hash": settings.live.live_hash,
        "file": settings.path or "none",
        "profile": settings.profile or "none",
    }


def _as_json(settings: Settings, variables: list[VariableInForce]) -> dict[str, object]:
    return {
        "config_hash": settings.engine.config_hash,
        "live_hash": settings.live.live_hash,
        "file": None if settings.path is None else str(settings.path),
        "profile": settings.profile,
        "settings": settings_in_force(settings),
        "origins": dict(settings.origins),
        "environment": {v.name: {"value": v.value, "origin": v.origin} for v in variables},
        "warnings": list(settings.warnings),
    }


@app.command
def check(file: Path, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Judge a configuration file with each of its profiles: exit 0 when sound, else 2.

    Parameters
    ----------
    file
        The file.
    json
        Print one JSON line.
    """
    content, settings = check_file(file)
    for warning in settings.warnings:
        output.note(f"warning: {warning}")
    if json:
        output.print_json(
            {
                "file": str(file),
                "config_hash": settings.engine.config_hash,
                "profiles": sorted(content.profiles),
                "warnings": list(settings.warnings),
            }
        )
        return
    profiles = f", profiles {', '.join(content.profiles)}" if content.profiles else ""
    print(f"{file}: sound, {len(content.base)} settings{profiles}")


@app.command
def reference() -> None:
    """Print the configuration reference as Markdown."""
    sys.stdout.write(render_reference())
