"""Runs the whole study, family by family, so that what is done is kept if it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_app.runner.pool import run_all
from grinder_app.study.datasets import Dataset, Found
from grinder_app.study.parts import by_family
from grinder_app.study.results import MAIN_MODE, Results, Row, save
from grinder_app.study.sums import best_of_kind
from grinder_app.study.variants import ADAPTIVE, STATIC, VARIANTS, Variant
from grinder_app.study.work import Task, run_task
from grinder_core.contracts.enums import FillMode
from grinder_core.errors import ConfigError

BAND_MODES: Final = (FillMode.TOUCH, FillMode.QUOTE, FillMode.QUEUE)
BAND_SESSIONS: Final = 3  # of each family


@frozen(kw_only=True)
class Running:
    """How to run, and whom to tell.

    Attributes:
        tell: Called with numbers of further events.
        on_row: Called with each session as it ends, and how many are left of its step.
    """

    root: Path
    out: Path
    jobs: int
    tell: Callable[[int], None]
    on_row: Callable[[Row, int], None]
    variants: Sequence[Variant] = VARIANTS


def run_study(
    found: Found, running: Running, only: str = "", before: Results | None = None
) -> Results:
    """Run every variant on every dataset, then the fill models on a part of it.

    Args:
        only: Families whose names begin with it.
        before: Earlier results, of which the rows of other families are kept.

    Raises:
        ConfigError: No family is named so.
        GrinderError: A process died.
    """
    families = [family for family in by_family(found.datasets) if family.startswith(only)]
    if not families:
        known = ", ".join(by_family(found.datasets))
        raise ConfigError(f"is none of {known}", field="--only", value=only)
    kept = () if before is None else before.rows
    results = Results(datasets=found.datasets, left_out=found.left_out, rows=kept)
    for family in families:
        datasets = by_family(found.datasets)[family]
        results = results.with_rows(_run(main_tasks(datasets, running), running))
        save(results, running.out)
        results = results.with_rows(_run(band_tasks(datasets, results, running), running))
        save(results, running.out)
    return results


def main_tasks(datasets: Iterable[Dataset], running: Running) -> list[Task]:
    """Return every variant on every dataset."""
    return [
        Task(root=running.root, dataset=dataset, variant=variant, fill_mode=MAIN_MODE)
        for dataset in datasets
        for variant in running.variants
        if variant.runs_on(dataset)
    ]


def band_tasks(datasets: Sequence[Dataset], results: Results, running: Running) -> list[Task]:
    """Return the other fill models for the best static and the best adaptive variant.

    They are run on the first sessions of a family in order of name; queues only where trades
    were recorded.
    """
    chosen = [best_of_kind(results, datasets, kind) for kind in (STATIC, ADAPTIVE)]
    names = {variant.name: variant for variant in running.variants}
    return [
        Task(root=running.root, dataset=dataset, variant=names[name], fill_mode=mode)
        for dataset in band_datasets(datasets)
        for name in chosen
        if name
        for mode in BAND_MODES
        if mode is not FillMode.QUEUE or dataset.has_trades
    ]


def band_datasets(datasets: Sequence[Dataset]) -> list[Dataset]:
    """Return the sessions of a family on which all fill models are run."""
    recorded = [d for d in datasets if d.has_trades and d.has_depth]
    return recorded if recorded else list(datasets[:BAND_SESSIONS])


def _run(tasks: Sequence[Task], running: Running) -> list[Row]:
    ordered = sorted(tasks, key=_weight)
    left = len(ordered)

    def on_done(_: Task, row: Row) -> None:
        nonlocal left
        left -= 1
        running.on_row(row, left)

    return run_all(run_task, ordered, running.jobs, tell=running.tell, on_done=on_done)


def _weight(task: Task) -> tuple[bool, int, str]:
    """Order tasks so that the long ones begin first: controller v1 re-places most."""
    span = (task.dataset.end_ms - task.dataset.begin_ms) // task.dataset.bar_interval_ms
    is_quick = task.variant.settings.get("controller_version") != 1
    return is_quick, -span, task.name
