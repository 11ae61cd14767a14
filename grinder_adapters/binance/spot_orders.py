"""Orders on spot as the venue wants to hear them, and its answers (LIVE-09).

Post-only is an order type, there is no reduce-only, no amend that keeps an id, and what waits for a
price is a normal order. Answers always show the state, because it is asked for; the venue's default
depends on the type. Which self-trade mode is allowed depends on the symbol, so its own one holds.
"""

from __future__ import annotations

from typing import Final

from grinder_adapters.binance import spot_endpoints
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.fields import STATES, Fields, has, number, side, text, whole
from grinder_adapters.binance.order_api import OrderApi
from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_adapters.binance.rest_answers import read_record, read_records
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.feeds.interned import TEXTS
from grinder_core.contracts.enums import OrderState

VENUE_ID: Final = "binance_spot"
_SHOW_STATE: Final = {"newOrderRespType": "RESULT"}


def limit(order: LimitOrder) -> Request:
    """Say a limit order."""
    if order.time_in_force is TimeInForce.GTX:
        kind = {"type": "LIMIT_MAKER"}
    else:
        kind = {"type": "LIMIT", "timeInForce": order.time_in_force.value}
    parameters = {
        "symbol": order.symbol,
        "side": order.side.value,
        **kind,
        "quantity": TEXTS[order.qty],
        "price": TEXTS[order.price],
        "newClientOrderId": order.client_order_id,
        **_SHOW_STATE,
    }
    return Request(spot_endpoints.PLACE, parameters)


def market(order: MarketOrder) -> Request:
    """Say an exit at the market."""
    parameters = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": "MARKET",
        "quantity": TEXTS[order.qty],
        "newClientOrderId": order.client_order_id,
        **_SHOW_STATE,
    }
    return Request(spot_endpoints.EXIT, parameters)


def read_order(body: bytes) -> OrderAnswer:
    """Read the answer to placing, cancelling or querying one order.

    Raises:
        ConnectorError: It is something else; so does the other function.
    """
    return read_record(body, "order", _order)


def read_orders(body: bytes) -> tuple[OrderAnswer, ...]:
    """Read ``openOrders``."""
    return read_records(body, "orders", _order)


def _order(data: Fields) -> OrderAnswer:
    # a cancel has an id of its own, and its answer shows that one in the usual place
    name = "origClientOrderId" if has(data, "origClientOrderId") else "clientOrderId"
    return OrderAnswer(
        symbol=text(data, "symbol"),
        order_id=str(whole(data, "orderId")),
        client_order_id=text(data, name),
        side=side(data, "side"),
        order_type=text(data, "type"),
        time_in_force=text(data, "timeInForce"),
        status=STATES.get(text(data, "status"), OrderState.UNKNOWN),
        price=number(data, "price"),
        qty=number(data, "origQty"),
        executed_qty=number(data, "executedQty"),
        avg_price=None,
        reduce_only=False,
        position_side="BOTH",
        update_ts=whole(data, "updateTime" if has(data, "updateTime") else "transactTime"),
        created_ts=whole(data, "time") if has(data, "time") else None,
    )


SPOT_ORDERS: Final = OrderApi(
    venue_id=VENUE_ID,
    limit=limit,
    market=market,
    cancel=spot_endpoints.CANCEL,
    query=spot_endpoints.QUERY,
    open_orders=spot_endpoints.OPEN_ORDERS,
    time=spot_endpoints.TIME,
    read_order=read_order,
    read_orders=read_orders,
)
