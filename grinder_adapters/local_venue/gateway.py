"""From a request to its answer: parameters, limits, security, the handler, headers, the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from attrs import Factory, define

from grinder_adapters.local_venue import (
    account_routes,
    conditional_routes,
    order_routes,
    parameters,
    stream_routes,
)
from grinder_adapters.local_venue.answers import Call, Handler, RefusedError
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.http import Problem, Request, Response
from grinder_adapters.local_venue.limits import Limits, cost_of
from grinder_adapters.local_venue.listen_keys import ListenKeys
from grinder_adapters.local_venue.market_answers import MARKET_ROUTES
from grinder_adapters.local_venue.request_log import RequestLog
from grinder_adapters.local_venue.security import ApiKey, KeyRing, Security
from grinder_core.resilience.weights import Cost
from grinder_core.venue.exchange.exchange import Exchange

LISTEN_KEY: Final = "/fapi/v1/listenKey"
NAMES: Final = ("newClientOrderId", "origClientOrderId", "clientAlgoId")
JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}
OK, NOT_FOUND = 200, 404

HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    **order_routes.ROUTES,
    **conditional_routes.ROUTES,
    **account_routes.ROUTES,
}


@define
class Visit:
    """One request on its way, and what is known of it so far.

    Attributes:
        skew_ms: How far the clock is ahead that judges the request and that it is told.
    """

    request: Request
    now: int
    fault: str = ""
    skew_ms: int = 0
    values: Mapping[str, str] = Factory(dict)
    cost: Cost = Factory(Cost)
    account: str = ""

    @property
    def route(self) -> tuple[str, str]:
        """Method and path."""
        return self.request.method, self.request.path


@define(eq=False)
class Gateway:
    """Answers requests.

    Attributes:
        on_answered: Called with route, account, answer and time after a handler has run, before the
            answer leaves.
        user_events: How many user events an account was sent; answers tell it to lockstep clients.
    """

    exchange: Exchange
    board: MarketBoard
    keys: KeyRing
    limits: Limits
    listen_keys: ListenKeys
    log: RequestLog
    on_answered: Callable[[tuple[str, str], str, Any, int], None]
    user_events: dict[str, int] = Factory(dict)

    def answer(self, request: Request, now: int, fault: str = "", skew_ms: int = 0) -> Response:
        """Answer one request."""
        visit = Visit(request, now, fault, skew_ms)
        given = parameters.parse(request)
        visit.values = {} if isinstance(given, Problem) else given
        visit.cost = cost_of(request.method, request.path, visit.values)
        limited = self.limits.take_request(request.remote, request.path, visit.cost, now)
        if limited is not None:
            return self._refused(visit, limited.problem, limited.headers)
        if isinstance(given, Problem):
            return self._refused(visit, given)
        market = MARKET_ROUTES.get(visit.route)
        if market is None:
            return self._private(visit)
        answer = market(self.board, visit.values, now + skew_ms)
        if isinstance(answer, Problem):
            return self._refused(visit, answer)
        return self._answered(visit, answer)

    def account_of(self, request: Request) -> str | None:
        """Return whose key a request carries."""
        key = self.keys.keys.get(request.headers.get("x-mbx-apikey", ""))
        return None if key is None else key.account

    def note(self, visit: Visit, status: int, code: int = 0, answer: object = None) -> None:
        """Write a request into the log."""
        numbers, names = _orders_of(answer)
        given = {visit.values[name] for name in NAMES if name in visit.values}
        self.log.add(
            visit.now,
            visit.request.method,
            visit.request.path,
            visit.values,
            account=visit.account,
            status=status,
            code=code,
            order_ids=tuple(numbers),
            client_order_ids=tuple(sorted(given.union(names))),
            weight=visit.cost.weight_1m,
            orders=visit.cost.orders_1m,
            fault=visit.fault,
        )

    # -- inside --------------------------------------------------------------------------------

    def _private(self, visit: Visit) -> Response:
        security = security_of(visit.route)
        if security is None:
            text = f"Path {visit.request.path}, Method {visit.request.method} is invalid"
            return self._refused(visit, Problem(NOT_FOUND, -5000, text))
        admitted = self.keys.admit(visit.request, visit.values, security, visit.now + visit.skew_ms)
        if isinstance(admitted, Problem):
            return self._refused(visit, admitted)
        visit.account = admitted.account if isinstance(admitted, ApiKey) else ""
        limited = self.limits.take_orders(
            visit.request.remote, visit.account, visit.cost, visit.now
        )
        if limited is not None:
            return self._refused(visit, limited.problem, limited.headers)
        answer = self._handled(visit)
        self.on_answered(visit.route, visit.account, answer, visit.now)
        if isinstance(answer, Problem):
            return self._refused(visit, answer)
        return self._answered(visit, orjson.dumps(answer), answer)

    def _handled(self, visit: Visit) -> Any:
        if visit.request.path == LISTEN_KEY:
            method = visit.request.method
            return stream_routes.answer(self.listen_keys, method, visit.account, visit.now)
        call = Call(self.exchange, visit.account, visit.values, visit.now, self.limits.settings)
        try:
            return HANDLERS[visit.route](call)
        except RefusedError as refusal:
            return refusal.problem

    def _refused(
        self, visit: Visit, problem: Problem, headers: Mapping[str, str] | None = None
    ) -> Response:
        self.note(visit, problem.status, problem.code)
        return Response(
            problem.status, problem.body, {**JSON, **self._weight(visit), **(headers or {})}
        )

    def _answered(self, visit: Visit, body: bytes, answer: object = None) -> Response:
        headers = {**JSON, **self._weight(visit)}
        if visit.cost.orders_1m:
            headers |= self.limits.order_headers(visit.account, visit.now)
        if visit.account:
            headers["X-Grinder-User-Events"] = str(self.user_events.get(visit.account, 0))
        self.note(visit, OK, 0, answer)
        return Response(OK, body, headers)

    def _weight(self, visit: Visit) -> dict[str, str]:
        return self.limits.headers(visit.request.remote, visit.request.path, visit.now)


def security_of(route: tuple[str, str]) -> Security | None:
    """What a request that is not about the market must carry; ``None``: there is no such path."""
    if route[1] == LISTEN_KEY:
        return Security.USER_STREAM if route[0] in {"POST", "PUT", "DELETE"} else None
    if route not in HANDLERS:
        return None
    return Security.USER_DATA if route[0] == "GET" else Security.TRADE


def _orders_of(answer: object) -> tuple[list[int], list[str]]:
    """Ids and client ids of the orders in an answer."""
    rows = answer if isinstance(answer, list) else [answer]
    found = [row for row in rows if isinstance(row, dict) and "orderId" in row]
    names = [row["clientOrderId"] for row in found if "clientOrderId" in row]
    return [row["orderId"] for row in found], names
