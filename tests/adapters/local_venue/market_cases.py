"""Made-up market events of one listed symbol, and what tests of the market side share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.market_answers import MARKET_ROUTES
from grinder_adapters.local_venue.symbol_board import SymbolBoard
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    L2Snapshot,
    Level,
    MarkPrice,
    Snapshot,
    Trade,
)

D = Decimal
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC, a Thursday
SYMBOL = "BTCUSDT"

Levels = tuple[Level, ...]


class Everything:
    """Every stream is wanted."""

    def __contains__(self, stream: object) -> bool:
        return True


def a_board() -> MarketBoard:
    """All local symbols, nothing known of any."""
    return MarketBoard(LOCAL_SYMBOLS)


def of(board: MarketBoard, symbol: str = SYMBOL) -> SymbolBoard:
    """A symbol that is listed."""
    found = board.of(symbol)
    assert found is not None
    return found


def quote(
    ts: int = T0,
    bid: str = "100",
    ask: str = "101",
    update_id: int | None = None,
    symbol: str = SYMBOL,
    **changes: Any,
) -> Event:
    """A quote; nothing is known of prints unless given."""
    values: dict[str, Any] = {
        "bid_qty": D(1),
        "ask_qty": D(2),
        "last_price": D(0),
        "last_qty": D(0),
    }
    snapshot = Snapshot(
        ts=ts, symbol=symbol, bid_price=D(bid), ask_price=D(ask), **{**values, **changes}
    )
    return Event(ts, snapshot, update_id=update_id)


def trade(
    number: int,
    price: str = "100",
    qty: str = "1",
    ts: int = T0,
    *,
    maker: bool = False,
    symbol: str = SYMBOL,
) -> Event:
    """A print; the aggressor bought unless the buyer was the maker."""
    made = Trade(
        ts=ts, symbol=symbol, trade_id=number, price=D(price), qty=D(qty), is_buyer_maker=maker
    )
    return Event(ts, made)


def book(
    update_id: int | None, bids: Levels = (), asks: Levels = (), ts: int = T0, symbol: str = SYMBOL
) -> Event:
    """A whole book."""
    made = L2Snapshot(ts=ts, symbol=symbol, bids=bids, asks=asks)
    return Event(ts, made, update_id=update_id)


def diff(
    first: int, last: int, previous: int | None, bids: Levels = (), asks: Levels = (), ts: int = T0
) -> Event:
    """Changed levels."""
    made = DepthDiff(
        ts=ts,
        symbol=SYMBOL,
        first_update_id=first,
        last_update_id=last,
        prev_update_id=previous,
        bids=bids,
        asks=asks,
    )
    return Event(ts, made, update_id=last)


def mark(price: str, ts: int = T0, **changes: Any) -> Event:
    """A mark price."""
    return Event(ts, MarkPrice(ts=ts, symbol=SYMBOL, mark_price=D(price), **changes))


def ask(board: MarketBoard, path: str, now: int = T0, /, **given: object) -> Any:
    """The parsed body of a GET, or the code of its refusal."""
    return ask_with(board, path, {name: str(value) for name, value in given.items()}, now)


def ask_with(board: MarketBoard, path: str, given: Mapping[str, str], now: int = T0) -> Any:
    """The same with parameters as they are sent."""
    answer = MARKET_ROUTES["GET", f"/fapi/{path}"](board, given, now)
    return json.loads(answer) if isinstance(answer, bytes) else answer.code


def side(low: int, high: int, least_qty: int) -> st.SearchStrategy[Levels]:
    """Levels of one side at different whole prices."""
    prices = st.lists(st.integers(low, high), unique=True, max_size=6)
    qty = st.integers(least_qty, 3)
    return prices.flatmap(
        lambda ticks: st.tuples(*(st.tuples(st.just(D(tick)), qty.map(D)) for tick in ticks))
    )


def bids(least_qty: int = 0) -> st.SearchStrategy[Levels]:
    """Bids, in any order; below all asks."""
    return side(90, 100, least_qty)


def asks(least_qty: int = 0) -> st.SearchStrategy[Levels]:
    """Asks, in any order."""
    return side(101, 111, least_qty)


@st.composite
def book_events(draw: st.DrawFn, max_size: int = 25) -> list[Event]:
    """Quotes, books and changes with and without ids, some of them old, some starting again."""
    events: list[Event] = []
    source_id, ts = draw(st.integers(1, 50)), T0
    for _ in range(draw(st.integers(1, max_size))):
        ts += draw(st.sampled_from((0, 40, 100, 260, 700)))
        kind = draw(st.sampled_from(("quote", "diff", "diff", "diff", "book", "old", "again")))
        if kind == "quote":
            number = draw(st.one_of(st.none(), st.integers(1, 80)))
            price = draw(st.integers(95, 100))
            qty = draw(st.integers(0, 2))
            events.append(quote(ts, str(price), "101", number, bid_qty=D(qty)))
        elif kind == "diff":
            last = source_id + draw(st.integers(1, 5))
            previous = draw(st.sampled_from((source_id, None)))
            first = draw(st.integers(source_id, last))
            events.append(diff(first, last, previous, draw(bids()), draw(asks()), ts))
            source_id = last
        elif kind == "old":
            last = draw(st.integers(1, source_id))
            events.append(diff(last, last, None, draw(bids()), draw(asks()), ts))
        else:
            if kind == "again":
                source_id = draw(st.integers(1, 10))
            is_numbered = draw(st.booleans())
            made = book(source_id if is_numbered else None, draw(bids()), draw(asks()), ts)
            events.append(made)
    return events


def missing_keys(ours: Any, published: Any, place: str = "") -> list[str]:
    """Keys of a published shape that ours lacks, at any depth; of a list the first items count."""
    if isinstance(published, dict):
        if not isinstance(ours, dict):
            return [place]
        return [
            wrong
            for key, value in published.items()
            for wrong in (
                missing_keys(ours[key], value, f"{place}.{key}")
                if key in ours
                else [f"{place}.{key}"]
            )
        ]
    if isinstance(published, list) and published:
        if not isinstance(ours, list) or not ours:
            return [f"{place}[]"]
        if not isinstance(published[0], dict):
            return [] if type(ours[0]) is type(published[0]) else [f"{place}[0]"]
        return missing_keys(ours[0], published[0], f"{place}[0]")
    return [] if type(ours) is type(published) else [f"{place}: {type(ours)}"]


def published(recordings: Path, file: str) -> dict[str, Any]:
    """Published examples by name."""
    lines = (recordings / "doc_examples" / file).read_text("utf-8").splitlines()
    return {example["name"]: example for example in map(json.loads, lines)}
