"""The bridging rule: what is published is a chain that starts at the snapshot, or nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.bridge import NOTHING, Bridge, BridgeState, covers, follows
from grinder_core.contracts.market import DepthDiff, L2Snapshot

BOOK = L2Snapshot(
    ts=1, symbol="BTCUSDT", bids=((Decimal(1), Decimal(1)),), asks=((Decimal(2), Decimal(1)),)
)


def a_diff(first: int, last: int, previous: int | None = None) -> DepthDiff:
    return DepthDiff(
        ts=1,
        symbol="BTCUSDT",
        first_update_id=first,
        last_update_id=last,
        prev_update_id=previous,
    )


@pytest.mark.parametrize(
    ("diff", "snapshot_id", "starts"),
    [
        (a_diff(10, 20, 5), 10, True),  # futures: U <= lastUpdateId <= u
        (a_diff(10, 20, 5), 20, True),
        (a_diff(10, 20, 5), 9, False),
        (a_diff(10, 20), 9, True),  # spot: U <= lastUpdateId + 1 <= u
        (a_diff(10, 20), 19, True),
        (a_diff(10, 20), 8, False),
    ],
)
def test_the_first_change_covers_the_snapshot(
    diff: DepthDiff, snapshot_id: int, starts: bool
) -> None:
    bridge = Bridge()
    assert bridge.on_snapshot(BOOK, snapshot_id) == NOTHING
    published = bridge.on_diff(diff)
    assert (published.book is BOOK) is starts
    assert published.diffs == ((diff,) if starts else ())
    assert bridge.state is (BridgeState.BRIDGED if starts else BridgeState.WAITING)
    assert bridge.gaps == (not starts)


def test_changes_received_before_the_snapshot_are_kept_for_it() -> None:
    bridge = Bridge()
    diffs = [a_diff(1, 5, 0), a_diff(7, 9, 5), a_diff(11, 14, 9)]
    assert [bridge.on_diff(diff) for diff in diffs] == [NOTHING] * 3
    published = bridge.on_snapshot(BOOK, 8)
    assert published.book is BOOK
    assert published.book_update_id == 8
    assert published.diffs == tuple(diffs[1:])
    assert bridge.unused == 1


def test_a_snapshot_newer_than_everything_waits_for_its_change() -> None:
    bridge = Bridge()
    bridge.on_diff(a_diff(1, 5, 0))
    assert bridge.on_snapshot(BOOK, 12) == NOTHING
    assert bridge.on_diff(a_diff(6, 11, 5)) == NOTHING
    assert bridge.on_diff(a_diff(12, 13, 11)).book is BOOK


def test_a_gap_is_counted_and_never_bridged_without_a_snapshot() -> None:
    bridge = Bridge()
    bridge.on_snapshot(BOOK, 5)
    bridge.on_diff(a_diff(5, 6, 4))
    assert bridge.on_diff(a_diff(8, 9, 7)) == NOTHING
    assert bridge.state is BridgeState.GAP
    assert bridge.gaps == 1
    assert bridge.on_diff(a_diff(10, 11, 9)) == NOTHING
    published = bridge.on_snapshot(BOOK, 9)  # the change that showed the gap is usable again
    assert published.book is BOOK
    assert [diff.last_update_id for diff in published.diffs] == [9, 11]


def test_a_known_book_ignores_another_snapshot() -> None:
    bridge = Bridge()
    bridge.on_snapshot(BOOK, 5)
    bridge.on_diff(a_diff(5, 6, 4))
    assert bridge.on_snapshot(BOOK, 99) == NOTHING
    assert bridge.on_diff(a_diff(7, 8, 6)).diffs


@st.composite
def histories(draw: st.DrawFn) -> list[DepthDiff | int]:
    """Changes of one true chain, some lost, with snapshots (ids) thrown in anywhere."""
    spot = draw(st.booleans())
    items: list[DepthDiff | int] = []
    last = 0
    for _ in range(draw(st.integers(1, 20))):
        first = last + 1 if spot else last + draw(st.integers(1, 3))
        end = first + draw(st.integers(0, 3))
        if draw(st.integers(0, 4)):
            items.append(a_diff(first, end, None if spot else last))
        last = end
        if not draw(st.integers(0, 3)):
            items.append(draw(st.integers(0, last + 4)))
    return items


@given(histories())
def test_published_changes_form_unbroken_chains_from_a_covered_snapshot(
    history: list[DepthDiff | int],
) -> None:
    bridge = Bridge()
    last: int | None = None
    published = 0
    for item in history:
        is_id = isinstance(item, int)
        found = bridge.on_snapshot(BOOK, item) if is_id else bridge.on_diff(item)
        diffs = list(found.diffs)
        published += len(diffs)
        if found.book is not None:
            assert found.book_update_id is not None
            assert covers(found.book_update_id, diffs[0])
            last = diffs.pop(0).last_update_id
        for diff in diffs:
            assert last is not None
            assert follows(last, diff)
            last = diff.last_update_id
        assert (bridge.state is BridgeState.BRIDGED) or not found.diffs
    bridge.finish()
    changes = sum(isinstance(item, DepthDiff) for item in history)
    assert published + bridge.unused == changes
