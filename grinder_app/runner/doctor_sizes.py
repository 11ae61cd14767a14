"""Whether the orders of a plan are of a size that the venue takes (LIVE-35)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_adapters.binance.exchange_rules import ExchangeInfo
from grinder_app.config.live_settings import LiveSettings
from grinder_app.runner.doctor_findings import Finding, failed, fine, warned
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import BPS, canonical, ceil_div, dec_up, exact, notional_to_qty
from grinder_core.orders.constraints import constrain

TRADING: Final = "TRADING"
_CENTS: Final = 2


def examine_listing(symbol: str, info: ExchangeInfo) -> Finding | None:
    """Return what speaks against a symbol at the venue; ``None``: nothing."""
    name = f"symbol {symbol}"
    if symbol not in info.constraints:
        return failed(name, "the venue does not list it, or gives it no lot rules", _OTHERS)
    status = info.statuses.get(symbol, "")
    if status != TRADING:
        return failed(name, f"its status is {status or 'unknown'}", _OTHERS)
    return None


_OTHERS: Final = "name other symbols: --symbols, GRINDER_SYMBOLS or live.symbol_whitelist"


def examine_sizes(
    engine: EngineConfig,
    live: LiveSettings,
    symbol: str,
    rules: SymbolConstraints,
    mid: Decimal | None,
) -> Finding:
    """Check one level of the grid against the venue's least and our own largest order.

    Args:
        mid: Quote currency; ``None`` where there is no market yet.
    """
    name = f"symbol {symbol}"
    if engine.sizing.auto_sizing_enabled:
        return fine(name, "trades; sizes come from the budget")
    if mid is None:
        return warned(name, "it has no price yet", "try again when its book has both sides")
    policies = engine.policies
    with exact():
        reach_bps = policies.levels * policies.spacing_bps
        if policies.adaptive_policy_enabled:
            reach_bps = policies.x_cap_bps
        lowest, highest = mid * (BPS - reach_bps) / BPS, mid * (BPS + reach_bps) / BPS
        qty = policies.size_per_level
        if policies.notional_per_level is not None:
            qty = notional_to_qty(policies.notional_per_level, mid)
        lot = constrain(qty, lowest, rules, reduce_only=False)
        # as large as the least order must be to hold at the farthest level too (LIVE-35)
        steps = max(
            ceil_div(rules.min_qty, rules.step_size),
            ceil_div(rules.min_notional, lowest * rules.step_size),
        )
        need = steps * rules.step_size
        least = dec_up(need * mid, _CENTS)
        largest = lot.qty * highest
    shown = f"{canonical(lot.qty)} a level, about {canonical(dec_up(lot.qty * mid, _CENTS))}"
    if lot.refusal is not None:
        return failed(
            name,
            f"{shown}: {lot.refusal.value}",
            f"set policies.notional_per_level to {canonical(least)} or more",
        )
    cap = live.max_notional_per_order
    if cap is not None and largest > cap:
        return failed(
            name,
            f"{shown}: above live.max_notional_per_order of {canonical(cap)}",
            "make levels smaller, or raise it",
        )
    return fine(name, f"{shown}; the least order is about {canonical(least)}")
