"""Bodies of the public REST endpoints: one function each, and the table of them (reference 5).

A function takes the board, the request's parameters and the venue's clock in Unix milliseconds,
and returns the body, or the problem that the venue answers with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson

from grinder_adapters.feeds.interned import TEXTS
from grinder_adapters.local_venue import exchange_info, market_texts, parameters
from grinder_adapters.local_venue.answers import RefusedError, refused, wrong
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.candles import DAY_MS, HOUR_MS, INTERVALS, ROWS_MAX, Candles
from grinder_adapters.local_venue.http import Problem
from grinder_adapters.local_venue.symbol_board import (
    FUNDING_INTERVAL_MS,
    FUNDINGS_MAX,
    PRINTS_MAX,
    SymbolBoard,
)
from grinder_core.contracts.market import Trade
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.exchange.refusals import refuse

T = TypeVar("T")
Parameters = Mapping[str, str]
Answer = Callable[[MarketBoard, Parameters, int], bytes | Problem]
_Build = Callable[[MarketBoard, Parameters, int], Any]

DEPTH_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000)
INTEREST_RATE: Final = "0.0001"

_FUNDING_CAP: Final = "0.02"  # of a symbol that is not settled every 8 hours
_AGGREGATES_KEPT_MS: Final = 48 * HOUR_MS
_HISTORY_KEPT_MS: Final = 30 * DAY_MS
_WHOLE_MAX: Final = 10**18
_FROM = frozenset({"startTime", "fromId"})


def _answer(build: _Build) -> Answer:
    def answer(board: MarketBoard, given: Parameters, now: int) -> bytes | Problem:
        try:
            with exact():
                return orjson.dumps(build(board, given, now))
        except RefusedError as refusal:
            return refusal.problem

    return answer


# -- parameters that endpoints share ---------------------------------------------------------------


def _taken(value: T | Problem) -> T:
    if isinstance(value, Problem):
        raise RefusedError(value)
    return value


def _whole(given: Parameters, name: str, default: int, low: int = 0, high: int = _WHOLE_MAX) -> int:
    if name not in given:
        return default
    return _taken(parameters.integer(given, name, low, high))


def _symbol(board: MarketBoard, given: Parameters) -> SymbolBoard:
    found = board.of(_taken(parameters.text(given, "symbol")))
    if found is None:
        raise refused(refuse(-1121))
    return found


def _one_or_all(
    board: MarketBoard, given: Parameters, show: Callable[[SymbolBoard], dict[str, Any]]
) -> Any:
    if "symbol" in given:
        return show(_symbol(board, given))
    return [show(symbol) for symbol in board]


def _window(given: Parameters) -> tuple[int, int]:
    start, end = _whole(given, "startTime", 0), _whole(given, "endTime", _WHOLE_MAX)
    if start > end:
        raise wrong(-1023, "Start time is greater than end time.")
    return start, end


def _chosen(rows: Sequence[T], given: Parameters, limit: int) -> Sequence[T]:
    """The oldest rows from a start time or id on, else the newest."""
    return rows[-limit:] if _FROM.isdisjoint(given) else rows[:limit]


def _number(value: Decimal | None) -> str:
    return TEXTS[value or ZERO]


# -- the exchange ----------------------------------------------------------------------------------


def _ping(board: MarketBoard, given: Parameters, now: int) -> Any:
    return {}


def _time(board: MarketBoard, given: Parameters, now: int) -> Any:
    return {"serverTime": now}


def _exchange_info(board: MarketBoard, given: Parameters, now: int) -> Any:
    return exchange_info.render(board.instruments, now, board.limits)


# -- book and prints -------------------------------------------------------------------------------


def _depth(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _symbol(board, given)
    limit = _whole(given, "limit", 500)
    if limit not in DEPTH_LIMITS:
        raise wrong(-4021, f"'{limit}' is not valid depth limit.")
    bids, asks = symbol.book.top(limit)
    text = (
        f'{{"lastUpdateId":{symbol.depth_id},"E":{now},"T":{symbol.book_ts},'
        f'"bids":[{market_texts.levels(bids)}],"asks":[{market_texts.levels(asks)}]}}'
    )
    return orjson.Fragment(text)


def _print(trade: Trade) -> dict[str, Any]:
    return {
        "id": trade.trade_id,
        "price": TEXTS[trade.price],
        "qty": TEXTS[trade.qty],
        "quoteQty": TEXTS[trade.price * trade.qty],
        "time": trade.ts,
        "isBuyerMaker": trade.is_buyer_maker,
    }


def _trades(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _symbol(board, given)
    limit = _whole(given, "limit", 500, 1, PRINTS_MAX)
    return [_print(trade) for trade in list(symbol.prints)[-limit:]]


def _historical_trades(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _symbol(board, given)
    limit = _whole(given, "limit", 100, 1, 500)
    first = _whole(given, "fromId", 0)
    rows = [
        trade
        for trade in symbol.prints
        if trade.trade_id >= first and trade.ts >= now - _HISTORY_KEPT_MS
    ]
    return [_print(trade) for trade in _chosen(rows, given, limit)]


def _agg_trades(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _symbol(board, given)
    limit = _whole(given, "limit", 500, 1, 1000)
    first = _whole(given, "fromId", 0)
    start, end = _window(given)
    if {"startTime", "endTime"} & given.keys():
        if "fromId" in given:
            raise refused(refuse(-1128))
        if {"startTime", "endTime"} <= given.keys() and end - start >= HOUR_MS:
            raise wrong(-1127, "More than 1 hours between startTime and endTime.")
    start = max(start, now - _AGGREGATES_KEPT_MS)
    rows = [t for t in symbol.prints if t.trade_id >= first and start <= t.ts <= end]
    return [
        {
            "a": trade.trade_id,
            "p": TEXTS[trade.price],
            "q": TEXTS[trade.qty],
            "nq": TEXTS[trade.qty],
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.ts,
            "m": trade.is_buyer_maker,
        }
        for trade in _chosen(rows, given, limit)
    ]


# -- klines ----------------------------------------------------------------------------------------


def _rows(candles: Candles, given: Parameters, now: int) -> Any:
    interval = INTERVALS[_taken(parameters.choice(given, "interval", INTERVALS))]
    limit = _whole(given, "limit", 500, 1, ROWS_MAX)
    start, end = _window(given)
    most = limit if _FROM.isdisjoint(given) and "endTime" not in given else ROWS_MAX
    rows = [row for row in candles.upto(interval.name, now, most) if start <= row.open_ms <= end]
    return [
        [
            row.open_ms,
            TEXTS[row.open],
            TEXTS[row.high],
            TEXTS[row.low],
            TEXTS[row.close],
            TEXTS[row.volume],
            interval.next_of(row.open_ms) - 1,
            TEXTS[row.quote_volume],
            row.count,
            TEXTS[row.taker_volume],
            TEXTS[row.taker_quote_volume],
            "0",
        ]
        for row in _chosen(rows, given, limit)
    ]


def _klines(board: MarketBoard, given: Parameters, now: int) -> Any:
    return _rows(_symbol(board, given).candles, given, now)


def _mark_klines(board: MarketBoard, given: Parameters, now: int) -> Any:
    return _rows(_symbol(board, given).mark_candles, given, now)


def _premium_klines(board: MarketBoard, given: Parameters, now: int) -> Any:
    return _rows(_symbol(board, given).premium_candles, given, now)


def _index_klines(board: MarketBoard, given: Parameters, now: int) -> Any:
    return _rows(_pair(board, given).index_candles, given, now)


def _continuous_klines(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _pair(board, given)
    _taken(parameters.choice(given, "contractType", [exchange_info.PERPETUAL]))
    return _rows(symbol.candles, given, now)


def _pair(board: MarketBoard, given: Parameters) -> SymbolBoard:
    found = board.of(_taken(parameters.text(given, "pair")))
    if found is None:
        raise wrong(-4144, "Invalid pair.")
    return found


# -- tickers ---------------------------------------------------------------------------------------


def _day_ticker(board: MarketBoard, given: Parameters, now: int) -> Any:
    def show(symbol: SymbolBoard) -> dict[str, Any]:
        day = symbol.day(now)
        volume, quote_volume = symbol.day_volumes(day)
        total = day.total
        return {
            "symbol": symbol.instrument.symbol,
            "priceChange": TEXTS[day.change],
            "priceChangePercent": TEXTS[day.change_percent],
            "weightedAvgPrice": TEXTS[day.average_price],
            "lastPrice": TEXTS[total.close],
            "lastQty": TEXTS[symbol.prints[-1].qty] if symbol.prints else "0",
            "openPrice": TEXTS[total.open],
            "highPrice": TEXTS[total.high],
            "lowPrice": TEXTS[total.low],
            "volume": TEXTS[volume],
            "quoteVolume": TEXTS[quote_volume],
            "openTime": total.open_ms,
            "closeTime": now,
            "firstId": total.first_id,
            "lastId": total.last_id,
            "count": total.count,
        }

    return _one_or_all(board, given, show)


def _price_ticker(board: MarketBoard, given: Parameters, now: int) -> Any:
    def show(symbol: SymbolBoard) -> dict[str, Any]:
        return {
            "symbol": symbol.instrument.symbol,
            "price": _number(symbol.last_price),
            "time": symbol.prints[-1].ts if symbol.prints else now,
        }

    stated = board.stated_prices.get(given.get("symbol", ""))
    if stated is not None:
        return {"symbol": given["symbol"], "price": TEXTS[stated], "time": now}
    return _one_or_all(board, given, show)


def _book_ticker(board: MarketBoard, given: Parameters, now: int) -> Any:
    def show(symbol: SymbolBoard) -> dict[str, Any]:
        quote = symbol.quote
        return {
            "lastUpdateId": symbol.quote_id,
            "symbol": symbol.instrument.symbol,
            "bidPrice": TEXTS[quote.bid_price] if quote else "0",
            "bidQty": TEXTS[quote.bid_qty] if quote else "0",
            "askPrice": TEXTS[quote.ask_price] if quote else "0",
            "askQty": TEXTS[quote.ask_qty] if quote else "0",
            "time": quote.ts if quote else 0,
        }

    return _one_or_all(board, given, show)


# -- mark, funding, open interest ------------------------------------------------------------------


def _premium_index(board: MarketBoard, given: Parameters, now: int) -> Any:
    def show(symbol: SymbolBoard) -> dict[str, Any]:
        return {
            "symbol": symbol.instrument.symbol,
            "markPrice": _number(symbol.mark_price),
            "indexPrice": _number(symbol.index_price),
            "estimatedSettlePrice": _number(symbol.mark_price),
            "lastFundingRate": TEXTS[symbol.funding_rate],
            "interestRate": INTEREST_RATE,
            "nextFundingTime": symbol.next_funding(now),
            "time": now,
        }

    return _one_or_all(board, given, show)


def _funding_rate(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbols: Iterable[SymbolBoard] = board
    if "symbol" in given:
        symbols = [_symbol(board, given)]
    start, end = _window(given)
    default = 100 if {"startTime", "endTime"} & given.keys() else 200
    limit = _whole(given, "limit", default, 1, FUNDINGS_MAX)
    rows = [
        {
            "symbol": symbol.instrument.symbol,
            "fundingRate": TEXTS[row.rate],
            "fundingTime": row.ts,
            "markPrice": TEXTS[row.mark_price],
            "rateType": "Regular",
        }
        for symbol in symbols
        for row in symbol.fundings
        if start <= row.ts <= end
    ]
    rows.sort(key=_funding_time)
    return _chosen(rows, given, limit)


def _funding_time(row: Mapping[str, Any]) -> int:
    return int(row["fundingTime"])


def _funding_info(board: MarketBoard, given: Parameters, now: int) -> Any:
    return [
        {
            "symbol": symbol.instrument.symbol,
            "adjustedFundingRateCap": _FUNDING_CAP,
            "adjustedFundingRateFloor": f"-{_FUNDING_CAP}",
            "fundingIntervalHours": symbol.funding_interval_ms // HOUR_MS,
            "disclaimer": False,
        }
        for symbol in board
        if symbol.funding_interval_ms != FUNDING_INTERVAL_MS
    ]


def _open_interest(board: MarketBoard, given: Parameters, now: int) -> Any:
    symbol = _symbol(board, given)
    return {
        "symbol": symbol.instrument.symbol,
        "openInterest": TEXTS[symbol.open_interest],
        "time": symbol.stats.ts if symbol.stats else now,
    }


_BUILDERS: Final[dict[str, _Build]] = {
    "v1/ping": _ping,
    "v1/time": _time,
    "v1/exchangeInfo": _exchange_info,
    "v1/depth": _depth,
    "v1/trades": _trades,
    "v1/historicalTrades": _historical_trades,
    "v1/aggTrades": _agg_trades,
    "v1/klines": _klines,
    "v1/continuousKlines": _continuous_klines,
    "v1/markPriceKlines": _mark_klines,
    "v1/indexPriceKlines": _index_klines,
    "v1/premiumIndexKlines": _premium_klines,
    "v1/ticker/24hr": _day_ticker,
    "v1/ticker/price": _price_ticker,
    "v2/ticker/price": _price_ticker,
    "v1/ticker/bookTicker": _book_ticker,
    "v1/premiumIndex": _premium_index,
    "v1/fundingRate": _funding_rate,
    "v1/fundingInfo": _funding_info,
    "v1/openInterest": _open_interest,
}
MARKET_ROUTES: Final = {
    ("GET", f"/fapi/{path}"): _answer(build) for path, build in _BUILDERS.items()
}
