"""One session of the study: a variant on a dataset, from files to plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.airgap import airgap
from grinder_adapters.feeds.source import EventSource
from grinder_app.report.sharpe import NotDefined, Sharpe
from grinder_app.report.statistics import Statistics, summarise
from grinder_app.runner.data import DataOptions, open_data
from grinder_app.runner.summary import blocks_of
from grinder_app.study.datasets import Dataset
from grinder_app.study.results import RegimeRow, Row, SharpeRow
from grinder_app.study.variants import CAPITAL, Variant, config_of
from grinder_core.codec import digest16
from grinder_core.contracts.enums import FillMode
from grinder_core.contracts.event import Event
from grinder_core.session.collect import Collector
from grinder_core.session.result import PaperResult, run_session
from grinder_core.session.session import Session

TELL_EVERY: Final = 10_000
_CENT: Final = Decimal("0.01")
_ROUNDED: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)


@frozen(kw_only=True)
class Task:
    """Everything one session needs, as values that cross a process border."""

    root: Path
    dataset: Dataset
    variant: Variant
    fill_mode: FillMode

    @property
    def name(self) -> str:
        """What it is called while it runs."""
        return f"{self.dataset.name} {self.variant.name} {self.fill_mode.value}"


def run_task(task: Task, tell: Callable[[int], None]) -> Row:
    """Run one session in this process, with the network shut.

    Every output's digest is left out, which saves a third of the time; the row's digest is over
    the fills.

    Raises:
        InputError: The data cannot be opened.
    """
    dataset = task.dataset
    config = config_of(dataset, task.variant, task.fill_mode)
    collector = Collector(interval_ms=dataset.sample_ms)
    with airgap():
        source = _open(task.root, dataset)
        session = Session(config, on_output=collector, digest=False)
        result = run_session(session, _told(source, tell), collector=collector)
    return _row(task, result, collector)


def _open(root: Path, dataset: Dataset) -> EventSource:
    options = DataOptions(
        symbols=(dataset.symbol,),
        tick_sizes={dataset.symbol: dataset.price_step},
        funding=tuple(root / file for file in dataset.funding),
    )
    return open_data([root / file for file in dataset.files], options)


def _told(source: EventSource, tell: Callable[[int], None]) -> Iterator[Event]:
    events = iter(source)
    while chunk := list(islice(events, TELL_EVERY)):
        yield from chunk
        tell(len(chunk))


def _row(task: Task, result: PaperResult, collector: Collector) -> Row:
    as_dict = result.to_dict()
    found = summarise(result.equity_curve, result.trades)
    share = collector.ms_in_market / collector.ms_seen if collector.ms_seen else 0.0
    costs = result.costs.get(task.dataset.symbol)
    decided = as_dict.get("controller_decisions", {}).get("modes", {})
    return Row(
        dataset=task.dataset.name,
        variant=task.variant.name,
        fill_mode=task.fill_mode,
        quotes=result.stats.events_processed,
        net_pnl=result.net_pnl,
        realized=result.total_realized_pnl,
        unrealized=result.total_unrealized_pnl,
        fees=result.fees_paid,
        funding=result.funding_paid,
        turnover=result.turnover,
        fills=result.stats.total_fills,
        orders_placed=result.stats.orders_placed,
        max_drawdown=result.max_drawdown,
        exposure=cents(found.exposure or 0.0),
        exposure_max=cents(found.exposure_max),
        time_in_market=f"{share:.4f}",
        sharpe=sharpe_row(found),
        blocks=blocks_of(result.stats),
        modes=dict(decided.get(task.dataset.symbol, {})),
        regimes=tuple(_regime(row) for row in as_dict.get("regimes", [])),
        daily=daily(result.equity_curve, Decimal(CAPITAL)),
        book_losses=0 if costs is None else costs.book_gaps + costs.book_crossings,
        config_hash=result.config_hash,
        digest=digest16(result.trades),
        error="; ".join(error.error for error in result.errors),
    )


def _regime(row: Mapping[str, Any]) -> RegimeRow:
    return RegimeRow(
        regime=row["regime"],
        outputs=row["outputs"],
        ms=row["ms"],
        fills=row["fills"],
        net_pnl=Decimal(row["net_pnl"]),
    )


def sharpe_row(statistics: Statistics) -> SharpeRow:
    """Write a session's Sharpe ratio as text."""
    sharpe = statistics.sharpe
    if isinstance(sharpe, NotDefined):
        return SharpeRow(reason=sharpe.reason)
    return _defined(sharpe)


def _defined(sharpe: Sharpe) -> SharpeRow:
    return SharpeRow(
        value=f"{sharpe.value:.4f}",
        low=f"{sharpe.low:.4f}",
        high=f"{sharpe.high:.4f}",
        probability=f"{sharpe.probability:.4f}",
        samples=sharpe.samples,
        period=sharpe.period,
    )


def daily(equity: Mapping[str, Sequence[Any]], initial: Decimal) -> dict[str, Decimal]:
    """Return the change of equity on each UTC day, in cents.

    Args:
        equity: Samples ``ts, equity``, oldest first.
        initial: Equity before the first sample.
    """
    last: dict[str, Decimal] = {}
    for ts, value in zip(equity["ts"], equity["equity"], strict=True):
        last[datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d")] = Decimal(value)
    changes, before = {}, initial
    for day, value in last.items():
        rounded = value.quantize(_CENT, context=_ROUNDED)
        changes[day] = _ROUNDED.subtract(rounded, before)
        before = rounded
    return changes


def cents(value: float) -> Decimal:
    """Round an amount that was computed for display."""
    return Decimal(repr(value)).quantize(_CENT, context=_ROUNDED)
