"""A smoke harness at an exchange in memory, under virtual time, with a hand in everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from random import Random

from attrs import evolve

from grinder_adapters.binance.permission import REAL_PORT_ACK, PortKind
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.fault_kinds import Fault
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.memory import HOST, MemoryHttp, split
from grinder_adapters.transport import HttpAnswer
from grinder_app.config import load_settings
from grinder_app.live.surroundings import Surroundings
from grinder_app.smoke.futures import Futures
from grinder_app.smoke.position import CAP, Position
from grinder_app.smoke.reconcile_loop import ReconcileLoop
from grinder_app.smoke.report import SmokeReport
from grinder_app.smoke.request import Confirmation, SmokeRequest, SmokeVenue, plan_smoke
from grinder_app.smoke.steps import Done, run_steps
from grinder_app.smoke.trading import Trading
from grinder_core.contracts.enums import Side
from grinder_core.numbers import exact
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType, TimeInForce
from tests.adapters.local_venue.market_cases import quote
from tests.support.memory_journal import MemoryDisk
from tests.support.memory_session import mark
from tests.support.virtual_time import VirtualClock

SYMBOL = "XRPUSDT"
ACCOUNT = "main"
PRICES = {SYMBOL: ("2.2000", "2.2002"), "BTCUSDT": ("90000", "90000.1")}
WORDS = {
    SmokeVenue.TESTNET: Confirmation.TESTNET,
    SmokeVenue.MAINNET: Confirmation.FUTURES_MAINNET_TRADE,
}
PERMITTED = {
    "ARMED": "1",
    "ALLOW_TESTNET_TRADE": "1",
    "ALLOW_MAINNET_TRADE": "1",
    "GRINDER_REAL_PORT_ACK": REAL_PORT_ACK,
    "BINANCE_API_KEY": LOCAL_KEY.key,
    "BINANCE_API_SECRET": LOCAL_KEY.secret,
}
HARNESSES = ("futures", "kill-switch", "position")

Hook = Callable[[int, str, str], None]


class HookedHttp:
    """Calls a hook at each request: its number from 1, its method and its path.

    Args:
        late: Call it when the request is done, and nobody has seen the answer yet.
        stray_ms: The first order is on its way for so long, and whoever sent it is interrupted.
    """

    def __init__(self, inside: MemoryHttp, hook: Hook, *, late: bool, stray_ms: int) -> None:
        self._inside, self._hook, self._late, self._count = inside, hook, late, 0
        self._stray_ms, self._strays = stray_ms, set[asyncio.Task[None]]()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one."""
        self._count += 1
        number, path = self._count, split(url)[0]
        if self._stray_ms and method == "POST" and path == "/fapi/v1/order":
            stray = self._stray(self._stray_ms, method, url, headers, body, timeout_ms)
            self._strays.add(asyncio.create_task(stray))
            self._stray_ms = 0
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        if not self._late:
            self._hook(number, method, path)
            await asyncio.sleep(0)
        answer = await self._inside.request(method, url, headers, body, timeout_ms)
        if self._late:
            self._hook(number, method, path)
            await asyncio.sleep(0)
        return answer

    async def _stray(
        self,
        stray_ms: int,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_ms: int,
    ) -> None:
        await asyncio.sleep(stray_ms / 1_000)
        await self._inside.request(method, url, headers, body, timeout_ms)

    async def close(self) -> None:
        """Close it."""
        await self._inside.close()


class SmokeScene:
    """An exchange, a disk that outlives runs, and one run after the other.

    Attributes:
        told: Steps that are over, of the last run.
        sizes: What is shown at the best prices.
    """

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.venue = assemble(VenueOptions(deposit=Decimal(10_000), seed=3))
        self.disk = MemoryDisk(self.clock, Random(3))
        self.told: list[Done] = []
        self.sizes = {"bid_qty": Decimal(1_000), "ask_qty": Decimal(1_000)}
        self.quote()

    async def run(
        self,
        harness: str = "futures",
        faults: Iterable[Fault] = (),
        *,
        symbol: str = SYMBOL,
        hook: Hook = lambda number, method, path: None,
        late: bool = False,
        duration_ms: int = 3_000,
        where: SmokeVenue = SmokeVenue.SIM,
        stray_ms: int = 0,
    ) -> SmokeReport:
        """Run a harness to its end; the market quotes on meanwhile."""
        self.venue.set_plan(FaultPlan(tuple(faults), started_at=self.clock.now_ms()))
        self.told = []
        market = asyncio.create_task(self._move())
        try:
            return await self._run(harness, symbol, hook, late, duration_ms, where, stray_ms)
        finally:
            market.cancel()
            self.venue.set_plan(FaultPlan(()))

    # -- what is there ---------------------------------------------------------------------------

    def resting(self, symbol: str = SYMBOL) -> list[str]:
        """Client ids of what rests."""
        return [o.client_order_id for o in self.venue.exchange.floor.open_orders(ACCOUNT, symbol)]

    def held(self, symbol: str = SYMBOL) -> Decimal:
        """The position."""
        positions = self.venue.exchange.floor.account(ACCOUNT).positions.values()
        return sum((p.ledger.qty for p in positions if p.symbol == symbol), Decimal(0))

    def orders_sent(self) -> list[str]:
        """Requests that could have changed an order."""
        return [f"{r.method} {r.path}" for r in self.venue.log if r.is_write and "order" in r.path]

    # -- a hand at the exchange ------------------------------------------------------------------

    def place(self, name: str, price: str | None, qty: str = "5") -> None:
        """Place an order by hand; without a price at the market."""
        now = self.clock.now_ms()
        order = NewOrder(
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.MARKET,
            qty=Decimal(qty),
            client_order_id=name,
        )
        if price is not None:
            order = evolve(order, type=OrderType.LIMIT, price=Decimal(price), tif=TimeInForce.GTC)
        with exact():
            self.venue.exchange.place(ACCOUNT, order, now)
        self.venue.push(now)

    def quote(self) -> None:
        """Tell the market as it is."""
        now = self.clock.now_ms()
        self.venue.tick(now)
        for symbol, (bid, ask) in PRICES.items():
            self.venue.on_event(mark(now, symbol, bid), now)
            self.venue.on_event(quote(now, bid, ask, symbol=symbol, **self.sizes), now)

    # -- inside ----------------------------------------------------------------------------------

    async def _move(self) -> None:
        while True:
            self.quote()
            await asyncio.sleep(0.5)

    async def _run(
        self,
        harness: str,
        symbol: str,
        hook: Hook,
        late: bool,
        duration_ms: int,
        where: SmokeVenue,
        stray_ms: int,
    ) -> SmokeReport:
        is_loop = harness == "reconcile-loop"
        cap = CAP if harness == "position" else Decimal(50)
        request = SmokeRequest(
            harness=harness,
            port=PortKind.NOOP if is_loop else PortKind.FUTURES,
            symbol=symbol,
            venue=where,
            confirm=WORDS.get(where),
            max_notional=cap,
            cap=cap,
        )
        flags = {"live.allow_mainnet": "true"}
        environ = {} if where is SmokeVenue.SIM else PERMITTED
        loaded = load_settings(None, environment=environ, flags=flags)
        plan = plan_smoke(request, loaded, environ)
        rest = HOST if plan.urls is None else plan.urls.rest
        inside = MemoryHttp(self.venue, self.clock, asyncio.sleep)
        world = Surroundings(
            clock=self.clock,
            transport=lambda: HookedHttp(inside, hook, late=late, stray_ms=stray_ms),
            open_journal=self.disk.open,
        )

        tell = self.told.append
        async with AsyncExitStack() as stack:
            if is_loop:
                loop = ReconcileLoop(
                    request, plan, world, rest, stack, lambda text: None,
                    duration_ms=duration_ms, injects=True,
                )  # fmt: skip
                done = await run_steps(loop.steps(), self.clock, loop.log.take, tell)
                return SmokeReport(harness=harness, facts=loop.counts(), steps=done)
            trading = Trading(request, plan, world, rest, stack, lambda text: None)
            made = (
                Position(trading)
                if harness == "position"
                else Futures(trading, with_kill_switch=harness == "kill-switch")
            )
            done = await run_steps(made.steps(), self.clock, trading.log.take, tell)
            return SmokeReport(
                harness=harness, facts=trading.counts(), steps=done, left=trading.left
            )
