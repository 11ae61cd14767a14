"""Market streams of many symbols over few connections (SCR-01).

Frames of all connections come out of one iterator, in the order they were received. A reader that
is slow stops the reading; nothing piles up here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import NamedTuple

from attrs import Factory, frozen

from grinder_adapters.binance.connection import Connection, ConnectionSettings
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.frame_queue import FrameQueue
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.placement import Placement, PlacementSettings, Shard
from grinder_adapters.binance.tasks import Tasks
from grinder_core.settings import setting


class Frame(NamedTuple):
    """One message of the venue: when it came, its bytes, and the number of its shard."""

    received_ms: int
    raw: bytes
    shard: int


@frozen(kw_only=True)
class StreamSettings:
    """How market streams are kept."""

    queue_frames: int = setting(
        10_000, "Frames that wait for the reader before reading stops.", ge=1, spec="LIVE-18"
    )
    placement: PlacementSettings = Factory(PlacementSettings)
    connection: ConnectionSettings = Factory(ConnectionSettings)


@frozen(kw_only=True)
class ShardMetrics:
    """One shard.

    Attributes:
        reconnect_denied: Times the limiter said no.
        messages_delayed: Messages that had to wait for the throttle.
        tasks_cancelled, tasks_force_killed: Background tasks that its close found alive, by how
            they ended.
        reconnects: Sockets opened after the first.
    """

    reconnect_denied: int
    messages_delayed: int
    tasks_cancelled: int
    tasks_force_killed: int
    reconnects: int


@frozen(kw_only=True)
class ConnectorMetrics:
    """All shards since the start."""

    reconnect_limiter_in_cooldown: bool
    total_reconnects_denied: int
    total_messages_delayed: int
    tasks_cancelled: int
    tasks_force_killed: int
    total_reconnects: int


class MarketStreams:
    """The sharded manager of the ``/public`` and ``/market`` streams.

    Args:
        kinds: Streams of every symbol, such as ``bookTicker``.
        base_url: Of the venue's streams, such as ``wss://fstream.binance.com``.
        on_change: Called after each change of a connection's state.
        take: Offered each frame before which none waits; one that it takes is not iterated.

    Raises:
        ConfigError: A kind is unknown.
    """

    def __init__(
        self,
        network: Network,
        kinds: Iterable[str],
        base_url: str,
        settings: StreamSettings,
        on_change: Callable[[], None] = lambda: None,
        take: Callable[[Frame], bool] = lambda frame: False,
    ) -> None:
        self._network, self._base_url, self._settings = network, base_url, settings
        self._on_change, self._take = on_change, take
        self._placement = Placement(kinds, settings.placement)
        self._connections: dict[int, Connection] = {}
        self._retired: list[ShardMetrics] = []
        self._queue: FrameQueue[Frame] = FrameQueue(settings.queue_frames)
        self._tasks = Tasks()
        self._is_open = self._is_opening = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those wanted, in the order they came."""
        return self._placement.symbols

    @property
    def states(self) -> Mapping[int, State]:
        """State of each shard's connection."""
        return {number: made.state.now for number, made in self._connections.items()}

    @property
    def error(self) -> Exception | None:
        """Why some connection is lost, above all one given up; ``None`` if all are well."""
        states = [made.state for made in self._connections.values()]
        states.sort(key=lambda state: state.now is not State.DISCONNECTED)
        return next((state.error for state in states if state.error is not None), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Streams that the venue refused."""
        return tuple(name for made in self._connections.values() for name in made.missing)

    @property
    def shard_metrics(self) -> Mapping[int, ShardMetrics]:
        """Figures of each open shard."""
        return {number: _metrics(made) for number, made in self._connections.items()}

    @property
    def metrics(self) -> ConnectorMetrics:
        """Figures of all shards, closed ones included."""
        network, every = self._network, [*self.shard_metrics.values(), *self._retired]
        return ConnectorMetrics(
            reconnect_limiter_in_cooldown=network.limiter.in_cooldown(network.now_ms()),
            total_reconnects_denied=sum(one.reconnect_denied for one in every),
            total_messages_delayed=sum(one.messages_delayed for one in every),
            tasks_cancelled=sum(one.tasks_cancelled for one in every),
            tasks_force_killed=sum(one.tasks_force_killed for one in every),
            total_reconnects=sum(one.reconnects for one in every),
        )

    def open(self) -> None:
        """Begin to connect every shard that is not connected; what was closed stays closed."""
        self._is_open = self._is_opening = True
        self._queue.reopen()
        for number, shard in self._placement.shards.items():
            if number not in self._connections:
                self._connections[number] = self._made(shard)
        self._update()
        for made in self._connections.values():
            if made.state.now is State.DISCONNECTED:
                made.open()
        self._is_opening = False
        self._changed()

    def add(self, symbols: Iterable[str]) -> None:
        """Want more symbols.

        Raises:
            ContractError: One is no symbol.
        """
        self._placement.add(symbols)
        if self._is_open:
            self.open()

    def remove(self, symbols: Iterable[str]) -> None:
        """Want some symbols no more; a connection left without any closes a while later."""
        self._placement.remove(symbols, self._network.now_ms())
        self._update()
        if any(shard.empty_since_ms is not None for shard in self._placement.shards.values()):
            self._tasks.start(self._close_empty(), "close empty shards")

    def reconnect(self) -> None:
        """Drop every socket that is connected, and open others."""
        for made in self._connections.values():
            if made.state.now is State.CONNECTED:
                made.reconnect()

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield every frame as it comes, until the close; for one reader.

        Raises:
            Exception: What a connection was given up for.
        """
        while (frame := await self._queue.get()) is not None:
            yield frame

    async def close(self) -> None:
        """Close all connections; idempotent."""
        self._is_open = False
        self._queue.end()
        await asyncio.gather(
            self._tasks.close(self._settings.connection.link.close_timeout_ms),
            *(made.close() for made in self._connections.values()),
        )

    def _made(self, shard: Shard) -> Connection:
        url = f"{self._base_url}/{shard.stream_class}/stream"

        async def address() -> str:
            return url

        async def deliver(received_ms: int, raw: bytes) -> None:
            frame = Frame(received_ms, raw, shard.number)
            if self._queue or not self._take(frame):
                await self._queue.put(frame)

        return Connection(
            f"shard {shard.number}",
            address,
            self._network,
            self._settings.connection,
            deliver,
            on_change=self._changed,
        )

    def _changed(self) -> None:
        if self._is_opening:
            return  # half of them still stand where they were
        if State.DISCONNECTED in self.states.values():
            self._is_open = False
            self._queue.end(self.error)
        self._on_change()

    def _update(self) -> None:
        for number, made in self._connections.items():
            shard = self._placement.shards.get(number)
            made.want(shard.streams if shard else ())

    async def _close_empty(self) -> None:
        await self._network.wait_ms(self._settings.placement.empty_close_ms)
        for number in self._placement.close_empty(self._network.now_ms()):
            made = self._connections.pop(number, None)
            if made is not None:
                await made.close()
                self._retired.append(_metrics(made))


def _metrics(made: Connection) -> ShardMetrics:
    return ShardMetrics(
        reconnect_denied=made.reconnect_denied,
        messages_delayed=made.messages_delayed,
        tasks_cancelled=made.tasks.cancelled,
        tasks_force_killed=made.tasks.force_killed,
        reconnects=made.reconnects,
    )
