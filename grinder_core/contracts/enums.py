"""The closed vocabularies of the contracts. Values are published: append, never rename."""

from __future__ import annotations

from enum import StrEnum

from grinder_core.settings import register_choice


class Side(StrEnum):
    """Side of an order or fill."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


class OrderState(StrEnum):
    """Life of an order; CORE-02's four and those a real venue adds."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED}
)


class ActionType(StrEnum):
    """What the diff decided to do with an order."""

    PLACE = "PLACE"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"
    NOOP = "NOOP"


class ResetAction(StrEnum):
    """How a plan moves the grid's anchor (CORE-32)."""

    NONE = "NONE"
    SOFT = "SOFT"
    HARD = "HARD"


class GridMode(StrEnum):
    """Which sides a plan quotes; UNI_LONG has BUY levels only, UNI_SHORT SELL levels only."""

    BILATERAL = "BILATERAL"
    UNI_LONG = "UNI_LONG"
    UNI_SHORT = "UNI_SHORT"
    PAUSE = "PAUSE"
    EMERGENCY = "EMERGENCY"


class Regime(StrEnum):
    """Discrete market state (CORE-18)."""

    RANGE = "RANGE"
    TREND_UP = "TREND_UP"
    TREND_DOWN = "TREND_DOWN"
    VOL_SHOCK = "VOL_SHOCK"
    THIN_BOOK = "THIN_BOOK"
    TOXIC = "TOXIC"
    PAUSED = "PAUSED"
    EMERGENCY = "EMERGENCY"


class IntentSource(StrEnum):
    """Where a wanted order comes from."""

    GRID = "GRID"
    CYCLE = "CYCLE"
    FLATTEN = "FLATTEN"


class Liquidity(StrEnum):
    """Whether a fill rested (maker) or crossed (taker)."""

    MAKER = "MAKER"
    TAKER = "TAKER"


class ExecutionEventType(StrEnum):
    """What happened to orders in a turn."""

    ORDER_PLACED = "ORDER_PLACED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_REPLACED = "ORDER_REPLACED"
    ORDER_SKIPPED = "ORDER_SKIPPED"
    GRID_RESET = "GRID_RESET"


class GateName(StrEnum):
    """The planning gates (CORE-11); the kill switch reports under ``risk_gate``."""

    RATE_LIMITER = "rate_limiter"
    RISK_GATE = "risk_gate"
    TOXICITY_GATE = "toxicity_gate"


class GateReason(StrEnum):
    """Why a planning gate blocked (CORE-11)."""

    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    COOLDOWN_ACTIVE = "COOLDOWN_ACTIVE"
    NOTIONAL_LIMIT = "NOTIONAL_LIMIT"
    DAILY_LOSS_LIMIT = "DAILY_LOSS_LIMIT"
    SPREAD_SPIKE = "SPREAD_SPIKE"
    PRICE_IMPACT_HIGH = "PRICE_IMPACT_HIGH"
    KILL_SWITCH_ACTIVE = "KILL_SWITCH_ACTIVE"
    DRAWDOWN_LIMIT_EXCEEDED = "DRAWDOWN_LIMIT_EXCEEDED"
    PASS = "PASS"


class PrefilterReason(StrEnum):
    """Why the prefilter or the selection left a symbol out (CORE-08, CORE-41)."""

    PASS = "PASS"
    SYMBOL_NOT_ALLOWED = "SYMBOL_NOT_ALLOWED"
    SPREAD_TOO_HIGH = "SPREAD_TOO_HIGH"
    VOLUME_24H_TOO_LOW = "VOLUME_24H_TOO_LOW"
    OPEN_INTEREST_TOO_LOW = "OPEN_INTEREST_TOO_LOW"
    NOT_IN_TOPK = "NOT_IN_TOPK"


class PlanReason(StrEnum):
    """Why a plan looks as it does."""

    STATIC_GRID = "STATIC_GRID"
    RESET_RECENTER_HARD = "RESET_RECENTER_HARD"


class ExecReason(StrEnum):
    """Why the diff placed, cancelled or skipped an order."""

    GRID_LEVEL = "GRID_LEVEL"
    NOT_DESIRED = "NOT_DESIRED"
    NOT_CONFORMING = "NOT_CONFORMING"
    GRID_RESET = "GRID_RESET"
    PLAN_PAUSED = "PLAN_PAUSED"
    KILL_SWITCH = "KILL_SWITCH"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    EXEC_DUPLICATE_PRICE = "EXEC_DUPLICATE_PRICE"
    EXEC_PRICE_NON_POSITIVE = "EXEC_PRICE_NON_POSITIVE"
    EXEC_QTY_BELOW_MIN_QTY = "EXEC_QTY_BELOW_MIN_QTY"
    EXEC_REFUSED_BY_VENUE = "EXEC_REFUSED_BY_VENUE"


class KillReason(StrEnum):
    """Why the kill switch latched (CORE-29)."""

    DRAWDOWN_LIMIT = "DRAWDOWN_LIMIT"
    MANUAL = "MANUAL"
    ERROR = "ERROR"


@register_choice
class FillMode(StrEnum):
    """When a resting order fills (CORE-36 and the ``quote`` mode of other engines)."""

    CROSSING = "crossing"
    INSTANT = "instant"
    QUOTE = "quote"


@register_choice
class Rearm(StrEnum):
    """When a fully filled level may be placed again between resets."""

    OPPOSITE = "opposite"
    NEVER = "never"


@register_choice
class SelectionSource(StrEnum):
    """Who decides which symbols trade."""

    STATIC = "static"
    TOPK_V0 = "topk_v0"
