"""The Binance adapter on a scripted venue: everything real down to the transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from attrs import Factory, define

from grinder_adapters.binance.conditional_requests import ConditionalRequest, ConditionalType
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import (
    REAL_PORT_ACK,
    Credentials,
    Permission,
    PortKind,
    SafeMode,
)
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import SPOT, USDM, IdentityCodec, VenueSpec
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.idempotency import Entry, IdempotencySettings, IdempotencyStore
from grinder_core.resilience.unknown import OrderView
from tests.support.scripted_spot import ScriptedSpot
from tests.support.scripted_venue import KEY, SECRET, ScriptedVenue
from tests.support.virtual_time import START_MS, VirtualClock, run

T = TypeVar("T")

LOOPBACK = {VenueClass.SIM: "http://127.0.0.1:8080"}
URLS = {
    spec.product: LOOPBACK | {known: urls.rest for known, urls in spec.urls.items()}
    for spec in (USDM, SPOT)
}
WHOLE = dict[str, Any](
    armed=True,
    mode=SafeMode.LIVE_TRADE,
    port=PortKind.FUTURES,
    allow_testnet_trade=True,
    allow_mainnet_trade=True,
    real_port_ack=REAL_PORT_ACK,
    allow_mainnet=True,
    symbol_whitelist=("BTCUSDT", "ETHUSDT"),
    max_notional_per_order=Decimal(1000),
    has_constraints=True,
    simulator_is_identified=True,
)


def a_permission(venue_class: VenueClass = VenueClass.SIM, **changes: Any) -> Permission:
    """A permission that lacks nothing but what is changed."""
    pair = Credentials.LOCAL if venue_class is VenueClass.SIM else Credentials.VENUE
    return Permission(venue_class=venue_class, **{**WHOLE, "credentials": pair, **changes})


@define(eq=False)
class AWitness:
    """Writes down what was recorded, and refuses while ``reason`` is set."""

    reason: str = ""
    recorded: list[Entry] = Factory(list)
    asked: list[tuple[RiskIntent, str]] = Factory(list)
    failure: Exception | None = None
    on_record: Callable[[], None] = lambda: None

    async def record(self, entry: Entry, call: object) -> None:
        """Take a claim."""
        self.recorded.append(entry)
        self.on_record()
        if self.failure is not None:
            raise self.failure

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Say why not."""
        self.asked.append((risk, symbol))
        return self.reason


@define(eq=False)
class Desk:
    """A port and all that is around it."""

    clock: VirtualClock
    venue: ScriptedVenue
    guard: WriteGuard
    client: RestClient
    writer: Writer
    port: ExecutionPort
    witness: AWitness


def a_desk(
    clock: VirtualClock,
    *,
    venue: ScriptedVenue | None = None,
    venue_class: VenueClass = VenueClass.SIM,
    store: IdempotencyStore | None = None,
    limits: OrderLimits | None = None,
    dry_run: bool = False,
    dedicated_account: bool = False,
    spec: VenueSpec = USDM,
    **options: Any,
) -> Desk:
    """A desk that is not armed and has not asked for the time."""
    if venue is None:
        venue = ScriptedSpot(clock) if spec is SPOT else ScriptedVenue(clock)
    guard = WriteGuard(venue, URLS[spec.product][venue_class])
    signer = Signer(Secret(KEY), Secret(SECRET))
    client = RestClient(
        guard, clock, asyncio.sleep, signer=signer, time=spec.orders.time, **options
    )
    witness = AWitness()
    writer = Writer(client, store or IdempotencyStore(IdempotencySettings()), witness)
    port = ExecutionPort(
        client,
        writer,
        IdentityCodec(["test"]),
        spec=spec,
        limits=limits,
        dry_run=dry_run,
        dedicated_account=dedicated_account,
    )
    return Desk(clock, venue, guard, client, writer, port, witness)


def at_desk(
    scene: Callable[[Desk], Awaitable[T]],
    *,
    permission: Permission | None = None,
    venue_class: VenueClass = VenueClass.SIM,
    **options: Any,
) -> T:
    """Play a scene at a desk that is armed, knows the time and has its whole budget."""
    clock = VirtualClock()
    port = options.get("spec", USDM).port

    async def play() -> T:
        desk = a_desk(clock, venue_class=venue_class, **options)
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)  # what an earlier life may have sent is forgotten (LIVE-38)
        desk.guard.arm(permission or a_permission(venue_class, port=port))
        return await scene(desk)

    return run(play(), clock)


def ids() -> Callable[[], str]:
    """A source of client ids of ours."""
    source = OrderIds("test")
    return lambda: source.next_id(0, START_MS)


AN_ID = OrderIds("test").next_id(0, START_MS)


def a_limit_order(name: str = AN_ID, **changes: Any) -> LimitOrder:
    """A buy of 1 at 100."""
    fields = dict[str, Any](
        client_order_id=name,
        symbol="BTCUSDT",
        side=Side.BUY,
        price=Decimal(100),
        qty=Decimal(1),
        generation=0,
    )
    return LimitOrder(**{**fields, **changes})


def a_stop(name: str = AN_ID, **changes: Any) -> ConditionalRequest:
    """A sale of 1 at the market, once the mark price falls to 90."""
    fields = dict[str, Any](
        client_algo_id=name,
        symbol="BTCUSDT",
        side=Side.SELL,
        order_type=ConditionalType.STOP_MARKET,
        qty=Decimal(1),
        trigger_price=Decimal(90),
        generation=0,
    )
    return ConditionalRequest(**{**fields, **changes})


def an_amend(name: str = AN_ID, **changes: Any) -> AmendOrder:
    """From 1 at 100 to 2 at 101."""
    before = OrderView(
        state=OrderState.OPEN, price=Decimal(100), qty=Decimal(1), updated_ms=START_MS
    )
    fields = dict[str, Any](
        client_order_id=name,
        order_id=None,
        symbol="BTCUSDT",
        side=Side.BUY,
        price=Decimal(101),
        qty=Decimal(2),
        amend_no=0,
        before=before,
    )
    return AmendOrder(**{**fields, **changes})


def an_order_event(order: dict[str, Any]) -> FuturesOrderEvent:
    """What the user stream says of an order of the scripted venue."""
    states = {
        "NEW": OrderState.OPEN,
        "FILLED": OrderState.FILLED,
        "CANCELED": OrderState.CANCELLED,
    }
    zero = Decimal(0)
    return FuturesOrderEvent(
        ts=order["updateTime"],
        transaction_ts=order["updateTime"],
        symbol=order["symbol"],
        order_id=str(order["orderId"]),
        client_order_id=order["clientOrderId"],
        side=Side(order["side"]),
        order_type="LIMIT",
        time_in_force="GTX",
        execution="NEW",
        status=states[order["status"]],
        price=Decimal(order["price"]),
        qty=Decimal(order["origQty"]),
        last_price=zero,
        last_qty=zero,
        executed_qty=Decimal(order["executedQty"]),
        avg_price=zero,
        fee=zero,
        fee_asset="",
        trade_id=0,
        is_maker=False,
        reduce_only=order["reduceOnly"],
        position_side="BOTH",
        realized_pnl=zero,
        expiry_reason="0",
        modify_id=None,
    )
