"""Controller by rules (CORE-19): wide spreads pause, movement widens, stillness tightens.

It looks at one symbol's last so many snapshots. A cold start is not low volatility, so a window
that is not full can pause but neither widens nor tightens.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

from attrs import Factory, define, field

from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import ControllerMode, PlanReason
from grinder_core.indicators.returns import ReturnWindow
from grinder_core.policies.settings import PolicySettings

_PAUSE, _WIDEN, _TIGHTEN, _BASE = (
    ControllerMode.PAUSE,
    ControllerMode.WIDEN,
    ControllerMode.TIGHTEN,
    ControllerMode.BASE,
)
_REASONS: Final = {
    _PAUSE: PlanReason.WIDE_SPREAD,
    _WIDEN: PlanReason.HIGH_VOL,
    _TIGHTEN: PlanReason.LOW_VOL,
    _BASE: PlanReason.NORMAL,
}


@define
class ControllerV0:
    """One symbol's window and rules. O(1) amortised a snapshot.

    Attributes:
        window: The last mids.
        spreads: Those of the last spreads that are still the widest of all after them, with their
            number; the front is the widest of the window.
        seen: Snapshots folded.
    """

    pause_spread_bps: int
    vol_widen_bps: int
    vol_tighten_bps: int
    widen_x100: int
    tighten_x100: int
    window: ReturnWindow
    spreads: deque[tuple[int, int]] = Factory(deque)
    seen: int = 0
    _last: ControllerDecision | None = field(default=None, init=False, repr=False, eq=False)

    @classmethod
    def of(cls, settings: PolicySettings) -> ControllerV0:
        """Return a controller that saw nothing."""
        return cls(
            pause_spread_bps=settings.pause_spread_bps,
            vol_widen_bps=settings.vol_widen_bps,
            vol_tighten_bps=settings.vol_tighten_bps,
            widen_x100=settings.widen_x100,
            tighten_x100=settings.tighten_x100,
            window=ReturnWindow(settings.controller_window_size),
        )

    def on_snapshot(self, mid: Decimal, spread_bps: int) -> None:
        """Fold one snapshot of the symbol, also one that trades nothing (CORE-41 step 4)."""
        self.window.push(mid)
        self.seen += 1
        spreads = self.spreads
        while spreads and spreads[-1][1] <= spread_bps:
            spreads.pop()
        spreads.append((self.seen, spread_bps))
        if spreads[0][0] <= self.seen - self.window.size:
            spreads.popleft()

    def decide(self, spacing_bps: int) -> ControllerDecision:
        """Judge the window: the first rule that holds (CORE-19).

        Args:
            spacing_bps: The static grid's configured spacing.

        Returns:
            The spacing to use instead, at least 1 bps; the same object while nothing changes.
        """
        vol_bps = self.window.sum_abs_returns_bps
        mode = self._mode(vol_bps)
        if mode is _WIDEN:
            spacing_bps = max(1, spacing_bps * self.widen_x100 // 100)
        elif mode is _TIGHTEN:
            spacing_bps = max(1, spacing_bps * self.tighten_x100 // 100)
        last = self._last
        if (
            last is None
            or last.mode is not mode
            or last.vol_bps != vol_bps
            or last.spacing_bps != spacing_bps
        ):
            last = self._last = ControllerDecision(
                version=0,
                mode=mode,
                reason=_REASONS[mode],
                spacing_bps=spacing_bps,
                vol_bps=vol_bps,
            )
        return last

    def _mode(self, vol_bps: int) -> ControllerMode:
        if self.spreads and self.spreads[0][1] > self.pause_spread_bps:
            return _PAUSE
        if self.seen < self.window.size:
            return _BASE
        if vol_bps > self.vol_widen_bps:
            return _WIDEN
        if vol_bps < self.vol_tighten_bps:
            return _TIGHTEN
        return _BASE
