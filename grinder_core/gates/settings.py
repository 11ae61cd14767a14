"""Settings of the prefilter and the planning gates."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.settings import setting


@frozen(kw_only=True)
class GateSettings:
    """Limits; every limit is inclusive or strict exactly as its gate documents."""

    prefilter_spread_max_bps: int = setting(
        200, "Widest spread that is looked at.", ge=0, spec="CORE-08"
    )
    prefilter_vol_24h_min_usd: Decimal = setting(
        Decimal(10_000_000), "Least turnover of 24 h, quote currency.", ge=0, spec="CORE-08"
    )
    prefilter_oi_min_usd: Decimal = setting(
        Decimal(5_000_000), "Least open interest, quote currency.", ge=0, spec="CORE-08"
    )
    prefilter_assume_liquid: bool = setting(
        True,
        "Let symbols pass whose turnover or open interest the data does not say.",
        spec="CORE-08",
    )
    prefilter_allow_list: tuple[str, ...] | None = setting(
        None, "Only these symbols trade; absent: all.", spec="CORE-08"
    )
    max_spread_bps: int = setting(
        50, "A wider spread is toxic (SPREAD_SPIKE).", gt=0, spec="CORE-14"
    )
    max_price_impact_bps: int = setting(
        500,
        "A larger move within the look-back is toxic (PRICE_IMPACT_HIGH).",
        gt=0,
        spec="CORE-14",
    )
    lookback_window_ms: int = setting(5_000, "Look-back of the move.", gt=0, spec="CORE-14")
    max_orders_per_minute: int = setting(
        120, "Orders of all symbols in any minute.", ge=1, spec="CORE-12"
    )
    cooldown_ms: int = setting(
        100, "Least time between two placements on one symbol.", ge=0, spec="CORE-12"
    )
    max_notional_per_symbol: Decimal = setting(
        Decimal(5_000), "Position plus plan of one symbol, quote currency.", gt=0, spec="CORE-13"
    )
    max_notional_total: Decimal = setting(
        Decimal(20_000), "The same over all symbols.", gt=0, spec="CORE-13"
    )
    daily_loss_limit: Decimal = setting(
        Decimal(500),
        "Loss since the day's first equity sample (UTC) that stops new risk for that day.",
        gt=0,
        spec="CORE-13",
    )
    l2_execution_guard_enabled: bool = setting(
        False, "Place no order against a stale or thin book; needs `qty_ref`.", spec="CORE-35"
    )
    l2_execution_max_age_ms: int = setting(1_500, "An older book is stale.", ge=0, spec="CORE-35")
    l2_execution_impact_threshold_bps: int = setting(
        50, "Slippage of `qty_ref` from which no order is placed.", ge=1, spec="CORE-35"
    )
