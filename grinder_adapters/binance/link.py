"""One open WebSocket at work: it subscribes, reads, pings, and knows when it has died.

A link is never mended: whatever happens to it ends in ``lost``, and its owner makes another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

import orjson
from attrs import Factory, frozen

from grinder_adapters.binance.network import MS, Network
from grinder_adapters.binance.subscriber import Subscriber, SubscriberSettings
from grinder_adapters.binance.subscriptions import Answer, is_answer, read_answer
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.transport import WebSocket
from grinder_core.errors import ConnectorTimeoutError
from grinder_core.resilience.throttle import MessageThrottle, ThrottleSettings
from grinder_core.settings import setting

WATCH_MS: Final = 1_000

_WRAPPED: Final = b'{"stream":"'

Deliver = Callable[[int, bytes], Awaitable[None]]


@frozen(kw_only=True)
class LinkSettings:
    """Patience with one socket."""

    read_timeout_ms: int = setting(
        10_000, "Without any frame, pongs included, the socket is dead.", ge=2, spec="LIVE-02"
    )
    silence_timeout_ms: int = setting(
        60_000, "Without a message of a wanted stream, it is too.", ge=1, spec="SCR-01"
    )
    write_timeout_ms: int = setting(5_000, "For sending one message.", ge=1, spec="LIVE-02")
    close_timeout_ms: int = setting(5_000, "For closing.", ge=1, spec="LIVE-02")
    throttle: ThrottleSettings = Factory(ThrottleSettings)
    subscriber: SubscriberSettings = Factory(SubscriberSettings)


class Link:
    """One socket and its tasks.

    Args:
        name: Of the connection, for the names of tasks.
        tasks: Its owner's; what it runs ends with them.
        deliver: Gets each frame with the time of its receipt; reading goes on once it returns.
        streams: Wanted at first.

    Attributes:
        lost: Done once the socket is of no more use; holds the reason.
        settled: Done once every subscription first asked for has been answered.
        messages_delayed: Messages that had to wait for the throttle.
    """

    def __init__(
        self,
        name: str,
        socket: WebSocket,
        network: Network,
        settings: LinkSettings,
        tasks: Tasks,
        deliver: Deliver,
        streams: Iterable[str],
    ) -> None:
        self._socket, self._network, self._settings = socket, network, settings
        self._deliver = deliver
        self._subscriber = Subscriber(settings.subscriber)
        self._throttle = MessageThrottle.of(settings.throttle)
        self._wishes_changed = asyncio.Event()
        self._message_ms = self._read_ms = network.now_ms()
        self._is_reading = True
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[BaseException] = loop.create_future()
        self.settled: asyncio.Future[None] = loop.create_future()
        self.messages_delayed = 0
        self._name, self._tasks = name, tasks
        self._own: list[asyncio.Task[None]] = []
        self._is_watched = False
        self._start(self._receive(), "receive")
        self._start(self._ask(), "ask")
        self._start(self._keep_alive(), "keep alive")
        self.want(streams)

    @property
    def missing(self) -> tuple[str, ...]:
        """Streams that the venue refused."""
        return tuple(self._subscriber.missing)

    def want(self, streams: Iterable[str]) -> None:
        """Set the streams that should come."""
        self._subscriber.want(streams)
        self._wishes_changed.set()
        if self._subscriber.wanted and not self._is_watched:
            self._is_watched = True
            self._start(self._watch(), "watch")

    def drop(self, reason: BaseException) -> None:
        """Declare it lost."""
        if not self.lost.done():
            self.lost.set_result(reason)

    async def close(self) -> None:
        """End its tasks and close the socket."""
        await self._tasks.cancel(self._own, self._settings.close_timeout_ms)
        with suppress(TimeoutError):  # a dead peer does not say goodbye; the socket is ours to drop
            async with asyncio.timeout(self._settings.close_timeout_ms / MS):
                await self._socket.close()

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> None:
        self._own.append(self._tasks.start(work, f"{self._name} {what}", self.drop))

    async def _receive(self) -> None:
        subscriber = self._subscriber
        while True:
            raw = await self._socket.receive()
            self._message_ms = now = self._network.now_ms()
            if raw.startswith(_WRAPPED):
                subscriber.on_frame(_stream_of(raw), now)
            elif subscriber.requests and (answer := _answer_in(raw)) is not None:
                subscriber.on_answer(answer, now)
                self._wishes_changed.set()
                continue
            self._is_reading = False
            await self._deliver(now, raw)
            # time in which nothing was read says nothing about the other side
            self._message_ms = self._read_ms = self._network.now_ms()
            self._is_reading = True

    async def _ask(self) -> None:
        while True:
            if not self._subscriber.has_work:
                if self._subscriber.is_settled and not self.settled.done():
                    self.settled.set_result(None)
                self._wishes_changed.clear()
                await self._wishes_changed.wait()
                continue
            await self._until_allowed()
            request = self._subscriber.next_request(self._network.now_ms())
            if request is not None:
                await self._send(self._socket.send(request.text))

    async def _watch(self) -> None:
        while True:
            await self._network.wait_ms(WATCH_MS)
            if self._is_reading:
                self._subscriber.on_time(self._network.now_ms(), self._message_ms)
                self._wishes_changed.set()

    async def _keep_alive(self) -> None:
        settings, network = self._settings, self._network
        ping_every = settings.read_timeout_ms // 2
        ping_ms = network.now_ms() + ping_every
        while True:
            now = network.now_ms()
            if now >= ping_ms:
                await self._until_allowed()
                await self._send(self._socket.ping())
                ping_ms = now + ping_every
                continue
            wake_ms = ping_ms
            if self._is_reading:
                heard_ms = max(self._socket.last_heard_ms, self._read_ms)
                wake_ms = min(
                    wake_ms, self._alive_until("read", heard_ms, settings.read_timeout_ms)
                )
                if self._subscriber.wanted:
                    until = self._alive_until(
                        "receive", self._message_ms, settings.silence_timeout_ms
                    )
                    wake_ms = min(wake_ms, until)
            await network.wait_ms(wake_ms - now)

    def _alive_until(self, op: str, last_ms: int, timeout_ms: int) -> int:
        if self._network.now_ms() - last_ms >= timeout_ms:
            raise ConnectorTimeoutError(op, timeout_ms)
        return last_ms + timeout_ms

    async def _until_allowed(self) -> None:
        """Wait for the throttle; the caller sends right after."""
        delayed = False
        while wait_ms := self._throttle.get_wait_time_ms(1, self._network.now_ms()):
            delayed = True
            await self._network.wait_ms(wait_ms)
        self.messages_delayed += delayed
        self._throttle.consume(1, self._network.now_ms())

    async def _send(self, sending: Awaitable[None]) -> None:
        timeout_ms = self._settings.write_timeout_ms
        try:
            async with asyncio.timeout(timeout_ms / MS):
                await sending
        except TimeoutError:
            raise ConnectorTimeoutError("write", timeout_ms) from None


def _stream_of(raw: bytes) -> str:
    """Name of the stream of a wrapped frame, without parsing the frame."""
    start = len(_WRAPPED)
    return raw[start : raw.find(b'"', start)].decode("utf-8", "replace")


def _answer_in(raw: bytes) -> Answer | None:
    try:
        data: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    is_one = type(data) is dict and "e" not in data and "stream" not in data and is_answer(data)
    return read_answer(data) if is_one else None
