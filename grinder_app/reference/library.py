"""The reference of the library: every public name, how it is called, what it is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from attrs import NOTHING, has

import grinder_core
from grinder_app.reference.docstrings import entries, first_paragraph
from grinder_app.reference.markdown import code, fenced, page, section
from grinder_app.reference.reasons import link_to
from grinder_core.errors import GrinderError

_WIDTH: Final = 88
_LEAD: Final = """\
`import grinder_core` needs attrs and cattrs alone. The names here are public; everything else may \
move. Types are written as in the code; `...` is a new, empty value."""


def library_markdown() -> str:
    """Return the page of every public name of the library."""
    return page("Library", _LEAD, *(_entry(name) for name in sorted(grinder_core.__all__)))


def _entry(name: str) -> str:
    thing = getattr(grinder_core, name)
    about = first_paragraph(thing)
    if not isinstance(thing, type):
        return section(name, fenced(_call(name, thing), "text"), about, _named_parts(thing))
    if issubclass(thing, Enum):
        values = ", ".join(f"`{member.name}`" for member in thing)
        where = f" Their meaning: {link_to(thing)}." if _is_explained(thing) else ""
        return section(name, about, f"Values: {values}.{where}")
    if issubclass(thing, GrinderError):
        kind = thing.__bases__[0].__name__
        return section(name, about, f"Kind of `{kind}`; code `{thing.code}`.")
    constructor = "" if _is_protocol(thing) else fenced(_call(name, thing), "text")
    members = "\n".join(_members(thing))
    return section(name, constructor, about, _named_parts(thing), members)


def _is_explained(kind: type[Enum]) -> bool:
    return kind.__module__.startswith(f"{grinder_core.__name__}.contracts.")


def _is_protocol(kind: type[Any]) -> bool:
    return bool(getattr(kind, "_is_protocol", False))


def _call(name: str, thing: Any, *, bound: bool = False) -> str:
    """Return how a function is called or a class is built, over several lines where it is long."""
    signature = inspect.signature(thing)
    shown = list(_parameters(signature, bound=bound))
    returned = signature.return_annotation
    tail = "" if isinstance(thing, type) else f" -> {_type(returned)}"
    line = f"{name}({', '.join(shown)}){tail}"
    if len(line) <= _WIDTH:
        return line
    inner = "".join(f"    {part},\n" for part in shown)
    return f"{name}(\n{inner}){tail}"


def _parameters(signature: inspect.Signature, *, bound: bool) -> Iterator[str]:
    starred = False
    for parameter in list(signature.parameters.values())[1 if bound else 0 :]:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        # attrs drops the underscore of a private attribute's argument by itself
        text = f"{stars}{parameter.name}: {_type(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += f" = {_default(parameter.default)}"
        yield text


def _type(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return "None" if annotation is None else inspect.formatannotation(annotation)


def _default(value: Any) -> str:
    if value is NOTHING:
        return "..."
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if has(type(value)):
        return f"{type(value).__name__}()"
    return repr(value)


def _named_parts(thing: Any) -> str:
    """Return what the docstring says of single fields, arguments and errors."""
    parts = []
    for heading in ("Attributes", "Args", "Raises"):
        said = [f"* `{name}`: {text}" for name, text in entries(thing, heading).items()]
        if said:
            parts.append(f"{heading}:\n\n" + "\n".join(said))
    return "\n\n".join(parts)


def _members(kind: type[Any]) -> Iterator[str]:
    """Yield one item for each public method and property, in the order they are written."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield _item(name, f"{name}: {_type(member.fget.__annotations__['return'])}", member)
        elif isinstance(member, classmethod):
            method = member.__func__
            yield _item(name, f"{kind.__name__}.{_flat(name, method)}", method)
        elif inspect.isfunction(member):
            yield _item(name, _flat(name, member), member)


def _flat(name: str, method: Any) -> str:
    signature = inspect.signature(method)
    shown = ", ".join(_parameters(signature, bound=True))
    return f"{name}({shown}) -> {_type(signature.return_annotation)}"


def _item(name: str, call: str, thing: Any) -> str:
    about = first_paragraph(thing)
    raised = entries(thing, "Raises")
    text = f": {about}" if about else ""
    return f"* `{call}`{text}" + (f" Raises {', '.join(map(code, raised))}." if raised else "")
