"""Why two runs of one market differ: each difference, and which cause it has.

A decision is a function of what the engine was told, so what was told differently is the cause:
other quotes or another order of them (data order), the same news at another quote (latency), other
news (venue answer). A decision that differs while orders and position differ follows from what made
them differ, and carries that cause. Rules on time read the clock of receipt, so a rate limit that
holds in one run only is latency too.

Where one side is a live session, more is known of it (``hints.py``): quotes that gave way to newer
ones (conflation), a state, guard or operator that stopped it (operator or protection), an order
that its router left as it was (order routing), and another venue that filled an order which rests
in both (fill model).

A fill is blamed on what made its order differ, a decision on what made position or orders differ
at that moment; only where both are the same, on the last difference within the memory of the gates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define, field, frozen

from grinder_app.runner.aligning import SAME_NEWS_MS, Aligned, Decisions, Lag, Pair, align
from grinder_app.runner.causes import Cause, Causes, Finding, Subject
from grinder_app.runner.hints import NOTHING, Hints, is_own_refusal, is_routed, is_wait
from grinder_app.runner.output_rows import (
    FILL,
    PLACED,
    REFUSED,
    REPLACED,
    News,
    OutputRow,
    read_rows,
)
from grinder_app.runner.resting import Resting
from grinder_core.contracts.enums import GateReason

TIMED: Final = frozenset({GateReason.RATE_LIMIT_EXCEEDED.value, GateReason.COOLDOWN_ACTIVE.value})
GAVE_WAY_MS: Final = 1_000  # a quote that gave way has a newer one behind it
REMEMBERED_MS: Final = 60_000  # the longest that a gate looks back


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


@frozen(kw_only=True)
class _Origin:
    """A difference that others follow from."""

    cause: Cause
    symbol: str
    ts: int
    text: str

    def __str__(self) -> str:
        """Words for people."""
        return f"follows from {self.symbol} at {self.ts}, {self.cause.value}: {self.text}"


@define
class _Walk:
    """Goes through the pairs of one symbol.

    Attributes:
        root: Why the two runs are in different states now; ``None``: they are not.
        held: Why the positions differ, since they last did not.
        positions: Quantity that each run holds.
        resting: Orders of both.
        moved: Orders whose placing was told at different quotes.
        last: What the last difference goes back to.
        last_ts: Time of the last difference.
    """

    aligned: Aligned
    hints: Hints = NOTHING
    decided_a: Decisions = field(init=False)
    decided_b: Decisions = field(init=False)
    root: _Origin | None = None
    held: _Origin | None = None
    positions: dict[str, str] = Factory(dict)
    resting: Resting[_Origin] = Factory(Resting)
    moved: set[tuple[str, int, str]] = Factory(set)
    last: _Origin | None = None
    last_ts: int = 0
    quotes_equal: int = 0
    fills_equal: int = 0
    fills_only_a: int = 0
    fills_only_b: int = 0

    def __attrs_post_init__(self) -> None:
        pairs = self.aligned.pairs
        self.decided_a = Decisions.of(pair.a for pair in pairs)
        self.decided_b = Decisions.of(pair.b for pair in pairs)

    def step(self, number: int, elsewhere: _Origin | None) -> Iterator[Finding]:
        """Yield what differs at one quote.

        Args:
            elsewhere: Why the account differs by another symbol; gates look at the whole of it.
        """
        aligned = self.aligned
        pair = aligned.pairs[number]
        if pair.a is None or pair.b is None:
            side = "A" if pair.b is None else "B"
            yield self._direct(pair, *self._unseen(number, side))
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
        return a.position == b.position and self.resting.is_same

    def _why(self, elsewhere: _Origin | None, news: News | None = None) -> _Origin | None:
        """Return what a difference follows from; ``None``: nothing differs that is known."""
        of_order = None if news is None else self.resting.whys.get(news.order)
        positions = [self.positions.get(who, "0") for who in ("A", "B")]
        of_position = self.held if positions[0] != positions[1] else None
        return of_order or of_position or self.resting.why() or self.root or elsewhere

    def _lagged(self, pair: Pair, lag: Lag, elsewhere: _Origin | None) -> Finding:
        finding = self._late(pair, lag, elsewhere)
        self._blame(lag.news)
        return finding

    def _late(self, pair: Pair, lag: Lag, elsewhere: _Origin | None) -> Finding:
        news = lag.news
        if news.kind == PLACED:
            self.moved.add(news.order)
        subject = Subject.FILL if news.kind == FILL else Subject.NEWS
        self.fills_equal += subject is Subject.FILL
        later = f"{lag.ms} ms later in B" if lag.ms >= 0 else f"{-lag.ms} ms earlier in B"
        text = f"{news}: {later}"
        root = self._why(elsewhere)
        if root and self.decided_a.before(news, lag.a) != self.decided_b.before(news, lag.b):
            return self._following(pair, root, subject, text, lag_ms=lag.ms)
        cause = Cause.LATENCY if pair.a and pair.b else Cause.DATA_ORDER
        between = self.aligned.pairs[min(lag.a, lag.b) : max(lag.a, lag.b) + 1]
        if answer := next(filter(None, map(self._answer, between)), ""):
            cause, text = Cause.VENUE_ANSWER, f"{text} ({answer})"
        return self._direct(pair, cause, text, subject, lag_ms=lag.ms)

    def _alone(
        self, number: int, who: str, news: News, elsewhere: _Origin | None, *, is_new: bool
    ) -> Finding:
        finding = self._only(number, who, news, elsewhere, is_new=is_new)
        self._blame(news)
        return finding

    def _blame(self, news: News) -> None:
        """Remember why an order, or the position, differs from here on."""
        assert self.last is not None
        if news.kind == FILL:
            self.held = self.last
        else:
            self.resting.blame(news.order, self.last)

    def _only(
        self, number: int, who: str, news: News, elsewhere: _Origin | None, *, is_new: bool
    ) -> Finding:
        pair, root = self.aligned.pairs[number], self._why(elsewhere, news)
        text, more = f"only in {who}: {news}", {"who": who, "news": news}
        if news.kind == REFUSED:
            cause = refusal_cause(news.detail)
            if root is not None and cause in {Cause.LATENCY, Cause.ROUTING}:
                before = self.root  # it has its own cause, and what differed already stays so
                finding = self._direct(pair, cause, text, Subject.NEWS, **more)
                self.root = before or root
                return finding
            return self._direct(pair, cause, text, Subject.NEWS, **more)
        if news.kind != FILL:
            answer = self._answer(pair)
            if answer:
                text = f"{text} ({answer})"
                return self._direct(pair, Cause.VENUE_ANSWER, text, Subject.NEWS, **more)
            if root is None and self._is_stopped(pair):
                return self._direct(pair, Cause.PROTECTION, text, Subject.NEWS, **more)
            if root is None and news.kind in {PLACED, REPLACED}:
                found = self._fate(number, who, news)
                if found is not None:
                    cause, told = found
                    return self._direct(pair, cause, text + told, Subject.NEWS, **more)
            return self._following(pair, root, Subject.NEWS, text, **more)
        if who == "A":
            self.fills_only_a += 1
        else:
            self.fills_only_b += 1
        if is_new or not self._has(pair, "B" if who == "A" else "A", news):
            if self.hints.are_other_venues and news.order in self.moved:  # it has it, but not then
                text = f"{text}; the order was told of at different quotes"
                return self._direct(pair, Cause.LATENCY, text, Subject.FILL, **more)
            return self._following(pair, root, Subject.FILL, text, **more)
        if self.hints.are_other_venues:
            text = f"{text}; the same order rested in both"
            return self._direct(pair, Cause.FILL_MODEL, text, Subject.FILL, **more)
        cause = Cause.LATENCY if news.order in self.moved or root else Cause.VENUE_ANSWER
        return self._direct(pair, cause, text, Subject.FILL, **more)

    def _has(self, pair: Pair, who: str, news: News) -> bool:
        """Whether an order rests in a run, or was told of at this very quote."""
        if news.order in self.resting.open[who]:
            return True
        row = pair.a if who == "A" else pair.b
        told = () if row is None else row.news
        return any(one.order == news.order and one.kind in {PLACED, REPLACED} for one in told)

    # -- what is known of a live side ------------------------------------------------------------

    def _unseen(self, number: int, side: str) -> tuple[Cause, str, Subject]:
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
                    return Cause.CONFLATION, text + told, Subject.QUOTE
        return Cause.DATA_ORDER, text, Subject.QUOTE

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
                    cause = refusal_cause(one.detail)
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
            text = f"{'A' if a else 'B'} was stopped: {a or b}"
            yield self._direct(pair, Cause.PROTECTION, text, Subject.DECISION)

    def _answer(self, pair: Pair) -> str:
        """What became of a write that did not succeed, in the output of either; empty: none."""
        a = "" if pair.a is None else self.hints.a.answers.get(pair.a.index, "")
        return a or ("" if pair.b is None else self.hints.b.answers.get(pair.b.index, ""))

    def _decided(self, pair: Pair, elsewhere: _Origin | None) -> Finding:
        a, b = pair.a, pair.b
        assert a is not None
        assert b is not None
        text = _decisions(a.reason, a.actions, b.reason, b.actions)
        root = self._why(elsewhere)
        if root is None and a.reason != b.reason and TIMED & {a.reason, b.reason}:
            return self._direct(pair, Cause.LATENCY, text, Subject.DECISION)
        return self._following(pair, root, Subject.DECISION, text)

    def _direct(
        self, pair: Pair, cause: Cause, text: str, subject: Subject, **more: Any
    ) -> Finding:
        """Return a difference with a cause of its own; what comes later may follow from it."""
        row = pair.row
        self.root = self.last = _Origin(cause=cause, symbol=row.symbol, ts=row.ts, text=text)
        return self._finding(pair, cause, subject, text, **more)

    def _following(
        self, pair: Pair, root: _Origin | None, subject: Subject, text: str, **more: Any
    ) -> Finding:
        if root is None:
            return self._direct(pair, Cause.UNEXPLAINED, text, subject, **more)
        self.root = self.last = root
        return self._finding(pair, root.cause, subject, f"{text}; {root}", follows=True, **more)

    def _count(self, pair: Pair) -> None:
        """Keep account of what rests and what is held in each run."""
        for who, row in (("A", pair.a), ("B", pair.b)):
            if row is not None:
                self.resting.take(who, row.news)
                self.positions[who] = row.position[0]
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


def refusal_cause(detail: str) -> Cause:
    """Return why an order was refused."""
    if is_wait(detail):
        return Cause.LATENCY
    if is_routed(detail):
        return Cause.ROUTING
    return Cause.PROTECTION if is_own_refusal(detail) else Cause.VENUE_ANSWER


def _decisions(reason_a: str, a: tuple[str, ...], reason_b: str, b: tuple[str, ...]) -> str:
    if reason_a != reason_b:
        return f"{reason_a} in A, {reason_b} in B"
    only_a, only_b = [x for x in a if x not in b], [x for x in b if x not in a]
    if not only_a and not only_b:
        return "another plan"
    return f"only A: {', '.join(only_a) or 'nothing'}; only B: {', '.join(only_b) or 'nothing'}"
