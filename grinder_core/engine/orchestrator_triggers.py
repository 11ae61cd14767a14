"""Which condition asks for which operating state: the trigger table (LIVE-14), as data.

The first row that fires names target and reason. Rows are sorted by rank, so that one more trigger
never lowers the target. A row fires on the session's inputs, on a symbol's, or on either. The
README's rows stand at their places: guard and schedule after toxicity, the dead-man switch with
durable state, freeze and selection after warm-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from grinder_core.contracts.enums import GuardState, Override
from grinder_core.contracts.live import GuardSeverity, OperatingState, StateReason, Toxicity
from grinder_core.engine.orchestrator_inputs import GlobalInputs, SymbolInputs
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.resilience.breaker_settings import CircuitState

Target = tuple[OperatingState, StateReason]
OnGlobal = Callable[[GlobalInputs, OrchestratorSettings], bool]
OnSymbol = Callable[[SymbolInputs, OrchestratorSettings], bool]


@frozen
class Trigger:
    """One row.

    Attributes:
        on_global, on_symbol: Whether it fires on these inputs; ``None``: never looks at them.
    """

    target: OperatingState
    reason: StateReason
    on_global: OnGlobal | None = None
    on_symbol: OnSymbol | None = None


_S, _R = OperatingState, StateReason

TRIGGERS: Final[tuple[Trigger, ...]] = (
    Trigger(_S.EMERGENCY, _R.KILL_SWITCH, lambda g, _: g.kill_switch_active),
    Trigger(
        _S.EMERGENCY,
        _R.OPERATOR_EMERGENCY,
        lambda g, _: g.operator_override is Override.EMERGENCY,
    ),
    Trigger(_S.PAUSE, _R.OPERATOR_PAUSE, lambda g, _: g.operator_override is Override.PAUSE),
    Trigger(_S.PAUSE, _R.DRAWDOWN, lambda g, _: g.drawdown_state is GuardState.DRAWDOWN),
    Trigger(_S.PAUSE, _R.TOXICITY_HIGH, None, lambda s, _: s.toxicity is Toxicity.HIGH),
    Trigger(
        _S.PAUSE,
        _R.GUARD_PAUSE,
        lambda g, _: g.guard is GuardSeverity.PAUSE,
        lambda s, _: s.guard is GuardSeverity.PAUSE,
    ),
    Trigger(
        _S.PAUSE,
        _R.SCHEDULE_CLOSED,
        lambda g, _: not g.schedule_open,
        lambda s, _: not s.schedule_open,
    ),
    Trigger(_S.DEGRADED, _R.RATE_LIMIT_BAN, lambda g, _: g.rate_limit_ban),
    Trigger(_S.DEGRADED, _R.FEED_DISCONNECTED, lambda g, _: not g.feed_connected),
    Trigger(
        _S.DEGRADED, _R.FEED_STALE, None, lambda s, limits: s.feed_gap_ms > limits.feed_stale_ms
    ),
    Trigger(_S.DEGRADED, _R.USER_STREAM_DOWN, lambda g, _: not g.user_stream_ok),
    Trigger(_S.DEGRADED, _R.CIRCUIT_OPEN, lambda g, _: g.place_circuit is CircuitState.OPEN),
    Trigger(_S.DEGRADED, _R.STATE_UNRECONCILED, None, lambda s, _: s.state_unreconciled),
    Trigger(
        _S.DEGRADED,
        _R.SNAPSHOT_STALE,
        lambda g, limits: g.snapshot_age_ms > limits.snapshot_stale_ms,
    ),
    Trigger(
        _S.DEGRADED,
        _R.CLOCK_SKEW,
        lambda g, limits: abs(g.clock_skew_ms) > limits.clock_skew_max_ms,
    ),
    Trigger(_S.DEGRADED, _R.STATE_WRITE_FAILED, lambda g, _: not g.persist_ok),
    Trigger(
        _S.DEGRADED,
        _R.DEAD_MAN_FAILED,
        lambda g, _: not g.dead_man_ok,
        lambda s, _: not s.dead_man_ok,
    ),
    Trigger(_S.READY, _R.HA_NOT_ACTIVE, lambda g, _: not g.ha_active),
    Trigger(_S.READY, _R.CONSTRAINTS_MISSING, None, lambda s, _: not s.constraints_loaded),
    Trigger(_S.READY, _R.WARMUP, None, lambda s, _: not s.warmed_up),
    Trigger(
        _S.READY,
        _R.GUARD_FREEZE,
        lambda g, _: g.guard is GuardSeverity.FREEZE,
        lambda s, _: s.guard is GuardSeverity.FREEZE,
    ),
    Trigger(_S.READY, _R.NOT_SELECTED, None, lambda s, _: not s.is_selected),
    Trigger(_S.THROTTLED, _R.TOXICITY_MID, None, lambda s, _: s.toxicity is Toxicity.MID),
    Trigger(_S.THROTTLED, _R.RATE_BUDGET_LOW, lambda g, _: g.rate_budget_low),
)
OTHERWISE: Final[Target] = (OperatingState.ACTIVE, StateReason.HEALTHY)

_GLOBAL: Final = tuple((t.on_global, (t.target, t.reason)) for t in TRIGGERS if t.on_global)
_SYMBOL: Final = tuple((t.on_symbol, (t.target, t.reason)) for t in TRIGGERS if t.on_symbol)


def global_target(inputs: GlobalInputs, settings: OrchestratorSettings) -> Target:
    """Return the state that the session's inputs ask for, and why."""
    for fires, target in _GLOBAL:
        if fires(inputs, settings):
            return target
    return OTHERWISE


def symbol_target(inputs: SymbolInputs, settings: OrchestratorSettings) -> Target:
    """Return the state that a symbol's inputs ask for, and why."""
    for fires, target in _SYMBOL:
        if fires(inputs, settings):
            return target
    return OTHERWISE
