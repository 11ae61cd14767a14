"""What must hold at every moment of a live session, judged from outside (LIVE-12 to 15, 38).

The watch knows what the operator and the process told the session, what leaves for the exchange,
what arrives there and what the session says. It keeps tables of its own for the states and never
asks the envelope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from attrs import Factory, define

from grinder_adapters.local_venue.request_log import RequestLog, RequestRecord
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_app.live.session import LiveSession
from grinder_core.contracts.control import Command, Control, Health, Restarted, Timer
from grinder_core.contracts.effects import CancelOrder
from grinder_core.contracts.enums import GuardState, Override
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import HealthName, OperatingState
from grinder_core.contracts.market import Snapshot
from grinder_core.live.core import Step
from grinder_core.live.records import RecordKind
from tests.support.memory_journal import MemoryDisk

ORDER: Final = "/fapi/v1/order"
BATCH: Final = "/fapi/v1/batchOrders"
WRONG_MAX: Final = 30
STALE_FEED_MS: Final = 5_000
STALE_SNAPSHOT_MS: Final = 120_000
SKEW_MAX_MS: Final = 1_000
RANK: Final = {
    "INIT": 7, "EMERGENCY": 6, "PAUSE": 5, "DEGRADED": 4, "READY": 3, "THROTTLED": 2, "ACTIVE": 1,
}  # fmt: skip
COOLDOWN_MS: Final = {"PAUSE": 30_000, "DEGRADED": 5_000, "THROTTLED": 10_000}
TRADING: Final = {"ACTIVE", "THROTTLED"}


class LogTap(RequestLog):
    """A request log that tells of each request as it arrives."""

    watch: LiveWatch

    def add(self, *given: Any, **more: Any) -> RequestRecord:
        """Note a request."""
        record = super().add(*given, **more)
        self.watch.arrived(record)
        return record


@define(eq=False)
class Scope:
    """One state machine as its transitions told it, and how long what would hold it is over."""

    state: str = "INIT"
    bad_ms: dict[int, int] = Factory(dict)


@define(eq=False, slots=False)
class LiveWatch:
    """The invariants of one world.

    Attributes:
        own: Client id of each order of ours at the exchange, by its number there.
        wrong: What did not hold.
    """

    venue: LocalVenue
    disk: MemoryDisk
    symbols: tuple[str, ...]
    wrong: list[str] = Factory(list)
    counts: Counter[str] = Factory(Counter)
    own: dict[int, str] = Factory(dict)
    events: int = 0
    session: LiveSession | None = None
    facts: dict[tuple[str, str], int] = Factory(dict)
    scopes: dict[str, Scope] = Factory(dict)
    snapshot_ms: int = 0
    heard_ms: dict[str, int] = Factory(dict)
    pairs: dict[str, str] = Factory(dict)
    planned_cancels: set[str] = Factory(set)
    left: set[str] = Factory(set)
    deferred: set[str] = Factory(set)
    numbers: dict[str, int] = Factory(dict)
    at_moment: Callable[[], None] = lambda: None

    def say(self, text: str) -> None:
        """Note something wrong."""
        if len(self.wrong) < WRONG_MAX:
            self.wrong.append(f"[{self.disk.clock.now_ms() - 1_700_000_000_000} ms] {text}")

    # -- the session's steps ---------------------------------------------------------------------

    def stepped(self, session: LiveSession, event: Event, step: Step) -> None:
        """Look at one step."""
        self.events += 1
        payload = event.payload
        if type(payload) is Snapshot:
            self.heard_ms[payload.symbol] = event.ts_ms
            if not step.records or (len(step.records) == 1 and not step.effects):
                return
        if isinstance(payload, Restarted):
            self.facts = {}
            self.scopes = {name: Scope() for name in ("", *self.symbols)}
            self.snapshot_ms = event.ts_ms
            self.heard_ms = {}
        elif isinstance(payload, Health):
            self.facts[payload.name, payload.symbol] = payload.value
            if payload.name == HealthName.SNAPSHOT_TAKEN:
                self.snapshot_ms = event.ts_ms
        for record in step.records:
            if record.kind is RecordKind.TRANSITION:
                self._moved(orjson.loads(record.line), event)
            elif record.kind is RecordKind.ACTION:
                self._acted(orjson.loads(record.line))
        for name, waiting in session.core.hot.waiting.items():
            self.pairs[name] = waiting.old
        self._check_states(session, event)
        self._check_exits(session, event, step)
        self.deferred = set(session.core.hot.deferred)
        if step.effects or step.has_latched:
            self.at_moment()

    def _acted(self, action: dict[str, Any]) -> None:
        self.counts[f"{action['action']} {action['status']}"] += 1
        if action["action"] == "CANCEL" and action["status"] == "PLANNED":
            self.planned_cancels.add(action["client_order_id"])

    def _moved(self, told: dict[str, Any], event: Event) -> None:
        """I-14.3 and I-14.5, of one transition."""
        scope = self.scopes[told["scope"]]
        before, after = told["from_state"], told["to_state"]
        name = told["scope"] or "session"
        self.counts["transitions"] += 1
        if before != scope.state and not isinstance(event.payload, Restarted):
            self.say(f"{name} leaves {before}, and was in {scope.state}")
        if isinstance(event.payload, Restarted) and after != "INIT":
            self.say(f"{name} began in {after}")
        if before == "EMERGENCY" and after != "INIT":
            payload = event.payload
            if not (isinstance(payload, Control) and payload.command is Command.RESUME):
                self.say(f"{name} left EMERGENCY for {after} with {event.kind}")
        if before in {"INIT", "PAUSE", "EMERGENCY"} and RANK[after] < RANK["READY"]:
            self.say(f"{name} went from {before} to {after}, not through READY")
        if before in COOLDOWN_MS and RANK[after] < RANK[before]:
            calm_ms = event.ts_ms - scope.bad_ms.get(RANK[before], 0)
            if calm_ms < COOLDOWN_MS[before]:
                self.say(f"{name} left {before} for {after} after {calm_ms} ms of calm")
        scope.state = after

    def _check_states(self, session: LiveSession, event: Event) -> None:
        """I-14.2: no machine is below what the facts ask for."""
        fact, core = self.facts.get, session.core
        machine = core.hot.orchestrator
        has_recovered = bool(fact((HealthName.BOOTSTRAP_OK, ""), 0))
        wanted = self._global_rank(session, event)
        self._check_scope("", machine.machine.state, wanted, event.ts_ms, has_recovered)
        for symbol in self.symbols:
            wanted = 1
            if fact((HealthName.UNRECONCILED, symbol), 0):
                wanted = 4
            elif isinstance(event.payload, Timer):
                heard = self.heard_ms.setdefault(symbol, event.ts_ms)
                wanted = 4 if event.ts_ms - heard > STALE_FEED_MS else 1
            state = machine.symbols[symbol].machine.state
            self._check_scope(symbol, state, wanted, event.ts_ms, has_recovered)

    def _check_scope(
        self, name: str, state: OperatingState, wanted: int, now: int, has_recovered: bool
    ) -> None:
        scope = self.scopes[name]
        for rank in range(2, wanted + 1):
            scope.bad_ms[rank] = now
        if state.value != scope.state:
            self.say(f"{name or 'session'} is in {state}, its transitions say {scope.state}")
            scope.state = state.value
        if has_recovered is (state is OperatingState.INIT):
            self.say(f"{name or 'session'} is in {state} with bootstrap_ok {has_recovered}")
        if RANK[state] < wanted:
            self.say(f"{name or 'session'} is in {state} where the facts ask for rank {wanted}")

    def _global_rank(self, session: LiveSession, event: Event) -> int:
        fact, hot, live = self.facts.get, session.core.engine.hot, session.core.hot
        overrides = {hot.override, live.ordered}
        if hot.kill.active or Override.EMERGENCY in overrides:
            return 6
        if Override.PAUSE in overrides:
            return 5
        if hot.guard is not None and hot.guard.state is not GuardState.NORMAL:
            return 5
        skew = fact((HealthName.CLOCK_SKEW_MS, ""), 0)
        is_old = isinstance(event.payload, Timer) and (
            event.ts_ms - self.snapshot_ms > STALE_SNAPSHOT_MS
        )
        if (
            fact((HealthName.RATE_LIMIT_BAN, ""), 0)
            or not fact((HealthName.FEED_CONNECTED, ""), 0)
            or not fact((HealthName.USER_STREAM_OK, ""), 0)
            or not fact((HealthName.PERSIST_OK, ""), 1)
            or fact((HealthName.PLACE_CIRCUIT, ""), 0) == 1
            or abs(skew) > SKEW_MAX_MS
            or is_old
        ):
            return 4
        return 2 if fact((HealthName.RATE_BUDGET_LOW, ""), 0) else 1

    def _check_exits(self, session: LiveSession, event: Event, step: Step) -> None:
        """What a state asks for never takes exits out; only a plan or FLATTEN does."""
        if not isinstance(event.payload, Timer | Health):
            return
        for effect in step.effects:
            if isinstance(effect, CancelOrder):
                s = session.core.engine.hot.symbols[effect.symbol]
                record = s.grid.get(effect.client_order_id)
                if (
                    record is not None
                    and record.reduce_only
                    and (effect.client_order_id not in self.deferred)
                ):
                    self.say(f"{event.kind} cancelled the exit {effect.client_order_id}")

    # -- what leaves, what arrives -----------------------------------------------------------------

    def leaves(self, method: str, path: str, parameters: str) -> None:
        """Look at a request right before it leaves (I-12.1)."""
        if path in {ORDER, BATCH} and method != "GET":
            self._leaves(method, path, parameters)
            self.at_moment()

    def _leaves(self, method: str, path: str, parameters: str) -> None:
        session = self.session
        if getattr(session, "is_bailing", False) and method == "DELETE":
            return  # what failed cancels all that it can see
        if path == BATCH or session is None:
            self.say(f"{method} {path} outside of a session's end")
            return
        given = {name: values[0] for name, values in parse_qs(parameters).items()}
        name = given.get("newClientOrderId") or given.get("origClientOrderId", "")
        name = name or self.own.get(int(given.get("orderId", "0")), "")
        state = self._state_of(session, given["symbol"])
        if state == "INIT":
            self.say(f"{method} of {name} left in INIT")
        if method == "DELETE":
            self.counts["cancel requests"] += 1
            is_planned = f"cancel:{name}" in session.core.hot.open_actions
            if not is_planned and name not in self.planned_cancels:
                self.say(f"a cancel of {name} left that nothing planned")
            return
        self.counts["order requests"] += 1
        self.left.add(name)
        self._leaves_as_order(session, given, name, state)

    def _leaves_as_order(
        self, session: LiveSession, given: dict[str, str], name: str, state: str
    ) -> None:
        hot, live = session.core.engine.hot, session.core.hot
        action = live.open_actions.get(f"place:{name}")
        if action is None:
            self.say(f"{name} left without an action under way")
        only_reduces = given.get("reduceOnly") == "true"
        writer = self.disk.writer
        row = None if writer is None else writer.intent_rows.get(name)
        is_synced = row is not None and row < self.disk.synced
        if not is_synced and not (only_reduces and self.disk.is_broken()):
            self.say(f"{name} left before its intent was on disk")
        if only_reduces:
            return
        held = [
            why
            for why, holds in (
                ("the kill switch", hot.kill.active),
                (f"an override {hot.override} {live.ordered}", hot.override or live.ordered),
                ("the guard", hot.guard is not None and hot.guard.state is not GuardState.NORMAL),
                (state, state not in TRADING),
                ("the end", live.is_stopping),
            )
            if holds
        ]
        if held:
            self.say(f"{name} left as new risk while there is {', '.join(held)}")

    def _state_of(self, session: LiveSession, symbol: str) -> str:
        machine = session.core.hot.orchestrator
        states = machine.machine.state.value, machine.symbols[symbol].machine.state.value
        return max(states, key=RANK.__getitem__)

    def arrived(self, record: RequestRecord) -> None:
        """Look at a request that the exchange has answered."""
        if record.path == ORDER and record.method != "GET":
            if record.method == "POST":
                self._placed(record)
            self.at_moment()

    def _placed(self, record: RequestRecord) -> None:
        name = record.parameters.get("newClientOrderId", "")
        if not name.startswith("grinder_"):
            return
        if name not in self.left:
            self.say(f"{name} arrived and never left")
        for number in record.order_ids:
            if self.numbers.setdefault(name, number) != number:
                self.say(f"{name} has two orders")
            self.own[number] = name
        old = self.pairs.get(name)
        if old is not None:
            resting = {order.client_order_id for order in self.venue.exchange.floor.orders.values()}
            if {old, name} <= resting:
                self.say(f"the exchange holds {name} and {old}, which it replaces")
