"""An order as the venue takes it: rounded, in bounds, on its own side of the book (LIVE-15).

Rules 5 to 11 of the router. Every step makes the order more passive or smaller, never the
opposite. Called inside ``exact()``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_core.contracts.enums import BUY, RiskIntent, Side
from grinder_core.contracts.live import RouteReason
from grinder_core.numbers import BPS
from grinder_core.orders.route_request import RouteBook, RouteRequest
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.orders.router_settings import RouterSettings

_INCREASE: Final = RiskIntent.INCREASE_RISK
_REDUCE: Final = RiskIntent.REDUCE_RISK


def as_the_venue_takes_it(
    request: RouteRequest,
    book: RouteBook | None,
    limits: RouterLimits | None,
    settings: RouterSettings,
    now_ms: int,
) -> RouteRequest | RouteReason:
    """Return the order with a price and quantity of the venue's, or why there is none."""
    price, qty, side = request.price, request.qty, request.side
    adds_risk = request.intent is _INCREASE
    if limits is None:
        if adds_risk:  # 5; an exit goes on unrounded
            return RouteReason.CONSTRAINTS_MISSING
    else:
        if price is not None:
            price = _passive(price, side, limits.tick_size)
            if not price:  # below one tick there is no price
                return RouteReason.INVALID_ORDER
        qty -= qty % limits.step_size
        if not qty or qty < limits.min_qty:  # 6
            return RouteReason.EXEC_QTY_BELOW_MIN_QTY
        most = limits.market_max_qty if price is None else limits.max_qty
        if most is not None and qty > most:  # 7; a large position leaves in parts
            if request.intent is not _REDUCE:
                return RouteReason.EXEC_QTY_ABOVE_MAX_QTY
            qty = most - most % limits.step_size
        if price is not None and (refusal := _refusal(price, qty, request, limits)):  # 8, 9
            return refusal
    if adds_risk and (book is None or now_ms - book.ts_ms > settings.max_book_age_ms):  # 10
        return RouteReason.BOOK_STALE
    if request.post_only and price is not None and book is not None and _crosses(price, side, book):
        if limits is None:  # nor is a tick known
            return RouteReason.POST_ONLY_WOULD_CROSS
        moved = _beside(side, book, limits.tick_size)  # 11
        if moved <= 0 or abs(price - moved) * BPS > price * settings.post_only_max_shift_bps:
            return RouteReason.POST_ONLY_WOULD_CROSS
        if refusal := _refusal(moved, qty, request, limits):
            return refusal
        price = moved
    if price == request.price and qty == request.qty:
        return request
    return evolve(request, price=price, qty=qty)


def _passive(price: Decimal, side: Side, tick: Decimal) -> Decimal:
    """Round a price to the tick, away from the market."""
    beyond = price % tick
    if not beyond:
        return price
    return price - beyond if side is BUY else price - beyond + tick


def is_too_small(qty: Decimal, request: RouteRequest, limits: RouterLimits) -> bool:
    """Whether a rounded quantity, at the request's price, is less than the venue takes."""
    if not qty or qty < limits.min_qty:
        return True
    return request.price is not None and _is_too_cheap(request.price, qty, request, limits)


def _is_too_cheap(
    price: Decimal, qty: Decimal, request: RouteRequest, limits: RouterLimits
) -> bool:
    return not request.reduce_only and price * qty < limits.min_notional


def _refusal(
    price: Decimal, qty: Decimal, request: RouteRequest, limits: RouterLimits
) -> RouteReason | None:
    """Rules 8 and 9; each side has one bound, beyond which it would chase the price."""
    if _is_too_cheap(price, qty, request, limits):
        return RouteReason.EXEC_NOTIONAL_BELOW_MIN
    mark = limits.mark_price
    if mark is not None:
        if request.side is BUY:
            if limits.multiplier_up is not None and price > mark * limits.multiplier_up:
                return RouteReason.PRICE_OUT_OF_BAND
        elif limits.multiplier_down is not None and price < mark * limits.multiplier_down:
            return RouteReason.PRICE_OUT_OF_BAND
    return None


def _crosses(price: Decimal, side: Side, book: RouteBook) -> bool:
    return price >= book.ask if side is BUY else price <= book.bid


def _beside(side: Side, book: RouteBook, tick: Decimal) -> Decimal:
    """The price nearest to the other side that rests; not above 0 where no tick is left."""
    return _passive(book.ask - tick if side is BUY else book.bid + tick, side, tick)
