"""Market lines in blocks: many lines, one row, compressed.

The text of a block is its lines' times, as differences in ms, on a line of their own, then the
lines. The row's record holds the text's SHA-256, not the text, so that a block may be compressed
again in another way without a change in the chain.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import Any, Final

import orjson
from attrs import asdict, frozen

from grinder_core.errors import ArtifactError

MARKET_STREAM: Final = "market"
BLOCK_KIND: Final = "MARKET_BLOCK"
LINE_KIND: Final = "MARKET"
# a quarter of the time of level 6 at four thirds of its size; sealed hours are packed again
_LEVEL: Final = 1
_TIGHT_MAGIC: Final = b"BZh"


@frozen(kw_only=True)
class BlockHeader:
    """The payload of a block's row.

    Attributes:
        count: Lines in the block.
        first_ts_ms, last_ts_ms: Times of its first and last line, Unix milliseconds.
        sha256: Of the text, 64 hexadecimal characters.
    """

    count: int
    first_ts_ms: int
    last_ts_ms: int
    sha256: str

    def fields(self) -> dict[str, Any]:
        """Return the payload."""
        return asdict(self)

    @classmethod
    def of(cls, payload: Any) -> BlockHeader:
        """Read a payload back.

        Raises:
            ArtifactError: It is none of a block.
        """
        match payload:
            case {
                "count": int(count),
                "first_ts_ms": int(first),
                "last_ts_ms": int(last),
                "sha256": str(digest),
            }:
                return cls(count=count, first_ts_ms=first, last_ts_ms=last, sha256=digest)
        raise ArtifactError("is no header of a market block", field="body", value=payload)


def plain_json(payload: dict[str, Any]) -> str:
    """Return the canonical JSON of an object of ASCII texts and small numbers."""
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode("ascii")


def join(lines: Sequence[bytes], times: Sequence[int]) -> tuple[BlockHeader, bytes]:
    """Return the header and the text of a block; there is at least one line."""
    first = times[0]
    steps = [b"%d" % (b - a) for a, b in zip([first, *times], times, strict=False)]
    text = b"\n".join((b",".join(steps), *lines))
    header = BlockHeader(
        count=len(lines),
        first_ts_ms=first,
        last_ts_ms=times[-1],
        sha256=sha256(text).hexdigest(),
    )
    return header, text


def pack(text: bytes) -> bytes:
    """Compress quickly."""
    return zlib.compress(text, _LEVEL)


def pack_tight(text: bytes) -> bytes:
    """Compress to about half of that, in ten times the time."""
    return bz2.compress(text)


def is_tight(data: bytes) -> bool:
    """Whether it was compressed by ``pack_tight``."""
    return data.startswith(_TIGHT_MAGIC)


def inflate(data: bytes) -> bytes:
    """Return what was compressed either way.

    Raises:
        ArtifactError: It cannot be unpacked.
    """
    try:
        return bz2.decompress(data) if is_tight(data) else zlib.decompress(data)
    except (zlib.error, OSError, ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(f"cannot be unpacked: {error}", field="data") from None


def unpack(data: bytes, header: BlockHeader) -> bytes:
    """Return a block's text, checked against its header.

    Raises:
        ArtifactError: It is damaged.
    """
    text = inflate(data)
    if sha256(text).hexdigest() != header.sha256:
        raise ArtifactError("its checksum does not match", field="block")
    return text


def split(text: bytes, header: BlockHeader) -> tuple[list[str], list[int]]:
    """Return the lines of a block's text and their times.

    Raises:
        ArtifactError: The text is no block, or counts are not as the header says.
    """
    try:
        steps, *lines = text.decode("ascii").split("\n")
        times = list(accumulate(map(int, steps.split(",")), initial=header.first_ts_ms))[1:]
    except ValueError as error:
        raise ArtifactError(f"is no market block: {error}", field="block") from None
    if not len(lines) == len(times) == header.count or times[-1] != header.last_ts_ms:
        raise ArtifactError("does not hold what its header says", field="block")
    return lines, times
