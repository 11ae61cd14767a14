"""Frames of the private stream: the venue's shapes, an account's real week, and any bytes."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.subscriptions import ERROR_SHOWN, Answer
from grinder_adapters.binance.user_events import (
    AccountEvent,
    AlgoEvent,
    Balance,
    ConfigEvent,
    FuturesOrderEvent,
    FuturesPositionEvent,
    ListenKeyExpired,
    TradeLite,
    UnknownEvent,
    UserDataEventType,
    UserEvent,
)
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_core.contracts.enums import OrderState, Side

D = Decimal

# reference 9.1
ORDER: dict[str, Any] = json.loads(
    '{"e":"ORDER_TRADE_UPDATE","E":1763640000140,"T":1763640000138,"o":{"s":"BTCUSDT","c":"g1",'
    '"S":"BUY","o":"LIMIT","f":"GTX","q":"0.010","p":"91000.10","ap":"91000.10","sp":"0",'
    '"x":"TRADE","X":"PARTIALLY_FILLED","i":42,"l":"0.004","z":"0.004","L":"91000.10","N":"USDT",'
    '"n":"0.0728","T":1763640000138,"t":903,"b":"546","a":"0","m":true,"R":false,'
    '"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0","pP":false,"si":0,"ss":0,'
    '"V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"0"}}'
)
ACCOUNT: dict[str, Any] = json.loads(
    '{"e":"ACCOUNT_UPDATE","E":1763640000140,"T":1763640000138,"a":{"m":"ORDER",'
    '"B":[{"a":"USDT","wb":"999.9272","cw":"999.9272","bc":"0"}],"P":[{"s":"BTCUSDT","pa":"0.004",'
    '"ep":"91000.10","bep":"91018.3","cr":"0","up":"0.0002","mt":"cross","iw":"0","ps":"BOTH"}]}}'
)
LITE: dict[str, Any] = {
    "e": "TRADE_LITE", "E": 3, "T": 2, "s": "BTCUSDT", "q": "0.5", "p": "0", "m": False, "c": "g1",
    "S": "SELL", "L": "64089.20", "l": "0.040", "t": 109, "i": 42,
}  # fmt: skip
ALGO: dict[str, Any] = {
    "e": "ALGO_UPDATE", "E": 3, "T": 2,
    "o": {
        "caid": "a1", "aid": 21, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT",
        "S": "SELL", "ps": "BOTH", "f": "GTC", "q": "0.01", "X": "TRIGGERED", "ai": "974",
        "tp": "750", "p": "0", "R": True, "rm": "why",
    },
}  # fmt: skip
LEVERAGE: dict[str, Any] = {
    "e": "ACCOUNT_CONFIG_UPDATE", "E": 3, "T": 2, "ac": {"s": "BTCUSDT", "l": 25},
}  # fmt: skip
EXPIRED: dict[str, Any] = {"e": "listenKeyExpired", "E": 3, "listenKey": "pqia91ma19a5s61cv6a81va"}
FRAMES = (ORDER, ACCOUNT, LITE, ALGO, LEVERAGE, EXPIRED)


def raw(data: Any) -> bytes:
    return json.dumps(data).encode()


def read(data: Any) -> UserEvent | Answer:
    return read_user_frame(raw(data))


def an_order(**changes: Any) -> dict[str, Any]:
    return ORDER | {"o": ORDER["o"] | changes}


def read_order(data: dict[str, Any]) -> FuturesOrderEvent:
    event = read(data)
    assert isinstance(event, FuturesOrderEvent)
    return event


def test_an_execution_is_read_whole() -> None:
    assert read(ORDER) == FuturesOrderEvent(
        ts=1763640000140,
        transaction_ts=1763640000138,
        symbol="BTCUSDT",
        order_id="42",
        client_order_id="g1",
        side=Side.BUY,
        order_type="LIMIT",
        time_in_force="GTX",
        execution="TRADE",
        status=OrderState.PARTIALLY_FILLED,
        price=D("91000.1"),
        qty=D("0.01"),
        last_price=D("91000.1"),
        last_qty=D("0.004"),
        executed_qty=D("0.004"),
        avg_price=D("91000.1"),
        fee=D("0.0728"),
        fee_asset="USDT",
        trade_id=903,
        is_maker=True,
        reduce_only=False,
        position_side="BOTH",
        realized_pnl=D(0),
        expiry_reason="0",
        modify_id=None,
    )


@pytest.mark.parametrize(
    ("wire", "field", "value", "wanted"),
    [
        ("i", "order_id", 7, "7"),
        ("c", "client_order_id", "autoclose-1", "autoclose-1"),
        ("S", "side", "SELL", Side.SELL),
        ("o", "order_type", "MARKET", "MARKET"),
        ("f", "time_in_force", "GTC", "GTC"),
        ("x", "execution", "AMENDMENT", "AMENDMENT"),
        ("p", "price", "1.5", D("1.5")),
        ("q", "qty", "7", D(7)),
        ("L", "last_price", "3", D(3)),
        ("l", "last_qty", "2", D(2)),
        ("z", "executed_qty", "6", D(6)),
        ("ap", "avg_price", "4", D(4)),
        ("n", "fee", "-0.1", D("-0.1")),
        ("N", "fee_asset", "BNB", "BNB"),
        ("t", "trade_id", 0, 0),
        ("m", "is_maker", False, False),
        ("R", "reduce_only", True, True),
        ("ps", "position_side", "LONG", "LONG"),
        ("rp", "realized_pnl", "-3.2", D("-3.2")),
        ("er", "expiry_reason", "4", "4"),
        ("M", "modify_id", 12, 12),
        ("s", "symbol", "\u5e01\u5b89USDT", "\u5e01\u5b89USDT"),
    ],
)
def test_each_field_is_read_from_its_own_letter(
    wire: str, field: str, value: Any, wanted: Any
) -> None:
    plain, changed = read_order(ORDER), read_order(an_order(**{wire: value}))
    fields = FuturesOrderEvent.__annotations__
    differing = {name for name in fields if getattr(plain, name) != getattr(changed, name)}
    assert differing == {field}
    assert getattr(changed, field) == wanted


STATUSES = {
    "NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}


@given(st.sampled_from(sorted(STATUSES)) | st.text())
def test_the_states_are_those_of_the_map_and_no_other(status: str) -> None:
    event = read(an_order(X=status))
    if status in STATUSES:
        assert isinstance(event, FuturesOrderEvent)
        assert event.status is STATUSES[status]
    else:
        assert isinstance(event, UnknownEvent)
        assert "X" in event.fault


def test_without_a_fee_there_is_no_fee() -> None:
    order = {name: value for name, value in ORDER["o"].items() if name not in {"n", "N", "er"}}
    event = read_order(ORDER | {"o": order})
    assert (event.fee, event.fee_asset, event.expiry_reason) == (D(0), "", "0")
    assert read_order(an_order(n=None, N=None)).fee == 0


def test_an_account_change_is_read_whole() -> None:
    position = FuturesPositionEvent(
        ts=1763640000140,
        symbol="BTCUSDT",
        position_amt=D("0.004"),
        entry_price=D("91000.1"),
        unrealized_pnl=D("0.0002"),
        position_side="BOTH",
    )
    balance = Balance(
        asset="USDT",
        wallet_balance=D("999.9272"),
        cross_wallet_balance=D("999.9272"),
        change=D(0),
    )
    wanted = AccountEvent(
        ts=1763640000140,
        transaction_ts=1763640000138,
        reason="ORDER",
        balances=(balance,),
        positions=(position,),
        symbol="",
    )
    assert read(ACCOUNT) == wanted
    changed = {"a": "BNB", "wb": "3", "cw": "2", "bc": "-1"}
    funding = {"m": "FUNDING_FEE", "B": [changed], "S": "BTCUSDT"}
    event = read(ACCOUNT | {"a": funding})
    assert isinstance(event, AccountEvent)
    assert (event.reason, event.symbol, event.positions) == ("FUNDING_FEE", "BTCUSDT", ())
    assert event.balances == (
        Balance(asset="BNB", wallet_balance=D(3), cross_wallet_balance=D(2), change=D(-1)),
    )


def test_the_early_fill_the_conditional_order_and_the_settings_are_read() -> None:
    assert read(LITE) == TradeLite(
        ts=3, transaction_ts=2, symbol="BTCUSDT", order_id="42", client_order_id="g1",
        side=Side.SELL, last_price=D("64089.2"), last_qty=D("0.04"), trade_id=109, is_maker=False,
    )  # fmt: skip
    assert read(ALGO) == AlgoEvent(
        ts=3, transaction_ts=2, symbol="BTCUSDT", algo_id=21, client_algo_id="a1", side=Side.SELL,
        order_type="STOP_MARKET", status="TRIGGERED", qty=D("0.01"), trigger_price=D(750),
        reduce_only=True, order_id="974", reason="why",
    )  # fmt: skip
    assert read(LEVERAGE) == ConfigEvent(
        ts=3, transaction_ts=2, symbol="BTCUSDT", leverage=25, multi_assets=None
    )
    mode = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 3, "T": 2, "ai": {"j": True}}
    assert read(mode) == ConfigEvent(
        ts=3, transaction_ts=2, symbol="", leverage=None, multi_assets=True
    )


def test_an_expired_key_is_told_without_being_shown() -> None:
    event = read(EXPIRED)
    assert isinstance(event, ListenKeyExpired)
    assert (event.ts, event.listen_key.reveal()) == (3, EXPIRED["listenKey"])
    assert EXPIRED["listenKey"] not in repr(event)
    damaged = read(EXPIRED | {"E": None})
    assert isinstance(damaged, UnknownEvent)
    assert EXPIRED["listenKey"] not in repr(damaged)


@pytest.mark.parametrize("data", FRAMES)
def test_each_event_says_its_type(data: dict[str, Any]) -> None:
    event = read(data)
    assert not isinstance(event, Answer)
    assert event.event_type is UserDataEventType(data["e"])


def test_an_event_never_heard_of_keeps_its_bytes() -> None:
    frame = raw({"e": "GRID_UPDATE", "E": 1})
    event = read_user_frame(frame)
    assert event == UnknownEvent(name="GRID_UPDATE", fault="", raw=frame)
    assert event.event_type is UserDataEventType.UNKNOWN


def test_answers_between_the_frames_are_no_events() -> None:
    assert read({"result": None, "id": 9}) == Answer(request_id=9)
    refused = read({"error": {"code": 3, "msg": "x" * 999}, "id": 1})
    assert isinstance(refused, Answer)
    assert len(refused.error) == ERROR_SHOWN


@pytest.mark.parametrize("data", FRAMES)
def test_a_frame_means_the_same_wrapped_spaced_shuffled_and_with_new_keys(
    data: dict[str, Any],
) -> None:
    """I-19.1: a pure function of the payload."""
    event = read(data)
    assert not isinstance(event, UnknownEvent)
    shuffled = dict(reversed(data.items())) | {"new": [1, {"a": None}], "code": 1}
    assert read(shuffled) == event
    assert read_user_frame(json.dumps(data, indent=3).encode()) == event
    assert read({"stream": "listenkey", "data": data}) == event
    assert read_user_frame(orjson.dumps(data)) == event


ORDER_FIELDS = "s c S o f q p ap x X i l z L t m R ps rp"
ALGO_FIELDS = "caid aid o s S q X tp R"
LITE_FIELDS = "s i c S L l t m"
ESSENTIAL = [
    *[(ORDER, "o", name) for name in ORDER_FIELDS.split()],
    *[(ACCOUNT, "a", "m")],
    *[(ALGO, "o", name) for name in ALGO_FIELDS.split()],
    *[(LEVERAGE, "ac", name) for name in "sl"],
    *[(data, "", name) for data in FRAMES for name in ("E", "T") if name in data],
    *[(LITE, "", name) for name in LITE_FIELDS.split()],
    (EXPIRED, "", "listenKey"),
    (ORDER, "", "o"),
    (ACCOUNT, "", "a"),
    (ALGO, "", "o"),
]


@pytest.mark.parametrize(("data", "inside", "name"), ESSENTIAL)
@pytest.mark.parametrize("value", ["missing", None, 1.5, [], {"x": 1}])
def test_a_field_that_is_missing_or_wrong_is_named(
    data: dict[str, Any], inside: str, name: str, value: Any
) -> None:
    part = dict(data[inside] if inside else data)
    part.pop(name)
    if value != "missing":
        part[name] = value
    frame = raw(data | {inside: part} if inside else part)
    event = read_user_frame(frame)
    assert isinstance(event, UnknownEvent)
    # inside an object of the wrong kind, the first field that is missing there is named
    assert event.fault.startswith(name) or isinstance(value, dict)
    assert (event.name, event.raw) == (data["e"], frame)


@pytest.mark.parametrize("side", ["B", "P"])
@pytest.mark.parametrize("value", [5, "x", [5], [{}], {}])
def test_rows_of_an_account_that_are_none_are_refused(side: str, value: Any) -> None:
    event = read(ACCOUNT | {"a": ACCOUNT["a"] | {side: value}})
    assert isinstance(event, UnknownEvent)


@pytest.mark.parametrize("data", FRAMES)
@pytest.mark.parametrize("depth", [400, 990, 1010])
def test_values_nested_deep_are_unknown_like_others(data: dict[str, Any], depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for name in ("e", "E", "o", "a", "ac", "listenKey"):
        frame = raw(data | {name: "HERE"}).replace(b'"HERE"', nested)
        if name in data:
            assert isinstance(read_user_frame(frame), UnknownEvent)
    assert isinstance(read_user_frame(nested), UnknownEvent)
    answer = read_user_frame(b'{"id":1,"error":' + nested + b"}")
    assert isinstance(answer, Answer | UnknownEvent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A frame with fields removed, replaced or added at any depth, and bytes flipped or cut."""
    data = json.loads(json.dumps(draw(st.sampled_from(FRAMES))))
    for _ in range(draw(st.integers(0, 3))):
        part = data
        while nested := [value for value in part.values() if isinstance(value, dict)]:
            if draw(st.booleans()):
                break
            part = draw(st.sampled_from(nested))
        name = draw(st.sampled_from(sorted(part))) if part else "e"
        if draw(st.booleans()):
            part.pop(name, None)
        else:
            part[name] = draw(json_values)
    frame = bytearray(json.dumps(data).encode())
    for _ in range(draw(st.integers(0, 2))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(0, len(frame)))] if draw(st.booleans()) else frame)


@settings(max_examples=300)
@given(mutated() | st.binary() | json_values.map(raw))
def test_any_bytes_give_a_record(frame: bytes) -> None:
    event = read_user_frame(frame)
    if isinstance(event, UnknownEvent):
        assert event.raw == frame
        assert event.fault or event.name
    elif isinstance(event, FuturesOrderEvent):
        data = json.loads(frame)
        order = data.get("data", data)["o"]
        assert event.status is STATUSES[order["X"]]
        assert (event.executed_qty, event.trade_id) == (D(order["z"]), order["t"])
    assert read_user_frame(frame) == event


# -- recordings


@pytest.mark.recordings
def test_the_shapes_of_the_documents_are_read(recordings: Path) -> None:
    lines = (recordings / "doc_examples" / "fapi_ws_examples.jsonl").read_text().splitlines()
    shapes = {row["name"]: row["data"] for row in map(json.loads, lines)}
    kinds = {name: type(read(data)) for name, data in shapes.items()}
    assert {name: kind for name, kind in kinds.items() if kind is not UnknownEvent} == {
        "AccountUpdate": AccountEvent,
        "AlgoOrderUpdate": AlgoEvent,
        "Leverage": ConfigEvent,
        "MultiAssetMode": ConfigEvent,
        "OrderUpdate": FuturesOrderEvent,
        "TradeUpdate": TradeLite,
    }
    account = read(shapes["AccountUpdate"])
    assert isinstance(account, AccountEvent)
    amounts = [(each.position_side, each.position_amt) for each in account.positions]
    assert amounts == [("BOTH", D(0)), ("LONG", D(20)), ("SHORT", D(-10))]
    assert [each.asset for each in account.balances] == ["USDT", "BUSD"]


ORDER_LETTERS = {
    "s": "symbol", "c": "clientOrderId", "S": "orderSide", "o": "orderType",
    "f": "orderTimeInForce", "q": "originalQuantity", "p": "originalPrice", "ap": "averagePrice",
    "x": "executionType", "X": "orderStatus", "i": "orderId", "l": "lastFilledQuantity",
    "z": "orderFilledAccumulatedQuantity", "L": "lastFilledPrice", "n": "commissionAmount",
    "N": "commissionAsset", "t": "tradeId", "m": "isMakerTrade", "R": "isReduceOnly",
    "ps": "positionSide", "rp": "realisedProfit",
}  # fmt: skip
NUMBERS = {"q", "p", "ap", "l", "z", "L", "n", "rp", "wb", "cw", "bc", "pa", "ep", "up"}
BALANCE_LETTERS = {
    "a": "asset", "wb": "walletBalance", "cw": "crossWalletBalance", "bc": "balanceChange",
}  # fmt: skip
POSITION_LETTERS = {
    "s": "symbol", "pa": "positionAmount", "ep": "entryPrice", "up": "unrealisedPnl",
    "ps": "positionSide",
}  # fmt: skip


def letters(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The wire form of a row with long names: numbers are text, what is null is left out."""
    found = {letter: row[name] for letter, name in names.items() if row.get(name) is not None}
    return {k: format(D(repr(v)), "f") if k in NUMBERS else v for k, v in found.items()}


def as_wire(event: dict[str, Any]) -> dict[str, Any]:
    data = {"e": event["eventType"], "E": event["eventTime"]}
    if data["e"] == "ORDER_TRADE_UPDATE":
        order = letters(event["order"], ORDER_LETTERS)
        return data | {"T": event["transactionTime"], "o": order}
    update = event["updateData"]
    account = {
        "m": update["updateEventType"],
        "B": [letters(row, BALANCE_LETTERS) for row in update["updatedBalances"]],
        "P": [letters(row, POSITION_LETTERS) for row in update["updatedPositions"]],
    }
    return data | {"T": event["transactionId"], "a": account}


@pytest.mark.recordings
def test_a_real_week_of_an_account_is_read(recordings: Path) -> None:
    """Its fills are numbered once, and an order's filled quantity is the sum of its fills."""
    path = recordings / "user_data" / "usdm_user_stream_expanded_2022.jsonl.gz"
    kinds: Counter[str] = Counter()
    filled: dict[str, Decimal] = {}
    trades: set[int] = set()
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        event = read(as_wire(json.loads(line)["event"]))
        kinds[type(event).__name__] += 1
        if isinstance(event, FuturesOrderEvent):
            filled[event.order_id] = filled.get(event.order_id, D(0)) + event.last_qty
            assert event.executed_qty == filled[event.order_id]
            assert event.status.is_final == (event.executed_qty == event.qty) or not event.last_qty
            if event.execution == "TRADE":
                assert event.trade_id not in trades
                trades.add(event.trade_id)
    assert set(kinds) == {"FuturesOrderEvent", "AccountEvent"}
    assert sum(kinds.values()) == 81
    assert len(trades) > 10
