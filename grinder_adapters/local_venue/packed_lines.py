"""The newest of many lines of text in a tenth of the memory that objects would need.

Lines that resemble each other (klines of one interval, requests of one client) are compressed in
blocks as they come. Nobody changes them any more, and few are read again.
"""

from __future__ import annotations

from collections import deque
from typing import Final
from zlib import compressobj, decompress

BLOCK: Final = 64
_END: Final = b"\n"
# a larger window packs blocks of kilobytes no better, and takes a quarter of a megabyte each time
_WINDOW_BITS: Final = 12
_MEMORY_LEVEL: Final = 5


class PackedLines:
    """A list that forgets its oldest lines.

    Args:
        keep: How many lines can still be read, ``>= 1``.
        block: How many are compressed together.
    """

    __slots__ = ("_block", "_blocks", "_keep", "_tail", "_tail_lines")

    def __init__(self, keep: int, block: int = BLOCK) -> None:
        self._keep, self._block = keep, block
        self._blocks: deque[bytes] = deque()
        self._tail, self._tail_lines = bytearray(), 0

    def __len__(self) -> int:
        return min(len(self._blocks) * self._block + self._tail_lines, self._keep)

    def append(self, line: bytes) -> None:
        """Add the newest line; it holds no line break."""
        self._tail += line
        self._tail += _END
        self._tail_lines += 1
        if self._tail_lines == self._block:
            self._blocks.append(_packed(self._tail))
            self._tail, self._tail_lines = bytearray(), 0
        if (len(self._blocks) - 1) * self._block + self._tail_lines >= self._keep:
            self._blocks.popleft()

    def newest(self, most: int) -> list[bytes]:
        """Return the newest lines, at most that many, oldest first."""
        wanted = min(most, len(self))
        parts, found = [bytes(self._tail)], self._tail_lines
        for block in reversed(self._blocks):
            if found >= wanted:
                break
            parts.append(decompress(block))
            found += self._block
        lines = b"".join(reversed(parts)).split(_END)
        return lines[len(lines) - 1 - wanted : -1]


def _packed(lines: bytearray) -> bytes:
    packer = compressobj(wbits=_WINDOW_BITS, memLevel=_MEMORY_LEVEL)
    return packer.compress(lines) + packer.flush()
