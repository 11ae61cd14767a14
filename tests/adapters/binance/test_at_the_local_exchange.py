"""The port and the local exchange agree on what waits, what triggers and what is cancelled."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.conditional_requests import ConditionalRequest, ConditionalType
from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_adapters.binance.outcomes import Accepted, Refused
from grinder_adapters.binance.user_events import AlgoEvent
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.errors import ConnectorNonRetryableError
from tests.adapters.local_venue.venue_cases import SYMBOL
from tests.support.local_desk import LocalDesk, at_local_desk

D = Decimal
STOP_MARKET = ConditionalType.STOP_MARKET


def a_stop(name: str, **changes: Any) -> ConditionalRequest:
    """A stop-loss of 0.01 that closes at 89000."""
    fields = dict[str, Any](
        client_algo_id=name,
        symbol=SYMBOL,
        side=Side.SELL,
        order_type=STOP_MARKET,
        qty=D("0.01"),
        trigger_price=D(89_000),
        reduce_only=True,
        generation=0,
    )
    return ConditionalRequest(**{**fields, **changes})


async def holds(desk: LocalDesk) -> Decimal:
    """The position, signed."""
    return sum((p.position_amt for p in await desk.account.positions()), D(0))


async def buys(desk: LocalDesk, qty: str = "0.01") -> None:
    """Buy at the market, by a limit order that takes."""
    order = LimitOrder(
        client_order_id=desk.new_id(),
        symbol=SYMBOL,
        side=Side.BUY,
        price=D(90_100),
        qty=D(qty),
        generation=0,
        time_in_force=TimeInForce.IOC,
    )
    assert isinstance(await desk.port.place(order), Accepted)
    assert await holds(desk) == D(qty)


# -- conditional orders -------------------------------------------------------------------------


@pytest.mark.parametrize("closes", [True, False])
def test_a_stop_waits_until_the_mark_reaches_it_and_then_closes_the_position(closes: bool) -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        name = desk.new_id()
        shape = {"qty": None, "reduce_only": False} if closes else {}
        outcome = await desk.port.place_conditional(a_stop(name, **shape))
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.OPEN
        (order,) = await desk.port.conditional_orders(SYMBOL)
        assert (order.client_algo_id, order.trigger_price) == (name, 89_000)
        assert (order.close_position, order.only_reduces) == (closes, True)
        desk.mark("89000.1")
        assert await holds(desk) == D("0.01")
        desk.mark("89000")
        assert await holds(desk) == 0
        assert await desk.port.conditional_orders(SYMBOL) == ()
        told = [e.status for e in desk.events if isinstance(e, AlgoEvent)]
        assert told == ["NEW", "TRIGGERED", "FINISHED"]

    at_local_desk(scene)


def test_a_stop_that_was_cancelled_does_not_trigger() -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        name = desk.new_id()
        await desk.port.place_conditional(a_stop(name))
        outcome = await desk.port.cancel_conditional(SYMBOL, name)
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.CANCELLED
        desk.mark("80000")
        assert await holds(desk) == D("0.01")

    at_local_desk(scene)


def test_a_cancel_that_comes_after_the_trigger_finds_that_out() -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        name = desk.new_id()
        await desk.port.place_conditional(a_stop(name))
        desk.mark("88000")
        outcome = await desk.port.cancel_conditional(SYMBOL, name)
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.FILLED

    at_local_desk(scene)


def test_a_stop_that_would_trigger_at_once_is_refused_and_leaves_nothing() -> None:
    async def scene(desk: LocalDesk) -> None:
        outcome = await desk.port.place_conditional(a_stop(desk.new_id(), trigger_price=D(95_000)))
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.reaction) == ("-2021", Reaction.RECOMPUTE_PRICE)
        assert await desk.port.conditional_orders() == ()

    at_local_desk(scene)


def test_a_trailing_stop_follows_the_price_and_sells_when_it_turns_back() -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        trailing = a_stop(
            desk.new_id(),
            order_type=ConditionalType.TRAILING_STOP_MARKET,
            trigger_price=None,
            callback_bps=100,
        )
        assert isinstance(await desk.port.place_conditional(trailing), Accepted)
        for price in ("91000", "95000", "94100"):
            desk.mark(price)
            assert await holds(desk) == D("0.01")
        desk.mark("94050")  # 1 % below 95000
        assert await holds(desk) == 0

    at_local_desk(scene)


@given(
    st.sampled_from([k for k in ConditionalType if k is not ConditionalType.TRAILING_STOP_MARKET]),
    st.sampled_from(Side),
    st.booleans(),
)
def test_each_type_rests_on_its_own_side_of_the_market_and_triggers_there(
    kind: ConditionalType, side: Side, reduce_only: bool
) -> None:
    waits_for_rise = (side is Side.BUY) is kind.value.startswith("STOP")

    async def scene(desk: LocalDesk) -> None:
        near, far = ("91000", "91001") if waits_for_rise else ("89000", "88999")
        limit = {"price": D(near)} if "MARKET" not in kind.value else {}
        name = desk.new_id()
        order = a_stop(
            name,
            order_type=kind,
            side=side,
            trigger_price=D(near),
            reduce_only=reduce_only,
            **limit,
        )
        assert isinstance(await desk.port.place_conditional(order), Accepted)
        desk.mark("90500" if waits_for_rise else "89500")
        assert len(await desk.port.conditional_orders(SYMBOL)) == 1
        desk.mark(far)
        assert await desk.port.conditional_orders(SYMBOL) == ()
        told = [e.status for e in desk.events if isinstance(e, AlgoEvent)]
        # nothing is held, so what may only reduce is refused when it triggers
        assert told == ["NEW", "TRIGGERED", "REJECTED" if reduce_only else "FINISHED"]

    at_local_desk(scene)


def test_one_that_triggered_makes_room_for_another() -> None:
    async def scene(desk: LocalDesk) -> None:
        entry = a_stop(desk.new_id(), side=Side.BUY, trigger_price=D(91_000), reduce_only=False)
        assert isinstance(await desk.port.place_conditional(entry), Accepted)
        assert len(desk.port.limits.open_ids) == 1
        desk.mark("91000")
        assert await holds(desk) == D("0.01")
        assert desk.port.limits.open_ids == set()

    at_local_desk(scene, limits=OrderLimits(max_open_orders=1))


def test_an_exit_at_the_market_leaves_nothing_for_the_stop_to_close() -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        stop = a_stop(desk.new_id(), qty=None, reduce_only=False)
        await desk.port.place_conditional(stop)
        exit_order = MarketOrder(
            client_order_id=desk.new_id(),
            symbol=SYMBOL,
            side=Side.SELL,
            qty=D("0.01"),
            generation=0,
        )
        assert isinstance(await desk.port.place_market(exit_order), Accepted)
        outcomes = await desk.port.cancel_own(SYMBOL)
        assert [type(o) for o in outcomes] == [Accepted]
        desk.mark("88000")
        assert await holds(desk) == 0

    at_local_desk(scene)


# -- the dead-man switch ------------------------------------------------------------------------


async def rests(desk: LocalDesk, symbol: str = SYMBOL, price: str = "80000") -> str:
    """A buy far below the market."""
    name = desk.new_id()
    order = LimitOrder(
        client_order_id=name,
        symbol=symbol,
        side=Side.BUY,
        price=D(price),
        qty=D("0.01") if symbol == SYMBOL else D("1"),
        generation=len(desk.port.limits.open_ids),
    )
    assert isinstance(await desk.port.place(order), Accepted)
    return name


async def open_names(desk: LocalDesk) -> list[str]:
    """What rests."""
    return [order.client_order_id for order in await desk.port.open_orders()]


def test_orders_are_gone_when_nobody_renews_and_those_of_other_symbols_are_not() -> None:
    async def scene(desk: LocalDesk) -> None:
        desk.quote("ETHUSDT", "3000", "3000.1")
        first, second = await rests(desk), await rests(desk)
        other = await rests(desk, "ETHUSDT", "2900")
        await desk.port.arm_countdown(SYMBOL, 5_000)
        await desk.pass_ms(4_980)
        assert await open_names(desk) == [first, second, other]
        await desk.pass_ms(30)
        assert await open_names(desk) == [other]
        assert desk.port.limits.open_ids == {other}  # the user stream told

    at_local_desk(scene)


def test_a_countdown_that_is_renewed_or_stopped_cancels_nothing() -> None:
    async def scene(desk: LocalDesk) -> None:
        name = await rests(desk)
        for _ in range(4):
            await desk.port.arm_countdown(SYMBOL, 1_000)
            await desk.pass_ms(700)
        assert await open_names(desk) == [name]
        await desk.port.arm_countdown(SYMBOL, 0)
        await desk.pass_ms(3_000)
        assert await open_names(desk) == [name]

    at_local_desk(scene)


def test_an_order_that_the_owner_placed_by_hand_keeps_the_switch_from_being_armed() -> None:
    async def scene(desk: LocalDesk) -> None:
        await rests(desk)
        number = desk.by_hand().place(newClientOrderId="web_1", price="80000")["orderId"]
        with pytest.raises(ConnectorNonRetryableError, match="web_1"):
            await desk.port.arm_countdown(SYMBOL, 1_000)
        desk.by_hand().cancel(number)
        await desk.port.arm_countdown(SYMBOL, 1_000)
        await desk.pass_ms(1_100)
        assert await open_names(desk) == []

    at_local_desk(scene)


def test_on_a_dedicated_account_every_order_is_ours_to_cancel() -> None:
    async def scene(desk: LocalDesk) -> None:
        desk.by_hand().place(newClientOrderId="web_1", price="80000")
        await desk.port.arm_countdown(SYMBOL, 1_000)
        await desk.pass_ms(1_100)
        assert await open_names(desk) == []

    at_local_desk(scene, dedicated_account=True)


def test_a_stop_at_the_venue_outlives_the_countdown() -> None:
    async def scene(desk: LocalDesk) -> None:
        await buys(desk)
        await desk.port.place_conditional(a_stop(desk.new_id()))
        await desk.port.arm_countdown(SYMBOL, 1_000)
        await desk.pass_ms(1_100)
        desk.mark("88000")
        assert await holds(desk) == 0

    at_local_desk(scene)
