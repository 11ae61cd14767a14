"""Rows of funding lists, one settlement each: two forms of CSV, and the venue's JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.csv_rows import decimal_cell, has_header, int_cell, located, rows, to_ms
from grinder_adapters.feeds.lines import read_lines
from grinder_core.contracts.market import Funding
from grinder_core.errors import ContractError, FixtureError

DUMP_TYPE: Final = "fundingRate"
HOUR_MS: Final = 3_600_000

_NAMES: Final = {"symbol": "symbol", "time": "fundingTime", "rate": "fundingRate"}
_SPACE: Final = " \t\r\n"


@frozen
class FundingRow:
    """One row; its rate is still text.

    Attributes:
        line: In the file.
        names: What the file calls ``time`` and ``rate``.
        index: Place in a JSON list; -1 elsewhere.
        interval_ms: As the venue states it; 0 where it does not.
    """

    line: int
    symbol: str
    ts: int
    rate: str
    names: Mapping[str, str] = _NAMES
    index: int = -1
    interval_ms: int = 0

    def field(self, what: str) -> str:
        """Return what the file calls a field, for messages."""
        return f"[{self.index}].{self.names[what]}" if self.index >= 0 else self.names[what]

    def settlement(self) -> Funding:
        """Return the settlement.

        Raises:
            ContractError: The rate is no number, or not within -1 and 1.
        """
        name = self.field("rate")
        rate = decimal_cell(name, self.rate)
        try:
            return Funding(ts=self.ts, symbol=self.symbol, rate=rate)
        except ContractError as error:
            raise ContractError(error.rule, field=name, value=self.rate) from None


@frozen
class Form:
    """Columns of one form of CSV; without ``symbol`` the file is of one symbol."""

    names: Mapping[str, str]
    header: tuple[str, ...]

    @property
    def names_symbol(self) -> bool:
        """Whether each row says its symbol."""
        return "symbol" in self.names

    def rows(self, path: Path, symbol: str) -> Iterator[FundingRow | FixtureError]:
        """Yield each row, or what is wrong with it.

        Raises:
            FixtureError: The file itself is damaged.
        """
        stream = rows(path)
        if self.header:
            next(stream, None)
        columns = self.header or tuple(self.names.values())
        for line, cells in stream:
            try:
                if len(cells) != len(columns):
                    raise ContractError(
                        f"must have {len(columns)} columns", field="row", value=len(cells)
                    )
                yield self._row(line, dict(zip(columns, cells, strict=True)), symbol)
            except ContractError as error:
                yield located(error, path, line)

    def _row(self, line: int, cells: Mapping[str, str], symbol: str) -> FundingRow:
        names = self.names
        time = names["time"]
        interval = 0
        if "interval" in names:
            interval = HOUR_MS * int_cell(names["interval"], cells[names["interval"]])
        return FundingRow(
            line,
            cells[names["symbol"]] if self.names_symbol else symbol,
            to_ms(time, int_cell(time, cells[time])),
            cells[names["rate"]],
            names,
            interval_ms=interval,
        )


_DUMP: Final = {
    "time": "calc_time",
    "interval": "funding_interval_hours",
    "rate": "last_funding_rate",
}


def form_of(first: list[str]) -> Form | None:
    """Tell the form of a CSV file by its first row; ``None`` for no funding file.

    Old dumps have no header: three cells, of which the first is a time.
    """
    if not has_header(first):
        return Form(_DUMP, ()) if len(first) == len(_DUMP) else None
    for names in (_NAMES, _DUMP):
        if set(names.values()) <= set(first):
            return Form(names, tuple(first))
    return None


def json_rows(path: Path) -> Iterator[FundingRow | FixtureError]:
    """Yield each element of the venue's JSON list, or what is wrong with it.

    Raises:
        FixtureError: The file cannot be read, or is no list.
    """
    try:
        text = b"\n".join(read_lines(path)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FixtureError("must be UTF-8 text", where=str(path)) from error
    for index, (line, item) in enumerate(_elements(text, path)):
        try:
            yield _element(index, line, item)
        except ContractError as error:
            yield located(error, path, line)


def _element(index: int, line: int, item: Any) -> FundingRow:
    place = f"[{index}]"
    if not isinstance(item, dict):
        raise ContractError("must be an object", field=place, value=item)
    for name, kind, what in (
        ("symbol", str, "text"),
        ("fundingTime", int, "an integer, milliseconds"),
        ("fundingRate", str, "a decimal number as text"),
    ):
        if type(item.get(name)) is not kind:
            raise ContractError(
                f"must be {what}" if name in item else "is missing",
                field=f"{place}.{name}",
                value=item.get(name),
            )
    time = to_ms(f"{place}.fundingTime", item["fundingTime"])
    return FundingRow(line, item["symbol"], time, item["fundingRate"], index=index)


def _elements(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the elements of a list, each with the line on which it begins."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    place = _skip(text, 0)
    counted, line = place, 1 + text.count("\n", 0, place)
    if text[place : place + 1] != "[":
        raise FixtureError(
            "must be a JSON list of settlements", where=f"{path}:{line}", value=text[place:][:80]
        )
    place = _skip(text, place + 1)
    more = text[place : place + 1] != "]"
    while more:
        line += text.count("\n", counted, place)
        counted = place
        try:
            item, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise FixtureError(f"is no JSON: {error}", where=f"{path}:{line}") from None
        yield line, item
        place = _skip(text, place)
        more = text[place : place + 1] == ","
        if more:
            place = _skip(text, place + 1)
    line += text.count("\n", counted, place)
    if text[place : place + 1] != "]" or text[place + 1 :].strip(_SPACE):
        raise FixtureError("is no JSON list: it does not end with ]", where=f"{path}:{line}")


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")
