"""Holes in settlements: half as long again as usual, and never one where the interval changed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.funding import FundingFiles, Settlement
from grinder_adapters.feeds.funding_gaps import FundingGap, funding_gaps
from grinder_core.contracts.market import Funding

HOUR = 3_600_000
T0 = 1_741_276_800_000


def settled(times: Sequence[int], stated: Sequence[int] = ()) -> list[Settlement]:
    intervals = stated or [0] * len(times)
    return [
        Settlement(Funding(ts=time, symbol="AAAUSDT", rate=Decimal("0.0001")), hours * HOUR)
        for time, hours in zip(times, intervals, strict=True)
    ]


def at(*hours: float) -> list[int]:
    return [T0 + int(hour * HOUR) for hour in hours]


def spans(gaps: Sequence[FundingGap]) -> list[tuple[float, float, float]]:
    """Begin, end and usual interval in hours."""
    return [((g.begin_ms - T0) / HOUR, (g.end_ms - T0) / HOUR, g.usual_ms / HOUR) for g in gaps]


def found(
    hours: Sequence[float], begin: float, end: float, stated: Sequence[int] = ()
) -> list[tuple[float, float, float]]:
    begin_ms, end_ms = at(begin, end)
    return spans(funding_gaps(settled(at(*hours), stated), begin_ms, end_ms))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([0, 8, 16, 24, 32], []),
        ([0, 8, 24, 32, 40], [(8, 24, 8)]),
        ([0, 8, 20, 28, 36], []),  # one and a half of the usual is not more
        ([0, 8, 20.001, 28, 36], [(8, 20.001, 8)]),
        ([0, 8, 24, 40, 48, 56], [(8, 24, 8), (24, 40, 8)]),
        ([0, 1, 2, 4, 5, 6], [(2, 4, 1)]),
        ([0, 4, 8, 12, 13, 14, 15, 16], []),  # 4 h turning to 1 h
        ([0, 1, 2, 3, 7, 11, 15, 19], []),  # 1 h turning to 4 h
        ([0, 4, 5, 6], [(0, 4, 1)]),  # nor before it
        ([0, 1, 2, 6], [(2, 6, 1)]),  # nothing says that 4 h is usual now
        ([0, 24, 48, 72], [(0, 24, 8), (24, 48, 8), (48, 72, 8)]),  # never rarer than 8 h
    ],
)
def test_a_hole_is_held_against_its_neighbours(
    hours: list[float], expected: list[tuple[float, float, float]]
) -> None:
    assert found(hours, hours[0], hours[-1]) == expected


def test_what_the_venue_states_counts_before_what_is_usual() -> None:
    assert found([0, 4, 8, 16, 20], 0, 20, [4, 4, 4, 8, 4]) == []
    assert found([0, 4, 8, 16, 20], 0, 20, [4] * 5) == [(8, 16, 4)]
    assert found([0, 8, 16, 24], 0, 24, [4] * 4) == [(0, 8, 4), (8, 16, 4), (16, 24, 4)]


def test_the_ends_of_a_session_bound_what_is_not_known() -> None:
    hours = [24, 32, 40, 48]
    assert found(hours, 12, 60) == []
    assert found(hours, 11.9, 60.1) == [(11.9, 24, 8), (48, 60.1, 8)]
    assert found(hours, 30, 31) == []  # between two settlements nothing is missing
    assert found([0], 0, 13) == [(0, 13, 8)]
    assert found([0], 0, 12) == []


def test_holes_beside_the_session_are_none_of_its_business() -> None:
    hours = [0, 8, 40, 48, 56, 88, 96]
    assert found(hours, 40, 56) == []
    assert found(hours, 39.9, 56) == [(8, 40, 8)]
    assert found(hours, 40, 56.1) == [(56, 88, 8)]


def test_without_any_settlement_there_is_no_hole_to_speak_of() -> None:
    assert funding_gaps([], T0, T0 + 1_000 * HOUR) == []


@given(
    st.sampled_from([1, 4, 8]),
    st.lists(st.integers(0, 20), min_size=8, max_size=30),
    st.data(),
)
def test_every_settlement_left_out_of_a_regular_list_is_found(
    interval: int, jitter: list[int], data: st.DataObject
) -> None:
    times = [T0 + n * interval * HOUR + late for n, late in enumerate(jitter)]
    whole = settled(times)
    assert funding_gaps(whole, times[0], times[-1]) == []
    missing = data.draw(st.integers(1, len(times) - 2))
    (gap,) = funding_gaps([*whole[:missing], *whole[missing + 1 :]], times[0], times[-1])
    assert (gap.begin_ms, gap.end_ms) == (times[missing - 1], times[missing + 1])


@given(
    st.lists(st.integers(60_000, 40 * HOUR), min_size=1, max_size=12),
    st.integers(-50, 400),
    st.integers(0, 200),
)
def test_holes_are_long_in_order_and_within_reach(
    steps: list[int], begin: int, length: int
) -> None:
    times = list(accumulate(steps, initial=T0))
    begin_ms = T0 + begin * HOUR
    end_ms = begin_ms + length * HOUR
    gaps = funding_gaps(settled(times), begin_ms, end_ms)
    assert all(2 * (g.end_ms - g.begin_ms) > 3 * g.usual_ms for g in gaps)
    assert all(a.end_ms <= b.begin_ms for a, b in pairwise(gaps))
    edges = {*times, begin_ms, end_ms}
    assert all({g.begin_ms, g.end_ms} <= edges for g in gaps)


@pytest.mark.recordings
def test_the_recorded_list_has_no_hole_not_even_where_an_interval_changed(
    recordings: Path,
) -> None:
    path = recordings / "reference" / "usdm_funding_20250306_20250615.csv.gz"
    for symbol, known in FundingFiles([path]).by_symbol.items():
        assert funding_gaps(known, known[0].ts, known[-1].ts) == [], symbol
