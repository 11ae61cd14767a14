"""The private stream: own orders, fills, positions, as they happen (LIVE-19, reference 10).

A listen key opens the stream and must be kept alive. When the venue says that it has expired, or
keeping it alive fails, there is a new key and a new connection. Nothing is replayed after a new
connection, so each one begins with a `Gap`: until the owner reports that a REST snapshot asked for
after it is merged, the stream is not complete. The key is part of the URL and appears nowhere else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from attrs import Factory, frozen

from grinder_adapters.binance.connection import Connection, ConnectionSettings
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.frame_queue import FrameQueue
from grinder_adapters.binance.network import MS, Network
from grinder_adapters.binance.signing import Secret
from grinder_adapters.binance.subscriptions import Answer
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.binance.user_events import ListenKeyExpired, UnknownEvent, UserEvent
from grinder_adapters.binance.user_fold import UserFold
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_core.contracts.checks import check_int
from grinder_core.errors import (
    ConnectorError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
)
from grinder_core.settings import setting

KEEP_ALIVE_TRIES: Final = 3


@frozen(kw_only=True)
class ListenKeyCalls:
    """Requests about the listen key; they raise `ConnectorError`.

    Attributes:
        create: Returns the live key, or a new one.
        keep_alive: Extends the life of the key.
        close: Ends it.
    """

    create: Callable[[], Awaitable[Secret]]
    keep_alive: Callable[[Secret], Awaitable[None]]
    close: Callable[[Secret], Awaitable[None]]


@frozen(kw_only=True)
class UserStreamSettings:
    """How the private stream is kept."""

    keep_alive_ms: int = setting(
        1_800_000,
        "Time between two extensions of the key, which lives 60 min.",
        ge=10_000,
        le=3_000_000,
        spec="LIVE-19",
    )
    keep_alive_retry_ms: int = setting(
        30_000, "Wait before one that failed for the moment is tried again.", ge=1, spec="LIVE-19"
    )
    queue_events: int = setting(
        10_000, "Events that wait for the reader before reading stops.", ge=1, spec="LIVE-18"
    )
    connection: ConnectionSettings = Factory(ConnectionSettings)


@frozen(kw_only=True)
class Gap:
    """A new connection: what happened before it was open is known only after a REST snapshot.

    Attributes:
        generation: To be handed back to ``UserStream.merged``.
    """

    ts_ms: int
    generation: int


@frozen(kw_only=True)
class Received:
    """Something new of the private stream, and when it came."""

    received_ms: int
    event: UserEvent


class UserStream:
    """The private stream of one account.

    Args:
        base_url: Of the venue's streams, such as ``wss://fstream.binance.com``.
        calls: Requests about the key.

    Attributes:
        fold: What was heard so far; merging REST trades asks it which fills are new.
        unknown_events: Frames that could not be read or are not known.
        keys_expired: Times a key had to be replaced.
        events_heard, last_heard_ms: What came so far, and when the newest did, by our clock.
        keep_alives: Extensions of the key's life, by ``ok`` and ``error``.
        close_failed: Whether the key could not be ended at the close; it dies within an hour.
    """

    def __init__(
        self,
        network: Network,
        base_url: str,
        calls: ListenKeyCalls,
        settings: UserStreamSettings,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._network, self._base_url = network, base_url
        self._calls, self._settings = calls, settings
        self._key: Secret | None = None
        self._generation = self._merged = 0
        self._queue: FrameQueue[Gap | Received] = FrameQueue(settings.queue_events)
        self._tasks = Tasks()
        self._on_change = on_change
        self._connection = Connection(
            "user stream",
            self._address,
            network,
            settings.connection,
            self._deliver,
            on_change=self._changed,
            on_open=self._opened,
        )
        self.fold = UserFold()
        self.unknown_events = self.keys_expired = 0
        self.events_heard = self.last_heard_ms = 0
        self.keep_alives: Counter[str] = Counter()
        self.close_failed = False

    @property
    def state(self) -> State:
        """Where its connection stands."""
        return self._connection.state.now

    @property
    def error(self) -> Exception | None:
        """Why it is lost; ``None`` if it is well."""
        return self._connection.state.error

    @property
    def reconnects(self) -> int:
        """Sockets opened after the first."""
        return self._connection.reconnects

    @property
    def user_stream_ok(self) -> bool:
        """Whether nothing can have been missed: connected, and the last gap is closed."""
        return self.state is State.CONNECTED and self._merged == self._generation

    async def connect(self) -> None:
        """Open it and wait until it is open.

        Raises:
            ConnectorError: It failed, is under way already, or closed.
        """
        self._connection.open()
        self._queue.reopen()
        if "keep alive" not in self._tasks.names:
            self._tasks.start(self._keep_alive(), "keep alive", self._failed)
        await self._connection.state.until_settled("connect")

    def merged(self, generation: int, trades: Mapping[str, int]) -> None:
        """Take note that a REST snapshot asked for after a gap is merged.

        Args:
            generation: Of the gap; an earlier one than the newest closes nothing.
            trades: By symbol, the highest trade id of the answers that were merged.

        Raises:
            ContractError: There was no such gap.
        """
        check_int("generation", generation, ge=1)
        if generation > self._generation:
            raise ContractError(
                f"must be <= {self._generation}", field="generation", value=generation
            )
        self._merged = max(self._merged, generation)
        for symbol, trade_id in trades.items():
            self.fold.move_cursor(symbol, trade_id)

    async def events(self) -> AsyncIterator[Gap | Received]:
        """Yield gaps and events until the close; for one reader.

        Raises:
            Exception: What the connection was given up for.
        """
        while (item := await self._queue.get()) is not None:
            yield item

    async def close(self) -> None:
        """Stop keeping the key alive, close the connection, end the key; idempotent."""
        if self.state is State.CLOSED:
            return
        timeout_ms = self._settings.connection.link.close_timeout_ms
        await asyncio.gather(self._tasks.close(timeout_ms), self._connection.close())
        self._queue.end()
        key, self._key = self._key, None
        if key is not None:
            self.close_failed = True
            with suppress(ConnectorError, TimeoutError):
                async with asyncio.timeout(timeout_ms / MS):
                    await self._calls.close(key)
                    self.close_failed = False

    async def _address(self) -> str:
        self._key = await self._calls.create()
        return f"{self._base_url}/private/ws?listenKey={self._key.reveal()}"

    def _opened(self) -> None:
        self._generation += 1
        self._queue.put_now(Gap(ts_ms=self._network.now_ms(), generation=self._generation))

    def _changed(self) -> None:
        if self.state is State.DISCONNECTED:
            self._failed(self.error)
        self._on_change()

    def _failed(self, error: BaseException | None) -> None:
        self._queue.end(error if isinstance(error, Exception) else None)

    async def _deliver(self, received_ms: int, raw: bytes) -> None:
        item = read_user_frame(raw)
        if isinstance(item, ListenKeyExpired):
            if item.listen_key == self._key:
                self._renew_key()
        elif not isinstance(item, Answer):
            self.unknown_events += isinstance(item, UnknownEvent)
            self.events_heard += 1
            self.last_heard_ms = received_ms
            event = self.fold.apply(item)
            if event is not None:
                await self._queue.put(Received(received_ms=received_ms, event=event))

    async def _keep_alive(self) -> None:
        settings, network = self._settings, self._network
        failed = 0
        while True:
            await network.wait_ms(
                settings.keep_alive_retry_ms if failed else settings.keep_alive_ms
            )
            key = self._key
            if key is None or self.state is not State.CONNECTED:
                continue
            try:
                await self._calls.keep_alive(key)
                failed = 0
                self.keep_alives["ok"] += 1
            except (ConnectorTransientError, ConnectorTimeoutError):
                self.keep_alives["error"] += 1
                failed += 1
                if failed >= KEEP_ALIVE_TRIES:
                    failed = 0
                    self._renew_key()
            except ConnectorError:
                self.keep_alives["error"] += 1
                failed = 0
                self._renew_key()

    def _renew_key(self) -> None:
        self.keys_expired += 1
        if self.state is State.CONNECTED:
            self._connection.reconnect()
