"""No invisible and no direction-changing characters in text files (CORE-45).

Such characters let code read differently from what it does. Every character of Unicode's
category Cf is forbidden, and so is what is not UTF-8. The scan decides on the bytes; what a
hosting site warns about is another matter.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_app.checks.repository import tracked_files, work_tree
from grinder_core.errors import ConfigError

_BINARY_LOOK: Final = 8_000  # git's own rule: a NUL in the first 8000 bytes
_ESCAPED: Final = range(0xDC80, 0xDD00)  # where a byte that is no UTF-8 is put


@frozen(kw_only=True, order=True)
class Finding:
    """One forbidden character; line and column count from 1, in characters."""

    path: str
    line: int
    column: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column} {self.what}"


def check_unicode(paths: Iterable[Path] = ()) -> tuple[int, list[Finding]]:
    """Scan files; return how many were scanned and what was found, in order.

    Args:
        paths: Files and folders; without any, all tracked files of the work tree.

    Raises:
        ConfigError: A path does not exist or cannot be read, or there is no work tree to look in.
    """
    scanned = 0
    findings: list[Finding] = []
    for shown, path in _named(list(paths)):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=shown) from None
        if b"\0" in content[:_BINARY_LOOK]:
            continue
        scanned += 1
        findings += scan(content, shown)
    return scanned, findings


def scan(content: bytes, path: str) -> Iterator[Finding]:
    """Yield what is forbidden in the bytes of one text file, in order."""
    text = content.decode("utf-8", "surrogateescape")
    forbidden = {char for char in set(text) if _is_forbidden(char)}
    if not forbidden:
        return
    for line, chars in enumerate(text.split("\n"), 1):
        for column, char in enumerate(chars, 1):
            if char in forbidden:
                yield Finding(path=path, line=line, column=column, what=_describe(char))


def _is_forbidden(char: str) -> bool:
    return ord(char) in _ESCAPED or unicodedata.category(char) == "Cf"


def _describe(char: str) -> str:
    code = ord(char)
    if code in _ESCAPED:
        return f"0x{code - 0xDC00:02X} INVALID UTF-8"
    return f"U+{code:04X} {unicodedata.name(char, 'UNNAMED FORMAT CHARACTER')}"


def _named(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    if not paths:
        top = work_tree(Path.cwd())
        for name in tracked_files(top):
            yield name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), top / name
        return
    for path in paths:
        if not path.exists():
            raise ConfigError("does not exist", where=str(path), remedy="check the path")
        if not path.is_dir():
            yield str(path), path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if name != ".git")
            for name in sorted(names):
                found = Path(folder, name)
                if found.is_file():
                    yield str(found), found
