"""The streams of one symbol by name, and what of each waits for its time."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Final

from attrs import Factory, define

from grinder_adapters.local_venue.candles import INTERVALS
from grinder_adapters.local_venue.market_texts import Liquidation
from grinder_adapters.local_venue.symbol_board import BookChange, SymbolBoard

PARTIAL_LEVELS: Final = (5, 10, 20)
MERGED: Final = {250: "", 500: "@500ms"}  # ms -> how the stream's name ends
AS_IT_COMES: Final = {100: "@100ms"}


@define
class Merged:
    """Changes of the book since the last frame of one speed."""

    first: BookChange
    last: BookChange
    bids: dict[Decimal, Decimal] = Factory(dict)
    asks: dict[Decimal, Decimal] = Factory(dict)

    def add(self, change: BookChange) -> None:
        """Take the next change; it is newer than what it overlaps."""
        self.last = change
        self.bids.update(change.bids)
        self.asks.update(change.asks)

    def whole(self) -> BookChange:
        """All of them as one."""
        first, last = self.first, self.last
        return BookChange(
            last.ts,
            first.first_id,
            last.last_id,
            first.previous_id,
            tuple(self.bids.items()),
            tuple(self.asks.items()),
        )


@define
class SymbolStreams:
    """Stream names of one symbol, and what waits for its time.

    Attributes:
        depth: By speed in ms: diff stream, and levels with name of each partial stream.
        merged: By speed.
        klines: By stream name: opening time and version of what was sent last.
        liquidation: The largest of this second.
        depth_names: All streams of the book, at every speed.
        mini_version, full_version: What the arrays of tickers told last.
    """

    board: SymbolBoard
    book_ticker: str
    agg_trade: str
    mark: str
    forced: str
    mini: str
    full: str
    depth: dict[int, tuple[str, tuple[tuple[int, str], ...]]]
    depth_names: tuple[str, ...]
    kline: dict[str, str]
    merged: dict[int, Merged] = Factory(dict)
    klines: dict[str, tuple[int, int]] = Factory(dict)
    liquidation: Liquidation | None = None
    mini_version: int = 0
    full_version: int = 0

    @classmethod
    def of(cls, board: SymbolBoard) -> SymbolStreams:
        """Name the streams of a symbol."""
        name = board.instrument.symbol.lower()
        depth = {
            speed: (
                f"{name}@depth{end}",
                tuple((levels, f"{name}@depth{levels}{end}") for levels in PARTIAL_LEVELS),
            )
            for speed, end in (AS_IT_COMES | MERGED).items()
        }
        return cls(
            board=board,
            book_ticker=f"{name}@bookTicker",
            agg_trade=f"{name}@aggTrade",
            mark=f"{name}@markPrice",
            forced=f"{name}@forceOrder",
            mini=f"{name}@miniTicker",
            full=f"{name}@ticker",
            depth=depth,
            depth_names=tuple(
                stream
                for whole, partial in depth.values()
                for stream in (whole, *(name for _, name in partial))
            ),
            kline={interval: f"{name}@kline_{interval}" for interval in INTERVALS},
        )

    def is_wanted(self, speed: int, wanted: Container[str]) -> bool:
        """Whether somebody gets depth, whole or partial, at a speed."""
        whole, partial = self.depth[speed]
        return whole in wanted or any(name in wanted for _, name in partial)
