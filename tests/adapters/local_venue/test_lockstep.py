"""Lockstep in memory: time stands still until the client has done a turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.lockstep import LockstepFeed, SteppedClock
from grinder_adapters.local_venue.memory import MemorySockets
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import WebSocket
from grinder_core.contracts.event import Event
from grinder_core.errors import ConnectorError
from tests.adapters.local_venue.market_cases import T0, quote, trade
from tests.adapters.local_venue.venue_cases import Client
from tests.support.virtual_time import run, settle

STREAMS = "btcusdt@bookTicker/btcusdt@aggTrade"
TIMEOUT_MS = 1000


class Scene:
    """An exchange, its feed and one lockstep client."""

    def __init__(self) -> None:
        self.clock = SteppedClock(T0)
        self.venue: LocalVenue = assemble(VenueOptions(keys=(LOCAL_KEY,)))
        self.feed = LockstepFeed(self.venue, self.clock)
        self.client = Client(self.venue, T0)

    async def connect(self) -> WebSocket:
        key = self.client.ask("POST", "v1/listenKey")["listenKey"]
        sockets = MemorySockets(self.venue, self.clock)
        url = f"ws://127.0.0.1/lockstep/stream?streams={STREAMS}&listenKey={key}"
        return await sockets.connect(url, TIMEOUT_MS)


async def turn_of(socket: WebSocket) -> tuple[list[str], dict[str, Any]]:
    """The event types of one turn, and the mark that ends it."""
    kinds: list[str] = []
    while True:
        frame = json.loads(await socket.receive())
        if "stream" not in frame:
            return kinds, frame
        kinds.append(frame["data"]["e"])


def follow(source: Sequence[Event], buys: bool = False) -> tuple[Scene, list[Any]]:
    """A client that follows to the end, and buys once a turn where wanted."""
    scene, turns = Scene(), []

    async def client() -> None:
        socket = await scene.connect()
        feeding = asyncio.create_task(scene.feed.run(source))
        while True:
            kinds, mark = await turn_of(socket)
            turns.append((kinds, mark))
            if mark.get("end"):
                break
            await settle(5)
            assert scene.clock.now == mark["now"]  # nobody moves it while we think
            scene.venue.tick(scene.clock.now)  # as a server does now and then
            if buys:
                scene.client.now = mark["now"]
                scene.client.trade()
            await socket.send(json.dumps({"ack": mark["turn"]}))
        await feeding

    run(client())
    return scene, turns


@settings(max_examples=30)
@given(st.lists(st.sampled_from("qto"), max_size=12))
def test_each_event_that_the_client_can_see_is_a_turn_of_its_own(kinds: list[str]) -> None:
    made = {
        "q": lambda n: quote(T0 + n, str(100 + n), "1000"),
        "t": lambda n: trade(n + 1, ts=T0 + n),
        "o": lambda n: quote(T0 + n, "100", "101", symbol="ETHUSDT"),  # nobody asked for it
    }
    scene, turns = follow([made[kind](n) for n, kind in enumerate(kinds)])
    seen = [(n, kind) for n, kind in enumerate(kinds) if kind != "o"]
    names = {"q": ["bookTicker"], "t": ["aggTrade"]}
    assert [(m["turn"], m["now"], k) for k, m in turns[:-1]] == [
        (n, T0 + n, names[kind]) for n, kind in seen
    ]
    assert turns[-1] == ([], {"end": True})
    assert scene.feed.turns == len(seen)


def test_user_events_come_in_the_turn_that_follows_and_are_counted() -> None:
    source = [quote(T0 + n * 1000, "90000", f"9000{n + 1}") for n in range(3)]
    scene, turns = follow(source, buys=True)
    user = ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    assert [kinds for kinds, _ in turns] == [
        ["bookTicker"],
        [*user, "bookTicker"],
        [*user, "bookTicker"],
        user,
    ]
    assert [mark.get("events") for _, mark in turns] == [0, 4, 8, None]
    answer = scene.client.send("GET", "v3/balance")
    assert answer is not None
    assert answer.headers["X-Grinder-User-Events"] == "12"


@pytest.mark.parametrize("hours", [1, 3, 30])
def test_leaps_of_market_time_end_neither_the_connection_nor_its_key(hours: int) -> None:
    leap = hours * 3_600_000
    source = [quote(T0 + n * leap, "90000", f"9000{n + 1}") for n in range(4)]
    _, turns = follow(source, buys=True)
    assert [mark.get("events") for _, mark in turns] == [0, 4, 8, 12, None]
    assert [kinds.count("ACCOUNT_UPDATE") for kinds, _ in turns] == [0, 1, 1, 1, 1]


def test_a_market_that_breaks_off_ends_the_connection() -> None:
    async def story() -> None:
        scene = Scene()
        socket = await scene.connect()

        def source() -> Any:
            yield quote(T0)
            raise OSError("the recording is cut")

        feeding = asyncio.create_task(scene.feed.run(source()))
        _, mark = await turn_of(socket)
        await socket.send(json.dumps({"ack": mark["turn"]}))
        with pytest.raises(ConnectorError):
            await turn_of(socket)
        with pytest.raises(OSError, match="cut"):
            await feeding

    run(story())


def test_time_never_goes_back() -> None:
    _, turns = follow([quote(T0 + 5, "100", "101"), quote(T0 + 2, "100", "102")])
    assert [mark.get("now") for _, mark in turns] == [T0 + 5, T0 + 5, None]


def test_twice_the_same_is_the_same() -> None:
    source = [quote(T0 + n * 1000, "90000", f"9000{n + 1}") for n in range(3)]
    assert follow(source, buys=True)[1] == follow(source, buys=True)[1]


@pytest.mark.parametrize("after", [0, 2])
def test_a_client_that_leaves_ends_the_feed_with_an_error(after: int) -> None:
    async def story() -> None:
        scene = Scene()
        socket = await scene.connect()
        source = (quote(T0 + n, str(100 + n), "1000") for n in range(10))
        feeding = asyncio.create_task(scene.feed.run(source))
        for _ in range(after):
            _, mark = await turn_of(socket)
            await socket.send(json.dumps({"ack": mark["turn"]}))
        await settle(5)
        await socket.close()
        with pytest.raises(ConnectionError, match=f"left in turn {after}"):
            await feeding

    run(story())


def test_a_client_that_left_between_turns_is_missed_too() -> None:
    async def story() -> None:
        scene = Scene()
        socket = await scene.connect()

        def source() -> Any:
            yield quote(T0, "100", "101", symbol="ETHUSDT")
            scene.venue.hub.close(next(iter(scene.venue.hub.sessions.values())))
            yield quote(T0, "100", "101", symbol="ETHUSDT")

        with pytest.raises(ConnectionError, match="left in turn 1"):
            await scene.feed.run(source())
        await socket.close()

    run(story())


def test_a_feed_needs_its_client_first() -> None:
    with pytest.raises(ConnectionError, match="no lockstep client"):
        run(Scene().feed.run([quote(T0)]))


def test_an_acknowledgement_of_an_earlier_turn_does_not_count() -> None:
    async def story() -> None:
        scene = Scene()
        socket = await scene.connect()
        source = (quote(T0 + n, str(100 + n), "1000") for n in range(2))
        feeding = asyncio.create_task(scene.feed.run(source))
        await turn_of(socket)
        await socket.send('{"ack":-1}')
        await settle(5)
        assert scene.clock.now == T0
        await socket.send('{"ack":0}')
        await turn_of(socket)
        await socket.send('{"ack":1}')
        await feeding
        assert scene.feed.turns == 2

    run(story())
