"""What each section is about, from the docstring of the class that declares it."""

from __future__ import annotations

from attrs import fields

from grinder_app.config.catalog import BESIDE_ENGINE
from grinder_core.engine.config import EngineConfig


def meaning_of(section: str) -> str:
    """Return one sentence without its full stop."""
    kind = BESIDE_ENGINE.get(section)
    if kind is None:
        kind = type(getattr(fields(EngineConfig), section).default)
    first = (kind.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split()).split(";")[0].removesuffix(".")
