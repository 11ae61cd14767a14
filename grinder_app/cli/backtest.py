"""``grinder backtest``: one configuration over many files, one session a core."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

from cyclopts import Parameter

from grinder_adapters.airgap import airgap
from grinder_adapters.clock import SystemClock
from grinder_adapters.feeds.funded import read_funding
from grinder_app.cli import output
from grinder_app.report.sharpe_words import check_trials
from grinder_app.runner.backtest import (
    BacktestDone,
    BacktestRun,
    Sessions,
    plan_sessions,
    run_backtest,
)
from grinder_app.runner.data import describe_files, of_symbols
from grinder_app.runner.funding import charge_funding
from grinder_app.runner.inputs import InputKind, RunInputs
from grinder_app.runner.options import (
    Flag,
    NarrowOptions,
    PolicyOptions,
    SettingsOptions,
    Texts,
)
from grinder_app.runner.paper import report_of
from grinder_app.runner.pool import cores
from grinder_app.runner.recording import Circumstances
from grinder_app.runner.summary import COLUMNS, COSTS_NOTE, blocks_table
from grinder_app.runner.told import pace, policy_text, print_band
from grinder_app.runner.venues import VenueChoice, choose
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical


def backtest(
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    together: Texts = (),
    sessions: Annotated[Sessions, Parameter(name="--session")] = Sessions.PER_FILE,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen
    narrow: NarrowOptions = NarrowOptions(),  # noqa: B008 - frozen
    policy: PolicyOptions = PolicyOptions(),  # noqa: B008 - frozen
    trials: int | None = None,
    venue: VenueChoice = VenueChoice.SIM,
    rules: Path | None = None,
    jobs: int | None = None,
    name: str = "",
    report: bool = True,
    band: bool | None = None,
    json: Flag = False,
) -> int:
    """Run one configuration over many files and print what each session came to.

    Every session begins with its own capital; its symbols share that. Results do not depend on
    the number of processes.

    Parameters
    ----------
    data
        Klines, event files, public dumps or raw captures.
    together
        Pattern of file names, such as '*-202505*': files that match it form one session of many
        symbols; repeatable, the first that matches counts.
    sessions
        What forms a session: each file by itself, or all files together.
    trials
        How many settings you tried before this one: Sharpe ratios are deflated by it.
    venue
        Who answers orders: sim, the simulated venue, or exchange, the whole local exchange in
        process; grinder paper also knows local.
    rules
        An exchangeInfo body of the venue: what the exchange lists instead of its own symbols.
    jobs
        Processes; by default one a core.
    name
        A name for the run, to find it by.
    report
        Write the HTML report, if the extra for it is installed.
    band
        Run each session again under an optimistic and a pessimistic fill model, for a range
        instead of one number; by default where a report is written.
    json
        Print one JSON line.
    """
    begun = perf_counter()
    loaded = charge_funding(settings.load(), narrow.funding)
    spec = policy.spec()
    if jobs is not None and jobs < 1:
        raise ConfigError("must be >= 1", field="--jobs", value=jobs)
    check_trials(trials)
    if venue is VenueChoice.LOCAL:
        raise ConfigError(
            "is for one session at a time",
            field="--venue",
            value=venue.value,
            remedy="use exchange, which decides the same, or grinder paper",
        )
    chosen = choose(venue, rules, loaded.engine)
    options = narrow.read(loaded)
    paths = of_symbols(data, options.symbols)
    plans = plan_sessions(paths, sessions, together)
    if options.funding:
        read_funding(options.funding)  # what is wrong is said before anything is written
    if spec is not None:
        with airgap():
            spec.load()  # a policy that cannot be loaded is said before anything is written
    about = Circumstances(
        kind="backtest",
        command=sys.argv[1:],
        config=chosen.config,
        outputs=loaded.app.outputs,
        origins=loaded.origins,
        profile=loaded.profile,
        files=describe_files([*paths, *options.funding]),
        inputs=RunInputs(
            kind=InputKind.FILES,
            sessions={p.name: tuple(str(path.absolute()) for path in p.paths) for p in plans},
            options=options,
            instruments=chosen.instruments,
        ),
        policy=spec,
        spread_bps=canonical(options.spread_bps),
    )
    ended = _Ended(len(plans))
    with settings.store(loaded).create("backtest", SystemClock().now_ms(), name=name) as run:
        with output.progress("backtest, events") as advance:
            done = run_backtest(
                plans,
                about,
                options,
                run,
                interval_ms=loaded.app.equity_interval_ms,
                trials=trials,
                band=report if band is None else band,
                jobs=jobs or cores(),
                tell=advance,
                on_done=ended,
            )
        took = perf_counter() - begun
        if json:
            output.print_json(done.to_dict())
        else:
            _print(done)
            output.note(pace(sum(each.events for each in done.sessions), took))
        if done.failure is not None:
            raise done.failure
    if report:
        path, hint = report_of(done.folder)
        output.note(f"no report: {hint}" if path is None else f"report: {path}")
    return 0


class _Ended:
    """Tells each session as it ends."""

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0

    def __call__(self, done: BacktestDone) -> None:
        self._count += 1
        figures = done.figures
        what = f"FAILED {figures.error}" if figures.error else f"{done.events:,} events"
        output.note(f"session {self._count} of {self._total}: {figures.name}: {what}")


def _print(done: BacktestRun) -> None:
    shown = [each.figures for each in done.sessions if each.events or each.figures.error]
    rows = [*(figures.row() for figures in shown), done.totals.row()]
    output.print_table("Backtest", COLUMNS, rows, note=COSTS_NOTE)
    if done.totals.blocks:
        header, lines = blocks_table(shown, done.totals)
        output.print_table("Quotes that placed nothing, by gate and reason", header, lines)
    if len(shown) < len(done.sessions):
        output.note(f"{len(done.sessions) - len(shown)} sessions had nothing to read")
    facts: dict[str, object] = {
        "digest": done.totals.digest or "- (a session failed)",
        "run": done.run_id,
        "folder": done.folder,
    }
    for each in done.sessions:
        if each.timing is not None:
            facts[f"policy in {each.figures.name}"] = policy_text(each.timing)
    output.print_facts("Result", facts)
    print_band(done.band)
    print(done.meaning())
    for warning in done.warnings:
        output.note(f"warning: {warning}")
