"""Requests are admitted, signed, sent, judged and counted (LIVE-03, 05, 09, 11)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_order, read_server_time
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_core.errors import (
    CircuitOpenError,
    ConfigError,
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    GovernorDroppedError,
    RateLimitError,
)
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from grinder_core.resilience.budget import BudgetSettings, BudgetWindow, RequestClass
from grinder_core.resilience.retry import RetryPolicy
from grinder_core.resilience.weights import request_cost
from tests.support.binance_port import AN_ID, Desk, a_desk, at_desk
from tests.support.scripted_venue import KEY, SECRET, Fault, ScriptedVenue, refusal
from tests.support.virtual_time import START_MS, VirtualClock, run

TIME = Request(endpoints.TIME)
QUERY = Request(endpoints.QUERY, {"symbol": "BTCUSDT", "origClientOrderId": AN_ID})
RULES = Request(endpoints.EXCHANGE_INFO)


def raw(body: bytes) -> bytes:
    return body


def test_a_read_is_signed_stamped_with_the_venues_time_and_sent_in_the_query() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.skew_ms = 700
        await desk.client.venue_clock.sync()
        await desk.client.read(QUERY, read_order)
        sent = desk.venue.requests[-1]
        names = ["symbol", "origClientOrderId", "recvWindow", "timestamp", "signature"]
        assert list(sent.parameters) == names
        assert sent.parameters["timestamp"] == str(desk.clock.now_ms() + 700)
        assert sent.parameters["recvWindow"] == "5000"

    at_desk(scene)


def test_a_public_call_carries_neither_key_nor_signature() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET depth"] = "{}"
        request = Request(endpoints.DEPTH, {"symbol": "BTCUSDT", "limit": "1000"})
        await desk.client.read(request, raw)
        assert desk.venue.requests[-1].parameters == {"symbol": "BTCUSDT", "limit": "1000"}

    at_desk(scene)


def test_a_private_call_needs_a_key_pair_and_the_venues_time() -> None:
    async def scene() -> None:
        clock = VirtualClock()
        venue = ScriptedVenue(clock)
        client = RestClient(WriteGuard(venue, "http://127.0.0.1"), clock, no_sleep)
        with pytest.raises(ConfigError, match="BINANCE_API_KEY"):
            await client.read(QUERY, read_order)
        with pytest.raises(ContractError, match="sync the clock first"):
            await a_desk(clock, venue=venue).client.read(QUERY, read_order)
        assert venue.requests == []

    run(scene())


async def no_sleep(_seconds: float) -> None:
    raise AssertionError("nothing is to be waited for")


# -- retries of reads ---------------------------------------------------------------------------


def test_a_read_is_tried_three_times_with_growing_waits() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.extend([refusal(502, None)] * 3)
        began = desk.clock.now_ms()
        with pytest.raises(ConnectorTransientError) as caught:
            await desk.client.read(QUERY, read_order)
        assert [s.ms - began for s in desk.venue.sent("GET", "order")] == [0, 100, 300]
        assert caught.value.__notes__ == ["3 attempts, 300 ms of waiting"]
        assert desk.client.stats.retries == {("query", "transient"): 2}

    at_desk(scene)


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        (Fault(loses=True), ConnectorTimeoutError, "timeout"),
        (Fault(breaks=True), ConnectorTransientError, "transient"),
        (Fault(is_made=False), ConnectionNotMadeError, "transient"),
        (refusal(503, None, "Service Unavailable."), ConnectorTransientError, "transient"),
        (refusal(400, -1001), ConnectorTransientError, "transient"),
        (Fault(answer=(200, "not json")), ConnectorTransientError, "transient"),
        (Fault(answer=(200, "{}")), ConnectorTransientError, "transient"),
    ],
)
def test_a_passing_failure_is_retried(fault: Fault, error: type[Exception], reason: str) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.read_faults.append(fault)
        answer = await desk.client.read(QUERY, read_order)
        assert answer.client_order_id == AN_ID
        assert desk.client.stats.retries == {("query", reason): 1}
        desk.venue.read_faults.append(fault)
        failed = await desk.client.look(QUERY, read_order)
        assert isinstance(failed, Failed)
        assert type(failed.error) is error

    at_desk(scene)


@pytest.mark.parametrize("fault", [refusal(400, -1102), refusal(401, -2015), refusal(404, None)])
def test_a_refusal_is_not_retried(fault: Fault) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.append(fault)
        with pytest.raises(ConnectorNonRetryableError):
            await desk.client.read(QUERY, read_order)
        assert len(desk.venue.sent("GET", "order")) == 1

    at_desk(scene)


def test_a_wait_that_is_longer_than_allowed_ends_the_call() -> None:
    async def scene(desk: Desk) -> None:
        long = {"retry-after": "6"}
        desk.venue.read_faults.append(refusal(503, None, "Service Unavailable.", **long))
        with pytest.raises(ConnectorTransientError):
            await desk.client.read(QUERY, read_order)
        assert len(desk.venue.sent("GET", "order")) == 1

    at_desk(scene)


def test_what_is_not_there_is_no_error_where_it_may_be_missing() -> None:
    async def scene(desk: Desk) -> None:
        assert await desk.client.find(QUERY, read_order) is None
        with pytest.raises(ConnectorNonRetryableError):
            await desk.client.read(QUERY, read_order)
        desk.venue.read_faults.append(refusal(400, -1102))
        with pytest.raises(ConnectorNonRetryableError):
            await desk.client.find(QUERY, read_order)

    at_desk(scene)


# -- the clock ----------------------------------------------------------------------------------


def test_a_wrong_time_is_measured_again_and_the_request_sent_once_more() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.skew_ms = 20_000
        answer = await desk.client.read(QUERY, read_order)
        assert answer.client_order_id == AN_ID
        assert desk.client.venue_clock.skew_ms == 20_000
        assert len(desk.venue.sent("GET", "order")) == 2

    at_desk(scene)


def test_a_time_that_stays_wrong_ends_the_call() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.extend([refusal(400, -1021)] * 5)
        with pytest.raises(ConnectorTransientError, match="-1021"):
            await desk.client.read(QUERY, read_order)
        assert len(desk.venue.sent("GET", "order")) == 2

    at_desk(scene)


# -- breaker and budget -------------------------------------------------------------------------


def test_five_failures_open_the_circuit_and_nothing_reaches_the_network() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.extend([Fault(breaks=True)] * 5)
        for _ in range(5):
            assert isinstance(await desk.client.look(QUERY, read_order), Failed)
        count = len(desk.venue.requests)
        with pytest.raises(CircuitOpenError):
            await desk.client.look(QUERY, read_order)
        assert len(desk.venue.requests) == count
        await desk.client.look(TIME, read_server_time)  # another operation

        await desk.client.sleep(30)
        desk.venue.rest(AN_ID)
        await desk.client.look(QUERY, read_order)
        assert desk.client.breaker.state(Operation.QUERY, desk.client.now()) is CircuitState.CLOSED

    at_desk(scene)


def test_refusals_do_not_open_the_circuit() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.extend([refusal(400, -1102)] * 20)
        for _ in range(20):
            assert isinstance(await desk.client.look(QUERY, read_order), Failed)
        now = desk.client.now()
        assert desk.client.breaker.circuits["query"].failures == 0
        assert desk.client.breaker.state(Operation.QUERY, now) is CircuitState.CLOSED

    at_desk(scene)


MINUTE = 60_000
LONG = {"retry-after": "7"}


@pytest.mark.parametrize(
    ("fault", "silence_ms"),
    [
        (refusal(429, -1003), None),
        (refusal(429, -1003, **LONG), 7_000),
        (refusal(400, -1003), None),
        (refusal(418, None, "teapot"), 300_000),
        (refusal(418, None, "teapot", **LONG), 7_000),
        (refusal(418, -1003, f"IP banned until {START_MS + 61_000 + 90_000}."), 90_000),
        (refusal(418, -1003, f"IP banned until {START_MS + 61_000 + 5_000}.", **LONG), 7_000),
    ],
)
def test_a_demand_for_silence_stops_every_request_until_its_end(
    fault: Fault, silence_ms: int | None
) -> None:
    async def scene(desk: Desk) -> None:
        client, now = desk.client, desk.clock.now_ms()
        wait = silence_ms or MINUTE - now % MINUTE
        desk.venue.read_faults.append(fault)
        assert isinstance(await client.look(QUERY, read_order), Failed)
        count = len(desk.venue.requests)
        await client.sleep((wait - 1) / 1000)
        for request in (QUERY, TIME, RULES, Request(endpoints.CANCEL), Request(endpoints.PLACE)):
            with pytest.raises((CircuitOpenError, RateLimitError)):
                await client.look(request, raw)
        assert len(desk.venue.requests) == count
        assert client.budget.is_stopped(client.now())
        await client.sleep(0.001)
        await client.look(TIME, read_server_time)
        assert len(desk.venue.requests) == count + 1

    at_desk(scene)


def test_too_many_orders_stop_orders_alone() -> None:
    async def scene(desk: Desk) -> None:
        ticket = desk.client.admit(Request(endpoints.PLACE))
        desk.venue.faults.append(refusal(400, -1015))
        await desk.client.send(Request(endpoints.PLACE), ticket, raw)
        with pytest.raises(RateLimitError, match="ORDERS_STOPPED"):
            await desk.client.look(Request(endpoints.PLACE), raw)
        desk.venue.rest(AN_ID)
        await desk.client.read(QUERY, read_order)
        desk.venue.faults.append(refusal(200, None, "gone"))
        await desk.client.look(Request(endpoints.CANCEL), raw)
        assert desk.client.stats.rate_limit_hits == {"-1015": 1}

    at_desk(scene)


def test_the_budget_refuses_before_anything_is_sent() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.used_weight = 2_200
        await desk.client.look(TIME, read_server_time)
        count = len(desk.venue.requests)
        for _ in range(3):
            with pytest.raises(RateLimitError, match="HARD_LIMIT"):
                await desk.client.look(QUERY, read_order)
        assert len(desk.venue.requests) == count

    at_desk(scene)


def test_a_probe_that_was_not_sent_leaves_room_for_the_next() -> None:
    async def scene(desk: Desk) -> None:
        client = desk.client
        desk.venue.rest(AN_ID)
        desk.venue.read_faults.extend([Fault(breaks=True)] * 5)
        for _ in range(5):
            await client.look(QUERY, read_order)
        await client.sleep(30)  # half open: one probe
        client.budget.stop(client.now() + 5_000, client.now())
        with pytest.raises(RateLimitError):
            await client.look(QUERY, read_order)
        await client.sleep(5)
        assert not isinstance(await client.look(QUERY, read_order), Failed)

    at_desk(scene)


SMALL = BudgetSettings(orders_10s_limit=40, orders_1m_limit=60, weight_1m_limit=300)
BURSTS = st.lists(
    st.tuples(
        st.sampled_from(["PLACE", "PLACE_REDUCE", "CANCEL", "POSITIONS", "DEPTH"]),
        st.integers(1, 60),
        st.integers(0, 15_000),
    ),
    min_size=1,
    max_size=8,
)


@given(BURSTS)
def test_no_window_ever_holds_more_than_the_hard_limit(bursts: list[tuple[str, int, int]]) -> None:
    """I-11.1 and I-11.3, counted where the requests arrive."""

    async def scene(desk: Desk) -> None:
        for kind, count, pause_ms in bursts:
            request = Request(getattr(endpoints, kind))
            for _ in range(count):
                desk.venue.faults.append(refusal(400, -1102))
                desk.venue.read_faults.append(refusal(400, -1102))
                try:
                    await desk.client.look(request, raw)
                except RateLimitError:
                    assert kind not in {"CANCEL", "PLACE_REDUCE"} or uses_beyond_soft(desk)
                desk.venue.faults.clear()
                desk.venue.read_faults.clear()
            await desk.client.sleep(pause_ms / 1000)
        sent = [(s.ms, request_cost(s.method, s.path, s.parameters)) for s in desk.venue.requests]
        for length, limit, part in (
            (10_000, 36, "orders_10s"),
            (60_000, 54, "orders_1m"),
            (60_000, 270, "weight_1m"),
        ):
            for end, _ in sent:
                window = [getattr(cost, part) for ms, cost in sent if end - length < ms <= end]
                assert sum(window) <= limit

    at_desk(scene, budget=SMALL)


def uses_beyond_soft(desk: Desk) -> bool:
    return desk.client.budget.rate_budget_low(desk.client.now())


@given(st.integers(2, 1_600), st.integers(0, 250), st.integers(0, 800))
def test_the_venues_own_counts_are_taken_from_every_answer(
    weight: int, orders_10s: int, orders_1m: int
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.used_weight = weight
        headers = {
            "x-mbx-order-count-10s": str(orders_10s),
            "x-mbx-order-count-1m": str(orders_1m),
        }
        desk.venue.read_faults.append(evolve(refusal(400, -1102), headers=headers))
        await desk.client.look(QUERY, read_order)
        now = desk.client.now()
        uses = {w: use.total.at(now) for w, use in desk.client.budget.uses.items()}
        assert uses == {
            BudgetWindow.WEIGHT_1M: weight,
            BudgetWindow.ORDERS_10S: orders_10s,
            BudgetWindow.ORDERS_1M: orders_1m,
        }

    at_desk(scene)


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.5", "9" * 12])
def test_a_header_that_is_no_count_is_ignored(text: str) -> None:
    async def scene(desk: Desk) -> None:
        headers = {"x-mbx-order-count-1m": text, "retry-after": text}
        desk.venue.read_faults.append(
            evolve(refusal(503, None, "Service Unavailable."), headers=headers)
        )
        failed = await desk.client.look(QUERY, read_order)
        assert isinstance(failed, Failed)
        assert failed.failure.retry_after_ms is None
        assert desk.client.budget.uses[BudgetWindow.ORDERS_1M].total.at(desk.client.now()) == 0

    at_desk(scene)


ALL = [e for e in vars(endpoints).values() if isinstance(e, Endpoint)]


@pytest.mark.parametrize("endpoint", ALL, ids=lambda e: f"{e.method} {e.path} {e.circuit}")
def test_every_call_has_the_circuit_and_the_class_that_fit_it(endpoint: Endpoint) -> None:
    circuit, purpose = endpoint.circuit, endpoint.purpose
    protective = {
        Operation.CANCEL: RequestClass.CANCEL,
        Operation.REDUCE: RequestClass.REDUCE,
        Operation.PLACE: RequestClass.NEW_RISK,
        Operation.AMEND: RequestClass.NEW_RISK,
        Operation.LISTEN_KEY: RequestClass.CRITICAL,
    }
    if circuit in protective:
        assert purpose is protective[circuit]
    else:
        assert purpose in {RequestClass.CRITICAL, RequestClass.BACKGROUND, RequestClass.NEW_RISK}
    is_order = endpoint.method != "GET" and endpoint.circuit is not Operation.LISTEN_KEY
    if is_order:  # nothing that may have an effect is classified as a read
        assert endpoint.op not in {"query", "snapshot", "listen_key", "connect"}


# -- background ---------------------------------------------------------------------------------


def test_background_requests_wait_for_their_share() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET commissionRate"] = "{}"
        request = Request(endpoints.COMMISSION, {"symbol": "BTCUSDT"})
        began = desk.clock.now_ms()
        for _ in range(10):
            await desk.client.read(request, raw)
        times = [sent.ms - began for sent in desk.venue.sent("GET", "commissionRate")]
        # a burst of 80 weight, then 400 a minute: 20 every 3 s
        assert times == [0, 0, 0, 0, 3_000, 6_000, 9_000, 12_000, 15_000, 18_000]

    at_desk(scene)


def test_a_background_request_that_can_never_go_is_refused() -> None:
    async def scene(desk: Desk) -> None:
        heavy = evolve(endpoints.COMMISSION, path="/fapi/v1/historicalTrades")
        with pytest.raises(GovernorDroppedError):
            await desk.client.read(Request(heavy), raw)

    at_desk(scene)


# -- closing, secrets ---------------------------------------------------------------------------


def test_a_closed_client_sends_nothing() -> None:
    async def scene(desk: Desk) -> None:
        count = len(desk.venue.requests)
        await desk.client.close()
        with pytest.raises(ConnectorClosedError):
            await desk.client.read(QUERY, read_order)
        assert len(desk.venue.requests) == count

    at_desk(scene)


ECHOES = st.sampled_from(
    [
        "signature=<SIG>&x",
        '"signature":"<SIG>"',
        "GET /fapi/v1/order?timestamp=1&signature=<SIG> HTTP/1.1",
        "X-MBX-APIKEY: <KEY>",
        "listenKey=<SIG>",
        '{"listenKey": "<SIG>"}',
    ]
)
SIG = "ab12" * 16


@given(
    st.lists(ECHOES, min_size=1, max_size=4),
    st.sampled_from([200, 400, 403, 500, 503]),
    st.booleans(),
)
def test_what_a_venue_echoes_never_shows_a_secret(
    echoes: list[str], status: int, is_json: bool
) -> None:
    page = " ".join(echoes).replace("<SIG>", SIG).replace("<KEY>", KEY)

    async def scene(desk: Desk) -> None:
        body: Any = json.dumps({"code": -1, "msg": page}) if is_json else page
        desk.venue.read_faults.append(Fault(answer=(status, body)))
        failed = await desk.client.look(QUERY, read_order)
        assert isinstance(failed, Failed)
        shown = f"{failed!r} {failed.error} {failed.error!r} {failed.error.__dict__}"
        assert SIG not in shown
        assert KEY not in shown
        assert SECRET not in shown

    at_desk(scene)


def test_the_policy_of_retries_is_the_callers() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.read_faults.append(refusal(502, None))
        with pytest.raises(ConnectorError):
            await desk.client.read(QUERY, read_order)
        assert len(desk.venue.sent("GET", "order")) == 1

    at_desk(scene, retry=RetryPolicy(max_attempts=1))


FEES = Request(endpoints.COMMISSION, {"symbol": "BTCUSDT"})


def test_who_waits_in_the_background_fails_when_the_venue_wants_silence() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET commissionRate"] = "{}"
        reads = [asyncio.create_task(desk.client.read(FEES, raw)) for _ in range(6)]
        await asyncio.sleep(1)
        desk.venue.read_faults.append(refusal(429, -1003))
        await desk.client.look(QUERY, read_order)
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert results[:4] == [b"{}"] * 4
        assert all(isinstance(result, RateLimitError) for result in results[4:])
        assert len(desk.venue.sent("GET", "commissionRate")) == 4

    at_desk(scene)


@pytest.mark.parametrize("at_ms", [1_000, 3_000])
def test_who_leaves_the_queue_makes_room_for_those_behind(at_ms: int) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET commissionRate"] = "{}"
        began = desk.clock.now_ms()
        reads = [asyncio.create_task(desk.client.read(FEES, raw)) for _ in range(6)]
        await asyncio.sleep(at_ms / 1000)  # at 3 s its turn has come just now
        reads[4].cancel()
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert results[5] == b"{}"
        assert desk.clock.now_ms() - began <= 6_000
        governor = desk.client._background.governor
        assert not governor.in_flight
        assert not governor.queue
        await desk.client.read(FEES, raw)

    at_desk(scene)
