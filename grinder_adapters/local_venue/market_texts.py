"""Market frames as bytes: one function for each payload of the venue's market streams.

Written by hand, because rendering is most of what a market costs; texts of decimals are cached.
Source: reference section 9. ``st`` 1 is a USDT-M symbol. Called inside ``exact()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import frozen

from grinder_adapters.feeds.interned import TEXTS
from grinder_adapters.local_venue.candles import Candle, Interval
from grinder_adapters.local_venue.day import Day
from grinder_adapters.local_venue.symbol_board import BookChange, SymbolBoard
from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import Level, Snapshot, Trade
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.instrument import Instrument


@frozen(kw_only=True)
class Liquidation:
    """A filled liquidation order.

    Attributes:
        price, average_price: Its limit, and what it filled at; quote currency.
        qty: Base asset, all of it filled.
    """

    ts: int
    symbol: str
    side: Side
    price: Decimal
    average_price: Decimal
    qty: Decimal


def book_ticker(quote: Snapshot, update_id: int) -> bytes:
    """Best prices and quantities."""
    t, ts, s = TEXTS, str(quote.ts), quote.symbol
    return (
        f'{{"e":"bookTicker","u":{update_id},"E":{ts},"T":{ts},"s":"{s}","ps":"{s}",'
        f'"b":"{t[quote.bid_price]}","B":"{t[quote.bid_qty]}",'
        f'"a":"{t[quote.ask_price]}","A":"{t[quote.ask_qty]}","st":1}}'
    ).encode()


def depth_update(symbol: str, change: BookChange) -> bytes:
    """Changed levels; or, for partial books, the whole top."""
    return (
        f'{{"e":"depthUpdate","E":{change.ts},"T":{change.ts},"s":"{symbol}",'
        f'"U":{change.first_id},"u":{change.last_id},"pu":{change.previous_id},'
        f'"b":[{levels(change.bids)}],"a":[{levels(change.asks)}],"ps":"{symbol}","st":1}}'
    ).encode()


def levels(rows: Sequence[Level]) -> str:
    """``["price","quantity"],...``."""
    t = TEXTS
    return ",".join([f'["{t[price]}","{t[qty]}"]' for price, qty in rows])


def agg_trade(trade: Trade) -> bytes:
    """One print as an aggregate of its own."""
    t, ts, number = TEXTS, trade.ts, trade.trade_id
    qty, maker = t[trade.qty], "true" if trade.is_buyer_maker else "false"
    return (
        f'{{"e":"aggTrade","E":{ts},"s":"{trade.symbol}","a":{number},"p":"{t[trade.price]}",'
        f'"q":"{qty}","nq":"{qty}","f":{number},"l":{number},"T":{ts},"m":{maker},"st":1}}'
    ).encode()


def mark_price(symbol: SymbolBoard, ts: int) -> bytes:
    """Mark, index and coming funding; the symbol has a mark."""
    mark, index = TEXTS[symbol.mark_price or ZERO], TEXTS[symbol.index_price or ZERO]
    return (
        f'{{"e":"markPriceUpdate","E":{ts},"s":"{symbol.instrument.symbol}","p":"{mark}",'
        f'"i":"{index}","P":"{mark}","r":"{TEXTS[symbol.funding_rate]}","ap":"{mark}",'
        f'"T":{symbol.next_funding(ts)},"st":1}}'
    ).encode()


def kline(symbol: str, interval: Interval, candle: Candle, now: int, *, is_closed: bool) -> bytes:
    """One kline as it stands."""
    t, c = TEXTS, candle
    return (
        f'{{"e":"kline","E":{now},"s":"{symbol}","k":{{"t":{c.open_ms},'
        f'"T":{interval.next_of(c.open_ms) - 1},"s":"{symbol}","i":"{interval.name}",'
        f'"f":{c.first_id},"L":{c.last_id},"o":"{t[c.open]}","c":"{t[c.close]}",'
        f'"h":"{t[c.high]}","l":"{t[c.low]}","v":"{t[c.volume]}","n":{c.count},'
        f'"x":{"true" if is_closed else "false"},"q":"{t[c.quote_volume]}",'
        f'"V":"{t[c.taker_volume]}","Q":"{t[c.taker_quote_volume]}","B":"0"}},"st":1}}'
    ).encode()


def mini_ticker(symbol: SymbolBoard, now: int) -> bytes:
    """The last 24 hours, in short."""
    return f'{{"e":"24hrMiniTicker","E":{now},{_day(symbol, symbol.day(now))}}}'.encode()


def ticker(symbol: SymbolBoard, now: int) -> bytes:
    """The last 24 hours."""
    t, day = TEXTS, symbol.day(now)
    last_qty = symbol.prints[-1].qty if symbol.prints else ZERO
    return (
        f'{{"e":"24hrTicker","E":{now},{_day(symbol, day)},"p":"{t[day.change]}",'
        f'"P":"{t[day.change_percent]}","w":"{t[day.average_price]}","Q":"{t[last_qty]}",'
        f'"O":{day.total.open_ms},"C":{now},"F":{day.total.first_id},"L":{day.total.last_id},'
        f'"n":{day.total.count}}}'
    ).encode()


def _day(symbol: SymbolBoard, day: Day) -> str:
    t, total, name = TEXTS, day.total, symbol.instrument.symbol
    base, quote = symbol.day_volumes(day)
    return (
        f'"s":"{name}","c":"{t[total.close]}","o":"{t[total.open]}","h":"{t[total.high]}",'
        f'"l":"{t[total.low]}","v":"{t[base]}","q":"{t[quote]}","ps":"{name}","st":1'
    )


def force_order(order: Liquidation, now: int) -> bytes:
    """A liquidation order."""
    t, qty = TEXTS, TEXTS[order.qty]
    return (
        f'{{"e":"forceOrder","E":{now},"o":{{"s":"{order.symbol}","S":"{order.side.value}",'
        f'"o":"LIMIT","f":"IOC","q":"{qty}","p":"{t[order.price]}","ap":"{t[order.average_price]}",'
        f'"X":"FILLED","l":"{qty}","z":"{qty}","T":{order.ts}}},"ps":"{order.symbol}","st":1}}'
    ).encode()


def contract_info(instrument: Instrument, delivery_ms: int, now: int) -> bytes:
    """Status and leverage brackets of a symbol; numbers of brackets are no text here."""
    symbol = instrument.symbol
    lower = [bracket.max_leverage + 1 for bracket in instrument.brackets[1:]]
    rows = ",".join(
        f'{{"bs":{number},"bnf":{TEXTS[b.notional_floor]},"bnc":{TEXTS[b.notional_cap]},'
        f'"mmr":{TEXTS[b.maint_margin_ratio]},"cf":{TEXTS[b.cum]},"mi":{least},'
        f'"ma":{b.max_leverage}}}'
        for number, (b, least) in enumerate(zip(instrument.brackets, [*lower, 1], strict=True), 1)
    )
    return (
        f'{{"e":"contractInfo","E":{now},"s":"{symbol}","ps":"{symbol}","ct":"PERPETUAL",'
        f'"dt":{delivery_ms},"ot":{instrument.onboard_ms},"cs":"{instrument.status.value}",'
        f'"bks":[{rows}],"st":1}}'
    ).encode()


def array(parts: Iterable[bytes]) -> bytes:
    """Several payloads as one."""
    return b"[" + b",".join(parts) + b"]"
