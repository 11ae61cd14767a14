"""CORE-09, 15, 16: every incremental fold equals the same thing worked out from scratch."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import SelectionSource
from grinder_core.errors import ConfigError, ContractError
from grinder_core.indicators.atr import AtrFold
from grinder_core.indicators.bars import BarBuilder, MidBar
from grinder_core.indicators.extremes import ExtremesWindow
from grinder_core.indicators.features import FeatureFold
from grinder_core.indicators.returns import ReturnWindow
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.indicators.top_of_book import imbalance_l1_bps, thin_l1
from grinder_core.numbers import abs_ret_bps, canonical, exact
from grinder_core.selection.settings import SelectionSettings
from grinder_core.selection.topk import TopKScores, rank, select_two_pass
from tests.support.factories import a_snapshot, merged, mid_quote, walk
from tests.support.strategies import SYMBOLS, hostile_contexts, prices, qtys, scaled

D = Decimal
mids = scaled(1, 10**14, 9)
gaps = st.sampled_from((0, 1, 999, 1_000, 1_001, 5_000, 60_000, 200_000))
ticks = st.lists(st.tuples(gaps, mids), max_size=40)


def timed(steps: list[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    ts, out = 0, []
    for gap, mid in steps:
        ts += gap
        out.append((ts, mid))
    return out


# -- windows -----------------------------------------------------------------------------------


@given(st.lists(prices(), max_size=30), st.integers(2, 8))
def test_a_return_window_is_the_list_operator_over_its_last_prices(
    values: list[Decimal], size: int
) -> None:
    window = ReturnWindow(size)
    assert (window.sum_abs_returns_bps, window.net_return_bps, window.range_score) == (0, 0, 0)
    for index, value in enumerate(values, 1):
        window.push(value)
        held = values[max(0, index - size) : index]
        assert window.sum_abs_returns_bps == abs_ret_bps(held)
        first, last = Fraction(held[0]), Fraction(held[-1])
        net = int((last - first) * 10_000 / first)
        assert window.net_return_bps == net
        assert window.range_score == abs_ret_bps(held) // (abs(net) + 1)
        assert len(window.prices) <= size


@given(ticks, st.sampled_from((1, 1_000, 5_000)))
def test_extremes_are_those_of_the_inclusive_window(
    steps: list[tuple[int, Decimal]], window_ms: int
) -> None:
    window, history = ExtremesWindow(window_ms), timed(steps)
    for index, (ts, mid) in enumerate(history, 1):
        window.push(ts, mid)
        inside = [price for then, price in history[:index] if ts - then <= window_ms]
        assert window.highs[0][1] == max(inside)
        assert window.lows[0][1] == min(inside)
        assert len(window.highs) <= len(inside)
        assert len(window.lows) <= len(inside)


# -- bars --------------------------------------------------------------------------------------


def bars_from_scratch(history: list[tuple[int, Decimal]], interval: int) -> list[MidBar]:
    """All bars but the open one, grouped the slow way."""
    groups: dict[int, list[Decimal]] = {}
    for ts, mid in history:
        groups.setdefault(ts // interval * interval, []).append(mid)
    return [
        MidBar(start, group[0], max(group), min(group), group[-1], len(group))
        for start, group in sorted(groups.items())[:-1]
    ]


@given(ticks, st.sampled_from((1, 1_000, 60_000)))
def test_bars_equal_grouping_by_start(steps: list[tuple[int, Decimal]], interval: int) -> None:
    builder, history = BarBuilder(interval), timed(steps)
    done = [bar for ts, mid in history if (bar := builder.on_mid(ts, mid)) is not None]
    assert done == bars_from_scratch(history, interval)
    for bar in done:
        assert bar.low <= bar.open <= bar.high
        assert bar.low <= bar.close <= bar.high
        assert bar.bar_ts % interval == 0


@given(ticks, st.data())
def test_repeating_a_mid_inside_a_bar_changes_only_the_count(
    steps: list[tuple[int, Decimal]], data: st.DataObject
) -> None:
    history = timed(steps)
    repeated = []
    for ts, mid in history:
        repeated += [(ts, mid)] * data.draw(st.integers(1, 3))

    def shape(bars: list[MidBar]) -> list[tuple[object, ...]]:
        return [(b.bar_ts, b.open, b.high, b.low, b.close) for b in bars]

    def fold(stream: list[tuple[int, Decimal]]) -> list[MidBar]:
        builder = BarBuilder(1_000)
        return [bar for ts, mid in stream if (bar := builder.on_mid(ts, mid)) is not None]

    assert shape(fold(repeated)) == shape(fold(history))


def test_worked_example_core_15_bars() -> None:
    builder = BarBuilder(60_000)
    starts = [
        bar.bar_ts
        for ts in (0, 59_999, 60_000, 61_000, 185_000, 240_000)
        if (bar := builder.on_mid(ts, D(1))) is not None
    ]
    assert starts == [0, 60_000, 180_000]  # nothing is synthesised for 120000


def test_a_bar_refuses_time_going_back() -> None:
    builder = BarBuilder(60_000)
    builder.on_mid(1000, D(1))
    with pytest.raises(ContractError, match="ts = 999"):
        builder.on_mid(999, D(1))


# -- true range --------------------------------------------------------------------------------


@st.composite
def bar_lists(draw: st.DrawFn) -> list[MidBar]:
    bars = []
    for index in range(draw(st.integers(0, 12))):
        four = sorted(draw(st.lists(mids, min_size=4, max_size=4)))
        open_, close = draw(st.permutations(four[1:3]))
        bars.append(MidBar(index * 60_000, open_, four[3], four[0], close, 1))
    return bars


@given(bar_lists(), st.integers(1, 5))
def test_the_true_range_is_the_mean_over_the_last_period(bars: list[MidBar], period: int) -> None:
    fold = AtrFold(period)
    for count, bar in enumerate(bars, 1):
        fold.on_bar(bar)
        seen = bars[:count]
        if count < period + 1:
            assert fold.atr is None
            assert fold.natr_bps == 0
            continue
        ranges = [
            max(b.high - b.low, abs(b.high - a.close), abs(b.low - a.close))
            for a, b in pairwise(seen)
        ][-period:]
        total = sum(map(Fraction, ranges))
        assert fold.natr_bps == int(10_000 * total / (period * Fraction(bar.close)))
        assert fold.atr is not None
        assert Fraction(fold.atr) * 10**12 == round(total / period * 10**12)


def test_worked_example_core_15_range() -> None:
    fold = AtrFold(3)
    for row in ((100, 101, 99, 100), (100, 102, 100, 101), (101, 101, 98, 99), (99, 103, 99, 102)):
        open_, high, low, close = map(D, row)
        fold.on_bar(MidBar(0, open_, high, low, close, 1))
    assert [canonical(r) for r in fold.ranges] == ["2", "3", "4"]
    assert fold.atr == 3
    assert fold.natr_bps == 294


@given(bar_lists(), st.sampled_from((D(2), D(10), D("0.001"))))
def test_natr_does_not_depend_on_the_scale_of_prices(bars: list[MidBar], factor: Decimal) -> None:
    one, other = AtrFold(2), AtrFold(2)
    for bar in bars:
        scaled_bar = MidBar(
            bar.bar_ts, *(x * factor for x in (bar.open, bar.high, bar.low, bar.close)), 1
        )
        one.on_bar(bar)
        other.on_bar(scaled_bar)
    assert one.natr_bps == other.natr_bps


# -- top of book and features ------------------------------------------------------------------


@given(qtys(), qtys())
def test_imbalance_is_odd_bounded_and_exact(bid: Decimal, ask: Decimal) -> None:
    value = imbalance_l1_bps(bid, ask)
    assert value == -imbalance_l1_bps(ask, bid)
    assert -10_000 <= value <= 10_000
    total = Fraction(bid) + Fraction(ask)
    assert value == (int(10_000 * (Fraction(bid) - Fraction(ask)) / total) if total else 0)
    assert thin_l1(bid, ask) == min(bid, ask)


def test_worked_example_core_16_imbalance() -> None:
    assert imbalance_l1_bps(D(30), D(10)) == 5000
    assert imbalance_l1_bps(D(1), D(2)) == -3333


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        (["100", "100.5", "100.1", "100.6", "100.2"], (179, 20, 8)),
        (["100", "100.8", "101.5", "102.1", "102.9"], (286, 290, 0)),
    ],
)
def test_worked_example_core_16_chop(closes: list[str], expected: tuple[int, ...]) -> None:
    window = ReturnWindow(15)
    for close in closes:
        window.push(D(close))
    measured = (window.sum_abs_returns_bps, window.net_return_bps, window.range_score)
    assert measured == expected


SETTINGS = IndicatorSettings(
    feature_engine_enabled=True, bar_interval_ms=1_000, period=3, max_bars=6, range_horizon=2
)


@given(ticks, hostile_contexts())
def test_the_feature_fold_equals_its_parts_from_scratch(
    steps: list[tuple[int, Decimal]], ambient: Any
) -> None:
    fold, history = FeatureFold.of(SETTINGS), timed(steps)
    for count, (ts, mid) in enumerate(history, 1):
        snapshot = a_snapshot(ts=ts)
        with localcontext(ambient):
            fold.on_snapshot(snapshot, mid)
        with exact():
            read = fold.read(snapshot, mid, 20)
        bars = bars_from_scratch(history[:count], 1_000)
        closes = [bar.close for bar in bars][-3:]
        assert read.sum_abs_returns_bps == abs_ret_bps(closes)
        if len(closes) < 2:
            assert (read.net_return_bps, read.range_score) == (0, 0)
        else:
            first, last = Fraction(closes[0]), Fraction(closes[-1])
            assert read.net_return_bps == int(10_000 * (last - first) / first)
            score = math.floor(read.sum_abs_returns_bps / Fraction(abs(read.net_return_bps) + 1))
            assert read.range_score == score
        atr = AtrFold(3)
        for bar in bars:
            atr.on_bar(bar)
        assert (read.natr_bps, read.atr) == (atr.natr_bps, atr.atr)
        assert read.warmup_bars == min(len(bars), 6)
        assert read.is_warmed_up == (len(bars) >= 4)
        assert (read.mid_price, read.spread_bps, read.ts) == (mid, 20, ts)


@pytest.mark.parametrize(
    "changes",
    [{"max_bars": 14}, {"period": 0}, {"bar_interval_ms": 0}, {"range_horizon": 0},
     {"period": True}],
)  # fmt: skip
def test_impossible_indicator_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        IndicatorSettings(**changes)


# -- Top-K (CORE-09) ---------------------------------------------------------------------------

PAGE = {
    "AAAUSDT": ["100", "101", "100", "101.5"],
    "BBBUSDT": ["50", "50.2", "50.1"],
    "CCCUSDT": ["10", "10.04", "10.02"],
}


def test_worked_example_core_09() -> None:
    scores = TopKScores(10)
    for symbol, values in PAGE.items():
        for value in values:
            scores.push(symbol, D(value))
    selection = scores.select(2, lookahead=False)
    assert dict(selection.scores) == {"AAAUSDT": 349, "BBBUSDT": 59, "CCCUSDT": 59}
    assert selection.symbols == ("AAAUSDT", "BBBUSDT")


@given(
    st.dictionaries(st.sampled_from(SYMBOLS), st.lists(prices(), max_size=8)),
    st.integers(1, 4),
    st.data(),
)
def test_selection_does_not_depend_on_how_symbols_interleave(
    streams: dict[str, list[Decimal]], k: int, data: st.DataObject
) -> None:
    in_turn, mixed = TopKScores(5), TopKScores(5)
    for symbol, values in streams.items():
        for value in values:
            in_turn.push(symbol, value)
    left = {symbol: list(values) for symbol, values in streams.items() if values}
    while left:
        symbol = data.draw(st.sampled_from(sorted(left)))
        mixed.push(symbol, left[symbol].pop(0))
        if not left[symbol]:
            del left[symbol]
    selection = in_turn.select(k, lookahead=True)
    assert mixed.select(k, lookahead=True) == selection
    assert len(selection.symbols) == min(k, len(selection.scores))
    out = set(selection.scores) - set(selection.symbols)
    for chosen in selection.symbols:
        assert all(selection.scores[chosen] >= selection.scores[other] for other in out)


@given(st.dictionaries(st.sampled_from([f"S{i:02d}" for i in range(12)]), st.integers(0, 3)))
def test_ranking_is_by_score_then_symbol_whatever_the_order(scores: dict[str, int]) -> None:
    ranked = rank(scores)
    assert sorted(ranked) == sorted(scores)
    for one, two in pairwise(ranked):
        assert (-scores[one], one) < (-scores[two], two)
    assert rank(dict(reversed(scores.items()))) == ranked


def test_the_two_pass_selection_scores_the_last_window_and_says_that_it_looked_ahead() -> None:
    calm = [mid_quote(i, "100", SYMBOLS[0]) for i in range(20)]
    wild = [mid_quote(i, "100" if i % 2 else "101", SYMBOLS[1]) for i in range(20)]
    settings = SelectionSettings(selection_source=SelectionSource.TOPK_V0, topk_k=1)
    selection = select_two_pass(merged(calm, wild), settings)
    assert selection.symbols == (SYMBOLS[1],)
    assert selection.lookahead is True
    assert selection.scores[SYMBOLS[0]] == 0


@pytest.mark.parametrize("changes", [{"topk_k": 0}, {"topk_window_size": 1}, {"topk_k": -1}])
def test_impossible_selection_settings_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        SelectionSettings(**changes)


def test_a_walk_is_the_same_every_time() -> None:
    assert list(walk(7, 50)) == list(walk(7, 50))
