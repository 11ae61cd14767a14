"""One symbol's book kept from snapshots and changes, and what of it is known.

A snapshot makes the book known as far as its deepest level on each side; what lies beyond is
unknown, not empty, and changes there are ignored: a level heard of beyond the bound says nothing
about its neighbours. The bound only moves in, where more than ``levels_max`` levels would be
kept, until the next snapshot.

A change is applied only where it continues what was applied before (venue rules 9.1):

=========  ================================  ==========================
market     first change after a snapshot     each later change
=========  ================================  ==========================
futures    ``U <= lastUpdateId <= u``        ``pu`` = previous ``u``
spot       ``U <= lastUpdateId + 1 <= u``    ``U`` = previous ``u`` + 1
=========  ================================  ==========================

Any other change means that one was missed, and a crossed or locked book that something is wrong:
both forget the book until the next snapshot. Nothing is bridged by guess.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define, field

from grinder_core.contracts.enums import Side
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.contracts.market import DepthDiff, L2Snapshot, Level
from grinder_core.errors import ContractError
from grinder_core.indicators.book import DepthBook, book_fault
from grinder_core.indicators.depth_features import depth_features


@define
class MaintainedBook:
    """Hot state of one symbol's depth.

    Attributes:
        levels_max: Levels kept a side, ``>= 1``.
        ts_ms: The payload's time of the last snapshot or change applied.
        last_update_id: Where the chain of changes stands; ``None`` where nothing is known or the
            snapshot did not say, and then the next change starts the chain.
        is_synced: Whether the book is known; only then the other fields mean anything.
        is_bridging: No change was applied since the snapshot.
        gaps: Times an update was missed.
        crossings: Times the book came out crossed, locked or in wrong order.
        bid_bound, ask_bound: The deepest price that is known of a side; ``None`` where nothing
            is, because the book is not synced or the snapshot's side was empty.
        version: Rises whenever an answer may have changed; not part of the state.
    """

    symbol: str
    levels_max: int = 1000
    book: DepthBook = Factory(DepthBook)
    ts_ms: int = 0
    last_update_id: int | None = None
    is_synced: bool = False
    is_bridging: bool = False
    gaps: int = 0
    crossings: int = 0
    bid_bound: Decimal | None = None
    ask_bound: Decimal | None = None
    version: int = field(default=0, init=False, eq=False)
    _features: tuple[tuple[int, int, Decimal], L2FeatureSnapshot] | None = field(
        default=None, init=False, eq=False, repr=False
    )

    def on_snapshot(self, snap: L2Snapshot, update_id: int | None) -> None:
        """Take a whole book taken at ``update_id`` instead of what was kept.

        A crossed or locked book, or one whose levels are not best first, is counted in
        ``crossings`` and leaves nothing known.

        Raises:
            ContractError: It is of another symbol.
        """
        self._check_symbol(snap.symbol)
        bids = [level for level in snap.bids if level[1]]
        asks = [level for level in snap.asks if level[1]]
        if book_fault(bids, asks) is not None:
            self.crossings += 1
            self._forget()
            return
        del bids[self.levels_max :], asks[self.levels_max :]
        self.book.replace(bids, asks)
        self.bid_bound = bids[-1][0] if bids else None
        self.ask_bound = asks[-1][0] if asks else None
        self.ts_ms, self.last_update_id = snap.ts, update_id
        self.is_synced = self.is_bridging = True
        self.version += 1

    def on_diff(self, diff: DepthDiff) -> bool:
        """Take the next change of the stream; return whether the book holds it now.

        Raises:
            ContractError: It is of another symbol.
        """
        self._check_symbol(diff.symbol)
        if not self.is_synced or self._is_old(diff):
            return False
        if not self._continues(diff):
            self.gaps += 1
            self._forget()
            return False
        book, bid_bound, ask_bound = self.book, self.bid_bound, self.ask_bound
        book.apply(
            () if bid_bound is None else diff.bids,
            () if ask_bound is None else diff.asks,
        )
        if bid_bound is not None:
            self.bid_bound = book.cut(Side.BUY, bid_bound, self.levels_max)
        if ask_bound is not None:
            self.ask_bound = book.cut(Side.SELL, ask_bound, self.levels_max)
        if book.crossed:
            self.crossings += 1
            self._forget()
            return False
        self.ts_ms, self.last_update_id = diff.ts, diff.last_update_id
        self.is_bridging = False
        self.version += 1
        return True

    def top(self, n: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Up to ``n`` known levels a side, bids then asks, best first; none when not synced."""
        return self.book.top(n)

    def qty_at(self, side: Side, price: Decimal) -> Decimal | None:
        """Displayed quantity at a price, base asset.

        Returns:
            0 where the price is known to be empty; ``None`` where it is not known: the book is
            not synced, or the price lies beyond the side's bound.
        """
        if side is Side.BUY:
            if self.bid_bound is None or price < self.bid_bound:
                return None
        elif self.ask_bound is None or price > self.ask_bound:
            return None
        return self.book.qty_at(side, price)

    def features(self, top_n: int, qty_ref: Decimal) -> L2FeatureSnapshot | None:
        """Depth features (CORE-17) of the known levels; ``None`` when not synced.

        Unknown counts as not there: where the known levels end before ``qty_ref`` is filled, the
        insufficient flag is 1. Measured when asked, once for each state of the book.

        Raises:
            ContractError: ``top_n`` or ``qty_ref`` out of range.
        """
        if not self.is_synced:
            return None
        key = (self.version, top_n, qty_ref)
        if self._features is None or self._features[0] != key:
            bids, asks = self.book.top(top_n)
            made = depth_features(self.symbol, self.ts_ms, bids, asks, top_n=top_n, qty_ref=qty_ref)
            self._features = key, made
        return self._features[1]

    def _check_symbol(self, symbol: str) -> None:
        if symbol != self.symbol:
            raise ContractError(f"must be {self.symbol}", field="symbol", value=symbol)

    def _is_old(self, diff: DepthDiff) -> bool:
        """Whether the snapshot that waits for its first change holds this one already."""
        taken_at = self.last_update_id
        return self.is_bridging and taken_at is not None and diff.last_update_id <= taken_at

    def _continues(self, diff: DepthDiff) -> bool:
        last, previous = self.last_update_id, diff.prev_update_id
        if last is None or previous == last:
            return True
        wanted = last + 1 if previous is None else last
        if self.is_bridging:
            return diff.first_update_id <= wanted <= diff.last_update_id
        return previous is None and diff.first_update_id == wanted

    def lose(self) -> None:
        """Know nothing any more, until the next snapshot."""
        self._forget()

    def _forget(self) -> None:
        self.book.clear()
        self.bid_bound = self.ask_bound = self.last_update_id = None
        self.is_synced = self.is_bridging = False
        self.version += 1
