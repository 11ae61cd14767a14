"""The in-process driver: one engine, one venue, one ordered stream (design section 1).

A turn: the venue sees the market first (resting fills), then the engine decides, then the venue
answers the effects (acceptances, immediate fills), then the turn ends. The engine learns of the
venue only through events; the venue knows nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from grinder_core.codec import ListDigest, chain
from grinder_core.contracts.control import TurnEnd
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine, Output
from grinder_core.numbers import exact
from grinder_core.ports import OutputSink, Policy, Venue
from grinder_core.session.render import Renderer
from grinder_core.venue.sim import RestingVenue, SimVenue

TURN_END: Final = TurnEnd()
CHAIN_START: Final = bytes(32)


class Driver(StrEnum):
    """Who answers the engine's effects, and which view the digest covers."""

    PAPER = "paper"
    REPLAY = "replay"


class Session:
    """Runs events through engine and venue, and hands each output to the sinks.

    Args:
        config: Settings of the session.
        policy: A user's own policy instead of the static grid.
        driver: ``PAPER`` fills orders by ``fill_mode``; ``REPLAY`` accepts and never fills.
        venue: Who answers instead of the driver's own venue, such as a whole exchange.
        on_output: Called with each output; keep it cheap.
        on_line: Called with each output and its canonical digest line. Giving it, or asking for
            ``digest=True``, makes the session render every output.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        policy: Policy | None = None,
        *,
        driver: Driver = Driver.PAPER,
        venue: Venue | None = None,
        on_output: Callable[[PaperOutput], None] | None = None,
        on_line: OutputSink | None = None,
        digest: bool = True,
    ) -> None:
        self.config = config or EngineConfig()
        self.driver = driver
        self.engine = Engine(self.config, policy)
        kind = SimVenue if driver is Driver.PAPER else RestingVenue
        self.venue: Venue = venue or kind(self.config.venue, self.config.risk.initial_capital)
        self._venue_listens = self.venue.listens
        self.chain = CHAIN_START
        self.output_count = 0
        self._list_digest: ListDigest | None = ListDigest() if digest else None
        self._on_output = on_output
        self._on_line = on_line
        self._renderer = Renderer() if digest or on_line else None

    @property
    def digest(self) -> str | None:
        """CORE-05 digest over all outputs so far; ``None`` if off or begun from a checkpoint."""
        return None if self._list_digest is None else self._list_digest.hexdigest()

    @property
    def running_digest(self) -> str | None:
        """The session's chain over all outputs; the same for one run and for its halves.

        ``None`` where outputs are not rendered.
        """
        return None if self._renderer is None else self.chain.hex()

    def forget_list_digest(self) -> None:
        """Give up the list digest: it cannot be continued from a checkpoint, the chain can."""
        self._list_digest = None

    def run(self, events: Iterable[Event]) -> None:
        """Feed a stream of events, in order.

        Raises:
            InputError, PolicyError, InvariantError: As ``Engine.step``; nothing follows it.
        """
        with exact():
            turn = self._turn
            for event in events:
                turn(event)

    def feed(self, event: Event) -> None:
        """Feed one event."""
        with exact():
            self._turn(event)

    def _turn(self, event: Event) -> None:
        fold, payload = self.engine.fold, event.payload
        if type(payload) is Snapshot:
            for update in self.venue.on_snapshot(payload, event.ts_ms):
                fold(Event(event.ts_ms, update, event.seq))
        elif type(payload) in self._venue_listens:
            for update in self.venue.on_market(payload, event.ts_ms, update_id=event.update_id):
                fold(Event(event.ts_ms, update, event.seq))
        outputs = fold(event)
        if len(outputs) == 1 and isinstance(outputs[0], PaperOutput):
            self._emit(outputs[0])
        elif outputs:
            self._perform(outputs, event)

    def _perform(self, outputs: tuple[Output, ...], event: Event) -> None:
        """Give effects to the venue, its answers to the engine, and close the turn."""
        fold, now, seq = self.engine.fold, event.ts_ms, event.seq
        ts = getattr(event.payload, "ts", now)
        symbol = getattr(event.payload, "symbol", "")
        self._answer(outputs, event, ts)
        for update in self.venue.end_of_turn(symbol, now, ts):
            fold(Event(now, update, seq))
        # a trip at the turn's end cancels; those answers show in the next outputs
        self._answer(fold(Event(now, TURN_END, seq)), event, ts)

    def _answer(self, outputs: tuple[Output, ...], event: Event, ts: int) -> None:
        """Emit finished outputs; give effects to the venue and its answers to the engine."""
        for output in outputs:
            if isinstance(output, PaperOutput):
                self._emit(output)
            else:
                for update in self.venue.submit(output, event.ts_ms, ts):
                    self.engine.fold(Event(event.ts_ms, update, event.seq))

    def _emit(self, output: PaperOutput) -> None:
        self.output_count += 1
        if self._renderer is not None:
            if self.driver is Driver.PAPER:
                line = self._renderer.line(output)
            else:
                line = self._renderer.replay_line(output)
            self.chain = chain(self.chain, line)
            if self._list_digest is not None:
                self._list_digest.add(line)
            if self._on_line is not None:
                self._on_line(output, line)
        if self._on_output is not None:
            self._on_output(output)
