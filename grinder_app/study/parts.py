"""Parts of the results: families of datasets, and the sessions of a variant on some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grinder_app.study.datasets import Dataset
from grinder_app.study.results import MAIN_MODE, Results, Row
from grinder_app.study.variants import VARIANTS


def by_family(datasets: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """Group datasets, keeping their order."""
    found: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        found.setdefault(dataset.family, []).append(dataset)
    return found


def bars_of(results: Results) -> list[Dataset]:
    """Return the sessions on bars."""
    return [dataset for dataset in results.datasets if dataset.is_klines]


def minutes_of(results: Results) -> list[Dataset]:
    """Return the sessions on 1-minute bars."""
    return [d for d in results.datasets if d.family.startswith("klines-1m-")]


def rows_of(results: Results, datasets: Iterable[Dataset], variant: str) -> list[Row]:
    """Return a variant's sessions under the study's own fill model, in order of the datasets."""
    rows = {row.dataset: row for row in results.rows if is_main(row) and row.variant == variant}
    return [rows[dataset.name] for dataset in datasets if dataset.name in rows]


def is_main(row: Row) -> bool:
    """Whether a row is of the study's own fill model and came to its end."""
    return row.fill_mode is MAIN_MODE and not row.error


def ran(results: Results, datasets: Sequence[Dataset]) -> list[str]:
    """Return the variants that were run on all of some datasets, in the order of the study."""
    return [
        variant.name
        for variant in VARIANTS
        if datasets and len(rows_of(results, datasets, variant.name)) == len(datasets)
    ]
