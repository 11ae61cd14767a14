"""The visible book of one symbol, kept from changes with absolute quantities.

Each side is a dictionary from price to quantity and a sorted list of its prices whose last
element is the best, so that a change near the top moves little memory: bids hold the price, asks
its negative. Changing a quantity costs a dictionary write, adding or removing a level a binary
search besides.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

from grinder_core.contracts.market import Level


class DepthBook:
    """Best-first price levels of both sides.

    ``apply`` takes levels as they come from a venue: a quantity replaces the level's, 0 removes
    it, and removing an unknown level is normal (spec CORE-17, venue rule 9.1). Quantities are
    base asset, prices quote currency; nothing is checked again, the contracts did.

    Example:
        >>> book = DepthBook()
        >>> book.apply([(Decimal(99), Decimal(2))], [(Decimal(101), Decimal(1))])
        >>> book.best_bid, book.crossed
        ((Decimal('99'), Decimal('2')), False)
    """

    __slots__ = ("_ask_keys", "_ask_qtys", "_bid_keys", "_bid_qtys")

    def __init__(self) -> None:
        self._bid_qtys: dict[Decimal, Decimal] = {}
        self._ask_qtys: dict[Decimal, Decimal] = {}
        self._bid_keys: list[Decimal] = []
        self._ask_keys: list[Decimal] = []

    def clear(self) -> None:
        """Forget everything."""
        self._bid_qtys.clear()
        self._ask_qtys.clear()
        self._bid_keys.clear()
        self._ask_keys.clear()

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Take a whole book instead of the present one, in any order."""
        self.clear()
        self.apply(bids, asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Apply changed levels."""
        qtys, keys = self._bid_qtys, self._bid_keys
        for price, qty in bids:
            if qty:
                if price not in qtys:
                    insort(keys, price)
                qtys[price] = qty
            elif price in qtys:
                del qtys[price]
                del keys[bisect_left(keys, price)]
        qtys, keys = self._ask_qtys, self._ask_keys
        for price, qty in asks:
            if qty:
                if price not in qtys:
                    insort(keys, price.copy_negate())
                qtys[price] = qty
            elif price in qtys:
                del qtys[price]
                del keys[bisect_left(keys, price.copy_negate())]

    @property
    def best_bid(self) -> Level | None:
        """Highest bid, or ``None`` when the side is empty."""
        if not self._bid_keys:
            return None
        price = self._bid_keys[-1]
        return price, self._bid_qtys[price]

    @property
    def best_ask(self) -> Level | None:
        """Lowest ask, or ``None`` when the side is empty."""
        if not self._ask_keys:
            return None
        price = self._ask_keys[-1].copy_negate()
        return price, self._ask_qtys[price]

    @property
    def crossed(self) -> bool:
        """Whether the best bid is not below the best ask: in depth no such book is sound."""
        bids, asks = self._bid_keys, self._ask_keys
        return bool(bids and asks) and bids[-1] >= asks[-1].copy_negate()

    def top(self, n: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return up to ``n`` levels a side, bids then asks, best first."""
        if n <= 0:
            return (), ()
        bids, asks = self._bid_qtys, self._ask_qtys
        bid_prices = self._bid_keys[: -n - 1 : -1]
        ask_prices = [key.copy_negate() for key in self._ask_keys[: -n - 1 : -1]]
        return (
            tuple([(price, bids[price]) for price in bid_prices]),
            tuple([(price, asks[price]) for price in ask_prices]),
        )

    def __len__(self) -> int:
        return len(self._bid_keys) + len(self._ask_keys)
