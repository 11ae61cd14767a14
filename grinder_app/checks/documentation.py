"""README and documentation must not run ahead of the code (CORE-46).

What a page says in shell blocks, back ticks, links, environment variables and metric names is
looked up: commands in the definition of the installed command, everything else among the
repository's files. Text marked as planned is exempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_app.checks.claims import wrong_claims
from grinder_app.checks.command_tree import CommandNode
from grinder_app.checks.entry_points import help_problem, load_tree, read_entry_points
from grinder_app.checks.markdown import read_page
from grinder_app.checks.repository import Repository, tracked_files
from grinder_core.errors import ConfigError

PYPROJECT: Final = "pyproject.toml"


@frozen(kw_only=True, order=True)
class DocFinding:
    """One claim that does not hold."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def check_documentation(root: Path) -> tuple[int, list[DocFinding]]:
    """Check entry points, README and every page below ``docs``.

    Returns:
        How many pages were read, and what does not hold, sorted.

    Raises:
        ConfigError: It is no git work tree, or ``pyproject.toml`` cannot be read.
    """
    findings: list[DocFinding] = []
    trees: dict[str, CommandNode] = {}
    for entry in read_entry_points(root / PYPROJECT):
        try:
            trees[entry.name] = load_tree(entry)
            problem = help_problem(entry, root)
        except ConfigError as error:
            problem = str(error)
        if problem is not None:
            findings.append(DocFinding(path=PYPROJECT, line=entry.line, what=problem))
    files = tracked_files(root)
    pages = pages_of(files)
    return len(pages), sorted(findings + check_pages(root, files, pages, trees))


def pages_of(files: Sequence[str]) -> list[str]:
    """Return which files are documentation pages."""
    return [
        name
        for name in files
        if name == "README.md" or (name.startswith("docs/") and name.endswith(".md"))
    ]


def check_pages(
    root: Path, files: Sequence[str], pages: Sequence[str], trees: Mapping[str, CommandNode]
) -> list[DocFinding]:
    """Check pages against the repository's files and the commands of its entry points."""
    repository = Repository(root=root, files=files, trees=trees)
    findings: list[DocFinding] = []
    for name in pages:
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        page = read_page(text, name)
        findings += (
            DocFinding(path=name, line=line, what=what)
            for line, what in wrong_claims(page, repository)
        )
    return sorted(findings)
