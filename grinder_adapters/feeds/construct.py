"""Contracts built from values that were checked already.

A contract checks its fields whenever it is built, which costs most of the time of reading a
file. These functions write the slots directly. A caller must have checked every rule of the
contract itself; the property tests of the readers compare each result with the checked way.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from attrs import fields

from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level, MarkPrice, Snapshot, Trade
from grinder_core.errors import InvariantError

_new: Final = object.__new__


def _setters(kind: type[Any], *names: str) -> tuple[Callable[[Any, Any], None], ...]:
    actual = tuple(field.name for field in fields(kind))
    if names != actual:
        raise InvariantError(f"has the fields {actual}", field=kind.__name__, value=names)
    return tuple(kind.__dict__[name].__set__ for name in names)


_event_ts_ms, _event_payload, _event_seq, _event_recv, _event_update = _setters(
    Event, "ts_ms", "payload", "seq", "ts_recv_ms", "update_id"
)
(
    _snapshot_ts,
    _snapshot_symbol,
    _snapshot_bid_price,
    _snapshot_ask_price,
    _snapshot_bid_qty,
    _snapshot_ask_qty,
    _snapshot_last_price,
    _snapshot_last_qty,
) = _setters(
    Snapshot,
    "ts",
    "symbol",
    "bid_price",
    "ask_price",
    "bid_qty",
    "ask_qty",
    "last_price",
    "last_qty",
)
_book_ts, _book_symbol, _book_bids, _book_asks = _setters(
    L2Snapshot, "ts", "symbol", "bids", "asks"
)
_diff_ts, _diff_symbol, _diff_first, _diff_last, _diff_prev, _diff_bids, _diff_asks = _setters(
    DepthDiff,
    "ts",
    "symbol",
    "first_update_id",
    "last_update_id",
    "prev_update_id",
    "bids",
    "asks",
)
_trade_ts, _trade_symbol, _trade_id, _trade_price, _trade_qty, _trade_maker = _setters(
    Trade, "ts", "symbol", "trade_id", "price", "qty", "is_buyer_maker"
)

_mark_ts, _mark_symbol, _mark_price, _mark_index, _mark_rate, _mark_next = _setters(
    MarkPrice,
    "ts",
    "symbol",
    "mark_price",
    "index_price",
    "funding_rate",
    "next_funding_ts",
)


def event(
    ts_ms: int, payload: Payload, seq: int, ts_recv_ms: int | None, update_id: int | None
) -> Event:
    """Build an envelope."""
    made = _new(Event)
    _event_ts_ms(made, ts_ms)
    _event_payload(made, payload)
    _event_seq(made, seq)
    _event_recv(made, ts_recv_ms)
    _event_update(made, update_id)
    return made


def snapshot(
    ts: int,
    symbol: str,
    bid_price: Decimal,
    ask_price: Decimal,
    bid_qty: Decimal,
    ask_qty: Decimal,
    last_price: Decimal,
    last_qty: Decimal,
) -> Snapshot:
    """Build a top of book; the caller has checked that it is not crossed."""
    made = _new(Snapshot)
    _snapshot_ts(made, ts)
    _snapshot_symbol(made, symbol)
    _snapshot_bid_price(made, bid_price)
    _snapshot_ask_price(made, ask_price)
    _snapshot_bid_qty(made, bid_qty)
    _snapshot_ask_qty(made, ask_qty)
    _snapshot_last_price(made, last_price)
    _snapshot_last_qty(made, last_qty)
    return made


def l2_snapshot(
    ts: int, symbol: str, bids: tuple[Level, ...], asks: tuple[Level, ...]
) -> L2Snapshot:
    """Build a book."""
    made = _new(L2Snapshot)
    _book_ts(made, ts)
    _book_symbol(made, symbol)
    _book_bids(made, bids)
    _book_asks(made, asks)
    return made


def depth_diff(
    ts: int,
    symbol: str,
    first_update_id: int,
    last_update_id: int,
    prev_update_id: int | None,
    bids: tuple[Level, ...],
    asks: tuple[Level, ...],
) -> DepthDiff:
    """Build a change of a book."""
    made = _new(DepthDiff)
    _diff_ts(made, ts)
    _diff_symbol(made, symbol)
    _diff_first(made, first_update_id)
    _diff_last(made, last_update_id)
    _diff_prev(made, prev_update_id)
    _diff_bids(made, bids)
    _diff_asks(made, asks)
    return made


def trade(
    ts: int, symbol: str, trade_id: int, price: Decimal, qty: Decimal, is_buyer_maker: bool
) -> Trade:
    """Build a print."""
    made = _new(Trade)
    _trade_ts(made, ts)
    _trade_symbol(made, symbol)
    _trade_id(made, trade_id)
    _trade_price(made, price)
    _trade_qty(made, qty)
    _trade_maker(made, is_buyer_maker)
    return made


def mark_price(
    ts: int,
    symbol: str,
    price: Decimal,
    index_price: Decimal | None,
    funding_rate: Decimal | None,
    next_funding_ts: int | None,
) -> MarkPrice:
    """Build a mark price."""
    made = _new(MarkPrice)
    _mark_ts(made, ts)
    _mark_symbol(made, symbol)
    _mark_price(made, price)
    _mark_index(made, index_price)
    _mark_rate(made, funding_rate)
    _mark_next(made, next_funding_ts)
    return made
