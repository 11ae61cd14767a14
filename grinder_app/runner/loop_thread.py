"""An event loop on a thread of its own, for sessions that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines elsewhere and waits for them here.

    Attributes:
        stack: What to close at the end, on the loop.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self.stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self.stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it and return what it returns, or raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def soon(self, work: Callable[..., object], *arguments: object) -> None:
        """Have something called there; does not wait for it."""
        self._loop.call_soon_threadsafe(work, *arguments)


class OnLoopThread(ABC):
    """Something that lives on such a thread for as long as a ``with`` block."""

    def __init__(self, name: str) -> None:
        self._thread = LoopThread(name)

    @abstractmethod
    async def _open(self) -> None:
        """Begin, on the thread; what is to be closed goes to its stack."""

    def __enter__(self) -> Self:
        self._thread.__enter__()
        try:
            self._thread.run(self._open())
        except BaseException as error:
            self._thread.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.__exit__(kind, error, trace)
