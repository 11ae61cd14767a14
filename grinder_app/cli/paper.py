"""``grinder paper``: one session on recorded data, with simulated fills."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from attrs import evolve
from cyclopts import Parameter

from grinder_adapters.airgap import airgap
from grinder_app.cli import output
from grinder_app.runner.agreement import code_of, told
from grinder_app.runner.funding import charge_funding
from grinder_app.runner.options import (
    DataFiles,
    Flag,
    NarrowOptions,
    PolicyOptions,
    SettingsOptions,
)
from grinder_app.runner.paper import PaperRun, read_checkpoint, run_recorded
from grinder_app.runner.prepared import prepare
from grinder_app.runner.recording import Circumstances
from grinder_app.runner.session_loop import SessionJob
from grinder_app.runner.told import Narrator, print_session
from grinder_app.runner.venues import CALM, LOCKSTEP, VenueChoice, choose


def paper(
    *,
    data: DataFiles = (),
    fixture: Path | None = None,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen
    narrow: NarrowOptions = NarrowOptions(),  # noqa: B008 - frozen
    policy: PolicyOptions = PolicyOptions(),  # noqa: B008 - frozen
    name: str = "",
    report: bool = True,
    band: bool | None = None,
    checkpoint: Path | None = None,
    stop_after: int | None = None,
    resume: Path | None = None,
    venue: VenueChoice = VenueChoice.SIM,
    pace: str = LOCKSTEP,
    faults: str = CALM,
    rules: Path | None = None,
    out: Path | None = None,
    json: Flag = False,
    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False,
) -> int:
    """Run one session on recorded data; orders are filled by the simulated venue.

    Writes a run folder with result, trades, equity, outputs and report, and prints a table.

    Parameters
    ----------
    data
        Event files (.jsonl, .jsonl.gz, .parquet), raw captures, public dumps or klines; several
        are merged by time into one session.
    fixture
        Folder of a fixture, which brings its own settings, instead of data.
    name
        A name for the run, to find it by.
    report
        Write the HTML report, if the extra for it is installed.
    band
        Run the session again under an optimistic and a pessimistic fill model, for a range instead
        of one number; by default where a report is written.
    checkpoint
        Write a checkpoint of the session's end to this file.
    stop_after
        Stop once that many events of the data are in, counted from its beginning.
    resume
        Continue from a checkpoint; give the same data and settings again.
    venue
        Who answers orders: sim, the simulated venue; exchange, the whole local exchange in process,
        with its filters, margin and error codes; local, the same over real sockets on loopback
        through the adapter of the real venue. In lockstep the last two decide the same.
    pace
        With --venue local: lockstep, where the market waits for the engine, or market seconds in a
        second of the clock, where nothing waits, as it is live; compare tells what that changes.
    faults
        What goes wrong at the exchange while the session runs free: a named plan (see ``grinder
        venue faults list``), or a file of one.
    rules
        An exchangeInfo body of the venue: what the exchange lists instead of its own symbols.
    out
        Write every output to this file, one canonical JSON line each.
    json
        Print one JSON line.
    verbose
        Tell every output in which something happened.
    """
    loaded = charge_funding(settings.load(of_engine=fixture is None), narrow.funding)
    spec = policy.spec()
    with airgap():
        prepared = prepare(data, fixture, loaded, settings, narrow)
        own = None if spec is None else spec.load()
    chosen = choose(
        venue, rules, prepared.config, parts=bool(checkpoint or resume), pace=pace, faults=faults
    )
    wanted = PaperRun(
        job=SessionJob(
            config=chosen.config,
            policy=own,
            name=prepared.name,
            interval_ms=loaded.app.equity_interval_ms,
            ignored=prepared.ignored,
            start=None if resume is None else read_checkpoint(resume),
            stop_after=stop_after,
            wants_checkpoint=checkpoint is not None,
        ),
        source=prepared.source,
        about=Circumstances(
            kind="paper",
            command=sys.argv[1:],
            config=chosen.config,
            outputs=loaded.app.outputs,
            origins=prepared.origins,
            profile=prepared.profile,
            files=prepared.files,
            inputs=evolve(
                prepared.inputs,
                stop_after=stop_after,
                continues=resume is not None,
                instruments=chosen.instruments,
                pace=pace if chosen.speed_x100 is not None else "",
                faults=faults if chosen.speed_x100 is not None else "",
            ),
            data_name=prepared.name,
            policy=spec,
            spread_bps=prepared.spread_bps,
        ),
        name=name,
        report=report,
        band=report if band is None else band,
        checkpoint=checkpoint,
        out=out,
    )
    with output.progress("paper session, events") as advance, chosen.opened(wanted) as opened:
        done = run_recorded(
            opened.run, settings.store(loaded), tell=advance, also=[Narrator()] if verbose else []
        )
        agreement = opened.agreement(done)
        done = evolve(done, warnings=(*done.warnings, *opened.remarks()))
    if json:
        output.print_json(done.to_dict() | told(agreement))
        return code_of(agreement)
    result = done.end.result
    print(f"Paper trading completed. Events processed: {result.stats.events_processed}")
    if result.digest is not None:
        print(f"Output digest: {result.digest}")
    print_session("Paper session", done, agreement)
    return code_of(agreement)
