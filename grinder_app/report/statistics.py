"""Figures about one session, computed from its equity samples and its fills.

Display only: floats are fine here, nothing decides on them. The definitions are printed in the
report (``DEFINITIONS``), because a Sharpe ratio without its sampling says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final

from attrs import frozen

from grinder_app.report.closed_trades import FillWalk, Table, walk_fills
from grinder_app.report.sharpe import NotDefined, Sharpe, sharpe_of

DEFINITIONS: Final[Mapping[str, str]] = {
    "Net PnL": "Realised plus unrealised profit less fees and funding, quote currency.",
    "Return": "Net PnL as a share of the equity at the start.",
    "Max drawdown": (
        "Deepest fall of equity below its high-water mark. The amount is the engine's own, over "
        "every update. The percentage is the deepest among the samples of the chart, or the amount "
        "as a share of the highest peak where that is more."
    ),
    "Sharpe": (
        "Mean over standard deviation of equity returns, annualised with 365 days, risk-free rate "
        "0. Returns are daily when there are at least 10 whole days, else hourly, counted from "
        "the beginning; fewer than 10 give no figure, nor do fewer than four samples a return. "
        "The standard error is that of Lo (2002) "
        "with skew and kurtosis (Mertens 2002): sqrt((1 - g3*S + (g4-1)/4*S^2)/(n-1)) per period. "
        "It assumes independent returns. A short run has a wide interval: believe the interval, "
        "not the figure."
    ),
    "Sharpe above 0": (
        "Probabilistic Sharpe ratio: the confidence that the true Sharpe is above 0, given the "
        "number of returns, their skew and their kurtosis. The returns needed are those that "
        "would show it with 95 % (minimum track record length). Bailey, Lopez de Prado (2012)."
    ),
    "Deflated Sharpe": (
        "The same confidence after subtracting the best Sharpe that as many trials without any "
        "skill are expected to show. Without the trials' own results their Sharpe ratios are "
        "taken to scatter as pure chance would, 1/sqrt(n-1). Bailey, Lopez de Prado (2014)."
    ),
    "Closed trades": (
        "Fills that shrink a position, measured against the average entry price. Won: the "
        "profit after the fee of the fill and its share of the entry's fees is above 0."
    ),
    "Time in market": "Share of the session's time with a position in any symbol.",
    "Exposure": "Sum of absolute positions at average entry price, weighted by time; and its peak.",
    "Turnover": "Sum of price times quantity over all fills.",
}


@frozen(kw_only=True)
class Statistics:
    """Figures of one session; money is quote currency, shares are 0 to 1.

    Attributes:
        max_drawdown: The engine's own where given, else over the equity samples.
        max_drawdown_pct: Deepest share of a peak among the samples, or ``max_drawdown`` as a share
            of the highest peak where that is more.
        win_share, average_trade: ``None`` without closed trades; net of fees.
        time_in_market, exposure: ``None`` when the session has no duration.
    """

    start_ms: int
    end_ms: int
    initial_equity: float
    net_pnl: float
    return_pct: float
    max_drawdown: float
    max_drawdown_pct: float
    sharpe: Sharpe | NotDefined
    turnover: float
    fees: float
    fills: int
    closed_trades: int
    win_share: float | None
    average_trade: float | None
    time_in_market: float | None
    exposure: float | None
    exposure_max: float


def summarise(
    equity: Table,
    trades: Table,
    *,
    walk: FillWalk | None = None,
    max_drawdown: Decimal | float | None = None,
    interval_ms: int = 0,
    begin_ms: int | None = None,
) -> Statistics:
    """Return the figures of one session.

    Args:
        equity: ``ts`` and ``EQUITY_COLUMNS`` of the collector; numbers, decimals or
            decimal text. No rows is a session in which nothing happened.
        trades: As ``Collector.trade_columns``.
        walk: ``walk_fills(trades)`` when the caller has it already.
        max_drawdown: The engine's own figure, which also knows what lies between samples.
        interval_ms: How far apart the samples are, which bounds what returns they can give.
        begin_ms: When the session began, where known: the first sample is later, the more so the
            wider the interval.
    """
    walk = walk_fills(trades) if walk is None else walk
    ts = never_back(equity.get("ts", ()))
    values = floats(equity, "equity")
    initial = values[0] - net_profit(equity)[0] if values else 0.0
    held = walk.exposure
    begun = [] if begin_ms is None or not ts else [begin_ms]
    ends = [*begun, *ts[:1], *ts[-1:], *(t for t in (held.first_ts, held.last_ts) if t is not None)]
    start, end = (min(ends), max(ends)) if ends else (0, 0)
    net = values[-1] - initial if values else 0.0
    peaks = floats(equity, "high_water_mark")
    fall, fall_share = deepest_fall(values, peaks)
    if max_drawdown is not None and peaks:
        fall = float(max_drawdown)
        fall_share = max(fall_share, fall / max(peaks))
    in_market, exposure = held.over(start, end)
    return Statistics(
        start_ms=start,
        end_ms=end,
        initial_equity=initial,
        net_pnl=net,
        return_pct=100.0 * net / initial if initial > 0 else 0.0,
        max_drawdown=fall,
        max_drawdown_pct=100.0 * fall_share,
        sharpe=sharpe_of_samples(equity, interval_ms, begin_ms),
        turnover=math.fsum(s.turnover for s in walk.symbols.values()),
        fees=math.fsum(s.fees for s in walk.symbols.values()),
        fills=walk.fills,
        closed_trades=walk.closed,
        win_share=walk.won / walk.closed if walk.closed else None,
        average_trade=walk.closed_profit / walk.closed if walk.closed else None,
        time_in_market=in_market,
        exposure=exposure,
        exposure_max=held.peak,
    )


def sharpe_of_samples(
    equity: Table, interval_ms: int = 0, begin_ms: int | None = None
) -> Sharpe | NotDefined:
    """Return the Sharpe ratio alone; arguments as for ``summarise``."""
    ts, values = never_back(equity.get("ts", ())), floats(equity, "equity")
    if not values:
        return sharpe_of(ts, values, 0.0, interval_ms)
    initial = values[0] - net_profit(equity)[0]
    if begin_ms is not None and begin_ms < ts[0]:
        ts, values = [begin_ms, *ts], [initial, *values]
    return sharpe_of(ts, values, initial, interval_ms)


def never_back(times: Sequence[object]) -> list[int]:
    """Return times as integers, each at least the one before.

    Symbols keep their own venue time, so samples of two symbols may lie a little out of order.
    """
    return list(accumulate((int(str(t)) for t in times), max))


def floats(table: Table, name: str) -> list[float]:
    """Return one column as floats; a missing column is empty."""
    return [float(value) for value in table.get(name, ())]


def net_profit(equity: Table) -> list[float]:
    """Return realised plus unrealised profit less fees and funding at each equity sample."""
    columns = (floats(equity, name) for name in ("realized", "unrealized", "fees", "funding"))
    return [r + u - f - p for r, u, f, p in zip(*columns, strict=True)]


def deepest_fall(equity: Sequence[float], peaks: Sequence[float]) -> tuple[float, float]:
    """Return the deepest fall below the peak: as an amount, and as a share of its peak.

    The two may come from different instants.
    """
    pairs = [(peak - value, peak) for value, peak in zip(equity, peaks, strict=True)]
    amount = max((fall for fall, _ in pairs), default=0.0)
    share = max((fall / peak for fall, peak in pairs if peak > 0), default=0.0)
    return max(amount, 0.0), max(share, 0.0)
