"""A paper session over sockets: the engine here, the local exchange there, the adapter between.

Server and adapter run in an event loop on a thread of its own; the session stays what it is in
process, and asks them as it would ask any venue. Time goes in lockstep: the next market event
leaves when the engine is done with the one before.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from grinder_adapters.aiohttp_transport import AiohttpSockets, AiohttpTransport
from grinder_adapters.binance import endpoints
from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.engine_events import funding_of, update_of
from grinder_adapters.binance.lockstep import CountingTransport, LockstepSocket, Turn, TurnClock
from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Outcome, Refused, Unknown
from grinder_adapters.binance.permission import own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_listen_key
from grinder_adapters.binance.rest_records import TradeAnswer
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_events import AccountEvent, FuturesOrderEvent, UserEvent
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.lockstep import LockstepFeed, SteppedClock
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.write_archive import SqliteArchive
from grinder_app.runner.agreement import Row, VenueStatement
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import Liquidity, RiskIntent
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import MarkPrice, Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ConnectorError, ConnectorOutcomeUnknownError
from grinder_core.numbers import ZERO
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import Entry, IdempotencySettings
from grinder_core.venue.exchange.account import HISTORY
from grinder_core.venue.exchange.in_process import LISTENS
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.orders_of import rejection_of
from grinder_core.venue.sim import VenueEvent

T = TypeVar("T")
TIMEOUT_MS: Final = 10_000
STREAMS: Final = ("bookTicker", "aggTrade", "depth@100ms", "markPrice@1s")


class Unwitnessed:
    """Paper on this machine keeps no journal, and nothing stops a write that the engine wants."""

    async def record(self, entry: Entry) -> None:
        """Keep nothing."""

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Stop nothing."""
        return ""


class SocketVenue:
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
        self.name = f"{getattr(source, 'name', 'market')} over sockets"
        self._config, self._market, self._instruments = config, source, instruments
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="local venue", daemon=True
        )
        self._stack = AsyncExitStack()
        self._news: list[VenueEvent] = []
        self._generations: Counter[tuple[str, str, int]] = Counter()
        self._positions: dict[str, Decimal] = {}
        self._marks: dict[str, MarkPrice] = {}

    # -- life ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    # -- the source ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """The market as the adapter reads it, turn by turn; once."""
        turn = self._run(self._next(None))
        while turn is not None:
            self._news = self._translated(turn.news)
            for event in turn.market:
                if isinstance(event.payload, MarkPrice):
                    self._marks[event.payload.symbol] = event.payload
                yield event
            turn = self._run(self._next(turn))
        self._run(self._feeding)

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
        return self._run(self._perform(effect, now))

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing is left: an order that takes did so on arrival."""
        return ()

    def statement(self) -> VenueStatement:
        """Ask the exchange what it holds on record for the account.

        Raises:
            ConnectorError: It does not answer.
        """
        return self._run(self._stated())

    # -- inside, on the other thread -----------------------------------------------------------

    async def _open(self) -> None:
        first = next(iter(self._market), None)
        stepped = SteppedClock(0 if first is None else first.ts_ms)
        options = VenueOptions(
            instruments=self._instruments,
            deposit=self._config.risk.initial_capital,
            fills=self._config.venue,
            derives=False,
        )
        venue = assemble(options)
        server = VenueServer(venue, stepped)
        try:
            address = await server.start()
        except ConfigError as error:
            raise ConnectorError(
                f"this machine allows no socket on loopback: it {error.rule}",
                remedy="use --venue exchange, which decides the same in process",
            ) from error
        self._stack.push_async_callback(server.close)
        clock = TurnClock(stepped.now)
        await self._connect(address, clock)
        feed = LockstepFeed(venue, stepped)
        self._feeding = asyncio.create_task(feed.run(self._market), name="local venue: market")
        self._stack.callback(self._feeding.cancel)

    async def _connect(self, address: str, clock: TurnClock) -> None:
        self._counting = CountingTransport(AiohttpTransport())
        guard = WriteGuard(self._counting, address)
        signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
        client = RestClient(guard, clock, asyncio.sleep, signer=signer)
        self._stack.push_async_callback(client.close)
        await client.venue_clock.sync()
        for window in BudgetWindow:  # nobody has asked this exchange for anything yet
            client.budget.observe(window, 0, client.now())
        key = await client.read(Request(endpoints.MAKE_LISTEN_KEY), read_listen_key)
        guard.arm(own_simulator())
        archive = SqliteArchive()
        self._stack.callback(archive.close)
        store = ArchivedStore(IdempotencySettings(), archive=archive)
        writer = Writer(client, store, Unwitnessed())
        strategy = self._config.orders.strategy_id
        self._port = ExecutionPort(client, writer, IdentityCodec(frozenset({strategy})))
        self._account = AccountPort(client)
        sockets = AiohttpSockets(clock)
        self._stack.push_async_callback(sockets.close)
        names = [
            f"{instrument.symbol.lower()}@{stream}"
            for instrument in self._instruments
            for stream in STREAMS
        ]
        url = address.replace("http", "ws", 1)
        query = f"streams={'/'.join(names)}&listenKey={key.reveal()}"
        socket = await sockets.connect(f"{url}/lockstep/stream?{query}", TIMEOUT_MS)
        self._stack.push_async_callback(socket.close)
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

    async def _perform(self, effect: Effect, now: int) -> list[VenueEvent]:
        outcome = await self._sent(effect)
        if isinstance(outcome, Unknown):
            raise ConnectorOutcomeUnknownError(outcome.op.value, outcome.client_order_id)
        news = self._translated(await self._socket.news_until(self._counting.user_events))
        if isinstance(outcome, Refused) and not isinstance(effect, CancelOrder):
            news.append(rejection_of(effect, outcome.code, now))
        return news

    async def _sent(self, effect: Effect) -> Outcome:
        if isinstance(effect, CancelOrder):
            return await self._port.cancel(
                effect.symbol, effect.client_order_id, effect.order_id or None
            )
        if isinstance(effect, Flatten):
            order = MarketOrder(
                client_order_id=effect.client_order_id,
                symbol=effect.symbol,
                side=effect.side,
                qty=effect.qty,
                generation=self._generation(effect.symbol, effect.side.value, 0),
            )
            return await self._port.place_market(order)
        return await self._port.place(self._limit(effect))

    def _limit(self, effect: PlaceOrder) -> LimitOrder:
        intent = effect.intent
        return LimitOrder(
            client_order_id=effect.client_order_id,
            symbol=intent.symbol,
            side=intent.side,
            price=intent.price,
            qty=intent.qty,
            level_id=intent.level_id,
            generation=self._generation(intent.symbol, intent.side.value, intent.level_id),
            reduce_only=intent.reduce_only,
            time_in_force=TimeInForce.GTC,
        )

    def _generation(self, symbol: str, side: str, level_id: int) -> int:
        key = (symbol, side, level_id)
        self._generations[key] += 1
        return self._generations[key]

    async def _stated(self) -> VenueStatement:
        account = self._account
        fills = {
            instrument.symbol: [_row(trade) for trade in await account.trades(instrument.symbol, 0)]
            for instrument in self._instruments
        }
        positions = {p.symbol: p.position_amt for p in await account.positions() if p.position_amt}
        return VenueStatement(
            fills={symbol: rows for symbol, rows in fills.items() if rows},
            positions=positions,
            wallet=(await account.account()).wallet_balance,
            is_whole=sum(map(len, fills.values())) < HISTORY,
        )

    def _translated(self, news: Iterable[UserEvent]) -> list[VenueEvent]:
        """What the engine learns of user events."""
        events: list[VenueEvent] = []
        for event in news:
            if isinstance(event, FuturesOrderEvent):
                events.append(update_of(event))
            elif isinstance(event, AccountEvent):
                for position in event.positions:
                    self._positions[position.symbol] = position.position_amt
                mark = self._marks.get(event.symbol)
                if mark is not None:
                    rate = mark.funding_rate or ZERO
                    qty = self._positions.get(event.symbol, ZERO)
                    paid = funding_of(event, qty, rate, mark.mark_price)
                    events.extend(() if paid is None else (paid,))
        return events

    # -- the thread ----------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, T] | asyncio.Task[T]) -> T:
        if isinstance(work, asyncio.Task):
            work = _awaited(work)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _row(trade: TradeAnswer) -> Row:
    """A trade as the files of a run keep it."""
    liquidity = Liquidity.MAKER if trade.is_maker else Liquidity.TAKER
    side = trade.side.value
    return (trade.ts, side, trade.price, trade.qty, trade.fee, liquidity.value, trade.order_id)


async def _awaited(task: asyncio.Task[T]) -> T:
    return await task
