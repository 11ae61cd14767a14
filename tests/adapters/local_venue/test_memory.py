"""Talking to the exchange in process: the same bytes, and faults that cost virtual time alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from attrs import define

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets, split
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from tests.adapters.local_venue.market_cases import quote
from tests.adapters.local_venue.venue_cases import NOW, Client, a_venue, an_order
from tests.support.virtual_time import VirtualClock, run, settle

BASE = "http://127.0.0.1:1"
TIMEOUT_MS = 1_000
STREAM = "btcusdt@bookTicker"


@define
class World:
    """An exchange and a client in one process."""

    venue: LocalVenue
    clock: VirtualClock
    http: MemoryHttp
    sockets: MemorySockets

    @classmethod
    def of(cls, *faults: Fault) -> World:
        venue, clock = a_venue(), VirtualClock(NOW)
        venue.set_plan(FaultPlan(faults, started_at=NOW))
        http = MemoryHttp(venue, clock, asyncio.sleep)
        return cls(venue, clock, http, MemorySockets(venue, clock))

    async def place(self, timeout_ms: int = TIMEOUT_MS) -> HttpAnswer:
        request = Client(self.venue, self.clock.now_ms()).request("POST", "v1/order", an_order())
        url = f"{BASE}{request.path}?{request.query}"
        headers = {"X-MBX-APIKEY": "grinder-local-key"}
        return await self.http.request("POST", url, headers, b"", timeout_ms)

    async def connect(self, url: str = f"/public/ws/{STREAM}") -> WebSocket:
        return await self.sockets.connect(f"ws://127.0.0.1{url}", TIMEOUT_MS)

    def stir(self) -> None:
        now = self.clock.now_ms()
        self.venue.on_event(quote(now, "90000", "90002"), now)


def play(story: Any, *faults: Fault) -> World:
    """Run a story under virtual time."""
    world = World.of(*faults)
    run(story(world), world.clock)
    return world


def a_fault(kind: FaultKind, **changes: Any) -> Fault:
    """A fault of orders alone."""
    return Fault(kind=kind, match=Match(path="/fapi/v1/order"), **changes)


# -- requests --------------------------------------------------------------------------------------


def test_a_request_is_answered_as_the_exchange_answers_it() -> None:
    async def story(world: World) -> None:
        answer = await world.place()
        assert answer.status == 200
        assert json.loads(answer.body)["status"] == "NEW"
        assert answer.headers["x-mbx-order-count-10s"] == "1"
        assert all(name == name.lower() for name in answer.headers)

    world = play(story)
    assert world.clock.now_ms() == NOW


def test_latency_passes_before_the_exchange_acts_and_slowness_after() -> None:
    async def story(world: World) -> None:
        placing = asyncio.create_task(world.place())
        await asyncio.sleep(0.199)
        assert not world.venue.exchange.floor.orders
        await asyncio.sleep(0.002)
        assert len(world.venue.exchange.floor.orders) == 1
        assert not placing.done()
        await placing
        assert world.clock.now_ms() == NOW + 500

    faults = [
        a_fault(FaultKind.LATENCY, delay_ms=200),
        a_fault(FaultKind.SLOW_ANSWER, delay_ms=300),
    ]
    world = play(story, *faults)
    (order,) = world.venue.exchange.floor.orders.values()
    assert order.placed_at == NOW + 200


@pytest.mark.parametrize(("delay_ms", "in_time"), [(999, True), (1_000, False), (5_000, False)])
def test_an_answer_that_comes_too_late_is_a_timeout_and_the_order_is_there(
    delay_ms: int, in_time: bool
) -> None:
    async def story(world: World) -> None:
        if in_time:
            assert (await world.place()).status == 200
        else:
            with pytest.raises(ConnectorTimeoutError):
                await world.place()
            # the caller does not wait longer than it said
            assert world.clock.now_ms() == NOW + TIMEOUT_MS
        await asyncio.sleep(10)
        assert len(world.venue.exchange.floor.orders) == 1

    play(story, a_fault(FaultKind.SLOW_ANSWER, delay_ms=delay_ms))


def test_a_request_that_arrives_after_its_timeout_is_still_judged() -> None:
    async def story(world: World) -> None:
        with pytest.raises(ConnectorTimeoutError):
            await world.place()
        assert not world.venue.exchange.floor.orders
        await asyncio.sleep(10)
        assert len(world.venue.exchange.floor.orders) == 1

    play(story, a_fault(FaultKind.LATENCY, delay_ms=2_000))


@pytest.mark.parametrize(
    ("kind", "placed"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)]
)
def test_a_broken_connection_says_nothing_about_the_order(kind: FaultKind, placed: int) -> None:
    async def story(world: World) -> None:
        with pytest.raises(ConnectorTransientError) as caught:
            await world.place()
        assert not isinstance(caught.value, ConnectionNotMadeError)
        assert len(world.venue.exchange.floor.orders) == placed

    play(story, a_fault(kind))


def test_a_closed_client_sends_nothing() -> None:
    async def story(world: World) -> None:
        await world.http.close()
        with pytest.raises(ConnectorClosedError):
            await world.place()
        assert world.venue.log.total == 0

    play(story)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://127.0.0.1", ("/", "")),
        ("http://127.0.0.1/", ("/", "")),
        ("http://127.0.0.1:80/a/b?c=/d?e", ("/a/b", "c=/d?e")),
        ("ws://127.0.0.1/ws/a%40b", ("/ws/a%40b", "")),
    ],
)
def test_path_and_query_are_taken_as_they_stand(url: str, parts: tuple[str, str]) -> None:
    assert split(url) == parts


# -- sockets ---------------------------------------------------------------------------------------


def test_frames_come_in_order_and_receiving_waits_for_them() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        getting = asyncio.create_task(socket.receive())
        await settle(5)
        assert not getting.done()
        await asyncio.sleep(2)
        world.stir()
        assert json.loads(await getting)["a"] == "90002"
        assert socket.last_heard_ms == NOW + 2_000
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        assert json.loads(await socket.receive()) == {"result": [STREAM], "id": 1}

    play(story)


def test_pings_are_answered_and_heard_and_a_day_ends_the_connection() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        getting = asyncio.create_task(socket.receive())
        for minute in range(1, 24 * 60 + 1):
            await asyncio.sleep(60)
            world.venue.tick(world.clock.now_ms())
            await settle(3)
            assert getting.done() is (minute == 24 * 60)
            heard = (world.clock.now_ms() - socket.last_heard_ms) // 60_000
            assert heard <= 3
        with pytest.raises(ConnectorTransientError, match="1001"):
            await getting
        assert world.venue.hub.sessions == {}

    play(story)


def test_what_was_sent_before_the_end_is_still_received() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        world.stir()
        world.venue.hub.disconnect(None, "cut")
        assert json.loads(await socket.receive())["e"] == "bookTicker"
        with pytest.raises(ConnectorTransientError, match="1006"):
            await socket.receive()
        with pytest.raises(ConnectorTransientError):
            await socket.send("{}")

    play(story)


def test_closing_is_idempotent_wakes_the_reader_and_forgets_the_connection() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        getting = asyncio.create_task(socket.receive())
        await settle(5)
        await socket.close()
        await socket.close()
        with pytest.raises(ConnectorTransientError):
            await getting
        with pytest.raises(ConnectorTransientError):
            await socket.send("{}")
        assert world.venue.hub.sessions == {}

    play(story)


def test_a_ping_of_ours_is_heard_and_counts_as_a_message() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        await asyncio.sleep(5)
        await socket.ping()
        assert socket.last_heard_ms == NOW + 5_000
        for _ in range(10):
            await socket.ping()
        with pytest.raises(ConnectorTransientError, match="1008"):
            await socket.receive()

    play(story)


def test_a_url_that_the_exchange_refuses_makes_no_connection() -> None:
    async def story(world: World) -> None:
        with pytest.raises(ConnectionNotMadeError):
            await world.connect("/nowhere")

    play(story)
