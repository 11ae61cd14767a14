"""Amends: a resting limit order gets a new price and quantity and goes to the back of its queue.

Source: the venue's page on PUT order. New values that break a filter leave the order as it is; a
partly filled order whose new total is not above what filled, and a post-only order whose new price
would take, are cancelled by the amend.
"""

from __future__ import annotations

from decimal import Decimal

from grinder_core.venue.exchange.account import Amendment
from grinder_core.venue.exchange.entry import check_margin, meet, price_of_match
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.requests import Amend
from grinder_core.venue.exchange.taking import crosses
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    OrderStatus,
    OrderType,
    PriceMatch,
    SymbolStatus,
    TimeInForce,
)


def amend(floor: Floor, name: str, request: Amend) -> VenueOrder | Refused:
    """Change a resting order, cancel it, or refuse and leave it."""
    instrument = floor.instruments.get(request.symbol)
    if instrument is None:
        return refuse(-1121)
    order = floor.find(name, request.symbol, request.order_id, request.client_order_id)
    if order is None or not order.status.is_open:
        return refuse(-2013)
    if instrument.status is not SymbolStatus.TRADING:
        return refuse(-5024)
    if order.type is not OrderType.LIMIT:
        return refuse(-5025)
    if order.side is not request.side:
        return refuse(-1117)
    if request.reduce_only and not order.reduce_only:
        return refuse(-5047)
    if order.amend_count >= floor.rules.amends_max:
        return refuse(-5026)
    price = _price_of(floor, order, request)
    if isinstance(price, Refused):
        return price
    return _checked(floor, name, order, price, request) or _apply(floor, order, price, request)


def _price_of(floor: Floor, order: VenueOrder, request: Amend) -> Decimal | Refused:
    if request.price_match is PriceMatch.NONE:
        return request.price
    if request.price:
        return refuse(-1106, "price")
    matched = price_of_match(floor.books[order.symbol], order.side, request.price_match)
    return refuse(-5041) if matched is None else matched


def _checked(
    floor: Floor, name: str, order: VenueOrder, price: Decimal, request: Amend
) -> Refused | None:
    instrument = floor.instruments[order.symbol]
    refused = (
        instrument.check_qty(request.qty, at_market=False)
        or instrument.check_price(price)
        or instrument.check_band(order.side, price, floor.mark(order.symbol))
    )
    if refused is not None:
        return refused
    if price == order.price and request.qty == order.qty:
        return refuse(-5027)
    if not order.counts:
        # a reduce-only order is exempt, at an amend only where the client says so
        return None if request.reduce_only else instrument.check_notional(price, request.qty)
    account = floor.account(name)
    more = price * (request.qty - order.filled) - order.price * order.remaining
    return instrument.check_notional(price, request.qty) or (
        check_margin(
            floor,
            account,
            instrument,
            account.look(order.symbol, order.position_side),
            order.side,
            more,
        )
        if more > 0
        else None
    )


def _apply(floor: Floor, order: VenueOrder, price: Decimal, request: Amend) -> VenueOrder:
    book = floor.books[order.symbol]
    takes = order.tif is TimeInForce.GTX and crosses(book, order.side, price)
    if request.qty <= order.filled or takes:
        floor.end(order, OrderStatus.CANCELED, Expiry.NONE)
        return order
    book.remove(order.order_id)
    if order.counts:
        position = floor.clearing.position_of(order)
        position.add_open(order.side, -order.price * order.remaining)
        position.add_open(order.side, price * (request.qty - order.filled))
    before = (order.price, order.qty)
    order.price, order.qty = price, request.qty
    order.price_match = request.price_match
    order.placed_ts = floor.now  # a book from before this cannot know who came first
    order.amend_count += 1
    order.modify_id = request.modify_id
    _note(floor, order, before)
    floor.tell(order, Execution.AMENDMENT)
    meet(floor, book, order)
    return order


def _note(floor: Floor, order: VenueOrder, before: tuple[Decimal, Decimal]) -> None:
    account = floor.account(order.account)
    number = account.amendments[-1].number + 1 if account.amendments else 1
    account.amendments.append(
        Amendment(
            number=number,
            order_number=order.number,
            ts=floor.now,
            old_price=before[0],
            new_price=order.price,
            old_qty=before[1],
            new_qty=order.qty,
            count=order.amend_count,
            modify_id=order.modify_id,
        )
    )
