"""ccxt's ``binanceusdm``, synchronous and as ccxt.pro; nothing of it is changed.

All that is asked goes through ccxt's unified calls, so its parsers stand between venue and test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import ccxt
import ccxt.pro
import pytest

from tests.oracles import facts
from tests.oracles.client import Client
from tests.oracles.exchange import SYMBOL, Exchange

NOWHERE = "http://127.0.0.1:9/unrouted"  # a closed port: nothing else may leave the machine
STATUSES = {"open": "NEW", "closed": "FILLED", "canceled": "CANCELED"}
TIFS = {"PO": "GTX"}


def settings(exchange: Exchange) -> dict[str, Any]:
    """ccxt's configuration for an exchange at another address."""
    plain = ccxt.binanceusdm()
    api: dict[str, Any] = {name: NOWHERE for name in plain.urls["api"] if name != "ws"}
    for version in (1, 2, 3):
        suffix = "" if version == 1 else f"V{version}"
        for family in ("fapiPublic", "fapiPrivate"):
            api[family + suffix] = f"{exchange.rest}/fapi/v{version}"
    # it puts the category before ``/ws``
    api["ws"] = {"linear": f"{exchange.ws}/ws", "ws-api": {"linear": NOWHERE}}
    return {
        "apiKey": exchange.key,
        "secret": exchange.secret,
        "enableRateLimit": False,
        "urls": {"api": api},
        "options": {
            "fetchCurrencies": False,  # asks the spot exchange
            "fetchMarkets": {"types": ["linear"]},
            # what was held before would be the first that it tells
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
        },
        # it finds the codes of futures by the venue's own address; here they are the only ones
        "exceptions": {"exact": plain.exceptions["linear"]["exact"]},
    }


class Ccxt(Client):
    """``ccxt.binanceusdm``."""

    errors: ClassVar = {
        -1022: "AuthenticationError",
        -1121: "BadSymbol",
        -1125: "AuthenticationError",
        -2011: "OrderNotFound",
        -2013: "OrderNotFound",
        -2015: "AuthenticationError",
        -2019: "InsufficientFunds",
        -2022: "InvalidOrder",
        -4046: "MarginModeAlreadySet",
        -4059: "OperationRejected",
        -4116: "InvalidOrder",
        -4164: "InvalidOrder",
        -5022: "OrderNotFillable",
        -5027: "OperationRejected",
    }

    def __init__(self, exchange: Exchange) -> None:
        self.ccxt = self._made(settings(exchange))
        self.call("load_markets")

    def _made(self, config: dict[str, Any]) -> Any:
        return ccxt.binanceusdm(config)

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        """Make one call."""
        return getattr(self.ccxt, name)(*values, **named)

    def stranger(self, exchange: Exchange) -> Ccxt:
        return type(self)(exchange)

    def refusal_of(self, call: Callable[[], object]) -> facts.Refusal:
        with pytest.raises(ccxt.BaseError) as caught:
            call()
        body = json.loads(str(caught.value).partition(" ")[2])
        return facts.Refusal(error=type(caught.value).__name__, code=body["code"])

    def unified(self, symbol: str = SYMBOL) -> str:
        """Its name of a symbol."""
        return str(self.ccxt.markets_by_id[symbol][0]["symbol"])

    # -- market --------------------------------------------------------------------------------

    def server_time(self) -> int:
        return int(self.call("fetch_time"))

    def rules(self) -> dict[str, facts.Rules]:
        return {
            market["id"]: facts.Rules(
                tick=facts.dec(market["precision"]["price"]),
                step=facts.dec(market["precision"]["amount"]),
                min_notional=facts.dec(market["limits"]["cost"]["min"]),
            )
            for market in self.call("load_markets", True).values()
        }

    def book(self, symbol: str = SYMBOL) -> facts.Book:
        if symbol not in self.ccxt.markets_by_id:
            # it refuses a symbol that it does not know before it asks
            return facts.book_of(self.call("fapiPublicGetDepth", {"symbol": symbol}))
        row = self.call("fetch_order_book", self.unified(symbol), 20)
        return facts.Book(
            bids=facts.levels_of(row["bids"]),
            asks=facts.levels_of(row["asks"]),
            update_id=row["nonce"],
        )

    def quote(self) -> facts.Quote:
        (row,) = self.call("fetch_bids_asks", [self.unified()]).values()
        return facts.Quote(
            bid=facts.dec(row["bid"]),
            bid_qty=facts.dec(row["bidVolume"]),
            ask=facts.dec(row["ask"]),
            ask_qty=facts.dec(row["askVolume"]),
        )

    def last_price(self) -> Decimal:
        (row,) = self.call("fetch_last_prices", [self.unified()]).values()
        return facts.dec(row["price"])

    def day(self) -> facts.Day:
        row = self.call("fetch_ticker", self.unified())
        return facts.Day(
            last=facts.dec(row["last"]),
            high=facts.dec(row["high"]),
            low=facts.dec(row["low"]),
            volume=facts.dec(row["baseVolume"]),
            quote_volume=facts.dec(row["quoteVolume"]),
        )

    def candles(self) -> list[facts.Candle]:
        return [facts.candle_of(row) for row in self.call("fetch_ohlcv", self.unified(), "1m")]

    def prints(self) -> list[facts.Print]:
        return [print_of(row) for row in self.call("fetch_trades", self.unified())]

    def mark(self) -> facts.Mark:
        row = self.call("fetch_funding_rate", self.unified())
        return facts.Mark(
            price=facts.dec(row["markPrice"]),
            index=facts.dec(row["indexPrice"]),
            rate=facts.dec(row["fundingRate"]),
            settles_at=row["fundingTimestamp"],
        )

    def settlements(self) -> list[tuple[int, Decimal]]:
        rows = self.call("fetch_funding_rate_history", self.unified())
        return [(row["timestamp"], facts.dec(row["fundingRate"])) for row in rows]

    # -- account -------------------------------------------------------------------------------

    def wallet(self) -> facts.Wallet:
        balance = self.call("fetch_balance")
        held, account = balance["USDT"], balance["info"]
        # its own total is what the account is worth, unrealized profit included
        worth = facts.dec(account["totalWalletBalance"]) + facts.dec(
            account["totalUnrealizedProfit"]
        )
        assert facts.dec(held["total"]) == worth
        return facts.Wallet(
            total=facts.dec(account["totalWalletBalance"]), available=facts.dec(held["free"])
        )

    def position(self) -> facts.Position:
        for row in self.call("fetch_positions", [self.unified()]):
            qty = facts.dec(row["contracts"]) * facts.dec(row["contractSize"])
            return facts.Position(
                qty=-qty if row["side"] == "short" else qty,
                entry=facts.dec(row["entryPrice"]),
                unrealized=facts.dec(row["unrealizedPnl"]),
            )
        return facts.FLAT

    def income(self) -> list[facts.Income]:
        rows = self.call("fetch_ledger", None, None, 1000)
        return [
            facts.Income(
                kind=row["info"]["incomeType"],
                amount=facts.dec(row["amount"]) * (1 if row["direction"] == "in" else -1),
                ts=row["timestamp"],
                trade_id=row["info"]["tradeId"],
            )
            for row in rows
        ]

    def brackets(self) -> list[facts.Bracket]:
        (rows,) = self.call("fetch_leverage_tiers", [self.unified()]).values()
        return [
            facts.Bracket(
                leverage=int(row["maxLeverage"]),
                floor=facts.dec(row["minNotional"]),
                cap=facts.dec(row["maxNotional"]),
                ratio=facts.dec(row["maintenanceMarginRate"]),
            )
            for row in rows
        ]

    def fees(self) -> tuple[Decimal, Decimal]:
        row = self.call("fetch_trading_fee", self.unified())
        return facts.dec(row["maker"]), facts.dec(row["taker"])

    def leverage(self) -> int:
        return int(self.call("fetch_leverage", self.unified())["longLeverage"])

    def set_leverage(self, leverage: int) -> None:
        self.call("set_leverage", leverage, self.unified())

    def margin_type(self) -> str:
        mode = self.call("fetch_margin_mode", self.unified())["marginMode"]
        return {"cross": "CROSSED", "isolated": "ISOLATED"}[mode]

    def set_margin_type(self, kind: str) -> None:
        mode = {"CROSSED": "cross", "ISOLATED": "isolated"}[kind]
        self.call("set_margin_mode", mode, self.unified())

    def is_hedged(self) -> bool:
        return bool(self.call("fetch_position_mode")["hedged"])

    def set_hedged(self, *, hedged: bool) -> None:
        self.call("set_position_mode", hedged)

    # -- orders --------------------------------------------------------------------------------

    def place(self, wanted: facts.Wanted, symbol: str = SYMBOL) -> facts.Order:
        order = self._wanted(wanted, symbol)
        names = ("symbol", "type", "side", "amount", "price", "params")
        return order_of(self.call("create_order", *(order[name] for name in names)))

    def amend(self, order: facts.Order, qty: Decimal, price: Decimal) -> facts.Order:
        numbers = (str(qty), str(price))
        side = order.side.lower()
        row = self.call("edit_order", order.order_id, self.unified(), "limit", side, *numbers)
        return order_of(row)

    def cancel(self, order_id: str) -> facts.Order:
        return order_of(self.call("cancel_order", order_id, self.unified()))

    def cancel_all(self, symbol: str = SYMBOL) -> None:
        self.call("cancel_all_orders", self.unified(symbol))

    def query(self, order_id: str) -> facts.Order:
        return order_of(self.call("fetch_order", order_id, self.unified()))

    def query_by_client_id(self, client_id: str) -> facts.Order:
        named = {"clientOrderId": client_id}
        return order_of(self.call("fetch_order", None, self.unified(), named))

    def open_order(self, order_id: str) -> facts.Order:
        return order_of(self.call("fetch_open_order", order_id, self.unified()))

    def open_orders(self, symbol: str = SYMBOL) -> list[facts.Order]:
        return [order_of(row) for row in self.call("fetch_open_orders", self.unified(symbol))]

    def all_orders(self) -> list[facts.Order]:
        rows = self.call("fetch_orders", self.unified(), None, 1000)
        return sorted(map(order_of, rows), key=lambda order: int(order.order_id))

    def fills(self) -> list[facts.Fill]:
        return [fill_of(row) for row in self.call("fetch_my_trades", self.unified(), None, 1000)]

    def place_batch(self, wanted: Sequence[facts.Wanted]) -> list[facts.Order]:
        rows = [self._wanted(order, SYMBOL) for order in wanted]
        return [order_of(row) for row in self.call("create_orders", rows)]

    def amend_batch(
        self, orders: Sequence[facts.Order], qty: Decimal, price: Decimal
    ) -> list[facts.Order]:
        rows = [
            {
                "id": order.order_id,
                "symbol": self.unified(),
                "type": "limit",
                "side": order.side.lower(),
                "amount": str(qty),
                "price": str(price),
            }
            for order in orders
        ]
        return [order_of(row) for row in self.call("edit_orders", rows)]

    def cancel_batch(self, order_ids: Sequence[str]) -> list[facts.Order]:
        rows = self.call("cancel_orders", list(order_ids), self.unified())
        return [order_of(row) for row in rows]

    def cancel_all_after(self, countdown_ms: int) -> int:
        values = {"symbol": SYMBOL, "countdownTime": countdown_ms}
        return int(self.call("fapiPrivatePostCountdownCancelAll", values)["countdownTime"])

    def new_listen_key(self) -> str:
        return str(self.call("fapiPrivatePostListenKey")["listenKey"])

    def renew_listen_key(self, key: str) -> None:
        self.call("fapiPrivatePutListenKey")

    def close_listen_key(self, key: str) -> None:
        self.call("fapiPrivateDeleteListenKey")

    def _wanted(self, wanted: facts.Wanted, symbol: str) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if wanted.client_id:
            params["clientOrderId"] = wanted.client_id
        if wanted.reduce_only:
            params["reduceOnly"] = True
        if wanted.tif == "GTX":
            params["postOnly"] = True
        return {
            "symbol": self.unified(symbol),
            "type": "market" if wanted.price is None else "limit",
            "side": wanted.side.lower(),
            "amount": str(wanted.qty),
            "price": None if wanted.price is None else str(wanted.price),
            "params": params,
        }


class CcxtPro(Ccxt):
    """``ccxt.pro.binanceusdm``: asynchronous, with streams."""

    def __init__(self, exchange: Exchange) -> None:
        self.loop = asyncio.new_event_loop()
        super().__init__(exchange)

    def _made(self, config: dict[str, Any]) -> Any:
        async def made() -> Any:  # it belongs to the loop that runs where it is made
            return ccxt.pro.binanceusdm(config)

        return self.loop.run_until_complete(made())

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        return self.loop.run_until_complete(super().call(name, *values, **named))

    def close(self) -> None:
        self.loop.run_until_complete(self.ccxt.close())
        self.loop.close()


def order_of(row: facts.Row) -> facts.Order:
    """A unified order."""
    return facts.Order(
        order_id=row["id"],
        client_id=row["clientOrderId"],
        side=row["side"].upper(),
        kind=row["type"].upper(),
        tif=str(TIFS.get(row["timeInForce"], row["timeInForce"])),
        # of a market order it is the average, which answers to a place do not tell any more
        price=Decimal(0) if row["type"] == "market" else facts.dec(row["price"]),
        qty=facts.dec(row["amount"]),
        filled=facts.dec(row["filled"]),
        status=STATUSES[row["status"]],
        reduce_only=row["reduceOnly"],
    )


def fill_of(row: facts.Row) -> facts.Fill:
    """A unified trade of ours."""
    return facts.Fill(
        trade_id=row["id"],
        order_id=row["order"],
        side=row["side"].upper(),
        price=facts.dec(row["price"]),
        qty=facts.dec(row["amount"]),
        fee=facts.dec(row["fee"]["cost"]),
        is_maker=row["takerOrMaker"] == "maker",
    )


def print_of(row: facts.Row) -> facts.Print:
    """A unified public trade; its side is the taker's."""
    return facts.Print(
        trade_id=row["id"],
        ts=row["timestamp"],
        price=facts.dec(row["price"]),
        qty=facts.dec(row["amount"]),
        buyer_is_maker=row["side"] == "sell",
    )
