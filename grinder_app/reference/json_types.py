"""How the values of a contract look in JSON, read off its type hints."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from attrs import has

from grinder_app.reference.markdown import code

Link = Callable[[type[Any]], str]

_PLAIN: Final[dict[Any, str]] = {
    Decimal: "decimal string",
    int: "integer",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def json_type(hint: Any, link: Link) -> str:
    """Return a hint as words.

    Args:
        link: Names the contracts and enumerations that are documented elsewhere.
    """
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and (issubclass(hint, Enum) or has(hint)):
        return link(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join(json_type(part, link) for part in parts)
    if origin is tuple and len(parts) == 2 and parts[1] is ...:
        return f"list of {json_type(parts[0], link)}"
    if origin is tuple:
        return f"[{', '.join(json_type(part, link) for part in parts)}]"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"object of {json_type(parts[1], link)}"
    return code(str(hint))


def hints_of(kind: type[Any]) -> dict[str, Any]:
    """Return the type of every field and property of a contract, resolved, by name."""
    hints = dict(get_type_hints(kind))
    for base in reversed(kind.__mro__):
        for name, member in vars(base).items():
            if isinstance(member, property) and not name.startswith("_"):
                hints[name] = get_type_hints(member.fget)["return"]
    return hints
