"""Declaring settings: one attrs field with its range, its unit in the name and its documentation.

Every room keeps its own frozen settings class; ``engine/config.py`` puts them together. The
configuration reference in the documentation is generated from these declarations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, Final, get_args

from attrs import Attribute, field

from grinder_core.errors import ConfigError

CHOICES: Final[dict[str, type[StrEnum]]] = {}
RECORDS: Final[dict[str, type[Any]]] = {}


def setting(
    default: Any,
    doc: str,
    *,
    ge: int | Decimal | None = None,
    gt: int | Decimal | None = None,
    le: int | Decimal | None = None,
    spec: str = "",
) -> Any:
    """Declare one setting with its inclusive or exclusive bounds.

    Mappings are checked entry by entry. The type annotation decides what is accepted; booleans
    are not integers and floats are never accepted.
    """

    def check(_instance: object, attribute: Attribute[Any], value: Any) -> None:
        values = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, item in values:
            name = f"{attribute.name}.{key}" if key else attribute.name
            _check_bounds(name, item, ge, gt, le)

    metadata = {"doc": doc, "ge": ge, "gt": gt, "le": le, "spec": spec}
    if isinstance(default, dict):
        return field(factory=default.copy, validator=[_typed, check], metadata=metadata)
    return field(default=default, validator=[_typed, check], metadata=metadata)


def _check_bounds(name: str, value: Any, ge: Any, gt: Any, le: Any) -> None:
    if not isinstance(value, int | Decimal):
        return  # absent, text or a record: its own type says what is allowed
    rule = ""
    if ge is not None and value < ge:
        rule = f"must be >= {ge}"
    elif gt is not None and value <= gt:
        rule = f"must be > {gt}"
    elif le is not None and value > le:
        rule = f"must be <= {le}"
    if rule:
        raise ConfigError(rule, field=name, value=value)


def _typed(_instance: object, attribute: Attribute[Any], value: Any) -> None:
    holds, text = _TYPE_RULES[type_name(attribute)]
    if not holds(value):
        raise ConfigError(text, field=attribute.name, value=value)


def type_name(attribute: Attribute[Any]) -> str:
    """Name of a setting's type as it is written, also after annotations were resolved."""
    kind = attribute.type
    if isinstance(kind, type) and not get_args(kind):
        return kind.__name__
    return re.sub(r"\b[a-z_]+\.", "", str(kind).replace("collections.abc.", ""))


def _finite(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite()


def _symbol_map(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(k, str) and _finite(v) for k, v in value.items()
    )


_TYPE_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda v: type(v) is int, "must be an integer"),
    "int | None": (lambda v: v is None or type(v) is int, "must be an integer"),
    "bool": (lambda v: type(v) is bool, "must be true or false"),
    "str": (lambda v: isinstance(v, str), "must be text"),
    "Decimal": (_finite, "must be a decimal string like '1.5'"),
    "Decimal | None": (lambda v: v is None or _finite(v), "must be a decimal string like '1.5'"),
    "Mapping[str, Decimal]": (_symbol_map, "must map symbols to decimal strings"),
    "tuple[str, ...] | None": (
        lambda v: v is None or (isinstance(v, tuple) and all(isinstance(s, str) for s in v)),
        "must be a list of symbols",
    ),
}


def register_choice(kind: type[StrEnum]) -> type[StrEnum]:
    """Class decorator: let settings be of this enumeration."""
    names = ", ".join(kind)
    CHOICES[kind.__name__] = kind
    _TYPE_RULES[kind.__name__] = (lambda v: isinstance(v, kind), f"must be one of {names}")
    _TYPE_RULES[f"Mapping[str, {kind.__name__}]"] = (
        partial(_maps_symbols_to, kind),
        f"must map symbols to one of {names}",
    )
    return kind


def register_record(kind: type[Any]) -> type[Any]:
    """Class decorator: let settings map symbols to records of this kind, or to lists of them."""
    RECORDS[kind.__name__] = kind
    what = f"must map symbols to {kind.__name__} records"
    _TYPE_RULES[f"Mapping[str, {kind.__name__}]"] = (partial(_maps_symbols_to, kind), what)
    _TYPE_RULES[f"Mapping[str, tuple[{kind.__name__}, ...]]"] = (
        partial(_maps_symbols_to_lists_of, kind),
        what.replace("to ", "to lists of ", 1),
    )
    return kind


def _maps_symbols_to(kind: type[Any], value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(k, str) and isinstance(v, kind) for k, v in value.items()
    )


def _maps_symbols_to_lists_of(kind: type[Any], value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(k, str) and isinstance(v, tuple) and all(isinstance(x, kind) for x in v)
        for k, v in value.items()
    )


def check_path(name: str, value: str) -> None:
    """A path that means what it says.

    Raises:
        ConfigError: It holds a NUL, or a ``~`` that nobody expands.
    """
    if "\0" in value:
        raise ConfigError("must be a path", field=name, value=value)
    if value.startswith("~"):
        raise ConfigError("'~' is not expanded", field=name, value=value, remedy="write it out")
