"""What every client under test is asked to do; a driver translates it into the client's calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, ClassVar

from tests.oracles import facts
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.facts import Row

CODES = (
    *(-1022, -1121, -1125, -2011, -2013, -2015, -2019, -2022),
    *(-4046, -4059, -4116, -4164, -5022, -5027),
)
"""The refusals that every client is given."""

Take = Callable[[], Row]
"""Returns the next frame of a stream, unwrapped."""


class Client(ABC):
    """One client, pointed at one exchange. Orders and positions are those of ``SYMBOL``.

    Attributes:
        errors: The exception that the client raises for each of the venue's codes.
        amends_batches: Whether it can amend several orders at once.
    """

    errors: ClassVar[Mapping[int, str]]
    amends_batches: ClassVar[bool] = True

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Give back what it holds."""

    @abstractmethod
    def stranger(self, exchange: Exchange) -> Client:
        """The same client with another key pair."""

    @abstractmethod
    def refusal_of(self, call: Callable[[], object]) -> facts.Refusal:
        """Call, and return what was raised."""

    @abstractmethod
    def server_time(self) -> int: ...
    @abstractmethod
    def rules(self) -> dict[str, facts.Rules]: ...
    @abstractmethod
    def book(self, symbol: str = SYMBOL) -> facts.Book: ...
    @abstractmethod
    def quote(self) -> facts.Quote: ...
    @abstractmethod
    def last_price(self) -> Decimal: ...
    @abstractmethod
    def day(self) -> facts.Day: ...
    @abstractmethod
    def candles(self) -> list[facts.Candle]: ...
    @abstractmethod
    def prints(self) -> list[facts.Print]: ...
    @abstractmethod
    def mark(self) -> facts.Mark: ...
    @abstractmethod
    def settlements(self) -> list[tuple[int, Decimal]]: ...

    @abstractmethod
    def wallet(self) -> facts.Wallet: ...
    @abstractmethod
    def position(self) -> facts.Position: ...
    @abstractmethod
    def income(self) -> list[facts.Income]: ...
    @abstractmethod
    def brackets(self) -> list[facts.Bracket]: ...
    @abstractmethod
    def fees(self) -> tuple[Decimal, Decimal]: ...
    @abstractmethod
    def leverage(self) -> int: ...
    @abstractmethod
    def set_leverage(self, leverage: int) -> None: ...
    @abstractmethod
    def margin_type(self) -> str: ...
    @abstractmethod
    def set_margin_type(self, kind: str) -> None: ...
    @abstractmethod
    def is_hedged(self) -> bool: ...
    @abstractmethod
    def set_hedged(self, *, hedged: bool) -> None: ...

    @abstractmethod
    def place(self, wanted: facts.Wanted, symbol: str = SYMBOL) -> facts.Order: ...
    @abstractmethod
    def amend(self, order: facts.Order, qty: Decimal, price: Decimal) -> facts.Order: ...
    @abstractmethod
    def cancel(self, order_id: str) -> facts.Order: ...
    @abstractmethod
    def cancel_all(self, symbol: str = SYMBOL) -> None: ...
    @abstractmethod
    def query(self, order_id: str) -> facts.Order: ...
    @abstractmethod
    def query_by_client_id(self, client_id: str) -> facts.Order: ...
    @abstractmethod
    def open_order(self, order_id: str) -> facts.Order: ...
    @abstractmethod
    def open_orders(self, symbol: str = SYMBOL) -> list[facts.Order]: ...
    @abstractmethod
    def all_orders(self) -> list[facts.Order]: ...
    @abstractmethod
    def fills(self) -> list[facts.Fill]: ...
    @abstractmethod
    def place_batch(self, wanted: Sequence[facts.Wanted]) -> list[facts.Order]: ...
    @abstractmethod
    def amend_batch(
        self, orders: Sequence[facts.Order], qty: Decimal, price: Decimal
    ) -> list[facts.Order]: ...
    @abstractmethod
    def cancel_batch(self, order_ids: Sequence[str]) -> list[facts.Order]: ...
    @abstractmethod
    def cancel_all_after(self, countdown_ms: int) -> int: ...

    @abstractmethod
    def new_listen_key(self) -> str: ...
    @abstractmethod
    def renew_listen_key(self, key: str) -> None: ...
    @abstractmethod
    def close_listen_key(self, key: str) -> None: ...


class Streaming(ABC):
    """A client that hands the venue's frames on as they are."""

    @abstractmethod
    def market_stream(self, name: str) -> AbstractContextManager[Take]:
        """A market stream of ``SYMBOL``, such as ``aggTrade``."""

    @abstractmethod
    def user_stream(self) -> AbstractContextManager[Take]:
        """The account's stream."""


def until(take: Take, wanted: Callable[[Row], bool]) -> Row:
    """Return the next frame that is wanted; ``take`` raises when none comes in time."""
    return next(frame for frame in frames(take) if wanted(frame))


def frames(take: Take) -> Iterator[Row]:
    """The frames of a stream, as they come."""
    while True:
        yield take()


class RawClient(Client):
    """A client that returns the venue's JSON; ``ask`` makes one call of it.

    Operations are named after the venue's paths.
    """

    @abstractmethod
    def ask(self, operation: str, **values: Any) -> Any:
        """Call the client; parameters by the venue's names."""

    def server_time(self) -> int:
        return int(self.ask("time")["serverTime"])

    def rules(self) -> dict[str, facts.Rules]:
        return {row["symbol"]: facts.rules_of(row) for row in self.ask("exchangeInfo")["symbols"]}

    def book(self, symbol: str = SYMBOL) -> facts.Book:
        return facts.book_of(self.ask("depth", symbol=symbol, limit=20))

    def quote(self) -> facts.Quote:
        return facts.quote_of(self.ask("bookTicker", symbol=SYMBOL))

    def last_price(self) -> Decimal:
        return facts.dec(self.ask("price", symbol=SYMBOL)["price"])

    def day(self) -> facts.Day:
        return facts.day_of(self.ask("ticker24hr", symbol=SYMBOL))

    def candles(self) -> list[facts.Candle]:
        return [facts.candle_of(row) for row in self.ask("klines", symbol=SYMBOL, interval="1m")]

    def prints(self) -> list[facts.Print]:
        return [facts.print_of(row) for row in self.ask("aggTrades", symbol=SYMBOL)]

    def mark(self) -> facts.Mark:
        return facts.mark_of(self.ask("premiumIndex", symbol=SYMBOL))

    def settlements(self) -> list[tuple[int, Decimal]]:
        rows = self.ask("fundingRate", symbol=SYMBOL)
        return [(row["fundingTime"], facts.dec(row["fundingRate"])) for row in rows]

    def wallet(self) -> facts.Wallet:
        return facts.wallet_of(self.ask("balance"))

    def position(self) -> facts.Position:
        return facts.position_of(self.ask("positionRisk", symbol=SYMBOL))

    def income(self) -> list[facts.Income]:
        return [facts.income_of(row) for row in self.ask("income", limit=1000)]

    def brackets(self) -> list[facts.Bracket]:
        (row,) = (row for row in self.ask("leverageBracket") if row["symbol"] == SYMBOL)
        return [facts.bracket_of(step) for step in row["brackets"]]

    def fees(self) -> tuple[Decimal, Decimal]:
        row = self.ask("commissionRate", symbol=SYMBOL)
        return facts.dec(row["makerCommissionRate"]), facts.dec(row["takerCommissionRate"])

    def leverage(self) -> int:
        return int(self.ask("symbolConfig", symbol=SYMBOL)[0]["leverage"])

    def set_leverage(self, leverage: int) -> None:
        assert self.ask("leverage", symbol=SYMBOL, leverage=leverage)["leverage"] == leverage

    def margin_type(self) -> str:
        return str(self.ask("symbolConfig", symbol=SYMBOL)[0]["marginType"])

    def set_margin_type(self, kind: str) -> None:
        assert self.ask("marginType", symbol=SYMBOL, marginType=kind)["code"] == 200

    def is_hedged(self) -> bool:
        return bool(self.ask("getDual")["dualSidePosition"])

    def set_hedged(self, *, hedged: bool) -> None:
        self.ask("setDual", dualSidePosition="true" if hedged else "false")

    def place(self, wanted: facts.Wanted, symbol: str = SYMBOL) -> facts.Order:
        values = order_values(wanted, symbol) | {"newOrderRespType": "RESULT"}
        return facts.order_of(self.ask("placeOrder", **values))

    def amend(self, order: facts.Order, qty: Decimal, price: Decimal) -> facts.Order:
        values = amend_values(order, qty, price)
        return facts.order_of(self.ask("amendOrder", **values))

    def cancel(self, order_id: str) -> facts.Order:
        return facts.order_of(self.ask("cancelOrder", symbol=SYMBOL, orderId=int(order_id)))

    def cancel_all(self, symbol: str = SYMBOL) -> None:
        assert int(self.ask("cancelAll", symbol=symbol)["code"]) == 200

    def query(self, order_id: str) -> facts.Order:
        return facts.order_of(self.ask("queryOrder", symbol=SYMBOL, orderId=int(order_id)))

    def query_by_client_id(self, client_id: str) -> facts.Order:
        row = self.ask("queryOrder", symbol=SYMBOL, origClientOrderId=client_id)
        return facts.order_of(row)

    def open_order(self, order_id: str) -> facts.Order:
        return facts.order_of(self.ask("openOrder", symbol=SYMBOL, orderId=int(order_id)))

    def open_orders(self, symbol: str = SYMBOL) -> list[facts.Order]:
        return [facts.order_of(row) for row in self.ask("openOrders", symbol=symbol)]

    def all_orders(self) -> list[facts.Order]:
        return [facts.order_of(row) for row in self.ask("allOrders", symbol=SYMBOL, limit=1000)]

    def fills(self) -> list[facts.Fill]:
        return [facts.fill_of(row) for row in self.ask("userTrades", symbol=SYMBOL, limit=1000)]

    def place_batch(self, wanted: Sequence[facts.Wanted]) -> list[facts.Order]:
        rows = [order_values(order, SYMBOL) for order in wanted]
        return [facts.order_of(row) for row in self.ask("placeBatch", batchOrders=rows)]

    def amend_batch(
        self, orders: Sequence[facts.Order], qty: Decimal, price: Decimal
    ) -> list[facts.Order]:
        rows = [amend_values(order, qty, price) for order in orders]
        return [facts.order_of(row) for row in self.ask("amendBatch", batchOrders=rows)]

    def cancel_batch(self, order_ids: Sequence[str]) -> list[facts.Order]:
        ids = [int(order_id) for order_id in order_ids]
        return [facts.order_of(row) for row in self.ask("cancelBatch", symbol=SYMBOL, ids=ids)]

    def cancel_all_after(self, countdown_ms: int) -> int:
        answer = self.ask("countdownCancelAll", symbol=SYMBOL, countdownTime=countdown_ms)
        return int(answer["countdownTime"])

    def new_listen_key(self) -> str:
        answer = self.ask("newListenKey")
        return str(answer if isinstance(answer, str) else answer["listenKey"])

    def renew_listen_key(self, key: str) -> None:
        self.ask("renewListenKey", listenKey=key)

    def close_listen_key(self, key: str) -> None:
        self.ask("closeListenKey", listenKey=key)


def order_values(wanted: facts.Wanted, symbol: str) -> dict[str, str]:
    """An order by the venue's names."""
    values = {"symbol": symbol, "side": wanted.side, "quantity": str(wanted.qty)}
    if wanted.price is None:
        values |= {"type": "MARKET"}
    else:
        values |= {"type": "LIMIT", "timeInForce": wanted.tif, "price": str(wanted.price)}
    if wanted.client_id:
        values["newClientOrderId"] = wanted.client_id
    if wanted.reduce_only:
        values["reduceOnly"] = "true"
    return values


def amend_values(order: facts.Order, qty: Decimal, price: Decimal) -> dict[str, Any]:
    """An amend by the venue's names."""
    return {
        "symbol": SYMBOL,
        "side": order.side,
        "orderId": int(order.order_id),
        "quantity": str(qty),
        "price": str(price),
    }
