"""The REST calls of spot that are used, and what each is for (LIVE-09)."""

from __future__ import annotations

from typing import Final

from grinder_adapters.binance.endpoints import Security, ask, write
from grinder_core.resilience.breaker_settings import Operation
from grinder_core.resilience.budget import RequestClass

_ORDER: Final = "/api/v3/order"

PLACE: Final = write("POST", _ORDER, Operation.PLACE, RequestClass.NEW_RISK)
EXIT: Final = write("POST", _ORDER, Operation.REDUCE, RequestClass.REDUCE)
CANCEL: Final = write("DELETE", _ORDER, Operation.CANCEL, RequestClass.CANCEL)

QUERY: Final = ask(_ORDER)
OPEN_ORDERS: Final = ask("/api/v3/openOrders")
TIME: Final = ask("/api/v3/time", Security.NONE, Operation.CONNECT)
