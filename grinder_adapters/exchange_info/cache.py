"""The venue's last answer, kept as a file."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import frozen

from grinder_adapters.exchange_info.document import read_constraints
from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import FixtureError, InputError


@frozen(kw_only=True)
class Cached:
    """What a cache file holds.

    Attributes:
        modified_ms: The file's time, Unix milliseconds.
        warnings: One for each symbol skipped.
    """

    constraints: dict[str, SymbolConstraints]
    modified_ms: int
    warnings: tuple[str, ...]


def read_cache(path: Path) -> Cached | None:
    """Read a cache file; ``None`` where it is missing, unreadable or no such file."""
    try:
        modified_ms = path.stat().st_mtime_ns // 1_000_000
        constraints, warnings = read_constraints(path)
    except (OSError, FixtureError):
        return None  # CORE-34: an unreadable cache is a missing one
    return Cached(constraints=constraints, modified_ms=modified_ms, warnings=warnings)


def write_cache(path: Path, body: bytes) -> None:
    """Write a venue's answer with sorted keys and an indent of two, whole or not at all.

    Args:
        body: The JSON as it came; fractions outside of texts keep their shortest digits, and no
            constraint is read from one.

    Raises:
        InputError: The folder cannot be made or written, or the body has no JSON of its own.
    """
    try:
        text = json.dumps(json.loads(body), indent=2, sort_keys=True, allow_nan=False) + "\n"
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot be written as JSON: {error}", where=str(path)) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(path.parent)) from error
    with atomic_file(path) as file:
        file.write(text.encode("ascii"))
