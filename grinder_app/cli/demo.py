"""``grinder demo``: one paper session on packaged data, to see what there is."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from attrs import evolve

from grinder_adapters.feeds.funded import FLAG
from grinder_adapters.runs import RunStore
from grinder_adapters.synthetic.demo import DemoEvents, demo_events
from grinder_app.cli import output
from grinder_app.config import load_settings
from grinder_app.config.first_run import FIRST_RUN
from grinder_app.runner.agreement import code_of, told
from grinder_app.runner.data import DataOptions, describe_files, with_funding
from grinder_app.runner.funding import SETTING, charged
from grinder_app.runner.inputs import InputKind, RunInputs
from grinder_app.runner.options import DataFiles, Flag
from grinder_app.runner.paper import PaperRun, run_recorded
from grinder_app.runner.recording import Circumstances
from grinder_app.runner.session_loop import SessionJob
from grinder_app.runner.told import print_session
from grinder_app.runner.venues import ChosenVenue, OpenedVenue, VenueChoice, choose
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConnectorError

ORIGIN: Final = "demo"
# the made-up prices swing by half a percent an hour: fewer levels, hung anew more often
NARROW: Final = {"levels": 5, "notional_per_level": "100", "recenter_bps": 60}


def demo(
    *,
    runs_dir: Path | None = None,
    funding: DataFiles = (),
    venue: VenueChoice = VenueChoice.LOCAL,
    report: bool = True,
    json: Flag = False,
) -> int:
    """Run a paper session on packaged, generated data and say where its files are.

    The engine trades at the local exchange over real sockets on loopback; at the end, engine,
    exchange and report are compared fill by fill. Where no socket is allowed the exchange answers
    in process, and decides the same.

    The data are made up: the result says that the machinery works and nothing about money. The
    settings of the engine are those that init writes, with a grid of five levels.

    Parameters
    ----------
    runs_dir
        Folder of runs; by default the setting app.artifact_dir.
    funding
        Files of funding settlements, which are paid where they fit the demo's symbols and time.
    venue
        Who answers orders: local, the local exchange over sockets; exchange, the same in process;
        sim, the simulated venue.
    report
        Write the HTML report, if the extra for it is installed.
    json
        Print one JSON line.
    """
    app = load_settings(None, environment=os.environ).app
    events = demo_events()
    config, origins = demo_config(events), dict.fromkeys(FIRST_RUN, ORIGIN)
    files = tuple(path.absolute() for path in funding)
    if files:
        config, origins = charged(config), {**origins, SETTING: FLAG}
    chosen = choose(venue, None, config)
    config = chosen.config
    wanted = PaperRun(
        job=SessionJob(config=config, name=events.name, interval_ms=app.equity_interval_ms),
        source=with_funding(events, files),
        about=Circumstances(
            kind="demo",
            command=sys.argv[1:],
            config=config,
            outputs=app.outputs,
            origins=origins,
            profile=None,
            files=describe_files(files),
            data_name=events.name,
            inputs=RunInputs(
                kind=InputKind.DEMO,
                options=DataOptions(funding=files),
                instruments=chosen.instruments,
            ),
        ),
        report=report,
        band=report,
    )
    store = RunStore(runs_dir or Path(app.artifact_dir))
    with ExitStack() as stack:
        opened = _opened(chosen, wanted, stack)
        with output.progress("demo session, events") as advance:
            done = run_recorded(opened.run, store, tell=advance)
        agreement = opened.agreement(done)
    if json:
        output.print_json(done.to_dict() | told(agreement))
        return code_of(agreement)
    print_session("Demo session on made-up prices", done, agreement)
    if done.report is not None:
        print(f"Open {done.report} in a browser; next: grinder init, then grinder paper --help")
    return code_of(agreement)


def _opened(chosen: ChosenVenue, wanted: PaperRun, stack: ExitStack) -> OpenedVenue:
    """Open the venue, in process where sockets are not allowed."""
    try:
        return stack.enter_context(chosen.opened(wanted))
    except ConnectorError as error:
        output.note(f"in process, for {error.rule}")
        in_process = evolve(chosen, choice=VenueChoice.EXCHANGE)
        return stack.enter_context(in_process.opened(wanted))


def demo_config(events: DemoEvents) -> EngineConfig:
    """Return the settings that ``init`` writes, with a narrow grid that fits the demo's swings."""
    chosen = {name.partition(".")[2]: value for name, value in FIRST_RUN.items()}
    return EngineConfig.flat(**{**chosen, **NARROW, "tick_sizes": events.tick_sizes})
