"""A paper session over sockets: the engine here, the local exchange there, the adapter between.

Server and adapter run in an event loop on a thread of its own; the session stays what it is in
process, and asks them as it would ask any venue. Time goes in lockstep: the next market event
leaves when the engine is done with the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance.effect_requests import limit_order, market_order
from grinder_adapters.binance.engine_events import update_of
from grinder_adapters.binance.funding_news import FundingNews
from grinder_adapters.binance.lockstep import CountingTransport, LockstepSocket, Turn, TurnClock
from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.binance.outcomes import Outcome, Refused, Unknown
from grinder_adapters.binance.user_events import AccountEvent, FuturesOrderEvent, UserEvent
from grinder_adapters.local_venue.lockstep import LockstepFeed, SteppedClock
from grinder_app.runner.agreement import VenueStatement
from grinder_app.runner.local_trading import LocalExchange, open_exchange, open_trading
from grinder_app.runner.loop_thread import OnLoopThread
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import MarkPrice, Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConnectorError, ConnectorOutcomeUnknownError
from grinder_core.venue.exchange.in_process import LISTENS
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.orders_of import rejection_of
from grinder_core.venue.sim import VenueEvent

TIMEOUT_MS: Final = 10_000
STREAMS: Final = ("bookTicker", "aggTrade", "depth@100ms", "markPrice@1s")


class SocketVenue(OnLoopThread):
    """A venue for a session, and the source of its market, over sockets.

    Args:
        config: Settings of the session: how the exchange fills, and the account's first deposit.
        source: The market that the exchange plays.
        instruments: What it lists.

    Attributes:
        listens: Payload types that ``on_market`` needs: all, for news may come before any of them.
        name: Of the source, for reports.
    """

    listens = LISTENS

    def __init__(
        self, config: EngineConfig, source: Iterable[Event], instruments: Sequence[Instrument]
    ) -> None:
        super().__init__("local venue")
        self.name = f"{getattr(source, 'name', 'market')} over sockets"
        self._config, self._market, self._instruments = config, source, instruments
        self._news: list[VenueEvent] = []
        self._funding = FundingNews()

    # -- the source ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """The market as the adapter reads it, turn by turn; once."""
        turn = self._thread.run(self._next(None))
        while turn is not None:
            self._news = self._translated(turn.news)
            for event in turn.market:
                if isinstance(event.payload, MarkPrice):
                    self._funding.on_mark(event.payload)
                yield event
            turn = self._thread.run(self._next(turn))
        self._thread.run(self._fed())

    # -- the venue -----------------------------------------------------------------------------

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """What the venue said before this quote."""
        news, self._news = self._news, []
        return news

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """What the venue said before this event."""
        news, self._news = self._news, []
        return news

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Send one order, cancel or flatten; return everything that follows."""
        return self._thread.run(self._perform(effect, now))

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing is left: an order that takes did so on arrival."""
        return ()

    def statement(self) -> VenueStatement:
        """Ask the exchange what it holds on record for the account.

        Raises:
            ConnectorError: It does not answer.
        """
        return self._thread.run(self._trading.statement(self._instruments))

    def remarks(self) -> tuple[str, ...]:
        """Nothing: in lockstep nothing can be missed."""
        return ()

    # -- inside, on the other thread -----------------------------------------------------------

    async def _open(self) -> None:
        first = next(iter(self._market), None)
        stepped = SteppedClock(0 if first is None else first.ts_ms)
        stack = self._thread.stack
        exchange = await open_exchange(self._config, self._instruments, stepped, stack)
        await self._connect(exchange, TurnClock(stepped.now))
        feed = LockstepFeed(exchange.venue, stepped)
        self._feeding = asyncio.create_task(feed.run(self._market), name="local venue: market")
        stack.callback(self._feeding.cancel)

    async def _connect(self, exchange: LocalExchange, clock: TurnClock) -> None:
        stack = self._thread.stack
        self._counting = CountingTransport(AiohttpTransport())
        self._trading = await open_trading(
            exchange, self._config, self._counting, clock, asyncio.sleep, stack
        )
        key = await self._trading.listen_key()
        sockets = AiohttpSockets(clock)
        stack.push_async_callback(sockets.close)
        names = [
            f"{instrument.symbol.lower()}@{stream}"
            for instrument in self._instruments
            for stream in STREAMS
        ]
        query = f"streams={'/'.join(names)}&listenKey={key.reveal()}"
        socket = await sockets.connect(f"{exchange.streams}/lockstep/stream?{query}", TIMEOUT_MS)
        stack.push_async_callback(socket.close)
        frames = MarketFrames(instrument.symbol for instrument in self._instruments)
        self._socket = LockstepSocket(socket, frames, key.reveal(), clock)

    async def _next(self, done: Turn | None) -> Turn | None:
        """Say that a turn is done, and return the next one."""
        try:
            if done is not None:
                await self._socket.acknowledge(done)
            return await self._socket.next_turn()
        except ConnectorError:
            if self._feeding.done():
                await self._feeding  # raises why the market ended
            raise

    async def _fed(self) -> None:
        await self._feeding

    async def _perform(self, effect: Effect, now: int) -> list[VenueEvent]:
        outcome = await self._sent(effect)
        if isinstance(outcome, Unknown):
            raise ConnectorOutcomeUnknownError(outcome.op.value, outcome.client_order_id)
        news = self._translated(await self._socket.news_until(self._counting.user_events))
        if isinstance(outcome, Refused) and not isinstance(effect, CancelOrder):
            news.append(rejection_of(effect, outcome.code, now))
        return news

    async def _sent(self, effect: Effect) -> Outcome:
        port = self._trading.port
        if isinstance(effect, CancelOrder):
            order_id = effect.order_id or None
            return await port.cancel(effect.symbol, effect.client_order_id, order_id)
        if isinstance(effect, Flatten):
            return await port.place_market(market_order(effect))
        return await port.place(limit_order(effect))

    def _translated(self, news: Iterable[UserEvent]) -> list[VenueEvent]:
        """What the engine learns of user events."""
        events: list[VenueEvent] = []
        for event in news:
            if isinstance(event, FuturesOrderEvent):
                events.append(update_of(event))
            elif isinstance(event, AccountEvent):
                events += self._funding.on_event(event)
        return events
