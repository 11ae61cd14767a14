"""What a run read, precisely enough to read it again: kept in the head of every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import Factory, evolve, frozen

from grinder_adapters.feeds.fixture import EVENT_NAMES, load_fixture
from grinder_adapters.feeds.source import EventSource
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.runner.data import DataOptions, Days, describe_files, open_data, with_funding
from grinder_app.runner.fixture_source import FixtureSource
from grinder_core.codec import from_dict, to_dict
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ArtifactError, ConfigError, ContractError, InputError
from grinder_core.numbers import parse_decimal
from grinder_core.venue.exchange.in_process import ExchangeVenue
from grinder_core.venue.exchange.instrument import Instrument

_AGAIN: Final = "run it again with this version of grinder"


class InputKind(StrEnum):
    """Where the events of a run came from."""

    FILES = "files"
    FIXTURE = "fixture"
    DEMO = "demo"


@frozen(kw_only=True)
class RunInputs:
    """The events of each session of a run.

    Attributes:
        sessions: Absolute paths of the files by session, in the order they were merged in.
        fixture: Absolute path of the fixture's folder; empty for other kinds.
        options: Which part of the files was read, and how.
        stop_after: Events of the stream that were read; ``None`` for all.
        continues: The run went on from a checkpoint, which is no part of it.
        instruments: What the local exchange listed; nothing where the simulated venue answered.
        pace: Speed of a session that ran free; its decisions depend on the machine. Else empty.
        faults: What went wrong at its exchange: a plan's name or file; empty for other sessions.
    """

    kind: InputKind
    sessions: Mapping[str, tuple[str, ...]] = Factory(dict)
    fixture: str = ""
    options: DataOptions = DataOptions()
    stop_after: int | None = None
    continues: bool = False
    instruments: Sequence[Instrument] = ()
    pace: str = ""
    faults: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; tick sizes are left out, they are settings."""
        days = self.options.days
        return {
            "kind": self.kind.value,
            "sessions": {name: list(paths) for name, paths in self.sessions.items()},
            "fixture": self.fixture,
            "symbols": list(self.options.symbols),
            "days": None if days is None else [days.begin_ms, days.end_ms],
            "spread_bps": self.options.spread_bps,
            "funding": [str(path) for path in self.options.funding],
            "stop_after": self.stop_after,
            "continues": self.continues,
            "instruments": [to_dict(instrument) for instrument in self.instruments],
            "pace": self.pace,
            "faults": self.faults,
        }

    @classmethod
    def from_manifest(
        cls, manifest: Mapping[str, Any], tick_sizes: Mapping[str, Decimal]
    ) -> RunInputs:
        """Read them from the head of a run.

        Raises:
            InputError: The run is of a version that did not keep them.
            ArtifactError: They are damaged.
        """
        kept = manifest.get("inputs")
        if kept is None:
            raise InputError("does not say what it read", field="inputs", remedy=_AGAIN)
        try:
            days = kept["days"]
            options = DataOptions(
                symbols=tuple(kept["symbols"]),
                days=None if days is None else Days(begin_ms=days[0], end_ms=days[1]),
                spread_bps=parse_decimal(kept["spread_bps"], "inputs.spread_bps"),
                tick_sizes=tick_sizes,
                must_occur=False,
                funding=tuple(Path(path) for path in kept["funding"]),
            )
            return cls(
                kind=InputKind(kept["kind"]),
                sessions={name: tuple(paths) for name, paths in kept["sessions"].items()},
                fixture=kept["fixture"],
                options=options,
                stop_after=kept["stop_after"],
                continues=kept["continues"],
                instruments=tuple(from_dict(Instrument, one) for one in kept["instruments"]),
                pace=kept["pace"],
                faults=kept["faults"],
            )
        except (ContractError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ArtifactError(f"is damaged: {error!r}", field="inputs") from error

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that holds events of the run, those of funding included."""
        if self.kind is InputKind.FIXTURE:
            return tuple(str(Path(self.fixture) / name) for name in EVENT_NAMES)
        funding = map(str, self.options.funding)
        return (*(path for paths in self.sessions.values() for path in paths), *funding)

    def venue(self, config: EngineConfig) -> ExchangeVenue | None:
        """Return a fresh exchange in process, which decides as the one over sockets does.

        ``None`` where the simulated venue of the settings answers.
        """
        if not self.instruments:
            return None
        return ExchangeVenue.of(config.venue, config.risk.initial_capital, self.instruments)

    def open(self, session: str) -> EventSource:
        """Open the events of one session, as they were.

        Raises:
            FixtureError: A file is missing or malformed.
        """
        if self.kind is InputKind.DEMO:
            return with_funding(demo_events(), self.options.funding)
        if self.kind is InputKind.FIXTURE:
            return FixtureSource(load_fixture(Path(self.fixture)))
        return open_data([Path(path) for path in self.sessions[session]], self.options)


def check_unchanged(
    inputs: RunInputs, manifest: Mapping[str, Any], given: Sequence[Path] = ()
) -> RunInputs:
    """Return inputs whose files are those that the run read, by their SHA-256.

    Args:
        given: Where files lie that have moved since; found by content.

    Raises:
        FixtureError: A file is missing.
        InputError: A file is not what it was.
    """
    if inputs.kind is InputKind.FIXTURE or not inputs.files:
        if given:
            raise ConfigError("is of no use: the run read no files", field="--data")
        return inputs
    wanted = _checksums(inputs.files, manifest)
    moved = {
        file.sha256: str(path.absolute())
        for file, path in zip(describe_files(given), given, strict=True)
    }
    places = {path: moved.get(sha256, path) for path, sha256 in wanted.items()}
    for path, sha256 in wanted.items():
        if sha256 not in moved and describe_files([Path(path)])[0].sha256 != sha256:
            raise InputError(
                "is not the file that the run read: its SHA-256 differs",
                where=path,
                remedy="name the file as it was with --data",
            )
    sessions = {name: tuple(places[p] for p in paths) for name, paths in inputs.sessions.items()}
    funding = tuple(Path(places[str(path)]) for path in inputs.options.funding)
    return evolve(inputs, sessions=sessions, options=evolve(inputs.options, funding=funding))


def _checksums(paths: Sequence[str], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file of a run by its path."""
    kept = {str(file.get("path")): str(file.get("sha256")) for file in manifest["data"]}
    for path in paths:
        if path not in kept:
            raise ArtifactError("is damaged: no checksum of a file", field="data", value=path)
    return {path: kept[path] for path in paths}
