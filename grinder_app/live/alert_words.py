"""What an operator is told: the one table of causes, of what happens to orders, of what to type.

Every reason of an operating state and every kind of alert has its row; a test freezes the wording.
Causes are templates: their names in braces are facts of the moment (``alert_facts.py``).
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from grinder_adapters.webhook.records import AlertKind, Severity
from grinder_core.contracts.live import StateReason

_STATUS: Final = "grinder live status"
_DOCTOR: Final = "grinder doctor"
_TAIL: Final = "grinder journal tail"
_VERIFY: Final = "grinder state verify"
_RESUME: Final = 'grinder control resume --reason "..."'
_ADOPT: Final = "grinder state adopt-exchange"

_HALTED: Final = (
    "Orders that add risk are cancelled; reduce-only orders stay; positions are not closed."
)
_HELD: Final = (
    "No new risk is taken; exits and cancels still pass; orders that add risk are cancelled once "
    "this has lasted {degraded_cancel_s} s."
)
_WAITS: Final = "No new risk is taken; what rests stays; exits and cancels still pass."
_NOTHING: Final = "Nothing was done with orders."

_PAGES: Final = "docs/how-to/"
START: Final = f"{_PAGES}start-and-stop.md"
KILL: Final = f"{_PAGES}kill-switch.md"
UNKNOWN: Final = f"{_PAGES}unknown-outcome.md"
CORRUPT: Final = f"{_PAGES}corrupt-state.md"
SKEW: Final = f"{_PAGES}clock-skew.md"
BAN: Final = f"{_PAGES}ban.md"
STUCK: Final = f"{_PAGES}stuck-order.md"
LOST: Final = f"{_PAGES}lost-connection.md"
DISK: Final = f"{_PAGES}disk-full.md"
MISMATCH: Final = f"{_PAGES}mismatch.md"
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


def _w(cause: str, orders: str, runbook: str, *commands: str) -> Words:
    return Words(cause=cause, orders=orders, next=commands, runbook=runbook)


_R, _K = StateReason, AlertKind

BY_REASON: Final[dict[StateReason, Words]] = {
    _R.KILL_SWITCH: _w(
        "KILL_SWITCH: the kill switch latched for {kill_reason}; equity {equity} is "
        "{drawdown_pct} % below its peak {peak}, and the limit is {drawdown_max_pct} %.",
        _HALTED,
        KILL,
        _STATUS,
        "grinder control reset kill-switch",
        _RESUME,
    ),
    _R.OPERATOR_EMERGENCY: _w(
        "OPERATOR_EMERGENCY: {emergency_by} ordered EMERGENCY; it lasts until somebody resumes.",
        _HALTED,
        START,
        _STATUS,
        _RESUME,
    ),
    _R.OPERATOR_PAUSE: _w(
        "OPERATOR_PAUSE: {pause_by} ordered PAUSE; it lasts until somebody resumes.",
        _HALTED,
        START,
        _STATUS,
        _RESUME,
    ),
    _R.DRAWDOWN: _w(
        "DRAWDOWN: the drawdown guard latched for {guard_reason}{guard_symbol}; equity {equity} is "
        "{guard_loss_pct} % below its start {guard_start}, and the limit is {guard_limit_pct} %.",
        _HALTED,
        KILL,
        _STATUS,
        "grinder control reset drawdown-guard",
        _RESUME,
    ),
    _R.TOXICITY_HIGH: _w(
        "TOXICITY_HIGH: the price moved faster than the toxicity gate allows; PAUSE ends "
        "{pause_cooldown_s} s after it calms down.",
        _HALTED,
        START,
        _STATUS,
        _TAIL,
    ),
    _R.GUARD_PAUSE: _w(
        "GUARD_PAUSE: a guard asked for PAUSE; it ends {pause_cooldown_s} s after the guard lets "
        "go.",
        _HALTED,
        START,
        _STATUS,
        _TAIL,
    ),
    _R.SCHEDULE_CLOSED: _w(
        "SCHEDULE_CLOSED: the trading window is closed; PAUSE ends {pause_cooldown_s} s after it "
        "opens.",
        _HALTED,
        START,
        _STATUS,
    ),
    _R.RATE_LIMIT_BAN: _w(
        "RATE_LIMIT_BAN: the venue answered with a rate limit or a ban (429, 418 or -1003); no "
        "request may leave until it ends.",
        "Nothing can be sent, cancels included; what rests at the venue stays there and may fill.",
        BAN,
        _STATUS,
        _DOCTOR,
    ),
    _R.FEED_DISCONNECTED: _w(
        "FEED_DISCONNECTED: the market stream is not connected.",
        _HELD,
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.FEED_STALE: _w(
        "FEED_STALE: the market was silent for {gap_ms} ms, and the limit is {gap_max_ms} ms.",
        _HELD,
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.USER_STREAM_DOWN: _w(
        "USER_STREAM_DOWN: the account's private stream is down, so fills are learnt late.",
        _HELD,
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.CIRCUIT_OPEN: _w(
        "CIRCUIT_OPEN: placing orders failed too often in a row; the circuit is {circuit} and must "
        "be closed.",
        _HELD,
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.STATE_UNRECONCILED: _w(
        "STATE_UNRECONCILED: {mismatch_count} differences between the venue's orders and positions "
        "and ours are open, and none may be.",
        _HELD,
        MISMATCH,
        _STATUS,
        _TAIL,
        _ADOPT,
    ),
    _R.SNAPSHOT_STALE: _w(
        "SNAPSHOT_STALE: orders and positions were last compared with the venue "
        "{snapshot_age_ms} ms ago, and the limit is {snapshot_max_ms} ms.",
        _HELD,
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.CLOCK_SKEW: _w(
        "CLOCK_SKEW: the venue's clock is {skew_ms} ms off ours, and the limit is {skew_max_ms} "
        "ms.",
        _HELD,
        SKEW,
        _STATUS,
        _DOCTOR,
    ),
    _R.STATE_WRITE_FAILED: _w(
        "STATE_WRITE_FAILED: the journal cannot be written, and every event must be.",
        _HELD,
        DISK,
        _STATUS,
        _DOCTOR,
        _VERIFY,
    ),
    _R.DEAD_MAN_FAILED: _w(
        "DEAD_MAN_FAILED: the venue's countdown that cancels our orders is not kept running: "
        "{unprotected}.",
        "No new risk is taken; orders that add risk are cancelled once this has lasted "
        "{degraded_cancel_s} s; a countdown that runs out before cancels every order of the "
        "symbol, reduce-only ones included.",
        LOST,
        _STATUS,
        _DOCTOR,
    ),
    _R.HA_NOT_ACTIVE: _w(
        "HA_NOT_ACTIVE: this process is not the leader.",
        _WAITS,
        START,
        _STATUS,
    ),
    _R.CONSTRAINTS_MISSING: _w(
        "CONSTRAINTS_MISSING: the venue's rules of the symbol are not loaded.",
        _WAITS,
        START,
        _STATUS,
        _DOCTOR,
    ),
    _R.WARMUP: _w("WARMUP: indicators have not seen enough bars yet.", _WAITS, START, _STATUS),
    _R.GUARD_FREEZE: _w(
        "GUARD_FREEZE: a guard asked for no new risk until it lets go.", _HALTED, START, _STATUS
    ),
    _R.NOT_SELECTED: _w(
        "NOT_SELECTED: the symbol is not among the selected ones.", _HALTED, START, _STATUS
    ),
    _R.TOXICITY_MID: _w(
        "TOXICITY_MID: the spread is wider than the toxicity gate likes; one order of new risk "
        "passes in {throttle_s} s.",
        "New risk is slowed down; what rests stays; exits and cancels pass.",
        START,
        _STATUS,
    ),
    _R.RATE_BUDGET_LOW: _w(
        "RATE_BUDGET_LOW: the venue's request budget is above its soft limit; one order of new "
        "risk passes in {throttle_s} s.",
        "New risk is slowed down; what rests stays; exits and cancels pass.",
        BAN,
        _STATUS,
    ),
    _R.HEALTHY: _w("HEALTHY: nothing stands against trading.", _NOTHING, START, _STATUS),
    _R.BOOTSTRAP_PENDING: _w(
        "BOOTSTRAP_PENDING: recovery with the venue is not finished; it may take {init_s} s.",
        "Nothing is sent, cancels included, until orders are cleared up with the venue.",
        START,
        _STATUS,
    ),
    _R.INIT_TIMEOUT: _w(
        "INIT_TIMEOUT: recovery has not finished within {init_s} s.",
        "Nothing is sent, cancels included, until orders are cleared up with the venue.",
        STUCK,
        _STATUS,
        _DOCTOR,
        _TAIL,
    ),
    _R.COOLDOWN: _w(
        "COOLDOWN: the cause is over; the state is left {degraded_cooldown_s} s after DEGRADED, "
        "{pause_cooldown_s} s after PAUSE.",
        _WAITS,
        START,
        _STATUS,
    ),
    _R.AWAIT_RESUME: _w(
        "AWAIT_RESUME: nothing stands against trading any more, but EMERGENCY is left only by an "
        "operator.",
        _HALTED,
        START,
        _STATUS,
        _RESUME,
    ),
}

KIND_OF: Final[dict[StateReason, AlertKind]] = {
    _R.KILL_SWITCH: _K.KILL_SWITCH,
    _R.OPERATOR_EMERGENCY: _K.EMERGENCY,
    _R.OPERATOR_PAUSE: _K.PAUSE,
    _R.DRAWDOWN: _K.DRAWDOWN_GUARD,
    _R.TOXICITY_HIGH: _K.PAUSE,
    _R.GUARD_PAUSE: _K.PAUSE,
    _R.SCHEDULE_CLOSED: _K.PAUSE,
    _R.RATE_LIMIT_BAN: _K.RATE_LIMIT_BAN,
    _R.FEED_DISCONNECTED: _K.FEED_LOST,
    _R.FEED_STALE: _K.FEED_LOST,
    _R.USER_STREAM_DOWN: _K.USER_STREAM_DOWN,
    _R.CIRCUIT_OPEN: _K.DEGRADED,
    _R.STATE_UNRECONCILED: _K.MISMATCH,
    _R.SNAPSHOT_STALE: _K.DEGRADED,
    _R.CLOCK_SKEW: _K.CLOCK_SKEW,
    _R.STATE_WRITE_FAILED: _K.STATE_WRITE_FAILED,
    _R.DEAD_MAN_FAILED: _K.DEAD_MAN_FAILED,
    _R.INIT_TIMEOUT: _K.INIT_TIMEOUT,
    _R.AWAIT_RESUME: _K.EMERGENCY,
}
"""What a reason is told as; reasons that are not here raise no alert."""

BY_KIND: Final[dict[AlertKind, Words]] = {
    _K.KILL_SWITCH: BY_REASON[_R.KILL_SWITCH],
    _K.DRAWDOWN_GUARD: BY_REASON[_R.DRAWDOWN],
    _K.DAILY_LOSS: _w(
        "DAILY_LOSS: today's loss is {daily_loss}, and the limit is {daily_loss_max}; no new risk "
        "until the next day, UTC.",
        _WAITS,
        KILL,
        _STATUS,
        _TAIL,
    ),
    _K.LOSS_STREAK: _w(
        "LOSS_STREAK: {loss_count} round trips in a row lost, and the limit is {loss_max}.",
        _HALTED,
        KILL,
        _STATUS,
        "grinder control reset loss-streaks",
        _RESUME,
    ),
    _K.EMERGENCY: BY_REASON[_R.OPERATOR_EMERGENCY],
    _K.PAUSE: BY_REASON[_R.OPERATOR_PAUSE],
    _K.DEGRADED: BY_REASON[_R.CIRCUIT_OPEN],
    _K.INIT_TIMEOUT: BY_REASON[_R.INIT_TIMEOUT],
    _K.MISMATCH: BY_REASON[_R.STATE_UNRECONCILED],
    _K.UNKNOWN_OUTCOME: _w(
        "OUTCOME_UNKNOWN: of {unknown_count} orders nobody knows for {unknown_s} s whether they "
        "are at the venue, and the limit is {unknown_max_s} s.",
        "Nothing is sent again under another id; the venue is asked until it is known.",
        UNKNOWN,
        _STATUS,
        _TAIL,
    ),
    _K.CANCEL_STUCK: _w(
        "CANCEL_STUCK: {stuck_count} orders that were to be cancelled may still rest and fill, one "
        "for {stuck_s} s, and the limit is {stuck_max_s} s.",
        "The cancels are sent again until the venue says that the orders are over.",
        STUCK,
        _STATUS,
        _DOCTOR,
        _TAIL,
    ),
    _K.RATE_LIMIT_BAN: BY_REASON[_R.RATE_LIMIT_BAN],
    _K.CLOCK_SKEW: BY_REASON[_R.CLOCK_SKEW],
    _K.STATE_WRITE_FAILED: BY_REASON[_R.STATE_WRITE_FAILED],
    _K.DISK_LOW: _w(
        "{disk_reason}: {free_mib} MiB are free where the state lies, and {free_min_mib} MiB are "
        "the least.",
        "Nothing yet; once the journal cannot be written no new risk is taken.",
        DISK,
        _STATUS,
        _DOCTOR,
    ),
    _K.USER_STREAM_DOWN: BY_REASON[_R.USER_STREAM_DOWN],
    _K.FEED_LOST: BY_REASON[_R.FEED_DISCONNECTED],
    _K.DEAD_MAN_FAILED: BY_REASON[_R.DEAD_MAN_FAILED],
    _K.SESSION_STARTED: _w(
        "The session started: recovery with the venue is done.", _NOTHING, START, _STATUS
    ),
    _K.SESSION_STOPPED: _w(
        "The session stopped in order.",
        "Orders that add risk were cancelled; reduce-only orders stay at the venue.",
        START,
        _STATUS,
        _VERIFY,
    ),
    _K.SESSION_FAILED: _w(
        "The session was ended by an error: {error}",
        "Orders that add risk were asked to be cancelled as far as the venue answered; reduce-only "
        "orders stay.",
        START,
        _STATUS,
        _VERIFY,
        _DOCTOR,
    ),
    _K.SUMMARY: _w(
        "Alerts came faster than they could be posted and are counted here.",
        "See the alerts that were posted, and the log for the others.",
        START,
        _STATUS,
    ),
    _K.TEST: _w("A test: this address receives alerts of grinder.", _NOTHING, START, _STATUS),
}

SEVERITY: Final[dict[AlertKind, Severity]] = {
    _K.KILL_SWITCH: Severity.CRITICAL,
    _K.DRAWDOWN_GUARD: Severity.CRITICAL,
    _K.DAILY_LOSS: Severity.CRITICAL,
    _K.LOSS_STREAK: Severity.CRITICAL,
    _K.EMERGENCY: Severity.CRITICAL,
    _K.PAUSE: Severity.WARNING,
    _K.DEGRADED: Severity.WARNING,
    _K.INIT_TIMEOUT: Severity.WARNING,
    _K.MISMATCH: Severity.WARNING,
    _K.UNKNOWN_OUTCOME: Severity.CRITICAL,
    _K.CANCEL_STUCK: Severity.CRITICAL,
    _K.RATE_LIMIT_BAN: Severity.CRITICAL,
    _K.CLOCK_SKEW: Severity.WARNING,
    _K.STATE_WRITE_FAILED: Severity.CRITICAL,
    _K.DISK_LOW: Severity.WARNING,
    _K.USER_STREAM_DOWN: Severity.WARNING,
    _K.FEED_LOST: Severity.WARNING,
    _K.DEAD_MAN_FAILED: Severity.CRITICAL,
    _K.SESSION_STARTED: Severity.INFO,
    _K.SESSION_STOPPED: Severity.INFO,
    _K.SESSION_FAILED: Severity.CRITICAL,
    _K.SUMMARY: Severity.INFO,
    _K.TEST: Severity.INFO,
}

AT_ONCE: Final = frozenset({_K.RATE_LIMIT_BAN, _K.STATE_WRITE_FAILED, _K.DEAD_MAN_FAILED})
"""DEGRADED for these reasons is told at once; for others after the cooldown of DEGRADED."""


def words_of(kind: AlertKind, reason: StateReason | None) -> Words:
    """Return what is said of a kind, for a reason where one is behind it."""
    return BY_KIND[kind] if reason is None else BY_REASON[reason]
