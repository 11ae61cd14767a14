"""Which charts the page draws and how much room each gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from grinder_app.report.charts import (
    Chart,
    blocks_chart,
    equity_chart,
    price_chart,
    profit_chart,
    together_chart,
)
from grinder_app.report.figures import SessionFigures, sampling_note, share, tone
from grinder_app.report.loading import LINE_POINTS, equity_of, fills_of, prices_of
from grinder_app.report.sampling import joined_levels, min_max, together
from grinder_app.report.sharpe import NotDefined, best_of
from grinder_app.report.sharpe_words import best_meaning, ratio_text, sure_text
from grinder_app.report.traces import Canvas
from grinder_app.report.wording import money, percent, some

SESSIONS_MAX: Final = 12
OVERVIEW_MAX: Final = 150
PRICE_CHARTS_MAX: Final = 24
SYMBOL_ROWS_MAX: Final = 200
LINES_A_SESSION: Final = 8  # equity, peak, drawdown; realised, unrealised, fees, funding, net

# what the page may draw in all, so that it stays below 6 MB next to plotly's own 4.8
POINTS: Final = 24_000
FILLS: Final = 5_000
LEVELS: Final = 3_000
BINS: Final = 600


@frozen(kw_only=True)
class Section:
    """One session in detail."""

    anchor: str
    figures: SessionFigures
    charts: tuple[Chart, ...]
    symbol_rows: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...]


def sections_of(sessions: Sequence[SessionFigures]) -> list[Section]:
    """Lay out the sessions that are shown in detail, ``SESSIONS_MAX`` at most."""
    shown = sessions[:SESSIONS_MAX]
    if not shown:
        return []
    symbols_each = max(1, PRICE_CHARTS_MAX // len(shown))
    drawn = [_charted(figures, symbols_each) for figures in shown]
    price_charts = max(1, sum(map(len, drawn)))
    lines = LINES_A_SESSION * len(shown) + price_charts + 1
    room = {
        "points": min(4000, POINTS // lines),
        "fills": FILLS // price_charts,
        "levels": LEVELS // price_charts,
        "bins": max(24, min(120, BINS // len(shown))),
    }
    row_limit = max(8, SYMBOL_ROWS_MAX // len(shown))
    return [
        _section(f"s{index}", figures, symbols, _canvas([figures], room), row_limit)
        for index, (figures, symbols) in enumerate(zip(shown, drawn, strict=True), 1)
    ]


def all_together(sessions: Sequence[SessionFigures]) -> Chart | None:
    """Chart the net profit of all sessions added up; ``None`` without samples."""
    ts, profit = together([figures.line for figures in sessions])
    if not ts:
        return None
    summary = (
        f"Net profit of {len(sessions):,} sessions added up over time, ends at "
        f"{money(profit[-1], signed=True)}."
    )
    if any(figures.samples > LINE_POINTS for figures in sessions):
        summary += f" At most {LINE_POINTS:,} samples of each, its extremes among them."
    return together_chart("together", ts, profit, _canvas(sessions, {"points": 2000}), summary)


def overview_rows(sessions: Sequence[SessionFigures]) -> list[dict[str, str]]:
    """Return one row a session, ``OVERVIEW_MAX`` at most."""
    rows = []
    for index, figures in enumerate(sessions[:OVERVIEW_MAX], 1):
        s, result = figures.statistics, figures.view.result
        rows.append(
            {
                "name": figures.view.name,
                "anchor": f"s{index}" if index <= SESSIONS_MAX else "",
                "symbols": some(figures.symbols, 2),
                "line": sparkline(figures.line[1]),
                "net": money(figures.net_pnl, signed=True),
                "tone": tone(figures.net_pnl),
                "return": percent(s.return_pct, 2, signed=True),
                "drawdown": percent(s.max_drawdown_pct),
                "sharpe": ratio_text(s.sharpe),
                "sure": sure_text(s.sharpe),
                "fills": f"{s.fills:,}",
                "win": share(s.win_share),
                "fees": money(result["fees_paid"]),
                "funding": money(-float(result["funding_paid"]), signed=True),
                "turnover": f"{float(result['turnover']):,.0f}",
                "in_market": share(s.time_in_market),
            }
        )
    return rows


def best_sentence(sessions: Sequence[SessionFigures]) -> str:
    """Say what the best of several sessions shows, for it was chosen; empty where it is alone."""
    found = best_of([figures.statistics.sharpe for figures in sessions], _trials(sessions))
    if isinstance(found, NotDefined):
        return ""
    return best_meaning(found, sessions[found.index].view.name, "sessions")


def _trials(sessions: Sequence[SessionFigures]) -> int | None:
    return sessions[0].trials if sessions else None


def total_row(sessions: Sequence[SessionFigures]) -> dict[str, str]:
    """Return the sums over all sessions, those left out of the table included."""
    net = sum(figures.net_pnl for figures in sessions)
    return {
        "net": money(net, signed=True),
        "tone": tone(net),
        "fills": f"{sum(figures.statistics.fills for figures in sessions):,}",
        "fees": money(sum(float(figures.view.result["fees_paid"]) for figures in sessions)),
        "funding": money(
            -sum(float(figures.view.result["funding_paid"]) for figures in sessions), signed=True
        ),
        "turnover": f"{sum(float(f.view.result['turnover']) for f in sessions):,.0f}",
    }


def sparkline(values: Sequence[float], width: int = 96, height: int = 24) -> str:
    """Return the points of a small line, for an SVG polyline; empty without any."""
    if len(values) < 2:
        return ""
    kept = [values[i] for i in min_max(values, 24)]
    low, high = min(kept), max(kept)
    span = (high - low) or 1.0
    step = width / (len(kept) - 1)
    return " ".join(
        f"{index * step:.1f},{1 + (height - 2) * (high - value) / span:.1f}"
        for index, value in enumerate(kept)
    )


def _canvas(sessions: Sequence[SessionFigures], room: Mapping[str, int]) -> Canvas:
    seen = [f.statistics for f in sessions if f.statistics.end_ms]
    begin = min((s.start_ms for s in seen), default=0)
    return Canvas(begin=begin, end=max((s.end_ms for s in seen), default=begin), **room)


def _section(
    anchor: str,
    figures: SessionFigures,
    symbols: Sequence[str],
    canvas: Canvas,
    row_limit: int,
) -> Section:
    charts = [*_money_charts(anchor, figures, canvas)]
    charts += _price_charts(anchor, figures, symbols, canvas)
    if figures.blocked:
        summary = f"{figures.blocked:,} snapshots were blocked, stacked by reason over time."
        charts.append(blocks_chart(f"{anchor}-blocks", figures.view.blocks, canvas, summary))
    note = sampling_note(figures.view)
    notes = [note] if note else []
    if len(symbols) < len(figures.symbols):
        notes.append(
            f"Price charts: {len(symbols)} of {len(figures.symbols)} symbols, those with most "
            "fills."
        )
    rows = figures.symbol_rows(row_limit)
    if len(rows) < len(figures.symbols):
        notes.append(f"By symbol: {len(rows)} of {len(figures.symbols)}, those with most fills.")
    return Section(
        anchor=anchor,
        figures=figures,
        charts=tuple(charts),
        symbol_rows=tuple(rows),
        notes=tuple(notes),
    )


def _money_charts(anchor: str, figures: SessionFigures, canvas: Canvas) -> Iterator[Chart]:
    equity = equity_of(figures.view)
    values = equity["equity"]
    if not values:
        return
    path = f"Equity from {money(values[0])} to {money(values[-1])} {figures.currency}"
    fall = f"deepest fall {money(figures.statistics.max_drawdown)}"
    if figures.fell_between_samples:
        fall += ", between two samples and so not in the chart"
    yield equity_chart(f"{anchor}-equity", equity, canvas, f"{path}; {fall}.")
    yield profit_chart(f"{anchor}-profit", equity, canvas, figures.sentence())


def _price_charts(
    anchor: str, figures: SessionFigures, symbols: Sequence[str], canvas: Canvas
) -> Iterator[Chart]:
    view, walked = figures.view, figures.walk.symbols
    counts = {symbol: walked[symbol].fills if symbol in walked else 0 for symbol in symbols}
    prices = prices_of(view, symbols)
    fills = fills_of(view, counts, canvas.fills)
    segments = joined_levels(view.levels)
    for index, symbol in enumerate(symbols, 1):
        yield price_chart(
            f"{anchor}-price-{index}",
            symbol,
            prices.get(symbol, {}),
            [segment for segment in segments if segment.symbol == symbol],
            fills[symbol],
            canvas,
            fills=counts[symbol],
        )


def _charted(figures: SessionFigures, limit: int) -> list[str]:
    return [symbol for symbol in figures.busiest(limit) if symbol in figures.view.result["costs"]]
