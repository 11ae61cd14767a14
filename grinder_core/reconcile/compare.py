"""Expected against observed: what differs, and which differences are mismatches (LIVE-20).

Both sides learn of the same things at different times, so a difference is nothing yet. It becomes
a mismatch when it has lasted for the grace period, a snapshot asked for after that still shows it,
and the venue was asked about it after that too, with the answer merged. An order of ours that we
know nothing of is the exception: an order is expected before it is sent, so no delay explains it.

How old a difference is, is kept with it: see ``differences.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from grinder_core.reconcile.differences import Difference, Differences, order_signature
from grinder_core.reconcile.expected import ExpectedStore
from grinder_core.reconcile.observed import IsOurs, ObservedStore
from grinder_core.reconcile.records import (
    ExpectedOrder,
    Lookup,
    LookupKind,
    Mismatch,
    MismatchType,
    ObservedOrder,
)
from grinder_core.reconcile.settings import ReconcileSettings

_PLANS: Final[Mapping[MismatchType, str]] = {
    MismatchType.ORDER_MISSING_ON_EXCHANGE: "none: look at why the venue lacks the order",
    MismatchType.ORDER_EXISTS_UNEXPECTED: "cancel the order",
    MismatchType.ORDER_STATUS_DIVERGENCE: "cancel the order if it is open",
    MismatchType.POSITION_NONZERO_UNEXPECTED: "flatten the position",
    MismatchType.POSITION_SIZE_DIVERGENCE: "none: look at which fills are missing",
}


def reconcile(
    expected: ExpectedStore,
    observed: ObservedStore,
    differences: Differences,
    now: int,
    settings: ReconcileSettings,
    is_ours: IsOurs,
) -> tuple[Mismatch, ...]:
    """Return the mismatches, sorted by symbol, client id and type; it never acts.

    Args:
        expected, observed: The two sides.
        differences: What differs between them and since when.
        now: Becomes ``ts_detected``.
        settings: Grace period and symbols.
        is_ours: Tells by a client id; orders that are neither ours nor expected are ignored.
    """
    if not settings.reconcile_enabled:
        return ()
    found = [
        _order_mismatch(expected.orders[name], observed, now)
        for name, difference in differences.orders.items()
        if difference.is_proven(observed, settings)
        and order_signature(expected.orders[name], observed) == difference.signature
    ]
    found += [
        _position_mismatch(symbol, expected, observed, now)
        for symbol, difference in differences.positions.items()
        if difference.is_proven(observed, settings)
    ]
    found += [
        _mismatch(MismatchType.ORDER_EXISTS_UNEXPECTED, None, order, now)
        for order in observed.open.values()
        if order.client_order_id not in expected.orders and is_ours(order.client_order_id)
    ]
    covered = [mismatch for mismatch in found if settings.covers(mismatch.symbol)]
    return tuple(sorted(covered, key=lambda m: (m.symbol, m.client_order_id, m.type)))


def lookups(
    expected: ExpectedStore,
    observed: ObservedStore,
    differences: Differences,
    now: int,
    settings: ReconcileSettings,
    is_in_flight: Callable[[str], bool],
) -> tuple[Lookup, ...]:
    """Return what must be asked at the venue now, what was asked longest ago first.

    An UNKNOWN order is asked for from the start, any other difference after the grace period;
    again with each new snapshot while it lasts, or when no answer came.

    Args:
        expected, observed: The two sides.
        differences: What differs between them.
        now: Milliseconds, by our clock.
        settings: Grace period, pause between questions and symbols.
        is_in_flight: Whether a request about an order, by client id, is under way.
    """
    due = [
        (difference, Lookup(kind=LookupKind.ORDER, symbol=difference.symbol, client_order_id=name))
        for name, difference in differences.orders.items()
        if not is_in_flight(name)
        and (name in expected.unknown_since or settings.covers(difference.symbol))
        and _is_due(difference, observed, now, settings, is_unknown=name in expected.unknown_since)
    ]
    due += [
        (difference, Lookup(kind=LookupKind.TRADES, symbol=symbol))
        for symbol, difference in differences.positions.items()
        if settings.covers(symbol) and _is_due(difference, observed, now, settings)
    ]
    due.sort(key=lambda p: (p[0].asked_ms or 0, p[1].kind, p[1].symbol, p[1].client_order_id))
    return tuple(lookup for _, lookup in due)


def _is_due(
    difference: Difference,
    observed: ObservedStore,
    now: int,
    settings: ReconcileSettings,
    *,
    is_unknown: bool = False,
) -> bool:
    mature_ms, asked_ms = difference.mature_ms(settings), difference.asked_ms
    if difference.agreed_ms is not None or (not is_unknown and now < mature_ms):
        return False
    if asked_ms is None:
        return True
    if now - asked_ms < settings.lookup_interval_ms:
        return False
    if is_unknown or not difference.is_answered_since(max(asked_ms, mature_ms)):
        return True
    return observed.snapshot_ms is not None and observed.snapshot_ms > asked_ms


def _order_mismatch(order: ExpectedOrder, observed: ObservedStore, now: int) -> Mismatch:
    shown = observed.order(order.symbol, order.client_order_id)
    kind = (
        MismatchType.ORDER_MISSING_ON_EXCHANGE
        if shown is None
        else MismatchType.ORDER_STATUS_DIVERGENCE
    )
    return _mismatch(kind, order, shown, now)


def _position_mismatch(
    symbol: str, expected: ExpectedStore, observed: ObservedStore, now: int
) -> Mismatch:
    kind = (
        MismatchType.POSITION_SIZE_DIVERGENCE
        if expected.position_amt(symbol)
        else MismatchType.POSITION_NONZERO_UNEXPECTED
    )
    return Mismatch(
        type=kind,
        symbol=symbol,
        client_order_id="",
        expected=expected.positions.get(symbol),
        observed=observed.positions.get(symbol),
        ts_detected=now,
        action_plan=_PLANS[kind],
    )


def _mismatch(
    kind: MismatchType, order: ExpectedOrder | None, shown: ObservedOrder | None, now: int
) -> Mismatch:
    named = order or shown
    return Mismatch(
        type=kind,
        symbol=named.symbol if named else "",
        client_order_id=named.client_order_id if named else "",
        expected=order,
        observed=shown,
        ts_detected=now,
        action_plan=_PLANS[kind],
    )
