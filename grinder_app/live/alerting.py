"""Alerts as a fold over the steps of a live session (LIVE-31, README gap 12).

A condition is a row of the trigger table that fires, a latch, an order of unknown outcome: whatever
stands while it stands. One that has lasted long enough opens an alert; its end is told as well, and
once in between, when the cancels that it led to are confirmed. Conditions are read from the session
as it is after a step, whatever masks them: a lost feed is told under a kill switch too.

The fold reads the session and changes nothing. It knows no clock: time is that of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, frozen

from grinder_adapters.webhook.records import (
    Alert,
    AlertKind,
    AlertStatus,
    OrderCounts,
    Severity,
)
from grinder_app.live.alert_facts import (
    MIB,
    STUCK_AFTER_MS,
    cancels_under_way,
    count_orders,
    facts_of,
    stuck_facts,
    unknown_symbols,
)
from grinder_app.live.alert_words import AT_ONCE, KIND_OF, SEVERITY, words_of
from grinder_app.live.reason_words import Words
from grinder_core.contracts.control import Command, Control, Health, Timer
from grinder_core.contracts.enums import OrderState, Override
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import HealthName, OperatingState, StateReason
from grinder_core.contracts.market import L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.engine.orchestrator_triggers import TRIGGERS
from grinder_core.live.core import LiveCore, Step

FREE_MIN: Final = 2 << 30
FREE_CRITICAL: Final = 256 << 20
DISK_LOW: Final = "DISK_LOW"
DISK_NEARLY_FULL: Final = "DISK_NEARLY_FULL"
SOMEBODY: Final = "an operator, or the environment,"

_MARKET: Final = (Snapshot, Trade, MarkPrice, L2Snapshot)
_TOLD: Final = OperatingState.DEGRADED.rank
_HALTING: Final = frozenset(AlertKind) - {
    AlertKind.DAILY_LOSS,
    AlertKind.UNKNOWN_OUTCOME,
    AlertKind.DISK_LOW,
    AlertKind.INIT_TIMEOUT,
}
"""Kinds under which every cancel is one that the cause led to."""


@frozen(order=True)
class Condition:
    """What stands or does not, and is told once.

    Attributes:
        symbol: Whose; empty: of the whole session.
        reason: The state's reason, or a word of the kind's own.
    """

    kind: AlertKind
    symbol: str = ""
    reason: str = ""


@define
class _Incident:
    """One condition that stands."""

    since_ms: int
    is_told: bool = False
    severity: Severity = Severity.INFO
    cancelled: int = 0
    told_cancelled: int = 0


class Alerts:
    """Folds the steps of one session into alerts.

    Args:
        core: The session, for reading only.
        mismatches: What differs at the venue, in lines for people.
        unprotected: Why a symbol's countdown is not kept running; empty: it is.
        about: The session in words, for its start.
    """

    def __init__(
        self,
        core: LiveCore,
        mismatches: Callable[[], Sequence[str]] = tuple,
        about: str = "",
        unprotected: Callable[[str], str] = lambda symbol: "",
    ) -> None:
        self._core, self._mismatches, self._about = core, mismatches, about
        self._unprotected = unprotected
        self._ordered_by: dict[Command, str] = {}
        self._cancelling_since: dict[str, tuple[str, int]] = {}
        self._incidents: dict[Condition, _Incident] = {}
        self._free_bytes: int | None = None
        self._has_started = False

    # -- the fold ------------------------------------------------------------------------------

    def step(self, event: Event, step: Step) -> list[Alert]:
        """Return what is to be told after a step."""
        payload, now = event.payload, event.ts_ms
        if isinstance(payload, _MARKET) and not step.has_latched:
            return []
        alerts: list[Alert] = []
        if isinstance(payload, OrderUpdate):
            self._note_end(payload)
        elif isinstance(payload, Health):
            alerts += self._started(payload, now)
        elif isinstance(payload, Control):
            self._ordered_by[payload.command] = _who(payload)
        self._note_cancels(now)
        return [*alerts, *self._look(now, is_timer=isinstance(payload, Timer))]

    def note_free(self, free_bytes: int) -> None:
        """Take how much room is left where the state lies; told with the next step."""
        self._free_bytes = free_bytes

    def stopped(self, now: int) -> Alert:
        """Return what to tell when the session has ended in order."""
        counts = count_orders(self._core, "")
        is_clean = not (counts.still_open or counts.unknown or counts.cancelling)
        severity = Severity.INFO if is_clean else Severity.WARNING
        return self._event(AlertKind.SESSION_STOPPED, now, severity, detail=self._about)

    def failed(self, error: str, now: int) -> Alert:
        """Return what to tell when an error has ended the session."""
        kind = AlertKind.SESSION_FAILED
        return self._event(kind, now, SEVERITY[kind], detail=self._about, error=error)

    def still_open(self, now: int) -> list[Alert]:
        """Return what was told as open and has not ended, in the words of this moment."""
        told = sorted(each for each in self._incidents if self._incidents[each].is_told)
        return [self._alert(each, self._incidents[each], AlertStatus.OPEN, now) for each in told]

    # -- what stands ---------------------------------------------------------------------------

    def _look(self, now: int, *, is_timer: bool) -> Iterator[Alert]:
        standing = dict.fromkeys(self._conditions(now))
        for condition in [c for c in self._incidents if c not in standing]:
            incident = self._incidents.pop(condition)
            if incident.is_told:
                yield self._resolved(condition, incident, now)
        for condition in standing:
            incident = self._incidents.setdefault(condition, _Incident(now))
            if not incident.is_told:
                if now - incident.since_ms >= self._delay_ms(condition):
                    yield self._opened(condition, incident, now)
            elif is_timer and incident.cancelled > incident.told_cancelled:
                counts = count_orders(self._core, condition.symbol, incident.cancelled)
                if not counts.cancelling:
                    incident.told_cancelled = incident.cancelled
                    yield self._alert(condition, incident, AlertStatus.UPDATED, now)

    def _conditions(self, now: int) -> Iterator[Condition]:
        core, machine = self._core, self._core.hot.orchestrator
        hot = core.engine.hot
        has_streak = hot.streaks is not None and hot.streaks.any_tripped
        if has_streak:
            yield Condition(AlertKind.LOSS_STREAK)
        if hot.account.daily_loss_tripped:
            yield Condition(AlertKind.DAILY_LOSS)
        if machine.machine.reason is StateReason.INIT_TIMEOUT:
            yield _of_reason(StateReason.INIT_TIMEOUT)
        if machine.machine.reason is StateReason.AWAIT_RESUME:
            yield _of_reason(StateReason.AWAIT_RESUME)
        unknown = unknown_symbols(core, now)
        for symbol in sorted(unknown):
            yield Condition(AlertKind.UNKNOWN_OUTCOME, symbol)
        for symbol in sorted(self._stuck(now)):
            yield Condition(AlertKind.CANCEL_STUCK, symbol)
        yield from self._disk()
        for condition in self._triggered():
            is_streak = has_streak and core.hot.ordered is not Override.PAUSE
            if condition.reason == StateReason.OPERATOR_PAUSE and is_streak:
                continue  # the streak imposed it
            is_unknown = condition.symbol in unknown and not self._mismatches()
            if condition.kind is AlertKind.MISMATCH and is_unknown:
                continue  # the order of unknown outcome is the difference
            yield condition

    def _triggered(self) -> Iterator[Condition]:
        """Yield the rows of the trigger table that fire and are worth an alert."""
        machine = self._core.hot.orchestrator
        settings, inputs = machine.settings, machine.inputs
        for row in TRIGGERS:
            if row.target.rank < _TOLD:
                continue
            is_known = inputs.bootstrap_ok or row.target.rank > _TOLD
            if row.on_global is not None and row.on_global(inputs, settings):
                condition = _of_reason(row.reason)
                if is_known or condition in self._incidents:
                    yield condition
            if row.on_symbol is None:
                continue
            for symbol, watch in machine.symbols.items():
                if row.on_symbol(watch.inputs, settings.of_symbol(symbol)):
                    condition = _of_reason(row.reason, symbol)
                    if is_known or condition in self._incidents:
                        yield condition

    def _disk(self) -> Iterator[Condition]:
        free = self._free_bytes
        if free is not None and free < FREE_CRITICAL:
            yield Condition(AlertKind.DISK_LOW, "", DISK_NEARLY_FULL)
        elif free is not None and free < FREE_MIN:
            yield Condition(AlertKind.DISK_LOW, "", DISK_LOW)

    def _delay_ms(self, condition: Condition) -> int:
        if condition.kind in AT_ONCE or condition.reason not in _DEGRADING:
            return 0
        return self._core.hot.orchestrator.settings.cooldown_ms(OperatingState.DEGRADED)

    # -- alerts --------------------------------------------------------------------------------

    def _opened(self, condition: Condition, incident: _Incident, now: int) -> Alert:
        incident.is_told = True
        incident.severity = SEVERITY[condition.kind]
        if condition.reason == DISK_NEARLY_FULL:
            incident.severity = Severity.CRITICAL
        return self._alert(condition, incident, AlertStatus.OPEN, now)

    def _resolved(self, condition: Condition, incident: _Incident, now: int) -> Alert:
        words = _words(condition)
        what = condition.reason or condition.kind.value
        lasted = f"{(now - incident.since_ms) // 1_000} s"
        counts = count_orders(self._core, condition.symbol, incident.cancelled)
        return Alert(
            kind=condition.kind,
            severity=incident.severity,
            status=AlertStatus.RESOLVED,
            ts_ms=now,
            since_ms=incident.since_ms,
            symbol=condition.symbol,
            reason=condition.reason,
            cause=f"{what} is over after {lasted}.",
            orders=f"Now: {counts.words()}.",
            counts=counts,
            next=("grinder live status",),
            runbook=words.runbook,
        )

    def _alert(
        self, condition: Condition, incident: _Incident, status: AlertStatus, now: int
    ) -> Alert:
        words, symbol = _words(condition), condition.symbol
        lines = self._mismatches() if condition.kind is AlertKind.MISMATCH else ()
        facts = {
            **facts_of(self._core, symbol, now, lines),
            **disk_facts(condition.reason, self._free_bytes or 0),
            **stuck_facts(self._stuck(now).get(symbol, ())),
            **self._people_facts(symbol),
        }
        counts = count_orders(self._core, symbol, incident.cancelled)
        return Alert(
            kind=condition.kind,
            severity=incident.severity,
            status=status,
            ts_ms=now,
            since_ms=incident.since_ms,
            symbol=symbol,
            reason=condition.reason,
            cause=words.cause.format_map(facts),
            detail="; ".join(lines),
            orders=f"{words.orders.format_map(facts)} Now: {counts.words()}.",
            counts=counts,
            next=words.next,
            runbook=words.runbook,
        )

    def _event(self, kind: AlertKind, now: int, severity: Severity, *, detail: str = "",
               error: str = "") -> Alert:  # fmt: skip
        counts = count_orders(self._core, "")
        return event_alert(kind, now, severity, detail=detail, error=error,
                           orders=f" Now: {counts.words()}.", counts=counts)  # fmt: skip

    def _started(self, health: Health, now: int) -> Iterator[Alert]:
        if health.name == HealthName.BOOTSTRAP_OK and health.value and not self._has_started:
            self._has_started = True
            kind = AlertKind.SESSION_STARTED
            yield self._event(kind, now, SEVERITY[kind], detail=self._about)

    def _people_facts(self, symbol: str) -> dict[str, object]:
        """Return who ordered what stands, and why a symbol is not protected, in words."""
        return {
            "pause_by": self._ordered_by.get(Command.PAUSE, SOMEBODY),
            "emergency_by": self._ordered_by.get(Command.EMERGENCY, SOMEBODY),
            "unprotected": self._unprotected(symbol) or "it could not be renewed",
        }

    def _note_cancels(self, now: int) -> None:
        """Remember since when each order is being cancelled."""
        before = self._cancelling_since
        self._cancelling_since = {
            name: before.get(name, (symbol, now))
            for name, symbol in cancels_under_way(self._core).items()
        }

    def _stuck(self, now: int) -> dict[str, list[int]]:
        """Return by symbol how long ago those cancels were asked for that take too long.

        In INIT no cancel may leave: that it lasts too long is told by itself.
        """
        found: dict[str, list[int]] = {}
        if self._core.hot.orchestrator.inputs.bootstrap_ok:
            for symbol, since_ms in self._cancelling_since.values():
                if now - since_ms > STUCK_AFTER_MS:
                    found.setdefault(symbol, []).append(now - since_ms)
        return found

    def _note_end(self, update: OrderUpdate) -> None:
        if update.state is not OrderState.CANCELLED:
            return
        for condition, incident in self._incidents.items():
            if condition.kind in _HALTING and condition.symbol in ("", update.symbol):
                incident.cancelled += 1


def _who(control: Control) -> str:
    """Return who gave a command, with the words for it."""
    return f"{control.actor} ({control.text})" if control.text else control.actor


def disk_facts(reason: str, free_bytes: int) -> dict[str, object]:
    """Return what a cause may say of the disk."""
    least = FREE_CRITICAL if reason == DISK_NEARLY_FULL else FREE_MIN
    return {
        "disk_reason": reason,
        "free_mib": free_bytes // MIB,
        "free_min_mib": least // MIB,
    }


def event_alert(
    kind: AlertKind,
    now: int,
    severity: Severity | None = None,
    *,
    detail: str = "",
    error: str = "",
    orders: str = "",
    counts: OrderCounts | None = None,
) -> Alert:
    """Return an alert about something that neither lasts nor ends."""
    words = words_of(kind, None)
    return Alert(
        kind=kind,
        severity=SEVERITY[kind] if severity is None else severity,
        status=AlertStatus.EVENT,
        ts_ms=now,
        since_ms=now,
        cause=words.cause.format_map({"error": error}),
        detail=detail,
        orders=f"{words.orders}{orders}",
        counts=counts,
        next=words.next,
        runbook=words.runbook,
    )


_DEGRADING: Final = frozenset(
    row.reason.value for row in TRIGGERS if row.target is OperatingState.DEGRADED
)


def _of_reason(reason: StateReason, symbol: str = "") -> Condition:
    return Condition(KIND_OF[reason], symbol, reason.value)


def _words(condition: Condition) -> Words:
    is_state = condition.reason in StateReason.__members__
    return words_of(condition.kind, StateReason(condition.reason) if is_state else None)
