"""Bodies of REST answers as records (LIVE-09, LIVE-10, reference 5 to 7).

A body that is not what its endpoint promises raises ``ConnectorError`` naming the place, field
and value; to a write, such an answer proves nothing. Keys that are not asked for are ignored, as
the venue adds some without notice. ``exchangeInfo`` has a reader of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from grinder_adapters.binance.fields import (
    MISSING,
    STATES,
    Fields,
    count,
    flag,
    get,
    has,
    number,
    rows,
    side,
    text,
    whole,
)
from grinder_adapters.binance.market_frames import book_fault
from grinder_adapters.binance.rest_records import (
    AccountAnswer,
    BalanceAnswer,
    DepthAnswer,
    ErrorBody,
    IncomeAnswer,
    OrderAnswer,
    PositionAnswer,
    TradeAnswer,
)
from grinder_adapters.binance.signing import Secret
from grinder_adapters.feeds import construct
from grinder_adapters.feeds.interned import read_levels
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.market import Level
from grinder_core.errors import ConnectorError, ContractError, InputError

T = TypeVar("T")


def read_order(body: bytes) -> OrderAnswer:
    """Read the answer to placing, amending, cancelling or querying one order."""
    return read_record(body, "order", _order)


def read_orders(body: bytes) -> tuple[OrderAnswer, ...]:
    """Read ``openOrders`` or ``allOrders``."""
    return read_records(body, "orders", _order)


def read_batch(body: bytes) -> tuple[OrderAnswer | ErrorBody, ...]:
    """Read the answer to a batch: in the order of the request, each an order or a refusal."""
    return read_records(body, "batch", lambda row: _error(row) if "code" in row else _order(row))


def read_positions(body: bytes) -> tuple[PositionAnswer, ...]:
    """Read ``positionRisk``, version 2 or 3."""
    return read_records(body, "positionRisk", _position)


def read_balances(body: bytes) -> tuple[BalanceAnswer, ...]:
    """Read ``balance``."""
    return read_records(body, "balance", lambda row: _balance(row, "balance"))


def read_account(body: bytes) -> AccountAnswer:
    """Read ``account``, version 2 or 3; its positions are left to ``positionRisk``."""
    return read_record(body, "account", _account)


def read_trades(body: bytes) -> tuple[TradeAnswer, ...]:
    """Read ``userTrades``."""
    return read_records(body, "userTrades", _trade)


def read_income(body: bytes) -> tuple[IncomeAnswer, ...]:
    """Read ``income``."""
    return read_records(body, "income", _income)


def read_depth(body: bytes, symbol: str, received: int) -> DepthAnswer:
    """Read a ``depth`` snapshot.

    Args:
        symbol: What was asked for; the answer does not name it.
        received: When, ms; dates the book where the answer has no event time.
    """

    def depth(data: Fields) -> DepthAnswer:
        ts = whole(data, "E") if "E" in data else received
        bids, asks = _levels(data, "bids"), _levels(data, "asks")
        if (fault := book_fault(bids, asks)) is not None:
            raise ContractError("must be a sorted book", field="bids, asks", value=fault.value)
        book = construct.l2_snapshot(ts, symbol, bids, asks)
        return DepthAnswer(book=book, last_update_id=whole(data, "lastUpdateId"))

    return read_record(body, "depth", depth)


def read_server_time(body: bytes) -> int:
    """Read ``time``: the venue's clock, ms."""
    return read_record(body, "time", lambda data: whole(data, "serverTime"))


def read_listen_key(body: bytes) -> Secret:
    """Read the answer to asking for a listen key."""
    return read_record(body, "listenKey", lambda data: Secret(text(data, "listenKey")))


def read_error(body: bytes) -> ErrorBody | None:
    """Read the body of a refusal; ``None`` if it is none, such as a page of a proxy."""
    try:
        return read_record(body, "error", _error)
    except ConnectorError:
        return None


def read_record(body: bytes, where: str, read: Callable[[Fields], T]) -> T:
    return _record(_parsed(body, where), where, read)


def read_records(body: bytes, where: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
    data = _parsed(body, where)
    if type(data) is not list:
        kind = type(data).__name__
        raise ConnectorError("must be a list", field="body", value=kind, where=where)
    return tuple(_record(row, f"{where}[{place}]", read) for place, row in enumerate(data))


def _record(data: Any, where: str, read: Callable[[Fields], T]) -> T:
    try:
        if type(data) is not dict:
            raise ContractError("must be an object", field="body", value=data)
        return read(data)
    except InputError as error:
        if error.rule == MISSING:
            raise ConnectorError(MISSING, field=error.field, where=where) from None
        rule, field, value = error.rule, error.field, error.value
        raise ConnectorError(rule, field=field, value=value, where=where) from None
    except RecursionError:  # of an error that would show such a value
        raise ConnectorError("is nested too deep", field="body", where=where) from None


def _parsed(body: bytes, where: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ConnectorError(f"is no JSON: {error}", field="body", where=where) from None


def _order(data: Fields) -> OrderAnswer:
    return OrderAnswer(
        symbol=text(data, "symbol"),
        order_id=str(whole(data, "orderId")),
        client_order_id=text(data, "clientOrderId"),
        side=side(data, "side"),
        order_type=text(data, "type"),
        time_in_force=text(data, "timeInForce"),
        status=STATES.get(text(data, "status"), OrderState.UNKNOWN),
        price=number(data, "price"),
        qty=number(data, "origQty"),
        executed_qty=number(data, "executedQty"),
        avg_price=number(data, "avgPrice") if has(data, "avgPrice") else None,
        reduce_only=flag(data, "reduceOnly"),
        position_side=text(data, "positionSide"),
        update_ts=whole(data, "updateTime"),
        created_ts=whole(data, "time") if has(data, "time") else None,
    )


def _error(data: Fields) -> ErrorBody:
    code = get(data, "code")
    if type(code) is not int:
        raise ContractError("must be an integer", field="code", value=code)
    return ErrorBody(code=code, msg=text(data, "msg"))


def _position(data: Fields) -> PositionAnswer:
    return PositionAnswer(
        symbol=text(data, "symbol"),
        position_side=text(data, "positionSide"),
        position_amt=number(data, "positionAmt"),
        entry_price=number(data, "entryPrice"),
        mark_price=number(data, "markPrice"),
        unrealized_pnl=number(data, "unRealizedProfit"),
        liquidation_price=number(data, "liquidationPrice"),
        notional=number(data, "notional"),
        leverage=count(data, "leverage") if has(data, "leverage") else None,
        margin_type=text(data, "marginType") if has(data, "marginType") else None,
        update_ts=whole(data, "updateTime"),
    )


def _balance(data: Fields, total: str) -> BalanceAnswer:
    return BalanceAnswer(
        asset=text(data, "asset"),
        wallet_balance=number(data, total),
        cross_wallet_balance=number(data, "crossWalletBalance"),
        available_balance=number(data, "availableBalance"),
        update_ts=whole(data, "updateTime"),
    )


def _account(data: Fields) -> AccountAnswer:
    return AccountAnswer(
        wallet_balance=number(data, "totalWalletBalance"),
        unrealized_pnl=number(data, "totalUnrealizedProfit"),
        margin_balance=number(data, "totalMarginBalance"),
        initial_margin=number(data, "totalInitialMargin"),
        maintenance_margin=number(data, "totalMaintMargin"),
        available_balance=number(data, "availableBalance"),
        assets=tuple(_balance(row, "walletBalance") for row in rows(data, "assets")),
    )


def _trade(data: Fields) -> TradeAnswer:
    return TradeAnswer(
        ts=whole(data, "time"),
        symbol=text(data, "symbol"),
        trade_id=whole(data, "id"),
        order_id=str(whole(data, "orderId")),
        side=side(data, "side"),
        position_side=text(data, "positionSide"),
        price=number(data, "price"),
        qty=number(data, "qty"),
        fee=number(data, "commission"),
        fee_asset=text(data, "commissionAsset"),
        realized_pnl=number(data, "realizedPnl"),
        is_maker=flag(data, "maker"),
    )


def _income(data: Fields) -> IncomeAnswer:
    return IncomeAnswer(
        ts=whole(data, "time"),
        kind=text(data, "incomeType"),
        symbol=str(data.get("symbol") or ""),
        asset=text(data, "asset"),
        amount=number(data, "income"),
        tran_id=whole(data, "tranId"),
        trade_id=count(data, "tradeId") if data.get("tradeId") else 0,
    )


def _levels(data: Fields, name: str) -> tuple[Level, ...]:
    levels = get(data, name)
    try:
        return read_levels(levels)
    except ContractError as error:
        raise ContractError(error.rule, field=name, value=error.value) from None
    except (TypeError, ValueError):
        raise ContractError("must hold [price, qty]", field=name, value=levels) from None
