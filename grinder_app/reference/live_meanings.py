"""What the published values of live operation mean (LIVE-07, LIVE-12 to LIVE-16)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from grinder_core.contracts.live import (
    ActionStatus,
    BlockReason,
    FillProbVerdict,
    GuardSeverity,
    HealthName,
    OperatingState,
    RouteDecision,
    RouteReason,
    SafeMode,
    StateNotice,
    StateReason,
    Toxicity,
    WriteOutcome,
)


def _of(source: str, meanings: dict[str, str]) -> dict[str, str]:
    """Name the section of the specification behind every meaning."""
    return {value: f"{text.removesuffix('.')} ({source})." for value, text in meanings.items()}


LIVE_REASONS: Final[dict[type[StrEnum], dict[str, str]]] = {
    SafeMode: _of(
        "LIVE-07",
        {
            "read_only": "Nothing is ordered.",
            "paper": "Orders go to a simulated venue of the process.",
            "live_trade": "Orders may reach a venue, if everything else permits it.",
        },
    ),
    OperatingState: _of(
        "LIVE-14",
        {
            "INIT": "Recovery has not finished: nothing passes, not even a cancel.",
            "EMERGENCY": "A hard stop that only a human ends; entries go, exits pass.",
            "PAUSE": "A deliberate or protective halt; entries go, exits pass.",
            "DEGRADED": "Data, venue or state cannot be trusted: no new risk, entries go later.",
            "READY": "Healthy and not permitted to trade yet.",
            "THROTTLED": "One new risk a symbol in each `throttle_interval_ms`.",
            "ACTIVE": "Normal.",
        },
    ),
    StateReason: _of(
        "LIVE-14",
        {
            "KILL_SWITCH": "The kill switch is latched.",
            "OPERATOR_EMERGENCY": "An operator, or the environment, said EMERGENCY.",
            "OPERATOR_PAUSE": "An operator, the environment or a losing streak said PAUSE.",
            "DRAWDOWN": "The drawdown guard is in DRAWDOWN.",
            "TOXICITY_HIGH": "The market moves too fast.",
            "GUARD_PAUSE": "A guard asks for PAUSE.",
            "SCHEDULE_CLOSED": "Outside the trading windows.",
            "RATE_LIMIT_BAN": "The venue asked for silence.",
            "FEED_DISCONNECTED": "A market connection is lost.",
            "FEED_STALE": "The symbol's market has been silent for `feed_stale_ms`.",
            "USER_STREAM_DOWN": "News of own orders may be missing.",
            "CIRCUIT_OPEN": "Placing orders failed too often.",
            "STATE_UNRECONCILED": "What the venue shows and what is believed differ.",
            "SNAPSHOT_STALE": "Orders and positions were not compared for `snapshot_stale_ms`.",
            "CLOCK_SKEW": "The venue's clock is off by more than `clock_skew_max_ms`.",
            "STATE_WRITE_FAILED": "The journal cannot be written.",
            "DEAD_MAN_FAILED": "The venue's countdown could not be renewed.",
            "HA_NOT_ACTIVE": "Another instance leads.",
            "CONSTRAINTS_MISSING": "The venue's rules of the symbol are not known.",
            "WARMUP": "Too little of the market was seen.",
            "GUARD_FREEZE": "A guard asks for no new risk.",
            "NOT_SELECTED": "The selection leaves the symbol out.",
            "TOXICITY_MID": "The spread is too wide.",
            "RATE_BUDGET_LOW": "The venue's request limits are nearly used up.",
            "HEALTHY": "Nothing stands against it.",
            "BOOTSTRAP_PENDING": "Recovery is under way.",
            "INIT_TIMEOUT": "Recovery takes longer than `init_timeout_ms`.",
            "COOLDOWN": "The cause is gone; the calm after it is not over.",
            "AWAIT_RESUME": "The cause is gone; a human must resume.",
        },
    ),
    StateNotice: _of(
        "LIVE-14",
        {
            "RESUME_REFUSED": "A resume came while it could not be honoured.",
            "INIT_TIMEOUT": "Recovery takes longer than `init_timeout_ms`.",
            "TIME_WENT_BACK": "An event was dated before the last one; the later time counts.",
            "COMMAND_REFUSED": "An operator's command changes nothing: it came before, or "
            "nothing of it can be done now (LIVE-41).",
        },
    ),
    BlockReason: _of(
        "LIVE-12",
        {
            "NOT_ARMED": "Gate 1: the run is not armed.",
            "MODE_NOT_LIVE_TRADE": "Gate 2: the run's mode is another.",
            "KILL_SWITCH_ACTIVE": "Gate 3: the kill switch stops new risk.",
            "SYMBOL_NOT_WHITELISTED": "Gate 4: the symbol may not be traded.",
            "DRAWDOWN_BLOCKED": "Gate 5: the drawdown guard stops new risk.",
            "FSM_STATE_BLOCKED": "Gate 6: the operating state does not let it pass.",
            "FILL_PROB_LOW": "Gate 7: a gain is too unlikely.",
            "NOT_LEADER": "Another instance leads; asked before all gates.",
            "INVALID_ORDER": "A reduce-only order that would not reduce.",
            "EXPECTED_STORE_FULL": "As many own orders rest as may.",
            "CIRCUIT_OPEN": "Writes of this kind failed too often; nothing was sent.",
            "IDEMPOTENCY_CONFLICT": "The same write is under way; nothing was sent.",
            "RETRIES_EXHAUSTED": "It failed, surely without effect, as often as it may be tried.",
            "NON_RETRYABLE_ERROR": "The venue, or the port before it, refused.",
            "OUTCOME_UNKNOWN": "Nobody knows whether it took effect; it is asked for.",
            "WITHDRAWN": "Its own cancel came before it was sent.",
        },
    ),
    ActionStatus: _of(
        "LIVE-13",
        {
            "PLANNED": "It passed and is handed on.",
            "EXECUTED": "The venue did it.",
            "BLOCKED": "A gate refused it.",
            "SKIPPED": "Nothing had to be done, or it could not be done so.",
            "FAILED": "It has no effect.",
            "UNKNOWN": "Nobody knows.",
        },
    ),
    RouteDecision: _of(
        "LIVE-15",
        {
            "PLACE": "Send a new order.",
            "AMEND": "Change the resting one.",
            "CANCEL_REPLACE": "Cancel the resting one, and send the new one once it is gone.",
            "CANCEL": "Cancel it.",
            "SKIP": "Leave it.",
        },
    ),
    RouteReason: _of(
        "LIVE-15",
        {
            "ALREADY_TERMINAL": "There is nothing to cancel.",
            "CANCEL_IN_FLIGHT": "A cancel is under way.",
            "REQUESTED": "It was asked for.",
            "RATE_BUDGET": "The venue's request limits leave no room.",
            "INVALID_ORDER": "Price or quantity cannot be.",
            "ORDER_IN_FLIGHT": "The order before it is not settled.",
            "CONSTRAINTS_MISSING": "The venue's rules are not known.",
            "EXEC_QTY_BELOW_MIN_QTY": "Rounded, it is smaller than the venue takes.",
            "EXEC_QTY_ABOVE_MAX_QTY": "It is larger than the venue takes.",
            "EXEC_NOTIONAL_BELOW_MIN": "It is worth less than the venue takes.",
            "PRICE_OUT_OF_BAND": "Its price is beyond the venue's band.",
            "BOOK_STALE": "The best prices are older than `max_book_age_ms`.",
            "POST_ONLY_WOULD_CROSS": "It would take, and moving it goes too far.",
            "NEW_ORDER": "Nothing is in its place.",
            "TARGET_ALREADY_FILLED": "As much was executed already.",
            "NO_CHANGE": "It rests as wanted.",
            "WITHIN_TOLERANCE": "The change is worth no request.",
            "AMEND_INTERVAL": "It was changed a moment ago.",
            "RATE_BUDGET_DERISK": "No room to change it, so that it goes.",
            "ATTRIBUTE_CHANGE": "It is of another kind.",
            "PRICE_CHANGE": "Another price.",
            "QTY_CHANGE": "Another quantity.",
            "PRICE_QTY_CHANGE": "Another price and quantity.",
            "AMEND_UNSUPPORTED": "It cannot be amended here.",
            "AMEND_LIMIT_REACHED": "It was amended as often as the venue allows.",
            "AMEND_THRESHOLD": "The change is too large to amend.",
        },
    ),
    Toxicity: _of(
        "LIVE-14",
        {
            "NONE": "A market to trade in.",
            "MID": "The spread is too wide.",
            "HIGH": "The price moves too fast.",
        },
    ),
    GuardSeverity: _of(
        "MM-17",
        {
            "ALLOW": "Nothing is asked for.",
            "SOFTEN": "Trade smaller.",
            "REDUCE": "Hold less.",
            "FREEZE": "No new risk.",
            "PAUSE": "Entries go.",
        },
    ),
    FillProbVerdict: _of(
        "LIVE-16",
        {
            "ALLOW": "It passes; always so without a model.",
            "SHADOW": "Judged, and passes: the gate is not enforced.",
            "BLOCK": "It does not pass.",
        },
    ),
    HealthName: _of(
        "LIVE-14",
        {
            "BOOTSTRAP_OK": "Recovery has finished (1) or not (0).",
            "FEED_CONNECTED": "All market connections stand.",
            "USER_STREAM_OK": "No news of own orders can be missing.",
            "PERSIST_OK": "The journal's last commit succeeded.",
            "PLACE_CIRCUIT": "Of placing orders: 0 closed, 1 open, 2 half open.",
            "RATE_LIMIT_BAN": "The venue asked for silence, and the time is not over.",
            "RATE_BUDGET_LOW": "New risk finds next to no room in the venue's request limits.",
            "CLOCK_SKEW_MS": "The venue's clock less ours, in steps of 50 ms.",
            "SNAPSHOT_TAKEN": "Orders, positions and trades were compared with the venue's.",
            "UNRECONCILED": "What the venue shows of the symbol and what is believed differ.",
            "TRADES_TOLD": "The symbol's trade id up to which all trades were told.",
            "CONSTRAINTS_LOADED": "The venue's rules of the symbol are known.",
            "INCOME_TOLD": "The venue's list of income was read up to this time.",
            "DEAD_MAN_OK": "Whether the venue's countdown of a symbol was renewed, or is not used.",
        },
    ),
    WriteOutcome: _of(
        "LIVE-13", {"ACCEPTED": "The write took effect, or there was nothing left to do."}
    ),
}
