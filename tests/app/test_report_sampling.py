"""What a chart may leave out, and what it may not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grinder_app.report.sampling import (
    bin_width_ms,
    joined_levels,
    longest_levels,
    min_max,
    rebin,
    thin,
    together,
)

values = st.lists(st.integers(-1000, 1000), max_size=300)


@given(values, st.integers(4, 50))
def test_a_line_keeps_its_ends_and_extremes_within_the_limit(vs: list[int], limit: int) -> None:
    kept = min_max(vs, limit)
    assert len(kept) <= limit
    assert kept == sorted(set(kept))
    if vs:
        assert (kept[0], kept[-1]) == (0, len(vs) - 1)
        picked = [vs[i] for i in kept]
        assert (min(picked), max(picked)) == (min(vs), max(vs))


@given(values)
def test_a_short_line_is_left_as_it_is(vs: list[int]) -> None:
    assert min_max(vs, max(4, len(vs))) == list(range(len(vs)))


def test_one_spike_of_a_million_points_stays() -> None:
    vs = [0.0] * 1_000_000
    vs[777_777] = 1.0
    vs[123_456] = -1.0
    kept = min_max(vs, 100)
    assert {123_456, 777_777} <= set(kept)


@given(st.integers(0, 5000), st.integers(1, 200))
def test_thinning_is_even(count: int, limit: int) -> None:
    kept = thin(count, limit)
    assert len(kept) == min(count, limit)
    assert kept == sorted(set(kept))
    gaps = {b - a for a, b in pairwise(kept)}
    assert not gaps or max(gaps) - min(gaps) <= 1


@given(st.dictionaries(st.integers(0, 5000).map(lambda m: m * 60_000), st.integers(1, 9)))
def test_bins_lose_no_count_and_keep_their_number(counts: dict[int, int]) -> None:
    if not counts:
        return
    width = bin_width_ms(max(counts) - min(counts), 48)
    bins = rebin(counts, width)
    assert len(bins) <= 48
    assert list(bins) == sorted(bins)
    for start, count in bins.items():
        assert start % width == 0
        assert count == sum(n for ts, n in counts.items() if start <= ts < start + width)
    assert sum(bins.values()) == sum(counts.values())


levels = st.lists(
    st.tuples(
        st.sampled_from(["AAAUSDT", "BBBUSDT"]),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 3),
        st.integers(0, 20),
        st.integers(0, 6),
    ),
    max_size=25,
)


def table(rows: list[tuple[str, str, int, int, int]]) -> dict[str, list[Any]]:
    return {
        "symbol": [r[0] for r in rows],
        "side": [r[1] for r in rows],
        "level_id": [1 for _ in rows],
        "price": [r[2] for r in rows],
        "from": [r[3] for r in rows],
        "to": [r[3] + r[4] for r in rows],
    }


@given(levels)
def test_joined_levels_rest_exactly_when_the_recorded_ones_do(
    rows: list[tuple[str, str, int, int, int]],
) -> None:
    joined = joined_levels(table(rows))
    assert len(joined) <= len(rows)
    for instant in range(0, 30):
        recorded = {
            (symbol, side, float(price))
            for symbol, side, price, begin, length in rows
            if begin <= instant <= begin + length
        }
        shown = [(s.symbol, s.side, s.price) for s in joined if s.begin <= instant <= s.end]
        assert sorted(shown) == sorted(recorded)


@given(levels, st.integers(0, 10))
def test_no_level_left_out_rested_longer_than_one_drawn(
    rows: list[tuple[str, str, int, int, int]], limit: int
) -> None:
    joined = joined_levels(table(rows))
    drawn = longest_levels(joined, limit)
    assert len(drawn) == min(limit, len(joined))
    assert [s for s in joined if s in drawn] == drawn
    left_out = [s.end - s.begin for s in joined if s not in drawn]
    assert max(left_out, default=0) <= min((s.end - s.begin for s in drawn), default=10**9)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(-9, 9)), max_size=8), max_size=4)
)
def test_sums_over_time_agree_with_asking_each_series(
    rows: list[list[tuple[int, int]]],
) -> None:
    series = []
    for row in rows:
        ordered = sorted(row, key=lambda pair: pair[0])
        series.append(([t for t, _ in ordered], [float(v) for _, v in ordered]))
    times, sums = together(series)
    assert list(times) == sorted({t for ts, _ in series for t in ts})
    for now, total in zip(times, sums, strict=True):
        latest = [
            [v for t, v in zip(ts, vs, strict=True) if t <= now][-1:] or [0.0] for ts, vs in series
        ]
        assert total == sum(value for (value,) in latest)
