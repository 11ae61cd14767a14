"""When a stream of book changes may be trusted: the venue's bridging rule as a state machine.

A change says which update ids it covers, a snapshot which id it was taken at. The book is known
only from the first change that covers the snapshot, and as long as each change follows the one
before (reference for Binance USDT-M futures, section 9.1):

=========  ================================  ==========================
market     first change used                 each later change
=========  ================================  ==========================
futures    ``U <= lastUpdateId <= u``        ``pu`` = previous ``u``
spot       ``U <= lastUpdateId + 1 <= u``    ``U`` = previous ``u`` + 1
=========  ================================  ==========================

After a gap nothing is known until another snapshot; a gap is never bridged by a guess.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final

from attrs import frozen

from grinder_core.contracts.market import DepthDiff, L2Snapshot

HELD_MAX: Final = 1000  # changes kept for a snapshot to come


class BridgeState(StrEnum):
    """What is known about the book."""

    WAITING = "WAITING"  # nothing yet
    BRIDGED = "BRIDGED"
    GAP = "GAP"  # it was known and is not any more


@frozen(kw_only=True)
class Bridged:
    """What may be published now.

    Attributes:
        book: The snapshot, at the moment it is bridged.
        book_update_id: The id it was taken at.
        diffs: Changes to apply after it, oldest first.
    """

    book: L2Snapshot | None = None
    book_update_id: int | None = None
    diffs: tuple[DepthDiff, ...] = ()


NOTHING: Final = Bridged()


class Bridge:
    """Bridges snapshots and changes of one symbol.

    Attributes:
        state: What is known about the book.
        gaps: Breaks of the chain, snapshots that no change covers included.
        unused: Changes that took no part in a known book.
    """

    __slots__ = ("_held", "_last", "_snapshot", "gaps", "state", "unused")

    def __init__(self) -> None:
        self.state = BridgeState.WAITING
        self.gaps = 0
        self.unused = 0
        self._last = 0
        self._held: deque[DepthDiff] = deque()
        self._snapshot: tuple[L2Snapshot, int] | None = None

    def on_snapshot(self, book: L2Snapshot, last_update_id: int) -> Bridged:
        """Take a snapshot; a known book needs none and ignores it."""
        if self.state is BridgeState.BRIDGED:
            return NOTHING
        self._snapshot = (book, last_update_id)
        return self._try_to_bridge()

    def on_diff(self, diff: DepthDiff) -> Bridged:
        """Take the next change of the stream."""
        if self.state is BridgeState.BRIDGED:
            if follows(self._last, diff):
                self._last = diff.last_update_id
                return Bridged(diffs=(diff,))
            self.drop()
        elif self._held and not follows(self._held[-1].last_update_id, diff):
            self._forget_held()  # held changes that do not reach this one can bridge nothing
        self._hold(diff)
        return self._try_to_bridge() if self._snapshot else NOTHING

    def drop(self) -> None:
        """Give the book up: the chain broke, or its owner saw that it is wrong."""
        self.state = BridgeState.GAP
        self.gaps += 1
        self._snapshot = None
        self._forget_held()

    def finish(self) -> None:
        """Count what still waits as unused; the stream has ended."""
        self._forget_held()

    def _try_to_bridge(self) -> Bridged:
        assert self._snapshot is not None
        book, last_update_id = self._snapshot
        while self._held and is_before(last_update_id, self._held[0]):
            self._held.popleft()
            self.unused += 1
        if not self._held:
            return NOTHING
        if not covers(last_update_id, self._held[0]):
            self._snapshot = None  # older than what we hold: only a newer one can bridge
            self.gaps += 1
            return NOTHING
        diffs = tuple(self._held)
        self._held.clear()
        self._snapshot = None
        self._last = diffs[-1].last_update_id
        self.state = BridgeState.BRIDGED
        return Bridged(book=book, book_update_id=last_update_id, diffs=diffs)

    def _hold(self, diff: DepthDiff) -> None:
        if len(self._held) == HELD_MAX:
            self._held.popleft()
            self.unused += 1
        self._held.append(diff)

    def _forget_held(self) -> None:
        self.unused += len(self._held)
        self._held.clear()


def is_before(last_update_id: int, diff: DepthDiff) -> bool:
    """Whether a snapshot holds the whole change already."""
    if diff.prev_update_id is None:
        return diff.last_update_id <= last_update_id
    return diff.last_update_id < last_update_id


def covers(last_update_id: int, diff: DepthDiff) -> bool:
    """Whether a change may be the first one applied to a snapshot."""
    wanted = last_update_id + 1 if diff.prev_update_id is None else last_update_id
    return diff.first_update_id <= wanted <= diff.last_update_id


def follows(last_update_id: int, diff: DepthDiff) -> bool:
    """Whether a change comes right after the one that ended at ``last_update_id``."""
    if diff.prev_update_id is None:
        return diff.first_update_id == last_update_id + 1
    return diff.prev_update_id == last_update_id
