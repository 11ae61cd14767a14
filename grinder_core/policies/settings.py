"""Settings of the policies: static and adaptive grid, depth gating, controllers, cycles."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.errors import ConfigError
from grinder_core.numbers import BPS, fractional_digits
from grinder_core.settings import setting


@frozen(kw_only=True)
class PolicySettings:
    """What the policies want to rest in the book."""

    # static grid
    spacing_bps: int = setting(10, "Distance of neighbouring levels.", ge=1, spec="CORE-21")
    levels: int = setting(5, "Levels on each side.", ge=1, spec="CORE-21")
    size_per_level: Decimal = setting(
        Decimal(100), "Base quantity of each level.", gt=0, spec="CORE-21"
    )
    notional_per_level: Decimal | None = setting(
        None,
        "Quote currency of each level; replaces `size_per_level`, converted at each anchor.",
        gt=0,
        spec="CORE-03",
    )
    recenter_bps: int = setting(
        0, "Hard reset when the mid is that far from the anchor; 0: never.", ge=0, spec="CORE-21"
    )
    # adaptive grid
    adaptive_policy_enabled: bool = setting(
        False,
        "Trade the adaptive grid instead of the static one; needs `feature_engine_enabled`.",
        spec="CORE-22",
    )
    alpha_x100: int = setting(
        30, "Step as a share of the true range, hundredths.", ge=1, spec="CORE-22"
    )
    adaptive_step_min_bps: int = setting(5, "Narrowest step.", ge=1, spec="CORE-22")
    adaptive_step_max_bps: int = setting(1_000, "Widest step.", ge=1, spec="CORE-22")
    k_tail_x100: int = setting(
        200, "Width in standard moves over the horizon, hundredths.", ge=0, spec="CORE-22"
    )
    horizon_ms: int = setting(
        3_600_000, "Time over which the grid shall not be run over.", ge=1, spec="CORE-22"
    )
    x_min_bps: int = setting(20, "Narrowest side.", ge=1, spec="CORE-22")
    x_cap_bps: int = setting(500, "Widest side.", ge=1, spec="CORE-22")
    levels_min: int = setting(2, "Fewest levels a side.", ge=1, spec="CORE-22")
    levels_max: int = setting(20, "Most levels a side.", ge=1, spec="CORE-22")
    trend_mult_x100: int = setting(
        130, "Width against the trend, hundredths of the base width.", ge=0, spec="CORE-22"
    )
    l2_gating_enabled: bool = setting(
        False,
        "Take away the side whose book is thin; needs the adaptive grid and `qty_ref`.",
        spec="CORE-23",
    )
    l2_impact_threshold_bps: int = setting(
        200, "Slippage of `qty_ref` from which a side is thin.", ge=1, spec="CORE-23"
    )
    dd_budget_ratios: Mapping[str, Decimal] = setting(
        {},
        "Share of each symbol's size that its drawdown budget leaves; adaptive grid only.",
        ge=0,
        le=1,
        spec="CORE-24",
    )
    # controllers
    controller_enabled: bool = setting(
        False, "Let a controller move spacing and mode.", spec="CORE-19"
    )
    controller_version: int = setting(
        0,
        "0: by rules over a window; 1: by averages, with trend and drawdown modes.",
        ge=0,
        le=1,
        spec="CORE-20",
    )
    controller_window_size: int = setting(
        10, "Snapshots the v0 controller looks at.", ge=2, spec="CORE-19"
    )
    pause_spread_bps: int = setting(
        50, "A wider spread pauses the plan (v0: widest of the window).", ge=0, spec="CORE-19"
    )
    vol_widen_bps: int = setting(300, "More movement widens (v0).", ge=0, spec="CORE-19")
    vol_tighten_bps: int = setting(50, "Less movement tightens (v0).", ge=0, spec="CORE-19")
    widen_x100: int = setting(150, "Spacing when widened, hundredths (v0).", ge=1, spec="CORE-19")
    tighten_x100: int = setting(
        80, "Spacing when tightened, hundredths (v0).", ge=1, spec="CORE-19"
    )
    vol_span: int = setting(20, "Span of the volatility average (v1).", ge=1, spec="CORE-20")
    fast_span: int = setting(12, "Span of the fast price average (v1).", ge=1, spec="CORE-20")
    slow_span: int = setting(48, "Span of the slow price average (v1).", ge=1, spec="CORE-20")
    k_step_x100: int = setting(
        400, "Step per unit of average movement, hundredths (v1).", ge=0, spec="CORE-20"
    )
    base_step_bps: int = setting(10, "Step before warm-up (v1).", ge=1, spec="CORE-20")
    controller_step_min_bps: int = setting(5, "Narrowest step (v1).", ge=1, spec="CORE-20")
    controller_step_max_bps: int = setting(100, "Widest step (v1).", ge=1, spec="CORE-20")
    step_deadband_pct: int = setting(
        20, "Change of the step, percent, below which it stays (v1).", ge=0, spec="CORE-20"
    )
    warmup_events: int = setting(20, "Snapshots before it adapts (v1).", ge=1, spec="CORE-20")
    trend_enter_bps: int = setting(
        30, "Distance of the averages beyond which a trend begins (v1).", ge=0, spec="CORE-20"
    )
    trend_exit_bps: int = setting(15, "Distance below which it ends (v1).", ge=0, spec="CORE-20")
    dd_enter_bps: int = setting(
        300, "Fall from the peak that starts DRAWDOWN mode (v1).", ge=0, spec="CORE-20"
    )
    dd_exit_bps: int = setting(150, "Fall at which it ends (v1).", ge=0, spec="CORE-20")
    recenter_soft_steps: int = setting(
        3, "Drift from the anchor, in steps, for a soft reset (v1).", ge=1, spec="CORE-20"
    )
    recenter_hard_steps: int = setting(
        10, "Drift from the anchor, in steps, for a hard reset (v1).", ge=1, spec="CORE-20"
    )
    reset_cooldown_ms: int = setting(
        30_000, "Least time between resets that can wait (v1).", ge=0, spec="CORE-20"
    )
    # cycles
    cycle_enabled: bool = setting(
        False, "Propose a take-profit and a replenishment after each fill.", spec="CORE-39"
    )
    cycle_execution_enabled: bool = setting(
        False,
        "Place what cycles propose instead of re-arming levels; needs `cycle_enabled`, and another "
        "`fill_mode` than `instant`.",
        spec="CORE-39",
    )
    cycle_step_pct: Decimal = setting(
        Decimal("0.001"), "Distance of both from the fill, as a fraction.", gt=0, spec="CORE-39"
    )
    price_precision: int = setting(8, "Digits of their prices.", ge=0, le=8, spec="CORE-39")
    quantity_precision: int = setting(8, "Digits of their sizes.", ge=0, le=8, spec="CORE-39")

    def __attrs_post_init__(self) -> None:
        if fractional_digits(self.size_per_level) > 8:
            raise ConfigError(
                "must have at most 8 fractional digits",
                field="size_per_level",
                value=self.size_per_level,
            )
        _below(self.levels * self.spacing_bps, BPS, "levels", self.levels, "levels * spacing_bps")
        self._check_adaptive()
        self._check_controller()
        if self.cycle_execution_enabled and not self.cycle_enabled:
            raise ConfigError(
                "needs cycle_enabled",
                field="cycle_execution_enabled",
                value=True,
                remedy="set cycle_enabled = true",
            )

    def _check_adaptive(self) -> None:
        _ordered(self, "adaptive_step_min_bps", "adaptive_step_max_bps")
        _ordered(self, "x_min_bps", "x_cap_bps")
        _ordered(self, "levels_min", "levels_max")
        reach = max(
            self.x_cap_bps + self.adaptive_step_max_bps,
            self.levels_min * self.adaptive_step_max_bps,
        )
        _below(reach, BPS, "adaptive_step_max_bps", self.adaptive_step_max_bps, "the widest grid")
        for symbol, ratio in self.dd_budget_ratios.items():
            if fractional_digits(ratio) > 8:
                raise ConfigError(
                    "must have at most 8 fractional digits",
                    field=f"dd_budget_ratios.{symbol}",
                    value=ratio,
                )
        for name in ("l2_gating_enabled", "dd_budget_ratios"):
            if getattr(self, name) and not self.adaptive_policy_enabled:
                raise ConfigError(
                    "needs the adaptive grid: the static one reads the mid only",
                    field=name,
                    value=getattr(self, name),
                    remedy="set adaptive_policy_enabled = true",
                )

    def _check_controller(self) -> None:
        _ordered(self, "controller_step_min_bps", "base_step_bps")
        _ordered(self, "base_step_bps", "controller_step_max_bps")
        _ordered(self, "trend_exit_bps", "trend_enter_bps")
        _ordered(self, "dd_exit_bps", "dd_enter_bps")
        if self.recenter_soft_steps >= self.recenter_hard_steps:
            raise ConfigError(
                f"must be < recenter_hard_steps {self.recenter_hard_steps}",
                field="recenter_soft_steps",
                value=self.recenter_soft_steps,
            )
        if self.controller_enabled and not self.adaptive_policy_enabled:
            widest = self.spacing_bps * max(self.widen_x100, self.tighten_x100, 100) // 100
            if self.controller_version == 1:
                widest = self.controller_step_max_bps
            _below(self.levels * widest, BPS, "levels", self.levels, "levels * widest spacing")


def _below(reach: int, limit: int, field: str, value: int, what: str) -> None:
    if reach >= limit:
        raise ConfigError(
            f"{what} must be < {limit} bps, or prices turn negative", field=field, value=value
        )


def _ordered(settings: PolicySettings, low: str, high: str) -> None:
    if getattr(settings, low) > getattr(settings, high):
        raise ConfigError(
            f"must be <= {high} {getattr(settings, high)}", field=low, value=getattr(settings, low)
        )
