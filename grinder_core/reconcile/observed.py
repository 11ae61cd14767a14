"""The orders and positions that the venue shows (LIVE-20).

Stream and REST tell of the same things, late, twice and out of order. Of two updates the one with
the later transaction time gives the state; executed quantity only grows, and a final state stays,
so that a read that lags brings nothing back to life. A snapshot replaces what is open, but for
what was updated after it was asked for.

Memory is bounded: of orders that ended the last 2000 are remembered, more than the venue takes
while its reads lag. Open orders are as many as the venue holds, and what ended unheard goes with
the next snapshot; beyond 10000 the oldest are dropped, and nothing is judged until that snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from attrs import Factory, define, evolve

from grinder_core.contracts.enums import OrderState
from grinder_core.reconcile.records import (
    ObservedOrder,
    ObservedPosition,
    ObservedSource,
    VenueSnapshot,
    order_key,
)

OPEN_MAX: Final = 10_000
ENDED_MAX: Final = 2_000

IsOurs = Callable[[str], bool]


@define
class ObservedStore:
    """What the venue showed.

    Attributes:
        open, ended: Orders by ``ObservedOrder.key``.
        ended_ring: Keys of ``ended``, in the order of their end.
        positions: By symbol; what is not in it is flat.
        snapshot_ms: When the newest merged snapshot was asked for; ``None`` if there is none that
            could show an absence.
    """

    open: dict[str, ObservedOrder] = Factory(dict)
    ended: dict[str, ObservedOrder] = Factory(dict)
    ended_ring: deque[str] = Factory(deque)
    positions: dict[str, ObservedPosition] = Factory(dict)
    snapshot_ms: int | None = None

    def order(self, symbol: str, client_order_id: str) -> ObservedOrder | None:
        """Return an order, open or ended; ``None`` if the venue does not show it."""
        key = order_key(symbol, client_order_id)
        return self.open.get(key) or self.ended.get(key)

    def position_amt(self, symbol: str) -> Decimal:
        """Return the position that the venue shows, signed."""
        position = self.positions.get(symbol)
        return Decimal(0) if position is None else position.position_amt

    def on_order(self, order: ObservedOrder) -> None:
        """Take an order event, or the answer to a question about one order."""
        key = order.key
        known = self.open.get(key) or self.ended.get(key)
        merged = order if known is None else _merged(known, order)
        if merged is known:
            return
        if not merged.status.is_final:
            if self.ended.pop(key, None):  # another order under a foreign id that was used before
                self.ended_ring.remove(key)
            self.open[key] = merged
            self._bound_open()
            return
        self.open.pop(key, None)
        if key not in self.ended:
            self.ended_ring.append(key)
        self.ended[key] = merged
        if len(self.ended_ring) > ENDED_MAX:
            del self.ended[self.ended_ring.popleft()]

    def on_position(self, position: ObservedPosition) -> None:
        """Take a position event."""
        known = self.positions.get(position.symbol)
        if known is None or position.ts_updated >= known.ts_updated:
            self.positions[position.symbol] = position

    def on_snapshot(self, snapshot: VenueSnapshot) -> bool:
        """Take what REST answered; return False if a snapshot asked for as late is in already."""
        asked = snapshot.requested_ms
        if self.snapshot_ms is not None and asked <= self.snapshot_ms:
            return False
        self.snapshot_ms = asked
        present = {order.key for order in snapshot.orders}
        self.open = {
            key: order
            for key, order in self.open.items()
            if key in present or order.ts_seen >= asked
        }
        for order in snapshot.orders:
            self.on_order(evolve(order, ts_seen=asked, source=ObservedSource.REST))
        rows = {row.symbol: row for row in snapshot.positions}
        self.positions = {
            symbol: position
            for symbol, position in self.positions.items()
            if symbol in rows or position.ts_seen >= asked
        }
        for row in rows.values():
            self._take_row(evolve(row, ts_seen=asked, source=ObservedSource.REST))
        return True

    def _take_row(self, row: ObservedPosition) -> None:
        known = self.positions.get(row.symbol)
        if row.ts_updated or known is None:
            self.on_position(row)
        elif known.ts_seen < row.ts_seen:  # the venue says no time: as if it had left it out
            self.positions[row.symbol] = row

    def _bound_open(self) -> None:
        if len(self.open) > OPEN_MAX:
            del self.open[min(self.open, key=lambda key: (self.open[key].ts_seen, key))]
            self.snapshot_ms = None


def foreign(observed: ObservedStore, is_ours: IsOurs) -> tuple[ObservedOrder, ...]:
    """Return the open orders that are not ours, sorted; nothing ever touches them.

    Args:
        observed: What the venue shows.
        is_ours: Tells by a client id (LIVE-21).
    """
    orders = [order for order in observed.open.values() if not is_ours(order.client_order_id)]
    return tuple(sorted(orders, key=lambda order: (order.symbol, order.client_order_id)))


def _merged(known: ObservedOrder, new: ObservedOrder) -> ObservedOrder:
    if known.order_id != new.order_id:  # somebody used a client id again
        return new if new.ts_updated > known.ts_updated else known
    newer = new if _age(new) >= _age(known) else known
    more = new if new.executed_qty >= known.executed_qty else known
    status = newer.status
    if known.status.is_final or status is OrderState.UNKNOWN:
        status = known.status
    elif new.status.is_final:
        status = new.status
    # a repeated event says nothing of today, an answer does
    is_fresh = newer is new and (_age(new) > _age(known) or new.source is ObservedSource.REST)
    merged = evolve(
        newer,
        status=status,
        executed_qty=more.executed_qty,
        avg_price=more.avg_price,
        ts_seen=max(known.ts_seen, new.ts_seen) if is_fresh else known.ts_seen,
    )
    return known if merged == known else merged


def _age(order: ObservedOrder) -> tuple[int, Decimal]:
    return order.ts_updated, order.executed_qty  # the latter tells apart what one ms held
