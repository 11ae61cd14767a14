"""Finding the commands in shell blocks of documentation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from grinder_app.checks.markdown import Block, Spot

SHELL: Final = frozenset({"sh", "bash", "shell", "console"})

_PROMPT: Final = re.compile(r"^\s*\$\s+")
_HEREDOC: Final = re.compile(r"<<-?\s*[\"']?(\w+)")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_PREFIXES: Final = frozenset({"sudo", "time", "env", "exec", "nohup", "do", "then", "else", "!"})
_CONTROL: Final = frozenset({"for", "while", "until", "if", "fi", "done", "case", "esac", "{", "}"})
_OPERATOR: Final = frozenset("();<>|&")

Command = tuple[int, list[str]]  # line number, words


def commands_of(block: Block) -> Iterator[Command | Spot]:
    """Yield each command of a shell block; a line that no shell could read comes as its text."""
    for number, line in _logical_lines(block):
        try:
            words = _words(line)
        except ValueError:
            yield number, line
            continue
        for command in split_commands(words):
            yield number, command


def split_commands(words: list[str]) -> Iterator[list[str]]:
    """Split words at operators; redirections, assignments and shell keywords are left out."""
    command: list[str] = []
    redirected = False
    for word in [*words, ";"]:
        if redirected:
            redirected = False
        elif not set(word) <= _OPERATOR:
            command.append(word)
        elif set(word) & {"<", ">"}:
            redirected = True
            if command and command[-1].isdigit():  # the 2 of 2>
                command.pop()
        else:
            command = _stripped(command)
            if command and command[0] not in _CONTROL:
                yield command
            command = []


def _stripped(command: list[str]) -> list[str]:
    start = 0
    while start < len(command) and (
        command[start] in _PREFIXES or _ASSIGNMENT.fullmatch(command[start])
    ):
        start += 1
    return command[start:]


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _logical_lines(block: Block) -> Iterator[Spot]:
    """Yield commands' lines with continuations joined; no prompts, no output, no here-documents."""
    start, joined, ending = 0, "", None
    for number, line in block.lines:
        if ending is not None:
            ending = None if line.strip() == ending else ending
            continue
        if not joined:
            start = number
            if block.language == "console" and not _PROMPT.match(line):
                continue  # what a command printed
            joined = _PROMPT.sub("", line).removesuffix("\\")
        else:
            joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        here = _HEREDOC.search(joined)
        if here is not None:
            ending, joined = here[1], joined[: here.start()]
        if joined.strip():
            yield start, joined
        joined = ""
    if joined.strip():
        yield start, joined
