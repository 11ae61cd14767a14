"""Log lines of the steps of a live session: what changed, what was refused, what went wrong.

Market events, and decisions that change nothing, get none. No line names an order: ids are in the
journal, which never leaves the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from grinder_adapters.logs.setup import Log
from grinder_adapters.webhook.records import Alert, AlertStatus, Severity
from grinder_core.contracts.control import Control, Health, Leadership, Restarted
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import ActionStatus, HealthName, OperatingState
from grinder_core.contracts.market import L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.live.core import Step
from grinder_core.live.records import Record, RecordKind

_MARKET: Final = (Snapshot, Trade, MarkPrice, L2Snapshot)
_ORDER_FIELDS: Final = ("symbol", "action", "side", "price", "qty", "level_id", "reason", "detail")
_HEALTHY: Final = {
    HealthName.BOOTSTRAP_OK: 1,
    HealthName.FEED_CONNECTED: 1,
    HealthName.USER_STREAM_OK: 1,
    HealthName.PERSIST_OK: 1,
    HealthName.CONSTRAINTS_LOADED: 1,
    HealthName.PLACE_CIRCUIT: 0,
    HealthName.RATE_LIMIT_BAN: 0,
    HealthName.RATE_BUDGET_LOW: 0,
    HealthName.UNRECONCILED: 0,
}
"""Facts that get a line when they change; the others are measurements, and lines of DEBUG."""

_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "error",
}


class StepLog:
    """Writes the lines of one session."""

    def __init__(self, log: Log) -> None:
        self._state = log.named("live.state")
        self._orders = log.named("live.orders")
        self._control = log.named("live.control")
        self._health = log.named("live.health")
        self._alerts = log.named("live.alerts")

    def stepped(self, event: Event, step: Step) -> None:
        """Log a step that is over."""
        payload = event.payload
        if not isinstance(payload, _MARKET):
            self._payload(payload)
        for record in step.records:
            if record.kind is not RecordKind.DECISION:
                self._record(record, event)

    def alert(self, alert: Alert) -> None:
        """Log an alert."""
        is_over = alert.status is AlertStatus.RESOLVED
        level = "info" if is_over else _LEVELS[alert.severity]
        getattr(self._alerts, level)(
            "alert",
            kind=alert.kind.value,
            status=alert.status.value,
            severity=alert.severity.value,
            symbol=alert.symbol,
            cause=alert.cause,
            detail=alert.detail,
            orders=alert.orders,
            next=list(alert.next),
            runbook=alert.runbook,
        )

    def _payload(self, payload: object) -> None:
        if isinstance(payload, Control):
            self._control.warning(
                "control",
                command=payload.command.value,
                actor=payload.actor,
                symbol=payload.symbol,
            )
        elif isinstance(payload, Health):
            self._fact(payload)
        elif isinstance(payload, Leadership):
            self._health.info("leadership", is_leader=payload.is_leader)
        elif isinstance(payload, Restarted):
            self._state.info("process_started", reason=payload.reason)

    def _fact(self, fact: Health) -> None:
        good = _HEALTHY.get(HealthName(fact.name))
        fields = {"name": fact.name, "value": fact.value, "symbol": fact.symbol}
        if good is None:
            self._health.debug("measured", **fields)
        elif fact.value == good:
            self._health.info("good", **fields)
        else:
            self._health.warning("bad", **fields)

    def _record(self, record: Record, event: Event) -> None:
        said: dict[str, Any] = orjson.loads(record.line)
        del said["kind"]
        said.pop("ts_ms", None)
        said["seq"] = event.seq
        if record.kind is RecordKind.ACTION:
            self._action(said)
        elif record.kind is RecordKind.TRANSITION:
            is_bad = OperatingState(said["to_state"]).rank >= OperatingState.DEGRADED.rank
            is_start = said["to_state"] == OperatingState.INIT
            log = self._state.warning if is_bad and not is_start else self._state.info
            log("transition", **said)
        elif record.kind is RecordKind.LATCH:
            self._state.warning("latch", **said)
        else:
            self._state.warning(record.kind.value.lower(), **said)

    def _action(self, said: Mapping[str, Any]) -> None:
        fields = {name: said[name] for name in _ORDER_FIELDS if said.get(name) is not None}
        fields["seq"] = said["seq"]
        status = ActionStatus(said["status"])
        if status is ActionStatus.UNKNOWN:
            self._orders.warning("outcome_unknown", **fields)
        elif status is ActionStatus.FAILED:
            self._orders.warning("action_failed", **fields)
        elif status is ActionStatus.BLOCKED:
            self._orders.info("action_blocked", **fields)
        else:
            self._orders.debug(f"action_{status.value.lower()}", **fields)
