"""The values of all metrics of a live session, read from its parts when a scraper asks (LIVE-30).

Counters that the state keeps over restarts begin at 0 here with each process, so that none ever
falls within one, and what a recovery counts differently is no event.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import frozen

from grinder_adapters.binance.connector_state import State
from grinder_adapters.metrics.exposition import Values
from grinder_adapters.metrics.resident import resident_bytes
from grinder_app.live.figures import (
    Found,
    by_one,
    by_two,
    dropped,
    no_circuits,
    of_requests,
    of_writes,
    one,
    one_hot,
    since,
)
from grinder_app.live.metering import Meter
from grinder_app.server.bodies import Readiness
from grinder_core.contracts.enums import GateName, GateReason
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import BlockReason, OperatingState
from grinder_core.engine.engine import Engine
from grinder_core.engine.stats import GATE_ORDER
from grinder_core.live.core import Step
from grinder_core.numbers import exact
from grinder_core.resilience.breaker_settings import CircuitState

if TYPE_CHECKING:
    from grinder_app.live.session import LiveSession
    from grinder_app.live.trading_account import TradingAccount

MS: Final = 1_000
ACTIVE, STANDBY, UNKNOWN = "active", "standby", "unknown"
_GATES: Final = (*GATE_ORDER, GateName.OPERATING_STATE)


@frozen(kw_only=True)
class Baseline:
    """What the state had counted when this process took it up."""

    allowed: dict[str, int]
    blocked: dict[str, int]
    loss_trips: int

    @classmethod
    def of(cls, engine: Engine) -> Baseline:
        """Take the counts as they are."""
        streaks = engine.hot.streaks
        return cls(
            allowed=allowed_by(engine),
            blocked=dict(engine.hot.stats.gate_blocked),
            loss_trips=0 if streaks is None else streaks.trips_total,
        )


class Gatherer:
    """Reads one session.

    Args:
        session: It need not be open, nor alive.
        monotonic: Seconds that never go back.

    Attributes:
        meter: What was counted; it is among the session's watchers.
    """

    def __init__(
        self, session: LiveSession, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._monotonic = session, monotonic
        self._began_s = monotonic()
        self._base: Baseline | None = None
        self.meter = Meter()
        session.watchers.append(self._stepped)

    @property
    def uptime_s(self) -> float:
        """Time since the start."""
        return round(self._monotonic() - self._began_s, 3)

    @property
    def role(self) -> str:
        """Whether this process may write; without leader election it is active once it began."""
        if not self._session.is_open:
            return UNKNOWN
        return ACTIVE if self._session.core.hot.orchestrator.inputs.ha_active else STANDBY

    @property
    def state(self) -> OperatingState:
        """Of the session; INIT before there is one."""
        if not self._session.is_open:
            return OperatingState.INIT
        return self._session.core.hot.orchestrator.machine.state

    def readiness(self) -> Readiness:
        """Return what readiness depends on, as of now."""
        role, state, session = self.role, self.state, self._session
        if not session.is_open:
            return Readiness(role=role, state=state)
        machine = session.core.hot.orchestrator
        return Readiness(
            role=role,
            state=state,
            reason=machine.machine.reason.value,
            circuit_open=machine.inputs.place_circuit is not CircuitState.CLOSED,
            stale=self._stale_symbols() > 0,
        )

    def values(self) -> Values:
        """Return the values that are known; all others are 0."""
        found = self._of_the_process()
        if self._session.is_open:
            found |= self._of_what_is_written()
            found |= self._of_decisions()
            found |= self._of_the_market()
            found |= of_requests(self._session.client)
            if self._session.account is not None:
                found |= self._of_the_account(self._session.account)
        return found

    def _stepped(self, event: Event, step: Step) -> None:
        if self._base is None:  # the first event of a process moves none of these
            self._base = Baseline.of(self._session.core.engine)
        self.meter.stepped(event, step)

    # -- one room after the other --------------------------------------------------------------

    def _of_the_process(self) -> Found:
        meter, plan, role = self.meter, self._session.plan, self.role
        compares = plan.will_write and plan.reconcile.reconcile_enabled
        return {
            "grinder_up": one(1),
            "grinder_uptime_seconds": one(self.uptime_s),
            "grinder_process_resident_memory_bytes": one(resident_bytes()),
            "grinder_ha_role": one_hot(role),
            "grinder_ha_is_leader": one(int(role == ACTIVE)),
            "grinder_ha_transitions_total": by_one(meter.roles),
            "grinder_armed": one(int(plan.armed)),
            "grinder_safe_mode": one_hot(plan.mode.value),
            "grinder_venue_class": one_hot(plan.venue_class.value),
            "grinder_fsm_state": one_hot(self.state.value),
            "grinder_events_folded_total": one(meter.events),
            "grinder_reconcile_enabled": one(int(compares)),
            "grinder_router_fill_prob_enforce_enabled": one(int(plan.fill_gate.fill_model_enforce)),
            "grinder_circuit_state": no_circuits(),
        }

    def _of_what_is_written(self) -> Found:
        session, journal = self._session, self._session.journal.stats
        lost = 0 if session.trail is None else session.trail.errors
        feed, failures = session.market.feed.stats, session.client.stats.failures
        errors = Counter(
            audit=lost,
            feed=feed.errors + feed.book_losses + feed.book_fetches_failed,
            journal=journal.failures,
            rest=failures.total(),
        )
        account = session.account
        if account is not None:
            errors["user_stream"] = account.desk.streams_lost + account.stream.unknown_events
            if account.reconciliation is not None:
                errors["reconcile"] = account.reconciliation.rounds_failed
        return {
            "grinder_journal_rows_total": one(journal.rows),
            "grinder_journal_bytes_total": one(journal.bytes),
            "grinder_state_persist_errors_total": one(journal.failures),
            "grinder_state_last_persist_age_seconds": one(round(journal.age_s, 3)),
            "grinder_audit_write_errors_total": one(lost),
            "grinder_errors_total": by_one(errors),
        }

    def _of_decisions(self) -> Found:
        meter, engine, hot = self.meter, self._session.core.engine, self._session.core.hot
        base = self._base or Baseline.of(engine)
        core, machine = engine.hot, hot.orchestrator
        allowed = since(allowed_by(engine), base.allowed, (gate.value for gate in _GATES))
        blocked = since(core.stats.gate_blocked, base.blocked, core.stats.gate_blocked)
        streaks, account = core.streaks, core.account
        states = Counter(machine.effective(symbol)[0].value for symbol in machine.symbols)
        with exact():
            fall = account.high_water_mark - account.equity
        peak = account.high_water_mark
        return {
            "grinder_gating_allowed_total": by_one(allowed),
            "grinder_gating_blocked_total": {
                _gate_and_reason(key): count for key, count in blocked.items()
            },
            "grinder_kill_switch_triggered": one(int(core.kill.active)),
            "grinder_kill_switch_trips_total": by_one(meter.kills),
            "grinder_drawdown_pct": one(_pct(float(fall), float(peak))),
            "grinder_high_water_mark": one(float(peak)),
            "grinder_risk_consecutive_losses": one(0 if streaks is None else streaks.max_count),
            "grinder_risk_consecutive_loss_trips_total": one(
                0 if streaks is None else streaks.trips_total - base.loss_trips
            ),
            "grinder_fsm_symbols": by_one(states),
            "grinder_fsm_transitions_total": by_two(meter.transitions),
            "grinder_live_actions_total": by_two(meter.actions),
            "grinder_live_blocks_total": by_one(meter.blocks),
            "grinder_router_decision_total": by_two(meter.routes),
            "grinder_router_fill_prob_blocks_total": one(
                meter.blocks[BlockReason.FILL_PROB_LOW.value]
            ),
            "grinder_control_commands_total": by_one(meter.commands),
            "grinder_order_outcome_unknown": one(len(hot.unknown_since)),
            "grinder_order_outcome_unknown_total": by_one(meter.unknown),
        }

    def _of_the_market(self) -> Found:
        session, market = self._session, self._session.market
        feed = market.feed
        age_ms = session.base.now_ms() - session.rules_ms
        connected, stats = feed.state is State.CONNECTED, feed.stats
        reconnects = feed.streams.metrics.total_reconnects
        account = session.account
        stream = None if account is None else account.stream
        has_stream = stream is not None and stream.state is State.CONNECTED
        return {
            "grinder_decision_latency_ms": one(market.latencies.histogram()),
            "grinder_ws_connected": by_one({"market": connected, "user_data": has_stream}),
            "grinder_ws_reconnect_total": by_one(
                {"market": reconnects, "user_data": 0 if stream is None else stream.reconnects}
            ),
            "grinder_ticks_received_total": by_one(
                {"market": stats.ticks, "user_data": 0 if stream is None else stream.events_heard}
            ),
            "grinder_last_tick_ts": by_one(
                {
                    "market": feed.last_seen_ts,
                    "user_data": 0 if stream is None else stream.last_heard_ms,
                }
            ),
            "grinder_listen_key_keepalive_total": (
                {} if stream is None else by_one(stream.keep_alives)
            ),
            "grinder_feed_stale_symbols": one(self._stale_symbols()),
            "grinder_event_queue_depth": one(feed.queued),
            "grinder_events_dropped_total": dropped(stats),
            "grinder_constraints_age_seconds": one(max(age_ms, 0) / MS),
        }

    def _stale_symbols(self) -> int:
        machine = self._session.core.hot.orchestrator
        return sum(
            watch.inputs.feed_gap_ms > machine.settings.of_symbol(symbol).feed_stale_ms
            for symbol, watch in machine.symbols.items()
        )

    def _of_the_account(self, account: TradingAccount) -> Found:
        armed = sum(
            account.port.is_countdown_armed(symbol) for symbol in self._session.plan.symbols
        )
        found = {**of_writes(account.store), "grinder_dead_man_armed_symbols": one(armed)}
        room = account.reconciliation
        if room is None:
            return found
        return found | {
            "grinder_reconcile_runs_total": one(room.runs),
            "grinder_reconcile_runs_with_mismatch_total": one(room.runs_with_mismatch),
            "grinder_reconcile_mismatch_total": by_one(room.mismatches),
            "grinder_reconcile_last_snapshot_age_seconds": one((room.snapshot_age_ms or 0) / MS),
            "grinder_reconcile_run_errors_total": one(room.rounds_failed),
        }


def allowed_by(engine: Engine) -> dict[str, int]:
    """Return how many plans passed each gate: the first that blocks is the only one that counts.

    The kill switch is judged before all of them.
    """
    stats = engine.hot.stats
    passed, allowed = stats.gates_passed, {}
    for gate in reversed(_GATES):
        allowed[gate.value] = passed
        passed += sum(
            count
            for key, count in stats.gate_blocked.items()
            if key.startswith(f"{gate.value}:")
            and not key.endswith(GateReason.KILL_SWITCH_ACTIVE.value)
        )
    return allowed


def _gate_and_reason(key: str) -> tuple[str, str]:
    gate, _, reason = key.partition(":")
    return gate, reason


def _pct(fall: float, peak: float) -> float:
    """Display only: a share of the peak, 0 to 100."""
    return round(min(max(fall * 100 / peak, 0.0), 100.0), 4) if peak > 0 else 0.0
