"""The installed commands of a package: they import, answer ``--help``, and tell what they take."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from attrs import frozen
from cyclopts import App

from grinder_app.checks.command_tree import CommandNode, read_tree
from grinder_core.errors import ConfigError

HELP_LIMIT_S: Final = 60
_RUN_HELP: Final = (
    "import importlib, sys; module, name = sys.argv[1].split(':'); sys.argv[1:] = ['--help']; "
    "sys.exit(getattr(importlib.import_module(module), name)())"
)


@frozen(kw_only=True)
class EntryPoint:
    """One line of ``[project.scripts]``.

    Attributes:
        target: ``module:function``.
        line: Where ``pyproject.toml`` declares it.
    """

    name: str
    target: str
    line: int


def read_entry_points(pyproject: Path) -> list[EntryPoint]:
    """Return the declared entry points, in order.

    Raises:
        ConfigError: The file is missing or malformed.
    """
    try:
        text = pyproject.read_text(encoding="utf-8")
        scripts = tomllib.loads(text).get("project", {}).get("scripts", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(pyproject)) from None
    lines = text.split("\n")
    return [
        EntryPoint(name=name, target=target, line=_line_of(name, target, lines))
        for name, target in scripts.items()
    ]


def load_tree(entry: EntryPoint) -> CommandNode:
    """Load an entry point's commands: its module offers them as ``app``.

    Raises:
        ConfigError: It does not import, or offers no commands.
    """
    module_name, _, function = entry.target.partition(":")
    try:
        module = importlib.import_module(module_name)
        if not callable(getattr(module, function, None)):
            raise ConfigError(f"{entry.target} is no function", field=entry.name)
        app = getattr(module, "app", None)
        if not isinstance(app, App):
            raise ConfigError(f"{module_name} offers no commands as app", field=entry.name)
        return read_tree(app, entry.name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"does not import: {error}", field=entry.name) from None


def help_problem(entry: EntryPoint, folder: Path) -> str | None:
    """Start an entry point with ``--help``; return what is wrong, or ``None`` for exit code 0."""
    command = [sys.executable, "-c", _RUN_HELP, entry.target]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=HELP_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{entry.name} --help does not answer within {HELP_LIMIT_S} s"
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"{entry.name} --help ends with {done.returncode}: {' '.join(last)}"
    return None


def _line_of(name: str, target: str, lines: list[str]) -> int:
    for number, line in enumerate(lines, 1):
        if line.strip().startswith((name, f'"{name}"')) and target in line:
            return number
    return 1
