"""One symbol's resting orders and when the market reaches them (CORE-36, CORE-37).

A tick is one snapshot of the symbol. Phase A, when the market moves, tries what was placed
before; phase B, after the engine's orders arrived, tries what may fill at once. How much fills,
and at what price, is decided in ``fills``. Called inside ``exact()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from attrs import Factory, define, field

from grinder_core.contracts.enums import BUY, FillMode, Side
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level, Snapshot, Trade
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import HALF, ZERO, bps, trunc_div
from grinder_core.venue import queue
from grinder_core.venue.displayed import Displayed
from grinder_core.venue.settings import VenueSettings

# read for every quote: a global is read faster than a member of an enum
INSTANT: Final = FillMode.INSTANT
CROSSING: Final = FillMode.CROSSING
QUOTE: Final = FillMode.QUOTE
QUEUE: Final = FillMode.QUEUE


@define
class RestingOrder:
    """An order at the venue.

    Attributes:
        placed_ts: When the venue took it, venue's clock.
        queue_ahead: Quantity before it at its price, base asset; ``None`` where unknown.
    """

    client_order_id: str
    order_id: str
    side: Side
    price: Decimal
    qty: Decimal
    reduce_only: bool
    placed_tick: int
    eligible_tick: int
    placed_ts: int = field(default=0, kw_only=True)  # what an exchange adds goes before these
    filled: Decimal = field(default=ZERO, kw_only=True)
    queue_ahead: Decimal | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """What it is known by among the open orders of its symbol."""
        return self.client_order_id


@define
class MatchingBook:
    """One symbol at the venue: market, resting orders in placement order, position.

    Attributes:
        last: The last snapshot.
        mark_price: The last MARK_PRICE.
        ts: Of the last answer, venue's clock.
        buy_trigger, sell_trigger: A BUY whose limit is at or above, a SELL whose limit is at or
            below, is reached; ``None`` where nothing is.
        buy_limit, sell_limit: Best resting prices, so that a quiet market costs two comparisons;
            a cache, rebuilt when orders come or go.
        mid_of, mid_price: The snapshot whose mid was asked for last, and that mid; a cache.
    """

    symbol: str
    tick: int = 0
    last: Snapshot | None = None
    mark_price: Decimal | None = None
    buy_trigger: Decimal | None = None
    sell_trigger: Decimal | None = None
    last_trade_id: int = 0
    ts: int = 0
    orders: dict[str, RestingOrder] = Factory(dict)
    by_client_id: dict[str, str] = Factory(dict)
    ledger: SymbolLedger = Factory(lambda self: SymbolLedger(self.symbol), takes_self=True)
    displayed: Displayed = Factory(Displayed)
    depth: MaintainedBook | None = None
    depth_seen_ms: int = 0
    buy_limit: Decimal | None = field(default=None, init=False, eq=False)
    sell_limit: Decimal | None = field(default=None, init=False, eq=False)
    is_indexed: bool = field(default=False, init=False, eq=False)
    mid_of: Snapshot | None = field(default=None, init=False, eq=False)
    mid_price: Decimal = field(default=ZERO, init=False, eq=False)

    @property
    def position(self) -> Decimal:
        """Signed position, base asset."""
        return self.ledger.qty

    @property
    def mid(self) -> Decimal | None:
        """``(bid+ask)/2`` of the last snapshot, exact."""
        last = self.last
        if last is None:
            return None
        if self.mid_of is not last:
            self.mid_of, self.mid_price = last, (last.bid_price + last.ask_price) * HALF
        return self.mid_price

    def stamp(self, ts: int) -> int:
        """Time of an answer about this symbol: venue's clock, and never before the one before.

        What travelled, and what another symbol or an operator set off, is dated ahead of quotes
        that come late.
        """
        self.ts = max(self.ts, ts)
        return self.ts

    def reducible(self, side: Side) -> Decimal:
        """How much an order of this side may shrink the position by."""
        qty = self.ledger.qty
        return abs(qty) if qty and (qty > 0) is (side is Side.SELL) else ZERO

    # -- the market moves ----------------------------------------------------------------------

    def on_snapshot(
        self, snapshot: Snapshot, settings: VenueSettings, now: int
    ) -> Sequence[RestingOrder]:
        """Move the market; return phase A's candidates.

        Those are orders placed at earlier ticks that are eligible and reached, in placement
        order.
        """
        self.tick += 1
        self.last = snapshot
        mode = settings.fill_mode
        if mode is QUOTE:
            self.buy_trigger, self.sell_trigger = snapshot.ask_price, snapshot.bid_price
        elif mode is CROSSING:
            mid = (snapshot.bid_price + snapshot.ask_price) * HALF
            self.buy_trigger = self.sell_trigger = mid
        else:
            self._aim(snapshot, settings, now)
        if not self.orders or (self.is_indexed and not self._may_match(mode)):
            return ()
        self._index()
        tick = self.tick
        return [
            order
            for order in self.orders.values()
            if order.placed_tick < tick
            and order.eligible_tick <= tick
            and self.reached(order, mode)
        ]

    def aim_at_depth(self, now: int, max_age_ms: int) -> None:
        """Let the depth book say what is reached: nothing if it is unknown, old or of later.

        Its age is counted on the driver's clock: quotes and books carry clocks of their own.
        """
        depth = self.depth
        bids: Sequence[Level] = ()
        asks: Sequence[Level] = ()
        if depth is not None and depth.is_synced and 0 <= now - self.depth_seen_ms <= max_age_ms:
            bids, asks = depth.top(1)
        self.buy_trigger = asks[0][0] if asks else None
        self.sell_trigger = bids[0][0] if bids else None

    def take_depth(self, payload: L2Snapshot | DepthDiff, update_id: int | None, now: int) -> None:
        """Keep the depth book; what it holds already makes it no younger."""
        if self.depth is None:
            self.depth = MaintainedBook(self.symbol)
        if isinstance(payload, L2Snapshot):
            self.depth.on_snapshot(payload, update_id)
            self.depth_seen_ms = now
        elif self.depth.on_diff(payload):
            self.depth_seen_ms = now

    def see_depth(self) -> None:
        """After a change of the depth book: orders may stand further ahead than was thought."""
        depth = self.depth
        if depth is None or not depth.is_synced:
            return
        for order in self.orders.values():
            if depth.ts_ms >= order.placed_ts:  # an older book cannot know who came before us
                shown = depth.qty_at(order.side, order.price)
                order.queue_ahead = queue.ahead_after(order.queue_ahead, shown)

    def hit_by(self, trade: Trade) -> Sequence[RestingOrder]:
        """Eligible orders that a print is at or through, in service order."""
        self._index()
        price, tick = trade.price, self.tick
        if (self.buy_limit is None or price > self.buy_limit) and (
            self.sell_limit is None or price < self.sell_limit
        ):
            return ()
        return in_service_order(
            order
            for order in self.orders.values()
            if queue.goes_through(order.side, order.price, trade)
            or queue.hits_queue(order.side, order.price, trade)
            if order.eligible_tick <= tick
        )

    # -- orders come and go --------------------------------------------------------------------

    def eligible_tick(self, price: Decimal, settings: VenueSettings) -> int:
        """From which snapshot on an order placed now may fill; distance is fixed at placement."""
        tick = self.tick + settings.fill_after_ticks
        if settings.delay_bps_per_tick:
            mid = self.mid
            if mid is not None:
                extra = trunc_div(bps(abs(price - mid), mid), settings.delay_bps_per_tick)
                tick += min(extra, settings.max_extra_delay_ticks)
        return tick

    def new_order(
        self, seq: int, client_order_id: str, side: Side, price: Decimal, qty: Decimal, ts: int
    ) -> RestingOrder:
        """Make an order of this symbol that waits for nothing and rests nowhere yet."""
        return RestingOrder(
            client_order_id=client_order_id,
            order_id=f"PAPER_{seq:08d}",
            side=side,
            price=price,
            qty=qty,
            reduce_only=False,
            placed_tick=self.tick,
            eligible_tick=self.tick,
            placed_ts=ts,
        )

    def add(self, order: RestingOrder, mode: FillMode) -> None:
        """Let an order rest."""
        if mode is QUEUE:
            order.queue_ahead = queue.ahead_of_new(order.side, order.price, self.last, self.depth)
        self.orders[order.order_id] = order
        self.by_client_id[order.name] = order.order_id
        if self.is_indexed:
            self._widen(order)

    def remove(self, order_id: str) -> RestingOrder | None:
        """Take an order out; ``None`` if it is not there."""
        order = self.orders.pop(order_id, None)
        if order is not None:
            del self.by_client_id[order.name]
            best = self.buy_limit if order.side is BUY else self.sell_limit
            if order.price == best:
                self.is_indexed = False
        return order

    def immediate_matches(self, mode: FillMode) -> list[RestingOrder]:
        """Phase B: orders placed at this tick that wait for nothing, in placement order."""
        tick = self.tick
        return [
            order
            for order in self.orders.values()
            if order.placed_tick == tick == order.eligible_tick and self.reached(order, mode)
        ]

    def reached(self, order: RestingOrder, mode: FillMode) -> bool:
        """Whether the market is at or through an order's limit."""
        if mode is INSTANT:
            return True
        if order.side is Side.BUY:
            return self.buy_trigger is not None and self.buy_trigger <= order.price
        return self.sell_trigger is not None and self.sell_trigger >= order.price

    def best_resting(self) -> tuple[Decimal | None, Decimal | None]:
        """Best prices of resting BUY and SELL orders."""
        self._index()
        return self.buy_limit, self.sell_limit

    # -- inside --------------------------------------------------------------------------------

    def _aim(self, snapshot: Snapshot, settings: VenueSettings, now: int) -> None:
        mode = settings.fill_mode
        bid, ask = snapshot.bid_price, snapshot.ask_price
        if mode is QUEUE:
            self.buy_trigger, self.sell_trigger = ask, bid
            self._see_quote(snapshot)
        elif mode is FillMode.TOUCH:
            self.buy_trigger, self.sell_trigger = bid, ask
        elif mode is FillMode.L2:
            self.aim_at_depth(now, settings.l2_fill_max_age_ms)

    def _see_quote(self, snapshot: Snapshot) -> None:
        """Orders at or inside the best price of their side learn what stands before them."""
        if not self.is_indexed:
            self._index()
        bid, ask = snapshot.bid_price, snapshot.ask_price
        if (self.buy_limit is None or self.buy_limit < bid) and (
            self.sell_limit is None or self.sell_limit > ask
        ):
            return
        for order in self.orders.values():
            shown = queue.displayed_by_quote(order.side, order.price, snapshot)
            order.queue_ahead = queue.ahead_after(order.queue_ahead, shown)

    def _may_match(self, mode: FillMode) -> bool:
        limit, trigger = self.buy_limit, self.buy_trigger
        if limit is not None and trigger is not None and trigger <= limit:
            return True
        limit, trigger = self.sell_limit, self.sell_trigger
        if limit is not None and trigger is not None and trigger >= limit:
            return True
        return mode is INSTANT

    def _widen(self, order: RestingOrder) -> None:
        if order.side is BUY:
            if self.buy_limit is None or order.price > self.buy_limit:
                self.buy_limit = order.price
        elif self.sell_limit is None or order.price < self.sell_limit:
            self.sell_limit = order.price

    def _index(self) -> None:
        if not self.is_indexed:
            orders = self.orders.values()
            self.buy_limit = max([o.price for o in orders if o.side is BUY], default=None)
            self.sell_limit = min([o.price for o in orders if o.side is not BUY], default=None)
            self.is_indexed = True


def in_service_order(orders: Iterable[RestingOrder]) -> list[RestingOrder]:
    """BUY side first; within a side the best price, then order of placement (CORE-37)."""
    return sorted(orders, key=_service_key)


def _service_key(order: RestingOrder) -> tuple[bool, Decimal, str]:
    if order.side is Side.BUY:
        return False, order.price.copy_negate(), order.order_id
    return True, order.price, order.order_id
