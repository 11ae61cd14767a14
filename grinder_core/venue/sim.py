"""The simulated exchange: events and orders in, its answers out (CORE-36, CORE-37, LIVE-40).

It knows nothing of the engine. The engine learns of acceptances, fills, cancels and funding only
from what comes out here. What is due by time (orders and cancels under way, funding at a constant
rate) happens at the first event at or after its time, before that event moves the market.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import Factory, define, field

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import FillMode, FundingSource, OrderState, Side
from grinder_core.contracts.event import Payload
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.venue.account import Account
from grinder_core.venue.clearing import Clearing
from grinder_core.venue.fees import market_price
from grinder_core.venue.fills import Desk, expire, update
from grinder_core.venue.funding import boundary_after
from grinder_core.venue.inbox import NEVER, Arrival, Inbox
from grinder_core.venue.listening import payloads_needed
from grinder_core.venue.matching import MatchingBook, RestingOrder, in_service_order
from grinder_core.venue.settings import VenueSettings

VenueEvent = OrderUpdate | FundingPaid
"""Everything the venue says."""

LIQUIDATION = "liquidation"
AUTOCLOSE = "autoclose-"  # how the venue itself begins the client ids of its closing orders


@define
class SimVenue:
    """Accepts, matches and cancels orders of all symbols. Methods run inside ``exact()``.

    Times: ``now`` is the driver's clock, on which latency and funding count; ``ts`` the venue's,
    which its answers carry.

    Attributes:
        capital: Wallet at the start, quote currency.
        late_cancels: Cancels of orders that were finished, or that never were.
        next_funding: The coming settlement at a constant rate; 0 before the first event.
        listens: Payload types that ``on_market`` needs under these settings.
        deadline: When something is due by time alone; a cache.
    """

    settings: VenueSettings
    capital: Decimal = Decimal(10_000)
    last_order_seq: int = 0
    late_cancels: int = 0
    next_funding: int = 0
    books: dict[str, MatchingBook] = Factory(dict)
    inbox: Inbox = Factory(Inbox)
    account: Account = Factory(lambda self: Account(self.capital), takes_self=True)
    deadline: int = field(default=NEVER, init=False, eq=False)
    listens: frozenset[type] = field(init=False, eq=False, repr=False)
    desk: Desk = field(init=False, eq=False, repr=False)
    clearing: Clearing = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.desk = Desk(self.settings, self.account)
        self.clearing = Clearing(self.settings, self.account)
        self.listens = payloads_needed(self.settings)
        self._set_deadline()

    # -- events --------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Phase A: the market moved; resting orders may fill as maker."""
        late = self._catch_up(now) if now >= self.deadline else ()
        book = self.books.get(snapshot.symbol) or self._book(snapshot.symbol)
        matches = book.on_snapshot(snapshot, self.settings)
        if not matches and not late and not self.settings.liquidation_enabled:
            return ()
        events = [*late, *self._match(book, matches, snapshot.ts, is_new=False)]
        self.clearing.revalue(book)
        return [*events, *self._check_margin(snapshot.ts)]

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """Take what else the market says; kinds that ``listens`` does not name change nothing.

        Args:
            update_id: The venue's book update id of an L2_SNAPSHOT.
        """
        events = list(self._catch_up(now)) if now >= self.deadline else []
        if type(payload) not in self.listens:
            return events
        if isinstance(payload, Trade):
            events += self._print(payload)
        elif isinstance(payload, L2Snapshot | DepthDiff):
            self._take_depth(payload, update_id)
        elif isinstance(payload, MarkPrice):
            book = self._book(payload.symbol)
            book.mark_price = payload.mark_price
            self.clearing.revalue(book)
            events += self._check_margin(payload.ts)
        elif isinstance(payload, Funding):
            events += self.clearing.settle(self.books.get(payload.symbol), payload.rate, payload.ts)
            events += self._check_margin(payload.ts)
        return events

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Take one order, cancel or flatten; answer it, or let it travel first."""
        events = list(self._catch_up(now)) if now >= self.deadline else []
        due = self.inbox.due_of(effect, now, self.settings)
        if due > now:
            self.inbox.add(Arrival(due, ts + due - now, effect))
            self._set_deadline()
            return events
        return [*events, *self._take(effect, ts)]

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Phase B: orders placed in this turn that may fill at once, as taker."""
        book = self.books.get(symbol)
        if book is None or self.settings.order_latency_ms:
            return ()  # what travelled had its phase B on arrival
        matches = book.immediate_matches(self.settings.fill_mode)
        if not matches:
            return ()
        events = self._match(book, matches, ts, is_new=True)
        return [*events, *self._check_margin(ts)]

    # -- orders --------------------------------------------------------------------------------

    def _take(self, effect: Effect, ts: int) -> list[OrderUpdate]:
        if isinstance(effect, PlaceOrder):
            return [self._accept(effect, ts)]
        if isinstance(effect, CancelOrder):
            return self._cancel(effect, ts)
        return [*self._flatten(effect, effect.price, ts), *self._check_margin(ts)]

    def _arrive(self, arrival: Arrival) -> list[OrderUpdate]:
        """Take what travelled; an order meets the market as it stood before this event."""
        effect, ts = arrival.effect, arrival.ts
        if isinstance(effect, CancelOrder):
            return self._cancel(effect, ts)
        book = self._book(effect.symbol if isinstance(effect, Flatten) else effect.intent.symbol)
        if isinstance(effect, Flatten):
            price = book.mid or effect.price
            return [*self._flatten(effect, price, ts), *self._check_margin(ts)]
        updates = [self._accept(effect, ts)]
        if self.settings.fill_mode is FillMode.L2:
            book.aim_at_depth(ts, self.settings.l2_fill_max_age_ms)
        order = book.orders[updates[0].order_id]
        if order.eligible_tick == book.tick and book.reached(order, self.settings.fill_mode):
            updates += self._match(book, [order], ts, is_new=True)
            updates += self._check_margin(ts)
        return updates

    def _accept(self, effect: PlaceOrder, ts: int) -> OrderUpdate:
        intent = effect.intent
        book = self._book(intent.symbol)
        order = self._order(book, effect.client_order_id, intent.side, intent.price, intent.qty, ts)
        order.reduce_only = intent.reduce_only
        order.eligible_tick = book.eligible_tick(intent.price, self.settings)
        book.add(order, self.settings.fill_mode)
        return update(book, order, OrderState.OPEN, ts)

    def _cancel(self, effect: CancelOrder, ts: int) -> list[OrderUpdate]:
        book = self._book(effect.symbol)
        order = book.remove(book.by_client_id.get(effect.client_order_id, effect.order_id))
        if order is None:
            self.late_cancels += 1
            return []
        return [update(book, order, OrderState.CANCELLED, ts)]

    def _flatten(self, effect: Flatten, price: Decimal, ts: int) -> list[OrderUpdate]:
        """Close at the market: at once, reduce-only, never more than the position."""
        book = self._book(effect.symbol)
        qty = min(effect.qty, book.reducible(effect.side))
        order = self._order(book, effect.client_order_id, effect.side, price, qty or effect.qty, ts)
        if not qty:
            return [expire(book, order, ts)]
        price = market_price(effect.side, price, self.settings.market_slippage_bps)
        filled = self.desk.fill(book, order, price, qty, ts, takes=True)
        self.clearing.revalue(book)
        return [filled]

    def _order(
        self,
        book: MatchingBook,
        client_order_id: str,
        side: Side,
        price: Decimal,
        qty: Decimal,
        ts: int,
    ) -> RestingOrder:
        """Give an order its id; it may fill now and rests nowhere yet."""
        self.last_order_seq += 1
        return RestingOrder(
            client_order_id=client_order_id,
            order_id=f"PAPER_{self.last_order_seq:08d}",
            side=side,
            price=price,
            qty=qty,
            reduce_only=False,
            placed_tick=book.tick,
            eligible_tick=book.tick,
            placed_ts=ts,
        )

    # -- matching ------------------------------------------------------------------------------

    def _match(
        self, book: MatchingBook, matches: Sequence[RestingOrder], ts: int, *, is_new: bool
    ) -> list[OrderUpdate]:
        """Serve reached orders: by side and price where they share what is displayed."""
        settings = self.settings
        if settings.partial_fills_enabled or settings.fill_mode is FillMode.L2:
            matches = in_service_order(matches)
        updates = []
        for order in matches:
            answer = self.desk.match(book, order, ts, is_new=is_new)
            if answer is not None:
                updates.append(answer)
        if updates:
            self.clearing.revalue(book)
        return updates

    def _print(self, trade: Trade) -> list[OrderUpdate]:
        book = self.books.get(trade.symbol)
        if book is None or not book.orders:
            return []
        updates, left = [], trade.qty
        for order in book.hit_by(trade):
            answer, left = self.desk.match_print(book, order, trade, left)
            if answer is not None:
                updates.append(answer)
        if updates:
            self.clearing.revalue(book)
            updates += self._check_margin(trade.ts)
        return updates

    def _take_depth(self, payload: L2Snapshot | DepthDiff, update_id: int | None) -> None:
        book = self._book(payload.symbol)
        if book.depth is None:
            book.depth = MaintainedBook(payload.symbol)
        if isinstance(payload, L2Snapshot):
            book.depth.on_snapshot(payload, update_id)
        else:
            book.depth.on_diff(payload)
        if self.settings.fill_mode is FillMode.QUEUE and book.orders:
            book.on_depth()

    # -- what is due by time -------------------------------------------------------------------

    def _catch_up(self, now: int) -> Sequence[VenueEvent]:
        """Let everything happen that was due by ``now``, in order of its time."""
        events: list[VenueEvent] = []
        interval = self.settings.funding_interval_ms
        if self.settings.funding_source is FundingSource.CONSTANT and not self.next_funding:
            self.next_funding = boundary_after(now, interval)
        while True:
            due, boundary = self.inbox.next_due, self.next_funding or NEVER
            if min(due, boundary) > now:
                break
            if due < boundary:
                events += self._arrive(self.inbox.pop())
            elif any(book.position for book in self.books.values()):
                for symbol in sorted(self.books):
                    events += self.clearing.settle(
                        self.books[symbol], self.settings.funding_rate, boundary
                    )
                events += self._check_margin(boundary)
                self.next_funding += interval
            else:
                self.next_funding = boundary_after(min(due, now), interval)
        self._set_deadline()
        return events

    def _set_deadline(self) -> None:
        is_constant = self.settings.funding_source is FundingSource.CONSTANT
        self.deadline = min(self.inbox.next_due, self.next_funding if is_constant else NEVER)

    # -- margin --------------------------------------------------------------------------------

    def _check_margin(self, ts: int) -> list[OrderUpdate]:
        """Close everything where the margin does not suffice any more."""
        if not self.settings.liquidation_enabled or not self.account.is_short_of_margin:
            return []
        books = [self.books[symbol] for symbol in sorted(self.books)]
        updates = []
        for book in books:
            for order in list(book.orders.values()):
                book.remove(order.order_id)
                updates.append(update(book, order, OrderState.CANCELLED, ts, reason=LIQUIDATION))
        return updates + [self._close(book, ts) for book in books if book.position]

    def _close(self, book: MatchingBook, ts: int) -> OrderUpdate:
        side = Side.SELL if book.position > 0 else Side.BUY
        price = market_price(side, self.clearing.mark(book), 0)
        name = f"{AUTOCLOSE}{self.last_order_seq + 1}"
        order = self._order(book, name, side, price, abs(book.position), ts)
        rate = self.settings.liquidation_fee_bps_x100
        closed = self.desk.fill(book, order, price, order.qty, ts, takes=True, rate_bps_x100=rate)
        self.clearing.revalue(book)
        return closed

    def _book(self, symbol: str) -> MatchingBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = MatchingBook(symbol)
        return book


class RestingVenue(SimVenue):
    """Accepts and cancels at once and never fills: what a fixture replay talks to (CORE-05)."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.listens = frozenset()

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Count the tick; nothing ever matches."""
        book = self._book(snapshot.symbol)
        book.tick += 1
        book.last = snapshot
        return ()

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """Nothing matches on other events either."""
        return ()

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Accept or cancel at once, whatever the latency."""
        if isinstance(effect, Flatten):
            book = self._book(effect.symbol)
            name, side, price, qty = (
                effect.client_order_id, effect.side, effect.price, effect.qty,
            )  # fmt: skip
            order = self._order(book, name, side, price, qty, ts)
            book.add(order, self.settings.fill_mode)
            return [update(book, order, OrderState.OPEN, ts)]
        return self._take(effect, ts)

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing matches at once either."""
        return ()
