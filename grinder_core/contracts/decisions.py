"""What the deciding rooms say besides the plan: regime, controller, cycle, selection scores."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from grinder_core.contracts.enums import (
    ControllerMode,
    CycleType,
    PlanReason,
    Regime,
    ResetAction,
    RiskIntent,
    SelectionGate,
    Side,
    Trend,
)
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.verdicts import GatingResult


@frozen(kw_only=True)
class RegimeDecision:
    """One symbol's market state at one snapshot (CORE-18).

    Attributes:
        confidence: 0 to 100.
        features_used: The measures that decided, as integers and decimals.
    """

    regime: Regime
    reason: PlanReason
    confidence: int
    features_used: Mapping[str, int | Decimal] = field(factory=dict)


@frozen(kw_only=True)
class ControllerDecision:
    """What a controller made of one snapshot (CORE-19, CORE-20).

    Attributes:
        spacing_bps: Distance of levels it asks of the static grid.
        reset_action, reset_codes: The reset it asks for and why (v1); a suppressed reset leaves a
            code and no action.
        vol_bps: Measured movement, basis points.
        trend, drawdown: State of v1.
    """

    version: int
    mode: ControllerMode
    reason: PlanReason
    spacing_bps: int
    vol_bps: int
    reset_action: ResetAction = ResetAction.NONE
    reset_codes: tuple[str, ...] = ()
    trend: Trend = Trend.NONE
    drawdown: bool = False


@frozen(kw_only=True)
class CycleIntent:
    """An order a cycle proposes after a fill (CORE-39); quote price, base quantity."""

    intent_id: str
    type: CycleType
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    source_fill_id: str
    risk_intent: RiskIntent


@frozen(kw_only=True)
class SymbolScoreV1:
    """One candidate's score in Top-K v1 (CORE-10); integers only.

    Attributes:
        gates_failed: In the order they are judged; any excludes the symbol.
        rank: From 1; ``None`` where excluded.
    """

    symbol: str
    score: int
    range_component: int
    liquidity_component: int
    toxicity_penalty: int
    trend_penalty: int
    gates_failed: tuple[SelectionGate, ...]
    rank: int | None


@frozen(slots=False)  # built once a quote, as outputs are
class Seen:
    """What the trackers said at one snapshot, besides its prices.

    Attributes:
        toxic: The toxicity gate's refusal, if it refuses.
        is_guarded: The drawdown guard v1 refused the plan.
    """

    toxic: GatingResult | None = None
    features: FeatureSnapshot | None = None
    regime: RegimeDecision | None = None
    controller: ControllerDecision | None = None
    l2_features: L2FeatureSnapshot | None = None
    is_guarded: bool = False
