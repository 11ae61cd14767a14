"""The document of the exchange says what its handlers read, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from grinder_adapters.local_venue import gateway
from grinder_adapters.local_venue.answers import Call, RefusedError
from grinder_adapters.local_venue.gateway import HANDLERS
from grinder_adapters.local_venue.market_answers import MARKET_ROUTES
from grinder_adapters.local_venue.openapi import PARAMETERS, SCHEMAS, document, routes
from grinder_adapters.local_venue.security import Security
from grinder_core.venue.exchange.exchange import FIRST_NUMBER
from tests.adapters.local_venue.request_cases import OPERATIONS, SOUND, Given, Route, parameters
from tests.adapters.local_venue.venue_cases import NOW, Client, a_venue

FIRST = str(FIRST_NUMBER + 1)


class Noted(dict[str, str]):
    """Parameters that note which of them are asked for."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)


def tries(route: Route) -> list[Given]:
    """Requests that between them reach every line that reads a parameter."""
    needed = {
        p["name"]: str(p["schema"].get("example") or p["schema"].get("enum", ["1"])[0])
        for p in parameters(route)
        if p["required"]
    }
    named = {p["name"] for p in parameters(route)} & {"orderId"}
    return [{**needed, **dict.fromkeys(named, FIRST)}, *SOUND.get(route, ())]


def read_by(route: Route) -> set[str]:
    """Names of all parameters that a route asks for."""
    read: set[str] = set()
    for given in tries(route):
        venue = a_venue()
        Client(venue).place()  # the order that queries are about
        noted = Noted(given)
        if route in MARKET_ROUTES:
            MARKET_ROUTES[route](venue.board, noted, NOW)
        else:
            with suppress(RefusedError):
                HANDLERS[route](Call(venue.exchange, "main", noted, NOW))
        read |= noted.read
    return read


@pytest.mark.parametrize("route", [*MARKET_ROUTES, *HANDLERS], ids=" ".join)
def test_the_document_names_what_a_route_reads_and_nothing_else(route: Route) -> None:
    documented = {parameter["name"] for parameter in parameters(route)}
    # a batch finds its lists in either case, so it looks at what it was given
    wanted = {"symbol"} if route == ("DELETE", "/fapi/v1/batchOrders") else documented
    assert wanted <= read_by(route) <= documented


@pytest.mark.parametrize("route", [*MARKET_ROUTES, *HANDLERS], ids=" ".join)
def test_what_is_needed_is_missed_and_nothing_else(route: Route) -> None:
    needed = {p["name"] for p in parameters(route) if p["required"]}
    venue = a_venue()
    for given in tries(route):
        for name in {p["name"] for p in parameters(route)} & given.keys():
            left = {key: value for key, value in given.items() if key != name}
            code = code_of(venue, route, left)
            if name in needed:
                assert code in {-1102, -4144, -1120}, (name, code)


def code_of(venue: Any, route: Route, given: Given) -> int:
    """The code of a refusal; 0 for none."""
    if route in MARKET_ROUTES:
        answer = MARKET_ROUTES[route](venue.board, given, NOW)
        return 0 if isinstance(answer, bytes) else answer.code
    try:
        HANDLERS[route](Call(venue.exchange, "main", given, NOW))
    except RefusedError as refusal:
        return refusal.problem.code
    return 0


def test_a_request_with_all_that_is_needed_is_not_told_that_something_is_missing() -> None:
    venue = a_venue()
    for route in [*MARKET_ROUTES, *HANDLERS]:
        whole = [given for given in tries(route) if given]
        codes = {code_of(venue, route, given) for given in whole}
        either = {"orderId", "quantity", "price", "orderIdList"}  # one of several, or by type
        if not either & {p["name"] for p in parameters(route)}:
            assert -1102 not in codes, route


def test_every_route_is_there_with_its_security_and_its_cost() -> None:
    assert set(OPERATIONS) == set(routes())
    place = OPERATIONS["POST", "/fapi/v1/order"]
    assert place["x-security"] == "TRADE"
    assert place["x-cost"] == {"weight": 0, "orders_10s": 1, "orders_1m": 1}
    assert OPERATIONS["GET", "/fapi/v1/depth"]["security"] == []
    assert OPERATIONS["GET", "/fapi/v1/depth"]["x-cost"]["weight"] == 10
    assert OPERATIONS["PUT", "/fapi/v1/listenKey"]["x-security"] == "USER_STREAM"
    for (method, path), operation in OPERATIONS.items():
        security = gateway.security_of((method, path))
        assert operation["x-security"] == (security or Security.NONE).value
        signed = [p["name"] for p in operation["parameters"][-3:]]
        is_signed = security is not None and security.is_signed
        assert (signed == ["recvWindow", "timestamp", "signature"]) is is_signed


def test_no_row_of_the_table_is_left_over() -> None:
    known = {f"{method} {path.removeprefix('/fapi/')}" for method, path in routes()}
    assert set(PARAMETERS) <= known
    used = {p["name"] for operation in OPERATIONS.values() for p in operation["parameters"]}
    assert set(SCHEMAS) - used == {"levels", "direction"}  # types under another name


def test_the_document_is_openapi_3_1_and_made_of_json_alone() -> None:
    made = document()
    assert made["openapi"] == "3.1.0"
    assert {"title", "version"} <= made["info"].keys()
    for operation in OPERATIONS.values():
        names = [parameter["name"] for parameter in operation["parameters"]]
        assert len(set(names)) == len(names)
        assert set(operation["responses"]) == {"200", "4XX"}
        for name in operation["security"]:
            assert name.keys() <= made["components"]["securitySchemes"].keys()
