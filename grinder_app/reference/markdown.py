"""The little Markdown the reference pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def page(title: str, lead: str, *sections: str) -> str:
    """Return a whole page, with the note that it is generated and a line feed at the end."""
    note = (
        "<!-- Generated from the code. Change the code, then run: "
        "python -m grinder_app.reference --write docs/reference -->"
    )
    return "\n\n".join((f"# {title}", note, lead, *sections)) + "\n"


def section(title: str, *parts: str, level: int = 2) -> str:
    """Return a heading and what stands under it; empty parts are left out."""
    return "\n\n".join((f"{'#' * level} {title}", *(part for part in parts if part)))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown, their bars are escaped."""
    lines = [_row(columns), _row(["---"] * len(columns))]
    return "\n".join(lines + [_row(row) for row in rows])


def fenced(text: str, language: str = "") -> str:
    """Return a fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def code(text: str) -> str:
    """Return text as inline code."""
    return f"`{text}`"


def anchor(heading: str) -> str:
    """Return the link target of a heading, as the usual renderers make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def prose(docstring: str) -> str:
    """Return docstring text as Markdown: one paragraph a line, double backticks made single."""
    paragraphs = docstring.strip().split("\n\n")
    flat = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return "\n\n".join(flat).replace("``", "`")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
