"""Virtual time for asyncio: a loop whose clock jumps to the next timer when nothing is ready.

A day of reconnects runs in milliseconds and twice the same, because nothing waits for the wall:
``asyncio.sleep`` of any length ends as soon as all else has come to rest. Use it as

    clock = VirtualClock()
    run(scene(clock), clock)

and hand the same clock to the code under test. What is left to hang fails at once: a loop with
neither work nor timers raises `DeadlockError`, one that only ever sets new timers `OutOfTimeError`.

Only what lives in memory fits in here. A real socket would be overtaken by the jumps. Work for a
thread pool (``asyncio.to_thread``) is done on the spot, in no time, so that it stays in order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000
START_MS = 1_700_000_000_000
LIMIT_MS = 30 * 86_400_000
"""Thirty days: far beyond any scene, near enough to be reached in seconds by a runaway timer."""


class DeadlockError(AssertionError):
    """Every task waits and no timer runs: real time would wait for ever."""


class OutOfTimeError(AssertionError):
    """The scene went past its limit of virtual time."""


class VirtualClock:
    """A clock that stands still until it is moved, by its loop or by hand.

    Args:
        start_ms: What it shows first, Unix milliseconds.
    """

    def __init__(self, start_ms: int = START_MS) -> None:
        self.start_ms = start_ms
        self.elapsed_ns = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds, rounded down."""
        return self.start_ms + self.elapsed_ns // NS_PER_MS

    def advance(self, milliseconds: int) -> None:
        """Move it forward by hand, for code without a loop; within a loop, sleep instead."""
        if milliseconds < 0:
            raise ValueError(f"time does not go back, by {milliseconds} ms")
        self.elapsed_ns += milliseconds * NS_PER_MS


class _JumpingSelector(selectors.SelectSelector):
    """Never blocks: what the loop would have waited, the clock has jumped."""

    def __init__(self, clock: VirtualClock, limit_ms: int) -> None:
        super().__init__()
        self._clock = clock
        self._limit_ns = clock.elapsed_ns + limit_ms * NS_PER_MS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise DeadlockError(f"no task can go on: {_waiting()}")
        self._clock.elapsed_ns += round(timeout * NS_PER_SECOND)
        if self._clock.elapsed_ns > self._limit_ns:
            self._limit_ns += LIMIT_MS * NS_PER_MS  # room for the tasks to be cancelled in
            raise OutOfTimeError(f"still busy at the limit of virtual time: {_waiting()}")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on a `VirtualClock`.

    Args:
        clock: Moved by this loop, read by the code under test.
        limit_ms: How much virtual time may pass in it before it raises `OutOfTimeError`.
    """

    def __init__(self, clock: VirtualClock, limit_ms: int = LIMIT_MS) -> None:
        self._clock = clock
        super().__init__(_JumpingSelector(clock, limit_ms))

    def time(self) -> float:
        """Return the virtual seconds since the clock's start."""
        return self._clock.elapsed_ns / NS_PER_SECOND

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call ``func`` now, in this thread; return its outcome as a future that is done."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - goes where it is awaited
            done.set_exception(error)
        return done


def run(
    scene: Coroutine[Any, Any, T], clock: VirtualClock | None = None, *, limit_ms: int = LIMIT_MS
) -> T:
    """Run a scene to its end under virtual time, cancel what it left running, return its result.

    Args:
        scene: The coroutine to run.
        clock: The clock to move; without one, one that nobody else reads.
        limit_ms: See `VirtualTimeLoop`.

    Raises:
        DeadlockError, OutOfTimeError: The scene does not end.
        BaseException: What the scene raised; else the first error of a task that nobody awaited.
    """
    lost: list[BaseException] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        lost.append(context.get("exception") or AssertionError(context["message"]))

    def a_loop() -> VirtualTimeLoop:
        loop = VirtualTimeLoop(clock or VirtualClock(), limit_ms)
        loop.set_exception_handler(note)
        return loop

    with asyncio.Runner(loop_factory=a_loop) as runner:
        result = runner.run(scene)
    if lost:
        raise lost[0]
    return result


async def settle(turns: int = 50) -> None:
    """Let everything go on that can without time passing.

    Args:
        turns: How many rounds of the loop to give it; a chain of more awaits needs more.
    """
    for _ in range(turns):
        await asyncio.sleep(0)


def _waiting() -> str:
    """Name the tasks that wait, for the message of a failure."""
    return ", ".join(
        sorted(str(getattr(t.get_coro(), "__qualname__", t)) for t in asyncio.all_tasks())
    )
