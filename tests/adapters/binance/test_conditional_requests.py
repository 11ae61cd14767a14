"""What a conditional order must and must not say, and how the venue hears it (reference 6.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import usdm_orders
from grinder_adapters.binance.conditional_requests import (
    ConditionalRequest,
    ConditionalType,
    WorkingPrice,
)
from grinder_adapters.binance.order_requests import TimeInForce
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.resilience.breaker_settings import Operation
from grinder_core.resilience.budget import RequestClass
from grinder_core.resilience.weights import ORDER_COST
from tests.support.binance_port import AN_ID, a_stop
from tests.support.strategies import scaled

D = Decimal
STOP, STOP_MARKET = ConditionalType.STOP, ConditionalType.STOP_MARKET
TAKE, TAKE_MARKET = ConditionalType.TAKE_PROFIT, ConditionalType.TAKE_PROFIT_MARKET
TRAIL = ConditionalType.TRAILING_STOP_MARKET
ALWAYS = {
    "algoType": "CONDITIONAL",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "workingType": "MARK_PRICE",
    "clientAlgoId": AN_ID,
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, {"type": "STOP_MARKET", "quantity": "1", "triggerPrice": "90"}),
        (
            {"reduce_only": True, "trigger_price": D("9E+1"), "qty": D("0.0010")},
            {
                "type": "STOP_MARKET",
                "quantity": "0.001",
                "triggerPrice": "90",
                "reduceOnly": "true",
            },
        ),
        (
            {"qty": None, "order_type": TAKE_MARKET},
            {"type": "TAKE_PROFIT_MARKET", "closePosition": "true", "triggerPrice": "90"},
        ),
        (
            {"order_type": STOP, "price": D(89)},
            {
                "type": "STOP",
                "quantity": "1",
                "triggerPrice": "90",
                "price": "89",
                "timeInForce": "GTC",
            },
        ),
        (
            {"order_type": TAKE, "price": D("90.5"), "time_in_force": TimeInForce.IOC},
            {
                "type": "TAKE_PROFIT",
                "quantity": "1",
                "triggerPrice": "90",
                "price": "90.5",
                "timeInForce": "IOC",
            },
        ),
        (
            {"order_type": TRAIL, "trigger_price": None, "callback_bps": 150},
            {"type": "TRAILING_STOP_MARKET", "quantity": "1", "callbackRate": "1.5"},
        ),
        (
            {
                "order_type": TRAIL,
                "trigger_price": None,
                "callback_bps": 2000,
                "activate_price": D(110),
                "working_price": WorkingPrice.CONTRACT_PRICE,
            },
            {
                "type": "TRAILING_STOP_MARKET",
                "quantity": "1",
                "callbackRate": "20.0",
                "activatePrice": "110",
                "workingType": "CONTRACT_PRICE",
            },
        ),
    ],
)
def test_the_venue_hears_exactly_what_belongs_to_the_type(
    changes: dict[str, Any], said: dict[str, str]
) -> None:
    assert usdm_orders.conditional(a_stop(**changes)).parameters == {**ALWAYS, **said}


ANY = st.fixed_dictionaries(
    {
        "order_type": st.sampled_from(ConditionalType),
        "side": st.sampled_from(Side),
        "qty": st.none() | scaled(0, 10**9, 3),
        "trigger_price": st.none() | scaled(0, 10**6, 1),
        "price": st.none() | scaled(1, 10**6, 1),
        "activate_price": st.none() | scaled(1, 10**6, 1),
        "callback_bps": st.none() | st.integers(-10, 2_100),
        "reduce_only": st.booleans(),
        "time_in_force": st.sampled_from(TimeInForce),
    }
)


def is_sound(order: dict[str, Any]) -> bool:
    """Whether the venue's rules allow an order, said another way."""
    kind, closes = order["order_type"], order["qty"] is None
    if closes and (kind not in {STOP_MARKET, TAKE_MARKET} or order["reduce_only"]):
        return False
    if order["qty"] == 0 or order["trigger_price"] == 0 or order["time_in_force"] == "GTX":
        return False
    given_fields = {
        name
        for name in ("trigger_price", "price", "activate_price", "callback_bps")
        if order[name] is not None
    }
    if kind is TRAIL:
        rate = order["callback_bps"]
        is_fine = rate is not None and rate in range(10, 2_001, 10)
        return is_fine and given_fields <= {"activate_price", "callback_bps"}
    return given_fields == {"trigger_price"} | ({"price"} if kind in {STOP, TAKE} else set())


@given(ANY)
def test_an_order_is_made_only_if_the_venue_could_take_it(order: dict[str, Any]) -> None:
    try:
        made = a_stop(**order)
    except ContractError:
        assert not is_sound(order)
        return
    assert is_sound(order)
    check_request(made)


def check_request(order: ConditionalRequest) -> None:
    """Whatever only reduces has the circuit and budget of exits, and nothing else has."""
    request = usdm_orders.conditional(order)
    sent = request.parameters
    reduces = "reduceOnly" in sent or "closePosition" in sent
    assert order.only_reduces == reduces
    assert not {"reduceOnly", "closePosition"} <= sent.keys()
    assert (request.endpoint.method, request.endpoint.path) == ("POST", "/fapi/v1/algoOrder")
    purposes = (request.endpoint.circuit, request.endpoint.purpose)
    assert purposes == (
        (Operation.REDUCE, RequestClass.REDUCE)
        if reduces
        else (Operation.PLACE, RequestClass.NEW_RISK)
    )
    assert request.cost == ORDER_COST
    assert not any("E" in sent.get(name, "") for name in ("quantity", "price", "triggerPrice"))
    asked = [order.trigger_price, order.price]
    assert order.asked_price == max((p for p in asked if p is not None), default=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"symbol": "btc"}, "symbol"),
        ({"level_id": -1}, "level_id"),
        ({"generation": -1}, "generation"),
        ({"qty": None, "order_type": STOP, "price": D(89)}, "qty = None: is needed in a STOP"),
        ({"qty": None, "reduce_only": True}, "reduce_only = True: is said by closing"),
        ({"trigger_price": None}, "trigger_price = None: is needed in a STOP_MARKET"),
        ({"price": D(89)}, "price = .*has no place in a STOP_MARKET"),
        ({"callback_bps": 100}, "callback_bps = 100: has no place"),
        ({"activate_price": D(89)}, "activate_price = .*has no place"),
        ({"time_in_force": TimeInForce.GTX}, "post-only"),
    ],
)
def test_a_refusal_names_the_field_and_the_rule(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContractError, match=says):
        a_stop(**changes)
