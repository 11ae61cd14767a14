"""Frames of the private stream as records: any bytes in, a record out (LIVE-19, I-19.1).

A pure function of the payload. Whatever it does not know or cannot read becomes ``UnknownEvent``
with the raw bytes, never an exception: the stream's owner counts it and asks over REST.

Nothing is put in order here: an order's newest state is the one with the later transaction time,
fills are known by (symbol, trade id), and ``executed_qty`` only grows (reference 10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from grinder_adapters.binance import user_events as events
from grinder_adapters.binance.fields import (
    STATES,
    Fields,
    flag,
    has,
    inner,
    number,
    rows,
    side,
    text,
    whole,
)
from grinder_adapters.binance.signing import Secret
from grinder_adapters.binance.subscriptions import Answer, is_answer, read_answer
from grinder_core.contracts.enums import OrderState
from grinder_core.errors import ContractError, InputError
from grinder_core.numbers import ZERO


def read_user_frame(frame: bytes) -> events.UserEvent | Answer:
    """Read one frame, raw or wrapped; any bytes give a record."""
    name = ""
    try:
        data = orjson.loads(frame)
        if type(data) is dict and "stream" in data:
            data = inner(data, "data")
        if type(data) is not dict:
            raise ContractError("must be an object", field="frame", value=data)
        if "e" not in data and is_answer(data):
            return read_answer(data)
        name = text(data, "e")
        read = _READERS.get(name)
        return read(data) if read else events.UnknownEvent(name=name, fault="", raw=frame)
    except (InputError, orjson.JSONDecodeError) as error:
        return events.UnknownEvent(name=name, fault=str(error), raw=frame)
    except RecursionError:  # of an error that would show such a value
        return events.UnknownEvent(name=name, fault="a value is nested too deep", raw=frame)


def _order(data: Fields) -> events.FuturesOrderEvent:
    order = inner(data, "o")
    return events.FuturesOrderEvent(
        ts=whole(data, "E"),
        transaction_ts=whole(data, "T"),
        symbol=text(order, "s"),
        order_id=str(whole(order, "i")),
        client_order_id=text(order, "c"),
        side=side(order, "S"),
        order_type=text(order, "o"),
        time_in_force=text(order, "f"),
        execution=text(order, "x"),
        status=_state(order),
        price=number(order, "p"),
        qty=number(order, "q"),
        last_price=number(order, "L"),
        last_qty=number(order, "l"),
        executed_qty=number(order, "z"),
        avg_price=number(order, "ap"),
        fee=number(order, "n") if has(order, "n") else ZERO,
        fee_asset=text(order, "N") if has(order, "N") else "",
        trade_id=whole(order, "t"),
        is_maker=flag(order, "m"),
        reduce_only=flag(order, "R"),
        position_side=text(order, "ps"),
        realized_pnl=number(order, "rp"),
        expiry_reason=str(order.get("er", "0")),
        modify_id=whole(order, "M") if has(order, "M") else None,
    )


def _state(order: Fields) -> OrderState:
    state = STATES.get(text(order, "X"))
    if state is None:
        raise ContractError(f"must be one of {', '.join(STATES)}", field="X", value=order["X"])
    return state


def _account(data: Fields) -> events.AccountEvent:
    ts, account = whole(data, "E"), inner(data, "a")
    return events.AccountEvent(
        ts=ts,
        transaction_ts=whole(data, "T"),
        reason=text(account, "m"),
        balances=tuple(
            events.Balance(
                asset=text(row, "a"),
                wallet_balance=number(row, "wb"),
                cross_wallet_balance=number(row, "cw"),
                change=number(row, "bc"),
            )
            for row in (rows(account, "B") if has(account, "B") else ())
        ),
        positions=tuple(
            events.FuturesPositionEvent(
                ts=ts,
                symbol=text(row, "s"),
                position_amt=number(row, "pa"),
                entry_price=number(row, "ep"),
                unrealized_pnl=number(row, "up"),
                position_side=text(row, "ps"),
            )
            for row in (rows(account, "P") if has(account, "P") else ())
        ),
        symbol=text(account, "S") if has(account, "S") else "",
    )


def _trade_lite(data: Fields) -> events.TradeLite:
    return events.TradeLite(
        ts=whole(data, "E"),
        transaction_ts=whole(data, "T"),
        symbol=text(data, "s"),
        order_id=str(whole(data, "i")),
        client_order_id=text(data, "c"),
        side=side(data, "S"),
        last_price=number(data, "L"),
        last_qty=number(data, "l"),
        trade_id=whole(data, "t"),
        is_maker=flag(data, "m"),
    )


def _algo(data: Fields) -> events.AlgoEvent:
    order = inner(data, "o")
    return events.AlgoEvent(
        ts=whole(data, "E"),
        transaction_ts=whole(data, "T"),
        symbol=text(order, "s"),
        algo_id=whole(order, "aid"),
        client_algo_id=text(order, "caid"),
        side=side(order, "S"),
        order_type=text(order, "o"),
        status=text(order, "X"),
        qty=number(order, "q"),
        trigger_price=number(order, "tp"),
        reduce_only=flag(order, "R"),
        order_id=text(order, "ai") if has(order, "ai") else "",
        reason=text(order, "rm") if has(order, "rm") else "",
    )


def _config(data: Fields) -> events.ConfigEvent:
    leverage = inner(data, "ac") if has(data, "ac") else None
    assets = inner(data, "ai") if has(data, "ai") else None
    return events.ConfigEvent(
        ts=whole(data, "E"),
        transaction_ts=whole(data, "T"),
        symbol=text(leverage, "s") if leverage else "",
        leverage=whole(leverage, "l") if leverage else None,
        multi_assets=flag(assets, "j") if assets else None,
    )


def _listen_key_expired(data: Fields) -> events.ListenKeyExpired:
    return events.ListenKeyExpired(ts=whole(data, "E"), listen_key=Secret(text(data, "listenKey")))


_READERS: Final[Mapping[str, Callable[[Fields], events.UserEvent]]] = {
    "ORDER_TRADE_UPDATE": _order,
    "ACCOUNT_UPDATE": _account,
    "TRADE_LITE": _trade_lite,
    "ALGO_UPDATE": _algo,
    "ACCOUNT_CONFIG_UPDATE": _config,
    "listenKeyExpired": _listen_key_expired,
}
