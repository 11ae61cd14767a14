"""CORE-17 from a kept book: what is known is true, what was missed or lies beyond is unknown."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.feeds.capture import CaptureSource
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level
from grinder_core.errors import ArtifactError, ContractError
from grinder_core.indicators.book import DepthBook
from grinder_core.indicators.depth_features import depth_features
from grinder_core.indicators.maintained_book import MaintainedBook

D = Decimal
SYMBOL = "AAAUSDT"
PRICES = range(1, 21)
Rows = dict[Decimal, Decimal]


def levels(*pairs: tuple[float | int, int]) -> tuple[Level, ...]:
    return tuple((D(price), D(qty)) for price, qty in pairs)


def a_snap(bids: tuple[Level, ...], asks: tuple[Level, ...], ts: int = 1) -> L2Snapshot:
    return L2Snapshot(ts=ts, symbol=SYMBOL, bids=bids, asks=asks)


def a_diff(
    first: int,
    last: int,
    previous: int | None = None,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    ts: int = 2,
) -> DepthDiff:
    return DepthDiff(
        ts=ts,
        symbol=SYMBOL,
        first_update_id=first,
        last_update_id=last,
        prev_update_id=previous,
        bids=bids,
        asks=asks,
    )


BIDS, ASKS = levels((10, 1), (9, 2), (8, 3)), levels((11, 1), (12, 2), (13, 3))


def synced(update_id: int | None = 100, levels_max: int = 1000) -> MaintainedBook:
    book = MaintainedBook(SYMBOL, levels_max)
    book.on_snapshot(a_snap(BIDS, ASKS), update_id)
    return book


def reloaded(book: MaintainedBook) -> MaintainedBook:
    found = load_state(MaintainedBook, json.loads(canonical_json(dump_state(book))))
    assert found == book
    return found


# -- the chain


@pytest.mark.parametrize(
    ("diff", "applied"),
    [
        (a_diff(101, 105), True),  # spot: U <= lastUpdateId + 1 <= u
        (a_diff(90, 101), True),
        (a_diff(102, 105), False),
        (a_diff(100, 105, 95), True),  # futures: U <= lastUpdateId <= u
        (a_diff(99, 101, 95), True),
        (a_diff(101, 105, 95), False),
        (a_diff(103, 105, 100), True),  # follows what the snapshot ended with
        (a_diff(103, 105, 101), False),
    ],
)
def test_the_first_change_continues_the_snapshot_or_is_a_gap(
    diff: DepthDiff, applied: bool
) -> None:
    book = synced(100)
    assert book.on_diff(diff) is applied
    assert book.is_synced is applied
    assert book.gaps == (not applied)
    assert book.last_update_id == (diff.last_update_id if applied else None)


@pytest.mark.parametrize("diff", [a_diff(90, 100), a_diff(90, 100, 80), a_diff(1, 2, 0)])
def test_what_the_snapshot_holds_already_is_skipped_in_silence(diff: DepthDiff) -> None:
    book = synced(100)
    before = reloaded(book)
    assert not book.on_diff(evolve(diff, bids=levels((10, 9))))
    assert book == before
    assert book.on_diff(a_diff(101, 102))


@pytest.mark.parametrize(
    ("diff", "applied"),
    [
        (a_diff(106, 107), True),
        (a_diff(105, 107), False),  # it bridges, but nothing is left to bridge
        (a_diff(107, 108), False),
        (a_diff(101, 105), False),  # a chain that repeats is not the chain that was followed
        (a_diff(110, 120, 105), True),
        (a_diff(104, 120, 106), False),
        (a_diff(104, 120, 104), False),
    ],
)
def test_a_later_change_follows_the_one_before_or_is_a_gap(diff: DepthDiff, applied: bool) -> None:
    book = synced(100)
    assert book.on_diff(a_diff(101, 105))
    assert book.on_diff(diff) is applied
    assert book.is_synced is applied


def test_a_snapshot_that_names_no_id_starts_the_chain_at_the_next_change() -> None:
    book = synced(None)
    assert book.on_diff(a_diff(500, 510, 499))
    assert not book.on_diff(a_diff(512, 513, 511))
    assert book.gaps == 1


def test_after_a_gap_nothing_is_known_until_the_next_snapshot() -> None:
    book = synced(100)
    book.on_diff(a_diff(200, 201))
    assert not book.on_diff(a_diff(202, 203))
    assert book.gaps == 1  # the gap, not every change after it
    assert book.top(5) == ((), ())
    assert book.qty_at(Side.BUY, D(10)) is None
    assert book.features(20, D(1)) is None
    assert (book.bid_bound, book.ask_bound) == (None, None)
    book.on_snapshot(a_snap(BIDS, ASKS, ts=9), 300)
    assert book.is_synced
    assert book.top(1) == (BIDS[:1], ASKS[:1])
    assert book.ts_ms == 9
    assert book.on_diff(a_diff(301, 301))


def test_before_the_first_snapshot_changes_are_ignored() -> None:
    book = MaintainedBook(SYMBOL)
    assert not book.on_diff(a_diff(1, 2, 0, bids=BIDS))
    assert book == MaintainedBook(SYMBOL)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (BIDS, levels((10, 1))),  # locked
        (BIDS, levels((9, 1))),  # crossed
        (BIDS[::-1], ASKS),
        (BIDS, ASKS[::-1]),
        (BIDS[:1] * 2, ASKS),
    ],
)
def test_an_unsound_snapshot_leaves_nothing_known(
    bids: tuple[Level, ...], asks: tuple[Level, ...]
) -> None:
    book = synced(100)
    book.on_snapshot(a_snap(bids, asks), 200)
    assert not book.is_synced
    assert book.crossings == 1
    assert book.top(5) == ((), ())


@pytest.mark.parametrize("price", [11, 12])
def test_a_change_that_locks_or_crosses_the_book_leaves_nothing_known(price: int) -> None:
    book = synced(100)
    assert not book.on_diff(a_diff(101, 102, bids=levels((price, 1))))
    assert not book.is_synced
    assert (book.crossings, book.gaps) == (1, 0)
    assert book.features(20, D(1)) is None


def test_another_symbols_book_is_refused() -> None:
    book = synced()
    other = {"symbol": "BBBUSDT"}
    with pytest.raises(ContractError, match="symbol"):
        book.on_diff(evolve(a_diff(101, 102), **other))
    with pytest.raises(ContractError, match="symbol"):
        book.on_snapshot(evolve(a_snap(BIDS, ASKS), **other), 1)


# -- what is known


def test_beyond_the_deepest_level_of_the_snapshot_nothing_is_known() -> None:
    book = synced()
    assert book.qty_at(Side.BUY, D(8)) == 3
    assert book.qty_at(Side.BUY, D("8.5")) == 0
    assert book.qty_at(Side.BUY, D("7.99")) is None
    assert book.qty_at(Side.BUY, D(99)) == 0
    assert book.qty_at(Side.SELL, D(13)) == 3
    assert book.qty_at(Side.SELL, D("13.01")) is None
    assert book.qty_at(Side.SELL, D(1)) == 0
    book.on_diff(a_diff(101, 101, bids=levels((7, 5), (8, 0)), asks=levels((14, 5), (13, 0))))
    assert book.top(9) == (BIDS[:2], ASKS[:2])
    assert book.qty_at(Side.BUY, D(8)) == book.qty_at(Side.SELL, D(13)) == 0
    assert book.qty_at(Side.BUY, D(7)) is None
    assert book.qty_at(Side.SELL, D(14)) is None


def test_levels_beyond_the_number_kept_are_dropped_and_the_bound_moves_in() -> None:
    book = synced(100, levels_max=2)
    assert book.top(9) == (BIDS[:2], ASKS[:2])
    assert (book.bid_bound, book.ask_bound) == (D(9), D(12))
    book.on_diff(a_diff(101, 101, bids=levels((9.5, 4))))
    assert book.top(9)[0] == levels((10, 1), (9.5, 4))
    assert book.bid_bound == D("9.5")
    book.on_diff(a_diff(102, 102, bids=levels((10, 0), (9.5, 0), (9, 7))))
    assert book.top(9)[0] == ()
    assert book.bid_bound == D("9.5")  # it does not move out again


def test_an_empty_side_of_a_snapshot_is_unknown() -> None:
    book = MaintainedBook(SYMBOL)
    book.on_snapshot(a_snap(levels((10, 0)), ASKS), 100)
    assert book.is_synced
    assert book.on_diff(a_diff(101, 101, bids=levels((10, 1))))
    assert book.qty_at(Side.BUY, D(10)) is None
    assert book.top(9)[0] == ()
    features = book.features(20, D(1))
    assert features is not None
    assert features.impact_sell_topN_insufficient_depth == 1
    assert features.impact_buy_topN_insufficient_depth == 0


def test_unknown_depth_counts_as_missing() -> None:
    deep, shallow = synced(100), synced(100, levels_max=2)
    of_deep, of_shallow = deep.features(20, D(5)), shallow.features(20, D(5))
    assert of_deep is not None
    assert of_shallow is not None
    assert of_deep.impact_buy_topN_insufficient_depth == 0
    assert of_shallow.impact_buy_topN_insufficient_depth == 1
    assert of_shallow.impact_sell_topN_insufficient_depth == 1


def test_features_are_those_of_the_known_levels_and_measured_once() -> None:
    book = synced(100)
    found = book.features(2, D(2))
    assert found == depth_features(SYMBOL, 1, BIDS, ASKS, top_n=2, qty_ref=D(2))
    assert book.features(2, D(2)) is found
    assert book.features(1, D(2)) != found
    assert book.features(2, D(3)) != found
    book.on_diff(a_diff(101, 101, bids=levels((10, 7)), ts=5))
    later = book.features(2, D(2))
    assert later is not None
    assert (later.ts_ms, later.wall_bid_score_x1000) == (5, 1555)


def test_the_version_rises_with_every_change_and_only_then() -> None:
    book = synced(100)
    seen = [book.version]
    for diff in (a_diff(101, 101), a_diff(102, 102, bids=levels((10, 5))), a_diff(200, 201)):
        book.on_diff(diff)
        seen.append(book.version)
    assert seen == sorted(set(seen))
    book.on_diff(a_diff(202, 202))
    assert book.version == seen[-1]


# -- against a naive twin, over everything that can be sent


@define
class Twin:
    """The rules over plain dictionaries, everything worked out anew for every question."""

    levels_max: int
    rows: dict[Side, Rows] = field(factory=lambda: {Side.BUY: {}, Side.SELL: {}})
    bounds: dict[Side, Decimal | None] = field(factory=dict)
    last: int | None = None
    fresh: bool = False
    known: bool = False
    ts: int = 0
    gaps: int = 0
    crossings: int = 0

    def ranked(self, side: Side) -> list[Level]:
        return sorted(self.rows[side].items(), reverse=side is Side.BUY)

    def lose(self) -> None:
        self.rows = {Side.BUY: {}, Side.SELL: {}}
        self.bounds, self.last, self.known, self.fresh = {}, None, False, False

    def crossed(self) -> bool:
        bids, asks = self.rows[Side.BUY], self.rows[Side.SELL]
        return bool(bids and asks) and max(bids) >= min(asks)

    def snapshot(self, snap: L2Snapshot, update_id: int | None) -> None:
        self.lose()
        for side, given_rows in ((Side.BUY, snap.bids), (Side.SELL, snap.asks)):
            real = [row for row in given_rows if row[1]]
            self.rows[side] = dict(real)
            if real != self.ranked(side):
                self.crossings += 1
                self.lose()
                return
        if self.crossed():
            self.crossings += 1
            self.lose()
            return
        for side in Side:
            kept = self.ranked(side)[: self.levels_max]
            self.rows[side] = dict(kept)
            self.bounds[side] = kept[-1][0] if kept else None
        self.known = self.fresh = True
        self.last, self.ts = update_id, snap.ts

    def joins(self, diff: DepthDiff) -> bool:
        if self.last is None:
            return True
        first, last, spot = diff.first_update_id, diff.last_update_id, diff.prev_update_id is None
        exact = first == self.last + 1 if spot else diff.prev_update_id == self.last
        at = self.last + 1 if spot else self.last
        return exact or (self.fresh and first <= at <= last)

    def diff(self, diff: DepthDiff) -> bool:
        if not self.known:
            return False
        if self.fresh and self.last is not None and diff.last_update_id <= self.last:
            return False
        if not self.joins(diff):
            self.gaps += 1
            self.lose()
            return False
        for side, rows in ((Side.BUY, diff.bids), (Side.SELL, diff.asks)):
            for price, qty in rows:
                if self.knows(side, price):
                    self.rows[side][price] = qty
                    if not qty:
                        del self.rows[side][price]
            kept = self.ranked(side)
            if len(kept) > self.levels_max:
                self.bounds[side] = kept[self.levels_max - 1][0]
                self.rows[side] = dict(kept[: self.levels_max])
        if self.crossed():
            self.crossings += 1
            self.lose()
            return False
        self.last, self.fresh, self.ts = diff.last_update_id, False, diff.ts
        return True

    def knows(self, side: Side, price: Decimal) -> bool:
        bound = self.bounds.get(side)
        if bound is None:
            return False
        return price >= bound if side is Side.BUY else price <= bound

    def qty_at(self, side: Side, price: Decimal) -> Decimal | None:
        return self.rows[side].get(price, D(0)) if self.knows(side, price) else None


bid_rows = st.lists(
    st.tuples(st.sampled_from(range(1, 13)).map(D), st.integers(0, 3).map(D)), max_size=6
).map(tuple)
ask_rows = st.lists(
    st.tuples(st.sampled_from(range(10, 21)).map(D), st.integers(0, 3).map(D)), max_size=6
).map(tuple)


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[str, Any, Any]]:
    """Snapshots and changes, most of them continuing what came before, and checkpoints."""
    items: list[tuple[str, Any, Any]] = []
    last = 50
    spot = draw(st.booleans())
    for ts in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(("diff",) * 6 + ("snapshot", "snapshot", "reload")))
        if kind == "reload" or (kind == "diff" and not ts):
            items.append(("reload", None, None))
            continue
        bids, asks = draw(bid_rows), draw(ask_rows)
        if kind == "snapshot":
            if draw(st.integers(0, 4)):
                bids = tuple(sorted(dict(bids).items(), reverse=True))
                asks = tuple(sorted(dict(asks).items()))
            update_id = draw(st.sampled_from((last, last, last + 1, last - 2, None)))
            items.append(("snapshot", a_snap(bids, asks, ts), update_id))
            continue
        jump = draw(st.sampled_from((0, 0, 0, 0, 0, 1, -1, -4)))
        first = last + 1 + jump + (0 if spot else draw(st.integers(0, 2)))
        end = first + draw(st.integers(0, 5))
        previous = None if spot else last + jump
        items.append(("diff", a_diff(first, end, previous, bids, asks, ts), None))
        last = end
    return items


@given(streams(), st.sampled_from((1, 2, 3, 50)))
@settings(max_examples=250)
def test_equals_the_twin_after_every_event_and_reload(
    stream: list[tuple[str, Any, Any]], levels_max: int
) -> None:
    book, twin = MaintainedBook(SYMBOL, levels_max), Twin(levels_max)
    for kind, payload, update_id in stream:
        if kind == "reload":
            book = reloaded(book)
        elif kind == "snapshot":
            book.on_snapshot(payload, update_id)
            twin.snapshot(payload, update_id)
        else:
            assert book.on_diff(payload) is twin.diff(payload)
        assert (book.is_synced, book.gaps, book.crossings) == (
            twin.known,
            twin.gaps,
            twin.crossings,
        )
        bids, asks = twin.ranked(Side.BUY), twin.ranked(Side.SELL)
        assert book.top(99) == (tuple(bids), tuple(asks))
        for side in Side:
            for price in map(D, PRICES):
                assert book.qty_at(side, price) == twin.qty_at(side, price)
        features = book.features(3, D(2))
        if not twin.known:
            assert features is None
            continue
        assert (book.last_update_id, book.ts_ms) == (twin.last, twin.ts)
        assert features == depth_features(SYMBOL, twin.ts, bids, asks, top_n=3, qty_ref=D(2))


# -- against the truth: a venue whose whole book is known


@define
class Venue:
    """A true book moved one update at a time; ids jump on futures, where symbols share them."""

    is_spot: bool
    book: dict[Side, Rows] = field(factory=lambda: {Side.BUY: {}, Side.SELL: {}})
    update_id: int = 10
    ended: int = 10

    def update(self, side: Side, price: Decimal, qty: Decimal) -> Level:
        """Set a level; one that would cross is not accepted."""
        other = self.book[side.opposite]
        crosses = other and (price >= min(other) if side is Side.BUY else price <= max(other))
        qty = D(0) if crosses else qty
        self.book[side].pop(price, None)
        if qty:
            self.book[side][price] = qty
        return price, qty

    def diff(self, changes: list[tuple[Side, Decimal, Decimal]], jump: int) -> list[Any]:
        """Apply changes one by one; return the event and, before, snapshots at each step."""
        steps: list[Any] = []
        touched: dict[Side, Rows] = {Side.BUY: {}, Side.SELL: {}}
        first = self.update_id + 1 + (0 if self.is_spot else jump)
        self.update_id = first - 1
        for side, price, qty in changes:
            self.update_id += 1
            touched[side].update([self.update(side, price, qty)])
            steps.append(self.frozen())
        previous = None if self.is_spot else self.ended
        self.ended = self.update_id
        event = a_diff(
            first,
            self.update_id,
            previous,
            tuple(touched[Side.BUY].items()),
            tuple(touched[Side.SELL].items()),
        )
        return [*steps, (event, self.frozen()[1])]

    def frozen(self) -> tuple[int, dict[Side, Rows]]:
        return self.update_id, {side: dict(rows) for side, rows in self.book.items()}


changes = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from(PRICES).map(D),
        st.sampled_from((1, 1, 2, 3, 0)).map(D),
    ),
    min_size=1,
    max_size=4,
)


@given(
    st.booleans(),
    st.lists(st.tuples(changes, st.integers(0, 2), st.integers(0, 7)), min_size=1, max_size=14),
    st.sampled_from((1, 2, 4, 30)),
    st.integers(1, 30),
)
@settings(max_examples=250)
def test_whatever_is_answered_is_true(
    is_spot: bool,
    script: list[tuple[list[tuple[Side, Decimal, Decimal]], int, int]],
    levels_max: int,
    limit: int,
) -> None:
    """A script's numbers: 7 loses the change, 5 takes a snapshot in its middle, 4 after it."""
    venue, book = Venue(is_spot), MaintainedBook(SYMBOL, levels_max)
    followed = False
    for changed, jump, fate in script:
        *steps, (event, truth) = venue.diff(changed, jump)
        if fate == 7:
            followed = False
            continue
        if fate in {4, 5}:
            at, shown = steps[0 if fate == 5 else -1]
            snap = a_snap(
                tuple(sorted(shown[Side.BUY].items(), reverse=True)[:limit]),
                tuple(sorted(shown[Side.SELL].items())[:limit]),
            )
            book.on_snapshot(snap, at)
            followed = True
        book.on_diff(event)
        assert book.is_synced is followed
        assert book.crossings == 0
        if not followed:
            continue
        for side, found in zip((Side.BUY, Side.SELL), book.top(99), strict=True):
            real = tuple(sorted(truth[side].items(), reverse=side is Side.BUY))
            assert found == real[: len(found)]
            for price in map(D, PRICES):
                assert book.qty_at(side, price) in {None, truth[side].get(price, D(0))}
        features = book.features(30, D(3))
        assert features is not None
        held = sum(truth[Side.SELL].values())
        assert features.impact_buy_topN_insufficient_depth or held >= 3


# -- the checkpoint


def test_the_dump_lists_levels_best_first() -> None:
    dump = dump_state(synced(100))
    assert dump["book"] == {
        "bids": [["10", "1"], ["9", "2"], ["8", "3"]],
        "asks": [["11", "1"], ["12", "2"], ["13", "3"]],
    }
    assert "version" not in dump


@pytest.mark.parametrize("bids", [[["9", "1"], ["10", "1"]], [["12", "1"]], [["9"]], 1])
def test_a_damaged_dump_is_refused(bids: Any) -> None:
    dump = dump_state(synced(100))
    dump["book"]["bids"] = bids
    with pytest.raises(ArtifactError, match="book"):
        load_state(MaintainedBook, dump)


def test_books_are_equal_by_their_levels() -> None:
    one, other = DepthBook(), DepthBook()
    one.apply(BIDS, ASKS)
    other.replace(BIDS[::-1], ASKS)
    assert one == other
    other.apply(levels((10, 2)), ())
    assert one != other
    assert one != BIDS


# -- a real book


@pytest.mark.recordings
def test_the_kept_book_equals_the_ticker_wherever_ids_meet(recordings: Path) -> None:
    """A capture's book through the engine's own keeper, against bookTicker read raw."""
    path = recordings / "ws_raw" / "usdm_btcusdt_20230404.gz"
    tickers: dict[int, tuple[Level, Level]] = {}
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        record = json.loads(line.partition(" ")[2])
        if record.get("stream", "").endswith("@bookTicker"):
            row = record["data"]
            tickers[row["u"]] = ((D(row["b"]), D(row["B"])), (D(row["a"]), D(row["A"])))
    book = MaintainedBook("BTCUSDT")
    met = 0
    for event in CaptureSource([path], Problems(), quotes=Quotes.TICKER):
        if isinstance(event.payload, L2Snapshot):
            book.on_snapshot(event.payload, event.update_id)
        elif isinstance(event.payload, DepthDiff):
            book.on_diff(event.payload)
            quote = tickers.get(event.payload.last_update_id)
            if quote is not None:
                met += 1
                assert book.top(1) == ((quote[0],), (quote[1],))
    assert met > 100
    assert (book.is_synced, book.gaps, book.crossings) == (True, 0, 0)
