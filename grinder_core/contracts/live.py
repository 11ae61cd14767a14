"""The closed vocabularies of live operation: modes, operating states, and what became of an action.

Values are published (LIVE-07, LIVE-12 to LIVE-15): append, never rename.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SafeMode(StrEnum):
    """What a run may do, fixed for its life; each includes the ones before (LIVE-07)."""

    READ_ONLY = "read_only"
    PAPER = "paper"
    LIVE_TRADE = "live_trade"

    def includes(self, required: SafeMode) -> bool:
        """Whether this mode is at least ``required``."""
        order = tuple(SafeMode)
        return order.index(self) >= order.index(required)


class OperatingState(StrEnum):
    """What the session may do at the moment (LIVE-14), the most restrictive first."""

    INIT = "INIT"
    EMERGENCY = "EMERGENCY"
    PAUSE = "PAUSE"
    DEGRADED = "DEGRADED"
    READY = "READY"
    THROTTLED = "THROTTLED"
    ACTIVE = "ACTIVE"

    @property
    def rank(self) -> int:
        """7 for INIT down to 1 for ACTIVE: the higher, the more restrictive."""
        return _RANKS[self]


_RANKS: Final = {state: rank for rank, state in enumerate(reversed(OperatingState), 1)}


class StateReason(StrEnum):
    """Why an operating state holds (LIVE-14, with the rows that the README adds)."""

    KILL_SWITCH = "KILL_SWITCH"
    OPERATOR_EMERGENCY = "OPERATOR_EMERGENCY"
    OPERATOR_PAUSE = "OPERATOR_PAUSE"
    DRAWDOWN = "DRAWDOWN"
    TOXICITY_HIGH = "TOXICITY_HIGH"
    GUARD_PAUSE = "GUARD_PAUSE"
    SCHEDULE_CLOSED = "SCHEDULE_CLOSED"
    RATE_LIMIT_BAN = "RATE_LIMIT_BAN"
    FEED_DISCONNECTED = "FEED_DISCONNECTED"
    FEED_STALE = "FEED_STALE"
    USER_STREAM_DOWN = "USER_STREAM_DOWN"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    STATE_UNRECONCILED = "STATE_UNRECONCILED"
    SNAPSHOT_STALE = "SNAPSHOT_STALE"
    CLOCK_SKEW = "CLOCK_SKEW"
    STATE_WRITE_FAILED = "STATE_WRITE_FAILED"
    DEAD_MAN_FAILED = "DEAD_MAN_FAILED"
    HA_NOT_ACTIVE = "HA_NOT_ACTIVE"
    CONSTRAINTS_MISSING = "CONSTRAINTS_MISSING"
    WARMUP = "WARMUP"
    GUARD_FREEZE = "GUARD_FREEZE"
    NOT_SELECTED = "NOT_SELECTED"
    TOXICITY_MID = "TOXICITY_MID"
    RATE_BUDGET_LOW = "RATE_BUDGET_LOW"
    HEALTHY = "HEALTHY"
    BOOTSTRAP_PENDING = "BOOTSTRAP_PENDING"
    INIT_TIMEOUT = "INIT_TIMEOUT"
    COOLDOWN = "COOLDOWN"
    AWAIT_RESUME = "AWAIT_RESUME"


class StateNotice(StrEnum):
    """What the orchestrator reports besides transitions (LIVE-14)."""

    RESUME_REFUSED = "RESUME_REFUSED"
    INIT_TIMEOUT = "INIT_TIMEOUT"
    TIME_WENT_BACK = "TIME_WENT_BACK"
    COMMAND_REFUSED = "COMMAND_REFUSED"


class Toxicity(StrEnum):
    """How the toxicity gate judges a symbol's market (LIVE-14): spread spike, or price impact."""

    NONE = "NONE"
    MID = "MID"
    HIGH = "HIGH"


class GuardSeverity(StrEnum):
    """How severe a guard's verdict is, the mildest first (MM-17; BLOCK_NEW is FREEZE)."""

    ALLOW = "ALLOW"
    SOFTEN = "SOFTEN"
    REDUCE = "REDUCE"
    FREEZE = "FREEZE"
    PAUSE = "PAUSE"


class FillProbVerdict(StrEnum):
    """What the fill-probability gate says of new risk (ML-18); SHADOW never blocks."""

    ALLOW = "ALLOW"
    SHADOW = "SHADOW"
    BLOCK = "BLOCK"


class BlockReason(StrEnum):
    """Why an action did not reach its end (LIVE-12); the gates first, in their order."""

    NOT_ARMED = "NOT_ARMED"
    MODE_NOT_LIVE_TRADE = "MODE_NOT_LIVE_TRADE"
    KILL_SWITCH_ACTIVE = "KILL_SWITCH_ACTIVE"
    SYMBOL_NOT_WHITELISTED = "SYMBOL_NOT_WHITELISTED"
    DRAWDOWN_BLOCKED = "DRAWDOWN_BLOCKED"
    FSM_STATE_BLOCKED = "FSM_STATE_BLOCKED"
    FILL_PROB_LOW = "FILL_PROB_LOW"
    NOT_LEADER = "NOT_LEADER"
    INVALID_ORDER = "INVALID_ORDER"
    EXPECTED_STORE_FULL = "EXPECTED_STORE_FULL"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    NON_RETRYABLE_ERROR = "NON_RETRYABLE_ERROR"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    WITHDRAWN = "WITHDRAWN"


class ActionStatus(StrEnum):
    """What became of an action: ``PLANNED`` when it is emitted, one of the others at its end."""

    PLANNED = "PLANNED"
    EXECUTED = "EXECUTED"
    BLOCKED = "BLOCKED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class RouteDecision(StrEnum):
    """How the router gets the venue to hold one wanted order (LIVE-15)."""

    PLACE = "PLACE"
    AMEND = "AMEND"
    CANCEL_REPLACE = "CANCEL_REPLACE"
    CANCEL = "CANCEL"
    SKIP = "SKIP"


class RouteReason(StrEnum):
    """Why the router decided so (LIVE-15)."""

    ALREADY_TERMINAL = "ALREADY_TERMINAL"
    CANCEL_IN_FLIGHT = "CANCEL_IN_FLIGHT"
    REQUESTED = "REQUESTED"
    RATE_BUDGET = "RATE_BUDGET"
    INVALID_ORDER = "INVALID_ORDER"
    ORDER_IN_FLIGHT = "ORDER_IN_FLIGHT"
    CONSTRAINTS_MISSING = "CONSTRAINTS_MISSING"
    EXEC_QTY_BELOW_MIN_QTY = "EXEC_QTY_BELOW_MIN_QTY"
    EXEC_QTY_ABOVE_MAX_QTY = "EXEC_QTY_ABOVE_MAX_QTY"
    EXEC_NOTIONAL_BELOW_MIN = "EXEC_NOTIONAL_BELOW_MIN"
    PRICE_OUT_OF_BAND = "PRICE_OUT_OF_BAND"
    BOOK_STALE = "BOOK_STALE"
    POST_ONLY_WOULD_CROSS = "POST_ONLY_WOULD_CROSS"
    NEW_ORDER = "NEW_ORDER"
    TARGET_ALREADY_FILLED = "TARGET_ALREADY_FILLED"
    NO_CHANGE = "NO_CHANGE"
    WITHIN_TOLERANCE = "WITHIN_TOLERANCE"
    AMEND_INTERVAL = "AMEND_INTERVAL"
    RATE_BUDGET_DERISK = "RATE_BUDGET_DERISK"
    ATTRIBUTE_CHANGE = "ATTRIBUTE_CHANGE"
    PRICE_CHANGE = "PRICE_CHANGE"
    QTY_CHANGE = "QTY_CHANGE"
    PRICE_QTY_CHANGE = "PRICE_QTY_CHANGE"
    AMEND_UNSUPPORTED = "AMEND_UNSUPPORTED"
    AMEND_LIMIT_REACHED = "AMEND_LIMIT_REACHED"
    AMEND_THRESHOLD = "AMEND_THRESHOLD"


class HealthName(StrEnum):
    """What a process tells its core of itself, as ``Health`` events (live.md section 0).

    Flags are 0 or 1. ``PLACE_CIRCUIT`` is 0 closed, 1 open, 2 half open. ``SNAPSHOT_TAKEN`` says
    that orders, positions and trades were compared with the venue's. ``TRADES_TOLD`` is
    the trade id up to which all is known; it, ``UNRECONCILED``, ``CONSTRAINTS_LOADED`` and
    ``DEAD_MAN_OK`` are of one symbol. ``INCOME_TOLD`` is the time, Unix ms, up to which all money
    that moved is known.
    """

    BOOTSTRAP_OK = "BOOTSTRAP_OK"
    FEED_CONNECTED = "FEED_CONNECTED"
    USER_STREAM_OK = "USER_STREAM_OK"
    PERSIST_OK = "PERSIST_OK"
    PLACE_CIRCUIT = "PLACE_CIRCUIT"
    RATE_LIMIT_BAN = "RATE_LIMIT_BAN"
    RATE_BUDGET_LOW = "RATE_BUDGET_LOW"
    CLOCK_SKEW_MS = "CLOCK_SKEW_MS"
    SNAPSHOT_TAKEN = "SNAPSHOT_TAKEN"
    UNRECONCILED = "UNRECONCILED"
    TRADES_TOLD = "TRADES_TOLD"
    CONSTRAINTS_LOADED = "CONSTRAINTS_LOADED"
    INCOME_TOLD = "INCOME_TOLD"
    DEAD_MAN_OK = "DEAD_MAN_OK"


class WriteOutcome(StrEnum):
    """How a write ended, beside the ``BlockReason`` of those that failed (``WriteResult``)."""

    ACCEPTED = "ACCEPTED"
