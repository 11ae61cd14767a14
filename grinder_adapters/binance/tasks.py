"""Background tasks with names, that all end when their owner closes (LIVE-02)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from grinder_adapters.binance import eager

T = TypeVar("T")


class Tasks:
    """The tasks of one owner.

    Attributes:
        cancelled: Tasks that were still alive at the close and ended when asked to.
        force_killed: Tasks that had to be ended against their will.
    """

    def __init__(self) -> None:
        self._alive: dict[asyncio.Task[Any], None] = {}
        self.cancelled = self.force_killed = 0

    @property
    def names(self) -> list[str]:
        """Names of the tasks that are alive, oldest first."""
        return [task.get_name() for task in self._alive]

    def start(
        self,
        work: Coroutine[Any, Any, T],
        name: str,
        on_failure: Callable[[BaseException], None] | None = None,
        *,
        is_urgent: bool = False,
    ) -> asyncio.Task[T]:
        """Start a task.

        Args:
            is_urgent: Run it to its first wait before this returns.
            on_failure: Gets what it raises; without it, who awaits the task gets it.
        """

        def ended(task: asyncio.Task[T]) -> None:
            del self._alive[task]
            if on_failure is not None and not task.cancelled():
                error = task.exception()
                if error is not None:
                    on_failure(error)

        if is_urgent:
            task = eager.start(work, name)
        else:
            task = asyncio.get_running_loop().create_task(work, name=name)
        self._alive[task] = None
        task.add_done_callback(ended)
        return task

    async def close(self, timeout_ms: int) -> None:
        """Cancel all, wait that long, and end the rest by force."""
        alive = list(self._alive)
        stubborn = await self.cancel(alive, timeout_ms)
        self.cancelled += len(alive) - stubborn
        self.force_killed += stubborn

    async def cancel(self, tasks: Iterable[asyncio.Task[Any]], timeout_ms: int) -> int:
        """Cancel some of them; return how many had to be ended by force after that time."""
        alive = [task for task in tasks if not task.done()]
        for task in alive:
            task.cancel()
        if not alive:
            return 0
        _, stubborn = await asyncio.wait(alive, timeout=timeout_ms / 1_000)
        for task in stubborn:
            _kill(task)
        if stubborn:
            ended, _ = await asyncio.wait(stubborn, timeout=0.1)
            for task in ended:
                task.cancelled() or task.exception()  # of being ended; nobody else will ask
        return len(stubborn)


def _kill(task: asyncio.Task[Any]) -> None:
    """End a task that ignores being cancelled: its frames are unwound, nothing in them goes on."""
    work = task.get_coro()
    with suppress(RuntimeError):  # it awaits even while it is unwound; it is not resumed again
        if work is not None:
            work.close()
    task.cancel()
