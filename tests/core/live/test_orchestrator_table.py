"""LIVE-14, the trigger table: every row alone, every pair of rows, its order and its targets."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations, pairwise

import pytest

from grinder_core.contracts.enums import Override
from grinder_core.contracts.live import GuardSeverity, OperatingState, StateReason, Toxicity
from grinder_core.engine.orchestrator_inputs import GlobalInputs, SymbolInputs
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.engine.orchestrator_triggers import (
    OTHERWISE,
    TRIGGERS,
    global_target,
    symbol_target,
)
from grinder_core.errors import ConfigError, ContractError
from grinder_core.resilience.breaker_settings import CircuitState
from tests.core.live.orchestrators import RANK, TABLE, A, R, Row, S, a_session, apply

LIMITS = OrchestratorSettings()
PAIRS = [
    (first, second)
    for first, second in combinations(TABLE, 2)
    if (first.scope, first.key) != (second.scope, second.key)
]


def shown(row: Row) -> str:
    return f"{row.scope}-{row.reason}"


def test_the_order_and_the_targets_of_the_triggers_are_a_contract() -> None:
    """A changed line here is a changed safety rule: row numbers are those of the page."""
    assert [(t.reason.value, t.target.value) for t in TRIGGERS] == [
        ("KILL_SWITCH", "EMERGENCY"),  # 1
        ("OPERATOR_EMERGENCY", "EMERGENCY"),  # 2
        ("OPERATOR_PAUSE", "PAUSE"),  # 3
        ("DRAWDOWN", "PAUSE"),  # 4
        ("TOXICITY_HIGH", "PAUSE"),  # 5
        ("GUARD_PAUSE", "PAUSE"),
        ("SCHEDULE_CLOSED", "PAUSE"),
        ("RATE_LIMIT_BAN", "DEGRADED"),  # 6
        ("FEED_DISCONNECTED", "DEGRADED"),  # 7
        ("FEED_STALE", "DEGRADED"),  # 8
        ("USER_STREAM_DOWN", "DEGRADED"),  # 9
        ("CIRCUIT_OPEN", "DEGRADED"),  # 10
        ("STATE_UNRECONCILED", "DEGRADED"),  # 11
        ("SNAPSHOT_STALE", "DEGRADED"),  # 12
        ("CLOCK_SKEW", "DEGRADED"),  # 13
        ("STATE_WRITE_FAILED", "DEGRADED"),  # 14
        ("DEAD_MAN_FAILED", "DEGRADED"),
        ("HA_NOT_ACTIVE", "READY"),  # 15
        ("CONSTRAINTS_MISSING", "READY"),  # 16
        ("WARMUP", "READY"),  # 17
        ("GUARD_FREEZE", "READY"),
        ("NOT_SELECTED", "READY"),
        ("TOXICITY_MID", "THROTTLED"),  # 18
        ("RATE_BUDGET_LOW", "THROTTLED"),  # 19
    ]
    assert OTHERWISE == (S.ACTIVE, R.HEALTHY)  # 20


def test_ranks_never_rise_again_along_the_table() -> None:
    targets = [*(trigger.target for trigger in TRIGGERS), OTHERWISE[0]]
    assert all(RANK[before] >= RANK[after] for before, after in pairwise(targets))
    assert {state: state.rank for state in OperatingState} == RANK


def test_every_row_looks_where_the_page_says() -> None:
    looks = {(row.reason, row.scope) for row in TABLE}
    assert looks == {(t.reason, "session") for t in TRIGGERS if t.on_global} | {
        (t.reason, "symbol") for t in TRIGGERS if t.on_symbol
    }


@pytest.mark.parametrize("row", TABLE, ids=shown)
def test_a_row_alone_gives_its_target_and_reason(row: Row) -> None:
    session = a_session()
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)
    apply(session, row)
    session.advance(0)
    assert session.effective(A) == (row.state, row.reason)


@pytest.mark.parametrize("row", TABLE, ids=shown)
def test_a_row_of_one_symbol_leaves_the_others_alone(row: Row) -> None:
    session = a_session(A, "BBBUSDT")
    apply(session, row)
    session.on_market("BBBUSDT", 0)
    session.advance(0)
    elsewhere = session.effective("BBBUSDT")
    everywhere = row.scope == "session"
    assert elsewhere == ((row.state, row.reason) if everywhere else (S.ACTIVE, R.HEALTHY))


def test_of_every_two_rows_the_first_one_wins() -> None:
    assert len(PAIRS) > 350
    for first, second in PAIRS:
        for order in ((first, second), (second, first)):
            session = a_session()
            for row in order:
                apply(session, row)
            session.advance(0)
            assert session.effective(A) == (first.state, first.reason), (first, second)


@pytest.mark.parametrize(
    ("key", "limit", "reason"),
    [
        ("snapshot_age_ms", 120_000, R.SNAPSHOT_STALE),
        ("clock_skew_ms", 1_000, R.CLOCK_SKEW),
        ("clock_skew_ms", -1_000, R.CLOCK_SKEW),
    ],
)
def test_a_limit_itself_is_still_well(key: str, limit: int, reason: StateReason) -> None:
    session = a_session()
    session.set_global(**{key: limit})
    session.advance(0)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)
    session.set_global(**{key: limit + (1 if limit > 0 else -1)})
    session.advance(0)
    assert session.effective(A) == (S.DEGRADED, reason)


def test_the_feed_may_be_silent_for_exactly_its_limit() -> None:
    session = a_session()
    session.on_market(A, 100)
    session.on_timer(5_100)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)
    session.on_timer(5_101)
    assert session.effective(A) == (S.DEGRADED, R.FEED_STALE)


def test_a_quiet_symbol_may_have_a_limit_of_its_own() -> None:
    session = a_session(A, "BBBUSDT", feed_stale_ms_by_symbol={A: Decimal(60_000)})
    session.on_timer(5_001)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)
    assert session.effective("BBBUSDT") == (S.DEGRADED, R.FEED_STALE)
    session.on_timer(60_000)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)
    session.on_timer(60_001)
    assert session.effective(A) == (S.DEGRADED, R.FEED_STALE)


def test_what_is_milder_than_a_row_does_not_fire_it() -> None:
    mild = GlobalInputs.healthy()
    for changes in (
        {"place_circuit": CircuitState.HALF_OPEN},
        {"guard": GuardSeverity.SOFTEN},
        {"guard": GuardSeverity.REDUCE},
    ):
        session = a_session()
        session.set_global(**changes)
        session.advance(0)
        assert session.effective(A) == (S.ACTIVE, R.HEALTHY), changes
    assert global_target(mild, LIMITS) == OTHERWISE
    assert symbol_target(SymbolInputs.healthy(), LIMITS) == OTHERWISE


def test_nothing_is_taken_as_proven_before_somebody_says_so() -> None:
    unproven = GlobalInputs()
    assert not any(
        (unproven.bootstrap_ok, unproven.feed_connected, unproven.user_stream_ok,
         unproven.persist_ok, unproven.ha_active)
    )  # fmt: skip
    assert not SymbolInputs().warmed_up
    assert not SymbolInputs().constraints_loaded


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kill_switch_active": 1}, "kill_switch_active = 1: must be true or false"),
        ({"clock_skew_ms": True}, "clock_skew_ms = True: must be an integer"),
        ({"clock_skew_ms": "5"}, "must be an integer"),
        ({"operator_override": "PAUSE"}, "must be none or one of PAUSE, EMERGENCY"),
        ({"drawdown_state": Override.PAUSE}, "must be one of NORMAL, DRAWDOWN"),
        ({"place_circuit": "open"}, "must be one of closed, open, half_open"),
        ({"healthy": True}, "healthy: is no input of the orchestrator"),
        ({"toxicity": Toxicity.HIGH}, "toxicity: is no input of the orchestrator"),
    ],
)
def test_an_input_that_cannot_be_is_refused_whole(changes: dict[str, object], match: str) -> None:
    session = a_session()
    with pytest.raises(ContractError, match=match):
        session.set_global(feed_connected=False, **changes)
    session.advance(0)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"toxicity": "HIGH"}, "must be one of NONE, MID, HIGH"),
        ({"warmed_up": 0}, "must be true or false"),
        ({"ha_active": False}, "is no input"),
        ({"feed_gap_ms": 9}, "is measured, not told; report the market with on_market"),
    ],
)
def test_so_is_one_of_a_symbol(changes: dict[str, object], match: str) -> None:
    session = a_session()
    with pytest.raises(ContractError, match=match):
        session.set_symbol(A, is_selected=False, **changes)
    session.advance(0)
    assert session.effective(A) == (S.ACTIVE, R.HEALTHY)


def test_an_unknown_symbol_is_named() -> None:
    session = a_session()
    for ask in (
        lambda: session.set_symbol("XUSDT", warmed_up=True),
        lambda: session.on_market("XUSDT", 1),
        lambda: session.effective("XUSDT"),
        lambda: session.wants_entries_cancelled("XUSDT", 1),
    ):
        with pytest.raises(ContractError, match="symbol = 'XUSDT': is not watched"):
            ask()
    with pytest.raises(ContractError, match="symbol"):
        session.add_symbol("no symbol")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"feed_stale_ms": 0}, "must be >= 1"),
        ({"pause_cooldown_ms": -1}, "must be >= 0"),
        ({"throttle_interval_ms": 0}, "must be >= 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(changes: dict[str, int], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        OrchestratorSettings(**changes)
    with pytest.raises(ConfigError, match="whole milliseconds"):
        OrchestratorSettings(feed_stale_ms_by_symbol={A: Decimal("1.5")})


def test_the_defaults_are_the_pages() -> None:
    assert (
        LIMITS.feed_stale_ms,
        LIMITS.snapshot_stale_ms,
        LIMITS.clock_skew_max_ms,
        LIMITS.init_timeout_ms,
    ) == (5_000, 120_000, 1_000, 60_000)
    assert [LIMITS.cooldown_ms(state) for state in (S.PAUSE, S.DEGRADED, S.THROTTLED)] == [
        30_000, 5_000, 10_000
    ]  # fmt: skip
    assert (LIMITS.throttle_interval_ms, LIMITS.degraded_cancel_after_ms) == (10_000, 15_000)
