"""Lines of a file, plain or gzip by content, in bounded memory and with errors that name a line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Final

from grinder_core.errors import FixtureError

BLOCK_BYTES: Final = 1 << 20
LINE_BYTES_MAX: Final = 64 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


def check_readable(path: Path) -> None:
    """Refuse what can hold no data.

    Raises:
        FixtureError: The path is missing, a directory, or empty.
    """
    if not path.exists():
        raise FixtureError("does not exist", where=str(path))
    if path.is_dir():
        raise FixtureError("is a directory", where=str(path), remedy="name a file in it")
    if path.is_file() and not path.stat().st_size:
        raise FixtureError("is empty", where=str(path))


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their line feed.

    Raises:
        FixtureError: It cannot be read, its gzip stream is damaged or ends early, or a line is
            longer than 64 MiB.
    """
    check_readable(path)
    number, rest = 0, b""
    try:
        with _open(path) as file:
            # read1 hands out what is there before it meets the end of a truncated stream
            while block := file.read1(BLOCK_BYTES):
                lines = (rest + block).split(b"\n")
                rest = lines.pop()
                yield from lines
                number += len(lines)
                if len(rest) > LINE_BYTES_MAX:
                    raise FixtureError(
                        f"is longer than {LINE_BYTES_MAX} bytes", where=f"{path}:{number + 1}"
                    )
    except EOFError:
        raise FixtureError(
            "the gzip stream ends early, the file is truncated",
            where=f"{path}:{number + 1}",
            remedy="fetch or copy it again",
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FixtureError(f"damaged gzip: {error}", where=f"{path}:{number + 1}") from None
    except OSError as error:
        raise FixtureError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if rest:
        yield rest


def _open(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        magic = file.read(2)
    if magic == _GZIP_MAGIC:
        return gzip.GzipFile(path, "rb")
    return path.open("rb")
