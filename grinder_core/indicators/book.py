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
from itertools import pairwise
from typing import Any

from attrs import frozen

from grinder_core.codec import register_flat
from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import Level
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, canonical


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
        self._bid_qtys = {price: qty for price, qty in dict(bids).items() if qty}
        self._ask_qtys = {price: qty for price, qty in dict(asks).items() if qty}
        self._bid_keys = sorted(self._bid_qtys)
        self._ask_keys = sorted([price.copy_negate() for price in self._ask_qtys])

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

    def cut(self, side: Side, bound: Decimal, levels_max: int) -> Decimal:
        """Forget one side's levels beyond a price, and the deepest of more than ``levels_max``.

        Returns:
            How far the side reaches now: ``bound``, or the deepest level kept where the count
            cut deeper than the price.
        """
        is_bid = side is Side.BUY
        keys, edge = (self._bid_keys, bound) if is_bid else (self._ask_keys, bound.copy_negate())
        beyond = bisect_left(keys, edge) if keys and keys[0] < edge else 0
        excess = len(keys) - levels_max
        gone = max(beyond, excess)
        if gone <= 0:
            return bound
        qtys = self._bid_qtys if is_bid else self._ask_qtys
        for key in keys[:gone]:
            del qtys[key if is_bid else key.copy_negate()]
        del keys[:gone]
        if excess <= beyond:
            return bound
        return keys[0] if is_bid else keys[0].copy_negate()

    def qty_at(self, side: Side, price: Decimal) -> Decimal:
        """Displayed quantity at a price of one side; 0 where the book holds no such level."""
        return (self._bid_qtys if side is Side.BUY else self._ask_qtys).get(price, ZERO)

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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DepthBook):
            return NotImplemented
        return self._bid_qtys == other._bid_qtys and self._ask_qtys == other._ask_qtys

    __hash__ = None  # type: ignore[assignment]


def book_fault(bids: Iterable[Level], asks: Iterable[Level]) -> ContractError | None:
    """Return what is wrong with a book that lists its levels best first, or ``None`` (CORE-17).

    Sound means strictly descending bids, strictly ascending asks and a best bid below the best
    ask. Zero quantities must have been dropped.
    """
    bid_prices = [price for price, _ in bids]
    ask_prices = [price for price, _ in asks]
    for upper, lower in pairwise(bid_prices):
        if lower >= upper:
            return ContractError(
                f"must descend: it follows {upper}", field="bids", value=canonical(lower)
            )
    for lower, upper in pairwise(ask_prices):
        if upper <= lower:
            return ContractError(
                f"must ascend: it follows {lower}", field="asks", value=canonical(upper)
            )
    if bid_prices and ask_prices and bid_prices[0] >= ask_prices[0]:
        return ContractError(
            f"must be above the best bid {bid_prices[0]}, the book is crossed or locked",
            field="asks",
            value=canonical(ask_prices[0]),
        )
    return None


@frozen(kw_only=True)
class _FlatBook:
    """The form a checkpoint holds: levels best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def _write(book: DepthBook) -> dict[str, Any]:
    bids, asks = book.top(len(book))
    return {
        name: [[canonical(price), canonical(qty)] for price, qty in levels]
        for name, levels in (("bids", bids), ("asks", asks))
    }


def _read(data: _FlatBook) -> DepthBook:
    fault = book_fault(data.bids, data.asks)
    if fault is not None:
        raise fault
    book = DepthBook()
    book.replace(data.bids, data.asks)
    return book


register_flat(DepthBook, _write, _FlatBook, _read)
