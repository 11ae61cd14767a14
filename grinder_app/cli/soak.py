"""``grinder soak``: repeated runs that must not drift, fail or slow down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from grinder_app.cli import output
from grinder_core.checks.soak import METRICS, SoakMode, SoakReport, Thresholds, judge, measured
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError

app = App(name="soak", help="Run everything again and again; nothing may drift or fail.")

Flag = Annotated[bool, Parameter(negative="")]
FIXTURES = Path("fixtures")


@app.command
def gate(
    *,
    mode: SoakMode = SoakMode.BASELINE,
    runs: int | None = None,
    nightly: Flag = False,
    fixtures: Path | None = None,
    report: Path | None = None,
    thresholds: Path | None = None,
    out: Path | None = None,
    json: Flag = False,
) -> int:
    """Run every fixture several times and hold the measures against their thresholds.

    Digests, errors, dropped events and the fill rate decide. Latency, memory and queue depth are
    shown and decide only with --nightly. Exit codes: 0 all within bounds; 1 something is not; 2 an
    input cannot be read, or a metric that decides was not measured.

    Parameters
    ----------
    mode
        Load and thresholds; overload lets the events come ten times as fast as recorded.
    runs
        Runs of each fixture, at least 2; by default 3.
    nightly
        Judge latency, memory and queue depth too; for a machine that does nothing else.
    fixtures
        Folder of the fixtures; by default the folder fixtures.
    report
        Judge this report of an earlier gate instead of running anything.
    thresholds
        File of thresholds; by default the one that comes with grinder.
    out
        Write the report to this file, as JSON.
    json
        Print verdict, findings, report and thresholds as one JSON line.
    """
    from grinder_adapters.runs.files import write_json
    from grinder_app.checks.soak import THRESHOLDS_FILE, read_report, read_thresholds

    limits = read_thresholds(thresholds or THRESHOLDS_FILE, mode)
    if report is None:
        measures = _run(fixtures or FIXTURES, runs, mode)
    elif runs is not None or fixtures is not None:
        raise ConfigError(
            "takes no --runs and no --fixtures: nothing is run", field="--report", value=str(report)
        )
    else:
        measures = read_report(report)
    if measures.mode is not mode:
        raise ConfigError(
            f"holds runs in mode {measures.mode}",
            where=str(report),
            field="--mode",
            value=mode.value,
            remedy=f"judge it with --mode {measures.mode}",
        )
    if out is not None:
        write_json(out, to_dict(measures))
    findings = judge(measures, limits, nightly=nightly)
    if json:
        output.print_json(
            {
                "passed": not findings,
                "nightly": nightly,
                "findings": [to_dict(finding) for finding in findings],
                "report": to_dict(measures),
                "thresholds": to_dict(limits),
            }
        )
    else:
        _show(measures, limits, nightly)
        for finding in findings:
            print(finding)
        print("FAIL" if findings else "PASS")
    return 1 if findings else 0


def _run(root: Path, runs: int | None, mode: SoakMode) -> SoakReport:
    from grinder_app.checks.fixture_report import find_fixtures
    from grinder_app.checks.soak import RUNS, run_soak

    wanted = RUNS if runs is None else runs
    with output.progress("soak runs", len(find_fixtures(root)) * (wanted + 1)) as advance:
        return run_soak(root, runs=wanted, mode=mode, on_run=lambda: advance(1))


def _show(report: SoakReport, limits: Thresholds, nightly: bool) -> None:
    output.print_table(
        f"digests of {report.runs} runs",
        ("fixture", "digest", "verdict"),
        [
            (fixture.name, fixture.digests[0] or "-", "same" if fixture.is_stable else "DIFFERS")
            for fixture in report.fixtures
        ],
    )
    rules = {item.metric: item for item in limits.criteria}
    rows = []
    for metric in METRICS:
        value, item = measured(report, metric), rules.get(metric)
        verdict = "shown only"
        if item is not None and (nightly or not item.nightly):
            verdict = "ok" if value is not None and item.holds(value) else "FAIL"
        shown = "-" if value is None else str(value).lower()
        rows.append((metric, shown, "" if item is None else item.rule, verdict))
    output.print_table(f"soak gate, {report.mode}", ("metric", "value", "rule", "verdict"), rows)
