"""What differs between the two sides, since when, and what was asked about it (LIVE-20).

An order differs in its status; each new pair of statuses is a new difference. A position is harder:
on a busy symbol both sides move all the time, one shortly before the other, so they differ for
moments although all is well, and where quantities are equal they agree for moments although a fill
is lost. So a moment of agreement does not end a position's difference, it counts against it: the
difference is as old as the time spent differing less the time spent agreeing, and it is over once
nothing is left of that, or both sides have agreed for the whole grace period.
"""

from __future__ import annotations

from typing import Final

from attrs import Factory, define

from grinder_core.contracts.enums import OrderState
from grinder_core.reconcile.expected import ExpectedStore
from grinder_core.reconcile.observed import ObservedStore
from grinder_core.reconcile.records import ExpectedOrder, Lookup, LookupKind
from grinder_core.reconcile.settings import ReconcileSettings

ABSENT: Final = "absent"
POSITION: Final = "position"


@define
class Difference:
    """Something on which the two sides do not agree, and what was asked about it.

    Attributes:
        symbol: Of the order or position.
        signature: What differs; another one is another difference.
        since_ms: Since when; for a position less the moments of agreement.
        resumed_ms: When the sides last stopped agreeing: only later answers prove anything.
        agreed_ms: Of a position on which both sides agree now, since when; else ``None``.
        asked_ms: When the venue was last asked.
        answered_ms: When the latest question was asked whose answer is merged.
    """

    symbol: str
    signature: str
    since_ms: int
    resumed_ms: int
    agreed_ms: int | None = None
    asked_ms: int | None = None
    answered_ms: int | None = None

    def mature_ms(self, settings: ReconcileSettings) -> int:
        """Return from when on it is no mere delay."""
        return self.since_ms + settings.order_grace_period_ms

    def is_proven(self, observed: ObservedStore, settings: ReconcileSettings) -> bool:
        """Whether a snapshot and an answer, both asked for after the grace period, show it."""
        mature_ms = self.mature_ms(settings)
        return (
            self.agreed_ms is None
            and observed.snapshot_ms is not None
            and observed.snapshot_ms >= mature_ms
            and self.is_answered_since(mature_ms)
        )

    def is_answered_since(self, ts_ms: int) -> bool:
        """Whether a question that was asked no earlier has its answer merged."""
        return self.answered_ms is not None and self.answered_ms >= max(ts_ms, self.resumed_ms)


@define
class Differences:
    """All that differs now, or a position that did until a moment ago.

    Attributes:
        orders: By client id.
        positions: By symbol.
    """

    orders: dict[str, Difference] = Factory(dict)
    positions: dict[str, Difference] = Factory(dict)

    def look_at_order(
        self, expected: ExpectedStore, observed: ObservedStore, client_order_id: str, now: int
    ) -> None:
        """Compare one order anew; to be called whenever either side of it has changed."""
        order = expected.orders.get(client_order_id)
        signature = "" if order is None else order_signature(order, observed)
        if order is None or not signature:
            self.orders.pop(client_order_id, None)
            return
        known = self.orders.get(client_order_id)
        if known is None:
            self.orders[client_order_id] = Difference(order.symbol, signature, now, now)
        elif known.signature != signature:
            known.signature, known.since_ms, known.resumed_ms = signature, now, now

    def look_at_position(
        self,
        expected: ExpectedStore,
        observed: ObservedStore,
        symbol: str,
        now: int,
        settings: ReconcileSettings,
    ) -> None:
        """Compare one position anew; to be called whenever either side of it has changed."""
        known = self.positions.get(symbol)
        if expected.position_amt(symbol) == observed.position_amt(symbol):
            if known is not None and known.agreed_ms is None:
                known.agreed_ms = now
        elif known is None:
            self.positions[symbol] = Difference(symbol, POSITION, now, now)
        elif known.agreed_ms is not None:
            begun_ms = _after_agreement(known, now, settings)
            known.since_ms = now if begun_ms is None else begun_ms
            known.resumed_ms, known.agreed_ms = now, None

    def forget_agreed(self, now: int, settings: ReconcileSettings) -> None:
        """Forget positions on which both sides have agreed for long enough."""
        self.positions = {
            symbol: difference
            for symbol, difference in self.positions.items()
            if difference.agreed_ms is None
            or _after_agreement(difference, now, settings) is not None
        }

    def of(self, lookup: Lookup) -> Difference | None:
        """Return the difference that a question is about; ``None`` once it is gone."""
        if lookup.kind is LookupKind.ORDER:
            return self.orders.get(lookup.client_order_id)
        return self.positions.get(lookup.symbol)


def order_signature(order: ExpectedOrder, observed: ObservedStore) -> str:
    """Return what differs about an order; empty if nothing does."""
    status, shown = order.expected_status, observed.order(order.symbol, order.client_order_id)
    if shown is None:
        return "" if status.is_final else f"{status}|{ABSENT}"
    if status is shown.status and status is not OrderState.UNKNOWN:
        return ""
    return f"{status}|{shown.status}"


def _after_agreement(difference: Difference, now: int, settings: ReconcileSettings) -> int | None:
    """Return since when the sides differ if they do so again now; ``None``: it is over."""
    agreed = now - (now if difference.agreed_ms is None else difference.agreed_ms)
    begun_ms = difference.since_ms + 2 * agreed  # later by the agreement, and again against it
    return None if agreed >= settings.order_grace_period_ms or begun_ms >= now else begun_ms
