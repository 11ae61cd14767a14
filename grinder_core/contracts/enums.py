"""The closed vocabularies of the contracts. Values are published: append, never rename."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

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


# read several times for every order: a module's name is read faster than a member of an enum
BUY: Final = Side.BUY


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
    """The planning gates (CORE-11); the kill switch reports under ``risk_gate``.

    ``operating_state`` judges only where the state machine of LIVE-14 runs.
    """

    RATE_LIMITER = "rate_limiter"
    RISK_GATE = "risk_gate"
    TOXICITY_GATE = "toxicity_gate"
    OPERATING_STATE = "operating_state"


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
    FSM_STATE_BLOCKED = "FSM_STATE_BLOCKED"


class PrefilterReason(StrEnum):
    """Why the prefilter or the selection left a symbol out (CORE-08, CORE-41)."""

    PASS = "PASS"
    SYMBOL_NOT_ALLOWED = "SYMBOL_NOT_ALLOWED"
    SPREAD_TOO_HIGH = "SPREAD_TOO_HIGH"
    VOLUME_24H_TOO_LOW = "VOLUME_24H_TOO_LOW"
    OPEN_INTEREST_TOO_LOW = "OPEN_INTEREST_TOO_LOW"
    NOT_IN_TOPK = "NOT_IN_TOPK"


class PlanReason(StrEnum):
    """Why a plan looks as it does (CORE-18, 20..24)."""

    STATIC_GRID = "STATIC_GRID"
    KILL_SWITCH_ACTIVE = "KILL_SWITCH_ACTIVE"
    OPERATOR_PAUSE = "OPERATOR_PAUSE"
    TOXICITY_BLOCKED = "TOXICITY_BLOCKED"
    THIN_L1_DEPTH = "THIN_L1_DEPTH"
    SPREAD_WIDE = "SPREAD_WIDE"
    NATR_ABOVE_SHOCK = "NATR_ABOVE_SHOCK"
    TREND_NET_UP = "TREND_NET_UP"
    TREND_NET_DOWN = "TREND_NET_DOWN"
    RANGE_DEFAULT = "RANGE_DEFAULT"
    FEATURES_NOT_WARM = "FEATURES_NOT_WARM"
    L2_INSUFFICIENT_DEPTH_BUY = "L2_INSUFFICIENT_DEPTH_BUY"
    L2_IMPACT_BUY_HIGH = "L2_IMPACT_BUY_HIGH"
    L2_BLOCK_BUY = "L2_BLOCK_BUY"
    L2_INSUFFICIENT_DEPTH_SELL = "L2_INSUFFICIENT_DEPTH_SELL"
    L2_IMPACT_SELL_HIGH = "L2_IMPACT_SELL_HIGH"
    L2_BLOCK_SELL = "L2_BLOCK_SELL"
    DD_SCALE_APPLIED = "DD_SCALE_APPLIED"
    DD_BLOCK_ENTRIES = "DD_BLOCK_ENTRIES"
    WIDE_SPREAD = "WIDE_SPREAD"
    HIGH_VOL = "HIGH_VOL"
    LOW_VOL = "LOW_VOL"
    NORMAL = "NORMAL"
    DRAWDOWN_ACTIVE = "DRAWDOWN_ACTIVE"
    TREND_DETECTED = "TREND_DETECTED"
    STEP_ABOVE_BASE = "STEP_ABOVE_BASE"
    STEP_BELOW_BASE = "STEP_BELOW_BASE"
    RESET_DRAWDOWN_ENTER = "RESET_DRAWDOWN_ENTER"
    RESET_RECENTER_HARD = "RESET_RECENTER_HARD"
    RESET_PAUSE_EXIT = "RESET_PAUSE_EXIT"
    RESET_DRAWDOWN_EXIT = "RESET_DRAWDOWN_EXIT"
    RESET_TREND_CHANGE = "RESET_TREND_CHANGE"
    RESET_STEP_CHANGE = "RESET_STEP_CHANGE"
    RESET_RECENTER_SOFT = "RESET_RECENTER_SOFT"
    RESET_SUPPRESSED_COOLDOWN = "RESET_SUPPRESSED_COOLDOWN"


class ControllerMode(StrEnum):
    """What the adaptive controller does to the plan (CORE-19, CORE-20)."""

    BASE = "BASE"
    WIDEN = "WIDEN"
    TIGHTEN = "TIGHTEN"
    PAUSE = "PAUSE"
    DRAWDOWN = "DRAWDOWN"
    TREND_UP = "TREND_UP"
    TREND_DOWN = "TREND_DOWN"


class Trend(StrEnum):
    """Trend state of controller v1 (CORE-20)."""

    NONE = "NONE"
    UP = "UP"
    DOWN = "DOWN"


class GuardState(StrEnum):
    """State of the drawdown guard v1 (CORE-28)."""

    NORMAL = "NORMAL"
    DRAWDOWN = "DRAWDOWN"


class GuardReason(StrEnum):
    """Why the drawdown guard v1 allows or refuses (CORE-28)."""

    NORMAL_STATE = "NORMAL_STATE"
    DD_PORTFOLIO_BREACH = "DD_PORTFOLIO_BREACH"
    DD_SYMBOL_BREACH = "DD_SYMBOL_BREACH"
    REDUCE_RISK_ALLOWED = "REDUCE_RISK_ALLOWED"
    CANCEL_ALWAYS_ALLOWED = "CANCEL_ALWAYS_ALLOWED"


class RiskIntent(StrEnum):
    """What an order does to the position (CORE-02)."""

    INCREASE_RISK = "INCREASE_RISK"
    REDUCE_RISK = "REDUCE_RISK"
    CANCEL = "CANCEL"


class Override(StrEnum):
    """What an operator, or a guard on an operator's behalf, imposed on the session."""

    PAUSE = "PAUSE"
    EMERGENCY = "EMERGENCY"


def severest(*overrides: Override | None) -> Override | None:
    """Return what holds where several impose something; nothing weaker takes its place."""
    if Override.EMERGENCY in overrides:
        return Override.EMERGENCY
    return Override.PAUSE if Override.PAUSE in overrides else None


class SelectionGate(StrEnum):
    """Why Top-K v1 excludes a candidate (CORE-10)."""

    TOXICITY_BLOCKED = "TOXICITY_BLOCKED"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    THIN_BOOK = "THIN_BOOK"
    WARMUP_INSUFFICIENT = "WARMUP_INSUFFICIENT"


class RoundtripOutcome(StrEnum):
    """Sign of a round trip's profit after fees (CORE-30)."""

    WIN = "win"
    LOSS = "loss"
    BREAKEVEN = "breakeven"


class CycleType(StrEnum):
    """What a cycle proposes after a fill (CORE-39)."""

    TP = "TP"
    REPLENISH = "REPLENISH"


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
    EXEC_NOTIONAL_BELOW_MIN = "EXEC_NOTIONAL_BELOW_MIN"
    EXEC_L2_STALE = "EXEC_L2_STALE"
    EXEC_L2_INSUFFICIENT_DEPTH_BUY = "EXEC_L2_INSUFFICIENT_DEPTH_BUY"
    EXEC_L2_INSUFFICIENT_DEPTH_SELL = "EXEC_L2_INSUFFICIENT_DEPTH_SELL"
    EXEC_L2_IMPACT_BUY_HIGH = "EXEC_L2_IMPACT_BUY_HIGH"
    EXEC_L2_IMPACT_SELL_HIGH = "EXEC_L2_IMPACT_SELL_HIGH"
    DD_GUARD = "DD_GUARD"
    FLATTEN = "FLATTEN"
    CYCLE = "CYCLE"
    CYCLE_INTENT_DROPPED = "CYCLE_INTENT_DROPPED"


class KillReason(StrEnum):
    """Why the kill switch latched (CORE-29)."""

    DRAWDOWN_LIMIT = "DRAWDOWN_LIMIT"
    MANUAL = "MANUAL"
    ERROR = "ERROR"


@register_choice
class FillMode(StrEnum):
    """When a resting order fills (CORE-36, CORE-37)."""

    CROSSING = "crossing"
    INSTANT = "instant"
    QUOTE = "quote"
    TOUCH = "touch"
    L2 = "l2"
    QUEUE = "queue"


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
    TOPK_V1 = "topk_v1"


@register_choice
class SizingMode(StrEnum):
    """How a side's risk budget is spread over its levels (CORE-25)."""

    UNIFORM = "UNIFORM"
    PYRAMID = "PYRAMID"
    INVERSE_PYRAMID = "INVERSE_PYRAMID"


@register_choice
class RiskTier(StrEnum):
    """Risk class of a symbol in the drawdown allocator (CORE-26)."""

    LOW = "LOW"
    MED = "MED"
    HIGH = "HIGH"


@register_choice
class LossStreakAction(StrEnum):
    """What a tripped consecutive-loss guard does (CORE-30)."""

    PAUSE = "PAUSE"


@register_choice
class FundingSource(StrEnum):
    """Where the simulated venue takes funding from."""

    NONE = "none"
    DATA = "data"
    CONSTANT = "constant"


@register_choice
class MarkSource(StrEnum):
    """What positions are valued at."""

    MID = "mid"
    MARK_PRICE = "mark_price"
