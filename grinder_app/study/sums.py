"""Sums over sessions, and what can be said about their certainty. Display only: floats are fine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from grinder_app.report.sharpe import BestTrial, NotDefined, Sharpe, deflated_sharpe
from grinder_app.report.sharpe import sharpe_of_returns as _sharpe_of
from grinder_app.study.datasets import Dataset
from grinder_app.study.parts import ran, rows_of
from grinder_app.study.results import Results, Row
from grinder_app.study.variants import CAPITAL, STATIC, VARIANTS

BPS = 10_000.0


@frozen(kw_only=True)
class Sum:
    """Sessions of one variant together; money is quote currency, each began with its own capital.

    Attributes:
        won: Sessions with a profit.
        exposure: Average absolute position of a session.
        exposure_max, drawdown_max: Of the session with the largest.
        blocks, modes: Quotes by ``gate:reason`` and by the controller's mode.
    """

    sessions: int
    won: int
    quotes: int
    net: float
    realized: float
    unrealized: float
    fees: float
    funding: float
    turnover: float
    fills: int
    orders: int
    exposure: float
    exposure_max: float
    drawdown_max: float
    drawdown_sum: float
    blocks: Mapping[str, int]
    modes: Mapping[str, int]

    @property
    def gross(self) -> float:
        """Profit before fees and funding."""
        return self.realized + self.unrealized

    @property
    def blocked(self) -> int:
        """Quotes on which a gate or the prefilter let nothing be placed."""
        return sum(self.blocks.values())

    @property
    def blocked_share(self) -> float:
        """The same as a share of all quotes."""
        return self.blocked / self.quotes if self.quotes else 0.0

    def bps(self, amount: float) -> float | None:
        """Return an amount in basis points of turnover; ``None`` where nothing was traded."""
        return amount / self.turnover * BPS if self.turnover else None

    @property
    def on_exposure(self) -> float | None:
        """Net profit as a share of the average position of all sessions together."""
        held = self.exposure * self.sessions
        return self.net / held if held else None

    def mode_share(self, mode: str) -> float:
        """Return the share of quotes on which the controller was in a mode."""
        total = sum(self.modes.values())
        return self.modes.get(mode, 0) / total if total else 0.0


def sum_of(rows: Sequence[Row]) -> Sum:
    """Add up sessions."""

    def total(name: str) -> float:
        return math.fsum(float(getattr(row, name)) for row in rows)

    return Sum(
        sessions=len(rows),
        won=sum(row.net_pnl > 0 for row in rows),
        quotes=sum(row.quotes for row in rows),
        net=total("net_pnl"),
        realized=total("realized"),
        unrealized=total("unrealized"),
        fees=total("fees"),
        funding=total("funding"),
        turnover=total("turnover"),
        fills=sum(row.fills for row in rows),
        orders=sum(row.orders_placed for row in rows),
        exposure=total("exposure") / len(rows) if rows else 0.0,
        exposure_max=max((float(row.exposure_max) for row in rows), default=0.0),
        drawdown_max=max((float(row.max_drawdown) for row in rows), default=0.0),
        drawdown_sum=total("max_drawdown"),
        blocks=added(row.blocks for row in rows),
        modes=added(row.modes for row in rows),
    )


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up counts by name, in order of name."""
    found: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items()))


def best_of_kind(results: Results, datasets: Sequence[Dataset], kind: str) -> str:
    """Return the static or the adaptive variant that earned most over all of some datasets.

    Args:
        kind: What the names begin with; candidates are left out.
    """
    sums = {
        variant.name: sum_of(rows)
        for variant in VARIANTS
        if variant.name.startswith(kind)
        and not variant.is_candidate
        and len(rows := rows_of(results, datasets, variant.name)) == len(datasets)
    }
    return max(sums, key=lambda name: (sums[name].net, name), default="")


def daily_returns(rows: Sequence[Row]) -> dict[str, float]:
    """Return, by day, the change of equity of all sessions as a share of their capital."""
    found: dict[str, float] = {}
    for row in rows:
        for day, change in row.daily.items():
            found[day] = found.get(day, 0.0) + float(change)
    whole = CAPITAL * len(rows)
    return {day: found[day] / whole for day in sorted(found)}


def portfolio_sharpe(rows: Sequence[Row]) -> Sharpe | NotDefined:
    """Return the Sharpe ratio of all sessions together, of daily returns."""
    return _sharpe_of(list(daily_returns(rows).values()), "day")


@frozen(kw_only=True)
class Difference:
    """Sessions held against others, day by day.

    Attributes:
        total: Net profit of the one less that of the other, quote currency.
    """

    total: float
    sharpe: Sharpe | NotDefined


def daily_difference(rows: Sequence[Row], others: Sequence[Row]) -> Difference:
    """Hold sessions against others of the same datasets."""
    ours, theirs = daily_returns(rows), daily_returns(others)
    returns = [ours.get(day, 0.0) - theirs.get(day, 0.0) for day in sorted({*ours, *theirs})]
    return Difference(
        total=sum_of(rows).net - sum_of(others).net, sharpe=_sharpe_of(returns, "day")
    )


def best_trial(all_rows: Sequence[Sequence[Row]]) -> BestTrial | NotDefined:
    """Return the variant with the highest Sharpe ratio, deflated for having been chosen."""
    return deflated_sharpe([portfolio_sharpe(rows) for rows in all_rows])


def against_static(
    results: Results, datasets: Sequence[Dataset], variant: str
) -> list[tuple[Dataset, float]]:
    """Return, for each dataset, a variant's net profit less that of the static grid."""
    static = {row.dataset: row for row in rows_of(results, datasets, STATIC)}
    names = {dataset.name: dataset for dataset in datasets}
    return [
        (names[row.dataset], float(row.net_pnl - static[row.dataset].net_pnl))
        for row in rows_of(results, datasets, variant)
        if row.dataset in static
    ]


def sums_of(results: Results, datasets: Sequence[Dataset]) -> dict[str, Sum]:
    """Return the sum of every variant that was run on all of some datasets."""
    return {name: sum_of(rows_of(results, datasets, name)) for name in ran(results, datasets)}
