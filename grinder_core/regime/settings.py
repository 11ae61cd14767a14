"""Thresholds of the regime classifier."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.settings import setting


@frozen(kw_only=True)
class RegimeSettings:
    """Where one market state ends and the next begins (CORE-18)."""

    thin_l1_qty: Decimal = setting(
        Decimal("0.1"), "A smaller best quantity, base asset, is a thin book.", ge=0, spec="CORE-18"
    )
    spread_thin_bps: int = setting(100, "A wider spread is a thin book.", ge=0, spec="CORE-18")
    vol_shock_natr_bps: int = setting(
        500, "A larger true range is a volatility shock.", ge=1, spec="CORE-18"
    )
    trend_net_return_bps: int = setting(
        200, "A larger net return may be a trend.", ge=1, spec="CORE-18"
    )
    trend_range_score_max: int = setting(
        3, "It is one if the range score is at most this.", ge=0, spec="CORE-18"
    )
