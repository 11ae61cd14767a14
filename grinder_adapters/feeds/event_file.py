"""Data files by extension: JSON Lines, JSON Lines in gzip, Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from grinder_adapters.feeds.atomic import WriteReport
from grinder_adapters.feeds.jsonl import JsonlFile, write_jsonl
from grinder_adapters.feeds.parquet import ParquetFile, write_parquet
from grinder_adapters.feeds.source import EventFile
from grinder_core.contracts.event import Event
from grinder_core.errors import FixtureError

EXTENSIONS: Final = (".jsonl", ".jsonl.gz", ".parquet")


def open_events(path: Path) -> EventFile:
    """Open a data file for any number of passes.

    Raises:
        FixtureError: Missing, a directory, empty, of unknown extension, or (Parquet) with wrong
            columns; while iterating: malformed content, with file, line, field, value and rule.
        ConfigError: Parquet without the extra ``data``.
    """
    if check_extension(path) == ".parquet":
        return ParquetFile(path)
    return JsonlFile(path)


def write_events(path: Path, events: Iterable[Event]) -> WriteReport:
    """Write market events to a new data file; on any failure the target stays as it was.

    Raises:
        FixtureError: Unknown extension, no events, or time goes back.
        ContractError: An event is no market event, or its time would not survive (``ts_ms`` must
            be ``ts_recv_ms`` where there is one, else the payload's ``ts``).
        InputError: The target cannot be written.
        ConfigError: Parquet without the extra ``data``.
    """
    if check_extension(path) == ".parquet":
        return write_parquet(path, events)
    return write_jsonl(path, events)


def check_extension(path: Path) -> str:
    """Return which of the known extensions a name has.

    Raises:
        FixtureError: None of them.
    """
    for extension in reversed(EXTENSIONS):
        if path.name.endswith(extension):
            return extension
    raise FixtureError(
        f"must end in {', '.join(EXTENSIONS)}",
        field="name",
        value=path.name,
        where=str(path),
        remedy="import other recordings with grinder data import",
    )
