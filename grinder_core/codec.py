"""Canonical JSON, digests, and the way between frozen contracts and plain JSON values.

Canonical JSON (CORE-01): sorted keys, no spaces, ASCII-escaped, decimals as canonical strings,
``null`` kept, floats refused. The writer is our own, because equal values must give equal bytes
on every platform and library version. Digests are SHA-256 (CORE-05).
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from json.encoder import encode_basestring_ascii as _quoted
from types import UnionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import cattrs
from attrs import has
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from grinder_core.errors import ArtifactError, ContractError
from grinder_core.numbers import canonical, parse_decimal

T = TypeVar("T")
Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def canonical_json(value: object) -> str:
    """Return the one canonical text of a value made of JSON types, decimals and enums.

    Raises:
        ContractError: A float, a set, a non-text key or an unknown type.

    Example:
        >>> canonical_json({"b": Decimal("1.50"), "a": [None, True, 3]})
        '{"a":[null,true,3],"b":"1.5"}'
    """
    kind = type(value)
    if kind is str:
        return _quoted(cast(str, value))
    if kind is int:
        return str(value)
    if kind is Decimal:
        return f'"{canonical(cast(Decimal, value))}"'
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is dict:
        return _canonical_object(cast(dict[str, object], value))
    if kind is list or kind is tuple:
        return f"[{','.join(map(canonical_json, cast(Sequence[object], value)))}]"
    if isinstance(value, Enum):
        return canonical_json(value.value)
    if has(kind):
        return canonical_json(to_dict(value))
    if isinstance(value, Mapping):
        return _canonical_object(dict(value))
    raise ContractError(
        "has no canonical JSON form",
        field=kind.__name__,
        value=value,
        remedy="write numbers with a fraction as decimal strings",
    )


def _canonical_object(value: Mapping[str, object]) -> str:
    for key in value:
        if not isinstance(key, str):
            raise ContractError("an object key must be text", field="key", value=key)
    items = [f"{_quoted(key)}:{canonical_json(value[key])}" for key in sorted(value)]
    return f"{{{','.join(items)}}}"


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lowercase hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def sha1_hex(text: str) -> str:
    """Return the SHA-1 of ASCII text, 40 lowercase hexadecimal characters.

    Only for names whose published vector fixes it (CORE-30); never for integrity.
    """
    return hashlib.sha1(text.encode("ascii"), usedforsecurity=False).hexdigest()


def digest16(value: object) -> str:
    """Return the 16-character digest of a value's canonical JSON (CORE-05)."""
    return sha256_hex(canonical_json(value).encode("ascii"))[:16]


class ListDigest:
    """CORE-05 digest of a list of canonical texts, fed one by one in constant memory."""

    __slots__ = ("_count", "_hash")

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"[")
        self._count = 0

    def add(self, line: bytes) -> None:
        """Add the canonical text of the next element."""
        if self._count:
            self._hash.update(b",")
        self._hash.update(line)
        self._count += 1

    def hexdigest(self) -> str:
        """Return the 16-character digest of the list so far."""
        done = self._hash.copy()
        done.update(b"]")
        return done.hexdigest()[:16]


def chain(previous: bytes, line: bytes) -> bytes:
    """One link of a session's running digest: ``d' = sha256(d || line)``, 32 bytes."""
    return hashlib.sha256(previous + line).digest()


def to_dict(value: object) -> dict[str, Any]:
    """Return a contract as plain JSON values: decimals and enums as text, tuples as lists."""
    return cast(dict[str, Any], _CONTRACTS.unstructure(value))


def from_dict(kind: type[T], data: object) -> T:
    """Read a contract; unknown keys are ignored (CORE-02).

    Raises:
        ContractError: A missing key, a wrong type or a broken rule, named by its path.
    """
    try:
        if has(kind) and not isinstance(data, Mapping):
            raise ContractError("must be an object", field="", value=data)
        return _CONTRACTS.structure(data, kind)
    except (ClassValidationError, IterableValidationError, ContractError, TypeError) as error:
        raise _first_cause(error, _name(kind), ContractError) from None


def dump_state(value: object) -> Any:
    """Return hot state as plain JSON values."""
    return _STATE.unstructure(value)


def parse_json(text: str, what: str) -> Any:
    """Parse text that grinder wrote itself.

    Raises:
        ArtifactError: It is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ArtifactError(f"is no JSON: {error}", field=what) from None


def load_state(kind: type[T], data: object) -> T:
    """Read hot state back; unknown and missing keys are refused.

    Raises:
        ArtifactError: The data is not a dump of this kind.
    """
    try:
        if has(kind) and not isinstance(data, Mapping):
            raise ContractError("must be an object", field="", value=data)
        loaded = _STATE.structure(data, kind)
    except (ClassValidationError, IterableValidationError, ContractError, TypeError) as error:
        raise _first_cause(error, _name(kind), ArtifactError) from None
    hole = _hole(dump_state(loaded), data, _name(kind))
    if hole:
        raise ArtifactError("is missing", field=hole)
    return loaded


def _hole(whole: Any, data: Any, path: str) -> str:
    """Return the path of the first key that a default filled in; empty where there is none."""
    if isinstance(whole, Mapping):
        for key in whole:
            if key not in data:
                return f"{path}.{key}"
            if found := _hole(whole[key], data[key], f"{path}.{key}"):
                return found
    elif isinstance(whole, list):
        for index, (item, given) in enumerate(zip(whole, data, strict=False)):
            if found := _hole(item, given, f"{path}[{index}]"):
                return found
    return ""


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", "event")  # a union of payloads has no name of its own


def _first_cause(error: Exception, path: str, kind: type[Any]) -> Exception:
    """Walk cattrs' tree of errors to the first leaf and name it by its path."""
    while isinstance(error, ClassValidationError | IterableValidationError):
        inner = error.exceptions[0]
        for note in getattr(inner, "__notes__", ()):
            name, index = getattr(note, "name", None), getattr(note, "index", None)
            path += f".{name}" if name is not None else f"[{index}]" if index is not None else ""
        error = inner
    if isinstance(error, ForbiddenExtraKeysError):
        return cast(Exception, kind(f"unknown keys {sorted(error.extra_fields)}", field=path))
    if isinstance(error, KeyError):
        missing = f".{error.args[0]}"
        return cast(Exception, kind("is missing", field=path.removesuffix(missing) + missing))
    if isinstance(error, ContractError):
        shown = {} if error.value is None else {"value": error.value}
        name = path if error.field in {"", "value"} else f"{path}.{error.field}"
        if path.endswith(f".{error.field}"):
            name = path
        return cast(Exception, kind(error.rule, field=name, remedy=error.remedy, **shown))
    return cast(Exception, kind(str(error) or type(error).__name__, field=path))


def _strict(kind: type[T], text: str) -> Any:
    def read(value: object, _: object) -> T:
        if type(value) is not kind:
            raise ContractError(f"must be {text}", field="value", value=value)
        return value

    return read


def _value_of(member: StrEnum) -> str:
    return member.value


def _read_enum(value: object, kind: type[StrEnum]) -> StrEnum:
    for member in kind:
        if type(value) is str and member.value == value:
            return member
    names = ", ".join(kind)
    raise ContractError(f"must be one of {names}", field="value", value=value)


def _read_tuple(converter: cattrs.Converter, annotation: Any) -> Any:
    """Read a tuple strictly: only from a list, each element by its own rule, named by index."""
    kinds = get_args(annotation)
    one_kind = len(kinds) == 2 and kinds[1] is ...
    hooks = [(kind, converter.get_structure_hook(kind)) for kind in kinds if kind is not ...]

    def read(value: object, _: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ContractError("must be a list", field="value", value=value)
        if not one_kind and len(value) != len(kinds):
            raise ContractError(f"must have {len(kinds)} elements", field="value", value=value)
        pairs = hooks * len(value) if one_kind else hooks
        items = []
        for index, (item, (kind, hook)) in enumerate(zip(value, pairs, strict=False)):
            try:
                items.append(hook(item, kind))
            except (ContractError, ClassValidationError) as error:
                raise _first_cause(error, f"[{index}]", ContractError) from None
        return tuple(items)

    return read


def _is_tuple(kind: Any) -> bool:
    return bool(get_origin(kind) is tuple)


def _is_detail(kind: Any) -> bool:
    """Whether a type is a union of text and integers, as details of verdicts and events are."""
    parts = get_args(kind)
    return isinstance(kind, UnionType) and str in parts and int in parts


def _is_feature(kind: Any) -> bool:
    """Whether a type is a union of decimals, integers and flags, as features are."""
    parts = get_args(kind)
    return isinstance(kind, UnionType) and Decimal in parts and int in parts


def _read_feature(value: object, _: object) -> Decimal | int:
    return value if type(value) in {bool, int} else parse_decimal(value)  # type: ignore[return-value]


def _read_detail(value: object, _: object) -> str | int | tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if type(value) is str or type(value) is int:
        return value
    raise ContractError("must be text, an integer or a list of text", field="value", value=value)


def _converter(*, forbid_extra_keys: bool) -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=forbid_extra_keys,
        unstruct_collection_overrides={Sequence: list, deque: list, tuple: list},
    )
    converter.register_unstructure_hook(Decimal, canonical)
    converter.register_unstructure_hook(bytes, bytes.hex)
    converter.register_structure_hook(Decimal, lambda value, _: parse_decimal(value))
    for kind, text in ((int, "an integer"), (str, "text"), (bool, "true or false")):
        converter.register_structure_hook(kind, _strict(kind, text))
    converter.register_structure_hook(bytes, lambda value, _: bytes.fromhex(value))
    converter.register_structure_hook(StrEnum, _read_enum)  # more specific than str
    converter.register_unstructure_hook(StrEnum, _value_of)
    converter.register_structure_hook_func(_is_detail, _read_detail)
    converter.register_structure_hook_func(_is_feature, _read_feature)
    converter.register_structure_hook_factory(_is_tuple, partial(_read_tuple, converter))
    return converter


_CONTRACTS: Final = _converter(forbid_extra_keys=False)
_STATE: Final = _converter(forbid_extra_keys=True)


def register_flat(kind: type[Any], write: Any, flat: type[Any], read: Any) -> None:
    """Let a contract whose Python shape differs from its published one pass through ``flat``."""
    for converter in (_CONTRACTS, _STATE):
        converter.register_unstructure_hook(kind, write)
        converter.register_structure_hook(
            kind, partial(_read_flat, converter.get_structure_hook(flat), flat, read)
        )


def _read_flat(reader: Any, flat: type[Any], read: Any, value: object, _: object) -> Any:
    return read(reader(value, flat))


def register_union(union: Any, kinds: Mapping[str, type[Any]]) -> None:
    """Let a union of contracts be told apart by a ``type`` key.

    Raises (when reading):
        ContractError: The type is missing or unknown.
    """
    names = {kind: name for name, kind in kinds.items()}

    def write(value: object) -> dict[str, Any]:
        return {"type": names[type(value)], **_CONTRACTS.unstructure(value, type(value))}

    def read(value: object, _: object) -> Any:
        if not isinstance(value, dict):
            raise ContractError("must be an object", field="value", value=value)
        kind = kinds.get(value.get("type", ""))
        if kind is None:
            known = ", ".join(kinds)
            raise ContractError(f"must be one of {known}", field="type", value=value.get("type"))
        rest = {key: item for key, item in value.items() if key != "type"}
        return _CONTRACTS.structure(rest, kind)

    for converter in (_CONTRACTS, _STATE):
        converter.register_unstructure_hook(union, write)
        converter.register_structure_hook(union, read)
