"""Declaring settings: one attrs field with its range, its unit in the name and its documentation.

Every room keeps its own frozen settings class; ``engine/config.py`` puts them together. The
configuration reference in the documentation is generated from these declarations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

from attrs import Attribute, field

from grinder_core.errors import ConfigError


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
    if value is None:
        return
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
    _TYPE_RULES[kind.__name__] = (lambda v: isinstance(v, kind), f"must be one of {names}")
    return kind
