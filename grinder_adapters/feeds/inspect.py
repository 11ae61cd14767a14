"""What a stream of events holds: symbols, range, silences, quotes that look wrong, funding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from attrs import frozen

from grinder_adapters.feeds.bridge import follows
from grinder_adapters.feeds.funding import Settlement
from grinder_adapters.feeds.funding_gaps import funding_gaps
from grinder_adapters.feeds.source import EventSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, Snapshot
from grinder_core.indicators.book import DepthBook
from grinder_core.numbers import ZERO, exact

GAP_MS: Final = 5_000


@frozen(kw_only=True)
class FundingInspection:
    """The settlements of one symbol.

    Attributes:
        settlements: How many there are.
        interval_min_ms, interval_max_ms: Between two of them; 0 for fewer than two.
        gaps: Holes longer than one and a half of the interval that is usual nearby.
        rate_min, rate_max: Fractions of the notional that longs pay to shorts.
        rate_sum: What a position held all the time would have paid of its notional, were that
            constant.
    """

    settlements: int
    interval_min_ms: int
    interval_max_ms: int
    gaps: int
    rate_min: Decimal
    rate_max: Decimal
    rate_sum: Decimal


@frozen(kw_only=True)
class SymbolInspection:
    """One symbol's share of a stream.

    Attributes:
        symbol: The symbol.
        events: Number of events by kind, kinds in alphabetical order.
        first_ts_ms, last_ts_ms: Envelope times of the first and the last event.
        gap_max_ms: Longest time between two SNAPSHOTs; 0 for fewer than two.
        gaps: Times between two SNAPSHOTs above the threshold.
        locked: SNAPSHOTs with bid = ask.
        repeated: SNAPSHOTs with prices and quantities of the one before.
        crossed: Times the book from depth had its best bid at or above its best ask. Crossed
            SNAPSHOTs cannot occur, reading refuses them.
        depth_gaps: Depth changes that did not follow the one before.
        spread_min_bps, spread_median_bps, spread_max_bps: Of SNAPSHOTs; ``None`` without any.
        price_min, price_max: Lowest bid and highest ask of SNAPSHOTs; ``None`` without any.
        funding: ``None`` without a FUNDING event.
    """

    symbol: str
    events: dict[str, int]
    first_ts_ms: int
    last_ts_ms: int
    gap_max_ms: int
    gaps: int
    locked: int
    repeated: int
    crossed: int
    depth_gaps: int
    spread_min_bps: int | None
    spread_median_bps: int | None
    spread_max_bps: int | None
    price_min: Decimal | None
    price_max: Decimal | None
    funding: FundingInspection | None


@frozen(kw_only=True)
class Inspection:
    """What a whole stream holds.

    Attributes:
        name: What was read.
        events: All events.
        first_ts_ms, last_ts_ms: Range of the envelope's time; 0 for an empty stream.
        gap_ms: Threshold that ``gaps`` of the symbols uses.
        symbols: One entry a symbol, in alphabetical order.
    """

    name: str
    events: int
    first_ts_ms: int
    last_ts_ms: int
    gap_ms: int
    symbols: tuple[SymbolInspection, ...]


def inspect_events(source: EventSource, *, gap_ms: int = GAP_MS) -> Inspection:
    """Read a source once and describe it; memory depends on symbols, books and settlements only.

    Args:
        source: Market events.
        gap_ms: Silences longer than this are counted.

    Raises:
        InputError: What the source raises about malformed content.
    """
    symbols: dict[str, _SymbolFold] = {}
    count, first, last = 0, 0, 0
    for event in source:
        if not count:
            first = event.ts_ms
        count += 1
        last = event.ts_ms
        symbol = getattr(event.payload, "symbol", "")
        fold = symbols.get(symbol)
        if fold is None:
            fold = symbols[symbol] = _SymbolFold(symbol, event.ts_ms, gap_ms)
        fold.add(event)
    return Inspection(
        name=source.name,
        events=count,
        first_ts_ms=first,
        last_ts_ms=last,
        gap_ms=gap_ms,
        symbols=tuple(symbols[name].result() for name in sorted(symbols)),
    )


class _SymbolFold:
    def __init__(self, symbol: str, first_ts_ms: int, gap_ms: int) -> None:
        self._symbol, self._first, self._gap_ms = symbol, first_ts_ms, gap_ms
        self._last = first_ts_ms
        self._kinds: Counter[str] = Counter()
        self._spreads: Counter[int] = Counter()  # at most 20,001 keys
        self._quote: Snapshot | None = None
        self._quote_ts = self._spread = 0
        self._gap_max = self._gaps = self._locked = self._repeated = 0
        self._crossed = self._depth_gaps = 0
        self._low: Decimal | None = None
        self._high: Decimal | None = None
        self._settled: list[Settlement] = []
        self._book = DepthBook()
        self._depth_id: int | None = None
        self._knows_book = False

    def add(self, event: Event) -> None:
        self._last = event.ts_ms
        self._kinds[event.kind] += 1
        payload = event.payload
        if type(payload) is Snapshot:
            self._add_quote(payload, event.ts_ms)
        elif type(payload) is L2Snapshot:
            self._book.replace(payload.bids, payload.asks)
            self._knows_book, self._depth_id = True, None
            self._crossed += self._book.crossed
        elif type(payload) is DepthDiff:
            self._add_diff(payload)
        elif type(payload) is Funding:
            self._settled.append(Settlement(payload))

    def result(self) -> SymbolInspection:
        return SymbolInspection(
            symbol=self._symbol,
            events=dict(sorted(self._kinds.items())),
            first_ts_ms=self._first,
            last_ts_ms=self._last,
            gap_max_ms=self._gap_max,
            gaps=self._gaps,
            locked=self._locked,
            repeated=self._repeated,
            crossed=self._crossed,
            depth_gaps=self._depth_gaps,
            spread_min_bps=min(self._spreads, default=None),
            spread_median_bps=_median(self._spreads),
            spread_max_bps=max(self._spreads, default=None),
            price_min=self._low,
            price_max=self._high,
            funding=_funding(self._settled),
        )

    def _add_quote(self, quote: Snapshot, ts_ms: int) -> None:
        previous = self._quote
        if previous is None:
            self._low, self._high = quote.bid_price, quote.ask_price
            self._spread = quote.spread_bps
        else:
            gap = ts_ms - self._quote_ts
            self._gap_max = max(self._gap_max, gap)
            self._gaps += gap > self._gap_ms
            same = previous.bid_price == quote.bid_price and previous.ask_price == quote.ask_price
            if not same:
                self._spread = quote.spread_bps
                self._low = min(quote.bid_price, self._low or quote.bid_price)
                self._high = max(quote.ask_price, self._high or quote.ask_price)
            elif previous.bid_qty == quote.bid_qty and previous.ask_qty == quote.ask_qty:
                self._repeated += 1
        self._locked += quote.bid_price == quote.ask_price
        self._spreads[self._spread] += 1
        self._quote, self._quote_ts = quote, ts_ms

    def _add_diff(self, diff: DepthDiff) -> None:
        if self._depth_id is not None and not follows(self._depth_id, diff):
            self._depth_gaps += 1
        self._depth_id = diff.last_update_id
        if self._knows_book:
            self._book.apply(diff.bids, diff.asks)
            self._crossed += self._book.crossed


def _funding(settled: Sequence[Settlement]) -> FundingInspection | None:
    if not settled:
        return None
    rates = [each.funding.rate for each in settled]
    spans = [after.ts - before.ts for before, after in pairwise(settled)]
    with exact():
        total = sum(rates, ZERO)
    return FundingInspection(
        settlements=len(settled),
        interval_min_ms=min(spans, default=0),
        interval_max_ms=max(spans, default=0),
        gaps=len(funding_gaps(settled, settled[0].ts, settled[-1].ts)),
        rate_min=min(rates),
        rate_max=max(rates),
        rate_sum=total,
    )


def _median(counts: Counter[int]) -> int | None:
    """Return the lower median of counted values."""
    rest = (counts.total() + 1) // 2
    for value in sorted(counts):
        rest -= counts[value]
        if rest <= 0:
            return value
    return None
