"""One configuration over many files: which files make a session, and one session's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from re import sub
from typing import Final

from attrs import frozen

from grinder_adapters.airgap import airgap
from grinder_adapters.feeds.event_file import EXTENSIONS
from grinder_adapters.runs import SessionWriter
from grinder_app.runner.data import DataOptions, open_data
from grinder_app.runner.outputs import OutputsKept
from grinder_app.runner.policy import PolicySpec, PolicyTiming
from grinder_app.runner.recording import record_session, warnings_of_session
from grinder_app.runner.session_loop import SessionJob
from grinder_app.runner.summary import SessionFigures
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError

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
    """Everything one session needs, as values that cross a process border."""

    plan: SessionPlan
    folder: Path
    config: EngineConfig
    options: DataOptions
    outputs: OutputsKept
    policy: PolicySpec | None
    interval_ms: int


@frozen(kw_only=True)
class BacktestDone:
    """What one session came to.

    Attributes:
        failure: What ended it early, to be raised once the run is closed.
    """

    figures: SessionFigures
    warnings: tuple[str, ...]
    timing: PolicyTiming | None
    failure: Exception | None


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
        )
        source = open_data(task.plan.paths, task.options)
        writer = SessionWriter.at(task.folder, task.plan.name)
        end = record_session(job, source, writer, task.outputs, tell=tell)
    return BacktestDone(
        figures=SessionFigures.of(task.plan.name, end.result),
        warnings=tuple(warnings_of_session(end.result, end.timing)),
        timing=end.timing,
        failure=end.result.failure,
    )


def longest_first(tasks: Sequence[BacktestTask]) -> list[BacktestTask]:
    """Order tasks so that the last to end ends soonest."""
    return sorted(tasks, key=lambda task: (-task.plan.bytes, task.plan.name))


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
