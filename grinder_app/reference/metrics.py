"""The reference of what a running session shows a scraper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grinder_adapters.metrics.catalog import CATALOG
from grinder_adapters.metrics.metric import FORBIDDEN_LABELS, LATENCY_BUCKETS_MS, Metric
from grinder_adapters.metrics.of_decisions import OF_DECISIONS
from grinder_adapters.metrics.of_the_account import OF_THE_ACCOUNT
from grinder_adapters.metrics.of_the_process import OF_THE_PROCESS
from grinder_adapters.metrics.of_the_venue import OF_THE_VENUE
from grinder_app.reference.markdown import code, page, section, table

ROOMS: tuple[tuple[str, Sequence[Metric]], ...] = (
    ("The process", OF_THE_PROCESS),
    ("What it decides", OF_DECISIONS),
    ("The way to the venue", OF_THE_VENUE),
    ("The account", OF_THE_ACCOUNT),
)


def metrics_markdown() -> str:
    """Return the page of every metric, its labels and their values."""
    bounds = ", ".join(str(bound) for bound in LATENCY_BUCKETS_MS)
    labels = ", ".join(code(label) for label in sorted(FORBIDDEN_LABELS))
    return page(
        "Metrics",
        f"`grinder live run` shows {len(CATALOG)} metrics at `/metrics`, in the text format of "
        "Prometheus; [how to watch a session](../how-to/watch-a-session.md). Names, types, labels "
        "and label values are published: new ones may be added, none is renamed or removed. R: "
        "every scrape holds it, with every series. All series stand there from the start, at 0. "
        "Counters begin at 0 with each process. What is marked with 0 reads 0 for now: its "
        f"feature is not there yet. Histograms are in milliseconds, with bounds {bounds}. No "
        f"metric has a label {labels}: figures of one symbol or order stand in the journal.",
        *(section(title, _table(metrics)) for title, metrics in ROOMS),
        section(
            "Not there",
            "The metrics of learned signals (modes, inference, decisions changed) come with that "
            "feature.",
        ),
    )


def _table(metrics: Sequence[Metric]) -> str:
    columns = ("metric", "R", "type", "labels", "meaning", "specification", "older names")
    return table(columns, (_row(metric) for metric in metrics))


def _row(metric: Metric) -> tuple[str, ...]:
    return (
        code(metric.name),
        "R" if metric.is_required else "",
        metric.kind.value,
        "; ".join(_labels(metric)),
        f"{metric.meaning}{' (0)' if metric.is_idle else ''}",
        metric.spec,
        ", ".join(code(name) for name in metric.old_names),
    )


def _labels(metric: Metric) -> Iterator[str]:
    for n, label in enumerate(metric.labels):
        values = list(dict.fromkeys(labels[n] for labels in metric.series))
        shown = ", ".join(code(value) for value in values)
        yield f"{code(label)}: {shown}"
