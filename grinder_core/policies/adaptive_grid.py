"""A grid whose step, width and levels follow volatility and regime (CORE-22).

Step, width and levels are integers of the bar features, which move when a bar closes. Between
two closes only the centre follows the mid: the shape is kept and stays the same object, by which
the diff knows that nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from grinder_core.contracts.checks import check_int
from grinder_core.contracts.decisions import RegimeDecision
from grinder_core.contracts.enums import GridMode, PlanReason, Regime, ResetAction
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.errors import ContractError
from grinder_core.numbers import isqrt
from grinder_core.policies.settings import PolicySettings
from grinder_core.policies.sizes import Sizes

FRAMES_MAX: Final = 256  # situations whose shape is kept; more only costs making it again
MULT_X100: Final = 100
_WIDER_X100: Final = {Regime.VOL_SHOCK: 150, Regime.THIN_BOOK: 200}
_HALTED: Final = {
    Regime.EMERGENCY: GridMode.EMERGENCY,
    Regime.TOXIC: GridMode.PAUSE,
    Regime.PAUSED: GridMode.PAUSE,
}


def step_bps(settings: PolicySettings, natr_bps: int, mult_x100: int) -> int:
    """Distance of neighbouring levels for a true range ``natr_bps >= 0``, basis points (CORE-22).

    Example:
        >>> step_bps(PolicySettings(), 600, 150)
        270
    """
    step = settings.alpha_x100 * natr_bps * mult_x100 // 10_000
    return min(settings.adaptive_step_max_bps, max(settings.adaptive_step_min_bps, step))


def base_width_bps(settings: PolicySettings, natr_bps: int, bar_interval_ms: int) -> int:
    """Reach of one side for a true range ``natr_bps >= 0``, basis points (CORE-22).

    It is ``floor(k_tail*natr*sqrt(horizon/bar))`` between ``x_min_bps`` and ``x_cap_bps``.

    Example:
        >>> base_width_bps(PolicySettings(), 4, 60_000)
        61
    """
    variance = (settings.k_tail_x100 * natr_bps) ** 2 * settings.horizon_ms // bar_interval_ms
    return _clamp_width(settings, isqrt(variance) // 100)


def against_trend_width_bps(settings: PolicySettings, width: int) -> int:
    """Reach of the side where price gets by moving against the trend, basis points (CORE-22)."""
    return _clamp_width(settings, width * settings.trend_mult_x100 // 100)


def level_count(settings: PolicySettings, width: int, step: int) -> int:
    """Levels of a side that reach ``width >= 0`` at ``step >= 1``, both in basis points (CORE-22).

    Example:
        >>> level_count(PolicySettings(), 61, 5)
        13
    """
    return min(settings.levels_max, max(settings.levels_min, -(-width // step)))


def _clamp_width(settings: PolicySettings, width: int) -> int:
    return min(settings.x_cap_bps, max(settings.x_min_bps, width))


@frozen
class _Frame:
    """All of a plan but its centre."""

    shape: GridShape
    reset: ResetAction
    codes: tuple[str, ...]


@define
class AdaptiveGrid:
    """Bilateral grid around the mid, as wide as the market moves; none where it must not trade.

    Attributes:
        bar_interval_ms: Length of the bars behind ``natr_bps``, ``>= 1``.
    """

    settings: PolicySettings
    bar_interval_ms: int
    name: str = "adaptive_grid"
    _frames: dict[Hashable, _Frame] = field(factory=dict, init=False, repr=False, eq=False)
    _shapes: dict[Hashable, GridShape] = field(factory=dict, init=False, repr=False, eq=False)
    _last: tuple[_Frame, Decimal, GridPlan] | None = field(
        default=None, init=False, repr=False, eq=False
    )

    def __attrs_post_init__(self) -> None:
        check_int("bar_interval_ms", self.bar_interval_ms, ge=1)

    def plan_at(
        self, mid: Decimal, features: FeatureSnapshot | None, regime: RegimeDecision, sizes: Sizes
    ) -> GridPlan:
        """Return the grid around the mid for this market state.

        A pure function of its arguments. While regime, ``natr_bps`` and ``sizes.key`` stay, the
        plan's shape is the same object; with the same mid and reason so is the plan.

        Args:
            mid: Quote currency, ``0 < mid < 10^9``.
            features: ``None`` where the feature engine is off.
            regime: Of the same snapshot; its reason is the plan's first reason code.
            sizes: Asked only where the plan has levels.

        Raises:
            ContractError: Features are missing, ``natr_bps`` is negative, or the mid or a size
                is out of range.

        Source:
            CORE-22.
        """
        if features is None:
            raise ContractError(
                "the adaptive grid needs features",
                field="features",
                value=None,
                remedy="set feature_engine_enabled = true",
            )
        natr, warm = features.natr_bps, features.is_warmed_up
        check_int("natr_bps", natr)
        trades = warm and regime.regime not in _HALTED
        key = (regime.regime, regime.reason, natr, warm, sizes.key if trades else None)
        frame = self._frames.get(key)
        if frame is None:
            frame = self._frames[key] = self._frame(natr, warm, regime, sizes)
        last = self._last
        if last is not None and last[0] is frame and last[1] == mid:
            return last[2]
        plan = GridPlan(
            shape=frame.shape,
            center_price=mid,
            reset_action=frame.reset,
            reason_codes=frame.codes,
        )
        self._last = (frame, mid, plan)
        return plan

    def _frame(self, natr: int, warm: bool, decision: RegimeDecision, sizes: Sizes) -> _Frame:
        if type(warm) is not bool:
            raise ContractError("must be true or false", field="is_warmed_up", value=warm)
        if len(self._frames) >= FRAMES_MAX:  # a frame adds at most one shape
            self._frames.clear()
            self._shapes.clear()
        regime, reason = decision.regime, decision.reason.value
        mode = _HALTED.get(regime)
        if mode is not None:
            return _Frame(self._halted(regime, natr, mode), ResetAction.HARD, (reason,))
        if not warm:
            codes = (reason, PlanReason.FEATURES_NOT_WARM.value)
            return _Frame(self._halted(regime, natr, GridMode.PAUSE), ResetAction.NONE, codes)
        return _Frame(self._trading(regime, natr, sizes), ResetAction.NONE, (reason,))

    def _halted(self, regime: Regime, natr: int, mode: GridMode) -> GridShape:
        key = (regime, natr, mode)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = GridShape(
                mode=mode,
                spacing_bps=step_bps(self.settings, natr, MULT_X100),
                levels_up=0,
                levels_down=0,
                size_schedule=(),
                regime=regime,
                width_up_bps=0,
                width_down_bps=0,
            )
        return shape

    def _trading(self, regime: Regime, natr: int, sizes: Sizes) -> GridShape:
        key = (regime, natr, GridMode.BILATERAL, sizes.key)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._bilateral(regime, natr, sizes)
        return shape

    def _bilateral(self, regime: Regime, natr: int, sizes: Sizes) -> GridShape:
        settings = self.settings
        step = step_bps(settings, natr, _WIDER_X100.get(regime, MULT_X100))
        up = down = base_width_bps(settings, natr, self.bar_interval_ms)
        if regime is Regime.TREND_UP:  # pullbacks are bought deeper
            down = against_trend_width_bps(settings, down)
        elif regime is Regime.TREND_DOWN:
            up = against_trend_width_bps(settings, up)
        levels_up = level_count(settings, up, step)
        levels_down = level_count(settings, down, step)
        return GridShape(
            spacing_bps=step,
            levels_up=levels_up,
            levels_down=levels_down,
            size_schedule=sizes(max(levels_up, levels_down)),
            regime=regime,
            width_up_bps=up,
            width_down_bps=down,
        )
