"""Klines of one symbol, built print by print, in bounded memory.

Only the minute under way changes with a print. A finished minute is folded into every interval,
so that a print costs the same however many intervals there are. An interval without a print has
a flat kline at the price before it, as at the venue.

Source: the venue's klines; days begin at 00:00 UTC, weeks on Monday, months on the 1st.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.numbers import ZERO

ROWS_MAX: Final = 1500
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
_MONDAY_MS: Final = 4 * DAY_MS  # the first Monday after the epoch
_MONTH_MS_MAX: Final = 31 * DAY_MS


@frozen
class Interval:
    """Length of a kline.

    Attributes:
        length_ms: 0 is a calendar month.
        origin_ms: Some opening time.
    """

    name: str
    length_ms: int
    origin_ms: int = 0

    def open_of(self, ts: int) -> int:
        """Opening time of the kline that a time lies in, ms."""
        if self.length_ms:
            return ts - (ts - self.origin_ms) % self.length_ms
        month = datetime.fromtimestamp(ts // 1000, UTC).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        return int(month.timestamp()) * 1000

    def next_of(self, open_ms: int) -> int:
        """Opening time of the kline after the one that opens at ``open_ms``."""
        return self.open_of(open_ms + (self.length_ms or _MONTH_MS_MAX))


INTERVALS: Final = {
    interval.name: interval
    for interval in (
        *(Interval(f"{n}m", n * MINUTE_MS) for n in (1, 3, 5, 15, 30)),
        *(Interval(f"{n}h", n * HOUR_MS) for n in (1, 2, 4, 6, 8, 12)),
        *(Interval(f"{n}d", n * DAY_MS) for n in (1, 3)),
        Interval("1w", 7 * DAY_MS, _MONDAY_MS),
        Interval("1M", 0),
    )
}


@define
class Candle:
    """One kline.

    Attributes:
        volume, taker_volume: All prints, and those whose aggressor bought; base asset.
        quote_volume, taker_quote_volume: The same in quote currency.
        count: Prints.
        first_id, last_id: Ids of the first and the last print; -1 without one.
    """

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    taker_volume: Decimal = ZERO
    taker_quote_volume: Decimal = ZERO
    count: int = 0
    first_id: int = -1
    last_id: int = -1

    def reach(self, price: Decimal) -> None:
        """Let the price move."""
        self.close = price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price

    def absorb(self, later: Candle) -> None:
        """Take in what happened after."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.taker_volume += later.taker_volume
        self.taker_quote_volume += later.taker_quote_volume
        self.count += later.count
        self.last_id = max(self.last_id, later.last_id)
        if self.first_id < 0:
            self.first_id = later.first_id


Rows = deque[Candle]


@define
class Candles:
    """Klines of every interval over one series of prices. Called inside ``exact()``.

    Attributes:
        minute: The minute under way; ``None`` before the first price.
        version: Rises with every price.
    """

    minute: Candle | None = None
    version: int = 0
    rows: dict[str, Rows] = Factory(lambda: {name: deque(maxlen=ROWS_MAX) for name in INTERVALS})

    def sample(self, ts: int, price: Decimal) -> Candle:
        """Let the price move at a time; return the minute under way.

        What is dated before that minute counts for it.
        """
        self.version += 1
        minute = self.minute
        if minute is None or ts >= minute.open_ms + MINUTE_MS:
            if minute is not None:
                for name, rows in self.rows.items():
                    _fold(rows, INTERVALS[name], minute)
            opened = ts - ts % MINUTE_MS
            self.minute = minute = Candle(opened, price, price, price, price)
        else:
            minute.reach(price)
        return minute

    def trade(
        self, ts: int, price: Decimal, qty: Decimal, trade_id: int, *, is_buyer_maker: bool
    ) -> None:
        """Take a print."""
        minute = self.sample(ts, price)
        notional = price * qty
        minute.volume += qty
        minute.quote_volume += notional
        if not is_buyer_maker:
            minute.taker_volume += qty
            minute.taker_quote_volume += notional
        if minute.first_id < 0:
            minute.first_id = trade_id
        minute.last_id = trade_id
        minute.count += 1

    def upto(self, name: str, now: int) -> Rows:
        """Return the newest klines of an interval, oldest first; the last one is open at ``now``.

        None before the first price.
        """
        interval = INTERVALS[name]
        rows = self.rows[name].copy()
        if self.minute is not None:
            if rows:
                rows[-1] = copy(rows[-1])
            _fold(rows, interval, self.minute)
            _fill(rows, interval, interval.open_of(now) + 1)
        return rows


def _fold(rows: Rows, interval: Interval, minute: Candle) -> None:
    opened = interval.open_of(minute.open_ms)
    if rows and rows[-1].open_ms == opened:
        rows[-1].absorb(minute)
        return
    _fill(rows, interval, opened)
    began = copy(minute)
    began.open_ms = opened
    rows.append(began)


def _fill(rows: Rows, interval: Interval, until: int) -> None:
    """Add flat klines behind the last one, up to those that open before ``until``."""
    if not rows:
        return
    price, opened = rows[-1].close, interval.next_of(rows[-1].open_ms)
    if interval.length_ms:  # of a long silence only the end would be kept
        opened = max(opened, interval.open_of(until - 1 - (ROWS_MAX - 1) * interval.length_ms))
    while opened < until:
        rows.append(Candle(opened, price, price, price, price))
        opened = interval.next_of(opened)
