"""What the local exchange answers to, as an OpenAPI 3.1 document.

The document is generated: routes, security and cost come from the tables that answer requests, and
``PARAMETERS`` names what each of them reads; tests compare it with what handlers do read. It is
served at ``GET /grinder/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from grinder_adapters.local_venue.candles import INTERVALS
from grinder_adapters.local_venue.exchange_info import PERPETUAL
from grinder_adapters.local_venue.gateway import HANDLERS, LISTEN_KEY, security_of
from grinder_adapters.local_venue.market_answers import DEPTH_LIMITS, MARKET_ROUTES
from grinder_adapters.local_venue.security import RECV_WINDOW_MS_MAX, Security
from grinder_core.contracts.enums import Side
from grinder_core.resilience.weights import request_cost
from grinder_core.venue.exchange.conditional_order import WorkingPrice
from grinder_core.venue.exchange.vocabulary import (
    IncomeType,
    MarginType,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
)

Route = tuple[str, str]
Schema = dict[str, Any]

VERSION: Final = "1"
NEEDED: Final = "!"

_PAGE: Final = "startTime endTime limit"
_ORDER: Final = (
    "symbol! side! type! quantity! price timeInForce newClientOrderId positionSide reduceOnly "
    "selfTradePreventionMode priceMatch goodTillDate"
)
_WHICH: Final = "symbol! orderId origClientOrderId"
_CANDLES: Final = f"interval! {_PAGE}"

# what a route reads; "!" marks what it cannot do without, ":" another type than the name's own
PARAMETERS: Final[Mapping[str, str]] = {
    "POST v1/order": f"{_ORDER} newOrderRespType",
    "POST v1/order/test": _ORDER,
    "PUT v1/order": f"{_WHICH} side! quantity! price priceMatch reduceOnly modifyId",
    "DELETE v1/order": _WHICH,
    "GET v1/order": _WHICH,
    "GET v1/openOrder": _WHICH,
    "GET v1/openOrders": "symbol",
    "GET v1/allOrders": f"symbol orderId {_PAGE}",
    "GET v1/userTrades": f"symbol! orderId fromId {_PAGE}",
    "GET v1/forceOrders": f"symbol {_PAGE}",
    "GET v1/orderAmendment": f"{_WHICH} {_PAGE}",
    "DELETE v1/allOpenOrders": "symbol!",
    "POST v1/countdownCancelAll": "symbol! countdownTime!",
    "POST v1/batchOrders": "batchOrders!",
    "PUT v1/batchOrders": "batchOrders!",
    "DELETE v1/batchOrders": "symbol! orderIdList origClientOrderIdList",
    "POST v1/algoOrder": (
        "algoType! symbol! side! type! quantity triggerPrice price timeInForce positionSide "
        "reduceOnly closePosition priceProtect workingType activatePrice callbackRate "
        "goodTillDate clientAlgoId"
    ),
    "DELETE v1/algoOrder": "algoId clientAlgoId",
    "GET v1/algoOrder": "algoId clientAlgoId",
    "DELETE v1/algoOpenOrders": "symbol!",
    "GET v1/openAlgoOrders": "symbol",
    "GET v1/allAlgoOrders": f"symbol! {_PAGE}",
    "GET v2/positionRisk": "symbol",
    "GET v3/positionRisk": "symbol",
    "GET v1/symbolConfig": "symbol",
    "GET v1/leverageBracket": "symbol",
    "GET v1/commissionRate": "symbol!",
    "GET v1/income": f"symbol incomeType {_PAGE}",
    "GET v1/adlQuantile": "symbol",
    "POST v1/leverage": "symbol! leverage!",
    "POST v1/marginType": "symbol! marginType!",
    "POST v1/positionSide/dual": "dualSidePosition!",
    "POST v1/multiAssetsMargin": "multiAssetsMargin!",
    "POST v1/positionMargin": "symbol! type!:direction amount! positionSide",
    "GET v1/depth": "symbol! limit:levels",
    "GET v1/trades": "symbol! limit",
    "GET v1/historicalTrades": "symbol! limit fromId",
    "GET v1/aggTrades": f"symbol! fromId {_PAGE}",
    "GET v1/klines": f"symbol! {_CANDLES}",
    "GET v1/continuousKlines": f"pair! contractType! {_CANDLES}",
    "GET v1/markPriceKlines": f"symbol! {_CANDLES}",
    "GET v1/indexPriceKlines": f"pair! {_CANDLES}",
    "GET v1/premiumIndexKlines": f"symbol! {_CANDLES}",
    "GET v1/ticker/24hr": "symbol",
    "GET v1/ticker/price": "symbol",
    "GET v2/ticker/price": "symbol",
    "GET v1/ticker/bookTicker": "symbol",
    "GET v1/premiumIndex": "symbol",
    "GET v1/fundingRate": f"symbol {_PAGE}",
    "GET v1/openInterest": "symbol!",
}


def _words(kind: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [word.value for word in kind]}


def _text(example: str) -> Schema:
    return {"type": "string", "example": example}


_SYMBOL: Final = _text("BTCUSDT")
_NAME: Final = {"type": "string", "pattern": "^[.A-Z:/a-z0-9_-]{1,36}$", "example": "mine-1"}
_INTEGER: Final = {"type": "integer"}
_TIME: Final = {"type": "integer", "description": "Unix milliseconds."}
_NUMBER: Final = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
_FLAG: Final = {"type": "string", "enum": ["true", "false"]}
_LIST: Final = {"type": "string", "contentMediaType": "application/json"}

SCHEMAS: Final[Mapping[str, Schema]] = {
    "symbol": _SYMBOL,
    "pair": _SYMBOL,
    "side": _words(Side),
    "type": _words(OrderType),
    "positionSide": _words(PositionSide),
    "timeInForce": _words(TimeInForce),
    "selfTradePreventionMode": _words(SelfTrade),
    "priceMatch": _words(PriceMatch),
    "workingType": _words(WorkingPrice),
    "incomeType": _words(IncomeType),
    "marginType": _words(MarginType),
    "newOrderRespType": {"type": "string", "enum": ["ACK", "RESULT"]},
    "algoType": {"type": "string", "enum": ["CONDITIONAL"]},
    "contractType": {"type": "string", "enum": [PERPETUAL]},
    "interval": {"type": "string", "enum": list(INTERVALS)},
    "levels": {"type": "integer", "enum": list(DEPTH_LIMITS)},
    "direction": {"type": "integer", "enum": [1, 2], "description": "1 adds, 2 takes out."},
    "newClientOrderId": _NAME,
    "origClientOrderId": _NAME,
    "clientAlgoId": _NAME,
    "quantity": _NUMBER,
    "price": _NUMBER,
    "triggerPrice": _NUMBER,
    "activatePrice": _NUMBER,
    "callbackRate": {**_NUMBER, "description": "Percent, one digit after the point."},
    "amount": _NUMBER,
    "reduceOnly": _FLAG,
    "closePosition": _FLAG,
    "priceProtect": _FLAG,
    "dualSidePosition": _FLAG,
    "multiAssetsMargin": _FLAG,
    "orderId": _INTEGER,
    "algoId": _INTEGER,
    "modifyId": _INTEGER,
    "fromId": _INTEGER,
    "limit": {"type": "integer", "minimum": 1},
    "leverage": {"type": "integer", "minimum": 1, "maximum": 125},
    "countdownTime": {"type": "integer", "minimum": 0, "description": "Milliseconds; 0 stops it."},
    "startTime": _TIME,
    "endTime": _TIME,
    "goodTillDate": _TIME,
    "batchOrders": _LIST,
    "orderIdList": _LIST,
    "origClientOrderIdList": _LIST,
    "timestamp": _TIME,
    "recvWindow": {"type": "integer", "minimum": 0, "maximum": RECV_WINDOW_MS_MAX},
    "signature": {"type": "string", "description": "Hexadecimal HMAC-SHA256; ends the request."},
}
SIGNED: Final = "recvWindow timestamp! signature!"
_KEY: Final = {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"}
_PROBLEM: Final = {
    "type": "object",
    "required": ["code", "msg"],
    "properties": {"code": _INTEGER, "msg": {"type": "string"}},
}


def routes() -> list[Route]:
    """Return every method and path that is answered, market data first."""
    listen_key = [(method, LISTEN_KEY) for method in ("POST", "PUT", "DELETE")]
    return [*MARKET_ROUTES, *HANDLERS, *listen_key]


def document() -> dict[str, Any]:
    """Return the document, as JSON values.

    Example:
        >>> document()["paths"]["/fapi/v1/leverage"]["post"]["x-cost"]["weight"]
        1
    """
    paths: dict[str, dict[str, Any]] = {}
    for method, path in routes():
        paths.setdefault(path, {})[method.lower()] = _operation((method, path))
    return {
        "openapi": "3.1.0",
        "info": {"title": "grinder local exchange", "version": VERSION},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": _KEY},
            "schemas": {"Problem": _PROBLEM},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    method, path = route
    security = Security.NONE if route in MARKET_ROUTES else security_of(route) or Security.NONE
    names = PARAMETERS.get(f"{method} {path.removeprefix('/fapi/')}", "").split()
    if security.is_signed:
        names += SIGNED.split()
    cost = request_cost(method, path)
    return {
        "parameters": [_parameter(name) for name in names],
        "security": [] if security is Security.NONE else [{"key": []}],
        "x-security": security.value,
        "x-cost": {
            "weight": cost.weight_1m,
            "orders_10s": cost.orders_10s,
            "orders_1m": cost.orders_1m,
        },
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {}}},
            "4XX": {
                "description": "Refused; nothing has changed.",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        },
    }


def _parameter(written: str) -> dict[str, Any]:
    name, _, kind = written.partition(":")
    plain = name.removesuffix(NEEDED)
    return {
        "name": plain,
        "in": "query",
        "required": name.endswith(NEEDED),
        "schema": SCHEMAS[kind or plain],
    }
