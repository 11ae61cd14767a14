"""What can go wrong at the local exchange, and when: one fault as data (LIVE-40).

A fault is a kind, a match and the kind's parameters. Kinds come in three families: those of
requests, those of stream frames, and those that happen at a time, to nobody's request. What a
kind does not use must not be set, so that no line of a fault file is without effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from attrs import Factory, evolve, fields, frozen

from grinder_core.contracts.checks import SYMBOL
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError
from grinder_core.numbers import BPS, ONE, ZERO
from grinder_core.settings import setting
from grinder_core.venue.exchange.vocabulary import SymbolStatus

USER_STREAM: Final = "user"  # the name of every user stream; listen keys are secret


class Family(StrEnum):
    """What a fault happens to."""

    REQUEST = "request"
    FRAME = "frame"
    TIMED = "timed"


class RequestOp(StrEnum):
    """What a request is for; a batch counts as what its orders are for."""

    PLACE = "place"
    AMEND = "amend"
    CANCEL = "cancel"
    COUNTDOWN = "countdown"
    QUERY = "query"
    ACCOUNT = "account"
    TERMS = "terms"
    LISTEN_KEY = "listen_key"
    MARKET = "market"


class FaultKind(StrEnum):
    """Everything that can be injected; the value is its name in files."""

    # -- of requests
    LATENCY = "latency"  # reaches the exchange late
    SLOW_ANSWER = "slow_answer"  # done at once, answered late
    DROP_BEFORE = "drop_before"  # the connection breaks, nothing was done
    DROP_AFTER = "drop_after"  # done, and the answer is lost
    SERVER_ERROR = "server_error"  # 500, 502, 504
    UNKNOWN_503 = "unknown_503"  # "Unknown error, ...": done or not
    UNAVAILABLE_503 = "unavailable_503"  # "Service Unavailable.": not done
    INTERNAL_503 = "internal_503"  # "Internal error; ...": not done
    OVERLOADED_503 = "overloaded_503"  # -1008: not done; cancels and reduce-only pass
    TIMEOUT_408 = "timeout_408"  # of a proxy: no code, done or not
    TIMEOUT_1007 = "timeout_1007"  # of the backend: done or not
    RATE_LIMITED_429 = "rate_limited_429"
    TOO_MANY_ORDERS = "too_many_orders"  # -1015
    BANNED_418 = "banned_418"  # everything of that time, whatever it matched first
    TIMESTAMP_1021 = "timestamp_1021"
    NOT_FOUND_2013 = "not_found_2013"  # reads that lag
    CLOCK_SKEW = "clock_skew"  # the venue's clock is off
    AMEND_CANCELS = "amend_cancels"
    FILL_BEFORE_CANCEL = "fill_before_cancel"
    # -- of stream frames
    FRAME_LOST = "frame_lost"
    FRAME_LATE = "frame_late"
    FRAME_TWICE = "frame_twice"
    FRAME_REORDERED = "frame_reordered"  # comes after the next one of its stream
    SEQUENCE_GAP = "sequence_gap"  # some in a row are lost
    SILENCE = "silence"  # nothing more of this stream, the socket stays up
    STREAM_CUT = "stream_cut"  # the connection ends with this frame unsent
    # -- at a time
    DISCONNECT = "disconnect"
    LISTEN_KEY_EXPIRED = "listen_key_expired"
    PARTIAL_FILL = "partial_fill"
    FOREIGN_ORDER = "foreign_order"
    INJECTED_POSITION = "injected_position"
    FILTER_CHANGE = "filter_change"
    STATUS_CHANGE = "status_change"
    DEPOSIT = "deposit"

    @property
    def rule(self) -> KindRule:
        """What this kind is about."""
        return RULES[self]

    @property
    def family(self) -> Family:
        """What it happens to."""
        return RULES[self].family


@frozen
class KindRule:
    """What one kind happens to and takes.

    Attributes:
        needs, takes: Fields that must be, and that may be set.
        op: The only operation that it happens to; ``None`` for any.
        is_final: A request gets at most one of these.
    """

    family: Family
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    op: RequestOp | None = None
    is_final: bool = False


def _answer(*takes: str, needs: tuple[str, ...] = (), op: RequestOp | None = None) -> KindRule:
    return KindRule(Family.REQUEST, needs, ("lasts_ms", *takes), op, is_final=True)


def _symbol(*needs: str, takes: tuple[str, ...] = ()) -> KindRule:
    return KindRule(Family.TIMED, ("symbol", *needs), takes)


_SLOW: Final = KindRule(Family.REQUEST, ("delay_ms",), ("jitter_ms", "lasts_ms"))
_FRAME: Final = KindRule(Family.FRAME)

RULES: Final[Mapping[FaultKind, KindRule]] = {
    FaultKind.LATENCY: _SLOW,
    FaultKind.SLOW_ANSWER: _SLOW,
    FaultKind.DROP_BEFORE: _answer(),
    FaultKind.DROP_AFTER: _answer(),
    FaultKind.SERVER_ERROR: _answer("http_status", "executed"),
    FaultKind.UNKNOWN_503: _answer("executed"),
    FaultKind.UNAVAILABLE_503: _answer(),
    FaultKind.INTERNAL_503: _answer(),
    FaultKind.OVERLOADED_503: _answer(),
    FaultKind.TIMEOUT_408: _answer("executed"),
    FaultKind.TIMEOUT_1007: _answer("http_status", "executed"),
    FaultKind.RATE_LIMITED_429: _answer("retry_after_s"),
    FaultKind.TOO_MANY_ORDERS: _answer("retry_after_s"),
    FaultKind.BANNED_418: _answer(needs=("lasts_ms",)),
    FaultKind.TIMESTAMP_1021: _answer(),
    FaultKind.NOT_FOUND_2013: _answer(op=RequestOp.QUERY),
    FaultKind.CLOCK_SKEW: KindRule(Family.REQUEST, ("skew_ms",), ("lasts_ms",)),
    FaultKind.AMEND_CANCELS: _answer(op=RequestOp.AMEND),
    FaultKind.FILL_BEFORE_CANCEL: _answer(needs=("share_bps",), op=RequestOp.CANCEL),
    FaultKind.FRAME_LOST: _FRAME,
    FaultKind.FRAME_LATE: KindRule(Family.FRAME, ("delay_ms",), ("jitter_ms",)),
    FaultKind.FRAME_TWICE: _FRAME,
    FaultKind.FRAME_REORDERED: _FRAME,
    FaultKind.SEQUENCE_GAP: KindRule(Family.FRAME, ("count",)),
    FaultKind.SILENCE: KindRule(Family.FRAME, ("lasts_ms",)),
    FaultKind.STREAM_CUT: _FRAME,
    FaultKind.DISCONNECT: KindRule(Family.TIMED, (), ("category",)),
    FaultKind.LISTEN_KEY_EXPIRED: KindRule(Family.TIMED),
    FaultKind.PARTIAL_FILL: _symbol("share_bps", takes=("side",)),
    FaultKind.FOREIGN_ORDER: _symbol("side", "notional", takes=("offset_bps",)),
    FaultKind.INJECTED_POSITION: _symbol("side", "notional"),
    FaultKind.FILTER_CHANGE: _symbol(takes=("tick_times", "step_times")),
    FaultKind.STATUS_CHANGE: _symbol("symbol_status"),
    FaultKind.DEPOSIT: KindRule(Family.TIMED, ("amount",)),
}
_TIMES: Final = ("probability_bps", "from_ms", "until_ms", "at_most")
_OF_FAMILY: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.REQUEST: ("op", "path", "symbol", "side", "nth", "every", *_TIMES),
    Family.FRAME: ("stream", "event", "symbol", "nth", "every", *_TIMES),
    Family.TIMED: ("every_ms", *_TIMES),
}
_STATUSES: Final[Mapping[FaultKind, tuple[int, ...]]] = {  # the first is the default
    FaultKind.SERVER_ERROR: (500, 502, 504),
    FaultKind.TIMEOUT_1007: (408, 400, 503, 504),
}
_MINUTE_MS: Final = 60_000
_LONGEST_MS: Final = 86_400_000


@frozen(kw_only=True)
class Match:
    """What a fault happens to, and when. What is not set is not asked for.

    ``nth`` alone takes that one, ``every`` alone each k-th, both the n-th and each k-th after it;
    counted are the requests or frames that fit all else. Times count from the plan's start. What
    happens at a time happens at ``from_ms``, and again each ``every_ms`` where that is set.
    """

    op: RequestOp | None = None
    side: Side | None = None
    path: str = setting("", "Path of requests; * stands for any text.")
    symbol: str = setting("", "Symbol.")
    stream: str = setting("", "Stream, such as btcusdt@depth*, or user; * stands for any text.")
    event: str = setting("", "Event type of frames, such as ORDER_TRADE_UPDATE.")
    nth: int = setting(0, "Which one that fits; 0: any.", ge=0)
    every: int = setting(0, "Each how many-th that fits; 0: each.", ge=0)
    probability_bps: int = setting(BPS, "Probability of each.", ge=1, le=BPS)
    from_ms: int = setting(0, "Not before this time.", ge=0)
    until_ms: int = setting(0, "Before this time; 0: without end.", ge=0)
    at_most: int = setting(0, "How often; 0: without limit.", ge=0)
    every_ms: int = setting(0, "Time from one to the next; 0: once.", ge=0)

    def __attrs_post_init__(self) -> None:
        if self.until_ms and self.until_ms <= self.from_ms:
            rule = f"must be > from_ms = {self.from_ms}"
            raise ConfigError(rule, field="until_ms", value=self.until_ms, remedy="or 0: no end")
        if self.symbol and not SYMBOL.fullmatch(self.symbol):
            raise ConfigError("must match [A-Z0-9_]{2,40}", field="symbol", value=self.symbol)

    def is_within(self, elapsed_ms: int) -> bool:
        """Whether a time since the start lies in the window."""
        return self.from_ms <= elapsed_ms and not 0 < self.until_ms <= elapsed_ms

    def takes(self, number: int) -> bool:
        """Whether the ``number``-th, from 1, of those that fit is taken."""
        if not self.every:
            return self.nth in {0, number}
        first = self.nth or self.every
        return number >= first and (number - first) % self.every == 0

    def fits_request(self, op: RequestOp, path: str, symbol: str, side: Side | None) -> bool:
        """Whether a request is of the kind that is meant."""
        return (
            self.op in {None, op}
            and self.side in {None, side}
            and self.symbol in {"", symbol}
            and (not self.path or fnmatchcase(path, self.path))
        )

    def fits_frame(self, stream: str, event: str, symbol: str) -> bool:
        """Whether a frame is of the kind that is meant."""
        return (
            self.event in {"", event}
            and self.symbol in {"", symbol}
            and (not self.stream or fnmatchcase(stream, self.stream))
        )


@frozen(kw_only=True)
class Fault:
    """One thing that goes wrong.

    Raises:
        ConfigError: Something is out of range, is needed by the kind and not set, or is set and
            not used by it.
    """

    kind: FaultKind
    match: Match = Factory(Match)
    symbol_status: SymbolStatus | None = None
    delay_ms: int = setting(0, "How late.", ge=0, le=10 * _MINUTE_MS)
    jitter_ms: int = setting(0, "Up to how much later still, drawn evenly.", ge=0, le=_MINUTE_MS)
    lasts_ms: int = setting(
        0, "For how long everything that fits is hit, once one was.", ge=0, le=3 * _LONGEST_MS
    )
    http_status: int = setting(0, "Status of the answer; 0: the usual one.", ge=0)
    executed: bool = setting(False, "Whether it was done all the same.")
    retry_after_s: int = setting(0, "Retry-After; 0: without that header.", ge=0, le=86_400)
    skew_ms: int = setting(
        0, "How far the clock is ahead; negative: behind.", ge=-_LONGEST_MS, le=_LONGEST_MS
    )
    share_bps: int = setting(0, "Share of the open quantity that fills.", ge=0, le=BPS)
    count: int = setting(0, "Frames in a row.", ge=0, le=10_000)
    category: str = setting("", "Connections: public, market or private; empty: all.")
    notional: Decimal = setting(ZERO, "Size in quote currency.", ge=ZERO)
    offset_bps: int = setting(
        0, "How far behind the best price of its side an order rests.", ge=0, le=BPS
    )
    tick_times: Decimal = setting(ONE, "Factor of the tick.", gt=ZERO)
    step_times: Decimal = setting(ONE, "Factor of the step.", gt=ZERO)
    amount: Decimal = setting(ZERO, "Money that comes in; negative: goes out.")

    def __attrs_post_init__(self) -> None:
        rule, name = self.kind.rule, self.kind.value
        allowed = {*rule.needs, *rule.takes, *_OF_FAMILY[rule.family]}
        values = {**_set_fields(self.match), **_set_fields(self)}
        for field in rule.needs:
            if field not in values:
                raise ConfigError(f"is needed by {name}", field=field)
        for field, value in values.items():
            if field not in allowed:
                remedy = f"it takes: {', '.join(sorted(allowed))}"
                raise ConfigError(f"is not used by {name}", field=field, value=value, remedy=remedy)
        self._check_words()

    @property
    def status(self) -> int:
        """HTTP status of a kind that has several."""
        return self.http_status or _STATUSES[self.kind][0]

    def _check_words(self) -> None:
        statuses = _STATUSES.get(self.kind, ())
        if self.http_status and self.http_status not in statuses:
            rule = f"must be one of {', '.join(map(str, sorted(statuses)))}"
            raise ConfigError(rule, field="http_status", value=self.http_status)
        if self.category not in {"", "public", "market", "private"}:
            rule = "must be one of public, market, private"
            raise ConfigError(rule, field="category", value=self.category)
        needed, match = self.kind.rule.op, self.match
        if needed and match.op not in {None, needed}:
            rule = f"must be {needed} or left out for {self.kind}"
            raise ConfigError(rule, field="op", value=match.op)
        if self.kind is FaultKind.FILTER_CHANGE and self.tick_times == self.step_times == 1:
            raise ConfigError("must not be 1 where step_times is", field="tick_times", value=ONE)


def with_match(fault: Fault, **changes: object) -> Fault:
    """Return the same fault with another match."""
    return evolve(fault, match=evolve(fault.match, **changes))  # type: ignore[arg-type]


def _set_fields(value: Match | Fault) -> dict[str, object]:
    """Return what differs from its default; kind and match are no fields of their own here."""
    return {
        field.name: getattr(value, field.name)
        for field in fields(type(value))
        if field.name not in {"kind", "match"} and getattr(value, field.name) != field.default
    }
