"""One state machine of the orchestrator: up at once, down only after calm (LIVE-14, rules 1 to 5).

The target comes from the trigger table. A more restrictive target is taken at once. A less
restrictive one must last for the state's cooldown; out of PAUSE and EMERGENCY the way leads
through READY, and out of EMERGENCY only when a human asks. Until recovery has finished the state
is INIT, whatever it was before; an EMERGENCY from which nobody resumed comes back after it.
"""

from __future__ import annotations

from typing import Final

from attrs import define, frozen

from grinder_core.contracts.live import OperatingState, StateNotice, StateReason
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.engine.orchestrator_triggers import Target

NEVER: Final = 2**63  # later than every time
_INIT, _READY = OperatingState.INIT, OperatingState.READY
_EMERGENCY, _PAUSE = OperatingState.EMERGENCY, OperatingState.PAUSE


@frozen(kw_only=True)
class Transition:
    """One change of state; a reason that changes while the state stays is none.

    Attributes:
        scope: The symbol; empty for the session's machine.
    """

    ts_ms: int
    scope: str
    from_state: OperatingState
    to_state: OperatingState
    reason: StateReason


@frozen(kw_only=True)
class Notice:
    """Something else that people must hear of.

    Attributes:
        detail: What was given and what was taken instead, in words.
    """

    ts_ms: int
    kind: StateNotice
    detail: str


@define
class Machine:
    """State of the session, or of one symbol.

    Attributes:
        clear_since_ms: First step at which the target was less restrictive than this state,
            without interruption since; only in states with a cooldown.
        init_since_ms: First step of the present INIT as leader, without interruption since.
        emergency_latched: EMERGENCY was entered and nobody resumed from it.
    """

    state: OperatingState = _INIT
    reason: StateReason = StateReason.BOOTSTRAP_PENDING
    clear_since_ms: int | None = None
    init_since_ms: int | None = None
    emergency_latched: bool = False

    def step(
        self,
        wanted: Target,
        now: int,
        settings: OrchestratorSettings,
        *,
        bootstrap_ok: bool,
        leads: bool = False,
        resume: bool = False,
    ) -> int:
        """Take one step; return when the next one is due if no input changes until then.

        Args:
            wanted: What the trigger table says.
            now: Unix milliseconds, never before that of the last step.
            settings: Cooldowns and the time of INIT.
            bootstrap_ok: Whether recovery has finished.
            leads: Whether the time in INIT counts: for the session's machine of a leader.
            resume: Whether an operator asks to leave EMERGENCY.
        """
        if not bootstrap_ok:
            return self._recover(now, settings, leads=leads)
        target, reason = wanted
        if self.state is _INIT:
            self.init_since_ms = None
            if self.emergency_latched and target is not _EMERGENCY:
                self._enter(_EMERGENCY, StateReason.AWAIT_RESUME)
            else:
                self._enter(_at_least_ready(target), reason)
        elif target.rank > self.state.rank:
            self._enter(target, reason)
        elif target is self.state:
            self.reason, self.clear_since_ms = reason, None
        elif self.state is _EMERGENCY:
            if resume:
                self.emergency_latched = False
                self._enter(_at_least_ready(target), reason)
            else:
                self.reason = StateReason.AWAIT_RESUME
        else:
            return self._cool_down(target, reason, now, settings)
        return self._due_ms(target)

    def _recover(self, now: int, settings: OrchestratorSettings, *, leads: bool) -> int:
        if self.state is not _INIT:
            self._enter(_INIT, StateReason.BOOTSTRAP_PENDING)
        if not leads:
            self.reason, self.init_since_ms = StateReason.BOOTSTRAP_PENDING, None
            return NEVER
        if self.init_since_ms is None:
            self.init_since_ms = now
        ends = self.init_since_ms + settings.init_timeout_ms
        if now < ends:
            self.reason = StateReason.BOOTSTRAP_PENDING
            return ends
        self.reason = StateReason.INIT_TIMEOUT
        return NEVER

    def _cool_down(
        self, target: OperatingState, reason: StateReason, now: int, settings: OrchestratorSettings
    ) -> int:
        cooldown = settings.cooldown_ms(self.state)
        since = now if self.clear_since_ms is None else self.clear_since_ms
        if now - since >= cooldown:
            self._enter(_at_least_ready(target) if self.state is _PAUSE else target, reason)
            return self._due_ms(target)
        self.clear_since_ms, self.reason = since, StateReason.COOLDOWN
        return since + cooldown

    def _enter(self, state: OperatingState, reason: StateReason) -> None:
        self.state, self.reason, self.clear_since_ms = state, reason, None
        if state is _EMERGENCY:
            self.emergency_latched = True

    def _due_ms(self, target: OperatingState) -> int:
        """READY holds for one step at least and has no cooldown: the next step leaves it."""
        return 0 if self.state is _READY and target.rank < _READY.rank else NEVER


def _at_least_ready(target: OperatingState) -> OperatingState:
    return target if target.rank > _READY.rank else _READY
