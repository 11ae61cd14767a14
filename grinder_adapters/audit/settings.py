"""Settings of the audit log (LIVE-25)."""

from __future__ import annotations

from attrs import frozen

from grinder_core.errors import ConfigError
from grinder_core.settings import check_path, setting


@frozen(kw_only=True)
class AuditConfig:
    """What is written, how safely, and what happens when it cannot be."""

    audit_enabled: bool = setting(False, "Write the audit log.", spec="LIVE-25")
    audit_path: str = setting(
        "audit/reconcile.jsonl", "The file, within the folder of the state.", spec="LIVE-25"
    )
    audit_max_bytes: int = setting(
        100_000_000,
        "Size at which the file is put aside and a new one begun.",
        ge=1,
        spec="LIVE-25",
    )
    audit_max_events_per_file: int = setting(
        100_000, "Events at which the file is put aside.", ge=1, spec="LIVE-25"
    )
    audit_flush_every: int = setting(1, "Events that are written together.", ge=1, spec="LIVE-25")
    audit_fsync: bool = setting(False, "Wait for the disk after each write.", spec="LIVE-25")
    audit_redact: bool = setting(
        True,
        "Redact by telling names and by looks too, ids of orders included; configured secrets "
        "never appear either way.",
        spec="LIVE-25",
    )
    audit_fail_open: bool = setting(
        True, "Warn and go on when an event cannot be written; else block.", spec="LIVE-25"
    )

    def __attrs_post_init__(self) -> None:
        check_path("audit_path", self.audit_path)
        if not self.audit_path.strip():
            raise ConfigError("must be a file", field="audit_path", value=self.audit_path)
        if not self.audit_fail_open and self.audit_flush_every != 1:
            raise ConfigError(
                "must be 1 where audit_fail_open is false",
                field="audit_flush_every",
                value=self.audit_flush_every,
                remedy="an action cannot wait for an event that waits for others",
            )
