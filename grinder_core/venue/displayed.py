"""What one snapshot displays and our own orders have not taken yet (CORE-37). Inside ``exact()``.

Partial fills share one budget a side: the quantity at the opposite best price. Depth fills share
the opposite levels. Both last for one snapshot; what we took is remembered until the next one,
so that phases A and B, and orders that arrive late, never take the same quantity twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import Factory, define

from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import Level, Snapshot
from grinder_core.numbers import BPS, ZERO, dec_down, dec_up
from grinder_core.venue.fees import MONEY_DIGITS


def usable(qty: Decimal, participation_bps: int) -> Decimal:
    """Share of a displayed quantity that is ours: ``dec_down(qty*participation/10000, 8)``."""
    return dec_down(qty * participation_bps, MONEY_DIGITS, BPS)


def average_price(side: Side, levels: Sequence[Level]) -> Decimal:
    """Average price of the levels' quantities to 8 digits, rounded against us.

    Args:
        levels: Price and quantity taken there; not empty, quantities ``> 0``.
    """
    cost = sum((price * qty for price, qty in levels), ZERO)
    total = sum((qty for _, qty in levels), ZERO)
    return (dec_up if side is Side.BUY else dec_down)(cost, MONEY_DIGITS, total)


@define
class Displayed:
    """What our orders took since the last snapshot.

    Attributes:
        tick: The snapshot that the other fields are about.
        asks_taken, bids_taken: Taken of the best ask (by BUY orders) and bid (by SELL orders).
        ask_levels, bid_levels: Taken of each level of the book, by price.
    """

    tick: int = 0
    asks_taken: Decimal = ZERO
    bids_taken: Decimal = ZERO
    ask_levels: dict[Decimal, Decimal] = Factory(dict)
    bid_levels: dict[Decimal, Decimal] = Factory(dict)

    def renew(self, tick: int) -> None:
        """Forget what was taken of an earlier snapshot."""
        if self.tick != tick:
            self.tick = tick
            self.asks_taken = self.bids_taken = ZERO
            self.ask_levels.clear()
            self.bid_levels.clear()

    def best_left(self, side: Side, snapshot: Snapshot, participation_bps: int) -> Decimal:
        """What an order of this side may still take at the opposite best price."""
        if side is Side.BUY:
            return usable(snapshot.ask_qty, participation_bps) - self.asks_taken
        return usable(snapshot.bid_qty, participation_bps) - self.bids_taken

    def take_best(self, side: Side, qty: Decimal) -> None:
        """Note what an order of this side took there."""
        if side is Side.BUY:
            self.asks_taken += qty
        else:
            self.bids_taken += qty

    def walk(
        self,
        side: Side,
        limit: Decimal,
        want: Decimal,
        levels: Iterable[Level],
        participation_bps: int,
    ) -> list[Level]:
        """What an order would get of the opposite levels, best first, within its limit.

        Args:
            levels: Opposite side of the book, best first.
        """
        taken = self.ask_levels if side is Side.BUY else self.bid_levels
        got: list[Level] = []
        for price, qty in levels:
            if not want or (price > limit if side is Side.BUY else price < limit):
                break
            part = min(want, usable(qty, participation_bps) - taken.get(price, ZERO))
            if part > 0:
                got.append((price, part))
                want -= part
        return got

    def take_levels(self, side: Side, levels: Iterable[Level]) -> None:
        """Note what an order of this side took of the opposite levels."""
        taken = self.ask_levels if side is Side.BUY else self.bid_levels
        for price, qty in levels:
            taken[price] = taken.get(price, ZERO) + qty
