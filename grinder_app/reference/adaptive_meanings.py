"""What the published values of regimes, controllers, guards, sizing and cycles mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from grinder_core.contracts.enums import (
    ControllerMode,
    CycleType,
    FundingSource,
    GuardReason,
    GuardState,
    LossStreakAction,
    MarkSource,
    Override,
    PlanReason,
    RiskIntent,
    RiskTier,
    RoundtripOutcome,
    SelectionGate,
    SizingMode,
    Trend,
)

ADAPTIVE_REASONS: Final[dict[type[StrEnum], dict[str, str]]] = {
    PlanReason: {
        "STATIC_GRID": "The symmetric baseline grid around the mid (CORE-21).",
        "KILL_SWITCH_ACTIVE": "The kill switch is active: no levels (CORE-18).",
        "OPERATOR_PAUSE": "An operator, or a guard on an operator's behalf, stopped it (CORE-18).",
        "TOXICITY_BLOCKED": "The toxicity gate refuses, so the grid steps aside (CORE-18).",
        "THIN_L1_DEPTH": "The smaller best quantity is below `thin_l1_qty` (CORE-18).",
        "SPREAD_WIDE": "The spread is above `spread_thin_bps` (CORE-18).",
        "NATR_ABOVE_SHOCK": "The true range is above `vol_shock_natr_bps` (CORE-18).",
        "TREND_NET_UP": "The net return is above `trend_net_return_bps` without chop (CORE-18).",
        "TREND_NET_DOWN": "The same downwards (CORE-18).",
        "RANGE_DEFAULT": "Nothing else holds (CORE-18).",
        "FEATURES_NOT_WARM": "Too few bars closed for volatility: no levels yet (CORE-22).",
        "L2_INSUFFICIENT_DEPTH_BUY": "The asks hold less than `qty_ref` within `top_n` (CORE-23).",
        "L2_IMPACT_BUY_HIGH": (
            "Buying `qty_ref` slips by `l2_impact_threshold_bps` or more (CORE-23)."
        ),
        "L2_BLOCK_BUY": "So the BUY levels are taken out (CORE-23).",
        "L2_INSUFFICIENT_DEPTH_SELL": "The bids hold less than `qty_ref` within `top_n` (CORE-23).",
        "L2_IMPACT_SELL_HIGH": (
            "Selling `qty_ref` slips by `l2_impact_threshold_bps` or more (CORE-23)."
        ),
        "L2_BLOCK_SELL": "So the SELL levels are taken out (CORE-23).",
        "DD_SCALE_APPLIED": "Sizes are scaled by `dd_budget_ratios` (CORE-24).",
        "DD_BLOCK_ENTRIES": "The symbol's ratio is 0: no levels (CORE-24).",
        "WIDE_SPREAD": "The spread is above `pause_spread_bps` (CORE-19, CORE-20).",
        "HIGH_VOL": "Movement is above `vol_widen_bps` (CORE-19).",
        "LOW_VOL": "Movement is below `vol_tighten_bps` (CORE-19).",
        "NORMAL": "The controller has nothing to change (CORE-19, CORE-20).",
        "DRAWDOWN_ACTIVE": "The controller's drawdown latch holds (CORE-20).",
        "TREND_DETECTED": "The averages are apart by more than `trend_enter_bps` (CORE-20).",
        "STEP_ABOVE_BASE": "The step is above `base_step_bps` (CORE-20).",
        "STEP_BELOW_BASE": "The step is below `base_step_bps` (CORE-20).",
        "RESET_DRAWDOWN_ENTER": "HARD: the drawdown latch was set (CORE-20).",
        "RESET_RECENTER_HARD": (
            "HARD: the mid was `recenter_bps`, or `recenter_hard_steps` steps, or more from the "
            "anchor (CORE-20, CORE-21)."
        ),
        "RESET_PAUSE_EXIT": "SOFT: the controller left PAUSE (CORE-20).",
        "RESET_DRAWDOWN_EXIT": "SOFT: the drawdown latch was cleared (CORE-20).",
        "RESET_TREND_CHANGE": "SOFT: the trend changed (CORE-20).",
        "RESET_STEP_CHANGE": "SOFT: the step changed (CORE-20).",
        "RESET_RECENTER_SOFT": "SOFT: the mid drifted `recenter_soft_steps` steps (CORE-20).",
        "RESET_SUPPRESSED_COOLDOWN": (
            "A soft recentre that waits for `reset_cooldown_ms`; no reset (CORE-20)."
        ),
    },
    ControllerMode: {
        "BASE": "As configured (CORE-19, CORE-20).",
        "WIDEN": "Wider than configured (CORE-19, CORE-20).",
        "TIGHTEN": "Narrower than configured (CORE-19, CORE-20).",
        "PAUSE": "No levels while the spread is wide (CORE-19, CORE-20).",
        "DRAWDOWN": "Only what reduces the position (CORE-20).",
        "TREND_UP": "Half the levels above (CORE-20).",
        "TREND_DOWN": "Half the levels below (CORE-20).",
    },
    Trend: {
        "NONE": "The averages lie together (CORE-20).",
        "UP": "The fast average is above the slow one (CORE-20).",
        "DOWN": "The fast average is below the slow one (CORE-20).",
    },
    GuardState: {
        "NORMAL": "The drawdown guard blocks nothing (CORE-28).",
        "DRAWDOWN": "New risk is refused on all symbols until a reset (CORE-28).",
    },
    GuardReason: {
        "NORMAL_STATE": "Nothing is blocked (CORE-28).",
        "DD_PORTFOLIO_BREACH": "Equity fell by `portfolio_dd_limit` since the start (CORE-28).",
        "DD_SYMBOL_BREACH": "One symbol lost its entry of `symbol_dd_budgets` (CORE-28).",
        "REDUCE_RISK_ALLOWED": "The order only reduces the position (CORE-28).",
        "CANCEL_ALWAYS_ALLOWED": "A cancel adds no risk (CORE-28).",
    },
    RiskIntent: {
        "INCREASE_RISK": "May grow the position (CORE-02).",
        "REDUCE_RISK": "Can only shrink it (CORE-02).",
        "CANCEL": "Takes an order out (CORE-02).",
    },
    Override: {
        "PAUSE": "No levels until resumed; exits stay (CORE-18, CORE-30).",
        "EMERGENCY": "As PAUSE, asked for because of danger (CORE-18).",
    },
    SelectionGate: {
        "TOXICITY_BLOCKED": "The toxicity gate refuses the symbol (CORE-10).",
        "SPREAD_TOO_WIDE": "The spread is above `topk_v1_spread_max_bps` (CORE-10).",
        "THIN_BOOK": "The smaller best quantity is below `thin_l1_min` (CORE-10).",
        "WARMUP_INSUFFICIENT": "Fewer than `warmup_min` bars closed (CORE-10).",
    },
    RoundtripOutcome: {
        "win": "Profit after fees (CORE-30).",
        "loss": "Loss after fees (CORE-30).",
        "breakeven": "Exactly nothing (CORE-30).",
    },
    CycleType: {
        "TP": "Takes the profit of a fill on the other side (CORE-39).",
        "REPLENISH": "Does the same again, further out (CORE-39).",
    },
    SizingMode: {
        "UNIFORM": "Equal levels (CORE-25).",
        "PYRAMID": "Larger outside (CORE-25).",
        "INVERSE_PYRAMID": "Larger inside (CORE-25).",
    },
    RiskTier: {
        "LOW": "Weight divided by `tier_factor_low` (CORE-26).",
        "MED": "Weight divided by `tier_factor_med` (CORE-26).",
        "HIGH": "Weight divided by `tier_factor_high` (CORE-26).",
    },
    LossStreakAction: {
        "PAUSE": "The session pauses; an operator resumes it (CORE-30).",
    },
    FundingSource: {
        "none": "Positions pay no funding (CORE-38).",
        "data": "FUNDING events settle (CORE-38).",
        "constant": "`funding_rate` settles every `funding_interval_ms` (CORE-38).",
    },
    MarkSource: {
        "mid": "The middle of best bid and ask (CORE-38).",
        "mark_price": "The venue's mark price, where the data has one (CORE-38).",
    },
}
