"""LIVE-11, SCR-07: the costs of requests, line by line as the venue documents them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import from_dict, to_dict
from grinder_core.errors import ContractError
from grinder_core.resilience.weights import CANCEL_COST, ORDER_COST, Cost, request_cost

SYMBOL = {"symbol": "BTCUSDT"}

# method and paths below /fapi/, with one symbol: weight
ONE_WEIGHT = """
GET 1 v1/ping v1/time v1/exchangeInfo v1/openInterest v1/symbolAdlRisk v1/insuranceBalance
GET 1 v1/ticker/24hr v1/ticker/price v2/ticker/price v1/premiumIndex
GET 1 v1/order v1/openOrder v1/openOrders v1/orderAmendment v1/rateLimit/order
GET 1 v1/algoOrder v1/openAlgoOrders v1/leverageBracket
GET 2 v1/ticker/bookTicker
GET 5 v1/trades v1/tradingSchedule v1/allOrders v1/userTrades v1/allAlgoOrders v1/klines
GET 5 v2/account v3/account v3/balance v2/positionRisk v3/positionRisk v1/symbolConfig
GET 5 v1/accountConfig v1/adlQuantile
GET 10 v1/depth
GET 20 v1/rpiDepth v1/aggTrades v1/commissionRate v1/forceOrders
GET 30 v1/positionSide/dual v1/multiAssetsMargin v1/income
GET 200 v1/historicalTrades
POST 1 v1/leverage v1/marginType v1/positionSide/dual v1/multiAssetsMargin v1/positionMargin
POST 1 v1/listenKey
PUT 1 v1/listenKey
DELETE 1 v1/listenKey v1/order v1/batchOrders v1/allOpenOrders v1/algoOrder v1/algoOpenOrders
POST 0 v1/order/test
POST 10 v1/countdownCancelAll
"""
WEIGHTS = [
    (method, f"/fapi/{path}", int(weight))
    for method, weight, *paths in map(str.split, ONE_WEIGHT.strip().splitlines())
    for path in paths
]


@pytest.mark.parametrize(("method", "path", "weight"), WEIGHTS)
def test_a_request_about_one_symbol_costs_its_weight_and_no_orders(
    method: str, path: str, weight: int
) -> None:
    assert request_cost(method, path, SYMBOL) == Cost(weight_1m=weight)


@pytest.mark.parametrize(
    ("request_line", "cost"),
    [
        ("POST /fapi/v1/order", (1, 1, 0)),
        ("PUT /fapi/v1/order", (1, 1, 0)),
        ("POST /fapi/v1/algoOrder", (1, 1, 0)),
        ("POST /fapi/v1/batchOrders", (5, 1, 5)),
        ("PUT /fapi/v1/batchOrders", (5, 1, 5)),
    ],
)
def test_placing_and_amending_cost_orders(request_line: str, cost: tuple[int, int, int]) -> None:
    method, path = request_line.split()
    found = request_cost(method, path, SYMBOL)
    assert (found.orders_10s, found.orders_1m, found.weight_1m) == cost


@pytest.mark.parametrize(
    ("request_line", "cost"),
    [
        ("POST /api/v3/order", (1, 1, 1)),
        ("DELETE /api/v3/order", (0, 0, 1)),
        ("GET /api/v3/order", (0, 0, 4)),
        ("GET /api/v3/openOrders", (0, 0, 6)),
        ("GET /api/v3/time", (0, 0, 1)),
    ],
)
def test_spot_counts_an_order_as_weight_too(request_line: str, cost: tuple[int, int, int]) -> None:
    method, path = request_line.split()
    found = request_cost(method, path, SYMBOL)
    assert (found.orders_10s, found.orders_1m, found.weight_1m) == cost


def test_the_named_costs_are_those_of_the_table() -> None:
    assert request_cost("POST", "/fapi/v1/order") == ORDER_COST
    assert request_cost("DELETE", "/fapi/v1/order") == CANCEL_COST


@pytest.mark.parametrize(
    ("path", "weight"),
    [
        ("v1/ticker/bookTicker", 5),
        ("v1/ticker/24hr", 40),
        ("v1/ticker/price", 2),
        ("v2/ticker/price", 2),
        ("v1/premiumIndex", 10),
        ("v1/openOrders", 40),
        ("v1/openAlgoOrders", 40),
        ("v1/forceOrders", 50),
        ("/api/v3/openOrders", 80),
    ],
)
def test_all_symbols_cost_more_than_one(path: str, weight: int) -> None:
    path = path if path.startswith("/") else f"/fapi/{path}"
    assert request_cost("GET", path) == Cost(weight_1m=weight)
    assert request_cost("GET", path, {"symbol": ""}) == Cost(weight_1m=weight)
    assert request_cost("GET", path, SYMBOL).weight_1m < weight


@pytest.mark.parametrize(
    ("limit", "weight"),
    [(5, 2), (50, 2), (51, 5), (100, 5), (101, 10), (500, 10), (501, 20), (1000, 20), (9999, 20)],
)
def test_depth_costs_by_its_limit(limit: int, weight: int) -> None:
    found = request_cost("GET", "/fapi/v1/depth", {**SYMBOL, "limit": str(limit)})
    assert found == Cost(weight_1m=weight)


@pytest.mark.parametrize(
    "name",
    ["klines", "continuousKlines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"],
)
@pytest.mark.parametrize(
    ("limit", "weight"),
    [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)],
)
def test_klines_cost_by_their_limit(name: str, limit: int, weight: int) -> None:
    found = request_cost("GET", f"/fapi/v1/{name}", {"limit": str(limit)})
    assert found == Cost(weight_1m=weight)
    assert request_cost("GET", f"/fapi/v1/{name}") == Cost(weight_1m=5)  # 500 rows by default


@pytest.mark.parametrize("limit", ["", "-5", "1.5", "1e3", "ten", " 5", "\u0665", "9" * 5000])
def test_a_limit_that_is_no_number_is_refused(limit: str) -> None:
    with pytest.raises(ContractError, match="limit"):
        request_cost("GET", "/fapi/v1/depth", {**SYMBOL, "limit": limit})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fapi/v1/apiTradingStatus"),
        ("POST", "/fapi/v1/ping"),
        ("GET", "/dapi/v1/ping"),
        ("GET", "/api/v3/account"),
        ("", ""),
    ],
)
def test_an_unknown_request_costs_ten(method: str, path: str) -> None:
    assert request_cost(method, path, SYMBOL) == Cost(weight_1m=10)


@pytest.mark.parametrize(
    ("path", "limit_of_5_min"),
    [
        ("/fapi/v1/fundingRate", 500),
        ("/fapi/v1/fundingInfo", 500),
        ("/futures/data/openInterestHist", 1000),
        ("/futures/data/takerlongshortRatio", 1000),
    ],
)
def test_requests_with_a_pool_of_their_own_are_held_there_by_weight(
    path: str, limit_of_5_min: int
) -> None:
    weight = request_cost("GET", path, SYMBOL).weight_1m
    assert 5 * 2400 // weight == limit_of_5_min


@given(*[st.integers(-3, 3)] * 3)
def test_a_cost_is_never_negative(orders_10s: int, orders_1m: int, weight: int) -> None:
    values = {"orders_10s": orders_10s, "orders_1m": orders_1m, "weight_1m": weight}
    if min(values.values()) < 0:
        with pytest.raises(ContractError, match=">= 0"):
            Cost(**values)
    else:
        assert to_dict(Cost(**values)) == values
        assert from_dict(Cost, values) == Cost(**values)
