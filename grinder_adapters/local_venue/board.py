"""The market as the local exchange shows it: events of several symbols folded into what its REST
endpoints and streams need, in bounded memory.

Times on the wire are those of the events, which the caller keeps on the venue's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from grinder_adapters.local_venue.exchange_info import RATE_LIMITS, RateLimit
from grinder_adapters.local_venue.symbol_board import BookChange, SymbolBoard
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarketStats,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.numbers import exact
from grinder_core.venue.exchange.instrument import Instrument


class MarketBoard:
    """All symbols of the exchange.

    Args:
        instruments: What is listed; events of other symbols change nothing.
        limits: What ``exchangeInfo`` says about request limits.
        derives: Make of what a source has what it lacks; see ``SymbolBoard``.

    Attributes:
        stated_prices: Last prices of symbols that nobody trades here, such as those in which fees
            are valued.

    Example:
        >>> from decimal import Decimal
        >>> from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
        >>> board = MarketBoard(LOCAL_SYMBOLS)
        >>> print_ = Trade(ts=7, symbol="BTCUSDT", trade_id=1, price=Decimal(90000),
        ...     qty=Decimal(1), is_buyer_maker=True)
        >>> board.on_event(Event(7, print_))
        >>> board.of("BTCUSDT").last_price
        Decimal('90000')
    """

    __slots__ = ("_derives", "_symbols", "limits", "stated_prices")

    def __init__(
        self,
        instruments: Iterable[Instrument],
        limits: Sequence[RateLimit] = RATE_LIMITS,
        *,
        derives: bool = True,
    ) -> None:
        self.limits = tuple(limits)
        self._derives = derives
        self.stated_prices: dict[str, Decimal] = {}
        self._symbols = {
            instrument.symbol: SymbolBoard(instrument, derives=derives)
            for instrument in instruments
        }

    def on_event(self, event: Event) -> BookChange | None:
        """Take one market event; return how the book changed, where it did.

        Other kinds of events, and symbols that are not listed, change nothing.
        """
        symbol = self._symbols.get(getattr(event.payload, "symbol", ""))
        return None if symbol is None else fold(symbol, event)

    def list_symbol(self, instrument: Instrument) -> None:
        """List a symbol, or change the rules or the status of one."""
        known = self._symbols.get(instrument.symbol)
        if known is None:
            self._symbols[instrument.symbol] = SymbolBoard(instrument, derives=self._derives)
        else:
            known.instrument = instrument

    def of(self, symbol: str) -> SymbolBoard | None:
        """Return a symbol's market; ``None`` where it is not listed."""
        return self._symbols.get(symbol)

    def __iter__(self) -> Iterator[SymbolBoard]:
        return iter(self._symbols.values())

    @property
    def instruments(self) -> list[Instrument]:
        """What is listed, in the order of listing."""
        return [symbol.instrument for symbol in self]


def fold(symbol: SymbolBoard, event: Event) -> BookChange | None:
    """Take a market event of a symbol; return how its book changed, where it did."""
    payload = event.payload
    match payload:
        case Snapshot():
            return symbol.on_quote(payload, event.update_id)
        case DepthDiff():
            return symbol.on_diff(payload)
        case L2Snapshot():
            return symbol.on_book(payload, event.update_id)
    with exact():
        match payload:
            case Trade():
                symbol.on_trade(payload)
            case MarkPrice():
                symbol.on_mark(payload)
            case Funding():
                symbol.on_funding(payload)
            case MarketStats():
                symbol.stats = payload
    return None
