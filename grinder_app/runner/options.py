"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from attrs import frozen
from cyclopts import Parameter

from grinder_adapters.feeds.klines import SPREAD_BPS
from grinder_adapters.runs import RunStore
from grinder_app.config import Settings
from grinder_app.config.flags import ConfigFile, Profile, Sets, settings_from
from grinder_app.config.load import load_settings, parse_sets
from grinder_app.runner.data import DataOptions, Days
from grinder_app.runner.policy import BUDGET_US, PolicySpec, read_arguments
from grinder_core.errors import ConfigError
from grinder_core.numbers import parse_decimal

Flag = Annotated[bool, Parameter(negative="")]
DataFiles = Annotated[
    tuple[Path, ...], Parameter(consume_multiple=True, negative="", show_default=False)
]
Texts = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]


@Parameter(name="*")
@frozen(kw_only=True)
class ConfigOptions:
    """Where settings come from."""

    config: ConfigFile = None
    profile: Profile = None
    sets: Sets = ()

    def load(self, *, of_engine: bool = True) -> Settings:
        """Return the effective settings.

        Args:
            of_engine: False where a fixture brings the engine's settings, so that advice about
                those would mislead.

        Raises:
            ConfigError: A setting is unknown, malformed or out of range.
        """
        if of_engine:
            return settings_from(self.config, self.profile, self.sets)
        flags = parse_sets(self.sets)
        return load_settings(self.config, profile=self.profile, environment=os.environ, flags=flags)


@Parameter(name="*")
@frozen(kw_only=True)
class SettingsOptions(ConfigOptions):
    """Where settings come from, and where runs are.

    Parameters
    ----------
    runs_dir
        Folder of runs; by default the setting app.artifact_dir.
    """

    runs_dir: Path | None = None

    def store(self, settings: Settings) -> RunStore:
        """Return the folder of all runs."""
        return RunStore(self.runs_dir or Path(settings.app.artifact_dir))


@Parameter(name="*")
@frozen(kw_only=True)
class PolicyOptions:
    """A user's own policy.

    Parameters
    ----------
    policy
        Your own policy, as module:Class; the current folder is searched first.
    policy_arg
        A keyword for its constructor, as key=value; repeatable. Integers, decimals, true and
        false are told from text.
    policy_budget_us
        Warn when a call takes longer than this on average, microseconds.
    """

    policy: str | None = None
    policy_arg: Texts = ()
    policy_budget_us: int = BUDGET_US

    def spec(self) -> PolicySpec | None:
        """Return which policy to load; ``None`` for the static grid.

        Raises:
            ConfigError: An argument is malformed, or there is no policy to take it.
        """
        if self.policy_budget_us < 1:
            raise ConfigError("must be >= 1", field="--policy-budget-us")
        if self.policy is None:
            if self.policy_arg:
                raise ConfigError("needs --policy", field="--policy-arg", value=self.policy_arg[0])
            return None
        return PolicySpec(
            target=self.policy,
            arguments=read_arguments(self.policy_arg),
            budget_us=self.policy_budget_us,
        )


@Parameter(name="*")
@frozen(kw_only=True)
class NarrowOptions:
    """Which part of the data, how klines are read, and what is put into the stream.

    Parameters
    ----------
    symbols
        Take only these symbols, separated by commas.
    days
        Take only these UTC days: 2025-05-04 or 2025-05-04..2025-05-10.
    spread_bps
        Klines: width of the quotes made of bars, default 2.
    funding
        Files of funding settlements, CSV, public dump or the venue's JSON: those of the session's
        symbols within its time are paid. Sets venue.funding_source to data unless that is set.
    """

    symbols: str = ""
    days: str | None = None
    spread_bps: str | None = None
    funding: DataFiles = ()

    def read(self, settings: Settings) -> DataOptions:
        """Return them parsed, with the tick sizes of the settings.

        Raises:
            ConfigError: One is malformed or out of range.
        """
        spread = SPREAD_BPS
        if self.spread_bps is not None:
            spread = parse_decimal(self.spread_bps, "--spread-bps")
        return DataOptions(
            symbols=tuple(dict.fromkeys(part for part in self.symbols.split(",") if part)),
            days=None if self.days is None else Days.parse(self.days),
            spread_bps=spread,
            tick_sizes=settings.engine.orders.tick_sizes,
            funding=tuple(path.absolute() for path in self.funding),
        )

    @property
    def given(self) -> str:
        """The first of these options that was given; empty without any."""
        for option, value in (
            ("--symbols", self.symbols),
            ("--days", self.days),
            ("--spread-bps", self.spread_bps),
            ("--funding", self.funding),
        ):
            if value:
                return option
        return ""
