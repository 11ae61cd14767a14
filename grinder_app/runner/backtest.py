"""One configuration over many files: which files make a session, their work, and the whole run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from re import sub
from typing import Any, Final

from attrs import evolve, frozen

from grinder_adapters.airgap import airgap
from grinder_adapters.feeds.event_file import EXTENSIONS
from grinder_adapters.runs import RunWriter, SessionWriter
from grinder_app.report.sharpe import BestTrial, NotDefined, best_of
from grinder_app.report.sharpe_words import best_meaning, block, meaning
from grinder_app.runner.band import BandRow, add_up, fill_band
from grinder_app.runner.data import DataOptions, open_data
from grinder_app.runner.outputs import OutputsKept
from grinder_app.runner.policy import PolicySpec, PolicyTiming
from grinder_app.runner.pool import run_all
from grinder_app.runner.recording import (
    Circumstances,
    by_session,
    describe_end,
    record_session,
    warnings_of_session,
)
from grinder_app.runner.session_loop import SessionJob
from grinder_app.runner.summary import SessionFigures, Totals
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.venue.exchange.in_process import ExchangeVenue

_SUFFIXES: Final = (*EXTENSIONS, ".csv.gz", ".csv", ".zip", ".gz")
_NAME_LIMIT: Final = 80


class Sessions(StrEnum):
    """How files become sessions."""

    PER_FILE = "per-file"
    ONE = "one"


@frozen(kw_only=True)
class SessionPlan:
    """A session's name and the files it reads, merged by time."""

    name: str
    paths: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Size of its files: how long it will take, roughly."""
        return sum(path.stat().st_size for path in self.paths)


@frozen(kw_only=True)
class BacktestTask:
    """Everything one session needs, as values that cross a process border.

    Attributes:
        venue: Returns who answers; ``None`` for the simulated venue of the settings.
    """

    plan: SessionPlan
    folder: Path
    config: EngineConfig
    options: DataOptions
    outputs: OutputsKept
    policy: PolicySpec | None
    interval_ms: int
    trials: int | None
    venue: Callable[[EngineConfig], ExchangeVenue | None]
    band: bool = False


@frozen(kw_only=True)
class BacktestDone:
    """What one session came to.

    Attributes:
        events: Events of all kinds that were read.
        lacking: What its data lacked of what the settings ask for.
        failure: What ended it early, to be raised once the run is closed.
    """

    figures: SessionFigures
    events: int
    warnings: tuple[str, ...]
    lacking: tuple[str, ...]
    timing: PolicyTiming | None
    failure: Exception | None
    band: tuple[BandRow, ...] = ()


def plan_sessions(
    paths: Sequence[Path], sessions: Sessions, together: Sequence[str] = ()
) -> list[SessionPlan]:
    """Group files into sessions, in the order given.

    Args:
        together: Patterns of file names, ``*`` and ``?`` as in a shell: files that match one of
            them form one session; a file belongs to the first pattern that it matches.

    Raises:
        ConfigError: A pattern matches no file, or is given although all form one session.
    """
    if sessions is Sessions.ONE:
        if together:
            raise ConfigError(
                "all files form one session already", field="--together", value=together[0]
            )
        return _named([("all" if len(paths) > 1 else _stem(paths[0]), list(paths))])
    groups: dict[str, list[Path]] = {pattern: [] for pattern in together}
    order: list[tuple[str, list[Path]]] = []
    for path in paths:
        pattern = next((p for p in groups if fnmatchcase(path.name, p)), None)
        if pattern is None:
            order.append((_stem(path), [path]))
            continue
        if not groups[pattern]:
            order.append((_group_name(pattern), groups[pattern]))
        groups[pattern].append(path)
    for pattern, files in groups.items():
        if not files:
            raise ConfigError("matches none of the files", field="--together", value=pattern)
    return _named(order)


def run_task(task: BacktestTask, tell: Callable[[int], None]) -> BacktestDone:
    """Run one session in this process, with the network shut, and write its files.

    Raises:
        InputError: The data cannot be opened, or the folder cannot be written.
        ConfigError: The policy cannot be loaded.
    """
    with airgap():
        policy = None if task.policy is None else task.policy.load()
        job = SessionJob(
            config=task.config,
            policy=policy,
            name=task.plan.name,
            interval_ms=task.interval_ms,
            venue=task.venue(task.config),
        )
        source = open_data(task.plan.paths, task.options)
        writer = SessionWriter.at(task.folder, task.plan.name)
        end = record_session(job, source, writer, task.outputs, tell=tell)
        band: tuple[BandRow, ...] = ()
        if task.band and end.result.failure is None:
            band = fill_band(
                task.config, source, end.result, task.policy, venue=task.venue, tell=tell
            )
    return BacktestDone(
        figures=SessionFigures.of(task.plan.name, end, task.trials),
        events=end.events_read,
        warnings=tuple(warnings_of_session(end.result, end.timing)),
        lacking=end.lacking,
        timing=end.timing,
        failure=end.result.failure,
        band=band,
    )


@frozen(kw_only=True)
class BacktestRun:
    """What a backtest left behind; sessions in the order of the files.

    Attributes:
        trials: How many settings were tried to find this one, where somebody said so.
        band: Run each session again under other fill models.
        failure: Of the first session that failed, ``None`` when all are good.
    """

    run_id: str
    folder: Path
    sessions: tuple[BacktestDone, ...]
    warnings: tuple[str, ...]
    trials: int | None
    failure: Exception | None

    @property
    def best(self) -> BestTrial | NotDefined:
        """The session with the highest Sharpe ratio, deflated for having been chosen."""
        return best_of([done.figures.sharpe for done in self.sessions], self.trials)

    def meaning(self) -> str:
        """Say in words what the Sharpe ratio of the only session shows, or of the best."""
        if len(self.sessions) == 1:
            figures = self.sessions[0].figures
            return meaning(figures.sharpe, figures.deflated)
        best = self.best
        if isinstance(best, NotDefined):
            return f"No session can be called the best: {best.reason}."
        return best_meaning(best, self.sessions[best.index].figures.name, "sessions")

    @property
    def totals(self) -> Totals:
        """Sums over the sessions."""
        return Totals.over([done.figures for done in self.sessions])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run_id": self.run_id,
            "run_folder": str(self.folder),
            "sessions": [
                {
                    **done.figures.to_dict(),
                    "events": done.events,
                    "policy_timing": None if done.timing is None else done.timing.to_dict(),
                }
                for done in self.sessions
            ],
            "totals": self.totals.to_dict(),
            "band": [row.to_dict() for row in self.band],
            "digest": self.totals.digest,
            "warnings": list(self.warnings),
            "trials": self.trials,
            "best": self._best_dict(),
        }

    @property
    def band(self) -> tuple[BandRow, ...]:
        """All sessions under other fill models; empty where nobody asked."""
        return add_up([done.band for done in self.sessions])

    def _best_dict(self) -> dict[str, Any] | None:
        best = self.best
        if isinstance(best, NotDefined):
            return None
        name = self.sessions[best.index].figures.name
        return {"session": name, **block(best.sharpe, best.deflated)}


def run_backtest(
    plans: Sequence[SessionPlan],
    about: Circumstances,
    options: DataOptions,
    run: RunWriter,
    *,
    interval_ms: int,
    trials: int | None = None,
    band: bool = False,
    jobs: int,
    tell: Callable[[int], None],
    on_done: Callable[[BacktestDone], None],
) -> BacktestRun:
    """Run all sessions and complete the run's manifest; a session that fails stops no other.

    Args:
        trials: How many settings were tried to find this one, where somebody said so.

    Raises:
        ConfigError: A symbol that was asked for is in no session, or nothing was left to read.
        InputError: As ``run_task``.
        GrinderError: A process died.
    """
    run.manifest(**about.manifest(), trials=trials)
    tasks = [
        BacktestTask(
            plan=plan,
            folder=run.path,
            config=about.config,
            options=evolve(options, must_occur=False),
            outputs=about.outputs,
            policy=about.policy,
            interval_ms=interval_ms,
            trials=trials,
            venue=about.inputs.venue,
            band=band,
        )
        # the longest first, so that the last to end ends soonest
        for plan in sorted(plans, key=lambda plan: (-plan.bytes, plan.name))
    ]
    ended = run_all(run_task, tasks, jobs, tell=tell, on_done=lambda _, done: on_done(done))
    by_name = {done.figures.name: done for done in ended}
    sessions = tuple(by_name[plan.name] for plan in plans)
    _check_found(sessions, options)
    timings = {d.figures.name: d.timing for d in sessions if d.timing is not None}
    lacking = {d.figures.name: d.lacking for d in sessions}
    digests = {d.figures.name: d.figures.digest for d in sessions}
    describe_end(run, about, digests, timings, lacking)
    run.manifest(totals=Totals.over([done.figures for done in sessions]).to_dict())
    run.manifest(band=[row.to_dict() for row in add_up([done.band for done in sessions])])
    later = [warning for done in sessions for warning in done.warnings]
    return BacktestRun(
        run_id=run.run_id,
        folder=run.path,
        sessions=sessions,
        warnings=tuple(dict.fromkeys([*about.warnings(), *by_session(lacking), *later])),
        trials=trials,
        failure=next((d.failure for d in sessions if d.failure is not None), None),
    )


def _check_found(sessions: Sequence[BacktestDone], options: DataOptions) -> None:
    if any(done.failure is not None for done in sessions):
        return  # a session that stopped early says nothing about what it would have found
    found = {symbol for done in sessions for symbol in done.figures.symbols}
    missing = [symbol for symbol in options.symbols if symbol not in found]
    if missing and options.days is None:
        raise ConfigError("occurs in no session", field="--symbols", value=",".join(missing))
    if (options.symbols or options.days) and not any(done.events for done in sessions):
        raise ConfigError("leave nothing of the data", field="--symbols, --days")


def _stem(path: Path) -> str:
    name = path.name
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def _group_name(pattern: str) -> str:
    return _stem(Path(pattern.strip("*?[]"))).strip("*?-_.") or "group"


def _named(groups: Sequence[tuple[str, list[Path]]]) -> list[SessionPlan]:
    """Give sessions names that are safe for a folder, each its own."""
    plans: dict[str, SessionPlan] = {}
    for wish, files in groups:
        base = sub(r"[^A-Za-z0-9_.+-]+", "_", wish)[:_NAME_LIMIT].lstrip(".+-") or "session"
        name, number = base, 1
        while name in plans:
            number += 1
            name = f"{base}+{number}"
        plans[name] = SessionPlan(name=name, paths=tuple(files))
    return list(plans.values())
