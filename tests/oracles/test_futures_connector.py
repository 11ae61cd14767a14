"""binance-futures-connector, REST and its threaded sockets; nothing of it is changed."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from binance.error import ClientError
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient

from tests.oracles import facts
from tests.oracles.client import CODES, Take
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.facts import Row
from tests.oracles.flows import AccountFlows, FillFlows, MarketFlows, OrderFlows, RefusalFlows
from tests.oracles.streams import MarketStreamFlows, StreamingClient, UserStreamFlows

WAIT_S = 10
PUBLIC = ("depth", "bookTicker")
CALLS = {
    "time": "time",
    "exchangeInfo": "exchange_info",
    "depth": "depth",
    "bookTicker": "book_ticker",
    "price": "ticker_price",
    "ticker24hr": "ticker_24hr_price_change",
    "klines": "klines",
    "aggTrades": "agg_trades",
    "premiumIndex": "mark_price",
    "fundingRate": "funding_rate",
    "balance": "balance",
    "positionRisk": "get_position_risk",
    "income": "get_income_history",
    "leverageBracket": "leverage_brackets",
    "commissionRate": "commission_rate",
    "symbolConfig": "symbol_configuration",
    "leverage": "change_leverage",
    "marginType": "change_margin_type",
    "getDual": "get_position_mode",
    "setDual": "change_position_mode",
    "placeOrder": "new_order",
    "amendOrder": "modify_order",
    "cancelOrder": "cancel_order",
    "cancelAll": "cancel_open_orders",
    "queryOrder": "query_order",
    "openOrder": "get_open_orders",
    "openOrders": "get_orders",
    "allOrders": "get_all_orders",
    "userTrades": "get_account_trades",
    "placeBatch": "new_batch_order",
    "cancelBatch": "cancel_batch_order",
    "countdownCancelAll": "countdown_cancel_order",
    "newListenKey": "new_listen_key",
    "renewListenKey": "renew_listen_key",
    "closeListenKey": "close_listen_key",
}


class Connector(StreamingClient):
    """``UMFutures`` and ``UMFuturesWebsocketClient``."""

    errors: ClassVar = dict.fromkeys(CODES, "ClientError")
    amends_batches: ClassVar = False  # it has no call for that

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.client = UMFutures(
            key=exchange.key, secret=exchange.secret, base_url=exchange.rest, timeout=WAIT_S
        )

    def ask(self, operation: str, **values: Any) -> Any:
        return getattr(self.client, CALLS[operation])(**spelled(operation, values))

    def stranger(self, exchange: Exchange) -> Connector:
        return Connector(exchange)

    def refusal_of(self, call: Callable[[], object]) -> facts.Refusal:
        with pytest.raises(ClientError) as caught:
            call()
        return facts.Refusal(error=type(caught.value).__name__, code=caught.value.error_code)

    def market_stream(self, name: str) -> Any:
        category = "public" if name.startswith(PUBLIC) else "market"
        return self._open(category, f"{SYMBOL.lower()}@{name}")

    def user_stream(self) -> Any:
        return self._open("private", self.new_listen_key())

    @contextmanager
    def _open(self, category: str, stream: str) -> Iterator[Take]:
        box: queue.Queue[Row] = queue.Queue()
        # its own default has no category: an address that the venue has retired
        socket = UMFuturesWebsocketClient(
            stream_url=f"{self.exchange.ws}/{category}",
            on_message=lambda _, text: box.put(json.loads(text)),
        )

        def take() -> Row:
            return box.get(timeout=WAIT_S)

        try:
            socket.subscribe(stream, id=7)
            assert take() == {"result": None, "id": 7}
            yield take
        finally:
            socket.stop()


def spelled(operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters by the client's names."""
    if operation == "cancelBatch":
        names = {"orderIdList": values["ids"], "origClientOrderIdList": []}
        return {"symbol": values["symbol"], **names}
    return values


@pytest.fixture(scope="module")
def connect() -> Any:
    """The one way to call it."""
    return Connector


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


def test_the_used_weight_is_told_in_the_headers(exchange: Exchange) -> None:
    client = UMFutures(base_url=exchange.rest, show_limit_usage=True)
    first, second = (int(client.time()["limit_usage"]["x-mbx-used-weight-1m"]) for _ in range(2))
    assert second == first + 1 or second == 1  # 1: a minute has begun
