"""Figures that plotly accepts, with everything they leave out counted."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest

from grinder_app.report.charts import (
    Chart,
    blocks_chart,
    equity_chart,
    price_chart,
    profit_chart,
    together_chart,
)
from grinder_app.report.sampling import LevelSegment
from grinder_app.report.traces import Canvas

MINUTE = 60_000


def unpacked(packed: dict[str, str]) -> list[float]:
    raw = base64.b64decode(packed["bdata"])
    kind = {"f8": "d", "f4": "f"}[packed["dtype"]]
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw))


def equity(count: int) -> dict[str, list[Any]]:
    values = [10_000.0 + 10 * math.sin(i / 9) for i in range(count)]
    return {
        "ts": [MINUTE * i for i in range(count)],
        "equity": values,
        "high_water_mark": [max(values[: i + 1]) for i in range(count)],
        "realized": [v - 10_000.0 for v in values],
        "unrealized": [0.5] * count,
        "fees": [0.5] * count,
        "funding": [0.25] * count,
    }


def prices(count: int) -> dict[str, list[Any]]:
    return {"ts": [MINUTE * i for i in range(count)], "mid": [100.0 + i % 7 for i in range(count)]}


def fills(count: int) -> dict[str, list[Any]]:
    return {
        "ts": [MINUTE * i for i in range(count)],
        "side": ["BUY" if i % 3 else "SELL" for i in range(count)],
        "price": [100.0 + i % 7 for i in range(count)],
        "qty": [1.5] * count,
    }


def segments(count: int) -> list[LevelSegment]:
    return [
        LevelSegment("AAAUSDT", "BUY" if i % 2 else "SELL", 100.0 + i, i, i + 1 + i)
        for i in range(count)
    ]


CANVAS = Canvas(begin=0, end=100 * MINUTE, points=50, fills=20, levels=10, bins=48)
BLOCKS = {"COOLDOWN_ACTIVE": {0: 3, MINUTE: 4}, "SPREAD_SPIKE": {MINUTE: 1}}


def all_charts() -> list[Chart]:
    return [
        equity_chart("e", equity(100), CANVAS, "summary"),
        profit_chart("p", equity(100), CANVAS, "summary"),
        price_chart("x", "AAAUSDT", prices(100), segments(30), fills(60), CANVAS),
        price_chart("y", "AAAUSDT", {"ts": [], "mid": []}, [], fills(0), CANVAS),
        blocks_chart("b", BLOCKS, CANVAS, "summary"),
        together_chart("t", [0, 1], [0.0, 2.0], CANVAS, "summary"),
    ]


@pytest.mark.parametrize("chart", all_charts(), ids=lambda chart: chart.name)
def test_plotly_knows_every_property_of_a_figure(chart: Chart) -> None:
    from plotly.graph_objects import Figure

    made = Figure(chart.figure)  # raises ValueError on a property or value it does not know
    assert len(made.data) == len(chart.figure["data"])


def test_a_line_of_equity_keeps_its_extremes_and_says_what_it_left_out() -> None:
    chart = equity_chart("e", equity(1000), CANVAS, "summary")
    line = next(t for t in chart.figure["data"] if t["name"] == "equity")
    drawn = unpacked(line["y"])
    full = equity(1000)["equity"]
    assert len(drawn) <= CANVAS.points
    assert len(unpacked(line["x"])) == len(drawn)
    assert max(drawn) == pytest.approx(max(full))
    assert min(drawn) == pytest.approx(min(full))
    assert chart.notes == ("Lines show 50 of 1,000 samples; every extreme is kept.",)


def test_profit_lines_add_up() -> None:
    chart = profit_chart("p", equity(40), CANVAS, "summary")
    lines = {t["name"]: unpacked(t["y"]) for t in chart.figure["data"]}
    assert list(lines) == ["realised", "unrealised", "fees", "funding", "net"]
    for *parts, net in zip(*lines.values(), strict=True):
        assert sum(parts) == pytest.approx(net, abs=1e-4)


def test_funding_is_a_line_only_where_there_was_any() -> None:
    free = {**equity(40), "funding": [0.0] * 40}
    lines = {t["name"] for t in profit_chart("p", free, CANVAS, "summary").figure["data"]}
    assert lines == {"realised", "unrealised", "fees", "net"}


def test_a_price_chart_counts_the_levels_and_fills_it_left_out() -> None:
    chart = price_chart("x", "AAAUSDT", prices(10), segments(30), fills(60), CANVAS)
    traces = {t["name"]: t for t in chart.figure["data"]}
    marks = sum(len(unpacked(traces[f"{side} fill"]["x"])) for side in ("BUY", "SELL"))
    lines = sum(len(unpacked(traces[f"{side} level"]["x"])) for side in ("BUY", "SELL")) // 3
    assert (marks, lines) == (20, 10)
    assert "Levels drawn: 10 of 30, those that rested longest." in chart.notes
    assert "Fills drawn: 20 of 60, evenly spread." in chart.notes


def test_nothing_is_said_to_be_left_out_when_nothing_is() -> None:
    chart = price_chart("x", "AAAUSDT", prices(10), segments(5), fills(6), CANVAS)
    assert not any("of" in note and "drawn" in note for note in chart.notes)
    assert equity_chart("e", equity(10), CANVAS, "summary").notes == ()


def test_levels_are_separate_segments() -> None:
    level = LevelSegment("AAAUSDT", "BUY", 99.5, 1000, 2000)
    chart = price_chart("x", "AAAUSDT", prices(3), [level], fills(0), CANVAS)
    trace = next(t for t in chart.figure["data"] if t["name"] == "BUY level")
    x, y = unpacked(trace["x"]), unpacked(trace["y"])
    assert x[:2] == [1000.0, 2000.0]
    assert y[:2] == [99.5, 99.5]
    assert math.isnan(x[2])
    assert math.isnan(y[2])


def test_reasons_are_stacked_over_time() -> None:
    chart = blocks_chart("b", BLOCKS, CANVAS, "summary")
    assert chart.figure["layout"]["barmode"] == "stack"
    counts = {t["name"]: sum(t["y"]) for t in chart.figure["data"]}
    assert counts == {"COOLDOWN_ACTIVE": 7, "SPREAD_SPIKE": 1}


def test_a_line_that_hardly_moves_for_its_size_keeps_its_steps() -> None:
    table = equity(50)
    table["equity"] = [1e9 + i * 0.01 for i in range(50)]
    chart = equity_chart("e", table, CANVAS, "summary")
    line = next(t for t in chart.figure["data"] if t["name"] == "equity")
    assert len(set(unpacked(line["y"]))) == 50


def test_a_legend_names_what_several_traces_are() -> None:
    chart = price_chart("x", "AAAUSDT", prices(3), segments(2), fills(4), CANVAS)
    marks = [(entry["name"], entry["mark"]) for entry in chart.legend]
    assert marks == [
        ("BUY level", "line"),
        ("SELL level", "line"),
        ("mid price", "line"),
        ("BUY fill", "up"),
        ("SELL fill", "down"),
    ]
    assert together_chart("t", [0, 1], [0.0, 2.0], CANVAS, "summary").legend == []
