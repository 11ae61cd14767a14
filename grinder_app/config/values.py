"""From a TOML value or a text to the value of a setting, checked; and back to TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from attrs import NOTHING, fields, frozen, has

from grinder_adapters.env import parse_bool, parse_csv, parse_decimal, parse_enum, parse_int
from grinder_app.config.catalog import NONE, Address, Key
from grinder_core.contracts.checks import SYMBOL, check_symbol
from grinder_core.engine.config import entry_kind, read_entry
from grinder_core.errors import ConfigError, InputError
from grinder_core.numbers import canonical
from grinder_core.numbers import parse_decimal as parse_plain_decimal
from grinder_core.settings import CHOICES, RECORDS


@frozen
class WrittenFloat:
    """A float as somebody wrote it; no setting accepts one."""

    text: str


@frozen(kw_only=True)
class Given:
    """One assignment by somebody.

    Attributes:
        value: Typed and within its own range.
        origin: ``file PATH:LINE``, ``profile NAME``, ``environment VARIABLE`` or ``flag``.
        where: Where to correct it, for messages.
    """

    address: Address
    value: Any
    origin: str
    where: str


def given_toml(address: Address, value: object, *, origin: str, where: str) -> Given:
    """Read a TOML value.

    Raises:
        ConfigError: A float, another type, or out of range; names place, setting, value, rule.
    """
    try:
        typed = _from_toml(address, value)
        _check_range(address, typed)
    except InputError as error:
        raise _named(error, address, value, where) from None
    return Given(address=address, value=typed, origin=origin, where=where)


def given_text(address: Address, text: str, *, origin: str, where: str) -> Given:
    """Read the text of an environment variable or a flag.

    Raises:
        ConfigError: Malformed or out of range; names place, setting, value, rule.
    """
    try:
        typed = _from_text(address, text.strip())
        _check_range(address, typed)
    except InputError as error:
        raise _named(error, address, text, where) from None
    return Given(address=address, value=typed, origin=origin, where=where)


def _from_toml(address: Address, value: object) -> Any:
    key = address.key
    _refuse_floats(str(address), value, key)
    if key.is_optional and value == NONE:
        return None
    if key.choices is not None:
        if not isinstance(value, str) or value not in list(key.choices):
            raise ConfigError(f"must be one of {', '.join(key.choices)}")
        return key.choices(value)
    if address.entry:
        check_symbol(address.entry)
        return read_entry(str(address), entry_kind(key.kind), value)
    if key.kind.startswith("Decimal"):
        return parse_plain_decimal(str(value) if type(value) is int else value)
    if key.kind.startswith("tuple"):
        if not isinstance(value, list):
            raise ConfigError("must be a list of symbols")
        for symbol in value:
            check_symbol(symbol)
        return tuple(value)
    return value


def _from_text(address: Address, text: str) -> Any:
    key, name = address.key, str(address)
    if key.is_optional and text.lower() == NONE:
        return None
    if key.choices is not None:
        return parse_enum(name, text, key.choices, default=key.default)
    if address.entry:
        check_symbol(address.entry)
        return _entry_from_text(address, text)
    if key.is_map:
        raise ConfigError("is a table", remedy=f"set one entry: {key.dotted}.BTCUSDT=VALUE")
    if key.kind.startswith("Decimal"):
        return parse_decimal(name, text)
    if key.kind.startswith("tuple"):
        return parse_csv(name, text, item=SYMBOL)
    if key.kind in ("int", "int | None"):
        return parse_int(name, text)
    return parse_bool(name, text) if key.kind == "bool" else text


def _entry_from_text(address: Address, text: str) -> Any:
    """Read one entry of a table: a word or a number as it is, a record as JSON."""
    name, kind = str(address), entry_kind(address.key.kind)
    if kind == "Decimal":
        return parse_decimal(name, text)
    if kind in CHOICES:
        words = CHOICES[kind]
        return parse_enum(name, text, words, default=next(iter(words)))
    try:
        value = json.loads(text, parse_float=WrittenFloat, parse_constant=WrittenFloat)
    except (ValueError, RecursionError):
        raise ConfigError(
            "must be JSON", remedy=f"write {_entry_text(kind)} with names and texts in quotes"
        ) from None
    _refuse_floats(name, value, address.key)
    return read_entry(name, kind, value)


def _refuse_floats(name: str, value: object, key: Key) -> None:
    """Find a float anywhere in a value, and name where it stands."""
    if isinstance(value, WrittenFloat):
        is_decimal = key.is_map or key.kind.startswith("Decimal")
        raise ConfigError(
            "must not be a float",
            field=name,
            value=value.text,
            remedy=f'write it as a string: "{value.text}"' if is_decimal else "no fraction here",
        )
    if isinstance(value, Mapping):
        for inner, item in value.items():
            _refuse_floats(f"{name}.{inner}", item, key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_floats(f"{name}.{index}", item, key)


def _check_range(address: Address, value: Any) -> None:
    declared = address.key.declared
    checked = {address.entry: value} if address.entry else value
    if declared.validator is not None:
        declared.validator(None, declared, checked)


def _named(error: InputError, address: Address, value: object, where: str) -> ConfigError:
    """Name the setting, or the part of its value that the error is about."""
    rule = f"symbol {error.rule}" if error.field == "symbol" else error.rule
    name, shown = str(address), {"value": value}
    if error.field.startswith((f"{name}.", f"{name}[")):
        inner = canonical(error.value) if isinstance(error.value, Decimal) else error.value
        name, shown = error.field, {} if inner is None else {"value": inner}
    elif isinstance(value, WrittenFloat):
        shown = {"value": value.text}
    return ConfigError(rule, field=name, where=where, remedy=error.remedy, **shown)


def to_toml(value: Any) -> str:
    """Return a setting's value as TOML; the absent one as ``"none"``."""
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f'"{canonical(value)}"'
    if isinstance(value, StrEnum):
        return f'"{value.value}"'
    if isinstance(value, str):
        return "".join(map(_toml_character, json.dumps(value, ensure_ascii=False)))
    if has(type(value)):
        value = {f.name: getattr(value, f.name) for f in fields(type(value))}
        value = {name: item for name, item in value.items() if item is not None}
    if isinstance(value, Mapping):
        inner = ", ".join(f"{name} = {to_toml(item)}" for name, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return f"[{', '.join(to_toml(item) for item in value)}]"


def _toml_character(character: str) -> str:
    # JSON's escapes are TOML's, but for surrogate pairs and DEL
    return character if " " <= character <= "~" else f"\\U{ord(character):08x}"


def to_text(value: Any) -> str:
    """Return a setting's value as people read it in a table."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={to_text(item)}" for name, item in value.items()) or "(empty)"
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):
        return ",".join(value) or "(empty)"
    return to_toml(value).strip('"')


def type_text(key: Key) -> str:
    """Say what a setting accepts, for people: ``integer >= 1``, ``one of crossing, quote``."""
    if key.choices is not None:
        return " or ".join(f'"{choice}"' for choice in key.choices)
    base = (
        f"table of symbol = {_entry_text(entry_kind(key.kind))}"
        if key.is_map
        else _KINDS[key.kind.split("[")[0].removesuffix(" | None")]
    )
    absent = f' or "{NONE}"' if key.is_optional else ""
    return f"{base}{' ' if key.rule else ''}{key.rule}{absent}"


_KINDS: Final = {
    "int": "integer",
    "bool": "true or false",
    "str": "text",
    "Decimal": "decimal string",
    "tuple": "list of symbols",
}


def _entry_text(kind: str) -> str:
    if kind in CHOICES:
        return " or ".join(f'"{choice}"' for choice in CHOICES[kind])
    if kind in RECORDS:
        names = [f.name + ("" if f.default is NOTHING else "?") for f in fields(RECORDS[kind])]
        return f"{{ {', '.join(names)} }}"
    if kind.startswith("tuple["):
        return f"list of {_entry_text(kind.removeprefix('tuple[').removesuffix(', ...]'))}"
    return _KINDS[kind]
