"""No packet leaves the machine: offline work is provably offline (LIVE-37).

Guards Python's sockets for the whole process, also for threads and event loops that exist
already; other processes enter the guard for themselves. Libraries that open sockets in C, without
Python's, are out of its reach; no command that works offline uses one.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from grinder_core.errors import GrinderError

_LOOPBACK_4: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_6: Final = ipaddress.IPv6Address("::1")
_CONNECTING: Final = ("connect", "connect_ex")
_RESOLVING: Final = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")


class FixtureNetworkBlockedError(GrinderError):
    """Something tried to reach the network from work that must stay offline."""

    code = "E_NETWORK_BLOCKED"


@contextmanager
def airgap() -> Iterator[None]:
    """Let this process reach loopback and Unix sockets only, while the block runs.

    Raises (inside the block):
        FixtureNetworkBlockedError: A connection, a datagram or a name look-up that is not for
            ``127.0.0.0/8``, ``::1``, the literal ``localhost`` or a Unix socket.
    """
    saved: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, guard in _guards():
            saved.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, guard(getattr(owner, name)))
        yield
    finally:
        for owner, name, original in reversed(saved):
            if original is _ABSENT:  # it was inherited from the C class
                delattr(owner, name)
            else:
                setattr(owner, name, original)


_ABSENT: Final = object()
Guard = Callable[[Callable[..., Any]], Callable[..., Any]]


def _guards() -> Iterator[tuple[Any, str, Guard]]:
    for name in _CONNECTING:
        yield socket.socket, name, _guard_connect
    yield socket.socket, "sendto", _guard_sendto
    if hasattr(socket.socket, "sendmsg"):
        yield socket.socket, "sendmsg", _guard_sendmsg
    yield socket, "create_connection", _guard_create_connection
    for name in _RESOLVING:
        yield socket, name, _guard_resolve
    yield socket, "getnameinfo", _guard_getnameinfo


def _guard_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(sock: socket.socket, address: Any, /) -> Any:
        _check_address(sock, address)
        return original(sock, address)

    return guarded


def _guard_sendto(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(sock: socket.socket, data: Any, /, *rest: Any) -> Any:
        if rest:  # sendto(data, address) or sendto(data, flags, address)
            _check_address(sock, rest[-1])
        return original(sock, data, *rest)

    return guarded


def _guard_sendmsg(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(sock: socket.socket, buffers: Any, /, *rest: Any) -> Any:
        if len(rest) > 2 and rest[2] is not None:  # ancillary data, flags, address
            _check_address(sock, rest[2])
        return original(sock, buffers, *rest)

    return guarded


def _guard_create_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(address: Any, *args: Any, **options: Any) -> Any:
        _check_host(address[0])
        return original(address, *args, **options)

    return guarded


def _guard_resolve(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if host is not None:  # None asks for a local address to listen on
            _check_host(host)
        return original(host, *args, **options)

    return guarded


def _guard_getnameinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(address: Any, flags: int, /) -> Any:
        _check_host(address[0])
        return original(address, flags)

    return guarded


def _check_address(sock: socket.socket, address: Any) -> None:
    if sock.family == getattr(socket, "AF_UNIX", None):
        return
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
        raise _blocked(address)
    _check_host(address[0])


def _check_host(host: object) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    if name == "localhost":
        return
    try:
        ip = ipaddress.ip_address(str(name))
    except ValueError:
        raise _blocked(host) from None
    if ip != _LOOPBACK_6 and not (ip.version == 4 and ip in _LOOPBACK_4):
        raise _blocked(host)


def _blocked(target: object) -> FixtureNetworkBlockedError:
    return FixtureNetworkBlockedError(
        "is not this machine, and this command works offline", field="address", value=target
    )
