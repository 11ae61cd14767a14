"""Work that begins before the call that starts it returns, and is a task all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import eager
from grinder_adapters.binance.tasks import Tasks
from tests.support.virtual_time import VirtualClock, run


def play(story: Callable[[], Awaitable[Any]]) -> Any:
    async def scene() -> Any:
        found = await story()
        assert len(asyncio.all_tasks()) == 1
        return found

    return run(scene(), VirtualClock())


def test_the_first_part_is_done_when_the_call_returns() -> None:
    done: list[str] = []

    async def work() -> str:
        done.append("before the wait")
        await asyncio.sleep(1)
        done.append("after it")
        return "over"

    async def story() -> None:
        task = eager.start(work(), "work")
        assert done == ["before the wait"]
        assert await task == "over"
        assert done == ["before the wait", "after it"]

    play(story)


def test_the_work_is_its_own_task_from_the_first_step_on() -> None:
    seen: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    async def story() -> None:
        caller = asyncio.current_task()
        task = eager.start(work(), "work")
        assert asyncio.current_task() is caller
        await task
        assert seen == [task, task]
        assert task.get_name() == "work"

    play(story)


def test_it_can_be_started_from_outside_any_task() -> None:
    async def story() -> None:
        started: list[asyncio.Task[int]] = []

        async def work() -> int:
            return 5

        asyncio.get_running_loop().call_soon(lambda: started.append(eager.start(work(), "work")))
        await asyncio.sleep(0)
        assert await started[0] == 5

    play(story)


def test_a_time_limit_of_the_work_ends_the_work_and_not_the_caller() -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(5)
        except TimeoutError:
            return "late"
        return "in time"

    async def story() -> None:
        task = eager.start(work(), "work")
        await asyncio.sleep(2)
        assert task.done()
        assert task.result() == "late"

    play(story)


@pytest.mark.parametrize("waits", [0, 1, 2])
def test_what_it_raises_is_the_tasks(waits: int) -> None:
    async def work() -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        raise ValueError("wrong")

    async def story() -> None:
        failures: list[BaseException] = []
        task = Tasks().start(work(), "work", failures.append, is_urgent=True)
        await asyncio.wait({task})
        await asyncio.sleep(0)
        assert [str(error) for error in failures] == ["wrong"]

    play(story)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_cancelled_at_any_time_it_cleans_up(turns: int) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            ended.append("cleaned up")

    async def story() -> None:
        task = eager.start(work(), "work")
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0)
        assert task.cancelled()
        assert ended == ["cleaned up"]

    play(story)


def test_work_may_go_on_after_it_was_cancelled() -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return "over"

    async def story() -> None:
        task = eager.start(work(), "work")
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "over"

    play(story)


STEPS = st.lists(st.sampled_from(["sleep", "turn", "nested", "event"]), max_size=6)


@given(STEPS)
def test_it_comes_to_the_same_as_any_task(steps: list[str]) -> None:
    async def work() -> list[str]:
        done = []
        for step in steps:
            if step == "nested":
                done += await eager.start(one("inner"), "inner")
            elif step == "event":
                event = asyncio.Event()
                asyncio.get_running_loop().call_soon(event.set)
                await event.wait()
            else:
                await asyncio.sleep(1 if step == "sleep" else 0)
            done.append(step)
        return done

    async def one(word: str) -> list[str]:
        await asyncio.sleep(0)
        return [word]

    async def story() -> None:
        started = eager.start(work(), "eager")
        plain = asyncio.create_task(work())
        assert await started == await plain

    play(story)
