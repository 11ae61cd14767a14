"""Frames of one symbol folded into market events: quotes, book, prints, mark price.

Time of a payload: the venue's event time ``E``, never going back within a kind. Spot quotes have
no ``E``; all SNAPSHOTs of such a symbol, those from its book included, are dated by the receive
time, so that one series keeps one clock.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from attrs import frozen

from grinder_adapters.feeds import construct, venue_frames
from grinder_adapters.feeds.bridge import Bridge, Bridged, BridgeState
from grinder_adapters.feeds.interned import LAST_PRICES, PRICES, QTYS, read_levels
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.feeds.source import Clock
from grinder_adapters.feeds.venue_frames import wrong_field
from grinder_core.contracts.checks import check_int
from grinder_core.contracts.event import MarketPayload
from grinder_core.contracts.market import DepthDiff, MarkPrice
from grinder_core.errors import ConfigError, FixtureError, InputError
from grinder_core.indicators.book import DepthBook
from grinder_core.numbers import ZERO, parse_decimal

# payload, the venue's update id
Found = list[tuple[MarketPayload, int | None]]
_MALFORMED = (KeyError, TypeError, ValueError, InputError)


class Quotes(StrEnum):
    """Where SNAPSHOTs come from."""

    BOTH = "both"
    TICKER = "ticker"
    BOOK = "book"


@frozen(kw_only=True)
class FoldOptions:
    """What to take out of a capture."""

    quotes: Quotes = Quotes.BOTH
    depth: bool = True


class MarketFold:
    """All streams of one symbol of one market; its methods append what a frame says."""

    def __init__(self, symbol: str, options: FoldOptions, clock: Clock, problems: Problems) -> None:
        self.symbol = symbol
        self.bridge = Bridge()
        self._options = options
        self._clock = clock
        self._problems = problems
        self._book = DepthBook()
        self._is_spot: bool | None = None
        self._quote_id = -1  # newest update id among SNAPSHOTs
        self._ticker_id = -1
        self._depth_id = -1
        self._trade_id = -1
        self._top: tuple[Decimal, ...] = ()
        self._last_price = ZERO
        self._last_qty = ZERO

    def on_quote(self, received: int, data: Any, found: Found) -> None:
        """Take a ``bookTicker`` frame."""
        try:
            update_id, bid, ask = data["u"], PRICES[data["b"]], PRICES[data["a"]]
            bid_qty, ask_qty = QTYS[data["B"]], QTYS[data["A"]]
            symbol, event_time = data["s"], data.get("E")
        except _MALFORMED:
            if venue_frames.is_one_sided(data):
                self._problems.count_out("quotes with an empty side")
                return
            raise wrong_field(data, venue_frames.QUOTE) from None
        if type(update_id) is not int or update_id < 0:
            raise wrong_field(data, venue_frames.QUOTE)
        if symbol != self.symbol:
            raise self._foreign(symbol)
        if bid > ask:
            raise FixtureError(f"must be >= b {bid}, the quote is crossed", field="a", value=ask)
        is_spot = event_time is None
        if is_spot is not self._is_spot:
            self._see_market(is_spot=is_spot)
        if update_id <= self._ticker_id:
            self._check_late_quote(update_id)
        else:
            self._ticker_id = update_id
        if update_id <= self._quote_id:
            self._problems.count_out("stale quote")
            return
        ts = received if is_spot else _time(event_time)
        self._quote((bid, ask, bid_qty, ask_qty), ts, update_id, found)

    def on_depth(self, received: int, data: Any, found: Found) -> None:
        """Take a frame of a diff depth stream."""
        try:
            first, last, previous = data["U"], data["u"], data.get("pu")
            bids, asks = read_levels(data["b"]), read_levels(data["a"])
            symbol, event_time = data["s"], _time(data["E"])
        except _MALFORMED:
            raise wrong_field(data, venue_frames.DEPTH) from None
        if symbol != self.symbol:
            raise self._foreign(symbol)
        if (previous is None) is not self._is_spot:
            self._see_market(is_spot=previous is None)
        if not _are_ids(first, last, previous):
            raise wrong_field(data, venue_frames.DEPTH)
        if last <= self._depth_id:
            raise _repeated("u", last)
        ts = self._clock.payload(symbol, "DEPTH_DIFF", event_time)
        diff = construct.depth_diff(ts, self.symbol, first, last, previous, bids, asks)
        self._depth_id = last
        self._publish(self.bridge.on_diff(diff), received, found)

    def on_snapshot(self, received: int, data: Any, found: Found) -> None:
        """Take the body of a REST depth snapshot."""
        try:
            update_id, bids, asks = (
                data["lastUpdateId"],
                read_levels(data["bids"]),
                read_levels(data["asks"]),
            )
            event_time = _time(data["E"]) if "E" in data else received
        except _MALFORMED:
            raise wrong_field(data, venue_frames.BOOK) from None
        if type(update_id) is not int or update_id < 0:
            raise wrong_field(data, venue_frames.BOOK)
        if bids and asks and bids[0][0] >= asks[0][0]:
            raise FixtureError(
                f"must be above the best bid {bids[0][0]}, the book is crossed",
                field="asks",
                value=asks[0][0],
            )
        if self.bridge.state is BridgeState.BRIDGED:
            self._problems.count_out("snapshots of a book that is known")
            return
        ts = self._clock.payload(self.symbol, "L2_SNAPSHOT", event_time)
        book = construct.l2_snapshot(ts, self.symbol, bids, asks)
        self._publish(self.bridge.on_snapshot(book, update_id), received, found)

    def on_trade(self, received: int, data: Any, found: Found) -> None:
        """Take a ``trade`` frame."""
        self._print("t", data, found)

    def on_agg_trade(self, received: int, data: Any, found: Found) -> None:
        """Take an ``aggTrade`` frame."""
        self._print("a", data, found)

    def on_mark_price(self, received: int, data: Any, found: Found) -> None:
        """Take a ``markPrice`` frame."""
        try:
            price, symbol, event_time = PRICES[data["p"]], data["s"], _time(data["E"])
            index, rate, funding_time = data.get("i"), data.get("r"), data.get("T")
        except _MALFORMED:
            raise wrong_field(data, venue_frames.MARK) from None
        if symbol != self.symbol:
            raise self._foreign(symbol)
        mark = MarkPrice(
            ts=self._clock.payload(symbol, "MARK_PRICE", event_time),
            symbol=self.symbol,
            mark_price=price,
            index_price=parse_decimal(index, "i") if index else None,
            funding_rate=parse_decimal(rate, "r") if rate else None,
            next_funding_ts=_time(funding_time) if funding_time else None,
        )
        found.append((mark, None))

    def finish(self) -> None:
        """Count what the end of the stream settles."""
        self.bridge.finish()
        if self.bridge.gaps:
            self._problems.count_out("depth gaps", self.bridge.gaps)
        if self.bridge.unused:
            self._problems.count_out("depth diffs outside a known book", self.bridge.unused)

    def _print(self, id_name: str, data: Any, found: Found) -> None:
        try:
            trade_id, price, qty = data[id_name], LAST_PRICES[data["p"]], QTYS[data["q"]]
            symbol, event_time, maker = data["s"], _time(data["E"]), data["m"]
            kind = data.get("X", "MARKET")
        except _MALFORMED:
            raise self._wrong_print(id_name, data) from None
        if type(trade_id) is not int or trade_id < 0 or type(maker) is not bool:
            raise self._wrong_print(id_name, data)
        if symbol != self.symbol:
            raise self._foreign(symbol)
        if ("M" in data) is not self._is_spot:
            self._see_market(is_spot="M" in data)
        if trade_id <= self._trade_id:
            raise _repeated(id_name, trade_id)
        self._trade_id = trade_id
        if kind != "MARKET":
            self._problems.count_out("trades that are no market prints")
        elif not price or not qty:
            self._problems.count_out("trades of price or quantity 0")
        else:
            self._last_price, self._last_qty = price, qty
            ts = self._clock.payload(symbol, "TRADE", event_time)
            payload = construct.trade(ts, self.symbol, trade_id, price, qty, maker)
            found.append((payload, None))

    def _publish(self, bridged: Bridged, received: int, found: Found) -> None:
        if bridged.book is not None:
            self._book.replace(bridged.book.bids, bridged.book.asks)
            found.append((bridged.book, bridged.book_update_id))
        for diff in bridged.diffs:
            self._book.apply(diff.bids, diff.asks)
            if self._book.crossed:
                self._problems.count_out("crossed books")
                self._book.clear()
                self.bridge.drop()
                return
            found.append((diff, diff.last_update_id))
            if self._options.quotes is not Quotes.TICKER:
                self._quote_from_book(diff, received, found)

    def _quote_from_book(self, diff: DepthDiff, received: int, found: Found) -> None:
        if diff.last_update_id <= self._quote_id:
            self._problems.count_out("stale quote")
            return
        bid, ask = self._book.best_bid, self._book.best_ask
        if bid is None or ask is None:
            return
        top = (bid[0], ask[0], bid[1], ask[1])
        if top != self._top:
            ts = received if self._is_spot else diff.ts
            self._quote(top, ts, diff.last_update_id, found)

    def _quote(
        self,
        top: tuple[Decimal, Decimal, Decimal, Decimal],
        ts: int,
        update_id: int,
        found: Found,
    ) -> None:
        ts = self._clock.payload(self.symbol, "SNAPSHOT", ts)
        quote = construct.snapshot(ts, self.symbol, *top, self._last_price, self._last_qty)
        self._quote_id, self._top = update_id, top
        found.append((quote, update_id))

    def _see_market(self, *, is_spot: bool) -> None:
        if self._is_spot is not None:
            raise ConfigError(
                "has frames of the spot and of the futures market",
                field="symbol",
                value=self.symbol,
                remedy="import the markets into files of their own",
            )
        self._is_spot = is_spot

    def _check_late_quote(self, update_id: int) -> None:
        if update_id == self._ticker_id:
            raise _repeated("u", update_id)

    def _foreign(self, symbol: object) -> FixtureError:
        return FixtureError(f"must be {self.symbol} as in 'stream'", field="s", value=symbol)

    def _wrong_print(self, id_name: str, data: Any) -> FixtureError:
        return wrong_field(data, (*venue_frames.TRADE, (id_name, check_int)))


def _time(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise FixtureError("must be an integer >= 0, in milliseconds", field="E", value=value)
    return value


def _are_ids(first: Any, last: Any, previous: Any) -> bool:
    if type(first) is not int or type(last) is not int or not 0 <= first <= last:
        return False
    return previous is None or (type(previous) is int and previous >= 0)


def _repeated(name: str, value: int) -> FixtureError:
    return FixtureError(
        "repeats or goes back behind an event already read",
        field=name,
        value=value,
        remedy="give each recording once; --on-error skip drops such events",
    )
