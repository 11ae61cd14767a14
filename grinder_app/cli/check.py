"""``grinder check``: determinism, look-ahead, fixtures, documents, text, metrics; reads only."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from grinder_app.cli import output
from grinder_app.runner.options import DataFiles, Flag, SettingsOptions
from grinder_core.codec import to_dict

app = App(
    name="check", help="Check determinism, look-ahead, fixtures, documentation, text, metrics."
)

ROOT = Path("fixtures")


@app.command
def determinism(
    *,
    root: Path = ROOT,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: Flag = False,
) -> int:
    """Run every fixture three times, once in another process, and compare with its digests.

    Exit codes: 0 all equal; 1 something differs or an expected digest is missing; 2 no fixture,
    or one cannot be read.

    Parameters
    ----------
    root
        Folder of the fixtures.
    verbose
        Show the digests.
    quiet
        Print only PASS or FAIL.
    json
        Print one JSON line.
    """
    from grinder_app.checks.determinism import check_determinism

    report = check_determinism(root)
    if json:
        output.print_json({"passed": report.passed, **to_dict(report)})
        return 0 if report.passed else 1
    if not quiet:
        columns = ["fixture", "events", "replay", "paper", "verdict"]
        rows: list[list[object]] = []
        for item in report.fixtures:
            digests = [item.replay[0], item.paper[0]]
            agree = [len(set(seen)) == 1 for seen in (item.replay, item.paper)]
            shown = digests if verbose else ["same" if same else "differs" for same in agree]
            rows.append([item.name, item.events, *shown, "FAIL" if item.problems else "PASS"])
        output.print_table(f"determinism of {root}", columns, rows)
        for item in report.fixtures:
            for problem in item.problems:
                print(f"{item.name}: {problem}")
        for problem in report.problems:
            print(problem)
    print("PASS" if report.passed else "FAIL")
    return 0 if report.passed else 1


@app.command
def fixtures(
    *,
    root: Path = ROOT,
    out: Path | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: Flag = False,
) -> int:
    """Run every fixture on paper against its expected digest and report.

    Exit codes: 0 all pass; 1 one does not; 2 there is none.

    Parameters
    ----------
    root
        Folder of the fixtures.
    out
        Write the report to this file, as JSON.
    quiet
        Print only PASS or FAIL.
    json
        Print the report as one JSON line.
    """
    from grinder_app.checks.fixture_report import find_fixtures, passes, run_report

    with output.progress("fixtures", len(find_fixtures(root))) as advance:
        report = run_report(root, lambda: advance(1))
    if out is not None:
        _write_pretty(out, report)
    passed = report["fixtures_failed"] == 0
    if json:
        output.print_json(report)
        return 0 if passed else 1
    if not quiet:
        names = ("events_processed", "orders_placed", "orders_blocked", "total_fills")
        output.print_table(
            f"fixtures in {root}",
            ("fixture", "events", "placed", "blocked", "fills", "digest", "verdict"),
            [
                (
                    entry["fixture_path"],
                    *(entry[name] for name in names),
                    entry["paper_digest"] or "-",
                    "PASS" if passes(entry) else "FAIL",
                )
                for entry in report["results"]
            ],
            note=f"report digest {report['report_digest']}",
        )
        for entry in report["results"]:
            _explain(entry)
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


@app.command
def lookahead(
    run: str = "latest",
    /,
    *,
    samples: int | None = None,
    seed: int = 0,
    session: str | None = None,
    data: DataFiles = (),
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen
    json: Flag = False,
) -> int:
    """Prove that a run does not use the future: cut its data, run again, compare all outputs.

    The data are run whole once more, then up to each cut from nothing, the policy loaded afresh.
    Every output line must be the one the whole gave. The first event and field that differ are
    named. A two-pass Top-K selection and a policy that opens the run's data files are reported
    even where no output shows it. Exit codes: 0 nothing of the future is used; 1 it is, or the
    run cannot be repeated; 2 there is no such run, or its data are not what they were.

    Parameters
    ----------
    run
        A run's id or its beginning, its name, its folder, or "latest".
    samples
        How many cuts a session, half of them spread evenly and half drawn; by default after every
        event of up to 2,000, and 20 for more.
    seed
        Of the drawn cuts.
    session
        Check only this session of the run.
    data
        The run's data files, where they have moved since; found by content.
    json
        Print one JSON line.
    """
    from grinder_adapters.airgap import airgap
    from grinder_adapters.runs import load_run
    from grinder_app.checks.lookahead import check_lookahead, subjects_of
    from grinder_app.runner.repeat import repeat_of

    with airgap(), output.progress("look-ahead, events") as advance:
        repeat = repeat_of(load_run(settings.store(settings.load()).find(run)), data)
        verdicts = [
            check_lookahead(subject, samples=samples, seed=seed, tell=advance)
            for subject in subjects_of(repeat, session)
        ]
    passed = all(verdict.passed for verdict in verdicts)
    if json:
        found = [{"passed": verdict.passed, **to_dict(verdict)} for verdict in verdicts]
        output.print_json({"passed": passed, "sessions": found})
        return 0 if passed else 1
    for verdict in verdicts:
        for line in verdict.lines():
            print(line)
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


@app.command
def unicode(
    paths: Annotated[list[Path] | None, Parameter(negative="")] = None,
    /,
    *,
    json: Flag = False,
) -> int:
    """Look for invisible and direction-changing characters, and for what is not UTF-8.

    Exit codes: 0 clean; 1 something was found; 2 a path is missing.

    Parameters
    ----------
    paths
        Files and folders; by default every text file that git tracks.
    json
        Print one JSON line.
    """
    from grinder_app.checks.unicode_policy import check_unicode

    scanned, findings = check_unicode(paths or ())
    if json:
        output.print_json({"files": scanned, "findings": [to_dict(item) for item in findings]})
    else:
        for finding in findings:
            print(finding)
        output.note(f"{scanned} text files, {len(findings)} forbidden characters")
    return 1 if findings else 0


@app.command
def docs(*, root: Path | None = None, json: Flag = False) -> int:
    """Hold README and docs against the code: commands, options, paths, links, names.

    Text under a heading with the word Planned, or on a line with (Planned), is exempt. Exit
    codes: 0 everything holds; 1 something does not; 2 there is no repository to look at.

    Parameters
    ----------
    root
        Top of the repository; by default the git work tree around the current folder.
    json
        Print one JSON line.
    """
    from grinder_app.checks.documentation import check_documentation
    from grinder_app.checks.repository import work_tree

    pages, findings = check_documentation(root or work_tree(Path.cwd()))
    if json:
        output.print_json({"pages": pages, "findings": [to_dict(item) for item in findings]})
    else:
        for finding in findings:
            print(finding)
        output.note(f"{pages} pages, {len(findings)} findings")
    return 1 if findings else 0


@app.command
def metrics(*, url: str | None = None, json: Flag = False) -> int:
    """Hold a scrape against the catalog: what must be there, and what must not.

    Without an address the catalog itself is checked, by what a session that has not begun shows.
    Exit codes: 0 nothing is wrong; 1 something is; 4 nobody answers.

    Parameters
    ----------
    url
        Address of a running session, such as http://127.0.0.1:9090.
    json
        Print one JSON line.
    """
    from grinder_adapters.metrics.catalog import CATALOG, REQUIRED_METRICS_PATTERNS, problems_of
    from grinder_app.checks.metrics import fresh_scrape, scrape_of

    problems = problems_of(fresh_scrape() if url is None else scrape_of(url))
    if json:
        counts = {"metrics": len(CATALOG), "required": len(REQUIRED_METRICS_PATTERNS)}
        output.print_json({**counts, "problems": problems})
    else:
        for problem in problems:
            print(problem)
        output.note(
            f"{len(CATALOG)} metrics, {len(REQUIRED_METRICS_PATTERNS)} series required, "
            f"{len(problems)} problems"
        )
    return 1 if problems else 0


def _explain(entry: dict[str, Any]) -> None:
    name = entry["fixture_path"]
    for error in entry["errors"]:
        print(f"{name}: {error['error']}")
    if entry["digest_match"] or entry["errors"]:
        return
    if entry["expected_paper_digest"] is None:
        print(f"{name}: config.json expects no paper digest; lock it first")
    else:
        print(f"{name}: {entry['paper_digest']}, expected {entry['expected_paper_digest']}")


def _write_pretty(path: Path, report: dict[str, Any]) -> None:
    from grinder_adapters.feeds.atomic import atomic_file

    with atomic_file(path) as file:
        file.write((json_text.dumps(report, indent=2, sort_keys=True) + "\n").encode("ascii"))
