"""Pacing: never early, late at once, in order, whatever pauses and speeds come between."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.markets.pacing import REAL_TIME_X100, UNPACED, Pacer
from grinder_core.codec import dump_state, load_state
from grinder_core.errors import ContractError

SPEEDS = st.sampled_from([1, 33, 100, 250, 1000, 100_000])
TIMES = st.lists(st.integers(0, 5_000), min_size=1, max_size=20).map(sorted)


@given(SPEEDS, TIMES, st.integers(0, 10**6), st.data())
def test_an_event_is_due_when_its_distance_to_the_first_has_passed(
    speed: int, times: list[int], now: int, data: st.DataObject
) -> None:
    pacer, origin = Pacer(speed), now
    assert pacer.wait_ms(times[0], now) == 0
    for ts in times:
        now += data.draw(st.integers(0, 3_000))
        due = origin + ceil(Fraction((ts - times[0]) * 100, speed))
        assert pacer.wait_ms(ts, now) == max(due - now, 0)
        if now < due:
            assert pacer.wait_ms(ts, due - 1) == 1
            assert pacer.wait_ms(ts, due) == 0


OPS = st.one_of(
    st.tuples(st.just("pass"), st.integers(0, 1_500)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("speed"), SPEEDS),
)


@given(SPEEDS, TIMES, st.lists(OPS, max_size=25))
def test_market_time_runs_while_nobody_pauses_it(
    speed: int, times: list[int], ops: list[tuple[str, int]]
) -> None:
    pacer, now, delivered = Pacer(speed), 0, 0
    reached, turns, paused = Fraction(times[0]), 0, False
    for op, value in [("pass", 0), *ops]:
        if op == "pass":
            now += value
            reached += 0 if paused else Fraction(value * speed, 100)
        elif op == "pause":
            pacer.pause(now)
            paused, turns = True, turns + 1
        elif op == "resume":
            pacer.resume(now)
            paused = False
        else:
            pacer.set_speed(value, now)
            speed, turns = value, turns + 1
        pacer = load_state(Pacer, dump_state(pacer))
        while delivered < len(times) and (wait := pacer.wait_ms(times[delivered], now)) == 0:
            assert not paused
            assert times[delivered] <= reached
            delivered += 1
        if delivered < len(times):
            assert (wait is None) is paused
            # each change of speed drops less than a millisecond of the market
            assert paused or times[delivered] > reached - turns


def test_the_tenth_of_the_time_at_ten_times_the_speed() -> None:
    pacer = Pacer(1_000)
    assert pacer.wait_ms(5_000, 100) == 0
    assert pacer.wait_ms(5_001, 100) == 1  # a tenth, rounded up
    assert pacer.wait_ms(15_000, 100) == 1_000
    assert pacer.wait_ms(15_000, 1_099) == 1
    assert pacer.wait_ms(15_000, 1_100) == 0


def test_what_is_late_is_due_at_once_and_the_plan_stays() -> None:
    pacer = Pacer(REAL_TIME_X100)
    pacer.wait_ms(0, 0)
    assert [pacer.wait_ms(ts, 5_000) for ts in (100, 200, 5_000)] == [0, 0, 0]
    assert pacer.wait_ms(5_300, 5_000) == 300


def test_nothing_waits_when_it_shall_go_as_fast_as_possible() -> None:
    pacer = Pacer(UNPACED)
    assert [pacer.wait_ms(ts, 7) for ts in (0, 10**6, 10**9)] == [0, 0, 0]
    pacer.set_speed(REAL_TIME_X100, 1_000)
    assert pacer.wait_ms(10**9 + 250, 1_000) == 250
    pacer.set_speed(UNPACED, 1_001)
    pacer.pause(1_001)
    assert pacer.wait_ms(10**9 + 250, 9_000) is None
    pacer.resume(9_000)
    assert pacer.wait_ms(10**9 + 250, 9_000) == 0


def test_a_pause_before_the_first_event_holds_it_back() -> None:
    pacer = Pacer()
    pacer.pause(0)
    assert pacer.wait_ms(500, 10) is None
    pacer.resume(4_000)
    assert pacer.wait_ms(500, 4_000) == 0
    assert pacer.wait_ms(600, 4_000) == 100


def test_a_second_pause_and_a_second_resume_change_nothing() -> None:
    pacer = Pacer()
    pacer.wait_ms(0, 0)
    pacer.pause(100)
    pacer.pause(900)
    pacer.resume(1_000)
    pacer.resume(1_100)
    assert pacer.wait_ms(200, 1_100) == 0
    assert pacer.wait_ms(250, 1_100) == 50


def test_time_that_goes_back_and_negative_speeds_are_refused() -> None:
    pacer = Pacer()
    pacer.wait_ms(100, 0)
    assert pacer.wait_ms(100, 0) == 0
    with pytest.raises(ContractError, match="must not go back from 100"):
        pacer.wait_ms(99, 0)
    with pytest.raises(ContractError, match="speed_x100"):
        pacer.set_speed(-1, 0)
    with pytest.raises(ContractError, match="speed_x100"):
        Pacer(-1)
