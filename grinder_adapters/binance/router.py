"""Raw frames of the market streams to events in order (SCR-02).

`MarketFrames` reads a frame and drops what repeats or goes back; here the events get what only the
stream as a whole knows: a time that never goes back, and the last price of a quote. The output is
a function of the frames and their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.binance.subscriptions import Answer
from grinder_adapters.feeds import construct
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.numbers import ZERO, exact

_UNIT: Final = Decimal("1E-8")


class MarketRouter:
    """Reads the frames of all connections.

    Attributes:
        frames: Frames read.
        latency_ms: Of the newest quote, from the venue's event time to the receipt; the clocks
            may differ. For display only, it decides nothing (I-18.2).
        errors: Refusals that came without a request of ours.
    """

    def __init__(self, symbols: Iterable[str] = ()) -> None:
        self._reader = MarketFrames(symbols)
        self._now_ms = 0
        self.frames = self.latency_ms = self.errors = 0

    @property
    def drops(self) -> Mapping[str, int]:
        """Frames dropped, by reason."""
        return {reason.value: count for reason, count in self._reader.drops.items()}

    @property
    def trade_gaps(self) -> int:
        """Jumps of a trade's id."""
        return self._reader.trade_gaps

    def add(self, symbol: str) -> None:
        """Take frames of a further symbol."""
        self._reader.add(symbol)

    def remove(self, symbol: str) -> None:
        """Drop a symbol's frames from now on."""
        self._reader.remove(symbol)

    def read(self, raw: bytes, received_ms: int) -> list[Event]:
        """Return the events of one frame; no bytes raise."""
        self.frames += 1
        self._now_ms = max(self._now_ms, received_ms)
        events = []
        for item in self._reader.read(raw, self._now_ms):
            if isinstance(item, Event):
                quote = item.payload
                if isinstance(quote, Snapshot):
                    self.latency_ms = self._now_ms - quote.ts
                    item = _priced(item, quote)  # noqa: PLW2901
                events.append(item)
            elif isinstance(item, Answer) and item.error:
                self.errors += 1
        return events


def _priced(event: Event, quote: Snapshot) -> Event:
    """A quote whose last price is that of the last trade seen, else its mid (LIVE-18)."""
    last_price = quote.last_price
    if not last_price:
        with exact():  # a mid has at most one digit more than a price may have
            mid = quote.mid_price
            last_price = mid - mid % _UNIT
    payload = construct.snapshot(
        quote.ts,
        quote.symbol,
        quote.bid_price,
        quote.ask_price,
        quote.bid_qty,
        quote.ask_qty,
        last_price,
        ZERO,
    )
    return construct.event(event.ts_ms, payload, event.seq, event.ts_recv_ms, event.update_id)
