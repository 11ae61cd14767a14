"""``grinder init``: write a configuration file that trades sensibly at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.cli import output
from grinder_app.config.load import DEFAULT_FILE, check_file
from grinder_app.config.template import render_template
from grinder_core.errors import ConfigError


def init(
    path: Path = Path(DEFAULT_FILE),
    /,
    *,
    force: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a commented configuration file: sizes in quote currency, real fees, sane limits.

    Parameters
    ----------
    path
        Where to write it; grinder.toml here is found by every command without --config.
    force
        Overwrite a file that exists.
    json
        Print one JSON line.
    """
    if path.exists() and not force:
        raise ConfigError("exists already", where=str(path), remedy="overwrite it with --force")
    with atomic_file(path) as file:
        file.write(render_template().encode("ascii"))
    _, settings = check_file(path)
    if json:
        output.print_json({"path": str(path), "config_hash": settings.engine.config_hash})
        return
    print(f"wrote {path}")
    config = "" if str(path) == DEFAULT_FILE else f" --config {path}"
    output.note(f"next: grinder config show{config}; grinder paper --data FILE{config}")
