"""Notional limits and the daily loss latch (CORE-13)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.enums import GateName, GateReason
from grinder_core.contracts.verdicts import GatingResult, blocked
from grinder_core.gates.settings import GateSettings
from grinder_core.numbers import canonical


def check_risk(
    settings: GateSettings,
    *,
    held: Decimal,
    planned: Decimal,
    others: Decimal,
    daily_loss_tripped: bool,
) -> GatingResult | None:
    """Return the refusal, or ``None``. Called inside ``exact()``.

    Args:
        held: ``abs(position)*mid`` of the symbol, quote currency.
        planned: Notional of all levels of the plan. Plans without levels are not asked about.
        others: Positions at their last mid plus open orders of all other symbols.
        daily_loss_tripped: The day's loss latch (``risk/equity.py``).
    """
    own = held + planned
    if own > settings.max_notional_per_symbol:
        return _over("symbol", own, settings.max_notional_per_symbol)
    if own + others > settings.max_notional_total:
        return _over("total", own + others, settings.max_notional_total)
    if daily_loss_tripped:
        return blocked(
            GateName.RISK_GATE,
            GateReason.DAILY_LOSS_LIMIT,
            limit=canonical(settings.daily_loss_limit),
        )
    return None


def _over(scope: str, measured: Decimal, limit: Decimal) -> GatingResult:
    return blocked(
        GateName.RISK_GATE,
        GateReason.NOTIONAL_LIMIT,
        scope=scope,
        notional=canonical(measured),
        limit=canonical(limit),
    )
