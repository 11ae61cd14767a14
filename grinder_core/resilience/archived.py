"""An idempotency store whose finished writes live outside memory (LIVE-04, LIVE-38).

A write that is done must be known for a day, and next to nobody asks: a busy day would fill
memory with answers. What is under way or may be tried again stays in memory; it is little and does
not stay long. Who needs the whole state saves both, the store and the archive.

An archive that fails costs memory or a write, never a second order: what cannot be put away stays
here, and a key that cannot be looked up is not claimed.
"""

from __future__ import annotations

from typing import Final, Protocol

from attrs import define

from grinder_core.errors import ArtifactError, IdempotencyConflictError
from grinder_core.resilience.idempotency import Entry, IdempotencyStore, Status

PURGE_EVERY_MS: Final = 60_000


class Archive(Protocol):
    """Entries of finished writes by key. Every method raises ArtifactError where it fails."""

    def find(self, key: str) -> Entry | None:
        """Return the entry that was put away last, expired or not."""

    def keep(self, entry: Entry) -> None:
        """Put an entry away, in place of an earlier one of its key."""

    def purge(self, now: int) -> int:
        """Forget the entries that have expired; return how many."""


@define(kw_only=True)
class ArchivedStore(IdempotencyStore):
    """Behaves as `IdempotencyStore` does, and holds no finished write.

    Attributes:
        failures: Times the archive could not do its part.
    """

    archive: Archive
    failures: int = 0
    _purge_at: int = 0

    def purge_expired(self, now: int) -> int:
        """Forget what is absent anyway, in the archive too; return how many entries that were."""
        return super().purge_expired(now) + self._purge_archive(now)

    def _find(self, key: str) -> Entry | None:
        """The entry in memory, which is newer, else that of the archive.

        Raises:
            IdempotencyConflictError: The archive cannot be read: the write may have been done.
        """
        if (entry := super()._find(key)) is not None:
            return entry
        try:
            return self.archive.find(key)
        except ArtifactError as error:
            self.failures += 1
            raise IdempotencyConflictError(f"cannot be looked up: {error}", field=key) from error

    def _put(self, entry: Entry) -> Entry:
        super()._put(entry)
        if entry.status is Status.DONE:
            try:
                self.archive.keep(entry)
            except ArtifactError:
                self.failures += 1
            else:
                del self.entries[entry.key]
        return entry

    def _tidy(self, now: int) -> None:
        super()._tidy(now)
        if now >= self._purge_at:
            self._purge_at = now + PURGE_EVERY_MS
            self._purge_archive(now)

    def _purge_archive(self, now: int) -> int:
        try:
            return self.archive.purge(now)
        except ArtifactError:  # what expired does no harm where it is
            self.failures += 1
            return 0
