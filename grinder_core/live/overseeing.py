"""From facts to the operating state, and from the state to what it asks for (LIVE-14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from grinder_core.contracts.control import Health
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.enums import GateReason, GuardState, RiskIntent, severest
from grinder_core.contracts.live import HealthName, OperatingState, StateReason, Toxicity
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.engine import Engine
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_machine import Notice, Transition
from grinder_core.errors import ContractError
from grinder_core.live.permitting import STOPPING
from grinder_core.live.records import RecordKind, Saying
from grinder_core.live.state import LiveHot
from grinder_core.resilience.breaker_settings import CircuitState

_CIRCUITS: Final = (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN)
_FLAGS: Final = {
    HealthName.BOOTSTRAP_OK: "bootstrap_ok",
    HealthName.FEED_CONNECTED: "feed_connected",
    HealthName.USER_STREAM_OK: "user_stream_ok",
    HealthName.PERSIST_OK: "persist_ok",
    HealthName.RATE_LIMIT_BAN: "rate_limit_ban",
    HealthName.RATE_BUDGET_LOW: "rate_budget_low",
}
_SYMBOL_FLAGS: Final = {
    HealthName.UNRECONCILED: "state_unreconciled",
    HealthName.CONSTRAINTS_LOADED: "constraints_loaded",
    HealthName.DEAD_MAN_OK: "dead_man_ok",
}
_TOXICITY: Final = {
    GateReason.SPREAD_SPIKE: Toxicity.MID,
    GateReason.PRICE_IMPACT_HIGH: Toxicity.HIGH,
}


def take_health(hot: LiveHot, health: Health, now: int) -> None:
    """Tell the state machine one fact of the process.

    Raises:
        ContractError: Nobody knows a fact of that name.
    """
    machine = hot.orchestrator
    try:
        name = HealthName(health.name)
    except ValueError:
        raise ContractError("is no health input", field="name", value=health.name) from None
    if name in _FLAGS:
        machine.set_global(**{_FLAGS[name]: bool(health.value)})
    elif name in _SYMBOL_FLAGS:
        machine.set_symbol(health.symbol, **{_SYMBOL_FLAGS[name]: bool(health.value)})
    elif name is HealthName.TRADES_TOLD:
        hot.trade_cursors[health.symbol] = health.value
    elif name is HealthName.INCOME_TOLD:
        hot.income_ms = health.value
        hot.moved = [one for one in hot.moved if one.ts > health.value]
    elif name is HealthName.PLACE_CIRCUIT:
        machine.set_global(place_circuit=_CIRCUITS[health.value])
    elif name is HealthName.CLOCK_SKEW_MS:
        machine.set_global(clock_skew_ms=health.value)
    else:
        hot.snapshot_ms = now
        machine.set_global(snapshot_age_ms=0)


class Overseer:
    """Keeps the state machine told of what the engine latched, and carries out what it asks.

    Args:
        say: Takes records.
    """

    def __init__(self, engine: Engine, hot: LiveHot, say: Callable[[Saying], None]) -> None:
        self._engine, self._hot, self._say = engine, hot, say
        self._seen: tuple[object, ...] = ()

    def note_output(self, out: PaperOutput) -> None:
        """Take what the trackers said of one symbol."""
        seen = out.seen
        toxic = seen.toxic
        toxicity = Toxicity.NONE if toxic is None else _TOXICITY[toxic.reason]
        watch = self._hot.orchestrator.symbols[out.symbol].inputs
        warm = seen.features is None or seen.features.is_warmed_up
        if toxicity is not watch.toxicity or warm is not watch.warmed_up:
            self._hot.orchestrator.set_symbol(out.symbol, toxicity=toxicity, warmed_up=warm)

    def note_engine(self) -> None:
        """Take what the engine latched since the last look."""
        core, hot = self._engine.hot, self._hot
        guard = GuardState.NORMAL if core.guard is None else core.guard.state
        override = severest(core.override, hot.ordered, hot.imposed)
        facts = (core.kill.active, override, guard)
        if facts == self._seen:
            return
        self._seen, machine = facts, hot.orchestrator
        if override is not machine.inputs.operator_override:
            # a resume that lifted an override was honoured; only EMERGENCY asks for one besides
            asks = machine.inputs.operator_resume and machine.machine.emergency_latched
            machine.set_global(operator_resume=asks)
        machine.set_global(
            kill_switch_active=core.kill.active,
            operator_override=override,
            drawdown_state=guard,
        )

    def advance(self, now: int, *, is_timer: bool = False) -> Sequence[Effect]:
        """Let the state machine go on; return what the new state asks for. In ``exact()``."""
        hot = self._hot
        machine = hot.orchestrator
        if is_timer:
            machine.set_global(snapshot_age_ms=now - hot.snapshot_ms)
            told = machine.on_timer(now)
        else:
            told = machine.advance(now)
        for one in told:
            if isinstance(one, Transition):
                self._say(Saying(RecordKind.TRANSITION, now, one))
            else:
                self.say_notice(one, now)
        if not told and not is_timer:
            return ()
        return self.carry_out(now)

    def say_notice(self, notice: Notice, now: int) -> None:
        """Tell people of what is no transition."""
        body = {"notice": notice.kind.value, "detail": notice.detail, "ts_ms": notice.ts_ms}
        self._say(Saying(RecordKind.NOTICE, now, body))

    def carry_out(self, now: int) -> Sequence[Effect]:
        """Stop plans where no new risk may pass, and take out entries where they must go."""
        machine = self._hot.orchestrator
        effects: list[Effect] = []
        for symbol in machine.symbols:
            state, reason = machine.effective(symbol)
            why = _why_halted(machine, symbol, state, reason, now)
            self._engine.halt(symbol, STOPPING if self._hot.is_stopping else why)
            if machine.wants_entries_cancelled(symbol, now):
                effects += self._engine.pull_entries(symbol)
        return effects


def _why_halted(
    machine: Orchestrator, symbol: str, state: OperatingState, reason: StateReason, now: int
) -> str:
    if machine.permits(symbol, RiskIntent.INCREASE_RISK, now):
        return ""
    return f"{state.value} {reason.value}"
