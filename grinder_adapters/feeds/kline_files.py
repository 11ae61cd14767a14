"""Bars as integers, out of Parquet and CSV.

This is the one importer whose input may hold binary floats (the venue's klines are often kept as
doubles): a float means the shortest decimal that reads back as it, ``Decimal(repr(x))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from grinder_adapters.feeds.csv_rows import (
    decimal_cell,
    dump_name,
    first_row,
    has_header,
    int_cell,
    interval_in_name,
    is_csv,
    located,
    rows,
    to_ms,
)
from grinder_adapters.feeds.intrabar import DIGITS
from grinder_adapters.feeds.problems import Problems
from grinder_core.errors import ConfigError, ContractError, FixtureError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

COLUMNS: Final = ("open_time", "open", "high", "low", "close", "volume")
DUMP_COLUMNS: Final = (
    *COLUMNS,
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
CLOSE_TIME: Final = "close_time"
PARQUET: Final = ".parquet"

_BATCH_ROWS: Final = 4_096
_CACHED: Final = 2048
_SHIFTS: Final[tuple[int, ...]] = tuple(10 ** (DIGITS - digits) for digits in range(DIGITS + 1))
_DOWN: Final = Context(prec=80, rounding=ROUND_FLOOR)
_NEAREST: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)

Bar = tuple[int, int, int, int, int, int, int, int]
"""Line or row, open time ms, open, high, low, close, volume in units of 1e-8, span ms or 0."""


def is_kline_file(path: Path) -> bool:
    """Tell by name and columns whether a file holds bars.

    Raises:
        FixtureError: A file of a fitting kind that cannot be opened.
    """
    if path.is_dir():
        return False
    if path.name.endswith(PARQUET):
        return set(COLUMNS) <= set(_parquet(path).schema_arrow.names)
    if not is_csv(path):
        return False
    name = dump_name(path)
    if name is not None:
        return name.type[:1].isdigit()
    row = first_row(path)
    if has_header(row):
        return set(COLUMNS) <= set(row)
    return len(row) == len(DUMP_COLUMNS) or (
        len(row) == len(COLUMNS) and interval_in_name(path) is not None
    )


def bars(path: Path, problems: Problems) -> Iterator[Bar]:
    """Read the bars of one file in the order it holds them; their consistency is not checked.

    Prices are rounded to the nearest 1e-8, volumes down. ``span`` is 0 where the file does not
    say when a bar closes.

    Raises:
        FixtureError: Unless problems are skipped: the file, a column or a row is malformed. What
            precedes the place where a file is cut off has been read by then.
    """
    found = False
    read = _parquet_bars if path.name.endswith(PARQUET) else _csv_bars
    try:
        for bar in read(path, problems):
            found = True
            yield bar
        if not found:
            raise FixtureError("holds no bar", where=str(path))
    except FixtureError as error:
        problems.skip(error)


def price_units(number: Decimal) -> int:
    """Return a price in units of 1e-8, rounded to the nearest."""
    return int(number.scaleb(DIGITS, _NEAREST).to_integral_value(context=_NEAREST))


def qty_units(number: Decimal) -> int:
    """Return a quantity in units of 1e-8, rounded down."""
    return int(number.scaleb(DIGITS, _DOWN).to_integral_value(context=_DOWN))


def _csv_bars(path: Path, problems: Problems) -> Iterator[Bar]:
    price = lru_cache(maxsize=_CACHED)(_price_in_text)
    layout: _Layout | None = None
    for line, row in rows(path):
        if layout is None:
            layout = _layout(path, line, row)
            if has_header(row):
                continue
        try:
            if len(row) != layout.width:
                raise ContractError(
                    f"must have {layout.width} columns", field="row", value=len(row)
                )
            bar = _csv_bar(row, layout, price)
        except ContractError as error:
            found = _named(error, [row[at] for at in layout.positions[1:5] if at < len(row)])
            problems.skip(located(found, path, line))
        else:
            yield line, *bar


@frozen
class _Layout:
    """Where the columns of a CSV file are."""

    width: int
    positions: tuple[int, ...]
    close_time: int | None


def _layout(path: Path, line: int, row: list[str]) -> _Layout:
    """Read the header; without one, the columns are those of a dump or the first six of it."""
    header = row
    if not has_header(row):
        header = list(DUMP_COLUMNS if len(row) == len(DUMP_COLUMNS) else COLUMNS)
        if len(header) != len(row):
            raise FixtureError(
                f"must have {len(DUMP_COLUMNS)} or {len(COLUMNS)} columns",
                field="row",
                value=len(row),
                where=f"{path}:{line}",
            )
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise FixtureError(
            f"lacks the columns {', '.join(missing)}",
            field="header",
            value=row,
            where=f"{path}:{line}",
        )
    end = header.index(CLOSE_TIME) if CLOSE_TIME in header else None
    return _Layout(len(row), tuple(map(header.index, COLUMNS)), end)


Cells = tuple[int, int, int, int, int, int, int]


def _csv_bar(row: list[str], layout: _Layout, price: Callable[[str], int]) -> Cells:
    time, open_, high, low, close, volume = (row[position] for position in layout.positions)
    open_time = to_ms("open_time", int_cell("open_time", time))
    span = 0
    if layout.close_time is not None:
        end = row[layout.close_time]
        span = to_ms(CLOSE_TIME, int_cell(CLOSE_TIME, end)) + 1 - open_time
        if span <= 1:
            raise ContractError("must lie after open_time", field=CLOSE_TIME, value=end)
    return (
        open_time,
        price(open_),
        price(high),
        price(low),
        price(close),
        qty_units(decimal_cell("volume", volume)),
        span,
    )


def _price_in_text(text: str) -> int:
    return price_units(decimal_cell("price", text))


def _named(error: ContractError, prices: Sequence[object]) -> ContractError:
    """Return the error with the column it came from; prices are read by one cached reader."""
    if error.field != "price":
        return error
    at = next(index for index, value in enumerate(prices) if value is error.value)
    return ContractError(error.rule, field=COLUMNS[1 + at], value=error.value)


def _parquet_bars(path: Path, problems: Problems) -> Iterator[Bar]:
    file = _parquet(path)
    missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
    if missing:
        raise FixtureError(f"lacks the columns {', '.join(missing)}", where=str(path))
    price = lru_cache(maxsize=_CACHED)(partial(_units, "price", price_units))
    row = 0
    for columns in _batches(path, file):
        for time, open_, high, low, close, volume in zip(*columns, strict=True):
            row += 1
            try:
                if type(time) is not int:
                    raise ContractError(
                        "must be an integer, milliseconds", field="open_time", value=time
                    )
                cells = (
                    to_ms("open_time", time),
                    price(open_),
                    price(high),
                    price(low),
                    price(close),
                    _units("volume", qty_units, volume),
                )
            except ContractError as error:
                found = _named(error, (open_, high, low, close))
                problems.skip(located(found, path, row))
            else:
                yield row, *cells, 0


def _units(field: str, round_: Callable[[Decimal], int], value: object) -> int:
    """Return a number in units of 1e-8; digits are moved as text where none is dropped."""
    if type(value) is float:
        whole, _, fraction = repr(value).partition(".")
        if len(fraction) <= DIGITS and fraction.isdigit():
            return int(whole + fraction) * _SHIFTS[len(fraction)]
    return round_(_decimal(field, value))


def _decimal(field: str, value: object) -> Decimal:
    """Read a number of any column type; a float by its shortest decimal."""
    if isinstance(value, str):
        return decimal_cell(field, value)
    if type(value) is int or isinstance(value, Decimal):
        number = Decimal(value)
    elif isinstance(value, float):
        number = Decimal(repr(value))
    else:
        raise ContractError("must be a number", field=field, value=value)
    if not number.is_finite():
        raise ContractError("must be a finite number", field=field, value=value)
    return number


def _batches(path: Path, file: ParquetFile) -> Iterator[list[list[Any]]]:
    import pyarrow

    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(COLUMNS)):
            yield [batch.column(name).to_pylist() for name in COLUMNS]
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _parquet(path: Path) -> ParquetFile:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ConfigError(
            "reading Parquet needs pyarrow",
            where=str(path),
            remedy="install it: pip install 'grinder[data]'",
        ) from error
    try:
        return ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> FixtureError:
    return FixtureError(f"is no readable Parquet file: {error}", where=str(path))
