"""One ordered queue into journal and fold; what the fold wants goes to the port (design section 1).

Everything that can change a decision comes through here, in the order in which it is put. An event
is written before it is folded. Nothing here awaits: whoever puts something returns once it, and all
that it led to, is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import evolve

from grinder_app.live.ports import LivePort, Nobody
from grinder_app.live.scribe import Digest, Scribe, stamped
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.live.core import LiveCore, Step


def _see_nothing() -> None:
    """Nobody commands here."""


class LiveLoop:
    """The session of a process.

    Args:
        core: The fold.
        scribe: Its journal.
        now_ms: Our time, Unix milliseconds.
        on_step: Told of each step, last of all.
        later: Has something done as soon as the requests of this step are under way; it is done
            before the next event in any case.
        latched: Told that a latch changed and is written: it must be on disk soon.

    Attributes:
        port: Takes effects.
        look: Called before each step; may put something first, and must not fail.
        failure: What ended the session; nothing is folded after it.
    """

    def __init__(
        self,
        core: LiveCore,
        scribe: Scribe,
        now_ms: Callable[[], int],
        on_step: Callable[[Event, Step], None] = lambda event, step: None,
        later: Callable[[Callable[[], None]], object] = lambda work: work(),
        latched: Callable[[], object] = lambda: None,
    ) -> None:
        self._later, self._latched = later, latched
        self._untold: tuple[Event, Step] | None = None
        self.core, self.scribe = core, scribe
        self.port: LivePort = Nobody()
        self._now_ms, self._on_step = now_ms, on_step
        self._queue: deque[Event | Payload] = deque()
        self._first: deque[Payload] = deque()
        self.look: Callable[[], None] = _see_nothing
        self._is_busy = False
        self.failure: BaseException | None = None

    @property
    def now(self) -> int:
        """Time of the last event; the next one is not earlier."""
        return self.core.engine.hot.now

    def put(self, item: Payload | Event) -> None:
        """Take a payload, or a market event as the feed gave it."""
        self._queue.append(item)
        if not self._is_busy:
            self._work_off()

    def put_first(self, payload: Payload) -> None:
        """Take a payload before everything that waits, but behind others that came so."""
        self._first.append(payload)
        if not self._is_busy:
            self._work_off()

    def note_digest(self) -> None:
        """Write where the session stands."""
        self.tell()
        hot = self.core.hot
        self.scribe.digest(Digest(hot.events, self.core.digest), self.now)

    def _work_off(self) -> None:
        if self.failure is not None:  # whoever comes next must not take the session for alive
            raise self.failure
        self._is_busy = True
        try:
            while (self._first or self._queue) and self.failure is None:
                self.look()
                item = (self._first or self._queue).popleft()
                if isinstance(item, Event):
                    self._fold_market(item)
                else:
                    self._fold_payload(item)
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._is_busy = False

    def _fold_market(self, event: Event) -> None:
        for payload in self.port.before(event):
            self._fold_payload(payload)
        now = max(self._now_ms(), self.now)
        event = stamped(self._in_order(event), now, self.core.hot.events + 1)
        self._fold(event)
        for payload in self.port.after(event):
            self._fold_payload(payload)

    def _in_order(self, event: Event) -> Event:
        """Date a quote no earlier than the one before it: another process read that one."""
        quote = event.payload
        if isinstance(quote, Snapshot):
            s = self.core.engine.hot.symbols.get(quote.symbol)
            if s is not None and quote.ts < s.ts:
                return evolve(event, payload=evolve(quote, ts=s.ts))
        return event

    def _fold_payload(self, payload: Payload) -> None:
        now = max(self._now_ms(), self.now)
        event = Event(now, payload, self.core.hot.events + 1)
        self._fold(event)
        if isinstance(payload, OrderUpdate) and payload.state.is_final:
            self._close_intent(payload.client_order_id, now)

    def _fold(self, event: Event) -> None:
        if self._untold is not None:
            self.tell()
        self.scribe.event(event)
        step = self.core.step(event)
        self._untold = event, step
        if not step.effects:
            self.tell()
            return
        for effect in step.effects:
            self.port.perform(effect, event.ts_ms)
        self._later(self.tell)  # an order does not wait for what is said about it

    def tell(self) -> None:
        """Write down what the last step said, unless that is done."""
        untold, self._untold = self._untold, None
        if untold is not None:
            event, step = untold
            try:
                self.scribe.records(step.records)
                if step.has_latched:
                    self._latched()
                self._on_step(event, step)
            except BaseException as error:  # nobody awaits what is done later
                self.failure = self.failure or error
                raise

    def _close_intent(self, client_order_id: str, now: int) -> None:
        """Forget that a write is open, once its order is over for the session."""
        journal = self.scribe.journal
        if client_order_id in journal.open_intents():
            journal.intent_done(client_order_id, now)
