"""Settings of the exchange beside those of its matching (``VenueSettings``)."""

from __future__ import annotations

from attrs import frozen

from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource
from grinder_core.settings import setting
from grinder_core.venue.settings import VenueSettings

FAITHFUL = VenueSettings(
    fill_mode=FillMode.QUEUE,
    partial_fills_enabled=True,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=500,
    funding_source=FundingSource.DATA,
    mark_source=MarkSource.MARK_PRICE,
)
"""How the local exchange fills: behind the queue, as far as displayed, at base-tier fees."""


@frozen(kw_only=True)
class ExchangeSettings:
    """What the venue enforces."""

    liquidation_enabled: bool = setting(
        True, "Close positions whose margin no longer suffices.", spec="LIVE-40"
    )
    amends_max: int = setting(10_000, "Amends that one order may have.", ge=1, spec="LIVE-10")
    conditional_max: int = setting(
        200, "Conditional orders that an account may have open.", ge=0, spec="LIVE-40"
    )
    history: int = setting(
        2_000, "Finished orders that can still be asked for.", ge=1, spec="LIVE-40"
    )
