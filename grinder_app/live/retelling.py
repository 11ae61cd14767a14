"""A journal folded again, and every word of it held against what is said now (LIVE-38).

Events are what went in. Everything that the journal says came out (actions with their verdicts,
decisions in which something happened, transitions, notices, latches) is made anew and compared, row
by row; digests cover the rest. Nothing is performed and nobody is asked.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from attrs import Factory, define, frozen

from grinder_adapters.journal import JournalReader
from grinder_adapters.journal.pending import HEAD_KIND, HEAD_STREAM
from grinder_adapters.journal.record import FIRST_SEQ
from grinder_adapters.journal.stored import Stored
from grinder_app.live.recovering import Replayer, market_lines
from grinder_app.live.scribe import DIGEST_KIND, EXEC_STREAM, Digest, read_item, read_market
from grinder_core.contracts.event import Event
from grinder_core.errors import ContractError, InvariantError, PolicyError
from grinder_core.live.core import LiveCore, Step
from grinder_core.live.records import Record
from grinder_core.numbers import exact
from grinder_core.ports import Policy

NOTHING = "nothing"


@frozen(kw_only=True)
class Parting:
    """Where journal and replay part.

    Attributes:
        seq, ts_ms: The row, and its time.
        told: What the journal says.
        made: What is said now.
    """

    seq: int
    ts_ms: int
    told: str
    made: str


@define(kw_only=True)
class Retold:
    """What a replay found.

    Attributes:
        first_seq, last_seq: Rows that were read.
        from_checkpoint: It began behind a checkpoint, as older rows are archived.
        events: Folded.
        said: What was said, by kind, whether or not the journal shows it by itself.
        compared: Rows of the journal that were equal, by kind; digests included.
        effects: Handed on for the venue.
        cut: Rows that the end of a process kept from being written.
        digest: The chain at the end.
        parting: ``None``: journal and replay say the same.
    """

    first_seq: int = FIRST_SEQ
    last_seq: int = FIRST_SEQ - 1
    from_checkpoint: bool = False
    events: int = 0
    said: Counter[str] = Factory(Counter)
    compared: Counter[str] = Factory(Counter)
    effects: int = 0
    cut: int = 0
    digest: str = ""
    parting: Parting | None = None


class Watch(Protocol):
    """Looks on."""

    def before(self, core: LiveCore, event: Event) -> bool:
        """See an event before it is folded; ``True``: enough was seen."""

    def after(self, core: LiveCore, event: Event, step: Step) -> None:
        """See what came of it."""


class _PartedError(Exception):
    """Journal and replay say different things."""

    def __init__(self, parting: Parting) -> None:
        super().__init__(parting.told)
        self.parting = parting


class Reteller:
    """Folds one journal.

    Args:
        policy: The user's own, if the session had one.
        watch: Sees every event; ``None``: nobody does.
    """

    def __init__(self, policy: Policy | None = None, watch: Watch | None = None) -> None:
        self.found = Retold()
        self._replayer = Replayer(policy=policy)
        self._watch = watch
        self._unsaid: deque[Record] = deque()
        self._seq = 0
        self._cut = 0
        self._is_enough = False

    @property
    def core(self) -> LiveCore | None:
        """The session, as far as it was folded."""
        return self._replayer.core

    def run(
        self,
        reader: JournalReader,
        until: int | None = None,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> Retold:
        """Fold the rows, up to ``until`` or where journal and replay part.

        Args:
            advance: Told how many more rows are done.

        Raises:
            ArtifactError: The journal is damaged, or holds nothing to begin with.
            ConfigError: It was made by a policy of the user's own, and none is given.
        """
        self.found.first_seq = start = self._start(reader)
        self.found.last_seq = start - 1
        return self._go(reader, until, advance)

    def more(self, reader: JournalReader) -> Retold:
        """Fold what was written since; after ``run`` read to the end and nothing parted.

        Raises:
            ArtifactError: The rows are damaged.
            ConfigError: As ``run``.
        """
        return self._go(reader, None, lambda rows: None)

    def _go(
        self, reader: JournalReader, until: int | None, advance: Callable[[int], None]
    ) -> Retold:
        found = self.found
        with exact():
            for stored in reader.stored(found.last_seq + 1):
                if self._is_enough or (until is not None and stored.row.seq > until):
                    break
                try:
                    self._read(stored)
                except _PartedError as parted:
                    found.parting = parted.parting
                    break
                found.last_seq = stored.row.seq
                advance(1)
            else:
                found.cut = self._cut + len(self._unsaid)  # as for the process that wrote last
        core = self._replayer.begun()
        found.digest = core.digest
        return found

    def _start(self, reader: JournalReader) -> int:
        first = reader.first_seq()
        if first == FIRST_SEQ:
            return first
        reader.newest_checkpoint()  # raises where none is sound
        oldest = reader.checkpoints()[0][-1]
        self._replayer.resume(oldest.text)
        self._seq = self._replayer.begun().hot.events
        self.found.from_checkpoint = True
        return oldest.seq + 1

    def _read(self, stored: Stored) -> None:
        row = stored.row
        if stored.data is not None:
            core = self._replayer.begun()
            for line in market_lines(stored):
                self._seq += 1
                self._fold(core, read_market(line, self._seq), row.seq)
                if self._is_enough:
                    return
        elif row.stream == EXEC_STREAM and row.kind != DIGEST_KIND:
            self._compare(row.seq, row.ts_ms, row.kind, row.body)
        elif row.stream == HEAD_STREAM and row.kind == HEAD_KIND:
            self._cut += len(self._unsaid)  # the process before ended in the middle of it
            self.found.cut = self._cut
            self._unsaid.clear()
        else:
            item = read_item(row, self._seq + 1)
            if isinstance(item, Event):
                self._seq += 1
                self._fold(self._replayer.begun(), item, row.seq)
            elif isinstance(item, Digest):
                self._compare_digest(row.seq, row.ts_ms, item)
            elif item is not None:
                self._replayer.feed(item)

    def _fold(self, core: LiveCore, event: Event, seq: int) -> None:
        watch = self._watch
        if self._unsaid:
            made = self._unsaid[0]
            raise _parting_at(seq, made.ts_ms, NOTHING, f"{made.kind.value} {_text(made)}")
        if watch is not None and watch.before(core, event):
            self._is_enough = True
            return
        try:
            step = core.fold(event)
        except (ContractError, InvariantError, PolicyError) as error:
            raise _parting_at(seq, event.ts_ms, f"{event.kind}, folded", str(error)) from error
        found = self.found
        found.events += 1
        if step.has_something:
            found.effects += len(step.effects)
            for record in step.records:
                found.said[record.kind.value] += 1
                if record.is_notable:
                    self._unsaid.append(record)
        if watch is not None:
            watch.after(core, event, step)

    def _compare(self, seq: int, ts_ms: int, kind: str, body: str) -> None:
        told = f"{kind} {body}"
        if not self._unsaid:
            raise _parting_at(seq, ts_ms, told, NOTHING)
        made = self._unsaid.popleft()
        if (made.kind.value, made.ts_ms, made.line) != (kind, ts_ms, body.encode("ascii")):
            raise _parting_at(seq, ts_ms, told, f"{made.kind.value} {_text(made)}")
        self.found.compared[kind] += 1

    def _compare_digest(self, seq: int, ts_ms: int, told: Digest) -> None:
        core = self._replayer.begun()
        if (core.hot.events, core.digest) != (told.events, told.chain):
            raise _parting_at(
                seq,
                ts_ms,
                f"{told.chain} after {told.events} events",
                f"{core.digest} after {core.hot.events} events",
            )
        self.found.compared[DIGEST_KIND] += 1


def _text(record: Record) -> str:
    return record.line.decode("ascii")


def _parting_at(seq: int, ts_ms: int, told: str, made: str) -> _PartedError:
    return _PartedError(Parting(seq=seq, ts_ms=ts_ms, told=told, made=made))
