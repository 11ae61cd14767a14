"""One recorded session: data in, run folder, report and checkpoint out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from attrs import frozen

from grinder_adapters.airgap import airgap
from grinder_adapters.clock import SystemClock
from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.feeds.source import EventSource
from grinder_adapters.runs import RunStore, load_run
from grinder_app.report.page import check_installed, write_report
from grinder_app.report.sharpe_words import block
from grinder_app.runner.band import BandRow, fill_band
from grinder_app.runner.prepared import SESSION
from grinder_app.runner.recording import (
    Circumstances,
    describe_end,
    record_session,
    to_file,
    warnings_of_session,
)
from grinder_app.runner.session_loop import SessionEnd, SessionJob
from grinder_app.runner.summary import SessionFigures
from grinder_core.errors import ArtifactError, ConfigError, InputError
from grinder_core.ports import OutputSink
from grinder_core.session.checkpoint import Checkpoint

REPORT_FILE: Final = "report.html"
CONTINUED: Final = (
    "This run continues a checkpoint: its trades, equity and levels are of this part only, its "
    "profits and counters of the whole session."
)


@frozen(kw_only=True)
class PaperRun:
    """What to do, on what, and what to leave behind.

    Attributes:
        name: Of the run, for people; empty for none.
        report: Write the report, if the extra for it is installed.
        band: Run the session again under other fill models; a part of a session has no band.
        again: The source of the band, where ``source`` can be read only once.
        checkpoint: Write a checkpoint of the session's end there.
        out: Write every output there, a canonical line each.
    """

    job: SessionJob
    source: EventSource
    about: Circumstances
    name: str = ""
    report: bool = True
    band: bool = False
    again: EventSource | None = None
    checkpoint: Path | None = None
    out: Path | None = None


@frozen(kw_only=True)
class PaperDone:
    """What a run left behind.

    Attributes:
        session_s: Wall time of the session alone.
        report: ``None`` where none was wanted or the extra is missing.
        band: The same session under other fill models; empty where nobody asked.
        report_hint: Why there is no report although one was wanted; empty otherwise.
    """

    run_id: str
    folder: Path
    end: SessionEnd
    session_s: float
    warnings: tuple[str, ...]
    report: Path | None
    report_hint: str
    band: tuple[BandRow, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result with what belongs to the run, as JSON values."""
        timing = self.end.timing
        return {
            **self.end.result.to_dict(),
            "run_id": self.run_id,
            "run_folder": str(self.folder),
            "report": None if self.report is None else str(self.report),
            "events_read": self.end.events_read,
            "warnings": list(self.warnings),
            "policy_timing": None if timing is None else timing.to_dict(),
            "band": [row.to_dict() for row in self.band],
            "statistics": block(SessionFigures.of(SESSION, self.end).sharpe),
        }


def run_recorded(
    wanted: PaperRun,
    store: RunStore,
    *,
    tell: Callable[[int], None] | None = None,
    also: Sequence[OutputSink] = (),
) -> PaperDone:
    """Run one session with the network shut, and write its folder.

    Args:
        tell: Called with numbers of further events.
        also: Further takers of every output.

    Raises:
        Exception: Whatever ended the session early, once its folder is closed as failed.
        InputError: A target cannot be written, or the run's name is taken.
        ArtifactError: The checkpoint is damaged or of another configuration.
    """
    about, now = wanted.about, SystemClock().now_ms()
    with store.create(about.kind, now, name=wanted.name) as run, airgap():
        run.manifest(**about.manifest())
        writer = run.session(SESSION)
        with ExitStack() as opened:
            sinks = [*also, *to_file(wanted.out, opened)]
            begun = perf_counter()
            end = record_session(
                wanted.job, wanted.source, writer, about.outputs, tell=tell, also=sinks
            )
            session_s = perf_counter() - begun
            timings = {} if end.timing is None else {SESSION: end.timing}
            lacking = {SESSION: end.lacking}
            describe_end(run, about, {SESSION: end.result.digest}, timings, lacking)
            if end.result.failure is not None:
                raise end.result.failure
        band = _band(wanted, end, tell)
        run.manifest(band=[row.to_dict() for row in band])
        if wanted.checkpoint is not None and end.checkpoint is not None:
            _write_checkpoint(wanted.checkpoint, end.checkpoint)
    report, hint = report_of(run.path) if wanted.report else (None, "")
    later = warnings_of_session(end.result, end.timing)
    continued = [] if wanted.job.start is None else [CONTINUED]
    return PaperDone(
        run_id=run.run_id,
        folder=run.path,
        end=end,
        session_s=session_s,
        warnings=(*about.warnings(), *end.lacking, *later, *continued),
        report=report,
        report_hint=hint,
        band=band,
    )


def _band(
    wanted: PaperRun, end: SessionEnd, tell: Callable[[int], None] | None
) -> tuple[BandRow, ...]:
    job = wanted.job
    if not wanted.band or job.start is not None or job.stop_after is not None:
        return ()
    about, source = wanted.about, wanted.again or wanted.source
    venue = about.inputs.venue
    return fill_band(job.config, source, end.result, about.policy, venue=venue, tell=tell)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file.

    Raises:
        InputError: It cannot be read.
        ArtifactError: It is damaged, or no checkpoint.
    """
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise ArtifactError("is no checkpoint", where=str(path)) from None
    try:
        return Checkpoint.from_text(text)
    except ArtifactError as error:
        raise error.at(str(path)) from None


def _write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    with atomic_file(path) as file:
        file.write(checkpoint.to_text().encode("ascii"))


def report_of(folder: Path) -> tuple[Path | None, str]:
    """Write the report of a finished run into its folder.

    Returns:
        Its path, or ``None`` and what is missing where the extra for it is not installed.

    Raises:
        ArtifactError: The run's files are damaged.
        InputError: The folder cannot be written.
    """
    try:
        check_installed()
    except ConfigError as error:
        return None, str(error)
    path = folder / REPORT_FILE
    write_report(load_run(folder), path)
    return path, ""
