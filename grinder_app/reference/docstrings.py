"""Reading docstrings: the first paragraph, and the ``Attributes:`` and ``Args:`` sections."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from grinder_app.reference.markdown import prose

_ENTRY: Final = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")


def first_paragraph(thing: Any) -> str:
    """Return the first paragraph of what is written at a class or function; empty if nothing."""
    return prose((own_docstring(thing)).split("\n\n", 1)[0])


def own_docstring(thing: Any) -> str:
    """Return a cleaned docstring; a class does not answer with its base's."""
    raw = thing.__dict__.get("__doc__") if isinstance(thing, type) else thing.__doc__
    return inspect.cleandoc(raw) if raw else ""


def entries(thing: Any, heading: str = "Attributes") -> dict[str, str]:
    """Return what an indented section says of each name, by name.

    ``bid_price, ask_price: text`` says the same of both; further lines of an entry are indented
    deeper.
    """
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _section(own_docstring(thing), heading):
        match = _ENTRY.fullmatch(line.strip())
        if match and _indent(line) == 4:
            current = [match["text"]]
            found.update(dict.fromkeys(match["names"].split(", "), current))
        elif line.strip():
            current.append(line.strip())
    return {name: prose(" ".join(lines)) for name, lines in found.items()}


def _section(docstring: str, heading: str) -> list[str]:
    lines = docstring.splitlines()
    if f"{heading}:" not in lines:
        return []
    begin = lines.index(f"{heading}:") + 1
    end = begin
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end])):
        end += 1
    return lines[begin:end]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
