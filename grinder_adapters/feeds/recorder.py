"""Market events to disk, hour by hour, so that a kill costs at most one flush (MM-56).

Events wait in memory until they are flushed, as one segment; when an hour is over its segments
become the hour's file. After a kill the next recorder goes on where the last flush ended and notes
what is missing in between. What it keeps replays to the same events.

Taking an event never touches the disk. ``take`` and ``write`` are apart so that a process with an
event loop can write on another thread while events go on coming in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds import construct
from grinder_adapters.feeds.hour_files import HourFiles, hour_of
from grinder_adapters.feeds.source import Clock
from grinder_adapters.feeds.stream_gaps import Gap, GapFile, Key, last_seen, stream_of
from grinder_core.contracts.event import MARKET_KINDS, Event
from grinder_core.errors import ContractError, GrinderError
from grinder_core.settings import setting

RESTART: Final = "restart"
RECONNECT: Final = "reconnect"
_HOURS_LOOKED_AT: Final = 2  # the newest may have begun a moment before the kill


@frozen(kw_only=True)
class RecorderSettings:
    """How much may be lost."""

    flush_ms: int = setting(
        5_000, "Events older than this are flushed.", ge=1, le=600_000, spec="MM-56"
    )
    events_max: int = setting(50_000, "Events that wait for a flush.", ge=1, spec="MM-56")


@frozen(kw_only=True)
class Batch:
    """What one flush writes."""

    events: Sequence[Event]
    gaps: Sequence[Gap]


class Recorder:
    """Records into a folder; close it, or what waits is lost.

    Args:
        folder: Of the recording; made when missing, continued when not.

    Attributes:
        events: Events kept for good by this recorder.
        gaps: Gaps kept for good by this recorder.

    Raises:
        ConfigError: Another process records there, or the extra ``data`` is not installed.
        ArtifactError: What is there is damaged.
        InputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, settings: RecorderSettings | None = None) -> None:
        self._settings = settings or RecorderSettings()
        self._files = HourFiles(folder)
        self._gap_file = GapFile(folder)
        self._time = Clock()
        self._waiting: list[Event] = []
        self._gaps: list[Gap] = []
        self._error: GrinderError | None = None
        self.events = self.gaps = 0
        try:
            hours = self._files.hours[-_HOURS_LOOKED_AT:]
            self._last = last_seen([path for hour in hours for path in self._files.files_of(hour)])
            newest = max(self._last.values(), default=0)
            self._gap_file.keep(self._last, newest)
        except BaseException:
            self._files.release()
            raise
        self._time.envelope(newest)
        self._broken: dict[Key, tuple[int, str]] = {}
        self.interrupted(RESTART)

    @property
    def needs_flush(self) -> bool:
        """Whether something waits longer than it should, or too much does."""
        waiting, settings = self._waiting, self._settings
        return len(waiting) >= settings.events_max or (
            bool(waiting) and waiting[-1].ts_ms - waiting[0].ts_ms >= settings.flush_ms
        )

    def add(self, event: Event) -> Event:
        """Take one event.

        Returns:
            The event as it will be read again: no earlier than any before it, and received when
            its envelope says.

        Raises:
            ContractError: It is no market event.
            GrinderError: An earlier flush failed; with what it failed.
        """
        self._check()
        payload: Any = event.payload
        if event.kind not in MARKET_KINDS:
            raise ContractError("is no market event", field="type", value=event.kind)
        now = self._time.envelope(event.ts_ms)
        if now != (payload.ts if event.ts_recv_ms is None else event.ts_recv_ms):
            event = construct.event(now, payload, event.seq, now, event.update_id)
        self._note((payload.symbol, stream_of(event.kind)), now)
        self._waiting.append(event)
        return event

    def interrupted(self, reason: str) -> None:
        """Say that events may be missing from here on: each stream's next one ends a gap."""
        for key, ts_ms in self._last.items():
            self._broken.setdefault(key, (ts_ms, reason))

    def take(self) -> Batch:
        """Return what waits, which is then for ``write``."""
        self._check()
        batch = Batch(events=self._waiting, gaps=self._gaps)
        self._waiting, self._gaps = [], []
        return batch

    def write(self, batch: Batch) -> None:
        """Keep what was taken for good, and make the files of hours that are over.

        Raises:
            InputError: The disk refuses; what was written before is kept, and this recorder
                takes nothing more.
        """
        self._check()
        try:
            self._write(batch)
        except GrinderError as error:
            self._error = error
            raise

    def flush(self) -> None:
        """Keep what waits for good; raises as ``write`` does."""
        self.write(self.take())

    def close(self) -> None:
        """Flush, and make the file of the open hour too; after a failure only let go.

        Raises:
            InputError: The disk refuses.
        """
        try:
            if self._error is None:
                self.flush()
                self._files.merge()
        finally:
            self._files.release()

    # -- inside --------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _note(self, key: Key, now: int) -> None:
        self._last[key] = now
        since = self._broken.pop(key, None)
        if since is not None and since[0] < now:
            symbol, stream = key
            self._gaps.append(
                Gap(symbol=symbol, stream=stream, from_ms=since[0], to_ms=now, reason=since[1])
            )

    def _write(self, batch: Batch) -> None:
        if not batch.events:
            return
        if batch.gaps:  # before their ends: a gap without its end is found at the next start
            self._gap_file.append(batch.gaps)
            self.gaps += len(batch.gaps)
        for hour, events in groupby(batch.events, key=lambda event: hour_of(event.ts_ms)):
            kept = list(events)
            self._files.write(hour, kept)
            self.events += len(kept)
        self._files.merge(before=hour)
