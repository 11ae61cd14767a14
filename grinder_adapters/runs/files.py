"""JSON files of a run folder: pretty canonical form out, strict reading in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.codec import canonical_json
from grinder_core.errors import ArtifactError

RUN_FILE: Final = "run.json"
RESULT_FILE: Final = "result.json"
OUTPUTS_FILE: Final = "outputs.jsonl"
SEAL_FILE: Final = "files.json"
SESSIONS_FOLDER: Final = "sessions"


def pretty_json(value: object) -> str:
    """Return canonical values with an indent of two and a line feed at the end."""
    plain = json.loads(canonical_json(value))
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def write_json(path: Path, value: object) -> None:
    """Write a value in the pretty form, whole or not at all.

    Raises:
        InputError: The folder cannot be written.
        ContractError: The value has no canonical form.
    """
    text = pretty_json(value)
    with atomic_file(path) as file:
        file.write(text.encode("ascii"))


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that ``write_json`` wrote.

    Raises:
        ArtifactError: The file is missing, unreadable, no JSON object, or holds a float.
    """
    try:
        value = json.loads(path.read_bytes(), parse_float=_refuse, parse_constant=_refuse)
    except OSError as error:
        raise ArtifactError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"is damaged: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise ArtifactError("is damaged: not a JSON object", where=str(path))
    return value


def _refuse(text: str) -> None:
    raise ValueError(f"the number {text} is no decimal string")
