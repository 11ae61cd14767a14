"""What a venue says about a market. All payloads carry the venue's own event time ``ts``.

Prices are quote currency per base, quantities base asset, times Unix milliseconds UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import frozen

from grinder_core.contracts.checks import (
    check_decimal,
    check_int,
    check_positive_qty,
    check_price,
    check_qty,
    check_symbol,
    check_ts,
    is_number,
)
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS, HALF, exact, trunc_div

Level = tuple[Decimal, Decimal]  # price, quantity
Band = tuple[int, Decimal, Decimal]  # edge in 0.01 %, base quantity, quote notional


@frozen(kw_only=True)
class Snapshot:
    """Top of book of one symbol at one instant (CORE-02).

    Attributes:
        bid_price, ask_price: ``0 < bid_price <= ask_price``; equal is a locked book and legal.
        bid_qty, ask_qty: Displayed at the best price, ``>= 0``.
        last_price, last_qty: Last trade; 0 means unknown.
    """

    ts: int
    symbol: str
    bid_price: Decimal
    ask_price: Decimal
    bid_qty: Decimal
    ask_qty: Decimal
    last_price: Decimal
    last_qty: Decimal

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_price("bid_price", self.bid_price)
        check_price("ask_price", self.ask_price)
        check_qty("bid_qty", self.bid_qty)
        check_qty("ask_qty", self.ask_qty)
        if self.last_price:
            check_price("last_price", self.last_price)
        check_qty("last_qty", self.last_qty)
        if self.ask_price < self.bid_price:
            raise ContractError(
                f"must be >= bid_price {self.bid_price}, the book is crossed",
                field="ask_price",
                value=self.ask_price,
            )

    @property
    def mid_price(self) -> Decimal:
        """``(bid+ask)/2``, exact."""
        with exact():
            return (self.bid_price + self.ask_price) * HALF

    @property
    def spread_bps(self) -> int:
        """``trunc((ask-bid)*20000/(ask+bid))``."""
        with exact():
            return trunc_div(
                (self.ask_price - self.bid_price) * 20_000, self.ask_price + self.bid_price
            )


@frozen(kw_only=True)
class L2Snapshot:
    """The whole visible book: ``[price, quantity]`` pairs, best first (CORE-04)."""

    ts: int
    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __attrs_post_init__(self) -> None:
        _check_book(self)


@frozen(kw_only=True)
class DepthDiff:
    """Changed levels with absolute quantities; 0 removes a level.

    Attributes:
        first_update_id, last_update_id: Range of the venue's update ids in this event.
        prev_update_id: ``last_update_id`` of the event before on this stream; ``None`` where the
            venue does not say (spot), then ``first_update_id`` follows without a gap.
    """

    ts: int
    symbol: str
    first_update_id: int
    last_update_id: int
    prev_update_id: int | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()

    def __attrs_post_init__(self) -> None:
        _check_book(self)
        check_int("first_update_id", self.first_update_id)
        check_int("last_update_id", self.last_update_id, ge=self.first_update_id)
        if self.prev_update_id is not None:
            check_int("prev_update_id", self.prev_update_id)


@frozen(kw_only=True)
class Trade:
    """One print, or one aggregate of prints, on the market.

    Attributes:
        trade_id: The venue's id, rising per symbol.
        is_buyer_maker: True where the aggressor sold.
    """

    ts: int
    symbol: str
    trade_id: int
    price: Decimal
    qty: Decimal
    is_buyer_maker: bool

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_int("trade_id", self.trade_id)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)


@frozen(kw_only=True)
class MarkPrice:
    """The venue's mark price and, where it says so, the coming funding."""

    ts: int
    symbol: str
    mark_price: Decimal
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding_ts: int | None = None

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_price("mark_price", self.mark_price)
        if self.index_price is not None:
            check_price("index_price", self.index_price)
        if self.funding_rate is not None:
            check_decimal("funding_rate", self.funding_rate)
        if self.next_funding_ts is not None:
            check_ts("next_funding_ts", self.next_funding_ts)


@frozen(kw_only=True)
class Funding:
    """A funding settlement: longs pay ``rate`` times notional to shorts (negative: receive)."""

    ts: int
    symbol: str
    rate: Decimal

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        if not is_number(self.rate) or not -1 < self.rate < 1:
            raise ContractError("must be a fraction in (-1, 1)", field="rate", value=self.rate)


@frozen(kw_only=True)
class MarketStats:
    """24 h turnover and open interest in quote currency, as the prefilter reads them (CORE-08)."""

    ts: int
    symbol: str
    vol_24h_usd: Decimal
    oi_usd: Decimal

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        for name in ("vol_24h_usd", "oi_usd"):
            _check_amount(name, getattr(self, name))


@frozen(kw_only=True)
class DepthBands:
    """Resting quantity within bands around the mid, as the venue's public dumps publish it.

    A band is cumulative from the mid outward and says nothing about single levels, so this is no
    book: nothing fills against it and no order is priced from it.

    Attributes:
        bands: ``(pct_x100, depth, notional)`` in strictly rising ``pct_x100``: the band's edge in
            hundredths of a percent from the mid, negative for bids and never 0; base quantity;
            quote currency.
    """

    ts: int
    symbol: str
    bands: tuple[Band, ...]

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        if not self.bands:
            raise ContractError("must hold at least one band", field="bands", value=self.bands)
        previous = -BPS
        for pct_x100, depth, notional in self.bands:
            _check_band_edge(pct_x100, previous)
            previous = pct_x100
            for name, value in (("depth", depth), ("notional", notional)):
                _check_amount(f"bands.{name}", value)


def _check_band_edge(pct_x100: int, previous: int) -> None:
    if type(pct_x100) is not int or pct_x100 == 0 or pct_x100 <= previous:
        raise ContractError(
            f"must be an integer > {previous} (bands rise from below the mid) and not 0",
            field="bands.pct_x100",
            value=pct_x100,
        )


def _check_amount(name: str, value: Decimal) -> None:
    if not is_number(value) or value < 0:
        raise ContractError("must be a decimal >= 0", field=name, value=value)


def _check_book(book: Any) -> None:
    check_ts("ts", book.ts)
    check_symbol(book.symbol)
    for name in ("bids", "asks"):
        for price, qty in getattr(book, name):
            check_price(name, price)
            check_qty(name, qty)
