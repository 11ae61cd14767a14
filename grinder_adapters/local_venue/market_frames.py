"""The market streams: which frames an event makes, and which are due by time (reference 9).

Quotes, prints, mark prices and depth at 100 ms leave with the event that made them, in its order,
so that a client over sockets sees what one in process sees. All else is paced: ``tick`` emits it.
Depth at 250 and 500 ms is merged: the last quantity of each level, and the whole range of ids, so
that the chain of ids is unbroken at every speed. A stream that nobody wants costs a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Final, NamedTuple

from attrs import define, field

from grinder_adapters.local_venue import market_texts
from grinder_adapters.local_venue.board import MarketBoard, fold
from grinder_adapters.local_venue.candles import INTERVALS, ROWS_MAX
from grinder_adapters.local_venue.exchange_info import DELIVERY_MS
from grinder_adapters.local_venue.market_streams import MERGED, Merged, SymbolStreams
from grinder_adapters.local_venue.market_texts import Liquidation
from grinder_adapters.local_venue.session import Category
from grinder_adapters.local_venue.symbol_board import BookChange, SymbolBoard
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarkPrice, Trade
from grinder_core.numbers import exact
from grinder_core.venue.exchange.instrument import Instrument

PUBLIC, MARKET = Category.PUBLIC, Category.MARKET
TICK_MS: Final = 250  # every pace is a multiple of it

_MARK_ARRAYS: Final = {1000: "!markPrice@arr@1s", 3000: "!markPrice@arr"}


class StreamFrame(NamedTuple):
    """One payload for everybody who gets a stream."""

    category: Category
    stream: str
    data: bytes


Frames = Iterator[StreamFrame]


@define
class MarketFrames:
    """All market streams over one board.

    Args:
        board: Kept by ``on_event``; nobody else feeds it.
        wanted: Streams that somebody gets, as subscriptions stand.
    """

    board: MarketBoard
    wanted: Container[str]
    now: int = field(default=0, init=False)
    _symbols: dict[str, SymbolStreams] = field(factory=dict, init=False)

    # -- with an event -------------------------------------------------------------------------

    def on_event(self, event: Event, now: int) -> list[StreamFrame]:
        """Fold a market event into the board; return what was due before, and its own frames."""
        frames = self.tick(now)
        payload = event.payload
        symbol = getattr(payload, "symbol", "")
        streams = self._symbols.get(symbol) or self._first_of(symbol)
        if streams is None:
            return frames
        board = streams.board
        quote_id = board.quote_id
        change = fold(board, event)
        if board.quote_id != quote_id and board.quote and streams.book_ticker in self.wanted:
            data = market_texts.book_ticker(board.quote, board.quote_id)
            frames.append(StreamFrame(PUBLIC, streams.book_ticker, data))
        if change is not None:
            self._book(streams, change, frames)
        elif isinstance(payload, Trade):
            if streams.agg_trade in self.wanted:
                data = market_texts.agg_trade(board.prints[-1])
                frames.append(StreamFrame(MARKET, streams.agg_trade, data))
        elif isinstance(payload, MarkPrice):
            name = f"{streams.mark}@1s"
            if name in self.wanted:
                data = market_texts.mark_price(board, payload.ts)
                frames.append(StreamFrame(MARKET, name, data))
        return frames

    def on_liquidation(self, order: Liquidation) -> None:
        """Take a liquidation; the largest of a second is told when the second ends."""
        board = self.board.of(order.symbol)
        if board is None:
            return
        streams = self._of(board)
        known = streams.liquidation
        with exact():
            if known is None or order.qty * order.price > known.qty * known.price:
                streams.liquidation = order

    def on_change(self, instrument: Instrument, now: int) -> list[StreamFrame]:
        """List a symbol or change its rules; return the notice of it."""
        self.board.list_symbol(instrument)
        if "!contractInfo" not in self.wanted:
            return []
        data = market_texts.contract_info(instrument, DELIVERY_MS, now)
        return [StreamFrame(MARKET, "!contractInfo", data)]

    def _book(self, streams: SymbolStreams, change: BookChange, frames: list[StreamFrame]) -> None:
        for name in streams.depth_names:
            if name in self.wanted:
                break
        else:
            return
        self._emit_depth(streams, 100, change, frames)
        for speed in MERGED:
            if streams.is_wanted(speed, self.wanted):
                merged = streams.merged.get(speed)
                if merged is None:
                    merged = streams.merged[speed] = Merged(change, change)
                merged.add(change)

    def _emit_depth(
        self, streams: SymbolStreams, speed: int, change: BookChange, frames: list[StreamFrame]
    ) -> None:
        symbol = streams.board.instrument.symbol
        whole, partial = streams.depth[speed]
        if whole in self.wanted:
            data = market_texts.depth_update(symbol, change)
            frames.append(StreamFrame(PUBLIC, whole, data))
        for levels, name in partial:
            if name in self.wanted:
                bids, asks = streams.board.book.top(levels)
                top = change._replace(bids=bids, asks=asks)
                data = market_texts.depth_update(symbol, top)
                frames.append(StreamFrame(PUBLIC, name, data))

    # -- by time -------------------------------------------------------------------------------

    def tick(self, now: int) -> list[StreamFrame]:
        """Return the frames that are due; paces begin at multiples of theirs.

        Args:
            now: Venue's clock, Unix milliseconds; never goes back.
        """
        before, self.now = self.now, now
        if now // TICK_MS == before // TICK_MS:
            return []
        frames: list[StreamFrame] = []
        with exact():
            for period, emit in self._paced():
                if now // period != before // period:
                    frames.extend(emit(period, now))
        return frames

    def _paced(self) -> tuple[tuple[int, Callable[[int, int], Frames]], ...]:
        return (
            (250, self._merged_depth),
            (500, self._merged_depth),
            (250, self._klines),
            (1000, self._forced),
            (1000, self._marks),
            (3000, self._marks),
            (1000, self._ticker_arrays),
            (2000, self._tickers),
            (5000, self._quotes),
        )

    def _merged_depth(self, period: int, now: int) -> Frames:
        for streams in self._symbols.values():
            merged = streams.merged.pop(period, None)
            if merged is not None:
                frames: list[StreamFrame] = []
                self._emit_depth(streams, period, merged.whole(), frames)
                yield from frames

    def _klines(self, period: int, now: int) -> Frames:
        for streams in self._each():
            for interval, name in streams.kline.items():
                if name in self.wanted:
                    yield from self._kline(streams, interval, name, now)
                else:
                    streams.klines.pop(name, None)

    def _kline(self, streams: SymbolStreams, name: str, stream: str, now: int) -> Frames:
        """Yield what closed since the last frame, then the open kline if it moved."""
        interval, candles = INTERVALS[name], streams.board.candles
        if candles.minute is None:
            return
        opened, version = streams.klines.get(stream, (interval.open_of(now), -1))
        if version == candles.version and interval.open_of(now) <= opened:
            return
        symbol = streams.board.instrument.symbol
        most = interval.count_upto(opened, max(now, candles.minute.open_ms))
        rows = candles.upto(name, now, min(most, ROWS_MAX))
        for candle in rows:
            if candle.open_ms >= opened:
                data = market_texts.kline(
                    symbol, interval, candle, now, is_closed=candle is not rows[-1]
                )
                yield StreamFrame(MARKET, stream, data)
        streams.klines[stream] = rows[-1].open_ms, candles.version

    def _forced(self, period: int, now: int) -> Frames:
        for streams in self._symbols.values():
            order, streams.liquidation = streams.liquidation, None
            for name in (streams.forced, "!forceOrder@arr"):
                if order is not None and name in self.wanted:
                    yield StreamFrame(MARKET, name, market_texts.force_order(order, now))

    def _marks(self, period: int, now: int) -> Frames:
        """Marks of each symbol; at 1 s only of those whose source has none."""
        parts: list[bytes] = []
        array = _MARK_ARRAYS[period]
        for streams in self._each():
            board = streams.board
            if board.mark_price is None:
                continue
            name = streams.mark if period > 1000 else f"{streams.mark}@1s"
            made = board.told_mark is None and board.derives
            is_due = name in self.wanted and (period > 1000 or made)
            if is_due or array in self.wanted:
                parts.append(market_texts.mark_price(board, now))
            if is_due:
                yield StreamFrame(MARKET, name, parts[-1])
        if parts and array in self.wanted:
            yield StreamFrame(MARKET, array, market_texts.array(parts))

    def _tickers(self, period: int, now: int) -> Frames:
        for streams in self._each():
            board = streams.board
            if board.last_price is None:
                continue
            if streams.mini in self.wanted:
                yield StreamFrame(MARKET, streams.mini, market_texts.mini_ticker(board, now))
            if streams.full in self.wanted:
                yield StreamFrame(MARKET, streams.full, market_texts.ticker(board, now))

    def _ticker_arrays(self, period: int, now: int) -> Frames:
        """Tickers of the symbols whose price moved since the last array."""
        if "!miniTicker@arr" in self.wanted:
            parts = []
            for streams in self._each():
                version = streams.board.candles.version
                if streams.mini_version != version:
                    streams.mini_version = version
                    parts.append(market_texts.mini_ticker(streams.board, now))
            if parts:
                yield StreamFrame(MARKET, "!miniTicker@arr", market_texts.array(parts))
        if "!ticker@arr" in self.wanted:
            parts = []
            for streams in self._each():
                version = streams.board.candles.version
                if streams.full_version != version:
                    streams.full_version = version
                    parts.append(market_texts.ticker(streams.board, now))
            if parts:
                yield StreamFrame(MARKET, "!ticker@arr", market_texts.array(parts))

    def _quotes(self, period: int, now: int) -> Frames:
        """Quotes of all symbols, one frame each."""
        if "!bookTicker" in self.wanted:
            for board in self.board:
                if board.quote is not None:
                    data = market_texts.book_ticker(board.quote, board.quote_id)
                    yield StreamFrame(PUBLIC, "!bookTicker", data)

    def _each(self) -> Iterator[SymbolStreams]:
        return map(self._of, self.board)

    def _first_of(self, symbol: str) -> SymbolStreams | None:
        board = self.board.of(symbol)
        return None if board is None else self._of(board)

    def _of(self, board: SymbolBoard) -> SymbolStreams:
        name = board.instrument.symbol
        streams = self._symbols.get(name)
        if streams is None:
            streams = self._symbols[name] = SymbolStreams.of(board)
        return streams
