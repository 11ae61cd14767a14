"""Results of writes that are never sent (LIVE-09, ``dry_run``): every order is taken and rests."""

from __future__ import annotations

from decimal import Decimal

from grinder_adapters.binance.outcomes import Accepted, Seen
from grinder_core.contracts.enums import OrderState
from grinder_core.numbers import ZERO
from grinder_core.resilience.unknown import OrderView


class DryRun:
    """Makes up results; the same calls give the same ones."""

    def __init__(self) -> None:
        self._orders = 0

    def placed(self, client_order_id: str, price: Decimal, qty: Decimal) -> Accepted:
        """An order that rests."""
        return self._accepted(client_order_id, OrderState.OPEN, price, qty, ZERO)

    def filled(self, client_order_id: str, qty: Decimal) -> Accepted:
        """A market order, filled."""
        return self._accepted(client_order_id, OrderState.FILLED, ZERO, qty, qty)

    def cancelled(self, client_order_id: str) -> Accepted:
        """An order that was cancelled before it executed anything."""
        return self._accepted(client_order_id, OrderState.CANCELLED, ZERO, ZERO, ZERO)

    def _accepted(
        self, client_order_id: str, state: OrderState, price: Decimal, qty: Decimal, done: Decimal
    ) -> Accepted:
        self._orders += 1
        view = OrderView(state=state, price=price, qty=qty, updated_ms=0)
        order = Seen(view=view, order_id=f"DRY_{self._orders:08d}", executed_qty=done)
        return Accepted(client_order_id=client_order_id, order=order, attempts=0)
