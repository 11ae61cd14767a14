"""What a step of a live session says, line by line: the stuff of its digest and its journal."""

from __future__ import annotations

from enum import StrEnum

from attrs import define, field, frozen

from grinder_core.codec import canonical_json, chain, to_dict
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.session.render import Renderer


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
        what: What the line says, for who counts and need not read it back.
    """

    kind: RecordKind
    ts_ms: int
    line: bytes
    is_notable: bool = True
    what: object = field(default=None, eq=False, repr=False)


@frozen
class Saying:
    """What is to be said, not written out yet: an order does not wait for that.

    Attributes:
        what: A decision's output, or a frozen contract or object of JSON values.
    """

    kind: RecordKind
    ts_ms: int
    what: object
    is_notable: bool = True


@define(eq=False)
class Speech:
    """Everything that a session says, in order; written out when somebody wants to read it.

    Args:
        chain: Digest over all that was written out before.
    """

    _chain: bytes
    _waiting: list[Saying] = field(factory=list, init=False)
    _records: list[Record] = field(factory=list, init=False)
    _renderer: Renderer = field(factory=Renderer, init=False)

    def say(self, saying: Saying) -> None:
        """Say one thing more."""
        self._waiting.append(saying)

    @property
    def has_more(self) -> bool:
        """Whether something was said that is not written out."""
        return bool(self._waiting)

    @property
    def chain(self) -> bytes:
        """Digest over everything said."""
        self.written()
        return self._chain

    def written(self) -> list[Record]:
        """Return what was said since ``begin``, written out. In ``exact()``."""
        for saying in self._waiting:
            record = self._write(saying)
            self._chain = chain(self._chain, record.line)
            self._records.append(record)
        self._waiting.clear()
        return self._records

    def begin(self) -> None:
        """Begin a step; what was said before is written out and goes to nobody else."""
        if self._waiting:
            self.written()
        self._records = []

    def _write(self, saying: Saying) -> Record:
        what = saying.what
        if isinstance(what, PaperOutput):
            line = self._renderer.line(what)
        else:
            body = what if isinstance(what, dict) else to_dict(what)
            line = canonical_json({"kind": saying.kind.value, **body}).encode("ascii")
        return Record(saying.kind, saying.ts_ms, line, saying.is_notable, what)
