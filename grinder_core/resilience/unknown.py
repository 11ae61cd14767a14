"""Did the write take effect? Finding out after a timeout, a lost answer or a 5xx (LIVE-04).

The machine says what to do next and is fed what came of it. Time alone makes an absence a proof:
the venue refuses a request once its clock is past ``timestamp + recv_window``, so what is not
there after that never will be. Our idea of the venue's clock may be off by the largest skew
allowed, and the venue's reads may lag by ``unknown_settle_ms``; hence a query *counts* only if it
was sent later than ``timestamp + recv_window + clock_skew_max``, and a place must be absent twice,
that lag apart. What shows that the write took effect decides at any time, even after a verdict.

A cancel waits for no proof, for a second cancel is harmless and the first may have been lost: one
look, and unless the order is terminal the cancel goes out again.

Two clocks, both in milliseconds: ``now`` is ours and must not jump, it spaces the queries;
``venue_ms`` is the venue's as we estimate it (ours plus the measured offset), it tells which count.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from attrs import define, frozen

from grinder_core.contracts.enums import OrderState
from grinder_core.errors import ContractError
from grinder_core.resilience.idempotency import Write
from grinder_core.settings import setting


class Next(StrEnum):
    """What to do now."""

    QUERY = "QUERY"  # ask the venue for the order by its client id
    WAIT = "WAIT"
    ADOPT = "ADOPT"  # it took effect: mark it done with the order as found
    NOT_EXECUTED = "NOT_EXECUTED"  # mark it failed; the same key and client id may be sent again
    UNKNOWN = "UNKNOWN"  # raise ConnectorOutcomeUnknownError; reconciliation resolves it


@frozen(kw_only=True)
class OrderView:
    """An order as the venue showed it, in an answer or an event of the user stream.

    Attributes:
        qty: Whole quantity of the order, not what rests.
        updated_ms: The venue's time of that state, as it sent it.
    """

    state: OrderState
    price: Decimal
    qty: Decimal
    updated_ms: int


@frozen(kw_only=True)
class Step:
    """The next step.

    Attributes:
        until_ms: When to ask again for the next step, for WAIT; ``None``: when the query under
            way has been answered or has failed.
        order: What to adopt, for ADOPT.
    """

    next: Next
    until_ms: int | None = None
    order: OrderView | None = None


@frozen(kw_only=True)
class InquirySettings:
    """How patiently to ask."""

    unknown_settle_ms: int = setting(
        3000, "Pause between queries; the venue's reads lag less.", ge=1, spec="LIVE-04"
    )
    unknown_max_queries: int = setting(
        5, "Queries that count, or fail that late, before giving up.", ge=2, spec="LIVE-04"
    )


@define
class OutcomeInquiry:
    """The search for the outcome of one write; make it by ``place``, ``amend`` or ``cancel``.

    Attributes:
        proof_after_ms: Queries sent later than this, by the venue's clock, count.
        before, wanted: An amend's order as last known, and its new price and quantity.
        sent_ms, sent_venue_ms: When the last query was sent, on both clocks.
        is_asking: Whether that query is unanswered.
        absences, spent: Counting queries that did not find it; those that count or failed late.
        verdict: ADOPT, NOT_EXECUTED or UNKNOWN, once decided.
    """

    op: Write
    settings: InquirySettings
    proof_after_ms: int = 0
    before: OrderView | None = None
    wanted: tuple[Decimal, Decimal] | None = None
    sent_ms: int | None = None
    sent_venue_ms: int = 0
    is_asking: bool = False
    absences: int = 0
    spent: int = 0
    verdict: Next | None = None
    order: OrderView | None = None

    @classmethod
    def place(
        cls,
        settings: InquirySettings,
        *,
        timestamp_ms: int,
        recv_window_ms: int,
        clock_skew_max_ms: int,
    ) -> OutcomeInquiry:
        """Begin for a place.

        Args:
            settings: How patiently to ask.
            timestamp_ms: Of the last attempt; in recovery, of taking the lock.
            recv_window_ms: Of the last attempt.
            clock_skew_max_ms: Largest error of our estimate of the venue's clock.
        """
        proof_after_ms = timestamp_ms + recv_window_ms + clock_skew_max_ms
        return cls(Write.PLACE, settings, proof_after_ms)

    @classmethod
    def amend(
        cls,
        settings: InquirySettings,
        *,
        before: OrderView,
        price: Decimal,
        qty: Decimal,
        timestamp_ms: int,
        recv_window_ms: int,
        clock_skew_max_ms: int,
    ) -> OutcomeInquiry:
        """Begin for an amend.

        Args:
            settings: How patiently to ask.
            before: The order as last known when the amend was sent.
            price, qty: What it is amended to.
            timestamp_ms, recv_window_ms, clock_skew_max_ms: As for ``place``.

        Raises:
            ContractError: The amend changes nothing, so nothing could show its effect.
        """
        if (price, qty) == (before.price, before.qty):
            raise ContractError("must differ from the old values", field="price", value=price)
        proof_after_ms = timestamp_ms + recv_window_ms + clock_skew_max_ms
        return cls(Write.AMEND, settings, proof_after_ms, before, (price, qty))

    @classmethod
    def cancel(cls, settings: InquirySettings) -> OutcomeInquiry:
        """Begin for a cancel, or for one that was answered "unknown order"."""
        return cls(Write.CANCEL, settings)

    def step(self, now: int) -> Step:
        """Return what to do now; asking changes nothing."""
        if self.verdict is not None:
            return Step(next=self.verdict, order=self.order)
        if self.is_asking:
            return Step(next=Next.WAIT)
        if self.sent_ms is not None and now < self.sent_ms + self.settings.unknown_settle_ms:
            return Step(next=Next.WAIT, until_ms=self.sent_ms + self.settings.unknown_settle_ms)
        return Step(next=Next.QUERY)

    def on_sent(self, now: int, venue_ms: int) -> None:
        """A query is about to be sent.

        Raises:
            ContractError: It was not the next step.
        """
        if self.step(now).next is not Next.QUERY:
            raise ContractError("the next step is not to query", field="now", value=now)
        self.sent_ms, self.sent_venue_ms, self.is_asking = now, venue_ms, True

    def on_answer(self, found: OrderView | None) -> None:
        """The query was answered; ``None``: the venue knows no such order."""
        counts = self._ends_query()
        if found is not None and self._shows_effect(found):
            self._adopt(found)
        elif self.verdict is None:
            self.absences += counts and found is None
            self.spent += counts
            if self._disproves(found, counts):
                self.verdict = Next.NOT_EXECUTED
            self._give_up()

    def on_failure(self, venue_ms: int) -> None:
        """The query failed or was not answered in time, at this time of the venue."""
        late = self._ends_query() or venue_ms > self.proof_after_ms
        if self.verdict is None:
            self.spent += late
            if self.op is Write.CANCEL:
                self.verdict = Next.NOT_EXECUTED
            self._give_up()

    def on_event(self, found: OrderView) -> None:
        """The user stream reported the order; what it does not show it does not disprove."""
        if self._shows_effect(found):
            self._adopt(found)

    def _ends_query(self) -> bool:
        """Close the query under way; return whether it counts."""
        if not self.is_asking:
            raise ContractError("no query is under way", field="is_asking", value=False)
        self.is_asking = False
        return self.sent_venue_ms > self.proof_after_ms

    def _shows_effect(self, found: OrderView) -> bool:
        if self.op is Write.PLACE or found.state.is_final:
            return True
        # an amend back to earlier values: a read that lags shows them without it
        return (
            self.before is not None
            and (found.price, found.qty) == self.wanted
            and found.updated_ms > self.before.updated_ms
        )

    def _disproves(self, found: OrderView | None, counts: bool) -> bool:
        if self.op is Write.CANCEL:
            return True
        if self.op is Write.PLACE:
            return self.absences >= 2
        return (
            counts
            and found is not None
            and self.before is not None
            and (found.price, found.qty) == (self.before.price, self.before.qty)
        )

    def _adopt(self, found: OrderView) -> None:
        self.verdict, self.order = Next.ADOPT, found

    def _give_up(self) -> None:
        if self.verdict is None and self.spent >= self.settings.unknown_max_queries:
            self.verdict = Next.UNKNOWN
