"""The account over REST: published fields, and values that agree with the exchange."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding
from grinder_core.numbers import exact
from tests.adapters.local_venue.market_cases import mark, missing_keys, published
from tests.adapters.local_venue.venue_cases import (
    NOW,
    SYMBOL,
    Client,
    a_venue,
    move,
    quoted,
    state,
)

D = Decimal
# what the published example of v3 positions still shows, and the venue left to v2 and symbolConfig
LEFT_TO_V2 = {"leverage", "marginType", "isAutoAddMargin", "maxNotionalValue"}


@pytest.fixture
def client() -> Client:
    """A client of a fresh exchange."""
    return Client(a_venue())


def of(rows: list[Any], symbol: str = SYMBOL) -> Any:
    """The row of a symbol."""
    (row,) = (row for row in rows if row["symbol"] == symbol)
    return row


def isolated(client: Client) -> None:
    """Go long 0.1 with a margin of its own."""
    client.ask("POST", "v1/marginType", symbol=SYMBOL, marginType="ISOLATED")
    client.trade(quantity="0.1")


def answers(client: Client) -> dict[str, Any]:
    """One answer of each account request, by the name it has in the published examples."""
    ask = client.ask
    told = {"ChangeMarginType": ask("POST", "v1/marginType", symbol=SYMBOL, marginType="ISOLATED")}
    told["ChangeInitialLeverage"] = ask("POST", "v1/leverage", symbol=SYMBOL, leverage=21)
    told["ModifyPositionMode"] = ask("POST", "v1/positionSide/dual", dualSidePosition="true")
    ask("POST", "v1/positionSide/dual", dualSidePosition="false")
    client.trade()
    given = {"symbol": SYMBOL, "type": 1, "amount": "100.5"}
    told["ModifyPositionMargin"] = ask("POST", "v1/positionMargin", **given)
    told["GetAccountConfiguration"] = ask("GET", "v1/accountConfig")
    told["GetAccountInfo"] = ask("GET", "v2/account")
    told["GetAccountInfoV3"] = ask("GET", "v3/account")
    told["GetBalances"] = ask("GET", "v3/balance")
    told["GetBrackets"] = ask("GET", "v1/leverageBracket")
    told["GetIncomeHistory"] = ask("GET", "v1/income", incomeType="TRANSFER")
    told["GetMultiAssetsMode"] = ask("GET", "v1/multiAssetsMargin")
    told["GetOrderRateLimit"] = ask("GET", "v1/rateLimit/order")
    told["GetPositionAdlQuantileEstimation"] = ask("GET", "v1/adlQuantile")
    told["GetPositionInformation"] = ask("GET", "v2/positionRisk")
    told["GetPositions"] = ask("GET", "v3/positionRisk")
    told["GetSymbolConfiguration"] = ask("GET", "v1/symbolConfig")
    told["GetUserCommissionRate"] = ask("GET", "v1/commissionRate", symbol=SYMBOL)
    told["StartUserStream"] = ask("POST", "v1/listenKey")
    told["KeepAliveUserStream"] = ask("PUT", "v1/listenKey")
    told["StopUserStream"] = ask("DELETE", "v1/listenKey")
    return told


@pytest.mark.recordings
def test_answers_have_the_published_fields_of_the_published_types(
    recordings: Path, client: Client
) -> None:
    examples = published(recordings, "fapi_rest_examples.jsonl")
    for name, answer in answers(client).items():
        missing = set(missing_keys(answer, examples[name]["response"]))
        if name == "GetPositions":
            missing -= {f"[0].{key}" for key in LEFT_TO_V2}
        if name == "GetPositionAdlQuantileEstimation":
            missing -= {"[0].adlQuantile.HEDGE"}  # of hedge mode
        # numbers of JSON may be whole; ids of transfers were text before
        missing = {place for place in missing if "notionalCoef" not in place}
        missing = {place for place in missing if "tranId" not in place}
        assert missing == set(), name


# -- money and positions ---------------------------------------------------------------------------


def test_a_fresh_account_holds_its_deposit_and_nothing_else(client: Client) -> None:
    (row,) = client.ask("GET", "v3/balance")
    assert row == {
        "accountAlias": "main",
        "asset": "USDT",
        "balance": "10000",
        "crossWalletBalance": "10000",
        "crossUnPnl": "0",
        "availableBalance": "10000",
        "maxWithdrawAmount": "10000",
        "marginAvailable": True,
        "updateTime": NOW,
    }
    assert client.ask("GET", "v2/balance") == [row]
    account = client.ask("GET", "v3/account")
    assert (account["totalWalletBalance"], account["positions"]) == ("10000", [])
    assert account["assets"][0]["walletBalance"] == "10000"
    assert client.ask("GET", "v3/positionRisk") == []
    flat = client.ask("GET", "v2/positionRisk")
    assert [row["symbol"] for row in flat] == sorted(i.symbol for i in LOCAL_SYMBOLS)
    assert {row["positionAmt"] for row in flat} == {"0"}


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(("BUY", "SELL")), st.sampled_from(("0.01", "0.02", "0.05"))),
        max_size=5,
    ),
    st.sampled_from((89_500, 90_000, 90_700)),
    st.booleans(),
)
def test_money_is_that_of_the_exchange_and_adds_up(
    trades: list[tuple[str, str]], price: int, rests: bool
) -> None:
    client = Client(a_venue())
    for side, qty in trades:
        client.trade(side, quantity=qty)
    if rests:
        client.place(quantity="0.02", price="89000")
    client.now += 1
    move(client.venue, mark(str(price), client.now), client.now)
    account = client.venue.exchange.floor.accounts["main"]
    held = sum((D(q) * (1 if s == "BUY" else -1) for s, q in trades), D(0))
    told = client.ask("GET", "v3/account")
    position = next(iter(account.positions.values()), None)
    rows = client.ask("GET", "v3/positionRisk")
    with exact():
        assert D(told["totalWalletBalance"]) == account.wallet
        unrealized = sum((D(row["unRealizedProfit"]) for row in rows), D(0))
        assert D(told["totalUnrealizedProfit"]) == unrealized
        assert D(told["totalMarginBalance"]) == account.wallet + unrealized
        assert D(told["totalInitialMargin"]) == D(told["totalPositionInitialMargin"]) + D(
            told["totalOpenOrderInitialMargin"]
        )
        assert D(told["availableBalance"]) == D(told["totalCrossWalletBalance"]) + D(
            told["totalCrossUnPnl"]
        ) - D(told["totalInitialMargin"])
    assert bool(rows) is bool(held or rests)
    for row in rows:
        assert position is not None
        assert D(row["positionAmt"]) == held == position.ledger.qty
        assert D(row["notional"]) == held * price
        assert row["markPrice"] == str(price)
        if held:
            assert D(row["entryPrice"]) == position.ledger.avg_entry_price
            assert D(row["unRealizedProfit"]) == position.ledger.unrealized_pnl(D(price))
        else:
            assert row["entryPrice"] == "0"
        v2 = of(client.ask("GET", "v2/positionRisk", symbol=SYMBOL))
        shared = row.keys() & v2.keys()
        assert len(shared) >= 10
        assert {name: row[name] for name in shared} == {name: v2[name] for name in shared}


def test_a_position_needs_margin_by_its_leverage_and_brackets(client: Client) -> None:
    client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=10)
    client.trade(quantity="0.1")
    row = of(client.ask("GET", "v3/positionRisk"))
    assert D(row["notional"]) == 9000
    assert D(row["positionInitialMargin"]) == 900
    step = of(client.ask("GET", "v1/leverageBracket"))["brackets"][0]
    assert D(row["maintMargin"]) == D(9000) * D(str(step["maintMarginRatio"]))
    assert (row["isolatedMargin"], row["isolatedWallet"]) == ("0", "0")
    v2 = of(client.ask("GET", "v2/account")["positions"])
    assert (v2["leverage"], v2["isolated"]) == ("10", False)
    assert v2["maxNotional"] == of(client.ask("GET", "v2/positionRisk"))["maxNotionalValue"]


def test_an_isolated_position_has_a_margin_that_can_be_moved(client: Client) -> None:
    isolated(client)
    before = of(client.ask("GET", "v3/positionRisk"))
    given = {"symbol": SYMBOL, "amount": "12.5"}
    answer = client.ask("POST", "v1/positionMargin", **given, type=1)
    assert answer == {
        "amount": 12.5,
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": 1,
    }
    after = of(client.ask("GET", "v3/positionRisk"))
    with exact():
        assert D(after["isolatedWallet"]) - D(before["isolatedWallet"]) == D("12.5")
        assert D(after["isolatedMargin"]) == D(after["isolatedWallet"]) + D(
            after["unRealizedProfit"]
        )
    assert client.ask("POST", "v1/positionMargin", **given, type=2)["code"] == -4051
    client.ask("POST", "v1/positionMargin", symbol=SYMBOL, amount="12.4", type=2)
    row = of(client.ask("GET", "v3/positionRisk"))
    assert D(row["isolatedWallet"]) - D(before["isolatedWallet"]) == D("0.1")
    for wrong in ({"type": 3}, {"type": 1, "amount": "0"}, {"type": 1, "amount": "-5"}):
        assert client.ask("POST", "v1/positionMargin", **{**given, **wrong})["code"] == -1130
    assert (
        client.ask("POST", "v1/positionMargin", **{**given, "amount": "99999"}, type=1)["code"]
        == -4050
    )
    assert of(client.ask("GET", "v2/positionRisk"))["marginType"] == "isolated"
    row = of(client.ask("GET", "v1/symbolConfig"))
    assert (row["marginType"], row["isAutoAddMargin"]) == ("ISOLATED", "false")


def test_hedge_mode_shows_both_sides(client: Client) -> None:
    client.ask("POST", "v1/positionSide/dual", dualSidePosition="true")
    assert client.ask("GET", "v1/positionSide/dual") == {"dualSidePosition": True}
    assert client.ask("GET", "v1/accountConfig")["dualSidePosition"] is True
    client.trade(positionSide="LONG")
    client.trade("SELL", positionSide="SHORT", quantity="0.02")
    rows = client.ask("GET", "v3/positionRisk")
    assert [(r["positionSide"], r["positionAmt"]) for r in rows] == [
        ("LONG", "0.01"),
        ("SHORT", "-0.02"),
    ]
    assert client.ask("GET", "v1/adlQuantile") == [
        {"symbol": SYMBOL, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": 0}}
    ]


def test_the_account_is_whole_whatever_symbol_is_named(client: Client) -> None:
    client.trade()
    whole = client.ask("GET", "v2/account")
    assert client.ask("GET", "v2/account", symbol="ETHUSDT") == whole
    assert len(whole["positions"]) == len(LOCAL_SYMBOLS)
    assert len(client.ask("GET", "v2/positionRisk", symbol="ETHUSDT")) == 1
    assert client.ask("GET", "v3/positionRisk", symbol="ETHUSDT") == []
    for path in ("v2/positionRisk", "v3/positionRisk", "v1/symbolConfig", "v1/leverageBracket"):
        assert client.ask("GET", path, symbol="NOPE")["code"] == -1121


# -- income, fees, limits --------------------------------------------------------------------------


def test_income_lists_what_moved_the_wallet(client: Client) -> None:
    client.now += 5
    client.trade()
    client.now += 5
    client.trade("SELL")
    client.now += 5
    paid = Funding(ts=client.now, symbol=SYMBOL, rate=D("0.0001"))
    client.trade()
    client.venue.on_event(Event(client.now, paid), client.now)
    rows = client.ask("GET", "v1/income")
    kinds = [row["incomeType"] for row in rows]
    assert kinds[0] == "TRANSFER"
    assert sorted(set(kinds)) == ["COMMISSION", "FUNDING_FEE", "REALIZED_PNL", "TRANSFER"]
    with exact():
        total = sum((D(row["income"]) for row in rows), D(0))
        assert total == client.venue.exchange.floor.accounts["main"].wallet
    assert len({(row["incomeType"], row["tranId"]) for row in rows}) == len(rows)
    (funding,) = client.ask("GET", "v1/income", incomeType="FUNDING_FEE", symbol=SYMBOL)
    assert (D(funding["income"]), funding["time"], funding["tradeId"]) == (
        D("-0.09"),
        client.now,
        "",
    )
    assert client.ask("GET", "v1/income", limit=2) == rows[-2:]
    assert client.ask("GET", "v1/income", startTime=1, limit=2) == rows[1:3]
    trade_ids = {row["id"] for row in client.ask("GET", "v1/userTrades", symbol=SYMBOL)}
    fees = client.ask("GET", "v1/income", incomeType="COMMISSION")
    assert {int(row["tradeId"]) for row in fees} == trade_ids
    assert client.ask("GET", "v1/income", incomeType="TIPS")["code"] == -1130


def test_fees_are_those_that_trades_pay(client: Client) -> None:
    rates = client.ask("GET", "v1/commissionRate", symbol=SYMBOL)
    assert (rates["makerCommissionRate"], rates["takerCommissionRate"]) == ("0.0002", "0.0005")
    client.trade()
    (row,) = client.ask("GET", "v1/userTrades", symbol=SYMBOL)
    assert D(row["commission"]) == D(row["quoteQty"]) * D(rates["takerCommissionRate"])
    assert client.ask("GET", "v1/commissionRate")["code"] == -1102
    assert client.ask("GET", "v1/commissionRate", symbol="NOPE")["code"] == -1121


def test_brackets_are_those_of_the_symbol(client: Client) -> None:
    row = client.ask("GET", "v1/leverageBracket", symbol=SYMBOL)
    (instrument,) = (i for i in LOCAL_SYMBOLS if i.symbol == SYMBOL)
    for step, bracket in zip(row["brackets"], instrument.brackets, strict=True):
        assert step["initialLeverage"] == bracket.max_leverage
        assert D(step["notionalCap"]) == bracket.notional_cap
        assert D(str(step["maintMarginRatio"])) == bracket.maint_margin_ratio
        assert D(str(step["cum"])) == bracket.cum
    assert [step["bracket"] for step in row["brackets"]] == list(range(1, len(row["brackets"]) + 1))


def test_order_limits_are_those_that_are_enforced() -> None:
    client = Client(a_venue(limits=LimitSettings(orders_per_10s=2, orders_per_minute=50)))
    limits = {row["interval"]: row["limit"] for row in client.ask("GET", "v1/rateLimit/order")}
    assert limits == {"SECOND": 2, "MINUTE": 50}
    rows = client.ask("GET", "v1/exchangeInfo")["rateLimits"]
    assert [row["limit"] for row in rows] == [2400, 50, 2]
    assert [client.place(price=str(88000 + n)).get("code") for n in range(3)] == [
        None,
        None,
        -1015,
    ]


# -- settings --------------------------------------------------------------------------------------


def test_leverage_is_set_and_told_with_what_it_allows(client: Client) -> None:
    answer = client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=50)
    row = of(client.ask("GET", "v1/symbolConfig", symbol=SYMBOL))
    assert (answer["leverage"], row["leverage"]) == (50, 50)
    assert answer["maxNotionalValue"] == row["maxNotionalValue"]
    for leverage in (0, -1, 126, 10**17):
        refused = client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=leverage)
        assert refused["code"] == -4028
    assert client.ask("POST", "v1/leverage", symbol="NOPE", leverage=5)["code"] == -1121


def test_setting_what_is_set_already_is_told_apart(client: Client) -> None:
    ask = client.ask
    crossed = {"symbol": SYMBOL, "marginType": "CROSSED"}
    assert ask("POST", "v1/marginType", **crossed)["code"] == -4046
    assert ask("POST", "v1/positionSide/dual", dualSidePosition="false")["code"] == -4059
    assert ask("POST", "v1/multiAssetsMargin", multiAssetsMargin="false")["code"] == -4171
    assert ask("POST", "v1/multiAssetsMargin", multiAssetsMargin="true")["code"] == -4167
    assert ask("GET", "v1/multiAssetsMargin") == {"multiAssetsMargin": False}
    assert ask("POST", "v1/marginType", symbol=SYMBOL, marginType="CROSS")["code"] == -1130


def test_terms_do_not_change_under_orders_and_positions(client: Client) -> None:
    client.place()
    own = {"symbol": SYMBOL, "marginType": "ISOLATED"}
    before = state(client.venue)
    assert client.ask("POST", "v1/marginType", **own)["code"] == -4047
    assert client.ask("POST", "v1/positionSide/dual", dualSidePosition="true")["code"] == -4067
    assert state(client.venue) == before
    client.ask("DELETE", "v1/allOpenOrders", symbol=SYMBOL)
    client.trade()
    assert client.ask("POST", "v1/marginType", **own)["code"] == -4048
    assert client.ask("POST", "v1/positionSide/dual", dualSidePosition="true")["code"] == -4068


def test_nothing_locks_an_account(client: Client) -> None:
    assert client.ask("GET", "v1/apiTradingStatus") == {"indicators": {}, "updateTime": NOW}


def test_a_quote_moves_what_a_position_is_worth_where_no_mark_is_known() -> None:
    client = Client(a_venue())
    client.trade()
    client.now += 1
    move(client.venue, quoted("95000", "95001", client.now), client.now)
    assert of(client.ask("GET", "v3/positionRisk"))["markPrice"] == "90000"
