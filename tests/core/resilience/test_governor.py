"""SCR-07: background requests wait their turn in order, within a fixed weight, and not for long."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import digest16, dump_state, load_state
from grinder_core.errors import (
    ConfigError,
    ContractError,
    GovernorDroppedError,
    GovernorTimeoutError,
    RateLimitError,
)
from grinder_core.resilience.budget import (
    BudgetSettings,
    BudgetWindow,
    RequestClass,
    VenueBudget,
)
from grinder_core.resilience.governor import Decision, Governor, GovernorSettings, Verdict
from grinder_core.resilience.weights import Cost

ALLOWED, DEFERRED, CANCELLED = Decision.ALLOWED, Decision.DEFERRED, Decision.CANCELLED
BREAKER_OPEN, EXHAUSTED = Decision.BREAKER_OPEN, Decision.BUDGET_EXHAUSTED
QUEUE_FULL, TIMEOUT = Decision.QUEUE_FULL, Decision.TIMEOUT
WEIGHT = BudgetWindow.WEIGHT_1M


@define
class FakeBreaker:
    """A breaker that is set by hand; half open it has so many probes."""

    open: bool = False
    probes: int | None = None

    def is_open(self, now: int) -> bool:
        return self.open

    def permits(self, now: int) -> bool:
        if self.open or self.probes == 0:
            return False
        if self.probes is not None:
            self.probes -= 1
        return True


@define
class Bench:
    """A governor with its breaker, and what it decided."""

    governor: Governor
    breaker: FakeBreaker = Factory(FakeBreaker)
    budget: VenueBudget | None = None
    log: list[tuple[int, Verdict]] = Factory(list)
    asked: dict[int, tuple[int, int]] = Factory(dict)  # when, and for what weight

    def submit(self, request_id: int, weight: int, now: int, **more: Any) -> Decision:
        self.asked[request_id] = now, weight
        found = self.governor.submit(request_id, weight, now, self.breaker, self.budget, **more)
        return self.noted(found, now)[-1].decision

    def release(self, request_id: int, now: int) -> list[tuple[int, Decision]]:
        return self.short(self.governor.release(request_id, now, self.breaker, self.budget), now)

    def cancel(self, request_id: int, now: int) -> list[tuple[int, Decision]]:
        return self.short(self.governor.cancel(request_id, now, self.breaker, self.budget), now)

    def on_breaker(self, now: int) -> list[tuple[int, Decision]]:
        return self.short(self.governor.on_breaker(now, self.breaker, self.budget), now)

    def tick(self, now: int) -> list[tuple[int, Decision]]:
        return self.short(self.governor.tick(now, self.breaker, self.budget), now)

    def admitted(self, after: int, until: int) -> int:
        """Weight of what was allowed in that half-open stretch of time."""
        return sum(
            self.asked[verdict.request_id][1]
            for ts, verdict in self.log
            if verdict.decision is ALLOWED and after < ts <= until
        )

    def noted(self, verdicts: tuple[Verdict, ...], now: int) -> tuple[Verdict, ...]:
        self.log += [(now, verdict) for verdict in verdicts]
        return verdicts

    def short(self, verdicts: tuple[Verdict, ...], now: int) -> list[tuple[int, Decision]]:
        return [(v.request_id, v.decision) for v in self.noted(verdicts, now)]


def bench(room: int = 2400, **changes: Any) -> Bench:
    return Bench(Governor.of(GovernorSettings(**changes), room, 0))


def full(size: int = 10, **changes: Any) -> Bench:
    """All slots taken at 0 by requests 0.. of no weight."""
    found = bench(max_concurrent_requests=size, **changes)
    for request_id in range(size):
        assert found.submit(request_id, 0, 0) is ALLOWED
    return found


# -- the spec's example


def test_worked_example_scr_07() -> None:
    b = bench()
    for request_id in range(10):
        assert b.submit(request_id, 40, 0) is ALLOWED
    assert b.governor.units == 0
    assert b.submit(10, 1, 0) is DEFERRED
    assert b.submit(11, 40, 0) is DEFERRED
    assert b.release(0, 30) == [(10, ALLOWED)]
    assert b.log[-1][1].wait_ms == 30
    assert b.release(1, 31) == []
    assert b.governor.due_at(31, None) == 1230
    assert b.tick(1229) == []
    assert b.tick(1230) == [(11, ALLOWED)]
    assert b.log[-1][1].wait_ms == 1230


def test_a_part_of_a_millisecond_is_waited_for_in_full() -> None:
    b = bench(max_weight_per_minute=7, burst_capacity_weight=1)
    assert b.submit(0, 1, 0) is ALLOWED
    assert b.submit(1, 1, 0) is DEFERRED
    assert b.governor.due_at(0, None) == 8572  # 60000 / 7 = 8571.4
    assert b.tick(8571) == []
    assert b.tick(8572) == [(1, ALLOWED)]


# -- any course of events

weights = st.one_of(st.sampled_from([0, 1, 5, 10, 40]), st.integers(0, 450))
events = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 40), st.integers(0, 3000), st.sampled_from([29_999, 30_000])),
        st.one_of(
            st.tuples(st.just("submit"), weights, st.none() | st.integers(1, 5000)),
            st.tuples(st.just("submit"), weights, st.none()),
            st.tuples(st.just("submit"), st.integers(0, 40), st.none()),
            st.tuples(st.just("release"), st.integers(0, 9), st.none()),
            st.tuples(st.just("cancel"), st.integers(0, 9), st.none()),
            st.tuples(st.just("tick"), st.none(), st.none()),
            st.tuples(st.just("breaker"), st.booleans(), st.none() | st.none() | st.integers(0, 2)),
            st.tuples(st.just("observe"), st.integers(0, 2600), st.none()),
        ),
    ),
    min_size=10,
    max_size=60,
)
settings_ = st.builds(
    GovernorSettings,
    max_concurrent_requests=st.integers(1, 10),
    queue_max_size=st.integers(0, 6),
    queue_timeout_ms=st.sampled_from([50, 2000, 30_000]),
)


def run(b: Bench, steps: list[tuple[int, Any]]) -> Iterator[tuple[int, str, Any]]:
    """Apply events; after each, yield the time, its kind and its number."""
    now = 0
    for wait, (kind, number, more) in steps:
        now += wait
        if kind == "submit":
            b.submit(len(b.asked), number, now, timeout_ms=more)
        elif kind == "release" and b.governor.in_flight:
            b.release(b.governor.in_flight[number % len(b.governor.in_flight)], now)
        elif kind == "cancel" and b.governor.queue:
            b.cancel(b.governor.queue[number % len(b.governor.queue)].request_id, now)
        elif kind == "breaker":
            b.breaker.open, b.breaker.probes = number, more
            b.on_breaker(now)
        elif kind == "observe":
            b.governor.observe(number, now)
        else:
            b.tick(now)
        yield now, kind, number


@given(settings_, events)
def test_order_limits_and_outcomes_hold_in_any_course_of_events(
    settings: GovernorSettings, steps: list[tuple[int, Any]]
) -> None:
    b = Bench(Governor.of(settings, 2400, 0))
    for _, kind, _ in run(b, steps):
        assert len(b.governor.in_flight) <= settings.max_concurrent_requests
        assert len(b.governor.queue) <= settings.queue_max_size
        assert not (b.breaker.open and b.governor.queue and kind == "breaker")
    ends = [(ts, v) for ts, v in b.log if v.decision is not DEFERRED]
    waiting = [w.request_id for w in b.governor.queue]
    ended = [v.request_id for _, v in ends]
    assert sorted(ended + waiting) == list(b.asked)  # one outcome each, or still waiting
    assert waiting == sorted(waiting)
    admitted = [(ts, v.request_id) for ts, v in ends if v.decision is ALLOWED]
    assert [i for _, i in admitted] == sorted(i for _, i in admitted)
    for start, _ in admitted:
        assert b.admitted(start - 1, start + 59_999) <= 2400
    for ts, v in ends:
        assert v.wait_ms == ts - b.asked[v.request_id][0]
    counts = b.governor.metrics()
    decisions = [v.decision for _, v in b.log]
    assert counts.requests_allowed == decisions.count(ALLOWED)
    assert counts.requests_deferred == decisions.count(DEFERRED)
    assert counts.drop_reasons == {
        "breaker_open": decisions.count(BREAKER_OPEN),
        "budget_exhausted": decisions.count(EXHAUSTED),
        "queue_full": decisions.count(QUEUE_FULL),
        "timeout": decisions.count(TIMEOUT),
    }
    assert counts.requests_failed_breaker == decisions.count(BREAKER_OPEN)
    assert counts.requests_dropped == sum(counts.drop_reasons.values()) - decisions.count(
        BREAKER_OPEN
    )
    waits = [v.wait_ms for _, v in ends] or [0]
    assert (counts.total_wait_ms, counts.max_wait_ms) == (sum(waits), max(waits))
    mean = Fraction(counts.total_wait_ms, max(1, counts.requests_deferred))
    assert abs(counts.avg_wait_ms - mean) <= Fraction(1, 2)
    assert counts.queue_depth == len(waiting)
    assert counts.concurrent_requests == len(b.governor.in_flight)


@given(settings_, events)
def test_the_head_waits_exactly_as_long_as_weight_slot_or_breaker_are_missing(
    settings: GovernorSettings, steps: list[tuple[int, Any]]
) -> None:
    """The bucket is kept anew in exact fractions from nothing but admissions and headers."""
    b = Bench(Governor.of(settings, 2400, 0))
    tokens, last, seen = Fraction(400), 0, 0
    for now, kind, number in run(b, steps):
        tokens = min(Fraction(400), tokens + Fraction((now - last) * 2000, 60_000))
        last = now
        for _, v in b.log[seen:]:
            if v.decision is ALLOWED:
                tokens -= b.asked[v.request_id][1]
                assert tokens >= 0
        seen = len(b.log)
        if kind == "observe" and number > b.admitted(now - 60_000, now):
            tokens = min(tokens, Fraction(max(0, 2000 - number)))
        assert b.governor.units == tokens * 60_000
        assert b.governor.metrics().budget_remaining == tokens.__floor__()
        if b.governor.queue and kind != "observe":
            head = b.governor.queue[0]
            assert (
                tokens < head.weight
                or len(b.governor.in_flight) == settings.max_concurrent_requests
                or b.breaker.open
                or b.breaker.probes == 0
            )
            assert all(now < waiter.deadline for waiter in b.governor.queue)


@given(settings_, events)
def test_nothing_happens_before_due_at_and_something_then(
    settings: GovernorSettings, steps: list[tuple[int, Any]]
) -> None:
    b = Bench(Governor.of(settings, 2400, 0))
    for now, kind, _ in run(b, steps):
        if kind == "observe":
            continue
        due = b.governor.due_at(now, None)
        assert (due is None) is (not b.governor.queue)
        if due is None:
            continue
        assert due > now
        copy = Bench(load_state(Governor, dump_state(b.governor)))
        copy.breaker = FakeBreaker(b.breaker.open, b.breaker.probes)
        assert copy.tick(due - 1) == []
        later = copy.tick(due)
        assert later or b.breaker.open or b.breaker.probes == 0


@given(settings_, events)
def test_a_dumped_governor_goes_on_the_same(
    settings: GovernorSettings, steps: list[tuple[int, Any]]
) -> None:
    once, often = (Bench(Governor.of(settings, 2400, 0)) for _ in range(2))
    for _ in run(once, steps):
        pass
    for _ in run(often, steps):
        often.governor = load_state(Governor, dump_state(often.governor))
    assert often.log == once.log
    assert often.governor == once.governor


@given(st.integers(0, 2**32))
def test_a_hundred_requests_run_twice_give_one_digest(seed: int) -> None:
    def digest() -> str:
        b, draw, now = bench(), seed, 0
        for request_id in range(100):
            draw = (draw * 1_103_515_245 + 12_345) % 2**31
            now += draw % 90
            b.submit(request_id, draw // 128 % 60, now)
            if draw % 3 and b.governor.in_flight:
                b.release(b.governor.in_flight[0], now)
        lines = [[v.request_id, v.decision, v.wait_ms, v.queue_depth] for _, v in b.log]
        assert len({v.request_id for _, v in b.log}) == 100
        return digest16(lines)

    assert digest() == digest()


# -- each decision


def test_a_light_request_never_overtakes_a_heavy_head() -> None:
    b = bench()
    assert b.submit(0, 400, 0) is ALLOWED
    assert b.submit(1, 300, 0) is DEFERRED
    assert b.submit(2, 1, 1000) is DEFERRED  # 33 weight is there
    assert b.tick(9000) == [(1, ALLOWED)]
    assert b.tick(9030) == [(2, ALLOWED)]


def test_submit_lets_earlier_requests_go_first() -> None:
    b = bench()
    assert b.submit(0, 400, 0) is ALLOWED
    assert b.submit(1, 40, 0) is DEFERRED
    assert b.submit(2, 0, 1200) is ALLOWED
    assert [(v.request_id, v.decision) for _, v in b.log[-2:]] == [(1, ALLOWED), (2, ALLOWED)]


def test_a_full_queue_drops_the_new_one_and_evicts_nobody() -> None:
    b = full(queue_max_size=2)
    assert [b.submit(i, 1, i) for i in (11, 12, 13)] == [DEFERRED, DEFERRED, QUEUE_FULL]
    assert b.release(0, 20) == [(11, ALLOWED)]
    assert b.submit(14, 1, 21) is DEFERRED


def test_what_the_bucket_can_never_hold_is_refused_at_once() -> None:
    b = bench()
    assert b.submit(0, 401, 0) is EXHAUSTED
    assert b.submit(1, 400, 0) is ALLOWED


def test_a_waiter_ends_exactly_at_its_deadline() -> None:
    b = full()
    assert b.submit(11, 1, 5) is DEFERRED
    assert b.submit(12, 1, 5, timeout_ms=100) is DEFERRED
    assert b.governor.due_at(5, None) == 105
    assert b.tick(104) == []
    assert b.tick(105) == [(12, TIMEOUT)]
    assert b.tick(30_004) == []
    assert b.release(0, 30_005) == [(11, TIMEOUT)]  # late at the very moment a slot is free
    assert b.governor.metrics().max_wait_ms == 30_000


def test_an_open_breaker_refuses_at_once_and_fails_all_who_wait_in_order() -> None:
    b = full()
    for request_id in (11, 12, 13):
        assert b.submit(request_id, 1, 0) is DEFERRED
    b.breaker.open = True
    assert b.submit(14, 401, 5) is BREAKER_OPEN  # judged before the weight
    assert b.on_breaker(7) == [(11, BREAKER_OPEN), (12, BREAKER_OPEN), (13, BREAKER_OPEN)]
    assert b.governor.metrics().total_wait_ms == 21
    assert b.submit(15, 1, 8) is BREAKER_OPEN
    assert b.governor.metrics().requests_failed_breaker == 5
    assert b.governor.metrics().requests_dropped == 0


def test_half_open_passes_its_probes_and_the_rest_waits_for_the_result() -> None:
    b = bench()
    b.breaker.probes = 1
    assert b.submit(0, 1, 0) is ALLOWED
    assert b.submit(1, 1, 0) is DEFERRED
    assert b.governor.due_at(0, None) == 30_000  # time alone does not help it
    b.breaker.probes = None
    assert b.on_breaker(10) == [(1, ALLOWED)]


def test_a_probe_is_taken_only_for_a_request_that_goes() -> None:
    b = full()
    b.breaker.probes = 1
    assert b.submit(11, 1, 0) is DEFERRED  # no slot
    assert b.breaker.probes == 1
    assert b.release(0, 1) == [(11, ALLOWED)]
    assert b.breaker.probes == 0


def test_a_cancelled_waiter_costs_nothing_and_lets_the_next_one_go() -> None:
    b = bench()
    assert b.submit(0, 390, 0) is ALLOWED
    assert b.submit(1, 300, 0) is DEFERRED
    assert b.submit(2, 10, 0) is DEFERRED
    assert b.cancel(1, 0) == [(1, CANCELLED), (2, ALLOWED)]
    assert b.governor.metrics().budget_remaining == 0
    assert b.governor.in_flight == [0, 2]
    assert sum(b.governor.metrics().drop_reasons.values()) == 0


def test_a_header_above_our_count_lowers_the_bucket_to_what_the_minute_has_left() -> None:
    b = bench()
    assert b.submit(0, 100, 0) is ALLOWED
    b.governor.observe(100, 0)
    assert b.governor.metrics().budget_remaining == 300
    b.governor.observe(1500, 0)  # 500 left, more than the bucket holds
    assert b.governor.metrics().budget_remaining == 300
    b.governor.observe(1900, 0)
    assert b.governor.metrics().budget_remaining == 100
    b.governor.observe(2300, 0)
    assert b.governor.metrics().budget_remaining == 0
    assert b.submit(1, 1, 29) is DEFERRED
    assert b.tick(30) == [(1, ALLOWED)]
    b.governor.observe(101, 59_999)  # what left 60 s ago counts no more
    assert b.governor.metrics().budget_remaining == 400
    b.governor.observe(1999, 60_000)
    assert b.governor.metrics().budget_remaining == 1


# -- beside trading, on the same IP


def test_beside_trading_the_default_settings_are_refused_and_scaled_ones_fit() -> None:
    budget = BudgetSettings()
    assert (budget.background_limit(WEIGHT), budget.own_limit(WEIGHT)) == (480, 2400)
    with pytest.raises(ConfigError, match=r"max_weight_per_minute = 2000.* 480 is left"):
        Governor.of(GovernorSettings(), 480, 0)
    fitting = GovernorSettings.within(480)
    assert (fitting.max_weight_per_minute, fitting.burst_capacity_weight) == (400, 80)
    Governor.of(fitting, 480, 0)
    with pytest.raises(ConfigError):
        Governor.of(fitting, 479, 0)
    assert GovernorSettings.within(2400) == GovernorSettings()


@given(st.integers(6, 10_000))
def test_settings_within_a_room_use_all_of_it_and_no_more(room: int) -> None:
    Governor.of(GovernorSettings.within(room), room, 0)
    with pytest.raises(ConfigError):
        Governor.of(GovernorSettings.within(room), room - 1, 0)


def test_background_waits_until_the_venue_budget_has_room_below_the_soft_limit() -> None:
    budget = VenueBudget.of(BudgetSettings(), -60_000)
    b = Bench(Governor.of(GovernorSettings.within(480), 480, 0), budget=budget)
    assert budget.admit(RequestClass.CRITICAL, Cost(weight_1m=1640), 0) is None
    assert b.submit(0, 40, 0) is ALLOWED
    assert b.submit(1, 40, 100) is DEFERRED
    b.breaker.probes = 1
    assert b.submit(2, 40, 100, timeout_ms=70_000) is DEFERRED
    assert b.breaker.probes == 1
    assert b.governor.due_at(100, budget) == 30_100  # the deadline comes before the room
    assert b.tick(30_100) == [(1, TIMEOUT)]
    assert b.governor.due_at(30_100, budget) == 60_000
    assert b.tick(59_999) == []
    assert b.tick(60_000) == [(2, ALLOWED)]
    assert budget.uses[WEIGHT].background.at(60_000) == 40


@given(events)
def test_every_admission_is_booked_as_background(steps: list[tuple[int, Any]]) -> None:
    budget = VenueBudget.of(BudgetSettings(), -60_000)
    b = Bench(Governor.of(GovernorSettings.within(480), 480, 0), budget=budget)
    for now, _, _ in run(b, [step for step in steps if step[1][0] != "observe"]):
        assert budget.uses[WEIGHT].background.at(now) == b.admitted(now - 60_000, now)
        assert budget.uses[WEIGHT].own.at(now) == b.admitted(now - 60_000, now)


# -- bad calls


def test_errors_say_that_nothing_was_sent_and_why() -> None:
    kinds = {
        BREAKER_OPEN: RateLimitError,
        EXHAUSTED: GovernorDroppedError,
        QUEUE_FULL: GovernorDroppedError,
        TIMEOUT: GovernorTimeoutError,
    }
    for decision, kind in kinds.items():
        verdict = Verdict(request_id=7, decision=decision, wait_ms=30, queue_depth=2)
        assert type(verdict.error()) is kind
        assert str(verdict.error()) == (
            f"request_id = 7: dropped by the governor: {decision} after 30 ms"
        )


def test_bad_calls_are_refused_and_change_nothing() -> None:
    b = full()
    assert b.submit(11, 1, 10) is DEFERRED
    before = dump_state(b.governor)
    with pytest.raises(ContractError, match="request_id = 11: is under way"):
        b.submit(11, 1, 20)
    with pytest.raises(ContractError, match="request_id = 3: is under way"):
        b.submit(3, 1, 20)
    with pytest.raises(ContractError, match="weight = -1"):
        b.submit(12, -1, 20)
    with pytest.raises(ContractError, match="timeout_ms = 0"):
        b.submit(12, 1, 20, timeout_ms=0)
    with pytest.raises(ContractError, match="request_id = 11: is not in flight"):
        b.release(11, 20)
    with pytest.raises(ContractError, match="request_id = 3: does not wait"):
        b.cancel(3, 20)
    b.breaker.open = True
    for call in (
        lambda: b.submit(12, 1, 9),
        lambda: b.release(3, 9),
        lambda: b.cancel(11, 9),
        lambda: b.tick(9),
        lambda: b.on_breaker(9),
        lambda: b.governor.observe(5, 9),
    ):
        with pytest.raises(ContractError, match="must not go back from 10"):
            call()
    with pytest.raises(ContractError, match="used = -5"):
        b.governor.observe(-5, 20)
    assert dump_state(b.governor) == before


@pytest.mark.parametrize(
    "name", ["max_weight_per_minute", "burst_capacity_weight", "max_concurrent_requests"]
)
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} = 0"):
        GovernorSettings(**{name: 0})
