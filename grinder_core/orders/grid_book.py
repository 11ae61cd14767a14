"""Our orders on one symbol, as the engine knows them from events (CORE-32, design section 1).

``live`` holds what rests or is about to; a cancelled order moves to ``leaving`` until the venue
confirms. Transitions that the venue reports are the table below; anything else contradicts us.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import Factory, define, evolve, field, frozen

from grinder_core.contracts.enums import OrderState, Rearm, ResetAction, Side
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.errors import InvariantError
from grinder_core.numbers import ZERO, exact

_PENDING, _OPEN, _PART = OrderState.PENDING, OrderState.OPEN, OrderState.PARTIALLY_FILLED
_FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED)

TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    # a fill can overtake the acknowledgement
    _PENDING: frozenset({_OPEN, _PART, *_FINAL, OrderState.REJECTED}),
    _OPEN: frozenset({_OPEN, _PART, *_FINAL}),
    _PART: frozenset({_PART, *_FINAL}),
}


@frozen
class Quiet:
    """A plan with the levels of ``shape`` and no reset changes nothing while the rest holds.

    Attributes:
        position: Signed; it matters to plans that may only shrink it.
        low, high: Bounds of the mid, inclusive; ``None`` is open.
    """

    shape: GridShape
    position: Decimal
    low: Decimal | None = None
    high: Decimal | None = None


@define
class GridBook:
    """Live orders by level, the anchor they hang on, and which levels are spent.

    Attributes:
        anchor_price: Centre of the live grid; moves only by explicit resets.
        spent: Levels fully filled since the last reset, per side, ascending.
        open_notional: Sum of ``price * remaining`` over live and leaving orders, quote currency: an
            order can fill until the venue says that it is gone.
        unplanned_notional: Its share in orders that no plan counts and that may add risk: those
            on no level, and those on their way out.
        quiet: When a plan would change nothing; a cache, never part of the state.
    """

    symbol: str
    rearm: Rearm
    tick_size: Decimal
    anchor_price: Decimal | None = None
    live: dict[str, OrderRecord] = Factory(dict)
    leaving: dict[str, OrderRecord] = Factory(dict)
    spent_buy: list[int] = Factory(list)
    spent_sell: list[int] = Factory(list)
    open_notional: Decimal = ZERO
    unplanned_notional: Decimal = ZERO
    quiet: Quiet | None = field(default=None, init=False, eq=False)

    def spent(self, side: Side) -> list[int]:
        """Spent levels of one side."""
        return self.spent_buy if side is Side.BUY else self.spent_sell

    def by_level(self) -> dict[tuple[Side, int], OrderRecord]:
        """Live orders by side and level; level 0 orders hang on no grid and are left out."""
        return {(o.side, o.level_id): o for o in self.live.values() if o.level_id}

    def in_order(self) -> list[OrderRecord]:
        """Live orders by the venue's id, which is the order they were placed in."""
        return sorted(self.live.values(), key=lambda o: (o.order_id, o.client_order_id))

    def is_quiet(self, plan: GridPlan, mid: Decimal, position: Decimal) -> bool:
        """Whether the diff of this plan is known to change nothing."""
        if self.quiet is None or plan.reset_action is not ResetAction.NONE:
            return False
        quiet = self.quiet
        if plan.shape is not quiet.shape:
            if not plan.shape.lays_like(quiet.shape):
                return False
            self.quiet = quiet = evolve(quiet, shape=plan.shape)
        if quiet.shape.reduce_only and position != quiet.position:
            return False
        low, high = quiet.low, quiet.high
        return (low is None or mid >= low) and (high is None or mid <= high)

    def reset(self, anchor: Decimal | None) -> None:
        """Hang the grid on another anchor; all levels are armed again."""
        self.anchor_price = anchor
        self.spent_buy.clear()
        self.spent_sell.clear()
        self.quiet = None

    def place(self, records: Iterable[OrderRecord]) -> None:
        """Note orders that are about to be sent."""
        for record in records:
            self.live[record.client_order_id] = record
        self.quiet = None  # what hangs on no level may be what the plan takes out
        self._revalue()

    def cancel(self, records: Iterable[OrderRecord]) -> None:
        """Note orders whose cancellation is about to be sent."""
        for record in records:
            self.leaving[record.client_order_id] = self.live.pop(record.client_order_id)
        self.quiet = None
        self._revalue()

    def take_over(self, other: GridBook) -> None:
        """Hold the orders of another book; the next plan hangs the grid anew."""
        self.live, self.leaving = dict(other.live), dict(other.leaving)
        self._revalue()

    def adopt(self, record: OrderRecord) -> None:
        """Take in an order that rests at the venue and that nobody here placed.

        It hangs on its level unless another order does: then it leaves.
        """
        is_taken = (record.side, record.level_id) in self.by_level()
        (self.leaving if is_taken else self.live)[record.client_order_id] = record
        self.quiet = None
        self._revalue()

    def keep(self, client_order_id: str) -> None:
        """Note that an order stays after all: its cancellation is not sent."""
        self.live[client_order_id] = self.leaving.pop(client_order_id)
        self.quiet = None
        self._revalue()

    def resize(self, client_order_id: str, price: Decimal, qty: Decimal) -> None:
        """Note that a new order goes out with another price or quantity than was planned."""
        record = self.live[client_order_id]
        self.live[client_order_id] = evolve(record, price=price, qty=qty)
        self.quiet = None
        self._revalue()

    def get(self, client_order_id: str) -> OrderRecord | None:
        """Return one of our orders that is not finished."""
        return self.live.get(client_order_id) or self.leaving.get(client_order_id)

    def fold(self, update: OrderUpdate) -> OrderRecord:
        """Apply what the venue said about an order of ours; return its record. In ``exact()``.

        Raises:
            InvariantError: The move is impossible from the state we know.
        """
        key = update.client_order_id
        home = self.live if key in self.live else self.leaving
        before = home[key]
        if update.state not in TRANSITIONS[before.state] or update.filled_qty < before.filled_qty:
            raise InvariantError(
                f"cannot follow {before.state} filled {before.filled_qty}",
                field=key,
                value=f"{update.state} filled {update.filled_qty}",
            )
        after = evolve(
            before, order_id=update.order_id, state=update.state, filled_qty=update.filled_qty
        )
        gone = before.price * (after.filled_qty - before.filled_qty)
        if not update.state.is_final:
            home[key] = after
        else:
            del home[key]
            self._finish(after, was_live=home is self.live)
            gone = before.price * (before.qty - before.filled_qty)
        if gone:
            self.open_notional -= gone
            if self._is_unplanned(before, was_live=home is self.live):
                self.unplanned_notional -= gone
        return after

    def _finish(self, order: OrderRecord, *, was_live: bool) -> None:
        if order.state is not OrderState.FILLED:
            if was_live:  # the venue took it away: its level is free again
                self.quiet = None
            return
        self.quiet = None
        if not order.level_id or not was_live:
            return  # a late fill of a cancelled order belongs to no level of the present grid
        spent = self.spent(order.side)
        if order.level_id not in spent:
            spent.append(order.level_id)
            spent.sort()
        if self.rearm is Rearm.OPPOSITE and (other := self.spent(order.side.opposite)):
            del other[0]  # the innermost

    def _revalue(self) -> None:
        with exact():
            self.open_notional = self.unplanned_notional = ZERO
            for orders in (self.live, self.leaving):
                for order in orders.values():
                    left = order.price * (order.qty - order.filled_qty)
                    self.open_notional += left
                    if self._is_unplanned(order, was_live=orders is self.live):
                        self.unplanned_notional += left

    @staticmethod
    def _is_unplanned(order: OrderRecord, *, was_live: bool) -> bool:
        return not (order.reduce_only or (was_live and order.level_id))
