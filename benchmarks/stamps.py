"""When a quote passes the stages on its way to a request; stamps are taken by wrapping."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.canned_orders import ORDER_PATH, CannedHttp
from benchmarks.listed_market import TRADED
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.router import MarketRouter
from grinder_adapters.binance.writes import Writer
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_app.live.loop import LiveLoop
from grinder_app.live.witness import JournalWitness
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.live.core import LiveCore

_QUOTE = b'"s":"%b"' % TRADED.encode()
_BOOK = b'"e":"bookTicker"'


class Stamps:
    """Times of one quote's way after the other, nanoseconds of the wall and of this thread.

    Attributes:
        took_ns: From frame to request, by method.
        cpu_ns: The thread's own share of that.
        stages: Time since the stage before, by stage, of requests that place an order.
        syncs_ns: What commits took.
        is_running: Whether what passes counts.
    """

    def __init__(self) -> None:
        self.took_ns: dict[str, list[int]] = {"POST": [], "DELETE": []}
        self.cpu_ns: dict[str, list[int]] = {"POST": [], "DELETE": []}
        self.stages: dict[str, list[int]] = {}
        self.syncs_ns: list[int] = []
        self.is_running = False
        self._began = self._began_cpu = 0
        self._marks: dict[str, int] = {}

    def frame(self, raw: bytes) -> None:
        """A socket gave a frame."""
        if _QUOTE in raw and _BOOK in raw and self.is_running:
            self._marks.clear()
            self._began_cpu = time.thread_time_ns()
            self._began = time.perf_counter_ns()

    def mark(self, stage: str) -> None:
        """The quote under way has come so far; the first time counts."""
        if self._began:
            self._marks.setdefault(stage, time.perf_counter_ns())

    def request(self, method: str) -> None:
        """A request for an order has its bytes."""
        if not self._began:
            return
        now, cpu = time.perf_counter_ns(), time.thread_time_ns()
        self.took_ns[method].append(now - self._began)
        self.cpu_ns[method].append(cpu - self._began_cpu)
        if method == "POST" and self._marks:
            last = self._began
            for stage, at in [*self._marks.items(), ("request", now)]:
                self.stages.setdefault(stage, []).append(at - last)
                last = at
        self._began = 0


class StampedHttp(MemoryHttp):
    """Notes when a request for an order has its bytes."""

    stamps: Stamps

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Note it and send it on."""
        if method in self.stamps.took_ns and ORDER_PATH in url:
            self.stamps.request(method)  # nobody else trades
        return await super().request(method, url, headers, body, timeout_ms)


class StampedCannedHttp(StampedHttp, CannedHttp):
    """Notes it, and answers orders from memory."""


class StampedSocket:
    """Notes when a frame comes out of a socket."""

    def __init__(self, inner: WebSocket, stamps: Stamps) -> None:
        self._inner, self._stamps = inner, stamps

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def receive(self) -> bytes:
        """Return the next message."""
        frame = await self._inner.receive()
        self._stamps.frame(frame)
        return frame


class StampedSockets(MemorySockets):
    """Opens such sockets."""

    stamps: Stamps

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""
        return StampedSocket(await super().connect(url, timeout_ms), self.stamps)  # type: ignore[return-value]


def _is_ours(item: object) -> bool:
    quote = item.payload if isinstance(item, Event) else None
    return isinstance(quote, Snapshot) and quote.symbol == TRADED


_STAGES: tuple[tuple[type, str, str, Callable[..., bool]], ...] = (
    (MarketRouter, "read", "frame to read", lambda self, raw, at: _QUOTE in raw and _BOOK in raw),
    (LiveLoop, "put", "read to fold", lambda self, item: _is_ours(item)),
    (LiveCore, "step", "fold to step", lambda self, event: _is_ours(event)),
    (OrderDesk, "perform", "step to desk", lambda self, effect: True),
    (ExecutionPort, "place", "desk to place", lambda self, order: True),
    (Writer, "perform", "place to writer", lambda self, call: True),
    (JournalWitness, "record", "writer to witness", lambda self, entry, call: True),
    (RestClient, "_built", "witness to build", lambda self, request: True),
)


@contextmanager
def wrapped(stamps: Stamps) -> Iterator[None]:
    """Have all stages stamped meanwhile."""
    with_originals = [(owner, name, getattr(owner, name)) for owner, name, _, _ in _STAGES]
    for (owner, name, original), (_, _, stage, counts) in zip(with_originals, _STAGES, strict=True):
        setattr(owner, name, _stamped(original, stamps, stage, counts))
    try:
        yield
    finally:
        for owner, name, original in with_originals:
            setattr(owner, name, original)


def _stamped(
    original: Callable[..., Any], stamps: Stamps, stage: str, counts: Callable[..., bool]
) -> Callable[..., Any]:
    def stamped(*given: Any) -> Any:
        if counts(*given):
            stamps.mark(stage)
        result = original(*given)
        if stage == "fold to step" and counts(*given):
            stamps.mark("step")
        return result

    return stamped
