"""One dump file on its way from the venue to its name.

It grows as ``NAME.part`` and gets its name only once its checksum holds, so a file under its own
name is complete. The checksum is kept beside it; a file that still agrees with it costs no
request. An interrupted transfer continues where it stopped; where the venue does not resume,
it begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.errors import ConnectorError, InputError

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

T = TypeVar("T")

TRIES: Final = 5
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 8.0

_CHECKSUMS_TRIED: Final = 2
_CHECKSUM_BYTES_MAX: Final = 4_096
_BLOCK: Final = 1 << 18
_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)")
_OK: Final = 200
_PARTIAL: Final = 206
_NOT_FOUND: Final = 404
_RANGE_NOT_SATISFIABLE: Final = 416
_BUSY: Final = (408, 418, 429)

Sleep = Callable[[float], Awaitable[None]]


class State(StrEnum):
    """How the way of a file ended."""

    DOWNLOADED = "DOWNLOADED"
    PRESENT = "PRESENT"
    MISSING = "MISSING"


class _TryAgainError(Exception):
    """The attempt failed in a way that another may not."""


class DumpFile:
    """One dump file: where it lies, where it goes, and how far it is.

    Attributes:
        target: The name it gets once verified.
        state: How its way ended; MISSING until then.
        received: Bytes of it received, those of failed attempts included.
    """

    def __init__(self, session: ClientSession, url: str, target: Path, sleep: Sleep) -> None:
        self.target = target
        self.state = State.MISSING
        self.received = 0
        self._session = session
        self._url = url
        self._part = target.with_name(f"{target.name}.part")
        self._checksum = target.with_name(f"{target.name}.CHECKSUM")
        self._sleep = sleep

    async def fetch(self) -> None:
        """Bring the file to its name, or find that the venue has none.

        Raises:
            ConnectorError: The host cannot be reached, keeps failing or refuses; or the file
                differs from its checksum twice.
            InputError: The folder cannot be written.
        """
        try:
            await self._fetch()
        except OSError as error:
            raise InputError(f"cannot be written: {error}", where=str(self.target)) from error

    async def _fetch(self) -> None:
        kept = self._checksum.read_text("ascii", "replace") if self._checksum.is_file() else None
        if kept is not None and await self._is_verified(_digest_in(kept, self.target.name)):
            self.state = State.PRESENT
            return
        published = await self._tried(f"{self._url}.CHECKSUM", self._get_checksum)
        if published is None:
            return
        expected = _digest_in(published, self.target.name)
        if expected is None:
            raise ConnectorError(
                "must be a SHA-256 and the file's name",
                field="checksum",
                value=published,
                where=f"{self._url}.CHECKSUM",
            )
        if await self._is_verified(expected):
            self._keep(published)
            self.state = State.PRESENT
        elif await self._get_verified(expected):
            self._keep(published)
            os.replace(self._part, self.target)
            self.state = State.DOWNLOADED

    async def _is_verified(self, expected: str | None) -> bool:
        if expected is None or not self.target.is_file():
            return False
        return await asyncio.to_thread(_digest_of, self.target) == expected

    async def _get_verified(self, expected: str) -> bool:
        """Complete the part file; false where the venue has no such file."""
        for _ in range(_CHECKSUMS_TRIED):
            if self._size() and await self._part_digest() == expected:
                return True  # a run before this one was stopped just before the renaming
            if not await self._tried(self._url, self._get_rest):
                return False
            found = await self._part_digest()
            if found == expected:
                return True
            self._part.unlink()
        raise ConnectorError(
            f"must be {expected} as published, also not at the second attempt",
            field="sha256",
            value=found,
            where=self._url,
        )

    async def _get_checksum(self) -> str | None:
        async with self._session.get(f"{self._url}.CHECKSUM") as response:
            if not _has_body(response):
                return None
            content = await response.content.read(_CHECKSUM_BYTES_MAX)
            return content.decode("ascii", "replace")

    async def _get_rest(self) -> bool:
        """Append what is missing of the part file; false where the venue has no such file."""
        have = self._size()
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        async with self._session.get(self._url, headers=headers) as response:
            if have and response.status == _RANGE_NOT_SATISFIABLE:
                self._part.unlink()  # as long as the file or longer, and yet not equal to it
                raise _TryAgainError("the range is not satisfiable")
            if not _has_body(response):
                return False
            resumed = response.status == _PARTIAL
            if resumed and _range_start(response) != have:
                self._part.unlink(missing_ok=True)
                raise _TryAgainError("another range than asked for")
            with self._part.open("ab" if resumed else "wb") as file:
                async for block in response.content.iter_chunked(_BLOCK):
                    file.write(block)
                    self.received += len(block)
                file.flush()
                os.fsync(file.fileno())
        return True

    async def _tried(self, url: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt that fails on the way; one that made progress counts as the first."""
        from aiohttp import ClientError

        failures = 0
        while True:
            before = self._size()
            try:
                return await attempt()
            except (ClientError, TimeoutError, ConnectionError, _TryAgainError) as error:
                failures = 1 if self._size() > before else failures + 1
                if failures == TRIES:
                    raise ConnectorError(
                        f"no answer after {TRIES} attempts: {error or type(error).__name__}",
                        where=url,
                        remedy="check the network and the address, then run it again",
                    ) from error
            await self._sleep(min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (failures - 1)))

    async def _part_digest(self) -> str:
        return await asyncio.to_thread(_digest_of, self._part)

    def _keep(self, checksum: str) -> None:
        with atomic_file(self._checksum) as file:
            file.write(checksum.encode("ascii"))

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0


def _has_body(response: ClientResponse) -> bool:
    """Judge a status; false where the venue has no such file.

    Raises:
        _TryAgainError: The venue is busy or in trouble.
        ConnectorError: It refuses.
    """
    if response.status in (_OK, _PARTIAL):
        return True
    if response.status == _NOT_FOUND:
        return False
    if response.status >= 500 or response.status in _BUSY:
        raise _TryAgainError(f"HTTP {response.status}")
    raise ConnectorError(f"refused with HTTP {response.status}", where=str(response.url))


def _range_start(response: ClientResponse) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return None if match is None else int(match[1])


def _digest_in(text: str, name: str) -> str | None:
    """Return the digest a checksum file gives for a name; ``None`` where it is malformed."""
    match = _CHECKSUM.fullmatch(text)
    return match[1].lower() if match is not None and match[2] == name else None


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
