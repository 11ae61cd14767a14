"""What a client says about the exchange, in one form, so that one test asks all clients.

Numbers are exact; ids are text. ``*_of`` read the venue's own JSON, which most clients hand on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an order's numbers must be multiples of, and how large it must be."""

    tick: Decimal
    step: Decimal
    min_notional: Decimal


@dataclass(frozen=True, kw_only=True)
class Book:
    """Best first."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    update_id: int


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Best bid and ask."""

    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


@dataclass(frozen=True, kw_only=True)
class Print:
    """One public trade."""

    trade_id: str
    ts: int
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool


@dataclass(frozen=True, kw_only=True)
class Candle:
    """One kline."""

    open_ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, kw_only=True)
class Day:
    """The last 24 hours."""

    last: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Mark price and the coming settlement."""

    price: Decimal
    index: Decimal
    rate: Decimal
    settles_at: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order; ``status`` and ``kind`` in the venue's words."""

    order_id: str
    client_id: str
    side: str
    kind: str
    tif: str
    price: Decimal
    qty: Decimal
    filled: Decimal
    status: str
    reduce_only: bool


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One execution of ours."""

    trade_id: str
    order_id: str
    side: str
    price: Decimal
    qty: Decimal
    fee: Decimal
    is_maker: bool


@dataclass(frozen=True, kw_only=True)
class Position:
    """What is held of a symbol; ``qty`` is signed."""

    qty: Decimal
    entry: Decimal
    unrealized: Decimal


FLAT = Position(qty=Decimal(0), entry=Decimal(0), unrealized=Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Wallet:
    """USDT of the account."""

    total: Decimal
    available: Decimal


@dataclass(frozen=True, kw_only=True)
class Income:
    """One change of the wallet."""

    kind: str
    amount: Decimal
    ts: int
    trade_id: str


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """One step of the maintenance margin."""

    leverage: int
    floor: Decimal
    cap: Decimal
    ratio: Decimal


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An order to be placed."""

    side: str
    qty: Decimal
    price: Decimal | None = None
    tif: str = "GTC"
    client_id: str = ""
    reduce_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refused request: the client's exception, and the venue's code in it."""

    error: str
    code: int


def dec(value: object) -> Decimal:
    """Any client's number as it is meant; nothing is rounded."""
    return Decimal(str(value))


def rules_of(row: Row) -> Rules:
    """A row of exchangeInfo."""
    filters = {part["filterType"]: part for part in row["filters"]}
    return Rules(
        tick=dec(filters["PRICE_FILTER"]["tickSize"]),
        step=dec(filters["LOT_SIZE"]["stepSize"]),
        min_notional=dec(filters["MIN_NOTIONAL"]["notional"]),
    )


def levels_of(rows: Iterable[Any]) -> tuple[tuple[Decimal, Decimal], ...]:
    """One side of a book."""
    return tuple((dec(row[0]), dec(row[1])) for row in rows)


def book_of(row: Row) -> Book:
    """The answer of depth."""
    return Book(
        bids=levels_of(row["bids"]), asks=levels_of(row["asks"]), update_id=row["lastUpdateId"]
    )


def quote_of(row: Row) -> Quote:
    """The answer of ticker/bookTicker."""
    return Quote(
        bid=dec(row["bidPrice"]),
        bid_qty=dec(row["bidQty"]),
        ask=dec(row["askPrice"]),
        ask_qty=dec(row["askQty"]),
    )


def print_of(row: Row) -> Print:
    """A row of aggTrades, or an aggTrade frame."""
    return Print(
        trade_id=str(row["a"]),
        ts=row["T"],
        price=dec(row["p"]),
        qty=dec(row["q"]),
        buyer_is_maker=row["m"],
    )


def candle_of(row: list[Any]) -> Candle:
    """A row of klines."""
    ts, *prices = row[:6]
    first, high, low, last, volume = (dec(price) for price in prices)
    return Candle(open_ts=int(ts), open=first, high=high, low=low, close=last, volume=volume)


def day_of(row: Row) -> Day:
    """The answer of ticker/24hr."""
    return Day(
        last=dec(row["lastPrice"]),
        high=dec(row["highPrice"]),
        low=dec(row["lowPrice"]),
        volume=dec(row["volume"]),
        quote_volume=dec(row["quoteVolume"]),
    )


def mark_of(row: Row) -> Mark:
    """The answer of premiumIndex."""
    return Mark(
        price=dec(row["markPrice"]),
        index=dec(row["indexPrice"]),
        rate=dec(row["lastFundingRate"]),
        settles_at=row["nextFundingTime"],
    )


def order_of(row: Row) -> Order:
    """An order in any answer."""
    return Order(
        order_id=str(row["orderId"]),
        client_id=row["clientOrderId"],
        side=row["side"],
        kind=row["type"],
        tif=row["timeInForce"],
        price=dec(row["price"]),
        qty=dec(row["origQty"]),
        filled=dec(row["executedQty"]),
        status=row["status"],
        reduce_only=row["reduceOnly"],
    )


def fill_of(row: Row) -> Fill:
    """A row of userTrades."""
    return Fill(
        trade_id=str(row["id"]),
        order_id=str(row["orderId"]),
        side=row["side"],
        price=dec(row["price"]),
        qty=dec(row["qty"]),
        fee=dec(row["commission"]),
        is_maker=row["maker"],
    )


def position_of(rows: Iterable[Row]) -> Position:
    """The answer of positionRisk about one symbol; none where nothing is held."""
    for row in rows:
        return Position(
            qty=dec(row["positionAmt"]),
            entry=dec(row["entryPrice"]),
            unrealized=dec(row["unRealizedProfit"]),
        )
    return FLAT


def wallet_of(rows: Iterable[Row]) -> Wallet:
    """The answer of balance."""
    (row,) = (row for row in rows if row["asset"] == "USDT")
    return Wallet(total=dec(row["balance"]), available=dec(row["availableBalance"]))


def income_of(row: Row) -> Income:
    """A row of income."""
    return Income(
        kind=row["incomeType"],
        amount=dec(row["income"]),
        ts=row["time"],
        trade_id=str(row.get("tradeId") or ""),
    )


def bracket_of(row: Row) -> Bracket:
    """A row of leverageBracket."""
    return Bracket(
        leverage=row["initialLeverage"],
        floor=dec(row["notionalFloor"]),
        cap=dec(row["notionalCap"]),
        ratio=dec(row["maintMarginRatio"]),
    )
