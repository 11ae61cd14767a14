"""Settings of bars, features and the kept book."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.errors import ConfigError
from grinder_core.settings import setting


@frozen(kw_only=True)
class IndicatorSettings:
    """Settings of bars and features."""

    feature_engine_enabled: bool = setting(
        False, "Compute features and show them to the policy.", spec="CORE-16"
    )
    bar_interval_ms: int = setting(60_000, "Length of a bar.", ge=1, spec="CORE-15")
    period: int = setting(14, "Bars averaged by the true range.", ge=1, spec="CORE-15")
    max_bars: int = setting(
        1_000, "Completed bars counted as warm-up at most; at least period + 1.", spec="CORE-15"
    )
    range_horizon: int = setting(14, "Returns behind the range score.", ge=1, spec="CORE-16")

    top_n: int = setting(
        20, "Levels of the book, a side, that depth features look at.", ge=1, spec="CORE-17"
    )
    qty_ref: Mapping[str, Decimal] = setting(
        {},
        "Quantity of each symbol whose slippage depth features measure, base asset.",
        gt=0,
        spec="CORE-17",
    )
    book_levels_max: int = setting(
        1_000,
        "Levels of the book kept a side; what lies deeper is unknown, not zero.",
        ge=1,
        spec="CORE-17",
    )

    def __attrs_post_init__(self) -> None:
        if self.max_bars < self.period + 1:
            raise ConfigError(
                f"must be >= period + 1 = {self.period + 1}", field="max_bars", value=self.max_bars
            )
        if self.book_levels_max < self.top_n:
            raise ConfigError(
                f"must be >= top_n {self.top_n}",
                field="book_levels_max",
                value=self.book_levels_max,
            )
