"""The orders and positions that we expect at the venue (LIVE-20).

A ring in the order of insertion, but only what ended ever leaves it: an active order that is
forgotten would look unexpected at the venue and be cancelled. So the ring grows beyond its size
only by active orders, and the caller places no more risk while it is full of them.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import islice

from attrs import Factory, define, evolve

from grinder_core.contracts.enums import OrderState
from grinder_core.errors import ContractError
from grinder_core.reconcile.records import ExpectedOrder, ExpectedPosition
from grinder_core.reconcile.settings import ReconcileSettings


@define
class ExpectedStore:
    """What we believe.

    Attributes:
        orders: By client id.
        ring: Client ids in the order of insertion.
        active: How many orders are not over.
        unknown_since: By client id, since when nobody knows an order's fate.
        positions: By symbol; what is not in it is flat.
    """

    orders: dict[str, ExpectedOrder] = Factory(dict)
    ring: deque[str] = Factory(deque)
    active: int = 0
    unknown_since: dict[str, int] = Factory(dict)
    positions: dict[str, ExpectedPosition] = Factory(dict)

    def is_full(self, settings: ReconcileSettings) -> bool:
        """Whether an order that adds risk must be SKIPPED with ``EXPECTED_STORE_FULL``."""
        return self.active >= settings.expected_max_orders

    def add(self, order: ExpectedOrder, settings: ReconcileSettings) -> list[str]:
        """Expect one more order; return the client ids of those forgotten for it.

        An exit is added to a full store too.

        Raises:
            ContractError: The client id is known: ids are never used twice.
        """
        if order.client_order_id in self.orders:
            raise ContractError(
                "is expected already", field="client_order_id", value=order.client_order_id
            )
        self.orders[order.client_order_id] = order
        self.ring.append(order.client_order_id)
        self.active += not order.expected_status.is_final
        if order.expected_status is OrderState.UNKNOWN:
            self.unknown_since[order.client_order_id] = order.ts_status
        return self._shrink(settings.expected_max_orders)

    def set_status(
        self, client_order_id: str, status: OrderState, now: int, *, is_inferred: bool = False
    ) -> bool:
        """Note what became of an order; return whether that changed anything.

        What the venue reported as final stays; what was inferred from an absence yields to what
        the venue reports. Of an order that is not known nothing is noted.
        """
        order = self.orders.get(client_order_id)
        if order is None:
            return False
        before = order.expected_status
        if before.is_final:
            reports = not is_inferred and status not in {OrderState.PENDING, OrderState.UNKNOWN}
            if not order.is_inferred or not reports:
                return False
        if (before, order.is_inferred) == (status, is_inferred):
            return False
        self.orders[client_order_id] = evolve(
            order,
            expected_status=status,
            is_inferred=is_inferred,
            ts_status=order.ts_status if before is status else now,
        )
        self.active += before.is_final - status.is_final
        if status is not OrderState.UNKNOWN:
            self.unknown_since.pop(client_order_id, None)
        elif before is not OrderState.UNKNOWN:
            self.unknown_since[client_order_id] = now
        return True

    def amend(self, client_order_id: str, price: Decimal, qty: Decimal) -> None:
        """Note that the venue took an amendment of an order; one that is not known is left out."""
        order = self.orders.get(client_order_id)
        if order is not None:
            self.orders[client_order_id] = evolve(order, price=price, orig_qty=qty)

    def set_position(self, symbol: str, position_amt: Decimal, now: int) -> None:
        """Note the position that our ledger has."""
        self.positions[symbol] = ExpectedPosition(
            symbol=symbol, expected_position_amt=position_amt, ts_updated=now
        )

    def position_amt(self, symbol: str) -> Decimal:
        """Return the position that we expect, signed."""
        position = self.positions.get(symbol)
        return Decimal(0) if position is None else position.expected_position_amt

    def expire(self, now: int, settings: ReconcileSettings) -> list[str]:
        """Forget what ended long ago, or is too much; return the client ids."""
        old = [
            client_order_id
            for client_order_id in self.ring
            if self.orders[client_order_id].expected_status.is_final
            and now - self.orders[client_order_id].ts_status >= settings.expected_ttl_ms
        ]
        for client_order_id in old:
            self._forget(client_order_id)
        return [*old, *self._shrink(settings.expected_max_orders)]

    def has_unknown(self, symbol: str, now: int, age_ms: int) -> bool:
        """Whether an order of a symbol has been UNKNOWN for longer than that."""
        return any(
            now - since > age_ms and self.orders[client_order_id].symbol == symbol
            for client_order_id, since in self.unknown_since.items()
        )

    def _shrink(self, most: int) -> list[str]:
        excess = len(self.ring) - most
        if excess <= 0 or self.active == len(self.ring):
            return []
        orders = self.orders
        found = (name for name in self.ring if orders[name].expected_status.is_final)
        ended = list(islice(found, excess))
        for client_order_id in ended:
            self._forget(client_order_id)
        return ended

    def _forget(self, client_order_id: str) -> None:
        del self.orders[client_order_id]
        self.ring.remove(client_order_id)
