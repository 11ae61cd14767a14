"""Orders on USDT-M futures as the venue wants to hear them (reference 6.2 to 6.4).

Numbers go out as plain decimals. Post-only is a time in force, an amend keeps the order's ids, and
conditional orders have calls of their own.
"""

from __future__ import annotations

from typing import Final

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.conditional_requests import ConditionalRequest
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.order_api import ConditionalApi, OrderApi, named
from grinder_adapters.binance.order_requests import (
    AmendOrder,
    LimitOrder,
    MarketOrder,
    TimeInForce,
)
from grinder_adapters.binance.rest_answers import read_order, read_orders
from grinder_adapters.feeds.interned import TEXTS

VENUE_ID: Final = "binance_usdm"
_AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
# the venue's default is not certain
_SELF_TRADE: Final = {"selfTradePreventionMode": "EXPIRE_MAKER"}


def limit(order: LimitOrder) -> Request:
    """Say a limit order."""
    parameters = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": "LIMIT",
        "timeInForce": order.time_in_force.value,
        "quantity": TEXTS[order.qty],
        "price": TEXTS[order.price],
        "newClientOrderId": order.client_order_id,
    }
    if order.reduce_only:
        parameters["reduceOnly"] = "true"
    if order.time_in_force is not TimeInForce.GTX:  # one that never takes has no such mode
        parameters |= _SELF_TRADE
    if order.time_in_force in _AT_ONCE:
        parameters["newOrderRespType"] = "RESULT"
    endpoint = endpoints.PLACE_REDUCE if order.reduce_only else endpoints.PLACE
    return Request(endpoint, parameters)


def market(order: MarketOrder) -> Request:
    """Say an exit at the market."""
    parameters = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": "MARKET",
        "quantity": TEXTS[order.qty],
        "reduceOnly": "true",
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "RESULT",
        **_SELF_TRADE,
    }
    return Request(endpoints.PLACE_REDUCE, parameters)


def amend(order: AmendOrder) -> Request:
    """Say an amend."""
    parameters = {
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": TEXTS[order.qty],
        "price": TEXTS[order.price],
        **named(order.client_order_id, order.order_id),
        "modifyId": str(order.amend_no),
    }
    if order.reduce_only:
        parameters["reduceOnly"] = "true"
    endpoint = endpoints.AMEND_REDUCE if order.reduce_only else endpoints.AMEND
    return Request(endpoint, parameters)


def conditional(order: ConditionalRequest) -> Request:
    """Say a conditional order."""
    parameters = {
        "algoType": "CONDITIONAL",
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.order_type.value,
        "workingType": order.working_price.value,
        "clientAlgoId": order.client_algo_id,
    }
    if order.qty is None:
        parameters["closePosition"] = "true"
    else:
        parameters["quantity"] = TEXTS[order.qty]
    if order.trigger_price is not None:
        parameters["triggerPrice"] = TEXTS[order.trigger_price]
    if order.price is not None:
        parameters["price"] = TEXTS[order.price]
        parameters["timeInForce"] = order.time_in_force.value
    if order.activate_price is not None:
        parameters["activatePrice"] = TEXTS[order.activate_price]
    if order.callback_bps is not None:
        parameters["callbackRate"] = _percent(order.callback_bps)
    if order.reduce_only:
        parameters["reduceOnly"] = "true"
    reduces = order.only_reduces
    endpoint = endpoints.PLACE_CONDITIONAL_REDUCE if reduces else endpoints.PLACE_CONDITIONAL
    return Request(endpoint, parameters)


def _percent(bps: int) -> str:
    """Write basis points in steps of a tenth of a percent, such as 150, as ``1.5``."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest // 10}"


USDM_ORDERS: Final = OrderApi(
    venue_id=VENUE_ID,
    limit=limit,
    market=market,
    amend=amend,
    cancel=endpoints.CANCEL,
    cancel_batch=endpoints.CANCEL_BATCH,
    query=endpoints.QUERY,
    open_orders=endpoints.OPEN_ORDERS,
    time=endpoints.TIME,
    conditional=ConditionalApi(
        place=conditional,
        cancel=endpoints.CANCEL_CONDITIONAL,
        query=endpoints.QUERY_CONDITIONAL,
        open_orders=endpoints.OPEN_CONDITIONALS,
    ),
    countdown=endpoints.COUNTDOWN,
    read_order=read_order,
    read_orders=read_orders,
)
