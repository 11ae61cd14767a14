"""Rows of CSV files, plain, gzipped or as the one member of a zip; and what their cells may hold.

Reading streams; every way a file can be damaged ends in a ``FixtureError`` that names the file
and, where one exists, the line.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Context, Decimal
from pathlib import Path
from typing import IO, Final, cast

from attrs import frozen

from grinder_adapters.feeds.lines import check_readable
from grinder_core.errors import ContractError, FixtureError

OUTSIDE_GRAMMAR: Final = "files of a symbol outside our grammar"
CSV_SUFFIXES: Final = (".csv", ".csv.gz", ".zip")
INTERVAL_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_PARSE: Final = Context(prec=80)
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "0"), False),
}
_TIME_MIN_MS: Final = 10**11  # 1973: anything smaller is seconds
_TIME_MIN_US: Final = 10**14
_TIME_MIN_NS: Final = 10**17
_ENCRYPTED: Final = 0x1
_DUMP_NAME: Final = re.compile(
    r"(?P<symbol>[^-]+)-(?P<type>[A-Za-z0-9]+)-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?"
)
_INTERVAL: Final = re.compile(r"[-_]([1-9][0-9]{0,2})([smhdw])(?=[-_.])")

Row = tuple[int, list[str]]  # line in the file, cells


@frozen
class DumpName:
    """What the name of one of the venue's public dump files says.

    Attributes:
        symbol: Not always of our grammar: the venue lists symbols in Chinese characters.
        type: ``bookTicker``, ``trades``, ... or, for klines, their interval.
    """

    symbol: str
    type: str


def dump_name(path: Path) -> DumpName | None:
    """Read ``SYM-<type or interval>-YYYY-MM[-DD]``; ``None`` for any other name."""
    match = _DUMP_NAME.fullmatch(stem(path))
    return None if match is None else DumpName(match["symbol"], match["type"])


def interval_in_name(path: Path) -> int | None:
    """Read an interval such as ``-1m-`` or ``_4h_`` from a file's name, milliseconds."""
    match = _INTERVAL.search(path.name)
    return None if match is None else int(match[1]) * INTERVAL_MS[match[2]]


def is_csv(path: Path) -> bool:
    """Tell by the name whether this can be a CSV file we read."""
    return path.name.endswith(CSV_SUFFIXES)


def stem(path: Path) -> str:
    """Return the file's name without the endings of CSV and compression."""
    name = path.name
    for suffix in CSV_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def rows(path: Path) -> Iterator[Row]:
    """Read all rows of a file, the header included; blank lines are left out.

    Raises:
        FixtureError: The file is missing, empty, a directory, damaged, not UTF-8 or no CSV.
    """
    check_readable(path)
    line = 0
    try:
        with ExitStack() as opened:
            reader = csv.reader(_text(path, opened), strict=True)
            for row in reader:
                line = reader.line_num
                if row:
                    yield line, row
    except csv.Error as error:
        raise FixtureError(f"is no CSV: {error}", where=f"{path}:{line + 1}") from error
    except UnicodeDecodeError as error:
        raise FixtureError("must be UTF-8 text", where=f"{path}:{line + 1}") from error
    except (
        EOFError,
        NotImplementedError,
        zlib.error,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
    ) as error:
        raise FixtureError(
            f"the compressed data is damaged, cut off or of an unknown method: {error}",
            where=f"{path}:{line + 1}",
            remedy="fetch the file again",
        ) from error
    except OSError as error:
        raise FixtureError(f"cannot be read: {error.strerror}", where=str(path)) from error


def first_row(path: Path) -> list[str]:
    """Return the first row: the header or, without one, data; empty where there is none.

    Raises:
        FixtureError: As ``rows``.
    """
    stream = rows(path)
    try:
        return next(stream, (0, []))[1]
    finally:
        stream.close()  # type: ignore[attr-defined]  # a generator: closes the file now


def has_header(row: list[str]) -> bool:
    """Tell a header from data: no column of any dump starts its data with a letter."""
    return bool(row) and row[0][:1].isalpha()


def decimal_cell(field: str, text: str) -> Decimal:
    """Read a number, exactly; an exponent is allowed, because pandas writes ``1e-05``.

    Raises:
        ContractError: Anything else, such as ``NaN``, an empty cell or spaces.
    """
    if not _NUMBER.fullmatch(text):
        raise ContractError("must be a decimal number", field=field, value=text)
    return Decimal(text)


def int_cell(field: str, text: str) -> int:
    """Read an integer ``>= 0``.

    Raises:
        ContractError: Anything else.
    """
    if not (text.isascii() and text.isdigit()):
        raise ContractError("must be an integer >= 0", field=field, value=text)
    return int(text)


def bool_cell(field: str, text: str) -> bool:
    """Read ``true``, ``false``, ``True``, ``False``, ``1`` or ``0``.

    Raises:
        ContractError: Anything else.
    """
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise ContractError("must be true or false", field=field, value=text) from None


def time_cell(field: str, text: str) -> int:
    """Read an epoch time as milliseconds; micro- and nanoseconds are told by their magnitude.

    Raises:
        ContractError: No integer, or so small that it must be seconds.
    """
    return to_ms(field, int_cell(field, text))


def to_ms(field: str, time: int) -> int:
    """Return an epoch time of milli-, micro- or nanoseconds as milliseconds, rounded down.

    Raises:
        ContractError: So small that it must be seconds.
    """
    if time < _TIME_MIN_MS:
        raise ContractError(
            "must be an epoch time in milliseconds or microseconds", field=field, value=time
        )
    if time < _TIME_MIN_US:
        return time
    return time // 1_000 if time < _TIME_MIN_NS else time // 1_000_000


def pct_x100_cell(field: str, text: str) -> int:
    """Read a percentage such as ``-5``, ``-5.00`` or ``0.20`` as hundredths of a percent.

    Raises:
        ContractError: No number, or finer than a hundredth.
    """
    scaled = decimal_cell(field, text).scaleb(2, _PARSE)
    if scaled != int(scaled):
        raise ContractError("must have at most 2 fractional digits", field=field, value=text)
    return int(scaled)


def located(error: ContractError, path: Path, row: int) -> FixtureError:
    """Return the error of a row as the error of its file, with its place."""
    shown = {} if error.value is None else {"value": error.value}
    return FixtureError(
        error.rule, field=error.field, where=f"{path}:{row}", remedy=error.remedy, **shown
    )


def _text(path: Path, opened: ExitStack) -> IO[str]:
    raw: IO[bytes]
    if path.name.endswith(".gz"):
        file = opened.enter_context(path.open("rb"))
        raw = cast(IO[bytes], opened.enter_context(gzip.GzipFile(fileobj=file)))
    elif path.name.endswith(".zip"):
        archive = opened.enter_context(zipfile.ZipFile(path))
        raw = opened.enter_context(archive.open(_only_member(path, archive)))
    else:
        raw = opened.enter_context(path.open("rb"))
    return opened.enter_context(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [member for member in archive.infolist() if member.filename.endswith(".csv")]
    if len(members) != 1:
        names = [member.filename for member in members]
        raise FixtureError("must hold exactly one CSV file", where=str(path), value=names)
    if members[0].flag_bits & _ENCRYPTED:
        raise FixtureError("is encrypted", where=str(path), remedy="unpack it first")
    return members[0].filename
