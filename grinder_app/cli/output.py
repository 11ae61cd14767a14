"""How commands talk: a table for people, JSON for machines, progress for both.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from grinder_core.codec import canonical_json

PLAIN_EVERY_S = 5.0
FACT_COLUMNS = ("what", "value")


def print_json(value: object) -> None:
    """Print one canonical JSON line."""
    sys.stdout.write(canonical_json(value) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, note: str = ""
) -> None:
    """Print a table; numbers line up on the right."""
    _stdout().print(_table(title, columns, rows, note))


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print a two-column table of names and values."""
    print_table(title, FACT_COLUMNS, list(facts.items()))


def facts_text(title: str, facts: Mapping[str, object]) -> str:
    """Return what ``print_facts`` prints on this standard output."""
    console = _stdout()
    with console.capture() as captured:
        console.print(_table(title, FACT_COLUMNS, list(facts.items()), ""))
    return captured.get()


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str
) -> Table:
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))  # a path or a word is no markup
    return table


def note(text: str) -> None:
    """Say something that is not the result."""
    print(text, file=sys.stderr)


Advance = Callable[[int], None]


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Advance]:
    """Show progress: a bar on a terminal, a plain line every few seconds elsewhere.

    Yields:
        A function to call with how many more units are done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        with _plain(title, total) as advance:
            yield advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda step: bar.update(task, advance=step)


@contextmanager
def _plain(title: str, total: int | None) -> Iterator[Advance]:
    done, told = 0, time.monotonic()

    def advance(step: int) -> None:
        nonlocal done, told
        done += step
        now = time.monotonic()
        if now - told >= PLAIN_EVERY_S:
            told = now
            note(f"{title}: {done:,}" + (f" of {total:,}" if total else ""))

    yield advance


def _stdout() -> Console:
    # a pipe gets wide lines, so that tables in files and logs are not folded at 80 columns
    return Console(width=None if sys.stdout.isatty() else 160)


def _is_number(cell: object) -> bool:
    text = str(cell).replace(",", "").removeprefix("-").removesuffix("%")
    return bool(text) and all(part.isdigit() for part in text.split(".", 1))
