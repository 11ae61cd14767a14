"""What happens at the exchange to nobody's request: it is told, and money stays conserved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_kinds import Family, Fault, FaultKind, Match
from grinder_adapters.local_venue.fault_plans import sample
from grinder_adapters.local_venue.mishaps import happen
from grinder_core.contracts.enums import Side
from grinder_core.numbers import exact
from grinder_core.venue.exchange.vocabulary import SymbolStatus
from tests.adapters.local_venue.market_cases import quote
from tests.adapters.local_venue.venue_cases import (
    NOW,
    SYMBOL,
    Client,
    Listener,
    a_venue,
    plan_of,
    state,
    user_stream,
)

D = Decimal
AT_EXCHANGE = [
    kind
    for kind in FaultKind
    if kind.family is Family.TIMED
    and kind not in {FaultKind.DISCONNECT, FaultKind.LISTEN_KEY_EXPIRED}
]


def a_fault(kind: FaultKind, side: Side | None = None, **changes: Any) -> Fault:
    """A fault of BTCUSDT that happens now."""
    return Fault(kind=kind, match=Match(symbol=SYMBOL, side=side), **changes)


def after(client: Client, *faults: Fault) -> Client:
    """Let them happen."""
    client.venue.set_plan(plan_of(*faults))
    client.now += 1
    client.venue.tick(client.now)
    return client


def test_money_comes_in_and_goes_out_and_is_told() -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    deposits = [Fault(kind=FaultKind.DEPOSIT, amount=D(n)) for n in (100, -30)]
    after(client, *deposits)
    told = [(f["a"]["m"], f["a"]["B"][0]["bc"]) for f in stream.heard()]
    assert told == [("DEPOSIT", "100"), ("WITHDRAW", "-30")]
    assert client.ask("GET", "v3/balance")[0]["balance"] == "10070"


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_foreign_order_rests_behind_the_best_price_under_a_name_that_is_not_ours(
    side: Side,
) -> None:
    client = Client(a_venue())
    stream = user_stream(client)
    fault = a_fault(FaultKind.FOREIGN_ORDER, side, notional=D(500), offset_bps=50)
    after(client, fault)
    (order,) = client.ask("GET", "v1/openOrders")
    assert order["clientOrderId"].startswith("web_")
    assert order["side"] == side.value
    best = D(90000) if side is Side.BUY else D("90000.1")
    distance = (best - D(order["price"])) * (1 if side is Side.BUY else -1)
    assert 0 < distance - best * 50 / 10_000 + D("0.1") <= D("0.2")
    assert D(order["price"]) * D(order["origQty"]) <= 500
    assert [frame["o"]["x"] for frame in stream.heard()] == ["NEW"]


@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_position_appears_as_if_traded_elsewhere(side: Side, hedged: bool) -> None:
    client = Client(a_venue())
    if hedged:
        client.ask("POST", "v1/positionSide/dual", dualSidePosition="true")
    after(client, a_fault(FaultKind.INJECTED_POSITION, side, notional=D(500)))
    (row,) = client.ask("GET", "v3/positionRisk")
    assert row["positionAmt"] == ("0.005" if side is Side.BUY else "-0.005")
    (trade,) = client.ask("GET", "v1/userTrades", symbol=SYMBOL)
    assert D(trade["commission"]) > 0


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from((Side.BUY, Side.SELL)), min_size=1, max_size=4),
    st.sampled_from((Side.BUY, Side.SELL, None)),
    st.integers(1, 10_000),
)
def test_the_oldest_order_of_a_side_fills_in_part(
    sides: list[Side], wanted: Side | None, share_bps: int
) -> None:
    client = Client(a_venue())
    prices = {Side.BUY: "89000", Side.SELL: "91000"}
    numbers = [
        client.place(side=side.value, price=prices[side], quantity="0.02")["orderId"]
        for side in sides
    ]
    after(client, a_fault(FaultKind.PARTIAL_FILL, wanted, share_bps=share_bps))
    hit = next((n for n, side in enumerate(sides) if wanted in {None, side}), None)
    steps = max(20 * share_bps // 10_000, 1)
    for n, number in enumerate(numbers):
        order = client.ask("GET", "v1/order", symbol=SYMBOL, orderId=number)
        assert D(order["executedQty"]) * 1000 == (steps if n == hit else 0)
        if n == hit:
            assert order["avgPrice"] == order["price"]  # at its own price, as a maker


def test_larger_ticks_and_steps_are_announced_and_enforced() -> None:
    client = Client(a_venue())
    listener = Listener.at(client.venue, "/market/ws/!contractInfo")
    change = a_fault(FaultKind.FILTER_CHANGE, tick_times=D(10), step_times=D(10))
    after(client, change)
    assert [frame["e"] for frame in listener.heard()] == ["contractInfo"]
    assert client.place(price="89000.5")["code"] == -4014
    assert client.place(quantity="0.015")["code"] == -4023
    assert client.place(price="89001", quantity="0.02")["status"] == "NEW"  # on the new grid
    rows = client.ask("GET", "v1/exchangeInfo")["symbols"]
    (row,) = (row for row in rows if row["symbol"] == SYMBOL)
    filters = {f["filterType"]: f for f in row["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "1"
    assert D(filters["PRICE_FILTER"]["minPrice"]) % 1 == 0
    assert filters["LOT_SIZE"]["stepSize"] == filters["LOT_SIZE"]["minQty"] == "0.01"


def test_a_symbol_can_stop_trading() -> None:
    client = Client(a_venue())
    number = client.place()["orderId"]
    after(client, a_fault(FaultKind.STATUS_CHANGE, symbol_status=SymbolStatus.SETTLING))
    assert client.place()["code"] == -4140
    assert client.cancel(number)["status"] == "CANCELED"
    rows = client.ask("GET", "v1/exchangeInfo")["symbols"]
    assert {row["symbol"]: row["status"] for row in rows}[SYMBOL] == "SETTLING"


@pytest.mark.parametrize("kind", AT_EXCHANGE)
def test_a_fault_about_an_unknown_symbol_or_one_without_a_market_does_nothing(
    kind: FaultKind,
) -> None:
    venue = a_venue()
    if kind is FaultKind.DEPOSIT:
        return
    for symbol in ("NOPE", "ETHUSDT"):
        fault = sample(kind, symbol)
        before = state(venue)
        happen(venue.exchange, fault, NOW)
        if symbol == "NOPE" or kind not in {FaultKind.FILTER_CHANGE, FaultKind.STATUS_CHANGE}:
            assert state(venue) == before


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(AT_EXCHANGE), st.integers(85_000, 95_000)), max_size=8))
def test_whatever_happens_money_is_conserved(steps: list[tuple[FaultKind, int]]) -> None:
    client = Client(a_venue())
    venue = client.venue
    client.place(quantity="0.02")
    for kind, price in steps:
        client.now += 1000
        venue.on_event(quote(client.now, str(price), str(price + 1)), client.now)
        happen(venue.exchange, sample(kind), client.now)
        venue.push(client.now)
    client.now += 1
    rows = client.ask("GET", "v1/income", limit=1000)
    for account in venue.exchange.floor.accounts.values():
        with exact():
            if account.name == "main":
                assert sum((D(row["income"]) for row in rows), D(0)) == account.wallet
            positions = account.positions.values()
            realized = sum((p.ledger.realized_pnl for p in positions), D(0))
            assert account.wallet == (
                account.deposited
                + account.insured
                + realized
                - account.fees_paid
                - account.funding_paid
            )
