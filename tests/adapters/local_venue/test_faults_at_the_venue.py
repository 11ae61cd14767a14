"""Faults where they meet the exchange: what is done, what is answered, what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.local_venue.fault_kinds import Family, Fault, FaultKind, Match, RequestOp
from tests.adapters.local_venue.venue_cases import (
    NOW,
    SYMBOL,
    Client,
    a_venue,
    an_order,
    plan_of,
    state,
    user_stream,
)

# kind, parameters, whether the order is placed, status (0: the connection breaks), code (0: none)
ANSWERS: list[tuple[FaultKind, dict[str, Any], bool, int, int]] = [
    (FaultKind.DROP_BEFORE, {}, False, 0, 0),
    (FaultKind.DROP_AFTER, {}, True, 0, 0),
    (FaultKind.SERVER_ERROR, {}, False, 500, 0),
    (FaultKind.SERVER_ERROR, {"http_status": 504, "executed": True}, True, 504, 0),
    (FaultKind.UNKNOWN_503, {}, False, 503, -1000),
    (FaultKind.UNKNOWN_503, {"executed": True}, True, 503, -1000),
    (FaultKind.UNAVAILABLE_503, {}, False, 503, -1000),
    (FaultKind.INTERNAL_503, {}, False, 503, -1001),
    (FaultKind.OVERLOADED_503, {}, False, 503, -1008),
    (FaultKind.TIMEOUT_408, {}, False, 408, 0),
    (FaultKind.TIMEOUT_408, {"executed": True}, True, 408, 0),
    (FaultKind.TIMEOUT_1007, {}, False, 408, -1007),
    (FaultKind.TIMEOUT_1007, {"executed": True, "http_status": 503}, True, 503, -1007),
    (FaultKind.RATE_LIMITED_429, {"retry_after_s": 3}, False, 429, -1003),
    (FaultKind.TOO_MANY_ORDERS, {}, False, 429, -1015),
    (FaultKind.BANNED_418, {"lasts_ms": 1000}, False, 418, -1003),
    (FaultKind.TIMESTAMP_1021, {}, False, 400, -1021),
    (FaultKind.LATENCY, {"delay_ms": 5}, True, 200, 0),
    (FaultKind.SLOW_ANSWER, {"delay_ms": 5}, True, 200, 0),
    (FaultKind.CLOCK_SKEW, {"skew_ms": 6000}, False, 400, -1021),
    (FaultKind.CLOCK_SKEW, {"skew_ms": -1000}, False, 400, -1021),
    (FaultKind.CLOCK_SKEW, {"skew_ms": 5000}, True, 200, 0),
]


@pytest.mark.parametrize(("kind", "given", "executed", "status", "code"), ANSWERS)
def test_a_request_is_executed_or_not_and_answered_exactly_as_its_fault_says(
    kind: FaultKind, given: dict[str, Any], executed: bool, status: int, code: int
) -> None:
    client = Client(a_venue())
    match = Match(op=RequestOp.PLACE, at_most=1)
    client.venue.set_plan(plan_of(Fault(kind=kind, match=match, **given)))
    before = state(client.venue)
    answer = client.send("POST", "v1/order", **an_order(newClientOrderId="mine"))
    placed = bool(client.venue.exchange.floor.orders)
    assert placed is executed
    assert (state(client.venue) == before) is not executed
    if status == 0:
        assert answer is None
    else:
        assert answer is not None
        assert answer.status == status
        assert (json.loads(answer.body)["code"] if code else 0) == code
        assert answer.headers.get("Retry-After") == {429: "3", 418: "1"}.get(status if given else 0)
    (record,) = client.venue.log.faulted()
    assert record.fault == kind.value
    assert record.status == (200 if executed else status)
    assert client.venue.log.about("mine") == [record]


def test_every_kind_of_answer_is_tried() -> None:
    twists = {FaultKind.AMEND_CANCELS, FaultKind.FILL_BEFORE_CANCEL, FaultKind.NOT_FOUND_2013}
    of_requests = {kind for kind in FaultKind if kind.family is Family.REQUEST}
    assert {row[0] for row in ANSWERS} | twists == of_requests


def test_what_was_executed_in_secret_is_told_to_the_user_stream() -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.DROP_AFTER)))
    assert client.send("POST", "v1/order", **an_order()) is None
    assert [frame["o"]["x"] for frame in stream.heard()] == ["NEW"]


def test_an_overload_lets_cancels_and_reducing_orders_pass() -> None:
    client = Client(a_venue())
    client.trade(quantity="0.02")
    number = client.place()["orderId"]
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.OVERLOADED_503)))
    assert client.place()["code"] == -1008
    assert client.cancel(number)["status"] == "CANCELED"
    assert client.place(side="SELL", price="91000", reduceOnly="true")["status"] == "NEW"


def test_lagging_reads_do_not_find_what_is_there() -> None:
    client = Client(a_venue())
    number = client.place()["orderId"]
    fault = Fault(kind=FaultKind.NOT_FOUND_2013, match=Match(nth=1))
    client.venue.set_plan(plan_of(fault))
    one = {"symbol": SYMBOL, "orderId": number}
    assert client.ask("GET", "v1/order", **one)["code"] == -2013
    assert client.ask("GET", "v1/order", **one)["orderId"] == number


def test_a_skewed_clock_is_told_and_judges_and_the_exchange_keeps_its_own() -> None:
    client = Client(a_venue())
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=3000)))
    assert client.ask("GET", "v1/time") == {"serverTime": NOW + 3000}
    assert client.place()["updateTime"] == NOW


def test_a_ban_lasts_for_every_request_until_its_end() -> None:
    client = Client(a_venue())
    match = Match(op=RequestOp.PLACE, at_most=1)
    ban = Fault(kind=FaultKind.BANNED_418, match=match, lasts_ms=2000)
    client.venue.set_plan(plan_of(ban))
    assert client.ask("GET", "v1/time") == {"serverTime": NOW}
    assert client.place()["code"] == -1003
    client.now += 1999
    answer = client.send("GET", "v1/time")
    assert answer is not None
    assert (answer.status, answer.headers["Retry-After"]) == (418, "1")
    assert str(NOW + 2000) in answer.body.decode()
    client.now += 1
    assert client.ask("GET", "v1/time") == {"serverTime": client.now}


# -- twists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["orderId", "origClientOrderId"])
def test_an_amend_can_find_its_order_cancelled(key: str) -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    number = client.place(newClientOrderId="mine")["orderId"]
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.AMEND_CANCELS)))
    which = {key: number if key == "orderId" else "mine"}
    given = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.02", "price": "88000", **which}
    assert client.ask("PUT", "v1/order", **given)["code"] == -2013
    assert [frame["o"]["x"] for frame in stream.heard()] == ["NEW", "CANCELED"]


@pytest.mark.parametrize(
    ("share_bps", "status", "filled"),
    [(10_000, None, "0.01"), (5_000, "CANCELED", "0.005"), (1, "CANCELED", "0.001")],
)
def test_an_order_can_fill_before_it_is_cancelled(
    share_bps: int, status: str | None, filled: str
) -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    number = client.place()["orderId"]
    fault = Fault(kind=FaultKind.FILL_BEFORE_CANCEL, share_bps=share_bps)
    client.venue.set_plan(plan_of(fault))
    answer = client.cancel(number)
    if status is None:
        assert answer["code"] == -2011
    else:
        assert (answer["status"], answer["executedQty"]) == (status, filled)
    fills = [f["o"] for f in stream.heard() if f["e"] == "ORDER_TRADE_UPDATE"]
    assert [(o["x"], o["z"]) for o in fills[:2]] == [("NEW", "0"), ("TRADE", filled)]
    assert client.ask("GET", "v3/positionRisk")[0]["positionAmt"] == filled


def test_a_twist_about_no_order_changes_nothing_more() -> None:
    client = Client(a_venue())
    fills = Fault(kind=FaultKind.FILL_BEFORE_CANCEL, share_bps=5000)
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.AMEND_CANCELS), fills))
    client.place(newClientOrderId="mine")
    before = state(client.venue)
    assert client.cancel(77)["code"] == -2011
    assert client.cancel(0)["code"] == -1102
    request = client.request("DELETE", "v1/order", {"symbol": SYMBOL, "orderId": 77})
    fault = client.venue.foresee(request, NOW)
    nobody = client.venue.handle(evolve(request, headers={}), NOW, fault)
    assert nobody is not None
    assert nobody.status == 401
    assert state(client.venue) == before


# -- at a time -------------------------------------------------------------------------------------


def test_connections_are_cut_by_category_at_their_time() -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    public = client.venue.open("/public/ws", "", "127.0.0.1", NOW)
    assert public is not None
    cut = Fault(kind=FaultKind.DISCONNECT, match=Match(from_ms=50), category="private")
    client.venue.set_plan(plan_of(cut))
    client.venue.tick(NOW + 49)
    assert stream.session.close_code == 0
    client.venue.tick(NOW + 50)
    assert (stream.session.close_code, public.close_code) == (1006, 0)
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.DISCONNECT)))
    client.venue.tick(NOW + 51)
    assert public.close_code == 1006


def test_a_listen_key_runs_out_early() -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.LISTEN_KEY_EXPIRED)))
    client.venue.tick(NOW + 1)
    assert [frame["e"] for frame in stream.heard()] == ["listenKeyExpired"]
    assert client.ask("PUT", "v1/listenKey")["code"] == -1125


def test_another_plan_takes_over_frames_and_requests_at_once() -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    client.venue.set_plan(
        plan_of(Fault(kind=FaultKind.FRAME_LOST), Fault(kind=FaultKind.UNAVAILABLE_503))
    )
    assert client.place()["code"] == -1000
    client.venue.set_plan(plan_of())
    client.place()
    assert len(stream.heard()) == 1
