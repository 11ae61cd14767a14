"""May this process send orders? What is armed, acknowledged and limited (LIVE-07, LIVE-08).

A value, made once at the start. Whatever is missing is listed at once, each with the way to give
it. ``write_guard.py`` holds it below everything that can write.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import frozen

from grinder_adapters.binance.hosts import VenueClass
from grinder_core.contracts.checks import check_decimal, check_symbol
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConfigError, ConnectorNonRetryableError

REAL_PORT_ACK: Final = "I_UNDERSTAND_THIS_PLACES_REAL_ORDERS"


class PortKind(StrEnum):
    """Who answers to orders."""

    NOOP = "noop"
    PAPER = "paper"
    SIM = "sim"
    FUTURES = "futures"
    SPOT = "spot"


class Credentials(StrEnum):
    """Which key pair is loaded; on loopback it must be the simulator's own, which is no secret."""

    NONE = "none"
    LOCAL = "local"
    VENUE = "venue"


_WRITING: Final = frozenset({PortKind.SIM, PortKind.FUTURES, PortKind.SPOT})
_LEAVING: Final = frozenset({PortKind.FUTURES, PortKind.SPOT})


def assert_mode(mode: SafeMode, required: SafeMode) -> None:
    """Insist on a mode.

    Raises:
        ConnectorNonRetryableError: ``mode`` is below it.
    """
    if not mode.includes(required):
        raise ConnectorNonRetryableError(
            f"must be {required.value}", field="mode", value=mode.value, remedy=_SET_MODE
        )


_SET_MODE: Final = f"set GRINDER_MODE={SafeMode.LIVE_TRADE.value}"


@frozen(kw_only=True)
class Permission:
    """All that decides whether writes are possible. The defaults permit nothing.

    Attributes:
        venue_class: Of the REST host, by ``hosts.venue_class``.
        allow_testnet_trade, allow_mainnet_trade, real_port_ack: Acknowledgements, from the
            environment.
        allow_mainnet: The same, from the configuration.
        symbol_whitelist: Symbols that orders may be for; empty: all, but never on MAINNET.
        max_notional_per_order: ``price * qty`` of an order that adds risk, quote currency;
            ``None``: no limit, but never on MAINNET.
        has_constraints: Lot rules of the venue are loaded (README: on in every writing port).
        simulator_is_identified: The server on loopback said that it is one.
    """

    venue_class: VenueClass
    armed: bool = False
    mode: SafeMode = SafeMode.READ_ONLY
    port: PortKind = PortKind.NOOP
    allow_testnet_trade: bool = False
    allow_mainnet_trade: bool = False
    real_port_ack: str = ""
    allow_mainnet: bool = False
    symbol_whitelist: tuple[str, ...] = ()
    max_notional_per_order: Decimal | None = None
    credentials: Credentials = Credentials.NONE
    has_constraints: bool = False
    simulator_is_identified: bool = False

    def __attrs_post_init__(self) -> None:
        for symbol in self.symbol_whitelist:
            check_symbol(symbol)
        if self.max_notional_per_order is not None:
            check_decimal("max_notional_per_order", self.max_notional_per_order)
            if self.max_notional_per_order <= 0:
                raise ConfigError(
                    "must be > 0", field="max_notional_per_order", value=self.max_notional_per_order
                )

    def missing(self) -> tuple[str, ...]:
        """Return every guard that is not satisfied, each with the way to do so; empty: permitted.

        The order is LIVE-08's: armed, mode, acknowledgement, port, then the rest.
        """
        rules = (
            (self.armed, "armed: start with --armed and without ARMED=false"),
            (self.mode is SafeMode.LIVE_TRADE, f"mode: {_SET_MODE}"),
            *self._acknowledged(),
            (self.port in self._ports(), f"port: {self._port_remedy()}"),
            (self.credentials is self._pair(), f"credentials: {self._pair_remedy()}"),
            (self.has_constraints, "constraints: load the venue's lot rules first"),
            *self._of_class(),
        )
        return tuple(text for is_satisfied, text in rules if not is_satisfied)

    def require(self) -> None:
        """Insist on it.

        Raises:
            ConnectorNonRetryableError: Something is missing; all of it is named.
        """
        if missing := self.missing():
            raise ConnectorNonRetryableError(
                f"orders to a {self.venue_class.value} venue are not permitted; missing "
                + "; ".join(missing)
            )

    def _acknowledged(self) -> tuple[tuple[bool, str], ...]:
        if self.venue_class is VenueClass.TESTNET:
            return ((self.allow_testnet_trade, "acknowledgement: set ALLOW_TESTNET_TRADE=1"),)
        if self.venue_class is VenueClass.MAINNET:
            return (
                (self.allow_mainnet_trade, "acknowledgement: set ALLOW_MAINNET_TRADE=1"),
                (
                    self.real_port_ack == REAL_PORT_ACK,
                    f"second acknowledgement: set GRINDER_REAL_PORT_ACK={REAL_PORT_ACK}",
                ),
            )
        return ()

    def _of_class(self) -> tuple[tuple[bool, str], ...]:
        if self.venue_class is VenueClass.SIM:
            remedy = "simulator: the server on loopback must identify itself as the local exchange"
            return ((self.simulator_is_identified, remedy),)
        if self.venue_class is VenueClass.MAINNET:
            cap = self.max_notional_per_order is not None
            return (
                (self.allow_mainnet, "allow_mainnet: set it to true in the configuration"),
                (bool(self.symbol_whitelist), "symbol_whitelist: name the symbols to trade"),
                (cap, "max_notional_per_order: set a limit in quote currency"),
            )
        return ()

    def _ports(self) -> frozenset[PortKind]:
        return _WRITING if self.venue_class is VenueClass.SIM else _LEAVING

    def _port_remedy(self) -> str:
        names = " or ".join(sorted(port.value for port in self._ports()))
        return f"set GRINDER_EXCHANGE_PORT to {names}"

    def _pair(self) -> Credentials:
        is_local = self.venue_class is VenueClass.SIM
        return Credentials.LOCAL if is_local else Credentials.VENUE

    def _pair_remedy(self) -> str:
        if self.venue_class is VenueClass.SIM:
            return "use the simulator's own key pair on loopback, never a venue's"
        return "set BINANCE_API_KEY and BINANCE_API_SECRET"


def own_simulator() -> Permission:
    """Return the permission to write to the local exchange of this process, and to nothing else."""
    return Permission(
        venue_class=VenueClass.SIM,
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        port=PortKind.SIM,
        credentials=Credentials.LOCAL,
        has_constraints=True,
        simulator_is_identified=True,
    )
