"""Making the named fixtures: the same bytes from the same code, digests locked by hand.

``python -m grinder_adapters.synthetic.fixtures --write fixtures`` writes every fixture's events
and settings and prints its digests beside the locked ones. A locked digest changes only with
``--accept NAME``: a changed digest is a changed trading decision and wants a changelog entry.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.feeds.fixture import CONFIG_NAME, SCHEMA_VERSION, load_fixture
from grinder_adapters.feeds.grammar import write_line
from grinder_adapters.synthetic.fixture_scenes import SCENES
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.session.result import PaperResult, run
from grinder_core.session.session import Driver

NAMES: Final = tuple(SCENES)
DIGEST_KEYS: Final = ("expected_replay_digest", "expected_paper_digest")

Digests = tuple[str | None, str | None]


@frozen(kw_only=True)
class FixtureFiles:
    """What the generator says a fixture consists of; expected digests are not its business."""

    name: str
    description: str
    engine: Mapping[str, Any]
    events: bytes

    def config(self, expected: Digests) -> bytes:
        """Return the settings file with the given replay and paper digests."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "description": self.description,
            "engine": dict(self.engine),
            **dict(zip(DIGEST_KEYS, expected, strict=True)),
        }
        return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode("ascii")


def generate(name: str) -> FixtureFiles:
    """Make one fixture.

    Raises:
        ConfigError: No fixture has that name.
    """
    scene = SCENES.get(name)
    if scene is None:
        raise ConfigError(f"must be one of {', '.join(NAMES)}", field="fixture", value=name)
    lines = "".join(write_line(event) for event in scene.events())
    return FixtureFiles(
        name=name,
        description=scene.description,
        engine=scene.engine,
        events=lines.encode("ascii"),
    )


def digests(name: str) -> Digests:
    """Return the replay and paper digests that a fixture has now.

    Raises:
        Exception: Whatever ended one of the runs.
    """
    scene = SCENES[name]
    config = EngineConfig.from_flat(scene.engine)
    events = tuple(scene.events())
    replayed = run(events, config, driver=Driver.REPLAY, name=name, collect=False)
    papered = run(events, config, driver=Driver.PAPER, name=name, collect=False)
    return _digest(replayed), _digest(papered)


def write(root: Path, accept: Sequence[str] = ()) -> list[tuple[str, Digests, Digests]]:
    """Write all fixtures; return name, locked digests and digests of now of each.

    Args:
        root: The fixtures' root; folders are made as needed.
        accept: Fixtures whose digests of now become the locked ones.

    Raises:
        InputError: A name is unknown, an existing fixture cannot be read, or writing fails.
    """
    for name in accept:
        if name not in SCENES:
            raise ConfigError(f"must be one of {', '.join(NAMES)}", field="--accept", value=name)
    report = []
    for name in NAMES:
        files, folder, now = generate(name), root / name, digests(name)
        locked = now if name in accept else _locked(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in (("events.jsonl", files.events), (CONFIG_NAME, files.config(locked))):
            with atomic_file(folder / file) as out:
                out.write(content)
        report.append((name, locked, now))
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the maintainers' command; return 1 when a digest differs from its locked one."""
    parser = argparse.ArgumentParser(
        prog="python -m grinder_adapters.synthetic.fixtures",
        description="Write the named fixtures and compare their digests with the locked ones.",
    )
    parser.add_argument("--write", type=Path, required=True, metavar="ROOT", help="fixtures' root")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="NAME",
        help="lock this fixture's digests as they are now; may be repeated",
    )
    options = parser.parse_args(arguments)
    changed = 0
    for name, locked, now in write(options.write, options.accept):
        for what, expected, got in zip(("replay", "paper"), locked, now, strict=True):
            verdict = "locked" if expected == got else f"DIFFERS from {expected}"
            changed += expected != got
            print(f"{name:24} {what:6} {got} {verdict}")
    return 1 if changed else 0


def _digest(result: PaperResult) -> str | None:
    if result.failure is not None:
        raise result.failure
    return result.digest


def _locked(folder: Path) -> Digests:
    if not (folder / CONFIG_NAME).is_file():
        return None, None
    fixture = load_fixture(folder)
    return fixture.expected_replay_digest, fixture.expected_paper_digest


if __name__ == "__main__":
    sys.exit(main())
