"""The exchange's own endpoint: what it says of itself, and faults while it runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grinder_adapters.local_venue import control
from grinder_adapters.local_venue.fault_file import parse_faults, render_faults
from grinder_adapters.local_venue.fault_plans import named_faults
from grinder_adapters.local_venue.http import Request, Response
from grinder_adapters.local_venue.openapi import document
from grinder_adapters.local_venue.venue import LocalVenue
from tests.adapters.local_venue.venue_cases import NOW, SYMBOL, Client, a_venue, state, user_stream

STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "89000",
    "quantity": "0.01",
}


def told(venue: LocalVenue, name: str, method: str = "GET", body: bytes = b"") -> Response:
    """The answer to a control request."""
    return control.answer(venue, Request(method, f"/grinder/{name}", body=body), NOW)


def value(venue: LocalVenue, name: str) -> Any:
    """Its parsed body."""
    answer = told(venue, name)
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_status_counts_what_the_exchange_holds() -> None:
    client = Client(a_venue())
    client.place()
    client.place(price="0")
    client.ask("POST", "v1/algoOrder", **STOP)
    user_stream(client)
    assert value(client.venue, "status") == {
        "venue": "grinder local exchange",
        "now": NOW,
        "symbols": ["BTCUSDT", "DOGEUSDT", "ETHUSDT", "XRPUSDT"],
        "wallets": {"main": "10000", "other": "10000"},
        "open_orders": 1,
        "conditional_orders": 1,
        "connections": 1,
        "requests": 4,
        "writes": 3,
        "faults": 0,
        "injected": {},
    }


def test_the_log_shows_requests_without_their_secrets() -> None:
    client = Client(a_venue())
    client.place(newClientOrderId="mine")
    log = value(client.venue, "log")
    (record,) = log["records"]
    assert (log["total"], record["path"], record["status"]) == (1, "/fapi/v1/order", 200)
    assert record["client_order_ids"] == ["mine"]
    assert "signature" not in record["parameters"]
    assert "grinder-local" not in json.dumps(log)


def test_the_log_shows_the_newest_thousand() -> None:
    client = Client(a_venue())
    for number in range(1_003):
        client.venue.log.add(NOW, "GET", "/x", {"n": str(number)}, status=200)
    log = value(client.venue, "log")
    assert log["total"] == 1_003
    assert [r["parameters"]["n"] for r in log["records"]] == [str(n) for n in range(3, 1_003)]


def test_the_document_is_served() -> None:
    assert value(a_venue(), "openapi.json") == document()


def test_a_plan_is_put_in_place_and_shown_and_counts_from_now() -> None:
    client = Client(a_venue())
    text = render_faults(7, named_faults("unavailable_503"))
    text = text.replace("probability_bps = 500", "until_ms = 100")
    answer = told(client.venue, "faults", "PUT", text.encode())
    assert json.loads(answer.body) == {"faults": 1}
    shown = told(client.venue, "faults")
    assert shown.headers["Content-Type"] == "application/toml"
    assert parse_faults(shown.body.decode(), "here") == parse_faults(text, "here")
    assert client.venue.plan.seed == 7
    assert client.place()["code"] == -1000
    client.now += 100
    assert client.place()["status"] == "NEW"
    assert value(client.venue, "status")["injected"] == {"unavailable_503": 1}


@pytest.mark.parametrize("body", [b"[[fault]]", b"\xff", b"seed = -1", b"[[fault]]\nkind = 'x'"])
def test_a_wrong_plan_is_refused_and_the_old_one_stays(body: bytes) -> None:
    client = Client(a_venue())
    before = client.venue.plan
    answer = told(client.venue, "faults", "PUT", body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]
    assert client.venue.plan is before


@pytest.mark.parametrize(
    ("method", "name"), [("POST", "status"), ("GET", ""), ("GET", "x"), ("DELETE", "faults")]
)
def test_nothing_else_is_there(method: str, name: str) -> None:
    venue = a_venue()
    before = state(venue)
    answer = told(venue, name, method)
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": f"no {method} /grinder/{name} here"}
    assert state(venue) == before
    assert venue.log.total == 0
