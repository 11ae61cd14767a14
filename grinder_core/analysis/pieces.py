"""Fills of two sides of one market, put side by side: by symbol and side, near in time and price.

Quantities are split where they must be: what both sides filled is one piece, what is left of
either is another, so that every unit of base asset stands in exactly one piece.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import Fill
from grinder_core.numbers import BPS, exact

WITHIN_MS: Final = 60_000
WITHIN_BPS: Final = 10


@frozen(kw_only=True)
class Tolerance:
    """How far apart two fills may be and still be the same one.

    Attributes:
        ms: Between their times.
        bps: Between their prices, of the lower one; a fill at the same price is preferred.
    """

    ms: int = WITHIN_MS
    bps: int = WITHIN_BPS

    def meets(self, a: Fill, b: Fill) -> bool:
        """Whether two prices are near enough."""
        with exact():
            return abs(a.price - b.price) * BPS <= min(a.price, b.price) * self.bps


@frozen(kw_only=True)
class Piece:
    """A quantity that both sides filled, or that one filled alone.

    Attributes:
        a, b: The fills it is of; ``None``: that side did not fill it.
        qty: Base asset, ``> 0``, no more than either fill's.
    """

    a: Fill | None
    b: Fill | None
    qty: Decimal

    @property
    def fill(self) -> Fill:
        """The fill of either side."""
        found = self.a or self.b
        assert found is not None
        return found

    @property
    def is_same(self) -> bool:
        """Whether both sides filled it, at one price."""
        return self.a is not None and self.b is not None and self.a.price == self.b.price


@define
class _Rest:
    """What is left of a fill."""

    fill: Fill
    left: Decimal = field()


def align_fills(
    a: Iterable[Fill], b: Iterable[Fill], within: Tolerance = Tolerance()
) -> tuple[Piece, ...]:
    """Return the pieces of two sides' fills, in time.

    What is equal in price and quantity meets first, then what is equal in price, then what is near.
    """
    groups: dict[tuple[str, Side], tuple[list[_Rest], list[_Rest]]] = defaultdict(lambda: ([], []))
    for place, fills in enumerate((a, b)):
        for fill in fills:
            groups[fill.symbol, fill.side][place].append(_Rest(fill, fill.qty))
    pieces: list[Piece] = []
    with exact():
        for _, (left, right) in sorted(groups.items()):
            left.sort(key=_ts)
            right.sort(key=_ts)
            pieces += _equal(left, right, within)
            for near in (_at_one_price, within.meets):
                pieces += _near(
                    [r for r in left if r.left], [r for r in right if r.left], within, near
                )
            pieces += [Piece(a=r.fill, b=None, qty=r.left) for r in _open(left)]
            pieces += [Piece(a=None, b=r.fill, qty=r.left) for r in _open(right)]
    return tuple(sorted(pieces, key=lambda p: (p.fill.ts, p.fill.symbol, p.fill.fill_id)))


def _equal(left: Sequence[_Rest], right: Sequence[_Rest], within: Tolerance) -> Iterator[Piece]:
    """Pair whole fills of one price and quantity, first with first."""
    waiting: dict[tuple[Decimal, Decimal], deque[_Rest]] = defaultdict(deque)
    for rest in right:
        waiting[rest.fill.price, rest.fill.qty].append(rest)
    for rest in left:
        queue = waiting[rest.fill.price, rest.fill.qty]
        while queue and queue[0].fill.ts < rest.fill.ts - within.ms:
            queue.popleft()
        if queue and queue[0].fill.ts <= rest.fill.ts + within.ms:
            yield _paired(rest, queue.popleft())


def _near(
    left: Sequence[_Rest],
    right: Sequence[_Rest],
    within: Tolerance,
    is_near: Callable[[Fill, Fill], bool],
) -> Iterator[Piece]:
    """Pair what is left, each with the nearest in time that is near enough."""
    times = [rest.fill.ts for rest in right]
    for rest in left:
        ts = rest.fill.ts
        window = right[bisect_left(times, ts - within.ms) : bisect_right(times, ts + within.ms)]
        for other in sorted(window, key=lambda r: (abs(r.fill.ts - ts), r.fill.ts)):
            if not rest.left:
                break
            if other.left and is_near(rest.fill, other.fill):
                yield _paired(rest, other)


def _paired(a: _Rest, b: _Rest) -> Piece:
    qty = min(a.left, b.left)
    a.left -= qty
    b.left -= qty
    return Piece(a=a.fill, b=b.fill, qty=qty)


def _open(rests: Iterable[_Rest]) -> list[_Rest]:
    return [rest for rest in rests if rest.left]


def _at_one_price(a: Fill, b: Fill) -> bool:
    return a.price == b.price


def _ts(rest: _Rest) -> tuple[int, str]:
    return rest.fill.ts, rest.fill.fill_id
