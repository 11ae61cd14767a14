"""Answers to orders made beforehand: every order rests, every cancel succeeds, at once.

All other requests go to a local exchange in memory, which a session asks when it begins and ends.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from grinder_adapters.local_venue.http import IDENTITY
from grinder_adapters.local_venue.memory import MemoryHttp, split
from grinder_adapters.transport import HttpAnswer

ORDER_PATH = "/fapi/v1/order"
OPEN_PATH = "/fapi/v1/openOrders"
_HEADERS = {name.lower(): value for name, value in IDENTITY.items()}


class CannedHttp(MemoryHttp):
    """Accepts what asks for an order and tells the private stream so."""

    orders: dict[str, dict[str, Any]]
    number = 0
    newest = ""  # id of the order that a request was about last

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Answer from memory where it is about an order."""
        path, query = split(url)
        if path not in (ORDER_PATH, OPEN_PATH):
            return await super().request(method, url, headers, body, timeout_ms)
        now = time.time_ns() // 1_000_000
        given = dict(parse_qsl(body.decode() or query))
        if path == OPEN_PATH:
            symbol = given.get("symbol")
            rows = [one for one in self.orders.values() if symbol in {None, one["symbol"]}]
            return HttpAnswer(200, orjson.dumps(rows), _HEADERS)
        if method == "POST":
            order = self._placed(given, now)
            self.orders[order["clientOrderId"]] = order
        elif method == "DELETE":
            order = self._taken(given)
            order |= {"status": "CANCELED", "updateTime": now}
        else:
            found = self.orders.get(given.get("origClientOrderId", ""))
            if found is None:
                return HttpAnswer(400, b'{"code":-2013,"msg":"Order does not exist."}', _HEADERS)
            return HttpAnswer(200, orjson.dumps(found), _HEADERS)
        CannedHttp.newest = order["clientOrderId"]
        self._tell(order, now)
        return HttpAnswer(200, orjson.dumps(order), _HEADERS)

    def _placed(self, given: Mapping[str, str], now: int) -> dict[str, Any]:
        CannedHttp.number += 1
        return {
            "orderId": CannedHttp.number,
            "symbol": given["symbol"],
            "status": "NEW",
            "clientOrderId": given["newClientOrderId"],
            "price": given["price"],
            "avgPrice": "0",
            "origQty": given["quantity"],
            "executedQty": "0",
            "cumQty": "0",
            "cumQuote": "0",
            "timeInForce": given["timeInForce"],
            "type": given["type"],
            "reduceOnly": given.get("reduceOnly") == "true",
            "closePosition": False,
            "side": given["side"],
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "origType": given["type"],
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0,
            "time": now,
            "updateTime": now,
        }

    def _taken(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Take out the order that a cancel names, by our id or by the venue's."""
        name = given.get("origClientOrderId")
        if name is None:
            number = int(given["orderId"])
            name = next(name for name, one in self.orders.items() if one["orderId"] == number)
        return self.orders.pop(name)

    def _tell(self, order: Mapping[str, Any], now: int) -> None:
        """Send the order's news to the private stream, as the local exchange words it."""
        status = order["status"]
        body = {
            "s": order["symbol"],
            "c": order["clientOrderId"],
            "S": order["side"],
            "o": order["type"],
            "f": order["timeInForce"],
            "q": order["origQty"],
            "p": order["price"],
            "ap": "0",
            "sp": "0",
            "x": status,
            "X": status,
            "i": order["orderId"],
            "l": "0",
            "z": "0",
            "L": "0",
            "T": now,
            "t": 0,
            "b": "0",
            "a": "0",
            "m": False,
            "R": order["reduceOnly"],
            "wt": "CONTRACT_PRICE",
            "ot": order["type"],
            "ps": "BOTH",
            "cp": False,
            "rp": "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
            "er": "0",
        }
        frame = orjson.dumps({"e": "ORDER_TRADE_UPDATE", "E": now, "T": now, "o": body})
        for held in self._venue.listen_keys.live.values():
            self._venue.hub.push(held.key, "ORDER_TRADE_UPDATE", frame)
