"""The reference of reason codes and of all other published values."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from grinder_app.reference.docstrings import first_paragraph
from grinder_app.reference.markdown import anchor, code, page, section, table
from grinder_app.reference.meanings import REASONS
from grinder_core.errors import GrinderError

PAGE = "reasons.md"


def reasons_markdown() -> str:
    """Return the page of every published value and error code, and what each means."""
    return page(
        "Reason codes and other values",
        "Values are published: new ones may be added, none is renamed or removed. Names in "
        "`code` of a meaning are settings; names like CORE-11 are the sections of the "
        "specification a rule comes from.",
        *(_values(kind, meanings) for kind, meanings in REASONS.items()),
        _errors(),
    )


def link_to(kind: type[Enum]) -> str:
    """Return a link to the values of one enumeration, for other pages."""
    return f"[{kind.__name__}]({PAGE}#{anchor(kind.__name__)})"


def _values(kind: type[Enum], meanings: dict[str, str]) -> str:
    # in the enumeration's own order, which is the order they were published in
    rows = [(code(member.value), meanings[member.value]) for member in kind]
    return section(kind.__name__, first_paragraph(kind), table(("value", "meaning"), rows))


def _errors() -> str:
    rows = [
        (code(kind.code), code(kind.__name__), first_paragraph(kind))
        for kind in _tree(GrinderError)
    ]
    return section(
        "Error codes",
        "A command that fails prints `CODE: text` on standard error and ends with the exit code "
        "of [the commands' reference](cli.md#exit-codes). The text names what was given, which "
        "rule it breaks and, where that is not obvious, what to do. In Python the same errors "
        "are raised, with `rule`, `field`, `value`, `where` and `remedy`.",
        table(("code", "exception", "meaning"), rows),
    )


def _tree(kind: type[GrinderError]) -> Iterator[type[GrinderError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == GrinderError.__module__:
            yield from _tree(child)
