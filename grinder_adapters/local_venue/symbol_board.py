"""What the exchange shows of one symbol's market: quote, book, prints, klines, mark, funding.

Update ids. Clients follow the ids of the venue: each change of the book names the range of its
own and the last id of the change before. A source's own ids are shown while they rise; where it
has none, or they start again (a recording that begins anew), the next ones are counted, for quotes
and book together. So no client ever sees an id repeat or a chain break.

The book is that of the source; with quotes only it is the one level that they show, and with depth
only the quote is the book's top. A quote that is older than the source's book changes nothing
of it. Called inside ``exact()``, but for quotes and books: those are compared and kept as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from attrs import Factory, define, frozen

from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.candles import Candles
from grinder_adapters.local_venue.day import NO_DAY, Day, DayWindow
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
from grinder_core.indicators.book import DepthBook
from grinder_core.numbers import ZERO, dec_down, dec_half_even, exact
from grinder_core.venue.exchange.instrument import Instrument

PRINTS_MAX: Final = 1000
FUNDINGS_MAX: Final = 1000
FUNDING_INTERVAL_MS: Final = 8 * 3_600_000
MARK_EVERY_MS: Final = 1000
RATE_DIGITS: Final = 8

_ALL: Final = 1 << 60


class BookChange(NamedTuple):
    """Changed levels of the book, absolute quantities, 0 removes; and the ids they carry."""

    ts: int
    first_id: int
    last_id: int
    previous_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]


@frozen
class FundingRow:
    """One settlement and the mark it was paid at."""

    ts: int
    rate: Decimal
    mark_price: Decimal


@define
class SymbolBoard:
    """One symbol's market as it stands.

    Attributes:
        quote_id: Update id of ``quote``; rises with each.
        depth_id: Update id that ``book`` stands at; rises with each change.
        source_id: The newest of the source's own ids of the book; ``None`` where it has none.
        trade_shift: What is added to the source's ids of prints.
        has_depth: The source has a book; until then it is made of quotes.
        has_quotes: The source has quotes; until then they are made of the book.
        derives: What the source lacks is made of what it has: quotes of the book, marks of the mid.
        prints: The newest prints, oldest first.
        fundings: The newest settlements, oldest first.
    """

    instrument: Instrument
    book: DepthBook = Factory(DepthBook)
    book_ts: int = 0
    quote: Snapshot | None = None
    quote_id: int = 0
    depth_id: int = 0
    source_id: int | None = None
    trade_shift: int = 0
    has_depth: bool = False
    has_quotes: bool = False
    derives: bool = True
    prints: deque[Trade] = Factory(lambda: deque(maxlen=PRINTS_MAX))
    fundings: deque[FundingRow] = Factory(lambda: deque(maxlen=FUNDINGS_MAX))
    told_mark: MarkPrice | None = None
    stats: MarketStats | None = None
    candles: Candles = Factory(Candles)
    mark_candles: Candles = Factory(Candles)
    index_candles: Candles = Factory(Candles)
    premium_candles: Candles = Factory(Candles)
    next_mark_sample: int = 0
    window: DayWindow = Factory(lambda self: DayWindow(self.candles), takes_self=True)

    # -- quote and book ------------------------------------------------------------------------

    def on_quote(self, quote: Snapshot, update_id: int | None) -> BookChange | None:
        """Take a quote; return the change of a book that is made of quotes."""
        self.has_quotes = True
        self.quote_id = self._shown(update_id, self.quote_id)
        old, self.quote = self.quote, quote
        if not self.prints:
            self.candles.sample(quote.ts, quote.last_price or quote.mid_price)
        if self.told_mark is None and quote.ts >= self.next_mark_sample:
            self.next_mark_sample = quote.ts + MARK_EVERY_MS
            with exact():
                self._sample_marks(quote.ts, quote.mid_price, quote.mid_price)
        if self.has_depth:
            return None
        bid_price, bid_qty = quote.bid_price, quote.bid_qty
        ask_price, ask_qty = quote.ask_price, quote.ask_qty
        if old is None:
            bids, asks = ((bid_price, bid_qty),), ((ask_price, ask_qty),)
            return self._become(quote.ts, bids, asks, self.quote_id)
        # each side is one level, and the quote before says which: no book need be compared
        changed_bids = _moved(old.bid_price, old.bid_qty, bid_price, bid_qty)
        changed_asks = _moved(old.ask_price, old.ask_qty, ask_price, ask_qty)
        if not changed_bids and not changed_asks:
            return None
        self.book.apply(changed_bids, changed_asks)
        return self._changed(quote.ts, self.quote_id, changed_bids, changed_asks)

    def on_book(self, book: L2Snapshot, update_id: int | None) -> BookChange | None:
        """Take a whole book; return what it changes, ``None`` where that is nothing."""
        self.has_depth = True
        self.source_id = update_id
        change = self._become(book.ts, book.bids, book.asks, update_id)
        if change is not None and self.derives and not self.has_quotes:
            self._show_top(change)
        return change

    def on_diff(self, diff: DepthDiff) -> BookChange | None:
        """Take changed levels; ``None`` where the book holds them already."""
        last_id = diff.last_update_id
        if self.source_id is not None and last_id <= self.source_id:
            return None
        self.source_id = last_id
        if self.has_depth:
            self.book.apply(diff.bids, diff.asks)
            change: BookChange | None = self._changed(
                diff.ts, last_id, diff.bids, diff.asks, diff.first_update_id
            )
        else:
            self.has_depth = True
            change = self._become(diff.ts, diff.bids, diff.asks, last_id)
        if change is not None and self.derives and not self.has_quotes:
            self._show_top(change)
        return change

    def _become(
        self, ts: int, bids: Sequence[Level], asks: Sequence[Level], last_id: int | None
    ) -> BookChange | None:
        """Let the book be another one; return the levels that differ, ``None`` without any."""
        old_bids, old_asks = self.book.top(_ALL)
        self.book.replace(bids, asks)
        new_bids, new_asks = self.book.top(_ALL)
        if old_bids == new_bids and old_asks == new_asks:
            return None
        bids, asks = _differing(old_bids, new_bids), _differing(old_asks, new_asks)
        return self._changed(ts, last_id, bids, asks)

    def _changed(
        self,
        ts: int,
        last_id: int | None,
        bids: Sequence[Level],
        asks: Sequence[Level],
        first_id: int | None = None,
    ) -> BookChange:
        previous_id = self.depth_id
        self.depth_id = self._shown(last_id, previous_id)
        self.book_ts = ts
        if first_id is None or self.depth_id != last_id:
            first_id = previous_id + 1
        return BookChange(ts, first_id, self.depth_id, previous_id, bids, asks)

    def _shown(self, update_id: int | None, newest: int) -> int:
        """The source's own id where it rises, else the next one."""
        if update_id is not None and update_id > newest:
            return update_id
        depth_id, quote_id = self.depth_id, self.quote_id
        return (depth_id if depth_id > quote_id else quote_id) + 1

    def _show_top(self, change: BookChange) -> None:
        bid, ask = self.book.best_bid, self.book.best_ask
        if bid is None or ask is None or bid[0] > ask[0]:
            return
        old = self.quote
        if old and (old.bid_price, old.bid_qty, old.ask_price, old.ask_qty) == (*bid, *ask):
            return
        last = self.prints[-1] if self.prints else None
        price, qty = (last.price, last.qty) if last else (ZERO, ZERO)
        symbol = self.instrument.symbol
        self.quote = construct.snapshot(
            change.ts, symbol, bid[0], ask[0], bid[1], ask[1], price, qty
        )
        self.quote_id = change.last_id

    # -- prints and prices ---------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> None:
        """Take a print; ids that start again are shifted behind the last one."""
        trade_id = trade.trade_id + self.trade_shift
        if self.prints and trade_id <= self.prints[-1].trade_id:
            self.trade_shift += self.prints[-1].trade_id + 1 - trade_id
            trade_id = self.prints[-1].trade_id + 1
        if self.trade_shift:
            trade = construct.trade(
                trade.ts, trade.symbol, trade_id, trade.price, trade.qty, trade.is_buyer_maker
            )
        self.prints.append(trade)
        self.candles.trade(
            trade.ts, trade.price, trade.qty, trade_id, is_buyer_maker=trade.is_buyer_maker
        )

    def on_mark(self, mark: MarkPrice) -> None:
        """Take a mark price."""
        self.told_mark = mark
        self._sample_marks(mark.ts, mark.mark_price, mark.index_price or mark.mark_price)

    def on_funding(self, funding: Funding) -> None:
        """Take a settlement."""
        self.fundings.append(FundingRow(funding.ts, funding.rate, self.mark_price or ZERO))

    def _sample_marks(self, ts: int, mark: Decimal, index: Decimal) -> None:
        self.mark_candles.sample(ts, mark)
        self.index_candles.sample(ts, index)
        self.premium_candles.sample(ts, dec_half_even(mark - index, RATE_DIGITS, index))

    # -- reading -------------------------------------------------------------------------------

    @property
    def mark_price(self) -> Decimal | None:
        """The mark; the mid where the source has none; ``None`` before the first quote."""
        if self.told_mark is not None:
            return self.told_mark.mark_price
        return None if self.quote is None else self.quote.mid_price

    @property
    def index_price(self) -> Decimal | None:
        """The index; the mark where the source has none."""
        told = self.told_mark
        if told is not None and told.index_price is not None:
            return told.index_price
        return self.mark_price

    @property
    def funding_rate(self) -> Decimal:
        """The rate of the coming settlement; that of the last one, or 0, where it is not known."""
        told = self.told_mark
        if told is not None and told.funding_rate is not None:
            return told.funding_rate
        return self.fundings[-1].rate if self.fundings else ZERO

    @property
    def funding_interval_ms(self) -> int:
        """Time between the last two settlements in whole hours; 8 hours before there are two."""
        if len(self.fundings) < 2:
            return FUNDING_INTERVAL_MS
        hours = round((self.fundings[-1].ts - self.fundings[-2].ts) / 3_600_000)
        return max(hours, 1) * 3_600_000

    def next_funding(self, now: int) -> int:
        """When funding is settled next, ms; the next multiple of the interval if nobody said."""
        told = self.told_mark
        if told is not None and told.next_funding_ts is not None and told.next_funding_ts > now:
            return told.next_funding_ts
        interval = self.funding_interval_ms
        return now - now % interval + interval

    @property
    def last_price(self) -> Decimal | None:
        """Price of the last print; of quotes where the source has no prints."""
        return None if self.candles.minute is None else self.candles.minute.close

    def day(self, now: int) -> Day:
        """The last 24 hours."""
        return self.window.at(now) or NO_DAY

    def day_volumes(self, day: Day) -> tuple[Decimal, Decimal]:
        """Volume of 24 hours in base and quote currency; what the source says about it wins.

        Its prints may be only a part of the market.
        """
        price = day.total.close
        if self.stats is None or not price:
            return day.total.volume, day.total.quote_volume
        told = self.stats.vol_24h_usd
        return dec_down(told, RATE_DIGITS, price), told

    @property
    def open_interest(self) -> Decimal:
        """Base asset, 8 digits; 0 where the source does not say."""
        price = self.mark_price
        if self.stats is None or price is None:
            return ZERO
        return dec_down(self.stats.oi_usd, RATE_DIGITS, price)


def _moved(old_price: Decimal, old_qty: Decimal, price: Decimal, qty: Decimal) -> list[Level]:
    """What changes where a side was one level and is another; of quantity 0 there is none."""
    if price == old_price:
        return [] if qty == old_qty else [(price, qty)]
    gone = [(old_price, ZERO)] if old_qty else []
    return [*gone, (price, qty)] if qty else gone


def _differing(old: Sequence[Level], new: Sequence[Level]) -> list[Level]:
    before, after = dict(old), dict(new)
    gone = [(price, ZERO) for price in before if price not in after]
    return gone + [level for level in new if before.get(level[0]) != level[1]]
