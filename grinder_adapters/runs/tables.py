"""The CSV files of a session: which columns they have, how a cell is written and read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.errors import ArtifactError, ContractError
from grinder_core.numbers import canonical, parse_decimal
from grinder_core.session.collect import Collector, Columns

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


def rows_of(table: Table, collected: Collector | None) -> Iterator[Row]:
    """Yield the rows of one file from what a session collected; none without a collector."""
    if collected is None:
        return
    if table is PRICES:
        for symbol, columns in sorted(collected.prices.items()):
            for ts, mid in zip(columns["ts"], columns["mid"], strict=True):
                yield symbol, ts, mid
    elif table is BLOCKS:
        for reason, counts in sorted(collected.blocks.items()):
            for from_ts, count in sorted(counts.items()):
                yield reason, from_ts, count
    else:
        columns = _columns_of(table, collected)
        yield from zip(*(columns[name] for name in table.columns), strict=True)


def _columns_of(table: Table, collected: Collector) -> Columns:
    if table is TRADES:
        return collected.trade_columns()
    return collected.equity if table is EQUITY else collected.levels


def write_table(path: Path, table: Table, rows: Iterable[Row]) -> int:
    """Write rows under the table's header, whole or not at all, and return their number."""
    count = 0
    with atomic_file(path) as file:
        text = io.TextIOWrapper(file, encoding="ascii", newline="", write_through=False)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.columns)
        for row in rows:
            writer.writerow([_cell(value) for value in row])
            count += 1
        text.flush()
        text.detach()  # the file stays open: its bytes are still to be forced to disk
    return count


def _cell(value: Any) -> object:
    return canonical(value) if isinstance(value, Decimal) else value


def read_table(path: Path, table: Table) -> Columns:
    """Read a table back as typed columns.

    Raises:
        ArtifactError: Missing, or a header, a row or a cell that we would not have written.
    """
    columns = table.empty()
    readers = [(columns[name], name, _READERS[kind]) for name, kind in table.columns.items()]
    try:
        with path.open(encoding="ascii", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            if header != list(table.columns):
                raise _damaged(path, 1, f"the header must be {','.join(table.columns)}")
            for row in rows:
                if len(row) != len(readers):
                    raise _damaged(path, rows.line_num, f"must have {len(readers)} cells")
                for (column, name, read), cell in zip(readers, row, strict=True):
                    try:
                        column.append(read(cell))
                    except ContractError as error:
                        raise _damaged(path, rows.line_num, f"{name} {error.rule}") from None
    except OSError as error:
        raise ArtifactError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise ArtifactError(f"is damaged: {error}", where=str(path)) from None
    return columns


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
