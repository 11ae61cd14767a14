"""The local exchange's own endpoint under ``/grinder``: state, log, faults, and what is served.

The real venue has nothing like it. It is for tests and people on the same machine, so it asks for
no key; the server listens on loopback alone.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from grinder_adapters.local_venue.fault_file import parse_faults, render_faults
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.http import Request, Response
from grinder_adapters.local_venue.openapi import document
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.codec import to_dict
from grinder_core.errors import InputError
from grinder_core.numbers import canonical, exact

PREFIX: Final = "/grinder/"
JSON: Final = {"Content-Type": "application/json"}
TOML: Final = {"Content-Type": "application/toml"}
RECORDS_MAX: Final = 1_000


def answer(venue: LocalVenue, request: Request, now: int) -> Response:
    """Answer a control request."""
    route = (request.method, request.path.removeprefix(PREFIX))
    if route == ("GET", "status"):
        return _json(200, status(venue, now))
    if route == ("GET", "openapi.json"):
        return _json(200, document())
    if route == ("GET", "log"):
        records = venue.log.newest(RECORDS_MAX)
        return _json(200, {"total": venue.log.total, "records": [to_dict(r) for r in records]})
    if route == ("GET", "faults"):
        body = render_faults(venue.plan.seed, venue.plan.faults)
        return Response(200, body.encode(), dict(TOML))
    if route == ("PUT", "faults"):
        return _set_faults(venue, request, now)
    return _json(404, {"error": f"no {request.method} {request.path} here"})


def status(venue: LocalVenue, now: int) -> dict[str, Any]:
    """Say what the exchange holds."""
    floor = venue.exchange.floor
    with exact():
        wallets = {name: canonical(account.wallet) for name, account in floor.accounts.items()}
    return {
        "venue": "grinder local exchange",
        "now": now,
        "symbols": sorted(floor.instruments),
        "wallets": wallets,
        "open_orders": len(floor.orders),
        "conditional_orders": len(floor.conditionals),
        "connections": len(venue.hub.sessions),
        "requests": venue.log.total,
        "writes": venue.log.writes_total,
        "faults": len(venue.plan.faults),
        "injected": venue.plan.counts,
    }


def _set_faults(venue: LocalVenue, request: Request, now: int) -> Response:
    """Put another plan in place; times in it count from now."""
    try:
        file = parse_faults(request.body.decode("utf-8"), "request")
    except (InputError, UnicodeDecodeError) as error:
        return _json(400, {"error": str(error)})
    venue.set_plan(FaultPlan(file.faults, file.seed, now))
    return _json(200, {"faults": len(file.faults)})


def _json(status_code: int, body: dict[str, Any]) -> Response:
    return Response(status_code, orjson.dumps(body), dict(JSON))
