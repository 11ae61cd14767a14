"""A whole session that is watched: every event into the engine and every word out of it is kept.

A schedule is a list of items: events of the stream, and hops. A ``Restart`` writes a checkpoint to
text and continues from it; a ``Reload`` does that to the engine alone, in the middle of a turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from attrs import frozen

from grinder_core.contracts.enums import GuardState, Override
from grinder_core.contracts.event import Event
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine, Output
from grinder_core.engine.state import EngineState, HotState
from grinder_core.ports import Policy
from grinder_core.session.checkpoint import Checkpoint, resume, take
from grinder_core.session.session import Session


@frozen
class Restart:
    """The process stops here and continues from its checkpoint."""


@frozen
class Reload:
    """The engine alone is dumped and loaded, before its ``at``-th event from here on."""

    at: int


Item = Event | Restart | Reload


class Entry(NamedTuple):
    """One event into the engine, what came out, and which stops held afterwards."""

    event: Event
    outputs: tuple[Output, ...]
    killed: bool
    guard: GuardState
    override: Override | None
    daily_loss: bool


class Observer(Protocol):
    """Whoever judges a world; told after every item of the schedule."""

    def see(self, world: World, entries: list[Entry]) -> None:
        """Judge what passed since the last call."""


class Tap:
    """An engine that keeps what passes, and may be asked to reload at its next events."""

    def __init__(self, engine: Engine, policy: Policy | None, log: list[Entry]) -> None:
        self._engine = engine
        self._policy = policy
        self._log = log
        self.reload_in = 0

    @property
    def hot(self) -> HotState:
        return self._engine.hot

    def state(self) -> EngineState:
        return self._engine.state()

    def fold(self, event: Event) -> tuple[Output, ...]:
        if self.reload_in:
            self.reload_in -= 1
            if not self.reload_in:
                engine = self._engine
                self._engine = Engine.from_state(engine.state(), engine.config, self._policy)
        outputs = self._engine.fold(event)
        hot = self._engine.hot
        self._log.append(
            Entry(
                event,
                outputs,
                hot.kill.active,
                GuardState.NORMAL if hot.guard is None else hot.guard.state,
                hot.override,
                hot.account.daily_loss_tripped,
            )
        )
        return outputs


class World:
    """One session under watch.

    Attributes:
        log: Everything that went into the engine, with what came out.
        outputs: As the session emitted them.
        steps: Events into the engine.
    """

    def __init__(
        self, config: EngineConfig, policy: Policy | None = None, *observers: Observer
    ) -> None:
        self.config = config
        self.policy = policy
        self.observers = observers
        self.log: list[Entry] = []
        self.outputs: list[PaperOutput] = []
        self.restarts = 0
        self.session = Session(config, policy, digest=False, on_line=self._keep)
        self.tap = Tap(self.session.engine, policy, self.log)
        self.session.engine = self.tap  # type: ignore[assignment]

    @property
    def steps(self) -> int:
        return len(self.log)

    def run(self, items: Iterable[Item]) -> World:
        """Play a schedule."""
        for item in items:
            self.do(item)
        return self

    def do(self, item: Item) -> None:
        """Play one item; observers judge it."""
        seen = len(self.log)
        if isinstance(item, Event):
            self.session.feed(item)
        elif isinstance(item, Restart):
            self._restart()
        else:
            self.tap.reload_in = item.at
        entries = self.log[seen:]
        for observer in self.observers:
            observer.see(self, entries)

    def _restart(self) -> None:
        text = take(self.session, self.restarts).to_text()
        self.restarts += 1
        session = resume(Checkpoint.from_text(text), self.config, self.policy, on_line=self._keep)
        self.tap = Tap(session.engine, self.policy, self.log)
        session.engine = self.tap  # type: ignore[assignment]
        self.session = session

    def _keep(self, output: PaperOutput, line: bytes) -> None:
        self.outputs.append(output)
