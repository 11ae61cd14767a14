"""From a plan to the fewest order actions (CORE-32).

The diff decides which orders should exist. It is pure: it reads the book and returns what to do;
the engine applies it and turns it into effects. Called inside ``exact()``.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define, field, frozen

from grinder_core.contracts.enums import (
    ExecReason,
    ExecutionEventType,
    GridMode,
    ResetAction,
    Side,
)
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.contracts.orders import (
    ExecutionAction,
    ExecutionEvent,
    OrderIntent,
    OrderRecord,
)
from grinder_core.contracts.plan import GridPlan
from grinder_core.numbers import ZERO, canonical
from grinder_core.orders import actions
from grinder_core.orders.actions import Level
from grinder_core.orders.constraints import Lot, constrain
from grinder_core.orders.grid_book import GridBook
from grinder_core.orders.levels import side_prices

SIDES = tuple(Side)
LOT_REFUSALS = (ExecReason.EXEC_QTY_BELOW_MIN_QTY, ExecReason.EXEC_NOTIONAL_BELOW_MIN)
GRID_RESET, NOT_DESIRED = ExecReason.GRID_RESET, ExecReason.NOT_DESIRED


@frozen(kw_only=True)
class Admission:
    """What an order must pass right before the port.

    Attributes:
        limits: Lot rules of the symbol (CORE-33).
        buy_refused, sell_refused: Why the book lets no order of that side in now (CORE-35).
    """

    limits: SymbolConstraints | None = None
    buy_refused: ExecReason | None = None
    sell_refused: ExecReason | None = None


NO_LIMITS = Admission()


@frozen
class Diff:
    """What to do, in CORE-32's order: cancels, replaces, places; BUY before SELL, inner first.

    Attributes:
        anchor: The grid's anchor after it; ``None`` after a pause.
        resets: All levels are armed again.
        cancels, intents: Orders to take out, and to put in.
        quiet: Mid bounds within which the same plan at the same position gives no action and no
            event; ``None`` where that cannot be said.
    """

    actions: tuple[ExecutionAction, ...]
    events: tuple[ExecutionEvent, ...]
    anchor: Decimal | None
    resets: bool
    cancels: tuple[OrderRecord, ...]
    intents: tuple[OrderIntent, ...]
    quiet: tuple[Decimal | None, Decimal | None] | None


def diff(
    book: GridBook,
    plan: GridPlan,
    mid: Decimal,
    ts: int,
    position: Decimal,
    admission: Admission = NO_LIMITS,
) -> Diff:
    """Compare live orders with the plan.

    Args:
        book: The symbol's orders and anchor; only read.
        mid: Current mid; BUY levels must lie below it, SELL levels above.
        ts: Stamp of the events.
        position: Signed base quantity, for ``reduce_only`` plans.
        admission: What a new order must pass; refused ones are tried again at every diff.
    """
    if plan.shape.mode in {GridMode.PAUSE, GridMode.EMERGENCY}:
        return _pause(book, plan, ts)
    return _Diffing(book, plan, mid, ts, position, admission).run()


@define
class _Diffing:
    book: GridBook
    plan: GridPlan
    mid: Decimal
    ts: int
    position: Decimal
    admission: Admission
    cancels: list[tuple[OrderRecord, ExecReason]] = field(factory=list)
    replaces: list[tuple[OrderRecord, Level]] = field(factory=list)
    places: list[Level] = field(factory=list)
    events: list[ExecutionEvent] = field(factory=list)
    lots: dict[Decimal, Lot] = field(factory=dict)
    has_refusals: bool = False  # such a level speaks up as soon as it turns passive

    def run(self) -> Diff:
        reset = self.plan.reset_action
        keeps_anchor = reset is ResetAction.NONE and self.book.anchor_price is not None
        anchor = self.book.anchor_price if keeps_anchor else self.plan.center_price
        assert anchor is not None
        resets = reset is not ResetAction.NONE
        if resets:
            self.events.append(_reset_event(self.plan, self.book.symbol, self.ts))
        levels = self._levels(anchor, all_armed=resets)
        live = self.book.by_level()
        for level in levels:
            self._judge(level, live.pop((level.side, level.level), None))
        self._guard()
        gone = GRID_RESET if self.plan.reset_action is ResetAction.HARD else NOT_DESIRED
        self.cancels += [(order, gone) for order in live.values()]  # levels the plan has not
        if self.plan.shape.reduce_only or reset is ResetAction.HARD:
            # what hangs on no level goes as well, unless it is an exit
            adds = (o for o in self.book.live.values() if not (o.level_id or o.reduce_only))
            self.cancels += [(order, gone) for order in adds]
        return self._result(anchor, resets, levels)

    def _judge(self, level: Level, order: OrderRecord | None) -> None:
        reset = self.plan.reset_action
        desired = level.wanted and level.passive
        if order is None:
            if desired:
                self.places.append(level)
            return
        conforms = (
            order.price == level.price
            and order.qty == level.qty
            and order.reduce_only is self.plan.shape.reduce_only
        )
        if reset is ResetAction.HARD:
            self.cancels.append((order, GRID_RESET))
            if desired:
                self.places.append(level)
        elif conforms and level.wanted and (level.passive or reset is ResetAction.NONE):
            return  # a resting order is not pulled because the mid moved past its level
        elif not desired:
            self.cancels.append((order, NOT_DESIRED))
        elif reset is ResetAction.SOFT:
            self.replaces.append((order, level))
        else:
            self.cancels.append((order, ExecReason.NOT_CONFORMING))
            self.places.append(level)

    def _guard(self) -> None:
        """Leave out what the book refuses; of a replacement only the cancel remains."""
        admission = self.admission
        if not (admission.buy_refused or admission.sell_refused) or self.plan.shape.reduce_only:
            return
        refused = {Side.BUY: admission.buy_refused, Side.SELL: admission.sell_refused}
        for order, level in self.replaces:
            if refused[level.side]:
                self.cancels.append((order, ExecReason.NOT_CONFORMING))
        for level in (*(level for _, level in self.replaces), *self.places):
            if reason := refused[level.side]:
                self.has_refusals = True
                self._skip(level.side, level.level, reason)
        self.replaces = [pair for pair in self.replaces if not refused[pair[1].side]]
        self.places = [level for level in self.places if not refused[level.side]]

    def _levels(self, anchor: Decimal, *, all_armed: bool) -> list[Level]:
        shape, levels = self.plan.shape, []
        for side in SIDES:
            if not (shape.levels_down if side is Side.BUY else shape.levels_up):
                continue
            spent = () if all_armed else self.book.spent(side)
            room = self._room(side)
            seen: set[Decimal] = set()
            prices = side_prices(anchor, shape, side, self.book.tick_size)
            for number, price in enumerate(prices, 1):
                size = shape.size_schedule[number - 1]
                lot = self._lot(size, price)
                qty = lot.qty
                passive = price < self.mid if side is Side.BUY else price > self.mid
                wanted = size > 0 and number not in spent
                if room is not None and wanted:
                    wanted = qty <= room
                    room = room - qty if wanted else ZERO  # all further levels are dropped
                if wanted and (reason := _refusal(price, seen) or self._lot_refusal(side, lot)):
                    self.has_refusals = True
                    if passive or price <= 0:
                        self._skip(side, number, reason, original_qty=size, rounded_qty=qty)
                    wanted = False
                seen.add(price)
                levels.append(Level(side, number, price, qty, wanted, passive))
        return levels

    def _lot(self, size: Decimal, price: Decimal) -> Lot:
        """The lot of a size; levels of one size share it where the price has no say."""
        limits = self.admission.limits
        lot = self.lots.get(size)
        if lot is None:
            lot = constrain(size, price, limits, reduce_only=self.plan.shape.reduce_only)
            if limits is None or not limits.min_notional:
                self.lots[size] = lot
        return lot

    def _lot_refusal(self, side: Side, lot: Lot) -> ExecReason | None:
        """Why the quantity cannot be an order; where the book refuses too, that comes first."""
        if lot.refusal is None or self.plan.shape.reduce_only:
            return lot.refusal
        admission = self.admission
        refused = admission.buy_refused if side is Side.BUY else admission.sell_refused
        return refused or lot.refusal

    def _room(self, side: Side) -> Decimal | None:
        """How much a reduce-only side may hold; ``None``: any amount."""
        if not self.plan.shape.reduce_only:
            return None
        reduces = self.position > 0 if side is Side.SELL else self.position < 0
        return abs(self.position) if reduces else ZERO

    def _skip(self, side: Side, level: int, reason: ExecReason, **qtys: Decimal) -> None:
        details: dict[str, str | int | tuple[str, ...]] = {
            "reason": reason.value,
            "level_id": level,
            "side": side.value,
        }
        if reason in LOT_REFUSALS:
            details |= {name: canonical(qty) for name, qty in qtys.items()}
        self.events.append(
            ExecutionEvent(
                type=ExecutionEventType.ORDER_SKIPPED,
                ts=self.ts,
                symbol=self.book.symbol,
                details=details,
            )
        )

    def _result(self, anchor: Decimal, resets: bool, levels: list[Level]) -> Diff:
        symbol = self.book.symbol
        self.cancels.sort(key=lambda pair: _leaving_order(pair[0]))
        todo = [actions.cancel(order, why) for order, why in self.cancels]
        todo += [actions.replace(order, level) for order, level in self.replaces]
        todo += [actions.place(symbol, level) for level in self.places]
        incoming = [level for _, level in self.replaces] + self.places
        reduce_only = self.plan.shape.reduce_only
        return Diff(
            actions=tuple(todo) or (actions.noop(symbol),),
            events=tuple(self.events),
            anchor=anchor,
            resets=resets,
            cancels=tuple(order for order, _ in (*self.cancels, *self.replaces)),
            intents=tuple(
                actions.intent(symbol, level, reduce_only=reduce_only) for level in incoming
            ),
            quiet=None if self.has_refusals else _quiet_bounds(levels),
        )


def _quiet_bounds(levels: list[Level]) -> tuple[Decimal | None, Decimal | None]:
    """Bounds of the mid within which no wanted but absent level turns passive.

    Absent are exactly the wanted levels that are not passive now: all others rest already or are
    being placed, and a resting order stays whatever the mid does.
    """
    buys = [x.price for x in levels if x.wanted and not x.passive and x.side is Side.BUY]
    sells = [x.price for x in levels if x.wanted and not x.passive and x.side is Side.SELL]
    return max(sells, default=None), min(buys, default=None)


def _leaving_order(order: OrderRecord) -> tuple[str, int, str, str]:
    """Name every order's place: on no level there may be several, and a loaded book is sorted."""
    return order.side.value, order.level_id, order.order_id, order.client_order_id


def _refusal(price: Decimal, seen: set[Decimal]) -> ExecReason | None:
    if price <= 0:
        return ExecReason.EXEC_PRICE_NON_POSITIVE
    return ExecReason.EXEC_DUPLICATE_PRICE if price in seen else None


def _pause(book: GridBook, plan: GridPlan, ts: int) -> Diff:
    # no severity stops an exit, and stopping the grid needs it most
    leaving = (o for o in book.live.values() if not o.reduce_only)
    orders = sorted(leaving, key=_leaving_order)
    events = () if plan.reset_action is ResetAction.NONE else (_reset_event(plan, book.symbol, ts),)
    return Diff(
        actions=tuple(actions.cancel(order, ExecReason.PLAN_PAUSED) for order in orders)
        or (actions.noop(book.symbol),),
        events=events,
        anchor=None,
        resets=True,
        cancels=tuple(orders),
        intents=(),
        quiet=(None, None),  # the anchor is gone already, and nothing is left to cancel
    )


def _reset_event(plan: GridPlan, symbol: str, ts: int) -> ExecutionEvent:
    return ExecutionEvent(
        type=ExecutionEventType.GRID_RESET,
        ts=ts,
        symbol=symbol,
        details={
            "action": plan.reset_action.value,
            "center_price": canonical(plan.center_price),
            "reason_codes": plan.reason_codes,
        },
    )
