"""The audit stream of a live session: what was found, commanded and refused (LIVE-25).

Every event is a row of the journal's stream ``audit``, and a line of the audit log where that is
enabled; both without secrets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grinder_adapters.audit.log import AuditLog
from grinder_adapters.audit.records import AuditEvent, AuditEventType, AuditMode, RunIds
from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.control import DoneCommand, Outcome
from grinder_adapters.redact import Redactor
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.scribe import JournalPort
from grinder_app.live.state_audit import opened_for_operator
from grinder_core.codec import canonical_json, to_dict
from grinder_core.contracts.control import MAY_ADD_RISK, Command, Control
from grinder_core.errors import ArtifactError, StateLockedError, StateWriteError
from grinder_core.reconcile.records import Mismatch

AUDIT_STREAM: Final = "audit"
START: Final = "START"
REFUSED: Final = "REFUSED"
ACCEPTED: Final = "ACCEPTED"


class AuditTrail:
    """Notes what an audit asks for.

    Args:
        config: What is written beside the journal.
        path: The file.
        redactor: Knows the secrets of the process.
        journal: Takes every event; ``None``: there is no session yet.
        tell: Takes lines for people.
        now_ms: Our time, Unix milliseconds.
        is_writing: Whether what happens may reach a venue.
    """

    def __init__(
        self,
        config: AuditConfig,
        path: Path,
        redactor: Redactor,
        journal: JournalPort | None,
        tell: Callable[[str, str], None],
        now_ms: Callable[[], int],
        *,
        is_writing: bool,
    ) -> None:
        self._config, self._redactor, self._journal = config, redactor, journal
        self._tell, self._now_ms = tell, now_ms
        self._log = AuditLog(config, path, redactor, self._warn)
        self._mode = AuditMode.LIVE if is_writing else AuditMode.DRY_RUN
        self._ids = RunIds()
        self._found_some = False

    @classmethod
    def of(
        cls,
        plan: LivePlan,
        folder: Path,
        journal: JournalPort | None,
        tell: Callable[[str, str], None],
        now_ms: Callable[[], int],
    ) -> AuditTrail:
        """Return the trail of a plan, whose file lies in the folder of its state."""
        return cls(
            plan.audit,
            folder / plan.audit.audit_path,
            Redactor(plan.secrets),
            journal,
            tell,
            now_ms,
            is_writing=plan.will_write,
        )

    @property
    def errors(self) -> int:
        """Events that the audit log lost."""
        return self._log.errors

    def reconcile_run(self, found: Sequence[Mismatch]) -> bool:
        """Note a comparison that found something, and the first one after it that found nothing.

        Returns:
            Whether that is noted as it must be: else no new risk may be taken on.
        """
        if not found and not self._found_some:
            return True
        try:
            self._note(
                AuditEventType.RECONCILE_RUN,
                status="MISMATCH" if found else "CLEAN",
                symbols=tuple(mismatch.symbol for mismatch in found),
                mismatch_counts=Counter(mismatch.type.value for mismatch in found),
                details={"mismatches": [to_dict(mismatch) for mismatch in found]},
            )
        except ArtifactError:
            self._found_some = True  # that all agrees again must be noted as well
            return False  # what is the matter was told as a warning
        self._found_some = bool(found)
        return True

    def command(self, control: Control) -> None:
        """Note an operator's command, before it is carried out.

        Raises:
            ArtifactError: It cannot be noted as it must be, and would let new risk in.
        """
        try:
            self._note(
                AuditEventType.CONTROL,
                status=None,
                symbols=(control.symbol,) if control.symbol else (),
                details=to_dict(control),
            )
        except ArtifactError:
            if control.command in MAY_ADD_RISK:
                raise

    def carried_out(self, done: DoneCommand) -> None:
        """Note what became of an operator's command."""
        is_refused = done.outcome is Outcome.REFUSED
        self._note_call(
            done.outcome.value,
            {
                "actor": done.actor,
                "command": done.command.value,
                "detail": done.detail,
                "number": done.number,
                "state": f"{done.state} {done.reason}",
                "symbol": done.symbol,
            },
            symbols=(done.symbol,) if done.symbol else (),
            block_reason=done.reason if is_refused else None,
        )

    def start_refused(self, missing: Sequence[str]) -> None:
        """Note that an armed start was refused, and why."""
        try:
            self._note(
                AuditEventType.CONTROL,
                status=REFUSED,
                details={"command": START, "missing": list(missing)},
            )
        except ArtifactError:
            return  # nothing happens that would have to wait for it

    def admin_call(self, endpoint: str, actor: str, command: Command, number: int) -> None:
        """Note that the admin endpoint took a command; that it is carried out is noted then."""
        self._note_call(
            ACCEPTED,
            {
                "actor": actor,
                "command": command.value,
                "endpoint": endpoint,
                "number": number,
            },
        )

    def admin_refused(self, endpoint: str, actor: str, error: str) -> None:
        """Note that the admin endpoint refused a request; nothing of its body stands there."""
        self._note_call(REFUSED, {"actor": actor, "endpoint": endpoint, "error": error})

    def _note_call(self, status: str, details: Mapping[str, Any], **more: Any) -> None:
        try:
            self._note(AuditEventType.CONTROL, status=status, details=details, **more)
        except ArtifactError:
            return  # told as a warning; what may not happen unnoted is noted once more

    def close(self) -> None:
        """Write what waits."""
        try:
            self._log.close()
        except ArtifactError:
            return  # told as a warning

    def _note(self, kind: AuditEventType, **more: Any) -> None:
        now = self._now_ms()
        event = AuditEvent(
            ts_ms=now, event_type=kind, run_id=self._ids.next_id(now), mode=self._mode, **more
        )
        if self._journal is not None:
            by_name = self._config.audit_redact
            body = canonical_json(self._redactor.value(event.fields(), by_name=by_name))
            self._journal.append(AUDIT_STREAM, kind.value, now, body)
        self._log.write(event)

    def _warn(self, text: str) -> None:
        self._tell("audit", text)


def note_refused_start(
    plan: LivePlan,
    folder: Path,
    missing: Sequence[str],
    version: str,
    now_ms: int,
    tell: Callable[[str, str], None],
) -> None:
    """Note an armed start that was refused before there was a session.

    Where no process ever ran there is no journal, and none is begun for it; one that is held by a
    process is left to that.
    """

    def note(journal: JournalPort | None) -> None:
        trail = AuditTrail.of(plan, folder, journal, tell, lambda: now_ms)
        trail.start_refused(missing)
        trail.close()

    has_state = (folder / "state.db").exists()
    try:
        with opened_for_operator(folder, version, now_ms, writes=has_state) as journal:
            note(journal)
    except (StateLockedError, StateWriteError, ArtifactError) as error:
        tell("audit", f"the refusal is not in the journal: {error}")
        note(None)
