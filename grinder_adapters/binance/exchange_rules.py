"""The venue's rules as the engine uses them, loaded from the host that is traded (LIVE-35).

Limits, lot rules, margin schedules and fees come from the venue at start, never from a table of
ours. They are background requests: nothing that trades waits behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from attrs import frozen

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.account_port import AccountPort, SymbolConfig
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.fields import number
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_record
from grinder_adapters.exchange_info.brackets import Schedule, schedule_of
from grinder_adapters.exchange_info.document import parse_document
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConnectorError, InputError
from grinder_core.orders.exchange_info import parse_exchange_info
from grinder_core.resilience.budget import BudgetWindow

_WINDOWS: Final = {
    ("ORDERS", "SECOND", 10): BudgetWindow.ORDERS_10S,
    ("ORDERS", "MINUTE", 1): BudgetWindow.ORDERS_1M,
    ("REQUEST_WEIGHT", "MINUTE", 1): BudgetWindow.WEIGHT_1M,
}


@frozen(kw_only=True)
class Fees:
    """Fee rates of one symbol, as a fraction of the notional; paid is positive."""

    maker: Decimal
    taker: Decimal


@frozen(kw_only=True)
class ExchangeRules:
    """All rules, by symbol.

    Attributes:
        constraints: Of every symbol of the venue.
        statuses: The venue's word for each, such as TRADING.
        rate_limits: As the venue states them now.
        brackets, fees, configs: Of the symbols asked for.
        warnings: One for each symbol whose rules make no sense and are left out.
    """

    constraints: Mapping[str, SymbolConstraints]
    statuses: Mapping[str, str]
    rate_limits: Mapping[BudgetWindow, int]
    brackets: Mapping[str, Schedule]
    fees: Mapping[str, Fees]
    configs: Mapping[str, SymbolConfig]
    warnings: tuple[str, ...]


@frozen(kw_only=True)
class ExchangeInfo:
    """What ``exchangeInfo`` says; see `ExchangeRules`."""

    constraints: Mapping[str, SymbolConstraints]
    statuses: Mapping[str, str]
    rate_limits: Mapping[BudgetWindow, int]
    warnings: tuple[str, ...]


async def load_rules(client: RestClient, symbols: Iterable[str]) -> ExchangeRules:
    """Ask the venue for all rules; its limits hold in the client's budget from then on.

    Args:
        symbols: Those to trade.

    Raises:
        ConnectorError: The venue cannot be asked, or does not list one of the symbols.
        ConfigError: Its limits are too low to keep room for cancels.
    """
    info = await load_exchange_info(client)
    brackets, fees, configs = {}, {}, {}
    for symbol in symbols:
        if symbol not in info.constraints:
            raise ConnectorError("has no lot rules at the venue", field="symbol", value=symbol)
        parameters = {"symbol": symbol}
        brackets[symbol] = await client.read(
            Request(endpoints.BRACKETS, parameters), partial(read_brackets, symbol)
        )
        fees[symbol] = await client.read(Request(endpoints.COMMISSION, parameters), read_fees)
        configs[symbol] = await AccountPort(client).symbol_config(symbol)
    return ExchangeRules(
        constraints=info.constraints,
        statuses=info.statuses,
        rate_limits=info.rate_limits,
        brackets=brackets,
        fees=fees,
        configs=configs,
        warnings=info.warnings,
    )


async def load_exchange_info(client: RestClient) -> ExchangeInfo:
    """Ask for what is public, and take the venue's limits into the client's budget."""
    info = await client.read(Request(endpoints.EXCHANGE_INFO), read_exchange_info)
    client.budget.refresh(info.rate_limits)
    return info


def read_exchange_info(body: bytes) -> ExchangeInfo:
    """Read ``exchangeInfo``.

    Raises:
        ConnectorError: It is something else, or has no symbol with lot rules.
    """
    document = _document(body, "exchangeInfo")
    try:
        constraints, warnings = parse_exchange_info(document)
    except InputError as error:
        raise ConnectorError(error.rule, field=error.field, where="exchangeInfo") from None
    if not constraints:
        raise ConnectorError("names no symbol with lot rules", where="exchangeInfo")
    return ExchangeInfo(
        constraints=constraints,
        statuses={
            entry["symbol"]: str(entry.get("status", ""))
            for entry in document["symbols"]
            if isinstance(entry, Mapping) and entry.get("symbol") in constraints
        },
        rate_limits=_rate_limits(document.get("rateLimits")),
        warnings=warnings,
    )


def read_brackets(symbol: str, body: bytes) -> Schedule:
    """Read the margin schedule of one symbol out of ``leverageBracket``.

    Raises:
        ConnectorError: It is not there, or is no schedule.
    """
    document = _document(body, "leverageBracket")
    rows = document if isinstance(document, list) else [document]
    for row in rows:
        if isinstance(row, Mapping) and row.get("symbol") == symbol:
            try:
                return schedule_of(row.get("brackets"))
            except InputError as error:
                raise ConnectorError(
                    error.rule, field=error.field, where=f"leverageBracket of {symbol}"
                ) from None
    raise ConnectorError("is not in the answer", field="symbol", value=symbol)


def read_fees(body: bytes) -> Fees:
    """Read ``commissionRate``.

    Raises:
        ConnectorError: It is something else.
    """
    return read_record(
        body,
        "commissionRate",
        lambda data: Fees(
            maker=number(data, "makerCommissionRate"), taker=number(data, "takerCommissionRate")
        ),
    )


def _document(body: bytes, where: str) -> Any:
    try:
        return parse_document(body, where)
    except InputError as error:
        raise ConnectorError(error.rule, where=where) from None


def _rate_limits(rows: Any) -> dict[BudgetWindow, int]:
    """Read the limits that the budget keeps; a kind that is not known is not ours to keep."""
    limits = {}
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, Mapping):
            continue
        kind = (row.get("rateLimitType"), row.get("interval"), row.get("intervalNum"))
        limit = row.get("limit")
        if kind in _WINDOWS and type(limit) is int:
            limits[_WINDOWS[kind]] = limit
    return limits
