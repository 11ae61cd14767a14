"""At most one effect for each write: the driver of LIVE-04.

Inner order of an attempt: breaker; idempotency store; the claim is marked as sent and made
durable; request budget; stamp; leadership and gates once more; the network; mark. What an answer
does not prove is looked up by the order's client id, and the user stream may prove it at any time
(`on_news`). Only what surely had no effect is sent again, with the same key and id.

A cancel needs no such proof, for a second one is harmless, and no cancel is ever barred by an
earlier one (I-04.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from grinder_adapters.binance.error_map import FailureKind, Reaction
from grinder_adapters.binance.inquiring import find_out
from grinder_adapters.binance.outcomes import (
    Accepted,
    Outcome,
    RefusalReason,
    Refused,
    Seen,
    Unknown,
    after,
    cached,
    to_stored,
)
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.write_call import Watch, Witness, WriteCall
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import (
    CircuitOpenError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTransientError,
    IdempotencyConflictError,
)
from grinder_core.resilience.idempotency import (
    Entry,
    IdempotencyStore,
    Status,
    Write,
    WriteIntent,
)
from grinder_core.resilience.retry import GIVE_UP, RetryDecision, RetryPolicy, RetryStats
from grinder_core.resilience.unknown import InquirySettings, Next, OutcomeInquiry


@frozen(kw_only=True)
class Setback:
    """An attempt that may be made again, and what the call ends with if it is not."""

    error: ConnectorError
    outcome: Refused | Unknown
    needs_clock: bool = False


class Writer:
    """Performs writes; see the module's text.

    Args:
        client: Sends.
        store: Keys and what is known of them; the owner keeps it over restarts.
        witness: See there.
        retry, settings: How often to try, how patiently to ask.

    Attributes:
        unknown: Outcomes that were not found out, by operation.
    """

    def __init__(
        self,
        client: RestClient,
        store: IdempotencyStore,
        witness: Witness,
        *,
        retry: RetryPolicy | None = None,
        settings: InquirySettings | None = None,
    ) -> None:
        self._client, self.store, self._witness = client, store, witness
        self._retry = retry or RetryPolicy()
        self.settings = settings or InquirySettings()
        self._watches: dict[tuple[str, str], list[Watch]] = {}
        self.unknown: Counter[Write] = Counter()

    async def perform(self, call: WriteCall) -> Outcome:
        """Do it, at most once, and say what became of it.

        Raises:
            ConnectorClosedError: The client was closed before anything was sent.
        """
        stats, is_resynced = RetryStats(), False
        with self._watched(call.intent) as watch:
            while True:
                result = await self._attempt(call, watch)
                if not isinstance(result, Setback):
                    return after(result, stats.attempts)
                decision = self._retry.decide(result.error, stats.attempts + 1)
                if result.needs_clock:
                    is_new = not is_resynced and await self._client.venue_clock.try_sync()
                    decision, is_resynced = RetryDecision(retry=True) if is_new else GIVE_UP, True
                if not decision.retry:
                    return self._ended(after(result.outcome, stats.attempts))
                stats = stats.failed(result.error, decision)
                self._client.stats.retried(call.request.endpoint.op, result.error)
                await self._client.sleep(decision.delay_ms / 1000)

    def on_news(self, scope: str, client_order_id: str, seen: Seen) -> None:
        """Take what the user stream shows of an order; it decides at any time.

        Args:
            scope: Of the intents that the order belongs to.
        """
        for watch in self._watches.get((scope, client_order_id), ()):
            watch.see(seen)
            if watch.inquiry is not None:
                watch.inquiry.on_event(seen.view)
            watch.news.set()

    def permit(self, risk: RiskIntent, symbol: str) -> None:
        """Ask guard and witness, right before a write leaves.

        Raises:
            ConnectorNonRetryableError: It must not.
        """
        self._client.guard.require()
        if reason := self._witness.refusal(risk, symbol):
            raise ConnectorNonRetryableError(f"refused right before it was sent: {reason}")

    def settle(self, intent: WriteIntent, order: Seen | None) -> None:
        """Close an entry whose outcome reconciliation found out.

        Args:
            order: What took effect; ``None``: nothing did.
        """
        entry = self.store.get(intent.key, self._client.now())
        if entry is not None and order is None:
            self._mark_failed(entry, "not_executed")
        elif entry is not None and order is not None:
            self._mark_done(entry, order)

    # -- one attempt ---------------------------------------------------------------------------

    async def _attempt(self, call: WriteCall, watch: Watch) -> Outcome | Setback:
        client, store, intent = self._client, self.store, call.intent
        try:
            ticket = client.admit(call.request)
        except CircuitOpenError as error:
            return self._unsent(intent, error)
        try:
            claim = store.put_if_absent(intent, client.now())
        except IdempotencyConflictError as error:
            client.release(ticket)
            return self._unsent(intent, error)
        if claim.status is Status.DONE:
            client.release(ticket)
            return cached(intent.client_order_id, claim.result or {})
        watch.may_have_left = False
        try:
            try:
                claim = store.mark_sent(claim, client.now())
                await self._witness.record(claim, call)
                result = await client.send(
                    call.request, ticket, call.read, check=lambda: self._check(call, watch)
                )
            except ConnectorNonRetryableError as error:  # budget, guard or witness
                client.release(ticket)
                store.forget(claim, client.now())
                return self._unsent(intent, error)
            return await self._concluded(call, claim, watch, result)
        except BaseException:
            client.release(ticket)
            if call.is_cancel or not watch.may_have_left:
                self._mark_failed(claim, "interrupted")
            raise

    def _check(self, call: WriteCall, watch: Watch) -> None:
        self.permit(call.risk, call.symbol)
        watch.may_have_left = True

    async def _concluded(
        self, call: WriteCall, claim: Entry, watch: Watch, result: Seen | Failed
    ) -> Outcome | Setback:
        if isinstance(result, Seen):
            watch.see(result)
            if call.is_cancel and not result.view.state.is_final:
                return await self._find_out(call, claim, watch, call.inquire(0), None)
            return self._done(call, claim, result)
        failure = result.failure
        if failure.kind is FailureKind.OUTCOME_UNKNOWN:
            if result.needs_clock:
                await self._client.venue_clock.try_sync()
            inquiry = call.inquire(result.timestamp_ms)
            return await self._find_out(call, claim, watch, inquiry, result)
        if failure.kind is FailureKind.ALREADY_SO:
            # what is wanted is there already; it only has to be shown
            inquiry = self._adoption(result.timestamp_ms)
            return await self._find_out(call, claim, watch, inquiry, None)
        code = str(failure.code or failure.status)
        self._mark_failed(claim, code)
        is_passing = isinstance(result.error, ConnectorTransientError)
        reason = (
            RefusalReason.RETRIES_EXHAUSTED if is_passing else RefusalReason.NON_RETRYABLE_ERROR
        )
        refused = Refused(
            client_order_id=call.intent.client_order_id,
            reason=reason,
            code=code,
            reaction=failure.reaction,
            detail=str(result.error),
            is_order=True,
            attempts=1,
        )
        needs_clock = failure.kind is FailureKind.CLOCK
        return Setback(error=result.error, outcome=refused, needs_clock=needs_clock)

    # -- finding out ---------------------------------------------------------------------------

    async def _find_out(
        self,
        call: WriteCall,
        claim: Entry,
        watch: Watch,
        inquiry: OutcomeInquiry,
        result: Failed | None,
    ) -> Outcome | Setback:
        """Search for the outcome; ``result`` is ``None`` where an effect is certain."""
        unknown = Unknown(
            client_order_id=call.intent.client_order_id, op=call.intent.op, attempts=1
        )
        verdict = await find_out(self._client, call, watch, inquiry)
        if verdict is Next.ADOPT and watch.best is not None:
            return self._done(call, claim, watch.best)
        if call.is_cancel:
            self._mark_failed(claim, "unproven")
            if verdict is Next.UNKNOWN:
                return self._ended(unknown)
            error = ConnectorTransientError("the order is not proven to be cancelled")
            return Setback(error=error, outcome=unknown)
        if verdict is Next.UNKNOWN or result is None:
            return self._ended(unknown)
        self._mark_failed(claim, "not_executed")
        refused = Refused(
            client_order_id=call.intent.client_order_id,
            reason=RefusalReason.RETRIES_EXHAUSTED,
            code=str(result.failure.code or result.failure.status),
            reaction=Reaction.RETRY,
            detail=f"proven not to have taken effect, after: {result.error}",
            is_order=True,
            attempts=1,
        )
        error = ConnectorTransientError("proven not to have taken effect")
        return Setback(error=error, outcome=refused)

    def _adoption(self, timestamp_ms: int) -> OutcomeInquiry:
        """Look for an order that is there: whatever is found is adopted."""
        return OutcomeInquiry.place(
            self.settings,
            timestamp_ms=timestamp_ms,
            recv_window_ms=self._client.settings.recv_window_ms,
            clock_skew_max_ms=self._client.venue_clock.settings.clock_skew_max_ms,
        )

    # -- endings -------------------------------------------------------------------------------

    def _done(self, call: WriteCall, claim: Entry, seen: Seen) -> Accepted:
        self._mark_done(claim, seen)
        return Accepted(client_order_id=call.intent.client_order_id, order=seen, attempts=1)

    def _mark_done(self, claim: Entry, seen: Seen) -> None:
        if self._is_open(claim):
            self.store.mark_done(claim, to_stored(seen), self._client.now())

    def _mark_failed(self, claim: Entry, code: str) -> None:
        if self._is_open(claim):
            self.store.mark_failed(claim, code, self._client.now())

    def _is_open(self, claim: Entry) -> bool:
        """Whether the claim still stands; reconciliation may have closed it (``settle``)."""
        entry = self.store.get(claim.key, self._client.now())
        return entry is not None and entry.status is Status.INFLIGHT

    def _ended(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Unknown):
            self.unknown[outcome.op] += 1
        return outcome

    def _unsent(self, intent: WriteIntent, error: ConnectorNonRetryableError) -> Refused:
        reason = RefusalReason.NON_RETRYABLE_ERROR
        if isinstance(error, CircuitOpenError):
            reason = RefusalReason.CIRCUIT_OPEN
        elif isinstance(error, IdempotencyConflictError):
            reason = RefusalReason.IDEMPOTENCY_CONFLICT
        return Refused(
            client_order_id=intent.client_order_id,
            reason=reason,
            code=error.code,
            reaction=Reaction.GIVE_UP,
            detail=str(error),
            is_order=False,
            attempts=0,
        )

    @contextmanager
    def _watched(self, intent: WriteIntent) -> Iterator[Watch]:
        watch, key = Watch(), (intent.scope, intent.client_order_id)
        watches = self._watches.setdefault(key, [])
        watches.append(watch)
        try:
            yield watch
        finally:
            watches.remove(watch)
            if not watches:
                del self._watches[key]
