"""LIVE-30: what a scraper reads."""

from __future__ import annotations

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from grinder_adapters.metrics.catalog import CATALOG, problems_of
from grinder_adapters.metrics.exposition import Exposition, Values
from grinder_adapters.metrics.latencies import Latencies
from grinder_adapters.metrics.metric import LATENCY_BUCKETS_MS, Kind, Metric
from grinder_adapters.metrics.resident import resident_bytes
from grinder_core.errors import InvariantError

ONE_HOT = {metric.name: metric for metric in CATALOG if metric.is_one_hot}


@st.composite
def values(draw: st.DrawFn) -> Values:
    """Some values for some series of every kind of metric; one-hot gauges stand somewhere."""
    found: dict[str, dict[tuple[str, ...], object]] = {}
    for metric in CATALOG:
        if metric.is_one_hot:
            groups: dict[tuple[str, ...], list[str]] = {}
            for labels in metric.series:
                groups.setdefault(labels[:-1], []).append(labels[-1])
            found[metric.name] = {
                (*of, draw(st.sampled_from(states))): 1 for of, states in groups.items()
            }
        elif draw(st.booleans()):
            labels = draw(st.sampled_from(metric.series))
            number = draw(st.integers(0, 10**15) | st.floats(0, 1e12))
            found[metric.name] = {labels: a_histogram(draw) if is_timed(metric) else number}
    return found  # type: ignore[return-value]


def is_timed(metric: Metric) -> bool:
    return metric.kind is Kind.HISTOGRAM


def a_histogram(draw: st.DrawFn) -> object:
    latencies = Latencies()
    for ms in draw(st.lists(st.integers(-5, 100_000), max_size=5)):
        latencies.note(ms)
    return latencies.histogram()


@given(values())
def test_any_values_give_a_scrape_that_parses_and_lacks_nothing(found: Values) -> None:
    assert problems_of(Exposition(CATALOG).text(found).decode()) == []


@given(st.lists(values(), min_size=2, max_size=3))
def test_an_exposition_that_was_used_before_says_what_a_new_one_would(found: list[Values]) -> None:
    used = Exposition(CATALOG)
    for one in found:
        assert used.text(one) == Exposition(CATALOG).text(one)


def test_every_series_stands_there_from_the_start() -> None:
    text = Exposition(CATALOG).text({}).decode()
    shown = {
        (sample.name, *sample.labels.values())
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    for metric in CATALOG:
        if metric.kind is not Kind.HISTOGRAM:
            assert {(metric.name, *labels) for labels in metric.series} <= shown


def test_a_one_hot_gauge_that_is_nowhere_or_twice_is_found() -> None:
    exposition = Exposition(CATALOG)
    assert len(problems_of(exposition.text({}).decode())) >= len(ONE_HOT)
    twice = {"grinder_fsm_state": {("INIT",): 1, ("ACTIVE",): 1}}
    assert any("fsm_state" in problem for problem in problems_of(exposition.text(twice).decode()))


def test_a_metric_that_is_left_out_is_found() -> None:
    text = Exposition([metric for metric in CATALOG if metric.name != "grinder_up"]).text({})
    assert any("grinder_up" in problem for problem in problems_of(text.decode()))


def test_a_metric_that_nobody_knows_and_a_forbidden_label_are_found() -> None:
    text = Exposition(CATALOG).text({}).decode()
    more = f'{text}# TYPE grinder_odd gauge\ngrinder_odd 1\ngrinder_armed{{symbol="X"}} 1\n'
    problems = problems_of(more)
    assert "grinder_odd is not in the catalog" in problems
    assert "grinder_armed has the forbidden label symbol" in problems


def test_a_series_that_is_not_enumerated_is_a_mistake_of_ours() -> None:
    exposition = Exposition(CATALOG)
    with pytest.raises(InvariantError, match="series"):
        exposition.text({"grinder_fsm_state": {("ODD",): 1}})
    with pytest.raises(InvariantError, match="catalog"):
        exposition.text({"grinder_odd": {(): 1}})


def test_the_registry_is_our_own_and_says_the_same() -> None:
    exposition = Exposition(CATALOG)
    text = exposition.text({"grinder_up": {(): 1}})
    assert generate_latest(exposition.registry) == text
    assert b"python_info" not in text


@given(st.lists(st.integers(-10, 20_000)))
def test_a_histogram_counts_each_duration_once_in_the_bucket_that_holds_it(
    found: list[int],
) -> None:
    latencies = Latencies()
    for ms in found:
        latencies.note(ms)
    told = latencies.histogram()
    assert sum(told.counts) == len(found)
    assert told.sum_ms == sum(max(ms, 0) for ms in found)
    for n, bound in enumerate(LATENCY_BUCKETS_MS):
        assert sum(told.counts[: n + 1]) == sum(ms <= bound for ms in found)


def test_memory_is_told_as_others_tell_it() -> None:
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
