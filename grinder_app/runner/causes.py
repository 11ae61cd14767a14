"""Why two runs of one market differ: each difference, and which cause it has.

A decision is a function of what the engine was told, so what was told differently is the cause:
other quotes or another order of them (data order), the same news at another quote (latency), other
news (venue answer). A decision that differs while orders and position differ follows from what made
them differ, and carries that cause. Rules on time read the clock of receipt, so a rate limit that
holds in one run only is latency too.

Where one side is a live session, more is known of it (``hints.py``): quotes that gave way to newer
ones (conflation), a state, guard or operator that stopped it (operator or protection), and another
venue that filled an order which rests in both (fill model).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, Final

from attrs import Factory, define, field, frozen

from grinder_app.runner.aligning import SAME_NEWS_MS, Aligned, Decisions, Lag, Pair, align
from grinder_app.runner.hints import NOTHING, Hints, is_own_refusal
from grinder_app.runner.output_rows import (
    CANCELLED,
    FILL,
    PLACED,
    REFUSED,
    REPLACED,
    News,
    OutputRow,
    read_rows,
)
from grinder_core.contracts.enums import GateReason

TIMED: Final = frozenset({GateReason.RATE_LIMIT_EXCEEDED.value, GateReason.COOLDOWN_ACTIVE.value})
FINDINGS_MAX: Final = 10_000
GAVE_WAY_MS: Final = 1_000  # a quote that gave way has a newer one behind it
REMEMBERED_MS: Final = 60_000  # the longest that a gate looks back


class Cause(StrEnum):
    """Why something differs."""

    DATA_ORDER = "data order"
    LATENCY = "latency"
    VENUE_ANSWER = "venue answer"
    FILL_MODEL = "fill model"
    CONFLATION = "conflation"
    PROTECTION = "operator or protection"
    COSTS = "fees and funding"
    UNEXPLAINED = "unexplained"


class Subject(StrEnum):
    """What differs."""

    QUOTE = "quote"
    NEWS = "order news"
    FILL = "fill"
    DECISION = "decision"
    MONEY = "money"


@frozen(kw_only=True)
class Finding:
    """One difference.

    Attributes:
        ts: Of the quote, the venue's, Unix milliseconds.
        follows: It follows from an earlier difference, whose cause it has.
        lag_ms: How much later B got the same news, where both got it.
        who: The run that alone has it, ``A`` or ``B``; empty: both have it, or neither.
        news: What that run was told.
        output_a, output_b: Number of the output that shows it, from 0; ``None``: none does.
    """

    cause: Cause
    subject: Subject
    ts: int
    symbol: str
    text: str
    follows: bool = False
    lag_ms: int | None = None
    who: str = ""
    news: News | None = None
    output_a: int | None = None
    output_b: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "cause": self.cause.value,
            "subject": self.subject.value,
            "ts": self.ts,
            "symbol": self.symbol,
            "text": self.text,
            "follows": self.follows,
            "lag_ms": self.lag_ms,
            "who": self.who,
            "output_a": self.output_a,
            "output_b": self.output_b,
        }


@define
class Causes:
    """All differences of two runs.

    Attributes:
        counts: By cause and subject.
        firsts: The first of each cause.
        findings: Up to ``FINDINGS_MAX``, in time.
        first: The first of all; ``None``: there is none.
        fills: All fills that one run alone has.
        lags_ms: How much later B got news that both got.
        fills_equal: Fills of one order, price and quantity in both, whenever they were told.
    """

    counts: Counter[tuple[Cause, Subject]] = Factory(Counter)
    firsts: dict[Cause, Finding] = Factory(dict)
    findings: list[Finding] = Factory(list)
    first: Finding | None = None
    fills: list[Finding] = Factory(list)
    lags_ms: list[int] = Factory(list)
    quotes_equal: int = 0
    fills_equal: int = 0
    fills_only_a: int = 0
    fills_only_b: int = 0

    def add(self, finding: Finding) -> None:
        """Take one difference."""
        self.counts[finding.cause, finding.subject] += 1
        self.firsts.setdefault(finding.cause, finding)
        self.first = self.first or finding
        if finding.subject is Subject.FILL and finding.who:
            self.fills.append(finding)
        if finding.lag_ms is not None:
            self.lags_ms.append(finding.lag_ms)
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)

    @property
    def unexplained(self) -> int:
        """Differences without a cause."""
        return sum(n for (cause, _), n in self.counts.items() if cause is Cause.UNEXPLAINED)

    @property
    def lag_words(self) -> str:
        """What the lags were like."""
        if not self.lags_ms:
            return "no news came later in one run than in the other"
        middle, most = median(self.lags_ms), max(self.lags_ms, key=abs)
        return f"B got the same news {middle:,.0f} ms later in the median, {most:,} ms at most"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "counts": [
                {"cause": cause.value, "subject": subject.value, "count": n}
                for (cause, subject), n in sorted(self.counts.items())
            ],
            "firsts": [finding.to_dict() for finding in self.firsts.values()],
            "findings": [finding.to_dict() for finding in self.findings],
            "quotes_equal": self.quotes_equal,
            "fills_equal": self.fills_equal,
            "fills_only_a": self.fills_only_a,
            "fills_only_b": self.fills_only_b,
        }


def explain(a: Path, b: Path, hints: Hints = NOTHING) -> Causes:
    """Compare two files of all outputs of one market; memory grows with them.

    Args:
        hints: What else is known of the two.

    Raises:
        FixtureError: A file cannot be read.
    """
    rows_a, rows_b = read_rows(a), read_rows(b)
    aligned = {
        symbol: align(rows_a.get(symbol, []), rows_b.get(symbol, []))
        for symbol in sorted(rows_a.keys() | rows_b.keys())
    }
    causes = Causes()
    walks = {symbol: _Walk(found, hints) for symbol, found in aligned.items()}
    order = sorted(
        (pair.row.ts, pair.row.index, symbol, number)
        for symbol, found in aligned.items()
        for number, pair in enumerate(found.pairs)
    )
    for _, _, symbol, number in order:
        others = (walk.root for name, walk in walks.items() if name != symbol)
        for finding in walks[symbol].step(number, next(filter(None, others), None)):
            causes.add(finding)
    for walk in walks.values():
        causes.quotes_equal += walk.quotes_equal
        causes.fills_equal += walk.fills_equal
        causes.fills_only_a += walk.fills_only_a
        causes.fills_only_b += walk.fills_only_b
    return causes


@define
class _Walk:
    """Goes through the pairs of one symbol.

    Attributes:
        root: Why the two runs are in different states now; ``None``: they are not.
        drift: Orders that rest in A and not in B, or the other way round (negative).
        moved: Orders whose placing was told at different quotes.
        last_ts: Time of the last difference.
    """

    aligned: Aligned
    hints: Hints = NOTHING
    decided_a: Decisions = field(init=False)
    decided_b: Decisions = field(init=False)
    root: Cause | None = None
    drift: Counter[tuple[str, int, str]] = Factory(Counter)
    moved: set[tuple[str, int, str]] = Factory(set)
    last_ts: int = 0
    quotes_equal: int = 0
    fills_equal: int = 0
    fills_only_a: int = 0
    fills_only_b: int = 0

    def __attrs_post_init__(self) -> None:
        pairs = self.aligned.pairs
        self.decided_a = Decisions.of(pair.a for pair in pairs)
        self.decided_b = Decisions.of(pair.b for pair in pairs)

    def step(self, number: int, elsewhere: Cause | None) -> Iterator[Finding]:
        """Yield what differs at one quote.

        Args:
            elsewhere: Why the account differs by another symbol; gates look at the whole of it.
        """
        aligned = self.aligned
        pair = aligned.pairs[number]
        if pair.a is None or pair.b is None:
            side = "A" if pair.b is None else "B"
            self.root, text = self._unseen(number, side)
            yield self._finding(pair, self.root, Subject.QUOTE, text)
        else:
            self.quotes_equal += 1
            yield from self._stopped(pair)
        alone = [("A", news) for news in aligned.only_a.get(number, ())]
        alone += [("B", news) for news in aligned.only_b.get(number, ())]
        new = {(who, news.order) for who, news in alone if news.kind in {PLACED, REPLACED}}
        for who, news in sorted(alone, key=lambda told: told[1].kind != REFUSED):
            # refusals first: others follow from them
            yield self._alone(number, who, news, elsewhere, is_new=(who, news.order) in new)
        for lag in aligned.lags.get(number, ()):
            yield self._lagged(pair, lag, elsewhere)
        self._count(pair)
        if pair.a is None or pair.b is None:
            return
        if pair.a.decision != pair.b.decision:
            if not self._is_stopped(pair):  # there it was told already
                yield self._decided(pair, elsewhere)
        elif pair.row.ts - self.last_ts > REMEMBERED_MS and self._is_as_one(pair.a, pair.b):
            self.root = None

    def _is_as_one(self, a: OutputRow, b: OutputRow) -> bool:
        """Whether the same orders rest and the same position is held."""
        return a.position == b.position and not any(self.drift.values())

    def _lagged(self, pair: Pair, lag: Lag, elsewhere: Cause | None) -> Finding:
        news = lag.news
        if news.kind == PLACED:
            self.moved.add(news.order)
        subject = Subject.FILL if news.kind == FILL else Subject.NEWS
        self.fills_equal += subject is Subject.FILL
        later = f"{lag.ms} ms later in B" if lag.ms >= 0 else f"{-lag.ms} ms earlier in B"
        text = f"{news}: {later}"
        root = self.root or elsewhere
        if root and self.decided_a.before(news, lag.a) != self.decided_b.before(news, lag.b):
            return self._following(pair, root, subject, text, lag_ms=lag.ms)
        self.root = Cause.LATENCY if pair.a and pair.b else Cause.DATA_ORDER
        between = self.aligned.pairs[min(lag.a, lag.b) : max(lag.a, lag.b) + 1]
        if answer := next(filter(None, map(self._answer, between)), ""):
            self.root, text = Cause.VENUE_ANSWER, f"{text} ({answer})"
        return self._finding(pair, self.root, subject, text, lag_ms=lag.ms)

    def _alone(
        self, number: int, who: str, news: News, elsewhere: Cause | None, *, is_new: bool
    ) -> Finding:
        pair, root = self.aligned.pairs[number], self.root or elsewhere
        text, more = f"only in {who}: {news}", {"who": who, "news": news}
        if news.kind == REFUSED:
            self.root = Cause.PROTECTION if is_own_refusal(news.detail) else Cause.VENUE_ANSWER
            return self._finding(pair, self.root, Subject.NEWS, text, **more)
        if news.kind != FILL:
            answer = self._answer(pair)
            if answer:
                self.root = Cause.VENUE_ANSWER
                text = f"{text} ({answer})"
                return self._finding(pair, self.root, Subject.NEWS, text, **more)
            if root is None and self._is_stopped(pair):
                root = Cause.PROTECTION
            if root is None and news.kind in {PLACED, REPLACED}:
                found = self._fate(number, who, news)
                if found is not None:
                    self.root, told = found
                    return self._finding(pair, self.root, Subject.NEWS, text + told, **more)
            return self._following(pair, root, Subject.NEWS, text, **more)
        if who == "A":
            self.fills_only_a += 1
        else:
            self.fills_only_b += 1
        if is_new or self.drift[news.order]:  # the other run had no such order
            if self.hints.are_other_venues and news.order in self.moved:
                root = Cause.LATENCY  # it has it, but not yet
            return self._following(pair, root, Subject.FILL, text, **more)
        if self.hints.are_other_venues:
            self.root = Cause.FILL_MODEL
            text = f"{text}; the same order rested in both"
            return self._finding(pair, self.root, Subject.FILL, text, **more)
        cause = Cause.LATENCY if news.order in self.moved or root else Cause.VENUE_ANSWER
        self.root = cause
        return self._finding(pair, cause, Subject.FILL, text, **more)

    # -- what is known of a live side ------------------------------------------------------------

    def _unseen(self, number: int, side: str) -> tuple[Cause, str]:
        """Say why the other run did not see a quote."""
        other = "B" if side == "A" else "A"
        ts, text = self.aligned.pairs[number].row.ts, f"only {side} saw this quote"
        if self.hints.of(other).conflates:
            for pair in self.aligned.pairs[number + 1 :]:
                later = pair.a if other == "A" else pair.b
                if pair.row.ts - ts > GAVE_WAY_MS:
                    break
                if later is not None:
                    told = f"; in {other} it gave way to that of {later.ts - ts} ms later"
                    return Cause.CONFLATION, text + told
        return Cause.DATA_ORDER, text

    def _fate(self, number: int, who: str, news: News) -> tuple[Cause, str] | None:
        """Say what became of an order in the other run, which wanted it too; ``None``: it did not.

        Its refusal may be told some quotes later, and its acceptance after the end.
        """
        other = "B" if who == "A" else "A"
        decided = self.decided_b if who == "A" else self.decided_a
        if not any(n >= number - 1 for n in decided.places.get(("PLACE", news.order_text), ())):
            return None
        alone = self.aligned.only_b if who == "A" else self.aligned.only_a
        ts = self.aligned.pairs[number].row.ts
        for later in range(number, len(self.aligned.pairs)):
            lag = self.aligned.pairs[later].row.ts - ts
            if lag > SAME_NEWS_MS:
                return None
            for one in alone.get(later, ()):
                if one.order != news.order:
                    continue
                if one.kind == REFUSED:
                    own = is_own_refusal(one.detail)
                    cause = Cause.PROTECTION if own else Cause.VENUE_ANSWER
                    return cause, f"; refused in {other} {lag} ms later ({one.detail})"
                return None
        return Cause.LATENCY, f"; in {other} nothing was answered yet at the end"

    def _stops(self, pair: Pair) -> tuple[str, str]:
        a = "" if pair.a is None else self.hints.a.stops.get(pair.a.index, "")
        b = "" if pair.b is None else self.hints.b.stops.get(pair.b.index, "")
        return a, b

    def _is_stopped(self, pair: Pair) -> bool:
        """Whether one of the two lets no new risk in and the other does."""
        a, b = self._stops(pair)
        return bool(a) != bool(b)

    def _stopped(self, pair: Pair) -> Iterator[Finding]:
        """Yield a decision that differs because one of the two was stopped."""
        if not self._is_stopped(pair):
            return
        a, b = self._stops(pair)
        differs = pair.a is not None and pair.b is not None and pair.a.decision != pair.b.decision
        if differs:
            self.root = Cause.PROTECTION
            text = f"{'A' if a else 'B'} was stopped: {a or b}"
            yield self._finding(pair, self.root, Subject.DECISION, text)

    def _answer(self, pair: Pair) -> str:
        """What became of a write that did not succeed, in the output of either; empty: none."""
        a = "" if pair.a is None else self.hints.a.answers.get(pair.a.index, "")
        return a or ("" if pair.b is None else self.hints.b.answers.get(pair.b.index, ""))

    def _decided(self, pair: Pair, elsewhere: Cause | None) -> Finding:
        a, b = pair.a, pair.b
        assert a is not None
        assert b is not None
        text = _decisions(a.reason, a.actions, b.reason, b.actions)
        root = self.root or elsewhere
        if a.reason != b.reason and (a.reason in TIMED or b.reason in TIMED):
            self.root = root = root or Cause.LATENCY
        return self._following(pair, root, Subject.DECISION, text)

    def _following(
        self, pair: Pair, root: Cause | None, subject: Subject, text: str, **more: Any
    ) -> Finding:
        self.root = root or Cause.UNEXPLAINED
        return self._finding(pair, self.root, subject, text, follows=root is not None, **more)

    def _count(self, pair: Pair) -> None:
        """Keep account of what rests in one run only."""
        for row, sign in ((pair.a, 1), (pair.b, -1)):
            for news in () if row is None else row.news:
                if news.kind == PLACED:
                    self.drift[news.order] += sign
                elif news.kind == CANCELLED:
                    self.drift[news.order] -= sign
        if pair.a and pair.b:
            both = Counter(n for n in pair.a.news if n.kind == FILL) & Counter(pair.b.news)
            self.fills_equal += both.total()

    def _finding(
        self, pair: Pair, cause: Cause, subject: Subject, text: str, **more: Any
    ) -> Finding:
        row = pair.row
        self.last_ts = row.ts
        return Finding(
            cause=cause,
            subject=subject,
            ts=row.ts,
            symbol=row.symbol,
            text=text,
            output_a=None if pair.a is None else pair.a.index,
            output_b=None if pair.b is None else pair.b.index,
            **more,
        )


def _decisions(reason_a: str, a: tuple[str, ...], reason_b: str, b: tuple[str, ...]) -> str:
    if reason_a != reason_b:
        return f"{reason_a} in A, {reason_b} in B"
    only_a, only_b = [x for x in a if x not in b], [x for x in b if x not in a]
    if not only_a and not only_b:
        return "another plan"
    return f"only A: {', '.join(only_a) or 'nothing'}; only B: {', '.join(only_b) or 'nothing'}"
