"""The simulated exchange: events and orders in, order updates out (CORE-36, CORE-37 fees).

It knows nothing of the engine. The engine learns of acceptances, fills and cancels only from
the updates that come out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import Factory, define

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import FillMode, Liquidity, OrderState, Side
from grinder_core.contracts.event import Payload
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.numbers import ZERO, dec_up
from grinder_core.venue.matching import MatchingBook, RestingOrder
from grinder_core.venue.settings import VenueSettings

VenueEvent = OrderUpdate | FundingPaid
"""Everything the venue says."""

FEE_DIGITS = 8
FEE_UNITS = 10**6  # hundredths of a basis point in one


def fee(price: Decimal, qty: Decimal, rate_bps_x100: int) -> Decimal:
    """``dec_up(price*qty*rate/10^6, 8)``: never rounded in our favour. Inside ``exact()``.

    Example:
        >>> fee(Decimal("100.5"), Decimal(3), 200)
        Decimal('0.06030000')
    """
    return dec_up(price * qty * rate_bps_x100, FEE_DIGITS, FEE_UNITS) if rate_bps_x100 else ZERO


@define
class SimVenue:
    """Accepts, matches and cancels orders of all symbols. Methods run inside ``exact()``."""

    settings: VenueSettings
    capital: Decimal = Decimal(10_000)
    last_order_seq: int = 0
    late_cancels: int = 0
    books: dict[str, MatchingBook] = Factory(dict)

    @property
    def listens(self) -> frozenset[type]:
        """Payload types that ``on_market`` needs under these settings."""
        return frozenset()

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """Take what else the market says; nothing of it moves these fill models."""
        return ()

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Phase A: the market moved; resting orders may fill as maker."""
        book = self.books.get(snapshot.symbol) or self._book(snapshot.symbol)
        matches = book.on_snapshot(snapshot, self.settings.fill_mode)
        if not matches:
            return ()
        return [self._fill(book, order, snapshot.ts, immediate=False) for order in matches]

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Take one order or cancel and answer it."""
        if isinstance(effect, PlaceOrder):
            return (self._accept(effect, ts),)
        if isinstance(effect, Flatten):
            return (self._flatten(effect, ts),)
        return self._cancel(effect, ts)

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Phase B: orders placed in this turn that may fill at once, as taker."""
        book = self.books.get(symbol)
        if book is None:
            return ()
        matches = book.immediate_matches(self.settings.fill_mode)
        return [self._fill(book, order, ts, immediate=True) for order in matches]

    def _flatten(self, effect: Flatten, ts: int) -> OrderUpdate:
        """Close at the market: reduce-only and at once."""
        book = self._book(effect.symbol)
        order = self._order(effect, book, effect.side, effect.price, effect.qty, True)
        book.add(order)
        return self._fill(book, order, ts, immediate=True)

    def _order(
        self,
        effect: PlaceOrder | Flatten,
        book: MatchingBook,
        side: Side,
        price: Decimal,
        qty: Decimal,
        reduce_only: bool,
    ) -> RestingOrder:
        self.last_order_seq += 1
        return RestingOrder(
            client_order_id=effect.client_order_id,
            order_id=f"PAPER_{self.last_order_seq:08d}",
            side=side,
            price=price,
            qty=qty,
            reduce_only=reduce_only,
            placed_tick=book.tick,
            eligible_tick=book.tick + self.settings.fill_after_ticks,
        )

    def _accept(self, effect: PlaceOrder, ts: int) -> OrderUpdate:
        intent = effect.intent
        book = self._book(intent.symbol)
        order = self._order(effect, book, intent.side, intent.price, intent.qty, intent.reduce_only)
        book.add(order)
        return _update(book.symbol, order, OrderState.OPEN, ts)

    def _cancel(self, effect: CancelOrder, ts: int) -> Sequence[VenueEvent]:
        book = self._book(effect.symbol)
        order = book.remove(book.by_client_id.get(effect.client_order_id, effect.order_id))
        if order is None:
            self.late_cancels += 1
            return ()
        return (_update(book.symbol, order, OrderState.CANCELLED, ts),)

    def _fill(
        self, book: MatchingBook, order: RestingOrder, ts: int, *, immediate: bool
    ) -> OrderUpdate:
        book.remove(order.order_id)
        qty, state = order.qty, OrderState.FILLED
        if order.reduce_only:
            # the venue never lets such an order open or turn a position
            opposes = (book.position > 0) == (order.side is Side.SELL)
            qty = min(qty, abs(book.position)) if opposes else ZERO
            state = state if qty == order.qty else OrderState.EXPIRED
        if not qty:
            return _update(book.symbol, order, OrderState.EXPIRED, ts, reason="reduce only")
        book.position += qty if order.side is Side.BUY else -qty
        book.last_trade_id += 1
        takes = immediate or self.settings.fill_mode is FillMode.INSTANT
        rate = self.settings.taker_fee_bps_x100 if takes else self.settings.maker_fee_bps_x100
        return OrderUpdate(
            ts=ts,
            symbol=book.symbol,
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            state=state,
            filled_qty=qty,
            last_price=order.price,
            last_qty=qty,
            fee=fee(order.price, qty, rate),
            liquidity=Liquidity.TAKER if takes else Liquidity.MAKER,
            trade_id=book.last_trade_id,
        )

    def _book(self, symbol: str) -> MatchingBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = MatchingBook(symbol)
        return book


class RestingVenue(SimVenue):
    """Accepts and cancels and never fills: what a fixture replay talks to (CORE-05)."""

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Count the tick; nothing ever matches."""
        self._book(snapshot.symbol).on_snapshot(snapshot, self.settings.fill_mode)
        return ()

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing matches at once either."""
        return ()

    def _flatten(self, effect: Flatten, ts: int) -> OrderUpdate:
        """Accept it as any other order."""
        book = self._book(effect.symbol)
        order = self._order(effect, book, effect.side, effect.price, effect.qty, True)
        book.add(order)
        return _update(book.symbol, order, OrderState.OPEN, ts)


def _update(
    symbol: str, order: RestingOrder, state: OrderState, ts: int, *, reason: str = ""
) -> OrderUpdate:
    return OrderUpdate(
        ts=ts,
        symbol=symbol,
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        side=order.side,
        state=state,
        reason=reason,
    )
