"""A session with a folder: what it did, and under which circumstances, kept for later reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.feeds.source import EventSource
from grinder_adapters.runs import RunWriter, SessionWriter
from grinder_app.report.assumptions import Assumption, assumptions_of
from grinder_app.report.wording import fee_warning
from grinder_app.runner.data import DataFile, DataKind
from grinder_app.runner.inputs import RunInputs
from grinder_app.runner.outputs import OutputsKept, outputs_sink
from grinder_app.runner.policy import PolicySpec, PolicyTiming
from grinder_app.runner.session_loop import SessionEnd, SessionJob, run_job
from grinder_core.codec import to_dict
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.ports import OutputSink
from grinder_core.session.result import PaperResult


@frozen(kw_only=True)
class Circumstances:
    """What a run's manifest says besides its results.

    Attributes:
        command: The arguments as given.
        origins: Where each setting comes from; empty for a fixture, which brings its own.
        data_name: What the data is called where there are no files.
        spread_bps: Width of quotes made of klines, as text.
        inputs: What each session reads, so that it can be read again.
    """

    kind: str
    command: Sequence[str]
    config: EngineConfig
    outputs: OutputsKept
    inputs: RunInputs
    origins: Mapping[str, str]
    profile: str | None
    files: Sequence[DataFile] = ()
    data_name: str = ""
    policy: PolicySpec | None = None
    spread_bps: str = ""

    def manifest(self) -> dict[str, Any]:
        """Return the fields of the manifest that are known before the run."""
        return {
            "command": list(self.command),
            "config": self.config.to_dict(),
            "config_hash": self.config.config_hash,
            "origins": dict(self.origins),
            "profile": self.profile or "",
            "data": self._data(),
            "inputs": self.inputs.to_dict(),
            "outputs": self.outputs.value,
            "assumptions": [each.line for each in self.assumptions()],
            "policy": None if self.policy is None else self.policy.to_dict(),
            "warnings": self.warnings(),
        }

    def assumptions(self) -> list[Assumption]:
        """Return what the run assumes of the venue."""
        return assumptions_of(
            self.kind,
            to_dict(self.config.venue),
            origins=self.origins,
            funding=[str(path) for path in self.inputs.options.funding],
        )

    def _data(self) -> list[dict[str, Any]]:
        files = [to_dict(file) for file in self.files]
        if any(file.kind is not DataKind.FUNDING for file in self.files):
            return files
        return [{"name": self.data_name}, *files]

    def warnings(self) -> list[str]:
        """Return what to know before believing the result."""
        found = []
        fees = fee_warning(self.kind, to_dict(self.config.venue))
        if fees is not None:
            found.append(fees)
        if any(file.kind is DataKind.KLINES for file in self.files):
            found.append(
                f"Quotes were made of klines with a spread of {self.spread_bps} bps along an "
                "assumed path inside each bar; nobody quoted these prices."
            )
        return found


def record_session(
    job: SessionJob,
    source: EventSource,
    writer: SessionWriter,
    outputs: OutputsKept,
    *,
    tell: Callable[[int], None] | None = None,
    also: Sequence[OutputSink] = (),
) -> SessionEnd:
    """Run one session and write its files, also when it failed.

    Args:
        also: Further takers of every output.

    Raises:
        InputError: The folder cannot be written.
        ArtifactError: As ``run_job``.
    """
    try:
        sink = outputs_sink(outputs, writer.outputs_line)
        sinks = [*([] if sink is None else [sink]), *also]
        end = run_job(job, source, on_line=all_of(sinks), on_trade=writer.trade, tell=tell)
        writer.finish(end.result)
    finally:
        writer.close()
    return end


def warnings_of_session(result: PaperResult, timing: PolicyTiming | None) -> list[str]:
    """Return what only the finished session can warn of."""
    found = []
    if result.selection is not None and result.selection.lookahead:
        found.append(
            "Symbols were selected by a pass over the whole data, which looks ahead; set "
            "topk_prefix_events to select from the beginning of the data only."
        )
    if timing is not None and timing.warning:
        found.append(timing.warning)
    return found


def describe_end(
    run: RunWriter,
    before: Circumstances,
    digests: Mapping[str, str | None],
    timings: Mapping[str, PolicyTiming],
    lacking: Mapping[str, Sequence[str]],
) -> None:
    """Complete the manifest with what the sessions showed, before the run is finished.

    Args:
        lacking: What the data of each session lacked.
    """
    slow = [timing.warning for timing in timings.values() if timing.warning]
    missed = by_session(lacking)
    run.manifest(
        digests=dict(digests),
        warnings=list(dict.fromkeys([*before.warnings(), *missed, *slow])),
        policy_timing={name: to_dict(timing) for name, timing in timings.items()},
    )


def by_session(warnings: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the warnings of all sessions; of several, each names its session."""
    return [
        f"{name}: {text}" if len(warnings) > 1 else text
        for name, texts in warnings.items()
        for text in texts
    ]


def all_of(sinks: Sequence[OutputSink]) -> OutputSink | None:
    """Return one taker for several; ``None`` for none."""
    if len(sinks) < 2:
        return sinks[0] if sinks else None

    def every(output: PaperOutput, line: bytes) -> None:
        for sink in sinks:
            sink(output, line)

    return every


def to_file(path: Path | None, opened: ExitStack) -> list[OutputSink]:
    """Open a file for all outputs; it appears only once the session has ended well."""
    if path is None:
        return []
    file = opened.enter_context(atomic_file(path))

    def write(output: PaperOutput, line: bytes) -> None:
        file.write(line + b"\n")

    return [write]
