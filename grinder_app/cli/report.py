"""``grinder report``: one HTML file that shows a run, for any browser; and ``report settle``."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from grinder_adapters.runs import load_run
from grinder_app.cli import output
from grinder_app.cli.settle import settle
from grinder_app.report.page import check_installed, write_report
from grinder_app.report.sharpe_words import check_trials
from grinder_app.runner.options import Flag, SettingsOptions

app = App(name="report", help="Write the HTML report of a run; settle a live session.")
app.command(settle)

REPORT_FILE = "report.html"


@app.default
def report(
    run: str = "latest",
    /,
    *,
    out: Path | None = None,
    trials: int | None = None,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen
    json: Flag = False,
) -> None:
    """Write the HTML report of a run: what it earned, when, why not more, and on what it rests.

    Parameters
    ----------
    run
        A run's id or its beginning, its name, its folder, or "latest".
    out
        Target file; by default report.html in the run's folder.
    trials
        How many settings you tried to find this one: the Sharpe ratio is deflated by it. By
        default what the run was told.
    json
        Print one JSON line.
    """
    check_installed()
    folder = settings.store(settings.load()).find(run)
    path = folder / REPORT_FILE if out is None else out
    size = write_report(load_run(folder), path, check_trials(trials))
    if json:
        output.print_json({"path": str(path), "bytes": size, "run": str(folder)})
    else:
        print(f"{path} ({size / 1_000_000:.1f} MB)")
