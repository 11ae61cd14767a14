"""The Binance adapter at the local exchange in memory: everything real but sockets and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from attrs import Factory, define

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_events import AlgoEvent, FuturesOrderEvent, UserEvent
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.local_venue.assembly import LOCAL_KEY
from grinder_adapters.local_venue.memory import MemoryHttp
from grinder_adapters.local_venue.session import Session
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import IdempotencySettings, IdempotencyStore
from tests.adapters.local_venue.market_cases import mark, quote
from tests.adapters.local_venue.venue_cases import NOW, Client, a_venue, move, quoted
from tests.support.binance_port import AWitness
from tests.support.virtual_time import VirtualClock, run

T = TypeVar("T")
TICK_MS = 10


@define(eq=False)
class LocalDesk:
    """A port at an exchange that quotes BTCUSDT at 90000 and 90000.1.

    Attributes:
        events: What the user stream told so far.
    """

    clock: VirtualClock
    venue: LocalVenue
    client: RestClient
    port: ExecutionPort
    account: AccountPort
    session: Session
    events: list[UserEvent] = Factory(list)
    _ids: OrderIds = Factory(lambda: OrderIds("test"))

    def new_id(self) -> str:
        """A client id of ours."""
        return self._ids.next_id(0, self.clock.now_ms())

    def by_hand(self) -> Client:
        """Somebody else with the same account, such as its owner at a screen."""
        return Client(self.venue, self.clock.now_ms())

    async def pass_ms(self, milliseconds: int) -> None:
        """Let time pass at the exchange, and hear what it tells."""
        for _ in range(0, milliseconds, TICK_MS):
            await asyncio.sleep(TICK_MS / 1000)
            self.venue.tick(self.clock.now_ms())
        self.listen()

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        """Let another symbol be quoted."""
        now = self.clock.now_ms()
        move(self.venue, quote(now, bid, ask, symbol=symbol), now)

    def mark(self, price: str) -> None:
        """Move quote and mark price, and hear what the exchange tells."""
        now = self.clock.now_ms()
        ask = str(Decimal(price) + Decimal("0.1"))
        move(self.venue, quoted(price, ask, now), now)
        move(self.venue, mark(price, now), now)
        self.listen()

    def listen(self) -> None:
        """Read the user stream and tell the port, as the wiring of a session does."""
        while self.session.outbox:
            frame = self.session.outbox.popleft()
            if frame is None:
                continue
            event = read_user_frame(frame if isinstance(frame, bytes) else frame.encode())
            self.events.append(event)
            if isinstance(event, FuturesOrderEvent):
                self.port.on_order_event(event)
            elif isinstance(event, AlgoEvent):
                self.port.on_conditional_event(event)


def at_local_desk(scene: Callable[[LocalDesk], Awaitable[T]], **options: Any) -> T:
    """Play a scene at a desk that is armed, knows the time and has its whole budget.

    Args:
        options: Of the port.
    """
    clock = VirtualClock(NOW)

    async def play() -> T:
        venue = a_venue()
        guard = WriteGuard(MemoryHttp(venue, clock, asyncio.sleep), "http://127.0.0.1")
        signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
        client = RestClient(guard, clock, asyncio.sleep, signer=signer)
        for window in BudgetWindow:
            client.budget.observe(window, 0, client.now())
        await client.venue_clock.sync()
        guard.arm(own_simulator())
        writer = Writer(client, IdempotencyStore(IdempotencySettings()), AWitness())
        port = ExecutionPort(client, writer, IdentityCodec(["test"]), **options)
        account = AccountPort(client)
        key = (await account.make_listen_key()).reveal()
        query = f"listenKey={key}"
        session = venue.open("/private/ws", query, "127.0.0.1", clock.now_ms())
        assert session is not None
        return await scene(LocalDesk(clock, venue, client, port, account, session))

    return run(play(), clock)
