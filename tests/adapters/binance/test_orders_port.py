"""The port's own limits, its calls and what it makes of the answers (LIVE-09, LIVE-10)."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import usdm_orders
from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.exchange_rules import load_exchange_info, load_rules
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder, TimeInForce
from grinder_adapters.binance.outcomes import Accepted, Refused
from grinder_adapters.binance.permission import PortKind
from grinder_core.contracts.enums import OrderState, RiskIntent, Side
from grinder_core.errors import (
    ConfigError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTransientError,
    ContractError,
)
from grinder_core.resilience.budget import BudgetWindow
from tests.support.binance_port import (
    AN_ID,
    Desk,
    a_limit_order,
    a_permission,
    a_stop,
    an_amend,
    an_order_event,
    at_desk,
    ids,
)
from tests.support.scripted_venue import Fault, refusal

MAINNET = VenueClass.MAINNET


def a_market_order(name: str = AN_ID, **changes: Any) -> MarketOrder:
    fields = dict[str, Any](
        client_order_id=name, symbol="BTCUSDT", side=Side.SELL, qty=Decimal(1), generation=0
    )
    return MarketOrder(**{**fields, **changes})


# -- what is sent -------------------------------------------------------------------------------


def test_a_grid_order_is_post_only_and_its_numbers_are_plain() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.place(a_limit_order(price=Decimal("1E+3"), qty=Decimal("0.0010")))
        sent = dict(desk.venue.writes()[0].parameters)
        for name in ("timestamp", "signature", "recvWindow"):
            del sent[name]
        assert sent == {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTX",
            "quantity": "0.001",
            "price": "1000",
            "newClientOrderId": AN_ID,
        }

    at_desk(scene, permission=a_permission(max_notional_per_order=None))


@pytest.mark.parametrize("tif", TimeInForce)
@pytest.mark.parametrize("reduce_only", [False, True])
def test_what_may_take_names_its_self_trade_mode(tif: TimeInForce, reduce_only: bool) -> None:
    order = a_limit_order(time_in_force=tif, reduce_only=reduce_only)
    parameters = usdm_orders.limit(order).parameters
    assert parameters.get("selfTradePreventionMode") == (
        None if tif is TimeInForce.GTX else "EXPIRE_MAKER"
    )
    assert parameters.get("newOrderRespType") == (
        "RESULT" if tif in {TimeInForce.IOC, TimeInForce.FOK} else None
    )
    assert parameters.get("reduceOnly") == ("true" if reduce_only else None)


def test_an_exit_at_the_market_only_reduces_and_waits_for_its_end() -> None:
    async def scene(desk: Desk) -> None:
        outcome = await desk.port.place_market(a_market_order())
        assert isinstance(outcome, Accepted)
        assert outcome.is_final
        sent = desk.venue.writes()[0].parameters
        assert (sent["type"], sent["reduceOnly"]) == ("MARKET", "true")
        assert sent["newOrderRespType"] == "RESULT"
        assert "price" not in sent
        assert desk.witness.asked == [(RiskIntent.REDUCE_RISK, "BTCUSDT")]

    at_desk(scene)


@pytest.mark.parametrize(
    ("order_id", "reduce_only", "named"),
    [(None, False, {"origClientOrderId": AN_ID}), ("1", True, {"orderId": "1"})],
)
def test_an_amend_sends_price_and_quantity_and_ties_itself_to_its_event(
    order_id: str | None, reduce_only: bool, named: dict[str, str]
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        amend = an_amend(order_id=order_id, reduce_only=reduce_only, amend_no=3)
        outcome = await desk.port.amend(amend)
        assert isinstance(outcome, Accepted)
        sent = desk.venue.sent("PUT", "order")[0].parameters
        assert (sent["price"], sent["quantity"], sent["modifyId"]) == ("101", "2", "3")
        assert named.items() <= sent.items()
        assert sent.get("reduceOnly") == ("true" if reduce_only else None)

    at_desk(scene)


def test_an_amend_that_cancelled_its_order_shows_it() -> None:
    async def scene(desk: Desk) -> None:
        order = desk.venue.rest(AN_ID)
        gone = json.dumps({**order, "status": "CANCELED"})
        desk.venue.faults.append(Fault(answer=(200, gone)))
        outcome = await desk.port.amend(an_amend())
        assert isinstance(outcome, Accepted)
        assert outcome.is_final
        assert outcome.order.view.state is OrderState.CANCELLED

    at_desk(scene)


def test_an_amend_that_is_not_needed_is_as_good_as_done() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID, price="101", quantity="2")
        outcome = await desk.port.amend(an_amend())
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.price == 101

    at_desk(scene)


def test_an_order_takes_no_more_amends_than_the_venue_allows() -> None:
    async def scene(desk: Desk) -> None:
        with pytest.raises(ContractError, match=r"amend_no = 10000.*cancel the order"):
            await desk.port.amend(an_amend(amend_no=10_000))
        desk.venue.rest(AN_ID)
        assert isinstance(await desk.port.amend(an_amend(amend_no=9_999)), Accepted)

    at_desk(scene)


# -- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "btc"},
        {"price": Decimal(0)},
        {"qty": Decimal(0)},
        {"level_id": -1},
        {"generation": -1},
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match=next(iter(changes))):
        a_limit_order(**changes)


def test_an_amend_must_change_something() -> None:
    with pytest.raises(ContractError, match="must differ"):
        an_amend(price=Decimal(100), qty=Decimal(1))


@pytest.mark.parametrize("name", ["", "foreign", "x" * 37, "grinder_other_0_0loyw3v28000"])
def test_only_ids_of_ours_are_sent(name: str) -> None:
    async def scene(desk: Desk) -> None:
        calls = [
            desk.port.place(a_limit_order(name)),
            desk.port.place_market(a_market_order(name)),
            desk.port.place_conditional(a_stop(name)),
            desk.port.amend(an_amend(name)),
            desk.port.cancel("BTCUSDT", name),
            desk.port.cancel_conditional("BTCUSDT", name),
            desk.port.cancel_many("BTCUSDT", [AN_ID, name]),
        ]
        for call in calls:
            with pytest.raises(ContractError, match="client_order_id"):
                await call
        assert desk.venue.writes() == []

    at_desk(scene)


# -- the port's own limits: I-09.2 --------------------------------------------------------------

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
        st.integers(1, 30),
        st.booleans(),
        st.sampled_from(["place", "amend"]),
        st.booleans(),
    ),
    max_size=8,
)


@given(
    ORDERS,
    st.sampled_from([(), ("BTCUSDT",), ("BTCUSDT", "ETHUSDT")]),
    st.none() | st.integers(100, 2500),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 3),
)
def test_no_order_leaves_beyond_whitelist_size_or_numbers(
    orders: list[tuple[str, int, bool, str, bool]],
    whitelist: tuple[str, ...],
    cap: int | None,
    per_run: int | None,
    at_once: int | None,
) -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        for number, (symbol, qty, reduce_only, kind, fills) in enumerate(orders):
            fields: dict[str, Any] = {
                "symbol": symbol,
                "qty": Decimal(qty),
                "reduce_only": reduce_only,
            }
            own = name()
            desk.venue.fills_at_once = fills
            try:
                if kind == "place":
                    await desk.port.place(a_limit_order(own, generation=number, **fields))
                    if fills and own in desk.venue.history:
                        desk.port.on_order_event(an_order_event(desk.venue.order(own)))
                else:
                    desk.venue.rest(own, symbol=symbol)
                    await desk.port.amend(an_amend(own, **fields))
            except ConnectorNonRetryableError:
                pass
        risky = [s.parameters for s in desk.venue.writes() if "reduceOnly" not in s.parameters]
        for sent in desk.venue.writes():
            assert not whitelist or sent.parameters["symbol"] in whitelist
        for p in risky:
            assert cap is None or Decimal(p["price"]) * Decimal(p["quantity"]) <= cap
        placed = [p for p in risky if "newClientOrderId" in p]
        assert per_run is None or len(placed) <= per_run
        resting = [p for p in placed if desk.venue.order(p["newClientOrderId"])["status"] == "NEW"]
        assert at_once is None or len(resting) <= at_once

    permission = a_permission(
        symbol_whitelist=whitelist, max_notional_per_order=None if cap is None else Decimal(cap)
    )
    limits = OrderLimits(max_orders_per_run=per_run, max_open_orders=at_once)
    at_desk(scene, permission=permission, limits=limits)


def test_on_mainnet_one_order_is_allowed_unless_more_are_asked_for() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        assert isinstance(await desk.port.place(a_limit_order(name())), Accepted)
        with pytest.raises(ConnectorNonRetryableError, match="max_orders_per_run = 1"):
            await desk.port.place(a_limit_order(name(), generation=1))
        desk.port.limits.reset()
        with pytest.raises(ConnectorNonRetryableError, match="max_open_orders = 1"):
            await desk.port.place(a_limit_order(name(), generation=1))
        exit_order = a_limit_order(name(), generation=2, reduce_only=True, qty=Decimal(10**6))
        assert isinstance(await desk.port.place(exit_order), Accepted)
        assert isinstance(await desk.port.place_market(a_market_order(name())), Accepted)
        await desk.port.cancel("BTCUSDT", next(iter(desk.port.limits.open_ids)))
        assert isinstance(await desk.port.place(a_limit_order(name(), generation=3)), Accepted)

    at_desk(scene, venue_class=MAINNET)


def test_elsewhere_orders_are_not_counted_out() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        for generation in range(5):
            order = a_limit_order(name(), generation=generation)
            assert isinstance(await desk.port.place(order), Accepted)

    at_desk(scene, venue_class=VenueClass.TESTNET)


@pytest.mark.parametrize("is_order", [True, False])
def test_a_refused_order_frees_its_place_and_its_number_only_if_it_was_none(is_order: bool) -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        if is_order:
            desk.venue.faults.append(refusal(400, -2019))
        else:
            desk.witness.reason = "STANDBY"
        assert isinstance(await desk.port.place(a_limit_order(name())), Refused)
        desk.witness.reason = ""
        assert desk.port.limits.open_ids == set()
        assert desk.port.limits.sent == int(is_order)

    at_desk(scene)


def test_the_cap_is_inclusive_and_exact() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        assert isinstance(await desk.port.place(a_limit_order(name(), qty=Decimal(10))), Accepted)
        over = a_limit_order(name(), generation=1, qty=Decimal("10.00000001"))
        with pytest.raises(ConnectorNonRetryableError, match="max_notional_per_order 1000"):
            await desk.port.place(over)

    at_desk(scene)


def test_what_rests_on_a_symbol_that_left_the_whitelist_can_be_cancelled() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID, symbol="XRPUSDT")
        assert isinstance(await desk.port.cancel("XRPUSDT", AN_ID), Accepted)

    at_desk(scene)


def test_this_port_is_not_for_spot() -> None:
    async def scene(desk: Desk) -> None:
        with pytest.raises(ConfigError, match="must be futures or sim for binance_usdm"):
            await desk.port.place(a_limit_order())

    at_desk(scene, permission=a_permission(port=PortKind.SPOT))


# -- cancel-all ---------------------------------------------------------------------------------


def a_conditional(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "algoId": 9,
        "clientAlgoId": name,
        "orderType": "STOP_MARKET",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "1",
        "algoStatus": "NEW",
        "triggerPrice": "90",
        "closePosition": False,
        "reduceOnly": False,
        "actualOrderId": "",
        "updateTime": 1,
        **changes,
    }


@given(
    st.lists(st.booleans(), max_size=25),
    st.lists(st.booleans(), max_size=3),
    st.booleans(),
)
def test_cancel_all_ends_every_order_of_ours_and_no_foreign_one(
    ours: list[bool], ours_waiting: list[bool], keep: bool
) -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        own: list[str] = []
        foreign: list[str] = []
        for number, is_ours in enumerate(ours):
            reduces = "true" if number % 3 == 0 else "false"
            label = name() if is_ours else f"web_{number}"
            desk.venue.rest(label, reduceOnly=reduces)
            is_kept = not is_ours or (keep and number % 3 == 0)
            (foreign if is_kept else own).append(label)
        for number, is_ours in enumerate(ours_waiting):
            label = name() if is_ours else f"stop_{number}"
            desk.venue.conditionals[label] = a_conditional(label, reduceOnly=number % 2 == 1)
        outcomes = await desk.port.cancel_own("BTCUSDT", keep_reduce_only=keep)
        assert all(isinstance(o, Accepted) and o.is_final for o in outcomes)
        assert {desk.venue.order(n)["status"] for n in own} <= {"CANCELED"}
        assert {desk.venue.order(n)["status"] for n in foreign} <= {"NEW"}
        for number, (label, order) in enumerate(desk.venue.conditionals.items()):
            ends = not label.startswith("stop_") and not (keep and number % 2 == 1)
            assert (order["algoStatus"] == "CANCELED") == ends
        sizes = [
            len(json.loads(s.parameters["origClientOrderIdList"]))
            for s in desk.venue.sent("DELETE", "batchOrders")
        ]
        assert sum(sizes) == len(own)
        assert len(sizes) == -(-len(own) // 10)
        assert desk.venue.sent("DELETE", "allOpenOrders") == []

    at_desk(scene)


def test_conditional_orders_are_cancelled_before_the_normal_ones_are_listed() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        stop = name()
        desk.venue.conditionals[stop] = a_conditional(stop)
        desk.venue.rest(name())
        await desk.port.cancel_own("BTCUSDT")
        order = [s.path.rsplit("/", 1)[1] for s in desk.venue.requests]
        assert order.index("algoOrder") < order.index("openOrders")

    at_desk(scene)


def test_what_a_batch_does_not_prove_is_cancelled_singly() -> None:
    async def scene(desk: Desk) -> None:
        new = ids()
        names = [new() for _ in range(12)]
        for label in names:
            desk.venue.rest(label)
        desk.venue.change(names[3], status="FILLED", executedQty="1")
        desk.venue.faults.extend([Fault(), refusal(503, -1008)])
        outcomes = await desk.port.cancel_many("BTCUSDT", names)
        assert [o.client_order_id for o in outcomes] == names
        states = [o.order.view.state for o in outcomes if isinstance(o, Accepted)]
        assert states == [
            OrderState.FILLED if n == names[3] else OrderState.CANCELLED for n in names
        ]
        assert len(desk.venue.sent("DELETE", "order")) == 3  # the filled one and the second batch

    at_desk(scene)


def test_orders_are_cancelled_even_where_conditional_ones_cannot_be_listed() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.read_faults.extend([refusal(400, -1102)])
        with pytest.raises(ConnectorError):
            await desk.port.cancel_own("BTCUSDT")
        assert desk.venue.order(AN_ID)["status"] == "CANCELED"

    at_desk(scene)


# -- reads, life --------------------------------------------------------------------------------


def test_orders_are_listed_and_found() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        first, second = name(), name()
        desk.venue.rest(first)
        desk.venue.rest(second, symbol="ETHUSDT")
        found = await desk.port.query("BTCUSDT", first)
        assert found is not None
        assert found.client_order_id == first
        assert await desk.port.query("BTCUSDT", name()) is None
        assert [o.client_order_id for o in await desk.port.open_orders()] == [first, second]
        assert [o.symbol for o in await desk.port.open_orders("ETHUSDT")] == ["ETHUSDT"]
        with pytest.raises(ContractError):
            await desk.port.open_orders("eth")

    at_desk(scene)


def test_a_closed_port_takes_no_call() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.close()
        await desk.port.close()
        count = len(desk.venue.requests)
        for call in (
            desk.port.place(a_limit_order()),
            desk.port.place(a_limit_order("foreign")),  # closed comes before the fields
            desk.port.place_market(a_market_order()),
            desk.port.place_conditional(a_stop()),
            desk.port.amend(an_amend()),
            desk.port.cancel("BTCUSDT", AN_ID),
            desk.port.cancel_many("BTCUSDT", [AN_ID]),
            desk.port.cancel_own("BTCUSDT"),
            desk.port.arm_countdown("btc", 1000),
            desk.port.query("BTCUSDT", AN_ID),
            desk.port.open_orders(),
            desk.port.conditional_orders(),
        ):
            with pytest.raises(ConnectorClosedError):
                await call
        assert len(desk.venue.requests) == count

    at_desk(scene)


# -- the account --------------------------------------------------------------------------------


def test_trades_are_read_page_by_page_from_the_cursor_on() -> None:
    def row(trade_id: int) -> dict[str, Any]:
        return {
            "time": 1, "symbol": "BTCUSDT", "id": trade_id, "orderId": 1, "side": "BUY",
            "positionSide": "BOTH", "price": "1", "qty": "1", "commission": "0",
            "commissionAsset": "USDT", "realizedPnl": "0", "maker": True,
        }  # fmt: skip

    async def scene(desk: Desk) -> None:
        pages = [[row(n) for n in range(5, 1005)], [row(n) for n in range(1005, 1010)]]
        for page in pages:
            desk.venue.read_faults.append(Fault(answer=(200, json.dumps(page))))
        desk.venue.answers["GET userTrades"] = "[]"
        trades = await AccountPort(desk.client).trades("BTCUSDT", 5)
        assert [t.trade_id for t in trades] == list(range(5, 1010))
        asked = [s.parameters["fromId"] for s in desk.venue.sent("GET", "userTrades")]
        assert asked == ["5", "1005"]

    at_desk(scene)


CONFIG = '[{"symbol":"BTCUSDT","marginType":"CROSSED","leverage":%d,"maxNotionalValue":"1000"}]'


@pytest.mark.parametrize(
    ("fault", "holds", "is_fine"),
    [
        (Fault(), 1, True),
        (Fault(loses=True), 1, True),
        (refusal(400, -4161), 20, False),
        (Fault(answer=(200, "{}")), 20, False),
    ],
)
def test_leverage_is_set_and_read_again(fault: Fault, holds: int, is_fine: bool) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["POST leverage"] = "{}"
        desk.venue.faults.append(fault)
        first = Fault(answer=(200, CONFIG % 20))
        desk.venue.read_faults.extend([first, Fault(answer=(200, CONFIG % holds))])
        desk.venue.answers["GET symbolConfig"] = "[]"
        account = AccountPort(desk.client)
        if is_fine:
            assert (await account.set_leverage("BTCUSDT", 1)).leverage == 1
        else:
            with pytest.raises(ConnectorNonRetryableError, match="the venue holds 20"):
                await account.set_leverage("BTCUSDT", 1)
        assert desk.venue.sent("POST", "leverage")[0].parameters["leverage"] == "1"

    at_desk(scene)


def test_leverage_that_perhaps_was_not_set_may_be_asked_for_again() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["POST leverage"] = "{}"
        desk.venue.faults.append(Fault(loses=True))
        desk.venue.answers["GET symbolConfig"] = CONFIG % 20
        with pytest.raises(ConnectorTransientError, match="the venue holds 20"):
            await AccountPort(desk.client).set_leverage("BTCUSDT", 1)

    at_desk(scene)


def test_leverage_that_holds_already_is_not_set() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET symbolConfig"] = CONFIG % 1
        await AccountPort(desk.client).set_leverage("BTCUSDT", 1)
        assert desk.venue.writes() == []

    at_desk(scene)


@pytest.mark.parametrize("is_hedge", [True, False])
def test_writing_needs_the_one_way_mode(is_hedge: bool) -> None:
    async def scene(desk: Desk) -> None:
        mode = json.dumps({"dualSidePosition": is_hedge})
        # the path has a slash, which the scripted venue's own methods cannot name
        desk.venue.answers["GET positionSide/dual"] = mode
        account = AccountPort(desk.client)
        if is_hedge:
            with pytest.raises(ConfigError, match="hedge"):
                await account.require_one_way()
        else:
            await account.require_one_way()

    at_desk(scene)


def test_the_listen_key_is_made_kept_and_closed_without_permission() -> None:
    async def scene(desk: Desk) -> None:
        desk.guard.disarm()
        for method in ("POST", "PUT", "DELETE"):
            desk.venue.answers[f"{method} listenKey"] = '{"listenKey":"abcd1234"}'
        account = AccountPort(desk.client)
        key = await account.make_listen_key()
        assert key.reveal() == "abcd1234"
        assert "abcd" not in repr(key)
        await account.keep_listen_key()
        await account.close_listen_key()
        desk.venue.faults.append(refusal(400, -1125))
        with pytest.raises(ConnectorNonRetryableError, match="NEW_LISTEN_KEY"):
            await account.keep_listen_key()

    at_desk(scene)


# -- the venue's rules --------------------------------------------------------------------------

INFO = {
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 500},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 1},
    ],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "filters": [
                {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001"},
                {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                {"filterType": "MIN_NOTIONAL", "notional": "50"},
            ],
        }
    ],
}
BRACKETS = (
    '{"symbol":"BTCUSDT","brackets":[{"bracket":1,"initialLeverage":125,"notionalCap":50000,'
    '"notionalFloor":0,"maintMarginRatio":0.004,"cum":0.0}]}'
)
FEES = '{"symbol":"BTCUSDT","makerCommissionRate":"0.0002","takerCommissionRate":"0.0005"}'


def test_rules_are_loaded_from_the_venue_and_its_limits_hold_at_once() -> None:
    async def scene(desk: Desk) -> None:
        answers = desk.venue.answers
        answers["GET exchangeInfo"] = json.dumps(INFO)
        answers["GET leverageBracket"], answers["GET commissionRate"] = BRACKETS, FEES
        answers["GET symbolConfig"] = CONFIG % 5
        rules = await load_rules(desk.client, ["BTCUSDT"])
        assert rules.constraints["BTCUSDT"].tick_size == Decimal("0.1")
        assert rules.statuses == {"BTCUSDT": "TRADING"}
        assert rules.brackets["BTCUSDT"][0].maint_margin_ratio == Decimal("0.004")
        assert rules.fees["BTCUSDT"].taker == Decimal("0.0005")
        assert rules.configs["BTCUSDT"].leverage == 5
        budget = desk.client.budget.settings
        assert budget.limit(BudgetWindow.WEIGHT_1M) == 6000
        assert budget.limit(BudgetWindow.ORDERS_10S) == 500
        assert budget.limit(BudgetWindow.ORDERS_1M) == 1200
        with pytest.raises(ConnectorError, match="no lot rules"):
            await load_rules(desk.client, ["XRPUSDT"])

    at_desk(scene)


@pytest.mark.parametrize("body", ["[]", "{}", '{"symbols":[]}', '{"symbols":3}', "nonsense"])
def test_an_answer_without_rules_is_an_error(body: str) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.answers["GET exchangeInfo"] = body
        with pytest.raises(ConnectorError):
            await load_exchange_info(desk.client)

    at_desk(scene)


# -- dry run ------------------------------------------------------------------------------------


def test_a_dry_run_makes_up_results_and_calls_nobody() -> None:
    async def scene(desk: Desk) -> None:
        count = len(desk.venue.requests)
        order: LimitOrder = a_limit_order()
        outcomes = [
            await desk.port.place(order),
            await desk.port.place_market(a_market_order()),
            await desk.port.amend(an_amend()),
            await desk.port.cancel("BTCUSDT", AN_ID),
            *await desk.port.cancel_many("BTCUSDT", [AN_ID]),
            await desk.port.cancel_conditional("BTCUSDT", AN_ID),
        ]
        states = [o.order.view.state.value for o in outcomes if isinstance(o, Accepted)]
        assert states == ["OPEN", "FILLED", "OPEN", "CANCELLED", "CANCELLED", "CANCELLED"]
        assert len({o.order.order_id for o in outcomes if isinstance(o, Accepted)}) == 6
        assert len(desk.venue.requests) == count
        with pytest.raises(ConnectorNonRetryableError, match="whitelist"):
            await desk.port.place(a_limit_order(symbol="XRPUSDT"))

    at_desk(scene, dry_run=True)


def test_events_of_ended_orders_make_room_for_others() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        first = name()
        await desk.port.place(a_limit_order(first))
        desk.venue.change(first, status="FILLED", executedQty="1")
        desk.port.on_order_event(an_order_event(desk.venue.order(first)))
        await asyncio.sleep(0)
        assert isinstance(await desk.port.place(a_limit_order(name(), generation=1)), Accepted)

    at_desk(scene, limits=OrderLimits(max_open_orders=1))
