"""The market of a live session: its streams, and what has to be asked for (README, rule 21)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.feed import BinanceFeed
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.market_stats import ask_market_stats
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.metrics.latencies import Latencies
from grinder_app.live.connecting import open_feed
from grinder_app.live.foundation import Foundation
from grinder_core.contracts.event import Event, Payload
from grinder_core.errors import ConnectorError

YIELD_EVENTS: Final = 32
RETRY_MS: Final = 10_000
STATS_MS: Final = 60_000


class MarketSide:
    """Reads the market into a session.

    Args:
        base: What the process stands on.
        client: Asks for what no stream has.
        put: Takes market events.

    Attributes:
        feed: The streams.
        latencies: From the receipt of an event until it is folded and its requests are under way.
    """

    def __init__(
        self,
        base: Foundation,
        client: RestClient,
        feed: BinanceFeed,
        put: Callable[[Payload | Event], None],
    ) -> None:
        self._base, self._client, self.feed, self._put = base, client, feed, put
        self.latencies = Latencies()

    @classmethod
    async def open(
        cls,
        base: Foundation,
        client: RestClient,
        put: Callable[[Payload | Event], None],
        *,
        reads_depth: bool,
    ) -> MarketSide:
        """Connect to the streams of what is traded.

        Raises:
            ConnectorError: They cannot be reached for a minute.
        """
        symbols = base.plan.symbols
        feed = await base.patiently(
            lambda: open_feed(
                base.world, client, base.ws_url, symbols, base.stack, reads_depth=reads_depth
            )
        )
        return cls(base, client, feed, put)

    async def pump(self) -> None:
        """Fold the market, and let everything else have its turn in between."""
        count = 0
        while True:
            try:
                async for event in self.feed.iter_events(self._put):
                    self._put(event)
                    if event.ts_recv_ms is not None:
                        self.latencies.note(self._base.now_ms() - event.ts_recv_ms)
                    count += 1
                    if not count % YIELD_EVENTS:
                        await asyncio.sleep(0)
                return
            except ConnectorError as error:
                self._base.tell("feed", f"lost: {error}")
            await self._connect()

    async def poll_stats(self) -> None:
        """Ask for turnover and open interest of each symbol, again and again.

        Not at a local exchange: its markets are young, and their turnover says nothing.
        """
        base = self._base
        while base.plan.venue_class is not VenueClass.SIM:
            for symbol in base.plan.symbols:
                try:
                    stats = await ask_market_stats(self._client, symbol)
                except ConnectorError as error:
                    base.tell("market", f"turnover of {symbol} is not known: {error}")
                else:
                    self._put(Event(base.now_ms(), stats))
            await base.world.sleep(STATS_MS / 1_000)

    async def _connect(self) -> None:
        while self.feed.state is not State.CONNECTED:
            await self._base.world.sleep(RETRY_MS / 1_000)
            try:
                await self.feed.connect()
            except ConnectorError as error:
                self._base.tell("feed", f"still lost: {error}")
