"""What a smoke harness is asked to do, and which guards it lacks for that (LIVE-28, LIVE-07).

Nothing is simulated by accident and nothing is real by accident: without a venue a harness runs in
memory; a venue out there needs its word, the environment's permissions, keys and a cap. Whatever is
missing is listed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from grinder_adapters.binance.hosts import VenueClass, venue_class
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.spec import USDM
from grinder_app.config.live_plan import (
    GuardsMissingError,
    LiveFlags,
    LivePlan,
    draft_live,
    known_missing,
)
from grinder_app.config.load import Settings
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.live import SafeMode
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import canonical

STRATEGY: Final = "smoke"
"""Whose orders a harness makes: nobody else's are ever touched."""

_ENGINE: Final = frozenset({*EngineConfig().to_dict()})


class SmokeVenue(StrEnum):
    """Where a harness runs."""

    DRY = "dry"
    SIM = "sim"
    TESTNET = "testnet"
    MAINNET = "mainnet"

    @property
    def venue_class(self) -> VenueClass:
        """What a mistake costs there."""
        return VenueClass.SIM if self is SmokeVenue.DRY else VenueClass(self.value)


class Confirmation(StrEnum):
    """The word that a real run needs."""

    TESTNET = "TESTNET"
    FUTURES_MAINNET_TRADE = "FUTURES_MAINNET_TRADE"

    @property
    def venue(self) -> SmokeVenue:
        """The venue that it confirms."""
        return SmokeVenue.TESTNET if self is Confirmation.TESTNET else SmokeVenue.MAINNET


@frozen(kw_only=True)
class SmokeRequest:
    """What to run.

    Attributes:
        harness: Its name.
        port: What kind of port it writes to out there; NOOP: it never writes.
        symbol: The only one that it looks at.
        venue: ``None``: as the confirmation says, and without one nowhere.
        max_notional: Cap of one order, quote currency.
        cap: Largest cap that may be asked for.
        rest_url: A venue of that class, instead of the one known by name or of this process.
    """

    harness: str
    port: PortKind
    symbol: str
    venue: SmokeVenue | None = None
    confirm: Confirmation | None = None
    max_notional: Decimal = Decimal(50)
    cap: Decimal = Decimal(50)
    rest_url: str = ""

    def __attrs_post_init__(self) -> None:
        try:
            check_symbol(self.symbol)
        except ContractError as error:
            raise ConfigError(error.rule, field="--symbol", value=self.symbol) from None
        if not 0 < self.max_notional <= self.cap:
            raise ConfigError(
                f"must be > 0 and <= {canonical(self.cap)}",
                field="--max-notional",
                value=canonical(self.max_notional),
                remedy="a proof needs no more",
            )
        if self.rest_url and self.where is SmokeVenue.DRY:
            raise ConfigError(
                "needs --venue",
                field="--rest-url",
                value=self.rest_url,
                remedy="say of which class it is, or leave it out: a dry run reaches nobody",
            )

    @property
    def where(self) -> SmokeVenue:
        """Where it runs."""
        if self.venue is not None:
            return self.venue
        return SmokeVenue.DRY if self.confirm is None else self.confirm.venue

    @property
    def word(self) -> Confirmation | None:
        """The word that is needed there."""
        kind = self.where.venue_class
        if kind is VenueClass.SIM or self.port is PortKind.NOOP:
            return None
        if kind is VenueClass.TESTNET:
            return Confirmation.TESTNET
        return Confirmation.FUTURES_MAINNET_TRADE


def plan_smoke(request: SmokeRequest, loaded: Settings, environ: Mapping[str, str]) -> LivePlan:
    """Decide what a harness may do; reads nothing but secrets.

    Args:
        loaded: Where the state lies, what mainnet is allowed; its strategy is not used.

    Raises:
        ConfigError: Something is malformed or contradictory.
        GuardsMissingError: It is meant for a venue out there, and guards are missing: all are
            named.
    """
    _check_strategy(loaded)
    _check_class(request)
    plan = draft_live(_flags(request), _neutral(loaded), _environ(request, environ))
    cap = request.max_notional
    own = plan.live.max_notional_per_order
    permission = evolve(
        plan.permission, max_notional_per_order=cap if own is None else min(own, cap)
    )
    plan = evolve(plan, permission=permission)
    if missing := missing_guards(request, plan):
        raise GuardsMissingError(missing, plan.venue_class)
    return plan


def missing_guards(request: SmokeRequest, plan: LivePlan) -> tuple[str, ...]:
    """Return every guard that is missing, each with the way to give it."""
    if request.port is PortKind.NOOP:
        needs_key = request.where.venue_class is not VenueClass.SIM and plan.keys is None
        return (f"credentials: {KEYS}",) if needs_key else ()
    found = [_reworded(text) for text in known_missing(plan.permission)]
    if request.word is not None and request.confirm is not request.word:
        found.insert(0, f"confirm: --confirm {request.word.value}")
    return tuple(found)


KEYS: Final = (
    "set BINANCE_API_KEY_FILE and BINANCE_API_SECRET_FILE to files of mode 0600, or GRINDER_KEYRING"
)
_WORDS: Final = {"armed": "set ARMED=1", "credentials": KEYS}


def _reworded(text: str) -> str:
    """Say how a guard is given here, where it is not given as in a live run."""
    name = text.partition(":")[0]
    return f"{name}: {_WORDS[name]}" if name in _WORDS else text


def _flags(request: SmokeRequest) -> LiveFlags:
    where = request.where
    is_local = where.venue_class is VenueClass.SIM
    rest, stream = request.rest_url, ""
    if not is_local:
        urls = USDM.urls[where.venue_class]
        rest, stream = rest or urls.rest, urls.stream
    port = PortKind.SIM if is_local and request.port is not PortKind.NOOP else request.port
    return LiveFlags(
        armed=is_local and request.port is not PortKind.NOOP,
        mode=SafeMode.READ_ONLY if request.port is PortKind.NOOP else SafeMode.LIVE_TRADE,
        exchange_port=port,
        symbols=(request.symbol,),
        rest_url=rest,
        ws_url=stream,
    )


def _environ(request: SmokeRequest, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Leave keys and permissions of the environment alone where nothing leaves the machine."""
    if request.where is not SmokeVenue.DRY:
        return environ
    return {}


def _neutral(loaded: Settings) -> Settings:
    """Return the settings without those of the strategy: a harness has orders of its own."""
    origins = {
        name: "default" if name.partition(".")[0] in _ENGINE else origin
        for name, origin in loaded.origins.items()
    }
    reconcile = evolve(loaded.reconcile, symbol_filter=None)
    return evolve(loaded, engine=EngineConfig(), reconcile=reconcile, origins=origins)


def _check_strategy(loaded: Settings) -> None:
    if loaded.engine.orders.strategy_id == STRATEGY:
        raise ConfigError(
            "is the name of the harnesses, which cancel their orders",
            field="orders.strategy_id",
            value=STRATEGY,
            where=loaded.origins["orders.strategy_id"],
            remedy="give the strategy another name",
        )


def _check_class(request: SmokeRequest) -> None:
    kind = request.where.venue_class if not request.rest_url else venue_class(request.rest_url)
    if kind is not request.where.venue_class:
        raise ConfigError(
            f"is of class {kind.value}, and the harness is to run at {request.where.value}",
            field="--rest-url",
            value=request.rest_url,
            remedy="name the venue that you mean",
        )
