"""python-binance, synchronous, asynchronous, and its sockets; nothing of it is changed.

It has no setting for an address, so the instance's own attributes are set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from binance.async_client import AsyncClient
from binance.client import Client as SyncClient
from binance.exceptions import BinanceAPIException
from binance.ws.streams import BinanceSocketManager

from tests.oracles import facts
from tests.oracles.client import CODES, Take
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.facts import Row
from tests.oracles.flows import AccountFlows, FillFlows, MarketFlows, OrderFlows, RefusalFlows
from tests.oracles.streams import MarketStreamFlows, StreamingClient, UserStreamFlows

WAIT_S = 10
PUBLIC = ("depth", "bookTicker")
CALLS = {
    "time": "futures_time",
    "exchangeInfo": "futures_exchange_info",
    "depth": "futures_order_book",
    "bookTicker": "futures_orderbook_ticker",
    "price": "futures_symbol_ticker",
    "ticker24hr": "futures_ticker",
    "klines": "futures_klines",
    "aggTrades": "futures_aggregate_trades",
    "premiumIndex": "futures_mark_price",
    "fundingRate": "futures_funding_rate",
    "balance": "futures_account_balance",
    "positionRisk": "futures_position_information",
    "income": "futures_income_history",
    "leverageBracket": "futures_leverage_bracket",
    "commissionRate": "futures_commission_rate",
    "symbolConfig": "futures_symbol_config",
    "leverage": "futures_change_leverage",
    "marginType": "futures_change_margin_type",
    "getDual": "futures_get_position_mode",
    "setDual": "futures_change_position_mode",
    "placeOrder": "futures_create_order",
    "amendOrder": "futures_modify_order",
    "cancelOrder": "futures_cancel_order",
    "cancelAll": "futures_cancel_all_open_orders",
    "queryOrder": "futures_get_order",
    "openOrder": "futures_v1_get_open_order",
    "openOrders": "futures_get_open_orders",
    "allOrders": "futures_get_all_orders",
    "userTrades": "futures_account_trades",
    "placeBatch": "futures_place_batch_order",
    "cancelBatch": "futures_cancel_orders",
    "countdownCancelAll": "futures_countdown_cancel_all",
    "newListenKey": "futures_stream_get_listen_key",
    "renewListenKey": "futures_stream_keepalive",
    "closeListenKey": "futures_stream_close",
}


def pointed(client: Any, exchange: Exchange) -> Any:
    """Set a client's addresses; those it must not use lead to the exchange too, and fail there."""
    client.FUTURES_URL = f"{exchange.rest}/fapi"
    client.FUTURES_DATA_URL = f"{exchange.rest}/futures/data"
    client.API_URL = f"{exchange.rest}/api"
    client.MARGIN_API_URL = f"{exchange.rest}/sapi"
    return client


class Sockets(StreamingClient):
    """What both ways to call it share: sockets are always asynchronous."""

    errors: ClassVar = dict.fromkeys(CODES, "BinanceAPIException")
    amends_batches: ClassVar = False  # its call for it is generated and sends no batch

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.loop = asyncio.new_event_loop()
        self.asynchronous = self.loop.run_until_complete(self._connected())

    async def _connected(self) -> Any:
        # not ``create()``: it asks the spot exchange for its time
        return pointed(AsyncClient(self.exchange.key, self.exchange.secret), self.exchange)

    def close(self) -> None:
        self.loop.run_until_complete(self.asynchronous.close_connection())
        self.loop.close()

    def stranger(self, exchange: Exchange) -> Sockets:
        return type(self)(exchange)

    def refusal_of(self, call: Callable[[], object]) -> facts.Refusal:
        with pytest.raises(BinanceAPIException) as caught:
            call()
        return facts.Refusal(error=type(caught.value).__name__, code=caught.value.code)

    def market_stream(self, name: str) -> Any:
        category = "public" if name.startswith(PUBLIC) else "market"
        stream = f"{SYMBOL.lower()}@{name}"
        return self._open(
            lambda manager: manager.futures_multiplex_socket([stream], category=category)
        )

    def user_stream(self) -> Any:
        return self._open(lambda manager: manager.futures_user_socket())

    @contextmanager
    def _open(self, socket_of: Callable[[Any], Any]) -> Iterator[Take]:
        run = self.loop.run_until_complete

        async def opened() -> Any:  # a socket belongs to the loop that runs where it is made
            manager = BinanceSocketManager(self.asynchronous)
            manager.FSTREAM_URL = f"{self.exchange.ws}/"
            socket = socket_of(manager)
            await socket.__aenter__()
            return socket

        socket = run(opened())

        def take() -> Row:
            frame = run(asyncio.wait_for(socket.recv(), WAIT_S))
            assert frame.get("e") != "error", frame
            row: Row = frame.get("data", frame)
            return row

        async def closed() -> None:  # leaving alone waits for one more frame
            await asyncio.gather(socket.__aexit__(None, None, None), socket.ws.close())

        try:
            yield take
        finally:
            run(closed())


class Asynchronous(Sockets):
    """``AsyncClient``."""

    def ask(self, operation: str, **values: Any) -> Any:
        return self.loop.run_until_complete(
            getattr(self.asynchronous, CALLS[operation])(**spelled(operation, values))
        )


class Synchronous(Sockets):
    """``Client``."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        # with ``ping`` its constructor asks the spot exchange
        self.client = pointed(SyncClient(exchange.key, exchange.secret, ping=False), exchange)

    def ask(self, operation: str, **values: Any) -> Any:
        return getattr(self.client, CALLS[operation])(**spelled(operation, values))


def spelled(operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters by the client's names."""
    if operation == "cancelBatch":
        return {"symbol": values["symbol"], "orderidlist": values["ids"]}
    return values


@pytest.fixture(scope="module", params=[Synchronous, Asynchronous])
def connect(request: pytest.FixtureRequest) -> Any:
    """Both ways to call it."""
    return request.param


class TestMarket(MarketFlows):
    pass


class TestAccount(AccountFlows):
    pass


class TestOrders(OrderFlows):
    pass


class TestFills(FillFlows):
    pass


class TestRefusals(RefusalFlows):
    pass


class TestMarketStreams(MarketStreamFlows):
    pass


class TestUserStream(UserStreamFlows):
    pass


def test_a_request_of_a_minute_ago_is_refused(exchange: Exchange) -> None:
    client = Synchronous(exchange)
    client.client.timestamp_offset = -60_000
    refusal = client.refusal_of(client.wallet)
    client.close()
    assert refusal == facts.Refusal(error="BinanceAPIException", code=-1021)
