"""Every setting there is, by dotted name, flat name and environment variable."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from attrs import Attribute, AttrsInstance, fields, frozen

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.env import nearest
from grinder_adapters.logs.settings import LogSettings
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.config.app_settings import AppSettings
from grinder_app.config.live_settings import LiveSettings
from grinder_core.engine.config import settings_of
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.errors import ConfigError
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.orders.router_settings import RouterSettings
from grinder_core.reconcile.settings import ReconcileSettings
from grinder_core.settings import type_name

APP: Final = "app"
LIVE: Final = "live"
BESIDE_ENGINE: Final[dict[str, type[AttrsInstance]]] = {
    APP: AppSettings,
    LIVE: LiveSettings,
    "orchestrator": OrchestratorSettings,
    "router": RouterSettings,
    "fill_gate": FillGateSettings,
    "reconcile": ReconcileSettings,
    "audit": AuditConfig,
    "admin": AdminSettings,
    "log": LogSettings,
    "webhook": WebhookSettings,
}
PREFIX: Final = "GRINDER_"
NONE: Final = "none"


@frozen
class Key:
    """One setting: its section and its declaration."""

    section: str
    declared: Attribute[Any]

    @property
    def name(self) -> str:
        """The published flat name, unique over all sections."""
        return self.declared.name

    @property
    def dotted(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.declared.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.section.upper()}__{self.declared.name.upper()}"

    @property
    def kind(self) -> str:
        """Its type as written in the declaration."""
        return type_name(self.declared)

    @property
    def is_map(self) -> bool:
        """Whether it maps symbols to values, each of which is set by itself."""
        return self.kind.startswith("Mapping")

    @property
    def is_optional(self) -> bool:
        """Whether it can be absent, written ``none``."""
        return self.kind.endswith("| None")

    @property
    def choices(self) -> type[StrEnum] | None:
        """The words it accepts, when only some are."""
        kind = type(self.declared.default)
        return kind if issubclass(kind, StrEnum) else None

    @property
    def default(self) -> Any:
        """Its default; an empty mapping for a map."""
        return {} if self.is_map else self.declared.default

    @property
    def rule(self) -> str:
        """What it accepts beyond its type, as a reader wants it: ``>= 1``, ``> 0, <= 100``."""
        limits = self.declared.metadata
        signs = (("ge", ">="), ("gt", ">"), ("le", "<="))
        bounds = [f"{sign} {limits[name]}" for name, sign in signs if limits[name] is not None]
        return ", ".join(bounds)


@frozen
class Address:
    """What one assignment sets: a setting, or one entry of a map."""

    key: Key
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.key.dotted}.{self.entry}" if self.entry else self.key.dotted


def _all_keys() -> Iterable[Key]:
    for section, declared in settings_of():
        yield Key(section, declared)
    for section, kind in BESIDE_ENGINE.items():
        for declared in fields(kind):
            yield Key(section, declared)


KEYS: Final[dict[str, Key]] = {key.dotted: key for key in _all_keys()}
BY_NAME: Final[dict[str, Key]] = {key.name: key for key in KEYS.values()}
BY_VARIABLE: Final[dict[str, Key]] = {key.variable: key for key in KEYS.values()}
SECTIONS: Final[tuple[str, ...]] = tuple(dict.fromkeys(key.section for key in KEYS.values()))


def address_of(name: str) -> Address:
    """Resolve ``section.key``, ``section.map.ENTRY`` or the same without the section.

    Raises:
        ConfigError: No setting has that name; the nearest one is suggested.
    """
    for known in (KEYS, BY_NAME):
        if name in known:
            return Address(known[name])
        head, _, entry = name.rpartition(".")
        if entry and head in known and known[head].is_map:
            return Address(known[head], entry)
    raise unknown(name)


def unknown(name: str, where: str = "") -> ConfigError:
    """Return the error for a name that is no setting."""
    last = name.rsplit(".", 1)[-1]
    near = BY_NAME[last].dotted if last in BY_NAME else nearest(name, KEYS)
    if not near:
        near = BY_NAME[flat].dotted if (flat := nearest(last, BY_NAME)) else ""
    remedy = f"did you mean {near}?" if near else "see: grinder config reference"
    return ConfigError("is not a setting", field=name, where=where, remedy=remedy)
