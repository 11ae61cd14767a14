"""Many symbols over few connections: metrics, changes under way, back-pressure (SCR-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from attrs import evolve

from grinder_adapters.binance.connection import ConnectionSettings
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.frame_queue import FrameQueue
from grinder_adapters.binance.link import LinkSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.placement import PlacementSettings
from grinder_adapters.binance.streams import Frame, MarketStreams, StreamSettings
from grinder_core.errors import ConfigError, ConnectorTransientError
from grinder_core.resilience.backoff import BackoffSettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support import virtual_time
from tests.support.memory_sockets import MemorySocket, MemorySockets
from tests.support.virtual_time import VirtualClock, settle

QUIET = StreamSettings(
    placement=PlacementSettings(max_streams=4),
    connection=ConnectionSettings(
        backoff=BackoffSettings(jitter_bps=0), link=LinkSettings(silence_timeout_ms=86_400_000)
    ),
)
KINDS = ("bookTicker", "depth20@500ms", "aggTrade")


class Scene:
    """Streams, the venue, and the frames that a reader took."""

    def __init__(
        self,
        clock: VirtualClock,
        kinds: tuple[str, ...] = KINDS,
        settings: StreamSettings = QUIET,
    ) -> None:
        self.clock = clock
        self.venue = MemorySockets(self.clock)
        limiter = ReconnectLimiter(ReconnectSettings())
        self.network = Network(self.venue, self.clock, limiter, Random(1))
        self.streams = MarketStreams(self.network, kinds, "wss://venue", settings)
        self.frames: list[Frame] = []

    async def read(self) -> None:
        async for frame in self.streams.frames():
            self.frames.append(frame)

    async def at(self, now_ms: int) -> None:
        await asyncio.sleep((now_ms - self.clock.now_ms()) / 1_000)
        await settle()

    def alive(self) -> list[MemorySocket]:
        return self.venue.alive


def play(
    story: Callable[[Scene], Awaitable[None]],
    kinds: tuple[str, ...] = KINDS,
    settings: StreamSettings = QUIET,
) -> Scene:
    clock = VirtualClock(0)
    scene = Scene(clock, kinds, settings)

    async def run() -> None:
        await story(scene)
        await scene.streams.close()
        await scene.streams.close()
        assert scene.venue.alive == []

    virtual_time.run(run(), clock)
    return scene


def test_each_class_has_its_address_and_each_shard_its_streams() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT", "ETHUSDT", "AAAUSDT"])
        scene.streams.open()
        await settle()
        seen = [(socket.url, socket.requests[0][1]) for socket in scene.alive()]
        assert seen == [
            (
                "wss://venue/public/stream",
                [
                    "aaausdt@bookTicker", "aaausdt@depth20@500ms",
                    "btcusdt@bookTicker", "btcusdt@depth20@500ms",
                ],
            ),
            (
                "wss://venue/market/stream",
                ["aaausdt@aggTrade", "btcusdt@aggTrade", "ethusdt@aggTrade"],
            ),
            ("wss://venue/public/stream", ["ethusdt@bookTicker", "ethusdt@depth20@500ms"]),
        ]  # fmt: skip
        assert set(scene.streams.states.values()) == {State.CONNECTED}

    play(story)


def test_frames_come_with_their_time_and_shard_in_order_of_receipt() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        reader = asyncio.create_task(scene.read())
        await settle()
        public, market = scene.alive()
        public.push(b"1")
        await scene.at(5)
        market.push(b"2")
        public.push(b"3")
        await scene.at(6)
        await scene.streams.close()
        await reader

    scene = play(story)
    assert scene.frames[0] == (0, b"1", 0)
    assert sorted(scene.frames[1:]) == [(5, b"2", 1), (5, b"3", 0)]


def test_symbols_that_come_and_go_move_only_their_own_streams() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT", "ETHUSDT"])
        scene.streams.open()
        await settle()
        scene.streams.remove(["BTCUSDT"])
        scene.streams.add(["XRPUSDT", "ETHUSDT"])
        await settle()
        public = scene.alive()[0]
        assert public.requests[1:] == [
            ("UNSUBSCRIBE", ["btcusdt@bookTicker"]),
            ("SUBSCRIBE", ["xrpusdt@bookTicker"]),
        ]

    play(story, kinds=("bookTicker",))


def test_a_connection_without_streams_closes_after_a_minute() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await scene.at(1_000)
        scene.streams.remove(["BTCUSDT"])
        await scene.at(60_999)
        assert len(scene.alive()) == 1
        await scene.at(61_000)
        assert scene.alive() == []
        assert scene.streams.states == {}
        scene.streams.add(["BTCUSDT"])
        await settle()
        assert list(scene.streams.states) == [1]

    play(story, kinds=("bookTicker",))


def test_a_connection_that_got_streams_again_stays() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await settle()
        scene.streams.remove(["BTCUSDT"])
        await scene.at(30_000)
        scene.streams.add(["ETHUSDT"])
        await scene.at(200_000)
        assert len(scene.venue.sockets) == 1

    play(story, kinds=("bookTicker",))


def test_a_storm_of_losses_comes_back_no_faster_than_the_limiter_allows() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add([f"S{number}USDT" for number in range(32)])  # eight shards
        scene.streams.open()
        await scene.at(100_000)
        for socket in scene.alive():
            socket.end()
        await scene.at(100_001)
        metrics = scene.streams.metrics
        assert metrics.reconnect_limiter_in_cooldown
        assert metrics.total_reconnects_denied == 3
        assert sum(one.reconnect_denied for one in scene.streams.shard_metrics.values()) == 3
        await scene.at(159_999)
        assert len(scene.venue.attempts) == 8 + 5
        await scene.at(161_001)
        assert len(scene.venue.attempts) == 8 + 8
        assert set(scene.streams.states.values()) == {State.CONNECTED}

    play(story, kinds=("bookTicker",))


def test_delayed_messages_are_counted() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await settle()
        for number in range(6):  # each wish is a message while the burst of five lasts
            scene.streams.add([f"S{number}USDT"])
            await settle()
        await scene.at(1_000)
        names = [streams for _, streams in scene.alive()[0].requests]
        assert names[4:] == [["s3usdt@bookTicker"], ["s4usdt@bookTicker", "s5usdt@bookTicker"]]
        assert scene.streams.metrics.total_messages_delayed == 1
        assert scene.streams.shard_metrics[0].messages_delayed == 1

    play(story, kinds=("bookTicker",), settings=evolve(QUIET, placement=PlacementSettings()))


def test_a_slow_reader_stops_the_reading_and_loses_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await settle()
        socket = scene.alive()[0]
        for number in range(100):
            socket.push(b"%d" % number)
        await scene.at(500_000)  # far beyond every timeout
        assert len(scene.streams._queue) == 10
        reader = asyncio.create_task(scene.read())
        await settle(500)
        await scene.streams.close()
        await reader

    scene = play(story, kinds=("bookTicker",), settings=evolve(QUIET, queue_frames=10))
    assert [int(frame.raw) for frame in scene.frames] == list(range(100))
    assert len(scene.venue.sockets) == 1


def test_what_a_connection_is_given_up_for_reaches_the_reader() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(ConnectorTransientError("gone"))
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        with pytest.raises(ConnectorTransientError, match="gone"):
            await scene.read()
        assert scene.streams.error is not None
        scene.streams.open()  # once more
        reader = asyncio.create_task(scene.read())
        await settle()
        scene.alive()[0].push(b"1")
        await settle()
        assert [frame.raw for frame in scene.frames] == [b"1"]
        await scene.streams.close()
        await reader

    settings = evolve(QUIET, connection=evolve(QUIET.connection, attempts_max=1))
    play(story, kinds=("bookTicker",), settings=settings)


def test_how_tasks_ended_is_counted() -> None:
    async def story(scene: Scene) -> None:
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await settle()
        socket = scene.alive()[0]
        socket.hangs_on_close = True
        await scene.streams.close()
        metrics = scene.streams.metrics
        # the supervisor still waited for the socket to close when its time was up
        assert metrics.tasks_force_killed <= 1
        assert metrics.tasks_cancelled + metrics.tasks_force_killed == 6
        assert scene.clock.now_ms() <= 5_250

    play(story, kinds=("bookTicker",))


def test_refused_streams_are_told() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.script = lambda request: ({"code": 2, "msg": "no", "id": request["id"]},)
        scene.streams.add(["BTCUSDT"])
        scene.streams.open()
        await settle()
        assert scene.streams.missing == ("btcusdt@bookTicker",)

    play(story, kinds=("bookTicker",))


def test_an_unknown_kind_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match="is no stream kind"):
        Scene(VirtualClock(0), ("bookTicker", "gossip"))


def test_a_queue_that_ended_gives_what_it_holds_and_takes_nothing_more() -> None:
    async def scene() -> None:
        queue: FrameQueue[int] = FrameQueue(1)
        await queue.put(1)
        waiting = asyncio.create_task(queue.put(2))
        await settle()
        queue.end()
        await waiting
        assert [await queue.get(), await queue.get()] == [1, None]
        queue.reopen()
        await queue.put(3)
        assert await queue.get() == 3

    virtual_time.run(scene())
