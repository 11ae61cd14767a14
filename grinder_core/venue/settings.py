"""Settings of the simulated venue."""

from __future__ import annotations

from attrs import frozen

from grinder_core.contracts.enums import FillMode
from grinder_core.settings import setting


@frozen(kw_only=True)
class VenueSettings:
    """How orders fill and what that costs."""

    fill_mode: FillMode = setting(
        FillMode.CROSSING,
        "`crossing`: a BUY fills when the mid is at or below its limit; `quote`: when the best "
        "ask is; `instant`: always. SELL is the mirror image.",
        spec="CORE-36",
    )
    fill_after_ticks: int = setting(
        0, "Snapshots of the symbol an order must wait before it may fill.", ge=0, spec="CORE-36"
    )
    maker_fee_bps_x100: int = setting(
        0, "Fee of a resting fill in hundredths of a basis point.", ge=0, le=10**6, spec="CORE-37"
    )
    taker_fee_bps_x100: int = setting(
        0, "Fee of a crossing fill in hundredths of a basis point.", ge=0, le=10**6, spec="CORE-37"
    )
