"""The real adapter against the local exchange, in memory, under virtual time and random faults.

A trader of whims places, amends and cancels orders through the execution port and believes only
what the adapter tells it. When the faults are over and everything has been asked that can be asked,
what it believes must be what the exchange holds: no order lost, doubled or orphaned.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Final

from attrs import Factory, define

from grinder_adapters.binance.account_port import AccountPort, listen_key_calls
from grinder_adapters.binance.endpoints import DEPTH, Request
from grinder_adapters.binance.feed import BinanceFeed, FeedSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder, TimeInForce
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Accepted, Outcome, Refused, Unknown
from grinder_adapters.binance.permission import own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_adapters.binance.user_stream import (
    Gap,
    UserStream,
    UserStreamSettings,
)
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.clock import Clock
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble, generated
from grinder_adapters.local_venue.fault_kinds import Fault
from grinder_adapters.local_venue.fault_plans import random_plan
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_adapters.transport import HttpTransport, WebSocketTransport
from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConnectorError
from grinder_core.numbers import exact
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import Entry, IdempotencySettings, IdempotencyStore
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from grinder_core.resilience.unknown import OrderView
from grinder_core.venue.exchange.settings import ExchangeSettings
from tests.support.virtual_time import VirtualClock, run

SYMBOL: Final = "BTCUSDT"
STRATEGY: Final = "sim"
TICK_MS: Final = 100
CALM_MS: Final = 180_000
QUESTIONS: Final = 60


class Nobody:
    """A witness that keeps and stops nothing."""

    async def record(self, entry: Entry, call: object) -> None:
        """Keep nothing."""

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Stop nothing."""
        return ""


@define
class Told:
    """What became of one placed order, as far as the adapter told.

    Attributes:
        outcome: Of the place; ``None`` while it runs, or where it raised before anything was sent.
        ended: Whether the order is known to be final.
    """

    outcome: Outcome | None = None
    was_sent: bool = True
    ended: bool = False
    amends: int = 0


@define
class Findings:
    """What a world did, and what was wrong at its end.

    Attributes:
        events: Market events, user events and answers: everything that went into the client.
    """

    events: int = 0
    counts: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)


class AdapterWorld:
    """One adapter, one exchange, one plan of faults, one trader.

    Args:
        intensity: Number of random faults.
        faults: Instead of random ones.
        watches: Whether a market feed runs beside the trader.
        calm_ms: How long the world goes on without faults and orders, until all is asked for.
    """

    def __init__(
        self,
        seed: int,
        duration_ms: int,
        intensity: int = 0,
        *,
        faults: Sequence[Fault] | None = None,
        watches: bool = False,
        calm_ms: int = CALM_MS,
    ) -> None:
        self.seed, self.duration_ms, self.watches = seed, duration_ms, watches
        self.calm_ms = calm_ms
        self.clock: Clock = self.clock_of()
        self.dice = Random(seed)
        start = self.clock.now_ms()
        plan = random_plan(seed, duration_ms, intensity, (SYMBOL,), start)
        if faults is not None:
            plan = FaultPlan(tuple(faults), seed=seed, started_at=start)
        # whose an execution is, is asked at the end: no order may be forgotten by then
        rules = ExchangeSettings(history=10**6)
        options = VenueOptions(deposit=Decimal(10**6), seed=seed, plan=plan, rules=rules)
        self.venue = assemble(options)
        self.market = generated([SYMBOL], seed, start, duration_ms=duration_ms + 2 * calm_ms)
        self.orders: dict[str, Told] = {}
        self.fills: dict[int, Decimal] = {}
        self.found = Findings()
        self.ids = OrderIds(STRATEGY)
        self.generation = 0
        self.last_quote: Snapshot | None = None

    def play(self) -> Findings:
        """Live through it; the findings hold everything that was wrong."""
        assert isinstance(self.clock, VirtualClock)
        run(self._life(), self.clock)
        return self.found

    # -- what connects the two -----------------------------------------------------------------

    def clock_of(self) -> Clock:
        """Return the time of everybody."""
        return VirtualClock()

    async def opened(self) -> tuple[HttpTransport, str]:
        """Return the way to the exchange, and its address."""
        return MemoryHttp(self.venue, self.clock, asyncio.sleep), "http://127.0.0.1"

    def sockets(self) -> WebSocketTransport:
        """Return the way to its streams."""
        return MemorySockets(self.venue, self.clock)

    async def closed(self) -> None:
        """Shut the exchange."""

    # -- the world -----------------------------------------------------------------------------

    async def _life(self) -> None:
        market = await self._open()
        stream = self._stream()
        listening = [asyncio.create_task(self._listen(stream))]
        feed = self._feed()
        if self.watches:
            listening.append(asyncio.create_task(self._watch(feed)))
        trading = asyncio.create_task(self._trade())
        await trading
        self.found.counts["faults"] = sum(self.venue.plan.counts.values())
        self.venue.set_plan(FaultPlan(()))
        await asyncio.sleep(self.calm_ms / 1000)
        await self._settle()
        self._judge()
        if self.watches:
            self._judge_feed(feed)
        await feed.close()
        await self._leave(stream, *listening, market)

    async def _open(self) -> asyncio.Task[None]:
        """Connect, with the market moving."""
        transport, self.url = await self.opened()
        guard = WriteGuard(transport, self.url)
        signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
        self.client = RestClient(guard, self.clock, asyncio.sleep, signer=signer)
        for window in BudgetWindow:
            self.client.budget.observe(window, 0, self.client.now())
        market = asyncio.create_task(self._move_market())
        await self._until(self._sync)
        guard.arm(own_simulator())
        writer = Writer(self.client, IdempotencyStore(IdempotencySettings()), Nobody())
        self.port = ExecutionPort(self.client, writer, IdentityCodec({STRATEGY}))
        self.account = AccountPort(self.client)
        return market

    async def _leave(self, stream: UserStream, *tasks: asyncio.Task[None]) -> None:
        await stream.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()
        await self.closed()

    async def _move_market(self) -> None:
        due = self.clock.now_ms()
        for event in self.market:
            while due <= event.ts_ms:
                await asyncio.sleep(max(due - self.clock.now_ms(), 0) / 1000)
                self.venue.tick(self.clock.now_ms())
                due += TICK_MS
            await asyncio.sleep(max(event.ts_ms - self.clock.now_ms(), 0) / 1000)
            self.venue.on_event(event, self.clock.now_ms())
            self.found.events += 1

    async def _sync(self) -> None:
        await self.client.venue_clock.sync()

    async def _until(self, work: object) -> None:
        """Try until it works: the faults may be there from the first moment on."""
        for _ in range(QUESTIONS):
            try:
                await work()  # type: ignore[operator]
            except ConnectorError:
                await asyncio.sleep(5)
            else:
                return
        raise AssertionError("the venue never answered")

    # -- listening -----------------------------------------------------------------------------

    def _stream(self) -> UserStream:
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(self.sockets(), self.clock, limiter, Random(self.seed))
        calls = listen_key_calls(self.account)
        return UserStream(network, self._stream_url(), calls, UserStreamSettings())

    def _stream_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def _listen(self, stream: UserStream) -> None:
        """Follow the stream, and connect anew where it was given up."""
        while True:
            try:
                await stream.connect()
                async for item in stream.events():
                    if isinstance(item, Gap):
                        self.found.counts["user stream opened"] += 1
                        continue
                    self.found.events += 1
                    if isinstance(item.event, FuturesOrderEvent):
                        self._hear(item.event)
            except ConnectorError:
                self.found.counts["stream given up"] += 1
            await asyncio.sleep(10)

    def _feed(self) -> BinanceFeed:
        async def fetch(symbol: str) -> DepthAnswer:
            request = Request(DEPTH, {"symbol": symbol, "limit": "100"})
            now = self.client.now
            return await self.client.read(request, lambda body: read_depth(body, symbol, now()))

        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(self.sockets(), self.clock, limiter, Random(self.seed + 1))
        kinds, url = ("bookTicker", "depth@100ms", "aggTrade"), self._stream_url()
        return BinanceFeed(network, kinds, url, fetch, FeedSettings(), on_loss=self._lose)

    def _lose(self) -> None:
        self.found.counts["market connection lost"] += 1

    async def _watch(self, feed: BinanceFeed) -> None:
        """Follow the market, and connect anew where it was given up."""
        feed.subscribe([SYMBOL])
        while True:
            try:
                await feed.connect()
                async for event in feed.iter_events():
                    self._see(event)
            except ConnectorError:
                self.found.counts["market given up"] += 1
            await asyncio.sleep(10)

    def _see(self, event: Event) -> None:
        self.found.events += 1
        payload = event.payload
        if isinstance(payload, Snapshot):
            self.last_quote = payload

    def _hear(self, event: FuturesOrderEvent) -> None:
        self.port.on_order_event(event)
        if event.trade_id and self.port.codec.is_ours(event.client_order_id):
            self._book(event.trade_id, event.last_qty)
        told = self.orders.get(event.client_order_id)
        if told is not None and event.status.is_final:
            told.ended = True

    def _book(self, trade_id: int, qty: Decimal) -> None:
        if self.fills.setdefault(trade_id, qty) != qty:
            self.found.wrong.append(f"trade {trade_id} was told with two quantities")

    # -- trading -------------------------------------------------------------------------------

    async def _trade(self) -> None:
        end = self.clock.now_ms() + self.duration_ms
        running: set[asyncio.Task[None]] = set()
        while self.clock.now_ms() < end:
            await asyncio.sleep(self.dice.randrange(20, 800) / 1000)
            running = {task for task in running if not task.done()}
            if len(running) < 6:
                running.add(asyncio.create_task(self._whim()))
        await asyncio.gather(*running)

    async def _whim(self) -> None:
        alive = [name for name, told in self.orders.items() if self._rests(told)]
        whim = self.dice.random()
        try:
            if not alive or whim < 0.5:
                await self._place()
            elif whim < 0.65:
                await self._amend(self.dice.choice(alive))
            else:
                await self._cancel(self.dice.choice(alive))
        except ConnectorError as error:
            self.found.counts[f"raised {error.code}"] += 1
        self.found.events += 1

    @staticmethod
    def _rests(told: Told) -> bool:
        return isinstance(told.outcome, Accepted) and not told.ended

    async def _place(self) -> None:
        side = self.dice.choice([Side.BUY, Side.SELL])
        name = self.ids.next_id(self.dice.randrange(1, 9), self.clock.now_ms())
        self.generation += 1
        told = self.orders[name] = Told()
        order = LimitOrder(
            client_order_id=name,
            symbol=SYMBOL,
            side=side,
            price=self._price(side),
            qty=Decimal(self.dice.randrange(1, 9)) / 1000,
            generation=self.generation,
            time_in_force=self.dice.choice([TimeInForce.GTX, TimeInForce.GTC, TimeInForce.IOC]),
        )
        try:
            told.outcome = await self.port.place(order)
        except ConnectorError:
            told.was_sent = False
            raise
        if isinstance(told.outcome, Accepted) and told.outcome.is_final:
            told.ended = True
        self._count("place", told.outcome)

    async def _amend(self, name: str) -> None:
        told = self.orders[name]
        assert isinstance(told.outcome, Accepted)
        seen = await self.port.query(SYMBOL, name)
        if seen is None or seen.status.is_final:
            return
        told.amends += 1
        before = OrderView(
            state=seen.status, price=seen.price, qty=seen.qty, updated_ms=seen.update_ts
        )
        order = AmendOrder(
            client_order_id=name,
            order_id=None,
            symbol=SYMBOL,
            side=seen.side,
            price=self._price(seen.side),
            qty=seen.qty + Decimal("0.001"),
            amend_no=told.amends,
            before=before,
        )
        outcome = await self.port.amend(order)
        if isinstance(outcome, Accepted) and outcome.is_final:
            told.ended = True
        self._count("amend", outcome)

    async def _cancel(self, name: str) -> None:
        outcome = await self.port.cancel(SYMBOL, name)
        if isinstance(outcome, Accepted):
            self.orders[name].ended = True
            if self._at_venue(name, open_only=True):
                self.found.wrong.append(f"{name}: cancelled for us, open at the venue")
        self._count("cancel", outcome)

    def _count(self, what: str, outcome: Outcome) -> None:
        counts = self.found.counts
        counts[f"{what} {type(outcome).__name__}"] += 1
        if isinstance(outcome, Refused):
            counts[f"refused {outcome.code}"] += 1
        elif isinstance(outcome, Accepted) and outcome.attempts > 1:
            counts["accepted after several attempts"] += 1

    def _price(self, side: Side) -> Decimal:
        last = self.venue.exchange.floor.books[SYMBOL].last
        best = Decimal(90_000) if last is None else last.mid_price
        tick = self.venue.exchange.floor.instruments[SYMBOL].tick
        with exact():
            ticks = best // tick - side.sign * self.dice.randrange(-5, 60)
            return max(ticks, Decimal(1)) * tick

    # -- the end -------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Ask for everything that is not known for certain."""
        for name, told in self.orders.items():
            if isinstance(told.outcome, Unknown) or self._rests(told):
                await self._until(lambda name=name, told=told: self._ask(name, told))
        first = -1
        for _ in range(QUESTIONS):
            rows = []

            async def ask(first: int = first, rows: list[object] = rows) -> None:
                rows.extend(await self.account.trades(SYMBOL, first + 1))

            await self._until(ask)
            for row in rows:
                first = max(first, row.trade_id)
                if row.order_id in self._own_numbers():
                    self._book(row.trade_id, row.qty)
            if not rows:
                break

    async def _ask(self, name: str, told: Told) -> None:
        seen = await self.port.query(SYMBOL, name)
        if seen is None:
            told.ended, told.was_sent = True, False
        else:
            told.ended = seen.status.is_final
            if isinstance(told.outcome, Unknown):
                self.found.counts["unknown found"] += 1

    def _judge(self) -> None:
        """Hold what the client believes against what the exchange holds."""
        wrong = self.found.wrong
        for name, told in self.orders.items():
            held = self._at_venue(name)
            if len(held) > 1:
                wrong.append(f"{name}: {len(held)} orders of one intent")
            if isinstance(told.outcome, Accepted) and not held:
                wrong.append(f"{name}: accepted for us, unknown to the venue")
            if isinstance(told.outcome, Refused) and held:
                wrong.append(f"{name}: refused for us ({told.outcome.code}), held by the venue")
            if not told.was_sent and held:
                wrong.append(f"{name}: never sent for us, held by the venue")
            if told.ended and self._at_venue(name, open_only=True):
                wrong.append(f"{name}: over for us, open at the venue")
        floor = self.venue.exchange.floor
        for order in floor.orders.values():
            ours = self.port.codec.is_ours(order.client_order_id)
            if ours and not self._is_known(order.client_order_id):
                wrong.append(f"{order.client_order_id}: an orphan at the venue")
        trades = {
            trade.trade_id: trade.qty
            for trade in floor.accounts[LOCAL_KEY.account].trades
            if str(trade.order_number) in self._own_numbers()
        }
        if trades != self.fills:
            lost = sorted(trades.keys() - self.fills.keys())
            made_up = sorted(self.fills.keys() - trades.keys())
            wrong.append(f"fills differ: lost {lost}, made up {made_up}")
        self.found.counts["orders"] = len(self.orders)
        self.found.counts["fills"] = len(trades)
        stats = self.client.stats
        for (_, kind), n in stats.failures.items():
            self.found.counts[f"failed {kind}"] += n
        for (_, reason), n in stats.retries.items():
            self.found.counts[f"retried {reason}"] += n

    def _judge_feed(self, feed: BinanceFeed) -> None:
        """The market is known again: the newest quote is the exchange's, and the book too."""
        found, stats = self.found, feed.stats
        best = self.venue.exchange.floor.books[SYMBOL].last
        if self.last_quote is None or best is None or not feed.book_is_synced(SYMBOL):
            found.wrong.append("the market is not known again")
        elif self.last_quote.bid_price != best.bid_price:
            found.wrong.append(f"bid {self.last_quote.bid_price}, at the venue {best.bid_price}")
        found.counts["books given up"] = stats.book_losses
        found.counts["trade gaps"] = stats.trade_gaps
        for reason, n in stats.drops.items():
            found.counts[f"dropped {reason}"] = n

    def _is_known(self, name: str) -> bool:
        told = self.orders.get(name)
        return told is not None and not told.ended

    def _at_venue(self, name: str, *, open_only: bool = False) -> list[OrderState | str]:
        floor = self.venue.exchange.floor
        orders = list(floor.orders.values()) + ([] if open_only else list(floor.closed.values()))
        return [order.status for order in orders if order.client_order_id == name]

    def _own_numbers(self) -> set[str]:
        floor = self.venue.exchange.floor
        return {
            str(order.number)
            for orders in (floor.orders, floor.closed)
            for order in orders.values()
            if self.port.codec.is_ours(order.client_order_id)
        }
