"""One account's reconciliation: both sides, what differs, and whether a symbol may trade (LIVE-20).

Whoever drives it tells it every change of either side as it happens, has the questions of
``lookups`` asked and their answers merged as events, and calls ``run`` for the verdict. It
detects and never acts.

A symbol is unreconciled (LIVE-14) while the last run found an unexpected order or a position
mismatch on it, or an order of it has been UNKNOWN for more than 10 s. So it is, with all others,
when a tenth of the orders compared are mismatches, or three rounds in a row could not be made
(MM-13); a tenth of one symbol's own is enough for that symbol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from attrs import Factory, define, evolve

from grinder_core.contracts.enums import OrderState
from grinder_core.reconcile.compare import lookups, reconcile
from grinder_core.reconcile.differences import Differences
from grinder_core.reconcile.expected import ExpectedStore
from grinder_core.reconcile.observed import IsOurs, ObservedStore, foreign
from grinder_core.reconcile.records import (
    ExpectedOrder,
    Lookup,
    Mismatch,
    MismatchType,
    ObservedOrder,
    ObservedPosition,
    VenueSnapshot,
)
from grinder_core.reconcile.settings import ReconcileSettings

UNKNOWN_AGE_MAX_MS: Final = 10_000
SHARE_DIVISOR: Final = 10
FAILED_ROUNDS_MAX: Final = 3


@define
class ReconcileState:
    """All that a reconciliation remembers; part of the checkpoint.

    Attributes:
        detected: By ``Mismatch.key``, when a mismatch that is still there was first reported.
        unreconciled: Symbols that the last run found at fault, sorted.
        is_all_unreconciled: Whether the last run found so many mismatches that all are.
        failed_rounds: Rounds in a row that could not be made.
    """

    expected: ExpectedStore = Factory(ExpectedStore)
    observed: ObservedStore = Factory(ObservedStore)
    differences: Differences = Factory(Differences)
    detected: dict[str, int] = Factory(dict)
    unreconciled: tuple[str, ...] = ()
    is_all_unreconciled: bool = False
    failed_rounds: int = 0


class Reconciler:
    """The reconciliation of one account; all its symbols at once.

    Args:
        settings: When a difference counts.
        state: What a checkpoint held; none for a fresh start.
    """

    __slots__ = ("settings", "state")

    def __init__(self, settings: ReconcileSettings, state: ReconcileState | None = None) -> None:
        self.settings = settings
        self.state = ReconcileState() if state is None else state

    # -- what we expect ------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether an order that adds risk must be SKIPPED with ``EXPECTED_STORE_FULL``."""
        return self.state.expected.is_full(self.settings)

    def expect_order(self, order: ExpectedOrder, now: int) -> None:
        """Expect an order; to be called before it is sent. Exits are taken by a full store too.

        Raises:
            ContractError: The client id is expected already.
        """
        forgotten = self.state.expected.add(order, self.settings)
        for client_order_id in (order.client_order_id, *forgotten):
            self._look_at(client_order_id, now)

    def order_became(
        self, client_order_id: str, status: OrderState, now: int, *, is_inferred: bool = False
    ) -> None:
        """Note what the engine was told of an order, or that its fate is UNKNOWN.

        Args:
            client_order_id: Ours; of one that is not expected nothing is noted.
            status: The new status.
            now: Milliseconds, by our clock.
            is_inferred: Whether it follows from an absence at the venue only.
        """
        if self.state.expected.set_status(client_order_id, status, now, is_inferred=is_inferred):
            self._look_at(client_order_id, now)

    def order_amended(self, client_order_id: str, price: Decimal, qty: Decimal) -> None:
        """Note the price and whole quantity that the venue took for an order."""
        self.state.expected.amend(client_order_id, price, qty)

    def expect_position(self, symbol: str, position_amt: Decimal, now: int) -> None:
        """Note the position in the ledger, signed, after each fill."""
        self.state.expected.set_position(symbol, position_amt, now)
        self._look_at_position(symbol, now)

    # -- what the venue shows ------------------------------------------------------------------

    def saw_order(self, order: ObservedOrder, now: int) -> None:
        """Take an order event of the private stream, or the answer about one order."""
        self.state.observed.on_order(order)
        self._look_at(order.client_order_id, now)

    def saw_position(self, position: ObservedPosition, now: int) -> None:
        """Take a position event of the private stream."""
        self.state.observed.on_position(position)
        self._look_at_position(position.symbol, now)

    def saw_snapshot(self, snapshot: VenueSnapshot, now: int) -> bool:
        """Take a snapshot; return False if one asked for as late is in already."""
        state = self.state
        symbols = state.observed.positions.keys() | state.expected.positions.keys()
        if not state.observed.on_snapshot(snapshot):
            return False
        state.failed_rounds = 0
        for client_order_id in list(state.expected.orders):
            self._look_at(client_order_id, now)
        for symbol in sorted(symbols | state.observed.positions.keys()):
            self._look_at_position(symbol, now)
        return True

    def round_failed(self) -> None:
        """Note that a snapshot was due and could not be had."""
        self.state.failed_rounds += 1

    def is_snapshot_due(self, now: int) -> bool:
        """Whether the time for the next snapshot has come."""
        age_ms = self.snapshot_age_ms(now)
        return age_ms is None or age_ms >= self.settings.snapshot_interval_ms

    def snapshot_age_ms(self, now: int) -> int | None:
        """Return how long ago the newest snapshot was asked for; ``None`` if there is none."""
        asked = self.state.observed.snapshot_ms
        return None if asked is None else now - asked

    def foreign(self, is_ours: IsOurs) -> tuple[ObservedOrder, ...]:
        """Return the open orders that are not ours, sorted."""
        return foreign(self.state.observed, is_ours)

    # -- questions and verdicts ----------------------------------------------------------------

    def lookups(self, now: int, is_in_flight: Callable[[str], bool]) -> tuple[Lookup, ...]:
        """Return what must be asked at the venue now, what was asked longest ago first.

        Args:
            now: Milliseconds, by our clock.
            is_in_flight: Whether a request about an order, by client id, is under way.
        """
        state = self.state
        return lookups(
            state.expected, state.observed, state.differences, now, self.settings, is_in_flight
        )

    def asked(self, lookup: Lookup, now: int) -> None:
        """Note that a question is being asked."""
        difference = self.state.differences.of(lookup)
        if difference is not None:
            difference.asked_ms = now

    def answered(self, lookup: Lookup, asked_ms: int) -> None:
        """Note that the answer is merged: to be called after all that it says was taken.

        Args:
            lookup: The question. One that failed or was left undecided has no answer.
            asked_ms: When it was asked.
        """
        difference = self.state.differences.of(lookup)
        if difference is not None:
            difference.answered_ms = max(asked_ms, difference.answered_ms or 0)

    def run(self, now: int, is_ours: IsOurs) -> tuple[Mismatch, ...]:
        """Compare; return the mismatches, sorted.

        Args:
            now: Milliseconds, by our clock; a mismatch keeps the time of its first report.
            is_ours: Tells by a client id (LIVE-21).
        """
        state = self.state
        for client_order_id in state.expected.expire(now, self.settings):
            self._look_at(client_order_id, now)
        state.differences.forget_agreed(now, self.settings)
        found = reconcile(
            state.expected, state.observed, state.differences, now, self.settings, is_ours
        )
        state.detected = {each.key: state.detected.get(each.key, now) for each in found}
        self._judge(found, is_ours)
        return tuple(evolve(each, ts_detected=state.detected[each.key]) for each in found)

    def is_unreconciled(self, symbol: str, now: int) -> bool:
        """Return the input ``state_unreconciled`` of a symbol (LIVE-14)."""
        state = self.state
        return (
            state.is_all_unreconciled
            or state.failed_rounds >= FAILED_ROUNDS_MAX
            or symbol in state.unreconciled
            or state.expected.has_unknown(symbol, now, UNKNOWN_AGE_MAX_MS)
        )

    # -- inside --------------------------------------------------------------------------------

    def _look_at(self, client_order_id: str, now: int) -> None:
        state = self.state
        state.differences.look_at_order(state.expected, state.observed, client_order_id, now)

    def _look_at_position(self, symbol: str, now: int) -> None:
        state = self.state
        state.differences.look_at_position(
            state.expected, state.observed, symbol, now, self.settings
        )

    def _judge(self, found: tuple[Mismatch, ...], is_ours: IsOurs) -> None:
        compared = self._compared(is_ours)
        counts = Counter(compared.values())
        bad = Counter(
            each.symbol
            for each in found
            if not each.type.is_position and each.client_order_id in compared
        )
        grave = {
            each.symbol
            for each in found
            if each.type.is_position or each.type is MismatchType.ORDER_EXISTS_UNEXPECTED
        }
        many = {symbol for symbol, count in bad.items() if _is_tenth(count, counts[symbol])}
        self.state.unreconciled = tuple(sorted(grave | many))
        self.state.is_all_unreconciled = _is_tenth(bad.total(), counts.total())

    def _compared(self, is_ours: IsOurs) -> dict[str, str]:
        """Return the orders that either side holds for active, client id to symbol."""
        state, covers = self.state, self.settings.covers
        compared = {
            name: order.symbol
            for name, order in state.expected.orders.items()
            if not order.expected_status.is_final and covers(order.symbol)
        }
        for order in state.observed.open.values():
            name = order.client_order_id
            if covers(order.symbol) and (name in state.expected.orders or is_ours(name)):
                compared.setdefault(name, order.symbol)
        return compared


def _is_tenth(part: int, whole: int) -> bool:
    return part > 0 and part * SHARE_DIVISOR >= whole
