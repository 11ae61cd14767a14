"""Writing one run: its manifest, and the files of its sessions."""

from __future__ import annotations

import re
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from attrs import Factory, define, field

from grinder_adapters.clock import Clock
from grinder_adapters.feeds.atomic import WriteReport, report_on
from grinder_adapters.runs.files import (
    OUTPUTS_FILE,
    RESULT_FILE,
    RUN_FILE,
    SEAL_FILE,
    SESSIONS_FOLDER,
    read_json,
    write_json,
)
from grinder_adapters.runs.tables import (
    TABLES,
    TRADES,
    TableWriter,
    rows_of,
    trade_row,
    write_table,
)
from grinder_adapters.runs.times import iso_utc
from grinder_core.contracts.orders import Fill
from grinder_core.contracts.outputs import SCHEMA_VERSION
from grinder_core.errors import InputError, InvariantError
from grinder_core.session.collect import Collector
from grinder_core.session.result import PaperResult

MANIFEST_SCHEMA: Final = "grinder_run_v1"
_SESSION_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_BUFFER_BYTES: Final = 1 << 20


class RunStatus(StrEnum):
    """How a run ended; ``running`` in a run nobody works on means that it crashed."""

    RUNNING = "running"
    GOOD = "good"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@define
class SessionWriter:
    """Writes the files of one session. Made by ``RunWriter.session``, or by ``at`` in a worker."""

    folder: Path
    _part: Path = field(init=False)
    _trades: TableWriter = field(init=False)
    _outputs: IO[bytes] | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._part = self.folder / f"{OUTPUTS_FILE}.part"
        self._trades = TableWriter(self.folder / TRADES.file, TRADES)

    @classmethod
    def at(cls, run: Path, name: str) -> SessionWriter:
        """Open a session of the run in folder ``run``; for work in another process.

        Raises:
            InputError: The name is no safe folder name, or the run has a session of that name.
        """
        if not _SESSION_NAME.fullmatch(name):
            raise InputError(f"must match {_SESSION_NAME.pattern}", field="session", value=name)
        folder = run / SESSIONS_FOLDER / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise InputError(
                "exists already in this run", field="session", value=name, where=str(run)
            ) from None
        except OSError as error:
            raise _unwritable(folder, error) from error
        return cls(folder)

    def outputs_line(self, line: bytes) -> None:
        """Append one canonical output line, given without its line feed.

        Raises:
            InputError: The disk is full or the folder cannot be written.
        """
        try:
            if self._outputs is None:
                self._outputs = self._part.open("wb", buffering=_BUFFER_BYTES)
            self._outputs.write(line + b"\n")
        except OSError as error:
            raise _unwritable(self._part, error) from error
        self._count += 1

    def trade(self, fill: Fill) -> None:
        """Write a fill as it comes, so that nobody need keep it.

        Raises:
            InputError: The disk is full or the folder cannot be written.
        """
        self._trades.add(trade_row(fill))

    def finish(self, result: PaperResult) -> None:
        """Write the result and its tables, give what was written so far its name, and seal all.

        Fills that the result keeps are written here, unless they were given to ``trade``.

        Raises:
            InputError: The disk is full or the folder cannot be written.
            InvariantError: ``trade`` was given some of the fills and not all.
        """
        reports: dict[str, WriteReport] = {}
        self._check_trades(result.collected)
        self._trades.finish()
        self.close()
        if self._part.exists():
            outputs = self.folder / OUTPUTS_FILE
            try:
                self._part.replace(outputs)
            except OSError as error:
                raise _unwritable(outputs, error) from error
            reports[OUTPUTS_FILE] = report_on(outputs, self._count)
        write_json(self.folder / RESULT_FILE, _result_dict(result))
        reports[RESULT_FILE] = report_on(self.folder / RESULT_FILE, 1)
        for table in TABLES:
            path = self.folder / table.file
            if table is TRADES and self._trades.count:
                rows = self._trades.count
            else:
                rows = write_table(path, table, rows_of(table, result.collected))
            reports[table.file] = report_on(path, rows)
        seal = {
            name: {"bytes": report.bytes, "rows": report.events, "sha256": report.sha256}
            for name, report in reports.items()
        }
        write_json(self.folder / SEAL_FILE, seal)

    def _check_trades(self, collected: Collector | None) -> None:
        """Refuse to seal a table that would lack fills."""
        seen = 0 if collected is None else collected.fill_count
        kept = 0 if collected is None else len(collected.trades)
        if self._trades.count != seen and (self._trades.count or kept != seen):
            raise InvariantError(
                f"must be all {seen} fills of the session",
                field="trades",
                value=self._trades.count,
                where=str(self.folder),
            )

    def close(self) -> None:
        """Close what is open without sealing; what was written stays, and is called ``.part``."""
        try:
            if self._outputs is not None:
                self._outputs.close()
        except OSError as error:
            raise _unwritable(self._part, error) from error
        finally:
            self._outputs = None
            self._trades.close()


def _result_dict(result: PaperResult) -> dict[str, Any]:
    written = result.to_dict()
    collected = result.collected
    if collected is not None:
        written["collected"] = {
            "interval_ms": collected.interval_ms,
            "equity_interval_ms": collected.equity_interval_ms,
            "price_interval_ms": collected.price_interval_ms,
            "block_interval_ms": collected.block_interval_ms,
            "first_ts": collected.first_ts,
            "last_ts": collected.last_ts,
            "ms_seen": collected.ms_seen,
            "ms_in_market": collected.ms_in_market,
            "fills": collected.fill_count,
            "levels_left_out": collected.levels_left_out,
        }
    return written


@define
class RunWriter:
    """Writes one run; as a context it ends ``good``, or ``failed`` or ``interrupted`` by itself.

    Attributes:
        path: The run's folder.
        fields: What the manifest will say, besides what only the writer knows.
    """

    path: Path
    _clock: Clock
    _identity: dict[str, Any]
    fields: dict[str, Any] = Factory(dict)
    status: RunStatus = RunStatus.RUNNING
    _sessions: list[SessionWriter] = Factory(list)

    @classmethod
    def begin(cls, path: Path, *, kind: str, name: str, start_ms: int, clock: Clock) -> RunWriter:
        """Write the first manifest into a new folder; called by ``RunStore.create``."""
        identity = {
            "schema": MANIFEST_SCHEMA,
            "run_id": path.name.removeprefix("run_"),
            "kind": kind,
            "name": name,
            "start_ms": start_ms,
            "created_at": iso_utc(start_ms),
            "version": version("grinder"),
            "contract_schema": SCHEMA_VERSION,
        }
        writer = cls(path, clock, identity)
        writer._write({"duration_ms": None, "sessions": []})
        return writer

    @property
    def run_id(self) -> str:
        """``<start_ms>_<seq>``."""
        return str(self._identity["run_id"])

    def session(self, name: str) -> SessionWriter:
        """Open a session in this run.

        Raises:
            InputError: The name is no safe folder name, or the run has a session of that name.
        """
        writer = SessionWriter.at(self.path, name)
        self._sessions.append(writer)
        return writer

    def manifest(self, **fields: object) -> None:
        """Set fields of the manifest; they are on disk once the run is finished.

        Usual fields: ``command`` (list of arguments), ``config`` (effective settings by section),
        ``config_hash``, ``profile``, ``data`` (list of ``{name, sha256, events}``),
        ``assumptions`` (list of text), ``digests`` (by session), ``warnings`` (list of text).

        Raises:
            InvariantError: A field that only the writer may set.
        """
        own = {*self._identity, "status", "duration_ms", "sessions"} & fields.keys()
        if own:
            raise InvariantError("is set by the run store", field=", ".join(sorted(own)))
        self.fields.update(fields)

    def finish(self, status: RunStatus | str) -> None:
        """Write the final manifest; the last thing that happens to a run.

        Raises:
            InvariantError: The run was finished before.
            InputError: The disk is full or the folder cannot be written.
        """
        if self.status is not RunStatus.RUNNING:
            raise InvariantError("the run is finished already", where=str(self.path))
        for session in self._sessions:
            session.close()
        self.status = RunStatus(status)
        seals = (self.path / SESSIONS_FOLDER).glob(f"*/{SEAL_FILE}")
        self._write(
            {
                "duration_ms": max(0, self._clock.now_ms() - self._identity["start_ms"]),
                "sessions": sorted(seal.parent.name for seal in seals),
            }
        )

    def _write(self, measured: dict[str, Any]) -> None:
        manifest = {**self.fields, **self._identity, **measured, "status": self.status}
        write_json(self.path / RUN_FILE, manifest)

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.status is not RunStatus.RUNNING:
            return
        if error is None:
            self.finish(RunStatus.GOOD)
        elif isinstance(error, Exception):
            self.manifest(error=f"{getattr(error, 'code', type(error).__name__)}: {error}")
            self.finish(RunStatus.FAILED)
        else:
            self.finish(RunStatus.INTERRUPTED)


def read_manifest(run: Path) -> dict[str, Any]:
    """Read the manifest of a run folder.

    Raises:
        ArtifactError: It is damaged or not one of ours.
    """
    return read_json(run / RUN_FILE)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be written: {error.strerror}", where=str(path))
