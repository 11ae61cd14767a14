"""Settings of the simulated venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ConfigError
from grinder_core.settings import setting


@frozen(kw_only=True)
class VenueSettings:
    """How orders fill, what that costs, and what holding a perpetual costs."""

    fill_mode: FillMode = setting(
        FillMode.CROSSING,
        "When a BUY at its limit fills (SELL is the mirror image). `instant`: always; `touch`: the "
        "best bid is at or below it; `crossing`: the mid is; `quote`: the best ask is; `l2`: the "
        "book's asks reach it, as far as they go; `queue`: after what stood before it at its price "
        "has traded, or the market went through.",
        spec="CORE-36",
    )
    fill_after_ticks: int = setting(
        0, "Snapshots of the symbol an order must wait before it may fill.", ge=0, spec="CORE-36"
    )
    delay_bps_per_tick: int = setting(
        0,
        "Distance from the mid that costs an order one more snapshot; 0: none.",
        ge=0,
        spec="CORE-37",
    )
    max_extra_delay_ticks: int = setting(
        50, "Most snapshots that distance costs.", ge=0, spec="CORE-37"
    )
    partial_fills_enabled: bool = setting(
        False,
        "Fill no more in a snapshot than is displayed; `instant` always fills whole.",
        spec="CORE-37",
    )
    participation_bps: int = setting(
        10_000, "Share of the displayed quantity that is ours.", ge=1, le=10_000, spec="CORE-37"
    )
    l2_fill_max_age_ms: int = setting(
        1_500, "With `l2`: nothing fills against an older book.", ge=0, spec="CORE-37"
    )
    market_slippage_bps: int = setting(
        0, "What flattening at the market costs beyond the price.", ge=0, le=9_999, spec="CORE-37"
    )
    maker_fee_bps_x100: int = setting(
        0, "Fee of a resting fill in hundredths of a basis point.", ge=0, le=10**6, spec="CORE-37"
    )
    taker_fee_bps_x100: int = setting(
        0, "Fee of a crossing fill in hundredths of a basis point.", ge=0, le=10**6, spec="CORE-37"
    )
    order_latency_ms: int = setting(
        0, "Time from the decision until the venue has the order.", ge=0, spec="CORE-37"
    )
    cancel_latency_ms: int = setting(
        0, "Time from the decision until the venue has the cancel.", ge=0, spec="CORE-37"
    )
    funding_source: FundingSource = setting(
        FundingSource.NONE,
        "`data`: FUNDING events settle; `constant`: `funding_rate` every `funding_interval_ms`.",
        spec="CORE-38",
    )
    funding_rate: Decimal = setting(
        Decimal("0.0001"),
        "Share of the notional that longs pay to shorts at each settlement.",
        ge=Decimal("-0.99"),
        le=Decimal("0.99"),
        spec="CORE-38",
    )
    funding_interval_ms: int = setting(
        28_800_000, "Time between settlements, from 1970 on.", ge=60_000, spec="CORE-38"
    )
    mark_source: MarkSource = setting(
        MarkSource.MID,
        "What positions are valued at: the mid, or the venue's mark price where the data has it.",
        spec="CORE-38",
    )
    liquidation_enabled: bool = setting(
        False,
        "Close everything when equity falls below the maintenance margin; needs "
        "`leverage_brackets`.",
        spec="LIVE-40",
    )
    leverage_brackets: Mapping[str, tuple[LeverageBracket, ...]] = setting(
        {}, "Maintenance margin schedule of each symbol.", spec="LIVE-40"
    )
    liquidation_fee_bps_x100: int = setting(
        12_500,
        "Fee of a liquidation in hundredths of a basis point.",
        ge=0,
        le=10**6,
        spec="LIVE-40",
    )

    def __attrs_post_init__(self) -> None:
        if self.liquidation_enabled and not self.leverage_brackets:
            raise ConfigError(
                "needs leverage_brackets",
                field="liquidation_enabled",
                value=True,
                remedy="set leverage_brackets, or load the venue's with leverage_brackets_file",
            )
        for symbol, brackets in self.leverage_brackets.items():
            _check_schedule(symbol, brackets)


def _check_schedule(symbol: str, brackets: tuple[LeverageBracket, ...]) -> None:
    floor = Decimal(0)
    for bracket in brackets:
        if bracket.notional_floor != floor:
            raise ConfigError(
                f"brackets must follow each other from 0; expected a floor of {floor}",
                field=f"leverage_brackets.{symbol}",
                value=bracket.notional_floor,
            )
        floor = bracket.notional_cap
    if not brackets:
        raise ConfigError("must not be empty", field=f"leverage_brackets.{symbol}", value=())
