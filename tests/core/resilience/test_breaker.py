"""LIVE-05, SCR-06, MM-19: the one breaker against a twin that lives through every millisecond."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.errors import (
    CircuitOpenError,
    ConfigError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    IdempotencyConflictError,
)
from grinder_core.resilience.breaker import Circuit, OperationBreaker, Ticket
from grinder_core.resilience.breaker_settings import (
    LIVE,
    PUBLIC_REST,
    QUOTING,
    BreakerSettings,
    CircuitState,
    Failure,
    HardSignal,
    Operation,
    TripReason,
    default_trip_on,
)

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
OPS = list(Operation)
# small times, so that many changes of state fit into a short life
SETTINGS = st.builds(
    BreakerSettings,
    failure_threshold=st.integers(1, 3),
    open_interval_ms=st.integers(1, 8),
    half_open_probe_count=st.integers(1, 3),
    success_threshold=st.integers(1, 3),
    probe_timeout_ms=st.integers(1, 12),
    rate_limit_open_ms=st.integers(1, 10),
    ban_open_ms=st.integers(1, 20),
    named_time_only_lengthens=st.booleans(),
    late_failure_lengthens=st.booleans(),
    share_window_ms=st.sampled_from((0, 0, 5, 30)),
    share_min_results=st.integers(1, 4),
    share_error_bps=st.sampled_from((5000, 6667, 10_000)),
    share_5xx_bps=st.sampled_from((2000, 5000)),
    share_429_bps=st.sampled_from((2000, 5000)),
    share_cooldown_ms=st.integers(0, 6),
)
ACTIONS = st.one_of(
    st.tuples(st.just("call")),
    st.tuples(st.just("call")),
    st.tuples(st.just("success"), st.integers(0, 3)),
    st.tuples(st.sampled_from(Failure), st.integers(0, 3)),
    st.tuples(st.sampled_from(Failure), st.integers(0, 3)),
    st.tuples(st.just("uncounted"), st.integers(0, 3)),
    st.tuples(st.sampled_from(HardSignal), st.none() | st.integers(0, 15)),
)
LIVES = st.lists(st.tuples(st.integers(0, 6), ACTIONS), max_size=40)


@define
class Twin:
    """The tables of the specification, one millisecond after the other."""

    s: BreakerSettings
    t: int = 0
    state: str = "closed"
    era: int = 0
    since: int = 0
    until: int = 0
    banned: bool = False
    run: int = 0
    window: list[tuple[int, str]] = field(factory=list)
    reported: list[str] = field(factory=list)
    flying: list[tuple[int, int]] = field(factory=list)  # number and time of each probe

    def change(self, state: str) -> None:
        self.state, self.since, self.era = state, self.t, self.era + 1
        self.run, self.window, self.reported, self.flying = 0, [], [], []
        self.banned = False

    def trip(self, duration: int) -> None:
        self.change("open")
        self.until = self.t + duration

    def too_many(self, results: list[str]) -> bool:
        bad = [r for r in results if r != "success"]
        return (
            10_000 * len(bad) >= self.s.share_error_bps * len(results)
            or 10_000 * bad.count("5xx") >= self.s.share_5xx_bps * len(results)
            or 10_000 * bad.count("429") >= self.s.share_429_bps * len(results)
        )

    def probe_reports(self, result: str) -> None:
        self.reported.append(result)
        if not self.s.share_window_ms:
            if result != "success":
                self.trip(self.s.open_interval_ms)
            elif len(self.reported) == self.s.success_threshold:
                self.change("closed")

    def judge_if_due(self) -> None:
        if (
            self.state == "half_open"
            and self.s.share_window_ms
            and len(self.reported) == self.s.half_open_probe_count
            and self.t - self.since >= self.s.share_cooldown_ms
        ):
            if self.too_many(self.reported):
                self.trip(self.s.open_interval_ms)
            else:
                self.change("closed")

    def time_does_its_part(self) -> None:
        if self.state == "open" and self.t >= self.until:
            self.change("half_open")
        while self.flying and self.t - self.flying[0][1] >= self.s.probe_timeout_ms:
            self.flying.pop(0)
            self.probe_reports("lost")
        self.judge_if_due()

    def live_until(self, t: int) -> None:
        while self.t < t:
            self.t += 1
            self.time_does_its_part()

    def permits(self) -> bool:
        used = len(self.flying) + (len(self.reported) if self.s.share_window_ms else 0)
        return self.state == "closed" or (
            self.state == "half_open" and used < self.s.half_open_probe_count
        )

    def call(self, number: int) -> int:
        if self.state == "half_open":
            self.flying.append((number, self.t))
        return self.era

    def result(self, number: int, era: int, result: str) -> None:
        if self.state == "open":
            if self.s.late_failure_lengthens and result in set(Failure):
                self.until = max(self.until, self.t + self.s.open_interval_ms)
        elif era == self.era and self.state == "closed" and result != "uncounted":
            self.run = 0 if result == "success" else self.run + 1
            self.window = [(t, r) for t, r in self.window if t > self.t - self.s.share_window_ms]
            self.window.append((self.t, result))
            if self.run == self.s.failure_threshold or (
                self.s.share_window_ms
                and len(self.window) >= self.s.share_min_results
                and self.too_many([r for _, r in self.window])
            ):
                self.trip(self.s.open_interval_ms)
        elif self.state == "half_open" and number in [n for n, _ in self.flying]:
            self.flying = [(n, t) for n, t in self.flying if n != number]
            if result != "uncounted":
                self.probe_reports(result)
                self.judge_if_due()

    def hard(self, signal: HardSignal, retry: int | None) -> None:
        own = self.s.ban_open_ms if signal == "418" else self.s.rate_limit_open_ms
        duration = own if retry is None else retry
        if self.s.named_time_only_lengthens:
            duration = max(own, duration)
        if self.state == "open":
            self.until = max(self.until, self.t + duration)
        else:
            self.trip(duration)
        self.banned = self.banned or signal == "418"
        self.time_does_its_part()  # a silence of 0 ms


@define
class Pair:
    """The circuit and its twin, led through the same life."""

    circuit: Circuit
    twin: Twin
    tickets: list[tuple[Ticket, int]] = field(factory=list)
    now: int = 0

    def act(self, dt: int, action: tuple[Any, ...]) -> None:
        self.now += dt
        self.twin.live_until(self.now)
        self.agree()
        name, *rest = action
        if name == "call":
            self.call()
        elif name in set(HardSignal) and isinstance(name, HardSignal):
            self.circuit.hard_signal(name, self.now, rest[0])
            self.twin.hard(name, rest[0])
        elif self.tickets:
            self.report(name, *self.tickets[-1 - rest[0] % len(self.tickets)])
        self.agree()

    def call(self) -> None:
        admitted = self.twin.permits()
        if not admitted:
            with pytest.raises(CircuitOpenError):
                self.circuit.before_call(self.now)
            return
        ticket = self.circuit.before_call(self.now)
        self.tickets.append((ticket, self.twin.call(ticket.number)))

    def report(self, result: str, ticket: Ticket, era: int) -> None:
        if result == "success":
            self.circuit.record_success(ticket, self.now)
        elif result == "uncounted":
            self.circuit.release(ticket, self.now)
        else:
            self.circuit.record_failure(ticket, self.now, Failure(result))
        self.tickets.remove((ticket, era))  # each result is reported once
        self.twin.result(ticket.number, era, str(result))

    def agree(self) -> None:
        assert self.circuit.state(self.now).value == self.twin.state
        assert self.circuit.permits(self.now) == self.twin.permits()
        assert self.circuit.banned(self.now) == self.twin.banned
        assert self.circuit.is_open(self.now) == (self.twin.state == "open")


def live(settings: BreakerSettings, life: list[tuple[int, tuple[Any, ...]]]) -> Pair:
    pair = Pair(Circuit("place", settings), Twin(settings))
    for dt, action in life:
        pair.act(dt, action)
    return pair


def fail(circuit: Circuit, now: int, times: int = 1, reason: Failure = Failure.ERROR) -> None:
    for _ in range(times):
        circuit.record_failure(circuit.before_call(now), now, reason)


def succeed(circuit: Circuit, now: int, times: int = 1) -> None:
    for _ in range(times):
        circuit.record_success(circuit.before_call(now), now)


# -- the machine -------------------------------------------------------------------------------


@given(SETTINGS, LIVES)
def test_the_circuit_lives_as_its_twin_and_survives_a_dump(
    settings: BreakerSettings, life: list[tuple[int, tuple[Any, ...]]]
) -> None:
    half = len(life) // 2
    pair = live(settings, life[:half])
    pair.circuit = load_state(Circuit, json.loads(canonical_json(dump_state(pair.circuit))))
    for dt, action in life[half:]:
        pair.act(dt, action)
    loaded = load_state(Circuit, json.loads(canonical_json(dump_state(pair.circuit))))
    assert loaded == pair.circuit
    pair.twin.live_until(pair.now + 60)
    pair.now += 60  # whatever is due by time alone
    pair.agree()


@given(SETTINGS, LIVES)
def test_calls_that_succeed_lead_back_to_closed(
    settings: BreakerSettings, life: list[tuple[int, tuple[Any, ...]]]
) -> None:
    """I-05.4, also with probes of before that never report."""
    pair = live(settings, life)
    circuit, now = pair.circuit, pair.now
    for _ in range(200):
        now += 1
        if circuit.permits(now):
            circuit.record_success(circuit.before_call(now), now)
    assert circuit.state(now) is CLOSED


@given(SETTINGS, LIVES, st.lists(st.integers(0, 3), max_size=40))
def test_asking_more_often_changes_nothing(
    settings: BreakerSettings, life: list[tuple[int, tuple[Any, ...]]], pauses: list[int]
) -> None:
    """I-05.3: the state is a function of times and results."""
    quiet, asked = Circuit("place", settings), Circuit("place", settings)
    tickets: list[Ticket] = []
    now = 0
    for index, (dt, (name, *rest)) in enumerate(life):
        for t in range(now, now + dt, 1 + (pauses[index] if index < len(pauses) else 0)):
            asked.state(t)
            asked.permits(t)
        now += dt
        for circuit in (quiet, asked):
            if isinstance(name, HardSignal):
                circuit.hard_signal(name, now, rest[0])
            elif name == "call":
                try:
                    ticket = circuit.before_call(now)
                except CircuitOpenError:
                    continue
                if circuit is asked:
                    tickets.append(ticket)
            elif tickets and name == "success":
                circuit.record_success(tickets[rest[0] % len(tickets)], now)
            elif tickets and isinstance(name, Failure):
                circuit.record_failure(tickets[rest[0] % len(tickets)], now, name)
    assert quiet.state(now) is asked.state(now)
    assert quiet == asked


def test_now_must_not_go_back() -> None:
    circuit = Circuit("place", BreakerSettings())
    assert circuit.state(5) is CLOSED
    with pytest.raises(ContractError, match="now"):
        circuit.state(4)


# -- LIVE-05 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_five_failures_open_for_thirty_seconds_but_exits_and_cancels_for_five(
    op: Operation,
) -> None:
    breaker = OperationBreaker.of()
    length = 5000 if op in {Operation.CANCEL, Operation.REDUCE} else 30_000
    for at in (1, 2, 3, 4):
        breaker.record_failure(breaker.before_call(op, at), at)
    assert breaker.state(op, 4) is CLOSED
    breaker.record_failure(breaker.before_call(op, 7), 7, Failure.SERVER)
    assert not breaker.allow(op, 7)
    with pytest.raises(CircuitOpenError, match="nothing was sent"):
        breaker.before_call(op, 7 + length - 1)
    assert breaker.state(op, 7 + length) is HALF_OPEN  # without any call
    probe = breaker.before_call(op, 7 + length)
    assert not breaker.allow(op, 7 + length)  # one probe at a time
    breaker.record_success(probe, 7 + length)
    assert breaker.state(op, 7 + length) is CLOSED
    others = {breaker.state(other, 7 + length) for other in OPS if other is not op}
    assert others == {CLOSED}


def test_a_success_ends_the_run_and_an_uncounted_result_does_not() -> None:
    circuit = Circuit("place", BreakerSettings())
    fail(circuit, 0, 4)
    succeed(circuit, 0)
    fail(circuit, 0, 4)
    circuit.release(circuit.before_call(0), 0)
    assert circuit.state(0) is CLOSED
    fail(circuit, 0)
    assert circuit.state(0) is OPEN
    assert circuit.trips[TripReason.THRESHOLD] == 1


def test_a_failed_probe_starts_the_timer_anew_and_an_unused_one_gives_its_slot_back() -> None:
    circuit = Circuit("place", BreakerSettings())
    fail(circuit, 0, 5)
    circuit.release(circuit.before_call(30_000), 30_000)  # a cached answer
    circuit.record_failure(circuit.before_call(31_000), 32_000)
    assert circuit.trips[TripReason.HALF_OPEN_FAILURE] == 1
    assert circuit.state(61_999) is OPEN
    assert circuit.state(62_000) is HALF_OPEN


def test_results_of_calls_admitted_before_the_last_change_say_nothing() -> None:
    circuit = Circuit("place", BreakerSettings(half_open_probe_count=2))
    early = circuit.before_call(0)
    fail(circuit, 0, 5)
    circuit.record_failure(early, 10_000)  # while open
    assert circuit.state(30_000) is HALF_OPEN
    earlier = [circuit.before_call(30_000), circuit.before_call(30_000)]
    circuit.record_failure(early, 30_000)
    circuit.record_success(early, 30_000)
    assert circuit.state(30_000) is HALF_OPEN
    circuit.record_success(earlier[0], 30_001)
    assert circuit.state(30_001) is CLOSED
    circuit.record_failure(earlier[1], 30_002)
    fail(circuit, 30_002, 4)
    assert circuit.state(30_002) is CLOSED  # four, not five


def test_a_probe_that_never_reports_is_an_error() -> None:
    circuit = Circuit("place", BreakerSettings())
    fail(circuit, 0, 5)
    lost = circuit.before_call(30_000)
    assert circuit.state(59_999) is HALF_OPEN
    assert circuit.state(60_000) is OPEN
    circuit.record_success(lost, 60_001)
    assert circuit.state(89_999) is OPEN
    assert circuit.state(90_000) is HALF_OPEN


COUNTED: list[tuple[ConnectorError, bool]] = [
    (ConnectorTransientError("HTTP 502"), True),
    (ConnectorTimeoutError("place", 5000), True),
    (ConnectorNonRetryableError("HTTP 400"), False),
    (IdempotencyConflictError("the same write is under way"), False),
    (CircuitOpenError("is open"), False),
    (ConnectorClosedError("place"), False),
    (ConnectorOutcomeUnknownError("place", "grinder_1"), False),
]


@pytest.mark.parametrize(("error", "counts"), COUNTED)
def test_only_transient_errors_and_timeouts_count(error: ConnectorError, counts: bool) -> None:
    assert default_trip_on(error) is counts


@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.sampled_from(OPS[:4]), ACTIONS), min_size=10, max_size=60
    )
)
def test_operations_never_influence_each_other_but_by_a_hard_signal(
    life: list[tuple[int, Operation, tuple[Any, ...]]],
) -> None:
    """I-05.1: each operation ends as a circuit that saw nothing of the others."""
    breaker = OperationBreaker.of()
    alone = {op: Circuit(op.value, LIVE[op]) for op in OPS}
    flying: dict[Operation, list[Ticket]] = {op: [] for op in OPS}
    now = 0
    for dt, op, (name, *rest) in life:
        now += dt
        if isinstance(name, HardSignal):
            breaker.hard_signal(name, now, rest[0])
            for circuit in alone.values():
                circuit.hard_signal(name, now, rest[0])
        elif name == "call":
            assert breaker.allow(op, now) == alone[op].permits(now)
            if alone[op].permits(now):
                flying[op].append(alone[op].before_call(now))
                assert breaker.before_call(op, now) == flying[op][-1]
        elif flying[op]:
            ticket = flying[op].pop()
            for report, counted in ((breaker, name), (alone[op], name)):
                if isinstance(counted, Failure):
                    report.record_failure(ticket, now, counted)
                elif counted == "success":
                    report.record_success(ticket, now)
                else:
                    report.release(ticket, now)
    assert {op: breaker.state(op, now) for op in OPS} == {op: alone[op].state(now) for op in OPS}
    loaded = load_state(OperationBreaker, json.loads(canonical_json(dump_state(breaker))))
    assert loaded == breaker


# -- hard signals ------------------------------------------------------------------------------

MINUTE = 1_735_689_600_000  # 2025-01-01 00:00:00 UTC

SILENCES = [
    # signal, when, Retry-After, until
    (HardSignal.RATE_LIMIT, MINUTE + 12_345, None, MINUTE + 60_000),
    (HardSignal.RATE_LIMIT, MINUTE, None, MINUTE + 60_000),
    (HardSignal.RATE_LIMIT, MINUTE + 59_999, None, MINUTE + 60_000),
    (HardSignal.RATE_LIMIT, MINUTE + 12_345, 1000, MINUTE + 13_345),
    (HardSignal.RATE_LIMIT, MINUTE, 120_000, MINUTE + 120_000),
    (HardSignal.BAN, MINUTE + 7, None, MINUTE + 300_007),
    (HardSignal.BAN, MINUTE, 120_000, MINUTE + 120_000),
    (HardSignal.BAN, MINUTE, 259_200_000, MINUTE + 259_200_000),
]


@pytest.mark.parametrize(("signal", "now", "retry_after", "until"), SILENCES)
def test_a_hard_signal_opens_every_operation_until_the_venue_says(
    signal: HardSignal, now: int, retry_after: int | None, until: int
) -> None:
    breaker = OperationBreaker.of()
    breaker.hard_signal(signal, now, retry_after)
    for op in OPS:
        assert breaker.state(op, until - 1) is OPEN
        assert breaker.circuits[op].banned(until - 1) == (signal is HardSignal.BAN)
        assert breaker.state(op, until) is HALF_OPEN
        assert not breaker.circuits[op].banned(until)
        assert breaker.circuits[op].trips[TripReason.HARD_SIGNAL] == 1


def test_the_later_deadline_wins_in_either_order() -> None:
    for first, second in ((1000, 50_000), (50_000, 1000)):
        circuit = Circuit("place", BreakerSettings())
        circuit.hard_signal(HardSignal.BAN, MINUTE, first)
        circuit.hard_signal(HardSignal.RATE_LIMIT, MINUTE, second)
        assert circuit.state(MINUTE + 49_999) is OPEN
        assert circuit.banned(MINUTE + 49_999)
        assert circuit.state(MINUTE + 50_000) is HALF_OPEN
    failed = Circuit("place", BreakerSettings())
    fail(failed, MINUTE, 5)
    failed.hard_signal(HardSignal.RATE_LIMIT, MINUTE, 1000)
    assert failed.state(MINUTE + 29_999) is OPEN


def test_a_hard_signal_in_answer_to_a_stale_call_still_opens() -> None:
    circuit = Circuit("place", BreakerSettings())
    fail(circuit, MINUTE, 5)
    succeed(circuit, MINUTE + 30_000)
    circuit.hard_signal(HardSignal.RATE_LIMIT, MINUTE + 30_001, 5000)
    assert circuit.state(MINUTE + 35_000) is OPEN
    assert circuit.state(MINUTE + 35_001) is HALF_OPEN


# -- SCR-06 ------------------------------------------------------------------------------------

PUBLIC = [
    (HardSignal.RATE_LIMIT, None, 30_000),
    (HardSignal.RATE_LIMIT, 60_000, 60_000),
    (HardSignal.RATE_LIMIT, 1000, 30_000),
    (HardSignal.BAN, None, 300_000),
    (HardSignal.BAN, 120_000, 300_000),
    (HardSignal.BAN, 400_000, 400_000),
]


@pytest.mark.parametrize(("signal", "retry_after", "length"), PUBLIC)
def test_the_public_host_is_left_alone_at_least_as_long_as_set(
    signal: HardSignal, retry_after: int | None, length: int
) -> None:
    circuit = Circuit("fapi", PUBLIC_REST)
    circuit.hard_signal(signal, 0, retry_after)
    assert not circuit.permits(length - 1)
    assert circuit.banned(length - 1) == (signal is HardSignal.BAN)
    assert circuit.permits(length)
    assert circuit.state(length) is HALF_OPEN
    assert not circuit.banned(length)


def test_a_failure_reported_while_the_public_host_is_open_keeps_the_later_deadline() -> None:
    circuit = Circuit("fapi", PUBLIC_REST)
    late, later, success = (circuit.before_call(0) for _ in range(3))
    fail(circuit, 0, 5)
    circuit.record_success(success, 9000)
    circuit.record_failure(late, 10_000)
    assert circuit.state(39_999) is OPEN
    circuit.hard_signal(HardSignal.BAN, 39_999)
    circuit.record_failure(later, 39_999)  # 300 s stay
    assert circuit.state(339_998) is OPEN
    assert circuit.state(339_999) is HALF_OPEN


# -- MM-19 -------------------------------------------------------------------------------------


def test_half_of_twelve_results_opens() -> None:
    circuit = Circuit("place", QUOTING[Operation.PLACE])
    succeed(circuit, 0, 4)
    fail(circuit, 1, 3)
    succeed(circuit, 2)
    fail(circuit, 3)
    succeed(circuit, 4)
    fail(circuit, 5)
    assert circuit.state(5) is CLOSED  # five of eleven
    fail(circuit, 6)
    assert circuit.state(6) is OPEN
    assert circuit.trips[TripReason.SHARE] == 1


def test_nine_results_are_too_few_for_a_share() -> None:
    circuit = Circuit("place", QUOTING[Operation.PLACE])
    fail(circuit, 0, 4)
    succeed(circuit, 0)
    fail(circuit, 0, 4)
    assert circuit.state(0) is CLOSED
    succeed(circuit, 0)  # the tenth, itself a success
    assert circuit.state(0) is OPEN


@pytest.mark.parametrize(
    ("reason", "bad", "state"),
    [
        (Failure.ERROR, 4, CLOSED),
        (Failure.SERVER, 1, CLOSED),
        (Failure.SERVER, 2, OPEN),
        (Failure.RATE_LIMIT, 1, CLOSED),
        (Failure.RATE_LIMIT, 2, OPEN),
    ],
)
def test_each_kind_of_failure_has_its_own_share(
    reason: Failure, bad: int, state: CircuitState
) -> None:
    circuit = Circuit("place", QUOTING[Operation.PLACE])
    fail(circuit, 0, bad, reason)
    succeed(circuit, 0, 10 - bad)
    assert circuit.state(0) is state


def test_results_leave_the_window_after_sixty_seconds() -> None:
    for at, state in ((59_999, OPEN), (60_000, CLOSED)):
        circuit = Circuit("place", QUOTING[Operation.PLACE])
        fail(circuit, 0)
        for _ in range(4):
            succeed(circuit, 1)
            fail(circuit, 1)
        circuit.record_success(circuit.before_call(at), at)
        assert circuit.state(at) is state


@pytest.mark.parametrize(("bad", "state"), [(2, CLOSED), (3, OPEN)])
def test_five_probes_are_judged_together_after_five_seconds(bad: int, state: CircuitState) -> None:
    circuit = Circuit("place", QUOTING[Operation.PLACE])
    fail(circuit, 0, 5)
    fail(circuit, 30_000, bad)
    succeed(circuit, 30_000, 5 - bad)
    assert not circuit.permits(34_999)  # each probe is spent
    assert circuit.state(34_999) is HALF_OPEN
    assert circuit.state(35_000) is state


def test_a_probe_without_a_result_after_thirty_seconds_counts_as_an_error() -> None:
    for lost, state in ((2, CLOSED), (3, OPEN)):
        circuit = Circuit("place", QUOTING[Operation.PLACE])
        fail(circuit, 0, 5)
        for _ in range(lost):
            circuit.before_call(30_000)
        succeed(circuit, 31_000, 5 - lost)
        assert circuit.state(59_999) is HALF_OPEN
        assert circuit.state(60_000) is state


def test_cancels_and_exits_have_no_share_rule() -> None:
    for op in OPS:
        protective = op in {Operation.CANCEL, Operation.REDUCE}
        assert (QUOTING[op].share_window_ms == 0) == protective
        assert (QUOTING[op] == LIVE[op]) == protective


@pytest.mark.parametrize(
    "bad",
    [
        {"failure_threshold": 0},
        {"open_interval_ms": 0},
        {"half_open_probe_count": 0},
        {"success_threshold": 0},
        {"share_error_bps": 0},
        {"share_error_bps": 10_001},
        {"share_window_ms": -1},
        {"probe_timeout_ms": True},
    ],
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        BreakerSettings(**bad)
