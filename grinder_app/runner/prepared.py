"""Data and its settings: files are run under the user's, a fixture under its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import Factory, frozen

from grinder_adapters.feeds.fixture import load_fixture
from grinder_adapters.feeds.source import EventSource
from grinder_app.config import Settings
from grinder_app.runner.data import DataFile, describe_files, open_data
from grinder_app.runner.fixture_source import FixtureSource
from grinder_app.runner.inputs import InputKind, RunInputs
from grinder_app.runner.options import ConfigOptions, NarrowOptions
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical

SESSION: Final = "session"  # the name of a run's only session


@frozen(kw_only=True)
class Prepared:
    """A session's input, opened and checked as far as can be without reading it.

    Attributes:
        name: Shown as ``fixture_path``.
        origins: Where each setting comes from; empty where a fixture brought them.
        ignored: Lines that a fixture's reader left alone, by kind.
        spread_bps: Width of quotes made of klines, as text; empty for a fixture.
    """

    name: str
    source: EventSource
    config: EngineConfig
    files: tuple[DataFile, ...]
    inputs: RunInputs
    origins: Mapping[str, str] = Factory(dict)
    profile: str | None = None
    ignored: Mapping[str, int] = Factory(dict)
    spread_bps: str = ""


def prepare(
    data: Sequence[Path],
    fixture: Path | None,
    settings: Settings,
    options: ConfigOptions,
    narrow: NarrowOptions,
) -> Prepared:
    """Open what the command line names: data files, or a fixture.

    Raises:
        ConfigError: Both or neither are named, or an option does not go with a fixture.
        FixtureError: A file is missing or malformed.
    """
    if fixture is None:
        return _prepare_data(data, settings, narrow)
    if data:
        raise ConfigError("cannot be given together with --fixture", field="--data")
    _refuse_for_fixture(options, narrow)
    return _prepare_fixture(fixture)


def _prepare_data(data: Sequence[Path], settings: Settings, narrow: NarrowOptions) -> Prepared:
    if not data:
        raise ConfigError("is missing", field="--data", remedy="name data files or a --fixture")
    options = narrow.read(settings)
    source = open_data(data, options)
    more = len(data) - 1
    return Prepared(
        name=data[0].name + (f" and {more} more" if more else ""),
        source=source,
        config=settings.engine,
        files=describe_files([*data, *options.funding]),
        inputs=RunInputs(
            kind=InputKind.FILES,
            sessions={SESSION: tuple(str(path.absolute()) for path in data)},
            options=options,
        ),
        origins=settings.origins,
        profile=settings.profile,
        spread_bps=canonical(options.spread_bps),
    )


def _prepare_fixture(path: Path) -> Prepared:
    fixture = load_fixture(path)
    return Prepared(
        name=fixture.name,
        source=FixtureSource(fixture),
        config=fixture.config,
        files=(),
        inputs=RunInputs(kind=InputKind.FIXTURE, fixture=str(path.absolute())),
        ignored=fixture.events_ignored,
    )


def _refuse_for_fixture(options: ConfigOptions, narrow: NarrowOptions) -> None:
    engine_sets = [text for text in options.sets if not text.startswith("app.")]
    for option, given in (
        ("--config", options.config is not None),
        ("--profile", options.profile is not None),
        ("--set", bool(engine_sets)),
        (narrow.given, bool(narrow.given)),
    ):
        if given:
            raise ConfigError(
                "does not go with --fixture, which brings its own settings and data", field=option
            )
