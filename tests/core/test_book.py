"""The depth book against a slow, obvious twin."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_core.indicators.book import DepthBook

prices = st.integers(1, 12).map(lambda n: Decimal(n) / 10)
qtys = st.integers(0, 3).map(Decimal)
sides = st.lists(st.tuples(prices, qtys), max_size=8)
diffs = st.lists(st.tuples(sides, sides), max_size=12)


class Twin:
    """Two dictionaries, sorted anew for every question."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}

    def apply(self, bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]]):
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            for price, qty in rows:
                side.pop(price, None)
                if qty:
                    side[price] = qty

    def top(self, n: int):
        return (
            tuple(sorted(self.bids.items(), reverse=True)[:n]),
            tuple(sorted(self.asks.items())[:n]),
        )


@given(diffs, st.integers(0, 20))
def test_equals_the_twin_after_every_diff(stream, n: int) -> None:
    book, twin = DepthBook(), Twin()
    for bids, asks in stream:
        book.apply(bids, asks)
        twin.apply(bids, asks)
        assert book.top(n) == twin.top(n)
        best_bids, best_asks = twin.top(1)
        assert book.best_bid == (best_bids[0] if best_bids else None)
        assert book.best_ask == (best_asks[0] if best_asks else None)
        assert book.crossed is bool(best_bids and best_asks and best_bids[0][0] >= best_asks[0][0])
        assert len(book) == len(twin.bids) + len(twin.asks)


@given(diffs, sides, sides)
def test_a_whole_book_replaces_everything(stream, bids, asks) -> None:
    book = DepthBook()
    for diff in stream:
        book.apply(*diff)
    book.replace(bids, asks)
    twin = Twin()
    twin.apply(bids, asks)
    assert book.top(99) == twin.top(99)
    book.clear()
    assert book.top(99) == ((), ())
    assert len(book) == 0


def test_removing_an_unknown_level_is_normal() -> None:
    book = DepthBook()
    book.apply([(Decimal(5), Decimal(0))], [(Decimal(6), Decimal(0))])
    assert book.best_bid is None
    assert book.best_ask is None
    assert not book.crossed


def test_the_same_price_written_otherwise_is_the_same_level() -> None:
    book = DepthBook()
    book.apply([(Decimal("5.0"), Decimal(1))], [])
    book.apply([(Decimal("5.000"), Decimal(2))], [])
    assert book.top(5) == (((Decimal(5), Decimal(2)),), ())
    book.apply([(Decimal(5), Decimal(0))], [])
    assert book.best_bid is None
