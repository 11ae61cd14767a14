"""Market frames of the USDT-M streams as events: any bytes in, an event or a counted drop out.

A frame comes raw (``/ws/<stream>``) or wrapped (``{"stream":..,"data":..}``). Each stream of a
symbol has a cursor, the venue's id, which only rises: what repeats or goes back is dropped, also
across reconnects (I-01.2). A jump of a trade's id is counted as a gap and keeps the print.

Quotes: a locked book is legal at the top and refused in depth; a crossed one is always refused.
A change of a book is no book and is not judged that way: the book it is applied to is.

Time of a payload: the venue's event time ``E``, never going back within a symbol and kind. Time
of the envelope: the receive time that the caller gives, who also keeps it from going back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import orjson
from attrs import frozen

from grinder_adapters.binance import fields
from grinder_adapters.binance.subscriptions import Answer, is_answer, read_answer
from grinder_adapters.feeds import construct
from grinder_adapters.feeds.interned import LAST_PRICES, PRICES, QTYS, read_levels
from grinder_adapters.feeds.source import Clock
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.event import Event, MarketPayload
from grinder_core.contracts.market import Level, MarkPrice
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, parse_decimal


class Drop(StrEnum):
    """Why a frame gave no event although it should have (LIVE-01, SCR-02); metric labels."""

    BAD_PAYLOAD = "bad_payload"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NON_POSITIVE = "non_positive"
    CROSSED_BOOK = "crossed_book"
    UNSORTED_DEPTH = "unsorted_depth"
    OUT_OF_ORDER = "out_of_order"
    DUPLICATE = "duplicate"


class Ignored(StrEnum):
    """Sound frames that have no place in the stream of events."""

    KLINE = "kline"
    FORCE_ORDER = "forceOrder"
    RPI_DEPTH = "rpiDepth"
    COIN_M = "coin_m"
    NO_MARKET_PRINT = "no_market_print"
    OTHER = "other"


@frozen(kw_only=True)
class ContractNotice:
    """Rules or status of a symbol changed: reload its filters."""

    ts: int
    symbol: str
    status: str


Levels = tuple[Level, ...]
Item = Event | ContractNotice | Answer
_Found = tuple[MarketPayload, int | None] | Drop | Ignored  # a payload with its update id

_USD_M: Final = 1
_PARTIAL: Final = ("depth5", "depth10", "depth20")
_IGNORED: Final = {
    "kline": Ignored.KLINE,
    "continuous_kline": Ignored.KLINE,
    "forceOrder": Ignored.FORCE_ORDER,
}
# an error about a value that is nested too deep to be shown becomes a RecursionError
_MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


class _Seen:
    """What must be remembered of one symbol: the newest id of each stream, and the last print."""

    __slots__ = (
        "diff_id",
        "last_price",
        "last_qty",
        "mark_ts",
        "partial_id",
        "quote_id",
        "symbol",
        "trade_ids",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quote_id = self.diff_id = self.partial_id = self.mark_ts = -1
        self.trade_ids: dict[str, int] = {}  # by the id's name on the wire
        self.last_price = self.last_qty = ZERO


class MarketFrames:
    """Reads the frames of the market streams of one venue, in order of arrival.

    Args:
        symbols: Those subscribed to; frames of others are dropped.

    Attributes:
        drops: Frames dropped, by reason.
        ignored: Frames without an event, by what they are.
        trade_gaps: Jumps of a trade's id.

    Raises:
        ContractError: A symbol is none.
    """

    __slots__ = ("_clock", "_routes", "_seen", "drops", "ignored", "trade_gaps")

    def __init__(self, symbols: Iterable[str]) -> None:
        self.drops = dict.fromkeys(Drop, 0)
        self.ignored = dict.fromkeys(Ignored, 0)
        self.trade_gaps = 0
        self._clock = Clock()
        self._seen: dict[str, _Seen] = {}
        self._routes: dict[str, Callable[[_Seen, Any, str], _Found]] = {
            "bookTicker": self._quote,
            "depthUpdate": self._depth,
            "aggTrade": self._agg_trade,
            "trade": self._trade,
            "markPriceUpdate": self._mark_price,
        }
        for symbol in symbols:
            self.add(symbol)

    def add(self, symbol: str) -> None:
        """Take frames of a further symbol; one that is known keeps its cursors.

        Raises:
            ContractError: It is no symbol.
        """
        check_symbol(symbol)
        self._seen.setdefault(symbol, _Seen(symbol))

    def remove(self, symbol: str) -> None:
        """Drop a symbol's frames from now on, and forget its cursors."""
        self._seen.pop(symbol, None)

    def read(
        self, frame: bytes | str, received: int, seq: int = 0, stream: str = ""
    ) -> Sequence[Item]:
        """Read one frame; nothing it may hold raises.

        Args:
            frame: As received.
            received: When, ms; not before that of an earlier call.
            seq: The number of the first event that comes out.
            stream: The stream of a raw connection; a wrapped frame names its own.

        Returns:
            What it says: mostly one item, none if it is dropped or ignored, several of an array.
        """
        try:
            data = orjson.loads(frame)
            if type(data) is dict and "stream" in data:
                data, stream = data["data"], data["stream"]
        except _MALFORMED:
            self.drops[Drop.BAD_PAYLOAD] += 1
            return ()
        if type(data) is not list:
            item = self._item(data, stream, received, seq)
            return () if item is None else (item,)
        items: list[Item] = []
        for part in data:
            item = self._item(part, stream, received, seq + len(items))
            if item is not None:
                items.append(item)
        return items

    def _item(self, data: Any, stream: str, received: int, seq: int) -> Item | None:
        try:
            found = self._found(data, stream)
        except ContractError as error:
            too_small = isinstance(error.value, Decimal) and error.value <= 0
            found = Drop.NON_POSITIVE if too_small else Drop.BAD_PAYLOAD
        except _MALFORMED:
            found = Drop.BAD_PAYLOAD
        if isinstance(found, tuple):
            return construct.event(received, found[0], seq, received, found[1])
        if isinstance(found, Drop):
            self.drops[found] += 1
            return None
        if isinstance(found, Ignored):
            self.ignored[found] += 1
            return None
        return found

    def _found(self, data: Any, stream: str) -> _Found | ContractNotice | Answer:
        event = data.get("e")
        if event is None and is_answer(data):
            return read_answer(data)
        if data.get("st", _USD_M) != _USD_M:
            return Ignored.COIN_M
        take = self._routes.get(event)
        if take is not None:
            seen = self._seen.get(data["s"])
            return Drop.UNKNOWN_SYMBOL if seen is None else take(seen, data, stream)
        if event == "contractInfo":
            ts, status = fields.whole(data, "E"), fields.text(data, "cs")
            return ContractNotice(ts=ts, symbol=fields.text(data, "s"), status=status)
        return _IGNORED.get(event, Ignored.OTHER) if type(event) is str else Drop.BAD_PAYLOAD

    def _quote(self, seen: _Seen, data: Any, stream: str) -> _Found:
        update_id, bid, ask = data["u"], PRICES[data["b"]], PRICES[data["a"]]
        bid_qty, ask_qty, ts = QTYS[data["B"]], QTYS[data["A"]], data["E"]
        _check_ids(update_id, ts)
        if bid > ask:
            return Drop.CROSSED_BOOK
        if update_id <= seen.quote_id:
            return _old(update_id, seen.quote_id)
        seen.quote_id = update_id
        ts = self._clock.payload(seen.symbol, "SNAPSHOT", ts)
        quote = construct.snapshot(
            ts, seen.symbol, bid, ask, bid_qty, ask_qty, seen.last_price, seen.last_qty
        )
        return quote, update_id

    def _depth(self, seen: _Seen, data: Any, stream: str) -> _Found:
        kind = stream.partition("@")[2]
        if kind.startswith("rpiDepth"):
            return Ignored.RPI_DEPTH
        first, last, previous, ts = data["U"], data["u"], data["pu"], data["E"]
        bids, asks = read_levels(data["b"]), read_levels(data["a"])
        _check_ids(first, last, previous, ts)
        if kind.startswith(_PARTIAL):
            return self._book(seen, last, ts, bids, asks)
        if first > last:
            return Drop.BAD_PAYLOAD
        if last <= seen.diff_id:
            return _old(last, seen.diff_id)
        seen.diff_id = last
        ts = self._clock.payload(seen.symbol, "DEPTH_DIFF", ts)
        return construct.depth_diff(ts, seen.symbol, first, last, previous, bids, asks), last

    def _book(self, seen: _Seen, update_id: int, ts: int, bids: Levels, asks: Levels) -> _Found:
        if (fault := book_fault(bids, asks)) is not None:
            return fault
        if update_id <= seen.partial_id:
            return _old(update_id, seen.partial_id)
        seen.partial_id = update_id
        ts = self._clock.payload(seen.symbol, "L2_SNAPSHOT", ts)
        return construct.l2_snapshot(ts, seen.symbol, bids, asks), update_id

    def _agg_trade(self, seen: _Seen, data: Any, stream: str) -> _Found:
        return self._print(seen, "a", data)

    def _trade(self, seen: _Seen, data: Any, stream: str) -> _Found:
        return self._print(seen, "t", data)

    def _print(self, seen: _Seen, id_name: str, data: Any) -> _Found:
        trade_id, price, qty = data[id_name], LAST_PRICES[data["p"]], QTYS[data["q"]]
        ts, maker = data["E"], data["m"]
        _check_ids(trade_id, ts)
        if type(maker) is not bool:
            return Drop.BAD_PAYLOAD
        newest = seen.trade_ids.get(id_name, trade_id - 1)
        if trade_id <= newest:
            return _old(trade_id, newest)
        seen.trade_ids[id_name] = trade_id
        self.trade_gaps += trade_id > newest + 1
        if data.get("X", "MARKET") != "MARKET":
            return Ignored.NO_MARKET_PRINT
        if not price or not qty:
            return Drop.NON_POSITIVE
        seen.last_price, seen.last_qty = price, qty
        ts = self._clock.payload(seen.symbol, "TRADE", ts)
        return construct.trade(ts, seen.symbol, trade_id, price, qty, maker), None

    def _mark_price(self, seen: _Seen, data: Any, stream: str) -> _Found:
        price, ts = PRICES[data["p"]], data["E"]
        index, rate, funding_ts = data.get("i"), data.get("r"), data.get("T")
        _check_ids(ts)
        if ts <= seen.mark_ts:  # this stream has no ids
            return _old(ts, seen.mark_ts)
        mark = MarkPrice(
            ts=ts,
            symbol=seen.symbol,
            mark_price=price,
            index_price=(LAST_PRICES[index] or None) if index else None,
            funding_rate=parse_decimal(rate, "r") if rate else None,
            next_funding_ts=funding_ts or None,
        )
        seen.mark_ts = ts
        return mark, None


def book_fault(bids: Levels, asks: Levels) -> Drop | None:
    """Say what is wrong with a whole book, if anything: best first, and bids below asks."""
    falls = all(high > low for (high, _), (low, _) in pairwise(bids))
    if not falls or any(low >= high for (low, _), (high, _) in pairwise(asks)):
        return Drop.UNSORTED_DEPTH
    return Drop.CROSSED_BOOK if bids and asks and bids[0][0] >= asks[0][0] else None


def _old(new: int, newest: int) -> Drop:
    return Drop.DUPLICATE if new == newest else Drop.OUT_OF_ORDER


def _check_ids(*values: Any) -> None:
    for value in values:
        if type(value) is not int or value < 0:
            raise TypeError
