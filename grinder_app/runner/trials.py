"""Several runs of the same data as what they are: trials, of which somebody will pick the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from grinder_adapters.runs import RunView, SessionView
from grinder_app.report.figures import begun_at, sampled_every
from grinder_app.report.sharpe import BestTrial, NotDefined, Sharpe, deflated_sharpe
from grinder_app.report.sharpe_words import best_meaning, block, meaning
from grinder_app.report.statistics import sharpe_of_samples
from grinder_core.codec import canonical_json


@frozen(kw_only=True)
class SessionTrials:
    """One session under several configurations.

    Attributes:
        session: Its name; of the first run where each run has a single session.
        sharpes: By run, as the user named the runs; runs that repeat an earlier configuration and
            runs of other data are left out.
        best: The best of them, deflated for having been chosen.
    """

    session: str
    sharpes: Mapping[str, Sharpe | NotDefined]
    best: BestTrial | NotDefined

    @property
    def meaning(self) -> str:
        """What the best of them shows, in words."""
        if isinstance(self.best, NotDefined):
            return meaning(self.best)
        name = list(self.sharpes)[self.best.index]
        return best_meaning(self.best, name, f"{len(self.sharpes)} runs of {self.session}")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        found: dict[str, Any] = {
            "session": self.session,
            "runs": {run: block(sharpe) for run, sharpe in self.sharpes.items()},
        }
        if isinstance(self.best, NotDefined):
            return {**found, "best": None, "meaning": self.meaning}
        best = {"run": list(self.sharpes)[self.best.index]}
        best |= block(self.best.sharpe, self.best.deflated)
        return {**found, "best": best, "meaning": self.meaning}


def trials_of(runs: Mapping[str, RunView]) -> list[SessionTrials]:
    """Return the trials that runs are for each other, session by session.

    Sessions are matched by name, single ones whatever their names. Runs count as trials when
    their data are the same by SHA-256 and their settings or policy differ; a session that only one
    such run holds is left out.
    """
    first = next(iter(runs.values()))
    chosen: dict[str, RunView] = {}
    seen: list[str] = []
    for name, run in runs.items():
        settings = _settings(run)
        if _data(run) == _data(first) and settings not in seen:
            seen.append(settings)
            chosen[name] = run
    if len(chosen) < 2:
        return []
    alone = all(len(run.sessions) == 1 for run in chosen.values())
    found = []
    for session in first.sessions:
        sharpes = {
            name: _sharpe(held)
            for name, run in chosen.items()
            for held in run.sessions
            if alone or held.name == session.name
        }
        if len(sharpes) > 1:
            best = deflated_sharpe(list(sharpes.values()))
            found.append(SessionTrials(session=session.name, sharpes=sharpes, best=best))
    return found


def _sharpe(session: SessionView) -> Sharpe | NotDefined:
    interval_ms = sampled_every(session, "equity")
    return sharpe_of_samples(session.equity, interval_ms, begun_at(session))


def _data(run: RunView) -> Sequence[str]:
    files = run.manifest.get("data", ())
    return sorted(str(file.get("sha256") or file.get("name")) for file in files)


def _settings(run: RunView) -> str:
    return canonical_json([run.manifest.get("config", {}), run.manifest.get("policy")])
