"""The loop that jumps: time passes only where all wait, and what hangs fails."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_time import (
    DeadlockError,
    OutOfTimeError,
    VirtualClock,
    run,
    settle,
)


def test_a_day_of_waiting_takes_no_time_and_is_exact() -> None:
    clock = VirtualClock(0)

    async def scene() -> int:
        for _ in range(864):
            await asyncio.sleep(0.1)
            await asyncio.sleep(99.9)
        return clock.now_ms()

    assert run(scene(), clock) == 86_400_000


def test_timers_fire_in_the_order_of_their_times() -> None:
    clock, seen = VirtualClock(0), []

    async def wait(milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1_000)
        seen.append((milliseconds, clock.now_ms()))

    async def scene() -> None:
        await asyncio.gather(*(wait(ms) for ms in (7, 1, 300, 299)))

    run(scene(), clock)
    assert seen == [(1, 1), (7, 7), (299, 299), (300, 300)]


def test_work_that_is_ready_takes_no_time() -> None:
    clock = VirtualClock(5)

    async def scene() -> None:
        await settle(1_000)

    run(scene(), clock)
    assert clock.now_ms() == 5


def test_a_timeout_ends_on_time() -> None:
    clock = VirtualClock(0)

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()

    run(scene(), clock)
    assert clock.now_ms() == 5_000


def test_who_waits_for_ever_fails_by_name() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="stuck"):
        run(stuck())


def test_who_only_sets_new_timers_runs_out_of_time() -> None:
    async def restless() -> None:
        while True:
            await asyncio.sleep(60)

    with pytest.raises(OutOfTimeError, match="restless"):
        run(restless(), limit_ms=3_600_000)


def test_an_error_of_a_task_that_nobody_awaits_fails_the_run() -> None:
    async def broken() -> None:
        raise KeyError("lost")

    async def scene() -> None:
        task = asyncio.create_task(broken())
        await settle()
        del task

    with pytest.raises(KeyError, match="lost"):
        run(scene())


def test_work_for_a_thread_is_done_on_the_spot() -> None:
    async def scene() -> None:
        assert await asyncio.to_thread(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    run(scene())


def test_a_clock_moved_by_hand_never_goes_back() -> None:
    clock = VirtualClock(10)
    clock.advance(5)
    assert clock.now_ms() == 15
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)
