"""The venue's time is measured from round trips (LIVE-09)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.venue_clock import ClockSettings, SteadyClock, VenueClock
from grinder_core.errors import ConnectorTransientError, ContractError
from tests.support.virtual_time import VirtualClock, run

TRIPS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=6)


class AVenue:
    """Answers with its own time; each call takes the next ``(there, back)`` of the script, ms."""

    def __init__(self, clock: VirtualClock, skew_ms: int, trips: list[tuple[int, int]]) -> None:
        self.clock, self.skew_ms, self.trips, self.asked = clock, skew_ms, trips, 0

    async def time(self) -> int:
        there, back = self.trips[self.asked % len(self.trips)]
        self.asked += 1
        await asyncio.sleep(there / 1000)
        told = self.clock.now_ms() + self.skew_ms
        await asyncio.sleep(back / 1000)
        if there == 13:
            raise ConnectorTransientError("lost")
        return told


def measured(skew_ms: int, trips: list[tuple[int, int]]) -> tuple[VenueClock, AVenue, VirtualClock]:
    clock = VirtualClock()
    venue = AVenue(clock, skew_ms, trips)
    venue_clock = VenueClock(clock, venue.time, ClockSettings(clock_samples=len(trips)))
    run(venue_clock.sync(), clock)
    return venue_clock, venue, clock


@given(st.integers(-5000, 5000), TRIPS.map(lambda t: [(a, b) for a, b in t if a != 13] or [(5, 5)]))
def test_the_offset_is_wrong_by_half_of_the_shortest_trip_at_most(
    skew_ms: int, trips: list[tuple[int, int]]
) -> None:
    venue_clock, _, clock = measured(skew_ms, trips)
    shortest = min(there + back for there, back in trips)
    assert venue_clock.reading is not None
    assert venue_clock.reading.error_ms == (shortest + 1) // 2
    error = abs(venue_clock.now_ms() - (clock.now_ms() + skew_ms))
    assert error <= venue_clock.reading.error_ms
    assert abs(venue_clock.skew_ms - skew_ms) == error


def test_a_trip_is_halved() -> None:
    venue_clock, _, _ = measured(700, [(100, 100), (30, 10), (200, 200)])
    # venue said 700 + 30 at half of a trip of 40: ten too much
    assert venue_clock.skew_ms == 710


def test_nothing_is_known_before_the_first_measurement() -> None:
    clock = VirtualClock()
    venue_clock = VenueClock(clock, AVenue(clock, 0, [(1, 1)]).time, ClockSettings())
    assert venue_clock.skew_ms == 0
    with pytest.raises(ContractError, match="sync the clock first"):
        venue_clock.now_ms()


def test_a_lost_sample_leaves_the_others() -> None:
    venue_clock, _, _ = measured(50, [(13, 1), (2, 2), (13, 1)])
    assert venue_clock.skew_ms == 50
    assert venue_clock.last_error is None


def test_a_failed_measurement_keeps_the_last_one_and_says_why() -> None:
    venue_clock, venue, clock = measured(50, [(2, 2)])
    before = venue_clock.reading
    venue.trips = [(13, 1)]
    with pytest.raises(ConnectorTransientError):
        run(venue_clock.sync(), clock)
    assert venue_clock.reading is before
    assert not run(venue_clock.try_sync(), clock)
    assert isinstance(venue_clock.last_error, ConnectorTransientError)


def test_those_who_ask_at_once_share_one_measurement() -> None:
    clock = VirtualClock()
    venue = AVenue(clock, 5, [(10, 10)])
    venue_clock = VenueClock(clock, venue.time, ClockSettings(clock_samples=3))

    async def scene() -> None:
        await asyncio.gather(*(venue_clock.sync() for _ in range(4)))

    run(scene(), clock)
    assert venue.asked == 3
    run(venue_clock.sync(), clock)
    assert venue.asked == 6


def test_it_is_measured_at_the_start_and_every_half_hour() -> None:
    clock = VirtualClock()
    venue = AVenue(clock, 5, [(0, 0)])
    venue_clock = VenueClock(clock, venue.time, ClockSettings(clock_samples=1))

    async def scene() -> list[int]:
        task = asyncio.create_task(venue_clock.keep(asyncio.sleep))
        counts = []
        for wait_s in (1, 1798, 2, 1800):
            await asyncio.sleep(wait_s)
            counts.append(venue.asked)
        task.cancel()
        return counts

    assert run(scene(), clock) == [1, 1, 2, 3]


class Jumping:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = 1000

    def now_ms(self) -> int:
        return self.ms


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_the_steady_clock_never_goes_back_and_never_lags(times: list[int]) -> None:
    behind = Jumping()
    steady, latest = SteadyClock(behind), 0
    for behind.ms in times:
        latest = max(latest, behind.ms)
        assert steady.now_ms() == latest


def test_a_clock_that_went_back_within_a_measurement_measures_nothing() -> None:
    clock = Jumping()

    async def ask() -> int:
        clock.ms -= 500
        return 7

    with pytest.raises(ConnectorTransientError, match="went back"):
        run(VenueClock(clock, ask, ClockSettings(clock_samples=1)).sync())
