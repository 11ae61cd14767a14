"""The exchange over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from attrs import define, field
from yarl import URL

from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue import server as module
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.server import SteadyClock, VenueServer
from grinder_core.errors import ConfigError
from tests.adapters.local_venue.market_cases import mark
from tests.adapters.local_venue.venue_cases import Client, an_order, quoted

STREAM = "btcusdt@bookTicker"


@define
class World:
    """A served exchange, and a client of raw HTTP."""

    server: VenueServer
    http: aiohttp.ClientSession
    base: str = ""
    count: int = field(default=0)

    @property
    def now(self) -> int:
        return self.server.clock.now_ms()

    async def get(self, path: str) -> tuple[int, Any, Any]:
        async with self.http.get(f"{self.base}{path}") as answer:
            return answer.status, answer.headers, json.loads(await answer.read())

    async def signed(self, method: str, path: str, **given: Any) -> tuple[int, Any]:
        request = Client(self.server.venue, self.now).request(method, path, given)
        url = URL(f"{self.base}{request.path}?{request.query}", encoded=True)
        async with self.http.request(method, url, headers=dict(request.headers)) as answer:
            return answer.status, json.loads(await answer.read())

    async def connect(self, path: str = f"/public/ws/{STREAM}", **options: Any) -> Any:
        return await self.http.ws_connect(f"{self.base}{path}", **options)

    def stir(self, count: int = 1) -> None:
        for _ in range(count):
            self.count += 1
            now = self.now
            self.server.venue.on_event(quoted("90000", f"{90001 + self.count}", now), now)


def play(story: Callable[[World], Awaitable[None]], *faults: Fault) -> None:
    """Run a story against a served exchange; everything is closed after it."""

    async def scene() -> None:
        venue = assemble(VenueOptions(plan=FaultPlan(faults)))
        server = VenueServer(venue, SystemClock())
        now = server.clock.now_ms()
        venue.on_event(quoted(ts=now), now)
        venue.on_event(mark("90000", now), now)
        async with aiohttp.ClientSession() as http:
            world = World(server, http, await server.start())
            try:
                await asyncio.wait_for(story(world), 20)
            finally:
                await server.close()
        assert venue.hub.sessions == {}
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert [task for task in left if "local venue" in task.get_name()] == []

    asyncio.run(scene())


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens on the other side of a socket."""
    while not holds():
        await asyncio.sleep(0.005)


# -- requests --------------------------------------------------------------------------------------


def test_every_answer_says_which_venue_it_is_from() -> None:
    async def story(world: World) -> None:
        for path, status in (
            ("/fapi/v1/time", 200),
            ("/fapi/v1/nowhere", 404),
            ("/fapi/v3/balance", 401),
            ("/grinder/status", 200),
            ("/grinder/openapi.json", 200),
            ("/grinder/x", 404),
        ):
            got, headers, _ = await world.get(path)
            assert (got, headers["X-Grinder-Venue"]) == (status, "local"), path
        socket = await world.connect()
        assert socket._response.headers["X-Grinder-Venue"] == "local"
        await socket.close()

    play(story)


def test_orders_are_placed_by_query_and_by_form() -> None:
    async def story(world: World) -> None:
        status, answer = await world.signed("POST", "v1/order", **an_order())
        assert (status, answer["status"]) == (200, "NEW")
        client = Client(world.server.venue, world.now)
        request = client.request("POST", "v1/order", an_order(price="88000"))
        async with world.http.post(
            f"{world.base}{request.path}",
            data=request.query,
            headers={
                **request.headers,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        ) as second:
            assert (second.status, (await second.json())["price"]) == (200, "88000")
            assert second.headers["X-MBX-ORDER-COUNT-10S"] == "2"
            assert second.headers["X-MBX-USED-WEIGHT-1M"] == "0"
        status, rows = await world.signed("GET", "v1/openOrders")
        assert [row["price"] for row in rows] == ["89000", "88000"]

    play(story)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", ""])
def test_no_other_host_than_loopback_is_served(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        VenueServer(assemble(VenueOptions()), SystemClock(), host=host)


def test_a_port_that_is_taken_is_named() -> None:
    async def scene() -> None:
        with sockets.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = VenueServer(assemble(VenueOptions()), SystemClock(), port=port)
            with pytest.raises(ConfigError, match=f"port = {port}"):
                await server.start()
            await server.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("kind", "placed"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)]
)
def test_a_connection_breaks_without_an_answer(kind: FaultKind, placed: int) -> None:
    async def story(world: World) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await world.signed("POST", "v1/order", **an_order())
        assert len(world.server.venue.exchange.floor.orders) == placed
        assert (await world.get("/fapi/v1/ping"))[0] == 200

    play(story, Fault(kind=kind, match=Match(path="/fapi/v1/order")))


def test_a_slow_answer_is_slow_and_others_overtake_it() -> None:
    async def story(world: World) -> None:
        slow = asyncio.create_task(world.signed("POST", "v1/order", **an_order()))
        await until(lambda: bool(world.server.venue.exchange.floor.orders))
        assert (await world.get("/fapi/v1/ping"))[0] == 200
        assert not slow.done()
        assert (await slow)[0] == 200

    match = Match(path="/fapi/v1/order")
    play(story, Fault(kind=FaultKind.SLOW_ANSWER, match=match, delay_ms=150))


def test_a_wild_byte_stream_harms_nobody() -> None:
    async def story(world: World) -> None:
        for noise in (b"\x00\xff" * 50 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /fapi"):
            reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
            writer.write(noise)
            writer.write_eof()
            head = (await reader.read())[:12]
            assert not head or head.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))
            writer.close()
        for query in ("%ff=%00", "a=%2", "symbol=%E5%B8%81", "a&a&a"):
            async with world.http.get(
                URL(f"{world.base}/fapi/v1/depth?{query}", encoded=True)
            ) as a:
                assert a.status == 400
                assert set(await a.json()) == {"code", "msg"}

    play(story)


# -- WebSockets ------------------------------------------------------------------------------------


def test_streams_come_over_a_socket_in_order() -> None:
    async def story(world: World) -> None:
        socket = await world.connect("/public/stream")
        await socket.send_str(json.dumps({"method": "SUBSCRIBE", "params": [STREAM], "id": 1}))
        assert await socket.receive_json() == {"result": None, "id": 1}
        world.stir(500)
        asks = [(await socket.receive_json())["data"]["a"] for _ in range(500)]
        assert asks == [str(90002 + n) for n in range(500)]
        await socket.close()
        await until(lambda: not world.server.venue.hub.sessions)
        assert world.server.venue.hub.by_stream == {}

    play(story)


def test_frames_of_every_length_arrive_whole() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        (session,) = world.server.venue.hub.sessions.values()
        sizes = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)
        for size in sizes:
            session.put(b"x" * size)
        for size in sizes:
            assert await socket.receive_str() == "x" * size

    play(story)


def test_a_ping_is_answered_and_the_exchange_pings() -> None:
    async def story(world: World) -> None:
        socket = await world.connect(autoping=False)
        await socket.ping(b"hi")
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"hi")
        (session,) = world.server.venue.hub.sessions.values()
        session.last_ping -= 180_000
        assert (await socket.receive()).type is aiohttp.WSMsgType.PING
        before = session.last_pong
        await asyncio.sleep(0.01)
        await socket.pong()
        await until(lambda: session.last_pong > before)
        assert len(session.received) == 2

    play(story)


def test_too_many_pings_end_a_connection_like_other_messages() -> None:
    async def story(world: World) -> None:
        socket = await world.connect(autoping=False)
        for _ in range(11):
            await socket.ping()
        while (message := await socket.receive()).type is aiohttp.WSMsgType.PONG:
            pass
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1008)

    play(story)


def test_the_end_of_a_connection_has_its_code_and_reason() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        (session,) = world.server.venue.hub.sessions.values()
        session.opened_at -= 24 * 3_600_000
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert message.extra == "24 hours are over"

    play(story)


def test_a_cut_connection_ends_without_a_word() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        assert world.server.venue.hub.disconnect(None, "cut") == 1
        message = await socket.receive()
        assert message.type is not aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1006
        await until(lambda: not world.server.venue.hub.sessions)

    play(story)


@pytest.mark.parametrize("path", ["/nowhere", "/public", "/fapi/v1/time"])
def test_a_url_without_streams_is_refused(path: str) -> None:
    async def story(world: World) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await world.connect(path)
        assert caught.value.status == 404

    play(story)


def test_who_does_not_read_is_dropped_and_the_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OUTBOX_MAX", 2_000)

    async def story(world: World) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", world.server.port, limit=1)
        writer.write(
            f"GET /public/ws/{STREAM} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        await until(lambda: bool(world.server.venue.hub.sessions))
        (slow,) = world.server.venue.hub.sessions.values()
        good = await world.connect()
        for _ in range(400):
            slow.put(b"x" * 60_000)  # until the buffers of the machine are full
            if slow.outbox:
                await asyncio.sleep(0)
        world.stir(2_500)
        for _ in range(2_500):
            await good.receive_json()
        await until(lambda: len(world.server.venue.hub.sessions) == 1)
        assert slow.close_code == 1008
        assert not slow.outbox
        world.stir()
        await good.receive_json()
        writer.transport.abort()

    play(story)


def test_a_client_that_goes_away_is_forgotten() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        socket._response.connection.transport.abort()
        await until(lambda: not world.server.venue.hub.sessions)
        world.stir()
        assert (await world.get("/fapi/v1/ping"))[0] == 200

    play(story)


def test_closing_the_exchange_says_goodbye_and_does_not_take_long() -> None:
    async def story(world: World) -> None:
        socket = await world.connect()
        other = await world.connect()
        loop = asyncio.get_running_loop()
        began = loop.time()
        closing = asyncio.create_task(world.server.close())
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        await socket.close()
        await closing  # though the other one says nothing
        assert loop.time() - began < 5
        assert other is not None

    play(story)


def test_time_passes_at_the_exchange_by_itself() -> None:
    async def story(world: World) -> None:
        await world.signed("POST", "v1/order", **an_order())
        given = {"symbol": "BTCUSDT", "countdownTime": 30}
        await world.signed("POST", "v1/countdownCancelAll", **given)
        await until(lambda: not world.server.venue.exchange.floor.orders)
        status, answer = await world.signed("GET", "v1/openOrders")
        assert (status, answer) == (200, [])

    play(story)


def test_a_clock_that_is_set_back_stands_still() -> None:
    class Jumpy:
        times = iter((5, 7, 3, 8))

        def now_ms(self) -> int:
            return next(self.times)

    clock = SteadyClock(Jumpy())
    assert [clock.now_ms() for _ in range(4)] == [5, 7, 7, 8]
