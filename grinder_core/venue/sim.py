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
from grinder_core.venue.account import Account
from grinder_core.venue.clearing import Clearing
from grinder_core.venue.closing import cancel_all, flatten, liquidate
from grinder_core.venue.fills import Desk, update
from grinder_core.venue.funding import boundary_after
from grinder_core.venue.inbox import NEVER, Arrival, Inbox
from grinder_core.venue.listening import payloads_needed
from grinder_core.venue.matching import MatchingBook, RestingOrder
from grinder_core.venue.settings import VenueSettings

VenueEvent = OrderUpdate | FundingPaid
"""Everything the venue says."""


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
    watches_margin: bool = field(init=False, eq=False, repr=False)
    desk: Desk = field(init=False, eq=False, repr=False)
    clearing: Clearing = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.clearing = Clearing(self.settings, self.account)
        self.desk = Desk(self.settings, self.clearing)
        self.listens = payloads_needed(self.settings)
        self.watches_margin = self.settings.liquidation_enabled
        self._set_deadline()

    # -- events --------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Phase A: the market moved; resting orders may fill as maker."""
        late: Sequence[VenueEvent] = ()
        if now >= self.deadline:
            late = self._catch_up(now)
        book = self.books.get(snapshot.symbol) or self._book(snapshot.symbol)
        matches = book.on_snapshot(snapshot, self.settings, now)
        if not (matches or late or self.watches_margin):
            return ()
        events = [*late, *self.desk.serve(book, matches, snapshot.ts, is_new=False)]
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
            book = self._book(payload.symbol)
            if book.orders:
                events += self.desk.serve_print(book, payload)
                events += self._check_margin(payload.ts)
        elif isinstance(payload, L2Snapshot | DepthDiff):
            book = self._book(payload.symbol)
            book.take_depth(payload, update_id, now)
            if self.settings.fill_mode is FillMode.QUEUE:
                book.see_depth()
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
        events = self.desk.serve(book, matches, ts, is_new=True)
        return [*events, *self._check_margin(ts)]

    # -- orders --------------------------------------------------------------------------------

    def _take(self, effect: Effect, ts: int) -> list[OrderUpdate]:
        if isinstance(effect, PlaceOrder):
            return [self._accept(effect, ts)]
        if isinstance(effect, CancelOrder):
            return self._cancel(effect, ts)
        return self._flatten(effect, effect.price, ts)

    def _arrive(self, arrival: Arrival) -> list[OrderUpdate]:
        """Take what travelled; an order meets the market as it stood before this event."""
        effect, ts = arrival.effect, arrival.ts
        if isinstance(effect, CancelOrder):
            return self._cancel(effect, ts)
        book = self._book(effect.symbol if isinstance(effect, Flatten) else effect.intent.symbol)
        if isinstance(effect, Flatten):
            return self._flatten(effect, book.mid or effect.price, ts)
        updates = [self._accept(effect, ts)]
        if self.settings.fill_mode is FillMode.L2:
            book.aim_at_depth(arrival.due, self.settings.l2_fill_max_age_ms)
        order = book.orders[updates[0].order_id]
        if order.eligible_tick == book.tick and book.reached(order, self.settings.fill_mode):
            updates += self.desk.serve(book, [order], ts, is_new=True)
            updates += self._check_margin(ts)
        return updates

    def _accept(self, effect: PlaceOrder, ts: int) -> OrderUpdate:
        intent = effect.intent
        book = self._book(intent.symbol)
        order = self._new_order(
            book, effect.client_order_id, intent.side, intent.price, intent.qty, ts
        )
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
        book = self._book(effect.symbol)
        order = self._new_order(book, effect.client_order_id, effect.side, price, effect.qty, ts)
        return [flatten(book, order, self.desk, ts), *self._check_margin(ts)]

    def _new_order(
        self, book: MatchingBook, name: str, side: Side, price: Decimal, qty: Decimal, ts: int
    ) -> RestingOrder:
        self.last_order_seq += 1
        return book.new_order(self.last_order_seq, name, side, price, qty, ts)

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
        if not self.watches_margin or not self.account.is_short_of_margin:
            return []
        books = [self.books[symbol] for symbol in sorted(self.books)]
        updates = cancel_all(books, ts)
        for book in books:
            if book.position:
                self.last_order_seq += 1
                updates.append(liquidate(book, self.last_order_seq, self.desk, ts))
        return updates

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
            order = self._new_order(book, name, side, price, qty, ts)
            book.add(order, self.settings.fill_mode)
            return [update(book, order, OrderState.OPEN, ts)]
        return self._take(effect, ts)

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing matches at once either."""
        return ()
