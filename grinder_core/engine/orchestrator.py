"""The operating state of a session: what may be done now, and why (LIVE-14).

One machine for the session and one for each symbol; for a symbol the more restrictive of the two
holds. Facts are told with ``set_global``, ``set_symbol`` and ``on_market``; they take effect with
the next ``advance``, which the engine calls once for each event. Until then no new risk passes.

Where no input changed and no time has come, ``advance`` returns at once: it would find the same.
What it keeps for that (marks of what changed, the time of the next step) is no state; a loaded
orchestrator looks at everything once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import Factory, define, evolve, field

from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.enums import RiskIntent
from grinder_core.contracts.live import OperatingState, StateNotice, StateReason
from grinder_core.engine.orchestrator_inputs import GlobalInputs, SymbolInputs, with_changes
from grinder_core.engine.orchestrator_machine import NEVER, Machine, Notice, Transition
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.engine.orchestrator_triggers import global_target, symbol_target
from grinder_core.engine.orchestrator_watch import SymbolWatch, more_restrictive
from grinder_core.errors import ContractError, InvariantError

Record = Transition | Notice

_INIT, _THROTTLED = OperatingState.INIT, OperatingState.THROTTLED


@define
class Orchestrator:
    """All machines of a session.

    Attributes:
        symbols: By symbol, in order of their names.
        now_ms: Time of the last event; an earlier one counts as this and is reported.
        is_pending: Something was told that no ``advance`` has judged yet.
        notices: What the next ``advance`` reports besides what it finds itself.
    """

    settings: OrchestratorSettings
    inputs: GlobalInputs = Factory(GlobalInputs)
    machine: Machine = Factory(Machine)
    symbols: dict[str, SymbolWatch] = Factory(dict)
    now_ms: int = 0
    is_pending: bool = True
    notices: list[Notice] = Factory(list)
    _due_ms: int = field(default=0, init=False, eq=False, repr=False)
    _changed: dict[str, SymbolWatch] = field(factory=dict, init=False, eq=False, repr=False)
    _limits: dict[str, OrchestratorSettings] = field(factory=dict, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._limits = {symbol: self.settings.of_symbol(symbol) for symbol in self.symbols}

    @classmethod
    def of(
        cls,
        settings: OrchestratorSettings,
        symbols: Iterable[str],
        *,
        inputs: GlobalInputs | None = None,
        emergency_latched: bool = False,
    ) -> Orchestrator:
        """Return the orchestrator of a process life that begins: everything is in INIT.

        Args:
            settings: Limits and cooldowns.
            symbols: Those that are watched from the start.
            inputs: What is known already; default: nothing is proven.
            emergency_latched: The last process life ended in EMERGENCY, or before anybody resumed.
        """
        machine = Machine(emergency_latched=emergency_latched)
        made = cls(settings, inputs or GlobalInputs(), machine)
        for symbol in symbols:
            made.add_symbol(symbol)
        return made

    # -- what is told

    def add_symbol(self, symbol: str, inputs: SymbolInputs | None = None) -> None:
        """Watch one more symbol; it begins in INIT. One that is watched already stays as it is."""
        check_symbol(symbol)
        if symbol in self.symbols:
            return
        watch = SymbolWatch(inputs or SymbolInputs())
        self.symbols = dict(sorted([*self.symbols.items(), (symbol, watch)]))
        self._limits[symbol] = self.settings.of_symbol(symbol)
        self._mark(symbol, watch)

    def set_global(self, **changes: Any) -> None:
        """Tell what changed for the whole session, by the names of ``GlobalInputs``.

        A lease that is gained asks for recovery anew: ``bootstrap_ok`` is false after it, whatever
        the same call says.

        Raises:
            ContractError: An unknown name or a value of the wrong kind; nothing is changed then.
        """
        before, after = self.inputs, with_changes(self.inputs, changes)
        if after.ha_active and not before.ha_active:
            after = evolve(after, bootstrap_ok=False)
        if after == before:
            return
        if after.bootstrap_ok != before.bootstrap_ok:
            self._due_ms = 0  # one fact for all symbols
        self.inputs, self.is_pending = after, True

    def set_symbol(self, symbol: str, **changes: Any) -> None:
        """Tell what changed for one symbol, by the names of ``SymbolInputs``.

        Raises:
            ContractError: An unknown symbol or name, a value of the wrong kind, or the feed's gap,
                which is measured; nothing is changed then.
        """
        watch = self._watch(symbol)
        if "feed_gap_ms" in changes:
            remedy = "report the market with on_market, time with on_timer"
            raise ContractError("is measured, not told", field="feed_gap_ms", remedy=remedy)
        after = with_changes(watch.inputs, changes)
        if after != watch.inputs:
            watch.inputs = after
            self._mark(symbol, watch)

    def on_market(self, symbol: str, now: int) -> None:
        """Note that a symbol's market was heard at ``now``, Unix milliseconds."""
        watch = self.symbols.get(symbol) or self._watch(symbol)
        if now < self.now_ms:
            now = self._went_back(now)
        self.now_ms = watch.last_market_ms = now
        gap = watch.inputs.feed_gap_ms
        if gap:
            watch.inputs.feed_gap_ms = 0
            if gap > self._limits[symbol].feed_stale_ms:
                self._mark(symbol, watch)

    def on_timer(self, now: int) -> tuple[Record, ...]:
        """Measure the silence of every feed at ``now``, Unix milliseconds, and advance."""
        if now < self.now_ms:
            now = self._went_back(now)
        for symbol, watch in self.symbols.items():
            if watch.last_market_ms is None:
                watch.last_market_ms = now
            before, gap = watch.inputs.feed_gap_ms, now - watch.last_market_ms
            watch.inputs.feed_gap_ms = gap
            if gap > self._limits[symbol].feed_stale_ms >= before:
                self._mark(symbol, watch)
        return self.advance(now)

    def restart(self) -> None:
        """Begin a process life with loaded state: recovery is to do again, INIT counts anew."""
        self.set_global(bootstrap_ok=False)
        self.machine.init_since_ms, self.is_pending = None, True

    # -- what follows

    def advance(self, now: int) -> tuple[Record, ...]:
        """Take one step of every machine that has one to take; return what happened, in order.

        Args:
            now: Of the event, Unix milliseconds; one that goes back counts as the last one.
        """
        if not self.is_pending and self.now_ms <= now < self._due_ms:
            self.now_ms = now
            return ()
        if now < self.now_ms:
            now = self._went_back(now)
        self.now_ms = now
        records: list[Record] = [*self.notices]
        self.notices.clear()
        everything = now >= self._due_ms
        watched = self.symbols if everything else dict(sorted(self._changed.items()))
        if everything:
            self._due_ms = NEVER
        before = self.machine.state
        self._step_global(now, records)
        for symbol, watch in watched.items():
            self._step_symbol(symbol, watch, now, records)
        restricted = self.symbols if self.machine.state is not before else watched
        for watch in restricted.values():
            watch.note_restriction(self.machine.state, now)
        self._changed.clear()
        self.is_pending = False
        return tuple(records)

    def effective(self, symbol: str) -> tuple[OperatingState, StateReason]:
        """Return the state that holds for a symbol as of the last ``advance``, and why."""
        machine = more_restrictive(self.machine, self._watch(symbol).machine)
        return machine.state, machine.reason

    def permits(
        self, symbol: str, intent: RiskIntent, now: int, *, holds_token: bool = False
    ) -> bool:
        """Whether an action of this intent may go out (gate 6 of LIVE-12).

        Args:
            symbol: Of the action.
            intent: What it does to the position.
            now: Unix milliseconds.
            holds_token: It is a further part of a request whose token was spent already.
        """
        state = self._state(symbol)
        if state is _INIT or not self.inputs.bootstrap_ok:
            return False
        if intent is not RiskIntent.INCREASE_RISK:
            return True
        if self.is_pending:
            return False
        if state is _THROTTLED:
            watch, interval = self.symbols[symbol], self.settings.throttle_interval_ms
            return holds_token or watch.has_token(max(now, self.now_ms), interval)
        return state is OperatingState.ACTIVE

    def spend_token(self, symbol: str, now: int) -> None:
        """Note that a request of new risk is emitted; outside THROTTLED it counts as well.

        Raises:
            InvariantError: It was not permitted.
        """
        if not self.permits(symbol, RiskIntent.INCREASE_RISK, now):
            raise InvariantError("new risk was emitted without permission", field=symbol)
        self.symbols[symbol].token_spent_ms = max(now, self.now_ms)

    def wants_entries_cancelled(self, symbol: str, now: int) -> bool:
        """Whether the symbol's risk-increasing orders must go; reduce-only ones always stay."""
        waits = self.settings.degraded_cancel_after_ms
        return self._watch(symbol).wants_cancels(self.machine, max(now, self.now_ms), waits)

    # -- within

    def _step_global(self, now: int, records: list[Record]) -> None:
        machine, inputs = self.machine, self.inputs
        before, reason = machine.state, machine.reason
        due = machine.step(
            global_target(inputs, self.settings),
            now,
            self.settings,
            bootstrap_ok=inputs.bootstrap_ok,
            leads=inputs.ha_active,
            resume=inputs.operator_resume,
        )
        self._due_ms = min(self._due_ms, due)
        if machine.state is not before:
            records.append(_transition(now, "", before, machine))
        if inputs.operator_resume:
            self.inputs = evolve(inputs, operator_resume=False)
            if before is not OperatingState.EMERGENCY or machine.state in {before, _INIT}:
                refused = _why_not_resumed(machine)
                records.append(Notice(ts_ms=now, kind=StateNotice.RESUME_REFUSED, detail=refused))
        if machine.reason is StateReason.INIT_TIMEOUT is not reason:
            waited = f"recovery has not finished within {self.settings.init_timeout_ms} ms"
            records.append(Notice(ts_ms=now, kind=StateNotice.INIT_TIMEOUT, detail=waited))

    def _step_symbol(
        self, symbol: str, watch: SymbolWatch, now: int, records: list[Record]
    ) -> None:
        machine, settings = watch.machine, self._limits[symbol]
        before = machine.state
        wanted = symbol_target(watch.inputs, settings)
        due = machine.step(wanted, now, settings, bootstrap_ok=self.inputs.bootstrap_ok)
        self._due_ms = min(self._due_ms, due)
        if machine.state is not before:
            records.append(_transition(now, symbol, before, machine))

    def _state(self, symbol: str) -> OperatingState:
        return self._watch(symbol).state_under(self.machine.state)

    def _watch(self, symbol: str) -> SymbolWatch:
        watch = self.symbols.get(symbol)
        if watch is None:
            raise ContractError(
                "is not watched", field="symbol", value=symbol, remedy="add it with add_symbol"
            )
        return watch

    def _mark(self, symbol: str, watch: SymbolWatch) -> None:
        self._changed[symbol] = watch
        self.is_pending = True

    def _went_back(self, now: int) -> int:
        detail = f"{now} after {self.now_ms}; the later one counts"
        self.notices.append(
            Notice(ts_ms=self.now_ms, kind=StateNotice.TIME_WENT_BACK, detail=detail)
        )
        self.is_pending = True  # the next advance reports it
        return self.now_ms


def _why_not_resumed(machine: Machine) -> str:
    now_in = f"{machine.state} {machine.reason}"
    if machine.state is OperatingState.EMERGENCY:
        return f"{now_in}: a resume leaves it only once its cause is reset"
    if machine.state is _INIT:
        return f"{now_in}: resume again once recovery is done"
    return f"{now_in}: nothing stands that a resume lifts"


def _transition(now: int, scope: str, before: OperatingState, machine: Machine) -> Transition:
    return Transition(
        ts_ms=now,
        scope=scope,
        from_state=before,
        to_state=machine.state,
        reason=machine.reason,
    )
