"""Parts of a plotly figure: packed numbers, lines, grid levels, fills, and the common layout.

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
from grinder_app.report.sampling import LevelSegment, min_max

Figure = dict[str, Any]

BLUE, ORANGE, GREY, RED, GREEN, PURPLE = (
    "#3b82f6",
    "#e8790c",
    "#8a94a6",
    "#e5484d",
    "#2a9d6f",
    "#9b6bdf",
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


AXIS: Final = {
    "automargin": True,
    "zeroline": False,
    "nticks": 6,
    "exponentformat": "none",
    "separatethousands": True,
}


def base_layout(canvas: Canvas, *, yaxis: Mapping[str, Any]) -> Figure:
    """Return the layout all charts share; the page's script adds height, fonts and colours."""
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
        "yaxis": {**AXIS, **yaxis},
    }


def line_trace(
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
    """Return a line of at most ``canvas.points`` values; every extreme stays (``min_max``)."""
    kept = min_max(values, canvas.points)
    trace: Figure = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": packed([ts[i] for i in kept], "d"),
        "y": packed_values([values[i] for i in kept]),
        "line": {"color": colour, "width": width, "dash": dash},
        "yaxis": yaxis,
        "hovertemplate": "%{y:,.7~r}",
    }
    if fill != "none":
        trace.update({"fill": fill, "fillcolor": f"{colour}26"})
    return trace


def levels_trace(segments: Sequence[LevelSegment], name: str, colour: str) -> Figure:
    """Return grid levels as one broken line, a horizontal piece for each."""
    nothing = float("nan")  # a gap between two segments
    x = [value for s in segments for value in (s.begin, s.end, nothing)]
    y = [value for s in segments for value in (s.price, s.price, nothing)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": packed(x, "d"),
        "y": packed(y, "f"),
        "line": {"color": colour, "width": 1},
        "opacity": 0.55,
        "hoverinfo": "skip",
        "connectgaps": False,
    }


def fills_trace(trades: Table, rows: Sequence[int], name: str, colour: str, mark: str) -> Figure:
    """Return the given rows of a table of fills as marks that tell quantity and price."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": packed([int(trades["ts"][i]) for i in rows], "d"),
        "y": packed_values([float(trades["price"][i]) for i in rows]),
        "customdata": packed([float(trades["qty"][i]) for i in rows], "f"),
        "marker": {
            "color": colour,
            "symbol": mark,
            "size": 9 if len(rows) <= 200 else 6,
            "line": {"width": 0.5, "color": "#ffffff"},
        },
        "hovertemplate": f"{name} %{{customdata:.6~r}} @ %{{y:,.7~r}}<extra></extra>",
    }


def packed(values: Sequence[float], kind: str) -> Figure:
    """Pack numbers for plotly: ``d`` is 8 bytes, ``f`` 4 bytes with seven digits."""
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    return {"dtype": {"d": "f8", "f": "f4"}[kind], "bdata": base64.b64encode(raw).decode("ascii")}


def packed_values(values: Sequence[float]) -> Figure:
    """Pack values to be drawn: seven digits do unless they hardly differ for their size."""
    size = max(map(abs, values), default=0.0)
    moves = max(values, default=0.0) - min(values, default=0.0)
    return packed(values, "f" if moves * 10_000 > size else "d")
