"""What every published value means: one plain sentence each, kept complete by a test."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from grinder_app.cli import Exit
from grinder_app.reference.adaptive_meanings import ADAPTIVE_REASONS
from grinder_app.reference.live_meanings import LIVE_REASONS
from grinder_core.contracts.control import Command
from grinder_core.contracts.enums import (
    ActionType,
    ExecReason,
    ExecutionEventType,
    FillMode,
    GateName,
    GateReason,
    GridMode,
    IntentSource,
    KillReason,
    Liquidity,
    OrderState,
    PrefilterReason,
    Rearm,
    Regime,
    ResetAction,
    SelectionSource,
    Side,
)
from grinder_core.errors import (
    ArtifactError,
    CircuitOpenError,
    ConfigError,
    ConnectionNotMadeError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorIOError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    FixtureError,
    GovernorDroppedError,
    GovernorTimeoutError,
    GrinderError,
    IdempotencyConflictError,
    InputError,
    InvariantError,
    PaperOrderError,
    PolicyError,
    RateLimitError,
    StateLockedError,
    StateWriteError,
)

REASONS: Final[dict[type[StrEnum], dict[str, str]]] = {
    PrefilterReason: {
        "PASS": "The symbol may be looked at (CORE-08).",
        "SYMBOL_NOT_ALLOWED": "`prefilter_allow_list` is given and does not name it (CORE-08).",
        "SPREAD_TOO_HIGH": "The spread is above `prefilter_spread_max_bps` (CORE-08).",
        "VOLUME_24H_TOO_LOW": (
            "24 h turnover is below `prefilter_vol_24h_min_usd`, or unknown while "
            "`prefilter_assume_liquid` is off (CORE-08)."
        ),
        "OPEN_INTEREST_TOO_LOW": (
            "Open interest is below `prefilter_oi_min_usd`, or unknown while "
            "`prefilter_assume_liquid` is off (CORE-08)."
        ),
        "NOT_IN_TOPK": "The selection left the symbol out, or has not chosen yet (CORE-09).",
    },
    GateReason: {
        "RATE_LIMIT_EXCEEDED": (
            "`max_orders_per_minute` orders of all symbols were sent in the last 60 s (CORE-12)."
        ),
        "COOLDOWN_ACTIVE": "The symbol's last order is younger than `cooldown_ms` (CORE-12).",
        "NOTIONAL_LIMIT": (
            "Position plus planned levels exceed `max_notional_per_symbol` or, with all other "
            "symbols' exposure, `max_notional_total` (CORE-13)."
        ),
        "DAILY_LOSS_LIMIT": (
            "Equity fell by `daily_loss_limit` since the first sample of this UTC day; holds "
            "for the rest of the day (CORE-13)."
        ),
        "SPREAD_SPIKE": "The spread is above `max_spread_bps` (CORE-14).",
        "PRICE_IMPACT_HIGH": (
            "The mid moved more than `max_price_impact_bps` from a mid within "
            "`lookback_window_ms` (CORE-14)."
        ),
        "KILL_SWITCH_ACTIVE": (
            "The kill switch is latched; judged before all gates and shown under `risk_gate` "
            "(CORE-11, CORE-29)."
        ),
        "DRAWDOWN_LIMIT_EXCEEDED": (
            "Reserved, never emitted: a drawdown breach trips the kill switch (CORE-11)."
        ),
        "PASS": "All gates let the plan through; never counted as a block (CORE-11).",
        "FSM_STATE_BLOCKED": "The operating state lets no new risk pass (LIVE-14).",
    },
    GateName: {
        "toxicity_gate": "First: no entries in stressed markets (CORE-14).",
        "rate_limiter": "Second: a cap on order flow (CORE-12).",
        "risk_gate": "Third: notional and daily loss; also names the kill switch (CORE-13).",
        "operating_state": "Last, in live sessions only: what the state machine permits (LIVE-14).",
    },
    KillReason: {
        "DRAWDOWN_LIMIT": (
            "Equity fell `max_drawdown_pct` percent from its peak and `kill_switch_enabled` is "
            "on (CORE-27, CORE-29)."
        ),
        "MANUAL": "An operator's `KILL` command (CORE-29).",
        "ERROR": (
            "A `KILL` command given because something failed, or the venue liquidated a position "
            "(CORE-29)."
        ),
    },
    ExecReason: {
        "GRID_LEVEL": "A planned level had no order, so one is placed (CORE-32).",
        "NOT_DESIRED": "The order's level is no longer wanted as it is, so it goes (CORE-32).",
        "NOT_CONFORMING": (
            "Price or quantity differ from the plan after a SOFT reset, so the order is replaced "
            "(CORE-32)."
        ),
        "GRID_RESET": "A HARD reset takes out every order of the symbol (CORE-32).",
        "PLAN_PAUSED": "The plan's mode is PAUSE or EMERGENCY: all orders go (CORE-32).",
        "KILL_SWITCH": "The kill switch tripped: orders that could add risk go (CORE-29).",
        "NOTHING_TO_DO": "What rests is what the plan wants (CORE-32).",
        "EXEC_DUPLICATE_PRICE": (
            "After rounding to the tick the level shares its price with an inner one; the outer "
            "is skipped (CORE-32)."
        ),
        "EXEC_PRICE_NON_POSITIVE": "After rounding, the level's price is not above 0 (CORE-32).",
        "EXEC_QTY_BELOW_MIN_QTY": (
            "After rounding, the level's quantity is 0 or below the venue's minimum (CORE-33)."
        ),
        "EXEC_REFUSED_BY_VENUE": (
            "The venue rejected the order or let it expire; its own words are in `venue_reason` "
            "(CORE-36)."
        ),
        "EXEC_NOTIONAL_BELOW_MIN": "Price times quantity is below the venue's minimum (CORE-33).",
        "EXEC_L2_STALE": "The kept book is older than `l2_execution_max_age_ms` (CORE-35).",
        "EXEC_L2_INSUFFICIENT_DEPTH_BUY": "The asks hold less than `qty_ref` (CORE-35).",
        "EXEC_L2_INSUFFICIENT_DEPTH_SELL": "The bids hold less than `qty_ref` (CORE-35).",
        "EXEC_L2_IMPACT_BUY_HIGH": (
            "Buying `qty_ref` slips by `l2_execution_impact_threshold_bps` or more (CORE-35)."
        ),
        "EXEC_L2_IMPACT_SELL_HIGH": (
            "Selling `qty_ref` slips by `l2_execution_impact_threshold_bps` or more (CORE-35)."
        ),
        "DD_GUARD": "The drawdown guard holds: orders that could add risk go (CORE-28).",
        "FLATTEN": "An operator closes the position: the symbol's orders go first (CORE-28).",
        "CYCLE": "An order of a take-profit cycle (CORE-39).",
        "CYCLE_INTENT_DROPPED": "A cycle's proposal that rounding spoiled (CORE-39).",
    },
    ExecutionEventType: {
        "ORDER_PLACED": "The venue accepted an order (CORE-32).",
        "ORDER_CANCELLED": "The venue confirmed a cancel (CORE-32).",
        "ORDER_REPLACED": "The venue accepted an order that takes another's place (CORE-32).",
        "ORDER_SKIPPED": "A level gets no order, or lost it; the reason says why (CORE-32).",
        "GRID_RESET": "The anchor moved by a SOFT or HARD reset of the plan (CORE-32).",
    },
    ActionType: {
        "PLACE": "Send a new order (CORE-32).",
        "CANCEL": "Take an order out (CORE-32).",
        "REPLACE": "Take an order out and send another for its level (CORE-32).",
        "NOOP": "Nothing; price and quantity are null (CORE-32).",
    },
    ResetAction: {
        "NONE": "The anchor stays; conforming orders stay (CORE-32).",
        "SOFT": "The anchor moves to the centre; orders that still fit stay (CORE-32).",
        "HARD": "The anchor moves to the centre; every order is cancelled first (CORE-32).",
    },
    GridMode: {
        "BILATERAL": "BUY levels below and SELL levels above the centre (CORE-03).",
        "UNI_LONG": "BUY levels only (CORE-03).",
        "UNI_SHORT": "SELL levels only (CORE-03).",
        "PAUSE": "No levels; resting orders are cancelled (CORE-03, CORE-32).",
        "EMERGENCY": "As PAUSE, asked for because of danger (CORE-03, CORE-32).",
    },
    Regime: {
        "RANGE": "None of the others; what the static grid always says (CORE-18).",
        "TREND_UP": "Price went up and hardly back (CORE-18).",
        "TREND_DOWN": "Price went down and hardly back (CORE-18).",
        "VOL_SHOCK": "Volatility is extreme (CORE-18).",
        "THIN_BOOK": "Little rests at the best prices (CORE-18).",
        "TOXIC": "Trading now would be picked off (CORE-18).",
        "PAUSED": "Somebody asked for a pause (CORE-18).",
        "EMERGENCY": "The kill switch or the like is on (CORE-18).",
    },
    OrderState: {
        "PENDING": "Sent; the venue has not answered (CORE-02).",
        "OPEN": "Rests, nothing filled (CORE-02).",
        "PARTIALLY_FILLED": "Rests, part of it filled (CORE-02).",
        "FILLED": "Filled completely; final (CORE-02).",
        "CANCELLED": "Taken out by us; final (CORE-02).",
        "REJECTED": "Refused by the venue; final (CORE-02).",
        "EXPIRED": (
            "Ended by the venue, such as a reduce-only order with nothing left to reduce; final "
            "(CORE-02)."
        ),
        "UNKNOWN": "Nobody can say yet what became of it (LIVE-04).",
    },
    IntentSource: {
        "GRID": "A level of a grid plan (CORE-32).",
        "CYCLE": "A take-profit or a replenishment (CORE-39).",
        "FLATTEN": "An order that closes a position (CORE-28).",
    },
    Side: {
        "BUY": "Adds to a long position or closes a short one (CORE-02).",
        "SELL": "Adds to a short position or closes a long one (CORE-02).",
    },
    Liquidity: {
        "MAKER": "Rested when it filled; pays `maker_fee_bps_x100` (CORE-37).",
        "TAKER": "Filled as it arrived; pays `taker_fee_bps_x100` (CORE-37).",
    },
    FillMode: {
        "crossing": (
            "A BUY fills when the mid is at or below its limit, a SELL when it is at or above "
            "(CORE-36)."
        ),
        "instant": "Every order fills, whatever the price; for old comparisons (CORE-36).",
        "quote": (
            "A BUY fills when the best ask is at or below its limit, a SELL when the best bid is "
            "at or above (CORE-36)."
        ),
        "touch": (
            "A BUY fills when the best bid is at or below its limit, a SELL when the best ask is "
            "at or above (CORE-36)."
        ),
        "l2": "Against the book's opposite levels, as far as they go (CORE-37).",
        "queue": (
            "After what stood before it at its price has traded, or once the market went through "
            "(CORE-37)."
        ),
    },
    Rearm: {
        "opposite": "When a level on the other side fills completely, innermost first (CORE-32).",
        "never": "Not before the next reset (CORE-32).",
    },
    SelectionSource: {
        "static": "Every symbol of the stream trades (CORE-41).",
        "topk_v0": "The `topk_k` most volatile symbols trade (CORE-09).",
        "topk_v1": "The `topk_v1_k` that chop most in a liquid book trade (CORE-10).",
    },
    Command: {
        "KILL": "Trip the kill switch (CORE-29).",
        "RESET_KILL_SWITCH": "Unlatch the kill switch (CORE-29).",
        "RESET_DRAWDOWN_GUARD": (
            "Start a new peak at the present equity and unlatch both drawdown guards (CORE-27, "
            "CORE-28)."
        ),
        "RESET_LOSS_STREAKS": "Forget all runs of losses (CORE-30).",
        "PAUSE": "Take all levels out and place none; exits stay (CORE-18).",
        "EMERGENCY": "The same, asked for because of danger (CORE-18).",
        "RESUME": "End a pause or emergency; a tripped loss guard pauses again (CORE-30).",
        "FLATTEN": "Cancel a symbol's orders and close its position at the market (CORE-28).",
        "STOP": "End the process in order: cancel entries, begin nothing new (LIVE-38).",
    },
    **ADAPTIVE_REASONS,
    **LIVE_REASONS,
}

# Published ahead of what will emit them; a test fails once code outside the list uses one.
RESERVED: Final[tuple[StrEnum, ...]] = (GateReason.DRAWDOWN_LIMIT_EXCEEDED,)

EXITS: Final[dict[Exit, str]] = {
    Exit.GOOD: "Good.",
    Exit.FAILED: "A check, gate or guard failed, or a user's policy did.",
    Exit.USAGE: "Usage, configuration or bad input data.",
    Exit.CORRUPT: "Something grinder wrote is damaged, or grinder contradicts itself.",
    Exit.UNREACHABLE: "A remote side is unreachable, or what it sent is damaged.",
    Exit.INTERRUPTED: "Interrupted.",
}

ERROR_EXITS: Final[dict[Exit, tuple[type[GrinderError], ...]]] = {
    Exit.FAILED: (PolicyError, StateWriteError),
    Exit.USAGE: (InputError, ContractError, FixtureError, ConfigError, StateLockedError),
    Exit.CORRUPT: (ArtifactError, InvariantError),
    Exit.UNREACHABLE: (
        ConnectorError,
        ConnectorTimeoutError,
        ConnectorClosedError,
        ConnectorOutcomeUnknownError,
        ConnectorIOError,
        ConnectorTransientError,
        ConnectionNotMadeError,
        ConnectorNonRetryableError,
        IdempotencyConflictError,
        CircuitOpenError,
        RateLimitError,
        GovernorDroppedError,
        GovernorTimeoutError,
        PaperOrderError,
    ),
}
