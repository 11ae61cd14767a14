"""The live session as one fold: ``step(event)`` gives effects and records (LIVE-13, LIVE-38).

It is the engine with its operating state around it. Whatever can change a decision comes in as an
event; whatever may leave passes the envelope. Given a journal's events it says the same again, byte
for byte: that is what makes a live session explainable and recoverable.

A step goes: the facts of the event; the engine; what the engine wants, judged and routed; the end
of the engine's turn; the operating state; what that asks for, judged and routed as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from grinder_core.contracts.control import (
    AccountUpdate,
    Command,
    Control,
    FundingPaid,
    Health,
    Leadership,
    Restarted,
    Timer,
    TurnEnd,
    WriteResult,
)
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.enums import ActionType, ExecutionEventType, RiskIntent
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import StateNotice
from grinder_core.contracts.market import MarkPrice, Snapshot, Trade
from grinder_core.contracts.orders import OrderAdopted, OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.engine import Engine, Output
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.orchestrator_machine import Notice
from grinder_core.errors import ArtifactError
from grinder_core.live.answers import Answers
from grinder_core.live.carrying import carried_over, check_exposed
from grinder_core.live.commanding import take_command, why_refused
from grinder_core.live.config import LiveConfig
from grinder_core.live.latches import Latches
from grinder_core.live.overseeing import Overseer, take_health
from grinder_core.live.passing import Passing
from grinder_core.live.records import Record, RecordKind, Saying, Speech
from grinder_core.live.request_count import RequestCount
from grinder_core.live.state import (
    LIVE_STATE_VERSION,
    LiveHot,
    LiveState,
    Movement,
    freeze_hot,
    thaw_hot,
)
from grinder_core.numbers import exact
from grinder_core.ports import Policy

TURN_END: Final = TurnEnd()
_CHANGES_RULES: Final = (Restarted, Control)
_CARRIED: Final = (
    *("events", "lives", "chain", "outputs", "open_actions", "waiting", "deferred", "ordered"),
    *("trade_cursors", "fill_ids", "unknown_since", "latches", "has_started"),
    *("started_ms", "income_ms", "moved", "commands_done", "imposed"),
)


@frozen
class Step:
    """What one event led to.

    Attributes:
        effects: For the venue, in the order they are to be sent.
        has_latched: A latch changed: that must be durable before anything depends on it.
    """

    effects: Sequence[Effect]
    has_latched: bool
    _speech: Speech

    @property
    def has_something(self) -> bool:
        """Whether it has effects or said something."""
        return bool(self.effects) or self._speech.has_more

    @property
    def records(self) -> Sequence[Record]:
        """What was said, in order, all of it in the chain; to be read before the next step."""
        if not self._speech.has_more:
            return self._speech.written()
        with exact():
            return self._speech.written()


class LiveCore:
    """One live session. Its steps depend on configuration, policy and events alone.

    Attributes:
        last_outputs: The last decision of each symbol in this process life, for people who ask
            why; no step reads it.
    """

    def __init__(self, config: LiveConfig, policy: Policy | None = None) -> None:
        self.config = config
        engine = Engine(config.engine, policy)
        hot = LiveHot(
            orchestrator=Orchestrator.of(config.orchestrator, config.whitelist),
            requests=RequestCount(
                config.orders_10s,
                config.orders_1m,
                config.soft_limit_pct,
                config.hard_limit_pct,
            ),
        )
        self._assemble(engine, hot)

    @classmethod
    def from_state(
        cls, state: LiveState, config: LiveConfig, policy: Policy | None = None
    ) -> LiveCore:
        """Continue exactly where ``state()`` was taken.

        Raises:
            ArtifactError: The state is damaged or belongs to another configuration.
        """
        if state.version != LIVE_STATE_VERSION:
            raise ArtifactError(
                f"must be {LIVE_STATE_VERSION}", field="live state version", value=state.version
            )
        core = cls(config, policy)
        core._assemble(Engine.from_state(state.engine, config.engine, policy), thaw_hot(state.text))
        return core

    def under(self, config: LiveConfig, policy: Policy | None = None) -> LiveCore:
        """Return the session under a configuration: itself where that is its own.

        Raises:
            ConfigError: A symbol is left out while something of ours is on it.
        """
        if config == self.config:
            return self
        self.hot.chain = self._chain()
        before = self.engine.hot
        check_exposed(before, config.whitelist)
        core = LiveCore(config, policy)
        engine = Engine.of_hot(carried_over(before, config.engine), config.engine, policy)
        hot, old = core.hot, self.hot
        for name in _CARRIED:
            setattr(hot, name, getattr(old, name))
        hot.orchestrator = Orchestrator.of(
            config.orchestrator,
            config.whitelist,
            emergency_latched=old.orchestrator.machine.emergency_latched,
        )
        hot.orchestrator.now_ms = old.orchestrator.now_ms
        core._assemble(engine, hot)
        return core

    def _assemble(self, engine: Engine, hot: LiveHot) -> None:
        self.engine, self.hot = engine, hot
        self.last_outputs: dict[str, PaperOutput] = {}
        self._speech = speech = Speech(hot.chain)
        self._effects: list[Effect] = []
        self._nothing = Step((), False, speech)
        self._overseer = Overseer(engine, hot, speech.say)
        self._passing = Passing(self.config, engine, hot, speech.say)
        self._answers = Answers(engine, hot, self._passing, speech.say)
        self._latches = Latches(engine, hot, speech.say)

    def state(self) -> LiveState:
        """Return a frozen, serialisable dump of everything the next step depends on."""
        self.hot.chain = self._chain()
        return LiveState(LIVE_STATE_VERSION, self.engine.state(), freeze_hot(self.hot))

    @property
    def digest(self) -> str:
        """The chain over everything said so far, 64 hexadecimal characters."""
        return self._chain().hex()

    def _chain(self) -> bytes:
        with exact():
            return self._speech.chain

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Say why a write must not leave now, right before it would; empty: it may (LIVE-13).

        It changes nothing: what was refused comes back as an event.
        """
        return self._passing.recheck(risk, symbol)

    def entry_refusal(self, symbol: str) -> str:
        """Say which gate of the envelope refuses new risk now; empty: none. It changes nothing."""
        return self._passing.recheck(RiskIntent.INCREASE_RISK, symbol)

    def step(self, event: Event) -> Step:
        """Advance by one event.

        Raises:
            ContractError: Time went back, or the event contradicts its stream.
            PolicyError: The user's policy failed.
            InvariantError: The venue's answer is impossible.
        """
        with exact():
            return self.fold(event)

    def fold(self, event: Event) -> Step:
        """``step`` for drivers that entered ``exact()`` once for the whole run."""
        hot, payload, now = self.hot, event.payload, event.ts_ms
        hot.events += 1
        self._speech.begin()
        self._effects = []
        kind = type(payload)
        is_timer = kind is Timer
        if kind is Snapshot:
            hot.orchestrator.on_market(payload.symbol, now)  # type: ignore[union-attr]
            self._take(self.engine.fold(event), event)
        elif kind is Trade:  # after quotes the most frequent
            self._take(self.engine.fold(event), event)
        elif isinstance(payload, Health):
            take_health(hot, payload, now)
        elif isinstance(payload, WriteResult):
            self._answers.on_write(payload, now)
        elif isinstance(payload, OrderUpdate):
            self._take(self._answers.on_update(payload, event), event)
        else:
            self._on_other(event)
        if self.engine.hot.is_revalued:  # what trips does so at once, not at the next quote
            self._take(self.engine.fold(Event(now, TURN_END, event.seq)), event)
        self._overseer.note_engine()
        self._let_pass(self._overseer.advance(now, is_timer=is_timer), event)
        if is_timer:
            self._let_pass(self._passing.retry_cancels(), event)
        if self._passing.spent_token or kind in _CHANGES_RULES:
            self._let_pass(self._overseer.carry_out(now), event)
            self._passing.spent_token = False
        has_latched = self._latches.look(now)
        if not (self._effects or has_latched or self._speech.has_more):
            return self._nothing
        return Step(self._effects, has_latched, self._speech)

    def _on_other(self, event: Event) -> None:
        hot, payload = self.hot, event.payload
        if isinstance(payload, MarkPrice):
            hot.marks[payload.symbol] = payload.mark_price
        elif isinstance(payload, Leadership):
            hot.orchestrator.set_global(ha_active=payload.is_leader)
            return
        elif isinstance(payload, Restarted):
            self._restart(event)
        elif isinstance(payload, AccountUpdate):
            self._on_account(payload)
        elif isinstance(payload, FundingPaid):
            self._note_moved(Movement(payload.ts, payload.symbol, -payload.amount))
        elif isinstance(payload, Control) and not self._obey(payload, event.ts_ms):
            return
        self._take(self.engine.fold(event), event)
        if isinstance(payload, OrderAdopted):
            self._defer_second(payload.symbol, payload.client_order_id)

    def _obey(self, control: Control, now: int) -> bool:
        """Take a command; return whether the engine is to hear of it."""
        hot, refusal = self.hot, why_refused(control, self.engine.hot, self.hot, now)
        hot.commands_done = max(hot.commands_done, control.number)
        if refusal:
            notice = Notice(ts_ms=now, kind=StateNotice.COMMAND_REFUSED, detail=refusal)
            self._overseer.say_notice(notice, now)
            return False
        take_command(hot, control)
        if control.command is Command.STOP:
            self._passing.drop_waiting(now)
        return True

    def _defer_second(self, symbol: str, client_order_id: str) -> None:
        """Have an order cancelled that was taken in on a level which another one holds."""
        s = self.engine.hot.symbols.get(symbol)
        if s is not None and client_order_id in s.grid.leaving:
            self.hot.deferred.setdefault(client_order_id, symbol)

    def _on_account(self, update: AccountUpdate) -> None:
        hot = self.hot
        if update.start is not None:
            hot.has_started = True
            hot.started_ms = hot.income_ms = update.ts
            hot.moved.clear()
        if update.transfer:
            self._note_moved(Movement(update.ts, "", update.transfer))

    def _note_moved(self, movement: Movement) -> None:
        """Remember what the venue's list will show; without an account there is none."""
        hot = self.hot
        if hot.started_ms and movement.ts > hot.income_ms:
            hot.moved.append(movement)

    def _restart(self, event: Event) -> None:
        """A new process took the session up: nothing is proven any more."""
        hot = self.hot
        hot.lives += 1
        hot.is_stopping, hot.imposed = False, None
        hot.orchestrator.restart()
        hot.orchestrator.set_global(
            feed_connected=False, user_stream_ok=False, persist_ok=True, ha_active=True
        )
        hot.snapshot_ms = event.ts_ms
        self._answers.abandon(event.ts_ms)
        self._passing.drop_waiting(event.ts_ms)
        self._passing.defer_cancels()
        hot.marks.clear()

    # -- the engine's outputs ------------------------------------------------------------------

    def _take(self, outputs: Sequence[Output], event: Event) -> None:
        """Say what the engine said, let pass what may, and end the engine's turn."""
        if len(outputs) == 1 and isinstance(outputs[0], PaperOutput):
            self._decided(outputs[0], event)
            return
        if not outputs:
            return
        wanted: list[Effect] = []
        for output in outputs:
            if isinstance(output, PaperOutput):
                self._decided(output, event)
            else:
                wanted.append(output)
        self._let_pass(wanted, event)
        # what trips at the turn's end cancels
        self._take(self.engine.fold(Event(event.ts_ms, TURN_END, event.seq)), event)

    def _let_pass(self, wanted: Sequence[Effect], event: Event) -> None:
        if wanted:
            self._effects += self._passing.admit(wanted, event)

    def _decided(self, out: PaperOutput, event: Event) -> None:
        self._overseer.note_output(out)
        self.last_outputs[out.symbol] = out
        self.hot.outputs += 1
        self._speech.say(Saying(RecordKind.DECISION, event.ts_ms, out, _is_notable(out)))


def _is_notable(out: PaperOutput) -> bool:
    """Whether something happened; what is left out anew at each quote is said with the first."""
    if out.fills or out.funding:
        return True
    for action in out.actions:
        if action.action is not ActionType.NOOP:
            return True
    if not out.events:
        return False
    return any(event.type is not ExecutionEventType.ORDER_SKIPPED for event in out.events)
