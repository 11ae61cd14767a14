"""The charts, as plain plotly figures: dictionaries that the page's script draws.

Times are UTC milliseconds. Numbers travel as packed arrays, a third smaller than text. Colours
of buying and selling differ in brightness and hue, so that they need no green and red.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from grinder_app.report.closed_trades import Table
from grinder_app.report.sampling import (
    LevelSegment,
    bin_width_ms,
    longest_levels,
    min_max,
    rebin,
    thin,
)
from grinder_app.report.statistics import floats, net_profit, never_back

Figure = dict[str, Any]

BLUE, ORANGE, GREY, RED, GREEN, PURPLE = (
    "#3b82f6",
    "#e8790c",
    "#8a94a6",
    "#e5484d",
    "#2a9d6f",
    "#9b6bdf",
)
PALETTE: Final = (
    "#3b82f6",
    "#e8790c",
    "#9b6bdf",
    "#2a9d6f",
    "#e5484d",
    "#c9a227",
    "#19a7b8",
    "#d1579d",
    "#8a94a6",
    "#7a6a4f",
)


@frozen(kw_only=True)
class Canvas:
    """What one chart has room for: its span of time, and how much it may draw.

    Attributes:
        begin, end: Milliseconds; the same for all charts of a session, so that they line up.
        points: Of one line.
        fills, levels: Marks and segments of one price chart.
        bins: Bars of one chart of reasons.
    """

    begin: int
    end: int
    points: int = 4000
    fills: int = 3000
    levels: int = 1500
    bins: int = 120


@frozen(kw_only=True)
class Chart:
    """A figure, what it shows in words, and what was left out of it."""

    name: str
    title: str
    summary: str
    figure: Figure
    notes: tuple[str, ...] = ()
    height: int = 300

    @property
    def legend(self) -> list[dict[str, str]]:
        """Name, colour and mark of each trace; the page writes its own legend from them."""
        traces = self.figure["data"]
        if len(traces) == 1:
            return []
        return [
            {"name": trace["name"], "colour": _colour(trace), "mark": _mark(trace)}
            for trace in traces
        ]


def equity_chart(name: str, equity: Table, canvas: Canvas, summary: str) -> Chart:
    """Equity with its high-water mark, and the fall below it underneath."""
    ts, values, peaks = _equity_columns(equity)
    fall = [min(value - peak, 0.0) for value, peak in zip(values, peaks, strict=True)]
    traces = [
        _line(ts, peaks, canvas, "high-water mark", GREY, width=1, dash="dot"),
        _line(ts, values, canvas, "equity", BLUE, width=2),
        _line(ts, fall, canvas, "drawdown", RED, width=1, yaxis="y2", fill="tozeroy"),
    ]
    layout = _layout(canvas, yaxis={"domain": [0.34, 1.0]})
    layout["xaxis"]["anchor"] = "y2"
    layout["yaxis2"] = {
        **_AXIS,
        "domain": [0.0, 0.26],
        "rangemode": "tozero",
    }
    notes = _sampled(len(ts), canvas.points, "samples")
    return Chart(
        name=name,
        title="Equity and drawdown",
        summary=summary,
        figure={"data": traces, "layout": layout},
        notes=notes,
        height=400,
    )


def profit_chart(name: str, equity: Table, canvas: Canvas, summary: str) -> Chart:
    """Profit split into realised, unrealised and fees."""
    ts = never_back(equity.get("ts", ()))
    fees = [-fee for fee in floats(equity, "fees")]
    traces = [
        _line(ts, floats(equity, "realized"), canvas, "realised", GREEN),
        _line(ts, floats(equity, "unrealized"), canvas, "unrealised", PURPLE, width=1),
        _line(ts, fees, canvas, "fees", ORANGE),
        _line(ts, net_profit(equity), canvas, "net", BLUE, width=2.5),
    ]
    return Chart(
        name=name,
        title="Where the profit comes from",
        summary=summary,
        figure={"data": traces, "layout": _layout(canvas, yaxis={"zeroline": True})},
        notes=_sampled(len(ts), canvas.points, "samples"),
    )


def price_chart(
    name: str,
    symbol: str,
    prices: Table,
    segments: Sequence[LevelSegment],
    trades: Table,
    canvas: Canvas,
) -> Chart:
    """One symbol's mid price with the levels that rested and the fills.

    Args:
        segments: Grid levels of this symbol.
        trades: Fills of this symbol.
    """
    ts, mids = never_back(prices.get("ts", ())), floats(prices, "mid")
    drawn = longest_levels(segments, canvas.levels)
    traces = [
        _levels([s for s in drawn if s.side == "BUY"], "BUY level", BLUE),
        _levels([s for s in drawn if s.side != "BUY"], "SELL level", ORANGE),
        _line(ts, mids, canvas, "mid price", GREY, width=1.5),
    ]
    kept = thin(len(trades["ts"]), canvas.fills)
    for side, colour, mark in (("BUY", BLUE, "triangle-up"), ("SELL", ORANGE, "triangle-down")):
        rows = [i for i in kept if trades["side"][i] == side]
        traces.append(_fills(trades, rows, f"{side} fill", colour, mark))
    notes = [
        "The line is a sample of the mid price, so a fill may lie beside it.",
        *_sampled(len(ts), canvas.points, "prices"),
    ]
    if len(drawn) < len(segments):
        notes.append(
            f"Levels drawn: {len(drawn):,} of {len(segments):,}, those that rested longest."
        )
    if len(kept) < len(trades["ts"]):
        notes.append(f"Fills drawn: {len(kept):,} of {len(trades['ts']):,}, evenly spread.")
    fills = len(trades["ts"])
    span = f" between {min(mids):,.8g} and {max(mids):,.8g}" if mids else ""
    return Chart(
        name=name,
        title=f"{symbol}: price, grid and fills",
        summary=f"Mid price of {symbol}{span}, grid levels while they rested, {fills:,} fills.",
        figure={"data": traces, "layout": {**_layout(canvas, yaxis={}), "hovermode": "closest"}},
        notes=tuple(notes),
        height=400,
    )


def blocks_chart(
    name: str, blocks: Mapping[str, Mapping[int, int]], canvas: Canvas, summary: str
) -> Chart:
    """How often each reason stopped a snapshot, over time, stacked."""
    starts = [start for counts in blocks.values() for start in counts]
    width = bin_width_ms(max(starts) - min(starts), canvas.bins)
    traces = []
    for index, reason in enumerate(sorted(blocks)):
        bins = rebin(blocks[reason], width)
        traces.append(
            {
                "type": "bar",
                "name": reason,
                "x": _packed([start + width // 2 for start in bins], "d"),
                "y": list(bins.values()),
                "width": width,
                "marker": {"color": PALETTE[index % len(PALETTE)], "line": {"width": 0}},
            }
        )
    layout = _layout(canvas, yaxis={"rangemode": "tozero"})
    layout.update({"barmode": "stack", "bargap": 0})
    return Chart(
        name=name,
        title="Why orders were not placed",
        summary=summary,
        figure={"data": traces, "layout": layout},
        notes=(f"Each bar covers {width // 60_000:,} min.",),
        height=280,
    )


def together_chart(
    name: str, ts: Sequence[int], profit: Sequence[float], canvas: Canvas, summary: str
) -> Chart:
    """Net profit of all sessions together."""
    return Chart(
        name=name,
        title="All sessions together",
        summary=summary,
        figure={
            "data": [_line(ts, profit, canvas, "net PnL", BLUE, width=2, fill="tozeroy")],
            "layout": _layout(canvas, yaxis={"zeroline": True}),
        },
        notes=_sampled(len(ts), canvas.points, "samples"),
    )


def _colour(trace: Figure) -> str:
    painted: Figure = trace["line"] if "line" in trace else trace["marker"]
    return str(painted["color"])


def _mark(trace: Figure) -> str:
    if trace["type"] == "bar":
        return "block"
    return {"triangle-up": "up", "triangle-down": "down"}.get(
        trace.get("marker", {}).get("symbol", ""), "line"
    )


_AXIS: Final = {
    "automargin": True,
    "zeroline": False,
    "nticks": 6,
    "exponentformat": "none",
    "separatethousands": True,
}


def _layout(canvas: Canvas, *, yaxis: Mapping[str, Any]) -> Figure:
    return {
        "autosize": True,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "hovermode": "x unified",
        "hoverlabel": {"namelength": -1},
        "showlegend": False,
        "xaxis": {
            "type": "date",
            "range": [canvas.begin, canvas.end],
            "automargin": True,
            "nticks": 8,
            "tickangle": 0,
            "showgrid": False,
        },
        "yaxis": {**_AXIS, **yaxis},
    }


def _line(
    ts: Sequence[int],
    values: Sequence[float],
    canvas: Canvas,
    name: str,
    colour: str,
    *,
    width: float = 1.5,
    dash: str = "solid",
    yaxis: str = "y",
    fill: str = "none",
) -> Figure:
    kept = min_max(values, canvas.points)
    trace: Figure = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _packed([ts[i] for i in kept], "d"),
        "y": _packed_values([values[i] for i in kept]),
        "line": {"color": colour, "width": width, "dash": dash},
        "yaxis": yaxis,
        "hovertemplate": "%{y:,.6~r}",
    }
    if fill != "none":
        trace.update({"fill": fill, "fillcolor": f"{colour}26"})
    return trace


def _levels(segments: Sequence[LevelSegment], name: str, colour: str) -> Figure:
    nothing = float("nan")  # a gap between two segments
    x = [value for s in segments for value in (s.begin, s.end, nothing)]
    y = [value for s in segments for value in (s.price, s.price, nothing)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _packed(x, "d"),
        "y": _packed(y, "f"),
        "line": {"color": colour, "width": 1},
        "opacity": 0.55,
        "hoverinfo": "skip",
        "connectgaps": False,
    }


def _fills(trades: Table, rows: Sequence[int], name: str, colour: str, mark: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": _packed([int(trades["ts"][i]) for i in rows], "d"),
        "y": _packed_values([float(trades["price"][i]) for i in rows]),
        "customdata": _packed([float(trades["qty"][i]) for i in rows], "f"),
        "marker": {
            "color": colour,
            "symbol": mark,
            "size": 9 if len(rows) <= 200 else 6,
            "line": {"width": 0.5, "color": "#ffffff"},
        },
        "hovertemplate": f"{name} %{{customdata:.6~r}} @ %{{y:,.7~r}}<extra></extra>",
    }


def _packed(values: Sequence[float], kind: str) -> Figure:
    """Pack numbers for plotly: ``d`` is 8 bytes, ``f`` 4 bytes with seven digits."""
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    return {"dtype": {"d": "f8", "f": "f4"}[kind], "bdata": base64.b64encode(raw).decode("ascii")}


def _packed_values(values: Sequence[float]) -> Figure:
    """Pack values to be drawn: seven digits do unless they hardly differ for their size."""
    size = max(map(abs, values), default=0.0)
    moves = max(values, default=0.0) - min(values, default=0.0)
    return _packed(values, "f" if moves * 10_000 > size else "d")


def _equity_columns(equity: Table) -> tuple[list[int], list[float], list[float]]:
    return (
        never_back(equity.get("ts", ())),
        floats(equity, "equity"),
        floats(equity, "high_water_mark"),
    )


def _sampled(count: int, limit: int, what: str) -> tuple[str, ...]:
    if count <= limit:
        return ()
    return (f"Lines show {limit:,} of {count:,} {what}; every extreme is kept.",)
