"""Conditional orders through the port: its limits, and at most one effect (LIVE-04, LIVE-09)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.conditional_requests import ConditionalType
from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.outcomes import Accepted, Refused, Unknown
from grinder_adapters.binance.user_events import AlgoEvent
from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.errors import ConnectorNonRetryableError
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from tests.adapters.binance.test_writes import FAULTS, SETTLE
from tests.support.binance_port import (
    AN_ID,
    Desk,
    a_limit_order,
    a_permission,
    a_stop,
    an_order_event,
    at_desk,
    ids,
)
from tests.support.scripted_venue import Fault, ScriptedVenue, refusal

D = Decimal
TRAILING = {
    "order_type": ConditionalType.TRAILING_STOP_MARKET,
    "trigger_price": None,
    "callback_bps": 100,
}
PLACED = f"conditional {AN_ID}"


def an_algo_event(order: dict[str, Any], status: str, ts: int) -> AlgoEvent:
    """What the user stream says of a conditional order of the scripted venue."""
    return AlgoEvent(
        ts=ts,
        transaction_ts=ts,
        symbol=order["symbol"],
        algo_id=order["algoId"],
        client_algo_id=order["clientAlgoId"],
        side=Side(order["side"]),
        order_type=order["orderType"],
        status=status,
        qty=D(order["quantity"]),
        trigger_price=D(order["triggerPrice"]),
        reduce_only=order["reduceOnly"],
        order_id="",
        reason="",
    )


# -- what leaves, and as what -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "risk"),
    [
        ({}, RiskIntent.INCREASE_RISK),
        ({"reduce_only": True}, RiskIntent.REDUCE_RISK),
        ({"qty": None}, RiskIntent.REDUCE_RISK),
    ],
)
def test_what_can_only_shrink_a_position_is_an_exit(
    changes: dict[str, Any], risk: RiskIntent
) -> None:
    async def scene(desk: Desk) -> None:
        outcome = await desk.port.place_conditional(a_stop(**changes))
        assert isinstance(outcome, Accepted)
        assert not outcome.is_final
        assert outcome.order.order_id == "1"
        assert desk.witness.asked == [(risk, "BTCUSDT")]
        assert len(desk.venue.sent("POST", "algoOrder")) == 1
        (order,) = await desk.port.conditional_orders("BTCUSDT")
        assert (order.client_algo_id, order.only_reduces) == (AN_ID, risk == "REDUCE_RISK")

    at_desk(scene)


def test_an_open_circuit_of_new_orders_stops_no_protective_stop() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        desk.venue.faults.extend([refusal(503, -1008)] * 6)
        for generation in range(2):
            await desk.port.place(a_limit_order(name(), generation=generation))
        state = desk.client.breaker.state(Operation.PLACE, desk.client.now())
        assert state is CircuitState.OPEN
        assert isinstance(await desk.port.place_conditional(a_stop(name())), Refused)
        stop = a_stop(name(), qty=None)
        assert isinstance(await desk.port.place_conditional(stop), Accepted)

    at_desk(scene)


# -- the port's own limits: I-09.2 --------------------------------------------------------------

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
        st.none() | st.integers(1, 30),
        st.booleans(),
        st.sampled_from(["stop", "limit", "trailing"]),
        st.sampled_from(["waits", "cancelled", "FINISHED", "EXPIRED", "TRIGGERED"]),
    ),
    max_size=8,
)


@given(
    ORDERS,
    st.sampled_from([(), ("BTCUSDT",), ("BTCUSDT", "ETHUSDT")]),
    st.none() | st.integers(100, 2500),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 3),
)
def test_no_conditional_order_leaves_beyond_whitelist_size_or_numbers(
    orders: list[tuple[str, int | None, bool, str, str]],
    whitelist: tuple[str, ...],
    cap: int | None,
    per_run: int | None,
    at_once: int | None,
) -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        ended: set[str] = set()
        for number, (symbol, qty, reduce_only, kind, fate) in enumerate(orders):
            fields: dict[str, Any] = {"symbol": symbol, "generation": number}
            if kind == "limit":
                fields |= {"order_type": ConditionalType.STOP, "price": D(120)}
            elif kind == "trailing":
                fields |= TRAILING
            if kind == "stop" and qty is None:
                fields |= {"qty": None}
            else:
                fields |= {"qty": D(qty or 1), "reduce_only": reduce_only}
            own = name()
            try:
                await desk.port.place_conditional(a_stop(own, **fields))
            except ConnectorNonRetryableError:
                continue
            order = desk.venue.conditionals[own]
            if fate == "cancelled":
                await desk.port.cancel_conditional(symbol, own)
            elif fate != "waits":
                event = an_algo_event(order, fate, desk.clock.now_ms())
                desk.port.on_conditional_event(event)
            if fate in {"cancelled", "FINISHED", "EXPIRED"}:
                ended.add(own)
            risky = {
                s.parameters["clientAlgoId"]
                for s in desk.venue.sent("POST", "algoOrder")
                if not {"reduceOnly", "closePosition"} & s.parameters.keys()
            }
            assert at_once is None or len(risky - ended) <= at_once
            assert per_run is None or len(risky) <= per_run
        for sent in desk.venue.sent("POST", "algoOrder"):
            p = sent.parameters
            assert not whitelist or p["symbol"] in whitelist
            if cap is not None and not {"reduceOnly", "closePosition"} & p.keys():
                highest = max(D(p["triggerPrice"]), D(p.get("price", "0")))
                assert highest * D(p["quantity"]) <= cap

    permission = a_permission(
        symbol_whitelist=whitelist, max_notional_per_order=None if cap is None else D(cap)
    )
    limits = OrderLimits(max_orders_per_run=per_run, max_open_orders=at_once)
    at_desk(scene, permission=permission, limits=limits)


def test_a_trailing_stop_that_adds_risk_cannot_be_held_against_a_cap() -> None:
    async def scene(desk: Desk) -> None:
        with pytest.raises(ConnectorNonRetryableError, match=r"max_notional.*make the order reduc"):
            await desk.port.place_conditional(a_stop(**TRAILING))
        exit_order = a_stop(**TRAILING, reduce_only=True)
        assert isinstance(await desk.port.place_conditional(exit_order), Accepted)

    at_desk(scene)


def test_normal_and_conditional_orders_share_the_numbers() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        stop = name()
        assert isinstance(await desk.port.place_conditional(a_stop(stop)), Accepted)
        with pytest.raises(ConnectorNonRetryableError, match="max_open_orders = 1"):
            await desk.port.place(a_limit_order(name()))
        await desk.port.cancel_own("BTCUSDT")
        assert isinstance(await desk.port.place(a_limit_order(name())), Accepted)

    at_desk(scene, limits=OrderLimits(max_open_orders=1))


@pytest.mark.parametrize(("status", "code"), [(400, -2021), (400, -4045), (400, -1106)])
def test_a_refused_one_frees_its_place(status: int, code: int) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(status, code))
        outcome = await desk.port.place_conditional(a_stop())
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.is_order) == (str(code), True)
        assert (outcome.reaction is Reaction.RECOMPUTE_PRICE) == (code == -2021)
        assert desk.port.limits.open_ids == set()

    at_desk(scene)


# -- at most one effect: LIVE-04 ----------------------------------------------------------------


@given(
    st.lists(FAULTS, max_size=6),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=3),
    st.integers(0, SETTLE - 1),
    st.sampled_from([{}, {"qty": None}, {"reduce_only": True}]),
)
def test_one_intent_makes_at_most_one_conditional_order(
    faults: list[Fault], starts: list[int], read_lag_ms: int, changes: dict[str, Any]
) -> None:
    venues: list[ScriptedVenue] = []

    async def call(desk: Desk, start_ms: int) -> Any:
        await asyncio.sleep(start_ms / 1000)
        return await desk.port.place_conditional(a_stop(**changes))

    async def scene(desk: Desk) -> list[Any]:
        venues.append(desk.venue)
        desk.venue.faults, desk.venue.read_lag_ms = deque(faults), read_lag_ms
        outcomes = await asyncio.gather(*[call(desk, start) for start in starts])
        await asyncio.sleep(30)  # the last late request arrives
        return outcomes

    outcomes = at_desk(scene)
    accepted = venues[0].accepted[PLACED]
    assert accepted <= 1
    assert accepted == 1 or not any(isinstance(o, Accepted) for o in outcomes)
    if all(isinstance(o, Refused) and o.reason != "IDEMPOTENCY_CONFLICT" for o in outcomes):
        assert accepted == 0


def test_a_lost_answer_is_looked_up_by_the_client_algo_id() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(loses=True))
        assert isinstance(await desk.port.place_conditional(a_stop()), Accepted)
        (asked,) = desk.venue.sent("GET", "algoOrder")
        assert asked.parameters["clientAlgoId"] == AN_ID
        assert desk.venue.sent("GET", "order") == []

    at_desk(scene)


def test_what_never_arrived_is_sent_again_under_the_same_id_once_that_is_proven() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(arrives=False))
        outcome = await desk.port.place_conditional(a_stop())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 2
        assert desk.venue.accepted[PLACED] == 1
        names = [s.parameters["clientAlgoId"] for s in desk.venue.sent("POST", "algoOrder")]
        assert names == [AN_ID, AN_ID]

    at_desk(scene)


@pytest.mark.parametrize("field", ["clientAlgoId", "symbol"])
def test_an_answer_about_another_conditional_order_proves_nothing(field: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.place_conditional(a_stop())
        other = json.dumps({**desk.venue.conditionals[AN_ID], field: "OTHER"})
        desk.venue.answers |= {"POST algoOrder": other, "GET algoOrder": other}
        outcome = await desk.port.place_conditional(a_stop(generation=1))
        assert isinstance(outcome, Unknown)

    at_desk(scene)


def test_orders_that_differ_only_in_what_they_wait_for_are_two() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        different: list[dict[str, Any]] = [
            {},
            {"trigger_price": D(91)},
            {"order_type": ConditionalType.TAKE_PROFIT_MARKET},
            {"qty": None},
            {**TRAILING, "reduce_only": True},
            {**TRAILING, "reduce_only": True, "callback_bps": 110},
            {**TRAILING, "reduce_only": True, "activate_price": D(110)},
            {"generation": 1},
        ]
        for changes in different:
            outcome = await desk.port.place_conditional(a_stop(name(), **changes))
            assert isinstance(outcome, Accepted)
            assert not outcome.is_cached
        again = await desk.port.place_conditional(a_stop(next(iter(desk.venue.conditionals))))
        assert isinstance(again, Accepted)
        assert again.is_cached
        assert len(desk.venue.sent("POST", "algoOrder")) == len(different)

    at_desk(scene)


def test_a_normal_order_and_a_conditional_one_may_bear_one_id() -> None:
    async def scene(desk: Desk) -> None:
        assert isinstance(await desk.port.place(a_limit_order(AN_ID)), Accepted)
        outcome = await desk.port.place_conditional(a_stop(AN_ID))
        assert isinstance(outcome, Accepted)
        assert not outcome.is_cached

    at_desk(scene)


def test_the_user_stream_decides_and_an_event_of_the_other_kind_does_not() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(loses=True))
        desk.venue.read_lag_ms = 60_000
        began = desk.clock.now_ms()
        placing = asyncio.create_task(desk.port.place_conditional(a_stop()))
        await asyncio.sleep(6)
        desk.port.on_order_event(an_order_event(desk.venue.rest(AN_ID)))
        await asyncio.sleep(0.5)
        assert not placing.done()
        waiting = desk.venue.conditionals[AN_ID]
        desk.port.on_conditional_event(an_algo_event(waiting, "NEW", desk.clock.now_ms()))
        outcome = await placing
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.OPEN
        assert outcome.order.order_id == "1"
        assert desk.clock.now_ms() - began == 6_500

    at_desk(scene)


def test_a_dry_run_makes_one_up_within_the_limits() -> None:
    async def scene(desk: Desk) -> None:
        count = len(desk.venue.requests)
        for changes in ({}, {"qty": None}, {**TRAILING, "reduce_only": True}):
            outcome = await desk.port.place_conditional(a_stop(**changes))
            assert isinstance(outcome, Accepted)
            assert outcome.order.view.state is OrderState.OPEN
        with pytest.raises(ConnectorNonRetryableError, match="max_notional"):
            await desk.port.place_conditional(a_stop(qty=D(100)))
        assert len(desk.venue.requests) == count

    at_desk(scene, dry_run=True)
