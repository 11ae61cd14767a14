"""Made-up books: sides of chosen depth, and the quote that such a book shows.

A side is a list of ``(ticks behind the best price, quantity)``, best first. Quantities are whole
units of the base asset; ``QTY_REF`` of them is what the depth features are asked to take.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.synthetic.quoting import Grid
from grinder_core.contracts.market import L2Snapshot, Snapshot

QTY_REF: Final = 100

BookSide = Sequence[tuple[int, int]]

USUAL: Final[BookSide] = ((0, 60), (2, 90), (5, 150), (9, 200), (14, 250))
WALLED: Final[BookSide] = ((0, 60), (2, 90), (5, 150), (9, 4_000), (14, 250))
TOO_THIN: Final[BookSide] = ((0, 40), (3, 35))  # less than QTY_REF in all


def slipping(best: int, impact_bps: int) -> BookSide:
    """Return a side on which taking ``QTY_REF`` slips by exactly so much.

    A fifth of it lies at the best price, the rest at the first tick that costs enough; a tick
    costs less than a basis point where ``best`` is at least 8000.

    Args:
        best: Best price in ticks, ``>= 8000``.
        impact_bps: As CORE-17 floors it, ``>= 1``.
    """
    behind = -(-impact_bps * best // 8_000)
    return ((0, QTY_REF // 5), (behind, QTY_REF))


@frozen(kw_only=True)
class BookMarket:
    """One made-up market with a book.

    Attributes:
        spread: Distance of the best prices, in ticks, even.
    """

    symbol: str
    tick_size: Decimal
    spread: int

    def best(self, mid: int) -> tuple[int, int]:
        """Return best bid and best ask around a mid, all in ticks."""
        return mid - self.spread // 2, mid + self.spread // 2

    def book(self, ts: int, mid: int, bids: BookSide, asks: BookSide) -> L2Snapshot:
        """Return the whole book around a mid in ticks."""
        price, (bid, ask) = Grid(self.tick_size), self.best(mid)
        return L2Snapshot(
            ts=ts,
            symbol=self.symbol,
            bids=tuple((price.of(bid - behind), Decimal(qty)) for behind, qty in bids),
            asks=tuple((price.of(ask + behind), Decimal(qty)) for behind, qty in asks),
        )

    def quote(self, ts: int, mid: int, bids: BookSide, asks: BookSide) -> Snapshot:
        """Return the top of that book; the last trade took one unit of the best bid."""
        price, (bid, ask) = Grid(self.tick_size), self.best(mid)
        return Snapshot(
            ts=ts,
            symbol=self.symbol,
            bid_price=price.of(bid),
            ask_price=price.of(ask),
            bid_qty=Decimal(bids[0][1]),
            ask_qty=Decimal(asks[0][1]),
            last_price=price.of(bid),
            last_qty=Decimal(1),
        )
