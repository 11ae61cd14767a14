"""Effective settings out of defaults, file, profile, environment and flags (MM-03, LIVE-36)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.logs.settings import LogSettings
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.config.advice import advise
from grinder_app.config.app_settings import AppSettings
from grinder_app.config.catalog import APP, BESIDE_ENGINE, BY_NAME, KEYS, LIVE, address_of
from grinder_app.config.environment import read_environment
from grinder_app.config.first_run import ORIGIN as FIRST_RUN
from grinder_app.config.first_run import first_run
from grinder_app.config.live_settings import PERMISSIONS, LiveSettings
from grinder_app.config.live_variables import CONFIG_VARIABLE
from grinder_app.config.toml_file import FileSettings, Layer, ProfileUnknownError, read_file
from grinder_app.config.values import given_text
from grinder_app.config.venue_files import read_venue_files
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.errors import ConfigError
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.orders.router_settings import RouterSettings
from grinder_core.reconcile.settings import ReconcileSettings

DEFAULT_FILE: Final = "grinder.toml"
DEFAULT: Final = "default"
FLAG: Final = "flag"


@frozen(kw_only=True)
class Settings:
    """Everything a command needs to know, read once at its start.

    Attributes:
        engine: What decides; its ``config_hash`` names a result.
        app: Where files lie and what a run keeps.
        live: Which venue a live run talks to and what it may write there.
        orchestrator, router, fill_gate: What judges a live run's actions.
        reconcile, audit: How a live run is held against the venue, and what is noted of that.
        admin: Where an operator's commands are taken over HTTP.
        log, webhook: What operators read, and how it reaches them.
        origins: By dotted name: ``default``, ``first run``, ``file PATH:LINE``, ``profile NAME``,
            ``environment VARIABLE``, ``flag``, or the name and path of a file of venue rules;
            entries of a table have their own.
        path: The file read, if any.
        profile: The profile applied, if any.
        warnings: What is legal and probably not meant.
    """

    engine: EngineConfig
    app: AppSettings
    live: LiveSettings
    orchestrator: OrchestratorSettings
    router: RouterSettings
    fill_gate: FillGateSettings
    reconcile: ReconcileSettings
    audit: AuditConfig
    admin: AdminSettings
    log: LogSettings
    webhook: WebhookSettings
    origins: Mapping[str, str]
    path: Path | None
    profile: str | None
    warnings: tuple[str, ...]

    def value(self, dotted: str) -> Any:
        """Return one effective value by ``section.key``."""
        section, _, name = dotted.partition(".")
        owner = self if section in BESIDE_ENGINE else self.engine
        return getattr(getattr(owner, section), name)


def load_settings(
    path: Path | None,
    *,
    profile: str | None = None,
    environment: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
) -> Settings:
    """Read settings: flag > environment > profile > file > default.

    Without a file, what ``grinder init`` would write stands in for it.

    Args:
        path: The file; without one ``GRINDER_CONFIG``, else ``grinder.toml`` in the current
            directory when there is one.
        profile: Name of a ``[profiles.NAME...]`` of that file.
        environment: Usually ``os.environ``.
        flags: ``section.key``, ``section.table.ENTRY`` or a flat published name -> text.

    Raises:
        ConfigError: Anything that is no setting, malformed, out of range or contradictory; names
            where it stands, the dotted key, the value and the rule.
    """
    file, chosen, warnings = _choose(path, profile, environment, flags or {})
    from_files, skipped = read_venue_files(chosen)
    unchosen = first_run(chosen) if file is None else {}
    engine, beside, origins = _settle({**unchosen, **from_files, **chosen})
    return Settings(
        engine=engine,
        **beside,
        origins=origins,
        path=None if file is None else file.path,
        profile=profile,
        warnings=(*warnings, *skipped, *advise(engine, origins)),
    )


def load_app_settings(
    path: Path | None,
    *,
    profile: str | None = None,
    environment: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
) -> AppSettings:
    """Read only where files lie, for commands that make the files which settings name.

    Raises:
        ConfigError: As ``load_settings``, but for files of venue rules and for rules between
            settings of the engine.
    """
    _, chosen, _ = _choose(path, profile, environment, flags or {})
    app = [given for given in chosen.values() if given.address.key.section == APP]
    try:
        return AppSettings(**{given.address.key.name: given.value for given in app})
    except ConfigError as error:
        raise _contradiction(error, chosen) from None


def _choose(
    path: Path | None,
    profile: str | None,
    environment: Mapping[str, str],
    flags: Mapping[str, str],
) -> tuple[FileSettings | None, Layer, list[str]]:
    """Return what somebody set, by address, the highest layer's word; and warnings."""
    file = _file_of(path, environment)
    variables, warnings = read_environment(environment)
    layers = [variables, _read_flags(flags)]
    if file is not None:
        layers = [file.base, *([file.profile(profile)] if profile else []), *layers]
    elif profile:
        raise ProfileUnknownError(
            "needs a configuration file", field="profile", value=profile, remedy="name --config"
        )
    chosen = {a: given for layer in layers for a, given in layer.items()}
    for name in PERMISSIONS:
        refusals = [g for layer in layers if (g := layer.get(f"{LIVE}.{name}")) and not g.value]
        if refusals:  # an explicit no wins, whoever says yes above it
            chosen[f"{LIVE}.{name}"] = refusals[-1]
    return file, chosen, warnings


def check_file(path: Path) -> tuple[FileSettings, Settings]:
    """Load a file by itself and with each of its profiles, without environment and flags.

    Raises:
        ConfigError: As ``load_settings``.
    """
    file = read_file(path)
    for profile in file.profiles:
        load_settings(path, profile=profile, environment={})
    return file, load_settings(path, environment={})


def parse_sets(sets: Sequence[str]) -> dict[str, str]:
    """Split ``NAME=VALUE`` flags.

    Raises:
        ConfigError: One without ``=``.
    """
    flags: dict[str, str] = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(
                "must be NAME=VALUE",
                field="--set",
                value=text,
                remedy="for example: --set policies.levels=3",
            )
        name = name.strip()
        if name in flags and flags[name] != value:
            raise ConfigError("is set twice", field=name, value=value, where="--set")
        flags[name] = value
    return flags


def _file_of(path: Path | None, environment: Mapping[str, str]) -> FileSettings | None:
    named = environment.get(CONFIG_VARIABLE, "").strip()
    if path is None and named:
        if not os.path.exists(named) or os.path.isdir(named):
            raise ConfigError("names no file", field=CONFIG_VARIABLE, value=named)
        path = Path(named)
    if path is None and Path(DEFAULT_FILE).is_file():
        path = Path(DEFAULT_FILE)
    return None if path is None else read_file(path)


def _read_flags(flags: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for name, text in flags.items():
        address = address_of(name)
        if str(address) in layer:
            raise ConfigError("is set twice", field=str(address), value=text, where="--set")
        layer[str(address)] = given_text(address, text, origin=FLAG, where="--set")
    return layer


def _settle(
    winners: Layer,
) -> tuple[EngineConfig, dict[str, Any], dict[str, str]]:
    origins = dict.fromkeys(KEYS, DEFAULT)
    engine_values: dict[str, Any] = {}
    beside: dict[str, dict[str, Any]] = {section: {} for section in BESIDE_ENGINE}
    for address, given in winners.items():
        key = given.address.key
        origins[address] = given.origin
        values = beside.get(key.section, engine_values)
        if key.is_map:
            values.setdefault(key.name, {})[given.address.entry] = given.value
        else:
            values[key.name] = given.value
    try:
        engine = EngineConfig().with_values(engine_values)
        made = {section: kind(**beside[section]) for section, kind in BESIDE_ENGINE.items()}
        return engine, made, origins
    except ConfigError as error:
        raise _contradiction(error, winners) from None


def _contradiction(error: ConfigError, winners: Layer) -> ConfigError:
    """Name a rule between settings by the place of the setting it names, or of its section."""
    name, _, rest = error.field.partition(".")
    key = BY_NAME[name]
    dotted = f"{key.dotted}.{rest}" if rest else key.dotted
    chosen = {address: given for address, given in winners.items() if given.origin != FIRST_RUN}
    parts = (a for a in chosen if f"{dotted}.".startswith(f"{a}.") or a.startswith(f"{dotted}."))
    given = chosen.get(next(parts, ""))
    if given is not None:
        where = given.where
    else:
        near = [g.where for g in chosen.values() if g.address.key.section == key.section]
        where = ", ".join(dict.fromkeys(near))
    return ConfigError(
        error.rule, field=dotted, value=error.value, where=where, remedy=error.remedy
    )
