"""The text that a scraper reads, family by family (Prometheus text format 0.0.4).

A family whose values did not change since the last time keeps its text: most of them never do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from grinder_adapters.metrics.latencies import NO_LATENCIES, Histogram
from grinder_adapters.metrics.metric import LATENCY_BUCKETS_MS, Kind, Labels, Metric
from grinder_core.errors import InvariantError

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
Value = int | float | Histogram
Values = Mapping[str, Mapping[Labels, Value]]


class _OneMetric(Collector):
    """Gives the family of one metric as of the last values."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        empty: Value = NO_LATENCIES if metric.kind is Kind.HISTOGRAM else 0
        self._empty = dict.fromkeys(metric.series, empty)
        self._now = self._empty
        self._text = generate_latest(self)

    def collect(self) -> Iterable[Family]:
        """Return the family."""
        metric, now = self.metric, self._now
        family: Family
        if metric.kind is Kind.HISTOGRAM:
            family = histograms = HistogramMetricFamily(
                metric.name, metric.meaning, labels=metric.labels
            )
            for labels, value in now.items():
                assert isinstance(value, Histogram)
                histograms.add_metric(labels, _cumulated(value), value.sum_ms)
            return (family,)
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = plain = kind(metric.name, metric.meaning, labels=metric.labels)
        for labels, value in now.items():
            assert not isinstance(value, Histogram)
            plain.add_metric(labels, value)
        return (family,)

    def text(self, found: Mapping[Labels, Value]) -> bytes:
        """Take new values and return the family's text."""
        now = {**self._empty, **found}
        if len(now) != len(self._empty):
            extra = sorted(found.keys() - self._empty.keys())
            raise InvariantError("is no series of the catalog", field=self.metric.name, value=extra)
        if now != self._now:
            self._now = now
            self._text = generate_latest(self)
        return self._text


class Exposition:
    """Writes the metrics of a catalog out.

    Args:
        catalog: All there are.

    Attributes:
        registry: Its own, so that nothing else of the process gets in.
    """

    def __init__(self, catalog: Iterable[Metric]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._families: dict[str, _OneMetric] = {}
        for metric in catalog:
            self._families[metric.name] = one = _OneMetric(metric)
            self.registry.register(one)

    def families(self, values: Values) -> Iterator[bytes]:
        """Yield the text of one family after the other; what has no value reads 0.

        Raises:
            InvariantError: A name or a series is not in the catalog.
        """
        unknown = sorted(values.keys() - self._families.keys())
        if unknown:
            raise InvariantError("is no metric of the catalog", field="metrics", value=unknown)
        for name, family in self._families.items():
            yield family.text(values.get(name, {}))

    def text(self, values: Values) -> bytes:
        """Return everything at once."""
        return b"".join(self.families(values))


def _cumulated(histogram: Histogram) -> list[tuple[str, float]]:
    total, buckets = 0, []
    bounds = (*(str(float(bound)) for bound in LATENCY_BUCKETS_MS), "+Inf")
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
