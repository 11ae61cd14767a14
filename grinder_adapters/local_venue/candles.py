"""Klines of one symbol, built print by print, in bounded memory.

Only the minute under way changes with a print. A finished minute is folded into every interval,
so that a print costs the same however many intervals there are. An interval without a print has
a flat kline at the price before it, as at the venue. Of each interval only the last kline may still
change; those before it are kept as text, packed, for a day makes thousands of them a symbol and
most are never asked for.

Source: the venue's klines; days begin at 00:00 UTC, weeks on Monday, months on the 1st.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.local_venue.packed_lines import PackedLines
from grinder_core.numbers import ZERO

ROWS_MAX: Final = 1500
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
_MONDAY_MS: Final = 4 * DAY_MS  # the first Monday after the epoch
_MONTH_MS_MIN, _MONTH_MS_MAX = 28 * DAY_MS, 31 * DAY_MS


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

    def count_upto(self, open_ms: int, ts: int) -> int:
        """At most how many klines open from ``open_ms`` on until a time."""
        return max(ts - open_ms, 0) // (self.length_ms or _MONTH_MS_MIN) + 1


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

    def to_line(self) -> bytes:
        """Write it as text."""
        line = f"{self.open_ms} {self.open} {self.high} {self.low} {self.close}"
        if self.count:
            line += (
                f" {self.volume} {self.quote_volume} {self.taker_volume}"
                f" {self.taker_quote_volume} {self.count} {self.first_id} {self.last_id}"
            )
        return line.encode("ascii")

    @classmethod
    def from_line(cls, line: bytes) -> Candle:
        """Read it back, digit by digit."""
        opened, *texts = line.decode("ascii").split(" ")
        first, high, low, last = map(Decimal, texts[:4])
        made = cls(int(opened), first, high, low, last)
        if len(texts) > 4:
            made.volume, made.quote_volume = map(Decimal, texts[4:6])
            made.taker_volume, made.taker_quote_volume = map(Decimal, texts[6:8])
            made.count, made.first_id, made.last_id = map(int, texts[8:])
        return made


class Rows:
    """The newest klines of one interval.

    Attributes:
        last: The newest, which later minutes may change; ``None`` before the first.
    """

    __slots__ = ("_before", "last")

    def __init__(self) -> None:
        self.last: Candle | None = None
        self._before = PackedLines(ROWS_MAX - 1)

    def __len__(self) -> int:
        return len(self._before) + (self.last is not None)

    def append(self, candle: Candle) -> None:
        """Add the next one."""
        if self.last is not None:
            self._before.append(self.last.to_line())
        self.last = candle

    def newest(self, most: int) -> deque[Candle]:
        """Return copies, at most that many, oldest first."""
        rows = deque(map(Candle.from_line, self._before.newest(most - 1)), most)
        if self.last is not None:
            rows.append(copy(self.last))
        return rows


@define
class Candles:
    """Klines of every interval over one series of prices. Called inside ``exact()``.

    Attributes:
        minute: The minute under way; ``None`` before the first price.
        version: Rises with every price.
    """

    minute: Candle | None = None
    version: int = 0
    rows: dict[str, Rows] = Factory(lambda: {name: Rows() for name in INTERVALS})

    def sample(self, ts: int, price: Decimal) -> Candle:
        """Let the price move at a time; return the minute under way.

        What is dated before that minute counts for it.
        """
        self.version += 1
        minute = self.minute
        if minute is None or ts >= minute.open_ms + MINUTE_MS:
            if minute is not None:
                for name, rows in self.rows.items():
                    _fold(rows.last, rows.append, INTERVALS[name], minute)
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

    def upto(self, name: str, now: int, most: int = ROWS_MAX) -> deque[Candle]:
        """Return the newest klines of an interval, oldest first; the last one is open at ``now``.

        None before the first price.

        Args:
            most: How many; each costs its reading.
        """
        interval = INTERVALS[name]
        rows = self.rows[name].newest(most)
        if self.minute is not None:
            _fold(rows[-1] if rows else None, rows.append, interval, self.minute)
            rows.extend(_flat(rows[-1], interval, interval.open_of(now) + 1))
        return rows


def _fold(
    last: Candle | None, append: Callable[[Candle], None], interval: Interval, minute: Candle
) -> None:
    """Let the last kline take in a later minute, or add what follows it."""
    opened = interval.open_of(minute.open_ms)
    if last is not None and last.open_ms == opened:
        last.absorb(minute)
        return
    for flat in () if last is None else _flat(last, interval, opened):
        append(flat)
    began = copy(minute)
    began.open_ms = opened
    append(began)


def _flat(last: Candle, interval: Interval, until: int) -> Iterator[Candle]:
    """Yield flat klines behind a kline, up to those that open before ``until``."""
    price, opened = last.close, interval.next_of(last.open_ms)
    if interval.length_ms:  # of a long silence only the end would be kept
        opened = max(opened, interval.open_of(until - 1 - (ROWS_MAX - 1) * interval.length_ms))
    while opened < until:
        yield Candle(opened, price, price, price, price)
        opened = interval.next_of(opened)
