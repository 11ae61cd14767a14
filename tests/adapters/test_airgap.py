"""LIVE-37: under the guard nothing but this machine is reachable, by any way into a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.airgap import FixtureNetworkBlockedError, airgap


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def tcp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM)


OUTSIDE: dict[str, Callable[[], Any]] = {
    "connect": lambda: tcp().connect(("192.0.2.1", 80)),
    "connect_ex": lambda: tcp().connect_ex(("192.0.2.1", 80)),
    "connect6": lambda: tcp(socket.AF_INET6).connect(("2001:db8::1", 80)),
    "mapped": lambda: tcp(socket.AF_INET6).connect(("::ffff:192.0.2.1", 80)),
    "any": lambda: tcp().connect(("0.0.0.0", 80)),
    "empty": lambda: tcp().connect(("", 80)),
    "name": lambda: tcp().connect(("localhost.example", 80)),
    "create_connection": lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "sendto": lambda: udp().sendto(b"x", ("192.0.2.1", 53)),
    "sendto with flags": lambda: udp().sendto(b"x", 0, ("192.0.2.1", 53)),
    "sendmsg": lambda: udp().sendmsg([b"x"], [], 0, ("192.0.2.1", 53)),
    "getaddrinfo": lambda: socket.getaddrinfo("example.com", 443),
    "getaddrinfo bytes": lambda: socket.getaddrinfo(b"example.com", 443),
    "getaddrinfo keyword": lambda: socket.getaddrinfo(host="example.com", port=443),
    "gethostbyname": lambda: socket.gethostbyname("example.com"),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex("example.com"),
    "gethostbyaddr": lambda: socket.gethostbyaddr("192.0.2.1"),
    "getnameinfo": lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    "asyncio": lambda: asyncio.run(_open("192.0.2.1")),
    "asyncio by name": lambda: asyncio.run(_open("example.com")),
}


async def _open(host: str) -> None:
    await asyncio.open_connection(host, 80)


@pytest.mark.parametrize("way", OUTSIDE)
def test_every_way_out_is_blocked(way: str) -> None:
    with airgap(), pytest.raises(FixtureNetworkBlockedError, match="works offline"):
        OUTSIDE[way]()


@given(st.ip_addresses().filter(lambda ip: not ip.is_loopback))
def test_no_foreign_address_passes(ip: object) -> None:
    with airgap(), pytest.raises(FixtureNetworkBlockedError):
        socket.getaddrinfo(str(ip), 80)


def test_a_thread_is_guarded_too() -> None:
    caught: list[BaseException] = []

    def reach() -> None:
        try:
            OUTSIDE["connect"]()
        except FixtureNetworkBlockedError as error:
            caught.append(error)

    with airgap():
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.10"])
def test_loopback_passes(host: str) -> None:
    with airgap(), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if host == "127.8.9.10":  # another address of the loopback network has no listener
            assert tcp().connect_ex((host, port)) != 0
            return
        with socket.create_connection((host, port), timeout=5) as client:
            assert client.getpeername()[1] == port


def test_unix_sockets_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with airgap(), socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")
        assert client.getpeername() == "s"


def test_datagrams_to_loopback_pass() -> None:
    with airgap(), udp() as receiver, udp() as sender:
        receiver.bind(("127.0.0.1", 0))
        place = receiver.getsockname()
        sender.sendto(b"a", place)
        sender.sendto(b"b", 0, place)
        sender.sendmsg([b"c"], [], 0, place)
        assert [receiver.recv(1) for _ in range(3)] == [b"a", b"b", b"c"]
        sender.connect(place)
        sender.sendmsg([b"d"])
        assert receiver.recv(1) == b"d"


def test_everything_is_as_before_afterwards_also_when_nested_or_raising() -> None:
    names = ("connect", "connect_ex", "sendto", "sendmsg")
    before = [getattr(socket.socket, name) for name in names]
    functions = (socket.create_connection, socket.getaddrinfo, socket.gethostbyname)
    with airgap(), airgap():
        pass
    with pytest.raises(ValueError, match="own"), airgap():
        raise ValueError("own")
    assert [getattr(socket.socket, name) for name in names] == before
    assert (socket.create_connection, socket.getaddrinfo, socket.gethostbyname) == functions
