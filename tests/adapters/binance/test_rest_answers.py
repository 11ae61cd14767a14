"""Bodies of REST answers: the venue's shapes, recorded books, and whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance import rest_answers as rest
from grinder_adapters.binance.rest_records import (
    AccountAnswer,
    BalanceAnswer,
    ErrorBody,
    OrderAnswer,
    PositionAnswer,
    TradeAnswer,
)
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.market import L2Snapshot
from grinder_core.errors import ConnectorError

D = Decimal

ORDER: dict[str, Any] = {
    "clientOrderId": "g1", "cumQty": "0", "executedQty": "0.25", "orderId": 22542179,
    "origQty": "10.50", "price": "9000.10", "reduceOnly": False, "side": "BUY",
    "positionSide": "BOTH", "status": "NEW", "stopPrice": "0", "closePosition": False,
    "symbol": "BTCUSDT", "timeInForce": "GTX", "type": "LIMIT", "origType": "LIMIT",
    "updateTime": 1566818724722, "workingType": "CONTRACT_PRICE", "priceProtect": False,
    "priceMatch": "NONE", "selfTradePreventionMode": "NONE", "goodTillDate": 0,
}  # fmt: skip
POSITION: dict[str, Any] = {
    "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.001", "entryPrice": "22185.2",
    "breakEvenPrice": "0.0", "markPrice": "21123.05", "unRealizedProfit": "-1.06",
    "liquidationPrice": "0", "notional": "21.12", "updateTime": 1655217461579,
}  # fmt: skip
BALANCE: dict[str, Any] = {
    "accountAlias": "SgsR", "asset": "USDT", "balance": "122607.35", "crossWalletBalance": "23.72",
    "crossUnPnl": "0", "availableBalance": "23.5", "maxWithdrawAmount": "23",
    "marginAvailable": True, "updateTime": 1617939110373,
}  # fmt: skip
ASSET: dict[str, Any] = {
    "asset": "USDT", "walletBalance": "7", "crossWalletBalance": "6", "availableBalance": "5",
    "updateTime": 4,
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "totalInitialMargin": "1", "totalMaintMargin": "2", "totalWalletBalance": "3",
    "totalUnrealizedProfit": "-4", "totalMarginBalance": "5", "availableBalance": "6",
    "assets": [ASSET], "positions": [],
}  # fmt: skip
TRADE: dict[str, Any] = {
    "buyer": False, "commission": "0.0782", "commissionAsset": "USDT", "id": 698759, "maker": True,
    "orderId": 25851813, "price": "7819.01", "qty": "0.002", "quoteQty": "15.63802",
    "realizedPnl": "-0.9154", "side": "SELL", "positionSide": "BOTH", "symbol": "BTCUSDT",
    "time": 1569514978020,
}  # fmt: skip
DEPTH: dict[str, Any] = {
    "lastUpdateId": 1027024, "E": 1589436922972, "T": 1589436922959,
    "bids": [["4.00", "431"], ["3.9", "1"]], "asks": [["4.02", "12"], ["4.1", "0"]],
}  # fmt: skip


def body(data: Any) -> bytes:
    return json.dumps(data).encode()


def read_book(data: bytes) -> Any:
    return rest.read_depth(data, "BTCUSDT", 77)


# reader, a good body as parsed, the object inside it, what the place is called, needed fields
CASES: dict[str, tuple[Callable[[bytes], Any], Any, dict[str, Any], str, str]] = {
    "order": (
        rest.read_order, ORDER, ORDER, "order",
        "symbol orderId clientOrderId side type timeInForce status price origQty executedQty "
        "reduceOnly positionSide updateTime",
    ),
    "orders": (rest.read_orders, [ORDER], ORDER, "orders[0]", "orderId price reduceOnly"),
    "batch": (rest.read_batch, [ORDER], ORDER, "batch[0]", "orderId price reduceOnly"),
    "positions": (
        rest.read_positions, [POSITION], POSITION, "positionRisk[0]",
        "symbol positionSide positionAmt entryPrice markPrice unRealizedProfit liquidationPrice "
        "notional updateTime",
    ),
    "balances": (
        rest.read_balances, [BALANCE], BALANCE, "balance[0]",
        "asset balance crossWalletBalance availableBalance updateTime",
    ),
    "account": (
        rest.read_account, ACCOUNT, ACCOUNT, "account",
        "totalWalletBalance totalUnrealizedProfit totalMarginBalance totalInitialMargin "
        "totalMaintMargin availableBalance assets",
    ),
    "trades": (
        rest.read_trades, [TRADE], TRADE, "userTrades[0]",
        "time symbol id orderId side positionSide price qty commission commissionAsset "
        "realizedPnl maker",
    ),
    "depth": (read_book, DEPTH, DEPTH, "depth", "lastUpdateId bids asks"),
    "time": (rest.read_server_time, {"serverTime": 5}, {"serverTime": 5}, "time", "serverTime"),
    "listenKey": (
        rest.read_listen_key, {"listenKey": "k"}, {"listenKey": "k"}, "listenKey", "listenKey",
    ),
}  # fmt: skip
NEEDED = [(case, name) for case, values in CASES.items() for name in values[4].split()]


def changed(case: str, part: dict[str, Any]) -> bytes:
    """A case's body with its object replaced."""
    return body([part] if isinstance(CASES[case][1], list) else part)


def test_an_order_is_read_whole() -> None:
    wanted = OrderAnswer(
        symbol="BTCUSDT",
        order_id="22542179",
        client_order_id="g1",
        side=Side.BUY,
        order_type="LIMIT",
        time_in_force="GTX",
        status=OrderState.OPEN,
        price=D("9000.1"),
        qty=D("10.5"),
        executed_qty=D("0.25"),
        avg_price=None,
        reduce_only=False,
        position_side="BOTH",
        update_ts=1566818724722,
        created_ts=None,
    )
    assert rest.read_order(body(ORDER)) == wanted
    queried = rest.read_order(body(ORDER | {"avgPrice": "8999.5", "time": 1566818724000}))
    assert (queried.avg_price, queried.created_ts) == (D("8999.5"), 1566818724000)
    reduce_only = rest.read_order(body(ORDER | {"reduceOnly": True, "side": "SELL"}))
    assert (reduce_only.reduce_only, reduce_only.side) == (True, Side.SELL)
    assert rest.read_orders(body([ORDER, ORDER])) == (wanted, wanted)
    assert rest.read_orders(b"[]") == ()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", OrderState.OPEN),
        ("PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED),
        ("FILLED", OrderState.FILLED),
        ("CANCELED", OrderState.CANCELLED),
        ("REJECTED", OrderState.REJECTED),
        ("EXPIRED", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderState.EXPIRED),
        ("NEW_ADL", OrderState.UNKNOWN),
    ],
)
def test_a_state_not_known_hides_no_order(status: str, state: OrderState) -> None:
    assert rest.read_order(body(ORDER | {"status": status})).status is state


def test_a_batch_holds_orders_and_refusals_in_order() -> None:
    found = rest.read_batch(body([{"code": -2022, "msg": "no"}, ORDER, {"code": -1, "msg": ""}]))
    assert found[0] == ErrorBody(code=-2022, msg="no")
    assert found[1] == rest.read_order(body(ORDER))
    assert found[2] == ErrorBody(code=-1, msg="")


def test_positions_of_both_versions_are_read() -> None:
    third = PositionAnswer(
        symbol="BTCUSDT",
        position_side="BOTH",
        position_amt=D("-0.001"),
        entry_price=D("22185.2"),
        mark_price=D("21123.05"),
        unrealized_pnl=D("-1.06"),
        liquidation_price=D(0),
        notional=D("21.12"),
        leverage=None,
        margin_type=None,
        update_ts=1655217461579,
    )
    second = POSITION | {"leverage": "10", "marginType": "isolated", "symbol": "\u5e01USDT"}
    found = rest.read_positions(body([POSITION, second]))
    assert found[0] == third
    assert (found[1].leverage, found[1].margin_type) == (10, "isolated")
    with pytest.raises(ConnectorError, match="leverage"):
        rest.read_positions(body([POSITION | {"leverage": "10.5"}]))


def test_balances_account_and_trades_are_read() -> None:
    assert rest.read_balances(body([BALANCE])) == (
        BalanceAnswer(
            asset="USDT", wallet_balance=D("122607.35"), cross_wallet_balance=D("23.72"),
            available_balance=D("23.5"), update_ts=1617939110373,
        ),
    )  # fmt: skip
    asset = BalanceAnswer(
        asset="USDT", wallet_balance=D(7), cross_wallet_balance=D(6), available_balance=D(5),
        update_ts=4,
    )  # fmt: skip
    assert rest.read_account(body(ACCOUNT)) == AccountAnswer(
        wallet_balance=D(3), unrealized_pnl=D(-4), margin_balance=D(5), initial_margin=D(1),
        maintenance_margin=D(2), available_balance=D(6), assets=(asset,),
    )  # fmt: skip
    assert rest.read_trades(body([TRADE])) == (
        TradeAnswer(
            ts=1569514978020, symbol="BTCUSDT", trade_id=698759, order_id="25851813",
            side=Side.SELL, position_side="BOTH", price=D("7819.01"), qty=D("0.002"),
            fee=D("0.0782"), fee_asset="USDT", realized_pnl=D("-0.9154"), is_maker=True,
        ),
    )  # fmt: skip


def test_a_book_is_read_with_its_update_id() -> None:
    found = rest.read_depth(body(DEPTH), "BTCUSDT", 77)
    assert found.last_update_id == 1027024
    assert found.book == L2Snapshot(
        ts=1589436922972,
        symbol="BTCUSDT",
        bids=((D(4), D(431)), (D("3.9"), D(1))),
        asks=((D("4.02"), D(12)), (D("4.1"), D(0))),
    )
    undated = {name: value for name, value in DEPTH.items() if name not in "ET"}
    assert rest.read_depth(body(undated), "BTCUSDT", 77).book.ts == 77


@pytest.mark.parametrize(
    "change",
    [
        {"bids": [["4.02", "1"]]},
        {"bids": [["5", "1"]]},
        {"bids": [["3", "1"], ["4", "1"]]},
        {"asks": [["5", "1"], ["5", "1"]]},
        {"asks": [["5"]]},
        {"asks": [["0", "1"]]},
        {"asks": "none"},
        {"bids": [["4", 1]]},
        {"E": "soon"},
    ],
)
def test_a_book_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        read_book(body(DEPTH | change))
    assert caught.value.field.split(",")[0] in {"bids", "asks", "E"}
    assert caught.value.value is not None


def test_small_answers_are_read() -> None:
    assert rest.read_server_time(b'{"serverTime":1499827319559}') == 1499827319559
    key = rest.read_listen_key(b'{"listenKey":"pqia91ma19a5s61cv6a81va65sdf"}')
    assert key.reveal() == "pqia91ma19a5s61cv6a81va65sdf"
    assert "pqia" not in repr(key)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b'{"code":-1121,"msg":"Invalid symbol."}', ErrorBody(code=-1121, msg="Invalid symbol.")),
        (b'{"code":"-1121","msg":"x"}', None),
        (b'{"code":-1121}', None),
        (b'{"code":true,"msg":"x"}', None),
        (b"<html>Bad gateway</html>", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_a_refusal_is_read_or_is_none(data: bytes, wanted: ErrorBody | None) -> None:
    assert rest.read_error(data) == wanted


@pytest.mark.parametrize(("case", "name"), NEEDED)
def test_a_missing_field_is_named(case: str, name: str) -> None:
    read, _, part, where, _ = CASES[case]
    with pytest.raises(ConnectorError) as caught:
        read(changed(case, {key: value for key, value in part.items() if key != name}))
    error = caught.value
    assert (error.field, error.rule, error.where) == (name, "is missing", where)


@pytest.mark.parametrize(("case", "name"), NEEDED)
@pytest.mark.parametrize("value", [None, 1.5, [5], {"a": 1}])
def test_a_malformed_field_is_named_with_its_value(case: str, name: str, value: Any) -> None:
    read, _, part, where, _ = CASES[case]
    with pytest.raises(ConnectorError) as caught:
        read(changed(case, part | {name: value}))
    error = caught.value
    assert (error.field, error.value, error.where) == (name, value, where)
    assert repr(value) in str(error)


@pytest.mark.parametrize("case", CASES)
def test_new_keys_and_another_order_of_keys_change_nothing(case: str) -> None:
    read, good, part, _, _ = CASES[case]
    more = dict(reversed(part.items())) | {"new": {"a": [1]}}
    assert read(changed(case, more)) == read(body(good))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("data", [b"", b"{", b"<html>", b"null", b"5", b'"x"', b"[5]", b"{}"])
def test_a_body_of_another_kind_is_refused(case: str, data: bytes) -> None:
    with pytest.raises(ConnectorError):
        CASES[case][0](data)


@pytest.mark.parametrize(("case", "name"), NEEDED)
@pytest.mark.parametrize("depth", [400, 990, 1010])
def test_values_nested_deep_are_refused_like_others(case: str, name: str, depth: int) -> None:
    read, _, part, _, _ = CASES[case]
    sent = changed(case, part | {name: "HERE"})
    with pytest.raises(ConnectorError):
        read(sent.replace(b'"HERE"', b"[" * depth + b"]" * depth))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_any_answer_is_read_or_refused(case: str, data: st.DataObject) -> None:
    read, _, part, _, _ = CASES[case]
    mutated = dict(part)
    for name in data.draw(st.lists(st.sampled_from(sorted(part)), max_size=3)):
        mutated[name] = data.draw(json_values)
    sent = bytearray(changed(case, mutated))
    for _ in range(data.draw(st.integers(0, 2))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ConnectorError):
        read(bytes(sent))
    rest.read_error(bytes(sent))


# -- recordings

DOCUMENTS: dict[str, Callable[[bytes], Any]] = {
    "PlaceOrder": rest.read_order,
    "EditOrder": rest.read_order,
    "CancelOrder": rest.read_order,
    "GetOrder": rest.read_order,
    "GetOpenOrder": rest.read_order,
    "GetOpenOrders": rest.read_orders,
    "GetOrders": rest.read_orders,
    "PlaceMultipleOrders": rest.read_batch,
    "EditMultipleOrders": rest.read_batch,
    "CancelMultipleOrders": rest.read_batch,
    "GetPositionInformation": rest.read_positions,
    "GetPositions": rest.read_positions,
    "GetBalances": rest.read_balances,
    "GetAccountInfo": rest.read_account,
    "GetAccountInfoV3": rest.read_account,
    "GetUserTrades": rest.read_trades,
    "GetOrderBook": read_book,
    "GetServerTime": rest.read_server_time,
    "StartUserStream": rest.read_listen_key,
}


@pytest.fixture(scope="module")
def documents(recordings: Path) -> dict[str, Any]:
    lines = (recordings / "doc_examples" / "fapi_rest_examples.jsonl").read_text().splitlines()
    return {row["name"]: row["response"] for row in map(json.loads, lines)}


@pytest.mark.recordings
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_shapes_of_the_documents_are_read(documents: dict[str, Any], name: str) -> None:
    found = DOCUMENTS[name](body(documents[name]))
    if isinstance(documents[name], list):
        assert len(found) == len(documents[name])
    for record, row in zip(found, documents[name], strict=True) if type(found) is tuple else ():
        if isinstance(record, OrderAnswer):
            assert (record.order_id, record.qty) == (str(row["orderId"]), D(row["origQty"]))
        elif isinstance(record, PositionAnswer):
            assert record.position_amt == D(row["positionAmt"])
        elif isinstance(record, ErrorBody):
            assert record.code == row["code"]


@pytest.mark.recordings
def test_any_document_is_read_or_refused_by_any_reader(documents: dict[str, Any]) -> None:
    for response in documents.values():
        for read in {*DOCUMENTS.values()}:
            with suppress(ConnectorError):
                read(body(response))


@pytest.mark.recordings
def test_recorded_books_are_read(recordings: Path) -> None:
    """Each level as the raw text says, best first."""
    found = 0
    for name in ("usdm_4alts_20210722.gz", "usdm_5alts_20210405.gz"):
        capture = gzip.decompress((recordings / "ws_raw_multi" / name).read_bytes()).decode()
        for line in capture.splitlines():
            if " -> " not in line or "/depth?" not in line:
                continue
            text = line.partition(" -> ")[2].partition(": ")[2]
            answer, data = rest.read_depth(text.encode(), "BTCUSDT", 0), json.loads(text)
            found += 1
            assert answer.last_update_id == data["lastUpdateId"]
            assert answer.book.ts == data["E"]
            for side in ("bids", "asks"):
                levels = [(D(price), D(qty)) for price, qty in data[side]]
                assert list(getattr(answer.book, side)) == levels
    assert found == 9
