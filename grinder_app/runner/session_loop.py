"""One session over one stream: whole, up to an event, or on from a checkpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from operator import itemgetter
from typing import Final

from attrs import Factory, evolve, frozen

from grinder_adapters.feeds.source import EventSource
from grinder_app.report.closed_trades import FillWalk
from grinder_app.runner.perpetual import PerpetualWatch
from grinder_app.runner.policy import PolicyTiming, TimedPolicy
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import Fill
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.ports import OutputSink, Venue
from grinder_core.session.checkpoint import Checkpoint, resume, take
from grinder_core.session.collect import Collector
from grinder_core.session.result import PaperResult, carry_over, feed_selection, run_session
from grinder_core.session.session import Driver, Session

TELL_EVERY: Final = 10_000


@frozen(kw_only=True)
class SessionJob:
    """What a session does besides trading.

    Attributes:
        name: Shown as ``fixture_path``.
        interval_ms: One sample of equity and prices in each.
        ignored: Lines that the reader left alone, by kind; added to ``events_ignored``.
        stop_after: Stop once that many events of the stream are in, counted from its beginning.
        start: Continue from here instead of the beginning.
        wants_checkpoint: Take a checkpoint at the end.
        venue: Who answers instead of the simulated venue of the settings.
    """

    config: EngineConfig
    policy: TimedPolicy | None = None
    driver: Driver = Driver.PAPER
    name: str = ""
    interval_ms: int = 60_000
    ignored: Mapping[str, int] = Factory(dict)
    start: Checkpoint | None = None
    stop_after: int | None = None
    wants_checkpoint: bool = False
    venue: Venue | None = None

    def __attrs_post_init__(self) -> None:
        read = 0 if self.start is None else self.start.events_read
        if self.stop_after is not None and self.stop_after <= read:
            raise ConfigError(
                f"must be more than the {read} events already in",
                field="--stop-after",
                value=self.stop_after,
            )


@frozen(kw_only=True)
class SessionEnd:
    """What a session left behind.

    Attributes:
        result: Without trades, which were handed on.
        walk: Its trades, summed up; those of this part where it was continued.
        events_read: Events of the stream that are in, those before a checkpoint included.
        checkpoint: ``None`` unless asked for, and after a failure.
        timing: ``None`` without a user's own policy.
        lacking: What the data lacked of what the settings ask for, a sentence each.
    """

    result: PaperResult
    walk: FillWalk
    events_read: int
    checkpoint: Checkpoint | None
    timing: PolicyTiming | None
    lacking: tuple[str, ...] = ()


def run_job(
    job: SessionJob,
    source: EventSource,
    *,
    on_line: OutputSink | None = None,
    on_trade: Callable[[Fill], None] | None = None,
    tell: Callable[[int], None] | None = None,
) -> SessionEnd:
    """Run one session.

    Args:
        on_line: Called with each output and its canonical line.
        on_trade: Called with each fill; the result keeps none.
        tell: Called with a number of further events, every 10,000 and at the end.

    Returns:
        The end; what ended the session early is in ``result.failure``.

    Raises:
        ArtifactError: The checkpoint is damaged or of another configuration.
        ConfigError: The stream is not the one the checkpoint was taken from.
    """
    walk = FillWalk()
    collector = Collector(
        interval_ms=job.interval_ms, keep_trades=False, on_trade=_each(walk.on_fill, on_trade)
    )
    watched = PerpetualWatch(source, job.config.venue)
    if job.start is None:
        session = Session(
            job.config,
            job.policy,
            driver=job.driver,
            venue=job.venue,
            on_output=collector,
            on_line=on_line,
        )
        feed_selection(session, source)
    else:
        session = resume(job.start, job.config, job.policy, on_output=collector, on_line=on_line)
        carry_over(session, collector)
    skipped = 0 if job.start is None else job.start.events_read
    stream = _Stream(watched, skipped, job.stop_after, session.engine.hot.now, tell)
    over = not job.wants_checkpoint
    result = run_session(session, stream, name=job.name, collector=collector, is_over=over)
    if skipped and result.errors:
        moved = tuple(evolve(e, event_index=e.event_index + skipped) for e in result.errors)
        result = evolve(result, errors=moved)
    if job.ignored:
        result = evolve(result, events_ignored={**job.ignored, **result.events_ignored})
    finished = job.wants_checkpoint and result.failure is None
    return SessionEnd(
        result=result,
        walk=walk,
        events_read=stream.read,
        checkpoint=take(session, stream.read) if finished else None,
        timing=None if job.policy is None else job.policy.timing,
        lacking=tuple(watched.warnings(result)),
    )


def _each(
    first: Callable[[Fill], None], second: Callable[[Fill], None] | None
) -> Callable[[Fill], None]:
    if second is None:
        return first

    def both(fill: Fill) -> None:
        first(fill)
        second(fill)

    return both


class _Stream:
    """A part of a source, counted in steps so that counting costs nothing per event.

    Attributes:
        read: Events passed on or skipped so far; exact at the end of a pass.
    """

    def __init__(
        self,
        source: EventSource,
        skip: int,
        stop_after: int | None,
        now: int,
        tell: Callable[[int], None] | None,
    ) -> None:
        self._source, self._skip, self._stop_after = source, skip, stop_after
        self._now, self._tell = now, tell
        self.read = skip

    def __iter__(self) -> Iterator[Event]:
        events = iter(self._source)
        if self._skip:
            self._pass_over(events)
        left = None if self._stop_after is None else self._stop_after - self._skip
        counter = count()
        numbered = map(itemgetter(0), zip(islice(events, left), counter, strict=False))
        told = -TELL_EVERY
        try:
            for event in numbered:
                told += TELL_EVERY
                if told and self._tell is not None:
                    self._tell(TELL_EVERY)
                yield event
                yield from islice(numbered, TELL_EVERY - 1)
        finally:
            done = next(counter)
            self.read = self._skip + done
            if self._tell is not None:
                self._tell(done - max(told, 0))

    def _pass_over(self, events: Iterator[Event]) -> None:
        last = deque(islice(events, self._skip), maxlen=1)
        if not last or last[0].ts_ms != self._now:
            raise ConfigError(
                f"event {self._skip} of the data is not the one the checkpoint was taken after",
                field="--resume",
                remedy="give the same data, symbols and days again",
            )
