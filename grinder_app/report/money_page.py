"""One page about money: a sentence, a picture of the way from one sum to another, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.report.charts import Chart
from grinder_app.report.page import check_installed, environment, script_json, script_text
from grinder_app.report.traces import AXIS, BLUE, GREEN, GREY, ORANGE
from grinder_core.numbers import canonical

ROWS_MAX: Final = 500


@frozen(kw_only=True)
class MoneyTable:
    """A table of the page.

    Attributes:
        numeric: Columns whose cells line up on the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: tuple[str, ...] = ()

    @property
    def shown(self) -> Sequence[Sequence[str]]:
        """The first rows."""
        return self.rows[:ROWS_MAX]

    @property
    def left_out(self) -> int:
        """How many rows are not on the page."""
        return max(len(self.rows) - ROWS_MAX, 0)


@frozen(kw_only=True)
class MoneyPage:
    """What the page shows.

    Attributes:
        about: What it is of, in one line.
        lead: What was found, in one sentence.
        tone: ``good``, ``bad`` or empty.
        warnings: What the reader must know first.
    """

    title: str
    about: str
    lead: str
    tone: str
    charts: tuple[Chart, ...]
    tables: tuple[MoneyTable, ...]
    warnings: tuple[str, ...] = ()


@frozen(kw_only=True)
class Bar:
    """One bar of a waterfall.

    Attributes:
        is_sum: It stands on the ground and shows where the way has led so far.
    """

    name: str
    amount: Decimal
    is_sum: bool = False


def waterfall(name: str, title: str, bars: Sequence[Bar], summary: str) -> Chart:
    """Draw the way from one sum to another."""
    trace = {
        "type": "waterfall",
        "name": title,
        "x": [bar.name for bar in bars],
        "y": [float(bar.amount) for bar in bars],
        "measure": ["absolute" if bar.is_sum else "relative" for bar in bars],
        "text": [canonical(bar.amount) for bar in bars],
        "hovertemplate": "%{x}: %{text}<extra></extra>",
        "textposition": "none",
        "connector": {"line": {"color": GREY, "width": 1}},
        "increasing": {"marker": {"color": GREEN}},
        "decreasing": {"marker": {"color": ORANGE}},
        "totals": {"marker": {"color": BLUE}},
    }
    layout = {
        "autosize": True,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "showlegend": False,
        "xaxis": {"type": "category", "automargin": True, "showgrid": False},
        "yaxis": {**AXIS, "zeroline": True},
    }
    return Chart(
        name=name,
        title=title,
        summary=summary,
        figure={"data": [trace], "layout": layout},
        height=420,
    )


def render_money(page: MoneyPage) -> str:
    """Return the page.

    Raises:
        ConfigError: The extra ``report`` is not installed.
    """
    check_installed()
    from plotly.offline import get_plotlyjs

    template = environment().get_template("money.html.j2")
    return template.render(
        page=page,
        figures=script_json({chart.name: chart.figure for chart in page.charts}),
        plotly=script_text(get_plotlyjs()),
    )


def write_money(page: MoneyPage, path: Path) -> int:
    """Write the page, whole or not at all, and return its size in bytes.

    Raises:
        ConfigError: The extra ``report`` is not installed.
        InputError: The target cannot be written.
    """
    content = render_money(page).encode()
    with atomic_file(path) as file:
        file.write(content)
    return len(content)
