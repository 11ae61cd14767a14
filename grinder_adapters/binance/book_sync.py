"""One symbol's book out of its stream of changes and a snapshot over REST (reference 9.1).

Changes are buffered until at least two wait, then a snapshot is asked for. It serves if the buffer
continues it: the first change not older than it holds its update id, ``U <= lastUpdateId <= u``, or
names it as its predecessor. From there on each change must name the one before, ``pu``. A gap, a
crossed book, or one that disagrees with the quotes for too long is given up: the consumer gets an
empty book, which means that nothing is known, and all begins again. Nothing is bridged by guess.

Quotes and changes take their ids from one sequence but come at different speeds. So after a change
the book is compared with the newest quote that is not newer than it, and each new quote with the
book as it stands: a book that stopped is found out by quotes that go on.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final

from attrs import Factory, define, evolve, frozen

from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.feeds import construct
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Snapshot
from grinder_core.errors import ContractError
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.resilience.backoff import BackoffSettings, backoff_delay_ms
from grinder_core.settings import setting

EVENTS_FIRST: Final = 2  # a snapshot taken at once would be older than the buffer


class Loss(StrEnum):
    """Why a book was given up."""

    GAP = "gap"
    CROSSED = "crossed"
    DISAGREES = "disagrees"


@frozen(kw_only=True)
class BookNotice:
    """A book was given up at a time of ours."""

    ts_ms: int
    symbol: str
    loss: Loss


@frozen(kw_only=True)
class BookSettings:
    """How books are kept."""

    levels_max: int = setting(1_000, "Levels kept a side.", ge=1, spec="reference 9.1")
    buffer_events: int = setting(
        5_000, "Changes that wait for a snapshot; the oldest give way.", ge=2, spec="LIVE-18"
    )
    disagree_ms: int = setting(
        2_000, "How long a book may disagree with the quotes.", ge=1, spec="reference 9.1"
    )
    snapshot_every_ms: int = setting(
        5_000, "Least time between two snapshots of a symbol; doubles.", ge=1, spec="SCR-07"
    )
    snapshot_every_ms_max: int = setting(60_000, "Where the doubling ends.", ge=1, spec="SCR-07")
    snapshots_at_once: int = setting(2, "Snapshots of all symbols under way.", ge=1, spec="SCR-07")

    @property
    def pace(self) -> BackoffSettings:
        """The wait between two snapshots of a symbol."""
        longest = max(self.snapshot_every_ms, self.snapshot_every_ms_max)
        return BackoffSettings(base_ms=self.snapshot_every_ms, max_ms=longest, jitter_bps=0)


@define(eq=False)
class BookSync:
    """The book of one symbol and how well it is known.

    Attributes:
        book: As the consumer sees it too.
        buffer: Changes in one chain that wait for a snapshot.
        failures: Snapshots in a row that did not serve or did not come.
        next_fetch_ms: When the next one may be asked for.
        notices: Why the book was given up, newest last, until somebody takes them.
    """

    symbol: str
    settings: BookSettings
    book: MaintainedBook = Factory(
        lambda self: MaintainedBook(self.symbol, self.settings.levels_max), takes_self=True
    )
    buffer: deque[Event] = Factory(
        lambda self: deque(maxlen=self.settings.buffer_events), takes_self=True
    )
    failures: int = 0
    next_fetch_ms: int = 0
    notices: list[BookNotice] = Factory(list)
    _quotes: deque[tuple[int, Snapshot]] = Factory(lambda: deque(maxlen=4_096))
    _disagrees_since: int | None = None
    _ts: int = 0  # of the last book given out

    @property
    def is_synced(self) -> bool:
        """Whether the book is known."""
        return self.book.is_synced

    @property
    def wants_snapshot(self) -> bool:
        """Whether a snapshot would help now."""
        return not self.is_synced and len(self.buffer) >= EVENTS_FIRST

    def on_diff(self, event: Event) -> list[Event]:
        """Take the next change of the stream; return what the consumer learns."""
        diff = _diff(event)
        if not self.is_synced:
            self._keep(event)
            return []
        gaps = self.book.gaps
        if self.book.on_diff(diff):
            return [event, *self._judge(self._quote_of_book(), event.ts_ms)]
        if self.is_synced:
            return []  # the snapshot holds it already
        self._keep(event)
        return [self._lose(event.ts_ms, Loss.GAP if self.book.gaps > gaps else Loss.CROSSED)]

    def on_quote(self, event: Event) -> list[Event]:
        """Take a quote to compare with; return what the consumer learns."""
        quote = event.payload
        if not isinstance(quote, Snapshot) or event.update_id is None:
            raise ContractError("must be a quote with its id", field="kind", value=event.kind)
        self._quotes.append((event.update_id, quote))
        return self._judge(quote, event.ts_ms) if self.is_synced else []

    def on_fetch(self, now: int) -> None:
        """Note that a snapshot is asked for."""
        self.next_fetch_ms = now + backoff_delay_ms(self.settings.pace, self.failures, 0)
        self.failures += 1

    def on_snapshot(self, answer: DepthAnswer, received: int) -> list[Event]:
        """Take a snapshot; return it and the buffered changes that follow, or nothing."""
        taken_at = answer.last_update_id
        waiting = [event for event in self.buffer if _diff(event).last_update_id > taken_at]
        if self.is_synced or (waiting and not _continues(_diff(waiting[0]), taken_at)):
            return []
        book = evolve(answer.book, ts=max(answer.book.ts, self._ts))
        self.book.on_snapshot(book, taken_at)
        if not self.is_synced:
            return []
        self._ts = book.ts
        self.failures = 0
        self.buffer.clear()
        self._disagrees_since = None
        events = [construct.event(received, book, 0, received, taken_at)]
        for event in waiting:
            events += self.on_diff(event)
        return events

    def _keep(self, event: Event) -> None:
        if self.buffer and _diff(self.buffer[-1]).last_update_id != _diff(event).prev_update_id:
            self.buffer.clear()
        self.buffer.append(event)

    def _judge(self, quote: Snapshot | None, now: int) -> list[Event]:
        if quote is None:
            return []
        if self._shows(quote):
            self._disagrees_since = None
        elif self._disagrees_since is None:
            self._disagrees_since = now
        elif now - self._disagrees_since > self.settings.disagree_ms:
            return [self._lose(now, Loss.DISAGREES)]
        return []

    def _quote_of_book(self) -> Snapshot | None:
        """The newest quote that is not newer than the book."""
        at, quotes = self.book.last_update_id or 0, self._quotes
        while len(quotes) > 1 and quotes[1][0] <= at:
            quotes.popleft()
        return quotes[0][1] if quotes and quotes[0][0] <= at else None

    def _shows(self, quote: Snapshot) -> bool:
        bids, asks = self.book.top(1)
        return (
            bool(bids and asks) and bids[0][0] == quote.bid_price and asks[0][0] == quote.ask_price
        )

    def _lose(self, now: int, loss: Loss) -> Event:
        self._ts = max(self._ts, self.book.ts_ms)
        nothing = L2Snapshot(ts=self._ts, symbol=self.symbol, bids=(), asks=())
        self.book = MaintainedBook(self.symbol, self.settings.levels_max)
        self._disagrees_since = None
        self.notices.append(BookNotice(ts_ms=now, symbol=self.symbol, loss=loss))
        return construct.event(now, nothing, 0, now, None)


def _diff(event: Event) -> DepthDiff:
    if not isinstance(event.payload, DepthDiff):
        raise ContractError("must be a change of a book", field="kind", value=event.kind)
    return event.payload


def _continues(diff: DepthDiff, taken_at: int) -> bool:
    return diff.first_update_id <= taken_at or diff.prev_update_id == taken_at
