"""Quotes and news of two runs of one market, put side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from attrs import Factory, frozen

from grinder_app.runner.output_rows import CANCELLED, News, OutputRow

SAME_NEWS_MS: Final = 60_000  # what comes later than that is something else


@frozen
class Pair:
    """One quote as two runs saw it; ``None``: that run did not see it."""

    a: OutputRow | None
    b: OutputRow | None

    @property
    def row(self) -> OutputRow:
        """The row of either."""
        row = self.a or self.b
        assert row is not None
        return row


@frozen
class Lag:
    """News that both runs got, at different quotes.

    Attributes:
        a, b: Numbers of the pairs.
        ms: How much later B got it; negative: earlier.
    """

    news: News
    a: int
    b: int
    ms: int


@frozen
class Aligned:
    """Two runs' outputs of one symbol.

    Attributes:
        lags: By the pair at which the first of the two got the news.
        only_a, only_b: By pair: news that the other never got.
    """

    pairs: list[Pair]
    lags: dict[int, list[Lag]] = Factory(dict)
    only_a: dict[int, list[News]] = Factory(dict)
    only_b: dict[int, list[News]] = Factory(dict)


@frozen
class Decisions:
    """At which pairs one run decided to place or cancel an order; by what it was."""

    places: dict[tuple[str, str], list[int]]

    @classmethod
    def of(cls, rows: Iterable[OutputRow | None]) -> Decisions:
        """Take the rows of one run, a place for each pair."""
        places: dict[tuple[str, str], list[int]] = {}
        for number, row in enumerate(rows):
            for action in () if row is None else row.actions:
                kind, _, order = action.partition(" ")
                places.setdefault((kind, order), []).append(number)
        return cls(places)

    def before(self, news: News, number: int) -> int | None:
        """Return the pair of the decision that some news of an order goes back to."""
        kind = "CANCEL" if news.kind == CANCELLED else "PLACE"
        at = self.places.get((kind, news.order_text), ())
        place = bisect_right(at, number)
        return at[place - 1] if place else None


def align(a: Sequence[OutputRow], b: Sequence[OutputRow]) -> Aligned:
    """Put the outputs of one symbol side by side, quotes by time and mark."""
    found = Aligned(list(_pairs(a, b)))
    left: dict[News, deque[int]] = defaultdict(deque)
    right: dict[News, deque[int]] = defaultdict(deque)
    for number, pair in enumerate(found.pairs):
        told_a = Counter(() if pair.a is None else pair.a.news)
        told_b = Counter(() if pair.b is None else pair.b.news)
        for news in (told_a - told_b).elements():
            left[news].append(number)
        for news in (told_b - told_a).elements():
            right[news].append(number)
    for news in {**left, **right}:
        _match(news, left[news], right[news], found)
    return found


def _match(news: News, left: deque[int], right: deque[int], found: Aligned) -> None:
    """Pair what both got, first with first, where it is near enough to be the same."""

    def ts(number: int) -> int:
        return found.pairs[number].row.ts

    while left and right:
        ms = ts(right[0]) - ts(left[0])
        if ms > SAME_NEWS_MS:
            found.only_a.setdefault(left.popleft(), []).append(news)
        elif ms < -SAME_NEWS_MS:
            found.only_b.setdefault(right.popleft(), []).append(news)
        else:
            lag = Lag(news, left.popleft(), right.popleft(), ms)
            found.lags.setdefault(min(lag.a, lag.b), []).append(lag)
    for number in left:
        found.only_a.setdefault(number, []).append(news)
    for number in right:
        found.only_b.setdefault(number, []).append(news)


def _pairs(a: Sequence[OutputRow], b: Sequence[OutputRow]) -> Iterator[Pair]:
    groups_a, groups_b = _by_ts(a), _by_ts(b)
    for ts in sorted(groups_a.keys() | groups_b.keys()):
        yield from _pairs_of_one_ms(groups_a.get(ts, []), groups_b.get(ts, []))


def _by_ts(rows: Sequence[OutputRow]) -> dict[int, list[OutputRow]]:
    return {ts: list(group) for ts, group in groupby(rows, attrgetter("ts"))}


def _pairs_of_one_ms(a: list[OutputRow], b: list[OutputRow]) -> Iterator[Pair]:
    """In order; a quote that only one run saw stands where that run saw it."""
    place = 0
    for row in a:
        found = next((n for n in range(place, len(b)) if b[n].mark == row.mark), None)
        if found is None:
            yield Pair(row, None)
            continue
        for other in b[place:found]:
            yield Pair(None, other)
        yield Pair(row, b[found])
        place = found + 1
    for other in b[place:]:
        yield Pair(None, other)
