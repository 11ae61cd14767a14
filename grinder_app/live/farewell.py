"""What became of every order when a session ended in order (LIVE-38, graceful stop)."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from attrs import frozen

from grinder_app.live.reconciling import unfinished
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.live.core import LiveCore, Step
from grinder_core.numbers import canonical


class Fate(StrEnum):
    """How an order fared."""

    CANCELLED = "cancelled"
    FILLED = "filled"
    ENDED = "ended by the venue"
    WITHDRAWN = "withdrawn before it left"
    KEPT = "kept: it can only reduce"
    UNKNOWN = "of unknown outcome"
    RESTS = "may still rest, and adds risk"


_FATES = {OrderState.CANCELLED: Fate.CANCELLED, OrderState.FILLED: Fate.FILLED}


@frozen
class Parted:
    """One order and its fate."""

    order: OrderRecord
    fate: Fate

    def line(self) -> str:
        """Return it for people."""
        o = self.order
        size = f"{canonical(o.qty)} at {canonical(o.price)}"
        done = f", {canonical(o.filled_qty)} filled" if o.filled_qty else ""
        return f"{o.symbol} {o.side.value} {size}{done} ({o.client_order_id}): {self.fate.value}"


class Farewell:
    """Follows the orders of a session from the wish to stop until its end.

    Args:
        core: The session, before it is told to stop.
    """

    def __init__(self, core: LiveCore) -> None:
        self._core = core
        self._orders = {order.client_order_id: order for order in self._unfinished()}
        self._ended: dict[str, OrderState] = {}

    def stepped(self, event: Event, step: Step) -> None:
        """Look at a step that is over."""
        update = event.payload
        if isinstance(update, OrderUpdate) and update.state.is_final:
            self._ended[update.client_order_id] = update.state

    def orders(self) -> tuple[Parted, ...]:
        """Return every order and what became of it, by symbol and id."""
        left = {order.client_order_id: order for order in self._unfinished()}
        found = [
            Parted(left.get(name, order), self._fate(name, left.get(name)))
            for name, order in {**self._orders, **left}.items()
        ]
        return tuple(
            sorted(found, key=lambda each: (each.order.symbol, each.order.client_order_id))
        )

    def _fate(self, name: str, left: OrderRecord | None) -> Fate:
        if left is None:
            ended = self._ended.get(name)
            return Fate.WITHDRAWN if ended is None else _FATES.get(ended, Fate.ENDED)
        if left.state is OrderState.UNKNOWN:
            return Fate.UNKNOWN
        return Fate.KEPT if left.reduce_only else Fate.RESTS

    def _unfinished(self) -> list[OrderRecord]:
        return unfinished(self._core.engine.hot, self._core.hot.waiting)


def summary(orders: tuple[Parted, ...]) -> str:
    """Say how many fared how; empty: there was none."""
    counts = Counter(each.fate for each in orders)
    return ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate if counts[fate])
