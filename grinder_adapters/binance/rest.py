"""Requests to the venue: admitted, signed, sent, judged (LIVE-03, 05, 09, 11).

One attempt goes: breaker (``admit``), request budget, the venue's time, signature, the write
guard, the network. What comes back is told to everybody who keeps count: headers to the budget,
the result to the breaker, a demand for silence to both. Reads are tried again by the retry policy;
writes never here, since only ``writes.py`` knows whether that is safe.

What an answer means is said in ``judging.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from grinder_adapters.binance.background import BACKGROUND, BackgroundQueue
from grinder_adapters.binance.endpoints import TIME, Endpoint, Request, Security
from grinder_adapters.binance.error_map import FailureKind, Reaction, VenueFailure
from grinder_adapters.binance.judging import Judge, Reader
from grinder_adapters.binance.rest_answers import read_server_time
from grinder_adapters.binance.rest_results import Failed, RestSettings, RestStats
from grinder_adapters.binance.signing import Signer
from grinder_adapters.binance.venue_clock import ClockSettings, SteadyClock, VenueClock
from grinder_adapters.binance.waiting import Sleep
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.clock import Clock
from grinder_adapters.transport import HttpAnswer
from grinder_core.errors import (
    ConfigError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from grinder_core.resilience.breaker import Circuit, OperationBreaker, Ticket
from grinder_core.resilience.breaker_settings import (
    LIVE,
    BreakerSettings,
    Failure,
    HardSignal,
    Operation,
)
from grinder_core.resilience.budget import BudgetSettings, BudgetWindow, RequestClass, VenueBudget
from grinder_core.resilience.retry import RetryPolicy, RetryStats

T = TypeVar("T")
Check = Callable[[], None]

_USED: Final = {
    "x-mbx-used-weight-1m": BudgetWindow.WEIGHT_1M,
    "x-mbx-order-count-10s": BudgetWindow.ORDERS_10S,
    "x-mbx-order-count-1m": BudgetWindow.ORDERS_1M,
}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_IN_BODY: Final = frozenset({"POST", "PUT"})
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
# a race that a cancel lost says nothing about the venue's health
_RACE_CODES: Final = frozenset({-2011, -2013})
_COUNTED: Final = frozenset({FailureKind.TRANSIENT, FailureKind.OUTCOME_UNKNOWN, FailureKind.CLOCK})


class RestClient:
    """Sends requests through one guard, with one key pair or none.

    Args:
        guard: The way to the network.
        clock, sleep: Our time, and waiting in seconds.
        signer: ``None``: only public calls.
        settings, clock_settings, budget, circuits, retry: See each.
        time: The call that asks for the venue's time.

    Attributes:
        venue_clock: To be synced before the first signed request.
        breaker: One circuit per operation.
        budget: Of the IP and account.
        stats: For metrics.
    """

    def __init__(
        self,
        guard: WriteGuard,
        clock: Clock,
        sleep: Sleep,
        *,
        signer: Signer | None = None,
        settings: RestSettings | None = None,
        clock_settings: ClockSettings | None = None,
        budget: BudgetSettings | None = None,
        circuits: Mapping[Operation, BreakerSettings] = LIVE,
        retry: RetryPolicy | None = None,
        time: Endpoint = TIME,
    ) -> None:
        steady = SteadyClock(clock)
        self.guard, self.now, self.sleep = guard, steady.now_ms, sleep
        self._signer, self._time = signer, Request(time)
        self.settings = settings or RestSettings()
        self.retry = retry or RetryPolicy()
        self.venue_clock = VenueClock(clock, self._venue_time, clock_settings or ClockSettings())
        self.breaker = OperationBreaker.of(circuits)
        self.budget = VenueBudget.of(budget or BudgetSettings(), self.now())
        self.stats = RestStats()
        self._background = BackgroundQueue(self.budget, self.now, sleep)
        self._circuits: dict[str, Circuit] = {
            **self.breaker.circuits,
            BACKGROUND: self._background.circuit,
        }
        self._judge = Judge(signer, self._venue_now)
        self._is_closed = False

    # -- reads ---------------------------------------------------------------------------------

    async def read(self, request: Request, read: Reader[T], check: Check | None = None) -> T:
        """Ask, and ask again after passing failures: for all that is harmless twice.

        Args:
            read, check: See ``send``.

        Raises:
            ConnectorError: The last failure, with a note on the attempts.
        """
        answer = await self._ask(request, read, check)
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    async def find(self, request: Request, read: Reader[T]) -> T | None:
        """Ask as ``read`` does for something that may not be there."""
        answer = await self._ask(request, read)
        if not isinstance(answer, Failed):
            return answer
        if answer.failure.reaction is Reaction.ABSENT:
            return None
        raise answer.error

    async def look(
        self, request: Request, read: Reader[T], check: Check | None = None
    ) -> T | Failed:
        """Ask once.

        Raises:
            ConnectorNonRetryableError: Breaker, budget or governor refused; nothing was sent.
        """
        if request.endpoint.purpose is not RequestClass.BACKGROUND:
            return await self.send(request, self.admit(request), read, check)
        async with self._background.turn(request.cost.weight_1m) as ticket:
            return await self.send(request, ticket, read, check)

    async def _ask(
        self, request: Request, read: Reader[T], check: Check | None = None
    ) -> T | Failed:
        stats, is_resynced = RetryStats(), False
        while True:
            answer = await self.look(request, read, check)
            if not isinstance(answer, Failed):
                return answer
            decision = self.retry.decide(answer.error, stats.attempts + 1)
            stats = stats.failed(answer.error, decision)
            if answer.needs_clock:
                if is_resynced or not await self.venue_clock.try_sync():
                    return _noted(answer, stats)
                is_resynced = True
            elif decision.retry:
                await self.sleep(decision.delay_ms / 1000)
            else:
                return _noted(answer, stats)
            self.stats.retried(request.endpoint.op, answer.error)

    def _venue_now(self) -> int:
        return self.now() + self.venue_clock.skew_ms

    async def _venue_time(self) -> int:
        answer = await self.look(self._time, read_server_time)
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    # -- one attempt ---------------------------------------------------------------------------

    def admit(self, request: Request) -> Ticket:
        """Ask the breaker for one attempt; ``send`` uses the ticket up, or ``release`` it.

        Raises:
            ConnectorClosedError: The client was closed.
            CircuitOpenError: Nothing may be sent.
        """
        if self._is_closed:
            raise ConnectorClosedError(request.endpoint.op)
        return self.breaker.before_call(request.endpoint.circuit, self.now())

    def release(self, ticket: Ticket) -> None:
        """Give a ticket back unused."""
        self._circuits[ticket.circuit].release(ticket, self.now())

    async def send(
        self,
        request: Request,
        ticket: Ticket,
        read: Reader[T],
        check: Check | None = None,
    ) -> T | Failed:
        """Make one attempt and report its result to breaker, budget and stats.

        Args:
            ticket: Of ``admit``, or of the background queue.
            read: Reads a good body; ``ConnectorError`` where it is none.
            check: Called last of all, after the request was stamped with its time.

        Raises:
            ConnectorNonRetryableError: Budget, guard or ``check`` refused; nothing was sent.
        """
        try:
            timestamp_ms, answer = await self._exchange(request, check)
        except BaseException:
            self.release(ticket)
            raise
        result = self._judge.judged(request.endpoint.op, answer, read, timestamp_ms)
        self._report(request, ticket, result)
        return result

    async def close(self) -> None:
        """Send nothing any more and close the connections."""
        self._is_closed = True
        await self.guard.close()

    async def _exchange(
        self, request: Request, check: Check | None
    ) -> tuple[int, HttpAnswer | ConnectorError]:
        """Send; an answer that did not come is returned as the error it is."""
        endpoint = request.endpoint
        started = self.now()
        if endpoint.purpose is not RequestClass.BACKGROUND:  # the governor has booked those
            refusal = self.budget.admit(endpoint.purpose, request.cost, started)
            if refusal is not None:
                raise refusal.error()
        timestamp_ms, target, headers, body = self._built(request)
        if check is not None:
            check()
        settings = self.settings
        is_read = endpoint.method == "GET"
        timeout_ms = settings.read_timeout_ms if is_read else settings.write_timeout_ms
        try:
            answer = await self.guard.request(endpoint.method, target, headers, body, timeout_ms)
        except (ConnectorTimeoutError, ConnectorTransientError, ConnectorClosedError) as error:
            self.stats.requests[endpoint.op] += 1
            return timestamp_ms, error
        now = self.now()
        self.stats.requests[endpoint.op] += 1
        self.stats.latencies[endpoint.op].note(now - started)
        self._observe(answer, now)
        return timestamp_ms, answer

    def _built(self, request: Request) -> tuple[int, str, dict[str, str], bytes]:
        """Return the time it carries, path and query, headers and body."""
        endpoint, timestamp_ms = request.endpoint, 0
        headers = {} if endpoint.security is Security.NONE else self._signed_by().headers
        if endpoint.security is Security.SIGNED:
            timestamp_ms = self.venue_clock.now_ms()
            parameters = {**request.parameters, "recvWindow": str(self.settings.recv_window_ms)}
            payload = self._signed_by().signed_query(parameters, timestamp_ms)
        else:
            payload = urlencode(request.parameters, quote_via=quote).encode()
        if endpoint.method in _IN_BODY:
            return timestamp_ms, endpoint.path, {**headers, **_FORM}, payload
        target = f"{endpoint.path}?{payload.decode()}" if payload else endpoint.path
        return timestamp_ms, target, headers, b""

    def _signed_by(self) -> Signer:
        if self._signer is None:
            raise ConfigError(
                "is needed for calls about the account",
                field="signer",
                remedy="set BINANCE_API_KEY and BINANCE_API_SECRET",
            )
        return self._signer

    # -- what came back ------------------------------------------------------------------------

    def _observe(self, answer: HttpAnswer, now: int) -> None:
        for header, window in _USED.items():
            used = answer.headers.get(header, "")
            if _WHOLE.fullmatch(used):
                self.budget.observe(window, int(used), now)

    def _report(self, request: Request, ticket: Ticket, result: object) -> None:
        now, circuit = self.now(), self._circuits[ticket.circuit]
        if not isinstance(result, Failed):
            circuit.record_success(ticket, now)
            return
        failure = result.failure
        self.stats.failures[request.endpoint.op, failure.kind.value] += 1
        if failure.kind in {FailureKind.RATE_LIMITED, FailureKind.BANNED}:
            self.stats.rate_limit_hits[_limit_label(failure)] += 1
        if failure.reaction is Reaction.STOP_ALL:
            self._fall_silent(failure, now)
        elif failure.reaction is Reaction.STOP_ORDERS:
            self.budget.stop_orders(now)
            circuit.record_failure(ticket, now, Failure.RATE_LIMIT)
        elif failure.kind in _COUNTED and failure.code not in _RACE_CODES:
            is_server = failure.status >= 500
            circuit.record_failure(ticket, now, Failure.SERVER if is_server else Failure.ERROR)
        else:
            circuit.release(ticket, now)

    def _fall_silent(self, failure: VenueFailure, now: int) -> None:
        silence_ms = failure.retry_after_ms or 0
        is_ban = failure.kind is FailureKind.BANNED
        signal = HardSignal.BAN if is_ban else HardSignal.RATE_LIMIT
        self.budget.stop(now + silence_ms, now)
        self.breaker.hard_signal(signal, now, silence_ms)
        self._background.circuit.hard_signal(signal, now, silence_ms)
        self._background.on_breaker()


def _limit_label(failure: VenueFailure) -> str:
    return str(failure.status if failure.status in {418, 429} else failure.code)


def _noted(answer: Failed, stats: RetryStats) -> Failed:
    answer.error.add_note(f"{stats.attempts} attempts, {stats.total_delay_ms} ms of waiting")
    return answer
