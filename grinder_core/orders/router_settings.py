"""Settings of the order router (LIVE-15): one for grids, one for quoting."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.settings import setting


@frozen(kw_only=True)
class RouterSettings:
    """When a difference is worth a request, and when an amend is worth more than a new order.

    The defaults are those of grids.
    """

    max_book_age_ms: int = setting(
        2000, "Age of the book up to which new risk is sent.", ge=0, spec="LIVE-15"
    )
    post_only_max_shift_bps: int = setting(
        10,
        "How far a post-only order is moved off the other side, in 1/10000 of its price; 0: not "
        "at all.",
        ge=0,
        le=10_000,
        spec="LIVE-15",
    )
    min_reprice_ticks: int = setting(
        2, "Smaller changes of the price, in ticks, are not worth a request.", ge=1, spec="LIVE-15"
    )
    min_reprice_bps: int = setting(
        2,
        "Nor are changes smaller than that, in 1/10000 of the resting order's price.",
        ge=0,
        spec="LIVE-15",
    )
    min_resize_bps: int = setting(
        500,
        "Smaller changes of the quantity, in 1/10000 of the resting order's, are not worth a "
        "request.",
        ge=1,
        spec="LIVE-15",
    )
    min_amend_interval_ms: int = setting(
        500, "Least time between two changes of an order that adds risk.", ge=0, spec="LIVE-15"
    )
    replace_threshold_bps: Decimal | None = setting(
        None,
        "Largest change of the price, in 1/10000 of the resting order's, that is amended; beyond "
        "it the order is replaced. None: any.",
        ge=0,
        le=100,
        spec="LIVE-15, MM-13",
    )
    amend_size_threshold: Decimal | None = setting(
        None,
        "Largest change of the quantity, as a fraction of the resting order's, that is amended. "
        "None: any.",
        ge=0,
        spec="LIVE-15, MM-13",
    )


GRID: Final = RouterSettings()
QUOTING: Final = RouterSettings(
    min_reprice_ticks=1,
    min_reprice_bps=0,
    replace_threshold_bps=Decimal(3),
    amend_size_threshold=Decimal("0.2"),
)
