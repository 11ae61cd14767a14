"""What the least order of each symbol costs, by the venue's rules and quotes of now (LIVE-35)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from grinder_adapters.exchange_info.document import parse_document
from grinder_adapters.exchange_info.fetch import Answer, Fetch
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConnectorError, InputError
from grinder_core.numbers import exact, parse_decimal
from grinder_core.orders.constraints import least_order

RULES: Final = "/fapi/v1/exchangeInfo"
QUOTES: Final = "/fapi/v1/ticker/bookTicker"
TRADING: Final = "TRADING"
PERPETUAL: Final = "PERPETUAL"


@frozen(kw_only=True)
class LeastOrder:
    """The least order of one symbol.

    Attributes:
        price: The best ask, quote currency.
        qty: Base asset, in whole steps.
        notional: What both make together.
    """

    symbol: str
    rules: SymbolConstraints
    price: Decimal
    qty: Decimal
    notional: Decimal


async def ask_least_orders(
    ask: Callable[[Fetch, str], Awaitable[Answer]], fetch: Fetch, rest_url: str
) -> list[LeastOrder]:
    """Ask a venue for rules and quotes; return its perpetuals that trade, the cheapest first.

    Raises:
        ConnectorError: It does not answer, or answers something else.
    """
    answer = await ask(fetch, f"{rest_url}{RULES}")
    url = f"{rest_url}{QUOTES}"
    body = await fetch(url)
    try:
        trading = _trading(parse_document(answer.body, rest_url))
        asks = _asks(parse_document(body, url))
    except (InputError, KeyError, TypeError) as error:
        raise ConnectorError(f"answers something else: {error}", where=url) from None
    found = [
        _of(symbol, rules, asks[symbol])
        for symbol, rules in answer.constraints.items()
        if symbol in trading and asks.get(symbol)
    ]
    return sorted(found, key=lambda order: (order.notional, order.symbol))


def _of(symbol: str, rules: SymbolConstraints, price: Decimal) -> LeastOrder:
    with exact():
        qty = least_order(rules, price)
        return LeastOrder(symbol=symbol, rules=rules, price=price, qty=qty, notional=price * qty)


def _trading(document: Any) -> set[str]:
    return {
        row["symbol"]
        for row in document["symbols"]
        if row.get("status") == TRADING and row.get("contractType", PERPETUAL) == PERPETUAL
    }


def _asks(document: Any) -> Mapping[str, Decimal]:
    return {row["symbol"]: parse_decimal(row["askPrice"], "askPrice") for row in document}
