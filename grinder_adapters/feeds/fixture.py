"""Fixtures: a folder of events, settings and expected digests (CORE-04).

Loading is a pure function of the bytes and happens before anything runs. ``SNAPSHOT`` is read,
and ``L2_SNAPSHOT`` where the fixture's settings look at books; everything else is counted and
left alone, wherever in time it lies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.grammar import parse_object, read_object
from grinder_adapters.feeds.jsonl import as_fixture_error
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import L2Snapshot, Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, FixtureError, InputError

CONFIG_NAME: Final = "config.json"
EVENT_NAMES: Final = ("events.jsonl", "events.json")
SCHEMA_VERSION: Final = "v1"
READ_KINDS: Final = frozenset({"SNAPSHOT"})
READ_KINDS_WITH_DEPTH: Final = frozenset({"SNAPSHOT", "L2_SNAPSHOT"})

_KEYS: Final = (
    "schema_version",
    "description",
    "engine",
    "expected_replay_digest",
    "expected_paper_digest",
)
_DIGEST: Final = re.compile(r"[0-9a-f]{16}")


@frozen(kw_only=True)
class Fixture:
    """One recorded case.

    Attributes:
        name: The folder's path below the fixtures' root.
        events_ignored: Lines of other types, by type in order of first appearance.
        expected_replay_digest, expected_paper_digest: ``None`` until they were accepted.
    """

    name: str
    path: Path
    description: str
    config: EngineConfig
    events: tuple[Event, ...]
    events_ignored: Mapping[str, int]
    expected_replay_digest: str | None
    expected_paper_digest: str | None


def discover(root: Path) -> list[Path]:
    """Return every folder with a ``config.json`` under a root, sorted by name (CORE-06).

    Raises:
        FixtureError: The root is missing or no folder.
    """
    if not root.is_dir():
        raise FixtureError("is not a folder", where=str(root), remedy="name the fixtures' root")
    folders = [path.parent for path in root.rglob(CONFIG_NAME) if path.is_file()]
    return sorted(folders, key=lambda folder: folder.relative_to(root).as_posix())


def load_fixture(path: Path, root: Path | None = None) -> Fixture:
    """Load one fixture.

    Args:
        path: Its folder.
        root: The fixtures' root that its name is relative to; by default the folder's parent.

    Raises:
        FixtureError: A file is missing, or a line or field is malformed, with file and line.
        ConfigError: A setting is unknown or out of range.
    """
    raw = _read_config(path / CONFIG_NAME)
    config = _read_engine(raw["engine"], path / CONFIG_NAME)
    kinds = READ_KINDS_WITH_DEPTH if config.reads_depth else READ_KINDS
    events, ignored = _read_events(_events_file(path), kinds)
    name = path.name if root is None or path == root else path.relative_to(root).as_posix()
    return Fixture(
        name=name,
        path=path,
        description=raw["description"],
        config=config,
        events=events,
        events_ignored=ignored,
        expected_replay_digest=raw["expected_replay_digest"],
        expected_paper_digest=raw["expected_paper_digest"],
    )


def _read_config(path: Path) -> dict[str, Any]:
    where, content = str(path), _read_bytes(path)
    try:
        raw = parse_object(content)
    except FixtureError as error:
        raise error.at(f"{where}:{_broken_line(content)}") from None
    for key in raw:
        if key not in _KEYS:
            raise ConfigError("is not a key of a fixture", field=key, where=where)
    if raw.get("schema_version") != SCHEMA_VERSION:
        raise FixtureError(
            f"must be {SCHEMA_VERSION!r}",
            field="schema_version",
            value=raw.get("schema_version"),
            where=where,
        )
    if not isinstance(raw.get("engine"), dict):
        raise FixtureError(
            "must be an object", field="engine", value=raw.get("engine"), where=where
        )
    if not isinstance(raw.setdefault("description", ""), str):
        raise FixtureError(
            "must be text", field="description", value=raw["description"], where=where
        )
    for key in _KEYS[3:]:
        digest = raw.setdefault(key, None)
        if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise FixtureError(
                "must be null or 16 lowercase hexadecimal characters",
                field=key,
                value=digest,
                where=where,
            )
    return raw


def _broken_line(content: bytes) -> int:
    """Return the line that stops the JSON reader; 1 for what is JSON and still refused."""
    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        return error.lineno
    except (UnicodeDecodeError, RecursionError):
        return 1
    return 1


def _read_engine(raw: Mapping[str, object], path: Path) -> EngineConfig:
    try:
        return EngineConfig.from_flat(raw)
    except InputError as error:
        raise error.at(f"{path}: engine") from None


def _events_file(path: Path) -> Path:
    present = [path / name for name in EVENT_NAMES if (path / name).is_file()]
    if len(present) != 1:
        found = "both" if present else "neither"
        raise FixtureError(
            f"must hold exactly one of {' and '.join(EVENT_NAMES)}, holds {found}", where=str(path)
        )
    return present[0]


def _read_events(path: Path, kinds: frozenset[str]) -> tuple[tuple[Event, ...], dict[str, int]]:
    lines = _lines(path) if path.suffix == ".jsonl" else _list_items(path)
    events: list[Event] = []
    ignored: dict[str, int] = {}
    latest = 0
    for number, raw in lines:
        try:
            event = _read_item(raw, len(events), kinds, ignored)
        except InputError as error:
            raise as_fixture_error(error, f"{path}:{number}") from None
        if event is None:
            continue
        payload = event.payload
        assert isinstance(payload, Snapshot | L2Snapshot)
        if payload.ts < latest:
            raise FixtureError(
                f"must not be below {latest} of an earlier event",
                field="ts",
                value=payload.ts,
                where=f"{path}:{number}",
                remedy="sort the events by time; equal times are fine",
            )
        latest = payload.ts
        events.append(event)
    return tuple(events), ignored


def _read_item(
    raw: bytes, seq: int, kinds: frozenset[str], ignored: dict[str, int]
) -> Event | None:
    data = parse_object(raw)
    kind = data.get("type")
    if isinstance(kind, str) and kind not in kinds:
        ignored[kind] = ignored.get(kind, 0) + 1
        return None
    event = read_object(data, seq)
    assert event is not None
    # a fixture has one clock: the payload's ``ts``
    return Event(event.payload.ts, event.payload, seq)  # type: ignore[union-attr]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    lines = _read_bytes(path).split(b"\n")
    if not lines[-1]:
        del lines[-1]
    return enumerate(lines, 1)


def _list_items(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of a JSON list, each with the line it begins on."""
    try:
        text = _read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise FixtureError("is not UTF-8", where=str(path)) from None
    place = _after_space(text, 0)
    if text[place : place + 1] != "[":
        raise FixtureError("must be a JSON list of events", where=f"{path}:{_line(text, place)}")
    place, first = _after_space(text, place + 1), True
    while text[place : place + 1] != "]":
        if not first:
            if text[place : place + 1] != ",":
                raise FixtureError(
                    "is not JSON: expected ',' or ']'", where=f"{path}:{_line(text, place)}"
                )
            place = _after_space(text, place + 1)
        end = _end_of_value(text, place, path)
        yield _line(text, place), text[place:end].encode("utf-8")
        place, first = _after_space(text, end), False
    place = _after_space(text, place + 1)
    if place < len(text):
        raise FixtureError("is not JSON: text after the list", where=f"{path}:{_line(text, place)}")


def _end_of_value(text: str, place: int, path: Path) -> int:
    try:
        return json.JSONDecoder().raw_decode(text, place)[1]
    except json.JSONDecodeError as error:
        raise FixtureError(f"is not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
    except RecursionError:
        raise FixtureError("is nested too deep", where=f"{path}:{_line(text, place)}") from None


def _after_space(text: str, place: int) -> int:
    while text[place : place + 1] in {" ", "\t", "\r", "\n"}:
        place += 1
    return place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FixtureError(f"cannot be read: {error.strerror}", where=str(path)) from None
