"""No entries in stressed markets (CORE-14): a wide spread, or a large move in a short time."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from grinder_core.contracts.enums import GateName, GateReason
from grinder_core.contracts.verdicts import GatingResult, blocked
from grinder_core.gates.settings import GateSettings
from grinder_core.indicators.extremes import ExtremesWindow
from grinder_core.numbers import BPS, bps


@define
class ToxicityGate:
    """One symbol's gate; its history depends on snapshots only, never on what gates decided.

    The move is the largest ``bps(abs(now - past), past)`` over the window. For a past below now
    that is largest at the lowest past, for a past above now at the highest, so the window's two
    extremes are all that is kept.
    """

    max_spread_bps: int
    max_impact_bps: int
    window: ExtremesWindow

    @classmethod
    def of(cls, settings: GateSettings) -> ToxicityGate:
        """Return a gate with an empty window."""
        return cls(
            settings.max_spread_bps,
            settings.max_price_impact_bps,
            ExtremesWindow(settings.lookback_window_ms),
        )

    def check(self, mid: Decimal, spread_bps: int) -> GatingResult | None:
        """Return the refusal, or ``None``. Inside ``exact()``, after ``window.push`` of ``mid``."""
        if spread_bps > self.max_spread_bps:
            return blocked(
                GateName.TOXICITY_GATE,
                GateReason.SPREAD_SPIKE,
                spread_bps=spread_bps,
                threshold_bps=self.max_spread_bps,
            )
        low, high = self.window.lows[0][1], self.window.highs[0][1]
        if low == high:
            return None
        # the truncated measure exceeds the limit exactly when the true one reaches limit + 1
        first_toxic = self.max_impact_bps + 1
        if (mid - low) * BPS < low * first_toxic and (high - mid) * BPS < high * first_toxic:
            return None
        return blocked(
            GateName.TOXICITY_GATE,
            GateReason.PRICE_IMPACT_HIGH,
            price_impact_bps=max(bps(mid - low, low), bps(high - mid, high)),
            threshold_bps=self.max_impact_bps,
        )
