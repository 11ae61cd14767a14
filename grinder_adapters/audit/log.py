"""Appends events to the audit log: one line of canonical JSON each, without secrets (LIVE-25).

What cannot be written is counted and warned of; whether the process goes on without it is a
setting. Equal events give equal bytes, also in equal files: nothing but the events decides when a
file is put aside.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Self

from grinder_adapters.audit.files import AuditFile
from grinder_adapters.audit.records import AuditEvent
from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.redact import Redactor
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError, ContractError


class AuditLog:
    """An audit log that one process writes.

    Args:
        config: What is written and how safely.
        path: The file that its ``audit_path`` names.
        redactor: Knows the secrets of the process.
        warn: Takes a sentence for the operator when an event is lost; it holds no secret.

    Attributes:
        written: Events that are in the files.
        errors: Events that were lost (metric ``grinder_audit_write_errors_total``).
    """

    def __init__(
        self, config: AuditConfig, path: Path, redactor: Redactor, warn: Callable[[str], None]
    ) -> None:
        self._config, self._path, self._redactor, self._warn = config, path, redactor, warn
        self._file: AuditFile | None = None
        self._pending: list[bytes] = []
        self.written = self.errors = 0

    def write(self, event: AuditEvent) -> bool:
        """Append an event; return whether it was accepted. A log that is off accepts none.

        Raises:
            ArtifactError: It cannot be written and ``audit_fail_open`` is false: the action that it
                tells of must not happen.
        """
        if not self._config.audit_enabled:
            return False
        try:
            self._pending.append(self._line(event))
        except ContractError as error:
            self._lose(1, error)
            return False
        return len(self._pending) < self._config.audit_flush_every or self.flush()

    def flush(self) -> bool:
        """Write what waits; return whether nothing was lost.

        Raises:
            ArtifactError: As for ``write``.
        """
        try:
            while self._pending:
                self._write_some()
        except OSError as error:
            lost, self._pending = len(self._pending), []
            self._close_file()
            self._lose(lost, error)
            return False
        return True

    def close(self) -> None:
        """Write what waits and close the file.

        Raises:
            ArtifactError: As for ``write``.
        """
        try:
            self.flush()
        finally:
            self._close_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside --------------------------------------------------------------------------------

    def _line(self, event: AuditEvent) -> bytes:
        # the journal's row of the same event keeps ids of orders: it never leaves the machine
        by_name = self._config.audit_redact
        redacted = self._redactor.value(event.fields(), by_name=by_name, at_exit=by_name)
        line = canonical_json(redacted)
        if self._redactor.holds_secret(line):  # one that looks like our own words
            raise ContractError("holds a secret that cannot be told from the log's own words")
        return f"{line}\n".encode("ascii")

    def _write_some(self) -> None:
        """Write as many lines as go into the file, or put it aside for the next."""
        if self._file is None:
            self._file = AuditFile(self._path)
        file, config = self._file, self._config
        sizes = accumulate(map(len, self._pending), initial=file.size)
        next(sizes)
        fitting = 0
        for events, size in enumerate(sizes, file.events + 1):
            if events > config.audit_max_events_per_file or size > config.audit_max_bytes:
                break
            fitting += 1
        if not fitting and file.events:
            file.put_aside(fsync=config.audit_fsync)
            self._file = None
            return
        fitting = fitting or 1  # larger than a file may be, so it gets one of its own
        file.append(b"".join(self._pending[:fitting]), fitting, fsync=config.audit_fsync)
        del self._pending[:fitting]
        self.written += fitting

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lose(self, lost: int, error: OSError | ContractError) -> None:
        self.errors += lost
        # a contract's error quotes the value, cut short: half a secret would not be recognised
        named = f"{error.field}: {error.rule}" if isinstance(error, ContractError) else ""
        said = self._redactor.text(named or getattr(error, "strerror", None) or str(error))
        self._warn(f"{lost} audit events could not be written to {self._path}: {said}")
        if not self._config.audit_fail_open:
            raise ArtifactError(
                f"the audit log cannot be written: {said}",
                where=str(self._path),
                remedy="make room for it, or set audit_fail_open",
            )
