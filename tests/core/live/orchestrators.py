"""The page of the orchestrator (LIVE-14) a second time, as plainly as it can be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from grinder_core.contracts.enums import GuardState, Override, RiskIntent
from grinder_core.contracts.live import GuardSeverity, OperatingState, StateReason, Toxicity
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_inputs import GlobalInputs
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.resilience.breaker_settings import CircuitState

A, B = "AAAUSDT", "BBBUSDT"
S, R = OperatingState, StateReason
SESSION, SYMBOL = "session", "symbol"
RANK = {
    S.INIT: 7, S.EMERGENCY: 6, S.PAUSE: 5, S.DEGRADED: 4, S.READY: 3, S.THROTTLED: 2, S.ACTIVE: 1
}  # fmt: skip
HEALTHY_SESSION: Mapping[str, Any] = {
    "bootstrap_ok": True,
    "kill_switch_active": False,
    "operator_override": None,
    "drawdown_state": GuardState.NORMAL,
    "feed_connected": True,
    "user_stream_ok": True,
    "persist_ok": True,
    "ha_active": True,
    "place_circuit": CircuitState.CLOSED,
    "rate_limit_ban": False,
    "rate_budget_low": False,
    "clock_skew_ms": 0,
    "snapshot_age_ms": 0,
    "guard": GuardSeverity.ALLOW,
    "schedule_open": True,
    "dead_man_ok": True,
}
HEALTHY_SYMBOL: Mapping[str, Any] = {
    "toxicity": Toxicity.NONE,
    "feed_gap_ms": 0,
    "state_unreconciled": False,
    "warmed_up": True,
    "constraints_loaded": True,
    "guard": GuardSeverity.ALLOW,
    "schedule_open": True,
    "is_selected": True,
    "dead_man_ok": True,
}


@frozen
class Row:
    """One row of the table in one scope: which value of which input fires it."""

    state: OperatingState
    reason: StateReason
    scope: str
    key: str
    value: Any

    def fires(self, session: Mapping[str, Any], symbol: Mapping[str, Any]) -> bool:
        given = (session if self.scope == SESSION else symbol)[self.key]
        if self.key in {"feed_gap_ms", "snapshot_age_ms"}:
            return bool(given >= self.value)
        if self.key == "clock_skew_ms":
            return not -self.value < given < self.value
        return bool(given == self.value)


# the values of numbers are the first ones beyond the default limits
TABLE: tuple[Row, ...] = (
    Row(S.EMERGENCY, R.KILL_SWITCH, SESSION, "kill_switch_active", True),
    Row(S.EMERGENCY, R.OPERATOR_EMERGENCY, SESSION, "operator_override", Override.EMERGENCY),
    Row(S.PAUSE, R.OPERATOR_PAUSE, SESSION, "operator_override", Override.PAUSE),
    Row(S.PAUSE, R.DRAWDOWN, SESSION, "drawdown_state", GuardState.DRAWDOWN),
    Row(S.PAUSE, R.TOXICITY_HIGH, SYMBOL, "toxicity", Toxicity.HIGH),
    Row(S.PAUSE, R.GUARD_PAUSE, SESSION, "guard", GuardSeverity.PAUSE),
    Row(S.PAUSE, R.GUARD_PAUSE, SYMBOL, "guard", GuardSeverity.PAUSE),
    Row(S.PAUSE, R.SCHEDULE_CLOSED, SESSION, "schedule_open", False),
    Row(S.PAUSE, R.SCHEDULE_CLOSED, SYMBOL, "schedule_open", False),
    Row(S.DEGRADED, R.RATE_LIMIT_BAN, SESSION, "rate_limit_ban", True),
    Row(S.DEGRADED, R.FEED_DISCONNECTED, SESSION, "feed_connected", False),
    Row(S.DEGRADED, R.FEED_STALE, SYMBOL, "feed_gap_ms", 5_001),
    Row(S.DEGRADED, R.USER_STREAM_DOWN, SESSION, "user_stream_ok", False),
    Row(S.DEGRADED, R.CIRCUIT_OPEN, SESSION, "place_circuit", CircuitState.OPEN),
    Row(S.DEGRADED, R.STATE_UNRECONCILED, SYMBOL, "state_unreconciled", True),
    Row(S.DEGRADED, R.SNAPSHOT_STALE, SESSION, "snapshot_age_ms", 120_001),
    Row(S.DEGRADED, R.CLOCK_SKEW, SESSION, "clock_skew_ms", 1_001),
    Row(S.DEGRADED, R.STATE_WRITE_FAILED, SESSION, "persist_ok", False),
    Row(S.DEGRADED, R.DEAD_MAN_FAILED, SESSION, "dead_man_ok", False),
    Row(S.DEGRADED, R.DEAD_MAN_FAILED, SYMBOL, "dead_man_ok", False),
    Row(S.READY, R.HA_NOT_ACTIVE, SESSION, "ha_active", False),
    Row(S.READY, R.CONSTRAINTS_MISSING, SYMBOL, "constraints_loaded", False),
    Row(S.READY, R.WARMUP, SYMBOL, "warmed_up", False),
    Row(S.READY, R.GUARD_FREEZE, SESSION, "guard", GuardSeverity.FREEZE),
    Row(S.READY, R.GUARD_FREEZE, SYMBOL, "guard", GuardSeverity.FREEZE),
    Row(S.READY, R.NOT_SELECTED, SYMBOL, "is_selected", False),
    Row(S.THROTTLED, R.TOXICITY_MID, SYMBOL, "toxicity", Toxicity.MID),
    Row(S.THROTTLED, R.RATE_BUDGET_LOW, SESSION, "rate_budget_low", True),
)


def a_session(*symbols: str, **settings: Any) -> Orchestrator:
    """An orchestrator that is ACTIVE on these symbols at time 0."""
    names = symbols or (A,)
    session = Orchestrator.of(
        OrchestratorSettings(**settings), names, inputs=GlobalInputs.healthy()
    )
    for symbol in names:
        session.set_symbol(symbol, warmed_up=True, constraints_loaded=True)
    session.on_timer(0)
    session.advance(0)
    return session


def apply(session: Orchestrator, row: Row, now: int = 0, symbol: str = A) -> None:
    """Let one row fire; the feed's gap by letting the symbol's market have been silent."""
    if row.key == "feed_gap_ms":
        session.symbols[symbol].last_market_ms = now - row.value
        session.on_timer(now)
    elif row.scope == SESSION:
        session.set_global(**{row.key: row.value})
    else:
        session.set_symbol(symbol, **{row.key: row.value})


def clear(session: Orchestrator, row: Row, now: int = 0, symbol: str = A) -> None:
    """Undo ``apply``."""
    if row.key == "feed_gap_ms":
        session.on_market(symbol, now)
    elif row.scope == SESSION:
        session.set_global(**{row.key: HEALTHY_SESSION[row.key]})
        session.set_global(bootstrap_ok=True)  # it may have been the lease
    else:
        session.set_symbol(symbol, **{row.key: HEALTHY_SYMBOL[row.key]})


def permitted(state: OperatingState, intent: RiskIntent, *, token: bool = False) -> bool:
    """The table of states and intents, spelled out."""
    no_risk = {
        S.INIT: False, S.READY: True, S.ACTIVE: True, S.THROTTLED: True, S.DEGRADED: True,
        S.PAUSE: True, S.EMERGENCY: True,
    }  # fmt: skip
    if intent is not RiskIntent.INCREASE_RISK:
        return no_risk[state]
    return state is S.ACTIVE or (state is S.THROTTLED and token)


COOLDOWNS = {S.PAUSE: 30_000, S.DEGRADED: 5_000, S.THROTTLED: 10_000}


# one row for each state that a trigger can ask for; THROTTLED and READY by the session's inputs
ROW_OF = {
    S.EMERGENCY: TABLE[0],
    S.PAUSE: TABLE[2],
    S.DEGRADED: TABLE[9],
    S.READY: Row(S.READY, R.GUARD_FREEZE, "session", "guard", GuardSeverity.FREEZE),
    S.THROTTLED: TABLE[-1],
}


def in_state(state: OperatingState, **settings: int) -> Orchestrator:
    """A session that was brought to this state at time 0, its trigger still firing."""
    session = a_session(**settings)
    if state is S.INIT:
        session.set_global(bootstrap_ok=False)
    elif state is not S.ACTIVE:
        apply(session, ROW_OF[state])
    session.advance(0)
    assert session.effective(A)[0] is state
    return session


class PlainMachine:
    """Rules 1 to 4 with the whole past of the present state kept."""

    def __init__(self, cooldowns: Mapping[OperatingState, int]) -> None:
        self.cooldowns = cooldowns
        self.state, self.reason = S.INIT, R.BOOTSTRAP_PENDING
        self.seen: list[tuple[int, int]] = []  # (time, rank of the target) in this state
        self.led: list[tuple[int, bool]] = []  # (time, whether leader) in INIT
        self.latched = False

    def step(
        self, t: OperatingState, why: StateReason, now: int, ok: bool, leads: bool, resume: bool
    ) -> bool:
        """Take a step; return whether the resume was honoured."""
        if not ok:
            if self.state is not S.INIT:
                self.go(S.INIT, R.BOOTSTRAP_PENDING)
            self.led.append((now, leads))
            since = None
            for ts, led in reversed(self.led):
                if not led:
                    break
                since = ts
            over = since is not None and now - since >= 60_000
            self.reason = R.INIT_TIMEOUT if over else R.BOOTSTRAP_PENDING
            return False
        if self.state is S.INIT:
            floor = S.EMERGENCY if self.latched else S.READY
            if RANK[t] >= RANK[floor]:
                self.go(t, why)
            else:
                self.go(floor, why if floor is S.READY else R.AWAIT_RESUME)
            return False
        self.seen.append((now, RANK[t]))
        if RANK[t] > RANK[self.state]:
            self.go(t, why)
        elif t is self.state:
            self.reason = why
        elif self.state is S.EMERGENCY:
            self.reason = R.AWAIT_RESUME
            if resume:
                self.latched = False
                self.go(max(t, S.READY, key=RANK.__getitem__), why)
                return True
        else:
            lower = [ts for ts, _ in self.seen]
            for place, (_, rank) in enumerate(self.seen):
                if rank >= RANK[self.state]:
                    lower = [ts for ts, _ in self.seen[place + 1 :]]
            if now - lower[0] >= self.cooldowns.get(self.state, 0):
                via_ready = self.state is S.PAUSE
                self.go(max(t, S.READY, key=RANK.__getitem__) if via_ready else t, why)
            else:
                self.reason = R.COOLDOWN
        return False

    def go(self, state: OperatingState, why: StateReason) -> None:
        self.state, self.reason = state, why
        self.seen, self.led = [], []
        self.latched = self.latched or state is S.EMERGENCY


class PlainSession:
    """All machines, evaluated whole at every step."""

    def __init__(self, *symbols: str) -> None:
        self.inputs: dict[str, Any] = {
            **HEALTHY_SESSION, "bootstrap_ok": False, "feed_connected": False,
            "user_stream_ok": False, "persist_ok": False, "ha_active": False,
        }  # fmt: skip
        self.of_symbol: dict[str, dict[str, Any]] = {
            s: {**HEALTHY_SYMBOL, "warmed_up": False, "constraints_loaded": False} for s in symbols
        }
        self.machine = PlainMachine(COOLDOWNS)
        self.machines = {s: PlainMachine(COOLDOWNS) for s in symbols}
        self.heard: dict[str, int] = {}
        self.spent: dict[str, list[int]] = {s: [] for s in symbols}
        self.past: dict[str, list[tuple[int, OperatingState]]] = {s: [] for s in symbols}
        self.resume = False

    def set_global(self, **changes: Any) -> None:
        gains = changes.get("ha_active", False) and not self.inputs["ha_active"]
        self.resume = changes.pop("operator_resume", self.resume)
        self.inputs |= changes
        if gains:
            self.inputs["bootstrap_ok"] = False

    def on_market(self, symbol: str, now: int) -> None:
        self.heard[symbol] = now
        self.of_symbol[symbol]["feed_gap_ms"] = 0

    def on_timer(self, now: int) -> None:
        for symbol, inputs in self.of_symbol.items():
            inputs["feed_gap_ms"] = now - self.heard.setdefault(symbol, now)

    def advance(self, now: int) -> list[tuple[str, OperatingState, OperatingState, StateReason]]:
        """Take one step; return the transitions."""
        ok, moved = self.inputs["bootstrap_ok"], []
        for scope, machine in (("", self.machine), *sorted(self.machines.items())):
            kind = SYMBOL if scope else SESSION
            symbol = self.of_symbol.get(scope, {})
            rows = [row for row in TABLE if row.scope == kind and row.fires(self.inputs, symbol)]
            t, why = (rows[0].state, rows[0].reason) if rows else (S.ACTIVE, R.HEALTHY)
            before = machine.state
            leads = not scope and self.inputs["ha_active"]
            machine.step(t, why, now, ok, leads, not scope and self.resume)
            if machine.state is not before:
                moved.append((scope, before, machine.state, machine.reason))
        self.resume = False
        for symbol, past in self.past.items():
            past.append((now, self.state(symbol)))
        return moved

    def state(self, symbol: str) -> OperatingState:
        return max(self.machine.state, self.machines[symbol].state, key=RANK.__getitem__)

    def permits(self, symbol: str, intent: RiskIntent, now: int) -> bool:
        spent = self.spent[symbol]
        token = not any(now - ts < 10_000 for ts in spent)
        return permitted(self.state(symbol), intent, token=token)

    def cancels(self, symbol: str, now: int) -> bool:
        state = self.state(symbol)
        if state is S.DEGRADED:
            since = None
            for ts, then in reversed(self.past[symbol]):
                if RANK[then] < RANK[S.DEGRADED]:
                    break
                since = ts
            return since is not None and now - since >= 15_000
        if state is S.READY:
            return any(
                m.state is S.READY and m.reason in {R.GUARD_FREEZE, R.NOT_SELECTED}
                for m in (self.machine, self.machines[symbol])
            )
        return state in {S.PAUSE, S.EMERGENCY}
