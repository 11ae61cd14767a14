"""Requests, resting orders and markets for the router, and a second, plain formulation of it.

The plain one works with fractions, computes every fact first and then looks for the first row of
LIVE-15's table that holds; it shares nothing with the router but the records.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from grinder_core.contracts.enums import ActionType, OrderState, RiskIntent, Side
from grinder_core.numbers import exact
from grinder_core.orders.route_request import (
    Headroom,
    RestingOrder,
    RouteBook,
    RouteCapabilities,
    RouteRequest,
    SorDecision,
)
from grinder_core.orders.router import route
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.orders.router_settings import GRID, QUOTING, RouterSettings

D = Decimal
NOW = 1_700_000_000_000
LIVE_STATES = (
    OrderState.PENDING,
    OrderState.OPEN,
    OrderState.PARTIALLY_FILLED,
    OrderState.UNKNOWN,
)


def a_request(**changes: Any) -> RouteRequest:
    """A new BUY of 1 at 99.0, off the market and on every grid."""
    fields: dict[str, Any] = {
        "action": ActionType.PLACE,
        "intent": RiskIntent.INCREASE_RISK,
        "symbol": "AAAUSDT",
        "side": Side.BUY,
        "price": D("99.0"),
        "qty": D(1),
    }
    return RouteRequest(**{**fields, **changes})


def an_exit(**changes: Any) -> RouteRequest:
    """A reduce-only SELL of 1 at 101.0."""
    fields: dict[str, Any] = {
        "intent": RiskIntent.REDUCE_RISK,
        "side": Side.SELL,
        "price": D("101.0"),
        "reduce_only": True,
    }
    return a_request(**{**fields, **changes})


def a_resting(**changes: Any) -> RestingOrder:
    """What ``a_request`` became, a minute ago."""
    fields: dict[str, Any] = {
        "state": OrderState.OPEN,
        "side": Side.BUY,
        "price": D("99.0"),
        "orig_qty": D(1),
        "post_only": True,
        "last_change_ts_ms": NOW - 60_000,
    }
    return RestingOrder(**{**fields, **changes})


def a_book(bid: str = "99.9", ask: str = "100.1", age_ms: int = 0) -> RouteBook:
    """A fresh book around 100."""
    return RouteBook(bid=D(bid), ask=D(ask), ts_ms=NOW - age_ms)


def some_limits(**changes: Any) -> RouterLimits:
    """Tick 0.1, step 0.01, at least 0.02 and 5 quote, at most 1000 or 120, band 95 to 105."""
    fields: dict[str, Any] = {
        "tick_size": D("0.1"),
        "step_size": D("0.01"),
        "min_qty": D("0.02"),
        "min_notional": D(5),
        "max_qty": D(1000),
        "market_max_qty": D(120),
        "multiplier_up": D("1.05"),
        "multiplier_down": D("0.95"),
        "mark_price": D(100),
    }
    return RouterLimits(**{**fields, **changes})


PLENTY = Headroom(orders_soft=9, orders_hard=9, cancels=9)
CAN = RouteCapabilities(supports_amend=True, max_amends=10_000)


@frozen(kw_only=True)
class Scene:
    """All arguments of ``route``."""

    request: RouteRequest
    resting: RestingOrder | None = None
    book: RouteBook | None = a_book()
    limits: RouterLimits | None = some_limits()
    headroom: Headroom = PLENTY
    capabilities: RouteCapabilities = CAN
    settings: RouterSettings = GRID

    def routed(self) -> SorDecision:
        """Ask the router."""
        with exact():
            return route(
                self.request,
                self.resting,
                self.book,
                self.limits,
                self.headroom,
                self.capabilities,
                self.settings,
                NOW,
            )


# -- the plain formulation


@frozen(kw_only=True)
class Plain:
    """What the table says: names of decision and reason, and the order's price and quantity."""

    decision: str
    reason: str
    price: Fraction | None = None
    qty: Fraction | None = None


def plain_route(scene: Scene) -> Plain:
    """Find the first row of the table that holds."""
    return _rows(scene, scene.request, scene.limits, scene.headroom)


def _fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None or not value.is_finite() else Fraction(value)


def _snap(price: Fraction, side: Side, tick: Fraction) -> Fraction:
    return (floor(price / tick) if side is Side.BUY else ceil(price / tick)) * tick


def _skip(reason: str) -> Plain:
    return Plain(decision="SKIP", reason=reason)


def _rows(scene: Scene, want: RouteRequest, limits: RouterLimits | None, room: Headroom) -> Plain:
    rest = scene.resting if scene.resting and scene.resting.state in LIVE_STATES else None
    settings, adds = scene.settings, want.intent is RiskIntent.INCREASE_RISK
    orders = room.orders_soft if adds else room.orders_hard
    if want.action is ActionType.CANCEL:
        if not rest:
            return _skip("ALREADY_TERMINAL")
        if rest.cancel_in_flight:
            return _skip("CANCEL_IN_FLIGHT")
        if not room.cancels:
            return _skip("RATE_BUDGET")
        return Plain(decision="CANCEL", reason="REQUESTED")
    market = want.price is None and want.intent is RiskIntent.REDUCE_RISK
    price, qty = _fraction(want.price), _fraction(want.qty)
    if qty is None or qty <= 0 or (not market and (price is None or price <= 0)):
        return _skip("INVALID_ORDER")
    if rest and (
        rest.write_in_flight
        or rest.cancel_in_flight
        or rest.state in {OrderState.PENDING, OrderState.UNKNOWN}
    ):
        return _skip("ORDER_IN_FLIGHT")
    if not limits and adds:
        return _skip("CONSTRAINTS_MISSING")

    def bad(at: Fraction) -> str | None:
        assert limits
        assert qty is not None
        if not want.reduce_only and at * qty < Fraction(limits.min_notional):
            return "EXEC_NOTIONAL_BELOW_MIN"
        if limits.mark_price:
            mark = Fraction(limits.mark_price)
            high = mark * Fraction(limits.multiplier_up) if limits.multiplier_up else None
            low = mark * Fraction(limits.multiplier_down) if limits.multiplier_down else None
            if want.side is Side.BUY and high is not None and at > high:
                return "PRICE_OUT_OF_BAND"
            if want.side is Side.SELL and low is not None and at < low:
                return "PRICE_OUT_OF_BAND"
        return None

    if limits:
        tick, step = Fraction(limits.tick_size), Fraction(limits.step_size)
        price = None if price is None else _snap(price, want.side, tick)
        if price == 0:
            return _skip("INVALID_ORDER")
        qty = floor(qty / step) * step
        if qty < max(Fraction(limits.min_qty), step):
            return _skip("EXEC_QTY_BELOW_MIN_QTY")
        most = _fraction(limits.market_max_qty if market else limits.max_qty)
        if most is not None and qty > most:
            if adds:
                return _skip("EXEC_QTY_ABOVE_MAX_QTY")
            qty = floor(most / step) * step
        if price is not None and (reason := bad(price)):
            return _skip(reason)
    if adds and not (scene.book and NOW - scene.book.ts_ms <= settings.max_book_age_ms):
        return _skip("BOOK_STALE")
    if want.post_only and scene.book and price is not None:
        bid, ask = Fraction(scene.book.bid), Fraction(scene.book.ask)
        if (want.side is Side.BUY and price >= ask) or (want.side is Side.SELL and price <= bid):
            if not limits:
                return _skip("POST_ONLY_WOULD_CROSS")
            tick = Fraction(limits.tick_size)
            away = _snap(ask - tick if want.side is Side.BUY else bid + tick, want.side, tick)
            if away <= 0 or abs(away - price) / price > Fraction(
                settings.post_only_max_shift_bps, 10_000
            ):
                return _skip("POST_ONLY_WOULD_CROSS")
            price = away
            if reason := bad(price):
                return _skip(reason)
    if not rest:
        if not orders:
            return _skip("RATE_BUDGET")
        return Plain(decision="PLACE", reason="NEW_ORDER", price=price, qty=qty)
    return _against(scene, rest, price, qty, orders)


def _against(
    scene: Scene, rest: RestingOrder, price: Fraction | None, qty: Fraction, orders: int
) -> Plain:
    want, settings, room = scene.request, scene.settings, scene.headroom
    adds = want.intent is RiskIntent.INCREASE_RISK
    if Fraction(rest.executed_qty) >= qty:
        if not room.cancels:
            return _skip("RATE_BUDGET")
        return Plain(decision="CANCEL", reason="TARGET_ALREADY_FILLED")
    old_price, old_qty = _fraction(rest.price), Fraction(rest.orig_qty)
    same_kind = (want.side, want.reduce_only, want.post_only) == (
        rest.side,
        rest.reduce_only,
        rest.post_only,
    )
    if same_kind and (price, qty) == (old_price, old_qty):
        return _skip("NO_CHANGE")
    limit_orders = price is not None and old_price is not None
    price_share = abs(price - old_price) / old_price if limit_orders else None  # type: ignore[operator]
    qty_share = abs(qty - old_qty) / old_qty
    if adds and same_kind and price_share is not None and scene.limits and old_price:
        ticks = settings.min_reprice_ticks * Fraction(scene.limits.tick_size) / old_price
        if price_share < max(ticks, Fraction(settings.min_reprice_bps, 10_000)) and (
            qty_share < Fraction(settings.min_resize_bps, 10_000)
        ):
            return _skip("WITHIN_TOLERANCE")
    if adds and NOW - rest.last_change_ts_ms < settings.min_amend_interval_ms:
        return _skip("AMEND_INTERVAL")
    furthest, largest = settings.replace_threshold_bps, settings.amend_size_threshold
    decision, reason = "CANCEL_REPLACE", ""
    if not same_kind:
        reason = "ATTRIBUTE_CHANGE"
    elif not scene.capabilities.supports_amend or price_share is None:
        reason = "AMEND_UNSUPPORTED"
    elif rest.amend_count >= scene.capabilities.max_amends:
        reason = "AMEND_LIMIT_REACHED"
    elif (furthest is not None and price_share > Fraction(furthest) / 10_000) or (
        largest is not None and qty_share > Fraction(largest)
    ):
        reason = "AMEND_THRESHOLD"
    else:
        decision = "AMEND"
        reason = {(1, 0): "PRICE_CHANGE", (0, 1): "QTY_CHANGE", (1, 1): "PRICE_QTY_CHANGE"}[
            int(price_share > 0), int(qty_share > 0)
        ]
    if not orders or (decision == "CANCEL_REPLACE" and not room.cancels):
        if adds and qty < old_qty and room.cancels:
            return Plain(decision="CANCEL", reason="RATE_BUDGET_DERISK")
        return _skip("RATE_BUDGET")
    return Plain(decision=decision, reason=reason, price=price, qty=qty)


# -- any scene


def _steps(unit: str, low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: n * D(unit))


def _rarely(draw: st.DrawFn, one_in: int = 16) -> bool:
    """True now and then; the value is one that generation does not prefer."""
    return draw(st.integers(0, one_in - 1)) == one_in // 2 + 1


PRICES = _steps("0.01", 9_950, 10_050) | _steps("0.1", 940, 1_060) | _steps("0.001", 1, 200)
NEAR_PRICES = _steps("0.1", 985, 1_015)
QTYS = _steps("0.01", 1, 300) | _steps("0.005", 1, 60) | _steps("1", 1, 30)
NEAR_QTYS = _steps("0.25", 2, 9)
NO_NUMBERS = st.sampled_from([D(0), D(-1), D("NaN"), D("Infinity"), D("-0"), D("sNaN")])
ROOMS = st.builds(
    Headroom,
    orders_soft=st.integers(0, 2),
    orders_hard=st.integers(0, 2),
    cancels=st.integers(0, 2),
)
CAPABILITIES = st.builds(
    RouteCapabilities, supports_amend=st.booleans(), max_amends=st.sampled_from([0, 2, 10_000])
)
SETTINGS = st.sampled_from([GRID, QUOTING]) | st.builds(
    RouterSettings,
    max_book_age_ms=st.sampled_from([0, 2_000]),
    post_only_max_shift_bps=st.sampled_from([0, 10, 10_000]),
    min_reprice_ticks=st.integers(1, 3),
    min_reprice_bps=st.integers(0, 30),
    min_resize_bps=st.sampled_from([1, 500]),
    replace_threshold_bps=st.none() | _steps("0.5", 0, 60),
    amend_size_threshold=st.none() | _steps("0.05", 0, 10),
)
BOOKS = st.builds(
    RouteBook, bid=PRICES, ask=PRICES, ts_ms=st.sampled_from([NOW, NOW - 2_000, NOW - 2_001])
)


@st.composite
def limits(draw: st.DrawFn) -> RouterLimits:
    """Rules of a symbol; the largest quantities need not be whole steps."""
    most = st.none() | _steps("0.13", 8, 60)
    multiplier = st.none() | st.sampled_from([D("0.95"), D("0.999"), D("1.001"), D("1.05")])
    return RouterLimits(
        tick_size=draw(st.sampled_from([D("0.01"), D("0.1"), D("0.25")])),
        step_size=draw(st.sampled_from([D("0.001"), D("0.01"), D("0.25")])),
        min_qty=draw(st.sampled_from([D(0), D("0.02"), D("0.5")])),
        min_notional=draw(st.sampled_from([D(0), D(5), D(100)])),
        max_qty=draw(most),
        market_max_qty=draw(most),
        multiplier_up=draw(multiplier),
        multiplier_down=draw(multiplier),
        mark_price=draw(st.none() | PRICES),
    )


@st.composite
def requests(draw: st.DrawFn) -> RouteRequest:
    """Any request, impossible ones included."""
    intent = draw(st.sampled_from([RiskIntent.INCREASE_RISK, RiskIntent.REDUCE_RISK]))
    action = draw(st.sampled_from([ActionType.PLACE, ActionType.REPLACE]))
    if _rarely(draw, 8):
        action, intent = ActionType.CANCEL, RiskIntent.CANCEL
    price: Decimal | None = draw(NEAR_PRICES | PRICES)
    if _rarely(draw):
        price = draw(NO_NUMBERS)
    elif _rarely(draw, 8):
        price = None
    return a_request(
        action=action,
        intent=intent,
        side=draw(st.sampled_from(Side)),
        price=price,
        qty=draw(NO_NUMBERS if _rarely(draw) else NEAR_QTYS | QTYS),
        reduce_only=draw(st.booleans()),
        post_only=price is not None and draw(st.booleans()),
    )


@st.composite
def resting_orders(draw: st.DrawFn, request: RouteRequest) -> RestingOrder:
    """An order that may hold the request's place, often a near one of its kind."""
    price: Decimal | None = draw(PRICES)
    near = request.price
    if near is not None and near.is_finite() and near > 1 and not _rarely(draw, 4):
        price = near + draw(st.sampled_from([D(0), D("0.1"), D("-0.2"), D("0.02"), D("-0.5")]))
    elif _rarely(draw, 4):
        price = None
    qty = draw(QTYS)
    if request.qty.is_finite() and request.qty > 0 and not _rarely(draw, 4):
        qty = request.qty * draw(st.sampled_from([D(1), D("0.95"), D("1.05"), D("1.2"), D(2)]))
    same = not _rarely(draw, 4)
    return RestingOrder(
        state=draw(st.sampled_from(OrderState)) if _rarely(draw, 4) else OrderState.OPEN,
        side=request.side if same else draw(st.sampled_from(Side)),
        price=price,
        orig_qty=qty,
        executed_qty=qty * draw(st.sampled_from([D(0), D("0.25"), D("0.5"), D(1)])),
        reduce_only=request.reduce_only if same else draw(st.booleans()),
        post_only=request.post_only if same else draw(st.booleans()),
        amend_count=draw(st.sampled_from([0, 1, 2, 10_000])),
        write_in_flight=_rarely(draw),
        cancel_in_flight=_rarely(draw),
        last_change_ts_ms=NOW - draw(st.sampled_from([60_000, 500, 499])),
    )


@st.composite
def books(draw: st.DrawFn, request: RouteRequest) -> RouteBook:
    """The market around 100, any, or one whose other side is at or near the request's price."""
    near = request.price
    choice = draw(st.sampled_from(["usual", "any", "near"]))
    if choice == "any":
        return draw(BOOKS)
    if choice == "usual" or near is None or not near.is_finite() or near <= 2:
        return a_book()
    edge = near + draw(st.sampled_from([D(0), D("0.1"), D("-0.1"), D("0.01"), D("-0.03")]))
    bid, ask = (edge - 1, edge) if request.side is Side.BUY else (edge, edge + 1)
    return RouteBook(bid=bid, ask=ask, ts_ms=NOW)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Anything the router can be asked, most of it sensible."""
    request = draw(requests())
    rules: RouterLimits | None = draw(limits()) if draw(st.booleans()) else some_limits()
    return Scene(
        request=request,
        resting=None if _rarely(draw, 4) else draw(resting_orders(request)),
        book=None if _rarely(draw) else draw(books(request)),
        limits=None if _rarely(draw) else rules,
        headroom=draw(ROOMS) if _rarely(draw, 4) else PLENTY,
        capabilities=draw(CAPABILITIES) if draw(st.booleans()) else CAN,
        settings=draw(SETTINGS),
    )
