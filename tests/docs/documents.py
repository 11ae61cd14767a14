"""The Markdown of the repository as blocks: what a reader would copy, and how to treat it.

An HTML comment on a line before a fence, with nothing but blank lines and other such comments
between, says how a block is meant:

    <!-- not run: REASON -->   nothing of it is tried
    <!-- file: NAME -->        the reader creates this file with it
    <!-- exit: N -->           its commands end with exit code N
    <!-- beside: NAME -->      its one command runs in another terminal, until it ends by itself or
                               the page does
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

ROOT: Final = Path(__file__).resolve().parents[2]
LANGUAGES: Final = frozenset({"python", "sh", "json", "toml", "text", ""})

_FENCE: Final = re.compile(r"(?P<indent> *)(?P<ticks>`{3,})(?P<language>[^`]*)")
_COMMENT: Final = re.compile(r"\s*<!-- (?P<name>not run|file|exit|beside): (?P<value>.+?) -->\s*")
_INLINE: Final = re.compile(r"`([^`\n]+)`")


@frozen(kw_only=True)
class Block:
    """One fenced block.

    Attributes:
        line: Of the first line inside the fence, from 1.
        not_run: Why nothing of it is tried; empty for all others.
        file: Name of the file that the reader creates with it; empty for all others.
        exit_code: What its commands end with.
        beside: Name of the terminal that its command runs in; empty: the reader waits for it.
    """

    path: Path
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""
    exit_code: int = 0
    beside: str = ""

    @property
    def place(self) -> str:
        """``file:line`` for messages."""
        return f"{shown(self.path)}:{self.line}"


def documents() -> list[Path]:
    """Return every page of the documentation, in byte order."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(path for path in found if path.is_file())


def shown(path: Path) -> str:
    """Return a path as messages and test names show it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page, with what the comments before them say.

    Raises:
        ValueError: A fence is never closed.
    """
    return [block for block in _parts(path) if isinstance(block, Block)]


def prose(path: Path) -> str:
    """Return a page without its fenced blocks, its lines where they were."""
    kept = path.read_text(encoding="utf-8").splitlines()
    for block in blocks(path):
        count = block.text.count("\n") + 1 if block.text else 0
        for index in range(block.line - 1, block.line - 1 + count):
            kept[index] = ""
    return "\n".join(kept)


def inline_code(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every piece of inline code of a page with its line, from 1."""
    for number, line in enumerate(prose(path).splitlines(), 1):
        for text in _INLINE.findall(line):
            yield number, text


def _parts(path: Path) -> Iterator[Block]:
    lines = path.read_text(encoding="utf-8").splitlines()
    said: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if match := _FENCE.fullmatch(line):
            inside = _inside(path, lines, number, match["ticks"])
            yield _block(path, number + 1, match["language"].strip(), inside, said)
            number += len(inside) + 1
            said = {}
        elif match := _COMMENT.fullmatch(line):
            said[match["name"]] = match["value"]
        elif line.strip():
            said = {}


def _inside(path: Path, lines: list[str], begin: int, ticks: str) -> list[str]:
    for end in range(begin, len(lines)):
        if lines[end].strip() == ticks:
            return lines[begin:end]
    raise ValueError(f"{shown(path)}:{begin}: this fence is never closed")


def _block(path: Path, line: int, language: str, inside: list[str], said: dict[str, str]) -> Block:
    text = textwrap.dedent("\n".join(inside))
    block = Block(path=path, line=line, language=language, text=text)
    return evolve(
        block,
        not_run=said.get("not run", ""),
        file=said.get("file", ""),
        exit_code=int(said.get("exit", "0")),
        beside=said.get("beside", ""),
    )
