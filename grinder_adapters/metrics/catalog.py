"""Every metric there is, and what of it every scrape must hold (LIVE-30, Appendix B)."""

from __future__ import annotations

import re
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from grinder_adapters.metrics.metric import FORBIDDEN_LABELS, Kind, Labels, Metric
from grinder_adapters.metrics.of_decisions import OF_DECISIONS
from grinder_adapters.metrics.of_the_account import OF_THE_ACCOUNT
from grinder_adapters.metrics.of_the_process import OF_THE_PROCESS
from grinder_adapters.metrics.of_the_venue import OF_THE_VENUE

CATALOG: Final[tuple[Metric, ...]] = (
    *OF_THE_PROCESS,
    *OF_DECISIONS,
    *OF_THE_VENUE,
    *OF_THE_ACCOUNT,
)
BY_NAME: Final = {metric.name: metric for metric in CATALOG}


def _pattern(metric: Metric, labels: Labels) -> str:
    shown = ",".join(f'{name}="{value}"' for name, value in zip(metric.labels, labels, strict=True))
    where = rf"\{{{re.escape(shown)}\}}" if shown else ""
    return rf"^{metric.name}{where} [-+0-9.eE]+$"


REQUIRED_METRICS_PATTERNS: Final = tuple(
    _pattern(metric, labels) for metric in CATALOG if metric.is_required for labels in metric.series
)
"""What every scrape matches, line by line, label schema included."""


def problems_of(text: str) -> list[str]:
    """Say what is wrong with a scrape: a pattern that is missing, a label that must not be there,
    a metric that nobody knows, a one-hot gauge without exactly one 1."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        return [f"is no exposition: {error}"]
    problems = [
        f"no line matches {pattern}"
        for pattern in REQUIRED_METRICS_PATTERNS
        if not re.search(pattern, text, re.MULTILINE)
    ]
    for family in families:
        is_counter = family.type == Kind.COUNTER.value
        name = f"{family.name}_total" if is_counter else family.name
        metric = BY_NAME.get(name)
        if metric is None:
            problems.append(f"{name} is not in the catalog")
            continue
        labels = {label for sample in family.samples for label in sample.labels}
        problems += [
            f"{name} has the forbidden label {each}" for each in sorted(labels & FORBIDDEN_LABELS)
        ]
        if metric.is_one_hot:
            problems += _not_one_hot(
                metric, {tuple(s.labels.values()): s.value for s in family.samples}
            )
    return problems


def _not_one_hot(metric: Metric, values: dict[Labels, float]) -> list[str]:
    """The last label is what is one of several; those before it tell the gauges apart."""
    ones: dict[Labels, int] = {}
    odd = False
    for labels, value in values.items():
        ones[labels[:-1]] = ones.get(labels[:-1], 0) + (value == 1)
        odd = odd or value not in (0, 1)
    return [
        f"{metric.name}{list(of) or ''} must be 1 exactly once"
        for of, count in ones.items()
        if count != 1 or odd
    ]
