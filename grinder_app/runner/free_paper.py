"""A paper session that runs free: the market goes on while requests are under way, as it is live.

Engine, adapter and local exchange share one clock, the market's, which passes at a speed of its
own. Nothing waits for anything: a quote may overtake the answer to an order, and does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from random import Random
from typing import Final

from attrs import evolve

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance.account_port import listen_key_calls
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.endpoints import DEPTH, Request
from grinder_adapters.binance.feed import BinanceFeed, FeedSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.user_stream import UserStream, UserStreamSettings
from grinder_adapters.clock import PacedClock
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_app.runner.agreement import VenueStatement
from grinder_app.runner.free_venue import FreeVenue
from grinder_app.runner.local_trading import LocalExchange, open_exchange, open_trading
from grinder_app.runner.loop_thread import OnLoopThread
from grinder_core.contracts.control import Timer
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarkPrice
from grinder_core.engine.config import EngineConfig
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from grinder_core.venue.exchange.instrument import Instrument

CALM: Final = FaultPlan(())
IDLE_S: Final = 0.3
OPEN_POLL_S: Final = 0.005
OPEN_TIMEOUT_S: Final = 30
DEPTH_LEVELS: Final = 1_000
BATCH: Final = 256  # events for one crossing between the threads


class FreePaper(OnLoopThread, FreeVenue):
    """A venue for a session, and the source of its market, over sockets and free running.

    Args:
        config: Settings of the session: how the exchange fills, and the account's first deposit.
        source: The market that the exchange plays.
        instruments: What it lists.
        speed_x100: Market time in a time of the wall, hundredths.
        plan: What goes wrong at the exchange, from the first event of the market to the last.

    Attributes:
        name: Of the source, for reports.
    """

    def __init__(
        self,
        config: EngineConfig,
        source: Iterable[Event],
        instruments: Sequence[Instrument],
        speed_x100: int,
        plan: FaultPlan = CALM,
    ) -> None:
        OnLoopThread.__init__(self, "local venue")
        FreeVenue.__init__(self, self._send)
        self.name = f"{getattr(source, 'name', 'market')} over sockets, free running"
        self._config, self._market, self._instruments = config, source, instruments
        self._speed_x100, self._plan = speed_x100, plan

    def __iter__(self) -> Iterator[Event]:
        """The market as the adapter reads it; once. The end is told by a timer, with all news."""
        now, seq = 0, 0
        while events := self._thread.run(self._next()):
            self._desk.check()
            now, seq = events[-1].ts_ms, events[-1].seq
            yield from events
        self._thread.run(self._settle())
        yield Event(max(now, self._clock.now_ms()), Timer(), seq + 1)

    def statement(self) -> VenueStatement:
        """Ask the exchange what it holds on record for the account.

        Raises:
            ConnectorError: It does not answer.
        """
        return self._thread.run(self._trading.statement(self._instruments))

    def remarks(self) -> tuple[str, ...]:
        """Return what to know of how the session went."""
        stats, found = self._feed.stats, []
        if stats.conflated:
            found.append(
                f"The engine lagged behind the market: {stats.conflated:,} events gave way to "
                "newer ones; a slower --pace, or fewer levels, would keep them."
            )
        if self._desk.unknown_outcomes:
            found.append(
                f"The outcome of {self._desk.unknown_outcomes:,} orders had to be asked for."
            )
        return tuple(found)

    def _send(self, effect: Effect) -> None:
        self._thread.soon(self._desk.perform, effect)

    # -- inside, on the other thread -----------------------------------------------------------

    async def _open(self) -> None:
        first = next(iter(self._market), None)
        self._clock = PacedClock(0 if first is None else first.ts_ms, self._speed_x100)
        stack, clock = self._thread.stack, self._clock
        self._exchange = exchange = await open_exchange(
            self._config, self._instruments, clock, stack
        )
        self._trading = await open_trading(
            exchange, self._config, AiohttpTransport(), clock, clock.sleep, stack
        )
        await self._listen(exchange)
        await self._watch(exchange)
        exchange.venue.set_plan(evolve(self._plan, started_at=clock.now_ms()))
        clock.go()
        feed = MarketFeed(exchange.venue, clock, Pacer(), restamps=False, sleep=clock.sleep)
        self._feeding = asyncio.create_task(feed.run(self._market), name="local venue: market")
        stack.callback(self._feeding.cancel)

    async def _listen(self, exchange: LocalExchange) -> None:
        """Open the private stream and put the desk behind it."""
        account, network = self._trading.account, self._network()

        calls = listen_key_calls(account)
        stream = UserStream(network, exchange.streams, calls, UserStreamSettings())
        self._desk = OrderDesk(self._trading.port, account, stream, network, self.news.append)
        self._thread.stack.push_async_callback(stream.close)
        self._thread.stack.push_async_callback(self._desk.close)
        self._desk.start()
        while stream.state is not State.CONNECTED:
            await asyncio.sleep(OPEN_POLL_S)
            self._desk.check()

    async def _watch(self, exchange: LocalExchange) -> None:
        """Open the market streams."""
        client = self._trading.client

        async def fetch_depth(symbol: str) -> DepthAnswer:
            request = Request(DEPTH, {"symbol": symbol, "limit": str(DEPTH_LEVELS)})
            return await client.read(request, lambda body: read_depth(body, symbol, client.now()))

        kinds = ["bookTicker", "aggTrade", "markPrice@1s"]
        if self._config.uses_depth:
            kinds.append("depth@100ms")
        feed = BinanceFeed(self._network(), kinds, exchange.streams, fetch_depth, FeedSettings())
        self._thread.stack.push_async_callback(feed.close)
        symbols = [instrument.symbol for instrument in self._instruments]
        feed.subscribe(symbols)
        await feed.connect()
        self._feed = feed
        wanted = {f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds}
        async with asyncio.timeout(OPEN_TIMEOUT_S):  # nothing of the market may be missed
            while not wanted <= exchange.venue.hub.by_stream.keys():
                await asyncio.sleep(OPEN_POLL_S)
        self._events: AsyncIterator[Event] = feed.iter_events()
        self._coming: asyncio.Task[Event] | None = None

    def _network(self) -> Network:
        sockets = AiohttpSockets(self._clock)
        self._thread.stack.push_async_callback(sockets.close)
        limiter = ReconnectLimiter(ReconnectSettings())
        # the draws of backoff decide nothing: nothing breaks off here
        return Network(sockets, self._clock, limiter, Random(0), self._clock.sleep)

    async def _settle(self) -> None:
        self._exchange.venue.set_plan(CALM)
        await self._desk.settle()

    async def _next(self) -> list[Event]:
        """Return the next events; none once the market is over and all of it has come."""
        coming = self._coming or asyncio.ensure_future(anext(self._events))
        self._coming = coming
        await asyncio.wait({coming, self._feeding}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            self._feeding.result()  # raises why the market ended
            await asyncio.wait({coming}, timeout=IDLE_S)
        if not coming.done():
            coming.cancel()
            return []
        self._coming = None
        events = [coming.result(), *self._feed.waiting(BATCH - 1)]
        for event in events:
            if isinstance(event.payload, MarkPrice):
                self._desk.funding.on_mark(event.payload)
        return events
