"""A live session at an exchange in memory, under virtual time, with a hand in everything.

The session is the real one, with a journal in memory and the real adapter. A scene starts it, lets
time pass, does things at the exchange as its owner might, ends the process and starts the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import orjson
from attrs import evolve

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.fault_kinds import Fault
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_app.config import load_settings
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.live.session import LiveEnd, LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import SafeMode
from grinder_core.contracts.market import MarkPrice
from grinder_core.numbers import exact
from grinder_core.venue.exchange.account import FeeWallet
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType, TimeInForce
from tests.adapters.local_venue.market_cases import quote
from tests.support.memory_journal import MemoryDisk
from tests.support.virtual_time import VirtualClock, run

SYMBOL = "BTCUSDT"
ACCOUNT = "main"
STRATEGY = "sim"
DEPOSIT = Decimal(100_000)
PRICES = {SYMBOL: "90000", "ETHUSDT": "3000"}
QUOTE_MS = 500
URL = "http://127.0.0.1"

T = TypeVar("T")


class MemoryLive:
    """An exchange, its market, and one session after the other.

    Attributes:
        told: Lines for people, of all processes, each with its kind.
        heard: Payloads that the sessions folded, but for the market.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, str],
        engine: dict[str, Any],
        symbols: tuple[str, ...] = (SYMBOL,),
        fees: FeeWallet | None = None,
        walk_bps: int = 0,
    ) -> None:
        self.walk_bps = walk_bps
        self.clock = VirtualClock()
        self.venue = assemble(VenueOptions(deposit=DEPOSIT, seed=7, fee_wallet=fees))
        self.disk = MemoryDisk(self.clock, Random(7))
        flags = LiveFlags(
            armed=True, mode=SafeMode.LIVE_TRADE, exchange_port=PortKind.SIM, symbols=symbols
        )
        given = {"app.state_dir": str(folder), "app.artifact_dir": str(folder / "art"), **settings}
        plan = plan_live(flags, load_settings(None, environment={}, flags=given), {})
        values = {
            "initial_capital": DEPOSIT, "strategy_id": STRATEGY, "levels": 1,
            "notional_per_level": Decimal(1_000), "spacing_bps": 200, "cooldown_ms": 0,
            "max_notional_per_symbol": Decimal(10_000), "max_notional_total": Decimal(10_000),
            "daily_loss_limit": DEPOSIT, "prefilter_vol_24h_min_usd": Decimal(0),
            "prefilter_oi_min_usd": Decimal(0), **engine,
        }  # fmt: skip
        self.plan = evolve(plan, engine=plan.engine.with_values(values))
        self.told: list[tuple[str, str]] = []
        self.heard: list[Payload] = []
        self.session: LiveSession | None = None
        self.running: asyncio.Task[LiveEnd] | None = None

    # -- time and processes ----------------------------------------------------------------------

    async def pass_ms(self, milliseconds: int) -> None:
        """Let time pass; a session that fails meanwhile fails the scene."""
        await asyncio.sleep(milliseconds / 1000)
        if self.running is not None and self.running.done():
            self.running.result()

    def start(self) -> LiveSession:
        """Begin a process."""
        session = self.session = LiveSession(
            self.plan, self._world(), URL, URL.replace("http", "ws", 1),
            lambda kind, text: self.told.append((kind, text)), version="test",
            on_step=lambda event, step: self.heard.append(event.payload),
        )  # fmt: skip
        self.running = asyncio.create_task(session.run())
        return session

    async def started(self, within_ms: int = 5_000) -> LiveSession:
        """Begin a process and wait until its recovery is done."""
        session = self.start()
        await self.pass_ms(within_ms)
        assert self.is_ready, self.told
        return session

    async def end(self) -> LiveEnd:
        """End the process in order."""
        assert self.session is not None
        assert self.running is not None
        self.session.stop()
        ended = await self.running
        self.session = self.running = None
        return ended

    async def kill(self) -> None:
        """End the process at once; its orders stay."""
        assert self.running is not None
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.session = self.running = None

    @property
    def is_ready(self) -> bool:
        """Whether recovery is done."""
        assert self.session is not None
        return self.session.core.hot.orchestrator.inputs.bootstrap_ok

    @property
    def is_unreconciled(self) -> bool:
        """What the state machine knows of the symbol."""
        assert self.session is not None
        return self.session.core.hot.orchestrator.symbols[SYMBOL].inputs.state_unreconciled

    # -- what is there ---------------------------------------------------------------------------

    def lines(self, kind: str) -> list[str]:
        """What people were told of one kind."""
        return [text for each, text in self.told if each == kind]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """The journal's rows of one stream."""
        return [orjson.loads(row.body) for row in self.disk.written if row.stream == stream]

    def payloads(self, kind: type[T]) -> list[T]:
        """What the sessions folded of one kind."""
        return [payload for payload in self.heard if isinstance(payload, kind)]

    def believed(self) -> Decimal:
        """Cash of the session."""
        assert self.session is not None
        return self.session.core.engine.hot.cash

    def wallet(self) -> Decimal:
        """What the account holds at the exchange."""
        return self.venue.exchange.floor.account(ACCOUNT).wallet

    def open_orders(self, symbol: str = SYMBOL) -> dict[str, Any]:
        """Orders that rest at the exchange, by client id."""
        orders = self.venue.exchange.floor.open_orders(ACCOUNT, symbol)
        return {order.client_order_id: order for order in orders}

    # -- a hand at the exchange ------------------------------------------------------------------

    def suffer(self, *faults: Fault) -> None:
        """Let things go wrong from now on."""
        self.venue.set_plan(FaultPlan(tuple(faults), started_at=self.clock.now_ms()))

    def deposit(self, amount: int) -> None:
        """Put money in, or take it out where negative."""
        now = self.clock.now_ms()
        with exact():
            self.venue.exchange.deposit(ACCOUNT, Decimal(amount), now)
        self.venue.push(now)

    def trade(self, side: Side, qty: str, symbol: str = SYMBOL) -> None:
        """Buy or sell at the market, by hand."""
        self._place(NewOrder(symbol=symbol, side=side, type=OrderType.MARKET, qty=Decimal(qty),
                             client_order_id=f"web_{self.clock.now_ms()}"))  # fmt: skip

    def rest(self, name: str, symbol: str = SYMBOL, bps: int = 500, qty: str = "0.01") -> None:
        """Let an order to buy rest below the market, under a client id."""
        last = self.venue.exchange.floor.books[symbol].last
        assert last is not None
        price = (last.bid_price * (10_000 - bps) / 10_000).quantize(Decimal(1))
        self._place(NewOrder(symbol=symbol, side=Side.BUY, type=OrderType.LIMIT, qty=Decimal(qty),
                             price=price, tif=TimeInForce.GTC, client_order_id=name))  # fmt: skip

    def fill(self, name: str, share_bps: int) -> None:
        """Let a resting order execute in part."""
        now = self.clock.now_ms()
        number = self.open_orders()[name].number
        self.venue.exchange.force_fill(ACCOUNT, SYMBOL, number, share_bps, now)
        self.venue.push(now)

    def cancel(self, name: str) -> None:
        """Cancel an order by hand."""
        now = self.clock.now_ms()
        self.venue.exchange.cancel(ACCOUNT, SYMBOL, 0, name, now=now)
        self.venue.push(now)

    # -- inside ----------------------------------------------------------------------------------

    def _place(self, order: NewOrder) -> None:
        now = self.clock.now_ms()
        with exact():
            answer = self.venue.exchange.place(ACCOUNT, order, now)
        assert not hasattr(answer, "code"), answer
        self.venue.push(now)

    def _world(self) -> Surroundings:
        return Surroundings(
            clock=self.clock,
            transport=lambda: MemoryHttp(self.venue, self.clock, asyncio.sleep),
            sockets=lambda _: MemorySockets(self.venue, self.clock),
            open_journal=self.disk.open,
            restore=self.disk.restore,
            open_archive=self.disk.open_archive,
            rng=Random(7),
        )

    async def move_market(self) -> None:
        """Quote the same prices over and over, or let them walk; time passes at the exchange."""
        dice, prices = Random(7), dict(PRICES)
        while True:
            now = self.clock.now_ms()
            self.venue.tick(now)
            for symbol, fixed in PRICES.items():
                if self.walk_bps:
                    step = 10_000 + dice.randint(-self.walk_bps, self.walk_bps)
                    moved = Decimal(prices[symbol]) * step / 10_000
                    prices[symbol] = str(moved.quantize(Decimal("0.1")))
                price = prices[symbol] if self.walk_bps else fixed
                ask = str(Decimal(price) + Decimal("0.1"))
                self.venue.on_event(mark(now, symbol, price), now)
                self.venue.on_event(quote(now, price, ask, symbol=symbol), now)
            await asyncio.sleep(QUOTE_MS / 1000)


def mark(now: int, symbol: str, price: str) -> Event:
    """A mark price whose funding is far away."""
    payload = MarkPrice(
        ts=now,
        symbol=symbol,
        mark_price=Decimal(price),
        index_price=Decimal(price),
        funding_rate=Decimal("0.0001"),
        next_funding_ts=now + 86_400_000,
    )
    return Event(now, payload, 0, now)


def live(
    folder: Path,
    scene: Callable[[MemoryLive], Awaitable[T]],
    settings: dict[str, str] | None = None,
    engine: dict[str, Any] | None = None,
    faults: Iterable[Fault] = (),
    symbols: tuple[str, ...] = (SYMBOL,),
    fees: FeeWallet | None = None,
    walk_bps: int = 0,
) -> T:
    """Play a scene; its market has begun, and moves up to ``walk_bps`` with each quote."""
    world = MemoryLive(folder, settings or {}, engine or {}, symbols, fees, walk_bps)

    async def play() -> T:
        market = asyncio.create_task(world.move_market())
        await asyncio.sleep(1)
        world.suffer(*faults)
        try:
            return await scene(world)
        finally:
            if world.running is not None:
                await world.kill()
            market.cancel()

    return run(play(), world.clock)
