"""Conditional orders: they wait outside the book until a price reaches their trigger.

Source: the venue's algo order pages. A triggered one becomes a normal order with an id of its own,
which is checked like any other then; one that is refused ends as REJECTED with the refusal's words.
The working price is the mark, or the last print (the mid where none was seen).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_core.contracts.enums import Side
from grinder_core.numbers import BPS
from grinder_core.venue.exchange import entry
from grinder_core.venue.exchange.conditional_order import (
    ConditionalOrder,
    ConditionalPush,
    ConditionalStatus,
    WorkingPrice,
)
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType, PositionSide, SymbolStatus

CALLBACK_BPS: Final = range(10, 2_001)


def place(floor: Floor, order: ConditionalOrder) -> ConditionalOrder | Refused:
    """Let a conditional order wait, or refuse it; its number and times are set here."""
    refused = _check(floor, order)
    if refused is not None:
        return refused
    floor.last_conditional += 1
    order.number = floor.last_conditional
    order.client_id = order.client_id or f"algo_{order.number:012d}"
    order.created_at = order.updated_at = floor.now
    floor.conditionals[order.number] = order
    if order.good_till:
        floor.deadline = min(floor.deadline, order.good_till)
    _tell(floor, order)
    return order


def cancel(floor: Floor, name: str, number: int, client_id: str) -> ConditionalOrder | Refused:
    """Cancel one that waits."""
    order = find(floor, name, number, client_id)
    if order is None or order.status is not ConditionalStatus.NEW:
        return refuse(-2011)
    _finish(floor, order, ConditionalStatus.CANCELED)
    return order


def cancel_all(floor: Floor, name: str, symbol: str) -> Refused | None:
    """Cancel all that wait on one symbol."""
    if symbol not in floor.instruments:
        return refuse(-1121)
    for order in waiting(floor, name, symbol):
        _finish(floor, order, ConditionalStatus.CANCELED)
    return None


def expire(floor: Floor) -> None:
    """End those whose time is over."""
    for order in list(floor.conditionals.values()):
        if order.good_till and order.good_till <= floor.now:
            _finish(floor, order, ConditionalStatus.EXPIRED)


def find(floor: Floor, name: str, number: int, client_id: str) -> ConditionalOrder | None:
    """Return one that can still be asked for."""
    for orders in (floor.conditionals, floor.finished_conditionals):
        for order in reversed(orders.values()):
            if order.account == name and (
                order.number == number if number else order.client_id == client_id
            ):
                return order
    return None


def waiting(floor: Floor, name: str, symbol: str | None = None) -> list[ConditionalOrder]:
    """Those of an account that wait, oldest first."""
    return [
        order
        for order in floor.conditionals.values()
        if order.account == name and symbol in {None, order.symbol}
    ]


def on_price(floor: Floor, symbol: str) -> None:
    """Trigger what the symbol's prices have reached."""
    if not floor.conditionals:
        return
    for order in list(floor.conditionals.values()):
        if order.symbol != symbol:
            continue
        price = working_price(floor, order)
        if price is not None and _is_reached(order, price) and not _is_guarded(floor, order):
            _trigger(floor, order)


def _is_guarded(floor: Floor, order: ConditionalOrder) -> bool:
    """Whether price protection holds a trigger back: print and mark are too far apart."""
    if not order.price_protect:
        return False
    last, mark = floor.prints.get(order.symbol), floor.mark(order.symbol)
    if last is None or mark is None:
        return False
    return abs(last - mark) > mark * floor.instruments[order.symbol].trigger_protect


def working_price(floor: Floor, order: ConditionalOrder) -> Decimal | None:
    """The price that an order watches."""
    if order.working_price is WorkingPrice.MARK_PRICE:
        return floor.mark(order.symbol)
    return floor.prints.get(order.symbol) or floor.books[order.symbol].mid


def _check(floor: Floor, order: ConditionalOrder) -> Refused | None:
    instrument = floor.instruments.get(order.symbol)
    if instrument is None:
        return refuse(-1121)
    if not order.type.is_conditional:
        return refuse(-1116)
    if instrument.status is not SymbolStatus.TRADING:
        return refuse(-4140)
    account = floor.account(order.account)
    if account.is_hedged is (order.position_side is PositionSide.BOTH):
        return refuse(-4061)
    if account.is_hedged and order.reduce_only:
        return refuse(-1106, "reduceonly")
    if len(waiting(floor, order.account)) >= floor.rules.conditional_max:
        return refuse(-4045)
    if order.client_id:
        if entry.CLIENT_ID.fullmatch(order.client_id) is None:
            return refuse(-4015)
        if any(o.client_id == order.client_id for o in waiting(floor, order.account)):
            return refuse(-4116)
    return (
        entry.check_good_till(floor, order.tif, order.good_till)
        or _check_amounts(floor, order)
        or _check_trigger(floor, order)
    )


def _check_amounts(floor: Floor, order: ConditionalOrder) -> Refused | None:
    instrument = floor.instruments[order.symbol]
    at_market = not order.type.has_price
    if order.close_position:
        if not at_market or order.qty or order.reduce_only:
            return refuse(-1106, "quantity" if order.qty else "reduceonly")
        return refuse(-1128) if _opens(order) else None
    if order.type.has_price:
        refused = instrument.check_price(order.price)
        if refused is not None:
            return refused
    return instrument.check_qty(order.qty, at_market=at_market)


def _opens(order: ConditionalOrder) -> bool:
    """Whether it is on the side that grows a position of hedge mode."""
    grows = Side.SELL if order.position_side is PositionSide.SHORT else Side.BUY
    return order.position_side is not PositionSide.BOTH and order.side is grows


def _check_trigger(floor: Floor, order: ConditionalOrder) -> Refused | None:
    instrument = floor.instruments[order.symbol]
    if order.type is OrderType.TRAILING_STOP_MARKET:
        return None if order.callback_bps in CALLBACK_BPS else refuse(-1130, "callbackRate")
    refused = instrument.check_price(order.trigger_price)
    if refused is not None:
        return refused
    price = working_price(floor, order)
    return refuse(-2021) if price is not None and _is_reached(order, price) else None


def _is_reached(order: ConditionalOrder, price: Decimal) -> bool:
    if order.type is OrderType.TRAILING_STOP_MARKET:
        return _has_turned(order, price)
    if order.waits_for_rise:
        return price >= order.trigger_price
    return price <= order.trigger_price


def _has_turned(order: ConditionalOrder, price: Decimal) -> bool:
    """Follow the price from the activation on; say whether it turned back far enough."""
    sells = order.side is Side.SELL
    if order.best is None:
        activate = order.activate_price
        if activate and (price < activate if sells else price > activate):
            return False
        order.best = price
    order.best = max(order.best, price) if sells else min(order.best, price)
    if sells:
        return price * BPS <= order.best * (BPS - order.callback_bps)
    return price * BPS >= order.best * (BPS + order.callback_bps)


def _trigger(floor: Floor, order: ConditionalOrder) -> None:
    order.triggered_at = floor.now
    order.status = ConditionalStatus.TRIGGERED
    _tell(floor, order)
    made = entry.place(floor, order.account, _request_of(floor, order))
    if isinstance(made, Refused):
        order.reason = made.message
        _finish(floor, order, ConditionalStatus.REJECTED)
        return
    made.trigger_id, made.close_position = order.number, order.close_position
    order.order_number = made.number
    _finish(floor, order, ConditionalStatus.FINISHED)


def _request_of(floor: Floor, order: ConditionalOrder) -> NewOrder:
    hedged = order.position_side is not PositionSide.BOTH
    qty = order.qty
    if order.close_position:
        qty = abs(floor.account(order.account).look(order.symbol, order.position_side).ledger.qty)
    return NewOrder(
        symbol=order.symbol,
        side=order.side,
        type=OrderType.LIMIT if order.type.has_price else OrderType.MARKET,
        qty=qty,
        price=order.price,
        tif=order.tif,
        client_order_id=order.client_id,
        position_side=order.position_side if hedged else None,
        reduce_only=None if hedged else order.reduce_only or order.close_position,
        good_till=order.good_till,
    )


def _finish(floor: Floor, order: ConditionalOrder, status: ConditionalStatus) -> None:
    order.status = status
    del floor.conditionals[order.number]
    floor.finished_conditionals[order.number] = order
    if len(floor.finished_conditionals) > floor.rules.history:
        del floor.finished_conditionals[next(iter(floor.finished_conditionals))]
    _tell(floor, order)


def _tell(floor: Floor, order: ConditionalOrder) -> None:
    order.updated_at = floor.now
    push = ConditionalPush(order, floor.now, order.status, order.order_number, order.reason)
    floor.outbox.append(push)
