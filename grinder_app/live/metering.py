"""Counts what a session does, step by step (LIVE-30).

Everything here follows from the events of this process and from what the steps said to them;
nothing is asked, and for a quote that changes nothing two integers move. Figures that somebody
keeps anyway are not counted again but read when a scraper asks, in ``gathering.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from attrs import Factory, define

from grinder_core.contracts.control import Control, Leadership, WriteResult
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import ActionStatus, BlockReason
from grinder_core.contracts.market import MarkPrice, Snapshot, Trade
from grinder_core.engine.orchestrator_machine import Transition
from grinder_core.live.actions import LiveAction
from grinder_core.live.core import Step
from grinder_core.live.records import Record, RecordKind

_MARKET: Final = frozenset({Snapshot, Trade, MarkPrice})
_BLOCKS: Final = frozenset(reason.value for reason in BlockReason)
_KILL_SWITCH: Final = "kill_switch"


@define(eq=False)
class Meter:
    """Counters of one process; each only grows.

    Attributes:
        events: Folded.
        actions: By action and status.
        blocks: By why an action did not reach its end.
        routes: By decision and reason of the router.
        transitions: By the state before and the one after.
        kills: Times the kill switch latched, by reason.
        commands: Folded, by command.
        unknown: Writes whose outcome had to be asked for, by operation.
        roles: Changes of role, by the new one.
    """

    events: int = 0
    actions: Counter[tuple[str, str]] = Factory(Counter)
    blocks: Counter[str] = Factory(Counter)
    routes: Counter[tuple[str, str]] = Factory(Counter)
    transitions: Counter[tuple[str, str]] = Factory(Counter)
    kills: Counter[str] = Factory(Counter)
    commands: Counter[str] = Factory(Counter)
    unknown: Counter[str] = Factory(Counter)
    roles: Counter[str] = Factory(Counter)
    _is_leader: bool | None = None

    def stepped(self, event: Event, step: Step) -> None:
        """Take a step that is over; to be called before the next."""
        self.events += 1
        for record in step.records:
            if record.kind is not RecordKind.DECISION:
                self._said(record)
        payload = event.payload
        if type(payload) in _MARKET:
            return
        if isinstance(payload, Control):
            self.commands[payload.command.value] += 1
        elif isinstance(payload, WriteResult):
            if payload.outcome == BlockReason.OUTCOME_UNKNOWN:
                self.unknown[payload.op] += 1
        elif isinstance(payload, Leadership) and payload.is_leader is not self._is_leader:
            self._is_leader = payload.is_leader
            self.roles["active" if payload.is_leader else "standby"] += 1

    def _said(self, record: Record) -> None:
        what = record.what
        if isinstance(what, LiveAction):
            self._acted(what)
        elif isinstance(what, Transition):
            self.transitions[what.from_state.value, what.to_state.value] += 1
        elif isinstance(what, Mapping) and what.get("latch") == _KILL_SWITCH and what["value"]:
            self.kills[what["value"]] += 1

    def _acted(self, action: LiveAction) -> None:
        self.actions[action.action, action.status.value] += 1
        if action.reason in _BLOCKS:
            self.blocks[action.reason] += 1
        # an action keeps its route until its end: it counts when it is decided
        if action.route and action.status in {ActionStatus.PLANNED, ActionStatus.SKIPPED}:
            decision, _, reason = action.route.partition(" ")
            self.routes[decision, reason] += 1
