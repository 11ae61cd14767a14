"""What a step of a live session says, line by line: the stuff of its digest and its journal."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

from grinder_core.codec import canonical_json


class RecordKind(StrEnum):
    """Kinds of lines; published, append only."""

    DECISION = "DECISION"
    ACTION = "ACTION"
    TRANSITION = "TRANSITION"
    NOTICE = "NOTICE"
    LATCH = "LATCH"
    REFUSED = "REFUSED"


@frozen
class Record:
    """One line.

    Attributes:
        line: Canonical JSON, without a line feed.
        is_notable: Whether a journal shows it by itself: decisions that change nothing are only
            part of the digest.
    """

    kind: RecordKind
    ts_ms: int
    line: bytes
    is_notable: bool = True

    @classmethod
    def of(cls, kind: RecordKind, ts_ms: int, body: Mapping[str, Any]) -> Record:
        """Render one."""
        return cls(kind, ts_ms, canonical_json({"kind": kind.value, **body}).encode("ascii"))
