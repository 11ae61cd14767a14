"""Sharpe ratios: published numbers, slow twins, and the order all of them must keep."""

from __future__ import annotations

import math
import random
import statistics as stdlib
from typing import Any

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from grinder_app.report.sharpe import (
    DAY_MS,
    HOUR_MS,
    SAMPLES_MIN,
    NotDefined,
    Sharpe,
    deflate,
    deflated_sharpe,
    expected_best,
    period_returns,
    probabilistic_sharpe,
    sharpe_of,
    sharpe_of_returns,
    track_record_min,
)
from grinder_app.report.sharpe_words import (
    block,
    check_trials,
    confidence_text,
    deflated_by,
    meaning,
)
from grinder_core.errors import ConfigError

close = pytest.approx


def a_sharpe(ratio: float, samples: int, skewness: float = 0.0, kurtosis: float = 3.0) -> Sharpe:
    return Sharpe(ratio=ratio, samples=samples, skewness=skewness, kurtosis=kurtosis, period="day")


# --- published numbers -----------------------------------------------------------------------

# Bailey, Lopez de Prado (2014), "A numerical example": 2.5 a year from 1250 daily returns, 250 a
# year, skew -3, kurtosis 10, 100 trials whose annual Sharpe ratios have a variance of 1/2
DAILY = 2.5 / math.sqrt(250)
SCATTER = math.sqrt(0.5 / 250)


def test_the_numerical_example_of_the_deflated_sharpe_ratio() -> None:
    found = deflate(a_sharpe(DAILY, 1250, -3.0, 10.0), 100, SCATTER)
    assert found.benchmark == close(0.1132, abs=5e-5)
    assert found.probability == close(0.9004, abs=5e-5)
    assert (found.trials, found.is_measured) == (100, True)


@pytest.mark.parametrize(("trials", "moments"), [(46, (-3.0, 10.0)), (88, (0.0, 3.0))])
def test_fewer_trials_or_normal_returns_would_have_passed(
    trials: int, moments: tuple[float, float]
) -> None:
    """The same example: 46 trials, or 88 had the returns been normal, give 0.9505."""
    found = deflate(a_sharpe(DAILY, 1250, *moments), trials, SCATTER)
    assert found.probability == close(0.9505, abs=5e-5)


def test_the_fund_of_the_probabilistic_sharpe_ratio() -> None:
    """Bailey, Lopez de Prado (2012): 24 months at 0.458 look like 98 % and are 91 %."""
    assert a_sharpe(0.458, 24, -2.448, 10.164).probability == close(0.913, abs=5e-4)
    assert a_sharpe(0.458, 24).probability == close(0.982, abs=5e-4)


@pytest.mark.parametrize(
    ("a_year", "moments", "years"),
    [(250, (0.0, 3.0), 2.73), (12, (-0.72, 5.78), 4.99)],
)
def test_the_shortest_track_records_of_the_paper(
    a_year: int, moments: tuple[float, float], years: float
) -> None:
    """Bailey, Lopez de Prado (2012): an annual Sharpe of 2 shown to be above 1."""
    sharpe = a_sharpe(2 / math.sqrt(a_year), 100, *moments)
    found = track_record_min(sharpe, 1 / math.sqrt(a_year))
    assert found is not None
    assert found / a_year == close(years, abs=1 / a_year + 0.005)


def test_the_expected_best_agrees_with_drawing() -> None:
    """The best of 50 standard normal draws, 4000 times over: a seeded simulation."""
    source = random.Random(7)
    drawn = stdlib.fmean(max(source.gauss(0, 1) for _ in range(50)) for _ in range(4000))
    assert expected_best(50, 1.0) == close(drawn, rel=0.03)  # the formula is an approximation


def test_sharpe_by_hand() -> None:
    """Returns of 1 % and 0 in turn: mean 0.005, deviation 0.005*sqrt(10/9), ratio sqrt(0.9).

    Two values equally often have skew 0 and kurtosis 1, so the standard error is 1/sqrt(9) a day.
    """
    values = [1000.0]
    for day in range(10):
        values.append(values[-1] * (1.01 if day % 2 else 1.0))
    found = sharpe_of([DAY_MS * i for i in range(11)], values, 1000.0)
    assert isinstance(found, Sharpe)
    assert (found.samples, found.period, found.periods_a_year) == (10, "day", 365)
    assert found.value == close(math.sqrt(0.9 * 365))
    assert (found.skewness, found.kurtosis) == (close(0.0, abs=1e-9), close(1.0))
    assert found.standard_error == close(math.sqrt(365) / 3)
    assert found.low == close(18.124569 - 1.959964 * 6.368324, abs=1e-4)
    assert found.high == close(18.124569 + 1.959964 * 6.368324, abs=1e-4)
    assert found.probability == close(0.997786, abs=1e-6)  # normal(3*sqrt(0.9))
    assert found.samples_needed == 5  # 1 + (1.644854/0.948683)^2 = 4.006


def test_a_lopsided_sample_by_hand() -> None:
    """Nine times 0 and once 1: skew 8/3, kurtosis 73/9 (mean 0.1, second moment 0.09)."""
    found = sharpe_of_returns([0.0] * 9 + [1.0], "hour")
    assert isinstance(found, Sharpe)
    assert found.ratio == close(0.1 / math.sqrt(0.1))
    assert (found.skewness, found.kurtosis) == (close(8 / 3), close(73 / 9))
    variance = (1 - 8 / 3 * math.sqrt(0.1) + (73 / 9 - 1) / 4 * 0.1) / 9
    assert found.standard_error == close(math.sqrt(variance * 365 * 24))


# --- properties ------------------------------------------------------------------------------

ratios = st.floats(-3, 3, allow_nan=False)


@st.composite
def sharpes(draw: Any) -> Sharpe:
    """Sharpe ratios with moments that a sample can have: kurtosis at least 1 + skew^2."""
    skewness = draw(st.floats(-4, 4))
    kurtosis = 1.0 + skewness**2 + draw(st.floats(0.01, 30))
    return a_sharpe(draw(ratios), draw(st.integers(SAMPLES_MIN, 100_000)), skewness, kurtosis)


@given(sharpes())
def test_the_interval_holds_the_estimate_and_is_symmetric(sharpe: Sharpe) -> None:
    assert sharpe.low < sharpe.value < sharpe.high
    assert sharpe.high - sharpe.value == close(sharpe.value - sharpe.low)


@given(sharpes(), st.integers(1, 10**9), st.none() | st.floats(0, 2))
def test_choosing_never_raises_the_confidence(
    sharpe: Sharpe, trials: int, deviation: float | None
) -> None:
    assert 0.0 <= deflate(sharpe, trials, deviation).probability <= sharpe.probability <= 1.0


@given(sharpes(), st.integers(1, 10**6), st.integers(1, 10**6), st.none() | st.floats(0.01, 2))
def test_more_trials_never_raise_the_confidence(
    sharpe: Sharpe, one: int, more: int, deviation: float | None
) -> None:
    fewer, many = deflate(sharpe, one, deviation), deflate(sharpe, one + more, deviation)
    assert many.benchmark > fewer.benchmark
    assert many.probability <= fewer.probability


@given(sharpes(), st.integers(2, 1000), st.floats(0.01, 1))
def test_wider_trials_never_raise_the_confidence(
    sharpe: Sharpe, trials: int, deviation: float
) -> None:
    wider = deflate(sharpe, trials, deviation * 2)
    assert wider.probability <= deflate(sharpe, trials, deviation).probability


@given(sharpes())
def test_one_trial_deflates_nothing(sharpe: Sharpe) -> None:
    assert deflate(sharpe, 1).probability == sharpe.probability


@given(sharpes(), st.floats(0.01, 3))
def test_a_negative_skew_costs_confidence(sharpe: Sharpe, skew: float) -> None:
    assume(sharpe.ratio > 0.001)
    kurtosis = 1.0 + skew**2 + 0.5
    tail = evolve(sharpe, skewness=-skew, kurtosis=kurtosis)
    assert tail.probability <= evolve(sharpe, skewness=skew, kurtosis=kurtosis).probability
    assert tail.standard_error >= evolve(tail, skewness=skew).standard_error


@given(sharpes(), ratios)
def test_the_shortest_track_record_is_where_the_confidence_passes(
    sharpe: Sharpe, benchmark: float
) -> None:
    needed = track_record_min(sharpe, benchmark)
    if sharpe.ratio <= benchmark:
        assert needed is None
        return
    assert needed is not None
    assert probabilistic_sharpe(evolve(sharpe, samples=needed), benchmark) >= 0.95 - 1e-9
    if needed > 2:
        short = evolve(sharpe, samples=needed - 1)
        assert probabilistic_sharpe(short, benchmark) <= 0.95 + 1e-9


returns = st.lists(st.floats(-0.5, 0.5), min_size=SAMPLES_MIN, max_size=60)


@given(returns, st.sampled_from([1e-6, 0.5, 100.0]))
def test_scaling_the_returns_changes_nothing(values: list[float], by: float) -> None:
    one, other = (sharpe_of_returns([r * f for r in values], "day") for f in (1.0, by))
    assume(max(values) - min(values) > 1e-6)
    assert isinstance(one, Sharpe)
    assert isinstance(other, Sharpe)
    for name in ("ratio", "skewness", "kurtosis"):
        assert getattr(other, name) == close(getattr(one, name), rel=1e-6, abs=1e-6)


@given(returns, st.none() | st.integers(1, 1000))
def test_no_figure_is_ever_not_a_number(values: list[float], trials: int | None) -> None:
    found = sharpe_of_returns(values, "hour")
    said = block(found, deflated_by(found, trials))
    assert "nan" not in str(said)
    assert "inf" not in str(said)
    assert (said["sharpe"] is None) == isinstance(found, NotDefined)
    assert (said["deflated_sharpe"] is None) == (trials is None or isinstance(found, NotDefined))


@pytest.mark.parametrize(("benchmark", "expected"), [(0.5, 1.0), (1.0, 0.5), (1.5, 0.0)])
def test_a_sample_that_leaves_nothing_to_chance(benchmark: float, expected: float) -> None:
    """Kurtosis 1 + skew^2 and ratio 2/skew: the variance of the estimate is 0."""
    assert probabilistic_sharpe(a_sharpe(1.0, 20, 2.0, 5.0), benchmark) == expected


# --- from equity -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span_ms", "period"),
    [(10 * DAY_MS, "day"), (10 * DAY_MS - 1, "hour"), (10 * HOUR_MS, "hour")],
)
def test_returns_are_daily_from_ten_whole_days_on(span_ms: int, period: str) -> None:
    ts = [0, *range(HOUR_MS, span_ms, HOUR_MS), span_ms]
    values = [1000.0 + (i * i) % 7 for i in range(len(ts))]
    found = sharpe_of(ts, values, 1000.0)
    assert isinstance(found, Sharpe)
    assert found.period == period
    assert found.samples == span_ms // {"day": DAY_MS, "hour": HOUR_MS}[period]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1000.0 + i % 3 for i in range(10)], "10 whole hours"),
        ([1000.0] * 20, "never vary"),
        ([1000.0 * 1.001**i for i in range(20)], "never vary"),
        ([1000.0 - 100.0 * i for i in range(20)], "0 or below"),
        ([], "10 whole hours"),
    ],
)
def test_what_is_not_defined_says_why(values: list[float], reason: str) -> None:
    found = sharpe_of([HOUR_MS * i for i in range(len(values))], values, 1000.0)
    assert isinstance(found, NotDefined)
    assert reason in found.reason
    assert reason in meaning(found)
    assert block(found)["not_defined"] == found.reason


samples = st.lists(
    st.tuples(st.integers(0, 3 * HOUR_MS), st.integers(500, 1500)), min_size=1, max_size=60
)


@given(samples)
def test_period_returns_agree_with_a_scan(steps: list[tuple[int, int]]) -> None:
    ts, values, now = [], [], 0
    for step, value in steps:
        now += step
        ts.append(now)
        values.append(float(value))
    marks = [1000.0]
    boundary = ts[0] + HOUR_MS
    while boundary <= ts[-1]:
        marks.append([v for t, v in zip(ts, values, strict=True) if t <= boundary][-1])
        boundary += HOUR_MS
    expected = [marks[i] / marks[i - 1] - 1 for i in range(1, len(marks))]
    assert period_returns(ts, values, 1000.0, HOUR_MS) == close(expected)


@given(samples.filter(lambda s: len(s) >= 20))
def test_sharpe_agrees_with_the_standard_library(steps: list[tuple[int, int]]) -> None:
    ts = [HOUR_MS * i for i in range(len(steps))]
    values = [float(value) for _, value in steps]
    found_returns = period_returns(ts, values, values[0], HOUR_MS)
    assert found_returns is not None
    found = sharpe_of(ts, values, values[0])
    if len(set(values)) == 1:
        assert isinstance(found, NotDefined)
        return
    assert isinstance(found, Sharpe)
    ratio = stdlib.mean(found_returns) / stdlib.stdev(found_returns)
    assert found.value == close(ratio * math.sqrt(365 * 24), abs=1e-6)
    assert found.kurtosis >= 1.0 + found.skewness**2 - 1e-6


# --- among several ---------------------------------------------------------------------------


def test_the_best_of_several_is_deflated_by_what_they_show() -> None:
    results = [a_sharpe(r, 100) for r in (0.05, 0.2, -0.1)]
    found = deflated_sharpe(results)
    assert not isinstance(found, NotDefined)
    assert (found.index, found.sharpe, found.deflated.trials) == (1, results[1], 3)
    assert found.deflated.deviation == close(0.15)  # of 0.05, 0.2 and -0.1 about 0.05
    assert found.deflated == deflate(results[1], 3, found.deflated.deviation)


def test_what_was_tried_and_is_not_here_counts() -> None:
    results: list[Sharpe | NotDefined] = [a_sharpe(0.1, 100), a_sharpe(0.2, 100)]
    told = deflated_sharpe(results, trials=50)
    assert not isinstance(told, NotDefined)
    assert told.deflated.trials == 50
    flat = deflated_sharpe([*results, NotDefined(reason="flat")], trials=2)
    assert not isinstance(flat, NotDefined)
    assert flat.deflated.trials == 3


@given(st.lists(sharpes(), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_trials_does_not_matter(trials: list[Sharpe], source: Any) -> None:
    shuffled = list(trials)
    source.shuffle(shuffled)
    one, other = deflated_sharpe(trials), deflated_sharpe(shuffled)
    assert not isinstance(one, NotDefined)
    assert not isinstance(other, NotDefined)
    assert one.sharpe.ratio == other.sharpe.ratio == max(t.ratio for t in trials)
    assert one.deflated.benchmark == close(other.deflated.benchmark)


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([], "two results"),
        ([a_sharpe(0.1, 20)], "two results"),
        ([a_sharpe(0.1, 20), NotDefined(reason="flat")], "two results"),
        ([a_sharpe(0.1, 20), evolve(a_sharpe(0.1, 20), period="hour")], "hourly"),
    ],
)
def test_what_cannot_be_compared_is_not_defined(results: list[Any], reason: str) -> None:
    found = deflated_sharpe(results)
    assert isinstance(found, NotDefined)
    assert reason in found.reason


# --- words -----------------------------------------------------------------------------------


def test_the_sentence_says_what_is_needed_and_what_is_left_after_choosing() -> None:
    weak = a_sharpe(0.05, 60)
    text = meaning(weak, deflate(weak, 20))
    assert "from 60 daily returns" in text
    assert f"95 % would need {weak.samples_needed:,} such returns" in text
    assert "Of 20 trials" in text
    assert "no number of such returns" in meaning(a_sharpe(-0.05, 60))
    assert "would need" not in meaning(a_sharpe(0.5, 600))
    assert "not chosen" in meaning(weak, deflate(weak, 1))


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "below 0.1 %"), (0.5, "50.0 %"), (1.0, "above 99.9 %")]
)
def test_confidence_is_never_certainty(value: float, text: str) -> None:
    assert confidence_text(value) == text


@pytest.mark.parametrize("trials", [0, -1, 10**10])
def test_a_number_of_trials_that_cannot_be_is_refused(trials: int) -> None:
    with pytest.raises(ConfigError, match="--trials"):
        check_trials(trials)
