"""Reading a table of a TOML file: every fault names file, step, field, value and rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from attrs import frozen

from grinder_adapters.env import nearest
from grinder_core.errors import FixtureError, InputError
from grinder_core.numbers import parse_decimal

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_DURATION: Final = re.compile(r"([0-9]{1,12})(ms|s|m|h)")


@frozen
class Table:
    """A table and where it stands."""

    values: Mapping[str, Any]
    where: str

    def refuse_unknown(self, *known: str) -> None:
        """Refuse keys that nobody reads.

        Raises:
            FixtureError: There is one.
        """
        for name in self.values:
            if name not in known:
                near = nearest(name, known)
                remedy = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
                raise FixtureError("is no key here", field=name, where=self.where, remedy=remedy)

    def required(self, name: str, read: Callable[[object], T]) -> T:
        """Read a value that must be there.

        Raises:
            FixtureError: It is missing, or ``read`` refuses it.
        """
        if name not in self.values:
            raise FixtureError("is missing", field=name, where=self.where)
        return self._read(name, read)

    def optional(self, name: str, read: Callable[[object], T], default: T) -> T:
        """Read a value, or take the default where it is missing.

        Raises:
            FixtureError: ``read`` refuses it.
        """
        return self._read(name, read) if name in self.values else default

    def _read(self, name: str, read: Callable[[object], T]) -> T:
        value = self.values[name]
        try:
            return read(value)
        except InputError as error:
            inner = f"{name}.{error.field}" if error.field else name
            shown = value if error.value is None else error.value
            raise FixtureError(
                error.rule, field=inner, value=shown, where=self.where, remedy=error.remedy
            ) from None


def duration_ms(value: object) -> int:
    """Read ``"250ms"``, ``"5s"``, ``"3m"`` or ``"8h"``.

    Raises:
        FixtureError: It is something else.
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise FixtureError("must be a time like '250ms', '5s', '3m' or '8h'")
    return int(found[1]) * _UNITS_MS[found[2]]


def at_least(low: int, read: Callable[[object], int]) -> Callable[[object], int]:
    """Return a reader that also refuses what is less than ``low``."""

    def checked(value: object) -> int:
        number = read(value)
        if number < low:
            raise FixtureError(f"must be at least {low}")
        return number

    return checked


def integer(value: object) -> int:
    """Read an integer.

    Raises:
        FixtureError: It is something else.
    """
    if type(value) is not int:
        raise FixtureError("must be an integer")
    return value


def text(value: object) -> str:
    """Read a text that is not empty.

    Raises:
        FixtureError: It is something else.
    """
    if not isinstance(value, str) or not value:
        raise FixtureError("must be text")
    return value


def decimal(value: object) -> Decimal:
    """Read a decimal string.

    Raises:
        ContractError: It is something else.
    """
    return parse_decimal(value, "")


def one_of(kind: type[E]) -> Callable[[object], E]:
    """Return a reader of one of an enumeration's values."""

    def read(value: object) -> E:
        for member in kind:
            if value == member.value:
                return member
        raise FixtureError(f"must be one of {', '.join(kind)}")

    return read


def tables(value: object) -> dict[str, dict[str, Any]]:
    """Read a table of tables.

    Raises:
        FixtureError: It is something else, or empty.
    """
    if not isinstance(value, dict) or not value:
        raise FixtureError("must hold at least one table")
    for name, item in value.items():
        if not isinstance(item, dict):
            raise FixtureError("must be a table", field=name, value=item)
    return value


def table(value: object) -> dict[str, Any]:
    """Read a table.

    Raises:
        FixtureError: It is something else.
    """
    if not isinstance(value, dict):
        raise FixtureError("must be a table, {...}")
    return value


def tables_listed(value: object) -> list[dict[str, Any]]:
    """Read ``[[...]]`` tables.

    Raises:
        FixtureError: It is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FixtureError("must be [[...]] tables")
    return value
