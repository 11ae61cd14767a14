"""A task whose work begins before the call that starts it returns.

``asyncio`` starts a task at the next turn of its loop, which an order should not wait for. From
Python 3.12 on it has eager tasks for that; this is the same for all versions, in terms of what
"Extending asyncio" of the standard library's documentation offers: while the first part runs, the
new task is the current one, so that time limits and cancelling mean it and not the caller.
"""

from __future__ import annotations

import asyncio
from asyncio import tasks
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
_OVER: Final = object()


class _Work:
    """A coroutine that runs to its first wait at once, and on from there in a task."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._waits_for: object = _OVER
        self._result: Any = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Run the first part."""
        try:
            self._waits_for = self._work.send(None)
        except StopIteration as stop:
            self._result = stop.value
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the task's, as if it had run there
            self._error = error

    @coroutine
    def rest(self) -> Generator[Any, Any, Any]:
        """Go on: wait for what the first part came to wait for, and so forth."""
        if self._error is not None:
            raise self._error
        waits_for = self._waits_for
        while waits_for is not _OVER:
            try:
                sent = yield waits_for
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the work's to handle
                waits_for = self._throw(error)
            else:
                waits_for = self._step(sent)
        return self._result

    def drop(self, _: object) -> None:
        """End work whose task was cancelled before it went on; nothing if it is over."""
        self._work.close()

    def _step(self, sent: object) -> object:
        try:
            return self._work.send(sent)
        except StopIteration as stop:
            self._result = stop.value
            return _OVER

    def _throw(self, error: BaseException) -> object:
        try:
            return self._work.throw(error)
        except StopIteration as stop:
            self._result = stop.value
            return _OVER


def start(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Return a task whose work has come to its first wait, or to its end.

    The task itself is over at the next turn of the loop, at the earliest.
    """
    loop, begun = asyncio.get_running_loop(), _Work(work)
    task: asyncio.Task[T] = loop.create_task(_awaiting(begun), name=name)
    task.add_done_callback(begun.drop)
    caller = asyncio.current_task(loop)
    if caller is not None:
        tasks._leave_task(loop, caller)
    try:
        tasks._enter_task(loop, task)
        try:
            begun.begin()
        finally:
            tasks._leave_task(loop, task)
    finally:
        if caller is not None:
            tasks._enter_task(loop, caller)
    return task


async def _awaiting(begun: _Work) -> Any:
    return await begun.rest()
