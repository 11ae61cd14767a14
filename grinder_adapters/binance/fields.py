"""Typed fields of a venue's JSON object; a wrong one is named with its value.

Numbers are text on the wire, ids and times are integers. Keys that nobody asks for are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from grinder_core.contracts.checks import check_int
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.errors import ContractError
from grinder_core.numbers import parse_decimal

Fields = Mapping[str, Any]

MISSING: Final = "is missing"

# LIVE-19; what is missing here is a state that we do not know
STATES: Final[Mapping[str, OrderState]] = {
    "NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_SIDES: Final = {side.value: side for side in Side}


def has(data: Fields, name: str) -> bool:
    """Whether a field is there and not null."""
    return data.get(name) is not None


def get(data: Fields, name: str) -> Any:
    """Return a field of any type.

    Raises:
        ContractError: It is missing. So do all functions here, and for a wrong type.
    """
    try:
        return data[name]
    except KeyError:
        raise ContractError(MISSING, field=name) from None


def text(data: Fields, name: str) -> str:
    """Return a text."""
    value = get(data, name)
    if type(value) is not str:
        raise ContractError("must be text", field=name, value=value)
    return value


def number(data: Fields, name: str) -> Decimal:
    """Return a decimal that is written as text."""
    return parse_decimal(get(data, name), name)


def whole(data: Fields, name: str) -> int:
    """Return an integer ``>= 0``: an id or a time in ms."""
    value = get(data, name)
    check_int(name, value)
    return int(value)


def count(data: Fields, name: str) -> int:
    """Return an integer that is written as text."""
    value = number(data, name)
    if value != int(value):
        raise ContractError("must be a whole number", field=name, value=value)
    return int(value)


def flag(data: Fields, name: str) -> bool:
    """Return a truth value."""
    value = get(data, name)
    if type(value) is not bool:
        raise ContractError("must be true or false", field=name, value=value)
    return value


def side(data: Fields, name: str) -> Side:
    """Return a side."""
    found = _SIDES.get(text(data, name))
    if found is None:
        raise ContractError("must be BUY or SELL", field=name, value=data[name])
    return found


def rows(data: Fields, name: str) -> list[Fields]:
    """Return a list of objects."""
    value = get(data, name)
    if type(value) is not list or not all(type(row) is dict for row in value):
        raise ContractError("must be a list of objects", field=name, value=value)
    return value


def inner(data: Fields, name: str) -> Fields:
    """Return an object."""
    value = get(data, name)
    if type(value) is not dict:
        raise ContractError("must be an object", field=name, value=value)
    return value
