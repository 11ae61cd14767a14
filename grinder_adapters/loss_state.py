"""The file of the consecutive-loss state: ``FILE``, and its digest in ``FILE.sha256`` (CORE-31).

Two files cannot change at once, so a write announces itself: the new digest goes to
``FILE.sha256.next``, then the data, then the announcement takes the sidecar's place. Whatever
moment a crash picks, the data is the old or the new state, and one of the two digests proves it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Final

import structlog
from attrs import field, frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.errors import ArtifactError, InputError
from grinder_core.risk.loss_state import (
    DecodedLossState,
    LossStateNote,
    PersistedServiceState,
    check_cursors,
    decode_loss_state,
    encode_loss_state,
)

SIDECAR: Final = ".sha256"
ANNOUNCED: Final = ".sha256.next"


@frozen(kw_only=True)
class LossStateFile:
    """Where one service keeps its state. One process writes it.

    Args:
        path: The data; its folder exists.
        log: Takes what an operator should know; event names are those of ``LossStateNote``.
    """

    path: Path
    log: Any = field(factory=structlog.get_logger)

    def load(self) -> PersistedServiceState | None:
        """Read the state; ``None`` for a fresh start.

        A file that is damaged is logged, kept aside as ``FILE.corrupt-N`` and not loaded. A state
        without a readable tracker is loaded with ``tracker=None`` and logged.

        Raises:
            InputError: The path is a directory.
            ArtifactError: A damaged file cannot be kept aside.
        """
        decoded = self._read()
        if decoded is None:
            return None
        if decoded.note is not None:
            self._warn(decoded.note, decoded.detail)
        return decoded.state

    def save(self, state: PersistedServiceState) -> None:
        """Write the state and its digest, each whole or not at all.

        Raises:
            ContractError: A cursor would fall behind the stored one; nothing is written.
            InputError: The folder is missing or cannot be written, or the path is a directory.
            ArtifactError: A damaged file is in the way and cannot be kept aside.
        """
        stored = self._read()
        if stored is not None:
            check_cursors(stored.state, state)
        data = f"{encode_loss_state(state)}\n".encode("ascii")
        with atomic_file(self._with(ANNOUNCED)) as file:
            file.write(f"{hashlib.sha256(data).hexdigest()}\n".encode("ascii"))
        with atomic_file(self.path) as file:
            file.write(data)
        self._complete()

    def _read(self) -> DecodedLossState | None:
        if self.path.is_dir():
            raise InputError("is a directory", where=str(self.path), remedy="name a file in it")
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            if self._with(SIDECAR).exists():
                self._warn(LossStateNote.MISSING, "its digest is there")
            return None
        except OSError as error:
            self._set_aside(LossStateNote.UNREADABLE, str(error.strerror))
            return None
        if not self._is_proven(hashlib.sha256(data).hexdigest()):
            self._set_aside(LossStateNote.DIGEST_MISMATCH, "its SHA-256 is not the sidecar's")
            return None
        try:
            return decode_loss_state(data.decode("ascii"))
        except ValueError as error:
            self._set_aside(LossStateNote.UNREADABLE, str(error))
            return None

    def _is_proven(self, digest: str) -> bool:
        if self._digest(SIDECAR) == digest:
            return True
        if self._digest(ANNOUNCED) != digest:
            return False
        self._complete()
        self._warn(LossStateNote.WRITE_COMPLETED, "the last write was interrupted")
        return True

    def _digest(self, suffix: str) -> str:
        """Return the digest in a sidecar; empty where it cannot be read, which matches nothing."""
        try:
            return self._with(suffix).read_bytes().decode("ascii", "replace").strip()
        except OSError:
            return ""

    def _complete(self) -> None:
        try:
            os.replace(self._with(ANNOUNCED), self._with(SIDECAR))
        except OSError as error:
            where = str(self._with(SIDECAR))
            raise InputError(f"cannot be written: {error.strerror}", where=where) from error

    def _set_aside(self, note: LossStateNote, detail: str) -> None:
        number = 1
        while any(self._aside(number, suffix).exists() for suffix in ("", SIDECAR, ANNOUNCED)):
            number += 1
        try:
            for suffix in (ANNOUNCED, SIDECAR, ""):  # the data last: until then it stays damaged
                if self._with(suffix).exists():
                    os.replace(self._with(suffix), self._aside(number, suffix))
        except OSError as error:
            raise ArtifactError(
                f"is damaged and cannot be kept aside: {error.strerror}",
                where=str(self.path),
                remedy="move it away",
            ) from error
        self._warn(note, detail, kept=str(self._aside(number, "")))

    def _warn(self, note: LossStateNote, detail: str, **more: str) -> None:
        self.log.warning(note.value, path=str(self.path), detail=detail, **more)

    def _with(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}{suffix}")

    def _aside(self, number: int, suffix: str) -> Path:
        return self._with(f".corrupt-{number}{suffix}")
