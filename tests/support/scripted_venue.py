"""A venue in memory, as far as the write protocol can see one: it executes or not, answers or not.

Every request takes a `Fault` from the script, or none. What arrives too late is refused by its time
stamp, client ids are unique among open orders only, and reads may lag behind: the ways in which a
second order could come about. It checks signatures by its own arithmetic.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter, deque
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import Factory, define, frozen

from grinder_adapters.clock import Clock
from grinder_adapters.transport import HttpAnswer
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)

KEY, SECRET = "local-test-key", "local-test-secret"
OPEN = ("NEW", "PARTIALLY_FILLED")


@frozen(kw_only=True)
class Fault:
    """What happens to one request.

    Attributes:
        is_made: Whether a connection comes about.
        arrives: Whether the venue gets it.
        delay_ms: Before it arrives, whatever the client waits.
        answer: Status and body instead of the real ones; the request is executed all the same.
        executes: Whether it has its effect.
        loses: Whether the answer is lost, so that the client waits until its timeout.
        breaks: Whether the connection breaks instead.
        headers: Added to the answer.
    """

    is_made: bool = True
    arrives: bool = True
    delay_ms: int = 0
    answer: tuple[int, str] | None = None
    executes: bool = True
    loses: bool = False
    breaks: bool = False
    headers: Mapping[str, str] = Factory(dict)


def refusal(status: int, code: int | None, msg: str = "no", **headers: str) -> Fault:
    """An answer that has no effect behind it."""
    body = msg if code is None else json.dumps({"code": code, "msg": msg})
    return Fault(answer=(status, body), executes=False, headers=headers)


@frozen
class Sent:
    """One request as it left the client."""

    ms: int
    method: str
    path: str
    parameters: Mapping[str, str]


@define(eq=False)
class ScriptedVenue:
    """See the module's text.

    Attributes:
        faults: Taken by writes in turn, and by reads where ``read_faults`` has one.
        accepted: How many orders came about under each client id.
        history: Each order's states, ``(venue ms, order)``, oldest first.
        fills_at_once: Whether a new order is filled as it arrives.
        countdowns: When each symbol's countdown runs out, venue ms; nothing is cancelled by it.
    """

    clock: Clock
    skew_ms: int = 0
    read_lag_ms: int = 0
    fills_at_once: bool = False
    identity: str = "local"
    used_weight: int = 1
    key: str = KEY
    faults: deque[Fault] = Factory(deque)
    read_faults: deque[Fault] = Factory(deque)
    time_faults: deque[Fault] = Factory(deque)
    answers: dict[str, str] = Factory(dict)
    accepted: Counter[str] = Factory(Counter)
    history: dict[str, list[tuple[int, dict[str, Any]]]] = Factory(dict)
    conditionals: dict[str, dict[str, Any]] = Factory(dict)
    countdowns: dict[str, int] = Factory(dict)
    requests: list[Sent] = Factory(list)
    late: set[asyncio.Task[Any]] = Factory(set)
    is_closed: bool = False
    root: str = "/fapi/v1/"

    def now(self) -> int:
        """The venue's time."""
        return self.clock.now_ms() + self.skew_ms

    def writes(self) -> list[Sent]:
        """All requests that could change something."""
        return [r for r in self.requests if r.method != "GET" and "listenKey" not in r.path]

    def sent(self, method: str, path: str) -> list[Sent]:
        """All requests to one call."""
        return [r for r in self.requests if (r.method, r.path) == (method, self.root + path)]

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Take one request."""
        if self.is_closed:
            raise ConnectorClosedError("request")
        parts = urlsplit(url)
        payload = parts.query.encode() + body
        parameters = dict(parse_qsl(payload.decode()))
        fault = self._fault(method, parts.path)
        if not fault.is_made:
            raise ConnectionNotMadeError("cannot be reached")
        self.requests.append(Sent(self.clock.now_ms(), method, parts.path, parameters))
        self._check(parts.path, headers, payload, parameters)
        outcome = asyncio.create_task(self._arrive(method, parts.path, parameters, fault))
        self.late.add(outcome)
        done, _ = await asyncio.wait({outcome}, timeout=timeout_ms / 1000)
        if fault.breaks:
            raise ConnectorTransientError("the connection broke")
        if not done or fault.loses or not fault.arrives:
            if done:
                await asyncio.sleep(timeout_ms / 1000)
            raise ConnectorTimeoutError("request", timeout_ms)
        status, text = fault.answer or await outcome
        used = {"x-mbx-used-weight-1m": str(self.used_weight), "x-grinder-venue": self.identity}
        if not self.identity:
            del used["x-grinder-venue"]
        return HttpAnswer(status, text.encode(), {**used, **fault.headers})

    async def close(self) -> None:
        """Take nothing any more."""
        self.is_closed = True

    # -- what a test does at the venue ---------------------------------------------------------

    def change(self, name: str, **fields: Any) -> dict[str, Any]:
        """Change an order as the venue would."""
        order = {**self.order(name), **fields, "updateTime": self.now()}
        self.history[name].append((self.now(), order))
        return order

    def order(self, name: str) -> dict[str, Any]:
        """An order as it is."""
        return self.history[name][-1][1]

    def rest(self, name: str, **fields: Any) -> dict[str, Any]:
        """Put an order into the book."""
        base = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "price": "100"}
        return self._new({**base, "newClientOrderId": name, **fields})

    # -- inside --------------------------------------------------------------------------------

    def _fault(self, method: str, path: str) -> Fault:
        queue = self.read_faults if method == "GET" else self.faults
        if path.endswith("/time"):
            queue = self.time_faults
        return queue.popleft() if queue else Fault()

    def _check(
        self, path: str, headers: Mapping[str, str], payload: bytes, parameters: Mapping[str, str]
    ) -> None:
        if "timestamp" not in parameters:
            assert path.endswith(("time", "exchangeInfo", "listenKey", "depth", "price"))
            return
        assert headers["X-MBX-APIKEY"] == self.key
        query, signature = payload.rsplit(b"&signature=", 1)
        assert hmac.new(SECRET.encode(), query, sha256).hexdigest().encode() == signature

    async def _arrive(
        self, method: str, path: str, parameters: Mapping[str, str], fault: Fault
    ) -> tuple[int, str]:
        await asyncio.sleep(fault.delay_ms / 1000)
        if not fault.arrives or not fault.executes:
            return 500, "not executed"
        stamp = int(parameters.get("timestamp", self.now()))
        window = int(parameters.get("recvWindow", 5000))
        if not (stamp < self.now() + 1000 and self.now() - stamp <= window):
            return 400, json.dumps({"code": -1021, "msg": "Timestamp is outside of recvWindow."})
        name = path.split("/", 3)[3]
        if f"{method} {name}" in self.answers:
            return 200, self.answers[f"{method} {name}"]
        handler = getattr(self, f"_{method.lower()}_{name}", None)
        if handler is None:
            return 404, "no such call"
        try:
            status, answer = handler(parameters)
        except KeyError as missing:
            status, answer = 400, {"code": -1102, "msg": f"Mandatory parameter {missing}."}
        return status, json.dumps(answer)

    def _new(self, p: Mapping[str, str]) -> dict[str, Any]:
        name = p["newClientOrderId"]
        self.accepted[name] += 1
        is_done = self.fills_at_once or p.get("type") == "MARKET"
        order = {
            "symbol": p["symbol"],
            "orderId": sum(self.accepted.values()),
            "clientOrderId": name,
            "side": p["side"],
            "type": p.get("type", "LIMIT"),
            "timeInForce": p.get("timeInForce", "GTC"),
            "status": "FILLED" if is_done else "NEW",
            "price": p.get("price", "0"),
            "origQty": p["quantity"],
            "executedQty": p["quantity"] if is_done else "0",
            "reduceOnly": p.get("reduceOnly") == "true",
            "positionSide": "BOTH",
            "updateTime": self.now(),
        }
        self.history.setdefault(name, []).append((self.now(), order))
        return order

    def _find(self, p: Mapping[str, str]) -> str | None:
        if "orderId" in p:
            wanted = int(p["orderId"])
            return next((n for n in self.history if self.order(n)["orderId"] == wanted), None)
        return p["origClientOrderId"] if p["origClientOrderId"] in self.history else None

    def _post_order(self, p: Mapping[str, str]) -> tuple[int, Any]:
        name = p["newClientOrderId"]
        if name in self.history and self.order(name)["status"] in OPEN:
            return 400, {"code": -4116, "msg": "ClientOrderId is duplicated."}
        return 200, self._new(p)

    def _put_order(self, p: Mapping[str, str]) -> tuple[int, Any]:
        name = self._find(p)
        if name is None or self.order(name)["status"] not in OPEN:
            return 400, {"code": -2013, "msg": "Order does not exist."}
        if (self.order(name)["price"], self.order(name)["origQty"]) == (p["price"], p["quantity"]):
            return 400, {"code": -5027, "msg": "No need to modify the order."}
        return 200, self.change(name, price=p["price"], origQty=p["quantity"])

    def _delete_order(self, p: Mapping[str, str]) -> tuple[int, Any]:
        name = self._find(p)
        if name is None or self.order(name)["status"] not in OPEN:
            return 400, {"code": -2011, "msg": "Unknown order sent."}
        return 200, self.change(name, status="CANCELED")

    def _delete_batchOrders(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        names = json.loads(p["origClientOrderIdList"])
        assert 1 <= len(names) <= 10
        return 200, [self._delete_order({"origClientOrderId": name})[1] for name in names]

    def _get_order(self, p: Mapping[str, str]) -> tuple[int, Any]:
        name = self._find(p)
        states = self.history.get(name or "", [])
        shown = [order for ms, order in states if ms <= self.now() - self.read_lag_ms]
        if not shown:
            return 400, {"code": -2013, "msg": "Order does not exist."}
        return 200, shown[-1]

    def _get_openOrders(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        orders = [self.order(name) for name in self.history]
        symbol = p.get("symbol")
        return 200, [o for o in orders if o["status"] in OPEN and symbol in (None, o["symbol"])]

    def _get_openAlgoOrders(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        found = [o for o in self.conditionals.values() if o["algoStatus"] == "NEW"]
        return 200, [o for o in found if p.get("symbol") in (None, o["symbol"])]

    def _post_algoOrder(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        name = p["clientAlgoId"]
        if name in self.conditionals and self.conditionals[name]["algoStatus"] == "NEW":
            return 400, {"code": -4116, "msg": "ClientOrderId is duplicated."}
        self.accepted[f"conditional {name}"] += 1
        self.conditionals[name] = {
            "algoId": sum(self.accepted.values()),
            "clientAlgoId": name,
            "algoType": p["algoType"],
            "orderType": p["type"],
            "symbol": p["symbol"],
            "side": p["side"],
            "quantity": p.get("quantity", "0"),
            "algoStatus": "NEW",
            "triggerPrice": p.get("triggerPrice", "0"),
            "closePosition": p.get("closePosition") == "true",
            "reduceOnly": p.get("reduceOnly") == "true",
            "updateTime": self.now(),
        }
        return 200, self.conditionals[name]

    def _get_algoOrder(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        order = self.conditionals.get(p["clientAlgoId"])
        if order is None or order["updateTime"] > self.now() - self.read_lag_ms:
            return 400, {"code": -2013, "msg": "Order does not exist."}
        return 200, order

    def _delete_algoOrder(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        self.conditionals[p["clientAlgoId"]]["algoStatus"] = "CANCELED"
        return 200, {"algoId": 1, "clientAlgoId": "x", "code": "200", "msg": "success"}

    def _post_countdownCancelAll(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        self.countdowns[p["symbol"]] = self.now() + int(p["countdownTime"])
        return 200, {"symbol": p["symbol"], "countdownTime": p["countdownTime"]}

    def _get_time(self, p: Mapping[str, str]) -> tuple[int, Any]:
        return 200, {"serverTime": self.now()}
