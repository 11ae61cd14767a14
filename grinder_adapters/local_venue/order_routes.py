"""Order requests: place, amend, cancel, batches, queries."""

from __future__ import annotations

from typing import Any, Final

import orjson
from attrs import evolve

from grinder_adapters.local_venue.answers import Call, Handler, RefusedError, refused, taken, wrong
from grinder_adapters.local_venue.conditional_routes import DONE, checked_name
from grinder_adapters.local_venue.order_texts import (
    order_answer,
    order_query,
    trade_row,
)
from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO, canonical
from grinder_core.venue.exchange import reading
from grinder_core.venue.exchange.liquidation import AUTOCLOSE
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import refuse
from grinder_core.venue.exchange.requests import Amend, NewOrder
from grinder_core.venue.exchange.vocabulary import (
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
)

BATCH_MAX: Final = 5
CANCEL_BATCH_MAX: Final = 10


# -- placing -----------------------------------------------------------------------------------


def new_order(call: Call) -> NewOrder:
    """Read the parameters of an order."""
    kind = call.choice("type", OrderType, -1116)
    if kind is OrderType.LIQUIDATION:
        raise wrong(-1116, "Invalid orderType.")
    match = call.choice("priceMatch", PriceMatch, -5037, PriceMatch.NONE)
    needs_price = kind is OrderType.LIMIT and match is PriceMatch.NONE
    tif = call.choice(
        "timeInForce", TimeInForce, -1115, None if kind is OrderType.LIMIT else TimeInForce.GTC
    )
    side = call.values.get("positionSide")
    return NewOrder(
        symbol=call.text("symbol"),
        side=call.choice("side", Side, -1117),
        type=kind,
        qty=call.decimal("quantity", ZERO if kind.is_conditional else None),
        price=call.decimal("price", None if needs_price else ZERO),
        tif=tif,
        client_order_id=checked_name(call.values.get("newClientOrderId", "")),
        position_side=call.choice("positionSide", PositionSide, -4060) if side else None,
        reduce_only=call.flag("reduceOnly"),
        self_trade=call.choice("selfTradePreventionMode", SelfTrade, -5039, SelfTrade.NONE),
        price_match=match,
        good_till=call.integer("goodTillDate", 0),
    )


def place(call: Call) -> dict[str, Any]:
    """POST /order. ACK answers with the order as it was accepted, RESULT as it became."""
    request = new_order(call)
    order = taken(call.exchange.place(call.account, request, call.now))
    if call.values.get("newOrderRespType") == "RESULT":
        return order_answer(order)
    return {**order_answer(order), "status": "NEW", "executedQty": "0", "cumQty": "0"}


def place_test(call: Call) -> dict[str, Any]:
    """POST /order/test."""
    taken(call.exchange.check(call.account, new_order(call), call.now))
    return {}


def amend(call: Call) -> dict[str, Any]:
    """PUT /order."""
    match = call.choice("priceMatch", PriceMatch, -5037, PriceMatch.NONE)
    number, name = _which(call)
    request = Amend(
        symbol=call.text("symbol"),
        side=call.choice("side", Side, -1117),
        qty=call.decimal("quantity"),
        price=call.decimal("price", None if match is PriceMatch.NONE else ZERO),
        order_id=number,
        client_order_id=name,
        price_match=match,
        reduce_only=call.flag("reduceOnly"),
        modify_id=call.integer("modifyId") if call.values.get("modifyId") else None,
    )
    return order_answer(taken(call.exchange.amend(call.account, request, call.now)))


def cancel(call: Call) -> dict[str, Any]:
    """DELETE /order."""
    number, name = _which(call)
    symbol = call.text("symbol")
    return order_answer(
        taken(call.exchange.cancel(call.account, symbol, number, name, now=call.now))
    )


def cancel_all(call: Call) -> dict[str, Any]:
    """DELETE /allOpenOrders."""
    answer = call.exchange.cancel_all(call.account, call.text("symbol"), call.now)
    if answer is not None:
        raise refused(answer)
    return DONE


def countdown(call: Call) -> dict[str, Any]:
    """POST /countdownCancelAll."""
    symbol, time = call.text("symbol"), call.integer("countdownTime")
    answer = call.exchange.set_countdown(call.account, symbol, time, call.now)
    if answer is not None:
        raise refused(answer)
    return {"symbol": symbol, "countdownTime": str(time)}


# -- batches -----------------------------------------------------------------------------------


def place_batch(call: Call) -> list[dict[str, Any]]:
    """POST /batchOrders: an answer or an error each, in list order."""
    return [_one(place, call, row) for row in _rows(call, "batchOrders", BATCH_MAX)]


def amend_batch(call: Call) -> list[dict[str, Any]]:
    """PUT /batchOrders."""
    return [_one(amend, call, row) for row in _rows(call, "batchOrders", BATCH_MAX)]


def cancel_batch(call: Call) -> list[dict[str, Any]]:
    """DELETE /batchOrders, by ids or by client ids."""
    symbol = call.text("symbol")
    # clients spell these two in either case
    lists = {name.lower(): name for name in call.values}
    ids = lists.get("orderidlist")
    key = "origClientOrderId" if ids is None else "orderId"
    name = ids or lists.get("origclientorderidlist", "origClientOrderIdList")
    names = _list(call, name, CANCEL_BATCH_MAX)
    return [_one(cancel, call, {"symbol": symbol, key: str(name)}) for name in names]


# -- asking ------------------------------------------------------------------------------------


def query(call: Call) -> dict[str, Any]:
    """GET /order."""
    return order_query(_find(call))


def open_order(call: Call) -> dict[str, Any]:
    """GET /openOrder."""
    order = _find(call)
    if not order.status.is_open:
        raise refused(refuse(-2013))
    return order_query(order)


def open_orders(call: Call) -> list[dict[str, Any]]:
    """GET /openOrders, of one symbol or of all."""
    symbol = call.values.get("symbol") or None
    _check_symbol(call, symbol)
    return [order_query(o) for o in call.exchange.floor.open_orders(call.account, symbol)]


def all_orders(call: Call) -> list[dict[str, Any]]:
    """GET /allOrders: from an id on, or within a time, oldest first."""
    symbol = call.values.get("symbol") or None
    _check_symbol(call, symbol)
    start, end, limit = call.window()
    first = call.integer("orderId", 0)
    found = [
        order
        for order in reading.orders_of(call.exchange.floor, call.account, symbol)
        if order.number >= first and (first or start <= order.placed_at <= end)
    ]
    return [order_query(order) for order in (found[:limit] if first else found[-limit:])]


def user_trades(call: Call) -> list[dict[str, Any]]:
    """GET /userTrades: from a trade id on, or within a time, oldest first."""
    symbol = call.text("symbol")
    _check_symbol(call, symbol)
    start, end, limit = call.window()
    first = call.integer("fromId", -1)
    if first >= 0 and (call.values.get("startTime") or call.values.get("endTime")):
        raise wrong(-1128, "Combination of optional parameters invalid.")
    number = call.integer("orderId", 0)
    found = [
        trade
        for trade in reading.trades_of(call.exchange.floor, call.account, symbol)
        if trade.trade_id >= first
        and start <= trade.ts <= end
        and number in {0, trade.order_number}
    ]
    begins = first >= 0 or bool(call.values.get("startTime"))
    return [trade_row(trade) for trade in (found[:limit] if begins else found[-limit:])]


def force_orders(call: Call) -> list[dict[str, Any]]:
    """GET /forceOrders: the account's liquidations."""
    symbol = call.values.get("symbol") or None
    start, end, limit = call.window()
    orders = reading.orders_of(call.exchange.floor, call.account, symbol)
    found = [
        order
        for order in orders
        if order.client_order_id.startswith(AUTOCLOSE) and start <= order.placed_at <= end
    ]
    return [order_query(order) for order in found[-limit:]]


def amendments(call: Call) -> list[dict[str, Any]]:
    """GET /orderAmendment: changes of an order, newest first."""
    order = _find(call)
    start, end, limit = call.window()
    account = call.exchange.floor.account(call.account)
    rows = [
        {
            "amendmentId": row.number,
            "symbol": order.symbol,
            "pair": order.symbol,
            "orderId": order.number,
            "clientOrderId": order.client_order_id,
            "time": row.ts,
            "amendment": {
                "price": {"before": canonical(row.old_price), "after": canonical(row.new_price)},
                "origQty": {"before": canonical(row.old_qty), "after": canonical(row.new_qty)},
                "count": row.count,
                **({} if row.modify_id is None else {"modifyId": row.modify_id}),
            },
            "priceMatch": order.price_match.value,
        }
        for row in account.amendments
        if row.order_number == order.number and start <= row.ts <= end
    ]
    return rows[::-1][:limit]


# -- inside ------------------------------------------------------------------------------------


def _which(call: Call) -> tuple[int, str]:
    """The order that is meant: its id wins over its client id."""
    number = call.integer("orderId", 0)
    name = call.values.get("origClientOrderId", "")
    if not number and not name:
        raise wrong(-1102, "Either 'orderId' or 'origClientOrderId' must be sent.")
    return number, "" if number else name


def _find(call: Call) -> VenueOrder:
    number, name = _which(call)
    symbol = call.text("symbol")
    _check_symbol(call, symbol)
    order = call.exchange.floor.find(call.account, symbol, number, name)
    if order is None:
        raise refused(refuse(-2013))
    return order


def _check_symbol(call: Call, symbol: str | None) -> None:
    if symbol is not None and symbol not in call.exchange.floor.instruments:
        raise refused(refuse(-1121))


def _one(handler: Handler, call: Call, row: dict[str, str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = handler(evolve(call, values=row))
    except RefusedError as refusal:
        return {"code": refusal.problem.code, "msg": refusal.problem.message}
    return answer


def _rows(call: Call, name: str, most: int) -> list[dict[str, str]]:
    """The orders of a batch, each as parameters in text."""
    rows = _list(call, name, most)
    if not all(isinstance(row, dict) for row in rows):
        raise wrong(-1130, f"Data sent for parameter '{name}' is not valid.")
    return [{str(key): _text(value) for key, value in row.items()} for row in rows]


def _list(call: Call, name: str, most: int) -> list[Any]:
    try:
        rows = orjson.loads(call.text(name))
    except orjson.JSONDecodeError:
        raise wrong(-1130, f"Data sent for parameter '{name}' is not valid.") from None
    if not isinstance(rows, list) or not rows:
        raise wrong(-1130, f"Data sent for parameter '{name}' is not valid.")
    if len(rows) > most:
        raise wrong(-4082, f"Invalid number of batch place orders (at most {most}).")
    return rows


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


ROUTES: Final[dict[tuple[str, str], Handler]] = {
    ("POST", "/fapi/v1/order"): place,
    ("POST", "/fapi/v1/order/test"): place_test,
    ("PUT", "/fapi/v1/order"): amend,
    ("DELETE", "/fapi/v1/order"): cancel,
    ("GET", "/fapi/v1/order"): query,
    ("GET", "/fapi/v1/openOrder"): open_order,
    ("GET", "/fapi/v1/openOrders"): open_orders,
    ("GET", "/fapi/v1/allOrders"): all_orders,
    ("GET", "/fapi/v1/userTrades"): user_trades,
    ("GET", "/fapi/v1/forceOrders"): force_orders,
    ("GET", "/fapi/v1/orderAmendment"): amendments,
    ("DELETE", "/fapi/v1/allOpenOrders"): cancel_all,
    ("POST", "/fapi/v1/countdownCancelAll"): countdown,
    ("POST", "/fapi/v1/batchOrders"): place_batch,
    ("PUT", "/fapi/v1/batchOrders"): amend_batch,
    ("DELETE", "/fapi/v1/batchOrders"): cancel_batch,
}
