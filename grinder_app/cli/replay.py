"""``grinder replay``: the same decisions again, with nobody to fill them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from cyclopts import Parameter

from grinder_adapters.airgap import airgap
from grinder_app.cli import output
from grinder_app.runner.options import (
    ConfigOptions,
    DataFiles,
    Flag,
    NarrowOptions,
    PolicyOptions,
)
from grinder_app.runner.prepared import prepare
from grinder_app.runner.recording import all_of, to_file, warnings_of_session
from grinder_app.runner.session_loop import SessionEnd, SessionJob, run_job
from grinder_app.runner.told import Narrator, pace, policy_text
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError
from grinder_core.session.session import Driver


def replay(
    *,
    data: DataFiles = (),
    fixture: Path | None = None,
    journal: Path | None = None,
    settings: ConfigOptions = ConfigOptions(),  # noqa: B008 - frozen
    narrow: NarrowOptions = NarrowOptions(),  # noqa: B008 - frozen
    policy: PolicyOptions = PolicyOptions(),  # noqa: B008 - frozen
    out: Path | None = None,
    until: int | None = None,
    explain: str = "",
    json: Flag = False,
    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False,
) -> int:
    """Decide on recorded data without fills and print the digest of all decisions.

    Orders are accepted and never filled. Nothing is written but what --out names.

    With --journal a live session is folded again instead, from what it wrote down, and every
    word of it is compared: decisions, verdicts, transitions, latches, digests. The exit code is 1
    at the first difference.

    Parameters
    ----------
    data
        Event files (.jsonl, .jsonl.gz, .parquet), raw captures, public dumps or klines; several
        are merged by time into one session.
    fixture
        Folder of a fixture, which brings its own settings, instead of data.
    journal
        State folder of a live session, or a copy of its state.db, instead of data.
    until
        Journal: stop after this row.
    explain
        Journal: tell what the session saw and said at this time (UTC), such as 03:12, 03:12:07 or
        2026-11-22T03:12, and stop there.
    out
        Write every output to this file, one canonical JSON line each.
    json
        Print one JSON line.
    verbose
        Tell every output in which something happened.
    """
    if journal is not None:
        _refuse_with_journal(data, fixture, settings, narrow, out, verbose=verbose)
        from grinder_app.cli.replay_journal import JournalReplay, replay_journal

        job = JournalReplay(journal=journal, policy=policy, until=until, explain=explain, json=json)
        return replay_journal(job)
    if until is not None or explain:
        raise ConfigError("needs --journal", field="--until" if explain == "" else "--explain")
    begun = perf_counter()
    loaded = settings.load(of_engine=fixture is None)
    spec = policy.spec()
    with airgap(), ExitStack() as opened, output.progress("replay, events") as advance:
        prepared = prepare(data, fixture, loaded, settings, narrow)
        session = SessionJob(
            config=prepared.config,
            policy=None if spec is None else spec.load(),
            driver=Driver.REPLAY,
            name=prepared.name,
            ignored=prepared.ignored,
        )
        sinks = [*([Narrator()] if verbose else []), *to_file(out, opened)]
        end = run_job(session, prepared.source, on_line=all_of(sinks), tell=advance)
        if end.result.failure is not None:
            raise end.result.failure
    if json:
        output.print_json(_replay_result(end))
        return 0
    print(f"Replay completed. Events processed: {end.result.stats.events_processed}")
    print(f"Output digest: {end.result.digest}")
    if end.timing is not None:
        output.note(policy_text(end.timing))
    for warning in warnings_of_session(end.result, end.timing):
        output.note(f"warning: {warning}")
    output.note(pace(end.events_read, perf_counter() - begun))
    return 0


def _refuse_with_journal(
    data: DataFiles,
    fixture: Path | None,
    settings: ConfigOptions,
    narrow: NarrowOptions,
    out: Path | None,
    *,
    verbose: bool,
) -> None:
    """A journal holds its own data and settings.

    Raises:
        ConfigError: Others were given as well.
    """
    given = {
        "--data": bool(data),
        "--fixture": fixture is not None,
        "--config": settings.config is not None,
        "--profile": settings.profile is not None,
        "--set": bool(settings.sets),
        narrow.given: bool(narrow.given),
        "--out": out is not None,
        "--verbose": verbose,
    }
    for option, is_given in given.items():
        if is_given:
            raise ConfigError("does not go with --journal", field=option)


def _replay_result(end: SessionEnd) -> dict[str, Any]:
    """Return the result of a replay (CORE-05); its outputs are written by ``--out``."""
    result, timing = end.result, end.timing
    return {
        "fixture_path": result.fixture_path,
        "digest": result.digest,
        "running_digest": result.running_digest,
        "events_processed": result.stats.events_processed,
        "events_ignored": dict(result.events_ignored),
        "errors": [to_dict(error) for error in result.errors],
        "config_hash": result.config_hash,
        "events_read": end.events_read,
        "warnings": warnings_of_session(result, timing),
        "policy_timing": None if timing is None else timing.to_dict(),
    }
