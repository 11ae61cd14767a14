"""What an inspection says of a small stream made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.inspect import FundingInspection, inspect_events
from grinder_core.contracts.event import Event, MarketPayload
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, Snapshot

ONE = Decimal(1)


def quote(bid: str, ask: str, qty: str = "1") -> Snapshot:
    return Snapshot(
        ts=1,
        symbol="BTCUSDT",
        bid_price=Decimal(bid),
        ask_price=Decimal(ask),
        bid_qty=Decimal(qty),
        ask_qty=ONE,
        last_price=Decimal(0),
        last_qty=Decimal(0),
    )


def diff(first: int, last: int, bid: str) -> DepthDiff:
    return DepthDiff(
        ts=1,
        symbol="BTCUSDT",
        first_update_id=first,
        last_update_id=last,
        bids=((Decimal(bid), ONE),),
    )


class Stream:
    """Payloads at given times."""

    name = "stream"

    def __init__(self, *items: tuple[int, MarketPayload]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Event]:
        for seq, (ts, payload) in enumerate(self.items):
            yield Event(ts, payload, seq, ts)


def test_silences_locked_and_repeated_quotes_are_counted() -> None:
    found = inspect_events(
        Stream(
            (10, quote("100", "101")),
            (11, quote("100", "101.0")),  # repeated
            (21, quote("100", "101", "2")),  # a gap of 10
            (32, quote("99", "99")),  # locked, a gap of 11
            (33, quote("98", "103")),
        ),
        gap_ms=10,
    )
    (symbol,) = found.symbols
    assert (found.events, found.first_ts_ms, found.last_ts_ms) == (5, 10, 33)
    assert symbol.events == {"SNAPSHOT": 5}
    assert (symbol.gap_max_ms, symbol.gaps) == (11, 1)
    assert (symbol.locked, symbol.repeated) == (1, 1)
    assert (symbol.price_min, symbol.price_max) == (98, 103)
    spreads = (symbol.spread_min_bps, symbol.spread_median_bps, symbol.spread_max_bps)
    assert spreads == (0, 99, 497)


def test_broken_chains_and_crossed_books_are_counted() -> None:
    book = L2Snapshot(
        ts=1, symbol="BTCUSDT", bids=((Decimal(100), ONE),), asks=((Decimal(101), ONE),)
    )
    found = inspect_events(
        Stream(
            (1, book),
            (2, diff(1, 2, "99")),
            (3, diff(4, 5, "98")),  # 3 is missing
            (4, diff(6, 6, "101")),  # crosses
        )
    )
    (symbol,) = found.symbols
    assert (symbol.depth_gaps, symbol.crossed) == (1, 1)
    assert symbol.spread_median_bps is None


def test_settlements_are_summed_up() -> None:
    hour = 3_600_000
    rates = {0: "0.0001", 8: "-0.0004", 16: "0.0002", 32: "0", 40: "0.00005"}
    found = inspect_events(
        Stream(
            *(
                (at * hour, Funding(ts=at * hour, symbol="BTCUSDT", rate=Decimal(rate)))
                for at, rate in rates.items()
            )
        )
    )
    assert found.symbols[0].funding == FundingInspection(
        settlements=5,
        interval_min_ms=8 * hour,
        interval_max_ms=16 * hour,
        gaps=1,
        rate_min=Decimal("-0.0004"),
        rate_max=Decimal("0.0002"),
        rate_sum=Decimal("-0.00005"),
    )
    assert inspect_events(Stream((1, quote("99", "100")))).symbols[0].funding is None


def test_nothing_is_described_as_nothing() -> None:
    found = inspect_events(Stream())
    assert (found.events, found.symbols) == (0, ())


@given(st.lists(st.integers(1, 50), min_size=1, max_size=15))
def test_the_median_is_the_lower_one_of_the_sorted_spreads(widths: list[int]) -> None:
    quotes = [quote("1000", str(1000 + width)) for width in widths]
    found = inspect_events(Stream(*((n, q) for n, q in enumerate(quotes))))
    spreads = sorted(q.spread_bps for q in quotes)
    assert found.symbols[0].spread_median_bps == spreads[(len(spreads) - 1) // 2]
