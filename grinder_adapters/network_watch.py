"""Counts what this process tries on the network, to prove that it tried nothing (LIVE-28, 37).

The interpreter itself reports each attempt to connect, to listen, to send a datagram or to look up
a name, whichever library makes it in Python. Attempts are counted, not stopped; ``airgap`` stops
them. A socket pair that stays in the process, as event loops have one, is no attempt.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import Factory, define

_EVENTS: Final = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
    }
)


@define(eq=False)
class NetworkWatch:
    """What was tried while it watched.

    Attributes:
        attempts: Each in words, oldest first.
    """

    attempts: list[str] = Factory(list)


_watching: list[NetworkWatch] = []
_is_hooked = False


@contextmanager
def watched_network() -> Iterator[NetworkWatch]:
    """Count attempts of this whole process, on any thread, while the block runs."""
    _hook()
    watch = NetworkWatch()
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)


def _hook() -> None:
    """Have the interpreter report; a hook stays for the life of the process and is cheap."""
    global _is_hooked  # noqa: PLW0603 - one hook for the process, it cannot be taken out again
    if not _is_hooked:
        sys.addaudithook(_note)
        _is_hooked = True


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in _EVENTS:
        for watch in _watching:
            watch.attempts.append(f"{event} {arguments[-1]!r}")
