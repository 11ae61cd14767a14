"""How orders end other than by filling: cancels, the countdown, and the end of their time."""

from __future__ import annotations

from grinder_core.venue.exchange import conditional
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.vocabulary import Expiry, OrderStatus
from grinder_core.venue.inbox import NEVER


def cancel(
    floor: Floor, name: str, symbol: str, number: int, client_order_id: str
) -> VenueOrder | Refused:
    """Cancel one order by id or, failing that, by client id."""
    if symbol not in floor.instruments:
        return refuse(-1121)
    order = floor.find(name, symbol, number, client_order_id)
    if order is None or not order.status.is_open:
        return refuse(-2011)
    floor.end(order, OrderStatus.CANCELED)
    return order


def cancel_all(floor: Floor, name: str, symbol: str) -> Refused | None:
    """Cancel every order of an account on one symbol, whoever placed it."""
    if symbol not in floor.instruments:
        return refuse(-1121)
    for order in floor.open_orders(name, symbol):
        floor.end(order, OrderStatus.CANCELED)
    return None


def set_countdown(floor: Floor, name: str, symbol: str, countdown_ms: int) -> Refused | None:
    """Cancel all orders of a symbol unless this is called again in time; 0 stops it."""
    if symbol not in floor.instruments:
        return refuse(-1121)
    if countdown_ms < 0:
        return refuse(-1130, "countdownTime")
    key = f"{name}|{symbol}"
    if countdown_ms:
        floor.timers[key] = floor.now + countdown_ms
        floor.deadline = min(floor.deadline, floor.timers[key])
    else:
        floor.timers.pop(key, None)
    return None


def run_out(floor: Floor) -> None:
    """End what is due by ``floor.now``: first by its deadline, of equal ones orders first."""
    due = sorted((time, key) for key, time in floor.timers.items() if time <= floor.now)
    for time, key in due:
        _expire(floor, time)
        del floor.timers[key]
        account, _, symbol = key.rpartition("|")
        for order in floor.open_orders(account, symbol):
            floor.end(order, OrderStatus.CANCELED)
    _expire(floor, floor.now)
    conditional.expire(floor)
    ends = [order.good_till for order in floor.orders.values() if order.good_till]
    waits = [order.good_till for order in floor.conditionals.values() if order.good_till]
    floor.deadline = min([*floor.timers.values(), *ends, *waits], default=NEVER)


def _expire(floor: Floor, time: int) -> None:
    for order in list(floor.orders.values()):
        if order.good_till and order.good_till <= time:
            floor.end(order, OrderStatus.EXPIRED, Expiry.GOOD_TILL)
