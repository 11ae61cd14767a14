"""The data connector as a whole, under every fault, on virtual time (LIVE-01, 02, 18)."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.book_sync import BookNotice, BookSettings, Loss
from grinder_adapters.binance.connection import ConnectionSettings
from grinder_adapters.binance.connector_state import MOVES, State
from grinder_adapters.binance.event_queue import QueueSettings
from grinder_adapters.binance.feed import BinanceFeed, Cursor, FeedSettings
from grinder_adapters.binance.link import LinkSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.placement import PlacementSettings
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.streams import StreamSettings
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Snapshot, Trade
from grinder_core.errors import (
    ConfigError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorTransientError,
)
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.resilience.backoff import BackoffSettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support import virtual_time
from tests.support.memory_sockets import MemorySocket, MemorySockets
from tests.support.virtual_time import VirtualClock, settle

D = Decimal
ROOT = Path(__file__).resolve().parents[3]
TOP = ("bookTicker", "aggTrade")
FULL = ("bookTicker", "depth@100ms", "aggTrade", "markPrice@1s")
STEADY = FeedSettings(
    streams=StreamSettings(
        placement=PlacementSettings(max_streams=4),
        connection=ConnectionSettings(
            backoff=BackoffSettings(jitter_bps=0), link=LinkSettings(silence_timeout_ms=86_400_000)
        ),
    )
)


class Scene:
    """A feed, the venue's side, and what the reader took."""

    def __init__(self, clock: VirtualClock, kinds: tuple[str, ...], given: FeedSettings) -> None:
        self.clock = clock
        self.sockets = MemorySockets(clock)
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(self.sockets, clock, limiter, Random(1))
        self.notices: list[BookNotice] = []
        self.fetches: list[str] = []
        self.losses = 0
        self.feed = BinanceFeed(
            *(network, kinds, "wss://venue", self.fetch, given),
            on_notice=self.notices.append,
            on_loss=self.lose,
        )
        self.path = [self.feed.state]
        self.feed._state._on_change = lambda: self.path.append(self.feed.state)
        self.events: list[Event] = []
        self.reader: asyncio.Task[None] | None = None
        self.at_id = 100
        self.trade_id = 0

    def lose(self) -> None:
        self.losses += 1

    async def fetch(self, symbol: str) -> DepthAnswer:
        self.fetches.append(symbol)
        taken_at = self.at_id
        await asyncio.sleep(0.12)
        book = L2Snapshot(
            ts=0, symbol=symbol, bids=((D(9), D(1)), (D(5), D(1))), asks=((D(11), D(1)),)
        )
        return DepthAnswer(book=book, last_update_id=taken_at)

    def read(self) -> None:
        async def reading() -> None:
            async for event in self.feed.iter_events():
                self.events.append(event)

        self.reader = asyncio.create_task(reading())

    async def connected(self, *symbols: str) -> None:
        self.feed.subscribe(symbols or ("BTCUSDT",))
        await self.feed.connect()
        self.read()
        await settle()

    async def at(self, now_ms: int) -> None:
        await asyncio.sleep((now_ms - self.clock.now_ms()) / 1_000)
        await settle()

    def state(self) -> State:
        return self.feed.state

    def of(self, kind: str) -> list[MemorySocket]:
        return [socket for socket in self.sockets.alive if f"/{kind}/" in socket.url]

    def say(self, data: dict[str, Any], stream: str, kind: str) -> None:
        """Push a frame on every live socket that asked for its stream."""
        for socket in self.of(kind):
            if any(stream in streams for _, streams in socket.requests):
                socket.push_stream(stream, data)

    def quote(self, symbol: str = "BTCUSDT", bid: str = "9", update_id: int = 0) -> None:
        self.at_id = update_id or self.at_id + 1
        self.say(
            {"e": "bookTicker", "u": self.at_id, "E": self.clock.now_ms(), "T": 1, "s": symbol,
             "b": bid, "B": "1", "a": "11", "A": "1"},
            f"{symbol.lower()}@bookTicker", "public",
        )  # fmt: skip

    def change(self, missed: int = 0, symbol: str = "BTCUSDT") -> None:
        previous, self.at_id = self.at_id + missed, self.at_id + missed + 1
        self.say(
            {"e": "depthUpdate", "E": self.clock.now_ms(), "T": 1, "s": symbol, "U": self.at_id,
             "u": self.at_id, "pu": previous, "b": [["5", str(self.at_id)]], "a": []},
            f"{symbol.lower()}@depth@100ms", "public",
        )  # fmt: skip

    def trade(self, price: str = "10", symbol: str = "BTCUSDT") -> None:
        self.trade_id += 1
        self.say(
            {"e": "aggTrade", "E": self.clock.now_ms(), "s": symbol, "a": self.trade_id,
             "p": price, "q": "1", "f": 1, "l": 1, "T": 1, "m": True},
            f"{symbol.lower()}@aggTrade", "market",
        )  # fmt: skip

    def mark(self, symbol: str = "BTCUSDT") -> None:
        self.say(
            {"e": "markPriceUpdate", "E": self.clock.now_ms(), "s": symbol, "p": "10", "T": 5},
            f"{symbol.lower()}@markPrice@1s", "market",
        )  # fmt: skip


def play(
    story: Callable[[Scene], Awaitable[None]],
    kinds: tuple[str, ...] = TOP,
    given: FeedSettings = STEADY,
) -> Scene:
    clock, scenes = VirtualClock(0), []

    async def run() -> None:
        scene = Scene(clock, kinds, given)
        scenes.append(scene)
        await story(scene)
        before = clock.now_ms()
        await scene.feed.close()
        await scene.feed.close()
        assert clock.now_ms() - before <= 5_250  # I-02.2
        if scene.reader is not None and not scene.reader.done():
            await scene.reader
        assert len(asyncio.all_tasks()) == 1  # I-02.1
        assert scene.sockets.alive == []

    virtual_time.run(run(), clock)
    scene = scenes[0]
    assert all(move in MOVES for move in pairwise(scene.path))  # I-01.1
    return scene


def of_kind(scene: Scene, kind: type[Any]) -> list[Any]:
    return [event.payload for event in scene.events if isinstance(event.payload, kind)]


def test_all_kinds_of_market_events_come_numbered_and_in_time() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        for step in range(1, 6):
            await scene.at(step * 100)
            scene.trade("9.5")
            scene.change()
            scene.mark()
            await settle()
            scene.quote(update_id=scene.at_id)
        await scene.at(1_000)

    scene = play(story, FULL)
    assert {event.kind for event in scene.events} == {
        "SNAPSHOT", "TRADE", "MARK_PRICE", "L2_SNAPSHOT", "DEPTH_DIFF",
    }  # fmt: skip
    assert [event.seq for event in scene.events] == list(range(len(scene.events)))
    times = [event.ts_ms for event in scene.events]
    assert times == sorted(times)
    waited = [event for event in scene.events if event.ts_ms != event.ts_recv_ms]
    assert [(event.kind, event.ts_recv_ms, event.ts_ms) for event in waited] == [
        ("DEPTH_DIFF", 300, 320)  # it came while the snapshot was under way
    ]
    assert all(quote.last_price == D("9.5") for quote in of_kind(scene, Snapshot))
    assert all(quote.last_qty == 0 for quote in of_kind(scene, Snapshot))
    stats = scene.feed.stats
    assert (stats.events, stats.ticks) == (len(scene.events), 5)
    assert stats.frames == 20
    assert stats.book_fetches == 1


def test_a_loss_is_seen_and_the_cursor_survives_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        scene.quote(update_id=50)
        await scene.at(1_000)
        assert scene.feed.last_seen == {"BTCUSDT": Cursor(0, 50)}
        scene.of("public")[0].end()
        await settle()
        assert scene.state() is State.RECONNECTING
        assert scene.losses == 1
        assert isinstance(scene.feed.error, ConnectorTransientError)
        await scene.at(2_000)
        assert scene.losses == 1
        assert scene.state() is State.CONNECTED
        for update_id in (49, 50, 51):
            scene.quote(update_id=update_id)
        await settle()
        assert scene.feed.last_seen_ts == 2_000

    scene = play(story)
    assert [event.update_id for event in scene.events] == [50, 51]
    assert scene.feed.stats.drops["duplicate"] == 1
    assert scene.path == [
        State.DISCONNECTED, State.CONNECTING, State.CONNECTED, State.RECONNECTING,
        State.CONNECTED, State.CLOSED,
    ]  # fmt: skip


def test_the_feed_is_connected_only_while_every_shard_is() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected(*(f"S{number}USDT" for number in range(5)))  # two a class
        assert len(scene.sockets.alive) == 4
        scene.of("public")[1].end()
        scene.of("market")[0].end()
        await settle()
        assert scene.state() is State.RECONNECTING
        assert scene.losses == 2
        scene.sockets.failures.append(ConnectorTransientError("no"))
        await scene.at(1_500)
        assert scene.state() is State.RECONNECTING
        await scene.at(20_000)
        assert scene.state() is State.CONNECTED
        assert scene.losses == 2

    play(story)


def test_connecting_a_connected_feed_does_nothing_and_twice_at_once_is_refused() -> None:
    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        scene.sockets.failures.append(MemorySockets.hang)
        first = asyncio.create_task(scene.feed.connect())
        await settle()
        for call in (scene.feed.connect, scene.feed.reconnect):
            with pytest.raises(ConnectorError, match="under way"):
                await call()
        await first
        await scene.feed.connect()
        assert len(scene.sockets.sockets) == 2

    play(story)


def test_reconnect_replaces_every_socket_and_keeps_what_was_seen() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        scene.quote(update_id=50)
        await settle()
        await scene.feed.reconnect()
        assert scene.state() is State.CONNECTED
        assert [socket.closed_ms is None for socket in scene.sockets.sockets] == [
            False, False, True, True,
        ]  # fmt: skip
        scene.quote(update_id=50)
        await settle()
        assert scene.feed.last_seen["BTCUSDT"].update_id == 50

    assert len(play(story).events) == 1


def test_reconnect_when_disconnected_connects() -> None:
    async def story(scene: Scene) -> None:
        await scene.feed.reconnect()
        await scene.feed.reconnect()  # there is nothing to replace yet

    assert play(story).path[1:3] == [State.CONNECTING, State.CONNECTED]


def taking(scene: Scene, take: Callable[[Event], None]) -> list[Event]:
    """Have a reader that takes at once what it can; return what it iterated."""
    iterated: list[Event] = []

    async def reading() -> None:
        async for event in scene.feed.iter_events(take):
            iterated.append(event)
            scene.events.append(event)

    scene.reader = asyncio.create_task(reading())
    return iterated


def test_the_first_frame_of_a_turn_is_taken_at_once_and_a_burst_in_order() -> None:
    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        await scene.feed.connect()
        iterated = taking(scene, scene.events.append)
        await settle()
        for count in (1, 3):
            for _ in range(count):
                scene.quote()
            await settle()
        assert [event.update_id for event in scene.events] == [101, 102, 103, 104]
        assert [event.update_id for event in iterated] == [103, 104]
        assert [event.seq for event in scene.events] == [0, 1, 2, 3]
        assert scene.feed.stats.ticks == 4
        assert scene.feed.last_seen["BTCUSDT"].update_id == 104

    play(story)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_taken_at_once_or_iterated_nothing_is_lost_or_moved(bursts: list[int]) -> None:
    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT", "ETHUSDT"])
        await scene.feed.connect()
        taking(scene, scene.events.append)
        await settle()
        for number, count in enumerate(bursts):
            for _ in range(count):
                scene.quote("ETHUSDT" if number % 2 else "BTCUSDT")
            if number % 3:
                await asyncio.sleep(0)
        await settle()

    scene = play(story)
    ids = [event.update_id for event in scene.events]
    assert ids == list(range(101, 101 + sum(bursts)))
    assert [event.seq for event in scene.events] == list(range(sum(bursts)))


def test_what_a_taker_raises_ends_the_iteration_and_no_connection() -> None:
    def refuse(event: Event) -> None:
        raise ValueError("cannot be folded")

    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        await scene.feed.connect()
        taking(scene, refuse)
        await settle()
        scene.quote()
        assert scene.reader is not None
        with pytest.raises(ValueError, match="cannot be folded"):
            await scene.reader
        assert scene.state() is State.CONNECTED
        assert scene.losses == 0

    play(story)


def test_nothing_is_taken_once_the_iteration_is_over() -> None:
    taken: list[Event] = []

    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        await scene.feed.connect()
        taking(scene, taken.append)
        await settle()
        assert scene.reader is not None
        scene.reader.cancel()
        await asyncio.wait({scene.reader})
        scene.quote()
        await settle()
        assert not taken
        scene.read()
        await settle()

    scene = play(story)
    assert [event.update_id for event in scene.events] == [101]


def test_what_is_closed_stays_closed() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        await scene.feed.close()
        for call in (scene.feed.connect, scene.feed.reconnect):
            with pytest.raises(ConnectorClosedError):
                await call()
        for change in (scene.feed.subscribe, scene.feed.unsubscribe):
            with pytest.raises(ConnectorClosedError):
                change(["BTCUSDT"])
        with pytest.raises(ConnectorClosedError):
            await anext(scene.feed.iter_events())

    play(story)


def test_attempts_that_run_out_end_the_iteration_and_it_can_be_connected_again() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        scene.sockets.failures.extend([ConnectorTransientError("gone")] * 2)
        scene.quote(update_id=50)
        scene.of("public")[0].end()
        assert scene.reader is not None
        with pytest.raises(ConnectorTransientError, match="gone"):
            await scene.reader
        assert scene.state() is State.DISCONNECTED
        await scene.feed.connect()
        scene.read()
        scene.quote(update_id=51)
        await settle()

    connection = evolve(STEADY.streams.connection, attempts_max=2)
    given = evolve(STEADY, streams=evolve(STEADY.streams, connection=connection))
    scene = play(story, given=given)
    assert [(event.seq, event.update_id) for event in scene.events] == [(0, 50), (1, 51)]


def test_symbols_come_and_go_under_way() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected("BTCUSDT")
        scene.feed.subscribe(["ETHUSDT"])
        await settle()
        assert scene.state() is State.CONNECTED
        scene.quote("ETHUSDT")
        await settle()
        scene.feed.unsubscribe(["ETHUSDT"])
        scene.quote("ETHUSDT")
        await settle()
        assert scene.of("public")[0].requests[-1] == ("UNSUBSCRIBE", ["ethusdt@bookTicker"])

    scene = play(story)
    assert [quote.symbol for quote in of_kind(scene, Snapshot)] == ["ETHUSDT"]
    assert scene.feed.stats.drops["unknown_symbol"] == 1


def test_a_gap_gives_up_the_book_until_a_new_snapshot_continues_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        for step in range(1, 140):
            await scene.at(step * 50)
            scene.change(missed=3 if step == 40 else 0)
        await settle()
        assert scene.feed.book_is_synced("BTCUSDT")

    scene = play(story, FULL)
    assert [(notice.ts_ms, notice.loss) for notice in scene.notices] == [(2_000, Loss.GAP)]
    assert len(scene.fetches) == 2
    books = [(len(book.bids), len(book.asks)) for book in of_kind(scene, L2Snapshot)]
    assert books == [(2, 1), (0, 0), (2, 1)]
    consumer = MaintainedBook("BTCUSDT")
    for event in scene.events:
        if isinstance(event.payload, L2Snapshot):
            consumer.on_snapshot(event.payload, event.update_id)
        else:
            assert isinstance(event.payload, DepthDiff)
            assert consumer.on_diff(event.payload)
    assert consumer.last_update_id == scene.at_id


def test_a_book_that_disagrees_with_the_quotes_is_given_up() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        for step in range(1, 60):
            await scene.at(step * 100)
            scene.change()
            scene.quote(bid="9" if step < 20 else "8", update_id=scene.at_id)

    scene = play(story, FULL)
    assert [notice.loss for notice in scene.notices] == [Loss.DISAGREES]


def test_a_reader_that_sleeps_gets_the_newest_quote_and_every_trade() -> None:
    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        await scene.feed.connect()
        await settle()
        for number in range(200):
            scene.quote(bid=f"9.{number}")
            scene.trade()
        await settle(1_000)
        scene.read()
        await settle(1_000)

    scene = play(story, given=evolve(STEADY, queue=QueueSettings(queue_events=10)))
    assert len(of_kind(scene, Trade)) == 200
    assert of_kind(scene, Snapshot)[-1].bid_price == D("9.199")
    assert len(of_kind(scene, Snapshot)) <= 11
    assert scene.feed.stats.conflated == 200 - len(of_kind(scene, Snapshot))


def test_refused_trades_are_told() -> None:
    async def story(scene: Scene) -> None:
        scene.feed.subscribe(["BTCUSDT"])
        await scene.feed.connect()
        await settle()
        for _ in range(3):
            scene.trade()
        await settle()
        assert scene.feed.trades_missing("BTCUSDT", 0)
        assert scene.feed.stats.trades_refused == 1

    play(story, given=evolve(STEADY, queue=QueueSettings(queue_trades=2)))


def test_a_mistake_in_the_feed_reaches_the_reader() -> None:
    async def story(scene: Scene) -> None:
        async def broken(symbol: str) -> DepthAnswer:
            raise KeyError(symbol)

        scene.feed._books._fetch = broken
        await scene.connected()
        scene.change()
        scene.change()
        assert scene.reader is not None
        with pytest.raises(KeyError, match="BTCUSDT"):
            await scene.reader

    play(story, FULL)


def test_whole_books_and_their_changes_are_not_asked_for_together() -> None:
    with pytest.raises(ConfigError, match="beside a stream of changes"):
        Scene(VirtualClock(), ("depth20@100ms", "depth@100ms"), STEADY)


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["end public", "end market", "mute", "refuse", "reconnect", "gap", "repeat", "late",
             "garbage", "fine"]
        ),
        st.integers(1, 15),
    ),
    max_size=10,
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(FAULTS)
def test_whatever_happens_cursors_rise_and_books_hold_together(
    faults: list[tuple[str, int]],
) -> None:
    def a_story() -> Callable[[Scene], Awaitable[None]]:
        async def story(scene: Scene) -> None:
            await scene.connected()
            for fault, steps in faults:
                public = scene.of("public")
                if fault.startswith("end"):
                    for socket in scene.of(fault.split()[1]):
                        socket.end()
                elif fault == "mute" and public:
                    public[0].has_pongs = False
                elif fault == "refuse":
                    scene.sockets.failures.append(ConnectorTransientError("no"))
                elif fault == "reconnect" and scene.state() is State.CONNECTED:
                    await scene.feed.reconnect()
                elif fault == "gap":
                    scene.change(missed=2)
                elif fault in ("repeat", "late"):
                    scene.quote(update_id=scene.at_id - (fault == "late"))
                    scene.at_id += fault == "late"
                elif fault == "garbage" and public:
                    public[0].push(b"\xff{")
                for _ in range(steps):
                    scene.trade()
                    scene.change()
                    scene.quote(update_id=scene.at_id)
                    await scene.at(scene.clock.now_ms() + 400)

        return story

    first, second = play(a_story(), FULL), play(a_story(), FULL)
    assert first.events == second.events  # I-18.1
    cursors = [(e.payload.ts, e.update_id) for e in first.events if isinstance(e.payload, Snapshot)]
    assert all(one < other for one, other in pairwise(cursors))  # I-01.2
    trades = [trade.trade_id for trade in of_kind(first, Trade)]
    assert trades == sorted(set(trades))
    consumer = MaintainedBook("BTCUSDT")
    for event in first.events:
        if isinstance(event.payload, L2Snapshot):
            consumer.on_snapshot(event.payload, event.update_id)
        elif isinstance(event.payload, DepthDiff):
            assert consumer.on_diff(event.payload)
    assert consumer.gaps == consumer.crossings == 0


def _imports(module: str) -> set[str]:
    """Names of the product's modules that a module imports."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.is_file():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {
        name
        for name in found
        if name.startswith("grinder_")
        and (
            (ROOT / (name.replace(".", "/") + ".py")).is_file()
            or (ROOT / name.replace(".", "/")).is_dir()
        )
    }


def test_the_feed_reaches_nothing_that_can_trade() -> None:
    seen: set[str] = set()
    todo = ["grinder_adapters.binance.feed"]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += _imports(module)
    assert "grinder_adapters.binance.market_frames" in seen  # the closure is one
    trading = ("rest", "orders_port", "writes", "write_guard", "permission", "user_stream")
    forbidden = {f"grinder_adapters.binance.{name}" for name in trading}
    rooms = ("grinder_core.engine", "grinder_core.orders", "grinder_core.venue", "grinder_app")
    assert not seen & forbidden
    assert not [name for name in seen if name.startswith(rooms)]


def test_book_settings_keep_to_the_reference() -> None:
    books = BookSettings()
    assert (books.levels_max, books.disagree_ms) == (1_000, 2_000)
