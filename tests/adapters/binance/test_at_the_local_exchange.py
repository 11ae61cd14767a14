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
