"""The matching core's desk, telling the floor about each fill as it happens.

One fill may push out another reached order (a position that closed needs no second closing order),
so each is told before the next is served.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import cast

from grinder_core.contracts.market import Trade
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.venue.clearing import Clearing
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.taking import best_offer
from grinder_core.venue.fills import Desk
from grinder_core.venue.matching import MatchingBook, RestingOrder
from grinder_core.venue.settings import VenueSettings


class ExchangeDesk(Desk):
    """Fills resting orders as far as the core's rules say."""

    __slots__ = ("told",)

    def __init__(
        self,
        settings: VenueSettings,
        clearing: Clearing,
        told: Callable[[VenueOrder, OrderUpdate], None],
    ) -> None:
        super().__init__(settings, clearing)
        self.told = told

    def match(
        self, book: MatchingBook, order: RestingOrder, ts: int, *, is_new: bool
    ) -> OrderUpdate | None:
        """Fill a reached order that is still open."""
        resting = cast(VenueOrder, order)
        if not resting.status.is_open:
            return None
        update = super().match(book, order, ts, is_new=is_new)
        if update is not None:
            self.told(resting, update)
        return update

    def _of_the_best(self, book: MatchingBook, order: RestingOrder, want: Decimal) -> Decimal:
        """Take from the quote; an order that walks the depth finds it taken there too."""
        qty = super()._of_the_best(book, order, want)
        best = best_offer(book, order.side)
        if qty and best is not None:
            book.displayed.take_levels(order.side, ((best, qty),))
        return qty

    def match_print(
        self, book: MatchingBook, order: RestingOrder, trade: Trade, left: Decimal
    ) -> tuple[OrderUpdate | None, Decimal]:
        """Fill a queued order that is still open by a print."""
        resting = cast(VenueOrder, order)
        if not resting.status.is_open:
            return None, left
        update, left = super().match_print(book, order, trade, left)
        if update is not None:
            self.told(resting, update)
        return update, left
