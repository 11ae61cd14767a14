"""The last 24 hours of one symbol, out of its one-minute klines.

The window is the minute under way and the 1439 before it, as far as the symbol is known. What is
finished is summed up once a minute, so that a ticker costs little however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Final

from attrs import define

from grinder_adapters.local_venue.candles import Candle, Candles
from grinder_core.numbers import ZERO, dec_half_even

MINUTES: Final = 1440
PRICE_DIGITS: Final = 8
_PERCENT_DIGITS: Final = 3


@define
class Day:
    """Sums over some minutes.

    Attributes:
        total: As one kline; it opens with the window.
    """

    total: Candle

    @property
    def change(self) -> Decimal:
        """Last price minus the one that the window opened with. Inside ``exact()``."""
        return self.total.close - self.total.open

    @property
    def change_percent(self) -> Decimal:
        """The same in percent of the opening price, 3 digits. Inside ``exact()``."""
        if not self.total.open:
            return ZERO
        return dec_half_even(self.change * 100, _PERCENT_DIGITS, self.total.open)

    @property
    def average_price(self) -> Decimal:
        """Average price of all prints by their quantity; the last price without a print."""
        if not self.total.volume:
            return self.total.close
        return dec_half_even(self.total.quote_volume, PRICE_DIGITS, self.total.volume)


@define
class DayWindow:
    """The window over one symbol's klines. Called inside ``exact()``."""

    candles: Candles
    _known_for: tuple[int, int] = (-1, -1)
    _finished: Candle | None = None

    def at(self, now: int) -> Day | None:
        """Return the last 24 hours; ``None`` before the first price."""
        minute = self.candles.minute
        if minute is None:
            return None
        now = max(now, minute.open_ms)
        opened = now - now % 60_000
        # a minute before the present one may still change: then every price counts
        state = minute.open_ms if minute.open_ms == opened else -self.candles.version
        if self._known_for != (opened, state):
            rows = self.candles.upto("1m", now)
            rows.pop()
            self._finished = _sum(islice(rows, max(0, len(rows) - MINUTES + 1), None))
            self._known_for = opened, state
        last = minute if minute.open_ms == opened else Candle(opened, *(minute.close,) * 4)
        parts = [last] if self._finished is None else [self._finished, last]
        total = _sum(parts)
        assert total is not None
        return Day(total)


def _sum(candles: Iterable[Candle]) -> Candle | None:
    total: Candle | None = None
    for candle in candles:
        if total is None:
            total = Candle(candle.open_ms, *(candle.open,) * 4)
        total.absorb(candle)
    return total


NO_DAY: Final = Day(Candle(0, ZERO, ZERO, ZERO, ZERO))  # before the first price
