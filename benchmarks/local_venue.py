"""How fast the local exchange answers orders and tells the market, over real sockets.

    python -m benchmarks.local_venue [--orders N] [--seconds S] [--updates N]

It is the server that is measured: it runs in a process of its own, and the client in this one does
as little as it can. Orders are signed beforehand and come in pairs, a resting order and its cancel;
the market's events are made beforehand, and frames are counted, not parsed. Printed is one JSON
object: order requests a second with as many as the connections carry, latency at 1,000 a second,
book updates a second that one client gets, from the event to its socket, and microseconds of the
server's processor for one of each, which say what it could do with a processor of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import cycle, islice

from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.clock import SystemClock
from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import UNPACED, Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarkPrice

SYMBOL, STREAM = "BTCUSDT", "btcusdt@bookTicker"
MARK = b'"e":"bookTicker"'
PRICE = 90_000
CONNECTIONS = 8
RATE_PER_S = 1_000
BOUNDLESS = LimitSettings(weight_per_minute=10**12, orders_per_10s=10**12, orders_per_minute=10**12)


# -- the server's process --------------------------------------------------------------------------


def quotes(count: int, start_ms: int) -> Iterator[Event]:
    """Quotes whose quantity changes each time."""
    bid, ask = Decimal(PRICE), Decimal(PRICE + 1)
    made = []
    for number in range(1, min(count, 1_000) + 1):
        qty = Decimal(number) / 1000
        payload = construct.snapshot(start_ms, SYMBOL, bid, ask, qty, qty, bid, qty)
        made.append(construct.event(start_ms, payload, number, None, None))
    return islice(cycle(made), count)


async def serve(updates: int) -> None:
    """Serve; tell the updates once somebody wants them; end with the standard input.

    Each line of that is answered with the processor time so far, in seconds.
    """
    clock = SystemClock()
    venue = assemble(VenueOptions(limits=BOUNDLESS))
    server = VenueServer(venue, clock)
    print(await server.start(), flush=True)
    now = server.clock.now_ms()
    venue.on_event(next(quotes(1, now)), now)
    mark = MarkPrice(ts=now, symbol=SYMBOL, mark_price=Decimal(PRICE))
    venue.on_event(construct.event(now, mark, 1, None, None), now)

    async def say_what_it_took() -> None:
        while await asyncio.to_thread(sys.stdin.readline):
            print(time.process_time(), flush=True)

    ended = asyncio.create_task(say_what_it_took())
    while not ended.done() and STREAM not in venue.hub.by_stream:
        await asyncio.sleep(0.01)
    if not ended.done():
        feed = MarketFeed(venue, server.clock, Pacer(speed_x100=UNPACED))
        await feed.run(quotes(updates, now))
    await ended
    await server.close()


# -- the client ------------------------------------------------------------------------------------


def pairs(count: int, name: str) -> list[bytes]:
    """Requests as bytes: orders, each followed by its cancel."""
    signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
    now = time.time_ns() // 1_000_000
    made = []
    for number in range(count // 2):
        named = {"symbol": SYMBOL, "recvWindow": "60000"}
        order = {
            **named,
            "side": "BUY",
            "type": "LIMIT",
            "quantity": "0.01",
            "price": str(PRICE - 1_000),
            "timeInForce": "GTX",
            "newClientOrderId": f"{name}-{number}",
        }
        cancel = {**named, "origClientOrderId": f"{name}-{number}"}
        for method, given in (("POST", order), ("DELETE", cancel)):
            query = signer.signed_query(given, now).decode()
            made.append(
                f"{method} /fapi/v1/order?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"X-MBX-APIKEY: {LOCAL_KEY.key}\r\n\r\n".encode()
            )
    return made


class Connection:
    """One kept connection of plain HTTP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> None:
        """Send one request and read its whole answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(body)

    def close(self) -> None:
        """Close it."""
        self._writer.close()


@asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections."""
    made = [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    yield made
    for connection in made:
        connection.close()


async def throughput(port: int, orders: int) -> float:
    """Return requests a second with all connections busy."""
    work = [pairs(orders // CONNECTIONS, f"t{n}") for n in range(CONNECTIONS)]

    async def drive(connection: Connection, requests: list[bytes]) -> None:
        for request in requests:
            await connection.ask(request)

    async with connected(port, CONNECTIONS) as connections:
        began = time.perf_counter()
        await asyncio.gather(*map(drive, connections, work))
        return sum(map(len, work)) / (time.perf_counter() - began)


async def latency(port: int, seconds: int) -> dict[str, float]:
    """Return quantiles of the time from when a request was due to its answer, ms."""
    each = RATE_PER_S * seconds // CONNECTIONS
    took: list[float] = []

    async def drive(number: int, connection: Connection, requests: list[bytes]) -> None:
        for turn, request in enumerate(requests):
            due = began + (turn * CONNECTIONS + number) / RATE_PER_S
            await asyncio.sleep(due - time.perf_counter())
            await connection.ask(request)
            took.append(time.perf_counter() - due)

    async with connected(port, CONNECTIONS) as connections:
        work = [pairs(each, f"l{n}") for n in range(CONNECTIONS)]
        began = time.perf_counter() + 0.1
        await asyncio.gather(*map(drive, range(CONNECTIONS), connections, work))
    took.sort()
    return {f"p{q}": round(took[len(took) * q // 100] * 1e3, 3) for q in (50, 90, 99)}


class FrameCounter(asyncio.Protocol):
    """Counts frames; ``took`` is how long it was from the first bytes to the last frame."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.tail = b""
        self.began = 0.0
        self.took: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Count what came."""
        self.began = self.began or time.perf_counter()
        self.left -= data.count(MARK) + (self.tail + data[: len(MARK) - 1]).count(MARK)
        self.tail = (self.tail + data[1 - len(MARK) :])[1 - len(MARK) :]  # one may be cut
        if self.left <= 0 and not self.took.done():
            self.took.set_result(time.perf_counter() - self.began)

    def connection_lost(self, exc: Exception | None) -> None:
        """It must not end before the last frame."""
        if not self.took.done():
            self.took.set_exception(RuntimeError("the exchange ended the connection"))


async def updates_per_s(port: int, count: int) -> float:
    """Return book updates a second that arrive; their frames are counted, not parsed."""
    loop = asyncio.get_running_loop()
    transport, counter = await loop.create_connection(
        lambda: FrameCounter(count), "127.0.0.1", port
    )
    transport.write(
        f"GET /public/ws/{STREAM} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    took = await counter.took
    transport.close()
    return count / took


async def measure(orders: int, seconds: int, updates: int) -> dict[str, object]:
    """Serve in another process and measure."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.local_venue",
        "--serve",
        f"--updates={updates}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    port = int((await server.stdout.readline()).rpartition(b":")[2])
    lines_in, lines_out = server.stdin, server.stdout

    async def busy_us() -> float:
        lines_in.write(b"\n")
        return float(await lines_out.readline()) * 1e6

    try:
        started = await busy_us()
        order_rate = await throughput(port, orders)
        order_us = (await busy_us() - started) / orders
        quantiles = await latency(port, seconds)
        started = await busy_us()
        update_rate = await updates_per_s(port, updates)
        update_us = (await busy_us() - started) / updates
    finally:
        lines_in.close()
        await server.wait()
    return {
        "order_requests_per_s": round(order_rate),
        f"latency_ms_at_{RATE_PER_S}_per_s": quantiles,
        "book_updates_per_s": round(update_rate),
        "server_us": {"order_request": round(order_us, 1), "book_update": round(update_us, 2)},
    }


def main() -> None:
    """Measure and print, or serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=300_000)
    parser.add_argument("--serve", action="store_true", help="be the server")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.updates))
    else:
        print(json.dumps(asyncio.run(measure(options.orders, options.seconds, options.updates))))


if __name__ == "__main__":
    main()
