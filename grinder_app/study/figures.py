"""The pictures of the study as plain plotly figures: dictionaries, made of the results alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final

from attrs import frozen

from grinder_app.report.traces import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from grinder_app.study.datasets import Dataset
from grinder_app.study.parts import bars_of, by_family, ran, rows_of
from grinder_app.study.regimes import regime_sums
from grinder_app.study.results import Results
from grinder_app.study.sums import Sum, daily_returns, sum_of
from grinder_app.study.tables import MODES, band_sums
from grinder_app.study.variants import ADAPTIVE, CAPITAL, STATIC

Figure = dict[str, Any]

COLOURS: Final = {
    STATIC: BLUE,
    "static-recentred": "#19a7b8",
    "static-wide": GREY,
    "static-v0": "#7a6a4f",
    "static-v1": GREEN,
    ADAPTIVE: ORANGE,
    "adaptive-v0": "#c9a227",
    "adaptive-v1": RED,
    "adaptive-gated": "#d1579d",
    "adaptive-v1-gated": "#5b3a8e",
    "adaptive-thin": "#f2a65a",
    "coarse": PURPLE,
    "coarse-v1": "#222222",
}
_FONT: Final = {"family": "Liberation Sans, Arial, sans-serif", "size": 14, "color": "#1f2733"}
_GRID: Final = {"gridcolor": "#e4e8ee", "zerolinecolor": "#8a94a6", "automargin": True}
# static-recentred is left out: its swings would press all others flat
_MAIN: Final = (STATIC, "static-wide", "static-v1", ADAPTIVE, "adaptive-v1", "coarse")


@frozen(kw_only=True)
class Picture:
    """A figure and what it shows in words; written as ``name``.png."""

    name: str
    title: str
    figure: Figure
    height: int = 520


def pictures_of(results: Results) -> list[Picture]:
    """Return all pictures that the results have data for."""
    found = [
        _equity(results),
        _sessions(results),
        _costs(results),
        _drift(results),
        _regimes(results),
        _band(results),
    ]
    return [picture for picture in found if picture is not None]


def _families(results: Results) -> dict[str, list[Dataset]]:
    return {
        family: datasets
        for family, datasets in by_family(bars_of(results)).items()
        if ran(results, datasets)
    }


def _equity(results: Results) -> Picture | None:
    """Profit over time of all sessions of a family, a panel each."""
    families = _families(results)
    if not families:
        return None
    traces: list[Figure] = []
    layout = _layout("net PnL of an average session, quote currency")
    layout["annotations"] = []
    layout["legend"]["y"] = 1.07
    layout["margin"]["t"] = 70
    for number, (family, datasets) in enumerate(families.items(), 1):
        axis = "" if number == 1 else str(number)
        for name in (n for n in _MAIN if n in ran(results, datasets)):
            returns = daily_returns(rows_of(results, datasets, name))
            traces.append(
                {
                    **_line(name, list(returns), _running(list(returns.values()))),
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "showlegend": number == 1,
                    "legendgroup": name,
                }
            )
        left = (number - 1) / len(families)
        domain = [left + (0.035 if number > 1 else 0.0), number / len(families)]
        layout[f"xaxis{axis}"] = {**_GRID, "domain": domain, "anchor": f"y{axis}", "nticks": 4}
        layout[f"yaxis{axis}"] = {**_GRID, "anchor": f"x{axis}"}
        layout["annotations"].append(_heading(family, sum(domain) / 2))
    layout["yaxis"]["title"] = {"text": "net PnL of an average session, USDT"}
    return Picture(name="equity", title=EQUITY, figure={"data": traces, "layout": layout})


def _sessions(results: Results) -> Picture | None:
    """Net profit of each session on bars, a mark a variant."""
    datasets = bars_of(results)
    names = [n for n in _MAIN if n in ran(results, datasets)]
    if not names:
        return None
    labels = [f"{d.symbol} {d.family.removeprefix('klines-')}" for d in datasets]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": labels,
            "y": [float(row.net_pnl) for row in rows_of(results, datasets, name)],
            "marker": {"color": COLOURS[name], "size": 8, "opacity": 0.85},
        }
        for name in names
    ]
    layout = _layout("net PnL, USDT")
    layout["xaxis"] = {**_GRID, "tickangle": -60, "tickfont": {"size": 11}, "dtick": 1}
    return Picture(
        name="sessions", title=SESSIONS, figure={"data": traces, "layout": layout}, height=600
    )


def _costs(results: Results) -> Picture | None:
    """What each variant made before costs and what it paid, in basis points of turnover."""
    datasets = [d for d in bars_of(results) if d.family.startswith("klines-1m-")]
    names = ran(results, datasets)
    if not names:
        return None
    sums = {name: sum_of(rows_of(results, datasets, name)) for name in names}
    parts: tuple[tuple[str, str, Callable[[Sum], float]], ...] = (
        ("before costs", GREEN, lambda s: s.gross),
        ("fees", ORANGE, lambda s: -s.fees),
        ("funding", GREY, lambda s: -s.funding),
        ("net", BLUE, lambda s: s.net),
    )
    traces = [
        {
            "type": "bar",
            "name": label,
            "x": names,
            "y": [sums[name].bps(amount(sums[name])) for name in names],
            "marker": {"color": colour},
        }
        for label, colour, amount in parts
    ]
    layout = _layout("basis points of turnover")
    layout["barmode"] = "group"
    return Picture(name="costs", title=COSTS, figure={"data": traces, "layout": layout})


def _drift(results: Results) -> Picture | None:
    """Net profit of each session against how far its price moved."""
    datasets = bars_of(results)
    names = [n for n in _MAIN if n in ran(results, datasets)]
    if not names:
        return None
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [100.0 * dataset.price_change for dataset in datasets],
            "y": [100.0 * float(row.net_pnl) / CAPITAL for row in rows_of(results, datasets, name)],
            "marker": {"color": COLOURS[name], "size": 9, "opacity": 0.8},
        }
        for name in names
    ]
    layout = _layout("net PnL, % of capital")
    layout["xaxis"] = {**_GRID, "title": {"text": "price from first to last, %"}}
    return Picture(name="drift", title=DRIFT, figure={"data": traces, "layout": layout})


def _regimes(results: Results) -> Picture | None:
    """Profit a day in each market state."""
    datasets = bars_of(results)
    names = [n for n in _MAIN if n in ran(results, datasets)]
    if not names:
        return None
    sums = {name: regime_sums(rows_of(results, datasets, name)) for name in names}
    whole = sum(each.ms for each in sums[names[0]].values())
    regimes = sorted(name for name, each in sums[names[0]].items() if each.is_known)
    if not regimes:
        return None
    labels = []
    for regime in regimes:
        own = sums[names[0]].get(regime)
        share = 100.0 * own.ms / whole if own is not None and whole else 0.0
        labels.append(f"{regime}<br>{share:.2f} % of time")
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": labels,
            "y": [sums[name][r].per_day if r in sums[name] else 0.0 for r in regimes],
            "marker": {"color": COLOURS[name]},
        }
        for name in names
    ]
    layout = _layout("net PnL a day in that state, USDT")
    layout["barmode"] = "group"
    return Picture(name="regimes", title=REGIMES, figure={"data": traces, "layout": layout})


def _band(results: Results) -> Picture | None:
    """Net profit of the same sessions under every fill model."""
    traces: list[Figure] = []
    for family, datasets in by_family(results.datasets).items():
        for name, found in band_sums(results, datasets).items():
            held = {mode: found[mode] for mode in MODES if mode in found}
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"{family}: {name}",
                    "x": [mode.value for mode in held],
                    "y": [each.bps(each.net) for each in held.values()],
                    "line": {
                        "color": _BAND[len(traces) // 2 % len(_BAND)],
                        "dash": "solid" if name.startswith(STATIC) else "dot",
                    },
                    "marker": {"size": 9},
                }
            )
    if not traces:
        return None
    layout = _layout("net PnL, basis points of turnover")
    layout["xaxis"] = {
        **_GRID,
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [mode.value for mode in MODES],
        "title": {"text": "fill model, from generous to strict"},
    }
    layout["legend"] = {"x": 1.02, "y": 1.0}
    return Picture(name="band", title=BAND, figure={"data": traces, "layout": layout})


_BAND: Final = (BLUE, ORANGE, PURPLE, GREEN, RED, GREY)
EQUITY: Final = "Net PnL over time, an average session of each family on bars (no static-recentred)"
SESSIONS: Final = "Net PnL of each session on bars (no static-recentred)"
COSTS: Final = "Before costs, costs and net on 1-minute bars, in basis points of turnover"
DRIFT: Final = "Net PnL against the price change of the session: a grid is a bet on return"
REGIMES: Final = "Net PnL a day spent in each market state, before funding, sessions on bars"
BAND: Final = "The same sessions under other fill models"


def _layout(y_title: str) -> Figure:
    return {
        "font": _FONT,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 70, "r": 20, "t": 44, "b": 60},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": dict(_GRID),
        "yaxis": {**_GRID, "title": {"text": y_title}},
    }


def _line(name: str, x: Sequence[str], y: Sequence[float]) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": COLOURS[name], "width": 2},
    }


def _heading(text: str, x: float) -> Figure:
    return {
        "text": text,
        "x": x,
        "y": 1.0,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "xanchor": "center",
        "yanchor": "bottom",
    }


def _running(returns: Sequence[float]) -> list[float]:
    return [CAPITAL * each for each in accumulate(returns)]
