"""One event, one JSON object: the line grammar of fixtures and data files (CORE-04).

``read_line`` is the definition: strict JSON, then the contract's own reader. ``read_line_fast``
gives the same event for well-formed lines of the frequent kinds and ``None`` for all others, so
it never decides that a line is wrong. ``write_line`` gives canonical JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

import orjson

from grinder_adapters.feeds import construct
from grinder_adapters.feeds.interned import (
    LAST_PRICES,
    PRICES,
    QTYS,
    RATES,
    SYMBOLS,
    TEXTS,
    TRADE_QTYS,
    read_levels,
)
from grinder_core.codec import canonical_json, from_dict
from grinder_core.contracts.checks import check_int, check_ts
from grinder_core.contracts.event import MARKET_KINDS, Event, market_line
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level, Snapshot, Trade
from grinder_core.errors import ContractError, FixtureError

_MARKET: Final = frozenset(MARKET_KINDS.values())


def read_line(raw: bytes, seq: int) -> Event | None:
    """Read one line.

    Returns:
        The event; ``None`` for a type that is no market event, which is ignored.

    Raises:
        FixtureError: The line is no JSON object, has a key twice or has no type.
        ContractError: A field is missing or breaks its rule.
    """
    return read_object(parse_object(raw), seq)


def read_object(data: dict[str, Any], seq: int) -> Event | None:
    """Read one parsed line; see ``read_line``.

    Beyond ``market_event`` it names the contract in messages and refuses an ``update_id`` that
    is no count.
    """
    if "type" not in data:
        raise FixtureError("is missing", field="type")
    kind = data["type"]
    if not isinstance(kind, str):
        raise FixtureError("must be text", field="type", value=kind)
    if kind not in MARKET_KINDS:
        return None
    payload = from_dict(MARKET_KINDS[kind], data)
    received, update_id = data.get("ts_recv_ms"), data.get("update_id")
    if received is not None:
        check_ts("ts_recv_ms", received)
    if update_id is not None:
        check_int("update_id", update_id)
    return Event(payload.ts if received is None else received, payload, seq, received, update_id)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly.

    Raises:
        FixtureError: Not UTF-8, not JSON, ``NaN`` or infinity, no object, or a key twice.
    """
    try:
        data = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise FixtureError("is not UTF-8", field="line", value=raw) from None
    except json.JSONDecodeError as error:
        shown = raw.decode("utf-8")
        raise FixtureError(f"is not JSON: {error.msg}", field="line", value=shown) from None
    except RecursionError:
        raise FixtureError("is nested too deep", field="line") from None
    if not isinstance(data, dict):
        raise FixtureError("must be a JSON object", field="line", value=data)
    return data


def read_line_fast(raw: bytes, seq: int) -> Event | None:
    """Read one well-formed line of a frequent kind; ``None`` leaves the line to ``read_line``."""
    try:
        data = orjson.loads(raw)
        build = _BUILDERS[data["type"]]
        # A colon outside strings ends exactly one key, and a colon inside one only raises the
        # count: as many colons as distinct keys means that no key came twice.
        if raw.count(b":") != len(data):
            return None
        return build(data, seq)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_object_fast(data: dict[str, Any], seq: int) -> Event | None:
    """Read one parsed line of a frequent kind; ``None`` leaves it to ``read_object``."""
    try:
        return _BUILDERS[data["type"]](data, seq)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def write_line(event: Event) -> str:
    """Return the canonical line of a market event, with its line feed.

    Raises:
        ContractError: The event is no market event, or its time would not survive: ``ts_ms`` must
            be ``ts_recv_ms`` where there is one, else the payload's ``ts``.
    """
    payload: Any = event.payload
    kind = type(payload)
    if kind not in _MARKET:
        raise ContractError("is no market event", field="type", value=event.kind)
    dated = payload.ts if event.ts_recv_ms is None else event.ts_recv_ms
    if dated != event.ts_ms:
        raise ContractError(
            f"must be ts_recv_ms, else the payload's ts ({dated})",
            field="ts_ms",
            value=event.ts_ms,
        )
    write = _WRITERS.get(kind)
    if write is not None:
        return write(payload, event.ts_recv_ms, event.update_id)
    return canonical_json(market_line(event)) + "\n"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise FixtureError("stands twice in one object", field="key", value=key)
            seen.add(key)
    return data


def _refuse_constant(text: str) -> NoReturn:
    raise FixtureError("is not a JSON value", field="number", value=text)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _envelope(data: dict[str, Any], payload: Any, seq: int) -> Event | None:
    received, update_id = data.get("ts_recv_ms"), data.get("update_id")
    if update_id is not None and not _is_count(update_id):
        return None
    if received is None:
        return construct.event(payload.ts, payload, seq, None, update_id)
    return (
        construct.event(received, payload, seq, received, update_id)
        if _is_count(received)
        else None
    )


def _read_snapshot(data: dict[str, Any], seq: int) -> Event | None:
    ts, bid, ask = data["ts"], PRICES[data["bid_price"]], PRICES[data["ask_price"]]
    if type(ts) is not int or ts < 0 or bid > ask:
        return None
    payload = construct.snapshot(
        ts,
        SYMBOLS[data["symbol"]],
        bid,
        ask,
        QTYS[data["bid_qty"]],
        QTYS[data["ask_qty"]],
        LAST_PRICES[data["last_price"]],
        QTYS[data["last_qty"]],
    )
    return _envelope(data, payload, seq)


def _read_l2_snapshot(data: dict[str, Any], seq: int) -> Event | None:
    ts, bids, asks = data["ts"], read_levels(data["bids"]), read_levels(data["asks"])
    if not _is_count(ts):
        return None
    return _envelope(data, construct.l2_snapshot(ts, SYMBOLS[data["symbol"]], bids, asks), seq)


def _read_depth_diff(data: dict[str, Any], seq: int) -> Event | None:
    ts, first, last = data["ts"], data["first_update_id"], data["last_update_id"]
    previous = data.get("prev_update_id")
    bids, asks = read_levels(data.get("bids", [])), read_levels(data.get("asks", []))
    if not (_is_count(ts) and _is_count(first)):
        return None
    if type(last) is not int or last < first or not (previous is None or _is_count(previous)):
        return None
    payload = construct.depth_diff(ts, SYMBOLS[data["symbol"]], first, last, previous, bids, asks)
    return _envelope(data, payload, seq)


def _read_trade(data: dict[str, Any], seq: int) -> Event | None:
    ts, trade_id, maker = data["ts"], data["trade_id"], data["is_buyer_maker"]
    if not (_is_count(ts) and _is_count(trade_id)) or type(maker) is not bool:
        return None
    payload = construct.trade(
        ts, SYMBOLS[data["symbol"]], trade_id, PRICES[data["price"]], TRADE_QTYS[data["qty"]], maker
    )
    return _envelope(data, payload, seq)


def _read_mark_price(data: dict[str, Any], seq: int) -> Event | None:
    ts, index, rate = data["ts"], data.get("index_price"), data.get("funding_rate")
    coming = data.get("next_funding_ts")
    if not _is_count(ts) or not (coming is None or _is_count(coming)):
        return None
    payload = construct.mark_price(
        ts,
        SYMBOLS[data["symbol"]],
        PRICES[data["mark_price"]],
        None if index is None else PRICES[index],
        None if rate is None else RATES[rate],
        coming,
    )
    return _envelope(data, payload, seq)


_BUILDERS: Final[dict[str, Callable[[dict[str, Any], int], Event | None]]] = {
    "SNAPSHOT": _read_snapshot,
    "L2_SNAPSHOT": _read_l2_snapshot,
    "DEPTH_DIFF": _read_depth_diff,
    "TRADE": _read_trade,
    "MARK_PRICE": _read_mark_price,
}


def _ending(kind: str, received: int | None, update_id: int | None) -> str:
    front = "" if received is None else f'"ts_recv_ms":{received},'
    back = "" if update_id is None else f',"update_id":{update_id}'
    return f'{front}"type":"{kind}"{back}}}\n'


def _write_snapshot(s: Snapshot, received: int | None, update_id: int | None) -> str:
    t = TEXTS
    return (
        f'{{"ask_price":"{t[s.ask_price]}","ask_qty":"{t[s.ask_qty]}",'
        f'"bid_price":"{t[s.bid_price]}","bid_qty":"{t[s.bid_qty]}",'
        f'"last_price":"{t[s.last_price]}","last_qty":"{t[s.last_qty]}",'
        f'"symbol":"{s.symbol}","ts":{s.ts},{_ending("SNAPSHOT", received, update_id)}'
    )


def _pairs(levels: tuple[Level, ...]) -> str:
    t = TEXTS
    return ",".join([f'["{t[price]}","{t[qty]}"]' for price, qty in levels])


def _write_l2_snapshot(b: L2Snapshot, received: int | None, update_id: int | None) -> str:
    return (
        f'{{"asks":[{_pairs(b.asks)}],"bids":[{_pairs(b.bids)}],"symbol":"{b.symbol}",'
        f'"ts":{b.ts},{_ending("L2_SNAPSHOT", received, update_id)}'
    )


def _write_depth_diff(d: DepthDiff, received: int | None, update_id: int | None) -> str:
    previous = "null" if d.prev_update_id is None else d.prev_update_id
    return (
        f'{{"asks":[{_pairs(d.asks)}],"bids":[{_pairs(d.bids)}],'
        f'"first_update_id":{d.first_update_id},"last_update_id":{d.last_update_id},'
        f'"prev_update_id":{previous},"symbol":"{d.symbol}",'
        f'"ts":{d.ts},{_ending("DEPTH_DIFF", received, update_id)}'
    )


def _write_trade(p: Trade, received: int | None, update_id: int | None) -> str:
    maker = "true" if p.is_buyer_maker else "false"
    return (
        f'{{"is_buyer_maker":{maker},"price":"{TEXTS[p.price]}","qty":"{TEXTS[p.qty]}",'
        f'"symbol":"{p.symbol}","trade_id":{p.trade_id},'
        f'"ts":{p.ts},{_ending("TRADE", received, update_id)}'
    )


_WRITERS: Final[dict[type[Any], Callable[[Any, int | None, int | None], str]]] = {
    Snapshot: _write_snapshot,
    L2Snapshot: _write_l2_snapshot,
    DepthDiff: _write_depth_diff,
    Trade: _write_trade,
}
