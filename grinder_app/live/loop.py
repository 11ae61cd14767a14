"""One ordered queue into journal and fold; what the fold wants goes to the desk (design section 1).

Everything that can change a decision comes through here, in the order in which it is put. An event
is written before it is folded. Nothing here awaits: whoever puts something returns once it, and all
that it led to, is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from grinder_app.live.scribe import Digest, Scribe, stamped
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.live.core import LiveCore, Step


class LiveLoop:
    """The session of a process.

    Args:
        core: The fold.
        scribe: Its journal.
        now_ms: Our time, Unix milliseconds.
        perform: Has an effect done; returns at once.
        on_step: Told of each step, last of all.

    Attributes:
        failure: What ended the session; nothing is folded after it.
    """

    def __init__(
        self,
        core: LiveCore,
        scribe: Scribe,
        now_ms: Callable[[], int],
        perform: Callable[[Effect], None],
        on_step: Callable[[Event, Step], None] = lambda event, step: None,
    ) -> None:
        self.core, self.scribe = core, scribe
        self._now_ms, self._perform, self._on_step = now_ms, perform, on_step
        self._queue: deque[Event | Payload] = deque()
        self._is_busy = False
        self.failure: BaseException | None = None

    @property
    def now(self) -> int:
        """Time of the last event; the next one is not earlier."""
        return self.core.engine.hot.now

    def put(self, payload: Payload) -> None:
        """Take something that is no market event."""
        self._queue.append(payload)
        if not self._is_busy:
            self._work_off()

    def put_market(self, event: Event) -> None:
        """Take a market event as the feed gave it."""
        self._queue.append(event)
        if not self._is_busy:
            self._work_off()

    def note_digest(self) -> None:
        """Write where the session stands."""
        hot = self.core.hot
        self.scribe.digest(Digest(hot.events, self.core.digest), self.now)

    def _work_off(self) -> None:
        self._is_busy = True
        try:
            while self._queue and self.failure is None:
                self._fold(self._queue.popleft())
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._is_busy = False

    def _fold(self, item: Event | Payload) -> None:
        core, scribe = self.core, self.scribe
        now, seq = max(self._now_ms(), self.now), core.hot.events + 1
        event = stamped(item, now, seq) if isinstance(item, Event) else Event(now, item, seq)
        scribe.event(event)
        step = core.step(event)
        scribe.records(step.records)
        self._close_intents(event)
        for effect in step.effects:
            self._perform(effect)
        self._on_step(event, step)

    def _close_intents(self, event: Event) -> None:
        """Forget that a write is open once its order is over for the session."""
        payload = event.payload
        if isinstance(payload, OrderUpdate) and payload.state.is_final:
            name = payload.client_order_id
            if name in self.scribe.journal.open_intents():
                self.scribe.journal.intent_done(name, event.ts_ms)
