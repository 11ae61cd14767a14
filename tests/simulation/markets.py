"""Seeded streams of everything a venue and an operator may say, in an honest disorder.

Moods change: calm, jumps, trends, wide spreads, silences, thin books. Several events share a
time; the venue's clock lags behind ours; depth has gaps, crossings and pauses; funding is late,
missing or double. Nothing reads the engine, so that the stream is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any, Final

from attrs import define, field

from grinder_core.contracts.control import Command, Control, Selection, Timer
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    Level,
    MarketStats,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.engine.config import EngineConfig
from tests.simulation.configs import SYMBOLS, TICKS
from tests.support.world import Item, Reload, Restart

D = Decimal
MOODS: Final = ("calm", "calm", "walk", "walk", "up", "down", "jumpy", "wide", "thin")
COMMANDS: Final = (
    Command.KILL,
    *(Command.RESET_KILL_SWITCH,) * 9,
    *(Command.RESET_DRAWDOWN_GUARD,) * 9,
    *(Command.RESET_LOSS_STREAKS,) * 2,
    Command.PAUSE,
    Command.EMERGENCY,
    *(Command.RESUME,) * 12,
    *(Command.FLATTEN,) * 3,
)
STARTS: Final = {"AAAUSDT": 10_000, "BBBUSDT": 4_400, "CCCUSDT": 53_217}


@define
class Book:
    """One symbol's market; prices are whole ticks."""

    symbol: str
    bid: int
    spread: int = 2
    mood: str = "calm"
    ts: int = 0
    update_id: int = 100
    trade_id: int = 0
    bids: dict[int, Decimal] = field(factory=dict)
    asks: dict[int, Decimal] = field(factory=dict)
    is_shown: bool = False

    def price(self, ticks: int) -> Decimal:
        return max(1, ticks) * TICKS[self.symbol]


class Market:
    """Makes one schedule."""

    def __init__(self, draw: Random, config: EngineConfig, *, hops: float = 0.01) -> None:
        self.draw = draw
        self.config = config
        self.hops = hops
        self.now = draw.choice((0, 86_399_000 - 20_000, 1_700_000_000_000))
        count = draw.choice((1, 1, 2, 3))
        self.books = [Book(symbol, STARTS[symbol]) for symbol in SYMBOLS[:count]]
        weights = self._weights()
        self.kinds, self.weights = tuple(weights), tuple(weights.values())
        self.seq = 0

    def items(self, count: int) -> Iterator[Item]:
        """Yield events and hops; ``count`` of the market's and the operator's events."""
        draw = self.draw
        yield from self.opening()
        for _ in range(count):
            if draw.random() < self.hops:
                yield Restart() if draw.random() < 0.5 else Reload(draw.randint(1, 6))
            yield self.event()

    def opening(self) -> Iterator[Event]:
        """What comes before the first quote: the two-pass selection, where it is asked for."""
        first = self._selection()
        if first is not None:
            yield Event(self.now, first)

    def event(self, kind: str = "", book: Book | None = None, wait: int | None = None) -> Event:
        """The next event, drawn as far as it is not given."""
        draw = self.draw
        self.seq += 1
        if wait is None:
            self._tick()
        else:
            self.now += wait
        book = book or draw.choice(self.books)
        if draw.random() < 0.03:
            book.mood = draw.choice(MOODS)
        kind = kind or draw.choices(self.kinds, self.weights)[0]
        payload, update_id = getattr(self, kind)(book)
        return Event(self.now, payload, self.seq, None, update_id)

    def _weights(self) -> dict[str, float]:
        depth = 18.0 if self.config.reads_depth else 0.5
        return {
            "quote": 64.0, "whole": depth / 3, "change": depth, "trade": 8.0, "mark": 4.0,
            "funding": 1.0, "stats": 0.5, "command": 2.0, "timer": 0.3,
        }  # fmt: skip

    def _selection(self) -> Selection | None:
        """The two-pass mode's choice; the prefix mode makes its own."""
        settings = self.config.selection
        if settings.selection_source is SelectionSource.STATIC or settings.topk_prefix_events:
            return None
        chosen = tuple(self.draw.sample(SYMBOLS, self.draw.randint(1, 3)))
        return Selection(symbols=chosen, k=3, scores={}, lookahead=True)

    def _tick(self) -> None:
        draw = self.draw
        self.now += draw.choice((0, 0, 1, 7, 40, 100, 100, 250, 600, 1_000))
        if draw.random() < 0.006:
            self.now += draw.choice((5_001, 61_000, 90_000, 3_600_000, 86_400_000))

    def _ts(self, book: Book) -> int:
        book.ts = max(book.ts, self.now - self.draw.choice((0, 0, 0, 3, 80)), 0)
        return book.ts

    def _qty(self, book: Book) -> Decimal:
        if book.mood == "thin":
            return self.draw.choice((D(0), D("0.00000001"), D("0.05")))
        return D(self.draw.randint(0, 160)) / 16

    def _move(self, book: Book) -> None:
        draw, mood = self.draw, book.mood
        if mood == "calm" and draw.random() < 0.7:
            return
        step = draw.choice((-1, 0, 0, 1)) * max(1, book.bid // 10_000)
        if mood == "walk":
            step = draw.randint(-30, 30) * book.bid // 12_000
        elif mood in ("up", "down"):
            step = draw.randint(-6, 14) * book.bid // 15_000 * (1 if mood == "up" else -1)
        elif mood == "jumpy" and draw.random() < 0.3:
            step = draw.randint(-400, 400) * book.bid // 10_000
        book.bid = min(max(book.bid + step, STARTS[book.symbol] // 5), STARTS[book.symbol] * 5)
        tight = (0, 1, 1, 2, 3)
        book.spread = draw.choice((20, 60, 300) if mood == "wide" else tight)
        if mood == "wide":
            book.spread = book.spread * book.bid // 10_000

    # -- kinds of events -----------------------------------------------------------------------

    def quote(self, book: Book) -> tuple[Any, None]:
        self._move(book)
        book.is_shown = True
        return Snapshot(
            ts=self._ts(book),
            symbol=book.symbol,
            bid_price=book.price(book.bid),
            ask_price=book.price(book.bid + book.spread),
            bid_qty=self._qty(book),
            ask_qty=self._qty(book),
            last_price=D(0),
            last_qty=D(0),
        ), None

    def whole(self, book: Book) -> tuple[Any, int | None]:
        draw = self.draw
        ask = book.bid + max(1, book.spread)
        if draw.random() < 0.03:
            ask = book.bid  # locked
        deep = draw.choice((0, 1, 3, 8))
        book.bids = {book.bid - i * draw.choice((1, 2)): self._qty(book) for i in range(deep)}
        book.asks = {ask + i * draw.choice((1, 2)): self._qty(book) for i in range(deep)}
        book.update_id += draw.randint(1, 9)
        return L2Snapshot(
            ts=self._ts(book),
            symbol=book.symbol,
            bids=self._levels(book, book.bids, best_first=-1),
            asks=self._levels(book, book.asks, best_first=1),
        ), draw.choice((book.update_id, book.update_id, None))

    def _levels(self, book: Book, side: dict[int, Decimal], best_first: int) -> tuple[Level, ...]:
        return tuple(
            (book.price(ticks), side[ticks])
            for ticks in sorted(side, key=lambda t: t * best_first)
            if side[ticks]
        )

    def change(self, book: Book) -> tuple[Any, None]:
        draw = self.draw
        if draw.random() < 0.04:
            book.update_id += 7  # one was missed
        before = book.update_id
        book.update_id += draw.randint(1, 3)
        reach = -1 if draw.random() < 0.03 else 0  # may cross
        ask = book.bid + max(1, book.spread)
        bids = {book.bid - draw.randint(4 * reach, 6): self._qty(book) for _ in range(3)}
        asks = {ask + draw.randint(4 * reach, 6): self._qty(book) for _ in range(3)}
        return DepthDiff(
            ts=self._ts(book),
            symbol=book.symbol,
            first_update_id=before,
            last_update_id=book.update_id,
            prev_update_id=before,
            bids=tuple((book.price(ticks), qty) for ticks, qty in bids.items()),
            asks=tuple((book.price(ticks), qty) for ticks, qty in asks.items()),
        ), None

    def trade(self, book: Book) -> tuple[Any, None]:
        draw = self.draw
        book.trade_id += 1
        ticks = book.bid + draw.choice((0, 0, book.spread, -1, book.spread + 1, -12, 12))
        return Trade(
            ts=self._ts(book),
            symbol=book.symbol,
            trade_id=book.trade_id,
            price=book.price(ticks),
            qty=D(draw.randint(1, 90)) / 8,
            is_buyer_maker=draw.random() < 0.5,
        ), None

    def mark(self, book: Book) -> tuple[Any, None]:
        ticks = book.bid + self.draw.randint(-9, 9)
        return MarkPrice(ts=self._ts(book), symbol=book.symbol, mark_price=book.price(ticks)), None

    def funding(self, book: Book) -> tuple[Any, None]:
        rate = D(self.draw.randint(-300, 300)) / 100_000
        return Funding(ts=self._ts(book), symbol=book.symbol, rate=rate), None

    def stats(self, book: Book) -> tuple[Any, None]:
        draw = self.draw
        amounts = (*(D(10**10),) * 12, D(1))
        return MarketStats(
            ts=self._ts(book),
            symbol=book.symbol,
            vol_24h_usd=draw.choice(amounts),
            oi_usd=draw.choice(amounts),
        ), None

    def command(self, book: Book) -> tuple[Any, None]:
        command = self.draw.choice(COMMANDS)
        if command is not Command.FLATTEN:
            return Control(command=command, actor="test"), None
        if not book.is_shown:  # flattening what was never seen is refused
            return Timer(), None
        return Control(command=command, actor="test", symbol=book.symbol), None

    def timer(self, _book: Book) -> tuple[Any, None]:
        return Timer(), None
