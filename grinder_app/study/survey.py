"""One pass over a recording: which symbols it quotes, from when to when, in what price steps."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import gcd
from pathlib import Path
from typing import Final

from attrs import define, frozen

from grinder_adapters.feeds.intrabar import DIGITS, decimal_of
from grinder_adapters.feeds.kline_files import bars
from grinder_adapters.feeds.problems import Problems
from grinder_app.runner.data import open_data
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Snapshot, Trade

_UNITS: Final = Decimal(10) ** DIGITS


@frozen(kw_only=True)
class Surveyed:
    """What a recording holds of one symbol.

    Attributes:
        quotes: SNAPSHOT events; 0 for klines, whose quotes are made later.
        begin_ms, end_ms: First and last quote or bar.
        first_price, last_price: Mids, of klines the first open and the last close.
        price_step: Greatest common divisor of all prices seen: the venue's tick or a multiple.
    """

    symbol: str
    quotes: int
    begin_ms: int
    end_ms: int
    first_price: Decimal
    last_price: Decimal
    price_step: Decimal
    has_depth: bool
    has_trades: bool


@define
class _Seen:
    quotes: int = 0
    begin_ms: int = -1
    end_ms: int = -1
    first_price: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    step: int = 0
    books: int = 0
    trades: int = 0

    def quote(self, quote: Snapshot) -> None:
        if not self.quotes:
            self.begin_ms, self.first_price = quote.ts, quote.mid_price
        self.quotes += 1
        self.end_ms, self.last_price = quote.ts, quote.mid_price
        for price in (quote.bid_price, quote.ask_price):
            self.step = gcd(self.step, int(price * _UNITS))

    def result(self, symbol: str) -> Surveyed:
        return Surveyed(
            symbol=symbol,
            quotes=self.quotes,
            begin_ms=self.begin_ms,
            end_ms=self.end_ms,
            first_price=self.first_price,
            last_price=self.last_price,
            price_step=decimal_of(self.step),
            has_depth=self.books > 0,
            has_trades=self.trades > 0,
        )


def survey_klines(path: Path, symbol: str) -> Surveyed:
    """Read a file of klines.

    Raises:
        FixtureError: A malformed file.
    """
    step, begin, end, first, last = 0, -1, -1, 0, 0
    for _, time, open_, high, low, close, *_ in bars(path, Problems()):
        if begin < 0:
            begin, first = time, open_
        end, last = time, close
        step = gcd(step, open_, high, low, close)
    return Surveyed(
        symbol=symbol,
        quotes=0,
        begin_ms=begin,
        end_ms=end,
        first_price=decimal_of(first),
        last_price=decimal_of(last),
        price_step=decimal_of(step),
        has_depth=False,
        has_trades=False,
    )


def survey_quotes(paths: Sequence[Path]) -> list[Surveyed]:
    """Read files that hold events, as one stream; symbols in alphabetical order.

    Raises:
        FixtureError: A file of no known form, or a malformed one.
    """
    seen: dict[str, _Seen] = {}
    for event in open_data(paths):
        payload = event.payload
        kind = type(payload)
        symbol = getattr(payload, "symbol", "")
        found = seen.setdefault(symbol, _Seen())
        if isinstance(payload, Snapshot):
            found.quote(payload)
        elif kind is DepthDiff or kind is L2Snapshot:
            found.books += kind is L2Snapshot
        elif kind is Trade:
            found.trades += 1
    return [found.result(symbol) for symbol, found in sorted(seen.items())]
