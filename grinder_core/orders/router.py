"""The smart order router: the cheapest safe way to make the venue hold one wanted order (LIVE-15).

The diff says which orders should exist; ``route`` says how to get there for one of them: place,
amend, cancel and place anew, cancel, or leave it. Twenty rules, the first that matches decides;
their numbers stand beside them. Pure and without memory: what has happened is in its arguments.

Called inside ``exact()``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_core.contracts.enums import BUY, ActionType, RiskIntent
from grinder_core.contracts.live import RouteDecision, RouteReason
from grinder_core.numbers import BPS, bps
from grinder_core.orders.route_request import (
    Headroom,
    RestingOrder,
    RouteBook,
    RouteCapabilities,
    RouteRequest,
    SorDecision,
)
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.orders.router_settings import RouterSettings
from grinder_core.orders.venue_order import as_the_venue_takes_it, is_too_small

_CANCEL: Final = ActionType.CANCEL
_INCREASE: Final = RiskIntent.INCREASE_RISK
_REDUCE: Final = RiskIntent.REDUCE_RISK
_SKIP: Final = {reason: SorDecision(RouteDecision.SKIP, reason) for reason in RouteReason}
_TAKE_OUT: Final = {reason: SorDecision(RouteDecision.CANCEL, reason) for reason in RouteReason}
_KINDS: Final = {RiskIntent.CANCEL: 0, RiskIntent.REDUCE_RISK: 1, RiskIntent.INCREASE_RISK: 2}


def route(
    request: RouteRequest,
    resting: RestingOrder | None,
    book: RouteBook | None,
    limits: RouterLimits | None,
    headroom: Headroom,
    capabilities: RouteCapabilities,
    settings: RouterSettings,
    now_ms: int,
) -> SorDecision:
    """Decide how the venue comes to hold one wanted order.

    Args:
        request: What is wanted.
        resting: The order in its place, if there is one.
        book: The newest best prices, if there are any.
        limits: The venue's rules for the symbol, where they are known.
        headroom: Requests that may still be sent.
        capabilities: What the venue can do.
        settings: What a change must be worth.
        now_ms: Unix milliseconds.

    Returns:
        A decision that is no request (SKIP), one request, or two (CANCEL_REPLACE: the second, by
        ``replacement``, only once the venue confirmed the first).
    """
    if resting is not None and not resting.is_live:
        resting = None
    if request.action is _CANCEL:
        return _cancel(resting, headroom)  # 1, 2
    if not _is_possible(request.price, request.qty, request.intent):  # 3
        return _SKIP[RouteReason.INVALID_ORDER]
    if resting is not None and resting.is_unsettled:  # 4
        return _SKIP[RouteReason.ORDER_IN_FLIGHT]
    order = as_the_venue_takes_it(request, book, limits, settings, now_ms)  # 5 to 11
    if isinstance(order, RouteReason):
        return _SKIP[order]
    if resting is None:  # 12
        if headroom.orders(order.intent):
            return SorDecision(RouteDecision.PLACE, RouteReason.NEW_ORDER, order)
        return _SKIP[RouteReason.RATE_BUDGET]
    if resting.executed_qty >= order.qty:  # 13
        if headroom.cancels:
            return _TAKE_OUT[RouteReason.TARGET_ALREADY_FILLED]
        return _SKIP[RouteReason.RATE_BUDGET]
    if reason := _why_leave_it(order, resting, limits, settings, now_ms):  # 14 to 16
        return _SKIP[reason]
    wanted = _change(order, resting, capabilities, settings)  # 18 to 20
    if _is_affordable(wanted.decision, order.intent, headroom):
        return wanted
    if order.intent is _INCREASE and order.qty < resting.orig_qty and headroom.cancels:  # 17
        return _TAKE_OUT[RouteReason.RATE_BUDGET_DERISK]
    return _SKIP[RouteReason.RATE_BUDGET]


def replacement(
    request: RouteRequest, executed_qty: Decimal, limits: RouterLimits | None
) -> RouteRequest | None:
    """Return the second half of a CANCEL_REPLACE, once the venue confirmed the cancel.

    It passes gates and rules 3 to 12 again before it is sent; meanwhile much may have changed.

    Args:
        request: The order of the decision.
        executed_qty: What the cancelled order had executed in the end.

    Returns:
        The order for what is left of the target; ``None`` where that is less than the venue takes.
    """
    rest = request.qty - executed_qty
    if rest <= 0:
        return None
    if limits is not None:
        rest -= rest % limits.step_size
        if is_too_small(rest, request, limits):
            return None
    return evolve(request, action=ActionType.PLACE, qty=rest)


def sort_key(request: RouteRequest, mid: Decimal | None) -> tuple[int, int, int, int, str]:
    """Return the key by which the requests of a step are routed and sent (LIVE-13, LIVE-15).

    Cancels, then what reduces risk, each in the order they are given in (sorting is stable); then
    new risk from the market outwards, so that a tight budget serves the nearest levels.

    Args:
        mid: Of the request's symbol, quote currency; ``None`` where there is no book.
    """
    kind, price, distance = _KINDS[request.intent], request.price, 0
    if request.intent is not _INCREASE:
        return kind, 0, 0, 0, ""
    if mid is not None and price is not None and price.is_finite():
        distance = bps(abs(price - mid), mid)
    return kind, distance, request.level_id, int(request.side is not BUY), request.client_order_id


def _cancel(resting: RestingOrder | None, headroom: Headroom) -> SorDecision:
    """Rules 1 and 2; a cancel passes whatever else is in flight."""
    if resting is None:
        return _SKIP[RouteReason.ALREADY_TERMINAL]
    if resting.cancel_in_flight:
        return _SKIP[RouteReason.CANCEL_IN_FLIGHT]
    if headroom.cancels:
        return _TAKE_OUT[RouteReason.REQUESTED]
    return _SKIP[RouteReason.RATE_BUDGET]


def _is_possible(price: Decimal | None, qty: Decimal, intent: RiskIntent) -> bool:
    """Rule 3; only what reduces risk may go at the market."""
    if not qty.is_finite() or qty <= 0:
        return False
    if price is None:
        return intent is _REDUCE
    return price.is_finite() and price > 0


def _why_leave_it(
    order: RouteRequest,
    resting: RestingOrder,
    limits: RouterLimits | None,
    settings: RouterSettings,
    now_ms: int,
) -> RouteReason | None:
    """Rules 14 to 16: it is there already, near enough, or was changed a moment ago."""
    differs = _differs(order, resting)
    if order.price == resting.price and order.qty == resting.orig_qty and not differs:
        return RouteReason.NO_CHANGE
    if order.intent is not _INCREASE:  # an exit is worth every request
        return None
    if not differs and limits is not None and _is_near(order, resting, limits, settings):
        return RouteReason.WITHIN_TOLERANCE
    if now_ms - resting.last_change_ts_ms < settings.min_amend_interval_ms:
        return RouteReason.AMEND_INTERVAL
    return None


def _differs(order: RouteRequest, resting: RestingOrder) -> bool:
    return (
        order.side is not resting.side
        or order.reduce_only is not resting.reduce_only
        or order.post_only is not resting.post_only
    )


def _is_near(
    order: RouteRequest, resting: RestingOrder, limits: RouterLimits, settings: RouterSettings
) -> bool:
    """Rule 15; changes are measured by the order that rests, as those of rule 19."""
    if order.price is None or resting.price is None:
        return False
    least = max(
        settings.min_reprice_ticks * limits.tick_size * BPS,
        resting.price * settings.min_reprice_bps,
    )
    if abs(order.price - resting.price) * BPS >= least:
        return False
    return abs(order.qty - resting.orig_qty) * BPS < resting.orig_qty * settings.min_resize_bps


def _change(
    order: RouteRequest,
    resting: RestingOrder,
    capabilities: RouteCapabilities,
    settings: RouterSettings,
) -> SorDecision:
    """Rules 18 to 20: amend where that is possible and wanted."""
    if _differs(order, resting):
        return _anew(RouteReason.ATTRIBUTE_CHANGE, order)
    if not capabilities.supports_amend or order.price is None or resting.price is None:
        return _anew(RouteReason.AMEND_UNSUPPORTED, order)
    if resting.amend_count >= capabilities.max_amends:
        return _anew(RouteReason.AMEND_LIMIT_REACHED, order)
    moved, resized = order.price - resting.price, order.qty - resting.orig_qty
    furthest, largest = settings.replace_threshold_bps, settings.amend_size_threshold
    if (furthest is not None and abs(moved) * BPS > resting.price * furthest) or (
        largest is not None and abs(resized) > resting.orig_qty * largest
    ):
        return _anew(RouteReason.AMEND_THRESHOLD, order)
    if not resized:
        reason = RouteReason.PRICE_CHANGE
    else:
        reason = RouteReason.PRICE_QTY_CHANGE if moved else RouteReason.QTY_CHANGE
    return SorDecision(RouteDecision.AMEND, reason, order)


def _is_affordable(decision: RouteDecision, intent: RiskIntent, headroom: Headroom) -> bool:
    """Whether all requests of a change find room."""
    needs_cancel = decision is RouteDecision.CANCEL_REPLACE
    return headroom.orders(intent) > 0 and (headroom.cancels > 0 or not needs_cancel)


def _anew(reason: RouteReason, order: RouteRequest) -> SorDecision:
    return SorDecision(RouteDecision.CANCEL_REPLACE, reason, order)
