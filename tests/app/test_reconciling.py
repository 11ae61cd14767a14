"""Orders at the venue that the session has no record of (LIVE-20, LIVE-38 step 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import define

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest_records import OrderAnswer, PositionAnswer, TradeAnswer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_fold import UserFold
from grinder_adapters.redact import Redactor
from grinder_app.live.account_watch import AccountWatch
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.reconciling import Reconciliation
from grinder_core.contracts.control import Health
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.event import Payload
from grinder_core.contracts.orders import OrderAdopted, OrderIntent
from grinder_core.reconcile.settings import ReconcileSettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support.live_core import BTC, LiveHand
from tests.support.virtual_time import VirtualClock, run

OURS, PRICE = "grinder_default_1_000000000001", Decimal(60_000)


def answer(name: str, state: OrderState) -> OrderAnswer:
    return OrderAnswer(
        symbol=BTC, order_id="7", client_order_id=name, side=Side.BUY, order_type="LIMIT",
        time_in_force="GTX", status=state, price=PRICE, qty=Decimal(1), executed_qty=Decimal(0),
        avg_price=None, reduce_only=False, position_side="BOTH", update_ts=1, created_ts=None,
    )  # fmt: skip


@define
class Venue:
    """Says what is open, and of one order how it stands now.

    Attributes:
        meanwhile: Happens while the answer about open orders is on its way.
        queried: Happens while the answer about one order is on its way.
    """

    open: list[OrderAnswer]
    now: OrderAnswer | None
    meanwhile: Callable[[], None] = lambda: None
    queried: Callable[[], None] = lambda: None
    codec: IdentityCodec = IdentityCodec(["default"])
    queries: int = 0

    async def open_orders(self) -> tuple[OrderAnswer, ...]:
        self.meanwhile()
        return tuple(self.open)

    async def positions(self) -> tuple[PositionAnswer, ...]:
        return ()

    async def trades(self, symbol: str, from_id: int) -> tuple[TradeAnswer, ...]:
        return ()

    @property
    def fold(self) -> UserFold:
        return UserFold()

    async def query(self, symbol: str, name: str) -> OrderAnswer | None:
        self.queries += 1
        self.queried()
        return self.now


def reconciled(
    venue: Any, prepare: Callable[[OrderDesk], None], hand: LiveHand | None = None
) -> tuple[Any, list[Payload]]:
    """Ask for all orders once; return what is foreign, and what the session took in."""
    told: list[Payload] = []
    hand, clock = hand or LiveHand(), VirtualClock()
    hand.rest()

    def put(payload: Payload) -> None:
        told.append(payload)
        hand.feed(payload)

    async def scene() -> Any:
        network = Network(None, clock, ReconnectLimiter(ReconnectSettings()), Random(1))  # type: ignore[arg-type]
        desk = OrderDesk(venue, venue, venue, network, lambda update: None)
        prepare(desk)
        hot = hand.core.engine.hot
        settings = ReconcileSettings(symbol_filter=(BTC,))
        watch = AccountWatch(settings, (BTC,), lambda: hot, clock.now_ms)
        path, said = Path("nowhere"), list[tuple[str, str]]()

        def tell(kind: str, text: str) -> None:
            said.append((kind, text))

        config, redactor = AuditConfig(), Redactor(())
        trail = AuditTrail(config, path, redactor, None, tell, clock.now_ms, is_writing=True)
        reconciliation = Reconciliation(
            watch, (BTC,), lambda: hot, venue, venue, desk, put,
            lambda name, value, symbol: None, trail, tell, 1_000, clock.now_ms,
        )  # fmt: skip
        await reconciliation.snapshot()
        await reconciliation.adopt()
        return dict(reconciliation.foreign().orders)

    return run(scene(), clock), [one for one in told if not isinstance(one, Health)]


def test_an_order_of_ours_without_a_record_is_adopted() -> None:
    found, told = reconciled(
        Venue([answer(OURS, OrderState.OPEN)], answer(OURS, OrderState.OPEN)), lambda desk: None
    )
    assert found == {}
    assert [type(one) for one in told] == [OrderAdopted]


@pytest.mark.parametrize("now", [None, answer(OURS, OrderState.FILLED)])
def test_an_order_that_ended_before_anybody_looked_again_is_not_adopted(
    now: OrderAnswer | None,
) -> None:
    found, told = reconciled(Venue([answer(OURS, OrderState.OPEN)], now), lambda desk: None)
    assert (found, told) == ({}, [])


def test_an_order_that_ended_while_the_answer_was_on_its_way_is_not_adopted() -> None:
    """Neither the list of open orders nor a query that lags may bring it back."""
    venue = Venue([answer(OURS, OrderState.OPEN)], answer(OURS, OrderState.OPEN))

    def prepare(desk: OrderDesk) -> None:
        intent = OrderIntent(symbol=BTC, side=Side.BUY, price=PRICE, qty=Decimal(1), level_id=1)
        desk.news.sent(PlaceOrder(client_order_id=OURS, intent=intent))

        def ends() -> None:
            desk.news.on_seen(OURS, Seen.of(answer(OURS, OrderState.OPEN)), 1)
            desk.news.on_seen(OURS, Seen.of(answer(OURS, OrderState.CANCELLED)), 2)

        venue.meanwhile = ends

    found, told = reconciled(venue, prepare)
    assert (found, told, venue.queries) == ({}, [], 0)


def test_an_order_that_ended_while_it_was_asked_about_is_not_adopted() -> None:
    """The venue may answer from before the end that the stream has told."""
    venue = Venue([answer(OURS, OrderState.OPEN)], answer(OURS, OrderState.OPEN))

    def prepare(desk: OrderDesk) -> None:
        def ends() -> None:
            intent = OrderIntent(symbol=BTC, side=Side.BUY, price=PRICE, qty=Decimal(1), level_id=1)
            desk.news.sent(PlaceOrder(client_order_id=OURS, intent=intent))
            desk.news.on_seen(OURS, Seen.of(answer(OURS, OrderState.OPEN)), 1)
            desk.news.on_seen(OURS, Seen.of(answer(OURS, OrderState.CANCELLED)), 2)

        venue.queried = ends

    found, told = reconciled(venue, prepare)
    assert (found, told, venue.queries) == ({}, [], 1)


def test_an_order_that_was_taken_in_while_it_was_asked_about_is_not_taken_in_twice() -> None:
    venue = Venue([answer(OURS, OrderState.OPEN)], answer(OURS, OrderState.OPEN))
    hand = LiveHand()

    def taken_in() -> None:
        hand.feed(
            OrderAdopted(
                ts=1, symbol=BTC, client_order_id=OURS, order_id="7", side=Side.BUY, level_id=1,
                price=PRICE, qty=Decimal(1), filled_qty=Decimal(0), reduce_only=False,
            )
        )  # fmt: skip

    venue.queried = taken_in
    found, told = reconciled(venue, lambda desk: None, hand)
    assert (found, told, venue.queries) == ({}, [], 1)


def test_an_order_of_somebody_else_is_shown_and_never_adopted() -> None:
    found, told = reconciled(Venue([answer("web_123", OrderState.OPEN)], None), lambda desk: None)
    assert found == {BTC: ["web_123"]}
    assert told == []
