"""What the audit log says, as records (LIVE-25)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import define, field, frozen

from grinder_core.contracts.checks import check_int, check_ts
from grinder_core.errors import ContractError

SCHEMA_VERSION: Final = 1
SYMBOLS_MAX: Final = 10

_run_id: Final = re.compile(r"[0-9]+_[0-9]+").fullmatch


class AuditEventType(StrEnum):
    """What happened; values are published."""

    RECONCILE_RUN = "RECONCILE_RUN"
    REMEDIATE_ATTEMPT = "REMEDIATE_ATTEMPT"
    REMEDIATE_RESULT = "REMEDIATE_RESULT"
    CONTROL = "CONTROL"


class AuditMode(StrEnum):
    """Whether what happened could touch the venue."""

    DRY_RUN = "dry_run"
    LIVE = "live"


class AuditAction(StrEnum):
    """What remediation was to do."""

    NONE = "none"
    CANCEL_ALL = "cancel_all"
    FLATTEN = "flatten"


def _first_symbols(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(given)))[:SYMBOLS_MAX]


@frozen(kw_only=True)
class AuditEvent:
    """One line of the log.

    Attributes:
        run_id: ``{ts_ms}_{seq}`` of the run that it belongs to, see ``RunIds``.
        status, block_reason: As the run reports them; ``None`` where it does not.
        symbols: The first ten that it is about, sorted.
        mismatch_counts: By type.
        details: Whatever else tells the story: JSON values, decimals, enums and contracts.
    """

    ts_ms: int
    event_type: AuditEventType
    run_id: str
    mode: AuditMode = AuditMode.DRY_RUN
    action: AuditAction = AuditAction.NONE
    status: str | None = None
    block_reason: str | None = None
    symbols: tuple[str, ...] = field(default=(), converter=_first_symbols)
    mismatch_counts: Mapping[str, int] = field(factory=dict)
    details: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        check_ts("ts_ms", self.ts_ms)
        if not _run_id(self.run_id):
            raise ContractError("must be {ts_ms}_{seq}", field="run_id", value=self.run_id)
        for name, count in self.mismatch_counts.items():
            check_int(f"mismatch_counts.{name}", count)

    def fields(self) -> dict[str, Any]:
        """Return what the line holds."""
        return {
            "ts_ms": self.ts_ms,
            "event_type": self.event_type,
            "run_id": self.run_id,
            "schema_version": SCHEMA_VERSION,
            "mode": self.mode,
            "action": self.action,
            "status": self.status,
            "block_reason": self.block_reason,
            "symbols": list(self.symbols),
            "mismatch_counts": dict(self.mismatch_counts),
            "details": dict(self.details),
        }


@define
class RunIds:
    """Names runs ``{ts_ms}_{seq}``; no two of one process are equal, whatever its clock does."""

    seq: int = -1

    def next_id(self, now: int) -> str:
        """Return the name of a run that begins now, Unix ms."""
        self.seq += 1
        return f"{now}_{self.seq}"
