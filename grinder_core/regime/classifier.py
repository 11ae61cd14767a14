"""One discrete market state per snapshot (CORE-18).

The rows are judged in the spec's order and the first that holds decides. Rows 1 to 5 look at what
the operator, a gate or this quote's book says. Rows 6 to 8 depend on four measures that only move
when a bar closes, so their decision is kept and found again at every quote in between.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from grinder_core.contracts.decisions import RegimeDecision
from grinder_core.contracts.enums import PlanReason, Regime
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.regime.settings import RegimeSettings

DECISIONS_MAX: Final = 1_024  # decisions kept; more only costs making them again
SURE: Final = 100
_HALF: Final = 50

_KILLED: Final = RegimeDecision(
    regime=Regime.EMERGENCY, reason=PlanReason.KILL_SWITCH_ACTIVE, confidence=SURE
)
_EMERGENCY: Final = RegimeDecision(
    regime=Regime.EMERGENCY, reason=PlanReason.OPERATOR_PAUSE, confidence=SURE
)
_PAUSED: Final = RegimeDecision(
    regime=Regime.PAUSED, reason=PlanReason.OPERATOR_PAUSE, confidence=SURE
)
_TOXIC: Final = RegimeDecision(
    regime=Regime.TOXIC, reason=PlanReason.TOXICITY_BLOCKED, confidence=SURE
)


@define
class RegimeClassifier:
    """Names the market state of a snapshot. It has no state: kept decisions only save time."""

    settings: RegimeSettings
    _by_book: dict[tuple[PlanReason, int | Decimal], RegimeDecision] = field(
        factory=dict, init=False, repr=False, eq=False
    )
    _by_bars: dict[tuple[int, int, int, bool], RegimeDecision] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def classify(
        self,
        features: FeatureSnapshot,
        *,
        kill_switch_active: bool,
        paused: bool,
        emergency: bool,
        toxic: bool,
    ) -> RegimeDecision:
        """Return the first of CORE-18's eight rows that holds, with its confidence.

        A pure function of its arguments. While the deciding measures stay, it returns the same
        object, so that callers may compare by identity first: the same object is always the same
        decision, an equal decision may rarely be another object.

        Args:
            features: Of this snapshot.
            kill_switch_active: Row 1.
            paused: Row 2: an operator's or a guard's PAUSE.
            emergency: An operator's EMERGENCY override; also row 1, reported as OPERATOR_PAUSE.
            toxic: Row 3: the toxicity gate blocks.

        Source:
            CORE-18.
        """
        if kill_switch_active:
            return _KILLED
        if emergency:
            return _EMERGENCY
        if paused:
            return _PAUSED
        if toxic:
            return _TOXIC
        limits = self.settings
        if features.thin_l1 < limits.thin_l1_qty:
            return self._thin(PlanReason.THIN_L1_DEPTH, "thin_l1", features.thin_l1)
        if features.spread_bps > limits.spread_thin_bps:
            return self._thin(PlanReason.SPREAD_WIDE, "spread_bps", features.spread_bps)
        natr, net, score = features.natr_bps, features.net_return_bps, features.range_score
        key = (natr, net, score, features.is_warmed_up)
        kept = self._by_bars.get(key)
        if kept is None:
            if len(self._by_bars) >= DECISIONS_MAX:
                self._by_bars.clear()
            kept = self._by_bars[key] = from_bars(
                limits, natr, net, score, is_warmed_up=features.is_warmed_up
            )
        return kept

    def _thin(self, reason: PlanReason, name: str, measure: int | Decimal) -> RegimeDecision:
        key = (reason, measure)
        kept = self._by_book.get(key)
        if kept is None:
            if len(self._by_book) >= DECISIONS_MAX:
                self._by_book.clear()
            kept = self._by_book[key] = RegimeDecision(
                regime=Regime.THIN_BOOK,
                reason=reason,
                confidence=SURE,
                features_used={name: measure},
            )
        return kept


def from_bars(
    settings: RegimeSettings,
    natr_bps: int,
    net_return_bps: int,
    range_score: int,
    *,
    is_warmed_up: bool,
) -> RegimeDecision:
    """Rows 6 to 8 of CORE-18: shock, trend or range, from what the bars measured."""
    shock, trend = settings.vol_shock_natr_bps, settings.trend_net_return_bps
    moved = abs(net_return_bps)
    if natr_bps > shock:
        return RegimeDecision(
            regime=Regime.VOL_SHOCK,
            reason=PlanReason.NATR_ABOVE_SHOCK,
            confidence=_beyond(natr_bps, shock),
            features_used={"natr_bps": natr_bps},
        )
    if moved > trend and range_score <= settings.trend_range_score_max:
        up = net_return_bps > 0
        return RegimeDecision(
            regime=Regime.TREND_UP if up else Regime.TREND_DOWN,
            reason=PlanReason.TREND_NET_UP if up else PlanReason.TREND_NET_DOWN,
            confidence=_beyond(moved, trend),
            features_used={"net_return_bps": net_return_bps, "range_score": range_score},
        )
    doubt = min(_HALF, max(_HALF * natr_bps // shock, _HALF * moved // trend))
    return RegimeDecision(
        regime=Regime.RANGE,
        reason=PlanReason.RANGE_DEFAULT,
        confidence=SURE - doubt if is_warmed_up else 0,
        features_used={
            "natr_bps": natr_bps,
            "net_return_bps": net_return_bps,
            "range_score": range_score,
        },
    )


def _beyond(measure: int, threshold: int) -> int:
    """``min(100, 50+trunc(50*(measure-threshold)/threshold))`` for a measure above it."""
    return min(SURE, _HALF + _HALF * (measure - threshold) // threshold)
