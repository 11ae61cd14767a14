"""A day of made-up market events that costs little to make and wanders as a real day does.

Every slot two of the four symbols move: the change of the book, the quote that agrees with it and
a print. Prices follow a slow wave of 1.5 % with steps of about a basis point on top, so that an
hour visits thousands of prices and a day tens of thousands: around one price every cache would look
bounded. The same seed gives the same events, and nothing is held but where each symbol stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Final

from attrs import define, frozen

from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.assembly import START_PRICES
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import Level, MarkPrice
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.exchange.instrument import Instrument

SLOT_MS: Final = 250
MARK_EVERY_MS: Final = 10_000
WAVE_MS: Final = 12 * 3_600_000
WAVE_ONE_IN: Final = 67  # of the price: 1.5 %
LEVELS: Final = 100  # within one height of the wave; a move goes over one, about
SIZES: Final = 1_000
USUAL_NOTIONAL: Final = 25_000

Row = tuple[Payload, int | None]


@define
class Symbol:
    """Where one market stands; prices in ticks.

    The book holds its touch, one tick wide, and behind it a level each ``gap`` as far as the wave
    goes and once more: nobody who has read it once ever meets a price that he does not know.

    Attributes:
        sizes: Quantities of levels and prints, base asset.
        start: First best bid.
        height: Of the wave.
        update_id: Of the last change of the book; its quote shares it.
    """

    name: str
    tick: Decimal
    sizes: tuple[Decimal, ...]
    start: int
    bid: int
    height: int
    gap: int
    update_id: int = 1
    trade_id: int = 0

    @classmethod
    def of(cls, instrument: Instrument, price: Decimal) -> Symbol:
        """Return the market of an instrument that begins at a price."""
        tick, step = instrument.tick, instrument.step
        with exact():
            bid = int(price // tick)
            usual = max(1, int(2 * USUAL_NOTIONAL // (price * step * SIZES)))
            sizes = tuple(step * usual * n for n in range(1, SIZES + 1))
        height = bid // WAVE_ONE_IN
        return cls(instrument.symbol, tick, sizes, bid, bid, height, max(1, height // LEVELS))

    def open(self, ts: int) -> Iterator[Row]:
        """Tell the whole book and its top."""
        reach, bid = 2 * self.height, self.bid
        bids = self._side(bid - reach, bid, bid)
        asks = self._side(bid + 1, bid + 1 + reach, bid + 1)
        yield construct.l2_snapshot(ts, self.name, bids[::-1], asks), self.update_id
        yield self._quote(ts)

    def move(self, ts: int, passed_ms: int, draw: int) -> Iterator[Row]:
        """Move the touch: changed levels, the quote, a print at it."""
        before, previous = self.bid, self.update_id
        pull = (self.start + self._wave(passed_ms) - before) // 64
        self.bid += pull + draw % (2 * self.gap + 1) - self.gap
        self.update_id += 1 + draw % 5
        low, high = sorted((before, self.bid))
        bids, asks = self._side(low, high, self.bid), self._side(low + 1, high + 1, self.bid + 1)
        diff = construct.depth_diff(
            ts, self.name, previous + 1, self.update_id, previous, bids, asks
        )
        yield diff, self.update_id
        yield self._quote(ts)
        sells = bool(draw & 64)
        price = self.tick * (self.bid if sells else self.bid + 1)
        qty = self.sizes[draw // 128 % SIZES]
        self.trade_id += 1
        yield construct.trade(ts, self.name, self.trade_id, price, qty, sells), None

    def mark(self, ts: int) -> Row:
        """Tell the mark price."""
        return MarkPrice(ts=ts, symbol=self.name, mark_price=self.tick * self.bid), None

    def _wave(self, passed_ms: int) -> int:
        """Ticks above the start: up to the height, down to as much below, and back."""
        quarter = WAVE_MS // 4
        at = (passed_ms + quarter) % WAVE_MS
        return self.height * (quarter - abs(at - 2 * quarter)) // quarter

    def _quote(self, ts: int) -> Row:
        bid, ask = self._level(self.bid), self._level(self.bid + 1)
        quote = construct.snapshot(ts, self.name, bid[0], ask[0], bid[1], ask[1], ZERO, ZERO)
        return quote, self.update_id

    def _side(self, low: int, high: int, touch: int) -> tuple[Level, ...]:
        """One side's levels at the edges of a range and at the grid within, rising.

        What lies beyond the touch is on the other side: quantity 0.
        """
        gap, is_bid = self.gap, touch == self.bid
        grid = range(low + -low % gap, high + 1, gap)
        return tuple(
            self._level(price)
            if price == touch or (price % gap == 0 and (price < touch) is is_bid)
            else (self.tick * price, ZERO)
            for price in sorted({low, high, *grid})
        )

    def _level(self, price: int) -> Level:
        return self.tick * price, self.sizes[(price * 7 + self.update_id) % SIZES]


@frozen
class DayMarket:
    """Made-up events of the built-in symbols; every pass makes the same ones anew."""

    seed: int
    start_ms: int
    duration_ms: int

    def __iter__(self) -> Iterator[tuple[int, list[Event]]]:
        """Yield each slot's time, Unix milliseconds, and its events."""
        random, seq = Random(self.seed), 0
        symbols = [Symbol.of(one, START_PRICES[one.symbol]) for one in LOCAL_SYMBOLS]
        for number in range(self.duration_ms // SLOT_MS):
            passed = number * SLOT_MS
            ts, rows = self.start_ms + passed, list[Row]()
            with exact():
                for turn, symbol in enumerate(symbols):
                    if not number:
                        rows.extend(symbol.open(ts))
                    elif turn % 2 == number % 2:
                        rows.extend(symbol.move(ts, passed, random.getrandbits(30)))
                    if passed % MARK_EVERY_MS == 0:
                        rows.append(symbol.mark(ts))
            yield ts, [construct.event(ts, p, seq + n, None, u) for n, (p, u) in enumerate(rows)]
            seq += len(rows)
