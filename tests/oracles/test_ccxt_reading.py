"""Signing and reading against ccxt's: the same request is signed the same, and the same frame or
answer means the same price, quantity, ids and times.

grinder's pure modules are imported into ccxt's environment, from the repository.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import ccxt.pro
import orjson
import pytest

from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.binance.rest_answers import (
    read_balances,
    read_order,
    read_orders,
    read_positions,
    read_trades,
)
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.user_events import AccountEvent, FuturesOrderEvent
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, MarkPrice, Snapshot, Trade
from tests.oracles.exchange import ROOT
from tests.oracles.facts import dec

RECORDED = (
    "ws_raw/usdm_btcusdt_20230404.gz",
    "ws_raw/usdm_btcusdt_20230405.gz",
    "ws_raw/usdm_btcusdt_20240808.gz",
    "ws_raw/usdm_ethusdt_20240808.gz",
    "ws_raw_multi/usdm_4alts_20210722.gz",
    "ws_raw_multi/usdm_5alts_20210405.gz",
)
STATUSES = {"OPEN": "open", "PARTIALLY_FILLED": "open", "FILLED": "closed", "CANCELLED": "canceled"}


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings."""
    folder = Path(os.environ.get("GRINDER_TEST_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set GRINDER_TEST_RECORDINGS to their folder")
    return folder


@pytest.fixture(scope="module")
def pro() -> Any:
    """ccxt.pro, for its parsers alone."""
    return ccxt.pro.binanceusdm({"options": {"defaultType": "swap"}})


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("GET", "balance", {}),
        ("POST", "order", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "0.1"}),
        ("POST", "order", {"symbol": "BTCUSDT", "newClientOrderId": "a-b_c.9:/x", "quantity": "1"}),
        ("PUT", "order", {"symbol": "ETHUSDT", "orderId": "9007199254740993"}),
        ("DELETE", "order", {"symbol": "ETHUSDT", "origClientOrderId": "a b&c=d%"}),
        ("DELETE", "allOpenOrders", {"symbol": "\u9f99\u867eUSDT"}),
    ],
)
@pytest.mark.parametrize("secret", ["s", "k" * 64, "K9" * 50])
def test_a_request_is_signed_as_ccxt_signs_it(
    method: str, path: str, values: dict[str, str], secret: str
) -> None:
    exchange = ccxt.binanceusdm({"apiKey": "key", "secret": secret})
    made = exchange.sign(path, ["fapiPrivate"], method, dict(values))
    sent = made["body"] if method in {"POST", "PUT"} else made["url"].partition("?")[2]
    query, _, signature = sent.partition("&signature=")
    signer = Signer(Secret("key"), Secret(secret))
    assert signer.sign(query) == signature
    assert signer.headers["X-MBX-APIKEY"] == made["headers"]["X-MBX-APIKEY"]
    # ours, with ccxt's parameters: the venue reads the same out of it, and checks it the same way
    given = dict(parse_qsl(query))
    timestamp = int(given.pop("timestamp"))
    ours, _, own = signer.signed_query(given, timestamp).decode().partition("&signature=")
    assert dict(parse_qsl(ours)) == {**given, "timestamp": str(timestamp)}
    assert own == exchange.hmac(ours.encode(), secret.encode(), hashlib.sha256)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_frames_mean_what_ccxt_reads(recordings: Path, pro: Any, name: str) -> None:
    frames = MarketFrames(())
    compared: Counter[str] = Counter()
    for frame in recorded(recordings / name):
        told = orjson.loads(frame)
        data = told["data"]
        frames.add(data["s"])
        for item in frames.read(frame, 0):
            if isinstance(item, Event):
                compare(pro, item, data)
                compared[type(item.payload).__name__] += 1
    assert compared["Trade"] + compared["Snapshot"] > 0
    assert sum(compared.values()) + sum(frames.drops.values()) + sum(frames.ignored.values()) > 100


def recorded(path: Path) -> Iterator[bytes]:
    """Frames of a recording; depth changes are many, so only each tenth of them."""
    changes = 0
    with gzip.open(path, "rb") as file:
        for line in file:
            frame = line.partition(b" ")[2]
            if b'"stream"' not in frame[:200]:
                continue
            if b"depthUpdate" in frame[:200]:
                changes += 1
                if changes % 10:
                    continue
            yield frame


def compare(pro: Any, item: Event, data: dict[str, Any]) -> None:
    """One frame, read twice."""
    payload = item.payload
    match payload:
        case Trade():
            row = pro.parse_ws_trade(data, pro.safe_market(data["s"]))
            assert dec(row["price"]) == payload.price
            assert dec(row["amount"]) == payload.qty
            assert int(row["id"]) == payload.trade_id
            assert (row["side"] == "sell") is payload.is_buyer_maker
        case Snapshot():
            row = pro.parse_ws_ticker(data, "swap")
            assert (dec(row["bid"]), dec(row["bidVolume"])) == (payload.bid_price, payload.bid_qty)
            assert (dec(row["ask"]), dec(row["askVolume"])) == (payload.ask_price, payload.ask_qty)
        case DepthDiff():
            book = pro.order_book({})
            pro.handle_order_book_message(None, data, book)
            bids = {dec(price): dec(qty) for price, qty in book["bids"]}
            asks = {dec(price): dec(qty) for price, qty in book["asks"]}
            assert bids == {price: qty for price, qty in payload.bids if qty}
            assert asks == {price: qty for price, qty in payload.asks if qty}
            assert book["nonce"] == payload.last_update_id == item.update_id
            assert book["timestamp"] == data["E"]
        case MarkPrice():
            row = pro.parse_ws_ticker(data, "swap")
            assert dec(row["markPrice"]) == payload.mark_price
            assert dec(row["indexPrice"]) == payload.index_price
            assert row["timestamp"] == data["E"]
        case _:
            raise AssertionError(f"not compared: {payload!r}")


def examples(recordings: Path, name: str) -> dict[str, Any]:
    """Documented messages by name."""
    lines = (recordings / "doc_examples" / name).read_text("utf-8").splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def test_documented_user_frames_mean_what_ccxt_reads(recordings: Path, pro: Any) -> None:
    compared = Counter[str]()
    for example in examples(recordings, "fapi_ws_examples.jsonl").values():
        data = example["data"]
        kind = data.get("e") if isinstance(data, dict) else ""
        if kind not in {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"}:
            continue
        if kind == "ORDER_TRADE_UPDATE":  # documented before it has traded
            data["o"] |= {"x": "TRADE", "l": "0.0007", "L": "7103.04", "t": 77, "z": "0.0007"}
        event = read_user_frame(json.dumps(data).encode())
        compared[kind] += 1
        if isinstance(event, FuturesOrderEvent):
            told = data["o"]
            order = pro.parse_ws_order(told, pro.safe_market(told["s"]))
            assert (order["id"], order["clientOrderId"]) == (
                event.order_id,
                event.client_order_id,
            )
            assert (dec(order["price"] or 0), dec(order["amount"])) == (event.price, event.qty)
            assert dec(order["filled"]) == event.executed_qty
            assert order["side"] == event.side.value.lower()
            trade = pro.parse_ws_trade(told, pro.safe_market(told["s"]))
            assert (dec(trade["price"]), dec(trade["amount"])) == (
                event.last_price,
                event.last_qty,
            )
            assert int(trade["id"]) == event.trade_id
            assert trade["timestamp"] == event.transaction_ts
        else:
            assert isinstance(event, AccountEvent)
            for told, position in zip(data["a"]["P"], event.positions, strict=True):
                row = pro.parse_ws_position(told)
                assert dec(row["contracts"]) == abs(position.position_amt)
                assert dec(row["entryPrice"]) == position.entry_price
                assert dec(row["unrealizedPnl"]) == position.unrealized_pnl
    assert compared["ORDER_TRADE_UPDATE"] >= 1
    assert compared["ACCOUNT_UPDATE"] >= 1


def test_documented_answers_mean_what_ccxt_reads(recordings: Path) -> None:
    plain = ccxt.binanceusdm()
    told = {
        name: row["response"]
        for name, row in examples(recordings, "fapi_rest_examples.jsonl").items()
    }
    for name in ("PlaceOrder", "CancelOrder", "EditOrder", "GetOrder", "GetOpenOrder"):
        order, row = read_order(orjson.dumps(told[name])), plain.parse_order(told[name])
        same_order(order, row)
    for name in ("GetOrders", "GetOpenOrders"):
        for order, raw in zip(read_orders(orjson.dumps(told[name])), told[name], strict=True):
            same_order(order, plain.parse_order(raw))
    for trade, raw in zip(
        read_trades(orjson.dumps(told["GetUserTrades"])), told["GetUserTrades"], strict=True
    ):
        row = plain.parse_trade(raw, plain.safe_market(raw["symbol"]))
        assert (str(trade.trade_id), trade.order_id) == (row["id"], row["order"])
        assert (trade.price, trade.qty) == (dec(row["price"]), dec(row["amount"]))
        assert (trade.fee, trade.ts) == (dec(row["fee"]["cost"]), row["timestamp"])
    for position, raw in zip(
        read_positions(orjson.dumps(told["GetPositions"])), told["GetPositions"], strict=True
    ):
        row = plain.parse_position_risk(raw, plain.safe_market(raw["symbol"]))
        assert abs(position.position_amt) == dec(row["contracts"])
        assert position.entry_price == dec(row["entryPrice"])
        assert position.mark_price == dec(row["markPrice"])
        assert position.unrealized_pnl == dec(row["unrealizedPnl"])
    assert [row.asset for row in read_balances(orjson.dumps(told["GetBalances"]))] == [
        row["asset"] for row in told["GetBalances"]
    ]


def same_order(order: Any, row: dict[str, Any]) -> None:
    """One answer, read twice."""
    assert (order.order_id, order.client_order_id) == (row["id"], row["clientOrderId"])
    assert order.side.value.lower() == row["side"]
    assert (order.qty, order.executed_qty) == (dec(row["amount"]), dec(row["filled"]))
    assert order.price == dec(row["price"] or 0)
    assert order.reduce_only is row["reduceOnly"]
    assert order.update_ts == row["lastUpdateTimestamp"] or order.update_ts == row["timestamp"]
    assert STATUSES[order.status.value] == row["status"]
