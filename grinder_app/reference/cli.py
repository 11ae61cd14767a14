"""The reference of commands, from the command line's own declarations.

The library can write such a page itself, but its text changes from version to version; what is
read here (names, help, defaults, choices) does not.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from cyclopts import App, Argument

from grinder_app.cli import app
from grinder_app.reference.docstrings import own_docstring
from grinder_app.reference.markdown import code, fenced, page, prose, section, table
from grinder_app.reference.meanings import ERROR_EXITS, EXITS

_WORDS: Final = {
    int: "INTEGER",
    Decimal: "NUMBER",
    float: "NUMBER",
    str: "TEXT",
    Path: "PATH",
    date: "YYYY-MM-DD",
}


def cli_markdown() -> str:
    """Return the page of all commands, their options, and the exit codes."""
    return page(
        "Commands",
        "Every command has `--help`. Results go to standard output, everything else to standard "
        "error. An option that may be given several times is marked with `...`.",
        *(_command(path, command) for path, command in commands(app, ("grinder",))),
        _exits(),
    )


def commands(parent: App, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    """Yield every command that does something, with the words that call it.

    Modules of commands that load on first use are loaded.
    """
    if parent.default_command is not None:
        yield path, parent
    for name, child in parent.resolved_commands().items():
        if not name.startswith("-"):
            yield from commands(child, (*path, name))


def arguments_of(command: App) -> list[Argument]:
    """Return what a command takes, in order of declaration, hidden ones left out."""
    found = command.assemble_argument_collection(parse_docstring=True)
    return [argument for argument in found if argument.show]


def _command(path: tuple[str, ...], command: App) -> str:
    arguments = arguments_of(command)
    rows = [(_name(a), _default(a), prose(a.parameter.help or "")) for a in arguments]
    options = table(("argument", "default", "meaning"), rows) if rows else ""
    words = " ".join(path)
    return section(words, _about(command), fenced(_usage(words, arguments), "text"), options)


def _about(command: App) -> str:
    """Return the help of a command up to the section about its parameters."""
    text = own_docstring(command.default_command)
    return prose(re.split(r"\n(?:Parameters\n-+|Args:)", text, maxsplit=1)[0])


def _usage(words: str, arguments: list[Argument]) -> str:
    shown = [words]
    for argument in arguments:
        if _is_positional(argument):
            shown.append(argument.name if argument.required else f"[{argument.name}]")
        elif argument.required:
            shown.append(f"{argument.name} {_value(argument)}")
    if any(not _is_positional(a) and not a.required for a in arguments):
        shown.append("[OPTIONS]")
    return " ".join(shown)


def _name(argument: Argument) -> str:
    if _is_positional(argument):
        return code(argument.name + ("..." if _is_many(argument.hint) else ""))
    names = ", ".join(code(name) for name in argument.names)
    value = _value(argument)
    if not value:
        return names
    return f"{names} {code(value)}{' ...' if _is_many(argument.hint) else ''}"


def _value(argument: Argument) -> str:
    """Return what follows an option's name; nothing for a flag."""
    kind = _one(argument.hint)
    if kind is bool:
        return ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return _WORDS[kind]


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    default = argument.field_info.default
    if isinstance(default, Enum):
        return code(str(default.value))
    if default is None or default is False or default in ((), ""):
        return ""
    if default is True:
        return "on"
    return code(default.as_posix() if isinstance(default, Path) else str(default))


def _is_positional(argument: Argument) -> bool:
    return not argument.name.startswith("-")


def _one(hint: Any) -> Any:
    """Return the type of one value: of an element of a list, of what is there if it is there."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _one(next(part for part in parts if part is not type(None)))
    return _one(parts[0]) if origin in {list, tuple} else hint


def _is_many(hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return any(_is_many(part) for part in parts)
    return origin in {list, tuple}


def _exits() -> str:
    rows = [(str(exit_code.value), meaning) for exit_code, meaning in EXITS.items()]
    errors = [
        (str(exit_code.value), ", ".join(code(kind.code) for kind in kinds))
        for exit_code, kinds in ERROR_EXITS.items()
    ]
    return section(
        "Exit codes",
        table(("code", "meaning"), rows),
        "[Errors](reasons.md#error-codes) end with:",
        table(("code", "errors"), errors),
    )
