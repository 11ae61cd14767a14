"""One configuration file: sections, profiles, and on which line each setting stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.env import nearest
from grinder_app.config.catalog import BY_NAME, KEYS, SECTIONS, Address, unknown
from grinder_app.config.values import Given, WrittenFloat, given_toml
from grinder_core.errors import ConfigError

PROFILES: Final = "profiles"
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_PATH: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_PATH})\s*\]\]?\s*(?:#.*)?")
_ASSIGNMENT: Final = re.compile(rf"\s*({_PATH})\s*=")
_AT_LINE: Final = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")

Layer = dict[str, Given]


class ProfileUnknownError(ConfigError):
    """The file has no profile of that name (MM-03)."""

    code = "E_PROFILE_UNKNOWN"


@frozen(kw_only=True)
class FileSettings:
    """What one file assigns, by address.

    Attributes:
        base: Outside of profiles.
        profiles: By profile name; only what the profile changes.
    """

    path: Path
    base: Layer
    profiles: Mapping[str, Layer]

    def profile(self, name: str) -> Layer:
        """Return one profile.

        Raises:
            ProfileUnknownError: The file has none of that name.
        """
        if name not in self.profiles:
            known = ", ".join(self.profiles) or "none"
            raise ProfileUnknownError(
                "is not a profile of this file",
                field="profile",
                value=name,
                where=str(self.path),
                remedy=f"it has: {known}",
            )
        return self.profiles[name]


def read_file(path: Path) -> FileSettings:
    """Read and check a whole file, also the profiles nobody asked for.

    Raises:
        ConfigError: No readable TOML, an unknown key, or a malformed or out-of-range value;
            names file, line, dotted key, value and rule.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no UTF-8 text: {error.reason}", where=str(path)) from None
    try:
        tree = tomllib.loads(text, parse_float=WrittenFloat)
    except (ValueError, RecursionError) as error:
        raise _no_toml(path, str(error)) from None
    reader = _Reader(path, _lines_of(text))
    profiles = tree.pop(PROFILES, {})
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise ConfigError(
            "must be tables",
            field=PROFILES,
            where=reader.place((PROFILES,)),
            remedy="write [profiles.NAME.SECTION]",
        )
    return FileSettings(
        path=path,
        base=reader.layer(tree, (), ""),
        profiles={n: reader.layer(p, (PROFILES, n), f"profile {n}") for n, p in profiles.items()},
    )


def _no_toml(path: Path, message: str) -> ConfigError:
    located = _AT_LINE.fullmatch(message)
    if located is None:
        return ConfigError(f"is no TOML: {message}", where=str(path))
    what, line, column = located.groups()
    return ConfigError(f"is no TOML: {what} in column {column}", where=f"{path}:{line}")


@frozen
class _Reader:
    path: Path
    lines: dict[tuple[str, ...], int]

    def place(self, parts: tuple[str, ...]) -> str:
        """Name the file and the line of a key, or of the nearest table or key around it."""
        while parts:
            if parts in self.lines:
                return f"{self.path}:{self.lines[parts]}"
            parts = parts[:-1]
        return str(self.path)

    def layer(self, tree: Mapping[str, Any], above: tuple[str, ...], origin: str) -> Layer:
        """Read the sections of the file or of one profile."""
        layer: Layer = {}
        for section, table in tree.items():
            here = (*above, section)
            if section not in SECTIONS or not isinstance(table, dict):
                raise self._no_section(section, here)
            for name, value in table.items():
                key = KEYS.get(f"{section}.{name}")
                if key is None:
                    raise self._unknown(f"{section}.{name}", above, (*here, name))
                if not key.is_map:
                    self._add(layer, Address(key), value, (*here, name), origin)
                elif isinstance(value, dict):
                    for entry, item in value.items():
                        self._add(layer, Address(key, entry), item, (*here, name, entry), origin)
                else:
                    where = self.place((*here, name))
                    raise ConfigError("must be a table", field=key.dotted, value=value, where=where)
        return layer

    def _add(
        self, layer: Layer, address: Address, value: object, parts: tuple[str, ...], origin: str
    ) -> None:
        where = self.place(parts)
        try:
            given = given_toml(address, value, origin=origin or f"file {where}", where=where)
        except ConfigError as error:
            raise self._closer(error, address, parts) from None
        layer[str(address)] = given

    def _closer(self, error: ConfigError, address: Address, parts: tuple[str, ...]) -> ConfigError:
        """Name the line of the part of a record that is wrong, where it has one of its own."""
        inner = error.field.removeprefix(str(address)).strip(".").split(".")
        where = self.place((*parts, *inner))
        shown = {} if error.value is None else {"value": error.value}
        return ConfigError(error.rule, field=error.field, where=where, remedy=error.remedy, **shown)

    def _no_section(self, name: str, parts: tuple[str, ...]) -> ConfigError:
        where, field = self.place(parts), ".".join(parts)
        if name in SECTIONS:
            return ConfigError("must be a table", field=field, where=where, remedy=f"[{field}]")
        if name in BY_NAME:
            section = ".".join((*parts[:-1], BY_NAME[name].section))
            remedy = f"write it under [{section}]"
            return ConfigError(
                "stands outside its section", field=field, where=where, remedy=remedy
            )
        near = nearest(name, (*SECTIONS, PROFILES))
        known = ", ".join((*SECTIONS, PROFILES))
        remedy = f"did you mean [{near}]?" if near else f"sections are {known}"
        return ConfigError("is not a section", field=field, where=where, remedy=remedy)

    def _unknown(self, dotted: str, above: tuple[str, ...], parts: tuple[str, ...]) -> ConfigError:
        error = unknown(dotted)
        return ConfigError(
            error.rule,
            field=".".join((*above, dotted)),
            where=self.place(parts),
            remedy=error.remedy,
        )


def _lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Find the line of each key and table header of a file that is known to be TOML.

    A file with strings over several lines gives none: what looks like a key may be text.
    """
    if '"""' in text or "'''" in text:
        return {}
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line.rstrip("\r")):
            table = _parts(header[2])
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_parts(assignment[1])), number)
    return lines


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))
