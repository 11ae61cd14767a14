"""What a live run will do, decided before it does anything (LIVE-07, LIVE-36).

``plan_live`` puts flags, settings and environment together into one frozen value. Everything
contradictory is refused there; an armed start that lacks guards is refused with all of them. Two
guards need the network and are the runner's: lot rules, and a server on loopback that identifies
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.binance.hosts import VenueClass, VenueUrls
from grinder_adapters.binance.permission import Credentials, Permission, PortKind
from grinder_adapters.binance.signing import Secret
from grinder_adapters.logs.settings import LogSettings
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.config.app_settings import AppSettings
from grinder_app.config.live_environment import (
    LiveEnvironment,
    read_live_environment,
    refuse_absent,
)
from grinder_app.config.live_keys import KeyPair, local_pair
from grinder_app.config.live_protection import PORTS, protect
from grinder_app.config.live_settings import LiveSettings
from grinder_app.config.live_variables import ACKNOWLEDGEMENT, ARMED
from grinder_app.config.live_venue import PORT, urls_of
from grinder_app.config.live_webhook import WebhookKeys, check_signed
from grinder_app.config.load import FLAG, Settings
from grinder_core.contracts.enums import Override
from grinder_core.contracts.live import SafeMode
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.errors import ConfigError, GrinderError
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.orders.router_settings import RouterSettings
from grinder_core.reconcile.settings import ReconcileSettings

MODE: Final = "live.safe_mode"
SYMBOLS: Final = "live.symbol_whitelist"
FILTER: Final = "reconcile.symbol_filter"
DEFAULT_SYMBOLS: Final = ("XRPUSDT",)
"""Of the exchange of this process; levels of a first run are above its least order."""


class GuardsMissingError(GrinderError):
    """An armed start that may not write: every missing guard is named (LIVE-07).

    Attributes:
        missing: Each guard with the way to satisfy it.
    """

    code = "E_GUARDS_MISSING"

    def __init__(self, missing: tuple[str, ...], kind: VenueClass) -> None:
        lines = "".join(f"\n  - {guard}" for guard in missing)
        super().__init__(f"this armed start may not send orders to a {kind.value} venue:{lines}")
        self.missing = missing


@frozen(kw_only=True)
class LiveFlags:
    """What the command line said; ``None``: nothing.

    Attributes:
        armed: ``--armed`` was given.
        no_http: ``--no-http`` was given.
    """

    armed: bool = False
    mode: SafeMode | None = None
    exchange_port: PortKind | None = None
    symbols: tuple[str, ...] | None = None
    rest_url: str | None = None
    ws_url: str | None = None
    http_port: int | None = None
    no_http: bool = False


@frozen(kw_only=True)
class LivePlan:
    """What a live run will do.

    Attributes:
        urls: Of the venue; ``None``: an exchange of this process, on loopback.
        venue_class: Of that venue.
        armed: By the flag or the environment, and refused by nobody.
        symbols: To follow, and the only ones that may be traded; never empty.
        permission: What the write guard is armed with, once the runner has loaded the lot rules
            and knows the server on loopback.
        keys: The local pair on loopback, the venue's elsewhere, ``None`` without.
        environment: What the environment alone may say.
        engine: Settings of the engine, protections on.
        orchestrator, router, fill_gate: What judges actions.
        reconcile, audit: How it is held against the venue, and what is noted of that.
        admin: Where an operator's commands are taken over HTTP, once there is a token.
        log, webhook: What operators read, and how it reaches them.
        origins: Where each setting comes from, by dotted name.
        config_path: The file read, if any.
        warnings: What is legal and probably not meant.
    """

    urls: VenueUrls | None
    venue_class: VenueClass
    mode: SafeMode
    exchange_port: PortKind
    armed: bool
    symbols: tuple[str, ...]
    permission: Permission
    keys: KeyPair | None
    environment: LiveEnvironment
    engine: EngineConfig
    live: LiveSettings
    orchestrator: OrchestratorSettings
    router: RouterSettings
    fill_gate: FillGateSettings
    reconcile: ReconcileSettings
    audit: AuditConfig
    admin: AdminSettings
    log: LogSettings
    webhook: WebhookSettings
    app: AppSettings
    origins: Mapping[str, str]
    config_path: Path | None
    warnings: tuple[str, ...]

    @property
    def is_embedded(self) -> bool:
        """Whether the venue is an exchange of this process, so that nothing leaves the machine."""
        return self.urls is None

    @property
    def has_writing_port(self) -> bool:
        """Whether orders would reach a venue, were they permitted."""
        return self.exchange_port in PORTS

    @property
    def will_write(self) -> bool:
        """Whether this run is meant to send orders, once the runner's guards are satisfied."""
        return self.armed and self.mode is SafeMode.LIVE_TRADE and self.has_writing_port

    @property
    def missing(self) -> tuple[str, ...]:
        """Every guard that is missing, each with the way to satisfy it, but for the runner's."""
        return known_missing(self.permission)

    @property
    def operator_override(self) -> Override | None:
        """What the environment imposed."""
        return self.environment.operator_override

    @property
    def admin_secrets(self) -> tuple[Secret, ...]:
        """What opens the admin endpoint, the primary one first; none: it is shut."""
        return self.environment.admin_tokens

    @property
    def webhook_keys(self) -> WebhookKeys | None:
        """Where alerts go; ``None``: nowhere."""
        return self.environment.webhook

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret of the process, for its redactor."""
        of_venue = () if self.keys is None else (self.keys.key, self.keys.secret)
        of_webhook = () if self.webhook_keys is None else self.webhook_keys.secrets
        return (*of_venue, *of_webhook, *self.admin_secrets)

    @property
    def state_dir(self) -> Path:
        """Where durable state lies."""
        return Path(self.app.state_dir)

    @property
    def live_hash(self) -> str:
        """Of the settings beside the engine; the engine's is ``engine.config_hash``."""
        return self.live.live_hash


def plan_live(flags: LiveFlags, config: Settings, environ: Mapping[str, str]) -> LivePlan:
    """Decide what a live run will do; reads nothing but the files of secrets.

    Args:
        config: Loaded with the same environment.

    Raises:
        ConfigError: Something is malformed, contradictory, or asks for what is not there.
        GuardsMissingError: It is armed, and guards are missing.
    """
    plan = draft_live(flags, config, environ)
    if plan.armed and plan.mode is not SafeMode.PAPER and plan.missing:
        raise GuardsMissingError(plan.missing, plan.venue_class)
    return plan


def draft_live(flags: LiveFlags, config: Settings, environ: Mapping[str, str]) -> LivePlan:
    """Do the same without insisting on guards, for who only wants to know which are missing.

    Raises:
        ConfigError: As ``plan_live``.
    """
    refuse_absent(environ)
    environment = read_live_environment(environ)
    check_signed(environment.webhook, config.webhook.webhook_format)
    live, origins = _with_flags(flags, config)
    live, origins = _with_paper_port(live, origins)
    urls = urls_of(live, origins)
    kind = VenueClass.SIM if urls is None else urls.venue_class
    engine, origins = protect(config.engine, origins, live.exchange_port)
    keys = local_pair() if kind is VenueClass.SIM else environment.keys
    armed = environment.armed is not False and (flags.armed or environment.armed is True)
    symbols = _symbols(live, is_embedded=urls is None)
    return LivePlan(
        urls=urls,
        venue_class=kind,
        mode=live.safe_mode,
        exchange_port=live.exchange_port,
        armed=armed,
        symbols=symbols,
        permission=Permission(
            venue_class=kind,
            armed=armed,
            mode=live.safe_mode,
            port=live.exchange_port,
            allow_testnet_trade=environment.allow_testnet_trade,
            allow_mainnet_trade=environment.allow_mainnet_trade,
            real_port_ack=environment.real_port_ack,
            allow_mainnet=live.allow_mainnet,
            symbol_whitelist=symbols,
            max_notional_per_order=live.max_notional_per_order,
            credentials=Credentials.NONE if keys is None else keys.kind,
        ),
        keys=keys,
        environment=environment,
        engine=engine,
        live=live,
        orchestrator=config.orchestrator,
        router=config.router,
        fill_gate=config.fill_gate,
        reconcile=_reconcile(config.reconcile, symbols, origins),
        audit=config.audit,
        admin=config.admin,
        log=config.log,
        webhook=config.webhook,
        app=config.app,
        origins=origins,
        config_path=config.path,
        warnings=(*config.warnings, *_advice(flags, environment, kind, config.admin)),
    )


def known_missing(permission: Permission) -> tuple[str, ...]:
    """Return every missing guard but the two that only the network can satisfy."""
    return evolve(permission, has_constraints=True, simulator_is_identified=True).missing()


def _with_flags(flags: LiveFlags, config: Settings) -> tuple[LiveSettings, dict[str, str]]:
    """Put the command line above every other layer.

    Raises:
        ConfigError: It says two things.
    """
    origins, changes = dict(config.origins), dict[str, Any]()
    given = {
        "safe_mode": flags.mode,
        "exchange_port": flags.exchange_port,
        "symbol_whitelist": flags.symbols,
        "rest_url": flags.rest_url,
        "ws_url": flags.ws_url,
        "http_port": flags.http_port,
        "http_enabled": False if flags.no_http else None,
    }
    for name, value in given.items():
        if value is None:
            continue
        dotted = f"live.{name}"
        if origins[dotted] == FLAG and getattr(config.live, name) != value:
            raise ConfigError("is set twice", field=dotted, value=value, where="--set")
        changes[name], origins[dotted] = value, FLAG
    return evolve(config.live, **changes), origins


def _with_paper_port(
    live: LiveSettings, origins: dict[str, str]
) -> tuple[LiveSettings, dict[str, str]]:
    """Mode and port of paper go together; the mode alone chooses the port.

    Raises:
        ConfigError: Only one of them is paper.
    """
    is_paper = live.safe_mode is SafeMode.PAPER
    if is_paper and origins[PORT] == "default":
        return evolve(live, exchange_port=PortKind.PAPER), {**origins, PORT: origins[MODE]}
    if is_paper is not (live.exchange_port is PortKind.PAPER):
        raise ConfigError(
            f"does not go with mode {live.safe_mode.value}",
            field=PORT,
            value=live.exchange_port.value,
            where=origins[PORT],
            remedy="paper has mode paper and port paper; neither goes with another",
        )
    return live, origins


def _symbols(live: LiveSettings, *, is_embedded: bool) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(live.symbol_whitelist or ()))
    if symbols:
        return symbols
    if is_embedded:
        return DEFAULT_SYMBOLS
    raise ConfigError(
        "must name at least one symbol",
        field=SYMBOLS,
        value=[],
        remedy="set --symbols, GRINDER_SYMBOLS or live.symbol_whitelist",
    )


def _reconcile(
    settings: ReconcileSettings, symbols: tuple[str, ...], origins: Mapping[str, str]
) -> ReconcileSettings:
    """Compare what is traded and nothing else: what others do elsewhere is theirs.

    Raises:
        ConfigError: A symbol that is to be compared is not traded.
    """
    wanted = settings.symbol_filter
    for symbol in wanted or ():
        if symbol not in symbols:
            raise ConfigError(
                "is not among the symbols of this run",
                field=FILTER,
                value=symbol,
                where=origins[FILTER],
                remedy=f"name some of {', '.join(symbols)}, or none for all of them",
            )
    return evolve(settings, symbol_filter=symbols if wanted is None else wanted)


def _advice(
    flags: LiveFlags, environment: LiveEnvironment, kind: VenueClass, admin: AdminSettings
) -> list[str]:
    said = []
    if environment.admin_tokens and not admin.is_loopback:
        said.append(
            f"the admin endpoint listens at {admin.admin_host}, and other machines may command: "
            "tokens go there in clear text unless something before it has TLS"
        )
    if flags.armed and environment.armed is False:
        said.append(f"--armed has no effect: {ARMED} says no")
    if kind is VenueClass.SIM and environment.keys is not None:
        said.append(
            f"the key of {environment.keys.origin} is not used: loopback gets the local pair, "
            "never a venue's"
        )
    if kind is not VenueClass.MAINNET and (
        environment.real_port_ack or environment.allow_mainnet_trade
    ):
        said.append(
            f"ALLOW_MAINNET_TRADE and {ACKNOWLEDGEMENT} acknowledge real money, and this venue is "
            f"of class {kind.value}; unset them until they are meant"
        )
    return said
