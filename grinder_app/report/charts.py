"""The charts of the page, as plain plotly figures: dictionaries that its script draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from grinder_app.report.closed_trades import Table
from grinder_app.report.sampling import (
    LevelSegment,
    bin_width_ms,
    longest_levels,
    rebin,
    thin,
)
from grinder_app.report.statistics import floats, net_profit, never_back
from grinder_app.report.traces import (
    AXIS,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Canvas,
    Figure,
    base_layout,
    fills_trace,
    levels_trace,
    line_trace,
    packed,
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
        line_trace(ts, peaks, canvas, "high-water mark", GREY, width=1, dash="dot"),
        line_trace(ts, values, canvas, "equity", BLUE, width=2),
        line_trace(ts, fall, canvas, "drawdown", RED, width=1, yaxis="y2", fill="tozeroy"),
    ]
    layout = base_layout(canvas, yaxis={"domain": [0.34, 1.0]})
    layout["xaxis"]["anchor"] = "y2"
    layout["yaxis2"] = {
        **AXIS,
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
    """Profit split into realised, unrealised, fees and, where there was any, funding."""
    ts = never_back(equity.get("ts", ()))
    fees, funding = ([-paid for paid in floats(equity, name)] for name in ("fees", "funding"))
    traces = [
        line_trace(ts, floats(equity, "realized"), canvas, "realised", GREEN),
        line_trace(ts, floats(equity, "unrealized"), canvas, "unrealised", PURPLE, width=1),
        line_trace(ts, fees, canvas, "fees", ORANGE),
        *([line_trace(ts, funding, canvas, "funding", GREY)] if any(funding) else []),
        line_trace(ts, net_profit(equity), canvas, "net", BLUE, width=2.5),
    ]
    return Chart(
        name=name,
        title="Where the profit comes from",
        summary=summary,
        figure={"data": traces, "layout": base_layout(canvas, yaxis={"zeroline": True})},
        notes=_sampled(len(ts), canvas.points, "samples"),
    )


def price_chart(
    name: str,
    symbol: str,
    prices: Table,
    segments: Sequence[LevelSegment],
    trades: Table,
    canvas: Canvas,
    *,
    fills: int | None = None,
) -> Chart:
    """One symbol's mid price with the levels that rested and the fills.

    Args:
        segments: Grid levels of this symbol.
        trades: Fills of this symbol.
        fills: How many there were, where ``trades`` are an even choice of them.
    """
    fills = len(trades["ts"]) if fills is None else fills
    ts, mids = never_back(prices.get("ts", ())), floats(prices, "mid")
    drawn = longest_levels(segments, canvas.levels)
    traces = [
        levels_trace([s for s in drawn if s.side == "BUY"], "BUY level", BLUE),
        levels_trace([s for s in drawn if s.side != "BUY"], "SELL level", ORANGE),
        line_trace(ts, mids, canvas, "mid price", GREY, width=1.5),
    ]
    kept = thin(len(trades["ts"]), canvas.fills)
    for side, colour, mark in (("BUY", BLUE, "triangle-up"), ("SELL", ORANGE, "triangle-down")):
        rows = [i for i in kept if trades["side"][i] == side]
        traces.append(fills_trace(trades, rows, f"{side} fill", colour, mark))
    notes = [
        "The line is a sample of the mid price, so a fill may lie beside it.",
        *_sampled(len(ts), canvas.points, "prices"),
    ]
    if len(drawn) < len(segments):
        notes.append(
            f"Levels drawn: {len(drawn):,} of {len(segments):,}, those that rested longest."
        )
    if len(kept) < fills:
        notes.append(f"Fills drawn: {len(kept):,} of {fills:,}, evenly spread.")
    layout = {**base_layout(canvas, yaxis={}), "hovermode": "closest"}
    span = f" between {min(mids):,.8g} and {max(mids):,.8g}" if mids else ""
    return Chart(
        name=name,
        title=f"{symbol}: price, grid and fills",
        summary=f"Mid price of {symbol}{span}, grid levels while they rested, {fills:,} fills.",
        figure={"data": traces, "layout": layout},
        notes=tuple(notes),
        height=400,
    )


def blocks_chart(
    name: str, blocks: Mapping[str, Mapping[int, int]], canvas: Canvas, summary: str
) -> Chart:
    """How often each reason stopped a snapshot, over time, stacked."""
    starts = [start for counts in blocks.values() for start in counts]
    begin, end = min([canvas.begin, *starts]), max([canvas.end, *starts])
    width = bin_width_ms(end - begin, canvas.bins)
    traces = []
    for index, reason in enumerate(sorted(blocks)):
        bins = rebin(blocks[reason], width)
        traces.append(
            {
                "type": "bar",
                "name": reason,
                "x": packed([start + width // 2 for start in bins], "d"),
                "y": list(bins.values()),
                "width": width,
                "marker": {"color": PALETTE[index % len(PALETTE)], "line": {"width": 0}},
            }
        )
    layout = base_layout(canvas, yaxis={"rangemode": "tozero"})
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
            "data": [line_trace(ts, profit, canvas, "net PnL", BLUE, width=2, fill="tozeroy")],
            "layout": base_layout(canvas, yaxis={"zeroline": True}),
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
