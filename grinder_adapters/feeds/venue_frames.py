"""Which fields a venue frame must have, and the error that names the first one that is wrong.

Frames are read at full speed without naming fields; when that fails, the rules here are tried
one after the other to say what was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from grinder_adapters.feeds.interned import LAST_PRICES
from grinder_core.contracts.checks import check_int, check_price, check_qty
from grinder_core.errors import ContractError, FixtureError
from grinder_core.numbers import parse_decimal

Rule = tuple[str, Callable[[str, Any], None]]


def wrong_field(data: Any, rules: Sequence[Rule]) -> FixtureError:
    """Return the error that names the first field that breaks its rule."""
    if not isinstance(data, dict):
        return FixtureError("must be an object", field="data", value=data)
    for name, check in rules:
        if name not in data:
            return FixtureError("is missing", field=name)
        try:
            check(name, data[name])
        except ContractError as error:
            return FixtureError(error.rule, field=name, value=error.value, remedy=error.remedy)
    if "U" in data and data["U"] > data["u"]:
        return FixtureError(f"must be <= u {data['u']}", field="U", value=data["U"])
    if "pu" in data:
        return FixtureError("must be an integer >= 0", field="pu", value=data["pu"])
    return FixtureError("is malformed", field="data", value=data)


def is_one_sided(data: Any) -> bool:
    """Whether a quote says, with a price of 0, that a side of the book is empty."""
    try:
        return not LAST_PRICES[data["b"]] or not LAST_PRICES[data["a"]]
    except (KeyError, TypeError, ContractError):
        return False


def _price(name: str, value: Any) -> None:
    check_price(name, parse_decimal(value, name))


def _qty(name: str, value: Any) -> None:
    check_qty(name, parse_decimal(value, name))


def _last_price(name: str, value: Any) -> None:
    number: Decimal = parse_decimal(value, name)
    if number:
        check_price(name, number)


def _text(name: str, value: Any) -> None:
    if type(value) is not str:
        raise ContractError("must be text", field=name, value=value)


def _flag(name: str, value: Any) -> None:
    if type(value) is not bool:
        raise ContractError("must be true or false", field=name, value=value)


def _levels(name: str, value: Any) -> None:
    if type(value) is not list:
        raise ContractError("must be a list of [price, qty]", field=name, value=value)
    for row in value:
        if type(row) is not list or len(row) != 2:
            raise ContractError("must be [price, qty]", field=name, value=row)
        _price(name, row[0])
        _qty(name, row[1])


QUOTE: Final[Sequence[Rule]] = (
    ("s", _text),
    ("u", check_int),
    ("b", _price),
    ("B", _qty),
    ("a", _price),
    ("A", _qty),
)
DEPTH: Final[Sequence[Rule]] = (
    ("s", _text),
    ("E", check_int),
    ("U", check_int),
    ("u", check_int),
    ("b", _levels),
    ("a", _levels),
)
BOOK: Final[Sequence[Rule]] = (("lastUpdateId", check_int), ("bids", _levels), ("asks", _levels))
TRADE: Final[Sequence[Rule]] = (
    ("s", _text),
    ("E", check_int),
    ("p", _last_price),
    ("q", _qty),
    ("m", _flag),
)
MARK: Final[Sequence[Rule]] = (("s", _text), ("E", check_int), ("p", _price))
