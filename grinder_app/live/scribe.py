"""The journal of a live session: every event before its step, what the step said after it.

Events are what a replay needs. Records are derived, and stand there for people: each could be made
again from the events before it. Market events go into blocks, everything else is a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import orjson
from attrs import frozen

from grinder_adapters.feeds import construct
from grinder_adapters.feeds.grammar import read_line, read_line_fast, write_line
from grinder_adapters.journal.committer import JournalStats
from grinder_core.codec import canonical_json, from_dict, to_dict
from grinder_core.contracts.control import Timer
from grinder_core.contracts.event import MARKET_KINDS, Event, Payload
from grinder_core.errors import ArtifactError, InputError
from grinder_core.live.config import LiveConfig
from grinder_core.live.records import Record

EVENT_STREAM: Final = "event"
EXEC_STREAM: Final = "exec"
MARKET_STREAM: Final = "market"
DIGEST_KIND: Final = "DIGEST"
HEAD_STREAM: Final = "head"
CONFIG_KIND: Final = "CONFIG"
_MARKET: Final = tuple(MARKET_KINDS.values())
_TIMER: Final = Timer()


class JournalPort(Protocol):
    """What a live session needs of its journal; see ``grinder_adapters/journal``."""

    @property
    def is_writable(self) -> bool:
        """Whether the last commit succeeded."""

    @property
    def stats(self) -> JournalStats:
        """What this process wrote so far, for metrics."""

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        """Append a row; return its number."""

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Append a market line to the running block."""

    def intent(self, key: str, ts_ms: int, body: str) -> int:
        """Note that a write is about to be asked for."""

    def intent_done(self, key: str, ts_ms: int, body: str = "{}") -> int:
        """Note that the outcome of an intent is known."""

    def open_intents(self) -> dict[str, str]:
        """Return the intents whose outcome is not noted, body by key."""

    def mark(self) -> int:
        """Close the running block; return the number of the last row."""

    def checkpoint(self, seq: int, ts_ms: int, text: str) -> int:
        """Append a checkpoint that holds all up to row ``seq``."""

    async def sync(self) -> None:
        """Return when everything appended so far is on disk."""

    def close(self) -> None:
        """Write everything to disk and stop."""


class StoredRow(Protocol):
    """A row as a reader of the journal gives it."""

    @property
    def seq(self) -> int:
        """Its number."""

    @property
    def ts_ms(self) -> int:
        """Unix milliseconds."""

    @property
    def stream(self) -> str:
        """Its stream."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def body(self) -> str:
        """Canonical JSON, or a market line."""


@frozen
class Digest:
    """What a session had said when this was written, and after how many events."""

    events: int
    chain: str


@frozen
class Configured:
    """Under what a process took the session up.

    Attributes:
        policy: Name of the user's own policy; empty: the built-in ones.
    """

    config: LiveConfig
    policy: str


class Scribe:
    """Writes one session."""

    def __init__(self, journal: JournalPort) -> None:
        self.journal = journal

    def event(self, event: Event) -> None:
        """Write an event; its time is when it was received."""
        payload = event.payload
        if isinstance(payload, _MARKET):
            self.journal.append_market(write_line(event)[:-1], event.ts_ms)
        else:
            body = canonical_json(to_dict(payload))
            self.journal.append(EVENT_STREAM, event.kind, event.ts_ms, body)

    def records(self, records: Sequence[Record]) -> None:
        """Write what a step said, as far as it is of interest by itself."""
        for record in records:
            if record.is_notable:
                body = record.line.decode("ascii")
                self.journal.append(EXEC_STREAM, record.kind.value, record.ts_ms, body)

    def configured(self, told: Configured, more: dict[str, Any], ts_ms: int) -> None:
        """Write under what the session goes on.

        Args:
            more: What people want to know besides, such as settings with their origins.
        """
        body = {"live": told.config.to_dict(), "policy": told.policy, "shown": more}
        self.journal.append(HEAD_STREAM, CONFIG_KIND, ts_ms, canonical_json(body))

    def digest(self, digest: Digest, ts_ms: int) -> None:
        """Write where the session stands, for a replay to compare."""
        body = canonical_json({"chain": digest.chain, "events": digest.events})
        self.journal.append(EXEC_STREAM, DIGEST_KIND, ts_ms, body)


def stamped(event: Event, now: int, seq: int) -> Event:
    """Return a market event as it is received ``now``: the only time that a journal keeps."""
    return construct.event(now, event.payload, seq, now, event.update_id)


def read_rows(rows: Iterable[StoredRow], seq: int) -> Iterator[Event | Digest | Configured]:
    """Yield the events of a journal, with the digests and configurations between them.

    Args:
        seq: Number of the event before the first.

    Raises:
        ArtifactError: A row of the session cannot be read.
    """
    for row in rows:
        if row.stream == MARKET_STREAM:
            seq += 1
            yield read_market(row.body, seq)
            continue
        item = read_item(row, seq + 1)
        if item is not None:
            seq += isinstance(item, Event)
            yield item


def read_market(line: str, seq: int) -> Event:
    """Read a market line.

    Raises:
        ArtifactError: It is none.
    """
    raw = line.encode("ascii")
    event = read_line_fast(raw, seq)
    if event is None:
        try:
            event = read_line(raw, seq)
        except InputError as error:
            raise ArtifactError(f"cannot be read: {error}", field="market line") from error
        if event is None:
            raise ArtifactError("is no market event", field="market line", value=line)
    return event


def read_item(row: StoredRow, seq: int) -> Event | Digest | Configured | None:
    """Read a row that is no market line; ``None``: it says nothing that a replay needs.

    Args:
        seq: Number of the event, if it is one.

    Raises:
        ArtifactError: It cannot be read.
    """
    if row.stream == EVENT_STREAM:
        return Event(row.ts_ms, read_payload(row.kind, row.body), seq)
    if row.stream == EXEC_STREAM and row.kind == DIGEST_KIND:
        found: dict[str, Any] = orjson.loads(row.body)
        return Digest(int(found["events"]), str(found["chain"]))
    if row.stream == HEAD_STREAM and row.kind == CONFIG_KIND:
        return read_configured(row.body)
    return None


def read_configured(body: str) -> Configured:
    """Read under what a session went on.

    Raises:
        ArtifactError: It cannot be read.
    """
    try:
        found = orjson.loads(body)
        return Configured(LiveConfig.from_dict(found["live"]), str(found["policy"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"cannot be read: {error}", field=CONFIG_KIND) from error


def read_payload(kind: str, body: str) -> Payload:
    """Read what an event carried.

    Raises:
        ArtifactError: It is no such payload.
    """
    if kind == "TIMER":
        return _TIMER
    try:
        return from_dict(Payload, {"type": kind, **orjson.loads(body)})  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"cannot be read: {error}", field=kind) from error
