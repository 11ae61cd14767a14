"""Reading a run back, checked; its tables only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen

from grinder_adapters.feeds.atomic import report_on
from grinder_adapters.runs.files import (
    OUTPUTS_FILE,
    RESULT_FILE,
    SEAL_FILE,
    SESSIONS_FOLDER,
    read_json,
)
from grinder_adapters.runs.tables import (
    BLOCKS,
    EQUITY,
    LEVELS,
    PRICES,
    TABLES,
    TRADES,
    Row,
    Table,
    read_rows,
)
from grinder_adapters.runs.writer import MANIFEST_SCHEMA, RunStatus, read_manifest
from grinder_core.errors import ArtifactError, ContractError
from grinder_core.numbers import parse_decimal
from grinder_core.session.samples import Columns

_MONEY: Final = (
    "total_realized_pnl",
    "total_unrealized_pnl",
    "fees_paid",
    "net_pnl",
    "turnover",
    "equity",
    "max_drawdown",
)
_POSITION: Final = ("qty", "avg_entry_price", "realized_pnl", "unrealized_pnl")
_REQUIRED: Final = {
    "run_id": str,
    "kind": str,
    "name": str,
    "created_at": str,
    "start_ms": int,
    "version": str,
    "sessions": list,
}


class TableSource(Protocol):
    """Where the rows of a session's tables come from."""

    def rows(self, table: Table, names: Sequence[str] = ()) -> Iterator[Row]:
        """Yield rows of a table from its beginning; ``names`` as for ``read_rows``.

        Raises:
            ArtifactError: The file is missing or damaged.
        """
        ...


@frozen
class StoredTables:
    """The tables of a session's folder, read anew each time."""

    folder: Path

    def rows(self, table: Table, names: Sequence[str] = ()) -> Iterator[Row]:
        """As ``TableSource.rows``."""
        return read_rows(self.folder / table.file, table, names)


@frozen(kw_only=True)
class SessionView:
    """One finished session.

    Its tables are read each time they are asked for and not kept here. All but the trades are
    bounded; for a long session walk over ``tables.rows(TRADES)`` instead of asking for ``trades``.

    Attributes:
        result: PaperResult v1 and ``collected``; money and ``final_positions`` as Decimal, the
            rest as JSON values.
        tables: Where rows come from, one at a time.
        outputs: The file of canonical output lines, where they were kept.
    """

    name: str
    result: Mapping[str, Any]
    tables: TableSource
    outputs: Path | None

    @property
    def trades(self) -> Columns:
        """``fill_id, ts, symbol, side, price, qty, fee, liquidity, level_id, order_id``."""
        return self._columns(TRADES)

    @property
    def equity(self) -> Columns:
        """``ts, equity, high_water_mark, realized, unrealized, fees, funding``."""
        return self._columns(EQUITY)

    @property
    def prices(self) -> dict[str, Columns]:
        """By symbol: ``ts, mid``."""
        prices: dict[str, Columns] = {}
        for symbol, ts, mid in self.tables.rows(PRICES):
            columns = prices.setdefault(symbol, {"ts": [], "mid": []})
            columns["ts"].append(ts)
            columns["mid"].append(mid)
        return prices

    @property
    def levels(self) -> Columns:
        """``symbol, side, level_id, price, from, to``."""
        return self._columns(LEVELS)

    @property
    def blocks(self) -> dict[str, dict[int, int]]:
        """By reason: start of the interval -> refusals in it."""
        blocks: dict[str, dict[int, int]] = {}
        for reason, from_ts, count in self.tables.rows(BLOCKS):
            blocks.setdefault(reason, {})[from_ts] = count
        return blocks

    def _columns(self, table: Table) -> Columns:
        columns = table.empty()
        for row in self.tables.rows(table):
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
        return columns


@frozen(kw_only=True)
class RunView:
    """One run.

    Attributes:
        manifest: ``run.json``; ``status`` is ``running`` for a run that did not finish.
        sessions: Its finished sessions by name, in byte order.
        unfinished: Names of sessions that were begun and not finished.
    """

    path: Path
    manifest: Mapping[str, Any]
    sessions: tuple[SessionView, ...]
    unfinished: tuple[str, ...]


def load_run(path: Path) -> RunView:
    """Read a run folder and check every file against its recorded size and SHA-256.

    Of ``outputs.jsonl``, which may be large, only the size is checked. Tables are read later, when
    asked for.

    Raises:
        ArtifactError: A file is missing, damaged or not as it was written.
    """
    manifest = check_manifest(path, read_manifest(path))
    folders = sorted(p for p in (path / SESSIONS_FOLDER).glob("*") if p.is_dir())
    sealed = {p.name: p for p in folders if (p / SEAL_FILE).exists()}
    for name in manifest["sessions"]:
        if name not in sealed:
            raise ArtifactError(
                "is damaged: a finished session has no files.json",
                where=str(path / SESSIONS_FOLDER / str(name)),
            )
    return RunView(
        path=path,
        manifest=manifest,
        sessions=tuple(_load_session(folder) for folder in sealed.values()),
        unfinished=tuple(p.name for p in folders if p.name not in sealed),
    )


def check_manifest(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest that has what every manifest has.

    Raises:
        ArtifactError: Another schema, or a field is missing or of the wrong kind.
    """
    if manifest.get("schema") != MANIFEST_SCHEMA:
        raise ArtifactError(
            f"must be {MANIFEST_SCHEMA!r}",
            field="schema",
            value=manifest.get("schema"),
            where=str(path),
            remedy="name a run folder that this version of grinder wrote",
        )
    for name, kind in _REQUIRED.items():
        if type(manifest.get(name)) is not kind:
            raise ArtifactError(
                f"is damaged: must be {kind.__name__}",
                field=name,
                value=manifest.get(name),
                where=str(path),
            )
    if manifest.get("status") not in list(RunStatus):
        raise ArtifactError(
            f"must be one of {', '.join(RunStatus)}",
            field="status",
            value=manifest.get("status"),
            where=str(path),
        )
    return manifest


def _load_session(folder: Path) -> SessionView:
    _check_seal(folder)
    outputs = folder / OUTPUTS_FILE
    return SessionView(
        name=folder.name,
        result=_read_result(folder / RESULT_FILE),
        tables=StoredTables(folder),
        outputs=outputs if outputs.exists() else None,
    )


def _check_seal(folder: Path) -> None:
    seal = read_json(folder / SEAL_FILE)
    for name in (RESULT_FILE, *(table.file for table in TABLES)):
        if name not in seal:
            raise ArtifactError(f"does not list {name}", where=str(folder / SEAL_FILE))
    for name, recorded in seal.items():
        path = folder / name
        if not isinstance(recorded, dict) or not path.is_file():
            raise ArtifactError("is missing", where=str(path))
        if path.stat().st_size != recorded.get("bytes"):
            raise ArtifactError(
                f"is damaged: must have {recorded.get('bytes')} bytes",
                field="size",
                value=path.stat().st_size,
                where=str(path),
            )
        if name != OUTPUTS_FILE and report_on(path, 0).sha256 != recorded.get("sha256"):
            raise ArtifactError("is not as it was written: its SHA-256 differs", where=str(path))


def _read_result(path: Path) -> dict[str, Any]:
    result = read_json(path)
    try:
        for name in _MONEY:
            result[name] = parse_decimal(result[name], name)
        positions = {}
        for symbol, position in result["final_positions"].items():
            read = {name: parse_decimal(position[name], f"{symbol}.{name}") for name in _POSITION}
            positions[symbol] = {**position, **read}
        result["final_positions"] = positions
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"is damaged: no {error}", where=str(path)) from None
    except ContractError as error:
        raise ArtifactError(f"is damaged: {error.field} {error.rule}", where=str(path)) from None
    return result
