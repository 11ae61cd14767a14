"""One process of a live session in memory: its tasks, its wires, and how it dies.

A process that crashes closes nothing: its tasks end, its sockets break, what it appended and did
not commit may be gone, and a request that has left goes on its way to the exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any

from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets, split
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_core.errors import ConnectorClosedError

PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
Leaves = Callable[[str, str, str], None]


class Process:
    """The tasks of one life, in the order in which they were started."""

    def __init__(self) -> None:
        self.is_dead = False
        self.outside: Context = copy_context()
        self._inside: Context = copy_context()
        self._inside.run(PROCESS.set, self)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._sockets: list[WebSocket] = []

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin."""
        return asyncio.get_running_loop().create_task(work, context=self._inside)

    def add(self, task: asyncio.Task[Any]) -> None:
        """Take a task that something in this process has started."""
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def connected(self, socket: WebSocket) -> None:
        """Take a socket, which breaks when the process dies."""
        self._sockets.append(socket)

    async def die(self) -> None:
        """End all at once; what its code wants to do on the way out has no effect any more."""
        self.is_dead = True
        for socket in self._sockets:
            await socket.close()
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def watch_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task be known to the process that starts it."""

    def made(
        of: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=of, **more)
        context: Context | None = more.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None:
            process.add(task)
        return task

    loop.set_task_factory(made)  # type: ignore[arg-type]


class Wire:
    """A process's way to the exchange over HTTP; it takes its time, either way another one.

    Args:
        leaves: Told of each request right before it leaves: method, path, parameters.
        dice: Draws how long the ways take.
        way_ms: The longest of them, milliseconds; 0: none takes any time.
    """

    def __init__(
        self,
        process: Process,
        inner: MemoryHttp,
        leaves: Leaves,
        dice: Random,
        way_ms: int,
    ) -> None:
        self._process, self._inner, self._leaves = process, inner, leaves
        self._dice, self._way_ms = dice, way_ms

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request; it arrives even if the process is no more by then."""
        if self._process.is_dead:
            raise ConnectorClosedError("request")
        path, query = split(url)
        self._leaves(method, path, "&".join(filter(None, (query, body.decode("ascii")))))
        if self._process.is_dead:  # right at that moment
            raise ConnectorClosedError("request")
        sending = self._send(method, url, headers, body, timeout_ms)
        task = asyncio.get_running_loop().create_task(sending, context=self._process.outside)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        answer = await asyncio.shield(task)
        if self._process.is_dead:
            raise ConnectorClosedError("request")
        return answer

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        await self._travel()
        answer = await self._inner.request(method, url, headers, body, timeout_ms)
        await self._travel()
        return answer

    async def _travel(self) -> None:
        if self._way_ms:
            await asyncio.sleep(self._dice.randrange(self._way_ms) / 1000)

    async def close(self) -> None:
        """Refuse further requests."""
        await self._inner.close()


class Plug:
    """A process's way to the exchange's streams."""

    def __init__(self, process: Process, inner: MemorySockets) -> None:
        self._process, self._inner = process, inner

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""
        if self._process.is_dead:
            raise ConnectorClosedError("connect")
        socket = await self._inner.connect(url, timeout_ms)
        self._process.connected(socket)
        return socket

    async def close(self) -> None:
        """Nothing is shared."""
