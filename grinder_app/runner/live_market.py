"""A venue's live market for commands that only read: no key, and no way to write (LIVE-18)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, Final

import orjson

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance.endpoints import DEPTH, EXCHANGE_INFO, Request
from grinder_adapters.binance.feed import BinanceFeed, FeedSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.clock import Clock
from grinder_app.runner.market_options import KINDS, MarketPlan
from grinder_core.errors import ConfigError, ConnectorError
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings

DEPTH_LEVELS: Final = 1_000


@asynccontextmanager
async def open_market(
    plan: MarketPlan, clock: Clock, on_loss: Callable[[], None] = lambda: None
) -> AsyncIterator[BinanceFeed]:
    """Connect to a venue's market streams.

    Args:
        on_loss: Called when a connection is lost.

    Yields:
        The feed, connected.

    Raises:
        ConfigError: The venue does not list a symbol.
        ConnectorError: It cannot be reached.
    """
    async with AsyncExitStack() as stack:
        guard = WriteGuard(AiohttpTransport(), plan.urls.rest)  # never armed
        client = RestClient(guard, clock, asyncio.sleep)
        stack.push_async_callback(client.close)
        await client.venue_clock.sync()  # its answer also tells what the request budget has left
        await _check_listed(client, plan)
        sockets = AiohttpSockets(clock)
        stack.push_async_callback(sockets.close)
        # the draws of backoff decide nothing that is recorded
        network = Network(sockets, clock, ReconnectLimiter(ReconnectSettings()), Random())

        async def fetch_depth(symbol: str) -> DepthAnswer:
            request = Request(DEPTH, {"symbol": symbol, "limit": str(DEPTH_LEVELS)})
            return await client.read(request, lambda body: read_depth(body, symbol, client.now()))

        kinds = [KINDS[stream] for stream in plan.streams]
        feed = BinanceFeed(
            network, kinds, plan.urls.stream, fetch_depth, FeedSettings(), on_loss=on_loss
        )
        stack.push_async_callback(feed.close)
        feed.subscribe(plan.symbols)
        await feed.connect()
        yield feed


async def until_stopped(duration_s: float, *work: Coroutine[Any, Any, None]) -> None:
    """Do work until the time is over, a signal comes, or some of it ends.

    Raises:
        Exception: What some of it failed with.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(one) for one in (stop.wait(), *work)]
    try:
        await asyncio.wait(tasks, timeout=duration_s or None, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for number in signals:
            loop.remove_signal_handler(number)
    for outcome in ended:
        if isinstance(outcome, Exception):  # a cancellation is none
            raise outcome


async def _check_listed(client: RestClient, plan: MarketPlan) -> None:
    """Refuse symbols of which nothing would ever come."""

    def read(body: bytes) -> set[str]:
        try:
            return {row["symbol"] for row in orjson.loads(body)["symbols"]}
        except (ValueError, KeyError, TypeError):
            raise ConnectorError("is no list of symbols", where=plan.urls.rest) from None

    listed = await client.read(Request(EXCHANGE_INFO), read)
    for symbol in plan.symbols:
        if symbol not in listed:
            raise ConfigError(
                "is not listed there",
                field="--symbols",
                value=symbol,
                where=plan.urls.rest,
                remedy=f"choose of {', '.join(sorted(listed)[:5])}, ...",
            )
