"""24 h turnover and open interest, which no stream tells: asked for from time to time (CORE-08).

The prefilter judges symbols by them, so a live session takes them in as events like any other.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_adapters.binance.endpoints import Request, Security, ask
from grinder_adapters.binance.fields import Fields, number
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_record
from grinder_core.contracts.market import MarketStats
from grinder_core.numbers import exact
from grinder_core.resilience.breaker_settings import Operation
from grinder_core.resilience.budget import RequestClass

_PLACE: Final = (Security.NONE, Operation.SNAPSHOT, RequestClass.BACKGROUND)
DAY_TICKER: Final = ask("/fapi/v1/ticker/24hr", *_PLACE)
OPEN_INTEREST: Final = ask("/fapi/v1/openInterest", *_PLACE)


async def ask_market_stats(client: RestClient, symbol: str) -> MarketStats:
    """Ask for both figures of one symbol, in quote currency.

    Raises:
        ConnectorError: The venue cannot be asked, or says something else.
    """
    asked = {"symbol": symbol}
    turnover, last = await client.read(Request(DAY_TICKER, asked), _read_day)
    held = await client.read(Request(OPEN_INTEREST, asked), _read_interest)
    with exact():
        return MarketStats(ts=client.now(), symbol=symbol, vol_24h_usd=turnover, oi_usd=held * last)


def _read_day(body: bytes) -> tuple[Decimal, Decimal]:
    def read(data: Fields) -> tuple[Decimal, Decimal]:
        return number(data, "quoteVolume"), number(data, "lastPrice")

    return read_record(body, "ticker/24hr", read)


def _read_interest(body: bytes) -> Decimal:
    return read_record(body, "openInterest", lambda data: number(data, "openInterest"))
