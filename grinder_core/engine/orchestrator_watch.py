"""What the orchestrator keeps of one symbol, and which of two machines holds for it (LIVE-14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import Factory, define

from grinder_core.contracts.live import OperatingState, StateReason
from grinder_core.engine.orchestrator_inputs import SymbolInputs
from grinder_core.engine.orchestrator_machine import Machine
from grinder_core.engine.orchestrator_triggers import TRIGGERS

# of two machines in the same state the one is quoted whose reason says more
_TELLING: Final[Mapping[StateReason, int]] = {
    reason: place
    for place, reason in enumerate(
        (
            StateReason.INIT_TIMEOUT,
            StateReason.BOOTSTRAP_PENDING,
            *(trigger.reason for trigger in TRIGGERS),
            StateReason.HEALTHY,
            StateReason.AWAIT_RESUME,
            StateReason.COOLDOWN,
        )
    )
}


_HALTS: Final = (OperatingState.PAUSE, OperatingState.EMERGENCY)
# resting entries of a symbol that may not grow would still fill
_READY_BUT_CANCELS: Final = (StateReason.GUARD_FREEZE, StateReason.NOT_SELECTED)


@define
class SymbolWatch:
    """One symbol: what is known of it, its machine, and when what happened last.

    Attributes:
        last_market_ms: Its last market event; until the first one, the first TIMER.
        token_spent_ms: Its last request of new risk.
        restricted_since_ms: From when on it has been DEGRADED or worse; ``None`` when it is not.
    """

    inputs: SymbolInputs = Factory(SymbolInputs)
    machine: Machine = Factory(Machine)
    last_market_ms: int | None = None
    token_spent_ms: int | None = None
    restricted_since_ms: int | None = None

    def has_token(self, now: int, interval_ms: int) -> bool:
        """Whether the last request of new risk is an interval or more ago."""
        return self.token_spent_ms is None or now - self.token_spent_ms >= interval_ms

    def state_under(self, session: OperatingState) -> OperatingState:
        """Return what holds for the symbol while the session is in this state."""
        own = self.machine.state
        return session if session.rank > own.rank else own

    def note_restriction(self, session: OperatingState, now: int) -> None:
        """Note whether the symbol is DEGRADED or worse, given the session's state."""
        if self.state_under(session).rank < OperatingState.DEGRADED.rank:
            self.restricted_since_ms = None
        elif self.restricted_since_ms is None:
            self.restricted_since_ms = now

    def wants_cancels(self, session: Machine, now: int, degraded_ms: int) -> bool:
        """Whether entries that rest must go, DEGRADED ones after that time."""
        state = self.state_under(session.state)
        if state is OperatingState.DEGRADED:
            since = self.restricted_since_ms
            return since is not None and now - since >= degraded_ms
        if state is OperatingState.READY:
            return any(
                machine.state is state and machine.reason in _READY_BUT_CANCELS
                for machine in (session, self.machine)
            )
        return state in _HALTS


def more_restrictive(ours: Machine, its: Machine) -> Machine:
    """Return the session's machine or the symbol's, whichever holds for the symbol."""
    if ours.state is its.state:
        return min(ours, its, key=lambda machine: _TELLING[machine.reason])
    return ours if ours.state.rank > its.state.rank else its
