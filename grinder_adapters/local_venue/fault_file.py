"""Plans of faults as TOML, so that a run can be written down and repeated (LIVE-40).

A file has a ``seed`` and any number of faults. A fault names its kind; all other keys are those
of ``Match`` and ``Fault``, flat. Times are milliseconds, counted from the start of the plan;
decimals are text::

    seed = 7

    [[fault]]                     # the third order: done, and its answer is lost
    kind = "drop_after"
    op = "place"
    nth = 3

    [[fault]]                     # a quarter of the user events comes late
    kind = "frame_late"
    stream = "user"
    probability_bps = 2500
    delay_ms = 300
    jitter_ms = 1200

    [[fault]]                     # after a minute the tick is ten times as large
    kind = "filter_change"
    symbol = "BTCUSDT"
    from_ms = 60000
    tick_times = "10"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import fields, frozen

from grinder_adapters.env import nearest
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import canonical, parse_decimal
from grinder_core.settings import type_name
from grinder_core.venue.exchange.vocabulary import SymbolStatus

_ENTRY: Final = "fault"
_SEED: Final = "seed"
_MATCH: Final = {field.name: type_name(field) for field in fields(Match)}
_FAULT: Final = {
    field.name: type_name(field) for field in fields(Fault) if field.name not in {"match"}
}
_KEYS: Final = ("kind", *_MATCH, *(name for name in _FAULT if name != "kind"))


@frozen(kw_only=True)
class FaultFile:
    """What a file says."""

    seed: int
    faults: tuple[Fault, ...]


def read_fault_file(path: Path) -> FaultFile:
    """Read a file of faults.

    Raises:
        ConfigError: It cannot be read, is no TOML, or an entry is wrong; names file, entry,
            field, value and rule.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no UTF-8 text: {error.reason}", where=str(path)) from None
    return parse_faults(text, str(path))


def parse_faults(text: str, where: str) -> FaultFile:
    """Read the text of such a file; ``where`` names it in errors.

    Raises:
        ConfigError: As ``read_fault_file``.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}", where=where) from None
    for key, value in tree.items():
        if key not in {_SEED, _ENTRY}:
            remedy = "a file has seed and [[fault]] entries"
            raise ConfigError("is unknown", field=key, value=value, where=where, remedy=remedy)
    seed, entries = tree.get(_SEED, 0), tree.get(_ENTRY, [])
    if type(seed) is not int or seed < 0:
        raise ConfigError("must be an integer >= 0", field=_SEED, value=seed, where=where)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        remedy = "start each with [[fault]]"
        raise ConfigError("must be a list of tables", field=_ENTRY, where=where, remedy=remedy)
    faults = []
    for number, entry in enumerate(entries, 1):
        try:
            faults.append(_read(entry))
        except ConfigError as error:
            raise error.at(f"{where}: fault {number}") from None
    return FaultFile(seed=seed, faults=tuple(faults))


def render_faults(seed: int, faults: Iterable[Fault]) -> str:
    """Return the text of a file that reads back as these faults; defaults are left out."""
    parts = [f"{_SEED} = {seed}\n"]
    for fault in faults:
        lines = [f"{name} = {_text(value)}" for name, value in _changed(fault)]
        parts.append("\n".join([f"[[{_ENTRY}]]", *lines, ""]))
    return "\n".join(parts)


def _read(entry: Mapping[str, object]) -> Fault:
    for name in entry:
        if name not in _KEYS:
            near = nearest(name, _KEYS)
            remedy = f"did you mean {near}?" if near else f"keys are {', '.join(_KEYS)}"
            raise ConfigError("is unknown", field=name, value=entry[name], remedy=remedy)
    if "kind" not in entry:
        raise ConfigError("is missing", field="kind", remedy=f"one of {', '.join(FaultKind)}")
    match: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for name, value in entry.items():
        read = _READERS.get(_MATCH.get(name) or _FAULT[name])
        (match if name in _MATCH else parameters)[name] = read(name, value) if read else value
    return Fault(match=Match(**match), **parameters)


def _word(kind: type[StrEnum]) -> Callable[[str, object], StrEnum]:
    def read(name: str, value: object) -> StrEnum:
        for member in kind:
            if member.value == value:
                return member
        near = nearest(value, kind) if isinstance(value, str) else ""
        remedy = f"did you mean {near}?" if near else ""
        rule = f"must be one of {', '.join(kind)}"
        raise ConfigError(rule, field=name, value=value, remedy=remedy)

    return read


def _decimal(name: str, value: object) -> Decimal:
    try:
        return parse_decimal(value)
    except ContractError as error:
        raise ConfigError(error.rule, field=name, value=value, remedy=error.remedy) from None


_READERS: Final[Mapping[str, Callable[[str, object], object]]] = {  # the rest the settings check
    "FaultKind": _word(FaultKind),
    "RequestOp | None": _word(RequestOp),
    "Side | None": _word(Side),
    "SymbolStatus | None": _word(SymbolStatus),
    "Decimal": _decimal,
}


def _changed(fault: Fault) -> Iterable[tuple[str, object]]:
    yield "kind", fault.kind
    for owner, names in ((fault.match, _MATCH), (fault, _FAULT)):
        for field in fields(type(owner)):
            value = getattr(owner, field.name)
            if field.name in names and field.name != "kind" and value != field.default:
                yield field.name, value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = canonical(value) if isinstance(value, Decimal) else value
    return orjson.dumps(text).decode()  # text of JSON is text of TOML
