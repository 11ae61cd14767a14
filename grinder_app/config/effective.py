"""The effective configuration: every value in force with where it comes from, secrets redacted.

Printed by ``grinder config show`` (I-36.2), and plain JSON for the journal of a live run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.logs.settings import LogSettings
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.config.app_settings import AppSettings
from grinder_app.config.catalog import BESIDE_ENGINE
from grinder_app.config.live_environment import LiveEnvironment, origin_of
from grinder_app.config.live_plan import LivePlan
from grinder_app.config.live_settings import LiveSettings
from grinder_app.config.live_variables import CONFIG_VARIABLE, VARIABLES
from grinder_core.codec import to_dict
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.orders.router_settings import RouterSettings
from grinder_core.reconcile.settings import ReconcileSettings


class InForce(Protocol):
    """Settings in force: those of a command, or of a plan."""

    @property
    def engine(self) -> EngineConfig:
        """What decides."""

    @property
    def app(self) -> AppSettings:
        """Where files lie."""

    @property
    def live(self) -> LiveSettings:
        """Which venue, and what may be written."""

    @property
    def orchestrator(self) -> OrchestratorSettings:
        """When trust is lost, and how it comes back."""

    @property
    def router(self) -> RouterSettings:
        """What a change of an order must be worth."""

    @property
    def fill_gate(self) -> FillGateSettings:
        """From which probability of a gain new risk passes."""

    @property
    def reconcile(self) -> ReconcileSettings:
        """When a difference from the venue counts."""

    @property
    def audit(self) -> AuditConfig:
        """What is noted for audits."""

    @property
    def admin(self) -> AdminSettings:
        """Where an operator's commands are taken over HTTP."""

    @property
    def log(self) -> LogSettings:
        """What is logged."""

    @property
    def webhook(self) -> WebhookSettings:
        """How alerts are posted."""

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value comes from, by dotted name."""


@frozen
class VariableInForce:
    """One variable: what holds, and where that comes from; secrets are redacted."""

    name: str
    value: Any
    origin: str


def settings_in_force(settings: InForce) -> dict[str, Any]:
    """Return every setting by section, as JSON values."""
    beside = {name: to_dict(getattr(settings, name)) for name in BESIDE_ENGINE}
    return {**settings.engine.to_dict(), **beside}


def variables_in_force(
    settings: InForce,
    path: Path | None,
    environment: LiveEnvironment,
    environ: Mapping[str, str],
) -> Iterator[VariableInForce]:
    """Yield every variable with a name of its own, in the order of its table.

    Args:
        path: The configuration file read, if any.
        environment: What ``environ`` says beside the settings.
    """
    by_section = settings_in_force(settings)
    for variable in VARIABLES:
        name = variable.name
        if variable.setting:
            section, _, key = variable.setting.partition(".")
            origin = settings.origins[variable.setting]
            yield VariableInForce(name, by_section[section][key], origin)
        elif name == CONFIG_VARIABLE:
            shown = None if path is None else str(path)
            yield VariableInForce(name, shown, origin_of(variable, environ))
        else:
            yield VariableInForce(name, environment.shown(variable), origin_of(variable, environ))


def effective_config(plan: LivePlan, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return all that decides what a live run does, as JSON values.

    Args:
        environ: What the plan was made with.
    """
    variables = variables_in_force(plan, plan.config_path, plan.environment, environ)
    return {
        "config_hash": plan.engine.config_hash,
        "live_hash": plan.live_hash,
        "file": None if plan.config_path is None else str(plan.config_path),
        "run": {
            "armed": plan.armed,
            "mode": plan.mode.value,
            "exchange_port": plan.exchange_port.value,
            "venue_class": plan.venue_class.value,
            "rest_url": None if plan.urls is None else plan.urls.rest,
            "ws_url": None if plan.urls is None else plan.urls.stream,
            "symbols": list(plan.symbols),
            "credentials": plan.permission.credentials.value,
            "missing_guards": list(plan.missing),
        },
        "settings": settings_in_force(plan),
        "origins": dict(plan.origins),
        "environment": {v.name: {"value": v.value, "origin": v.origin} for v in variables},
        "warnings": list(plan.warnings),
    }
