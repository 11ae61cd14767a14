"""One made-up market: its book, its ids, and the payloads that tell of both.

The venue tells of a quote as soon as the top of the book changes, and of the book each 100 ms: a
change holds all that happened since the change before. Both count in one sequence of update ids:
a quote's lies within the change that brings the book to the same place. Ids of other markets
lie between two changes, so ``U`` is beyond ``pu + 1``.

Whoever drives a tape says what happens; every payload is made here. Values are made without
checks of their own (``feeds.construct``): whole ticks and lots within a ``Scale`` are sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from attrs import define

from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.markets.ladder import Ladder
from grinder_adapters.local_venue.markets.scale import MICRO, Scale
from grinder_adapters.local_venue.markets.slots import Row
from grinder_adapters.synthetic.quoting import Grid
from grinder_core.contracts.event import MarketPayload
from grinder_core.contracts.market import Funding, Level, MarkPrice
from grinder_core.numbers import ZERO

MarketRow = Row[MarketPayload]

RATE_UNIT: Final = 10**8
LEVELS: Final = 200  # a side

_FIRST_ID: Final = 1_000
_FOREIGN_IDS: Final = 3


@define
class Tape:
    """State of one made-up market.

    Attributes:
        bids, asks: Keys are ticks and negative ticks.
        update_id: Of the newest change.
    """

    symbol: str
    prices: Grid
    qtys: Grid
    bids: Ladder
    asks: Ladder
    update_id: int = _FIRST_ID
    trade_id: int = 0
    last_price: Decimal = ZERO
    last_qty: Decimal = ZERO
    _first_id: int = _FIRST_ID
    _told_id: int = _FIRST_ID - _FOREIGN_IDS
    _known: tuple[int, int] = (0, 0)  # best keys when the whole book was told

    @classmethod
    def of(
        cls,
        symbol: str,
        scale: Scale,
        mid: int,
        *,
        spread: int,
        gap: int,
        least: int,
        lots: Callable[[], int],
    ) -> Tape:
        """Open a market.

        Args:
            mid: Of the first quote, ticks.
            spread: Of the first quote, ticks.
            gap: Distance of the book's levels, ticks.
            least: The smallest quantity of a level, lots.
            lots: Quantity of the next new level.
        """
        low, high, reach = scale.tick_min, scale.tick_max, gap * LEVELS
        bid, ask = _touch(mid * MICRO, spread, low, high)
        return cls(
            symbol,
            Grid(scale.tick),
            Grid(scale.step),
            Ladder(bid, gap, reach, low, least, lots),
            Ladder(-ask, gap, reach, -high, least, lots),
        )

    @property
    def has_changes(self) -> bool:
        """Whether the book changed since the change told last."""
        return bool(self.bids.changed or self.asks.changed)

    def place(self, mid: int, spread: int) -> None:
        """Move the touch; it is cut to the range of prices.

        Args:
            mid: Millionths of a tick.
            spread: Ticks.
        """
        bids, asks = self.bids, self.asks
        bid, ask = _touch(mid, spread, bids.edge, -asks.edge)
        bids.move_to(bid)
        asks.move_to(-ask)

    def open(self, ts: int, rows: list[MarketRow]) -> None:
        """Tell the whole book and its top, as a stream begins."""
        self.tell_book(ts, rows)
        rows.append(self.quote(ts))

    def quote(self, ts: int) -> MarketRow:
        """Tell the top of the book."""
        bids, asks, price, qty = self.bids, self.asks, self.prices.of, self.qtys.of
        bid, ask = bids.best, asks.best
        self.update_id += 1
        payload = construct.snapshot(
            ts,
            self.symbol,
            price(bid),
            price(-ask),
            qty(bids.levels[bid]),
            qty(asks.levels[ask]),
            self.last_price,
            self.last_qty,
        )
        return ts, payload, self.update_id

    def aggress(self, ts: int, lots: int, rows: list[MarketRow], *, buys: bool) -> None:
        """Let somebody take quantity from the touch on: prints, then the quote that is left."""
        for key, taken in (self.asks if buys else self.bids).take(lots):
            self.trade_id += 1
            self.last_price, self.last_qty = self.prices.of(abs(key)), self.qtys.of(taken)
            payload = construct.trade(
                ts, self.symbol, self.trade_id, self.last_price, self.last_qty, not buys
            )
            rows.append((ts, payload, None))
        rows.append(self.quote(ts))

    def tell_changes(self, ts: int, rows: list[MarketRow]) -> None:
        """Tell what changed in the book; the whole book where it has left what was told of it."""
        last_id = self.update_id
        payload = construct.depth_diff(
            ts,
            self.symbol,
            self._first_id,
            last_id,
            self._told_id,
            self._levels(self.bids.take_changes()),
            self._levels(self.asks.take_changes()),
        )
        rows.append((ts, payload, last_id))
        self._told_id = last_id
        self.update_id = self._first_id = last_id + _FOREIGN_IDS
        bid, ask = self._known
        half = self.bids.reach // 2
        if abs(self.bids.best - bid) > half or abs(self.asks.best - ask) > half:
            self.tell_book(ts, rows)

    def tell_book(self, ts: int, rows: list[MarketRow]) -> None:
        """Tell the whole book as of the change told last."""
        bids, asks = self.bids, self.asks
        payload = construct.l2_snapshot(
            ts,
            self.symbol,
            self._levels(sorted(bids.levels.items(), reverse=True)),
            self._levels(sorted(asks.levels.items(), reverse=True)),
        )
        bids.changed.clear()
        asks.changed.clear()
        self._known = bids.best, asks.best
        rows.append((ts, payload, self._told_id))

    def mark(
        self, ts: int, mark_ticks: int, index_ticks: int, rate: int, next_funding_ts: int
    ) -> MarketRow:
        """Tell mark and index price; ``rate`` counts hundred-millionths."""
        low, high = self.bids.edge, -self.asks.edge
        payload = MarkPrice(
            ts=ts,
            symbol=self.symbol,
            mark_price=self.prices.of(min(max(mark_ticks, low), high)),
            index_price=self.prices.of(min(max(index_ticks, low), high)),
            funding_rate=_rate(rate),
            next_funding_ts=next_funding_ts,
        )
        return ts, payload, None

    def funding(self, ts: int, rate: int) -> MarketRow:
        """Tell a settlement."""
        return ts, Funding(ts=ts, symbol=self.symbol, rate=_rate(rate)), None

    def _levels(self, levels: Sequence[tuple[int, int]]) -> tuple[Level, ...]:
        price, qty = self.prices.of, self.qtys.of
        return tuple([(price(abs(key)), qty(lots)) for key, lots in levels])


def _touch(mid: int, spread: int, low: int, high: int) -> tuple[int, int]:
    """Return bid and ask around a mid of millionths of a tick, within two prices."""
    bid = (2 * mid - spread * MICRO) // (2 * MICRO)
    bid = min(max(bid, low), high - 1)
    return bid, min(bid + spread, high)


def _rate(hundred_millionths: int) -> Decimal:
    return Decimal(f"{hundred_millionths}E-8")
