"""The CSV files of a session: which columns they have, how a cell is written and read.

Rows are written and read one by one, so that a table may be longer than memory.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

from attrs import define, field, frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ArtifactError, ContractError, InputError, InvariantError
from grinder_core.numbers import canonical, parse_decimal
from grinder_core.session.collect import Collector, plain
from grinder_core.session.samples import Columns

_BUFFER_BYTES: Final = 1 << 18
_INTEGER: Final = re.compile(r"-?[0-9]{1,30}")


@frozen
class Table:
    """One file: its name and its columns with the type of their cells."""

    file: str
    columns: dict[str, type]

    def empty(self) -> Columns:
        """Return the columns without rows."""
        return {name: [] for name in self.columns}


TRADES: Final = Table(
    "trades.csv",
    {
        "fill_id": str,
        "ts": int,
        "symbol": str,
        "side": str,
        "price": Decimal,
        "qty": Decimal,
        "fee": Decimal,
        "liquidity": str,
        "level_id": int,
        "order_id": str,
    },
)
EQUITY: Final = Table(
    "equity.csv",
    {
        "ts": int,
        "equity": Decimal,
        "high_water_mark": Decimal,
        "realized": Decimal,
        "unrealized": Decimal,
        "fees": Decimal,
        "funding": Decimal,
    },
)
PRICES: Final = Table("prices.csv", {"symbol": str, "ts": int, "mid": Decimal})
LEVELS: Final = Table(
    "levels.csv",
    {"symbol": str, "side": str, "level_id": int, "price": Decimal, "from": int, "to": int},
)
BLOCKS: Final = Table("blocks.csv", {"reason": str, "from_ts": int, "count": int})
TABLES: Final = (TRADES, EQUITY, PRICES, LEVELS, BLOCKS)

Row = Sequence[Any]


def trade_row(fill: Fill) -> Row:
    """Return a fill as a row of ``trades.csv``."""
    return [plain(getattr(fill, name)) for name in TRADES.columns]


def rows_of(table: Table, collected: Collector | None) -> Iterator[Row]:
    """Yield the rows of one file from what a session collected; none without a collector."""
    if collected is None:
        return
    if table is TRADES:
        yield from map(trade_row, collected.trades)
    elif table is PRICES:
        for symbol, columns in sorted(collected.prices.items()):
            for ts, mid in zip(columns["ts"], columns["mid"], strict=True):
                yield symbol, ts, mid
    elif table is BLOCKS:
        for reason, counts in sorted(collected.blocks.items()):
            for from_ts, count in sorted(counts.items()):
                yield reason, from_ts, count
    else:
        columns = collected.equity if table is EQUITY else collected.levels
        yield from zip(*(columns[name] for name in table.columns), strict=True)


def write_table(path: Path, table: Table, rows: Iterable[Row]) -> int:
    """Write rows under the table's header, whole or not at all, and return their number."""
    count = 0
    with atomic_file(path) as file:
        text = _text(file)
        writer = _writer(text, table)
        for row in rows:
            writer.writerow([_cell(value) for value in row])
            count += 1
        text.flush()
        text.detach()  # the file stays open: its bytes are still to be forced to disk
    return count


@define
class TableWriter:
    """Writes a table while its rows come about; until it is finished it is called ``.part``.

    Attributes:
        path: Where it will lie.
        count: Rows so far.
    """

    path: Path
    table: Table
    count: int = field(default=0, init=False)
    _text: io.TextIOWrapper | None = field(default=None, init=False)
    _writer: Any = field(default=None, init=False)

    @property
    def part(self) -> Path:
        """Where it lies until it is finished."""
        return self.path.with_name(f"{self.path.name}.part")

    def add(self, row: Row) -> None:
        """Append one row.

        Raises:
            InputError: The disk is full or the folder cannot be written.
        """
        try:
            if self._text is None:
                self._text = _text(self.part.open("wb", buffering=_BUFFER_BYTES))
                self._writer = _writer(self._text, self.table)
            self._writer.writerow([_cell(value) for value in row])
        except OSError as error:
            raise self._unwritable(error) from error
        self.count += 1

    def finish(self) -> None:
        """Force the rows to disk and give the file its name; without a row there is none.

        Raises:
            InputError: The disk is full or the folder cannot be written.
        """
        if self._text is None:
            return
        try:
            self._text.flush()
            os.fsync(self._text.fileno())
            self.close()
            self.part.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file; what was written stays as ``.part``.

        Raises:
            InputError: The disk is full or the folder cannot be written.
        """
        if self._text is None:
            return
        text, self._text = self._text, None
        try:
            text.close()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"cannot be written: {error.strerror}", where=str(self.part))


def _text(file: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="ascii", newline="", write_through=False)


def _writer(text: io.TextIOWrapper, table: Table) -> Any:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    return writer


def _cell(value: Any) -> object:
    return canonical(value) if isinstance(value, Decimal) else value


def read_rows(path: Path, table: Table, names: Sequence[str] = ()) -> Iterator[list[Any]]:
    """Yield the typed rows of a table, one at a time.

    Args:
        names: Columns to read, in this order; all where none is named. The others are not looked
            at.

    Raises:
        ArtifactError: Missing, or a header, a row or a cell that we would not have written.
    """
    width, header = len(table.columns), list(table.columns)
    wanted = [(header.index(n), n, _READERS[table.columns[n]]) for n in names or header]
    try:
        with path.open(encoding="ascii", newline="") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, []) != header:
                raise _damaged(path, 1, f"the header must be {','.join(header)}")
            for row in rows:
                if len(row) != width:
                    raise _damaged(path, rows.line_num, f"must have {width} cells")
                try:
                    values = [read(row[index]) for index, _, read in wanted]
                except ContractError:
                    raise _bad_cell(path, rows.line_num, row, wanted) from None
                yield values
    except OSError as error:
        raise ArtifactError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise ArtifactError(f"is damaged: {error}", where=str(path)) from None


def _bad_cell(
    path: Path, line: int, row: Sequence[str], wanted: Iterable[tuple[int, str, Any]]
) -> ArtifactError:
    """Name the first cell of a row that cannot be read."""
    for index, name, read in wanted:
        try:
            read(row[index])
        except ContractError as error:
            return _damaged(path, line, f"{name} {error.rule}")
    raise InvariantError("every cell can be read", where=f"{path}:{line}")


def _damaged(path: Path, line: int, what: str) -> ArtifactError:
    return ArtifactError(f"is damaged: {what}", where=f"{path}:{line}")


def _read_int(cell: str) -> int:
    if not _INTEGER.fullmatch(cell):
        raise ContractError("must be an integer", field="cell", value=cell)
    return int(cell)


_READERS: Final[dict[type, Callable[[str], Any]]] = {
    str: str,
    int: _read_int,
    Decimal: parse_decimal,
}
