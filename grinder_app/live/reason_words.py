"""What an operator is told of each reason of an operating state.

The cause, what happens to orders while it lasts, what to type, and where to read on; a test freezes
the wording. Causes are templates: their names in braces are facts of the moment
(``alert_facts.py``).
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from grinder_core.contracts.live import StateReason

STATUS: Final = "grinder live status"
DOCTOR: Final = "grinder doctor"
TAIL: Final = "grinder journal tail"
VERIFY: Final = "grinder state verify"
RESUME: Final = 'grinder control resume --reason "..."'
ADOPT: Final = "grinder state adopt-exchange"

HALTED: Final = (
    "Orders that add risk are cancelled; reduce-only orders stay; positions are not closed."
)
HELD: Final = (
    "No new risk is taken; exits and cancels still pass; orders that add risk are cancelled once "
    "this has lasted {degraded_cancel_s} s."
)
WAITS: Final = "No new risk is taken; what rests stays; exits and cancels still pass."
NOTHING: Final = "Nothing was done with orders."

PAGES: Final = "docs/how-to/"
START: Final = f"{PAGES}start-and-stop.md"
KILL: Final = f"{PAGES}kill-switch.md"
UNKNOWN: Final = f"{PAGES}unknown-outcome.md"
CORRUPT: Final = f"{PAGES}corrupt-state.md"
SKEW: Final = f"{PAGES}clock-skew.md"
BAN: Final = f"{PAGES}ban.md"
STUCK: Final = f"{PAGES}stuck-order.md"
LOST: Final = f"{PAGES}lost-connection.md"
DISK: Final = f"{PAGES}disk-full.md"
MISMATCH: Final = f"{PAGES}mismatch.md"
RUNBOOKS: Final = (START, KILL, UNKNOWN, CORRUPT, SKEW, BAN, STUCK, LOST, DISK, MISMATCH)


@frozen(kw_only=True)
class Words:
    """What is said of one reason or kind.

    Attributes:
        cause: Template of one sentence.
        orders: What is done with orders while it lasts.
        next: Commands, in the order to type them.
        runbook: The page that says more.
    """

    cause: str
    orders: str
    next: tuple[str, ...]
    runbook: str


def words(cause: str, orders: str, runbook: str, *commands: str) -> Words:
    """Return a row of the table."""
    return Words(cause=cause, orders=orders, next=commands, runbook=runbook)


_R = StateReason

BY_REASON: Final[dict[StateReason, Words]] = {
    _R.KILL_SWITCH: words(
        "KILL_SWITCH: the kill switch latched for {kill_reason}; equity {equity} is "
        "{drawdown_pct} % below its peak {peak}, and the limit is {drawdown_max_pct} %.",
        HALTED,
        KILL,
        STATUS,
        "grinder control reset kill-switch",
        RESUME,
    ),
    _R.OPERATOR_EMERGENCY: words(
        "OPERATOR_EMERGENCY: {emergency_by} ordered EMERGENCY; it lasts until somebody resumes.",
        HALTED,
        START,
        STATUS,
        RESUME,
    ),
    _R.OPERATOR_PAUSE: words(
        "OPERATOR_PAUSE: {pause_by} ordered PAUSE; it lasts until somebody resumes.",
        HALTED,
        START,
        STATUS,
        RESUME,
    ),
    _R.DRAWDOWN: words(
        "DRAWDOWN: the drawdown guard latched for {guard_reason}{guard_symbol}; equity {equity} is "
        "{guard_loss_pct} % below its start {guard_start}, and the limit is {guard_limit_pct} %.",
        HALTED,
        KILL,
        STATUS,
        "grinder control reset drawdown-guard",
    ),
    _R.TOXICITY_HIGH: words(
        "TOXICITY_HIGH: the price moved faster than the toxicity gate allows; PAUSE ends "
        "{pause_cooldown_s} s after it calms down.",
        HALTED,
        START,
        STATUS,
        TAIL,
    ),
    _R.GUARD_PAUSE: words(
        "GUARD_PAUSE: a guard asked for PAUSE; it ends {pause_cooldown_s} s after the guard lets "
        "go.",
        HALTED,
        START,
        STATUS,
        TAIL,
    ),
    _R.SCHEDULE_CLOSED: words(
        "SCHEDULE_CLOSED: the trading window is closed; PAUSE ends {pause_cooldown_s} s after it "
        "opens.",
        HALTED,
        START,
        STATUS,
    ),
    _R.RATE_LIMIT_BAN: words(
        "RATE_LIMIT_BAN: the venue answered with a rate limit or a ban (429, 418 or -1003); no "
        "request may leave until it ends.",
        "Nothing can be sent, cancels included; what rests at the venue stays there and may fill.",
        BAN,
        STATUS,
        DOCTOR,
    ),
    _R.FEED_DISCONNECTED: words(
        "FEED_DISCONNECTED: the market stream is not connected.",
        HELD,
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.FEED_STALE: words(
        "FEED_STALE: the market was silent for {gap_ms} ms, and the limit is {gap_max_ms} ms.",
        HELD,
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.USER_STREAM_DOWN: words(
        "USER_STREAM_DOWN: the account's private stream is down, so fills are learnt late.",
        HELD,
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.CIRCUIT_OPEN: words(
        "CIRCUIT_OPEN: placing orders failed too often in a row; the circuit is {circuit} and must "
        "be closed.",
        HELD,
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.STATE_UNRECONCILED: words(
        "STATE_UNRECONCILED: {mismatch_count} differences between the venue's orders and positions "
        "and ours are open, and none may be.",
        HELD,
        MISMATCH,
        STATUS,
        TAIL,
        ADOPT,
    ),
    _R.SNAPSHOT_STALE: words(
        "SNAPSHOT_STALE: orders and positions were last compared with the venue "
        "{snapshot_age_ms} ms ago, and the limit is {snapshot_max_ms} ms.",
        HELD,
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.CLOCK_SKEW: words(
        "CLOCK_SKEW: the venue's clock is {skew_ms} ms off ours, and the limit is {skew_max_ms} "
        "ms.",
        HELD,
        SKEW,
        STATUS,
        DOCTOR,
    ),
    _R.STATE_WRITE_FAILED: words(
        "STATE_WRITE_FAILED: the journal cannot be written, and every event must be.",
        HELD,
        DISK,
        STATUS,
        DOCTOR,
        VERIFY,
    ),
    _R.DEAD_MAN_FAILED: words(
        "DEAD_MAN_FAILED: the venue's countdown that cancels our orders is not kept running: "
        "{unprotected}.",
        "No new risk is taken; orders that add risk are cancelled once this has lasted "
        "{degraded_cancel_s} s; a countdown that runs out before cancels every order of the "
        "symbol, reduce-only ones included.",
        LOST,
        STATUS,
        DOCTOR,
    ),
    _R.HA_NOT_ACTIVE: words(
        "HA_NOT_ACTIVE: this process is not the leader.",
        WAITS,
        START,
        STATUS,
    ),
    _R.CONSTRAINTS_MISSING: words(
        "CONSTRAINTS_MISSING: the venue's rules of the symbol are not loaded.",
        WAITS,
        START,
        STATUS,
        DOCTOR,
    ),
    _R.WARMUP: words("WARMUP: indicators have not seen enough bars yet.", WAITS, START, STATUS),
    _R.GUARD_FREEZE: words(
        "GUARD_FREEZE: a guard asked for no new risk until it lets go.", HALTED, START, STATUS
    ),
    _R.NOT_SELECTED: words(
        "NOT_SELECTED: the symbol is not among the selected ones.", HALTED, START, STATUS
    ),
    _R.TOXICITY_MID: words(
        "TOXICITY_MID: the spread is wider than the toxicity gate likes; one order of new risk "
        "passes in {throttle_s} s.",
        "New risk is slowed down; what rests stays; exits and cancels pass.",
        START,
        STATUS,
    ),
    _R.RATE_BUDGET_LOW: words(
        "RATE_BUDGET_LOW: the venue's request budget is above its soft limit; one order of new "
        "risk passes in {throttle_s} s.",
        "New risk is slowed down; what rests stays; exits and cancels pass.",
        BAN,
        STATUS,
    ),
    _R.HEALTHY: words("HEALTHY: nothing stands against trading.", NOTHING, START, STATUS),
    _R.BOOTSTRAP_PENDING: words(
        "BOOTSTRAP_PENDING: recovery with the venue is not finished; it may take {init_s} s.",
        "Nothing is sent, cancels included, until orders are cleared up with the venue.",
        START,
        STATUS,
    ),
    _R.INIT_TIMEOUT: words(
        "INIT_TIMEOUT: recovery has not finished within {init_s} s.",
        "Nothing is sent, cancels included, until orders are cleared up with the venue.",
        STUCK,
        STATUS,
        DOCTOR,
        TAIL,
    ),
    _R.COOLDOWN: words(
        "COOLDOWN: the cause is over; the state is left {degraded_cooldown_s} s after DEGRADED, "
        "{pause_cooldown_s} s after PAUSE.",
        WAITS,
        START,
        STATUS,
    ),
    _R.AWAIT_RESUME: words(
        "AWAIT_RESUME: nothing stands against trading any more, but EMERGENCY is left only by an "
        "operator.",
        HALTED,
        START,
        STATUS,
        RESUME,
    ),
}
