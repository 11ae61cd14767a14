"""How much of a reached order fills, at what price and fee (CORE-37). Inside ``exact()``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.market import Level, Trade
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.numbers import ZERO
from grinder_core.venue import queue
from grinder_core.venue.clearing import Clearing
from grinder_core.venue.displayed import average_price
from grinder_core.venue.fees import fee
from grinder_core.venue.matching import MatchingBook, RestingOrder, in_service_order
from grinder_core.venue.settings import VenueSettings


class Desk:
    """Turns reached orders into fills, on one account, under one set of rules."""

    __slots__ = ("clearing", "settings")

    def __init__(self, settings: VenueSettings, clearing: Clearing) -> None:
        self.settings = settings
        self.clearing = clearing

    def serve(
        self, book: MatchingBook, matches: Sequence[RestingOrder], ts: int, *, is_new: bool
    ) -> list[OrderUpdate]:
        """Fill reached orders: by side and price where they share what is displayed."""
        settings = self.settings
        if settings.partial_fills_enabled or settings.fill_mode is FillMode.L2:
            matches = in_service_order(matches)
        answers = [self.match(book, order, ts, is_new=is_new) for order in matches]
        return [answer for answer in answers if answer is not None]

    def serve_print(self, book: MatchingBook, trade: Trade) -> list[OrderUpdate]:
        """Fill the orders of a queue that a print is at or through."""
        updates, left = [], trade.qty
        for order in book.hit_by(trade):
            answer, left = self.match_print(book, order, trade, left)
            if answer is not None:
                updates.append(answer)
        return updates

    def match(
        self, book: MatchingBook, order: RestingOrder, ts: int, *, is_new: bool
    ) -> OrderUpdate | None:
        """Fill a reached order as far as the market displays; ``None`` if nothing is left.

        Args:
            is_new: Phase B: the order crosses on placement and takes; otherwise it rested.
        """
        want = self._wanted(book, order)
        if not want:
            return expire(book, order, ts)
        price, qty = order.price, want
        mode = self.settings.fill_mode
        if mode is FillMode.L2:
            levels = self._levels(book, order, want)
            if not levels:
                return None
            qty = sum((part for _, part in levels), ZERO)
            if is_new:
                price = average_price(order.side, levels)
        elif self.settings.partial_fills_enabled and mode is not FillMode.INSTANT:
            qty = self._of_the_best(book, order, want)
            if not qty:
                return None
        takes = is_new or mode is FillMode.INSTANT
        return self.fill(book, order, price, qty, ts, takes=takes)

    def match_print(
        self, book: MatchingBook, order: RestingOrder, trade: Trade, left: Decimal
    ) -> tuple[OrderUpdate | None, Decimal]:
        """Fill a queued order by a print; return what is left of the print for the next."""
        qty = order.qty - order.filled
        if not queue.goes_through(order.side, order.price, trade):
            order.queue_ahead, qty = queue.share(order.queue_ahead, qty, left)
            if not qty:
                return None, left
        qty = min(qty, self._wanted(book, order))
        if not qty:
            return expire(book, order, trade.ts), left
        if trade.price == order.price:
            left -= qty
        return self.fill(book, order, order.price, qty, trade.ts, takes=False), left

    def fill(
        self,
        book: MatchingBook,
        order: RestingOrder,
        price: Decimal,
        qty: Decimal,
        ts: int,
        *,
        takes: bool,
        rate_bps_x100: int | None = None,
    ) -> OrderUpdate:
        """Book an execution and tell it; a finished order leaves the book.

        Args:
            rate_bps_x100: Fee rate instead of the maker's or taker's.
        """
        settings = self.settings
        if rate_bps_x100 is None:
            rate_bps_x100 = settings.taker_fee_bps_x100 if takes else settings.maker_fee_bps_x100
        cost = fee(price, qty, rate_bps_x100)
        self.clearing.book_fill(book, order, price, qty, cost)
        self.clearing.revalue(book)
        order.filled += qty
        book.last_trade_id += 1
        state = OrderState.FILLED
        if order.filled != order.qty:
            # the venue never lets a reduce-only order open or turn a position
            ends = order.reduce_only and not self.clearing.reducible(book, order)
            state = OrderState.EXPIRED if ends else OrderState.PARTIALLY_FILLED
        if state.is_final:
            book.remove(order.order_id)
        return OrderUpdate(
            ts=book.stamp(ts),
            symbol=book.symbol,
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            state=state,
            filled_qty=order.filled,
            last_price=price,
            last_qty=qty,
            fee=cost,
            liquidity=Liquidity.TAKER if takes else Liquidity.MAKER,
            trade_id=book.last_trade_id,
        )

    def _wanted(self, book: MatchingBook, order: RestingOrder) -> Decimal:
        remaining = order.qty - order.filled
        return (
            min(remaining, self.clearing.reducible(book, order)) if order.reduce_only else remaining
        )

    def _of_the_best(self, book: MatchingBook, order: RestingOrder, want: Decimal) -> Decimal:
        """Take from this snapshot's budget of the order's side."""
        if book.last is None:
            return ZERO
        displayed = book.displayed
        displayed.renew(book.tick)
        share = self.settings.participation_bps
        qty = min(want, displayed.best_left(order.side, book.last, share))
        displayed.take_best(order.side, qty)
        return qty

    def _levels(self, book: MatchingBook, order: RestingOrder, want: Decimal) -> list[Level]:
        """Take from the depth book: what is there or, without partial fills, all or nothing."""
        depth = book.depth
        if depth is None:
            return []
        displayed = book.displayed
        displayed.renew(book.tick)
        bids, asks = depth.top(depth.levels_max)
        opposite = asks if order.side is Side.BUY else bids
        share = self.settings.participation_bps
        levels = displayed.walk(order.side, order.price, want, opposite, share)
        if not self.settings.partial_fills_enabled and sum((q for _, q in levels), ZERO) < want:
            return []
        displayed.take_levels(order.side, levels)
        return levels


def update(
    book: MatchingBook, order: RestingOrder, state: OrderState, ts: int, *, reason: str = ""
) -> OrderUpdate:
    """What the venue says about an order without executing it."""
    return OrderUpdate(
        ts=book.stamp(ts),
        symbol=book.symbol,
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        side=order.side,
        state=state,
        filled_qty=order.filled,
        reason=reason,
    )


def expire(book: MatchingBook, order: RestingOrder, ts: int) -> OrderUpdate:
    """End a reduce-only order that has nothing to reduce."""
    book.remove(order.order_id)
    return update(book, order, OrderState.EXPIRED, ts, reason="reduce only")
