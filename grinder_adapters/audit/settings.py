"""Settings of the audit log, and where it is written (LIVE-25)."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from grinder_core.errors import ConfigError
from grinder_core.settings import setting

IN_RUN_FOLDER = "audit.jsonl"


@frozen(kw_only=True)
class AuditConfig:
    """What is written, how safely, and what happens when it cannot be."""

    enabled: bool = setting(False, "Write the audit log.", spec="LIVE-25")
    path: str = setting("audit/reconcile.jsonl", "File that is written.", spec="LIVE-25")
    max_bytes: int = setting(
        100_000_000,
        "Size at which the file is put aside and a new one begun.",
        ge=1,
        spec="LIVE-25",
    )
    max_events_per_file: int = setting(
        100_000, "Events at which the file is put aside.", ge=1, spec="LIVE-25"
    )
    flush_every: int = setting(1, "Events that are written together.", ge=1, spec="LIVE-25")
    fsync: bool = setting(False, "Wait for the disk after each write.", spec="LIVE-25")
    redact: bool = setting(
        True,
        "Redact by telling names too; configured secrets never appear either way.",
        spec="LIVE-25",
    )
    fail_open: bool = setting(
        True, "Warn and go on when an event cannot be written; else block.", spec="LIVE-25"
    )

    def __attrs_post_init__(self) -> None:
        if not self.fail_open and self.flush_every != 1:
            raise ConfigError(
                "must be 1 where fail_open is false",
                field="flush_every",
                value=self.flush_every,
                remedy="an action cannot wait for an event that waits for others",
            )


def audit_path(
    config: AuditConfig,
    *,
    flag: Path | None = None,
    environment: str | None = None,
    run_folder: Path | None = None,
) -> Path:
    """Return where to write: the flag, else the environment, else the run's folder, else the file.

    Args:
        config: Names the file where nothing else does.
        flag: ``--audit-out``.
        environment: ``GRINDER_AUDIT_PATH``; empty counts as not set.
        run_folder: Of this run, if it has one.
    """
    if flag is not None:
        return flag
    if environment:
        return Path(environment)
    if run_folder is not None:
        return run_folder / IN_RUN_FOLDER
    return Path(config.path)
