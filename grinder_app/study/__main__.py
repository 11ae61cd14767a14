"""``python -m grinder_app.study RECORDINGS --out docs/study``: static against adaptive grids."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from grinder_app.cli import Exit, output
from grinder_app.runner.options import Flag
from grinder_app.runner.pool import cores
from grinder_app.study.datasets import find
from grinder_app.study.page import write_pages
from grinder_app.study.pictures import check_browser, write_pictures
from grinder_app.study.results import FILE, Results, Row, load
from grinder_app.study.run import Running, run_study
from grinder_core.errors import ConfigError, GrinderError, InputError


def study(
    recordings: Path | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(name="--out")] = Path("docs/study"),
    jobs: int | None = None,
    only: str = "",
    from_results: Flag = False,
    pictures: bool = True,
) -> int:
    """Compare static and adaptive grids on a folder of recordings; write results and page.

    Parameters
    ----------
    recordings
        Folder of recordings, with klines_1m, ws_raw and the like in it.
    out
        Folder for results, page and pictures.
    jobs
        Processes; by default one a core.
    only
        Run only families whose names begin with it; results of others are kept.
    from_results
        Write page and pictures anew from the results that are there.
    pictures
        Draw pictures, which needs a Chromium; without, the page shows those of before.
    """
    chromium = check_browser() if pictures else ""
    if jobs is not None and jobs < 1:
        raise ConfigError("must be >= 1", field="--jobs", value=jobs)
    if from_results:
        results = load(out)
    elif recordings is None:
        raise ConfigError("is missing", field="RECORDINGS", remedy="or give --from-results")
    else:
        results = _run(recordings, out, jobs or cores(), only)
    write_pages(results, out)
    if pictures:
        write_pictures(results, out, chromium)
    output.note(f"page: {out / 'README.md'}")
    failed = [row for row in results.rows if row.error]
    for row in failed:
        output.note(f"FAILED {' '.join(row.key)}: {row.error}")
    return Exit.FAILED if failed else Exit.GOOD


def _run(recordings: Path, out: Path, jobs: int, only: str) -> Results:
    begun = perf_counter()
    found = find(recordings, tell=lambda name: output.note(f"reading {name}"))
    before = load(out) if only and (out / FILE).is_file() else None
    with output.progress("study, events") as advance:
        running = Running(root=recordings, out=out, jobs=jobs, tell=advance, on_row=_tell_row)
        results = run_study(found, running, only, before)
    output.note(f"took {(perf_counter() - begun) / 60:.0f} minutes")
    return results


def _tell_row(row: Row, left: int) -> None:
    what = f"FAILED {row.error}" if row.error else f"net {row.net_pnl:.2f}, {row.fills:,} fills"
    output.note(f"{' '.join(row.key)}: {what}; {left} left of this step")


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for a user's mistake."""
    app = App(
        name="python -m grinder_app.study",
        help=__doc__,
        result_action="return_value",
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    app.default(study)
    try:
        return int(app(arguments))
    except CycloptsError:
        return Exit.USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except GrinderError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return Exit.USAGE if isinstance(error, InputError) else Exit.FAILED


if __name__ == "__main__":
    sys.exit(run())
