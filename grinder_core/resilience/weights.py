"""What each REST request costs (LIVE-11, SCR-07), as the venue documents it.

Three counters: orders of the account in 10 seconds and in a minute, weight of the IP in a minute.
On USDT-M futures placing and amending cost orders and no weight, all other requests weight and no
orders, a batch of orders both; spot counts an order as weight too. Some costs depend on the
parameters: how many rows are asked for, and whether one symbol or all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from grinder_core.contracts.checks import check_int
from grinder_core.errors import ContractError


@frozen(kw_only=True)
class Cost:
    """What one request adds to the venue's counters; each ``>= 0``.

    Attributes:
        orders_10s, orders_1m: Orders of the account in 10 seconds and in a minute.
        weight_1m: Request weight of the IP in a minute.
    """

    orders_10s: int = 0
    orders_1m: int = 0
    weight_1m: int = 0

    def __attrs_post_init__(self) -> None:
        check_int("orders_10s", self.orders_10s)
        check_int("orders_1m", self.orders_1m)
        check_int("weight_1m", self.weight_1m)


ORDER_COST: Final = Cost(orders_10s=1, orders_1m=1)
CANCEL_COST: Final = Cost(weight_1m=1)
SPOT_ORDER_COST: Final = Cost(orders_10s=1, orders_1m=1, weight_1m=1)
BATCH_COST: Final = Cost(orders_10s=5, orders_1m=1, weight_1m=5)
UNKNOWN_COST: Final = Cost(weight_1m=10)

_WHOLE: Final = re.compile(r"[0-9]{1,9}")

# Two groups of requests have limits of their own per IP and no weight: 500 and 1000 in 5 minutes.
# The weight given here keeps them there: 5 minutes of nothing else, 2400 a minute, are the limit.
_FUNDING_WEIGHT: Final = 24
_STATISTICS_WEIGHT: Final = 12
_STATISTICS: Final = "GET /futures/data/"

_ORDERS: Final[Mapping[str, Cost]] = {
    "POST /fapi/v1/order": ORDER_COST,
    "PUT /fapi/v1/order": ORDER_COST,
    "POST /fapi/v1/algoOrder": ORDER_COST,
    "POST /fapi/v1/batchOrders": BATCH_COST,
    "PUT /fapi/v1/batchOrders": BATCH_COST,
    "POST /api/v3/order": SPOT_ORDER_COST,
}

_WEIGHT: Final[Mapping[str, int]] = {
    # market data
    "GET /fapi/v1/ping": 1,
    "GET /fapi/v1/time": 1,
    "GET /fapi/v1/exchangeInfo": 1,
    "GET /fapi/v1/rpiDepth": 20,
    "GET /fapi/v1/trades": 5,
    "GET /fapi/v1/historicalTrades": 200,
    "GET /fapi/v1/aggTrades": 20,
    "GET /fapi/v1/openInterest": 1,
    "GET /fapi/v1/symbolAdlRisk": 1,
    "GET /fapi/v1/insuranceBalance": 1,
    "GET /fapi/v1/tradingSchedule": 5,
    "GET /fapi/v1/fundingRate": _FUNDING_WEIGHT,
    "GET /fapi/v1/fundingInfo": _FUNDING_WEIGHT,
    # orders
    "POST /fapi/v1/order/test": 0,
    "GET /fapi/v1/order": 1,
    "GET /fapi/v1/openOrder": 1,
    "DELETE /fapi/v1/order": 1,
    "DELETE /fapi/v1/batchOrders": 1,
    "DELETE /fapi/v1/allOpenOrders": 1,
    "POST /fapi/v1/countdownCancelAll": 10,
    "GET /fapi/v1/allOrders": 5,
    "GET /fapi/v1/userTrades": 5,
    "GET /fapi/v1/orderAmendment": 1,
    "GET /fapi/v1/rateLimit/order": 1,
    "GET /fapi/v1/algoOrder": 1,
    "DELETE /fapi/v1/algoOrder": 1,
    "DELETE /fapi/v1/algoOpenOrders": 1,
    "GET /fapi/v1/allAlgoOrders": 5,
    # account
    "GET /fapi/v2/account": 5,
    "GET /fapi/v3/account": 5,
    "GET /fapi/v3/balance": 5,
    "GET /fapi/v2/positionRisk": 5,
    "GET /fapi/v3/positionRisk": 5,
    "GET /fapi/v1/symbolConfig": 5,
    "GET /fapi/v1/accountConfig": 5,
    "GET /fapi/v1/leverageBracket": 1,
    "GET /fapi/v1/commissionRate": 20,
    "POST /fapi/v1/leverage": 1,
    "POST /fapi/v1/marginType": 1,
    "GET /fapi/v1/positionSide/dual": 30,
    "POST /fapi/v1/positionSide/dual": 1,
    "GET /fapi/v1/multiAssetsMargin": 30,
    "POST /fapi/v1/multiAssetsMargin": 1,
    "POST /fapi/v1/positionMargin": 1,
    "GET /fapi/v1/income": 30,
    "GET /fapi/v1/adlQuantile": 5,
    "POST /fapi/v1/listenKey": 1,
    "PUT /fapi/v1/listenKey": 1,
    "DELETE /fapi/v1/listenKey": 1,
    # spot
    "GET /api/v3/time": 1,
    "GET /sapi/v1/account/apiRestrictions": 1,
    "GET /api/v3/order": 4,
    "DELETE /api/v3/order": 1,
}

# weight for one symbol, and for all symbols when none is given
_WEIGHT_BY_SYMBOL: Final[Mapping[str, tuple[int, int]]] = {
    "GET /fapi/v1/ticker/bookTicker": (2, 5),
    "GET /fapi/v1/ticker/24hr": (1, 40),
    "GET /fapi/v1/ticker/price": (1, 2),
    "GET /fapi/v2/ticker/price": (1, 2),
    "GET /fapi/v1/premiumIndex": (1, 10),
    "GET /fapi/v1/openOrders": (1, 40),
    "GET /fapi/v1/openAlgoOrders": (1, 40),
    "GET /fapi/v1/forceOrders": (20, 50),
    "GET /api/v3/openOrders": (6, 80),
}

# rows asked for when no limit is given; then (most rows, weight), and the weight of more rows
_Steps = tuple[int, tuple[tuple[int, int], ...], int]
_DEPTH: Final[_Steps] = (500, ((50, 2), (100, 5), (500, 10)), 20)
_KLINES: Final[_Steps] = (500, ((99, 1), (499, 2), (1000, 5)), 10)
_WEIGHT_BY_LIMIT: Final[Mapping[str, _Steps]] = {
    "GET /fapi/v1/depth": _DEPTH,
    "GET /fapi/v1/klines": _KLINES,
    "GET /fapi/v1/continuousKlines": _KLINES,
    "GET /fapi/v1/markPriceKlines": _KLINES,
    "GET /fapi/v1/indexPriceKlines": _KLINES,
    "GET /fapi/v1/premiumIndexKlines": _KLINES,
}


def request_cost(method: str, path: str, parameters: Mapping[str, str] | None = None) -> Cost:
    """Return what a request costs; one that the table does not know costs weight 10 (SCR-07).

    Args:
        method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        path: With its prefix and version, without host and query: ``/fapi/v1/depth``.
        parameters: As they are sent, as text; ``symbol`` and ``limit`` are looked at.

    Raises:
        ContractError: ``limit`` is no whole number.

    Example:
        >>> request_cost("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"}).weight_1m
        20
    """
    request, given = f"{method} {path}", parameters or {}
    if request in _ORDERS:
        return _ORDERS[request]
    if request in _WEIGHT:
        return Cost(weight_1m=_WEIGHT[request])
    if request in _WEIGHT_BY_SYMBOL:
        one_symbol, all_symbols = _WEIGHT_BY_SYMBOL[request]
        return Cost(weight_1m=one_symbol if given.get("symbol") else all_symbols)
    if request in _WEIGHT_BY_LIMIT:
        return Cost(weight_1m=_weight_of_rows(_WEIGHT_BY_LIMIT[request], given.get("limit")))
    if request.startswith(_STATISTICS):
        return Cost(weight_1m=_STATISTICS_WEIGHT)
    return UNKNOWN_COST


def _weight_of_rows(steps: _Steps, limit: str | None) -> int:
    default, tiers, beyond = steps
    if limit is not None and not _WHOLE.fullmatch(limit):
        raise ContractError(
            "must be a whole number of at most 9 digits", field="limit", value=limit
        )
    rows = default if limit is None else int(limit)
    return next((weight for most, weight in tiers if rows <= most), beyond)
