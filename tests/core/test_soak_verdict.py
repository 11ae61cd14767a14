"""CORE-44: the soak gate's verdict, its percentile and its queue, without any clock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.checks.soak import (
    METRICS,
    NIGHTLY_METRICS,
    FixtureDigests,
    SoakMode,
    SoakReport,
    Thresholds,
    fill_rate,
    judge,
    nearest_rank,
    thresholds_of,
)
from grinder_core.checks.waiting import wait_in_line
from grinder_core.codec import from_dict, to_dict
from grinder_core.errors import ConfigError, ContractError

D = Decimal
BASELINE = Thresholds(
    all_digests_stable=True,
    errors_total=0,
    events_dropped=0,
    fill_rate_min=D("0.4"),
    fill_rate_max=D(1),
    decision_latency_p99_ms=50,
    order_latency_p99_ms=100,
    rss_mb_max=512,
    event_queue_depth_max=1000,
)
SAME = FixtureDigests(name="sample_day", digests=("0" * 16,) * 3)


def a_report(**changes: Any) -> SoakReport:
    """Three good runs of one fixture."""
    values: dict[str, Any] = {
        "mode": SoakMode.BASELINE,
        "runs": 3,
        "fixtures": (SAME,),
        "all_digests_stable": True,
        "errors_total": 0,
        "events_dropped": 0,
        "fill_rate": D("0.9"),
        "decision_latency_p50_ms": D("0.02"),
        "decision_latency_p99_ms": D("0.5"),
        "order_latency_p99_ms": D("0.7"),
        "rss_mb_max": 90,
        "event_queue_depth_max": 3,
    }
    return SoakReport(**{**values, **changes})


def failed(report: SoakReport, *, nightly: bool = False) -> list[str]:
    return [finding.metric for finding in judge(report, BASELINE, nightly=nightly)]


def a_file(**changes: Any) -> dict[str, Any]:
    """A thresholds file whose two modes are equal but for ``changes`` of the baseline."""
    limits = to_dict(BASELINE)
    modes = {"baseline": {**limits, **changes}, "overload": limits}
    return {"schema_version": "v1", "modes": modes}


# -- the spec's examples


def test_worked_example_core_44_a() -> None:
    assert fill_rate(46, 104) == D("0.4423")
    assert failed(a_report(fill_rate=fill_rate(46, 104))) == []


def test_worked_example_core_44_b() -> None:
    latencies = [(n * 77) % 1009 for n in range(200)]
    assert nearest_rank(latencies, 99) == sorted(latencies)[197]


# -- verdicts

EDGES = [
    ("errors_total", 0, 1),
    ("events_dropped", 0, 1),
    ("fill_rate", D("0.4"), D("0.3999")),
    ("fill_rate", D(1), D("1.0001")),
    ("decision_latency_p99_ms", D(50), D("50.001")),
    ("order_latency_p99_ms", D(100), D("100.001")),
    ("rss_mb_max", 512, 513),
    ("event_queue_depth_max", 1000, 1001),
]


@pytest.mark.parametrize(("metric", "inside", "outside"), EDGES)
def test_bounds_are_inclusive(metric: str, inside: Any, outside: Any) -> None:
    assert failed(a_report(**{metric: inside}), nightly=True) == []
    assert failed(a_report(**{metric: outside}), nightly=True) == [metric]
    ordinary = [] if metric in NIGHTLY_METRICS else [metric]
    assert failed(a_report(**{metric: outside})) == ordinary


def test_a_finding_says_what_was_measured_and_what_is_allowed() -> None:
    (finding,) = judge(a_report(fill_rate=D("0.3")), BASELINE, nightly=False)
    assert str(finding) == "fill_rate = 0.3: must be >= 0.4 and <= 1"
    (finding,) = judge(a_report(all_digests_stable=False), BASELINE, nightly=False)
    assert str(finding) == "all_digests_stable = false: must be true"


@pytest.mark.parametrize(
    "digests", [("a", "a", "b"), ("a", "a", None), (None, None, None), ("b", "a", "a")]
)
def test_digests_that_differ_fail_whatever_the_report_claims(digests: tuple[Any, ...]) -> None:
    drifting = FixtureDigests(name="sample_day_toxic", digests=digests)
    assert not drifting.is_stable
    for claim in (True, False):
        report = a_report(fixtures=(SAME, drifting), all_digests_stable=claim)
        assert failed(report) == ["all_digests_stable"]


def test_a_missing_metric_is_no_pass() -> None:
    blind = a_report(errors_total=None, fill_rate=None, rss_mb_max=None)
    with pytest.raises(ContractError, match="errors_total, fill_rate must be in the report"):
        judge(blind, BASELINE, nightly=False)
    no_rss = a_report(rss_mb_max=None)
    assert failed(no_rss) == []
    with pytest.raises(ContractError, match="rss_mb_max"):
        judge(no_rss, BASELINE, nightly=True)
    assert failed(a_report(decision_latency_p50_ms=None), nightly=True) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": 1},
        {"runs": 2},
        {"fixtures": ()},
        {"errors_total": -1},
        {"order_latency_p99_ms": D(-1)},
        {"schema_version": "v2"},
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        a_report(**changes)


# -- thresholds


def test_thresholds_are_read_by_mode() -> None:
    data = a_file(fill_rate_min="0.2", rss_mb_max=1024)
    assert thresholds_of(data, SoakMode.OVERLOAD) == BASELINE
    assert thresholds_of(data, SoakMode.BASELINE) == evolve(
        BASELINE, fill_rate_min=D("0.2"), rss_mb_max=1024
    )


def without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "thresholds"),
        (without(a_file(), "modes"), "thresholds.modes: is missing"),
        ({**a_file(), "schema_version": "v2"}, "schema_version"),
        ({**a_file(), "note": "x"}, "thresholds.note: is no key"),
        (a_file(latency=1), "modes.baseline.latency: is no key"),
        ({**a_file(), "modes": {"baseline": to_dict(BASELINE)}}, "modes.overload: is missing"),
        (a_file(fill_rate_min=None), "baseline.fill_rate_min"),
        (a_file(rss_mb_max="512"), "baseline.rss_mb_max"),
        (a_file(errors_total=True), "baseline.errors_total"),
        (a_file(all_digests_stable=False), "no way around"),
        (a_file(fill_rate_min="1.1"), "fill_rate_max"),
    ],
)
def test_malformed_thresholds_are_refused(data: Any, words: str) -> None:
    for mode in SoakMode:  # also where only the other mode is malformed
        with pytest.raises(ConfigError, match=words):
            thresholds_of(data, mode)


def test_a_threshold_left_out_is_named() -> None:
    data = a_file()
    del data["modes"]["baseline"]["events_dropped"]
    with pytest.raises(ConfigError, match="events_dropped: is missing"):
        thresholds_of(data, SoakMode.BASELINE)


# -- properties

_LATENCIES = st.integers(0, 10**9).map(lambda n: D(n).scaleb(-3))


@st.composite
def reports(draw: st.DrawFn) -> SoakReport:
    fixtures = tuple(
        FixtureDigests(
            name=f"case_{n}",
            digests=tuple(draw(st.lists(st.sampled_from(("a", "a", "b", None)), min_size=2,
                                        max_size=2))),
        )
        for n in range(draw(st.integers(1, 3)))
    )  # fmt: skip
    return SoakReport(
        mode=draw(st.sampled_from(SoakMode)),
        runs=2,
        fixtures=fixtures,
        all_digests_stable=all(fixture.is_stable for fixture in fixtures),
        errors_total=draw(st.integers(0, 2)),
        events_dropped=draw(st.integers(0, 2)),
        fill_rate=fill_rate(draw(st.integers(0, 9)), draw(st.integers(9, 12))),
        decision_latency_p50_ms=draw(_LATENCIES),
        decision_latency_p99_ms=draw(_LATENCIES),
        order_latency_p99_ms=draw(_LATENCIES),
        rss_mb_max=draw(st.integers(0, 2_000)),
        event_queue_depth_max=draw(st.integers(0, 20_000)),
    )


@given(reports(), reports())
def test_latency_and_memory_never_change_the_ordinary_verdict(
    report: SoakReport, other: SoakReport
) -> None:
    names = (*NIGHTLY_METRICS, "decision_latency_p50_ms")
    slow = evolve(report, **{name: getattr(other, name) for name in names})
    blind = evolve(report, **dict.fromkeys(names))
    verdict = judge(report, BASELINE, nightly=False)
    assert judge(slow, BASELINE, nightly=False) == judge(blind, BASELINE, nightly=False) == verdict
    assert set(verdict) <= set(judge(slow, BASELINE, nightly=True))
    assert from_dict(SoakReport, to_dict(report)) == report


@given(reports(), st.booleans())
def test_any_mismatch_of_digests_fails(report: SoakReport, nightly: bool) -> None:
    drifts = any(len(set(f.digests)) > 1 or None in f.digests for f in report.fixtures)
    found = failed(report, nightly=nightly)
    assert ("all_digests_stable" in found) == drifts
    assert found == [metric for metric in METRICS if metric in found]


@given(st.lists(st.integers(-5, 50), min_size=1, max_size=60), st.integers(1, 100))
def test_nearest_rank_is_the_least_value_that_covers_its_share(
    values: list[int], percent: int
) -> None:
    found = nearest_rank(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1], 0), ([1], 101)])
def test_a_percentile_of_nothing_is_refused(values: list[int], percent: int) -> None:
    with pytest.raises(ContractError):
        nearest_rank(values, percent)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_fill_rate_is_rounded_down_and_one_without_orders(filled: int, placed: int) -> None:
    rate = fill_rate(filled, placed)
    assert rate * placed <= filled < (rate + D("0.0001")) * placed
    assert fill_rate(0, 0) == 1


# -- the queue


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=30),
    st.integers(2, 10),
)
@settings(max_examples=60)
def test_the_queue_is_what_a_clock_would_see(steps: list[tuple[int, int]], slower: int) -> None:
    arrivals, work, now = [], [], 0
    for gap, duration in steps:
        now += gap
        arrivals.append(now)
        work.append(duration)
    seen = wait_in_line(arrivals, work)
    ends = [a + latency for a, latency in zip(arrivals, seen.latencies, strict=True)]
    for n, (arrival, duration) in enumerate(zip(arrivals, work, strict=True)):
        starts = ends[n] - duration
        assert starts == max(arrival, ends[n - 1] if n else 0)  # never idle while one waits
    there = [sum(end > a for end in ends[:n]) + 1 for n, a in enumerate(arrivals)]
    assert seen.depth_max == max(there, default=0)
    busier = wait_in_line(arrivals, [slower * duration for duration in work])
    assert all(a <= b for a, b in zip(seen.latencies, busier.latencies, strict=True))
    assert seen.depth_max <= busier.depth_max


@pytest.mark.parametrize(
    ("arrivals", "work"), [([0], []), ([1, 0], [1, 1]), ([0], [-1]), ([-1], [1])]
)
def test_an_impossible_queue_is_refused(arrivals: list[int], work: list[int]) -> None:
    with pytest.raises(ContractError):
        wait_in_line(arrivals, work)
