"""Local books from changes and snapshots: nothing is bridged by guess (reference 9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.book_sync import BookNotice, BookSettings, BookSync, Loss
from grinder_adapters.binance.books import Books
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level, Snapshot
from grinder_core.errors import ConnectorTransientError, ContractError
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support import virtual_time
from tests.support.memory_sockets import MemorySockets
from tests.support.virtual_time import VirtualClock, settle

D = Decimal
S = "AAAUSDT"
Levels = tuple[Level, ...]


def levels(*rows: tuple[int, int]) -> Levels:
    return tuple((D(price), D(qty)) for price, qty in rows)


NINE, ELEVEN = levels((9, 1), (5, 1)), levels((11, 1))


def a_diff(
    first: int, last: int, previous: int, bids: Levels = (), asks: Levels = (), ts: int = 0
) -> Event:
    payload = DepthDiff(
        ts=ts, symbol=S, first_update_id=first, last_update_id=last, prev_update_id=previous,
        bids=bids, asks=asks,
    )  # fmt: skip
    return Event(ts, payload, 0, ts, last)


def an_answer(last: int, bids: Levels = NINE, asks: Levels = ELEVEN, ts: int = 0) -> DepthAnswer:
    return DepthAnswer(book=L2Snapshot(ts=ts, symbol=S, bids=bids, asks=asks), last_update_id=last)


def a_quote(update_id: int, bid: int = 9, ask: int = 11, ts: int = 0) -> Event:
    payload = Snapshot(
        ts=ts, symbol=S, bid_price=D(bid), ask_price=D(ask), bid_qty=D(1), ask_qty=D(1),
        last_price=D(0), last_qty=D(0),
    )  # fmt: skip
    return Event(ts, payload, 0, ts, update_id)


def a_sync() -> BookSync:
    return BookSync(S, BookSettings())


def synced(last: int = 10) -> BookSync:
    """A book whose chain stands at ``last``."""
    sync = a_sync()
    sync.on_diff(a_diff(last - 3, last - 2, last - 4))
    sync.on_diff(a_diff(last - 1, last, last - 2))
    assert sync.on_snapshot(an_answer(last - 1), 0) != []
    assert sync.is_synced
    return sync


def kinds(events: Sequence[Event]) -> list[tuple[str, int | None]]:
    return [(event.kind, event.update_id) for event in events]


def test_a_snapshot_is_wanted_once_two_changes_wait() -> None:
    sync = a_sync()
    assert not sync.wants_snapshot
    assert sync.on_diff(a_diff(1, 5, 0)) == []
    assert not sync.wants_snapshot
    assert sync.on_diff(a_diff(6, 9, 5)) == []
    assert sync.wants_snapshot


def test_changes_older_than_the_snapshot_are_dropped_and_the_rest_follows_it() -> None:
    sync = a_sync()
    for event in (a_diff(1, 5, 0), a_diff(6, 9, 5), a_diff(10, 12, 9)):
        sync.on_diff(event)
    events = sync.on_snapshot(an_answer(7), received=50)
    assert kinds(events) == [("L2_SNAPSHOT", 7), ("DEPTH_DIFF", 9), ("DEPTH_DIFF", 12)]
    assert (events[0].ts_ms, events[0].ts_recv_ms) == (50, 50)
    assert kinds(sync.on_diff(a_diff(13, 14, 12))) == [("DEPTH_DIFF", 14)]


@pytest.mark.parametrize(
    ("first", "last", "previous", "serves"),
    [
        (5, 10, 4, True),  # U <= lastUpdateId <= u
        (10, 12, 9, True),
        (11, 12, 10, True),  # named as its predecessor
        (11, 12, 9, False),  # one below was missed
        (12, 14, 11, False),
    ],
)
def test_the_first_change_must_continue_the_snapshot(
    first: int, last: int, previous: int, serves: bool
) -> None:
    sync = a_sync()
    sync.on_diff(a_diff(first, last, previous))
    sync.on_diff(a_diff(last + 1, last + 2, last))
    assert bool(sync.on_snapshot(an_answer(10), 0)) is serves
    assert sync.is_synced is serves
    assert sync.wants_snapshot is not serves


def test_a_snapshot_newer_than_all_that_waits_serves_and_the_next_change_must_hold_its_id() -> None:
    sync = a_sync()
    for event in (a_diff(1, 5, 0), a_diff(6, 9, 5)):
        sync.on_diff(event)
    assert kinds(sync.on_snapshot(an_answer(20), 0)) == [("L2_SNAPSHOT", 20)]
    assert sync.on_diff(a_diff(10, 15, 9)) == []  # held by the snapshot
    assert kinds(sync.on_diff(a_diff(16, 22, 15))) == [("DEPTH_DIFF", 22)]


def test_a_gap_gives_up_the_book_and_the_consumer_learns_that_nothing_is_known() -> None:
    sync = synced(10)
    events = sync.on_diff(a_diff(13, 14, 12, ts=77))
    assert kinds(events) == [("L2_SNAPSHOT", None)]
    assert isinstance(events[0].payload, L2Snapshot)
    assert (events[0].payload.bids, events[0].payload.asks) == ((), ())
    assert sync.notices == [BookNotice(ts_ms=77, symbol=S, loss=Loss.GAP)]
    assert not sync.is_synced
    assert not sync.wants_snapshot  # one change waits so far
    sync.on_diff(a_diff(15, 16, 14))
    assert kinds(sync.on_snapshot(an_answer(14), 80)) == [("L2_SNAPSHOT", 14), ("DEPTH_DIFF", 16)]


def test_a_gap_among_the_waiting_changes_forgets_those_before_it() -> None:
    sync = a_sync()
    for event in (a_diff(1, 5, 0), a_diff(6, 9, 5), a_diff(20, 22, 19)):
        sync.on_diff(event)
    assert not sync.wants_snapshot
    sync.on_diff(a_diff(23, 25, 22))
    assert sync.on_snapshot(an_answer(8), 0) == []
    assert kinds(sync.on_snapshot(an_answer(21), 0))[0] == ("L2_SNAPSHOT", 21)


@pytest.mark.parametrize("ask", [8, 9])
def test_a_crossed_or_locked_book_is_given_up(ask: int) -> None:
    sync = synced(10)
    events = sync.on_diff(a_diff(11, 12, 10, asks=levels((ask, 1))))
    assert kinds(events) == [("L2_SNAPSHOT", None)]
    assert [notice.loss for notice in sync.notices] == [Loss.CROSSED]


def test_a_snapshot_that_nobody_waits_for_changes_nothing() -> None:
    sync = synced(10)
    assert sync.on_snapshot(an_answer(12), 0) == []
    assert kinds(sync.on_diff(a_diff(11, 12, 10))) == [("DEPTH_DIFF", 12)]


def test_the_waiting_changes_are_bounded() -> None:
    sync = BookSync(S, BookSettings(buffer_events=3))
    for number in range(1, 10):
        sync.on_diff(a_diff(number, number, number - 1))
    assert [event.update_id for event in sync.buffer] == [7, 8, 9]
    assert sync.on_snapshot(an_answer(5), 0) == []
    assert sync.on_snapshot(an_answer(7), 0) != []


def test_books_given_out_never_go_back_in_time() -> None:
    sync = a_sync()
    sync.on_diff(a_diff(1, 2, 0))
    sync.on_diff(a_diff(3, 4, 2))
    events = sync.on_snapshot(an_answer(3, ts=500), 0)
    events += sync.on_diff(a_diff(9, 10, 8, ts=600))
    sync.on_diff(a_diff(11, 12, 10, ts=700))
    events += sync.on_snapshot(an_answer(11, ts=400), 0)
    books = [e.payload.ts for e in events if isinstance(e.payload, L2Snapshot)]
    assert books == [500, 500, 500]


# -- against the quotes


def test_a_book_that_disagrees_for_more_than_two_seconds_is_given_up() -> None:
    sync = synced(10)
    assert sync.on_quote(a_quote(11, bid=8, ts=1_000)) == []
    assert sync.on_quote(a_quote(12, bid=8, ts=3_000)) == []
    assert kinds(sync.on_quote(a_quote(13, bid=8, ts=3_001))) == [("L2_SNAPSHOT", None)]
    assert [notice.loss for notice in sync.notices] == [Loss.DISAGREES]


def test_agreeing_once_in_between_is_enough() -> None:
    sync = synced(10)
    sync.on_quote(a_quote(11, bid=8, ts=1_000))
    sync.on_quote(a_quote(12, bid=9, ts=2_900))
    assert sync.on_quote(a_quote(13, bid=8, ts=3_500)) == []
    assert sync.on_quote(a_quote(14, bid=8, ts=5_500)) == []
    assert sync.on_quote(a_quote(15, bid=8, ts=5_501)) != []


def test_a_book_behind_fast_quotes_agrees_by_their_ids() -> None:
    sync = synced(10)
    at, quote_id = 10, 10
    for step in range(1, 60):  # the quote moves each 25 ms, the book follows each 100 ms
        ts = step * 100
        for move in range(4):
            quote_id += 10
            price = 8 if move % 2 else 7
            assert sync.on_quote(a_quote(quote_id, bid=price, ask=11, ts=ts + move * 25)) == []
        # the change ends where the second of these quotes stood: bid 8
        shown = levels((9, 0), (8, 1))
        event = a_diff(at + 1, quote_id - 20, at, bids=shown, ts=ts + 90)
        assert kinds(sync.on_diff(event)) == [("DEPTH_DIFF", quote_id - 20)]
        at = quote_id - 20
    assert sync.is_synced


def test_a_book_that_stopped_is_found_out_by_quotes_that_go_on() -> None:
    sync = synced(10)
    lost: list[Event] = []
    for step in range(40):
        lost = lost or sync.on_quote(a_quote(11 + step, bid=7 + step % 2, ts=step * 100))
    assert kinds(lost) == [("L2_SNAPSHOT", None)]


def test_a_wrong_book_is_found_out_though_its_changes_go_on() -> None:
    sync = synced(10)
    sync.on_quote(a_quote(10, bid=7, ts=0))
    lost: list[Event] = []
    for step in range(1, 40):
        event = a_diff(10 + step, 10 + step, 9 + step, ts=step * 100)
        lost = lost or sync.on_diff(event)[1:]
    assert kinds(lost) == [("L2_SNAPSHOT", None)]


def test_only_quotes_and_changes_are_taken() -> None:
    with pytest.raises(ContractError):
        a_sync().on_quote(a_diff(1, 2, 0))
    with pytest.raises(ContractError):
        a_sync().on_diff(a_quote(1))


# -- any losses, against the venue's own book


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    step = st.tuples(
        st.sampled_from(["pass", "pass", "pass", "lose", "snapshot", "old snapshot"]),
        st.integers(1, 8),
        st.integers(0, 2),
        st.integers(1, 3),
    )
    return draw(st.lists(step, max_size=60))


@settings(deadline=None)
@given(schedules())
def test_whatever_is_lost_a_synced_book_is_the_venues_book(
    steps: list[tuple[str, int, int, int]],
) -> None:
    """The venue's book is followed by hand; the consumer is a book fed with what comes out."""
    venue: dict[int, int] = {9: 1}
    history: dict[int, dict[int, int]] = {0: dict(venue)}
    sync, consumer, at, out = a_sync(), MaintainedBook(S), 0, []
    for what, price, qty, width in steps:
        if what in ("pass", "lose"):
            venue[price] = qty
            venue = {p: q for p, q in venue.items() if q}
            first, at, previous = at + 1, at + width, at
            for update in range(first, at + 1):
                history[update] = dict(venue) if update == at else history[previous]
            if what == "lose":
                continue
            out += sync.on_diff(a_diff(first, at, previous, bids=levels((price, qty))))
        elif sync.wants_snapshot:
            taken = at if what == "snapshot" else max(at - 4, 0)
            bids = levels(*sorted(history[taken].items(), reverse=True))
            out += sync.on_snapshot(an_answer(taken, bids=bids), 0)
        for event in out:
            if isinstance(event.payload, L2Snapshot):
                consumer.on_snapshot(event.payload, event.update_id)
            elif isinstance(event.payload, DepthDiff):
                assert consumer.on_diff(event.payload)
        out = []
        known = consumer.last_update_id
        assert known == sync.book.last_update_id
        if sync.is_synced:
            assert known is not None
            bids, _ = consumer.top(20)
            low = consumer.bid_bound
            wanted = sorted(history[known].items(), reverse=True)
            assert bids == levels(*[(p, q) for p, q in wanted if low is not None and p >= low])


# -- asking for snapshots


class Scene:
    """Books, and a REST side that answers as told."""

    def __init__(self, clock: VirtualClock, **changes: int) -> None:
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(MemorySockets(clock), clock, limiter, Random(1))
        self.clock = clock
        self.asked: list[tuple[int, str]] = []
        self.out: list[Event] = []
        self.notices: list[BookNotice] = []
        self.failures: list[BaseException] = []
        self.answer: Callable[[str], Awaitable[DepthAnswer]] = self.served
        self.at = 0
        self.books = Books(
            network, self.fetch, self.out.extend, BookSettings(**changes),
            self.notices.append, self.failures.append,
        )  # fmt: skip
        self.books.add([S])

    async def fetch(self, symbol: str) -> DepthAnswer:
        self.asked.append((self.clock.now_ms(), symbol))
        return await self.answer(symbol)

    async def served(self, symbol: str) -> DepthAnswer:
        await asyncio.sleep(0.1)
        return an_answer(self.at)

    async def refused(self, symbol: str) -> DepthAnswer:
        raise ConnectorTransientError("busy")

    def change(self, gap: bool = False) -> None:
        self.at += 2 if gap else 1
        event = a_diff(self.at, self.at, self.at - 1, ts=self.clock.now_ms())
        self.out += self.books.on_diff(event, S)

    async def changes_until(self, now_ms: int) -> None:
        while self.clock.now_ms() < now_ms:
            await asyncio.sleep(0.05)
            self.change()


def play(story: Callable[[Scene], Awaitable[None]], **changes: int) -> Scene:
    clock, scenes = VirtualClock(0), []

    async def run() -> None:
        scene = Scene(clock, **changes)
        scenes.append(scene)
        await story(scene)
        await scene.books.close(5_000)
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(run(), clock)
    return scenes[0]


def test_books_are_asked_for_and_come_up() -> None:
    async def story(scene: Scene) -> None:
        await scene.changes_until(1_000)
        assert scene.books.is_synced(S)

    scene = play(story)
    assert scene.asked == [(100, S)]
    assert kinds(scene.out)[0][0] == "L2_SNAPSHOT"
    assert (scene.books.fetches, scene.books.losses) == (1, 0)


def test_snapshots_of_a_symbol_are_five_seconds_apart_and_then_further() -> None:
    async def story(scene: Scene) -> None:
        scene.answer = scene.refused
        await scene.changes_until(200_000)

    scene = play(story)
    times = [ms for ms, _ in scene.asked]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]
    assert scene.books.fetches_failed == 7


def test_a_gap_asks_again_but_not_at_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.changes_until(1_000)
        scene.change(gap=True)
        assert not scene.books.is_synced(S)
        await scene.changes_until(6_000)
        assert scene.books.is_synced(S)

    scene = play(story)
    assert scene.asked == [(100, S), (5_100, S)]
    assert [(one.ts_ms, one.loss) for one in scene.notices] == [(1_000, Loss.GAP)]
    assert scene.books.losses == 1


def test_only_few_snapshots_are_under_way_at_once() -> None:
    async def story(scene: Scene) -> None:
        under_way = most = 0

        async def slow(symbol: str) -> DepthAnswer:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= 1
            raise ConnectorTransientError("busy")

        scene.answer = slow
        symbols = [f"S{number}USDT" for number in range(5)]
        scene.books.add(symbols)
        for symbol in symbols:
            for first in (1, 2):
                payload = DepthDiff(
                    ts=0, symbol=symbol, first_update_id=first, last_update_id=first,
                    prev_update_id=first - 1,
                )  # fmt: skip
                scene.books.on_diff(Event(0, payload, update_id=first), symbol)
        await asyncio.sleep(4)
        assert most == 2
        assert len(scene.asked) == 5

    play(story)


def test_a_symbol_that_left_is_not_heard_of_again() -> None:
    async def story(scene: Scene) -> None:
        scene.change()
        scene.change()
        await asyncio.sleep(0.05)
        scene.books.remove([S])
        await asyncio.sleep(60)
        assert not scene.books.is_synced(S)

    scene = play(story)
    assert (scene.out, len(scene.asked)) == ([], 1)


def test_a_mistake_of_ours_is_not_taken_for_the_venues() -> None:
    async def story(scene: Scene) -> None:
        async def broken(symbol: str) -> DepthAnswer:
            raise KeyError(symbol)

        scene.answer = broken
        scene.change()
        scene.change()
        await settle()

    assert [type(error) for error in play(story).failures] == [KeyError]
