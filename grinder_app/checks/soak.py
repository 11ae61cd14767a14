"""Run every fixture again and again and measure what the soak gate judges (CORE-44).

Work is measured event by event, one run after the other, on the machine at hand. Latency and
queue depth follow from it as if the events came at their recorded pace (``overload``: ten times
as fast): an event that comes while another is in work waits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

from attrs import Factory, define, frozen

from grinder_adapters.feeds.fixture import Fixture, load_fixture
from grinder_adapters.feeds.grammar import parse_object
from grinder_app.checks.fixture_report import find_fixtures
from grinder_core.checks.soak import (
    FixtureDigests,
    SoakMode,
    SoakReport,
    Thresholds,
    fill_rate,
    nearest_rank,
    thresholds_of,
)
from grinder_core.checks.waiting import wait_in_line
from grinder_core.codec import from_dict
from grinder_core.contracts.enums import FillMode
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, InputError
from grinder_core.numbers import ceil_div, dec_up
from grinder_core.session.result import feed_selection, run_session
from grinder_core.session.session import Session

RUNS: Final = 3
THRESHOLDS_FILE: Final = Path(__file__).with_name("soak_thresholds.json")
SPEEDUP: Final = {SoakMode.BASELINE: 1, SoakMode.OVERLOAD: 10}

_NS_IN_MS: Final = 10**6
_KILO: Final = 1024


@frozen(kw_only=True)
class RunMeasure:
    """What one run over one fixture gave.

    Attributes:
        dropped: Quotes that got no output.
        decisions, orders: Latencies of all quotes, and of those that placed orders; nanoseconds.
    """

    digest: str | None
    errors: int
    dropped: int
    placed: int
    filled: int
    decisions: Sequence[int]
    orders: Sequence[int]
    queue_depth_max: int


def run_soak(
    root: Path,
    *,
    runs: int = RUNS,
    mode: SoakMode = SoakMode.BASELINE,
    on_run: Callable[[], None] | None = None,
) -> SoakReport:
    """Run every fixture ``runs`` times, and once more with ``instant`` fills for the fill rate.

    Args:
        on_run: Called after each run, for progress.

    Raises:
        ConfigError: ``runs`` is below 2: one run cannot differ from another.
        InputError: There is no fixture, or one cannot be read.
    """
    if runs < 2:
        raise ConfigError(
            "must be >= 2: one run cannot differ from another", field="runs", value=runs
        )
    fixtures = [load_fixture(folder, root) for folder in find_fixtures(root)]
    tell = on_run or _nothing
    digests, measures, instant = [], [], []
    for fixture in fixtures:
        repeated = [_measure(fixture, fixture.config, SPEEDUP[mode], tell) for _ in range(runs)]
        digests.append(
            FixtureDigests(name=fixture.name, digests=tuple(run.digest for run in repeated))
        )
        measures += repeated
        at_once = fixture.config.with_values({"fill_mode": FillMode.INSTANT})
        instant.append(_measure(fixture, at_once, SPEEDUP[mode], tell))
    decisions = [ns for run in measures for ns in run.decisions]
    orders = [ns for run in measures for ns in run.orders]
    return SoakReport(
        mode=mode,
        runs=runs,
        fixtures=tuple(digests),
        all_digests_stable=all(fixture.is_stable for fixture in digests),
        errors_total=sum(run.errors for run in (*measures, *instant)),
        events_dropped=sum(run.dropped for run in (*measures, *instant)),
        fill_rate=fill_rate(sum(run.filled for run in instant), sum(run.placed for run in instant)),
        decision_latency_p50_ms=_percentile_ms(decisions, 50),
        decision_latency_p99_ms=_percentile_ms(decisions, 99),
        order_latency_p99_ms=_percentile_ms(orders, 99),
        rss_mb_max=peak_rss_mb(),
        event_queue_depth_max=max(run.queue_depth_max for run in measures),
    )


def read_thresholds(path: Path, mode: SoakMode) -> Thresholds:
    """Read the thresholds of one mode.

    Raises:
        InputError: The file cannot be read, or is no thresholds file of version v1.
    """
    data = _read_object(path)
    try:
        return thresholds_of(data, mode)
    except InputError as error:
        raise error.at(str(path)) from None


def read_report(path: Path) -> SoakReport:
    """Read a report that was written earlier.

    Raises:
        InputError: The file cannot be read, or is no report of version v1.
    """
    data = _read_object(path)
    try:
        return from_dict(SoakReport, data)
    except InputError as error:
        raise error.at(str(path)) from None


def peak_rss_mb() -> int | None:
    """Return the process's peak resident memory in megabytes; ``None`` where no one counts it."""
    try:
        import resource
    except ImportError:  # no Unix
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform == "darwin":  # bytes there, kilobytes elsewhere
        peak = ceil_div(peak, _KILO)
    return ceil_div(peak, _KILO)


def _measure(
    fixture: Fixture, config: EngineConfig, speedup: int, tell: Callable[[], None]
) -> RunMeasure:
    session = Session(config)
    feed_selection(session, fixture.events)
    timed = _Timed(session, fixture.events)
    result = run_session(session, timed, name=fixture.name)
    waiting = wait_in_line(
        [event.ts_ms * _NS_IN_MS // speedup for event in timed.done], timed.work_ns
    )
    quoted = [isinstance(event.payload, Snapshot) for event in timed.done]
    seen = list(zip(waiting.latencies, quoted, timed.placed, strict=True))
    tell()
    return RunMeasure(
        digest=result.digest,
        errors=len(result.errors),
        dropped=sum(isinstance(event.payload, Snapshot) for event in fixture.events)
        - session.output_count,
        placed=result.stats.orders_placed,
        filled=result.stats.orders_filled,
        decisions=[latency for latency, is_quote, _ in seen if is_quote],
        orders=[latency for latency, _, has_placed in seen if has_placed],
        queue_depth_max=waiting.depth_max,
    )


@define
class _Timed:
    """Passes events on and measures how long each keeps the session busy.

    Attributes:
        done: Events whose turn ended; one that ends the run is not among them.
        placed: Whether the venue took an order in that turn.
    """

    session: Session
    events: Sequence[Event]
    done: list[Event] = Factory(list)
    work_ns: list[int] = Factory(list)
    placed: list[bool] = Factory(list)

    def __iter__(self) -> Iterator[Event]:
        stats = self.session.engine.hot.stats
        for event in self.events:
            before, begun = stats.orders_placed, perf_counter_ns()
            yield event
            self.work_ns.append(perf_counter_ns() - begun)
            self.placed.append(stats.orders_placed > before)
            self.done.append(event)


def _percentile_ms(latencies: Sequence[int], percent: int) -> Decimal | None:
    return dec_up(nearest_rank(latencies, percent), 3, _NS_IN_MS) if latencies else None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        return parse_object(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except InputError as error:
        raise error.at(str(path)) from None


def _nothing() -> None:
    """Progress that nobody watches."""
