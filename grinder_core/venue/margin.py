"""Maintenance margin of a position by the venue's brackets (LIVE-40). Inside ``exact()``.

Source: Binance's FAQ on leverage and margin: ``notional * ratio - cum``, the bracket chosen by
the notional at mark. ``cum`` makes the schedule continuous: ``cum_n = floor_n * (ratio_n -
ratio_(n-1)) + cum_(n-1)``. Cross liquidation is account-wide, as soon as the margin balance is at
or below the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ConfigError


def bracket_of(brackets: Sequence[LeverageBracket], notional: Decimal) -> LeverageBracket:
    """The bracket with ``floor < notional <= cap``; beyond the last cap the last one.

    Args:
        brackets: In rising order without gaps, not empty.
        notional: Quote currency, ``>= 0``.
    """
    for bracket in brackets:
        if notional <= bracket.notional_cap:
            return bracket
    return brackets[-1]


def maintenance_margin(brackets: Sequence[LeverageBracket], notional: Decimal) -> Decimal:
    """Margin that a position of this notional must keep, quote currency.

    Example:
        >>> step = dict(max_leverage=20, cum=Decimal(0))
        >>> one = LeverageBracket(notional_floor=Decimal(0), notional_cap=Decimal(5000),
        ...                       maint_margin_ratio=Decimal("0.01"), **step)
        >>> maintenance_margin([one], Decimal(1000))
        Decimal('10.00')
    """
    bracket = bracket_of(brackets, notional)
    return notional * bracket.maint_margin_ratio - bracket.cum


def brackets_of(
    schedules: Mapping[str, Sequence[LeverageBracket]], symbol: str
) -> Sequence[LeverageBracket]:
    """The schedule of a symbol.

    Raises:
        ConfigError: None is configured.
    """
    found = schedules.get(symbol)
    if found is None:
        raise ConfigError(
            "liquidation_enabled needs the brackets of every symbol that trades",
            field=f"leverage_brackets.{symbol}",
            remedy="add its brackets, load them with leverage_brackets_file, or leave it out",
        )
    return found
