"""LIVE-14, I-14.1 to I-14.7 over whole histories, against the page's rules said plainly."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import GuardState, Override, RiskIntent
from grinder_core.contracts.live import GuardSeverity, Toxicity
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_machine import Transition
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.resilience.breaker_settings import CircuitState
from tests.core.live.orchestrators import (
    RANK,
    SESSION,
    TABLE,
    A,
    B,
    PlainSession,
    R,
    Row,
    S,
    apply,
    permitted,
)

WELL = {
    "bootstrap_ok": True, "kill_switch_active": False, "operator_override": None,
    "drawdown_state": GuardState.NORMAL, "feed_connected": True, "user_stream_ok": True,
    "persist_ok": True, "ha_active": True, "place_circuit": CircuitState.CLOSED,
    "rate_limit_ban": False, "rate_budget_low": False, "clock_skew_ms": 0, "snapshot_age_ms": 0,
    "guard": GuardSeverity.ALLOW, "schedule_open": True, "dead_man_ok": True,
}  # fmt: skip
SYMBOL_WELL = {
    "toxicity": Toxicity.NONE, "state_unreconciled": False, "warmed_up": True,
    "constraints_loaded": True, "guard": GuardSeverity.ALLOW, "schedule_open": True,
    "is_selected": True, "dead_man_ok": True,
}  # fmt: skip


# what a table's row wants, its opposite, and values at and beyond the limits
TOLD = [
    ("session", {row.key: value})
    for row in TABLE
    for value in (row.value, WELL.get(row.key))
    if row.scope == SESSION
] + [
    ("symbol", symbol, {row.key: value})
    for symbol in (A, B)
    for row in TABLE
    for value in (row.value, SYMBOL_WELL.get(row.key))
    if row.scope != SESSION and row.key != "feed_gap_ms"
]
MORE = [
    ("session", {"clock_skew_ms": 1_000}),
    ("session", {"clock_skew_ms": -1_001}),
    ("session", {"snapshot_age_ms": 120_000}),
    ("session", {"place_circuit": CircuitState.HALF_OPEN}),
    ("session", {"guard": GuardSeverity.REDUCE}),
    ("session", {"bootstrap_ok": False}),
    ("restart",),
]
OFTEN = [
    ("well",),
    ("calm",),
    ("resume",),
    ("timer",),
    ("nothing",),
    ("market", A),
    ("market", B),
    ("spend", A),
    ("spend", B),
]
History = list[tuple[tuple[Any, ...], int]]
pauses = st.sampled_from((0, 0, 1, 250, 4_999, 5_000, 5_001, 10_000, 15_000, 30_000, 60_000))
steps = st.tuples(st.sampled_from([*TOLD, *MORE, *OFTEN * 8]), pauses)
histories = st.lists(steps, min_size=12, max_size=60).map(lambda tail: [(("well",), 0), *tail])


def fresh() -> Orchestrator:
    return Orchestrator.of(OrchestratorSettings(), (A, B))


def feed(session: Orchestrator, step: tuple[Any, ...], now: int) -> tuple[Any, ...]:
    """Tell one thing and take one step; return the records."""
    kind = step[0]
    if kind == "session":
        session.set_global(**step[1])
    elif kind == "symbol":
        session.set_symbol(step[1], **step[2])
    elif kind == "well":
        for symbol in (A, B):
            session.set_symbol(symbol, **SYMBOL_WELL)
        session.set_global(ha_active=True)
        session.set_global(**WELL)
    elif kind == "calm":
        session.set_global(kill_switch_active=False, operator_override=None)
    elif kind == "resume":
        session.set_global(operator_resume=True)
    elif kind == "market":
        session.on_market(step[1], now)
    elif kind == "restart":
        session.restart()
    records = session.on_timer(now) if kind == "timer" else session.advance(now)
    if kind == "spend" and session.permits(step[1], RiskIntent.INCREASE_RISK, now):
        session.spend_token(step[1], now)
    return records


def feed_plain(plain: PlainSession, step: tuple[Any, ...], now: int) -> list[tuple[Any, ...]]:
    kind = step[0]
    if kind == "session":
        plain.set_global(**step[1])
    elif kind == "symbol":
        plain.of_symbol[step[1]] |= step[2]
    elif kind == "well":
        for symbol in (A, B):
            plain.of_symbol[symbol] |= SYMBOL_WELL
        plain.set_global(ha_active=True)
        plain.set_global(**WELL)
    elif kind == "calm":
        plain.set_global(kill_switch_active=False, operator_override=None)
    elif kind == "resume":
        plain.set_global(operator_resume=True)
    elif kind == "market":
        plain.on_market(step[1], now)
    elif kind == "restart":
        plain.set_global(bootstrap_ok=False)
        plain.machine.led.clear()
    elif kind == "timer":
        plain.on_timer(now)
    moved = plain.advance(now)
    if kind == "spend" and plain.permits(step[1], RiskIntent.INCREASE_RISK, now):
        plain.spent[step[1]].append(now)
    return moved


def dumped(session: Orchestrator) -> str:
    return canonical_json(dump_state(session))


def reloaded(session: Orchestrator) -> Orchestrator:
    return load_state(Orchestrator, json.loads(dumped(session)))


def transitions(records: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [
        (r.scope, r.from_state, r.to_state, r.reason) for r in records if isinstance(r, Transition)
    ]


@settings(max_examples=300)
@given(histories)
def test_every_history_goes_as_the_page_says(history: History) -> None:
    session, plain, now = fresh(), PlainSession(A, B), 0
    for step, pause in history:
        now += pause
        moved = transitions(feed(session, step, now))
        assert moved == feed_plain(plain, step, now)
        assert (session.machine.state, session.machine.reason) == (
            plain.machine.state,
            plain.machine.reason,
        )
        assert session.machine.emergency_latched is plain.machine.latched
        for symbol in (A, B):
            machine = session.symbols[symbol].machine
            expected = plain.machines[symbol]
            assert (machine.state, machine.reason) == (expected.state, expected.reason)
            assert session.effective(symbol)[0] is plain.state(symbol)
            for later in (now, now + 9_999, now + 10_000):
                for intent in RiskIntent:
                    allowed = plain.permits(symbol, intent, later)
                    assert session.permits(symbol, intent, later) is allowed
            for later in (now, now + 14_999, now + 15_000):
                cancels = plain.cancels(symbol, later)
                assert session.wants_entries_cancelled(symbol, later) is cancels


@settings(max_examples=100)
@given(histories)
def test_skipping_what_did_not_change_finds_the_same_as_looking_at_everything(
    history: History,
) -> None:
    """I-14.1, and a checkpoint at any point: a loaded session looks at everything once."""
    quick, thorough, now = fresh(), fresh(), 0
    for step, pause in history:
        now += pause
        thorough = reloaded(thorough)
        assert feed(thorough, step, now) == feed(quick, step, now)
        assert dumped(thorough) == dumped(quick)
        assert reloaded(quick) == quick


@settings(max_examples=300)
@given(histories)
def test_the_invariants_of_the_states_hold_in_every_history(
    history: History,
) -> None:
    session, now, recovered = fresh(), 0, False
    since: dict[str, int | None] = {"": None, A: None, B: None}
    for step, pause in history:
        before = {"": session.machine.state} | {s: session.symbols[s].machine.state for s in (A, B)}
        resumes = step[0] == "resume"
        was_recovered = session.inputs.bootstrap_ok
        now += pause
        feed(session, step, now)
        recovered = session.inputs.bootstrap_ok
        after = {"": session.machine.state} | {s: session.symbols[s].machine.state for s in (A, B)}
        emergency = session.inputs.kill_switch_active or (
            session.inputs.operator_override is Override.EMERGENCY
        )
        for scope, machine in after.items():
            target = wanted(session, scope)
            if machine is not S.INIT:  # I-14.2
                assert RANK[machine] >= RANK[target]
            fell = RANK[machine] < RANK[before[scope]]
            cooldown = {S.PAUSE: 30_000, S.DEGRADED: 5_000}.get(before[scope])
            start = since[scope] if since[scope] is not None else now
            if fell and cooldown is not None:  # I-14.5
                assert now - start >= cooldown
            is_calm = RANK[target] < RANK[before[scope]] and machine is before[scope]
            since[scope] = (start if is_calm else None) if recovered else None
        if before[""] is S.EMERGENCY and after[""] is not S.EMERGENCY:  # I-14.3
            assert after[""] is S.INIT or (resumes and not emergency)
        if before[""] is S.INIT and after[""] is not S.INIT and session.machine.emergency_latched:
            assert after[""] is S.EMERGENCY
        for symbol in (A, B):
            state = session.effective(symbol)[0]
            for intent in (RiskIntent.CANCEL, RiskIntent.REDUCE_RISK):  # I-14.4
                assert session.permits(symbol, intent, now) is (state is not S.INIT)
            may = session.permits(symbol, RiskIntent.INCREASE_RISK, now)
            assert not may or permitted(state, RiskIntent.INCREASE_RISK, token=True)
            assert not may or (recovered and (was_recovered or state is not S.INIT))  # I-14.7
        assert recovered is (session.machine.state is not S.INIT)


def wanted(session: Orchestrator, scope: str) -> Any:
    """The target of one machine, by the plain table over the inputs of the session."""
    names = [field.name for field in type(session.inputs).__attrs_attrs__]
    of_session = {name: getattr(session.inputs, name) for name in names}
    if not scope:
        rows = [row for row in TABLE if row.scope == SESSION and row.fires(of_session, {})]
    else:
        inputs = session.symbols[scope].inputs
        names = [field.name for field in type(inputs).__attrs_attrs__]
        of_symbol = {name: getattr(inputs, name) for name in names}
        rows = [row for row in TABLE if row.scope != SESSION and row.fires({}, of_symbol)]
    return rows[0].state if rows else S.ACTIVE


@settings(max_examples=400)
@given(histories, st.sampled_from(TABLE), pauses)
def test_one_more_trigger_never_makes_the_next_state_less_restrictive(
    history: History, row: Row, wait: int
) -> None:
    """I-14.6, from every state that a history reaches."""
    session, now = fresh(), 0
    for step, pause in history:
        now += pause
        feed(session, step, now)
    now += wait
    worse = deepcopy(session)
    if row.scope == SESSION and is_milder(getattr(session.inputs, row.key), row.value):
        worse.set_global(**{row.key: row.value})
    elif row.scope != SESSION and row.key != "feed_gap_ms":
        if is_milder(getattr(session.symbols[A].inputs, row.key), row.value):
            worse.set_symbol(A, **{row.key: row.value})
    elif row.key == "feed_gap_ms":
        apply(worse, row, now)
    for later in (now, now, now + 30_000):
        session.advance(later)
        worse.advance(later)
        for symbol in (A, B):
            assert RANK[worse.effective(symbol)[0]] >= RANK[session.effective(symbol)[0]]
            for intent in RiskIntent:
                assert session.permits(symbol, intent, later) or not worse.permits(
                    symbol, intent, later
                )


def is_milder(given: Any, value: Any) -> bool:
    """Whether going from one value to the other adds a trigger and takes none away."""
    if given == value:
        return False
    for kind in (GuardSeverity, Toxicity):
        if isinstance(value, kind):
            order = list(kind)
            return order.index(given) < order.index(value)
    if isinstance(value, Override):
        return given is not Override.EMERGENCY
    if type(value) is int:
        return bool(abs(given) < value)
    return True


def test_reasons_of_init_are_told_apart_in_the_plain_rules_too() -> None:
    """The twin itself: a minute of INIT as leader."""
    plain = PlainSession(A)
    plain.set_global(ha_active=True)
    plain.advance(0)
    plain.advance(59_999)
    assert plain.machine.reason is R.BOOTSTRAP_PENDING
    plain.advance(60_000)
    assert plain.machine.reason is R.INIT_TIMEOUT
