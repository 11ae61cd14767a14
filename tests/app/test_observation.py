"""LIVE-30: the listener, what it answers, and that nobody who connects can hold anything up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import pytest
from attrs import evolve

from grinder_adapters.metrics.catalog import CATALOG, problems_of
from grinder_adapters.metrics.exposition import Exposition, Values
from grinder_app.config import load_settings
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.live.observing import observed, session_routes
from grinder_app.live.session import LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_app.server.bodies import (
    REQUIRED_HEALTHZ_KEYS,
    REQUIRED_READYZ_KEYS,
    Answer,
    Readiness,
    document,
    healthz,
    readyz,
)
from grinder_app.server.bounded import CONNECTIONS_MAX, Bound
from grinder_app.server.observation import Make, ObservationServer, observation_app
from grinder_app.server.scrapes import Scrapes
from grinder_core.codec import parse_json
from grinder_core.contracts.live import OperatingState
from grinder_core.errors import ConfigError

T = TypeVar("T")
BIG = b"x" * (32 << 20)  # more than any buffer between two sockets takes


def run(scene: Callable[[], Awaitable[T]]) -> T:
    """Play a scene; it hangs for ever only if something is wrong."""

    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await scene()

    return asyncio.run(bounded())


@asynccontextmanager
async def serving(
    routes: dict[str, Make], bound: Bound | None = None
) -> AsyncIterator[tuple[ObservationServer, str]]:
    server = ObservationServer(observation_app(routes), "127.0.0.1", 0, bound)
    address = await server.start()
    try:
        yield server, address
    finally:
        await server.close()


async def get(url: str, method: str = "GET") -> tuple[int, str, bytes]:
    async with aiohttp.ClientSession() as client, client.request(method, url) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.read()


def a_session(folder: Path, **sets: str) -> LiveSession:
    flags = {"app.state_dir": str(folder), **{f"live.{name}": text for name, text in sets.items()}}
    plan = plan_live(LiveFlags(), load_settings(None, environment={}, flags=flags), {})
    return LiveSession(plan, Surroundings(), "", "", lambda kind, text: None, version="test")


# -- bodies --------------------------------------------------------------------------------------


def test_healthz_says_that_it_lives_and_for_how_long() -> None:
    answer = healthz(1.5)
    assert answer == Answer(200, b'{"status":"ok","uptime_s":1.5}', "application/json")
    assert tuple(parse_json(answer.body.decode(), "body")) == REQUIRED_HEALTHZ_KEYS


@pytest.mark.parametrize("state", list(OperatingState))
@pytest.mark.parametrize("role", ["active", "standby", "unknown"])
def test_readyz_is_200_only_for_a_leader_whose_recovery_is_done(
    role: str, state: OperatingState
) -> None:
    answer = readyz(Readiness(role=role, state=state, reason="BOOTSTRAP_PENDING"))
    is_ready = role == "active" and state is not OperatingState.INIT
    assert answer.status == (200 if is_ready else 503)
    body = parse_json(answer.body.decode(), "body")
    assert tuple(body) == REQUIRED_READYZ_KEYS
    assert (body["ready"], body["role"], body["state"]) == (is_ready, role, state.value)
    assert is_ready or body["reasons"]
    assert ("not_leader" in body["reasons"]) is (role != "active")
    assert ("bootstrap_pending" in body["reasons"]) is (state is OperatingState.INIT)


def test_the_reasons_of_readyz_are_sorted() -> None:
    readiness = Readiness(role="standby", state=OperatingState.PAUSE, circuit_open=True, stale=True)
    found = ["book_stale", "circuit_open", "guard_paused_effective", "not_leader"]
    assert readiness.reasons == found
    assert Readiness(role="active", state=OperatingState.ACTIVE).reasons == []


# -- paths and methods ---------------------------------------------------------------------------


def test_a_session_answers_health_readiness_metrics_and_what_a_caller_adds(tmp_path: Path) -> None:
    async def scene() -> None:
        routes = session_routes(a_session(tmp_path), {"/status": lambda: {"a": [1]}})
        async with serving(routes) as (_, url):
            assert (await get(f"{url}/healthz"))[0] == 200
            status, kind, body = await get(f"{url}/readyz")
            assert (status, kind) == (503, "application/json")
            assert b'"state":"INIT"' in body
            status, kind, body = await get(f"{url}/metrics")
            assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
            assert problems_of(body.decode()) == []
            assert await get(f"{url}/status") == (200, "application/json", b'{"a":[1]}')
            for path in ("/", "/metrics/", "/healthz/x", "/admin", "/../metrics2"):
                assert (await get(f"{url}{path}"))[0] == 404
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
                assert (await get(f"{url}/metrics", method))[0] == 405

    run(scene)


def test_an_answer_that_cannot_be_made_harms_nobody_else() -> None:
    async def scene() -> None:
        def fail() -> Answer:
            raise ValueError("planted")

        async with serving({"/bad": fail, "/good": lambda: document(1)}) as (_, url):
            assert (await get(f"{url}/bad"))[0] == 500
            assert (await get(f"{url}/good"))[0] == 200

    run(scene)


# -- where it listens ----------------------------------------------------------------------------


def test_a_port_in_use_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving({}) as (_, url):
            port = url.rpartition(":")[2]
            session = a_session(tmp_path, http_port=port)
            with pytest.raises(ConfigError, match="in use") as caught:
                async with observed(session, lambda kind, text: None):
                    raise AssertionError("it listens twice")
            for way in ("--http-port", "--no-http", port):
                assert way in str(caught.value)

    run(scene)


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        session = a_session(tmp_path, http_host="192.0.2.1", http_port="0")
        with pytest.raises(ConfigError, match="http_host"):
            async with observed(session, lambda kind, text: None):
                raise AssertionError("it listens elsewhere")

    run(scene)


def test_people_are_told_the_port_that_was_free(tmp_path: Path) -> None:
    async def scene() -> None:
        told: list[tuple[str, str]] = []
        session = a_session(tmp_path, http_port="0")
        async with observed(session, lambda *words: told.append(words)) as url:  # type: ignore[arg-type]
            assert (await get(f"{url}/healthz"))[0] == 200
        assert told == [("http", f"{url}: /healthz, /readyz, /metrics")]
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(f"{url}/healthz")

    run(scene)


def test_a_listener_that_is_switched_off_listens_nowhere(tmp_path: Path) -> None:
    async def scene() -> None:
        told: list[Any] = []
        session = a_session(tmp_path, http_enabled="false", http_port="1")
        async with observed(session, lambda *words: told.append(words)) as url:
            assert url == ""
        assert told == []
        assert len(session.watchers) == 1  # nothing is counted for nobody

    run(scene)


# -- clients that do not read --------------------------------------------------------------------


async def stuck(url: str, path: str = "") -> socket.socket:
    """Connect, perhaps ask for something, and never read."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (host, int(port)))
    if path:
        await loop.sock_sendall(client, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def test_events_go_on_and_a_live_scraper_is_served_while_fifty_sockets_hang() -> None:
    async def scene() -> None:
        folded = 0

        async def fold() -> None:
            nonlocal folded
            while True:
                folded += 1
                await asyncio.sleep(0)

        routes: dict[str, Make] = {
            "/big": lambda: Answer(200, BIG, "text/plain"),
            "/healthz": lambda: healthz(1),
        }
        async with serving(routes) as (server, url):
            folding = asyncio.create_task(fold())
            hanging = [await stuck(url, "/big" if n % 2 else "") for n in range(50)]
            for _ in range(5):
                before = folded
                assert (await get(f"{url}/healthz"))[0] == 200
                assert folded > before
                assert len(server.bound) <= CONNECTIONS_MAX
            assert server.bound.evicted >= 50 - CONNECTIONS_MAX
            folding.cancel()
            for client in hanging:
                client.close()

    run(scene)


def test_closing_waits_for_no_client() -> None:
    async def scene() -> list[socket.socket]:
        never = asyncio.Event()

        async def hang() -> Answer:
            await never.wait()
            raise AssertionError("nobody sets it")

        routes: dict[str, Make] = {"/hang": hang, "/big": lambda: Answer(200, BIG, "text/plain")}
        async with serving(routes) as (server, url):
            clients = [await stuck(url, path) for path in ("/hang", "/big", "")]
            while len(server.bound) < len(clients):
                await asyncio.sleep(0)
        assert len(server.bound) == 0
        return clients

    for client in run(scene):
        client.close()


def test_a_connection_that_is_quiet_for_too_long_is_closed() -> None:
    async def scene() -> None:
        async with serving({}, Bound(idle_max_s=0.01)) as (server, url):
            client = await stuck(url)
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
            assert server.bound.evicted == 1
            client.close()

    run(scene)


def test_the_quietest_connection_goes_first() -> None:
    async def scene() -> None:
        routes: dict[str, Make] = {"/healthz": lambda: healthz(1)}
        async with serving(routes, Bound(most=2)) as (server, url):
            host, _, port = url.removeprefix("http://").rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            quiet = await stuck(url)
            while len(server.bound) < 2:
                await asyncio.sleep(0)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await reader.readline()
            third = await stuck(url)
            while not server.bound.evicted:
                await asyncio.sleep(0)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            told = b""
            while told.count(b"200 OK") < 1:
                told += await reader.readuntil()
            assert await asyncio.get_running_loop().sock_recv(quiet, 1) == b""
            for client in (quiet, third):
                client.close()
            writer.close()

    run(scene)


# -- at most one exposition a second -------------------------------------------------------------


def test_who_asks_within_a_second_gets_the_same_bytes() -> None:
    async def scene() -> None:
        clock = SimpleNamespace(now=0.0)
        values: Values = {"grinder_up": {(): 1}}
        scrapes = Scrapes(Exposition(CATALOG), lambda: values, lambda: clock.now)
        first = await scrapes.answer()
        clock.now = 0.999
        assert await scrapes.answer() is first
        assert scrapes.rendered == 1
        clock.now = 1.0
        assert await scrapes.answer() is not first
        assert scrapes.rendered == 2
        clock.now = 5.0
        answers = await asyncio.gather(*(scrapes.answer() for _ in range(100)))
        assert scrapes.rendered == 3
        assert all(answer is answers[0] for answer in answers)

    run(scene)


def test_writing_out_lets_everything_else_have_its_turn() -> None:
    async def scene() -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        scrapes = Scrapes(Exposition(CATALOG), lambda: {}, lambda: 0.0)
        other = asyncio.create_task(others())
        await scrapes.answer()
        other.cancel()
        assert turns >= len(CATALOG) // 4

    run(scene)


def test_a_scrape_is_of_one_moment() -> None:
    """Values are read at once, although writing them out takes several turns."""

    async def scene() -> None:
        count = 0

        def values() -> Values:
            return {name: {(): count} for name in ("grinder_up", "grinder_constraints_age_seconds")}

        scrapes = Scrapes(Exposition(CATALOG), values, lambda: 0.0)
        asking = asyncio.create_task(scrapes.answer())
        while not asking.done():
            count += 1
            await asyncio.sleep(0)
        lines = asking.result().body.splitlines()
        told = {
            line.split()[1]
            for line in lines
            if line.startswith((b"grinder_up ", b"grinder_constraints"))
        }
        assert len(told) == 1

    run(scene)


def test_settings_of_the_listener_are_checked() -> None:
    plan = plan_live(LiveFlags(http_port=0), load_settings(None, environment={}), {})
    assert plan.live.http_port == 0
    assert (
        plan_live(
            LiveFlags(no_http=True), load_settings(None, environment={}), {}
        ).live.http_enabled
        is False
    )
    for name, value in (("http_port", 65_536), ("http_port", -1), ("http_host", " ")):
        with pytest.raises(ConfigError, match=name):
            evolve(plan.live, **{name: value})
