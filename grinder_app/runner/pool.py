"""Many sessions, one a core: processes that share nothing but a counter and a stop sign.

Each session is a pure function of its task, so the results do not depend on how many processes
there are, nor on which of them ran what.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool, c_longlong
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from grinder_core.errors import GrinderError

Task = TypeVar("Task")
Done = TypeVar("Done")
Tell = Callable[[int], None]
Work = Callable[[Task, Tell], Done]

_POLL_S: Final = 0.5


@frozen
class _Shared:
    """What processes share.

    Attributes:
        events: Events done so far, by all of them.
        stop: Set when the user wants no more.
    """

    events: Any
    stop: Any

    def tell(self, events: int) -> None:
        if self.stop.value:
            raise KeyboardInterrupt
        with self.events.get_lock():
            self.events.value += events


_shared: _Shared | None = None  # one a worker process, set before its first task


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    work: Callable[[Task, Tell], Done],
    tasks: Sequence[Task],
    jobs: int,
    *,
    tell: Tell,
    on_done: Callable[[Task, Done], None],
) -> list[Done]:
    """Do all tasks, in up to ``jobs`` processes; in this process where one is enough.

    Args:
        work: A module's function; called with a task and a function that takes numbers of events.
        tasks: In the order in which they are begun; they and their results cross processes.
        tell: Called here with numbers of further events, done by whichever process.
        on_done: Called here with each task as it ends.

    Returns:
        Results in the order of the tasks.

    Raises:
        GrinderError: A process died.
        KeyboardInterrupt: The user stopped it; running tasks are stopped first.
    """
    if min(jobs, len(tasks)) <= 1:
        return [_alone(work, task, tell, on_done) for task in tasks]
    return _Pool(work, tasks, jobs, tell, on_done).run()


def _alone(
    work: Callable[[Task, Tell], Done],
    task: Task,
    tell: Tell,
    on_done: Callable[[Task, Done], None],
) -> Done:
    done = work(task, tell)
    on_done(task, done)
    return done


@frozen
class _Pool(Generic[Task, Done]):
    work: Callable[[Task, Tell], Done]
    tasks: Sequence[Task]
    jobs: int
    tell: Tell
    on_done: Callable[[Task, Done], None]

    def run(self) -> list[Done]:
        # spawn: a fork would copy threads and locks of this process in whatever state they are
        context = multiprocessing.get_context("spawn")
        shared = _Shared(context.Value(c_longlong, 0), context.Value(c_bool, False))
        pool = ProcessPoolExecutor(
            max_workers=min(self.jobs, len(self.tasks)),
            mp_context=context,
            initializer=_begin,
            initargs=(shared.events, shared.stop),
        )
        try:
            futures = [pool.submit(_work, self.work, task) for task in self.tasks]
            self._watch(futures, shared)
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise GrinderError(
                "a worker process died, most often for lack of memory",
                remedy="run again with fewer --jobs",
            ) from None
        except BaseException:
            shared.stop.value = True  # or the shutdown below would wait for whole sessions
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _watch(self, futures: Sequence[Future[Done]], shared: _Shared) -> None:
        task_of = dict(zip(futures, self.tasks, strict=True))
        left, told = set(futures), 0
        while left:
            ended, left = wait(left, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            now = shared.events.value
            self.tell(now - told)
            told = now
            for future in (f for f in futures if f in ended):
                self.on_done(task_of[future], future.result())


def _begin(events: Any, stop: Any) -> None:
    """Prepare a worker: an interrupt goes to the parent, which tells us by the stop sign."""
    global _shared  # noqa: PLW0603 - a pool's initializer has no other place to leave it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared = _Shared(events, stop)


def _work(work: Callable[[Any, Tell], Any], task: Any) -> Any:
    assert _shared is not None
    return work(task, _shared.tell)
