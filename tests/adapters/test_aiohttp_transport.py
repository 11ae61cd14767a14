"""Our HTTP and WebSockets over aiohttp: bytes as given, and errors told apart."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.clock import SystemClock
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from tests.support.virtual_time import VirtualClock

TIMEOUT_MS = 5_000
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def play(handler: Handler, story: Callable[[str], Awaitable[None]]) -> None:
    """Run a story against a server on loopback."""

    async def scene() -> None:
        runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            await asyncio.wait_for(story(f"127.0.0.1:{runner.addresses[0][1]}"), 20)
        finally:
            await runner.cleanup()

    asyncio.run(scene())


def a_free_port() -> int:
    """A port that nobody listens on."""
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def silent(request: web.BaseRequest) -> web.StreamResponse:
    """Never answers."""
    await asyncio.sleep(60)
    return web.Response()


async def breaking(request: web.BaseRequest) -> web.StreamResponse:
    """Ends the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


# -- requests --------------------------------------------------------------------------------------


def test_a_request_goes_out_byte_for_byte_and_its_answer_comes_back() -> None:
    seen: list[tuple[str, str, bytes, str]] = []

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        key = request.headers.get("X-MBX-APIKEY", "")
        seen.append((request.method, request.raw_path, await request.read(), key))
        return web.Response(status=418, body=b"\x00body", headers={"X-Used": "7"})

    async def story(host: str) -> None:
        transport = AiohttpTransport()
        path = "/fapi/v1/order?a=%E5%B8%81&b=x%2Fy&c=1+2&d=%41&signature=ab"
        for method, body in (("GET", b""), ("POST", b"a=1&b=%20"), ("PUT", b""), ("DELETE", b"")):
            answer = await transport.request(
                method, f"http://{host}{path}", {"X-MBX-APIKEY": "k"}, body, TIMEOUT_MS
            )
            assert seen.pop() == (method, path, body, "k")
            assert (answer.status, answer.body) == (418, b"\x00body")
            assert answer.headers["x-used"] == "7"
        await transport.close()

    play(echo, story)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://example.com/"})

    async def story(host: str) -> None:
        transport = AiohttpTransport()
        answer = await transport.request("GET", f"http://{host}/", {}, b"", TIMEOUT_MS)
        assert answer.status == 302
        await transport.close()

    play(elsewhere, story)


def test_cookies_are_not_kept() -> None:
    seen: list[str] = []

    async def baker(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie", ""))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async def story(host: str) -> None:
        transport = AiohttpTransport()
        for _ in range(2):
            await transport.request("GET", f"http://{host}/", {}, b"", TIMEOUT_MS)
        assert seen == ["", ""]
        await transport.close()

    play(baker, story)


def test_no_answer_in_time_is_a_timeout() -> None:
    async def story(host: str) -> None:
        transport = AiohttpTransport()
        with pytest.raises(ConnectorTimeoutError) as caught:
            await transport.request("GET", f"http://{host}/?signature=secret", {}, b"", 50)
        assert "secret" not in str(caught.value)
        await transport.close()

    play(silent, story)


def test_a_connection_that_breaks_after_sending_may_have_arrived() -> None:
    async def story(host: str) -> None:
        transport = AiohttpTransport()
        with pytest.raises(ConnectorTransientError) as caught:
            await transport.request("POST", f"http://{host}/?signature=secret", {}, b"", TIMEOUT_MS)
        assert not isinstance(caught.value, ConnectionNotMadeError)
        assert "secret" not in str(caught.value)
        assert host in str(caught.value)
        await transport.close()

    play(breaking, story)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_whose_kept_connection_broke_is_not_sent_again(method: str) -> None:
    count = 0

    async def once(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count > 1:
            return await breaking(request)
        return web.Response()

    async def story(host: str) -> None:
        transport = AiohttpTransport()
        await transport.request(method, f"http://{host}/", {}, b"", TIMEOUT_MS)
        with pytest.raises(ConnectorTransientError):
            await transport.request(method, f"http://{host}/", {}, b"", TIMEOUT_MS)
        await asyncio.sleep(0.05)
        await transport.close()
        assert count == 2

    play(once, story)


def test_a_host_that_does_not_listen_got_nothing() -> None:
    async def story() -> None:
        transport = AiohttpTransport()
        url = f"http://127.0.0.1:{a_free_port()}/"
        with pytest.raises(ConnectionNotMadeError):
            await transport.request("POST", url, {}, b"", TIMEOUT_MS)
        await transport.close()

    asyncio.run(story())


def test_a_closed_transport_sends_nothing() -> None:
    async def story() -> None:
        transport, socket = AiohttpTransport(), AiohttpSockets(SystemClock())
        await transport.close()
        await socket.close()
        with pytest.raises(ConnectorClosedError):
            await transport.request("GET", "http://127.0.0.1/", {}, b"", TIMEOUT_MS)
        with pytest.raises(ConnectorClosedError):
            await socket.connect("ws://127.0.0.1/", TIMEOUT_MS)

    asyncio.run(story())


# -- WebSockets ------------------------------------------------------------------------------------


async def talk(request: web.BaseRequest) -> web.StreamResponse:
    """Says back what it hears; ``ping`` makes it ping, ``end`` makes it end."""
    socket = web.WebSocketResponse(autoping=False)
    await socket.prepare(request)
    await socket.send_str(request.raw_path)
    async for message in socket:
        if message.type is WSMsgType.PONG:
            await socket.send_bytes(b"pong " + message.data)
        elif message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.data == "ping":
            await socket.ping(b"7")
        elif message.data == "end":
            await socket.close(code=1001, message=b"bye")
        elif message.data == "break":
            return await breaking(request)
        else:
            await socket.send_str(message.data)
    return socket


def test_messages_come_as_bytes_and_pings_are_answered_on_the_way() -> None:
    async def story(host: str) -> None:
        clock = VirtualClock()
        transport = AiohttpSockets(clock)
        socket = await transport.connect(f"ws://{host}/ws?streams=a%40b/c", TIMEOUT_MS)
        assert await socket.receive() == b"/ws?streams=a%40b/c"
        clock.advance(500)
        await socket.send("h\u00e9")
        assert await socket.receive() == "h\u00e9".encode()
        assert socket.last_heard_ms == clock.now_ms()
        await socket.send("ping")
        assert await socket.receive() == b"pong 7"
        await socket.close()
        await socket.close()
        await transport.close()

    play(talk, story)


def test_a_pong_to_our_ping_is_heard_though_it_is_no_message() -> None:
    async def story(host: str) -> None:
        clock = VirtualClock()
        transport = AiohttpSockets(clock)
        socket = await transport.connect(f"ws://{host}/", TIMEOUT_MS)
        await socket.receive()
        before = socket.last_heard_ms
        clock.advance(700)
        await socket.ping()
        getting = asyncio.create_task(socket.receive())
        while socket.last_heard_ms == before:
            await asyncio.sleep(0.005)
        assert not getting.done()
        await socket.send("x")
        assert await getting == b"x"
        await transport.close()

    play(talk, story)


@pytest.mark.parametrize(("word", "code"), [("end", "1001"), ("break", "1006")])
def test_an_ended_connection_is_told_with_its_code(word: str, code: str) -> None:
    async def story(host: str) -> None:
        transport = AiohttpSockets(SystemClock())
        socket = await transport.connect(f"ws://{host}/ws/secret", TIMEOUT_MS)
        await socket.receive()
        await socket.send(word)
        with pytest.raises(ConnectorTransientError, match=code) as caught:
            await socket.receive()
        assert "secret" not in str(caught.value)
        with pytest.raises(ConnectorTransientError):
            await socket.receive()
        with pytest.raises(ConnectorTransientError):
            await socket.send("x")
        await transport.close()

    play(talk, story)


def test_closing_wakes_who_waits() -> None:
    async def story(host: str) -> None:
        transport = AiohttpSockets(SystemClock())
        socket = await transport.connect(f"ws://{host}/", TIMEOUT_MS)
        await socket.receive()
        getting = asyncio.create_task(socket.receive())
        await asyncio.sleep(0.01)
        await socket.close()
        with pytest.raises(ConnectorTransientError):
            await getting
        await transport.close()

    play(talk, story)


def test_a_connection_that_is_not_opened_is_told_apart() -> None:
    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=404)

    async def refused(host: str) -> None:
        transport = AiohttpSockets(SystemClock())
        with pytest.raises(ConnectionNotMadeError):
            await transport.connect(f"ws://{host}/", TIMEOUT_MS)
        with pytest.raises(ConnectionNotMadeError):
            await transport.connect(f"ws://127.0.0.1:{a_free_port()}/", TIMEOUT_MS)
        await transport.close()

    async def late(host: str) -> None:
        transport = AiohttpSockets(SystemClock())
        with pytest.raises(ConnectorTimeoutError):
            await transport.connect(f"ws://{host}/", 50)
        await transport.close()

    play(refuse, refused)
    play(silent, late)
