"""What an operator is told by each kind of alert, and how soon somebody should look.

A state's reason brings its own words (``reason_words.py``); a test freezes these as well.
"""

from __future__ import annotations

from typing import Final

from grinder_adapters.webhook.records import AlertKind, Severity
from grinder_app.live.reason_words import (
    BY_REASON,
    DISK,
    DOCTOR,
    HALTED,
    KILL,
    NOTHING,
    RESUME,
    START,
    STATUS,
    STUCK,
    TAIL,
    UNKNOWN,
    VERIFY,
    WAITS,
    Words,
    words,
)
from grinder_core.contracts.live import StateReason

_R, _K = StateReason, AlertKind

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
    _K.DAILY_LOSS: words(
        "DAILY_LOSS: today's loss is {daily_loss}, and the limit is {daily_loss_max}; no new risk "
        "until the next day, UTC.",
        WAITS,
        KILL,
        STATUS,
        TAIL,
    ),
    _K.LOSS_STREAK: words(
        "LOSS_STREAK: {loss_count} round trips in a row lost, and the limit is {loss_max}.",
        HALTED,
        KILL,
        STATUS,
        "grinder control reset loss-streaks",
        RESUME,
    ),
    _K.EMERGENCY: BY_REASON[_R.OPERATOR_EMERGENCY],
    _K.PAUSE: BY_REASON[_R.OPERATOR_PAUSE],
    _K.DEGRADED: BY_REASON[_R.CIRCUIT_OPEN],
    _K.INIT_TIMEOUT: BY_REASON[_R.INIT_TIMEOUT],
    _K.MISMATCH: BY_REASON[_R.STATE_UNRECONCILED],
    _K.UNKNOWN_OUTCOME: words(
        "OUTCOME_UNKNOWN: of {unknown_count} orders nobody knows for {unknown_s} s whether they "
        "are at the venue, and the limit is {unknown_max_s} s.",
        "Nothing is sent again under another id; the venue is asked until it is known.",
        UNKNOWN,
        STATUS,
        TAIL,
    ),
    _K.CANCEL_STUCK: words(
        "CANCEL_STUCK: {stuck_count} orders that were to be cancelled may still rest and fill, one "
        "for {stuck_s} s, and the limit is {stuck_max_s} s.",
        "The cancels are sent again until the venue says that the orders are over.",
        STUCK,
        STATUS,
        DOCTOR,
        TAIL,
    ),
    _K.RATE_LIMIT_BAN: BY_REASON[_R.RATE_LIMIT_BAN],
    _K.CLOCK_SKEW: BY_REASON[_R.CLOCK_SKEW],
    _K.STATE_WRITE_FAILED: BY_REASON[_R.STATE_WRITE_FAILED],
    _K.DISK_LOW: words(
        "{disk_reason}: {free_mib} MiB are free where the state lies, and {free_min_mib} MiB are "
        "the least.",
        "Nothing yet; once the journal cannot be written no new risk is taken.",
        DISK,
        STATUS,
        DOCTOR,
    ),
    _K.USER_STREAM_DOWN: BY_REASON[_R.USER_STREAM_DOWN],
    _K.FEED_LOST: BY_REASON[_R.FEED_DISCONNECTED],
    _K.DEAD_MAN_FAILED: BY_REASON[_R.DEAD_MAN_FAILED],
    _K.SESSION_STARTED: words(
        "The session started: recovery with the venue is done.", NOTHING, START, STATUS
    ),
    _K.SESSION_STOPPED: words(
        "The session stopped in order.",
        "Orders that add risk were cancelled; reduce-only orders stay at the venue.",
        START,
        STATUS,
        VERIFY,
    ),
    _K.SESSION_FAILED: words(
        "The session was ended by an error: {error}",
        "Orders that add risk were asked to be cancelled as far as the venue answered; reduce-only "
        "orders stay.",
        START,
        STATUS,
        VERIFY,
        DOCTOR,
    ),
    _K.SUMMARY: words(
        "Alerts came faster than they could be posted and are counted here.",
        "See the alerts that were posted, and the log for the others.",
        START,
        STATUS,
    ),
    _K.TEST: words("A test: this address receives alerts of grinder.", NOTHING, START, STATUS),
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
