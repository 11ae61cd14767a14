"""What the exchange says when it is made to fail: statuses, codes and words (reference 3.1, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind
from grinder_adapters.local_venue.http import Problem, Response
from grinder_adapters.local_venue.limits import ban_problem

_JSON: Final = {"Content-Type": "application/json"}
_HTML: Final = {"Content-Type": "text/html"}
_KINDS_OF_503: Final[Mapping[FaultKind, tuple[int, str]]] = {
    FaultKind.UNKNOWN_503: (
        -1000,
        "Unknown error, please check your request or try again later.",
    ),
    FaultKind.UNAVAILABLE_503: (-1000, "Service Unavailable."),
    FaultKind.INTERNAL_503: (
        -1001,
        "Internal error; unable to process your request. Please try again.",
    ),
    FaultKind.OVERLOADED_503: (
        -1008,
        "Request throttled by system-level protection. Reduce-only/close-position orders are "
        "exempt. Please try again.",
    ),
}
_TIMEOUT: Final = (
    "Timeout waiting for response from backend server. Send status unknown; execution status "
    "unknown."
)
_TOO_MANY: Final = (
    "Too many requests. Please use the websocket for live updates to avoid polling the API."
)
_LATE: Final = "Timestamp for this request is outside of the recvWindow."


def answer_of(fault: Fault, ip: str, until: int, now: int) -> Response | None:
    """Return what a fault answers in place of the exchange; ``None`` for one that does not.

    Args:
        until: When it ends, ms; of a ban.
        now: The venue's clock, ms.
    """
    kind = fault.kind
    if kind is FaultKind.SERVER_ERROR:
        page = f"<html><body><h1>{fault.status}</h1></body></html>".encode()
        return Response(fault.status, page, dict(_HTML))
    if kind is FaultKind.TIMEOUT_408:
        return Response(408, b"<html><body><h1>408 Request Timeout</h1></body></html>", dict(_HTML))
    if kind in _KINDS_OF_503:
        return _rendered(Problem(503, *_KINDS_OF_503[kind]))
    if kind is FaultKind.TIMEOUT_1007:
        return _rendered(Problem(fault.status, -1007, _TIMEOUT))
    if kind is FaultKind.RATE_LIMITED_429:
        return _rendered(Problem(429, -1003, _TOO_MANY), fault.retry_after_s)
    if kind is FaultKind.TOO_MANY_ORDERS:
        return _rendered(Problem(429, -1015, "Too many new orders."), fault.retry_after_s)
    if kind is FaultKind.BANNED_418:
        return _rendered(ban_problem(ip, until), -(-(until - now) // 1_000))
    if kind is FaultKind.TIMESTAMP_1021:
        return _rendered(Problem(400, -1021, _LATE))
    if kind is FaultKind.NOT_FOUND_2013:
        return _rendered(Problem(400, -2013, "Order does not exist."))
    return None


def _rendered(problem: Problem, retry_after_s: int = 0) -> Response:
    wait = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return Response(problem.status, problem.body, {**_JSON, **wait})
