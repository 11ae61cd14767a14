"""The venue's own SDK for USDT-M futures, REST and streams; nothing of it is changed.

Its answers are models; ``to_dict`` gives the venue's names back, and what a model does not know or
cannot read would be missing or of another type in what the flows compare.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_common.errors import Error
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    ModifyMultipleOrdersBatchOrdersParameterInner,
    PlaceMultipleOrdersBatchOrdersParameterInner,
)

from tests.oracles import facts
from tests.oracles.client import CODES, Take
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.facts import Row
from tests.oracles.flows import AccountFlows, FillFlows, MarketFlows, OrderFlows, RefusalFlows
from tests.oracles.streams import MarketStreamFlows, StreamingClient, UserStreamFlows

WAIT_S = 10
CALLS = {
    "time": "check_server_time",
    "exchangeInfo": "exchange_information",
    "depth": "order_book",
    "bookTicker": "symbol_order_book_ticker",
    "price": "symbol_price_ticker_v2",
    "ticker24hr": "ticker24hr_price_change_statistics",
    "klines": "kline_candlestick_data",
    "aggTrades": "compressed_aggregate_trades_list",
    "premiumIndex": "mark_price",
    "fundingRate": "get_funding_rate_history",
    "balance": "futures_account_balance_v3",
    "positionRisk": "position_information_v3",
    "income": "get_income_history",
    "leverageBracket": "notional_and_leverage_brackets",
    "commissionRate": "user_commission_rate",
    "symbolConfig": "symbol_configuration",
    "leverage": "change_initial_leverage",
    "marginType": "change_margin_type",
    "getDual": "get_current_position_mode",
    "setDual": "change_position_mode",
    "placeOrder": "new_order",
    "amendOrder": "modify_order",
    "cancelOrder": "cancel_order",
    "cancelAll": "cancel_all_open_orders",
    "queryOrder": "query_order",
    "openOrder": "query_current_open_order",
    "openOrders": "current_all_open_orders",
    "allOrders": "all_orders",
    "userTrades": "account_trade_list",
    "placeBatch": "place_multiple_orders",
    "amendBatch": "modify_multiple_orders",
    "cancelBatch": "cancel_multiple_orders",
    "countdownCancelAll": "auto_cancel_all_open_orders",
    "newListenKey": "start_user_data_stream",
    "renewListenKey": "keepalive_user_data_stream",
    "closeListenKey": "close_user_data_stream",
}
BATCHES = {
    "placeBatch": PlaceMultipleOrdersBatchOrdersParameterInner,
    "amendBatch": ModifyMultipleOrdersBatchOrdersParameterInner,
}
STREAMS: dict[str, Callable[[Any], Any]] = {
    "aggTrade": lambda ws: ws.aggregate_trade_streams(symbol=SYMBOL),
    "depth@100ms": lambda ws: ws.diff_book_depth_streams(symbol=SYMBOL, update_speed="100ms"),
    "depth10@100ms": lambda ws: ws.partial_book_depth_streams(
        symbol=SYMBOL, levels=10, update_speed="100ms"
    ),
    "bookTicker": lambda ws: ws.individual_symbol_book_ticker_streams(symbol=SYMBOL),
    "markPrice@1s": lambda ws: ws.mark_price_stream(symbol=SYMBOL, update_speed="1s"),
    "kline_1m": lambda ws: ws.kline_candlestick_streams(symbol=SYMBOL, interval="1m"),
    "ticker": lambda ws: ws.individual_symbol_ticker_streams(symbol=SYMBOL),
}
NUMBERS = ("quantity", "price")


class Sdk(StreamingClient):
    """``DerivativesTradingUsdsFutures``."""

    errors: ClassVar = dict.fromkeys(CODES, "BadRequestError") | {-2015: "UnauthorizedError"}

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.loop = asyncio.new_event_loop()
        self.sdk = DerivativesTradingUsdsFutures(
            config_rest_api=ConfigurationRestAPI(
                api_key=exchange.key,
                api_secret=exchange.secret,
                base_path=exchange.rest,
                timeout=WAIT_S * 1000,
                retries=0,
            ),
            config_ws_streams=ConfigurationWebSocketStreams(stream_url=exchange.ws),
        )

    def close(self) -> None:
        self.loop.close()

    def stranger(self, exchange: Exchange) -> Sdk:
        return Sdk(exchange)

    def ask(self, operation: str, **values: Any) -> Any:
        call = getattr(self.sdk.rest_api, CALLS[operation])
        return plain(call(**spelled(operation, values)).data())

    def refusal_of(self, call: Callable[[], object]) -> facts.Refusal:
        with pytest.raises(Error) as caught:
            call()
        # its ``status_code`` holds the venue's code
        return facts.Refusal(error=type(caught.value).__name__, code=caught.value.status_code)

    def market_stream(self, name: str) -> Any:
        return self._open(STREAMS[name])

    def user_stream(self) -> Any:
        key = self.new_listen_key()
        return self._open(lambda streams: streams.user_data(key))

    @contextmanager
    def _open(self, subscribe: Callable[[Any], Any]) -> Iterator[Take]:
        run, streams = self.loop.run_until_complete, self.sdk.websocket_streams
        box: asyncio.Queue[Any] = asyncio.Queue()
        run(streams.create_connection())
        assert len(streams.connections) == 3  # a failed one is only logged
        handle = run(subscribe(streams))
        handle.on("message", box.put_nowait)
        run(asyncio.sleep(0.6))  # it subscribes half a second later

        def take() -> Row:
            row: Row = plain(run(asyncio.wait_for(box.get(), WAIT_S)))
            return row

        try:
            yield take
        finally:
            run(streams.close_connection(close_session=True))


def plain(value: Any) -> Any:
    """A model as the JSON it was made of."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if hasattr(value, "actual_instance"):
        event = plain(value.actual_instance)
        return (
            {"e": event_name(value.actual_instance)} | event if isinstance(event, dict) else event
        )
    return value.to_dict() if hasattr(value, "to_dict") else value


def event_name(model: object) -> str:
    """The type that a model of the user stream is chosen by, and which it then leaves out."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(model).__name__).upper()


def spelled(operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters by the client's names and types."""
    if operation == "cancelBatch":
        return {"symbol": values["symbol"], "order_id_list": values["ids"]}
    if operation in BATCHES:
        rows = [BATCHES[operation](**typed(row)) for row in values["batchOrders"]]
        return {"batch_orders": rows}
    if operation.endswith("ListenKey"):
        return {}
    return typed(values)


def typed(values: dict[str, Any]) -> dict[str, Any]:
    """Names in snake case, numbers as floats: so the SDK declares them."""
    return {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): float(value) if name in NUMBERS else value
        for name, value in values.items()
    }


@pytest.fixture(scope="module")
def connect() -> Any:
    """The one way to call it."""
    return Sdk


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
