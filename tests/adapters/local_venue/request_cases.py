"""Requests of every route, from the document of the exchange: sound, nearly sound and wild."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from grinder_adapters.local_venue.openapi import SIGNED, document
from tests.adapters.local_venue.market_cases import T0
from tests.adapters.local_venue.venue_cases import SYMBOL, an_order

Given = dict[str, str]
Route = tuple[str, str]

DOCUMENT: Final = document()
OPERATIONS: Final[Mapping[Route, dict[str, Any]]] = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
_SIGNING: Final = frozenset(name.removesuffix("!") for name in SIGNED.split())
_FIRST: Final = 4_000_000_001  # the exchange's first order

_NUMBERS: Final = ("0.001", "0.01", "5", "89000", "90000", "90000.1", "91000")
_WILD_NUMBERS: Final = ("0", "-1", "1E5", "NaN", "9" * 30, "9" * 31, "0." + "0" * 28 + "1", "+1")
_INTEGERS: Final = ("1", "2", "5", "500", str(T0), str(T0 + 1000), str(_FIRST), str(_FIRST + 1))
_WILD_INTEGERS: Final = ("0", "-1", "9" * 18, "9" * 19, "1.5", "x", "\u0663", "1_0")
_WILD: Final = ("", "x", "null", "{}", "\u5e01", "a" * 40, "a b", "\x00", "%", "0")
_LISTS: Final = (
    "[1,2",
    "5",
    "[]",
    "[null]",
    "[1.5,true]",
    "[[],{}]",
    '[""]',
    '["\\ud800"]',
    "[1e999]",
    "[99999999999999999999]",
    "[" * 300 + "]" * 300,
    json.dumps(list(range(11))),
)

_ORDERS: Final[tuple[Given, ...]] = (
    an_order(),
    an_order(side="SELL", price="91000", timeInForce="GTX", newClientOrderId="mine-1"),
    an_order(price="90000.1", quantity="6", newOrderRespType="RESULT"),
    an_order(price="90000.1", timeInForce="IOC", newOrderRespType="RESULT"),
    an_order(side="SELL", price="90000", quantity="0.002", timeInForce="FOK"),
    an_order(timeInForce="GTD", goodTillDate=str(T0 + 1_000_000)),
    an_order(price=None, priceMatch="QUEUE"),
    an_order(type="MARKET", price=None, timeInForce=None),
    an_order(type="MARKET", price=None, timeInForce=None, side="SELL", quantity="0.02"),
    an_order(side="SELL", price="90500", reduceOnly="true"),
    an_order(side="BUY", price="89500", reduceOnly="true", newClientOrderId="mine-2"),
    an_order(side="SELL", positionSide="SHORT"),
    an_order(side="SELL", price="89000", selfTradePreventionMode="EXPIRE_BOTH"),
)
_AMENDS: Final[tuple[Given, ...]] = (
    an_order(type=None, timeInForce=None, orderId=str(_FIRST), price="89100", modifyId="7"),
    an_order(type=None, timeInForce=None, origClientOrderId="mine-1", side="SELL", price="90800"),
)
_CONDITIONAL: Final = {"algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL"}
_STOP: Final = {**_CONDITIONAL, "type": "STOP_MARKET", "triggerPrice": "89000"}

# requests that a route takes, where what its parameters may be says too little
SOUND: Final[Mapping[Route, tuple[Given, ...]]] = {
    ("POST", "/fapi/v1/order"): _ORDERS,
    ("POST", "/fapi/v1/order/test"): _ORDERS,
    ("PUT", "/fapi/v1/order"): _AMENDS,
    ("POST", "/fapi/v1/batchOrders"): ({"batchOrders": json.dumps(_ORDERS[:5])},),
    ("PUT", "/fapi/v1/batchOrders"): ({"batchOrders": json.dumps(_AMENDS)},),
    ("DELETE", "/fapi/v1/batchOrders"): (
        {"symbol": SYMBOL, "orderIdList": json.dumps([_FIRST, _FIRST + 1])},
        {"symbol": SYMBOL, "origClientOrderIdList": '["mine-1","mine-2"]'},
    ),
    ("POST", "/fapi/v1/algoOrder"): (
        {**_STOP, "quantity": "0.01"},
        {**_STOP, "closePosition": "true", "workingType": "MARK_PRICE", "clientAlgoId": "mine-1"},
        {**_CONDITIONAL, "type": "TRAILING_STOP_MARKET", "quantity": "1", "callbackRate": "0.5"},
        {**_STOP, "type": "STOP", "price": "88000", "quantity": "0.01"},
    ),
    ("POST", "/fapi/v1/leverage"): ({"symbol": SYMBOL, "leverage": "5"},),
    ("POST", "/fapi/v1/positionMargin"): ({"symbol": SYMBOL, "type": "1", "amount": "5"},),
    ("GET", "/fapi/v1/depth"): ({"symbol": SYMBOL, "limit": "5"},),
}


def parameters(route: Route) -> list[dict[str, Any]]:
    """What a route reads, without what signing adds."""
    return [p for p in OPERATIONS[route]["parameters"] if p["name"] not in _SIGNING]


def sound_value(parameter: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """A value that the document allows."""
    schema = parameter["schema"]
    if "enum" in schema:
        return st.sampled_from([str(word) for word in schema["enum"]])
    if "example" in schema:
        return st.just(schema["example"])
    if schema["type"] == "integer":
        return st.sampled_from(_INTEGERS)
    return st.sampled_from(_LISTS if "contentMediaType" in schema else _NUMBERS)


def wild_value(parameter: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """A value that it does not, or hardly, allow."""
    schema = parameter["schema"]
    nearly: tuple[str, ...] = ()
    if schema["type"] == "integer":
        nearly = _WILD_INTEGERS
    elif schema.get("format") == "decimal":
        nearly = _WILD_NUMBERS
    return st.one_of(st.sampled_from((*nearly, *_WILD, *_LISTS)), st.text(max_size=8))


@st.composite
def sound(draw: st.DrawFn, route: Route) -> Given:
    """Parameters as a client means them."""
    if route in SOUND:
        return dict(draw(st.sampled_from(SOUND[route])))
    return {
        parameter["name"]: draw(sound_value(parameter))
        for parameter in parameters(route)
        if parameter["required"] or draw(st.integers(0, 2)) == 0
    }


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, Given]:
    """Method, path and parameters; most are as they should be, the others nearly."""
    orders = [route for route in OPERATIONS if "rder" in route[1]]
    route = draw(st.one_of(st.sampled_from(list(OPERATIONS)), st.sampled_from(orders)))
    given = draw(sound(route))
    known = {parameter["name"]: parameter for parameter in parameters(route)}
    for change in draw(st.lists(st.sampled_from(("drop", "other", "wild", "add")), max_size=2)):
        if change == "drop" and given:
            del given[draw(st.sampled_from(sorted(given)))]
        elif change == "add":
            given[draw(st.sampled_from(("x", "symbol", "limit", "timestamp")))] = "1"
        elif known:
            name = draw(st.sampled_from(sorted(known)))
            value = sound_value if change == "other" else wild_value
            given[name] = draw(value(known[name]))
    method, path = route
    return method, path.removeprefix("/fapi/"), given
