"""Protections that a live run has unless somebody turned them off, which a writing port refuses.

Defaults of the engine are made for cases, so protections are off in them; README, section 2 row
"Permission" and section 5 numbers 3 and 10. A run that writes nothing gets them too, so that it
shows what one that writes would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from grinder_adapters.binance.permission import PortKind
from grinder_app.config.first_run import ORIGIN as FIRST_RUN
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.numbers import BPS, canonical, exact

PORTS: Final = frozenset({PortKind.SIM, PortKind.FUTURES, PortKind.SPOT})
"""Ports that write."""

SWITCHES: Final = (
    "risk.kill_switch_enabled",
    "risk.dd_guard_v1_enabled",
    "orders.constraints_enabled",
)
"""What must be on where orders are written; the daily loss limit cannot be off."""

GUARD_LIMIT: Final = "risk.portfolio_dd_limit"
GUARD_DEFAULT: Final = Decimal("0.04")
ORIGIN: Final = "live default"
_UNCHOSEN: Final = frozenset({"default", FIRST_RUN})
_CENT: Final = Decimal(100)


def protect(
    engine: EngineConfig, origins: Mapping[str, str], port: PortKind
) -> tuple[EngineConfig, dict[str, str]]:
    """Return the engine's settings with protections on, and where each value comes from.

    Raises:
        ConfigError: The port writes, and somebody turned a protection off, set limits in an order
            in which the last would act first, or one that never acts.
    """
    writes = port in PORTS
    chosen = {name for name in (*SWITCHES, GUARD_LIMIT) if origins[name] not in _UNCHOSEN}
    changes: dict[str, Any] = {}
    for name in SWITCHES:
        if name not in chosen:
            changes[name] = True
        elif writes and not _value(engine, name):
            raise ConfigError(
                f"must be on: exchange_port {port.value} writes orders",
                field=name,
                value=False,
                where=origins[name],
                remedy="leave it out",
            )
    if GUARD_LIMIT not in chosen:
        changes[GUARD_LIMIT] = GUARD_DEFAULT
    protected = engine.with_values({name.partition(".")[2]: v for name, v in changes.items()})
    forced = dict.fromkeys((n for n, v in changes.items() if _value(engine, n) != v), ORIGIN)
    found = {**origins, **forced}
    if writes:
        _check_order(protected, found)
        _check_daily_loss(protected, found)
    return protected, found


def _check_order(engine: EngineConfig, origins: Mapping[str, str]) -> None:
    """Controller, then guard, then kill switch: what is milder acts first."""
    risk, policies = engine.risk, engine.policies
    with exact():
        guard_pct = risk.portfolio_dd_limit * _CENT
        controller_pct = policies.dd_enter_bps * _CENT / BPS
    if guard_pct >= risk.max_drawdown_pct:
        raise ConfigError(
            f"must be below the kill switch's risk.max_drawdown_pct of "
            f"{canonical(risk.max_drawdown_pct)} %, so that the guard acts first",
            field=GUARD_LIMIT,
            value=canonical(risk.portfolio_dd_limit),
            where=origins[GUARD_LIMIT],
            remedy="lower it, or raise risk.max_drawdown_pct",
        )
    acts = policies.controller_enabled and policies.controller_version == 1
    if acts and controller_pct >= guard_pct:
        raise ConfigError(
            f"must be below the guard's {GUARD_LIMIT} of {canonical(guard_pct)} %, so that the "
            "controller acts first",
            field="policies.dd_enter_bps",
            value=policies.dd_enter_bps,
            where=origins["policies.dd_enter_bps"],
            remedy=f"lower it, or raise {GUARD_LIMIT}",
        )


def _check_daily_loss(engine: EngineConfig, origins: Mapping[str, str]) -> None:
    if engine.gates.daily_loss_limit >= engine.risk.initial_capital:
        raise ConfigError(
            "never acts: it must be below risk.initial_capital of "
            f"{canonical(engine.risk.initial_capital)}",
            field="gates.daily_loss_limit",
            value=canonical(engine.gates.daily_loss_limit),
            where=origins["gates.daily_loss_limit"],
            remedy="set what the account may lose in a day",
        )


def _value(engine: EngineConfig, dotted: str) -> Any:
    section, _, name = dotted.partition(".")
    return getattr(getattr(engine, section), name)
