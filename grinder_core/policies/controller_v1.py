"""Controller by averages (CORE-20): a step that follows movement, trends, drawdown, resets.

Everything is integers: the mid in units of 10^-12, movement in millionths of a basis point. One
call a snapshot runs the whole state machine, also while the plan is paused, so that what it
decides depends on the market and the account but not on what gates let through.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import (
    ControllerMode,
    GuardState,
    PlanReason,
    ResetAction,
    Trend,
)
from grinder_core.numbers import BPS
from grinder_core.policies.settings import PolicySettings

PRICE_UNITS: Final = 10**12  # of one unit of quote currency; a mid has at most 9 digits
MICRO_BPS: Final = 10**6  # of one basis point
_RETURN_UNITS: Final = BPS * MICRO_BPS
_STEP_UNITS: Final = 100 * MICRO_BPS  # k_step is in hundredths
_SCALE: Final = Decimal(PRICE_UNITS)

# members as names of this module: reading them off their class costs more than the arithmetic
_PAUSE, _WIDEN, _TIGHTEN, _BASE = (
    ControllerMode.PAUSE,
    ControllerMode.WIDEN,
    ControllerMode.TIGHTEN,
    ControllerMode.BASE,
)
_NO_TREND, _UP, _DOWN = Trend.NONE, Trend.UP, Trend.DOWN
_NONE, _GUARDED = ResetAction.NONE, GuardState.DRAWDOWN
_DRAWDOWN_ENTER: Final = PlanReason.RESET_DRAWDOWN_ENTER.value
_RECENTER_HARD: Final = PlanReason.RESET_RECENTER_HARD.value
_PAUSE_EXIT: Final = PlanReason.RESET_PAUSE_EXIT.value
_DRAWDOWN_EXIT: Final = PlanReason.RESET_DRAWDOWN_EXIT.value
_TREND_CHANGE: Final = PlanReason.RESET_TREND_CHANGE.value
_STEP_CHANGE: Final = PlanReason.RESET_STEP_CHANGE.value
_RECENTER_SOFT: Final = PlanReason.RESET_RECENTER_SOFT.value
_SUPPRESSED: Final = (PlanReason.RESET_SUPPRESSED_COOLDOWN.value,)
_REASONS: Final = {
    ControllerMode.PAUSE: PlanReason.WIDE_SPREAD,
    ControllerMode.DRAWDOWN: PlanReason.DRAWDOWN_ACTIVE,
    ControllerMode.TREND_UP: PlanReason.TREND_DETECTED,
    ControllerMode.TREND_DOWN: PlanReason.TREND_DETECTED,
    ControllerMode.WIDEN: PlanReason.STEP_ABOVE_BASE,
    ControllerMode.TIGHTEN: PlanReason.STEP_BELOW_BASE,
    ControllerMode.BASE: PlanReason.NORMAL,
}


def drawdown_bps(high_water_mark: Decimal, equity: Decimal) -> int:
    """``max(0, floor(10000*(HWM-equity)/HWM))``, basis points (CORE-20). Inside ``exact()``.

    A peak that is not positive leaves nothing to lose a share of: 10000.
    """
    if high_water_mark <= 0:
        return BPS
    lost = high_water_mark - equity
    return int(lost * BPS // high_water_mark) if lost > 0 else 0


@frozen(kw_only=True)
class V1Rules:
    """What controller v1 is told; names and units as in the settings, weights of 10000."""

    vol_alpha: int
    fast_alpha: int
    slow_alpha: int
    k_step_x100: int
    base_step_bps: int
    step_min_bps: int
    step_max_bps: int
    step_deadband_pct: int
    warmup_events: int
    trend_enter_bps: int
    trend_exit_bps: int
    pause_spread_bps: int
    dd_enter_bps: int
    dd_exit_bps: int
    recenter_soft_steps: int
    recenter_hard_steps: int
    reset_cooldown_ms: int

    @classmethod
    def of(cls, settings: PolicySettings) -> V1Rules:
        """Take the rules out of the policies' settings."""
        return cls(
            vol_alpha=_alpha(settings.vol_span),
            fast_alpha=_alpha(settings.fast_span),
            slow_alpha=_alpha(settings.slow_span),
            k_step_x100=settings.k_step_x100,
            base_step_bps=settings.base_step_bps,
            step_min_bps=settings.controller_step_min_bps,
            step_max_bps=settings.controller_step_max_bps,
            step_deadband_pct=settings.step_deadband_pct,
            warmup_events=settings.warmup_events,
            trend_enter_bps=settings.trend_enter_bps,
            trend_exit_bps=settings.trend_exit_bps,
            pause_spread_bps=settings.pause_spread_bps,
            dd_enter_bps=settings.dd_enter_bps,
            dd_exit_bps=settings.dd_exit_bps,
            recenter_soft_steps=settings.recenter_soft_steps,
            recenter_hard_steps=settings.recenter_hard_steps,
            reset_cooldown_ms=settings.reset_cooldown_ms,
        )


@define
class ControllerV1:
    """One symbol's averages and modes.

    Attributes:
        price: Last mid, units of 10^-12; 0 before the first snapshot.
        vol_ema: Average movement a snapshot, millionths of a basis point; 0 before a return.
        fast, slow: Averages of the mid, units of 10^-12.
        step: Distance of levels it asks for, basis points.
        drawdown: The latch of DRAWDOWN mode, also while PAUSE masks it.
        last_reset_ts: Of the last SOFT or HARD; ``None`` before the first.
    """

    rules: V1Rules
    step: int
    n_events: int = 0
    price: int = 0
    vol_ema: int = 0
    fast: int = 0
    slow: int = 0
    trend: Trend = Trend.NONE
    mode: ControllerMode = ControllerMode.BASE
    drawdown: bool = False
    last_reset_ts: int | None = None
    _last: ControllerDecision | None = field(default=None, init=False, repr=False, eq=False)

    @classmethod
    def of(cls, settings: PolicySettings) -> ControllerV1:
        """Return a controller that saw nothing."""
        return cls(V1Rules.of(settings), settings.base_step_bps)

    @property
    def trend_bps(self) -> int:
        """``trunc(10000*(fast-slow)/slow)``, signed; only after a snapshot."""
        gap = self.fast - self.slow
        return gap * BPS // self.slow if gap >= 0 else -(-gap * BPS // self.slow)

    @property
    def target_bps(self) -> int:
        """The step that the average movement asks for, within the limits."""
        rules = self.rules
        wanted, low, high = (
            rules.k_step_x100 * self.vol_ema // _STEP_UNITS,
            rules.step_min_bps,
            rules.step_max_bps,
        )
        return low if wanted < low else high if wanted > high else wanted

    def on_snapshot(
        self,
        *,
        ts: int,
        mid: Decimal,
        spread_bps: int,
        anchor: Decimal | None,
        drawdown_bps: int,
        guard: GuardState,
    ) -> ControllerDecision:
        """Fold one snapshot of the symbol and decide, in CORE-20's order. Inside ``exact()``.

        Args:
            ts: Of the snapshot; never goes back.
            anchor: Of the symbol's grid, before this snapshot's plan (CORE-32).
            drawdown_bps: Fall of the equity from its peak, as ``drawdown_bps()`` gives it.

        Returns:
            The same object while nothing that it shows changes.
        """
        rules, last_reset = self.rules, self.last_reset_ts
        cooled = last_reset is None or ts - last_reset >= rules.reset_cooldown_ms
        mode, latched, trend, step = self.mode, self.drawdown, self.trend, self.step
        self._average(int(mid * _SCALE))
        if self.n_events > rules.warmup_events:
            self.trend = self._next_trend()
            if cooled:
                self.step = self._next_step()
        # entering wins where both hold (equal thresholds), or the latch would flicker
        if guard is _GUARDED or drawdown_bps >= rules.dd_enter_bps:
            self.drawdown = True
        elif drawdown_bps <= rules.dd_exit_bps:
            self.drawdown = False
        self.mode = self._next_mode(spread_bps)
        soft_drift = hard_drift = False
        if anchor is not None:
            soft_drift, hard_drift = self._drift(mid, anchor)
        if (
            not (soft_drift or hard_drift)
            and self.mode is mode
            and self.drawdown is latched
            and self.trend is trend
            and self.step == step
        ):
            return self._decision(_NONE, ())  # nearly always
        hard, soft = self._resets(mode, latched, trend, step, hard_drift)
        if soft_drift and cooled:
            soft.append(_RECENTER_SOFT)
        if hard or soft:
            self.last_reset_ts = ts
        action = ResetAction.HARD if hard else ResetAction.SOFT if soft else _NONE
        held = _SUPPRESSED if soft_drift and not cooled else ()
        return self._decision(action, (*hard, *soft, *held))

    def _resets(
        self, mode: ControllerMode, latched: bool, trend: Trend, step: int, hard_drift: bool
    ) -> tuple[list[str], list[str]]:
        """Codes of the hard and of the soft resets that no cooldown holds back.

        Args:
            mode, latched, trend, step: As before this snapshot.
            hard_drift: The mid asks for a hard recentre.
        """
        hard, soft = [], []
        if self.drawdown and not latched:
            hard.append(_DRAWDOWN_ENTER)
        if hard_drift:
            hard.append(_RECENTER_HARD)
        if mode is _PAUSE and self.mode is not _PAUSE:
            soft.append(_PAUSE_EXIT)
        if latched and not self.drawdown:
            soft.append(_DRAWDOWN_EXIT)
        if self.trend is not trend:
            soft.append(_TREND_CHANGE)
        if self.step != step:
            soft.append(_STEP_CHANGE)
        return hard, soft

    def _average(self, price: int) -> None:
        """Fold a mid; each average starts at the first value it sees."""
        rules, before = self.rules, self.price
        self.n_events += 1
        self.price = price
        if not before:
            self.fast = self.slow = price
            return
        moved = abs(price - before) * _RETURN_UNITS // before
        vol, fast, slow = self.vol_ema, self.fast, self.slow
        first = self.n_events == 2
        self.vol_ema = moved if first else vol + rules.vol_alpha * (moved - vol) // BPS
        self.fast = fast + rules.fast_alpha * (price - fast) // BPS
        self.slow = slow + rules.slow_alpha * (price - slow) // BPS

    def _next_trend(self) -> Trend:
        gap_bps, rules, trend = self.trend_bps, self.rules, self.trend
        if trend is _UP and gap_bps >= rules.trend_exit_bps:
            return _UP
        if trend is _DOWN and gap_bps <= -rules.trend_exit_bps:
            return _DOWN
        if gap_bps > rules.trend_enter_bps:
            return _UP
        return _DOWN if gap_bps < -rules.trend_enter_bps else _NO_TREND

    def _next_step(self) -> int:
        """The target, unless it is so near that moving the grid is not worth it."""
        step, target = self.step, self.target_bps
        change = abs(target - step)
        return target if change and change * 100 >= self.rules.step_deadband_pct * step else step

    def _next_mode(self, spread_bps: int) -> ControllerMode:
        if spread_bps > self.rules.pause_spread_bps:
            return _PAUSE
        if self.drawdown:
            return ControllerMode.DRAWDOWN
        if self.trend is not _NO_TREND:
            return ControllerMode.TREND_UP if self.trend is _UP else ControllerMode.TREND_DOWN
        step, base = self.step, self.rules.base_step_bps
        if step > base:
            return _WIDEN
        return _TIGHTEN if step < base else _BASE

    def _drift(self, mid: Decimal, anchor: Decimal) -> tuple[bool, bool]:
        """Whether the mid is so far from the anchor as to ask for a soft, for a hard reset.

        A floored quotient reaches an integer exactly when the true one does, so nothing divides.
        """
        rules, away = self.rules, abs(mid - anchor) * BPS
        if away < anchor * (self.step * rules.recenter_soft_steps):
            return False, False
        hard = away >= anchor * (self.step * rules.recenter_hard_steps)
        return not hard, hard

    def _decision(self, action: ResetAction, codes: tuple[str, ...]) -> ControllerDecision:
        last, vol_bps = self._last, self.vol_ema // MICRO_BPS
        if (
            last is None
            or last.vol_bps != vol_bps
            or last.reset_codes != codes
            or last.mode is not self.mode
            or last.spacing_bps != self.step
            or last.trend is not self.trend
            or last.drawdown is not self.drawdown
        ):
            last = self._last = ControllerDecision(
                version=1,
                mode=self.mode,
                reason=_REASONS[self.mode],
                spacing_bps=self.step,
                vol_bps=vol_bps,
                reset_action=action,
                reset_codes=codes,
                trend=self.trend,
                drawdown=self.drawdown,
            )
        return last


def _alpha(span: int) -> int:
    return 2 * BPS // (span + 1)
