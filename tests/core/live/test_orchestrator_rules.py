"""LIVE-14, rules 1 to 5 at their edges, the table of intents, tokens, cancels and the clock."""

from __future__ import annotations

import json

import pytest

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import Override, RiskIntent
from grinder_core.contracts.live import (
    OperatingState,
    StateNotice,
    StateReason,
    Toxicity,
)
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_inputs import GlobalInputs
from grinder_core.engine.orchestrator_machine import Notice, Transition
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.errors import InvariantError
from tests.core.live.orchestrators import (
    RANK,
    ROW_OF,
    TABLE,
    A,
    B,
    R,
    Row,
    S,
    a_session,
    apply,
    clear,
    in_state,
    permitted,
)

INCREASE, REDUCE, CANCEL = RiskIntent.INCREASE_RISK, RiskIntent.REDUCE_RISK, RiskIntent.CANCEL


def states(session: Orchestrator, *times: int) -> list[OperatingState]:
    found = []
    for now in times:
        session.advance(now)
        found.append(session.effective(A)[0])
    return found


def kinds(records: tuple[object, ...]) -> list[StateNotice]:
    return [record.kind for record in records if isinstance(record, Notice)]


# -- rule 1: INIT


def test_a_process_life_begins_in_init_and_becomes_active_over_ready() -> None:
    session = Orchestrator.of(OrchestratorSettings(), (B, A))
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)
    session.set_global(feed_connected=True, user_stream_ok=True, persist_ok=True, ha_active=True)
    for symbol in (A, B):
        session.set_symbol(symbol, warmed_up=True, constraints_loaded=True)
    assert session.advance(10) == ()
    session.set_global(bootstrap_ok=True)
    assert session.advance(20) == tuple(
        Transition(ts_ms=20, scope=scope, from_state=S.INIT, to_state=S.READY, reason=R.HEALTHY)
        for scope in ("", A, B)
    )
    assert session.advance(20) == tuple(
        Transition(ts_ms=20, scope=scope, from_state=S.READY, to_state=S.ACTIVE, reason=R.HEALTHY)
        for scope in ("", A, B)
    )


@pytest.mark.parametrize("state", [state for state in S if state is not S.INIT])
def test_recovery_that_begins_anew_is_init_from_any_state(state: OperatingState) -> None:
    session = in_state(state)
    session.restart()
    session.advance(1)
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)


@pytest.mark.parametrize("row", TABLE)
def test_init_is_left_for_ready_or_what_is_more_restrictive(row: Row) -> None:
    session = in_state(S.INIT)
    apply(session, row)
    session.set_global(bootstrap_ok=True)
    session.advance(0)
    state = row.state if RANK[row.state] > RANK[S.READY] else S.READY
    assert session.effective(A) == (state, row.reason)


def test_init_that_lasts_is_reported_once_and_only_for_a_leader() -> None:
    session = Orchestrator.of(OrchestratorSettings(), (A,))
    assert session.advance(5_000) == ()
    assert session.advance(900_000) == ()  # a follower waits for the lease
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)
    session.set_global(ha_active=True)
    assert session.advance(1_000_000) == ()
    assert session.advance(1_059_999) == ()
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)
    assert kinds(session.advance(1_060_000)) == [StateNotice.INIT_TIMEOUT]
    assert session.effective(A) == (S.INIT, R.INIT_TIMEOUT)
    session.set_global(clock_skew_ms=1)
    assert session.advance(1_060_001) == ()
    session.set_global(ha_active=False)
    session.advance(1_070_000)
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)


def test_a_restart_begins_the_time_of_init_anew() -> None:
    session = Orchestrator.of(OrchestratorSettings(), (A,), inputs=GlobalInputs(ha_active=True))
    session.advance(0)
    session.advance(60_000)
    assert session.effective(A) == (S.INIT, R.INIT_TIMEOUT)
    session = load_state(Orchestrator, json.loads(canonical_json(dump_state(session))))
    session.restart()
    session.advance(70_000)
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)
    assert session.advance(129_999) == ()
    assert kinds(session.advance(130_000)) == [StateNotice.INIT_TIMEOUT]


def test_a_lease_that_is_gained_asks_for_recovery_whatever_else_is_told() -> None:
    session = a_session()
    session.set_global(ha_active=False)
    session.advance(1)
    assert session.effective(A) == (S.READY, R.HA_NOT_ACTIVE)
    session.set_global(ha_active=True, bootstrap_ok=True)
    session.advance(2)
    assert session.effective(A) == (S.INIT, R.BOOTSTRAP_PENDING)
    session.set_global(ha_active=True, bootstrap_ok=True)  # held, not gained
    session.advance(3)
    assert session.effective(A)[0] is S.READY


# -- rules 2 and 3: up at once, reasons refreshed


@pytest.mark.parametrize("before", [s for s in S if s is not S.INIT])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.scope}-{row.reason}")
def test_a_more_restrictive_target_is_taken_at_once(before: OperatingState, row: Row) -> None:
    session = in_state(before)
    apply(session, row)
    session.advance(0)
    state, reason = session.effective(A)
    assert RANK[state] == max(RANK[before], RANK[row.state])
    if RANK[row.state] > RANK[before]:
        assert reason is row.reason


def test_a_reason_is_refreshed_without_a_transition() -> None:
    session = in_state(S.DEGRADED)
    session.set_global(feed_connected=False)
    assert session.advance(1) == ()
    assert session.effective(A) == (S.DEGRADED, R.RATE_LIMIT_BAN)
    session.set_global(rate_limit_ban=False)
    assert session.advance(2) == ()
    assert session.effective(A) == (S.DEGRADED, R.FEED_DISCONNECTED)


# -- rule 4: down after calm


@pytest.mark.parametrize(
    ("state", "cooldown", "after"),
    [
        (S.PAUSE, 30_000, [S.PAUSE, S.READY, S.ACTIVE]),
        (S.DEGRADED, 5_000, [S.DEGRADED, S.ACTIVE, S.ACTIVE]),
        (S.THROTTLED, 10_000, [S.THROTTLED, S.ACTIVE, S.ACTIVE]),
        (S.READY, 0, [S.ACTIVE, S.ACTIVE, S.ACTIVE]),
    ],
)
def test_a_state_is_left_exactly_when_its_cooldown_is_over(
    state: OperatingState, cooldown: int, after: list[OperatingState]
) -> None:
    session = in_state(state)
    session.advance(500)
    clear(session, ROW_OF[state], 1_000)
    session.advance(1_000)  # the first step with a weaker target starts the timer
    if cooldown:
        assert session.effective(A) == (state, R.COOLDOWN)
    end = 1_000 + cooldown
    assert states(session, end - 1 if cooldown else end, end, end + 1) == after


@pytest.mark.parametrize("state", [S.PAUSE, S.DEGRADED, S.THROTTLED])
@pytest.mark.parametrize("by", ["the same trigger", "a worse one"])
def test_an_interruption_costs_the_whole_cooldown(state: OperatingState, by: str) -> None:
    session, row = in_state(state), ROW_OF[state]
    cooldown = {S.PAUSE: 30_000, S.DEGRADED: 5_000, S.THROTTLED: 10_000}[state]
    clear(session, row)
    session.advance(0)
    now = cooldown - 1
    interrupts = row if by == "the same trigger" else TABLE[3]  # DRAWDOWN, as bad as PAUSE
    apply(session, interrupts)
    session.advance(now)
    clear(session, interrupts)
    session.advance(now)
    held = session.effective(A)[0]
    longest = 30_000 if by == "a worse one" else cooldown
    assert states(session, now + longest - 1) == [held]
    assert states(session, now + longest) != [held]


def test_a_weaker_target_that_changes_does_not_start_the_cooldown_anew() -> None:
    session = in_state(S.PAUSE)
    session.set_global(operator_override=None, rate_limit_ban=True)
    session.advance(0)
    assert session.effective(A) == (S.PAUSE, R.COOLDOWN)
    session.set_global(rate_limit_ban=False)
    session.advance(20_000)
    assert states(session, 29_999, 30_000) == [S.PAUSE, S.READY]


def test_pause_is_left_for_what_still_holds() -> None:
    session = in_state(S.PAUSE)
    session.set_global(operator_override=None, rate_limit_ban=True)
    assert states(session, 0, 30_000) == [S.PAUSE, S.DEGRADED]
    assert session.effective(A) == (S.DEGRADED, R.RATE_LIMIT_BAN)


def test_degraded_is_left_straight_for_throttled() -> None:
    session = in_state(S.DEGRADED)
    session.set_global(rate_limit_ban=False, rate_budget_low=True)
    assert states(session, 0, 5_000) == [S.DEGRADED, S.THROTTLED]
    assert session.effective(A) == (S.THROTTLED, R.RATE_BUDGET_LOW)


def test_a_symbol_cools_down_on_its_own() -> None:
    session = a_session(A, B)
    session.set_symbol(A, toxicity=Toxicity.HIGH)
    session.advance(0)
    session.set_symbol(A, toxicity=Toxicity.MID)
    assert states(session, 0, 29_999, 30_000, 30_001) == [S.PAUSE, S.PAUSE, S.READY, S.THROTTLED]
    assert session.effective(B) == (S.ACTIVE, R.HEALTHY)


# -- EMERGENCY and rule 5


def test_emergency_lasts_until_somebody_resumes() -> None:
    session = in_state(S.EMERGENCY)
    session.set_global(kill_switch_active=False)
    session.advance(1)
    assert session.effective(A) == (S.EMERGENCY, R.AWAIT_RESUME)
    assert states(session, 10**12) == [S.EMERGENCY]
    session.set_global(operator_resume=True)
    (left,) = session.advance(10**12)
    assert isinstance(left, Transition)
    assert (left.from_state, left.to_state) == (S.EMERGENCY, S.READY)
    assert states(session, 10**12) == [S.ACTIVE]
    assert not session.machine.emergency_latched


def test_a_resume_leaves_emergency_for_what_still_holds() -> None:
    session = in_state(S.EMERGENCY)
    session.set_global(
        kill_switch_active=False, operator_override=Override.PAUSE, operator_resume=True
    )
    session.advance(1)
    assert session.effective(A) == (S.PAUSE, R.OPERATOR_PAUSE)


def test_a_resume_clears_neither_kill_switch_nor_override_nor_guard() -> None:
    for row in TABLE[:7]:
        session = a_session()
        apply(session, row)
        session.advance(0)
        session.set_global(operator_resume=True)
        assert kinds(session.advance(0)) == [StateNotice.RESUME_REFUSED]
        assert session.effective(A) == (row.state, row.reason)
        session.advance(1)
        assert session.effective(A) == (row.state, row.reason)


@pytest.mark.parametrize("state", list(S))
def test_a_resume_that_cannot_be_honoured_is_refused_and_spent(state: OperatingState) -> None:
    session = in_state(state)
    session.set_global(operator_resume=True)
    assert kinds(session.advance(0)) == [StateNotice.RESUME_REFUSED]
    assert not session.inputs.operator_resume
    if state is S.EMERGENCY:  # the old request must not work when the trigger goes
        session.set_global(kill_switch_active=False)
        assert states(session, 1) == [S.EMERGENCY]


def test_a_resume_together_with_its_trigger_is_refused() -> None:
    session = a_session()
    session.set_global(kill_switch_active=True, operator_resume=True)
    assert kinds(session.advance(0)) == [StateNotice.RESUME_REFUSED]
    assert session.effective(A) == (S.EMERGENCY, R.KILL_SWITCH)


@pytest.mark.parametrize("way", ["restart", "lease", "new process"])
def test_emergency_comes_back_after_recovery(way: str) -> None:
    session = in_state(S.EMERGENCY)
    session.set_global(kill_switch_active=False)
    session.advance(1)
    if way == "new process":
        latched = session.machine.emergency_latched
        session = Orchestrator.of(
            OrchestratorSettings(), (A,), inputs=GlobalInputs.healthy(), emergency_latched=latched
        )
        session.set_global(bootstrap_ok=False)
    elif way == "lease":
        session.set_global(ha_active=False)
        session.advance(2)
        session.set_global(ha_active=True)
    else:
        session.restart()
    session.advance(2)
    assert session.effective(A)[0] is S.INIT
    session.set_global(operator_resume=True)  # nobody knows yet whether it may be honoured
    assert StateNotice.RESUME_REFUSED in kinds(session.advance(3))
    session.set_global(bootstrap_ok=True, operator_resume=True)
    assert StateNotice.RESUME_REFUSED in kinds(session.advance(4))
    assert session.effective(A) == (S.EMERGENCY, R.AWAIT_RESUME)
    session.set_global(operator_resume=True)
    session.advance(5)
    assert session.effective(A)[0] is S.READY


def test_emergency_after_recovery_names_a_trigger_that_still_fires() -> None:
    session = in_state(S.EMERGENCY)
    session.restart()
    session.advance(1)
    session.set_global(bootstrap_ok=True)
    session.advance(2)
    assert session.effective(A) == (S.EMERGENCY, R.KILL_SWITCH)


# -- the table of intents


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("intent", list(RiskIntent))
def test_each_state_permits_what_its_row_says(state: OperatingState, intent: RiskIntent) -> None:
    session = in_state(state)
    assert session.permits(A, intent, 0) is permitted(state, intent, token=True)
    if state is S.THROTTLED:
        session.spend_token(A, 0)
        assert session.permits(A, intent, 0) is permitted(state, intent, token=False)
        assert session.permits(A, intent, 0, holds_token=True)


@pytest.mark.parametrize("intent", list(RiskIntent))
def test_a_token_that_is_held_opens_no_other_state(intent: RiskIntent) -> None:
    for state in (S.INIT, S.EMERGENCY, S.PAUSE, S.DEGRADED, S.READY):
        allowed = in_state(state).permits(A, intent, 0, holds_token=True)
        assert allowed is permitted(state, intent)


def test_throttled_lets_one_new_risk_pass_for_each_symbol_and_interval() -> None:
    session = a_session(A, B)
    session.set_global(rate_budget_low=True)
    session.advance(0)
    session.spend_token(A, 1_000)
    times = (1_000, 10_999, 11_000)
    assert [session.permits(A, INCREASE, now) for now in times] == [False, False, True]
    assert session.permits(B, INCREASE, 1_000)
    session.spend_token(A, 11_000)
    assert not session.permits(A, INCREASE, 20_999)


def test_new_risk_just_before_throttled_counts() -> None:
    session = a_session()
    for now in (5, 6):
        session.spend_token(A, now)
    session.set_global(rate_budget_low=True)
    session.advance(7)
    assert [session.permits(A, INCREASE, now) for now in (10_005, 10_006)] == [False, True]


def test_new_risk_without_permission_is_a_contradiction() -> None:
    session = in_state(S.THROTTLED)
    session.spend_token(A, 0)
    with pytest.raises(InvariantError, match="without permission"):
        session.spend_token(A, 9_999)
    with pytest.raises(InvariantError, match="without permission"):
        in_state(S.PAUSE).spend_token(A, 0)


def test_no_new_risk_passes_before_what_was_told_is_judged() -> None:
    session = a_session()
    session.set_global(kill_switch_active=True)
    assert not session.permits(A, INCREASE, 0)
    assert session.permits(A, REDUCE, 0)
    session = a_session()
    session.set_symbol(A, toxicity=Toxicity.MID)
    assert not session.permits(A, INCREASE, 0)
    session = a_session()
    session.restart()
    assert not any(session.permits(A, intent, 0) for intent in RiskIntent)


# -- what is cancelled


@pytest.mark.parametrize(
    ("state", "at_once"),
    [
        (S.INIT, False), (S.EMERGENCY, True), (S.PAUSE, True), (S.DEGRADED, False),
        (S.THROTTLED, False), (S.ACTIVE, False),
    ],
)  # fmt: skip
def test_what_a_state_does_to_resting_entries(state: OperatingState, at_once: bool) -> None:
    session = in_state(state)
    assert session.wants_entries_cancelled(A, 0) is at_once
    expected = at_once or state is S.DEGRADED
    assert session.wants_entries_cancelled(A, 10**9) is expected


@pytest.mark.parametrize("row", [row for row in TABLE if row.state is S.READY])
def test_ready_cancels_what_may_not_grow(row: Row) -> None:
    session = a_session()
    apply(session, row)
    session.advance(0)
    assert session.wants_entries_cancelled(A, 0) is (row.reason in {R.GUARD_FREEZE, R.NOT_SELECTED})


def test_a_freeze_is_seen_behind_another_reason_to_be_ready() -> None:
    session = a_session(A, B)
    session.set_global(ha_active=False)
    session.set_symbol(A, is_selected=False)
    session.advance(0)
    assert session.effective(A) == (S.READY, R.HA_NOT_ACTIVE)
    assert [session.wants_entries_cancelled(symbol, 0) for symbol in (A, B)] == [True, False]


def test_degraded_cancels_after_its_time_and_worse_states_count() -> None:
    session = a_session()
    session.set_global(rate_limit_ban=True)
    session.advance(1_000)
    assert not session.wants_entries_cancelled(A, 15_999)
    assert session.wants_entries_cancelled(A, 16_000)
    session.set_symbol(A, toxicity=Toxicity.HIGH)
    session.advance(2_000)
    assert session.wants_entries_cancelled(A, 2_000)
    session.set_symbol(A, toxicity=Toxicity.NONE)
    session.advance(2_000)
    session.advance(32_000)
    assert session.effective(A) == (S.DEGRADED, R.RATE_LIMIT_BAN)
    assert session.wants_entries_cancelled(A, 32_000)


def test_a_less_restrictive_state_starts_that_time_anew() -> None:
    session = a_session()
    session.set_global(rate_limit_ban=True)
    session.advance(0)
    session.set_global(rate_limit_ban=False)
    assert states(session, 1_000, 6_000) == [S.DEGRADED, S.ACTIVE]
    session.set_global(rate_limit_ban=True)
    session.advance(7_000)
    assert not session.wants_entries_cancelled(A, 21_999)
    assert session.wants_entries_cancelled(A, 22_000)


# -- both machines, the feed, the clock


def test_the_more_restrictive_of_both_machines_holds() -> None:
    session = a_session(A, B)
    session.set_global(rate_limit_ban=True)
    session.set_symbol(A, toxicity=Toxicity.HIGH)
    session.set_symbol(B, toxicity=Toxicity.MID)
    session.advance(0)
    assert session.effective(A) == (S.PAUSE, R.TOXICITY_HIGH)
    assert session.effective(B) == (S.DEGRADED, R.RATE_LIMIT_BAN)


def test_of_two_machines_in_one_state_the_one_with_a_trigger_is_quoted() -> None:
    session = a_session()
    session.set_global(rate_limit_ban=True)
    session.set_symbol(A, state_unreconciled=True)
    session.advance(0)
    session.set_global(rate_limit_ban=False)
    session.advance(1)
    assert session.machine.reason is R.COOLDOWN
    assert session.effective(A) == (S.DEGRADED, R.STATE_UNRECONCILED)


def test_a_market_event_ends_the_gap_which_only_a_timer_lets_grow() -> None:
    session = a_session()
    session.on_market(A, 0)
    assert session.advance(9_000) == ()  # no TIMER came: silence was not measured
    assert session.effective(A)[0] is S.ACTIVE
    session.on_timer(9_000)
    assert session.effective(A) == (S.DEGRADED, R.FEED_STALE)
    session.on_market(A, 9_100)
    session.advance(9_100)
    assert session.effective(A) == (S.DEGRADED, R.COOLDOWN)
    session.on_market(A, 14_099)
    assert states(session, 14_099, 14_100) == [S.DEGRADED, S.ACTIVE]


def test_silence_is_counted_from_the_first_timer_where_nothing_was_ever_heard() -> None:
    session = Orchestrator.of(OrchestratorSettings(), (A,), inputs=GlobalInputs.healthy())
    session.set_symbol(A, warmed_up=True, constraints_loaded=True)
    session.on_timer(10**12)
    assert session.effective(A)[0] is S.READY
    session.on_timer(10**12 + 5_000)
    assert session.effective(A)[0] is S.ACTIVE
    session.on_timer(10**12 + 5_001)
    assert session.effective(A) == (S.DEGRADED, R.FEED_STALE)


@pytest.mark.parametrize("teller", ["advance", "on_timer", "on_market"])
def test_a_time_that_goes_back_counts_as_the_last_one_and_is_reported(teller: str) -> None:
    session = in_state(S.DEGRADED)
    session.set_global(rate_limit_ban=False)
    session.advance(1_000)
    if teller == "on_market":
        session.on_market(A, 400)
        session = load_state(Orchestrator, json.loads(canonical_json(dump_state(session))))
        records = session.advance(1_000)
    else:
        records = getattr(session, teller)(400)
    assert records == (
        Notice(
            ts_ms=1_000,
            kind=StateNotice.TIME_WENT_BACK,
            detail="400 after 1000; the later one counts",
        ),
    )
    assert session.now_ms == 1_000
    assert session.advance(1_000) == ()
    assert states(session, 5_999, 6_000) == [S.DEGRADED, S.ACTIVE]
    session.spend_token(A, 3)  # at 6000, as the session counts
    assert session.symbols[A].token_spent_ms == 6_000


def test_a_symbol_may_come_later_and_begins_with_init() -> None:
    session = a_session(B)
    session.add_symbol(A)
    session.add_symbol(B)  # it is there: nothing happens
    assert list(session.symbols) == [A, B]
    assert session.effective(A)[0] is S.INIT
    assert not session.permits(A, CANCEL, 0)
    session.advance(5)
    assert session.effective(A) == (S.READY, R.CONSTRAINTS_MISSING)
    assert session.effective(B) == (S.ACTIVE, R.HEALTHY)


class Untouchable:
    """Inputs that nobody may read."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def test_where_nothing_changed_nothing_is_read() -> None:
    session = a_session(A, B)
    session.advance(10)
    session.inputs = Untouchable()  # type: ignore[assignment]
    for watch in session.symbols.values():
        watch.inputs = Untouchable()  # type: ignore[assignment]
    assert session.advance(11) == ()
    assert session.advance(10**15) == ()
    session.is_pending = True
    with pytest.raises(AssertionError):  # the proof that it would have been noticed
        session.advance(10**15)


def test_a_timer_that_runs_is_not_slept_through() -> None:
    session = in_state(S.PAUSE)
    session.set_global(operator_override=None)
    session.advance(0)
    inputs = session.inputs
    session.inputs = Untouchable()  # type: ignore[assignment]
    assert session.advance(29_999) == ()  # the cooldown runs: still nothing to look at
    session.inputs = inputs
    assert states(session, 30_000) == [S.READY]


def test_every_reason_of_a_state_can_be_compared() -> None:
    """Two machines in one state always have a reason each that can be quoted."""
    session = a_session()
    for reason in StateReason:
        session.machine.reason = reason
        assert session.effective(A)[0] is S.ACTIVE
