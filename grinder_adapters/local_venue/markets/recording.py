"""Recorded markets of any form as a source: event files, captures, public dumps, klines (LIVE-40).

Played in a loop, each pass follows the one before: times, update ids and trade ids go on rising,
so that a client takes the second pass as it took the first. Where the passes meet, prices jump
and the chain of depth changes breaks, as at a restart of the venue's engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from grinder_adapters.feeds import construct
from grinder_adapters.feeds.event_file import EXTENSIONS, open_events
from grinder_adapters.feeds.fixture import CONFIG_NAME
from grinder_adapters.feeds.funded import Funded, read_funding
from grinder_adapters.feeds.klines import KlineSource
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.feeds.recordings import Format, RecordingOptions, format_of, open_recordings
from grinder_adapters.feeds.source import EventSource, merge
from grinder_core.contracts.event import Event, MarketPayload
from grinder_core.contracts.market import DepthDiff, MarkPrice, Trade
from grinder_core.errors import ConfigError, FixtureError

LOOP_PAUSE_MS: Final = 1_000  # between the last event of a pass and the first of the next


@frozen
class RecordedMarket:
    """Files, or the files of folders, as one stream.

    Attributes:
        paths: Merged by time; at equal times the order given decides.
        symbols: Take only these; empty takes all.
        tick_sizes: Price increments for the quotes that are made of klines.
        is_looped: Begin again at the end, for ever.

    Raises:
        ConfigError: No path, one twice, or nothing but funding; at the end of the first pass: a
            symbol does not occur.
        FixtureError: A file is missing, empty or of no known form, a folder is empty; while
            iterating: malformed content, with file, line, field, value and rule.
    """

    paths: Sequence[Path]
    symbols: frozenset[str] = frozenset()
    tick_sizes: Mapping[str, Decimal] = field(factory=dict)
    is_looped: bool = False
    _source: EventSource = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_source", self._open(_files(self.paths)))

    @property
    def name(self) -> str:
        """What is played."""
        return self._source.name

    def __iter__(self) -> Iterator[Event]:
        lap, seq = _Shift(), 0
        while True:
            last = _Pass()
            for event in self._narrowed():
                last.see(event)
                yield lap.applied_to(event, seq)
                seq += 1
            if not seq:
                raise FixtureError("holds no events", where=self.name)
            if not self.is_looped:
                return
            lap = lap.after(last)

    def _open(self, files: Sequence[Path]) -> EventSource:
        by_kind: dict[Format | None, list[Path]] = {}
        for file in files:
            by_kind.setdefault(_kind_of(file), []).append(file)
        funding = by_kind.pop(Format.FUNDING, [])
        if not by_kind:
            raise ConfigError("must name files with prices", field="paths", value=self.paths)
        # a capture need not parse what nobody asked for
        only = self.symbols if by_kind.keys() == {Format.CAPTURE} else frozenset[str]()
        sources = [
            source for kind, group in by_kind.items() for source in self._sources(kind, group, only)
        ]
        whole = sources[0] if len(sources) == 1 else _Merged(sources)
        return Funded(whole, read_funding(funding)) if funding else whole

    def _sources(
        self, kind: Format | None, files: Sequence[Path], only: frozenset[str]
    ) -> list[EventSource]:
        if kind is None:
            return [open_events(file) for file in files]
        if kind is Format.KLINES:
            return [KlineSource(files, Problems(), tick_sizes=self.tick_sizes)]
        options = RecordingOptions(format=kind, symbols=only)
        return [open_recordings(files, Problems(), options)]

    def _narrowed(self) -> Iterator[Event]:
        if not self.symbols:
            yield from self._source
            return
        seen: set[str] = set()
        for event in self._source:
            symbol = getattr(event.payload, "symbol", "")
            if symbol in self.symbols:
                seen.add(symbol)
                yield event
        if missing := sorted(self.symbols - seen):
            raise ConfigError(
                f"does not occur in {self.name}", field="symbols", value=",".join(missing)
            )


@frozen
class _Merged:
    sources: Sequence[EventSource]

    @property
    def name(self) -> str:
        return ", ".join(source.name for source in self.sources)

    def __iter__(self) -> Iterator[Event]:
        return merge(self.sources)


@define
class _Pass:
    """What a pass covered; ids of a kind are counted over all symbols."""

    first_ms: int | None = None
    last_ms: int = 0
    update_id_max: int = 0
    trade_id_max: int = 0

    def see(self, event: Event) -> None:
        if self.first_ms is None:
            self.first_ms = event.ts_ms
        self.last_ms = event.ts_ms
        self.update_id_max = max(self.update_id_max, event.update_id or 0)
        payload = event.payload
        if isinstance(payload, DepthDiff):
            self.update_id_max = max(self.update_id_max, payload.last_update_id)
        elif isinstance(payload, Trade):
            self.trade_id_max = max(self.trade_id_max, payload.trade_id)


@frozen(kw_only=True)
class _Shift:
    """What a later pass adds to times and ids."""

    time_ms: int = 0
    update_ids: int = 0
    trade_ids: int = 0

    def after(self, done: _Pass) -> _Shift:
        """Return what the pass after this one adds."""
        first_ms = done.last_ms if done.first_ms is None else done.first_ms
        return _Shift(
            time_ms=self.time_ms + done.last_ms - first_ms + LOOP_PAUSE_MS,
            update_ids=self.update_ids + done.update_id_max + 1,
            trade_ids=self.trade_ids + done.trade_id_max + 1,
        )

    def applied_to(self, event: Event, seq: int) -> Event:
        if not self.time_ms:
            if event.seq == seq:
                return event
            return construct.event(
                event.ts_ms, event.payload, seq, event.ts_recv_ms, event.update_id
            )
        received, update_id = event.ts_recv_ms, event.update_id
        return construct.event(
            event.ts_ms + self.time_ms,
            self._payload(cast(MarketPayload, event.payload)),
            seq,
            None if received is None else received + self.time_ms,
            None if update_id is None else update_id + self.update_ids,
        )

    def _payload(self, payload: MarketPayload) -> MarketPayload:
        changes: dict[str, Any] = {"ts": payload.ts + self.time_ms}
        if isinstance(payload, DepthDiff):
            changes["first_update_id"] = payload.first_update_id + self.update_ids
            changes["last_update_id"] = payload.last_update_id + self.update_ids
            if payload.prev_update_id is not None:
                changes["prev_update_id"] = payload.prev_update_id + self.update_ids
        elif isinstance(payload, Trade):
            changes["trade_id"] = payload.trade_id + self.trade_ids
        elif isinstance(payload, MarkPrice) and payload.next_funding_ts is not None:
            changes["next_funding_ts"] = payload.next_funding_ts + self.time_ms
        return evolve(payload, **changes)


def _files(paths: Sequence[Path]) -> list[Path]:
    """Name the files of folders, by name; dot files and a fixture's settings are left out."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.iterdir()
                if not file.name.startswith(".") and file.name != CONFIG_NAME
            )
            if not inside:
                raise FixtureError("holds no files", where=str(path))
            files += inside
        else:
            files.append(path)
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise ConfigError("is given twice", field="paths", value=str(file))
        seen.add(file.resolve())
    if not files:
        raise ConfigError("must name at least one file", field="paths")
    return files


def _kind_of(path: Path) -> Format | None:
    """Tell what a recording is; ``None`` is a file of events."""
    try:
        return format_of(path)
    except FixtureError:
        if path.is_file() and path.name.endswith(EXTENSIONS):
            return None
        raise
