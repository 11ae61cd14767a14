"""The options that every command with settings shares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grinder_adapters.runs import RunStore
from grinder_app.cli.output import note
from grinder_app.config.load import Settings, load_settings, parse_sets

ConfigFile = Annotated[
    Path | None,
    Parameter(
        name="--config",
        help="Configuration file; without it GRINDER_CONFIG, else grinder.toml here if present.",
    ),
]
Profile = Annotated[
    str | None, Parameter(name="--profile", help="Apply [profiles.NAME] of the file.")
]
Sets = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative="",
        help="Override one setting: SECTION.KEY=VALUE. May be repeated.",
    ),
]
RunsDir = Annotated[
    Path | None,
    Parameter(name="--runs-dir", help="Folder of runs; by default the setting app.artifact_dir."),
]


def settings_from(
    config: Path | None = None, profile: str | None = None, sets: Sequence[str] = ()
) -> Settings:
    """Load the settings of this command line and this environment; warnings go to stderr.

    Raises:
        ConfigError: As ``load_settings``.
    """
    settings = load_settings(
        config, profile=profile, environment=os.environ, flags=parse_sets(sets)
    )
    for warning in settings.warnings:
        note(f"warning: {warning}")
    return settings


def store_from(
    config: Path | None = None,
    profile: str | None = None,
    sets: Sequence[str] = (),
    runs_dir: Path | None = None,
) -> RunStore:
    """Open the folder of runs, named or from the settings; without advice about settings.

    Raises:
        ConfigError: As ``load_settings``.
    """
    settings = load_settings(
        config, profile=profile, environment=os.environ, flags=parse_sets(sets)
    )
    return RunStore(runs_dir or Path(settings.app.artifact_dir))
