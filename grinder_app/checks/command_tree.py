"""What an installed command understands, read from its definition instead of its help text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen
from cyclopts import App

_PLACEHOLDER: Final = re.compile(r"[A-Z][A-Z0-9_]*|<.*>|\.\.\.|\u2026|\{.*\}")
_NUMBER: Final = re.compile(r"-\d+(\.\d+)?")


@frozen(kw_only=True)
class CommandNode:
    """One command or group.

    Attributes:
        name: Full name, such as ``grinder data import``.
        options: With their dashes, help and version flags included.
        commands: Sub-commands by name.
        runs: Whether it does something without a sub-command.
    """

    name: str
    options: frozenset[str]
    commands: Mapping[str, CommandNode]
    runs: bool


def read_tree(app: App, name: str) -> CommandNode:
    """Read a cyclopts application; loads the modules of all its commands.

    Raises:
        ImportError, AttributeError: A command names a module or function that is not there.
    """
    options = {*app.help_flags, *app.version_flags}
    if app.default_command is not None:
        for argument in app.assemble_argument_collection():
            options.update(flag for flag in argument.names if flag.startswith("-"))
    return CommandNode(
        name=name,
        options=frozenset(options),
        commands={
            word: read_tree(app[word], f"{name} {word}") for word in app if not word.startswith("-")
        },
        runs=app.default_command is not None,
    )


def problems_of(words: Sequence[str], tree: CommandNode) -> Iterator[str]:
    """Yield what a documented command line asks for and the command does not have.

    Args:
        words: What follows the command's own name. Words in capitals, ``<...>`` and ``...`` stand
            for something; ``a|b`` for each of them; brackets round what may be left out.
    """
    node = tree
    for word in (word.strip("[]") for word in words):
        if word == "--":
            return
        if word.startswith("-") and len(word) > 1 and not _NUMBER.fullmatch(word):
            for option in word.split("|"):
                if option.split("=")[0] not in node.options:
                    yield f"{node.name} has no option {option.split('=')[0]}"
            continue
        if node.runs and not node.commands:
            continue  # an argument
        if _PLACEHOLDER.fullmatch(word):
            return
        unknown = [part for part in word.split("|") if part not in node.commands]
        if unknown and node.runs:
            return  # an argument of the group itself
        if unknown:
            yield from (f"{node.name} has no command {part}" for part in unknown)
            return
        node = node.commands[word.split("|")[0]]
