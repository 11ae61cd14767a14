"""Streams of market events: what a source promises, how sources merge, how time is clamped."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Protocol

from grinder_core.contracts.event import Event


class EventSource(Protocol):
    """A stream of market events that can be read from the start any number of times.

    Iterating streams in bounded memory and yields events whose ``seq`` is 0, 1, 2, ... and whose
    ``ts_ms`` never goes back. Malformed input raises ``InputError`` with file and line.
    """

    @property
    def name(self) -> str:
        """What the events were read from, for messages and reports."""
        ...

    def __iter__(self) -> Iterator[Event]: ...


class EventFile(EventSource, Protocol):
    """A source backed by one data file (CORE-04)."""

    @property
    def events_ignored(self) -> int:
        """Lines of unknown type met by the latest pass; they are no events."""
        ...


def merge(sources: Sequence[EventSource]) -> Iterator[Event]:
    """Merge sources by ``ts_ms``, then order of the sources, then order within each.

    Events are renumbered; memory is one event a source.
    """
    ordered = heapq.merge(*sources, key=attrgetter("ts_ms"))
    for seq, event in enumerate(ordered):
        if event.seq == seq:
            yield event
        else:
            yield Event(event.ts_ms, event.payload, seq, event.ts_recv_ms, event.update_id)


class Clock:
    """Keeps times from going back, as the engine needs them (spec/README, row "Time").

    Arrival order is the truth; an earlier time than one already seen is raised to it.
    """

    __slots__ = ("_now", "_payload")

    def __init__(self) -> None:
        self._now = 0
        self._payload: dict[tuple[str, str], int] = {}

    def envelope(self, ts_ms: int) -> int:
        """Return the event's time: the given one, or the latest so far."""
        self._now = max(self._now, ts_ms)
        return self._now

    def payload(self, symbol: str, kind: str, ts: int) -> int:
        """Return the payload's time: the venue's, or the latest of this symbol and kind."""
        key = (symbol, kind)
        latest = self._payload.get(key, 0)
        if ts < latest:
            return latest
        self._payload[key] = ts
        return ts
