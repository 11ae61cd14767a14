"""Recording a venue's market to disk: events come in here, one thread writes them (MM-56)."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import Factory, frozen

from grinder_adapters.binance.feed import BinanceFeed, FeedStats
from grinder_adapters.clock import Clock
from grinder_adapters.feeds.recorder import RECONNECT, Recorder, RecorderSettings
from grinder_adapters.feeds.stream_gaps import Gap, GapFile, Key, stream_of
from grinder_app.runner.live_market import open_market, until_stopped
from grinder_app.runner.market_options import MarketPlan
from grinder_core.codec import to_dict
from grinder_core.contracts.event import Event


@frozen(kw_only=True)
class RecordPlan:
    """What to record.

    Attributes:
        out: The folder; continued when something was recorded there before.
    """

    market: MarketPlan
    out: Path
    settings: RecorderSettings = Factory(RecorderSettings)


@frozen(kw_only=True)
class RecordReport:
    """What was recorded.

    Attributes:
        events: Kept by this run, by symbol and stream.
        gaps: All of the folder, those of earlier runs included.
        files: The hours of the folder.
        feed: Counts of the connection.
    """

    events: dict[Key, int]
    gaps: list[Gap]
    files: list[Path]
    feed: FeedStats

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "events": {f"{symbol} {stream}": n for (symbol, stream), n in self.events.items()},
            "gaps": [to_dict(gap) for gap in self.gaps],
            "files": [str(path) for path in self.files],
            "feed": to_dict(self.feed),
        }


async def record(
    plan: RecordPlan, clock: Clock, on_event: Callable[[Event], None] = lambda event: None
) -> RecordReport:
    """Record until the time is over or a signal comes.

    Args:
        on_event: Called with each event as it will be read again.

    Raises:
        InputError: The venue does not list a symbol, or the disk refuses.
        ArtifactError: The folder holds something damaged.
        ConnectorError: The venue cannot be reached, or was lost for good; what had come until
            then is kept.
    """
    recorder = Recorder(plan.out, plan.settings)
    with ThreadPoolExecutor(1, "recorder") as thread:
        recording = _Recording(recorder, thread, plan.settings, on_event)
        try:
            lost = recording.lost
            async with open_market(plan.market, clock, lambda: lost(clock.now_ms())) as feed:
                await until_stopped(
                    plan.market.duration_s, recording.receive(feed), recording.keep_flushing()
                )
                stats = feed.stats
            await recording.flush()  # tells what a flush that was under way met
        finally:
            await recording.close()
    return RecordReport(
        events=dict(recording.counts),
        gaps=GapFile(plan.out).read(),
        files=sorted(plan.out.glob("*.parquet")),
        feed=stats,
    )


class _Recording:
    """One recorder, its feed and its thread."""

    def __init__(
        self,
        recorder: Recorder,
        thread: ThreadPoolExecutor,
        settings: RecorderSettings,
        on_event: Callable[[Event], None],
    ) -> None:
        self._recorder, self._thread, self._settings = recorder, thread, settings
        self._on_event = on_event
        self._flushing = asyncio.Lock()
        self._losses = deque[int]()
        self.counts: Counter[Key] = Counter()

    async def receive(self, feed: BinanceFeed) -> None:
        """Take events; while a flush that is due waits for the disk, they wait in the feed."""
        recorder = self._recorder
        async for event in feed.iter_events():
            while self._losses and self._losses[0] < event.ts_ms:  # earlier ones were on the way
                self._losses.popleft()
                recorder.interrupted(RECONNECT)
            kept = recorder.add(event)
            payload: Any = kept.payload
            self.counts[payload.symbol, stream_of(kept.kind)] += 1
            self._on_event(kept)
            if recorder.needs_flush:
                await self.flush()

    def lost(self, now: int) -> None:
        """Note that the connection was lost: what is received later comes after a gap."""
        self._losses.append(now)

    async def keep_flushing(self) -> None:
        """Flush also when nothing comes."""
        while True:
            await asyncio.sleep(self._settings.flush_ms / 1_000)
            await self.flush()

    async def flush(self) -> None:
        """Keep what waits; one flush at a time, and one that began is not given up."""
        async with self._flushing:
            batch = self._recorder.take()
            await asyncio.shield(self._on_thread(self._recorder.write, batch))

    async def close(self) -> None:
        """Keep the rest."""
        await self._on_thread(self._recorder.close)

    def _on_thread(self, act: Callable[..., None], *values: object) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._thread, act, *values)
