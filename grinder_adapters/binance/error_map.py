"""What a failed request means: one class and one reaction for every answer (LIVE-09, I-09.3).

The venue's own words decide, as collected in the reference (3.1, 8). Three things are read in
turn: the HTTP status where it speaks for the whole connection (418, 429, the 503 texts), then
the code of the body, then the status again. A write is called refused only when the answer
proves it; all else about a write is an unknown outcome (LIVE-04), for a second order costs more
than a question. Reads have nothing to lose and are simply asked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import chain
from typing import Final

from attrs import frozen

from grinder_core.errors import (
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTransientError,
    RateLimitError,
)
from grinder_core.resilience.breaker_settings import Operation


class FailureKind(StrEnum):
    """The class of a failure. All but ``OUTCOME_UNKNOWN`` prove that nothing was executed.

    ``ALREADY_SO`` means that what was asked for is the case, by this request or an earlier one.
    """

    REFUSED = "REFUSED"
    TRANSIENT = "TRANSIENT"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    RATE_LIMITED = "RATE_LIMITED"
    BANNED = "BANNED"
    CLOCK = "CLOCK"
    ALREADY_SO = "ALREADY_SO"
    HALT = "HALT"
    RESYNC = "RESYNC"


class Reaction(StrEnum):
    """What to do about a failure."""

    NONE = "NONE"  # it is as wanted
    RETRY = "RETRY"  # the same request, same id, after a pause
    BACK_OFF = "BACK_OFF"  # as above, with fewer requests in flight
    QUERY = "QUERY"  # look before anything else is done
    SYNC_CLOCK = "SYNC_CLOCK"  # then once more
    SYNC_CLOCK_AND_QUERY = "SYNC_CLOCK_AND_QUERY"
    STOP_ALL = "STOP_ALL"  # no request from this IP for a while, cancels included
    STOP_ORDERS = "STOP_ORDERS"  # no placing, no amending until the next window
    ADOPT = "ADOPT"  # the order with this id is the one that was wanted
    ABSENT = "ABSENT"  # the venue knows no such order; reads may lag, old orders vanish
    GIVE_UP = "GIVE_UP"  # never again unchanged
    TELL = "TELL"  # never again, and the operator must know: a mistake of ours, or news
    RECOMPUTE_PRICE = "RECOMPUTE_PRICE"  # from the newest book or mark price
    RELOAD_FILTERS = "RELOAD_FILTERS"
    DROP_SYMBOL = "DROP_SYMBOL"
    DROP_OUTER_ORDERS = "DROP_OUTER_ORDERS"
    STOP_ADDING = "STOP_ADDING"  # no margin is left for more
    REDUCE_ONLY = "REDUCE_ONLY"  # nothing else is allowed any more; the operator must know
    RESYNC_ORDER = "RESYNC_ORDER"
    RESYNC_POSITION = "RESYNC_POSITION"
    NEW_LISTEN_KEY = "NEW_LISTEN_KEY"  # and a new connection
    HALT = "HALT"  # stop and tell the operator


Meaning = tuple[FailureKind, Reaction]

_BANNED_UNTIL: Final = re.compile(r"banned until ([0-9]{1,16})")
_TOO_MANY: Final = -1003
_OVERLOAD: Final = -1008
_TOO_MANY_ORDERS: Final = -1015
_REJECTED: Final = -2010
_SHOWN: Final = 200  # characters of a text that may be a whole page

COUNTDOWN: Final = "countdown"
# questions, and what keeps something alive: harmless twice, so a failure leaves nothing open
_READS: Final[frozenset[str]] = frozenset(
    {Operation.QUERY, Operation.SNAPSHOT, Operation.CONNECT, Operation.LISTEN_KEY, COUNTDOWN}
)
_TRANSIENT: Final = frozenset({FailureKind.TRANSIENT, FailureKind.RATE_LIMITED, FailureKind.CLOCK})
_SILENCING: Final = frozenset({FailureKind.RATE_LIMITED, FailureKind.BANNED})

_BAN: Final = (FailureKind.BANNED, Reaction.STOP_ALL)
_NO_REQUESTS: Final = (FailureKind.RATE_LIMITED, Reaction.STOP_ALL)
_NO_ORDERS: Final = (FailureKind.RATE_LIMITED, Reaction.STOP_ORDERS)
_AGAIN: Final = (FailureKind.TRANSIENT, Reaction.RETRY)
_LESS: Final = (FailureKind.TRANSIENT, Reaction.BACK_OFF)
_LOOK: Final = (FailureKind.OUTCOME_UNKNOWN, Reaction.QUERY)
_TOO_LATE: Final = (FailureKind.OUTCOME_UNKNOWN, Reaction.SYNC_CLOCK_AND_QUERY)
_WRONG_TIME: Final = (FailureKind.CLOCK, Reaction.SYNC_CLOCK)
_NEVER: Final = (FailureKind.REFUSED, Reaction.GIVE_UP)
_UNHEARD_OF: Final = (FailureKind.REFUSED, Reaction.TELL)
_NO_MARGIN: Final = (FailureKind.REFUSED, Reaction.STOP_ADDING)
_OFF_PRICE: Final = (FailureKind.REFUSED, Reaction.RECOMPUTE_PRICE)
_NO_SUCH_ORDER: Final = (FailureKind.REFUSED, Reaction.ABSENT)
_SO_ALREADY: Final = (FailureKind.ALREADY_SO, Reaction.NONE)
_THE_SAME_ORDER: Final = (FailureKind.ALREADY_SO, Reaction.ADOPT)
_HALT: Final = (FailureKind.HALT, Reaction.HALT)
_OTHER_ORDER: Final = (FailureKind.RESYNC, Reaction.RESYNC_ORDER)


def _down(first: int, last: int) -> range:
    return range(first, last - 1, -1)


_GROUPS: Final[tuple[tuple[Meaning, tuple[int | range, ...]], ...]] = (
    (_LOOK, (-1000, -1001, -1006, -1007)),
    (_TOO_LATE, (-5028,)),
    (_NO_REQUESTS, (_TOO_MANY,)),
    (_NO_ORDERS, (_TOO_MANY_ORDERS,)),
    (_LESS, (_OVERLOAD,)),
    (_AGAIN, (-2012,)),
    (_WRONG_TIME, (-1021,)),
    (_SO_ALREADY, (-4046, -4059, -4171, -5027)),
    (_THE_SAME_ORDER, (-4116,)),
    (_HALT, (-1002, -1016, -1022, -2014, -2015, -2017, -2023, -4060, -4061, -4109, -4192)),
    (_HALT, (_down(-4202, -4209), -4402, -4403)),
    ((FailureKind.RESYNC, Reaction.NEW_LISTEN_KEY), (-1125,)),
    ((FailureKind.RESYNC, Reaction.RESYNC_POSITION), (-2022,)),
    (_OTHER_ORDER, (-2011, -2013, _down(-5024, -5026), -5043, -5047)),
    ((FailureKind.REFUSED, Reaction.RELOAD_FILTERS), (-1111, -4001, -4002, -4013, -4014)),
    ((FailureKind.REFUSED, Reaction.RELOAD_FILTERS), (_down(-4003, -4005), -4023)),
    ((FailureKind.REFUSED, Reaction.DROP_SYMBOL), (_down(-1120, -1122), -4140, -4141, -4144)),
    ((FailureKind.REFUSED, Reaction.REDUCE_ONLY), (-4087, -4088, -4400, -4401)),
    ((FailureKind.REFUSED, Reaction.DROP_OUTER_ORDERS), (-2025,)),
    (_NO_MARGIN, (-2018, -2019, -2024, -4050, -4051)),
    (_OFF_PRICE, (-2021, -4016, -4024, -4131, -5022)),
    (_UNHEARD_OF, (_down(-1100, -1106), _down(-1114, -1119), -1127, -1128, -1130, -1136)),
    (_UNHEARD_OF, (-4015, -4082, -4120)),
    (_NEVER, (-1020, -1023, _REJECTED, -2020, -2026, -2027, -2028, -4028, -4045)),
    (_NEVER, (-4047, -4048, -4067, -4068, -4118, -4161, -4164, _down(-4167, -4170), -4172)),
    (_NEVER, (-4531, -5021, _down(-5037, -5041))),
)
_CODES: Final[Mapping[int, Meaning]] = {
    code: meaning
    for meaning, codes in _GROUPS
    for code in chain.from_iterable([c] if isinstance(c, int) else c for c in codes)
}
# a read that failed is asked again; an absence is an answer
_OF_READS: Final = {
    **dict.fromkeys((-1000, -1001, -1006, -1007), _AGAIN),
    -5028: _WRONG_TIME,
    -2011: _NO_SUCH_ORDER,
    -2013: _NO_SUCH_ORDER,
}
_BY_OP: Final[Mapping[str, Mapping[int, Meaning]]] = {
    **dict.fromkeys(_READS, _OF_READS),
    # the order may be filled, gone, or not there yet: no proof that it is cancelled
    Operation.CANCEL: {-2011: _LOOK, -2013: _LOOK},
}
_STATUSES: Final[Mapping[int, Meaning]] = {401: _HALT, 403: _HALT}
# texts of a 503 that prove that nothing happened; any other leaves it open
_THROTTLED: Final = "Request throttled by system-level protection"
_FAILED: Final = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
)
_OF_REJECTED: Final[tuple[tuple[str, Meaning], ...]] = (
    ("Duplicate order sent", _THE_SAME_ORDER),
    ("insufficient", _NO_MARGIN),
    ("immediately match", _OFF_PRICE),
)


@frozen(kw_only=True)
class VenueFailure:
    """A failed request, classified.

    Attributes:
        status: Of HTTP.
        code: The venue's own, negative; ``None`` where the body has none.
        msg: The venue's words.
        retry_after_ms: How long it asked to wait, from now.
        until_ms: Until when it wants silence, venue time; of a ban that says so.
    """

    kind: FailureKind
    reaction: Reaction
    status: int
    code: int | None = None
    msg: str = ""
    retry_after_ms: int | None = None
    until_ms: int | None = None

    def error(self, op: str, client_order_id: str = "") -> ConnectorError:
        """Return the error of LIVE-02 that this failure is."""
        if self.kind is FailureKind.OUTCOME_UNKNOWN:
            return ConnectorOutcomeUnknownError(op, client_order_id)
        said = f"{op} failed with HTTP {self.status}, code {self.code}: {self.msg[:_SHOWN]}"
        if self.kind in _TRANSIENT:
            return ConnectorTransientError(said, retry_after_ms=self.retry_after_ms)
        if self.kind is FailureKind.BANNED:
            return RateLimitError(said, remedy=self.reaction.value)
        return ConnectorNonRetryableError(said, remedy=self.reaction.value)


def classify(
    status: int,
    code: int | None,
    msg: str,
    op: str,
    retry_after_ms: int | None = None,
) -> VenueFailure:
    """Say what an answer that is no success means.

    Args:
        status: Of HTTP; 0 if the connection broke before one came. An element of a batch
            answer that holds a code is judged like a refusal, status 400.
        code: Of the body; ``None`` if it has none or is malformed.
        msg: Of the body, else the body itself.
        op: An ``Operation`` of the circuit breaker (LIVE-05), or COUNTDOWN. Another name, such as
            that of a change of settings, counts as a write.
        retry_after_ms: From the header, if it was sent.
    """
    kind, reaction = _meaning(status, code, msg, op)
    until = _BANNED_UNTIL.search(msg) if kind in _SILENCING else None
    return VenueFailure(
        kind=kind,
        reaction=reaction,
        status=status,
        code=code,
        msg=msg,
        retry_after_ms=retry_after_ms,
        until_ms=int(until[1]) if until else None,
    )


def _meaning(status: int, code: int | None, msg: str, op: str) -> Meaning:
    is_read = op in _READS
    if status == 418 or (code == _TOO_MANY and status < 500 and _BANNED_UNTIL.search(msg)):
        return _BAN
    if status == 429:
        return _NO_ORDERS if code == _TOO_MANY_ORDERS else _NO_REQUESTS
    if status == 503 and (code == _OVERLOAD or msg.startswith(_THROTTLED)):
        return _LESS
    if status == 503 and msg.startswith(_FAILED):
        return _AGAIN
    if status >= 500 or status == 408:
        if is_read:
            return _NO_REQUESTS if code == _TOO_MANY else _AGAIN
        return _LOOK
    if code is not None and (known := _of_code(code, msg, op)):
        return known
    if status in _STATUSES:
        return _STATUSES[status]
    if 400 <= status < 500 and (is_read or (code is not None and code < 0)):
        return _UNHEARD_OF
    return _AGAIN if is_read else _LOOK


def _of_code(code: int, msg: str, op: str) -> Meaning | None:
    if code == _REJECTED:
        for text, meaning in _OF_REJECTED:
            if text in msg:
                return meaning
    return _BY_OP.get(op, {}).get(code) or _CODES.get(code)
