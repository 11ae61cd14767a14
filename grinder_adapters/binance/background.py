"""Requests that can wait: imports, rules, recovery, behind the governor of SCR-07.

The governor decides and this room waits. It asks the breaker of the host whether a request may
go, and a yes to it takes a probe, whereas asking a `Circuit` changes nothing: `ProbingBreaker`
stands between the two.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from grinder_adapters.binance.waiting import Sleep, pause
from grinder_core.resilience.breaker import Circuit, Ticket
from grinder_core.resilience.breaker_settings import PUBLIC_REST
from grinder_core.resilience.budget import BudgetWindow, VenueBudget
from grinder_core.resilience.governor import Decision, Governor, GovernorSettings, Verdict

BACKGROUND: Final = "background"


class ProbingBreaker:
    """The host's circuit as the governor asks for it: each yes takes a ticket."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.tickets: deque[Ticket] = deque()

    def is_open(self, now: int) -> bool:
        """Whether it is open with its timer still running."""
        return self._circuit.is_open(now)

    def permits(self, now: int) -> bool:
        """Whether a request may be sent now; if so, its ticket waits in ``tickets``."""
        if not self._circuit.permits(now):
            return False
        self.tickets.append(self._circuit.before_call(now))
        return True


class BackgroundQueue:
    """Lets background requests go one after the other.

    Args:
        budget: Of the IP; its background share bounds the governor.
        now: Our time in ms; never goes back.
        sleep: Waits that many seconds.

    Attributes:
        circuit: Of the host, for background requests; results are reported to it.
    """

    def __init__(self, budget: VenueBudget, now: Callable[[], int], sleep: Sleep) -> None:
        self._budget, self._now, self._sleep = budget, now, sleep
        room = budget.settings.background_limit(BudgetWindow.WEIGHT_1M)
        self.governor = Governor.of(GovernorSettings.within(room), room, now())
        self.circuit = Circuit(BACKGROUND, PUBLIC_REST)
        self._breaker = ProbingBreaker(self.circuit)
        self._verdicts: dict[int, Verdict] = {}
        self._tickets: dict[int, Ticket] = {}
        self._news: dict[int, asyncio.Event] = {}
        self._last_id = 0

    @asynccontextmanager
    async def turn(self, weight: int) -> AsyncIterator[Ticket]:
        """Wait for a turn and hold it; its ticket is for reporting the result.

        Raises:
            ConnectorNonRetryableError: The governor dropped the request; nothing was sent.
        """
        self._last_id += 1
        request_id = self._last_id
        await self._wait(request_id, weight)
        try:
            yield self._tickets.pop(request_id)
        finally:
            now = self._now()
            self._tell(self.governor.release(request_id, now, self._breaker, self._budget))

    def on_breaker(self) -> None:
        """The circuit was opened: whoever waits fails now."""
        self._tell(self.governor.on_breaker(self._now(), self._breaker, self._budget))

    async def _wait(self, request_id: int, weight: int) -> None:
        news = self._news[request_id] = asyncio.Event()
        try:
            now = self._now()
            self._tell(self.governor.submit(request_id, weight, now, self._breaker, self._budget))
            while request_id not in self._verdicts:
                now = self._now()
                due = self.governor.due_at(now, self._budget)
                await pause(self._sleep, 0 if due is None else due - now, news)
                self._tell(self.governor.tick(self._now(), self._breaker, self._budget))
        except asyncio.CancelledError:
            self._give_back(request_id)
            raise
        finally:
            del self._news[request_id]
        verdict = self._verdicts.pop(request_id)
        if verdict.decision is not Decision.ALLOWED:
            raise verdict.error()

    def _give_back(self, request_id: int) -> None:
        """The caller was cancelled while it waited, or just when its turn came."""
        now, queue = self._now(), (self._breaker, self._budget)
        if self._verdicts.pop(request_id, None) is None:
            self._tell(self.governor.cancel(request_id, now, *queue))
            self._verdicts.pop(request_id, None)
        elif ticket := self._tickets.pop(request_id, None):
            self.circuit.release(ticket, now)
            self._tell(self.governor.release(request_id, now, *queue))

    def _tell(self, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            if verdict.decision is Decision.ALLOWED:
                self._tickets[verdict.request_id] = self._breaker.tickets.popleft()
            if verdict.decision is not Decision.DEFERRED:
                self._verdicts[verdict.request_id] = verdict
                self._news[verdict.request_id].set()
