"""Settings of a live run around the engine: which venue, what may be written, what is kept.

None of them changes a decision of the engine, so none is part of its ``config_hash``; together
they have a hash of their own in the effective configuration. What arms a run is no setting: it
comes from a flag or a variable of ``live_variables.py``, never from a file.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.binance.permission import PortKind
from grinder_core.codec import digest16, to_dict
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConfigError, ContractError
from grinder_core.settings import register_choice, setting

register_choice(SafeMode)
register_choice(PortKind)


@frozen(kw_only=True)
class LiveSettings:
    """Which venue a live run talks to, what it may write there, and what it keeps."""

    safe_mode: SafeMode = setting(
        SafeMode.READ_ONLY,
        "What the run may do; `live_trade` alone permits nothing yet.",
        spec="LIVE-07",
    )
    exchange_port: PortKind = setting(
        PortKind.NOOP,
        "Who answers to orders: nobody, paper, the local exchange, or the venue.",
        spec="LIVE-07",
    )
    rest_url: str = setting(
        "",
        "Address of the venue, `scheme://host[:port]`. Empty: an exchange of this process on "
        "loopback.",
        spec="LIVE-07",
    )
    ws_url: str = setting(
        "",
        "Address of its streams, of the same class. Empty: the one that belongs to `rest_url`.",
        spec="LIVE-07",
    )
    symbol_whitelist: tuple[str, ...] | None = setting(
        None, "Symbols to follow, and the only ones that are traded.", spec="LIVE-12"
    )
    allow_mainnet: bool = setting(
        False, "Let orders reach real money, after all other guards.", spec="LIVE-07"
    )
    max_notional_per_order: Decimal | None = setting(
        None,
        "Largest order that adds risk, quote currency; absent: no limit, but never on mainnet.",
        gt=0,
        spec="LIVE-09",
    )
    max_orders_per_run: int | None = setting(
        None,
        "Orders that add risk which one run may send; absent: 1 on mainnet, else unlimited.",
        ge=0,
        spec="LIVE-09",
    )
    max_open_orders: int | None = setting(
        None,
        "Orders that add risk which may be open at once; absent: 1 on mainnet, else unlimited.",
        ge=0,
        spec="LIVE-09",
    )
    target_leverage: int = setting(
        1, "Leverage set for each symbol at the start.", ge=1, le=125, spec="LIVE-10"
    )
    recv_window_ms: int = setting(
        5_000, "Age at which the venue refuses a request.", ge=1, le=60_000, spec="LIVE-09"
    )
    reconcile_interval_ms: int = setting(
        30_000,
        "Longest time between two looks at what differs at the venue.",
        ge=1_000,
        spec="LIVE-26",
    )
    allow_legacy_order_id: bool = setting(
        False, "Take orders with ids of the oldest form for our own.", spec="LIVE-21"
    )
    dead_man_window_ms: int = setting(
        120_000,
        "After this long without a sign of life the venue cancels all orders on a symbol.",
        ge=10_000,
        le=3_600_000,
        spec="gap 1",
    )
    dead_man_renew_ms: int = setting(
        30_000,
        "Time between two signs of life; at most a third of `dead_man_window_ms`.",
        ge=1_000,
        spec="gap 1",
    )
    dead_man_off_symbols: tuple[str, ...] | None = setting(
        None, "Symbols whose orders the venue must not cancel by itself.", spec="gap 1"
    )
    fsm_evidence_enabled: bool = setting(
        False, "Write a file for each change of the operating state.", spec="LIVE-14"
    )

    http_enabled: bool = setting(
        True, "Show the run over HTTP: health, readiness, metrics; read-only.", spec="LIVE-30"
    )
    http_host: str = setting(
        "127.0.0.1",
        "Address of this machine that is listened on; nobody is asked who he is.",
        spec="LIVE-30",
    )
    http_port: int = setting(
        9_090, "Port of that; 0: one that is free.", ge=0, le=65_535, spec="LIVE-30"
    )

    def __attrs_post_init__(self) -> None:
        if not self.http_host.strip():
            raise ConfigError("must be an address", field="http_host", value=self.http_host)
        for name in ("rest_url", "ws_url"):
            _check_no_password(name, getattr(self, name))
        for name in ("symbol_whitelist", "dead_man_off_symbols"):
            for symbol in getattr(self, name) or ():
                try:
                    check_symbol(symbol)
                except ContractError as error:
                    raise ConfigError(error.rule, field=name, value=symbol) from None
        if self.dead_man_renew_ms * 3 > self.dead_man_window_ms:
            raise ConfigError(
                f"must be at most a third of dead_man_window_ms, {self.dead_man_window_ms}",
                field="dead_man_renew_ms",
                value=self.dead_man_renew_ms,
                remedy="renew more often, or let the countdown run longer",
            )

    @property
    def live_hash(self) -> str:
        """16 characters over the canonical JSON of these settings."""
        return digest16(to_dict(self))


def _check_no_password(name: str, url: str) -> None:
    """An address is shown in messages and journals, so that it must hold no secret."""
    if "@" in url:
        raise ConfigError(
            "must hold no user and no password",
            field=name,
            value=url.rpartition("@")[2],
            remedy="leave out what stands before the @",
        )


PERMISSIONS: Final = ("allow_mainnet", "allow_legacy_order_id")
"""What nothing permits any more once one layer says no (README section 3, Settings)."""
