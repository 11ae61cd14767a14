"""What a request is for, as far as faults ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from attrs import frozen

from grinder_adapters.local_venue.fault_kinds import RequestOp
from grinder_adapters.local_venue.http import Request
from grinder_core.contracts.enums import Side

_PREFIX: Final = "/fapi/"
_WRITES: Final[Mapping[str, RequestOp]] = {
    "POST order": RequestOp.PLACE,
    "POST batchOrders": RequestOp.PLACE,
    "POST algoOrder": RequestOp.PLACE,
    "PUT order": RequestOp.AMEND,
    "PUT batchOrders": RequestOp.AMEND,
    "DELETE order": RequestOp.CANCEL,
    "DELETE batchOrders": RequestOp.CANCEL,
    "DELETE allOpenOrders": RequestOp.CANCEL,
    "DELETE algoOrder": RequestOp.CANCEL,
    "DELETE algoOpenOrders": RequestOp.CANCEL,
    "POST countdownCancelAll": RequestOp.COUNTDOWN,
    "POST listenKey": RequestOp.LISTEN_KEY,
    "PUT listenKey": RequestOp.LISTEN_KEY,
    "DELETE listenKey": RequestOp.LISTEN_KEY,
}
_READS: Final[Mapping[RequestOp, frozenset[str]]] = {
    RequestOp.QUERY: frozenset(
        {"order", "openOrder", "openOrders", "allOrders", "userTrades", "orderAmendment"}
        | {"forceOrders", "algoOrder", "openAlgoOrders", "allAlgoOrders"}
    ),
    RequestOp.ACCOUNT: frozenset(
        {"account", "balance", "positionRisk", "symbolConfig", "accountConfig", "leverageBracket"}
        | {"commissionRate", "positionSide/dual", "multiAssetsMargin", "income", "adlQuantile"}
        | {"rateLimit/order", "apiTradingStatus"}
    ),
}


@frozen(kw_only=True)
class RequestInfo:
    """One request.

    Attributes:
        symbol: Empty where it names none.
        reduces: Cancels, and orders that are reduce-only or close a position.
    """

    method: str
    path: str
    op: RequestOp
    symbol: str = ""
    side: Side | None = None
    reduces: bool = False
    remote: str = "127.0.0.1"

    @classmethod
    def of(cls, request: Request, given: Mapping[str, str]) -> Self:
        """Read a request and its decoded parameters; what is malformed is not there."""
        op = op_of(request.method, request.path)
        exits = "true" in {given.get("reduceOnly"), given.get("closePosition")}
        return cls(
            method=request.method,
            path=request.path,
            op=op,
            symbol=given.get("symbol", ""),
            side=next((side for side in Side if side == given.get("side")), None),
            reduces=exits or op is RequestOp.CANCEL,
            remote=request.remote,
        )


def op_of(method: str, path: str) -> RequestOp:
    """Say what a request is for; a write that is not known here is one of the account's terms."""
    _, _, name = path.removeprefix(_PREFIX).partition("/")  # the version is left out
    if method != "GET":
        return _WRITES.get(f"{method} {name}", RequestOp.TERMS)
    return next((op for op, names in _READS.items() if name in names), RequestOp.MARKET)
