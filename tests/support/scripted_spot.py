"""The scripted venue in the words of spot: other paths, other parameters, other answers.

An unknown parameter is refused, as the venue does, so that no word of futures slips through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from tests.support.scripted_venue import OPEN, ScriptedVenue

Answer = tuple[int, Any]
SIGNED = {"recvWindow", "timestamp", "signature"}
PLACE = {"symbol", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId"}
NAMES = {"symbol", "orderId", "origClientOrderId"}


@define(eq=False)
class ScriptedSpot(ScriptedVenue):
    """See the module's text."""

    root: str = "/api/v3/"

    def _post_order(self, p: Mapping[str, str]) -> Answer:
        if extra := p.keys() - PLACE - SIGNED - {"newOrderRespType"}:
            return 400, {"code": -1104, "msg": f"Not all sent parameters were read: {extra}."}
        if (p["type"] == "LIMIT") is not ("timeInForce" in p):
            return 400, {"code": -1106, "msg": "Parameter 'timeInForce' sent when not required."}
        name = p["newClientOrderId"]
        if name in self.history and self.order(name)["status"] in OPEN:
            return 400, {"code": -2010, "msg": "Duplicate order sent."}
        order = self._new(p)
        if p.get("newOrderRespType") != "RESULT":
            return 200, {"symbol": order["symbol"], "orderId": order["orderId"]}
        return 200, _written(order)

    def _put_order(self, p: Mapping[str, str]) -> Answer:
        return 404, "no such call"

    def _delete_order(self, p: Mapping[str, str]) -> Answer:
        assert p.keys() <= NAMES | SIGNED
        status, order = ScriptedVenue._delete_order(self, p)
        if status != 200:
            return status, order
        own = {"origClientOrderId": order["clientOrderId"], "clientOrderId": "made by the venue"}
        return 200, {**_written(order), **own}

    def _get_order(self, p: Mapping[str, str]) -> Answer:
        assert p.keys() <= NAMES | SIGNED
        status, order = ScriptedVenue._get_order(self, p)
        return status, _asked(order) if status == 200 else order

    def _get_openOrders(self, p: Mapping[str, str]) -> Answer:  # noqa: N802
        status, orders = ScriptedVenue._get_openOrders(self, p)
        return status, [_asked(order) for order in orders]


def _shared(order: dict[str, Any]) -> dict[str, Any]:
    names = (
        "symbol", "orderId", "clientOrderId", "price", "origQty", "executedQty", "status",
        "timeInForce", "type", "side",
    )  # fmt: skip
    said = {name: order[name] for name in names}
    return {**said, "orderListId": -1, "cummulativeQuoteQty": "0", "selfTradePreventionMode": "x"}


def _written(order: dict[str, Any]) -> dict[str, Any]:
    return {**_shared(order), "transactTime": order["updateTime"]}


def _asked(order: dict[str, Any]) -> dict[str, Any]:
    times = {"time": 1, "updateTime": order["updateTime"], "workingTime": 1}
    return {**_shared(order), **times, "isWorking": True, "stopPrice": "0", "icebergQty": "0"}
