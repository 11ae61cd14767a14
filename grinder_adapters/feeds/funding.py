"""Funding settlements of perpetuals out of the venue's own lists.

========================  =================================================  ====================
form                      fields                                             symbol
========================  =================================================  ====================
CSV of several symbols    symbol, fundingTime, fundingRate                   of each row
public dump               calc_time, funding_interval_hours,                 ``SYM-fundingRate-``
                          last_funding_rate                                  in the file's name
JSON list of the venue's  symbol, fundingTime, fundingRate; others are left  of each element
REST interface            alone
========================  =================================================  ====================

Times are kept as the venue gives them, a few milliseconds after the full hour. Rates go from text
to decimals without a float in between; a JSON number is refused. A symbol's settlements are kept
in memory to be put in order: a few a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from grinder_adapters.feeds.construct import event
from grinder_adapters.feeds.csv_rows import dump_name, first_row, has_header, is_csv, located
from grinder_adapters.feeds.funding_rows import DUMP_TYPE, FundingRow, form_of, json_rows
from grinder_adapters.feeds.lines import read_lines
from grinder_adapters.feeds.problems import Problems
from grinder_core.contracts.checks import SYMBOL, check_symbol
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding
from grinder_core.errors import ConfigError, ContractError, FixtureError

APART_MS_MIN: Final = 60_000
OUTSIDE_GRAMMAR: Final = "settlements of a symbol outside our grammar"

_HEAD_LINES: Final = 12  # an indented list shows the names of an element within so many


@frozen
class Settlement:
    """One settlement.

    Attributes:
        interval_ms: Time since the one before, as the venue states it; 0 where it does not.
    """

    funding: Funding
    interval_ms: int = 0

    @property
    def ts(self) -> int:
        """When it was, the venue's time."""
        return self.funding.ts


def looks_like_funding(path: Path) -> bool:
    """Tell by name and content whether ``FundingFiles`` reads a file.

    Raises:
        FixtureError: It cannot be opened.
    """
    if path.is_dir():
        return False
    if is_csv(path):
        named = dump_name(path)
        if named is not None:
            return named.type == DUMP_TYPE
        first = first_row(path)
        return has_header(first) and form_of(first) is not None
    head = b"".join(islice(read_lines(path), _HEAD_LINES)).lstrip()
    return head.startswith(b"[") and b'"fundingTime"' in head and b'"fundingRate"' in head


@define
class FundingFiles:
    """Settlements of any number of symbols, out of files of any of the forms.

    Attributes:
        paths: Files; those of one symbol continue each other, whatever their order.
        problems: What to do about malformed rows.
        symbol: The symbol of dumps whose names do not tell it.
    """

    paths: Sequence[Path]
    problems: Problems = field(factory=Problems)
    symbol: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("must name at least one file", field="paths")
        if self.symbol is not None:
            check_symbol(self.symbol)

    @property
    def name(self) -> str:
        """The first file, and how many more there are."""
        more = len(self.paths) - 1
        return f"{self.paths[0]}" + (f" and {more} more" if more else "")

    @cached_property
    def by_symbol(self) -> Mapping[str, tuple[Settlement, ...]]:
        """Each symbol's settlements in order of time; symbols in alphabetical order.

        Raises:
            FixtureError: A file is damaged, of another form or without a settlement; a row is
                malformed, goes back, or is there twice. Names file, line, field, value and rule.
            ConfigError: A dump does not say its symbol.
        """
        found: dict[str, list[tuple[Path, FundingRow, Settlement]]] = {}
        for path in self.paths:
            try:
                self._read(path, found)
            except FixtureError as error:
                self.problems.skip(error)
        return {symbol: tuple(self._in_order(found[symbol])) for symbol in sorted(found)}

    def in_order(self) -> list[Funding]:
        """Return the settlements of all symbols by time, then symbol."""
        every = [s.funding for settled in self.by_symbol.values() for s in settled]
        return sorted(every, key=lambda funding: (funding.ts, funding.symbol))

    def __iter__(self) -> Iterator[Event]:
        for seq, funding in enumerate(self.in_order()):
            yield event(funding.ts, funding, seq, None, None)

    def _read(
        self, path: Path, found: dict[str, list[tuple[Path, FundingRow, Settlement]]]
    ) -> None:
        last: dict[str, int] = {}
        count = 0
        for row in self._rows(path):
            count += 1
            if isinstance(row, FixtureError):
                self.problems.skip(row)
                continue
            try:
                if not SYMBOL.fullmatch(row.symbol):
                    self.problems.count_out(OUTSIDE_GRAMMAR)
                    continue
                settlement = row.settlement()
                _check_after(row, last.get(row.symbol))
            except ContractError as error:
                self.problems.skip(located(error, path, row.line))
                continue
            last[row.symbol] = row.ts
            made = Settlement(settlement, row.interval_ms)
            found.setdefault(row.symbol, []).append((path, row, made))
        if not count:
            raise FixtureError("holds no settlement", where=str(path))

    def _rows(self, path: Path) -> Iterator[FundingRow | FixtureError]:
        if not is_csv(path):
            return json_rows(path)
        first = first_row(path)
        form = form_of(first)
        if form is None:
            raise FixtureError(
                "are not those of a funding file: symbol, fundingTime, fundingRate; or calc_time, "
                "funding_interval_hours, last_funding_rate",
                field="columns",
                value=first,
                where=f"{path}:1",
            )
        return form.rows(path, "" if form.names_symbol else self._symbol_of(path))

    def _symbol_of(self, path: Path) -> str:
        named = dump_name(path)
        if self.symbol is not None:
            return self.symbol
        if named is None:
            raise ConfigError(
                "the file does not say its symbol",
                where=str(path),
                remedy=f"name it like BTCUSDT-{DUMP_TYPE}-2024-01.csv or give the symbol",
            )
        return named.symbol

    def _in_order(self, found: list[tuple[Path, FundingRow, Settlement]]) -> Iterator[Settlement]:
        """Put the files of one symbol one after another; within a file order was checked."""
        found.sort(key=lambda entry: entry[1].ts)
        last: int | None = None
        for path, row, settlement in found:
            try:
                _check_after(row, last)
            except ContractError as error:
                self.problems.skip(located(error, path, row.line))
                continue
            last = row.ts
            yield settlement


def _check_after(row: FundingRow, last: int | None) -> None:
    """Check a settlement against the one before it.

    Raises:
        ContractError: It goes back, or is so close that it must be the same one.
    """
    if last is None:
        return
    if row.ts < last:
        raise ContractError(
            f"goes back within {row.symbol}: the one before is at {last}",
            field=row.field("time"),
            value=row.ts,
            remedy="sort the file by symbol and time",
        )
    if row.ts - last < APART_MS_MIN:
        raise ContractError(
            f"is the settlement at {last} a second time: they are less than a minute apart",
            field=row.field("time"),
            value=row.ts,
            remedy="leave one of them out",
        )
