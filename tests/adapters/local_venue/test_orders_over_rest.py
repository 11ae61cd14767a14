"""Orders over REST: answers have the published fields, and say what the exchange holds."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.local_venue.market_cases import T0, mark, missing_keys, published
from tests.adapters.local_venue.venue_cases import (
    NOW,
    OTHER_KEY,
    SYMBOL,
    Client,
    a_venue,
    an_order,
    move,
    quoted,
    state,
)

D = Decimal
FIRST = 4_000_000_001
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "89000",
    "quantity": "0.01",
}
# taken out on 2026-07-15 of all answers but those to queries; the rest never was of a plain order
GONE = {"avgPrice", "cumQuote", "cumBase", "pair", "activatePrice", "priceRate"}


@pytest.fixture
def client() -> Client:
    """A client of a fresh exchange."""
    return Client(a_venue())


def amended(client: Client, number: int, **changes: Any) -> Any:
    """The answer to an amend; by default to 0.02 at 88000."""
    usual = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.02", "price": "88000"}
    return client.ask("PUT", "v1/order", **{**usual, "orderId": number, **changes})


def found(client: Client, number: int) -> Any:
    """The answer to a query."""
    return client.ask("GET", "v1/order", symbol=SYMBOL, orderId=number)


def answers(client: Client) -> dict[str, Any]:
    """One answer of each order request, by the name it has in the published examples."""
    ask, told = client.ask, {}
    placed = told["PlaceOrder"] = client.place(newClientOrderId="one")
    number = placed["orderId"]
    told["EditOrder"] = amended(client, number)
    one = {"symbol": SYMBOL, "orderId": number}
    told["GetOrder"] = ask("GET", "v1/order", **one)
    told["GetOpenOrder"] = ask("GET", "v1/openOrder", **one)
    told["GetOpenOrders"] = ask("GET", "v1/openOrders")
    told["GetOrders"] = ask("GET", "v1/allOrders", symbol=SYMBOL)
    told["GetOrderEditHistory"] = ask("GET", "v1/orderAmendment", **one)
    rows = json.dumps([an_order(price="87000"), an_order(quantity="0")])
    told["PlaceMultipleOrders"] = ask("POST", "v1/batchOrders", batchOrders=rows)
    rows = json.dumps([{**an_order(price="87500"), "orderId": number}])
    told["EditMultipleOrders"] = ask("PUT", "v1/batchOrders", batchOrders=rows)
    told["CancelOrder"] = client.cancel(number)
    rows = json.dumps([number + 1])
    told["CancelMultipleOrders"] = ask("DELETE", "v1/batchOrders", symbol=SYMBOL, orderIdList=rows)
    told["CancelAllOrders"] = ask("DELETE", "v1/allOpenOrders", symbol=SYMBOL)
    told["CancelAllOrdersAfterTimeout"] = ask(
        "POST", "v1/countdownCancelAll", symbol=SYMBOL, countdownTime=100_000
    )
    client.trade()
    told["GetUserTrades"] = ask("GET", "v1/userTrades", symbol=SYMBOL)
    stop = told["PlaceConditionalOrder"] = ask("POST", "v1/algoOrder", **STOP)
    told["GetConditionalOrder"] = ask("GET", "v1/algoOrder", algoId=stop["algoId"])
    told["GetOpenConditionalOrders"] = ask("GET", "v1/openAlgoOrders")
    told["GetConditionalOrders"] = ask("GET", "v1/allAlgoOrders", symbol=SYMBOL)
    told["CancelConditionalOrder"] = ask("DELETE", "v1/algoOrder", algoId=stop["algoId"])
    told["CancelAllConditionalOrders"] = ask("DELETE", "v1/algoOpenOrders", symbol=SYMBOL)
    return told


@pytest.mark.recordings
def test_answers_have_the_published_fields_of_the_published_types(
    recordings: Path, client: Client
) -> None:
    examples = published(recordings, "fapi_rest_examples.jsonl")
    for name, answer in answers(client).items():
        missing = missing_keys(answer, examples[name]["response"])
        queried = name.startswith("Get")
        gone = {"activatePrice", "priceRate"} if queried and "Cond" not in name else GONE
        left = {place for place in missing if place.rpartition(".")[2] not in gone}
        assert left == set(), name


# -- placing ---------------------------------------------------------------------------------------


def test_an_order_is_acknowledged_as_new_and_a_result_shows_what_became_of_it(
    client: Client,
) -> None:
    taken = client.trade(newClientOrderId="a")
    assert (taken["status"], taken["executedQty"], taken["orderId"]) == ("NEW", "0", FIRST)
    done = client.trade(newOrderRespType="RESULT")
    assert (done["status"], done["executedQty"], done["cumQty"]) == ("FILLED", "0.01", "0.01")
    assert found(client, FIRST)["status"] == "FILLED"
    assert found(client, FIRST)["avgPrice"] == "90000.1"
    assert found(client, FIRST)["cumQuote"] == "900.001"


def test_an_order_shows_every_parameter_that_it_was_given(client: Client) -> None:
    sent = an_order(
        newClientOrderId="mine",
        timeInForce="GTD",
        goodTillDate=T0 + 1_000_000,
        selfTradePreventionMode="EXPIRE_MAKER",
        reduceOnly="false",
        positionSide="BOTH",
    )
    answer = client.place(**sent)
    assert answer["price"] == "89000"
    assert answer["origQty"] == "0.01"
    assert answer["type"] == answer["origType"] == "LIMIT"
    assert answer["clientOrderId"] == "mine"
    assert answer["reduceOnly"] is False
    assert answer["updateTime"] == client.now
    for name in ("symbol", "side", "timeInForce", "goodTillDate", "selfTradePreventionMode"):
        assert answer[name] == sent[name]
    order = client.venue.exchange.floor.orders[answer["orderId"]]
    assert (order.qty, order.price, order.good_till) == (D("0.01"), D(89000), T0 + 1_000_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": None}, -1102),
        ({"side": "LONG"}, -1117),
        ({"type": "LIMITS"}, -1116),
        ({"type": "LIQUIDATION"}, -1116),
        ({"timeInForce": None}, -1102),
        ({"timeInForce": "RPI2"}, -1115),
        ({"price": None}, -1102),
        ({"quantity": None}, -1102),
        ({"quantity": "1E-2"}, -1102),
        ({"price": "9" * 31}, -1111),
        ({"price": "89000.05"}, -4014),
        ({"quantity": "0.0005"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.0000", "price": "1"}, -4003),
        ({"symbol": "NOPE"}, -1121),
        ({"price": "94500.1"}, -4016),
        ({"timeInForce": "GTX", "price": "90000.1"}, -5022),
        ({"timeInForce": "FOK", "price": "90000.1", "quantity": "5.001"}, -5021),
        ({"reduceOnly": "true"}, -2022),
        ({"reduceOnly": "yes"}, -1102),
        ({"positionSide": "LONG"}, -4061),
        ({"positionSide": "UP"}, -4060),
        ({"newClientOrderId": "a" * 37}, -4015),
        ({"newClientOrderId": "a b"}, -4015),
        ({"priceMatch": "QUEUE"}, -1106),
        ({"priceMatch": "BEST"}, -5037),
        ({"selfTradePreventionMode": "SOME"}, -5039),
        ({"goodTillDate": T0}, -1106),
        ({"type": "STOP_MARKET", "quantity": None, "price": None, "timeInForce": None}, -4120),
        ({"quantity": "100"}, -2019),
    ],
)
def test_what_the_venue_does_not_take_is_refused_with_its_code(
    client: Client, changes: dict[str, Any], code: int
) -> None:
    before = state(client.venue)
    answer = client.send("POST", "v1/order", **an_order(**changes))
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["code"]) == (400, code)
    assert state(client.venue) == before


def test_a_client_id_is_free_again_once_its_order_is_done(client: Client) -> None:
    first = client.place(newClientOrderId="mine")
    assert client.place(newClientOrderId="mine")["code"] == -4116
    client.cancel(first["orderId"])
    assert client.place(newClientOrderId="mine")["orderId"] == first["orderId"] + 1


def test_a_test_order_is_judged_and_never_placed(client: Client) -> None:
    before = state(client.venue)
    assert client.ask("POST", "v1/order/test", **an_order()) == {}
    assert client.ask("POST", "v1/order/test", **an_order(price="0"))["code"] == -4001
    assert state(client.venue) == before


# -- amending and cancelling -----------------------------------------------------------------------


def test_an_amend_changes_price_and_quantity_and_is_kept_with_its_mark(client: Client) -> None:
    number = client.place(newClientOrderId="mine")["orderId"]
    answer = amended(client, 0, origClientOrderId="mine", modifyId=77)
    assert (answer["orderId"], answer["price"], answer["origQty"]) == (number, "88000", "0.02")
    assert answer["modifyId"] == 77
    client.now += 5
    amended(client, number, price="88001")
    rows = client.ask("GET", "v1/orderAmendment", symbol=SYMBOL, orderId=number)
    assert [row["amendment"]["price"] for row in rows] == [  # the newest first
        {"before": "88000", "after": "88001"},
        {"before": "89000", "after": "88000"},
    ]
    assert [row["time"] for row in rows] == [client.now, client.now - 5]
    assert [row["amendment"]["count"] for row in rows] == [2, 1]
    one = {"symbol": SYMBOL, "orderId": number, "limit": 1}
    assert client.ask("GET", "v1/orderAmendment", **one) == rows[:1]
    one |= {"limit": 5, "endTime": client.now - 1}
    assert client.ask("GET", "v1/orderAmendment", **one) == rows[1:]


def test_an_amend_needs_an_order_and_both_its_values(client: Client) -> None:
    number = client.place()["orderId"]
    assert amended(client, 0)["code"] == -1102
    assert amended(client, number, price="")["code"] == -1105
    assert amended(client, number + 5)["code"] == -2013
    assert amended(client, number, reduceOnly="true")["code"] == -5047
    assert amended(client, number, price="89000", quantity="0.01")["code"] == -5027
    assert amended(client, number, price="88000", priceMatch="QUEUE")["code"] == -1106


def test_the_id_wins_over_the_client_id(client: Client) -> None:
    first = client.place(newClientOrderId="a")["orderId"]
    client.place(newClientOrderId="b")
    answer = client.cancel(first, origClientOrderId="b")
    assert (answer["clientOrderId"], answer["status"]) == ("a", "CANCELED")
    assert client.cancel(first)["code"] == -2011
    assert client.cancel(0, origClientOrderId="b")["clientOrderId"] == "b"
    assert client.ask("DELETE", "v1/order", symbol=SYMBOL)["code"] == -1102


def test_cancel_all_ends_the_orders_of_one_symbol_and_one_account(client: Client) -> None:
    other = Client(client.venue, key=OTHER_KEY)
    client.place()
    client.place(price="88000")
    theirs = other.place()["orderId"]
    done = client.ask("DELETE", "v1/allOpenOrders", symbol=SYMBOL)
    assert done["code"] == 200
    assert client.ask("GET", "v1/openOrders") == []
    assert found(other, theirs)["status"] == "NEW"
    assert client.ask("DELETE", "v1/allOpenOrders", symbol="NOPE")["code"] == -1121


def test_another_account_does_not_see_an_order(client: Client) -> None:
    number = client.place(newClientOrderId="mine")["orderId"]
    other = Client(client.venue, key=OTHER_KEY)
    assert found(other, number)["code"] == -2013
    assert other.cancel(number)["code"] == -2011
    assert other.cancel(0, origClientOrderId="mine")["code"] == -2011
    assert other.ask("GET", "v1/openOrders") == []


def test_a_countdown_ends_orders_when_it_is_not_renewed(client: Client) -> None:
    number = client.place()["orderId"]
    wanted = {"symbol": SYMBOL, "countdownTime": 1000}
    told = {"symbol": SYMBOL, "countdownTime": "1000"}
    assert client.ask("POST", "v1/countdownCancelAll", **wanted) == told
    client.now += 999
    client.venue.tick(client.now)
    assert found(client, number)["status"] == "NEW"
    client.now += 1
    client.venue.tick(client.now)
    assert found(client, number)["status"] == "CANCELED"


# -- batches ---------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(("good", "bad price", "bad side")), min_size=1, max_size=5))
@settings(max_examples=20)
def test_a_batch_answers_each_of_its_orders_in_their_order(kinds: list[str]) -> None:
    client = Client(a_venue())
    changes = {"good": {}, "bad price": {"price": "0"}, "bad side": {"side": "UP"}}
    rows = [{**an_order(newClientOrderId=f"n{n}"), **changes[k]} for n, k in enumerate(kinds)]
    got = client.ask("POST", "v1/batchOrders", batchOrders=json.dumps(rows))
    codes = {"bad price": -4001, "bad side": -1117}
    for number, (kind, answer) in enumerate(zip(kinds, got, strict=True)):
        if kind == "good":
            assert answer["clientOrderId"] == f"n{number}"
        else:
            assert answer == {"code": codes[kind], "msg": answer["msg"]}
    names = [order["clientOrderId"] for order in client.ask("GET", "v1/openOrders")]
    assert names == [f"n{n}" for n, kind in enumerate(kinds) if kind == "good"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [("[]", -1130), ("{}", -1130), ("[1]", -1130), ("[{}", -1130), ("[{},{},{},{},{},{}]", -4082)],
)
def test_a_batch_that_is_no_list_of_up_to_five_orders_is_refused_whole(
    client: Client, rows: str, code: int
) -> None:
    assert client.ask("POST", "v1/batchOrders", batchOrders=rows)["code"] == code
    assert client.ask("PUT", "v1/batchOrders", batchOrders=rows)["code"] == code
    assert client.ask("GET", "v1/openOrders") == []


@pytest.mark.parametrize("name", ["orderIdList", "orderidlist"])
def test_a_batch_of_cancels_takes_ten_ids_in_either_spelling(client: Client, name: str) -> None:
    numbers = [client.place(price=str(88000 + n))["orderId"] for n in range(10)]
    ask, one = client.ask, {"symbol": SYMBOL}
    eleven = json.dumps([*numbers, 1])
    assert ask("DELETE", "v1/batchOrders", **one, **{name: eleven})["code"] == -4082
    got = ask("DELETE", "v1/batchOrders", **one, **{name: json.dumps([1, *numbers[:9]])})
    assert got[0]["code"] == -2011
    assert [row["orderId"] for row in got[1:]] == numbers[:9]
    assert {row["status"] for row in got[1:]} == {"CANCELED"}


@pytest.mark.parametrize("name", ["origClientOrderIdList", "origclientorderidlist"])
def test_a_batch_of_cancels_takes_client_ids(client: Client, name: str) -> None:
    client.place(newClientOrderId="a")
    client.place(newClientOrderId="7")
    given = {"symbol": SYMBOL, name: '["a", "7", "c"]'}
    got = client.ask("DELETE", "v1/batchOrders", **given)
    assert [row.get("clientOrderId", row.get("code")) for row in got] == ["a", "7", -2011]
    assert client.ask("DELETE", "v1/batchOrders", symbol=SYMBOL)["code"] == -1102


# -- asking ----------------------------------------------------------------------------------------


def test_only_open_orders_are_found_as_open(client: Client) -> None:
    number = client.place(newClientOrderId="mine")["orderId"]
    one = {"symbol": SYMBOL, "origClientOrderId": "mine"}
    assert client.ask("GET", "v1/openOrder", **one)["orderId"] == number
    client.cancel(number)
    assert client.ask("GET", "v1/openOrder", **one)["code"] == -2013
    assert client.ask("GET", "v1/order", **one)["status"] == "CANCELED"
    assert client.ask("GET", "v1/openOrders", symbol="NOPE")["code"] == -1121


def test_lists_page_by_time_or_from_an_id_on(client: Client) -> None:
    placed = []
    for step in range(5):
        client.now = NOW + step
        placed.append(client.place(price=str(88000 + step))["orderId"])
    client.now = NOW + 2000

    def listed(**given: Any) -> list[int]:
        rows = client.ask("GET", "v1/allOrders", symbol=SYMBOL, **given)
        return [row["orderId"] for row in rows]

    assert listed() == placed
    assert listed(limit=2) == placed[-2:]
    assert listed(orderId=placed[1]) == placed[1:]
    assert listed(orderId=placed[1], limit=2) == placed[1:3]
    assert listed(startTime=NOW + 1, endTime=NOW + 3) == placed[1:4]
    assert listed(limit=0) == placed[-1:]
    wrong = {"symbol": SYMBOL, "startTime": 2, "endTime": 1}
    assert client.ask("GET", "v1/allOrders", **wrong)["code"] == -1023
    assert client.ask("GET", "v1/allOrders", symbol="NOPE")["code"] == -1121


def test_trades_are_those_of_the_orders_and_page_like_them(client: Client) -> None:
    orders = [client.trade(side)["orderId"] for side in ("BUY", "SELL", "BUY")]
    rows = client.ask("GET", "v1/userTrades", symbol=SYMBOL)
    assert [row["orderId"] for row in rows] == orders
    assert [row["buyer"] for row in rows] == [True, False, True]
    ids = [row["id"] for row in rows]
    assert sorted(set(ids)) == ids
    bought = rows[0]
    assert (bought["price"], bought["qty"], bought["quoteQty"]) == ("90000.1", "0.01", "900.001")
    assert D(bought["commission"]) == D("900.001") * D("0.0005")
    assert D(rows[1]["realizedPnl"]) == (D("90000") - D("90000.1")) * D("0.01")
    assert not bought["maker"]

    def listed(**given: Any) -> list[int]:
        return [r["id"] for r in client.ask("GET", "v1/userTrades", symbol=SYMBOL, **given)]

    assert listed(fromId=ids[1]) == ids[1:]
    assert listed(fromId=ids[0], limit=1) == ids[:1]
    assert listed(limit=1) == ids[-1:]
    assert listed(orderId=orders[1]) == ids[1:2]
    assert listed(startTime=client.now + 1) == []
    mixed = {"symbol": SYMBOL, "fromId": 1, "startTime": 1}
    assert client.ask("GET", "v1/userTrades", **mixed)["code"] == -1128


def test_forced_orders_are_the_liquidations(client: Client) -> None:
    client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=125)
    client.trade(quantity="5", newClientOrderId="mine")
    assert client.ask("GET", "v1/forceOrders") == []
    client.now += 1000
    move(client.venue, quoted("87000", "87001", client.now), client.now)
    move(client.venue, mark("87000", client.now), client.now)
    (forced,) = client.ask("GET", "v1/forceOrders", symbol=SYMBOL)
    assert forced["clientOrderId"].startswith("autoclose-")
    assert (forced["side"], forced["status"]) == ("SELL", "FILLED")
    assert client.ask("GET", "v1/forceOrders", startTime=client.now + 1) == []


# -- conditional orders ----------------------------------------------------------------------------


def test_a_stop_waits_and_becomes_an_order(client: Client) -> None:
    client.trade()
    stop = client.ask("POST", "v1/algoOrder", **STOP, clientAlgoId="stop-1")
    assert (stop["algoStatus"], stop["triggerPrice"]) == ("NEW", "89000")
    (waiting,) = client.ask("GET", "v1/openAlgoOrders", symbol=SYMBOL)
    assert waiting["actualOrderId"] == ""
    client.now += 10
    move(client.venue, quoted("88999", "88999.1", client.now), client.now)
    done = client.ask("GET", "v1/algoOrder", clientAlgoId="stop-1")
    assert done["algoStatus"] == "FINISHED"
    assert (done["triggerTime"], done["actualPrice"], done["actualQty"], done["actualType"]) == (
        client.now,
        "88999",
        "0.01",
        "MARKET",
    )
    made = found(client, int(done["actualOrderId"]))
    assert (made["status"], made["clientOrderId"]) == ("FILLED", "stop-1")
    assert client.ask("GET", "v1/openAlgoOrders") == []
    assert client.ask("GET", "v1/allAlgoOrders", symbol=SYMBOL) == [done]
    assert client.ask("DELETE", "v1/algoOrder", clientAlgoId="stop-1")["code"] == -2011


def test_conditional_orders_are_cancelled_one_by_one_or_all_at_once(client: Client) -> None:
    numbers = [client.ask("POST", "v1/algoOrder", **STOP)["algoId"] for _ in range(3)]
    answer = client.ask("DELETE", "v1/algoOrder", algoId=numbers[0])
    assert answer["algoStatus"] == "CANCELED"
    client.ask("DELETE", "v1/allOpenOrders", symbol=SYMBOL)
    assert len(client.ask("GET", "v1/openAlgoOrders")) == 2  # plain orders only
    client.ask("DELETE", "v1/algoOpenOrders", symbol=SYMBOL)
    assert client.ask("GET", "v1/openAlgoOrders") == []
    rows = client.ask("GET", "v1/allAlgoOrders", symbol=SYMBOL)
    assert [row["algoId"] for row in rows] == numbers
    assert client.ask("GET", "v1/algoOrder", algoId=99)["code"] == -2013


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1102),
        ({"triggerPrice": "91000"}, -2021),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "0.15"}, -1130),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "20.1"}, -1130),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "9" * 30}, -1130),
        ({"closePosition": "true"}, -1106),
        ({"workingType": "INDEX"}, -1130),
        ({"clientAlgoId": "a" * 37}, -4015),
    ],
)
def test_a_conditional_order_that_cannot_be_is_refused(
    client: Client, changes: dict[str, str], code: int
) -> None:
    assert client.ask("POST", "v1/algoOrder", **{**STOP, **changes})["code"] == code


def test_a_trailing_stop_keeps_its_rate_in_percent(client: Client) -> None:
    wanted = {**STOP, "type": "TRAILING_STOP_MARKET", "callbackRate": "1.5"}
    made = client.ask("POST", "v1/algoOrder", **wanted)
    assert (made["callbackRate"], made["orderType"]) == ("1.5", "TRAILING_STOP_MARKET")
    assert client.venue.exchange.floor.conditionals[made["algoId"]].callback_bps == 150
