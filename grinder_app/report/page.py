"""The report of a run as one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.runs import RunView
from grinder_app.report.band import band_rows
from grinder_app.report.figures import SessionFigures
from grinder_app.report.provenance import (
    ROWS_MAX,
    assumptions,
    config_rows,
    cut,
    data_rows,
    warnings,
)
from grinder_app.report.sections import (
    OVERVIEW_MAX,
    SESSIONS_MAX,
    all_together,
    best_sentence,
    overview_rows,
    sections_of,
    total_row,
)
from grinder_app.report.statistics import DEFINITIONS
from grinder_app.report.wording import quote_currency, some, utc
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"


def write_report(view: RunView, path: Path, trials: int | None = None) -> int:
    """Write the report of a run, whole or not at all, and return its size in bytes.

    The same run gives the same bytes with the same version of plotly. The file makes no request.

    Args:
        trials: How many settings were tried; by default what the run says.

    Raises:
        ConfigError: The extra ``report`` is not installed.
        InputError: The target cannot be written.
    """
    page = render(view, trials).encode()
    with atomic_file(path) as file:
        file.write(page)
    return len(page)


def render(view: RunView, trials: int | None = None) -> str:
    """Return the page; ``trials`` as for ``write_report``.

    Raises:
        ConfigError: The extra ``report`` is not installed.
    """
    check_installed()
    from plotly.offline import get_plotlyjs

    tried = trials or view.manifest.get("trials")
    sessions = [SessionFigures.of(session, tried) for session in view.sessions]
    sections = sections_of(sessions)
    overall = all_together(sessions) if len(sessions) > 1 else None
    charts = [*([overall] if overall else []), *(c for s in sections for c in s.charts)]
    template = environment().get_template("report.html.j2")
    return template.render(
        **_head(view, sessions),
        sessions=sessions,
        sections=sections,
        overall=overall,
        overview=overview_rows(sessions) if len(sessions) > 1 else [],
        total=total_row(sessions),
        best=best_sentence(sessions),
        overview_max=OVERVIEW_MAX,
        sessions_max=SESSIONS_MAX,
        warnings=warnings(view),
        assumptions=assumptions(view.manifest),
        config=config_rows(view.manifest),
        data=data_rows(view.manifest),
        data_max=ROWS_MAX,
        definitions=DEFINITIONS,
        figures=script_json({chart.name: chart.figure for chart in charts}),
        plotly=script_text(get_plotlyjs()),
    )


def check_installed() -> None:
    """Raise a ``ConfigError`` that names the extra when a library of it is missing."""
    missing = [name for name in ("jinja2", "plotly") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"needs {' and '.join(missing)}",
            field="report",
            remedy="pip install 'grinder[report]'",
        )


def _head(view: RunView, sessions: list[SessionFigures]) -> dict[str, Any]:
    manifest = view.manifest
    symbols = sorted({symbol for figures in sessions for symbol in figures.symbols})
    begun = [f.statistics.start_ms for f in sessions if f.statistics.end_ms]
    ended = [f.statistics.end_ms for f in sessions if f.statistics.end_ms]
    command = manifest.get("command", "")
    return {
        "manifest": manifest,
        "kind": str(manifest["kind"]).capitalize(),
        "symbols": some(symbols, 4) or "no symbols",
        "currency": quote_currency(symbols),
        "begun": utc(min(begun)) if begun else "",
        "ended": utc(max(ended)) if ended else "",
        "policy": _policy(manifest.get("policy")),
        "band": band_rows(manifest.get("band") or ()),
        "command": cut(command if isinstance(command, str) else " ".join(map(str, command))),
    }


def _policy(policy: Mapping[str, Any] | None) -> str:
    """Name a user's own policy and its arguments; empty for the built-in one."""
    if not policy:
        return ""
    arguments = ", ".join(f"{name}={value}" for name, value in policy.get("arguments", {}).items())
    return cut(f"{policy.get('target', '')}({arguments})")


def environment() -> Environment:
    """Return where templates come from; ``asset(NAME)`` is a file beside them, as it stands."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = lambda name: _markup((TEMPLATES / name).read_text("ascii"))
    return environment


def script_json(value: object) -> Any:
    """Return a value as JSON that may stand in a script element."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _markup(text.replace("<", "\\u003c"))


def script_text(code: str) -> Any:
    """Return code that may stand in a script element."""
    # a script element ends at the first "</script", whatever surrounds it
    return _markup(code.replace("</script", "<\\/script"))


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)
