"""Conditional orders, which have their own endpoints and their own numbers."""

from __future__ import annotations

from typing import Any, Final

from grinder_adapters.local_venue.answers import Call, Handler, refused, taken, wrong
from grinder_adapters.local_venue.order_texts import conditional_answer, conditional_query
from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.exchange import conditional
from grinder_core.venue.exchange.conditional_order import ConditionalOrder, WorkingPrice
from grinder_core.venue.exchange.refusals import refuse
from grinder_core.venue.exchange.vocabulary import OrderType, PositionSide, TimeInForce

DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
NAMES_MAX: Final = 36


def place_conditional(call: Call) -> dict[str, Any]:
    """POST /algoOrder."""
    if call.text("algoType") != "CONDITIONAL":
        raise wrong(-1130, "Data sent for parameter 'algoType' is not valid.")
    kind = call.choice("type", OrderType, -1116)
    closes = bool(call.flag("closePosition"))
    trails = kind is OrderType.TRAILING_STOP_MARKET
    rate = call.decimal("callbackRate", None if trails else ZERO)
    with exact():
        if rate * 10 % 1 or not 0 <= rate <= 100:
            raise wrong(-1130, "Data sent for parameter 'callbackRate' is not valid.")
    order = ConditionalOrder(
        number=0,
        client_id=checked_name(call.values.get("clientAlgoId", "")),
        account=call.account,
        symbol=call.text("symbol"),
        side=call.choice("side", Side, -1117),
        type=kind,
        qty=call.decimal("quantity", ZERO if closes else None),
        trigger_price=call.decimal("triggerPrice", ZERO if trails else None),
        price=call.decimal("price", None if kind.has_price else ZERO),
        tif=call.choice("timeInForce", TimeInForce, -1115, TimeInForce.GTC),
        position_side=call.choice("positionSide", PositionSide, -4060, PositionSide.BOTH),
        reduce_only=bool(call.flag("reduceOnly")),
        close_position=closes,
        price_protect=bool(call.flag("priceProtect")),
        working_price=call.choice("workingType", WorkingPrice, -1130, WorkingPrice.CONTRACT_PRICE),
        activate_price=call.decimal("activatePrice", ZERO),
        callback_bps=int(rate * 100),
        good_till=call.integer("goodTillDate", 0),
    )
    return conditional_answer(taken(call.exchange.place_conditional(order, call.now)))


def cancel_conditional(call: Call) -> dict[str, Any]:
    """DELETE /algoOrder."""
    number, name = call.integer("algoId", 0), call.values.get("clientAlgoId", "")
    answer = call.exchange.cancel_conditional(call.account, number, name, now=call.now)
    return conditional_answer(taken(answer))


def cancel_all_conditional(call: Call) -> dict[str, Any]:
    """DELETE /algoOpenOrders."""
    answer = call.exchange.cancel_all_conditional(call.account, call.text("symbol"), call.now)
    if answer is not None:
        raise refused(answer)
    return DONE


def query_conditional(call: Call) -> dict[str, Any]:
    """GET /algoOrder."""
    number, name = call.integer("algoId", 0), call.values.get("clientAlgoId", "")
    order = conditional.find(call.exchange.floor, call.account, number, name)
    if order is None:
        raise refused(refuse(-2013))
    return _conditional(call, order)


def open_conditionals(call: Call) -> list[dict[str, Any]]:
    """GET /openAlgoOrders."""
    symbol = call.values.get("symbol") or None
    return [
        _conditional(call, order)
        for order in conditional.waiting(call.exchange.floor, call.account, symbol)
    ]


def all_conditionals(call: Call) -> list[dict[str, Any]]:
    """GET /allAlgoOrders."""
    start, end, limit = call.window()
    floor, symbol = call.exchange.floor, call.text("symbol")
    found = [
        order
        for orders in (floor.finished_conditionals, floor.conditionals)
        for order in orders.values()
        if order.account == call.account
        and order.symbol == symbol
        and start <= order.created_at <= end
    ]
    found.sort(key=lambda order: order.number)
    return [_conditional(call, order) for order in found[-limit:]]


def checked_name(name: str) -> str:
    """Return a client's name for an order, where it is not too long."""
    if len(name) > NAMES_MAX:
        raise wrong(-4015, "Client order id length should not be more than 36 chars")
    return name


def _conditional(call: Call, order: ConditionalOrder) -> dict[str, Any]:
    number = order.order_number
    made = call.exchange.floor.find(order.account, order.symbol, number, "") if number else None
    return conditional_query(order, made)


ROUTES: Final[dict[tuple[str, str], Handler]] = {
    ("POST", "/fapi/v1/algoOrder"): place_conditional,
    ("DELETE", "/fapi/v1/algoOrder"): cancel_conditional,
    ("GET", "/fapi/v1/algoOrder"): query_conditional,
    ("DELETE", "/fapi/v1/algoOpenOrders"): cancel_all_conditional,
    ("GET", "/fapi/v1/openAlgoOrders"): open_conditionals,
    ("GET", "/fapi/v1/allAlgoOrders"): all_conditionals,
}
