"""Spot through the same port: its own words and answers, the same guards, limits and protocol."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import spot_endpoints
from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.order_requests import MarketOrder, TimeInForce
from grinder_adapters.binance.outcomes import Accepted, RefusalReason, Refused, Unknown
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import SPOT
from grinder_adapters.binance.spot_orders import read_order, read_orders
from grinder_adapters.transport import HttpAnswer
from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.errors import (
    ConfigError,
    ConnectorError,
    ConnectorNonRetryableError,
    GrinderError,
)
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from tests.adapters.binance.test_writes import FAULTS, SETTLE
from tests.adapters.binance.test_zero_writes import GIVEN
from tests.support.binance_port import (
    AN_ID,
    Desk,
    a_desk,
    a_limit_order,
    a_permission,
    a_stop,
    an_amend,
    at_desk,
    ids,
)
from tests.support.scripted_spot import ScriptedSpot
from tests.support.scripted_venue import KEY, SECRET, Fault, ScriptedVenue, refusal
from tests.support.virtual_time import VirtualClock, run

D = Decimal
SYMBOL = "BTCUSDT"
Act = Callable[[Desk], Awaitable[Any]]


def an_exit(name: str = AN_ID, **changes: Any) -> MarketOrder:
    fields = dict[str, Any](
        client_order_id=name, symbol=SYMBOL, side=Side.SELL, qty=D(1), generation=0
    )
    return MarketOrder(**{**fields, **changes})


# -- what is sent -------------------------------------------------------------------------------


@define(eq=False)
class Wire(ScriptedSpot):
    """Keeps every request as it left: method, address, headers, body."""

    sent_raw: list[tuple[str, str, Mapping[str, str], bytes]] = Factory(list)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        self.sent_raw.append((method, url, headers, body))
        return await ScriptedVenue.request(self, method, url, headers, body, timeout_ms)


def sent_by(act: Act, venue_class: VenueClass = VenueClass.TESTNET) -> Wire:
    """The wire after one act of a desk that may write."""
    clock = VirtualClock()
    wire = Wire(clock)

    async def play() -> None:
        desk = a_desk(clock, venue=wire, venue_class=venue_class, spec=SPOT)
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)
        wire.rest("grinder_test_0_resting00000")
        desk.guard.arm(a_permission(venue_class, port=PortKind.SPOT))
        wire.sent_raw.clear()
        await act(desk)

    run(play(), clock)
    return wire


NAMED = f"newClientOrderId={AN_ID}"
LIMITS = f"quantity=1&price=100&{NAMED}&newOrderRespType=RESULT"


@pytest.mark.parametrize(
    ("act", "method", "path", "said"),
    [
        (
            lambda d: d.port.place(a_limit_order()),
            "POST",
            "order",
            f"symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&{LIMITS}",
        ),
        (
            lambda d: d.port.place(a_limit_order(time_in_force=TimeInForce.GTC, side=Side.SELL)),
            "POST",
            "order",
            f"symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&{LIMITS}",
        ),
        (
            lambda d: d.port.place(a_limit_order(time_in_force=TimeInForce.IOC)),
            "POST",
            "order",
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&{LIMITS}",
        ),
        (
            lambda d: d.port.place_market(an_exit(qty=D("0.0010"))),
            "POST",
            "order",
            f"symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&{NAMED}&newOrderRespType=RESULT",
        ),
        (
            lambda d: d.port.cancel(SYMBOL, "grinder_test_0_resting00000"),
            "DELETE",
            "order",
            "symbol=BTCUSDT&origClientOrderId=grinder_test_0_resting00000",
        ),
        (
            lambda d: d.port.cancel(SYMBOL, "grinder_test_0_resting00000", "1"),
            "DELETE",
            "order",
            "symbol=BTCUSDT&orderId=1",
        ),
        (
            lambda d: d.port.query(SYMBOL, AN_ID),
            "GET",
            "order",
            f"symbol=BTCUSDT&origClientOrderId={AN_ID}",
        ),
        (lambda d: d.port.open_orders(SYMBOL), "GET", "openOrders", "symbol=BTCUSDT"),
        (lambda d: d.port.open_orders(), "GET", "openOrders", ""),
    ],
)
def test_a_request_is_these_bytes_signed_with_the_secret(
    act: Act, method: str, path: str, said: str
) -> None:
    ((sent_method, url, headers, body),) = sent_by(act).sent_raw
    host, _, query = url.partition("?")
    assert (sent_method, host) == (method, f"https://testnet.binance.vision/api/v3/{path}")
    assert headers["X-MBX-APIKEY"] == KEY
    assert bool(body) == (method == "POST")
    payload, _, signature = (query + body.decode()).rpartition("&signature=")
    assert hmac.new(SECRET.encode(), payload.encode(), sha256).hexdigest() == signature
    told, _, stamp = payload.rpartition("&timestamp=")
    assert told == f"{said}&recvWindow=5000".removeprefix("&")
    assert stamp.isdigit()


def test_the_published_example_is_signed_as_published() -> None:
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    parameters = {
        "symbol": "LTCBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "0.1",
        "recvWindow": "5000",
    }
    query = Signer(Secret("key"), Secret(secret)).signed_query(parameters, 1499827319559)
    assert query.endswith(b"c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71")


def test_the_clock_is_asked_for_at_spot_too() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.place(a_limit_order())
        assert {s.path.rsplit("/", 1)[0] for s in desk.venue.requests} == {"/api/v3"}
        assert desk.venue.sent("GET", "time")

    at_desk(scene, spec=SPOT)


# -- guards: I-07.1, I-09.1 ---------------------------------------------------------------------


async def call(endpoint: Endpoint, desk: Desk) -> Any:
    return await desk.client.look(Request(endpoint), lambda body: body)


ACTS: dict[str, Act] = {
    "place": lambda d: d.port.place(a_limit_order()),
    "reduce": lambda d: d.port.place(a_limit_order(reduce_only=True)),
    "sell": lambda d: d.port.place_market(an_exit()),
    "buy": lambda d: d.port.place_market(an_exit(side=Side.BUY)),
    "conditional": lambda d: d.port.place_conditional(a_stop()),
    "amend": lambda d: d.port.amend(an_amend()),
    "cancel": lambda d: d.port.cancel(SYMBOL, AN_ID),
    "cancel_many": lambda d: d.port.cancel_many(SYMBOL, [AN_ID]),
    "cancel_own": lambda d: d.port.cancel_own(SYMBOL),
    "cancel_conditional": lambda d: d.port.cancel_conditional(SYMBOL, AN_ID),
    "arm": lambda d: d.port.arm_countdown(SYMBOL, 1000),
    "perform": lambda d: d.writer.perform(d.port._calls.place(a_limit_order())),
    "post": lambda d: call(spot_endpoints.PLACE, d),
    "exit": lambda d: call(spot_endpoints.EXIT, d),
    "delete": lambda d: call(spot_endpoints.CANCEL, d),
}


@given(
    st.sampled_from(VenueClass),
    GIVEN,
    st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=5),
)
def test_with_a_guard_missing_no_action_writes(
    venue_class: VenueClass, given_guards: dict[str, Any], names: list[str]
) -> None:
    permission = a_permission(venue_class, **{"port": PortKind.SPOT, **given_guards})
    clock = VirtualClock()
    venue = ScriptedSpot(clock)

    async def play() -> None:
        desk = a_desk(clock, venue=venue, venue_class=venue_class, spec=SPOT)
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)
        venue.rest(AN_ID)
        with suppress(ConnectorNonRetryableError):
            desk.guard.arm(permission)
            desk.guard.disarm()
        for name in names:
            with suppress(GrinderError):
                await ACTS[name](desk)

    run(play(), clock)
    assert venue.writes() == []


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_dry_run_calls_nobody(name: str) -> None:
    async def scene(desk: Desk) -> None:
        if name in {"perform", "post", "exit", "delete", "cancel_own"}:
            return  # below the port, or a list that is read
        count = len(desk.venue.requests)
        with suppress(ConnectorNonRetryableError):
            assert await ACTS[name](desk)
        assert len(desk.venue.requests) == count

    at_desk(scene, spec=SPOT, dry_run=True)


@pytest.mark.parametrize("port", [PortKind.FUTURES, PortKind.SPOT, PortKind.SIM])
def test_a_permission_for_futures_is_none_for_spot(port: PortKind) -> None:
    async def scene(desk: Desk) -> None:
        if port is PortKind.FUTURES:
            with pytest.raises(ConfigError, match="must be spot or sim for binance_spot"):
                await desk.port.place(a_limit_order())
            assert desk.venue.writes() == []
        else:
            assert isinstance(await desk.port.place(a_limit_order()), Accepted)

    at_desk(scene, spec=SPOT, permission=a_permission(port=port))


# -- what spot does not have --------------------------------------------------------------------


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("reduce", "reduce_only = True: is nothing that binance_spot"),
        ("buy", "side = .*on binance_spot a purchase leaves no position"),
        ("conditional", "binance_spot has no conditional orders"),
        ("cancel_conditional", "binance_spot has no conditional orders"),
        ("amend", "binance_spot has no amend: cancel the order"),
        ("arm", "binance_spot has no countdown"),
    ],
)
def test_what_spot_does_not_have_is_refused_by_name(name: str, says: str, dry_run: bool) -> None:
    async def scene(desk: Desk) -> None:
        count = len(desk.venue.requests)
        with pytest.raises(ConnectorNonRetryableError, match=says):
            await ACTS[name](desk)
        assert len(desk.venue.requests) == count
        assert desk.port.limits.sent == 0
        assert desk.writer.store.entries == {}

    at_desk(scene, spec=SPOT, dry_run=dry_run)


def test_no_order_waits_at_calls_of_its_own() -> None:
    async def scene(desk: Desk) -> None:
        count = len(desk.venue.requests)
        assert await desk.port.conditional_orders(SYMBOL) == ()
        assert len(desk.venue.requests) == count

    at_desk(scene, spec=SPOT)


# -- exits and limits ---------------------------------------------------------------------------


def test_a_sale_of_what_is_held_is_an_exit_and_a_limit_order_to_sell_is_not() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        exit_order = an_exit(name(), qty=D(10**6))
        outcome = await desk.port.place_market(exit_order)
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.FILLED
        assert outcome.order.executed_qty == 10**6
        assert desk.witness.asked == [(RiskIntent.REDUCE_RISK, SYMBOL)]
        with pytest.raises(ConnectorNonRetryableError, match="max_notional_per_order"):
            await desk.port.place(a_limit_order(name(), side=Side.SELL, qty=D(100)))

    at_desk(scene, spec=SPOT, limits=OrderLimits(max_orders_per_run=0))


def test_an_open_circuit_of_new_orders_stops_no_exit() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        desk.venue.faults.extend([refusal(503, -1008)] * 6)
        for generation in range(2):
            await desk.port.place(a_limit_order(name(), generation=generation))
        now = desk.client.now()
        assert desk.client.breaker.state(Operation.PLACE, now) is CircuitState.OPEN
        assert isinstance(await desk.port.place_market(an_exit(name())), Accepted)

    at_desk(scene, spec=SPOT)


def test_on_mainnet_one_order_is_allowed_and_none_off_the_whitelist() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        with pytest.raises(ConnectorNonRetryableError, match="whitelist"):
            await desk.port.place(a_limit_order(name(), symbol="XRPUSDT"))
        assert isinstance(await desk.port.place(a_limit_order(name())), Accepted)
        with pytest.raises(ConnectorNonRetryableError, match="max_orders_per_run = 1"):
            await desk.port.place(a_limit_order(name(), generation=1))

    at_desk(scene, spec=SPOT, venue_class=VenueClass.MAINNET)


# -- the shared map of errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "msg", "reaction", "reason"),
    [
        (400, -2010, "Account has insufficient balance for requested action.",
         Reaction.STOP_ADDING, RefusalReason.NON_RETRYABLE_ERROR),
        (400, -2010, "Order would immediately match and take.",
         Reaction.RECOMPUTE_PRICE, RefusalReason.NON_RETRYABLE_ERROR),
        (400, -1013, "Filter failure: PRICE_FILTER",
         Reaction.TELL, RefusalReason.NON_RETRYABLE_ERROR),
        (400, -1121, "Invalid symbol.",
         Reaction.DROP_SYMBOL, RefusalReason.NON_RETRYABLE_ERROR),
        (401, -2015, "Invalid API-key, IP, or permissions for action.",
         Reaction.HALT, RefusalReason.NON_RETRYABLE_ERROR),
        (429, -1015, "Too many new orders.",
         Reaction.STOP_ORDERS, RefusalReason.RETRIES_EXHAUSTED),
        (418, -1003, "IP banned until 9999999999999.",
         Reaction.STOP_ALL, RefusalReason.NON_RETRYABLE_ERROR),
    ],
)  # fmt: skip
def test_a_refusal_means_what_it_means_everywhere(
    status: int, code: int, msg: str, reaction: Reaction, reason: RefusalReason
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(status, code, msg))
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Refused)
        assert (outcome.reaction, outcome.reason) == (reaction, reason)
        assert len(desk.venue.sent("POST", "order")) == 1
        assert desk.port.limits.open_ids == set()

    at_desk(scene, spec=SPOT)


def test_a_clock_that_went_wrong_is_set_and_the_order_sent_again() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.skew_ms = 30_000
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 2
        assert desk.venue.accepted[AN_ID] == 1

    at_desk(scene, spec=SPOT)


# -- at most one effect: LIVE-04 ----------------------------------------------------------------


@given(
    st.lists(FAULTS, max_size=6),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=3),
    st.integers(0, SETTLE - 1),
    st.booleans(),
    st.booleans(),
)
def test_one_intent_makes_at_most_one_order(
    faults: list[Fault], starts: list[int], read_lag_ms: int, fills_at_once: bool, is_exit: bool
) -> None:
    venues: list[ScriptedVenue] = []

    async def order(desk: Desk, start_ms: int) -> Any:
        await asyncio.sleep(start_ms / 1000)
        if is_exit:
            return await desk.port.place_market(an_exit())
        return await desk.port.place(a_limit_order())

    async def scene(desk: Desk) -> list[Any]:
        venues.append(desk.venue)
        desk.venue.faults, desk.venue.read_lag_ms = deque(faults), read_lag_ms
        desk.venue.fills_at_once = fills_at_once
        outcomes = await asyncio.gather(*[order(desk, start) for start in starts])
        await asyncio.sleep(30)  # the last late request arrives
        return outcomes

    outcomes = at_desk(scene, spec=SPOT)
    accepted = venues[0].accepted[AN_ID]
    assert accepted <= 1
    assert accepted == 1 or not any(isinstance(o, Accepted) for o in outcomes)
    if all(isinstance(o, Refused) and o.reason != "IDEMPOTENCY_CONFLICT" for o in outcomes):
        assert accepted == 0


@given(st.lists(FAULTS, max_size=4), st.integers(0, SETTLE - 1))
def test_an_accepted_cancel_holds_and_none_bars_the_next(
    faults: list[Fault], read_lag_ms: int
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        await asyncio.sleep(10)
        desk.venue.faults, desk.venue.read_lag_ms = deque(faults), read_lag_ms
        first = await desk.port.cancel(SYMBOL, AN_ID)
        assert not isinstance(first, Accepted) or desk.venue.order(AN_ID)["status"] == "CANCELED"
        desk.venue.faults.clear()
        await asyncio.sleep(120)  # breakers and stops are over
        second = await desk.port.cancel(SYMBOL, AN_ID)
        assert isinstance(second, Accepted)
        assert second.order.view.state is OrderState.CANCELLED

    at_desk(scene, spec=SPOT)


def test_a_lost_answer_is_looked_up_by_the_client_id_at_spot() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(loses=True))
        assert isinstance(await desk.port.place(a_limit_order()), Accepted)
        (asked,) = desk.venue.sent("GET", "order")
        assert asked.path == "/api/v3/order"
        assert asked.parameters["origClientOrderId"] == AN_ID

    at_desk(scene, spec=SPOT)


def test_a_duplicate_id_adopts_the_order_that_is_there() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.order.order_id == "1"
        assert desk.venue.accepted[AN_ID] == 1

    at_desk(scene, spec=SPOT)


def test_an_answer_that_shows_no_state_proves_nothing() -> None:
    async def scene(desk: Desk) -> None:
        acknowledged = json.dumps({"symbol": SYMBOL, "orderId": 1, "clientOrderId": AN_ID})
        desk.venue.faults.append(Fault(answer=(200, acknowledged)))
        assert isinstance(await desk.port.place(a_limit_order()), Accepted)
        assert len(desk.venue.sent("GET", "order")) == 1

    at_desk(scene, spec=SPOT)


def test_an_intent_of_spot_is_none_of_futures() -> None:
    async def key(desk: Desk) -> str:
        return desk.port._calls.place(a_limit_order()).intent.key

    assert at_desk(key, spec=SPOT).startswith("binance_spot:place:")
    assert at_desk(key).startswith("binance_usdm:place:")


# -- cancel-all and answers ---------------------------------------------------------------------


@given(st.lists(st.booleans(), max_size=12))
def test_cancel_all_ends_orders_of_ours_one_by_one_and_no_foreign_one(ours: list[bool]) -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        labels = [name() if is_ours else f"web_{n}" for n, is_ours in enumerate(ours)]
        for label in labels:
            desk.venue.rest(label)
        outcomes = await desk.port.cancel_own(SYMBOL)
        assert all(isinstance(o, Accepted) and o.is_final for o in outcomes)
        for label, is_ours in zip(labels, ours, strict=True):
            assert (desk.venue.order(label)["status"] == "CANCELED") == is_ours
        assert len(desk.venue.writes()) == len(desk.venue.sent("DELETE", "order")) == sum(ours)

    at_desk(scene, spec=SPOT)


def test_orders_are_listed_and_found() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID, type="LIMIT_MAKER")
        (order,) = await desk.port.open_orders(SYMBOL)
        assert (order.client_order_id, order.status) == (AN_ID, OrderState.OPEN)
        assert (order.order_type, order.reduce_only, order.avg_price) == (
            "LIMIT_MAKER",
            False,
            None,
        )
        assert await desk.port.query(SYMBOL, AN_ID) == order
        assert await desk.port.query(SYMBOL, "grinder_test_0_000000000000") is None

    at_desk(scene, spec=SPOT)


def test_a_cancels_own_id_is_not_taken_for_the_orders() -> None:
    answer = {
        "symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
        "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, "price": "2.00000000",
        "origQty": "1.00000000", "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "selfTradePreventionMode": "NONE",
    }  # fmt: skip
    order = read_order(json.dumps(answer).encode())
    assert (order.client_order_id, order.status) == ("myOrder1", OrderState.CANCELLED)
    assert (order.update_ts, order.created_ts) == (1684804350068, None)
    listed = {**answer, "updateTime": 5, "time": 3}
    del listed["origClientOrderId"], listed["transactTime"]
    (order,) = read_orders(json.dumps([listed]).encode())
    assert (order.client_order_id, order.update_ts, order.created_ts) == ("cancelMyOrder1", 5, 3)


@pytest.mark.parametrize("body", ["{}", "[]", "x", '{"symbol":"A","orderId":1}'])
def test_a_body_that_is_no_order_is_an_error(body: str) -> None:
    with pytest.raises(ConnectorError, match="order"):
        read_order(body.encode())


def test_who_cannot_be_asked_leaves_the_outcome_unknown() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(arrives=False))
        desk.venue.read_faults.extend([refusal(502, None)] * 30)
        assert isinstance(await desk.port.place(a_limit_order()), Unknown)

    at_desk(scene, spec=SPOT)
