"""The folder of all runs: make one, list them, find one again, remove one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.runs.files import RUN_FILE
from grinder_adapters.runs.times import utc_date
from grinder_adapters.runs.view import check_manifest
from grinder_adapters.runs.writer import RunStatus, RunWriter, read_manifest
from grinder_core.errors import ArtifactError, InputError

LATEST: Final = "latest"
UNFINISHED: Final = "unfinished"
DAMAGED: Final = "damaged"
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RUN: Final = re.compile(r"run_([0-9]{1,15})_([0-9]{1,9})")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_PREFIX: Final = re.compile(r"(?:run_)?[0-9][0-9_]*")


@frozen(kw_only=True)
class RunSummary:
    """One line of ``runs list``.

    Attributes:
        status: ``good``, ``failed``, ``interrupted``; ``unfinished`` for a run that still works
            or crashed; ``damaged`` when its manifest cannot be read.
        duration_ms: ``None`` unless the run ended.
        sessions: Number of finished sessions.
    """

    id: str
    path: Path
    start_ms: int
    seq: int
    kind: str
    name: str
    status: str
    created_at: str
    duration_ms: int | None
    sessions: int


@frozen
class RunStore:
    """Runs below one root folder; the root appears with the first run.

    Args:
        root: ``app.artifact_dir`` of the settings.
        clock: Tells how long a run took.
    """

    root: Path
    clock: Clock = field(factory=SystemClock)

    def create(self, kind: str, start_ms: int, *, name: str = "") -> RunWriter:
        """Make the folder of a new run, with status ``running``.

        Args:
            kind: The command: ``paper``, ``backtest``, ...
            start_ms: When it starts, Unix milliseconds.
            name: For people; finds the run again, so no two runs share one.

        Raises:
            InputError: The name is taken or malformed, or the folder cannot be written.
        """
        if name:
            self._check_name(name)
        day = self.root / utc_date(start_ms)
        seq = 0
        while True:
            path = day / f"run_{start_ms}_{seq}"
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                if not day.is_dir():
                    raise InputError("is not a folder", where=str(day)) from None
                seq += 1
            except OSError as error:
                raise InputError(f"cannot be made: {error.strerror}", where=str(path)) from error
        return RunWriter.begin(path, kind=kind, name=name, start_ms=start_ms, clock=self.clock)

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name) or name == LATEST or name.startswith("run_"):
            raise InputError(
                f"must match {_NAME.pattern} and be neither '{LATEST}' nor begin with 'run_'",
                field="name",
                value=name,
            )
        for run in self.list():
            if run.name == name:
                raise InputError(
                    f"names run {run.id} already",
                    field="name",
                    value=name,
                    remedy=f"choose another, or remove it: grinder runs rm {run.id}",
                )

    def list(self) -> list[RunSummary]:
        """Return all runs, oldest first. Folders that are not ours are left out."""
        if not self.root.is_dir():
            return []
        found = []
        for day in self.root.iterdir():
            if _DATE.fullmatch(day.name) and day.is_dir():
                found += [_summary(p) for p in day.iterdir() if _RUN.fullmatch(p.name)]
        return sorted(found, key=lambda run: (run.start_ms, run.seq))

    def find(self, ref: str) -> Path:
        """Return the folder of a run.

        Args:
            ref: ``latest``; a name; an id, with or without ``run_``, or the beginning of exactly
                one; or the path of a run folder, also outside the root.

        Raises:
            InputError: No run, or more than one, answers to it.
        """
        path = Path(ref)
        if (path / RUN_FILE).is_file() and ref not in {run.name for run in self.list()}:
            return path
        return self._own(ref).path

    def remove(self, ref: str) -> RunSummary:
        """Delete one run of this store with everything in its folder.

        Args:
            ref: As for ``find``, but only runs below the root; never a path elsewhere.

        Raises:
            InputError: No run, or more than one, answers to it, or it cannot be deleted.
        """
        run = self._own(ref)
        doomed = run.path.with_name(f".removed_{run.path.name}")
        try:
            # renamed first, so that a listing never sees half a run
            run.path.rename(doomed)
            shutil.rmtree(doomed)
            if not any(doomed.parent.iterdir()):
                doomed.parent.rmdir()
        except OSError as error:
            raise InputError(
                f"cannot be removed: {error.strerror}", where=str(error.filename)
            ) from error
        return run

    def summary(self, ref: str) -> RunSummary:
        """Return the summary of one run of this store.

        Raises:
            InputError: No run, or more than one, answers to it.
        """
        return self._own(ref)

    def _own(self, ref: str) -> RunSummary:
        runs = self.list()
        if ref == LATEST and runs:
            return runs[-1]
        bare = ref.removeprefix("run_")
        place = Path(ref).resolve()
        named = [r for r in runs if ref and ref == r.name]
        exact = named or [r for r in runs if bare == r.id or place == r.path.resolve()]
        prefix = [r for r in runs if _PREFIX.fullmatch(ref) and r.id.startswith(bare)]
        matches = exact or prefix
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(run.id for run in matches[:5])
            raise InputError(
                f"stands for {len(matches)} runs: {shown}{', ...' if len(matches) > 5 else ''}",
                field="run",
                value=ref,
                remedy="give more of the id",
            )
        raise InputError(
            f"no such run in {self.root}" if runs else f"there are no runs in {self.root}",
            field="run",
            value=ref,
            remedy="see: grinder runs list" if runs else "make one: grinder paper, grinder demo",
        )


def _summary(path: Path) -> RunSummary:
    start_ms, seq = (int(part) for part in path.name.split("_")[1:])
    manifest, status = _manifest_of(path)
    duration = manifest.get("duration_ms")
    return RunSummary(
        id=f"{start_ms}_{seq}",
        path=path,
        start_ms=start_ms,
        seq=seq,
        kind=manifest.get("kind", ""),
        name=manifest.get("name", ""),
        status=status,
        created_at=manifest.get("created_at", ""),
        duration_ms=duration if type(duration) is int else None,
        sessions=len(manifest.get("sessions", ())),
    )


def _manifest_of(path: Path) -> tuple[dict[str, Any], str]:
    if not (path / RUN_FILE).exists():
        return {}, UNFINISHED  # it stopped between its folder and its first manifest
    try:
        manifest = check_manifest(path, read_manifest(path))
    except ArtifactError:
        return {}, DAMAGED
    status = str(manifest["status"])
    return manifest, UNFINISHED if status == RunStatus.RUNNING else status
