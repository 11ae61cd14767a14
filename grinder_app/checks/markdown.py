"""Reading documentation pages: what stands where, line by line, and what is only planned."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_FENCE: Final = re.compile(r"^\s*(?P<mark>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
_HEADING: Final = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.*)$")
_CODE: Final = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)")
_TARGETS: Final = (
    re.compile(r"\]\(\s*<?(?P<target>[^)\s>]+)"),  # [text](target), ![text](target)
    re.compile(r"^\s{0,3}\[[^\]]+\]:\s+<?(?P<target>[^\s>]+)"),  # [name]: target
    re.compile(r"""\b(?:src|href)=["'](?P<target>[^"']+)["']"""),
)

Spot = tuple[int, str]  # line number from 1, text


@frozen(kw_only=True)
class Block:
    """A fenced block: its language and its lines, numbered."""

    language: str
    lines: tuple[Spot, ...]


@frozen(kw_only=True)
class Page:
    """One page without what it marks as planned.

    Attributes:
        path: As findings show it.
        lines: Every line that is not exempt, fenced ones included.
        blocks: Fenced blocks.
        code: Text in back ticks outside blocks.
        links: Targets of links and images outside blocks.
    """

    path: str
    lines: tuple[Spot, ...]
    blocks: tuple[Block, ...]
    code: tuple[Spot, ...]
    links: tuple[Spot, ...]


def read_page(text: str, path: str) -> Page:
    """Read a page.

    Exempt are the lines under a heading with the word "Planned", up to the next heading that is
    not below it, and every line with "(Planned)".
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        reader.take(number, line)
    reader.close_block()
    return Page(
        path=path,
        lines=tuple(reader.lines),
        blocks=tuple(reader.blocks),
        code=tuple(reader.code),
        links=tuple(reader.links),
    )


class _Reader:
    """Takes the lines of one page in order."""

    def __init__(self) -> None:
        self.lines: list[Spot] = []
        self.blocks: list[Block] = []
        self.code: list[Spot] = []
        self.links: list[Spot] = []
        self._planned_below: int | None = None  # level of the heading that says "Planned"
        self._mark = ""
        self._language = ""
        self._fenced: list[Spot] = []

    def take(self, number: int, line: str) -> None:
        fence = _FENCE.match(line)
        if self._mark:
            if fence is not None and self._closes(fence, line):
                self.close_block()
            elif self._counts(line):
                self.lines.append((number, line))
                self._fenced.append((number, line))
            return
        if fence is not None:
            self._mark, self._language = fence["mark"], fence["language"].lower()
            return
        heading = _HEADING.match(line)
        if heading is not None:
            self._on_heading(len(heading["level"]), heading["title"])
        if self._counts(line):
            self.lines.append((number, line))
            self._on_prose(number, line)

    def close_block(self) -> None:
        if self._mark and self._fenced:
            self.blocks.append(Block(language=self._language, lines=tuple(self._fenced)))
        self._mark, self._language, self._fenced = "", "", []

    def _closes(self, fence: re.Match[str], line: str) -> bool:
        mark = fence["mark"]
        return mark[0] == self._mark[0] and len(mark) >= len(self._mark) and line.strip() == mark

    def _counts(self, line: str) -> bool:
        return self._planned_below is None and "(Planned)" not in line

    def _on_heading(self, level: int, title: str) -> None:
        if self._planned_below is not None and level <= self._planned_below:
            self._planned_below = None
        if self._planned_below is None and re.search(r"\bPlanned\b", title):
            self._planned_below = level

    def _on_prose(self, number: int, line: str) -> None:
        self.code += [(number, match["code"].strip()) for match in _CODE.finditer(line)]
        prose = _CODE.sub("", line)
        for pattern in _TARGETS:
            self.links += [(number, match["target"]) for match in pattern.finditer(prose)]
